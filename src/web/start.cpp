#include "slipway/web/pages.hpp"

namespace slipway::web {

// The token stays in the fragment, which browsers send to nobody, and leaves the address bar at once. No innerHTML: the page's policy
// (require-trusted-types-for) wouldn't allow it.
const std::string_view kStartScript = R"js("use strict";
const token = location.hash.slice(1);
history.replaceState(null, "", location.pathname);
const form = document.getElementById("form");
const button = document.getElementById("submit");
const alertBox = document.getElementById("alert");
const fields = ["email", "password"];

function show(id, text) { document.getElementById(id).textContent = text; }

function mark(field, text) {
  show(field + "-error", text);
  document.getElementById(field).setAttribute("aria-invalid", text ? "true" : "false");
}

function clear() {
  fields.forEach((field) => mark(field, ""));
  alertBox.textContent = "";
}

// The server's details are parts of sentences: they also stand behind a place's name.
function sentence(text) { return text && text[0].toUpperCase() + text.slice(1) + (/[.?!]$/.test(text) ? "" : "."); }

function explain(problem) {
  let first = null;
  const rest = [];
  for (const error of problem.errors || []) {
    const field = (error.pointer || "").replace("#/", "");
    if (fields.includes(field)) {
      mark(field, sentence(error.detail));
      first = first || field;
    } else if (field !== "setup_token") {  // the problem's own detail is about nothing else then
      rest.push(sentence(error.detail));
    }
  }
  if (!first || rest.length) alertBox.textContent = [sentence(problem.detail || "It did not work."), ...rest].join(" ");
  if (first) document.getElementById(first).focus();
}

async function submit(event) {
  event.preventDefault();
  clear();
  const email = document.getElementById("email").value.trim();
  const password = document.getElementById("password").value;
  if (!email) { mark("email", "Enter an e-mail address."); document.getElementById("email").focus(); return; }
  if (!password) { mark("password", "Choose a password."); document.getElementById("password").focus(); return; }
  button.disabled = true;
  try {
    const answer = await fetch("/api/auth/register", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ email, password, setup_token: token }),
    });
    const body = await answer.json().catch(() => ({}));
    if (!answer.ok) { explain(body); return; }
    document.getElementById("password").value = "";
    document.querySelectorAll(".email").forEach((place) => { place.textContent = email; });
    form.hidden = true;
    const next = document.getElementById("next");
    next.hidden = false;
    document.getElementById("next-title").focus();
  } catch {
    alertBox.textContent = "The server can't be reached. Is it still running?";
  } finally {
    button.disabled = false;
  }
}

if (token) {
  form.addEventListener("submit", submit);
} else {
  form.hidden = true;
  alertBox.textContent = "This page needs the link that the server printed when it started (it ends with #…). Restart the server to get a new one.";
}
)js";

std::string start_page() {
  return document("First administrator · slipway", R"html(<h1>First administrator</h1>
<p id="alert" class="error" role="alert"></p>
<noscript><p class="error">This page needs JavaScript; without it, send the token of the link as setup_token with POST /api/auth/register.</p></noscript>
<form id="form" novalidate>
<p>This makes the account that administers the server. The link works once, for 30 minutes.</p>
<label for="email">E-mail address</label>
<input id="email" name="email" type="email" autocomplete="username" required aria-describedby="email-error" aria-invalid="false">
<p id="email-error" class="error" aria-live="polite"></p>
<label for="password">Password</label>
<p id="password-hint" class="hint">A phrase of your own is best: 15 characters or more, unless the server is set up otherwise. Password managers may paste.</p>
<input id="password" name="password" type="password" autocomplete="new-password" required aria-describedby="password-hint password-error" aria-invalid="false">
<p id="password-error" class="error" aria-live="polite"></p>
<button id="submit" type="submit">Create the account</button>
</form>
<section id="next" hidden aria-labelledby="next-title">
<h2 id="next-title" tabindex="-1">The account is there</h2>
<p class="good">You can log in as <span class="email"></span>.</p>
<p>Next, in a shell:</p>
<pre tabindex="0"><code>URL=<span class="origin">http://127.0.0.1:8080</span>

# Log in; keep access_token
curl -s $URL/api/auth/login -H 'Content-Type: application/json' \
  -d '{"email": "<span class="email"></span>", "password": "…"}'

# Make a key; keep key (it is shown once)
curl -s $URL/api/keys -H "Authorization: Bearer $ACCESS_TOKEN" \
  -H 'Content-Type: application/json' -d '{"name": "first"}'

# Upload a model
curl -s "$URL/api/models/upload?wait=true" -H "Authorization: Bearer $KEY" \
  -F name=iris -F file=@iris.pkl</code></pre>
<p>Or with the program: <code>slipway login <span class="origin">http://127.0.0.1:8080</span></code>, then <code>slipway push iris.pkl</code>.</p>
<p>All calls stand on the <a href="/">first page</a>.</p>
</section>
)html",
                  "<script src=\"/assets/origin.js\" defer></script>\n<script src=\"/assets/start.js\" defer></script>\n");
}

}  // namespace slipway::web
