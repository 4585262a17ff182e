#include "slipway/platform/limits/limiter.hpp"

#include <functional>

namespace slipway::limits {
namespace {
std::int64_t whole_seconds(std::int64_t ns) { return (ns + 999'999'999) / 1'000'000'000; }
}  // namespace

Limiter::Limiter(std::optional<Rate> rate, std::string policy_name, const Clock& clock)
    : rate_(rate), policy_name_(std::move(policy_name)), clock_(clock) {}

Limiter::Answer Limiter::admit(std::string_view caller) {
  if (!rate_) return {};
  const std::int64_t now_ns = clock_.steady().time_since_epoch().count() + 1;
  Shard& shard = shards_[std::hash<std::string_view>{}(caller) % kShards];
  Decision d;
  {
    const std::lock_guard lock(shard.mutex);
    if (shard.arrivals.size() >= kCallersMax) forget_idle(shard, now_ns);
    std::int64_t& arrival = shard.arrivals[std::string(caller)];
    d = decide(*rate_, arrival, now_ns);
    arrival = d.theoretical_arrival_ns;
  }
  const std::int64_t refill_s = whole_seconds(d.allowed ? std::max<std::int64_t>(0, d.theoretical_arrival_ns - now_ns) : d.retry_after_ns);
  Answer answer;
  answer.headers_limit = '"' + policy_name_ + "\";r=" + std::to_string(d.remaining) + ";t=" + std::to_string(refill_s);
  if (!d.allowed) {
    const std::int64_t wait_s = std::max<std::int64_t>(1, whole_seconds(d.retry_after_ns));
    answer.status =
        Error(ErrorCode::rate_limited, "the limit \"" + policy_name_ + "\" of this key is reached; try again in " + std::to_string(wait_s) + " s")
            .retry_after(static_cast<std::uint32_t>(wait_s));
  }
  return answer;
}

std::string Limiter::policy_header() const {
  if (!rate_) return {};
  const std::int64_t window_s = std::max<std::int64_t>(1, whole_seconds(rate_->period_ns * rate_->burst));
  return '"' + policy_name_ + "\";q=" + std::to_string(rate_->burst) + ";w=" + std::to_string(window_s);
}

void Limiter::forget_idle(Shard& shard, std::int64_t now_ns) {
  std::erase_if(shard.arrivals, [&](const auto& entry) { return entry.second <= now_ns; });
}

}  // namespace slipway::limits
