#include "slipway/http/problem.hpp"

#include <algorithm>

#include "slipway/base/json.hpp"

namespace slipway::http {
namespace {
// A refusal by a limit carries the standing of all limits, by the names of the header fields that tell it.
bool is_header(const Error& error, const FieldError& field) {
  return error.code() == ErrorCode::rate_limited && field.pointer.starts_with("RateLimit");
}

constexpr std::size_t kFieldsMax = 100;  // enough to repair a request; a hostile one can't make the answer long
}  // namespace

std::string problem_type(ErrorCode code) {
  std::string type = "/errors/" + std::string(error_name(code));
  std::replace(type.begin(), type.end(), '_', '-');
  return type;
}

Response problem(const Error& error, std::string_view request_id, const Route* route) {
  Response response;
  response.status = error.status();
  response.content_type = "application/problem+json";
  response.log_detail = error.internal();
  json::Writer w(response.body);
  w.begin_object().member("type", problem_type(error.code())).member("title", error_title(error.code())).member("status", error.status());
  w.member("detail", error.detail()).member("request_id", request_id);
  for (const FieldError& field : error.fields()) {
    if (is_header(error, field)) response.headers.emplace_back(field.pointer, field.detail);
  }
  if (!error.fields().empty() && !is_header(error, error.fields().front())) {
    w.key("errors").begin_array();
    for (std::size_t i = 0; i < std::min(error.fields().size(), kFieldsMax); ++i) {
      w.begin_object().member("pointer", error.fields()[i].pointer).member("detail", error.fields()[i].detail).end_object();
    }
    w.end_array();
  }
  if (route != nullptr && route->extend_problem != nullptr) route->extend_problem(w, error);
  w.end_object();
  if (const auto seconds = error.retry_after_s()) response.headers.emplace_back("Retry-After", std::to_string(*seconds));
  if (response.status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"slipway\"");
  return response;
}

}  // namespace slipway::http
