#include "slipway/platform/keys/routes.hpp"

#include "slipway/base/form.hpp"

namespace slipway::keys {
namespace {

constexpr std::uint64_t kBodyMax = 64 * 1024;

// What the routes work with: keys, and the limits that their owners give them.
struct Desk {
  Keys& keys;
  limits::Book& book;
};

json::Value described(const Desk& desk, const ApiKey& key) {
  json::Value out = to_json(key);
  out.set("limits", limits::to_json(desk.book.get(limits::Subject::key, key.id)));
  return out;
}

http::Response created(const Desk& desk, const CreatedKey& made) {
  json::Value body = described(desk, made.key);
  body.set("key", made.text);
  return http::Response::json(body.dump(), 201).with("Location", "/api/keys/" + made.key.id);
}

// A key must not make, change or end keys: who holds one could outlive its revocation.
Status token_only(const http::Request& request) {
  if (request.principal->kind == http::Principal::Kind::token) return ok();
  return Error(ErrorCode::forbidden, "log in to manage keys; a key can't");
}

Result<http::Response> create(const Desk& desk, http::Request& request) {
  TRY(token_only(request));
  Form form = TRY(Form::parse(request.body));
  NewKey wish;
  wish.name = form.required_text("name", 100);
  wish.scopes = form.texts("scopes", 20, 50);
  wish.models = form.texts("models", 100, 64).value_or(std::vector<std::string>{});
  wish.expires_at = form.time_ms("expires_at");
  const json::Value* limits = form.member("limits");
  TRY(form.finish());
  const limits::Quota quota = limits == nullptr ? limits::Quota{} : TRY(limits::quota_from_json(*limits, "#/limits"));
  const CreatedKey made = TRY(desk.keys.create(request.principal->user_id, wish));
  if (Status limited = desk.book.set(limits::Subject::key, made.key.id, quota); !limited.ok()) {  // its text was not told to anybody
    TRY(desk.keys.revoke(request.principal->user_id, made.key.id));
    return std::move(limited).error();
  }
  return created(desk, made);
}

Result<http::Response> list(const Desk& desk, http::Request& request) {
  json::Array items;
  for (const ApiKey& key : TRY(desk.keys.list(request.principal->user_id))) {
    if (!key.revoked_at) items.push_back(described(desk, key));
  }
  return http::Response::json(json::object({{"items", std::move(items)}, {"next", json::Value()}}).dump());
}

Result<http::Response> edit(const Desk& desk, http::Request& request) {
  TRY(token_only(request));
  Form form = TRY(Form::parse(request.body));
  const json::Value* limits = form.member("limits");
  TRY(form.finish());
  const ApiKey key = TRY(desk.keys.get(request.principal->user_id, request.param("id")));
  if (limits != nullptr) TRY(desk.book.set(limits::Subject::key, key.id, TRY(limits::quota_from_json(*limits, "#/limits"))));
  return http::Response::json(described(desk, key).dump());
}

Result<http::Response> revoke(const Desk& desk, http::Request& request) {
  TRY(token_only(request));
  TRY(desk.keys.revoke(request.principal->user_id, request.param("id")));
  TRY(desk.book.set(limits::Subject::key, request.param("id"), limits::Quota{}));
  return http::Response::empty();
}

Result<http::Response> rotate(const Desk& desk, http::Request& request) {
  TRY(token_only(request));
  return created(desk, TRY(desk.keys.rotate(request.principal->user_id, request.param("id"))));
}

constexpr const char* kKeyExample =
    R"({"id":"key_01hf3k","name":"laptop","prefix":"slw_live_Ab3dE6gH9k","scopes":["predict"],"models":[],"created_at":"2026-11-23T12:00:00.000Z","expires_at":null,"revoked_at":null,"last_used_at":null,"limits":{"requests":{"amount":600,"per":"minute","burst":100}}})";
constexpr const char* kCreatedExample =
    R"({"id":"key_01hf3k","name":"laptop","prefix":"slw_live_Ab3dE6gH9k","scopes":["predict"],"models":[],"created_at":"2026-11-23T12:00:00.000Z","expires_at":null,"revoked_at":null,"last_used_at":null,"limits":{"requests":{"amount":600,"per":"minute","burst":100}},"key":"slw_live_Ab3dE6gH9k_..."})";

}  // namespace

std::vector<http::Route> routes(Keys& keys, limits::Book& book) {
  const auto on_desk = [desk = Desk{keys, book}](Result<http::Response> (*f)(const Desk&, http::Request&)) {
    return http::on_pool([desk, f](http::Request& request) { return f(desk, request); });
  };
  using http::Access;
  using http::Method;
  http::RouteList routes("keys");
  routes.add(Method::get, "/api/keys", Access::scope("keys:read"), http::Body::none(), on_desk(list),
             {.id = "listKeys",
              .summary = "One's own keys",
              .responses = {{200, "the keys", std::string(R"({"items":[)") + kKeyExample + R"(],"next":null})"}}});
  routes.add(
      Method::post, "/api/keys", Access::signed_in(), http::Body::json(kBodyMax), on_desk(create),
      {.id = "createKey",
       .summary = "Make a key; its text is shown this once",
       .request_example =
           R"({"name":"laptop","scopes":["predict"],"models":[],"expires_at":"2027-11-23T00:00:00Z","limits":{"rows":{"amount":10000,"per":"minute"}}})",
       .responses = {{201, "the key with its text", kCreatedExample}},
       .errors = {ErrorCode::invalid_input, ErrorCode::conflict}});
  routes.add(Method::patch, "/api/keys/:id", Access::signed_in(), http::Body::json(kBodyMax), on_desk(edit),
             {.id = "changeKey",
              .summary = "Set a key's limits; what is left out is as the server's settings say, 0 is no limit",
              .request_example = R"({"limits":{"requests":{"amount":600,"per":"minute","burst":100},"concurrent":8}})",
              .responses = {{200, "the key", kKeyExample}},
              .errors = {ErrorCode::invalid_input}});
  routes.add(Method::del, "/api/keys/:id", Access::signed_in(), http::Body::none(), on_desk(revoke),
             {.id = "revokeKey", .summary = "End a key at once", .responses = {{204, "ended", ""}}});
  routes.add(Method::post, "/api/keys/:id/rotate", Access::signed_in(), http::Body::none(), on_desk(rotate),
             {.id = "rotateKey",
              .summary = "Give a key a new text; the old one ends at once",
              .responses = {{201, "the key with its text", kCreatedExample}}});
  return std::move(routes).take();
}

}  // namespace slipway::keys
