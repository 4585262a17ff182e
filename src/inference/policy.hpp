// What the engine decides, apart from how it does it: whom to unload, how many threads, when a crashing model rests, how much of the
// queue is handed to the cell, when to come again. Pure values and functions: no clock, no process, no lock. Priorities and fairness
// between callers belong here too when they come: the order of a model's queue and the ring's depth are their two levers.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "slipway/base/clock.hpp"
#include "slipway/tensor/schema.hpp"

namespace slipway::inference::policy {

struct Loaded {  // a model in memory
  std::uint64_t key = 0;
  std::uint64_t resident_bytes = 0;
  Steady last_used;
  bool busy = false;  // has work: never unloaded
};

// The least recently used of those without work, until the rest and `incoming_bytes` fit into the budget.
std::vector<std::uint64_t> to_unload(std::vector<Loaded> loaded, std::uint64_t budget_bytes, std::uint64_t incoming_bytes = 0);

// What a model will probably need before it was ever measured: weights are held once as parsed and once packed for the kernels.
std::uint64_t estimated_resident(std::uint64_t artifact_bytes);

// Tabular models answer in microseconds, where handing over to a second thread costs more than it gains; so do small tensor graphs.
unsigned threads_for(const Schema& schema, std::uint64_t artifact_bytes, unsigned cores, unsigned wanted);

class RestartBudget {  // crashes_max within the window, then rest for the cool-down
 public:
  RestartBudget(unsigned crashes_max, Millis window, Millis cool_down) : max_(crashes_max), window_(window), cool_down_(cool_down) {}
  bool crashed(Steady now);  // true: rest now
  void rest(Steady now) { until_ = now + cool_down_; }
  bool resting(Steady now) const { return now < until_; }
  Steady until() const { return until_; }

 private:
  unsigned max_;
  Millis window_, cool_down_;
  std::deque<Steady> crashes_;
  Steady until_{};
};

// How long a request occupies the cell, smoothed; from it the depth of the ring (so much work as keeps the cell busy over a wake-up, no
// more: what stands in the ring is beyond the queue's order) and the seconds until a full queue has drained.
class ServiceTime {
 public:
  void observe(double seconds) { mean_ = mean_ == 0 ? seconds : mean_ + 0.1 * (seconds - mean_); }
  double mean_s() const { return mean_; }
  std::uint32_t depth(std::uint32_t slots) const;
  std::uint32_t retry_after_s(std::size_t waiting) const;

 private:
  double mean_ = 0;
};

}  // namespace slipway::inference::policy
