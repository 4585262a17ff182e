// Predictor: what is the same for every protocol that asks for a prediction: may this caller, is the model served, how urgent is it and until
// when, into the model's queue, counted. The protocols decode the body and write the answer. Everything runs on the connection's own loop:
// no database, no disk, no lock that all requests share.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "slipway/base/metrics.hpp"
#include "slipway/http/route.hpp"
#include "slipway/inference/engine.hpp"
#include "slipway/platform/limits/limiter.hpp"
#include "slipway/platform/models/registry.hpp"
#include "slipway/tensor/request_codec.hpp"

namespace slipway::predictions {

struct Options {
  std::uint64_t body_bytes_max = 64ULL << 20;
  std::size_t rows_max = 100'000;
  Millis timeout{30'000};  // callers may ask for less
  std::uint64_t answer_bytes_max = 256ULL << 20;
};

// When the caller wants the answer, and before whom.
struct Terms {
  Millis timeout;
  inference::Priority priority = inference::Priority::normal;
  CancellationPtr cancellation = nullptr;  // of the connection or call
};

class Predictor {
 public:
  Predictor(models::Registry& registry, limits::Limiter& limiter, Metrics& metrics, Options options);

  struct Admitted {
    std::shared_ptr<const models::Deployment> model;  // served
    limits::GrantPtr limit;                           // its charges and its place, until the last copy goes; null: nothing limits it
    std::uint64_t caller = 0;                         // for fairness between callers
  };
  using Found = Result<std::shared_ptr<const models::Deployment>>;
  // found: by the registry, for this caller. body_bytes: of the request, for limits. Before the body is decoded.
  // Errors: those of `found`, rate_limited, model_not_ready, unavailable.
  Result<Admitted> admit(const http::Principal& who, Found found, std::size_t body_bytes) const;

  // X-Request-Timeout (or ?timeout=): seconds, or with a unit (`250ms`, `2s`). X-Request-Priority: high, normal or low.
  // Errors: bad_request that names the header.
  Result<Terms> terms(const http::Request& request) const;

  // Before the body is decoded: one that takes a while isn't for a request that the model's queue would refuse anyway. Error: overloaded.
  Status worth_decoding(const Admitted& admitted, const Terms& terms, std::size_t body_bytes) const;

  // done is called on the loop, exactly once, maybe before this returns. deadline: of the transport; that of the terms counts too.
  // Errors: those of the engine, rate_limited (rows; a shared limit).
  void run(const Admitted& admitted, const Terms& terms, DecodedRequest input, os::Loop* loop, Steady deadline,
           inference::PredictCallback done) const;

  // bytes: that the answer is going to have (tensor/answer_size.hpp). too_large when these are more than one may have.
  Status check_answer(std::uint64_t bytes, std::span<const Tensor> outputs) const;

  DecodeLimits decode_limits() const;
  void add_limit_headers(http::Response& response, const limits::GrantPtr& limit) const;  // and ends the grant: the answer is about to go
  const Options& options() const { return options_; }
  models::Registry& registry() const { return registry_; }

 private:
  void start(const Admitted& admitted, inference::PredictJob job, inference::PredictCallback done) const;

  models::Registry& registry_;
  limits::Limiter& limiter_;
  Counter& rows_;
  const Options options_;
};

Result<Millis> parse_timeout(std::string_view text);  // bad_request unless it is a time above zero

}  // namespace slipway::predictions
