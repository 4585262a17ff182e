#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <regex>

#include "slipway/http/router.hpp"
#include "slipway/web/pages.hpp"
#include "slipway/web/routes.hpp"

namespace slipway::web {
namespace {

using testing::HasSubstr;
using testing::Not;

http::Response fetch(const http::Router& router, std::string_view path, std::vector<std::pair<std::string, std::string>> headers = {}) {
  const auto match = router.match(http::Method::get, path);
  http::Response out = http::Response::empty(404);
  if (match.route == nullptr) return out;
  http::Request request = http::Request::make(http::Method::get, path, std::move(headers));
  if (match.params > 0) request.set_param("name", std::string(match.param[0].second));
  std::get<http::LoopHandler>(match.route->handler)(std::move(request), http::Responder::to([&](Result<http::Response> r) {
                                                      if (r) out = std::move(r).value();
                                                    }));
  return out;
}

http::Router router() { return std::move(http::Router::build(routes())).value(); }

TEST(Web, PagesNeedNothingThatThePolicyForbids) {
  const http::Router r = router();
  for (const char* path : {"/", "/start", "/errors", "/errors/not-found"}) {
    const std::string body = fetch(r, path).body;
    EXPECT_THAT(body, HasSubstr("<html lang=\"en\">")) << path;
    EXPECT_FALSE(std::regex_search(body, std::regex("<script(?![^>]*src=)|<style|[ ]style=|[ ]on[a-z]+=|javascript:"))) << path;
    EXPECT_FALSE(std::regex_search(body, std::regex("(src|href)=\"(https?:)?//"))) << path;
  }
  for (const std::string_view script : {kStartScript, kOrigin}) {
    for (const char* sink : {"innerHTML", "outerHTML", "document.write", "eval(", "insertAdjacentHTML"})
      EXPECT_THAT(std::string(script), Not(HasSubstr(sink)));
  }
}

TEST(Web, EveryLinkWithinLeadsToAPage) {
  const http::Router r = router();
  std::map<std::string, bool> seen = {{"/", true}, {"/start", true}};
  for (auto it = seen.begin(); it != seen.end(); ++it) {
    const http::Response page = fetch(r, it->first);
    EXPECT_EQ(page.status, 200) << it->first;
    static const std::regex link("(?:src|href)=\"(/[^\"#]*)");
    for (std::sregex_iterator m(page.body.begin(), page.body.end(), link), end; m != end; ++m) {
      if ((*m)[1] != "/api/openapi.json" && seen.emplace((*m)[1], true).second) it = seen.begin();
    }
  }
  EXPECT_GT(seen.size(), 25u);  // the errors among them
}

TEST(Web, TheFirstPageTellsKServesClientThatTheServerIsAlive) {
  const http::Router r = router();
  const auto is_status = [&](std::vector<std::pair<std::string, std::string>> headers) {
    return fetch(r, "/", std::move(headers)).body == R"({"status":"alive"})";
  };
  EXPECT_TRUE(is_status({{"accept", "*/*"}, {"user-agent", "python-httpx/0.28.1"}}));
  EXPECT_TRUE(is_status({{"accept", "application/json"}}));
  EXPECT_FALSE(is_status({{"accept", "*/*"}, {"user-agent", "curl/7.88.1"}}));
  EXPECT_FALSE(is_status({{"accept", "text/html,application/json;q=0.9,*/*;q=0.8"}, {"user-agent", "python-httpx/0.28.1"}}));
  EXPECT_FALSE(is_status({}));
}

TEST(Web, EveryErrorHasARemedy) {
#define SLIPWAY_ERROR(name, status, title) EXPECT_FALSE(remedy(ErrorCode::name).empty()) << #name;
#include "slipway/base/errors.def"
#undef SLIPWAY_ERROR
  const http::Router r = router();
  EXPECT_THAT(fetch(r, "/errors/invalid-input").body, HasSubstr("HTTP status 422"));
  EXPECT_EQ(fetch(r, "/errors/nothing-like-it").status, 404);
}

TEST(Web, EveryInputHasALabel) {
  const std::string body = start_page();
  static const std::regex input("<input id=\"([a-z]+)\"");
  int inputs = 0;
  for (std::sregex_iterator m(body.begin(), body.end(), input), end; m != end; ++m, ++inputs) {
    EXPECT_THAT(body, HasSubstr("<label for=\"" + (*m)[1].str() + "\">"));
    EXPECT_THAT(body, HasSubstr("id=\"" + (*m)[1].str() + "-error\""));
  }
  EXPECT_EQ(inputs, 2);
}

}  // namespace
}  // namespace slipway::web
