// /v2: the Open Inference Protocol by REST, and Triton's extensions of it. Shapes from the public specifications.
#include <charconv>

#include "slipway/platform/predictions/oip_facts.hpp"
#include "slipway/platform/predictions/protocols.hpp"
#include "slipway/tensor/answer_size.hpp"

namespace slipway::predictions {
namespace {

constexpr std::string_view kBinaryHeader = "inference-header-content-length";

using oip_facts::require_served;

const Schema& schema_of(const models::Deployment& model) { return model.codec->schema(); }

std::string version_of(const models::Deployment& model) { return std::to_string(model.version); }

json::Array numbers(const std::vector<std::int64_t>& shape) {
  json::Array out;
  for (const auto d : shape) out.emplace_back(d);
  return out;
}

json::Array ports_json(const std::vector<oip_facts::TensorFacts>& tensors) {
  json::Array out;
  for (const auto& t : tensors) out.push_back(json::object({{"name", t.name}, {"datatype", dtype_oip_name(t.dtype)}, {"shape", numbers(t.shape)}}));
  return out;
}

json::Value metadata(const oip_facts::ModelFacts& facts) {
  return json::object({{"name", facts.name},
                       {"versions", json::Array{facts.version}},
                       {"platform", oip_facts::kName},
                       {"inputs", ports_json(facts.inputs)},
                       {"outputs", ports_json(facts.outputs)}});
}

// ---- Triton's model configuration

json::Array config_ports(const std::vector<oip_facts::TensorFacts>& tensors) {
  json::Array out;
  for (const auto& t : tensors)
    out.push_back(json::object({{"name", t.name}, {"data_type", oip_facts::config_type(t.dtype)}, {"dims", numbers(t.dims)}}));
  return out;
}

json::Value config(const oip_facts::ModelFacts& facts) {
  json::Value out = json::object({{"name", facts.name},
                                  {"platform", oip_facts::kName},
                                  {"backend", oip_facts::kName},
                                  {"version_policy", json::object({{"latest", json::object({{"num_versions", 1}})}})},
                                  {"max_batch_size", facts.max_batch_size},
                                  {"input", config_ports(facts.inputs)},
                                  {"output", config_ports(facts.outputs)}});
  json::Value batching = json::object({});
  if (facts.max_queue_delay_us > 0) batching.set("max_queue_delay_microseconds", facts.max_queue_delay_us);
  if (facts.dynamic_batching) out.set("dynamic_batching", std::move(batching));
  return out;
}

// ---- Triton's statistics

json::Value tally_json(const inference::Tally& tally) { return json::object({{"count", tally.count}, {"ns", tally.ns}}); }

json::Value statistics(const models::Deployment& model, const Clock& clock) {
  const oip_facts::Statistics s = oip_facts::statistics_of(model, clock);
  const json::Value none = tally_json({});
  return json::object(
      {{"name", s.name},
       {"version", s.version},
       {"last_inference", s.last_inference_ms},
       {"inference_count", s.inference_count},
       {"execution_count", s.execution_count},
       {"inference_stats", json::object({{"success", tally_json(s.success)},
                                         {"fail", tally_json(s.fail)},
                                         {"queue", tally_json(s.queue)},
                                         {"compute_input", none},
                                         {"compute_infer", tally_json(s.compute_infer)},
                                         {"compute_output", none},
                                         {"cache_hit", none},
                                         {"cache_miss", none}})},
       {"response_stats", json::object({})},
       {"batch_stats", json::Array{}},
       {"memory_usage", s.loaded ? json::Array{json::object({{"type", "CPU"}, {"id", 0}, {"byte_size", s.resident_bytes}})} : json::Array{}}});
}

http::Response json_response(const json::Value& value) { return http::Response::json(value.dump()); }

// ---- inference

Result<oip::InferRequest> parse(const Predictor& predictor, const http::Request& request, const Schema& schema) {
  const auto header = request.header(kBinaryHeader);
  if (!header) return oip::parse_request(request.body, std::nullopt, predictor.decode_limits());
  std::size_t json_bytes = 0;
  const auto [end, problem] = std::from_chars(header->data(), header->data() + header->size(), json_bytes);
  if (problem != std::errc{} || end != header->data() + header->size())
    return Error(ErrorCode::bad_request, "the length of the JSON is not a number").at("Inference-Header-Content-Length", "must be a whole number");
  if (json_bytes == 0) return oip::raw_request(request.body, schema, predictor.decode_limits());
  return oip::parse_request(request.body, json_bytes, predictor.decode_limits());
}

Status infer(const Predictor& predictor, http::Request& request, const http::Responder& responder) {
  const auto admitted =
      TRY(predictor.admit(*request.principal, find_model(predictor, request, request.param("model"), request.param("version")), request.body.size()));
  const models::Deployment& model = *admitted.model;
  auto parsed = std::make_shared<oip::InferRequest>(TRY(parse(predictor, request, schema_of(model))));
  for (const oip::WantedOutput& wanted : parsed->outputs) TRY(oip::output_index(schema_of(model), wanted.name));
  const Terms terms = TRY(oip_facts::terms_of(predictor, request, *parsed));
  DecodedRequest input = TRY(model.codec->decode_tensors(std::move(parsed->inputs), predictor.decode_limits()));
  predictor.run(admitted, terms, std::move(input), request.loop, request.deadline,
                [&predictor, admitted, parsed, responder](Result<std::vector<Tensor>> outputs) {
                  if (!outputs.ok()) return responder.send(in_their_words(outputs.error()));
                  const models::Deployment& asked = *admitted.model;
                  const auto size =
                      oip::answer_size(*parsed, schema_of(asked), *outputs, oip::AnswerForm::json, predictor.options().answer_bytes_max);
                  const Status fits = size.ok() ? predictor.check_answer(*size, *outputs) : Status(size.error());
                  if (!fits.ok()) return responder.send(in_their_words(fits.error()));
                  auto answer = oip::encode_answer(*parsed, schema_of(asked), *outputs, asked.name, version_of(asked));
                  if (!answer.ok()) return responder.send(in_their_words(answer.error()));
                  http::Response response =
                      http::Response::make(200, answer->json_bytes ? "application/octet-stream" : "application/json", std::move(answer->body));
                  if (answer->json_bytes) response.headers.emplace_back("Inference-Header-Content-Length", std::to_string(*answer->json_bytes));
                  predictor.add_limit_headers(response, admitted.limit);
                  responder.send(std::move(response));
                });
  return ok();
}

// ---- Triton's repository

Result<http::Response> repository_index(const Predictor& predictor, http::Request& request) {
  bool only_ready = false;
  if (!request.body.empty()) {
    const json::Value body = TRY(json::parse(request.body));
    const json::Value* ready = body.find("ready");
    if (ready != nullptr && !ready->is_bool()) return Error(ErrorCode::bad_request, "Invalid value for 'ready': expected a boolean");
    only_ready = ready != nullptr && ready->as_bool();
  }
  json::Array out;
  for (const oip_facts::IndexEntry& model : oip_facts::index_of(predictor, *request.principal, only_ready)) {
    json::Value entry = json::object({{"name", model.name}});
    if (model.ready) entry.set("version", model.version);
    entry.set("state", model.ready ? "READY" : "UNAVAILABLE");
    entry.set("reason", model.reason);
    out.push_back(std::move(entry));
  }
  return json_response(std::move(out));
}

Status load(const Predictor& predictor, http::Request& request, const http::Responder& responder) {
  const auto model = TRY(find_model(predictor, request, request.param("model")));
  TRY(require_served(*model));
  model->model->load([responder, model](Status loaded) {
    if (!loaded.ok()) return responder.send(in_their_words(loaded.error()));
    responder.send(http::Response::empty(200));
  });
  return ok();
}

Status unload(const Predictor& predictor, http::Request& request, const http::Responder& responder) {
  const auto model = TRY(find_model(predictor, request, request.param("model")));
  if (model->served()) model->model->unload();
  responder.send(http::Response::empty(200));
  return ok();
}

}  // namespace

std::vector<http::Route> oip_routes(const PredictorPtr& predictor, const ServerFacts& facts) {
  using http::Access;
  using http::Method;
  using Begin = ProtocolRoutes::Begin;
  ProtocolRoutes routes(predictor, "open inference protocol", add_error_member);
  // answers from memory; show(model) is the JSON
  const auto about = [&predictor](auto show) {
    return Begin([predictor, show](http::Request& request, const http::Responder& responder) -> Status {
      const auto model = TRY(find_model(*predictor, request, request.param("model"), request.param("version")));
      TRY(require_served(*model));
      responder.send(json_response(show(*model)));
      return ok();
    });
  };
  const auto reader = [] { return Access::scope("predict"); };
  const auto fixed = [](const json::Value& value) {
    return Begin([text = value.dump()](http::Request&, const http::Responder& responder) -> Status {
      responder.send(http::Response::json(text));
      return ok();
    });
  };

  const json::Array extensions(oip_facts::kExtensions.begin(), oip_facts::kExtensions.end());
  const json::Value server = json::object({{"name", oip_facts::kName}, {"version", facts.version}, {"extensions", extensions}});
  routes.add(Method::get, "/v2", open_probe(), http::Body::none(), fixed(server),
             {.id = "oipServer", .summary = "Server metadata", .responses = {{200, "the server", server.dump()}}});
  routes.add(Method::get, "/v2/health/live", open_probe(), http::Body::none(), fixed(json::object({{"live", true}})),
             {.id = "oipLive", .summary = "Liveness", .responses = {{200, "alive", R"({"live":true})"}}});
  routes.add(Method::get, "/v2/health/ready", open_probe(), http::Body::none(),
             [ready = facts.ready](http::Request&, const http::Responder& responder) -> Status {
               const bool good = ready();
               responder.send(http::Response::json(json::object({{"ready", good}, {"live", true}}).dump(), good ? 200 : 503));
               return ok();
             },
             {.id = "oipReady", .summary = "Readiness", .responses = {{200, "ready", R"({"ready":true,"live":true})"}}});
  routes.add(Method::get, "/v2/models", reader(), http::Body::none(), names_of_models(predictor),
             {.id = "oipModels", .summary = "Names of one's models", .responses = {{200, "the names", R"({"models":["iris"]})"}}});

  const Clock& clock = predictor->registry().clock();
  const auto stats = [&clock](const models::Deployment& model) { return json::object({{"model_stats", json::Array{statistics(model, clock)}}}); };
  const auto ready = [](const models::Deployment& model) { return json::object({{"name", model.name}, {"ready", true}}); };
  const auto described = [predictor](const models::Deployment& model) { return metadata(oip_facts::of_model(model, predictor->options())); };
  const auto configuration = [predictor](const models::Deployment& model) { return config(oip_facts::of_model(model, predictor->options())); };
  const std::string kInferExample = R"({"inputs":[{"name":"numbers","shape":[1,4],"datatype":"FP64","data":[5.1,3.5,1.4,0.2]}]})";
  const std::string kInferAnswer =
      R"({"model_name":"iris","model_version":"1","outputs":[{"name":"label","datatype":"BYTES","shape":[1],"data":["setosa"]}]})";
  for (const bool versioned : {false, true}) {
    const std::string at = versioned ? "/v2/models/:model/versions/:version" : "/v2/models/:model";
    const std::string suffix = versioned ? "OfVersion" : "";
    const std::string words = versioned ? " of the version that is served" : "";
    routes.add(Method::get, at, reader(), http::Body::none(), about(described),
               {.id = "oipModel" + suffix,
                .summary = "Inputs and outputs" + words,
                .responses = {{200, "the model", R"({"name":"iris","versions":["1"],"platform":"slipway","inputs":[],"outputs":[]})"}}});
    routes.add(Method::get, at + "/ready", reader(), http::Body::none(), about(ready),
               {.id = "oipModelReady" + suffix,
                .summary = "Whether it can be asked" + words,
                .responses = {{200, "it can", R"({"name":"iris","ready":true})"}}});
    routes.add(Method::get, at + "/config", reader(), http::Body::none(), about(configuration),
               {.id = "oipConfig" + suffix,
                .summary = "Triton's model configuration" + words,
                .responses = {{200, "the configuration", R"({"name":"iris","platform":"slipway","max_batch_size":100000,"input":[],"output":[]})"}}});
    routes.add(
        Method::get, at + "/stats", reader(), http::Body::none(), about(stats),
        {.id = "oipStats" + suffix, .summary = "Triton's statistics" + words, .responses = {{200, "counts and times", R"({"model_stats":[]})"}}});
    routes.add(Method::post, at + "/infer", reader(), http::Body::buffered(predictor->options().body_bytes_max, {}),
               [predictor](http::Request& request, const http::Responder& responder) { return infer(*predictor, request, responder); },
               {.id = "oipInfer" + suffix,
                .summary = "Predict" + words,
                .description = "JSON, or JSON followed by raw tensors (the binary tensor data extension).",
                .request_example = kInferExample,
                .responses = {{200, "the outputs", kInferAnswer}},
                .errors = {ErrorCode::bad_request, ErrorCode::rate_limited, ErrorCode::model_crashed, ErrorCode::overloaded, ErrorCode::unavailable,
                           ErrorCode::deadline_exceeded}});
  }
  routes.add(Method::get, "/v2/models/stats", reader(), http::Body::none(),
             [predictor, &clock](http::Request& request, const http::Responder& responder) -> Status {
               json::Array all;
               for (const auto& model : predictor->registry().own(*request.principal)) {
                 if (model->served()) all.push_back(statistics(*model, clock));
               }
               responder.send(json_response(json::object({{"model_stats", std::move(all)}})));
               return ok();
             },
             {.id = "oipAllStats",
              .summary = "Triton's statistics of all of one's models",
              .responses = {{200, "counts and times", R"({"model_stats":[]})"}}});
  for (const bool named : {false, true}) {
    const std::string at = named ? "/v2/repository/:repository" : "/v2/repository";
    const std::string suffix = named ? "OfRepository" : "";
    routes.add(Method::post, at + "/index", reader(), http::Body::buffered(64 * 1024, {}),
               [predictor](http::Request& request, const http::Responder& responder) -> Status {
                 responder.send(TRY(repository_index(*predictor, request)));
                 return ok();
               },
               {.id = "oipIndex" + suffix,
                .summary = "Triton's repository index: one's models",
                .responses = {{200, "the models", R"([{"name":"iris","version":"1","state":"READY","reason":""}])"}}});
    routes.add(Method::post, at + "/models/:model/load", Access::scope("models:write"), http::Body::buffered(1 << 20, {}),
               [predictor](http::Request& request, const http::Responder& responder) { return load(*predictor, request, responder); },
               {.id = "oipLoad" + suffix, .summary = "Load a model into memory now", .responses = {{200, "it is loaded", ""}}});
    routes.add(Method::post, at + "/models/:model/unload", Access::scope("models:write"), http::Body::buffered(1 << 20, {}),
               [predictor](http::Request& request, const http::Responder& responder) { return unload(*predictor, request, responder); },
               {.id = "oipUnload" + suffix,
                .summary = "Free a model's memory; the next request loads it again",
                .responses = {{200, "it has no work any more", ""}}});
  }
  return std::move(routes).take();
}

}  // namespace slipway::predictions
