#include "slipway/platform/rpc/methods.hpp"

#include <health.pb.h>
#include <inference.pb.h>

#include "slipway/platform/predictions/oip_facts.hpp"
#include "slipway/platform/predictions/protocols.hpp"
#include "slipway/platform/rpc/infer.hpp"

namespace slipway::rpc {

namespace pb = ::inference;  // the messages; slipway::inference is the engine

namespace {

namespace facts_of = predictions::oip_facts;
using http::Access;
using predictions::PredictorPtr;

constexpr std::size_t kSmallMessage = 1 << 20;  // of everything but tensors

// A method whose answer is known at once: f(call, request) gives Result<Response>.
template <class Request, class F>
Method at_once(const Access& access, F f) {
  return {.access = access, .bytes_max = kSmallMessage, .run = [f = std::move(f)](const CallPtr& call, std::string_view bytes, const Reply& reply) {
            Request request;
            if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
              return reply(Error(ErrorCode::bad_request, "the message can't be read"));
            auto response = f(*call, request);
            if (!response.ok()) return reply(predictions::in_their_words(response.error()));
            using Response = typename decltype(response)::Value;
            reply(Answer{std::make_shared<const Response>(std::move(response).value()), {}});
          }};
}

using Deployed = std::shared_ptr<const models::Deployment>;

Result<Deployed> served(const PredictorPtr& predictor, const Call& call, const std::string& name, const std::string& version) {
  Deployed model = TRY(predictions::find_model(*predictor, *call.request.principal, name, version));
  TRY(facts_of::require_served(*model));
  return model;
}

// ---- messages from facts

void fill_metadata(google::protobuf::RepeatedPtrField<pb::ModelMetadataResponse::TensorMetadata>& out,
                   const std::vector<facts_of::TensorFacts>& tensors) {
  for (const facts_of::TensorFacts& t : tensors) {
    auto& to = *out.Add();
    to.set_name(t.name);
    to.set_datatype(std::string(dtype_oip_name(t.dtype)));
    to.mutable_shape()->Assign(t.shape.begin(), t.shape.end());
  }
}

pb::ModelMetadataResponse metadata(const facts_of::ModelFacts& facts) {
  pb::ModelMetadataResponse out;
  out.set_name(facts.name);
  out.add_versions(facts.version);
  out.set_platform(std::string(facts_of::kName));
  fill_metadata(*out.mutable_inputs(), facts.inputs);
  fill_metadata(*out.mutable_outputs(), facts.outputs);
  return out;
}

template <class Port>
void fill_config(google::protobuf::RepeatedPtrField<Port>& out, const std::vector<facts_of::TensorFacts>& tensors) {
  for (const facts_of::TensorFacts& t : tensors) {
    Port& to = *out.Add();
    to.set_name(t.name);
    pb::DataType type = pb::TYPE_INVALID;
    pb::DataType_Parse(facts_of::config_type(t.dtype), &type);
    to.set_data_type(type);
    to.mutable_dims()->Assign(t.dims.begin(), t.dims.end());
  }
}

pb::ModelConfigResponse config(const facts_of::ModelFacts& facts) {
  pb::ModelConfigResponse out;
  pb::ModelConfig& config = *out.mutable_config();
  config.set_name(facts.name);
  config.set_platform(std::string(facts_of::kName));
  config.set_backend(std::string(facts_of::kName));
  config.mutable_version_policy()->mutable_latest()->set_num_versions(1);
  config.set_max_batch_size(static_cast<std::int32_t>(facts.max_batch_size));
  fill_config(*config.mutable_input(), facts.inputs);
  fill_config(*config.mutable_output(), facts.outputs);
  if (facts.dynamic_batching) config.mutable_dynamic_batching()->set_max_queue_delay_microseconds(facts.max_queue_delay_us);
  return out;
}

pb::StatisticDuration duration(const inference::Tally& tally) {
  pb::StatisticDuration out;
  out.set_count(tally.count);
  out.set_ns(tally.ns);
  return out;
}

void fill_statistics(pb::ModelStatistics& out, const facts_of::Statistics& s) {
  out.set_name(s.name);
  out.set_version(s.version);
  out.set_last_inference(static_cast<std::uint64_t>(s.last_inference_ms));
  out.set_inference_count(s.inference_count);
  out.set_execution_count(s.execution_count);
  pb::InferStatistics& stats = *out.mutable_inference_stats();
  *stats.mutable_success() = duration(s.success);
  *stats.mutable_fail() = duration(s.fail);
  *stats.mutable_queue() = duration(s.queue);
  *stats.mutable_compute_infer() = duration(s.compute_infer);
  for (auto* const none : {stats.mutable_compute_input(), stats.mutable_compute_output(), stats.mutable_cache_hit(), stats.mutable_cache_miss()})
    *none = duration({});
  if (!s.loaded) return;
  pb::MemoryUsage& memory = *out.add_memory_usage();
  memory.set_type("CPU");
  memory.set_byte_size(s.resident_bytes);
}

// ---- methods

class Table {
 public:
  Table(PredictorPtr predictor, predictions::ServerFacts facts) : predictor_(std::move(predictor)), facts_(std::move(facts)) {}

  Methods take() && {
    add_server();
    add_models();
    add_inference();
    add_repository("inference.GRPCInferenceService");
    add_repository("inference.model_repository.ModelRepositoryService");  // MLServer's name for the same
    return std::move(out_);
  }

 private:
  void add(std::string_view service, std::string_view name, Method method) {
    out_.emplace("/" + std::string(service) + "/" + std::string(name), std::move(method));
  }
  void add(std::string_view name, Method method) { add("inference.GRPCInferenceService", name, std::move(method)); }

  void add_server() {
    const auto anyone = [] { return Access::anyone("probes and clients ask without a login; says nothing of models or people"); };
    add("ServerLive", at_once<pb::ServerLiveRequest>(anyone(), [](const Call&, const auto&) -> Result<pb::ServerLiveResponse> {
          pb::ServerLiveResponse out;
          out.set_live(true);
          return out;
        }));
    add("ServerReady", at_once<pb::ServerReadyRequest>(anyone(), [ready = facts_.ready](const Call&, const auto&) -> Result<pb::ServerReadyResponse> {
          pb::ServerReadyResponse out;
          out.set_ready(ready());
          return out;
        }));
    add("ServerMetadata",
        at_once<pb::ServerMetadataRequest>(anyone(), [version = facts_.version](const Call&, const auto&) -> Result<pb::ServerMetadataResponse> {
          pb::ServerMetadataResponse out;
          out.set_name(std::string(facts_of::kName));
          out.set_version(version);
          for (const std::string_view extension : facts_of::kExtensions) out.add_extensions(std::string(extension));
          return out;
        }));
    using Health = grpc::health::v1::HealthCheckResponse;
    add("grpc.health.v1.Health", "Check",
        at_once<grpc::health::v1::HealthCheckRequest>(anyone(), [ready = facts_.ready](const Call&, const auto& request) -> Result<Health> {
          if (!request.service().empty() && request.service() != "inference.GRPCInferenceService")
            return Error(ErrorCode::not_found, "there is no such service");
          Health out;
          out.set_status(ready() ? Health::SERVING : Health::NOT_SERVING);
          return out;
        }));
  }

  void add_models() {
    const auto reader = [] { return Access::scope("predict"); };
    add("ModelReady",
        at_once<pb::ModelReadyRequest>(reader(), [p = predictor_](const Call& call, const auto& request) -> Result<pb::ModelReadyResponse> {
          const Deployed model = TRY(predictions::find_model(*p, *call.request.principal, request.name(), request.version()));
          pb::ModelReadyResponse out;
          out.set_ready(model->served());
          return out;
        }));
    add("ModelMetadata",
        at_once<pb::ModelMetadataRequest>(reader(), [p = predictor_](const Call& call, const auto& request) -> Result<pb::ModelMetadataResponse> {
          return metadata(facts_of::of_model(*TRY(served(p, call, request.name(), request.version())), p->options()));
        }));
    add("ModelConfig",
        at_once<pb::ModelConfigRequest>(reader(), [p = predictor_](const Call& call, const auto& request) -> Result<pb::ModelConfigResponse> {
          return config(facts_of::of_model(*TRY(served(p, call, request.name(), request.version())), p->options()));
        }));
    add("ModelStatistics",
        at_once<pb::ModelStatisticsRequest>(reader(), [p = predictor_](const Call& call, const auto& request) -> Result<pb::ModelStatisticsResponse> {
          const Clock& clock = p->registry().clock();
          pb::ModelStatisticsResponse out;
          if (!request.name().empty()) {
            fill_statistics(*out.add_model_stats(), facts_of::statistics_of(*TRY(served(p, call, request.name(), request.version())), clock));
            return out;
          }
          for (const Deployed& model : p->registry().own(*call.request.principal)) {
            if (model->served()) fill_statistics(*out.add_model_stats(), facts_of::statistics_of(*model, clock));
          }
          return out;
        }));
  }

  void add_inference() {
    const auto method = [this](auto function, bool streams) {
      return Method{.access = Access::scope("predict"),
                    .bytes_max = static_cast<std::size_t>(predictor_->options().body_bytes_max),
                    .run = [p = predictor_, function](const CallPtr& call, std::string_view message,
                                                      Reply reply) { function(p, call, message, std::move(reply)); },
                    .streams = streams};
    };
    add("ModelInfer", method(&infer, false));
    add("ModelStreamInfer", method(&infer_in_stream, true));
  }

  void add_repository(std::string_view service) {
    add(service, "RepositoryIndex",
        at_once<pb::RepositoryIndexRequest>(
            Access::scope("predict"), [p = predictor_](const Call& call, const auto& request) -> Result<pb::RepositoryIndexResponse> {
              pb::RepositoryIndexResponse out;
              for (const facts_of::IndexEntry& model : facts_of::index_of(*p, *call.request.principal, request.ready())) {
                auto& entry = *out.add_models();
                entry.set_name(model.name);
                entry.set_version(model.version);
                entry.set_state(model.ready ? "READY" : "UNAVAILABLE");
                entry.set_reason(model.reason);
              }
              return out;
            }));
    add(service, "RepositoryModelLoad", change([](const Deployed& model, std::function<void(Status)> done) -> Status {
          TRY(facts_of::require_served(*model));
          model->model->load(std::move(done));
          return ok();
        }));
    add(service, "RepositoryModelUnload", change([](const Deployed& model, const std::function<void(Status)>& done) -> Status {
          if (model->served()) model->model->unload();
          done(ok());
          return ok();
        }));
  }

  // Load and unload: act(model, done) calls done, or returns why it can't.
  template <class F>
  Method change(F act) {
    return {.access = Access::scope("models:write"),
            .bytes_max = kSmallMessage,
            .run = [p = predictor_, act](const CallPtr& call, std::string_view bytes, const Reply& reply) {
              const Status begun = [&]() -> Status {
                pb::RepositoryModelRequest request;
                if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
                  return Error(ErrorCode::bad_request, "the message can't be read");
                const std::string& name = request.model_name().empty() ? request.repository_or_model_name() : request.model_name();
                const Deployed model = TRY(predictions::find_model(*p, *call->request.principal, name));
                return act(model, [reply, name](const Status& done) {
                  if (!done.ok()) return reply(predictions::in_their_words(done.error()));
                  const auto response = std::make_shared<pb::RepositoryModelResponse>();
                  response->set_model_name(name);
                  response->set_done(true);
                  reply(Answer{response, {}});
                });
              }();
              if (!begun.ok()) reply(predictions::in_their_words(begun.error()));
            }};
  }

  PredictorPtr predictor_;
  predictions::ServerFacts facts_;
  Methods out_;
};

}  // namespace

Methods methods(const PredictorPtr& predictor, const predictions::ServerFacts& facts) { return Table(predictor, facts).take(); }

}  // namespace slipway::rpc
