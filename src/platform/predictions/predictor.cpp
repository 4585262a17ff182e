#include "slipway/platform/predictions/predictor.hpp"

#include <algorithm>
#include <charconv>

#include "slipway/os/loop.hpp"
#include "slipway/tensor/answer_size.hpp"

namespace slipway::predictions {
namespace {

constexpr std::size_t kLongBodyBytes = 64 << 10;  // takes a while to decode
constexpr Millis kLeaseSlack{5000};               // a lease in a shared store outlives its request by this, when nobody gives it back

}  // namespace

Result<Millis> parse_timeout(std::string_view text) {
  const auto refuse = [] { return Error(ErrorCode::bad_request, "a timeout is a number of seconds above zero, or has a unit: 2.5, 250ms, 2s"); };
  double scale_ms = 1000;
  if (text.ends_with("ms")) {
    scale_ms = 1;
    text.remove_suffix(2);
  } else if (text.ends_with('s')) {
    text.remove_suffix(1);
  }
  double value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (problem != std::errc{} || end != text.data() + text.size() || !(value > 0)) return refuse();
  return Millis(static_cast<std::int64_t>(std::clamp(value * scale_ms, 1.0, 86'400'000.0)));
}

Predictor::Predictor(models::Registry& registry, limits::Limiter& limiter, Metrics& metrics, Options options)
    : registry_(registry),
      limiter_(limiter),
      rows_(metrics.counter("slipway_predicted_rows_total", "Rows that models have answered")),
      options_(options) {}

DecodeLimits Predictor::decode_limits() const { return {options_.rows_max, std::max<std::size_t>(options_.body_bytes_max * 4, 1 << 20)}; }

Result<Predictor::Admitted> Predictor::admit(const http::Principal& who, Found found, std::size_t body_bytes) const {
  Admitted out;
  out.model = TRY(std::move(found));
  out.limit = TRY(limiter_.admit({who.user_id, who.limited_as(), out.model->model_id}, static_cast<std::int64_t>(body_bytes)));
  if (!out.model->served()) return Error(ErrorCode::model_not_ready, "the model is " + out.model->status + "; it can be asked when it is ready");
  out.caller = std::hash<std::string_view>{}(who.limited_as());
  if (os::Loop* const loop = os::Loop::current(); loop != nullptr && body_bytes > kLongBodyBytes) loop->hurry();
  return out;
}

Result<Terms> Predictor::terms(const http::Request& request) const {
  Terms out{options_.timeout};
  out.cancellation = request.cancellation;
  std::optional<std::string> in_query;
  auto timeout = request.header("x-request-timeout");
  if (!timeout && !request.raw_query().empty() && (in_query = request.query("timeout"))) timeout = *in_query;
  if (timeout) {
    auto parsed = parse_timeout(*timeout);
    if (!parsed) return std::move(parsed).error().at(in_query ? "timeout" : "X-Request-Timeout", "is not a time");
    out.timeout = std::min(out.timeout, *parsed);
  }
  if (const auto priority = request.header("x-request-priority")) {
    if (*priority == "high")
      out.priority = inference::Priority::high;
    else if (*priority == "low")
      out.priority = inference::Priority::low;
    else if (*priority != "normal")
      return Error(ErrorCode::bad_request, "the priority is not known").at("X-Request-Priority", "is high, normal or low");
  }
  return out;
}

Status Predictor::worth_decoding(const Admitted& admitted, const Terms& terms, std::size_t body_bytes) const {
  return body_bytes > kLongBodyBytes ? admitted.model->model->turned_away(admitted.caller, terms.priority) : ok();
}

void Predictor::run(const Admitted& admitted, const Terms& terms, DecodedRequest input, os::Loop* loop, Steady deadline,
                    inference::PredictCallback done) const {
  inference::PredictJob job;
  job.inputs = std::move(input.inputs);
  job.rows = input.rows;
  job.deadline = std::min(deadline, system_clock().steady() + terms.timeout);
  job.loop = loop;
  job.caller = admitted.caller;
  job.priority = terms.priority;
  job.cancellation = terms.cancellation;
  if (admitted.limit == nullptr) return start(admitted, std::move(job), std::move(done));
  const auto left = std::max(Millis(0), std::chrono::duration_cast<Millis>(job.deadline - system_clock().steady()));
  const std::int64_t rows = static_cast<std::int64_t>(job.rows);
  auto waiting = std::make_shared<inference::PredictJob>(std::move(job));
  limiter_.settle(admitted.limit, rows, left + kLeaseSlack, loop, [this, admitted, waiting, done = std::move(done)](Status allowed) mutable {
    if (!allowed.ok()) return done(std::move(allowed).error());
    start(admitted, std::move(*waiting), std::move(done));
  });
}

void Predictor::start(const Admitted& admitted, inference::PredictJob job, inference::PredictCallback done) const {
  const std::size_t rows = job.rows;
  admitted.model->model->predict(std::move(job), [this, rows, done = std::move(done)](Result<std::vector<Tensor>> outputs) {
    if (outputs.ok()) rows_.add(rows);
    done(std::move(outputs));
  });
}

Status Predictor::check_answer(std::uint64_t bytes, std::span<const Tensor> outputs) const {
  if (bytes <= options_.answer_bytes_max) return ok();
  std::uint64_t values = 0, held = 0;
  for (const Tensor& t : outputs) {
    values += t.count();
    held += raw_size(t);
  }
  return Error(ErrorCode::too_large, "the answer has " + std::to_string(values) + " values of " + std::to_string(held) +
                                         " bytes; written as it is asked for it is larger than " + std::to_string(options_.answer_bytes_max) +
                                         " bytes (predictions.answer_bytes_max). Ask for fewer rows at once, or for fewer outputs or binary ones");
}

void Predictor::add_limit_headers(http::Response& response, const limits::GrantPtr& limit) const {
  if (limit == nullptr) return;
  auto [policy, standing] = limit->headers();
  response.headers.emplace_back("RateLimit-Policy", std::move(policy));
  response.headers.emplace_back("RateLimit", std::move(standing));
  limit->end();
}

}  // namespace slipway::predictions
