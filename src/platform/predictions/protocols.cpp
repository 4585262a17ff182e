#include "slipway/platform/predictions/protocols.hpp"

#include "slipway/base/json.hpp"

namespace slipway::predictions {

Predictor::Found find_model(const Predictor& predictor, const http::Request& request, std::string_view model, std::string_view version) {
  return find_model(predictor, *request.principal, model, version);
}

Predictor::Found find_model(const Predictor& predictor, const http::Principal& who, std::string_view model, std::string_view version) {
  auto found = TRY(predictor.registry().resolve(who, model));
  if (!version.empty() && version != std::to_string(found->version))
    return Error(ErrorCode::not_found, "this version of the model is not the one that is served; that is " + std::to_string(found->version));
  return found;
}

Error in_their_words(Error error) {
  switch (error.code()) {
    case ErrorCode::invalid_input:
    case ErrorCode::invalid_json: return std::move(error).as(ErrorCode::bad_request);
    case ErrorCode::model_not_ready: return std::move(error).as(ErrorCode::unavailable);
    default: return error;
  }
}

void ProtocolRoutes::add(http::Method method, std::string pattern, http::Access access, http::Body body, Begin begin, http::Doc doc) {
  doc.tag = tag_;
  routes_.push_back({.method = method,
                     .pattern = std::move(pattern),
                     .access = std::move(access),
                     .body = std::move(body),
                     .handler = http::on_loop([begin = std::move(begin)](http::Request&& request, http::Responder responder) {
                       if (Status begun = begin(request, responder); !begun.ok()) responder.send(in_their_words(begun.error()));
                     }),
                     .timeout = timeout_,
                     .quiet = true,
                     .extend_problem = extend_,
                     .doc = std::move(doc)});
}

http::Access open_probe() { return http::Access::anyone("probes and clients ask without a login; says nothing of models or people"); }

ProtocolRoutes::Begin names_of_models(PredictorPtr predictor) {
  return [predictor = std::move(predictor)](http::Request& request, const http::Responder& responder) -> Status {
    json::Array names;
    for (const auto& model : predictor->registry().own(*request.principal)) {
      if (model->served()) names.emplace_back(model->name);
    }
    responder.send(http::Response::json(json::object({{"models", std::move(names)}}).dump()));
    return ok();
  };
}

std::string error_text(const Error& error) {
  std::string text = error.detail();
  if (!error.fields().empty() && error.code() != ErrorCode::rate_limited) {  // those of a limit are headers
    const FieldError& first = error.fields()[0];
    text += " (" + first.pointer + (first.detail == text ? "" : ": " + first.detail) + ")";
  }
  return text;
}

void add_error_member(json::Writer& problem, const Error& error) { problem.member("error", error_text(error)); }

}  // namespace slipway::predictions
