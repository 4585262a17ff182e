#include "slipway/platform/accounts/routes.hpp"

#include "slipway/base/form.hpp"

namespace slipway::accounts {
namespace {

constexpr std::uint64_t kBodyMax = 16 * 1024;

http::Body json_body() { return http::Body::json(kBodyMax); }

json::Value user_json(const User& user) {
  return json::object({{"id", user.id},
                       {"email", user.email},
                       {"name", user.name},
                       {"role", user.role},
                       {"status", user.status},
                       {"created_at", to_rfc3339(user.created_at)}});
}

std::string tokens_json(const TokenPair& pair) {
  return json::object({{"access_token", pair.access_token},
                       {"token_type", "Bearer"},
                       {"expires_in", pair.expires_in},
                       {"refresh_token", pair.refresh_token},
                       {"user", user_json(pair.user)}})
      .dump();
}

Result<http::Response> register_user(Accounts& accounts, http::Request& request) {
  Form form = TRY(Form::parse(request.body));
  NewUser who;
  who.email = form.required_text("email", 254);
  who.password = Secret(form.required_text("password", 4096));
  who.name = form.text("name", 200).value_or("");
  const std::string setup_token = form.text("setup_token", 200).value_or("");
  TRY(form.finish());
  const User user = TRY(accounts.register_user(who, setup_token));
  return http::Response::json(user_json(user).dump(), 201).with("Location", "/api/auth/me");
}

Result<http::Response> login(Accounts& accounts, http::Request& request) {
  Form form = TRY(Form::parse(request.body));
  const std::string email = form.required_text("email", 254);
  const Secret password(form.required_text("password", 4096));
  TRY(form.finish());
  return http::Response::json(tokens_json(TRY(accounts.login(email, password.reveal()))));
}

Result<http::Response> refresh(Accounts& accounts, http::Request& request) {
  Form form = TRY(Form::parse(request.body));
  const Secret token(form.required_text("refresh_token", 200));
  TRY(form.finish());
  return http::Response::json(tokens_json(TRY(accounts.refresh(token.reveal()))));
}

Result<http::Response> logout(Accounts& accounts, http::Request& request) {
  Form form = TRY(Form::parse(request.body));
  const Secret token(form.required_text("refresh_token", 200));
  TRY(form.finish());
  TRY(accounts.logout(token.reveal()));
  return http::Response::empty();
}

Result<http::Response> me(Accounts& accounts, http::Request& request) {
  const auto user = accounts.directory().find(request.principal->user_id);
  if (user == nullptr) return Error(ErrorCode::not_found, "the account is gone");
  return http::Response::json(user_json(*user).dump());
}

Result<http::Response> change_me(Accounts& accounts, http::Request& request) {
  // A key must not be able to take over the account it belongs to.
  if (request.principal->kind != http::Principal::Kind::token) return Error(ErrorCode::forbidden, "log in to change the account; a key can't");
  Form form = TRY(Form::parse(request.body));
  const auto name = form.text("name", 200);
  const Secret current(form.text("current_password", 4096).value_or(""));
  const Secret next(form.text("new_password", 4096).value_or(""));
  const bool change_password = form.has("new_password");
  TRY(form.finish());
  if (change_password) TRY(accounts.change_password(request.principal->user_id, current.reveal(), next.reveal()));
  if (name) return http::Response::json(user_json(TRY(accounts.rename(request.principal->user_id, *name))).dump());
  return me(accounts, request);
}

// What an account gets by mail waits for the mail part; saying so beats a route that pretends.
Result<http::Response> needs_mail(http::Request&) {
  return Error(ErrorCode::not_implemented,
               "this server sends no mail yet; an administrator can set a password: slipway user reset EMAIL --password-stdin");
}

constexpr const char* kLoginExample = R"({"email":"ada@example.org","password":"a phrase of my own"})";
constexpr const char* kUserExample =
    R"({"id":"usr_01hf3k","email":"ada@example.org","name":"Ada","role":"user","status":"active","created_at":"2026-11-23T12:00:00.000Z"})";
constexpr const char* kTokensExample =
    R"({"access_token":"eyJhbGciOiJFZERTQSJ9","token_type":"Bearer","expires_in":600,"refresh_token":"slr_3x9","user":{"id":"usr_01hf3k","email":"ada@example.org"}})";
constexpr const char* kRefreshExample = R"({"refresh_token":"slr_3x9"})";

}  // namespace

std::vector<http::Route> routes(Accounts& accounts) {
  using http::Access;
  using http::Method;
  const auto open = [](const char* why) { return Access::anyone(why); };
  http::RouteList list("accounts");
  list.add(Method::post, "/api/auth/register", open("an account is made here"), json_body(), http::on_pool(accounts, register_user),
           {.id = "register",
            .summary = "Make an account",
            .request_example = R"({"email":"ada@example.org","password":"a phrase of my own","name":"Ada"})",
            .responses = {{201, "the account", kUserExample}},
            .errors = {ErrorCode::conflict, ErrorCode::invalid_input, ErrorCode::forbidden, ErrorCode::overloaded}});
  list.add(Method::post, "/api/auth/login", open("credentials are proved here"), json_body(), http::on_pool(accounts, login),
           {.id = "login",
            .summary = "Get tokens for an account",
            .request_example = kLoginExample,
            .responses = {{200, "the tokens", kTokensExample}},
            .errors = {ErrorCode::unauthenticated, ErrorCode::invalid_input, ErrorCode::rate_limited, ErrorCode::overloaded}});
  list.add(Method::post, "/api/auth/refresh", open("the refresh token is the credential"), json_body(), http::on_pool(accounts, refresh),
           {.id = "refresh",
            .summary = "Exchange a refresh token, once, for new tokens",
            .request_example = kRefreshExample,
            .responses = {{200, "the tokens", kTokensExample}},
            .errors = {ErrorCode::unauthenticated, ErrorCode::invalid_input}});
  list.add(Method::post, "/api/auth/logout", open("the refresh token is the credential"), json_body(), http::on_pool(accounts, logout),
           {.id = "logout", .summary = "End the session of a refresh token", .request_example = kRefreshExample, .responses = {{204, "ended", ""}}});
  list.add(Method::get, "/api/auth/me", Access::signed_in(), http::Body::none(), http::on_pool(accounts, me),
           {.id = "getMe", .summary = "One's own account", .responses = {{200, "the account", kUserExample}}});
  list.add(Method::patch, "/api/auth/me", Access::signed_in(), json_body(), http::on_pool(accounts, change_me),
           {.id = "changeMe",
            .summary = "Change one's name or password (which ends all sessions)",
            .request_example = R"({"name":"Ada"})",
            .responses = {{200, "the account", kUserExample}},
            .errors = {ErrorCode::invalid_input, ErrorCode::rate_limited}});
  for (const char* path : {"/api/auth/verify-email", "/api/auth/forgot-password", "/api/auth/reset-password"}) {
    list.add(Method::post, path, open("mail proves the address"), json_body(), http::on_pool(needs_mail),
             {.id = std::string("needsMail") + (path + 10),
              .summary = "Not there yet: this server sends no mail",
              .request_example = "{}",
              .errors = {ErrorCode::not_implemented}});
  }
  return std::move(list).take();
}

}  // namespace slipway::accounts
