#include "slipway/platform/predictions/routes.hpp"

#include <algorithm>

#include "slipway/os/loop.hpp"

namespace slipway::predictions {
namespace {

struct Predictor {
  models::Registry& registry;
  limits::Limiter& limiter;
  Counter& rows;
  std::string policy;
  Options options;

  void operator()(http::Request&& request, http::Responder responder) const;
  Result<DecodedRequest> decode(const http::Request& request, const RequestCodec& codec) const;
  http::Response with_limit(http::Response response, const std::string& limit) const;
};

Result<DecodedRequest> Predictor::decode(const http::Request& request, const RequestCodec& codec) const {
  const DecodeLimits limits{options.rows_max, std::max<std::size_t>(options.body_bytes_max * 4, 1 << 20)};
  const std::string_view type = request.content_type();
  if (type == "text/csv") return codec.decode_csv(request.body, limits);
  if (type == "application/x-npy") return codec.decode_npy(request.body, limits);
  return codec.decode_json(request.body, limits);
}

http::Response Predictor::with_limit(http::Response response, const std::string& limit) const {
  if (!limit.empty()) {
    response.headers.emplace_back("RateLimit-Policy", policy);
    response.headers.emplace_back("RateLimit", limit);
  }
  return response;
}

void Predictor::operator()(http::Request&& request, http::Responder responder) const {
  const http::Principal& who = *request.principal;
  auto deployment = registry.visible(who, request.param("modelId"));
  if (!deployment.ok()) return responder.send(deployment.error());
  const auto admitted = limiter.admit(who.kind == http::Principal::Kind::key ? who.key_id : who.user_id);
  if (!admitted.status.ok()) return responder.send(admitted.status.error());
  const models::Deployment& model = **deployment;
  if (!model.served())
    return responder.send(Error(ErrorCode::model_not_ready, "the model is " + model.status + "; it can be asked when it is ready"));

  auto decoded = decode(request, *model.codec);
  if (!decoded.ok()) return responder.send(decoded.error());
  const std::size_t count = decoded->rows;
  inference::PredictJob job;
  job.inputs = std::move(decoded->inputs);
  job.rows = count;
  job.deadline = std::min(request.deadline, system_clock().steady() + options.timeout);
  job.loop = request.loop;
  model.model->predict(std::move(job), [this, deployment = std::move(*deployment), count, limit = admitted.headers_limit,
                                        request = std::make_shared<http::Request>(std::move(request)),
                                        responder = std::move(responder)](Result<std::vector<Tensor>> outputs) {
    if (!outputs.ok()) return responder.send(outputs.error());
    rows.add(count);
    std::string body;
    const ResponseMeta meta{deployment->model_id, static_cast<int>(deployment->version), request->request_id()};
    encode_response(body, deployment->codec->schema(), *outputs, count, meta);
    responder.send(with_limit(http::Response::json(std::move(body)), limit));
  });
}

}  // namespace

std::vector<http::Route> routes(models::Registry& registry, limits::Limiter& limiter, Metrics& metrics, Options options) {
  Predictor predictor{registry, limiter, metrics.counter("slipway_predicted_rows_total", "Rows that models have answered"), limiter.policy_header(),
                      options};
  auto shared = std::make_shared<const Predictor>(std::move(predictor));  // callbacks outlive the call, never the routes
  std::vector<http::Route> out;
  out.push_back(
      {.method = http::Method::post,
       .pattern = "/api/predict/:modelId",
       .access = http::Access::scope("predict"),
       .body = http::Body::buffered(options.body_bytes_max, {"application/json", "text/csv", "application/x-npy"}),
       .handler =
           http::on_loop([shared](http::Request&& request, http::Responder responder) { (*shared)(std::move(request), std::move(responder)); }),
       .timeout = options.timeout + Millis(1000),
       .quiet = true,
       .doc = {
           .id = "predict",
           .summary = "Predict",
           .tag = "predictions",
           .description = "Rows (`instances`), columns (`inputs`), `dataframe_records`, `dataframe_split`, CSV with a header line, or an npy array.",
           .request_example = R"({"instances":[[5.1,3.5,1.4,0.2]]})",
           .responses =
               {{200, "the predictions",
                 R"({"model_id":"mdl_01hf3k","version":1,"predictions":[{"label":"setosa"}],"outputs":{"label":["setosa"]},"request_id":"r1"})"}},
           .errors = {ErrorCode::invalid_json, ErrorCode::invalid_input, ErrorCode::model_not_ready, ErrorCode::rate_limited,
                      ErrorCode::model_crashed, ErrorCode::overloaded, ErrorCode::unavailable, ErrorCode::deadline_exceeded}}});
  return out;
}

}  // namespace slipway::predictions
