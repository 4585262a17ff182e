#include "slipway/platform/keys/routes.hpp"

#include "slipway/base/form.hpp"

namespace slipway::keys {
namespace {

constexpr std::uint64_t kBodyMax = 64 * 1024;

http::Response created(const CreatedKey& made) {
  json::Value body = to_json(made.key);
  body.set("key", made.text);
  return http::Response::json(body.dump(), 201).with("Location", "/api/keys/" + made.key.id);
}

// A key must not make, change or end keys: who holds one could outlive its revocation.
Status token_only(const http::Request& request) {
  if (request.principal->kind == http::Principal::Kind::token) return ok();
  return Error(ErrorCode::forbidden, "log in to manage keys; a key can't");
}

Result<http::Response> create(Keys& keys, http::Request& request) {
  TRY(token_only(request));
  Form form = TRY(Form::parse(request.body));
  NewKey wish;
  wish.name = form.required_text("name", 100);
  wish.scopes = form.texts("scopes", 20, 50);
  wish.models = form.texts("models", 100, 64).value_or(std::vector<std::string>{});
  wish.expires_at = form.time_ms("expires_at");
  TRY(form.finish());
  return created(TRY(keys.create(request.principal->user_id, wish)));
}

Result<http::Response> list(Keys& keys, http::Request& request) {
  json::Array items;
  for (const ApiKey& key : TRY(keys.list(request.principal->user_id))) {
    if (!key.revoked_at) items.push_back(to_json(key));
  }
  return http::Response::json(json::object({{"items", std::move(items)}, {"next", json::Value()}}).dump());
}

Result<http::Response> revoke(Keys& keys, http::Request& request) {
  TRY(token_only(request));
  TRY(keys.revoke(request.principal->user_id, request.param("id")));
  return http::Response::empty();
}

Result<http::Response> rotate(Keys& keys, http::Request& request) {
  TRY(token_only(request));
  return created(TRY(keys.rotate(request.principal->user_id, request.param("id"))));
}

constexpr const char* kKeyExample =
    R"({"id":"key_01hf3k","name":"laptop","prefix":"slw_live_Ab3dE6gH9k","scopes":["predict"],"models":[],"created_at":"2026-11-23T12:00:00.000Z","expires_at":null,"revoked_at":null,"last_used_at":null})";
constexpr const char* kCreatedExample =
    R"({"id":"key_01hf3k","name":"laptop","prefix":"slw_live_Ab3dE6gH9k","scopes":["predict"],"models":[],"created_at":"2026-11-23T12:00:00.000Z","expires_at":null,"revoked_at":null,"last_used_at":null,"key":"slw_live_Ab3dE6gH9k_..."})";

}  // namespace

std::vector<http::Route> routes(Keys& keys) {
  using http::Access;
  using http::Method;
  http::RouteList routes("keys");
  routes.add(Method::get, "/api/keys", Access::scope("keys:read"), http::Body::none(), http::on_pool(keys, list),
             {.id = "listKeys",
              .summary = "One's own keys",
              .responses = {{200, "the keys", std::string(R"({"items":[)") + kKeyExample + R"(],"next":null})"}}});
  routes.add(Method::post, "/api/keys", Access::signed_in(), http::Body::json(kBodyMax), http::on_pool(keys, create),
             {.id = "createKey",
              .summary = "Make a key; its text is shown this once",
              .request_example = R"({"name":"laptop","scopes":["predict"],"models":[],"expires_at":"2027-11-23T00:00:00Z"})",
              .responses = {{201, "the key with its text", kCreatedExample}},
              .errors = {ErrorCode::invalid_input, ErrorCode::conflict}});
  routes.add(Method::del, "/api/keys/:id", Access::signed_in(), http::Body::none(), http::on_pool(keys, revoke),
             {.id = "revokeKey", .summary = "End a key at once", .responses = {{204, "ended", ""}}});
  routes.add(Method::post, "/api/keys/:id/rotate", Access::signed_in(), http::Body::none(), http::on_pool(keys, rotate),
             {.id = "rotateKey",
              .summary = "Give a key a new text; the old one ends at once",
              .responses = {{201, "the key with its text", kCreatedExample}}});
  return std::move(routes).take();
}

}  // namespace slipway::keys
