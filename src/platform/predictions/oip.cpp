// /v2: the Open Inference Protocol by REST, and Triton's extensions of it. Shapes from the public specifications.
#include <charconv>

#include "slipway/platform/predictions/protocols.hpp"
#include "slipway/tensor/oip_codec.hpp"

namespace slipway::predictions {
namespace {

constexpr std::string_view kBinaryHeader = "inference-header-content-length";

// What is wrong with a request is 400 here, whatever it is; a model that can't answer yet is 503.
Error as_oip(Error error) {
  switch (error.code()) {
    case ErrorCode::invalid_input:
    case ErrorCode::invalid_json: return std::move(error).as(ErrorCode::bad_request);
    case ErrorCode::model_not_ready: return std::move(error).as(ErrorCode::unavailable);
    default: return error;
  }
}

json::Array shape_of(const Port& port) {
  json::Array out;
  for (const auto d : port.shape) out.emplace_back(d);
  if (port.any_rank) out.emplace_back(std::int64_t{-1});
  return out;
}

json::Array ports_json(const std::vector<Port>& ports) {
  json::Array out;
  for (const Port& p : ports) out.push_back(json::object({{"name", p.name}, {"datatype", dtype_oip_name(p.dtype)}, {"shape", shape_of(p)}}));
  return out;
}

const Schema& schema_of(const models::Deployment& model) { return model.codec->schema(); }

std::string version_of(const models::Deployment& model) { return std::to_string(model.version); }

Status require_served(const models::Deployment& model) {
  if (model.served()) return ok();
  return Error(ErrorCode::unavailable, "the model is " + model.status + "; it can be asked when it is ready");
}

json::Value metadata(const models::Deployment& model) {
  return json::object({{"name", model.name},
                       {"versions", json::Array{version_of(model)}},
                       {"platform", "slipway"},
                       {"inputs", ports_json(schema_of(model).inputs)},
                       {"outputs", ports_json(schema_of(model).outputs)}});
}

// ---- Triton's model configuration

std::string config_type(DType dtype) { return "TYPE_" + std::string(dtype == DType::string ? "STRING" : dtype_oip_name(dtype)); }

json::Array config_ports(const Schema& schema, const std::vector<Port>& ports) {
  json::Array out;
  for (const Port& p : ports) {
    json::Array dims = shape_of(p);
    if (schema.batched && !dims.empty()) dims.erase(dims.begin());  // max_batch_size says that there are rows
    out.push_back(json::object({{"name", p.name}, {"data_type", config_type(p.dtype)}, {"dims", std::move(dims)}}));
  }
  return out;
}

json::Value config(const models::Deployment& model, std::size_t rows_max) {
  const Schema& schema = schema_of(model);
  json::Value out = json::object({{"name", model.name},
                                  {"platform", "slipway"},
                                  {"backend", "slipway"},
                                  {"version_policy", json::object({{"latest", json::object({{"num_versions", 1}})}})},
                                  {"max_batch_size", schema.batched ? static_cast<std::int64_t>(rows_max) : 0},
                                  {"input", config_ports(schema, schema.inputs)},
                                  {"output", config_ports(schema, schema.outputs)}});
  if (schema.rows_independent) out.set("dynamic_batching", json::object({}));
  return out;
}

// ---- Triton's statistics

json::Value tally_json(const inference::Tally& tally) { return json::object({{"count", tally.count}, {"ns", tally.ns}}); }

json::Value statistics(const models::Deployment& model, const Clock& clock) {
  const inference::ModelStats s = model.model->stats();
  const auto since = std::chrono::duration_cast<Millis>(clock.steady() - s.last_used).count();
  const json::Value none = tally_json({});
  return json::object(
      {{"name", model.name},
       {"version", version_of(model)},
       {"last_inference", s.succeeded.count == 0 ? 0 : clock.unix_ms() - since},
       {"inference_count", s.rows},
       {"execution_count", static_cast<std::int64_t>(s.runs + 0.5)},
       {"inference_stats", json::object({{"success", tally_json(s.succeeded)},
                                         {"fail", tally_json(s.failed)},
                                         {"queue", tally_json(s.queued)},
                                         {"compute_input", none},
                                         {"compute_infer", tally_json(s.computed)},
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

Result<Terms> terms_of(const Predictor& predictor, const http::Request& request, const oip::InferRequest& parsed) {
  Terms terms = TRY(predictor.terms(request));
  if (parsed.timeout_us > 0)
    terms.timeout = std::min(terms.timeout, Millis(std::max<std::uint64_t>(1, std::min<std::uint64_t>(parsed.timeout_us / 1000, 86'400'000))));
  if (parsed.priority > 0)
    terms.priority = parsed.priority == 1 ? inference::Priority::high : parsed.priority == 2 ? inference::Priority::normal : inference::Priority::low;
  return terms;
}

Status infer(const Predictor& predictor, http::Request& request, const http::Responder& responder) {
  const auto admitted =
      TRY(predictor.admit(*request.principal, find_model(predictor, request, request.param("model"), request.param("version")), request.body.size()));
  const models::Deployment& model = *admitted.model;
  auto parsed = std::make_shared<oip::InferRequest>(TRY(parse(predictor, request, schema_of(model))));
  for (const oip::WantedOutput& wanted : parsed->outputs) TRY(oip::output_index(schema_of(model), wanted.name));
  const Terms terms = TRY(terms_of(predictor, request, *parsed));
  DecodedRequest input = TRY(model.codec->decode_tensors(std::move(parsed->inputs), predictor.decode_limits()));
  predictor.run(admitted, terms, std::move(input), request.loop, request.deadline,
                [&predictor, admitted, parsed, responder](Result<std::vector<Tensor>> outputs) {
                  if (!outputs.ok()) return responder.send(as_oip(outputs.error()));
                  const models::Deployment& asked = *admitted.model;
                  auto answer = oip::encode_answer(*parsed, schema_of(asked), *outputs, asked.name, version_of(asked));
                  if (!answer.ok()) return responder.send(as_oip(answer.error()));
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
  for (const auto& model : predictor.registry().own(*request.principal)) {
    if (only_ready && !model->served()) continue;
    json::Value entry = json::object({{"name", model->name}});
    if (model->served()) entry.set("version", version_of(*model));
    entry.set("state", model->served() ? "READY" : "UNAVAILABLE");
    entry.set("reason", model->served() ? "" : model->status);
    out.push_back(std::move(entry));
  }
  return json_response(std::move(out));
}

Status load(const Predictor& predictor, http::Request& request, const http::Responder& responder) {
  const auto model = TRY(find_model(predictor, request, request.param("model")));
  TRY(require_served(*model));
  model->model->load([responder, model](Status loaded) {
    if (!loaded.ok()) return responder.send(as_oip(loaded.error()));
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
  std::vector<http::Route> out;
  using Begin = std::function<Status(http::Request&, const http::Responder&)>;
  const auto add = [&](Method method, std::string pattern, Access access, http::Body body, Begin begin, http::Doc doc) {
    doc.tag = "open inference protocol";
    out.push_back({.method = method,
                   .pattern = std::move(pattern),
                   .access = std::move(access),
                   .body = std::move(body),
                   .handler = starting([begin = std::move(begin)](http::Request& request, const http::Responder& responder) -> Status {
                     Status begun = begin(request, responder);
                     return begun.ok() ? std::move(begun) : Status(as_oip(begun.error()));
                   }),
                   .timeout = predictor->options().timeout + Millis(1000),
                   .quiet = true,
                   .extend_problem = add_error_member,
                   .doc = std::move(doc)});
  };
  // answers from memory; show(model) is the JSON
  const auto about = [&predictor](auto show) {
    return Begin([predictor, show](http::Request& request, const http::Responder& responder) -> Status {
      const auto model = TRY(find_model(*predictor, request, request.param("model"), request.param("version")));
      TRY(require_served(*model));
      responder.send(json_response(show(*model)));
      return ok();
    });
  };
  const auto anyone = [] { return Access::anyone("probes and clients ask without a login; says nothing of models or people"); };
  const auto reader = [] { return Access::scope("predict"); };
  const auto fixed = [](const json::Value& value) {
    return Begin([text = value.dump()](http::Request&, const http::Responder& responder) -> Status {
      responder.send(http::Response::json(text));
      return ok();
    });
  };

  const json::Array extensions = {"binary_tensor_data", "classification",  "model_configuration", "model_repository",
                                  "parameters",         "schedule_policy", "statistics"};
  const json::Value server = json::object({{"name", "slipway"}, {"version", facts.version}, {"extensions", extensions}});
  add(Method::get, "/v2", anyone(), http::Body::none(), fixed(server),
      {.id = "oipServer", .summary = "Server metadata", .responses = {{200, "the server", server.dump()}}});
  add(Method::get, "/v2/health/live", anyone(), http::Body::none(), fixed(json::object({{"live", true}})),
      {.id = "oipLive", .summary = "Liveness", .responses = {{200, "alive", R"({"live":true})"}}});
  add(Method::get, "/v2/health/ready", anyone(), http::Body::none(),
      [ready = facts.ready](http::Request&, const http::Responder& responder) -> Status {
        const bool good = ready();
        responder.send(http::Response::json(json::object({{"ready", good}, {"live", true}}).dump(), good ? 200 : 503));
        return ok();
      },
      {.id = "oipReady", .summary = "Readiness", .responses = {{200, "ready", R"({"ready":true,"live":true})"}}});
  add(Method::get, "/v2/models", reader(), http::Body::none(),
      [predictor](http::Request& request, const http::Responder& responder) -> Status {
        json::Array names;
        for (const auto& model : predictor->registry().own(*request.principal)) {
          if (model->served()) names.emplace_back(model->name);
        }
        responder.send(json_response(json::object({{"models", std::move(names)}})));
        return ok();
      },
      {.id = "oipModels", .summary = "Names of one's models", .responses = {{200, "the names", R"({"models":["iris"]})"}}});

  const std::size_t rows_max = predictor->options().rows_max;
  const Clock& clock = predictor->registry().clock();
  const auto stats = [&clock](const models::Deployment& model) { return json::object({{"model_stats", json::Array{statistics(model, clock)}}}); };
  const auto ready = [](const models::Deployment& model) { return json::object({{"name", model.name}, {"ready", true}}); };
  const auto configuration = [rows_max](const models::Deployment& model) { return config(model, rows_max); };
  const std::string kInferExample = R"({"inputs":[{"name":"numbers","shape":[1,4],"datatype":"FP64","data":[5.1,3.5,1.4,0.2]}]})";
  const std::string kInferAnswer =
      R"({"model_name":"iris","model_version":"1","outputs":[{"name":"label","datatype":"BYTES","shape":[1],"data":["setosa"]}]})";
  for (const bool versioned : {false, true}) {
    const std::string at = versioned ? "/v2/models/:model/versions/:version" : "/v2/models/:model";
    const std::string suffix = versioned ? "OfVersion" : "";
    const std::string words = versioned ? " of the version that is served" : "";
    add(Method::get, at, reader(), http::Body::none(), about(metadata),
        {.id = "oipModel" + suffix,
         .summary = "Inputs and outputs" + words,
         .responses = {{200, "the model", R"({"name":"iris","versions":["1"],"platform":"slipway","inputs":[],"outputs":[]})"}}});
    add(Method::get, at + "/ready", reader(), http::Body::none(), about(ready),
        {.id = "oipModelReady" + suffix,
         .summary = "Whether it can be asked" + words,
         .responses = {{200, "it can", R"({"name":"iris","ready":true})"}}});
    add(Method::get, at + "/config", reader(), http::Body::none(), about(configuration),
        {.id = "oipConfig" + suffix,
         .summary = "Triton's model configuration" + words,
         .responses = {{200, "the configuration", R"({"name":"iris","platform":"slipway","max_batch_size":100000,"input":[],"output":[]})"}}});
    add(Method::get, at + "/stats", reader(), http::Body::none(), about(stats),
        {.id = "oipStats" + suffix, .summary = "Triton's statistics" + words, .responses = {{200, "counts and times", R"({"model_stats":[]})"}}});
    add(Method::post, at + "/infer", reader(), http::Body::buffered(predictor->options().body_bytes_max, {}),
        [predictor](http::Request& request, const http::Responder& responder) { return infer(*predictor, request, responder); },
        {.id = "oipInfer" + suffix,
         .summary = "Predict" + words,
         .description = "JSON, or JSON followed by raw tensors (the binary tensor data extension).",
         .request_example = kInferExample,
         .responses = {{200, "the outputs", kInferAnswer}},
         .errors = {ErrorCode::bad_request, ErrorCode::rate_limited, ErrorCode::model_crashed, ErrorCode::overloaded, ErrorCode::unavailable,
                    ErrorCode::deadline_exceeded}});
  }
  add(Method::get, "/v2/models/stats", reader(), http::Body::none(),
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
    add(Method::post, at + "/index", reader(), http::Body::buffered(64 * 1024, {}),
        [predictor](http::Request& request, const http::Responder& responder) -> Status {
          responder.send(TRY(repository_index(*predictor, request)));
          return ok();
        },
        {.id = "oipIndex" + suffix,
         .summary = "Triton's repository index: one's models",
         .responses = {{200, "the models", R"([{"name":"iris","version":"1","state":"READY","reason":""}])"}}});
    add(Method::post, at + "/models/:model/load", Access::scope("models:write"), http::Body::buffered(1 << 20, {}),
        [predictor](http::Request& request, const http::Responder& responder) { return load(*predictor, request, responder); },
        {.id = "oipLoad" + suffix, .summary = "Load a model into memory now", .responses = {{200, "it is loaded", ""}}});
    add(Method::post, at + "/models/:model/unload", Access::scope("models:write"), http::Body::buffered(1 << 20, {}),
        [predictor](http::Request& request, const http::Responder& responder) { return unload(*predictor, request, responder); },
        {.id = "oipUnload" + suffix,
         .summary = "Free a model's memory; the next request loads it again",
         .responses = {{200, "it has no work any more", ""}}});
  }
  return out;
}

}  // namespace slipway::predictions
