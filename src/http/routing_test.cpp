#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <type_traits>

#include "slipway/http/openapi.hpp"
#include "slipway/http/problem.hpp"
#include "slipway/http/router.hpp"

namespace slipway::http {
namespace {

// A route without an access doesn't compile: the policy can't be forgotten.
template <class R>
concept MadeWithoutAccess = requires { R{.method = Method::get, .pattern = "/x"}; };
template <class R>
concept MadeWithAccess = requires { R{.method = Method::get, .pattern = "/x", .access = Access::signed_in()}; };
static_assert(!MadeWithoutAccess<Route> && MadeWithAccess<Route>);
static_assert(!std::is_default_constructible_v<Route> && !std::is_default_constructible_v<Access>);
static_assert(!std::is_constructible_v<Route, Method, std::string>);
static_assert(!std::is_constructible_v<Access, Access::Kind, std::string>);

Route route(Method method, std::string pattern) {
  static int next = 0;
  return {.method = method,
          .pattern = std::move(pattern),
          .access = Access::signed_in(),
          .handler = on_pool([](Request&) -> Result<Response> { return Response::json("{}"); }),
          .doc = {.id = "op" + std::to_string(next++), .summary = "s"}};
}

Router build(std::vector<Route> routes) { return std::move(Router::build(std::move(routes))).value(); }

std::string problem_of(std::vector<Route> routes) {
  const auto router = Router::build(std::move(routes));
  return router ? "ok" : router.error().detail();
}

using Outcome = Router::Match::Outcome;

TEST(Router, PrefersLiteralsToParametersAndGoesBack) {
  const Router r =
      build({route(Method::get, "/api/models/:id"), route(Method::get, "/api/models/upload"), route(Method::get, "/api/models/:id/usage"),
             route(Method::post, "/api/models/upload/x"), route(Method::get, "/"), route(Method::get, "/files/*path")});
  EXPECT_EQ(r.match(Method::get, "/api/models/upload").index, 1u);
  EXPECT_EQ(r.match(Method::get, "/").index, 4u);
  const auto usage = r.match(Method::get, "/api/models/upload/usage");  // "upload" is an id here
  ASSERT_EQ(usage.outcome, Outcome::found);
  EXPECT_EQ(usage.index, 2u);
  ASSERT_EQ(usage.params, 1u);
  EXPECT_EQ(usage.param[0].first, "id");
  EXPECT_EQ(usage.param[0].second, "upload");
  const auto rest = r.match(Method::get, "/files/a/b/../c");
  ASSERT_EQ(rest.params, 1u);
  EXPECT_EQ(rest.param[0].second, "a/b/../c");
}

TEST(Router, TellsVerbsFromTheirParameter) {
  const Router r = build({route(Method::post, "/v1/models/:model:predict"), route(Method::post, "/v1/models/:model:regress"),
                          route(Method::get, "/v1/models/:model"), route(Method::post, "/v1/models/:model/versions/:version:predict")});
  const auto predict = r.match(Method::post, "/v1/models/iris:predict");
  ASSERT_EQ(predict.index, 0u);
  ASSERT_EQ(predict.params, 1u);
  EXPECT_EQ(predict.param[0].second, "iris");
  EXPECT_EQ(r.match(Method::post, "/v1/models/iris:regress").index, 1u);
  EXPECT_EQ(r.match(Method::get, "/v1/models/iris").index, 2u);
  EXPECT_EQ(r.match(Method::get, "/v1/models/iris:predict").outcome, Outcome::no_method);
  EXPECT_EQ(r.match(Method::post, "/v1/models/:predict").outcome, Outcome::no_method) << "without a model it is a name, and no good one";
  const auto version = r.match(Method::post, "/v1/models/iris/versions/3:predict");
  ASSERT_EQ(version.index, 3u);
  EXPECT_EQ(version.param[1].second, "3");
  EXPECT_THAT(problem_of({route(Method::post, "/x/:a:"), route(Method::get, "/")}), testing::HasSubstr("verb"));
}

TEST(Router, FindsNothingBesideThePatterns) {
  const Router r = build({route(Method::get, "/api/models/:id"), route(Method::get, "/files/*path")});
  for (const char* path : {"", "x", "/", "/api", "/api/models", "/api/models/", "/api//x", "/api/models/x/", "/api/models/x/y", "//api/models/x",
                           "/API/models/x", "/%61pi/models/x", "/files", "/files/"}) {
    EXPECT_EQ(r.match(Method::get, path).outcome, Outcome::no_path) << path;
  }
}

TEST(Router, TellsTheMethodsOfAPath) {
  const Router r = build({route(Method::get, "/x"), route(Method::post, "/x"), route(Method::del, "/y")});
  EXPECT_EQ(r.match(Method::head, "/x").index, 0u);
  EXPECT_EQ(r.match(Method::put, "/x").outcome, Outcome::no_method);
  EXPECT_EQ(r.match(Method::other, "/x").outcome, Outcome::no_method);
  EXPECT_EQ(r.match(Method::put, "/x").allow, "GET, HEAD, POST, OPTIONS");
  EXPECT_EQ(r.match(Method::head, "/y").outcome, Outcome::no_method);
  EXPECT_EQ(r.match(Method::options, "/y").outcome, Outcome::options);
}

TEST(Router, FindsConflictsAtStart) {
  EXPECT_THAT(problem_of({route(Method::get, "/x"), route(Method::get, "/x")}), testing::HasSubstr("same method and path"));
  EXPECT_THAT(problem_of({route(Method::get, "/x/:id"), route(Method::post, "/x/:name")}), testing::HasSubstr("calls this parameter 'id'"));
  EXPECT_THAT(problem_of({route(Method::get, "x")}), testing::HasSubstr("begins with '/'"));
  EXPECT_THAT(problem_of({route(Method::get, "/x//y")}), testing::HasSubstr("malformed"));
  EXPECT_THAT(problem_of({route(Method::get, "/*rest/x")}), testing::HasSubstr("malformed"));
  EXPECT_THAT(problem_of({route(Method::get, "/:a/:a")}), testing::HasSubstr("same name"));
  Route open = route(Method::get, "/x");
  open.access = Access::anyone("");
  EXPECT_THAT(problem_of({open}), testing::HasSubstr("without a reason"));
  Route sinkless = route(Method::post, "/x");
  sinkless.body = Body::streamed(10, {});
  EXPECT_THAT(problem_of({sinkless}), testing::HasSubstr("needs a sink"));
  Route wrong_example = route(Method::post, "/x");
  wrong_example.doc.request_example = "{";
  EXPECT_THAT(problem_of({wrong_example}), testing::HasSubstr("not JSON"));
  Route undocumented = route(Method::get, "/x");
  undocumented.doc = {};
  EXPECT_THAT(problem_of({undocumented}), testing::HasSubstr("not documented"));
  Route twin = route(Method::get, "/x");
  Route same_id = twin;
  same_id.pattern = "/y";
  EXPECT_THAT(problem_of({twin, same_id}), testing::HasSubstr("operation id"));
}

TEST(Router, DecodesParametersOnceAndTakesOnlyPlainOnes) {
  std::string out;
  EXPECT_TRUE(decode_param("mdl_1.a-B", out));
  EXPECT_TRUE(decode_param("%6ddl", out));
  EXPECT_EQ(out, "mdl");
  for (const char* raw : {"", ".", "..", "%2e%2e", "a%2fb", "a%252fb", "a%00", "a b", "a\\b", "\xc3\xa4", "%zz", "~"})
    EXPECT_FALSE(decode_param(raw, out)) << raw;
  EXPECT_TRUE(decode_param(std::string(128, 'a'), out));
  EXPECT_FALSE(decode_param(std::string(129, 'a'), out));
}

TEST(Request, DecodesItsQuery) {
  const Request r = Request::make(Method::get, "/x?a=1+2&b=%26%3D&c&d=&a=other", {{"X-Thing", "v"}}, "body");
  EXPECT_EQ(r.path(), "/x");
  EXPECT_EQ(r.query("a"), "1 2");
  EXPECT_EQ(r.query("b"), "&=");
  EXPECT_EQ(r.query("c"), "");
  EXPECT_EQ(r.query("d"), "");
  EXPECT_EQ(r.query("e"), std::nullopt);
  EXPECT_EQ(r.header("x-tHING"), "v");
  EXPECT_EQ(r.header("other"), std::nullopt);
  EXPECT_EQ(r.body, "body");
}

TEST(Responder, AnswersOnceHoweverManyCopies) {
  std::vector<int> seen;
  {
    const Responder first = Responder::to([&](Result<Response> r) { seen.push_back(r ? r->status : r.error().status()); });
    const Responder second = first;
    second.send(Response::empty(204));
    first.send(Response::empty(200));
  }
  EXPECT_EQ(seen, std::vector<int>{204});
}

TEST(Responder, AnswersInternalWhenItIsDropped) {
  std::vector<int> seen;
  {
    Responder first = Responder::to([&](Result<Response> r) { seen.push_back(r ? r->status : r.error().status()); });
    const Responder second = first;
    first = {};
    EXPECT_TRUE(seen.empty());
  }
  EXPECT_EQ(seen, std::vector<int>{500});
}

TEST(Problem, SaysWhatAClientMayKnowAndNoMore) {
  Error error = Error(ErrorCode::invalid_input, "One value is wrong.").at("#/instances/3/age", "expected a number").because("/secret/path");
  const Response r = problem(error, "req-1");
  EXPECT_EQ(r.status, 422);
  EXPECT_EQ(r.content_type, "application/problem+json");
  EXPECT_EQ(r.log_detail, "/secret/path");
  EXPECT_EQ(r.body, R"({"type":"/errors/invalid-input","title":"The input doesn't fit what is expected","status":422,"detail":"One value is wrong.",)"
                    R"("request_id":"req-1","errors":[{"pointer":"#/instances/3/age","detail":"expected a number"}]})");
}

TEST(Problem, ChallengesAndTellsWhenToComeBack) {
  const Response denied = problem(Error(ErrorCode::unauthenticated, "x"), "r");
  ASSERT_EQ(denied.headers.size(), 1u);
  EXPECT_EQ(denied.headers[0].first, "WWW-Authenticate");
  const Response limited = problem(Error(ErrorCode::rate_limited, "x").retry_after(7), "r");
  ASSERT_EQ(limited.headers.size(), 1u);
  EXPECT_EQ(limited.headers[0], (std::pair<std::string, std::string>("Retry-After", "7")));
}

TEST(OpenApi, DescribesTheDeclarations) {
  Route r = route(Method::post, "/api/models/:id/versions");
  r.access = Access::scope("models:write");
  r.body = Body::buffered(1000, {"application/json"});
  r.doc = {.id = "addVersion",
           .summary = "Add a version",
           .tag = "models",
           .query = {{.name = "wait", .description = "answer when ready", .schema = R"({"type":"boolean"})"}},
           .request_example = R"({"name":"a","n":1,"tags":["x"]})",
           .responses = {{.status = 201, .description = "made", .example = R"({"id":"mdl_1"})"}},
           .errors = {ErrorCode::conflict}};
  Route hidden = route(Method::get, "/");
  hidden.doc = {.hidden = true};
  const std::vector<Route> routes = {r, hidden, route(Method::get, "/api/models/:id/versions")};
  const json::Value document = openapi(routes, {.version = "1"});
  EXPECT_EQ(document.string_or("openapi", ""), "3.1.0");
  const json::Value* const paths = document.find("paths");
  ASSERT_EQ(paths->as_object().size(), 1u);
  const json::Value* const item = paths->find("/api/models/{id}/versions");
  ASSERT_NE(item, nullptr);
  EXPECT_NE(item->find("get"), nullptr);
  const json::Value& post = *item->find("post");
  EXPECT_EQ(post.string_or("x-scope", ""), "models:write");
  EXPECT_EQ(post.find("parameters")->as_array().size(), 2u);
  const json::Value& media = *post.find("requestBody")->find("content")->find("application/json");
  EXPECT_EQ(
      media.find("schema")->dump(),
      R"({"type":"object","properties":{"name":{"type":"string"},"n":{"type":"integer"},"tags":{"type":"array","items":{"type":"string"}}},"required":["name","n","tags"]})");
  for (const char* status : {"201", "400", "401", "403", "404", "409", "413", "415", "500"})
    EXPECT_NE(post.find("responses")->find(status), nullptr) << status;
}

}  // namespace
}  // namespace slipway::http
