// /v1: TensorFlow Serving's REST API, and KServe's protocol v1 on the same paths. Shapes from their public documentation.
#include "slipway/platform/predictions/protocols.hpp"
#include "slipway/tensor/answer_size.hpp"

namespace slipway::predictions {
namespace {

// One object that answers both: TensorFlow Serving's version status and KServe's {"name", "ready"}.
json::Value status_of(const models::Deployment& model) {
  const bool ready = model.served();
  const json::Value status = json::object({{"version", std::to_string(model.version)},
                                           {"state", ready ? "AVAILABLE" : "LOADING"},
                                           {"status", json::object({{"error_code", "OK"}, {"error_message", ""}})}});
  return json::object({{"model_version_status", json::Array{status}}, {"name", model.name}, {"ready", ready}});
}

std::string tensorflow_type(DType dtype) {
  switch (dtype) {
    case DType::float32: return "DT_FLOAT";
    case DType::float64: return "DT_DOUBLE";
    case DType::float16: return "DT_HALF";
    case DType::bfloat16: return "DT_BFLOAT16";
    case DType::boolean: return "DT_BOOL";
    case DType::string: return "DT_STRING";
    default: {
      std::string name = "DT_" + std::string(dtype_name(dtype));
      for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
      return name;
    }
  }
}

json::Value signature_ports(const std::vector<Port>& ports) {
  json::Value out = json::object({});
  for (const Port& p : ports) {
    json::Array dims;
    for (const auto d : p.shape) dims.push_back(json::object({{"size", std::to_string(d)}, {"name", ""}}));
    out.set(p.name, json::object({{"dtype", tensorflow_type(p.dtype)},
                                  {"tensor_shape", json::object({{"dim", std::move(dims)}, {"unknown_rank", p.any_rank}})},
                                  {"name", p.name}}));
  }
  return out;
}

json::Value metadata_of(const models::Deployment& model) {
  const Schema& schema = model.codec->schema();
  const json::Value signature = json::object(
      {{"inputs", signature_ports(schema.inputs)}, {"outputs", signature_ports(schema.outputs)}, {"method_name", "tensorflow/serving/predict"}});
  return json::object(
      {{"model_spec", json::object({{"name", model.name}, {"signature_name", ""}, {"version", std::to_string(model.version)}})},
       {"metadata", json::object({{"signature_def", json::object({{"signature_def", json::object({{"serving_default", signature}})}})}})}});
}

// Rows are answered by rows ("predictions"), columns by columns ("outputs": the bare value when there is one).
std::string answer_of(std::string_view form, const Schema& schema, std::span<const Tensor> outputs, std::size_t rows) {
  std::string out;
  if (form != "inputs") {
    out += "{\"predictions\":";
    append_predictions(out, schema, outputs, rows);
  } else {
    out += "{\"outputs\":";
    if (outputs.size() != 1) out += '{';
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if (i > 0) out += ',';
      if (outputs.size() != 1) {
        json::append_quoted(out, schema.outputs[i].name);
        out += ':';
      }
      append_tensor(out, outputs[i]);
    }
    if (outputs.size() != 1) out += '}';
  }
  return out += '}';
}

Status predict(const Predictor& predictor, http::Request& request, const http::Responder& responder) {
  static constexpr std::string_view kBeside[] = {"signature_name", "parameters", "id"};
  const auto admitted =
      TRY(predictor.admit(*request.principal, find_model(predictor, request, request.param("model"), request.param("version")), request.body.size()));
  const Terms terms = TRY(predictor.terms(request));
  TRY(predictor.worth_decoding(admitted, terms, request.body.size()));
  DecodedRequest input = TRY(admitted.model->codec->decode_json(request.body, predictor.decode_limits(), kBeside));
  const std::size_t rows = input.rows;
  const std::string_view form = input.form;
  predictor.run(admitted, terms, std::move(input), request.loop, request.deadline,
                [&predictor, admitted, rows, form, responder](Result<std::vector<Tensor>> outputs) {
                  if (!outputs.ok()) return responder.send(in_their_words(outputs.error()));
                  const Schema& schema = admitted.model->codec->schema();
                  const std::uint64_t size = predictions_size(schema, *outputs, rows, predictor.options().answer_bytes_max);  // no less by columns
                  if (const Status fits = predictor.check_answer(size, *outputs); !fits.ok()) return responder.send(fits.error());
                  http::Response response = http::Response::json(answer_of(form, schema, *outputs, rows));
                  predictor.add_limit_headers(response, admitted.limit);
                  responder.send(std::move(response));
                });
  return ok();
}

}  // namespace

std::vector<http::Route> v1_routes(const PredictorPtr& predictor) {
  using http::Access;
  using http::Method;
  ProtocolRoutes routes(predictor, "tensorflow serving, kserve v1", add_error_member);
  routes.add(Method::get, "/v1/models", Access::scope("predict"), http::Body::none(), names_of_models(predictor),
             {.id = "v1Models", .summary = "Names of one's models", .responses = {{200, "the names", R"({"models":["iris"]})"}}});
  for (const bool versioned : {false, true}) {
    const std::string at = versioned ? "/v1/models/:model/versions/:version" : "/v1/models/:model";
    const std::string suffix = versioned ? "OfVersion" : "";
    routes.add(Method::get, at, Access::scope("predict"), http::Body::none(),
               [predictor](http::Request& request, const http::Responder& responder) -> Status {
                 const auto model = TRY(find_model(*predictor, request, request.param("model"), request.param("version")));
                 responder.send(http::Response::json(status_of(*model).dump()));
                 return ok();
               },
               {.id = "v1Status" + suffix,
                .summary = "Whether it can be asked",
                .responses = {{200, "its status", R"({"model_version_status":[{"version":"1","state":"AVAILABLE"}],"name":"iris","ready":true})"}}});
    routes.add(Method::get, at + "/metadata", Access::scope("predict"), http::Body::none(),
               [predictor](http::Request& request, const http::Responder& responder) -> Status {
                 const auto model = TRY(find_model(*predictor, request, request.param("model"), request.param("version")));
                 if (!model->served()) return Error(ErrorCode::unavailable, "the model is " + model->status);
                 responder.send(http::Response::json(metadata_of(*model).dump()));
                 return ok();
               },
               {.id = "v1Metadata" + suffix,
                .summary = "Its signature",
                .responses = {{200, "the signature", R"({"model_spec":{"name":"iris"},"metadata":{}})"}}});
    routes.add(Method::post, at + ":predict", Access::scope("predict"), http::Body::buffered(predictor->options().body_bytes_max, {}),
               [predictor](http::Request& request, const http::Responder& responder) { return predict(*predictor, request, responder); },
               {.id = "v1Predict" + suffix,
                .summary = "Predict: rows (instances) or columns (inputs)",
                .request_example = R"({"instances":[[5.1,3.5,1.4,0.2]]})",
                .responses = {{200, "the predictions", R"({"predictions":[{"label":"setosa"}]})"}},
                .errors = {ErrorCode::bad_request, ErrorCode::rate_limited, ErrorCode::model_crashed, ErrorCode::overloaded, ErrorCode::unavailable,
                           ErrorCode::deadline_exceeded}});
  }
  return std::move(routes).take();
}

}  // namespace slipway::predictions
