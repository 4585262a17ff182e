#include "slipway/platform/predictions/routes.hpp"

#include "slipway/tensor/answer_size.hpp"

namespace slipway::predictions {
namespace {

Result<DecodedRequest> decode(http::Request& request, const RequestCodec& codec, const DecodeLimits& limits) {
  const std::string_view type = request.content_type();
  if (type == "text/csv") return codec.decode_csv(request.body, limits);
  if (type == "application/x-npy") return codec.decode_npy(std::move(request.body).share(), limits);
  return codec.decode_json(request.body, limits);
}

// predictor outlives the call and its callbacks: the routes hold it, and the server answers everything before they go.
Status predict(const Predictor& predictor, http::Request& request, const http::Responder& responder) {
  Predictor::Admitted admitted =
      TRY(predictor.admit(*request.principal, predictor.registry().visible(*request.principal, request.param("modelId")), request.body.size()));
  const Terms terms = TRY(predictor.terms(request));
  TRY(predictor.worth_decoding(admitted, terms, request.body.size()));
  DecodedRequest input = TRY(decode(request, *admitted.model->codec, predictor.decode_limits()));
  const std::size_t rows = input.rows;
  request.body = OwnedBytes();  // read: what waits in the queue is the tensors, as its bounds count them
  auto kept = std::make_shared<http::Request>(std::move(request));
  predictor.run(admitted, terms, std::move(input), kept->loop, kept->deadline,
                [&predictor, admitted, rows, kept, responder](Result<std::vector<Tensor>> outputs) {
                  if (!outputs.ok()) return responder.send(outputs.error());
                  const models::Deployment& model = *admitted.model;
                  const std::uint64_t half = predictor.options().answer_bytes_max / 2;  // each value is written twice: by row, and by output
                  if (const Status fits = predictor.check_answer(2 * predictions_size(model.codec->schema(), *outputs, rows, half), *outputs);
                      !fits.ok())
                    return responder.send(fits.error());
                  std::string body;
                  encode_response(body, model.codec->schema(), *outputs, rows, {model.model_id, static_cast<int>(model.version), kept->request_id()});
                  http::Response response = http::Response::json(std::move(body));
                  predictor.add_limit_headers(response, admitted.limit);
                  responder.send(std::move(response));
                });
  return ok();
}

}  // namespace

std::vector<http::Route> routes(std::shared_ptr<const Predictor> predictor) {
  const Options options = predictor->options();
  std::vector<http::Route> out;
  out.push_back(
      {.method = http::Method::post,
       .pattern = "/api/predict/:modelId",
       .access = http::Access::scope("predict"),
       .body = http::Body::buffered(options.body_bytes_max, {"application/json", "text/csv", "application/x-npy"}),
       .handler = http::on_loop([predictor](http::Request&& request, http::Responder responder) {
         if (Status begun = predict(*predictor, request, responder); !begun.ok()) responder.send(begun.error());
       }),
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
