// Signing in for what a key may not do: making, changing and ending keys. The session lasts as long as the command.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "client.hpp"

namespace CLI {
class App;
}

namespace slipway::cli {

struct SignIn {
  std::string email;
  bool password_stdin = false;
};
void declare_sign_in(CLI::App& app, SignIn& who);  // --email, --password-stdin

// A password by --password-stdin or a question; `invalid usage` when neither is possible. twice: to be repeated.
Result<Secret> get_password(Console& console, bool from_stdin, bool twice, std::string_view question);

// E-mail and password -> work with a client that carries the access token -> the session is ended.
Status with_session(Console& console, const std::string& url, const SignIn& who,
                    const std::function<Status(Client&, const std::string& email)>& work);

}  // namespace slipway::cli
