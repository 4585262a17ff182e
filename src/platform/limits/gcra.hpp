// GCRA: the generic cell rate algorithm. One number a caller: the time its bucket would be empty. Pure; times in nanoseconds.
#pragma once

#include <cstdint>

namespace slipway::limits {

struct Rate {
  std::int64_t period_ns = 0;  // between requests at the sustained rate
  std::int64_t burst = 1;      // requests that may come at once
};
inline Rate per_minute(std::int64_t requests, std::int64_t burst) { return {60'000'000'000 / requests, burst}; }

struct Decision {
  bool allowed = true;
  std::int64_t theoretical_arrival_ns = 0;  // the caller's new state
  std::int64_t retry_after_ns = 0;          // when refused
  std::int64_t remaining = 0;               // requests that could still come at once
};

// theoretical_arrival_ns: the caller's state, 0 at first. cost: requests this one counts for, >= 1.
Decision decide(const Rate& rate, std::int64_t theoretical_arrival_ns, std::int64_t now_ns, std::int64_t cost = 1);

}  // namespace slipway::limits
