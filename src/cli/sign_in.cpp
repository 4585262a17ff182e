#include "sign_in.hpp"

#include <CLI/CLI.hpp>

namespace slipway::cli {

void declare_sign_in(CLI::App& app, SignIn& who) {
  app.add_option("--email", who.email, "account; asked for on a terminal")->type_name("EMAIL");
  app.add_flag("--password-stdin", who.password_stdin, "read the password from stdin");
}

Result<Secret> get_password(Console& console, bool from_stdin, bool twice, std::string_view question) {
  if (from_stdin) return Console::secret_from_stdin();
  if (!console.can_ask()) return Error(ErrorCode::bad_request, "no terminal to ask for the password on: give it by --password-stdin");
  Secret first = TRY(console.ask_secret(question));
  if (first.empty()) return Error(ErrorCode::bad_request, "the password is empty");
  if (!twice) return first;
  const Secret second = TRY(console.ask_secret("Once more:"));
  if (first.reveal() != second.reveal()) return Error(ErrorCode::bad_request, "the two are not the same");
  return first;
}

Status with_session(Console& console, const std::string& url, const SignIn& who, const std::function<Status(Client&, const std::string&)>& work) {
  if (url.starts_with("http://") && !is_loopback(url)) console.warn("the password travels unencrypted to " + url + "; use https://");
  std::string email = who.email;
  if (email.empty()) {
    if (!console.can_ask()) return Error(ErrorCode::bad_request, "no terminal to ask for the account on: give --email and --password-stdin");
    email = TRY(console.ask("E-mail:"));
  }
  const Secret password = TRY(get_password(console, who.password_stdin, false, "Password:"));

  Client client({.url = url, .key = {}, .email = {}, .key_id = {}, .expires_at = {}});
  const json::Value tokens = TRY(client.post("/api/auth/login", json::object({{"email", email}, {"password", password.reveal()}})));
  client.use_token(Secret(tokens.string_or("access_token", "")));
  Status status = work(client, email);
  // The session was for this command only. When ending it fails it runs out by itself: not worth failing what succeeded.
  const std::string refresh = tokens.string_or("refresh_token", "");
  if (!refresh.empty()) (void)client.post("/api/auth/logout", json::object({{"refresh_token", refresh}}));
  return status;
}

}  // namespace slipway::cli
