#include "slipway/web/routes.hpp"

#include <algorithm>

#include "slipway/web/pages.hpp"

namespace slipway::web {
namespace {

constexpr const char* kPublic = "a static page without data";

// Pages don't change while the server runs; browsers may keep them but ask again.
http::Route page(std::string pattern, std::string_view content_type, std::string text) {
  return {.method = http::Method::get,
          .pattern = std::move(pattern),
          .access = http::Access::anyone(kPublic),
          .handler = http::on_loop([content_type = std::string(content_type), text = std::move(text)](http::Request&&, http::Responder responder) {
            responder.send(http::Response::make(200, content_type, text).with("Cache-Control", "no-cache"));
          }),
          .quiet = true,
          .doc = {.hidden = true}};
}

// KServe's v1 liveness is the JSON of GET /. Its client accepts anything, and says no more of itself than the library it asks with.
bool wants_status(const http::Request& request) {
  const std::string_view accept = request.header("accept").value_or("*/*");
  if (accept.find("text/html") != std::string_view::npos) return false;
  if (accept.find("application/json") != std::string_view::npos) return true;
  return accept == "*/*" && request.header("user-agent").value_or("").starts_with("python-httpx/");
}

http::Route first_page() {
  http::Route route = page("/", "text/html; charset=utf-8", "");
  route.handler = http::on_loop([text = landing_page()](http::Request&& request, http::Responder responder) {
    http::Response response =
        wants_status(request) ? http::Response::make(200, "application/json", R"({"status":"alive"})") : http::Response::html(text);
    responder.send(std::move(response).with("Cache-Control", "no-cache").with("Vary", "Accept, User-Agent"));
  });
  return route;
}

void error_details(http::Request&& request, http::Responder responder) {
  std::string name(request.param("name"));
  std::replace(name.begin(), name.end(), '-', '_');
  const auto code = error_from_name(name);
  if (!code) return responder.send(Error(ErrorCode::not_found, "There is no error of this name; /errors lists them."));
  responder.send(http::Response::html(error_page(*code)).with("Cache-Control", "no-cache"));
}

}  // namespace

std::vector<http::Route> routes() {
  constexpr std::string_view html = "text/html; charset=utf-8";
  constexpr std::string_view script = "text/javascript; charset=utf-8";
  std::vector<http::Route> out;
  out.push_back(first_page());
  out.push_back(page("/start", html, start_page()));
  out.push_back(page("/errors", html, errors_page()));
  out.push_back({.method = http::Method::get,
                 .pattern = "/errors/:name",
                 .access = http::Access::anyone(kPublic),
                 .handler = http::on_loop(error_details),
                 .quiet = true,
                 .doc = {.hidden = true}});
  out.push_back(page("/assets/style.css", "text/css; charset=utf-8", std::string(kStyle)));
  out.push_back(page("/assets/origin.js", script, std::string(kOrigin)));
  out.push_back(page("/assets/start.js", script, std::string(kStartScript)));
  return out;
}

}  // namespace slipway::web
