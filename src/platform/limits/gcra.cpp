#include "slipway/platform/limits/gcra.hpp"

#include <algorithm>

namespace slipway::limits {

Decision decide(const Rate& rate, std::int64_t theoretical_arrival_ns, std::int64_t now_ns, std::int64_t cost) {
  const std::int64_t tolerance = rate.period_ns * rate.burst;
  const std::int64_t arrival = std::max(theoretical_arrival_ns, now_ns);
  const std::int64_t next = arrival + rate.period_ns * cost;
  Decision d;
  d.allowed = next - now_ns <= tolerance;
  d.theoretical_arrival_ns = d.allowed ? next : theoretical_arrival_ns;
  d.retry_after_ns = d.allowed ? 0 : next - now_ns - tolerance;
  d.remaining = std::max<std::int64_t>(0, (tolerance - (std::max(d.theoretical_arrival_ns, now_ns) - now_ns)) / rate.period_ns);
  return d;
}

}  // namespace slipway::limits
