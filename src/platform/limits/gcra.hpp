// GCRA: the generic cell rate algorithm, with costs. One number a bucket: the time at which it would be full again (the theoretical
// arrival time). Pure; times in nanoseconds.
#pragma once

#include <cstdint>

namespace slipway::limits {

struct Rate {
  std::int64_t amount = 0;     // in a window, sustained; 0: no limit
  std::int64_t window_ns = 1;  // of `amount`
  std::int64_t burst = 1;      // that may come at once

  std::int64_t time_of(std::int64_t cost) const;  // in which `cost` is earned, at most about a century
  std::int64_t tolerance_ns() const { return time_of(burst); }
};

struct Decision {
  bool allowed = true;
  bool never = false;                       // it costs more than may come at once: waiting does not help
  std::int64_t theoretical_arrival_ns = 0;  // the new state
  std::int64_t retry_after_ns = 0;          // when refused, unless never
  std::int64_t remaining = 0;               // that could still come at once
};

// theoretical_arrival_ns: the state, 0 at first. cost >= 0; one of 0 only looks.
Decision decide(const Rate& rate, std::int64_t theoretical_arrival_ns, std::int64_t now_ns, std::int64_t cost);

// What could come at once when the bucket is full again in full_in_ns.
std::int64_t remaining_of(const Rate& rate, std::int64_t full_in_ns);

}  // namespace slipway::limits
