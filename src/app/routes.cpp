#include "slipway/app/routes.hpp"

#include "slipway/http/openapi.hpp"
#include "slipway/platform/accounts/routes.hpp"
#include "slipway/platform/keys/routes.hpp"
#include "slipway/platform/predictions/routes.hpp"
#include "slipway/web/routes.hpp"

namespace slipway::app {
namespace {

constexpr std::string_view kVersion = SLIPWAY_VERSION;

http::Response health() { return http::Response::json(R"({"status":"ok"})"); }

// Ready when the database answers, cells can be forked and nobody has asked the server to stop.
Result<http::Response> readiness(const Parts& parts) {
  const bool database = parts.registry.database().read([](store::Session& s) { return s.query("SELECT 1 AS one"); }).ok();
  const bool cells = parts.engine.stats().launcher_pid != 0;
  const bool draining = parts.draining();
  const auto word = [](bool good) { return good ? "ok" : "failed"; };
  const bool ready = database && cells && !draining;
  const json::Value body = json::object({{"status", ready      ? "ready"
                                                    : draining ? "draining"
                                                               : "not ready"},
                                         {"parts", json::object({{"database", word(database)}, {"cells", word(cells)}})}});
  return http::Response::json(body.dump(), ready ? 200 : 503);
}

std::vector<http::Route> system_routes(const Parts& parts) {
  using http::Access;
  using http::Method;
  std::vector<http::Route> out;
  out.push_back({.method = Method::get,
                 .pattern = "/healthz",
                 .access = Access::anyone("says nothing but that the process lives"),
                 .handler = http::on_loop([](http::Request&&, http::Responder responder) { responder.send(health()); }),
                 .quiet = true,
                 .doc = {.id = "health", .summary = "Liveness", .tag = "system", .responses = {{200, "alive", R"({"status":"ok"})"}}}});
  out.push_back({.method = Method::get,
                 .pattern = "/readyz",
                 .access = Access::anyone("load balancers ask without a login; names parts, not people"),
                 .handler = http::on_pool([parts](http::Request&) { return readiness(parts); }),
                 .quiet = true,
                 .doc = {.id = "ready",
                         .summary = "Readiness, with the state of each part",
                         .tag = "system",
                         .responses = {{200, "ready", R"({"status":"ready","parts":{"database":"ok","cells":"ok"}})"}}}});
  out.push_back({.method = Method::get,
                 .pattern = "/metrics",
                 .access = Access::anyone("scrapers ask without a login; holds counts, no names of models or people"),
                 .handler = http::on_pool([&metrics = parts.metrics](http::Request&) -> Result<http::Response> {
                   return http::Response::make(200, "text/plain; version=0.0.4; charset=utf-8", metrics.expose());
                 }),
                 .quiet = true,
                 .doc = {.id = "metrics",
                         .summary = "Metrics in Prometheus's text format",
                         .tag = "system",
                         .responses = {{200, "metrics", "", "text/plain", R"({"type":"string"})"}}}});
  return out;
}

std::string_view access_name(http::Access::Kind kind) {
  switch (kind) {
    case http::Access::Kind::anyone: return "anyone";
    case http::Access::Kind::signed_in: return "signed_in";
    case http::Access::Kind::scope: return "scope";
    case http::Access::Kind::admin: return "admin";
  }
  return "";
}

// The router's own table with each route's policy: what an operator reviews, and what the tests walk.
http::Route table_route(const std::vector<http::Route>& routes) {
  const auto line = [](std::string_view method, const std::string& pattern, const http::Access& access) {
    return json::object({{"method", method}, {"pattern", pattern}, {"access", access_name(access.kind())}, {"scope_or_reason", access.reason()}});
  };
  const http::Access access = http::Access::admin();
  json::Array items;
  for (const http::Route& route : routes) items.push_back(line(http::method_name(route.method), route.pattern, route.access));
  items.push_back(line("GET", "/api/routes", access));
  const std::string document = json::object({{"items", std::move(items)}}).dump();
  return {.method = http::Method::get,
          .pattern = "/api/routes",
          .access = access,
          .handler = http::on_loop([document](http::Request&&, http::Responder responder) { responder.send(http::Response::json(document)); }),
          .doc = {.id = "listRoutes",
                  .summary = "Every route with its policy",
                  .tag = "system",
                  .responses = {
                      {200, "the table", R"({"items":[{"method":"GET","pattern":"/healthz","access":"anyone","scope_or_reason":"liveness"}]})"}}}};
}

void append(std::vector<http::Route>& to, std::vector<http::Route> more) {
  for (http::Route& route : more) to.push_back(std::move(route));
}

}  // namespace

std::vector<http::Route> all_routes(const Parts& p) {
  std::vector<http::Route> out = system_routes(p);
  append(out, accounts::routes(p.accounts));
  append(out, keys::routes(p.keys, p.limit_book));
  append(out, limits::routes(p.limit_book, [&accounts = p.accounts](std::string_view id) { return accounts.directory().find(id) != nullptr; }));
  append(out, models::upload_routes(p.registry, static_cast<std::uint64_t>(p.settings.models_upload_bytes_max)));
  append(out, models::routes(p.registry, p.limit_book));
  append(out, predictions::routes(p.predictor));
  append(out, predictions::oip_routes(p.predictor, p.facts));
  append(out, predictions::v1_routes(p.predictor));
  append(out, predictions::scoring_routes(p.predictor, p.facts, p.settings.predictions_default_model));
  append(out, jobs::routes(p.jobs, p.registry));
  append(out, web::routes());

  // Last: the document describes everything above it.
  const std::string document = http::openapi(out, {.title = "slipway", .version = std::string(kVersion)}).dump();
  out.push_back({.method = http::Method::get,
                 .pattern = "/api/openapi.json",
                 .access = http::Access::anyone("the interface is no secret"),
                 .handler = http::on_loop([document](http::Request&&, http::Responder responder) { responder.send(http::Response::json(document)); }),
                 .doc = {.id = "openapi", .summary = "This document", .tag = "system", .hidden = true}});
  out.push_back(table_route(out));
  return out;
}

}  // namespace slipway::app
