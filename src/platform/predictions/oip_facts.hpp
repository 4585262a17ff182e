// What the Open Inference Protocol says of a server and its models, apart from the wire: REST writes it as JSON, gRPC as protobuf.
// Pure functions of what is in memory.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "slipway/platform/predictions/predictor.hpp"
#include "slipway/tensor/oip_codec.hpp"

namespace slipway::predictions::oip_facts {

inline constexpr std::string_view kName = "slipway";  // of the server, the platform and the backend
inline constexpr std::array<std::string_view, 7> kExtensions = {"binary_tensor_data", "classification",  "model_configuration", "model_repository",
                                                                "parameters",         "schedule_policy", "statistics"};

struct TensorFacts {
  std::string name;
  DType dtype = DType::undefined;
  std::vector<std::int64_t> shape;  // -1: free
  std::vector<std::int64_t> dims;   // of Triton's configuration: without the rows, when max_batch_size says that there are rows
};

struct ModelFacts {
  std::string name, version;
  std::int64_t max_batch_size = 0;  // 0: there are no rows
  bool dynamic_batching = false;
  std::uint64_t max_queue_delay_us = 0;  // the batching window
  std::vector<TensorFacts> inputs, outputs;
};
ModelFacts of_model(const models::Deployment& served, const Options& options);
std::string config_type(DType dtype);  // "TYPE_FP64"

struct Statistics {
  std::string name, version;
  std::int64_t last_inference_ms = 0;  // unix; 0: never
  std::uint64_t inference_count = 0, execution_count = 0;
  inference::Tally success, fail, queue, compute_infer;  // what isn't measured apart (input, output, caches) is zero
  bool loaded = false;
  std::uint64_t resident_bytes = 0;
};
Statistics statistics_of(const models::Deployment& served, const Clock& clock);

struct IndexEntry {
  std::string name, version;  // version: empty unless one is served
  bool ready = false;
  std::string reason;  // of not being ready
};
std::vector<IndexEntry> index_of(const Predictor& predictor, const http::Principal& who, bool only_ready);

Status require_served(const models::Deployment& model);
// The headers' terms, and the request's own priority and timeout.
Result<Terms> terms_of(const Predictor& predictor, const http::Request& request, const oip::InferRequest& parsed);

}  // namespace slipway::predictions::oip_facts
