#include "slipway/platform/predictions/protocols.hpp"

#include "slipway/base/json.hpp"

namespace slipway::predictions {

Predictor::Found find_model(const Predictor& predictor, const http::Request& request, std::string_view model, std::string_view version) {
  auto found = TRY(predictor.registry().resolve(*request.principal, model));
  if (!version.empty() && version != std::to_string(found->version))
    return Error(ErrorCode::not_found, "this version of the model is not the one that is served; that is " + std::to_string(found->version));
  return found;
}

http::Handler starting(std::function<Status(http::Request&, const http::Responder&)> begun) {
  return http::on_loop([begun = std::move(begun)](http::Request&& request, http::Responder responder) {
    if (Status status = begun(request, responder); !status.ok()) responder.send(status.error());
  });
}

void add_error_member(json::Writer& problem, const Error& error) {
  std::string text = error.detail();
  if (!error.fields().empty() && error.code() != ErrorCode::rate_limited) {  // those of a limit are headers
    const FieldError& first = error.fields()[0];
    text += " (" + first.pointer + (first.detail == text ? "" : ": " + first.detail) + ")";
  }
  problem.member("error", text);
}

}  // namespace slipway::predictions
