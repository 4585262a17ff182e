#include "slipway/platform/limits/gcra.hpp"

#include <algorithm>

namespace slipway::limits {
namespace {
constexpr double kLongest = 3.2e18;  // nanoseconds: a century, and sums of two still fit
}

std::int64_t Rate::time_of(std::int64_t cost) const {
  return static_cast<std::int64_t>(std::min(kLongest, static_cast<double>(cost) * static_cast<double>(window_ns) / static_cast<double>(amount)));
}

std::int64_t remaining_of(const Rate& rate, std::int64_t full_in_ns) {
  const std::int64_t room_ns = rate.tolerance_ns() - full_in_ns;
  if (room_ns <= 0) return 0;
  // The half nanosecond: times are cut to whole ones, and what was earned must not look a unit short for it.
  const double units = (static_cast<double>(room_ns) + 0.5) * static_cast<double>(rate.amount) / static_cast<double>(rate.window_ns);
  return std::min(rate.burst, static_cast<std::int64_t>(units));
}

Decision decide(const Rate& rate, std::int64_t theoretical_arrival_ns, std::int64_t now_ns, std::int64_t cost) {
  const std::int64_t tolerance = rate.tolerance_ns();
  const std::int64_t arrival = std::max(theoretical_arrival_ns, now_ns);
  const std::int64_t next_in = arrival - now_ns + rate.time_of(cost);
  Decision d;
  d.never = cost > rate.burst;
  d.allowed = !d.never && (cost == 0 || next_in <= tolerance);
  d.theoretical_arrival_ns = d.allowed ? now_ns + next_in : theoretical_arrival_ns;
  d.retry_after_ns = d.allowed || d.never ? 0 : next_in - tolerance;
  d.remaining = remaining_of(rate, std::max(d.theoretical_arrival_ns, now_ns) - now_ns);
  return d;
}

}  // namespace slipway::limits
