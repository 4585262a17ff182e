#include "slipway/web/pages.hpp"

namespace slipway::web {

const std::string_view kStyle = R"css(:root {
  color-scheme: light dark;
  --text: #1b1f24; --soft: #4a5460; --ground: #ffffff; --panel: #f2f4f7; --line: #8a94a0; --link: #0b57a8; --bad: #a8071a; --good: #0b6b35;
}
@media (prefers-color-scheme: dark) {
  :root { --text: #e8ebef; --soft: #b4bdc8; --ground: #14181d; --panel: #1f252c; --line: #7d8792; --link: #8cc2ff; --bad: #ff9c9c; --good: #86dca6; }
}
* { box-sizing: border-box; }
body { margin: 0; color: var(--text); background: var(--ground); font: 1rem/1.6 system-ui, sans-serif; }
header, main, footer { max-width: 46rem; margin: 0 auto; padding: 1rem; }
header { border-bottom: 1px solid var(--line); }
footer { color: var(--soft); }
h1 { line-height: 1.2; }
a { color: var(--link); }
a:focus-visible, button:focus-visible, input:focus-visible, pre:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.skip { position: absolute; left: -99rem; }
.skip:focus { left: 1rem; top: 1rem; background: var(--ground); padding: .5rem; }
pre { background: var(--panel); padding: .75rem; white-space: pre-wrap; overflow-wrap: anywhere; border-radius: .25rem; }
code { font-family: ui-monospace, monospace; font-size: .9em; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .4rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
@media (max-width: 30rem) {
  thead { position: absolute; left: -99rem; }
  tr { display: block; padding: .4rem 0; border-bottom: 1px solid var(--line); }
  td { display: inline-block; padding: 0 .6rem 0 0; border: 0; overflow-wrap: anywhere; }
  td:last-child { display: block; }
}
label { display: block; font-weight: 600; margin-top: 1rem; }
input { display: block; width: 100%; max-width: 28rem; padding: .5rem; font: inherit; color: inherit; background: var(--ground); border: 1px solid var(--line); border-radius: .25rem; }
input[aria-invalid="true"] { border: 2px solid var(--bad); }
.hint { color: var(--soft); margin: .2rem 0; }
.error { color: var(--bad); font-weight: 600; margin: .2rem 0; }
.error:empty { display: none; }
.good { color: var(--good); font-weight: 600; }
button { display: block; margin-top: 1rem; padding: .6rem 1.2rem; font: inherit; font-weight: 600; color: var(--ground); background: var(--link); border: 0; border-radius: .25rem; cursor: pointer; }
button:disabled { opacity: .6; cursor: wait; }
[hidden] { display: none; }
)css";

const std::string_view kOrigin = R"js("use strict";
for (const place of document.querySelectorAll(".origin")) place.textContent = location.origin;
)js";

std::string escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
  return out;
}

std::string document(std::string_view title, std::string_view main, std::string_view scripts) {
  std::string out = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>";
  out.append(title).append(
      "</title>\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"referrer\" content=\"no-referrer\">\n");
  out += "<link rel=\"icon\" href=\"data:,\">\n<link rel=\"stylesheet\" href=\"/assets/style.css\">\n";
  out.append(scripts);
  out +=
      "</head>\n<body>\n<a class=\"skip\" href=\"#main\">Skip to the content</a>\n<header><a href=\"/\">slipway</a></header>\n<main id=\"main\">\n";
  out.append(main);
  out += "</main>\n<footer><a href=\"/api/openapi.json\">OpenAPI</a> · <a href=\"/errors\">Errors</a></footer>\n</body>\n</html>\n";
  return out;
}

}  // namespace slipway::web
