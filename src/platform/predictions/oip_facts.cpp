#include "slipway/platform/predictions/oip_facts.hpp"

#include <algorithm>
#include <cmath>

namespace slipway::predictions::oip_facts {
namespace {

std::vector<TensorFacts> tensors_of(const Schema& schema, const std::vector<Port>& ports) {
  std::vector<TensorFacts> out;
  for (const Port& port : ports) {
    TensorFacts facts{port.name, port.dtype, port.shape, {}};
    if (port.any_rank) facts.shape.push_back(-1);
    facts.dims = facts.shape;
    if (schema.batched && !facts.dims.empty()) facts.dims.erase(facts.dims.begin());
    out.push_back(std::move(facts));
  }
  return out;
}

}  // namespace

ModelFacts of_model(const models::Deployment& served, const Options& options) {
  const Schema& schema = served.codec->schema();
  return {.name = served.name,
          .version = std::to_string(served.version),
          .max_batch_size = schema.batched ? static_cast<std::int64_t>(options.rows_max) : 0,
          .dynamic_batching = schema.rows_independent,
          .max_queue_delay_us = static_cast<std::uint64_t>(served.batch_window.count()) * 1000,
          .inputs = tensors_of(schema, schema.inputs),
          .outputs = tensors_of(schema, schema.outputs)};
}

std::string config_type(DType dtype) { return "TYPE_" + std::string(dtype == DType::string ? "STRING" : dtype_oip_name(dtype)); }

Statistics statistics_of(const models::Deployment& served, const Clock& clock) {
  const inference::ModelStats s = served.model->stats();
  const auto since = std::chrono::duration_cast<Millis>(clock.steady() - s.last_used).count();
  return {.name = served.name,
          .version = std::to_string(served.version),
          .last_inference_ms = s.succeeded.count == 0 ? 0 : clock.unix_ms() - since,
          .inference_count = s.rows,
          .execution_count = static_cast<std::uint64_t>(std::llround(s.runs)),
          .success = s.succeeded,
          .fail = s.failed,
          .queue = s.queued,
          .compute_infer = s.computed,
          .loaded = s.loaded,
          .resident_bytes = s.resident_bytes};
}

std::vector<IndexEntry> index_of(const Predictor& predictor, const http::Principal& who, bool only_ready) {
  std::vector<IndexEntry> out;
  for (const auto& model : predictor.registry().own(who)) {
    const bool ready = model->served();
    if (only_ready && !ready) continue;
    out.push_back({model->name, ready ? std::to_string(model->version) : "", ready, ready ? "" : model->status});
  }
  return out;
}

Status require_served(const models::Deployment& model) {
  if (model.served()) return ok();
  return Error(ErrorCode::unavailable, "the model is " + model.status + "; it can be asked when it is ready");
}

Result<Terms> terms_of(const Predictor& predictor, const http::Request& request, const oip::InferRequest& parsed) {
  Terms terms = TRY(predictor.terms(request));
  if (parsed.timeout_us > 0)
    terms.timeout = std::min(terms.timeout, Millis(std::max<std::uint64_t>(1, std::min<std::uint64_t>(parsed.timeout_us / 1000, 86'400'000))));
  if (parsed.priority > 0)
    terms.priority = parsed.priority == 1 ? inference::Priority::high : parsed.priority == 2 ? inference::Priority::normal : inference::Priority::low;
  return terms;
}

}  // namespace slipway::predictions::oip_facts
