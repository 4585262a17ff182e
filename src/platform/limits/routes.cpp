// A user's limits: an administrator's to set. Those of keys and models are set where keys and models are.
#include "slipway/base/json.hpp"
#include "slipway/platform/limits/book.hpp"

namespace slipway::limits {
namespace {

constexpr std::uint64_t kBodyMax = 16 * 1024;
constexpr const char* kExample = R"({"requests":{"amount":600,"per":"minute","burst":100},"rows":{"amount":100000,"per":"hour"},"concurrent":8})";
constexpr const char* kAnswer =
    R"({"requests":{"amount":600,"per":"minute","burst":100},"rows":{"amount":100000,"per":"hour","burst":100000},"concurrent":8})";

http::Response answer(const Quota& quota) { return http::Response::json(to_json(quota).dump()); }

}  // namespace

std::vector<http::Route> routes(Book& book, std::function<bool(std::string_view)> user_exists) {
  using http::Access;
  using http::Method;
  const auto known = [exists = std::move(user_exists)](const http::Request& request) -> Status {
    if (exists(request.param("id"))) return ok();
    return Error(ErrorCode::not_found, "there is no such user");
  };
  http::RouteList routes("limits");
  routes.add(
      Method::get, "/api/users/:id/limits", Access::admin(), http::Body::none(),
      http::on_pool([&book, known](http::Request& request) -> Result<http::Response> {
        TRY(known(request));
        return answer(book.get(Subject::user, request.param("id")));
      }),
      {.id = "getUserLimits", .summary = "What a user may use, where it differs from limits.user", .responses = {{200, "the limits", kAnswer}}});
  routes.add(Method::put, "/api/users/:id/limits", Access::admin(), http::Body::json(kBodyMax),
             http::on_pool([&book, known](http::Request& request) -> Result<http::Response> {
               TRY(known(request));
               const Quota quota = TRY(quota_from_json(TRY(json::parse(request.body)), "#"));
               TRY(book.set(Subject::user, request.param("id"), quota));
               return answer(quota);
             }),
             {.id = "setUserLimits",
              .summary = "Set what a user may use; what is left out is as limits.user says, 0 is no limit",
              .request_example = kExample,
              .responses = {{200, "the limits", kAnswer}},
              .errors = {ErrorCode::invalid_json, ErrorCode::invalid_input}});
  return std::move(routes).take();
}

}  // namespace slipway::limits
