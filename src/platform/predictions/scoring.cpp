// MLflow's scoring server and SageMaker's hosting contract: /ping, /invocations, at the root for a default model and below
// /models/:model for one by name. Shapes as recorded from MLflow 3 and documented by SageMaker.
#include "slipway/platform/predictions/protocols.hpp"
#include "slipway/tensor/answer_size.hpp"

namespace slipway::predictions {
namespace {

// MLflow's clients read these two.
void add_mlflow_members(json::Writer& problem, const Error& error) {
  std::string code(error_name(error.code()));
  for (char& c : code) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  problem.member("error_code", code).member("message", error.detail());
}

class Scoring {
 public:
  Scoring(PredictorPtr predictor, std::string default_model) : predictor_(std::move(predictor)), default_model_(std::move(default_model)) {}

  Predictor::Found find(const http::Request& request) const {
    const std::string_view named = request.param("model");
    if (!named.empty()) return find_model(*predictor_, request, named);
    if (const auto target = request.header("x-amzn-sagemaker-target-model")) return find_model(*predictor_, request, *target);
    if (!default_model_.empty()) return find_model(*predictor_, request, default_model_);
    const auto own = predictor_->registry().own(*request.principal);
    if (own.size() == 1) return own.front();
    return Error(ErrorCode::not_found, own.empty() ? "you have no model"
                                                   : "you have " + std::to_string(own.size()) +
                                                         " models: name one, /models/NAME/invocations, or set predictions.default_model");
  }

  Status invoke(http::Request& request, const http::Responder& responder) const {
    const auto admitted = TRY(predictor_->admit(*request.principal, find(request), request.body.size()));
    const Terms terms = TRY(predictor_->terms(request));
    TRY(predictor_->worth_decoding(admitted, terms, request.body.size()));
    const RequestCodec& codec = *admitted.model->codec;
    DecodedRequest input = TRY(decode(request, codec));
    const std::size_t rows = input.rows;
    const std::size_t shown = TRY(output_of(codec.schema(), input));
    std::string echo(request.header("x-amzn-sagemaker-custom-attributes").value_or(""));
    predictor_->run(admitted, terms, std::move(input), request.loop, request.deadline,
                    [this, admitted, rows, shown, echo = std::move(echo), responder](Result<std::vector<Tensor>> outputs) {
                      if (!outputs.ok()) return responder.send(in_their_words(outputs.error()));
                      const Schema& schema = admitted.model->codec->schema();
                      const auto wanted = std::span(*outputs).subspan(shown, 1);
                      const std::uint64_t size = predictions_size(schema, wanted, rows, predictor_->options().answer_bytes_max);
                      if (const Status fits = predictor_->check_answer(size, wanted); !fits.ok()) return responder.send(fits.error());
                      std::string body = "{\"predictions\":";
                      append_predictions(body, schema, wanted, rows);
                      body += '}';
                      http::Response response = http::Response::json(std::move(body));
                      if (!echo.empty()) response.headers.emplace_back("X-Amzn-SageMaker-Custom-Attributes", echo);
                      predictor_->add_limit_headers(response, admitted.limit);
                      responder.send(std::move(response));
                    });
    return ok();
  }

  const PredictorPtr& predictor() const { return predictor_; }

 private:
  Result<DecodedRequest> decode(http::Request& request, const RequestCodec& codec) const {
    static constexpr std::string_view kBeside[] = {"params"};
    const DecodeLimits limits = predictor_->decode_limits();
    const std::string_view type = request.content_type();
    if (type == "text/csv") return codec.decode_csv(request.body, limits);
    if (type == "application/x-npy") return codec.decode_npy(std::move(request.body).share(), limits);
    return codec.decode_json(request.body, limits, kBeside);
  }

  // What model.predict gives: the first output. params.predict_method chooses another of scikit-learn's.
  static Result<std::size_t> output_of(const Schema& schema, const DecodedRequest& input) {
    std::string method = "predict";
    for (const auto& [name, text] : input.beside) {
      const json::Value params = TRY(json::parse(text));
      const json::Value* wanted = params.is_object() ? params.find("predict_method") : nullptr;
      if (wanted != nullptr && wanted->is_string()) method = wanted->as_string();
    }
    if (method == "predict") return std::size_t{0};
    const std::string_view name = method == "predict_proba" ? "probabilities" : method == "decision_function" ? "scores" : std::string_view();
    for (std::size_t i = 0; i < schema.outputs.size(); ++i) {
      if (schema.outputs[i].name == name) return i;
    }
    return Error(ErrorCode::invalid_input, "the model has no " + method.substr(0, 40)).at("#/params/predict_method", "is not one of the model's");
  }

  PredictorPtr predictor_;
  std::string default_model_;
};

}  // namespace

std::vector<http::Route> scoring_routes(const PredictorPtr& predictor, const ServerFacts& facts, const std::string& default_model) {
  using http::Access;
  using http::Method;
  using Begin = ProtocolRoutes::Begin;
  const auto scoring = std::make_shared<const Scoring>(predictor, default_model);
  ProtocolRoutes routes(predictor, "mlflow, sagemaker", add_mlflow_members);
  const Begin alive = [ready = facts.ready](http::Request&, const http::Responder& responder) -> Status {
    responder.send(http::Response::make(ready() ? 200 : 503, "application/json", "\n"));
    return ok();
  };
  const Begin model_ready = [scoring](http::Request& request, const http::Responder& responder) -> Status {
    const auto model = TRY(scoring->find(request));
    responder.send(http::Response::make(model->served() ? 200 : 503, "application/json", "\n"));
    return ok();
  };
  const Begin version = [text = facts.version](http::Request&, const http::Responder& responder) -> Status {
    responder.send(http::Response::text(text));
    return ok();
  };
  const Begin invoke = [scoring](http::Request& request, const http::Responder& responder) { return scoring->invoke(request, responder); };
  const auto body = [&predictor] {
    return http::Body::buffered(predictor->options().body_bytes_max, {"application/json", "text/csv", "application/x-npy"});
  };
  routes.add(Method::get, "/ping", open_probe(), http::Body::none(), alive,
             {.id = "ping", .summary = "Readiness", .responses = {{200, "ready", ""}}});
  routes.add(Method::get, "/health", open_probe(), http::Body::none(), alive,
             {.id = "mlflowHealth", .summary = "Readiness", .responses = {{200, "ready", ""}}});
  routes.add(
      Method::get, "/version", open_probe(), http::Body::none(), version,
      {.id = "mlflowVersion", .summary = "The server's version", .responses = {{200, "the version", "", "text/plain", R"({"type":"string"})"}}});
  routes.add(Method::get, "/models/:model/ping", Access::scope("predict"), http::Body::none(), model_ready,
             {.id = "modelPing", .summary = "Whether the model can be asked", .responses = {{200, "it can", ""}}});
  routes.add(Method::get, "/models/:model/health", Access::scope("predict"), http::Body::none(), model_ready,
             {.id = "modelHealth", .summary = "Whether the model can be asked", .responses = {{200, "it can", ""}}});
  const auto predict_doc = [](std::string id, std::string summary) {
    return http::Doc{.id = std::move(id),
                     .summary = std::move(summary),
                     .description =
                         "As MLflow's scoring server: what `model.predict` gives. `params.predict_method` may be `predict_proba` or "
                         "`decision_function`.",
                     .request_example = R"({"dataframe_records":[{"x0":5.1,"x1":3.5,"x2":1.4,"x3":0.2}]})",
                     .responses = {{200, "the predictions", R"({"predictions":["setosa"]})"}},
                     .errors = {ErrorCode::bad_request, ErrorCode::rate_limited, ErrorCode::model_crashed, ErrorCode::overloaded,
                                ErrorCode::unavailable, ErrorCode::deadline_exceeded}};
  };
  routes.add(Method::post, "/invocations", Access::scope("predict"), body(), invoke, predict_doc("invocations", "Predict with the default model"));
  routes.add(Method::post, "/models/:model/invocations", Access::scope("predict"), body(), invoke,
             predict_doc("modelInvocations", "Predict with a model"));
  routes.add(Method::post, "/models/:model/invoke", Access::scope("predict"), body(), invoke,
             predict_doc("modelInvoke", "Predict with a model (SageMaker's multi-model form)"));
  return std::move(routes).take();
}

}  // namespace slipway::predictions
