// What the engine decides, apart from how it does it: whom to unload, how many threads, when a crashing model rests, how much of the
// queue is handed to the cell, whom to refuse, when to come again. Pure values and functions: no clock, no process, no lock. The order of
// a model's queue is fair_queue.hpp.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "slipway/base/clock.hpp"
#include "slipway/inference/residence.hpp"
#include "slipway/tensor/schema.hpp"

namespace slipway::inference::policy {

struct Loaded {  // a model in memory
  std::uint64_t key = 0;
  std::uint64_t resident_bytes = 0;
  Steady last_used;
  bool busy = false;  // has work: never unloaded
  Residence residence = Residence::on_demand;
};

// The least recently used of those without work (models on demand before warm ones, pinned ones never), until the rest and `incoming_bytes` fit into
// the budget.
std::vector<std::uint64_t> to_unload(std::vector<Loaded> loaded, std::uint64_t budget_bytes, std::uint64_t incoming_bytes = 0);

// Everything works and nobody can be unloaded: whose turn it is to make room. Who came first; keys are in the order of coming.
std::optional<std::uint64_t> to_leave(const std::vector<Loaded>& loaded);

// What models need before they were ever measured: weights are held once as parsed and once packed for the kernels, beside what every cell
// needs, which is learned from those that are there: it is less when more of them share it.
class Expectation {
 public:
  std::uint64_t resident_bytes(std::uint64_t artifact_bytes) const { return base_bytes_ + of_weights(artifact_bytes); }
  void observe(std::uint64_t resident_bytes, std::uint64_t artifact_bytes);

 private:
  static std::uint64_t of_weights(std::uint64_t artifact_bytes) { return artifact_bytes * 5 / 2; }
  std::uint64_t base_bytes_ = 8ull << 20;
};

// Tabular models answer in microseconds, where handing over to a second thread costs more than it gains; so do small tensor graphs.
unsigned threads_for(const Schema& schema, std::uint64_t artifact_bytes, unsigned cores, unsigned wanted);

// How a cell uses the cores: `lanes` runs at a time, each on `threads` threads.
struct Layout {
  unsigned threads = 1, lanes = 1;
  bool operator==(const Layout&) const = default;
};

// A model whose runs may have several threads: one run on all of them answers soonest; a run on each does more when many ask, since hardly a
// network's nodes divide well (on two threads 1.1 times as much for ResNet-50, 1.8 times for MobileNetV2). Pure: `now` comes in.
class Spread {
 public:
  explicit Spread(unsigned threads) : threads_(threads) {}
  bool has_choice() const { return threads_ > 1; }
  void arrived(std::size_t present, Steady now);  // that many requests are there, the newcomer included
  Layout layout() const { return on_ ? Layout{1, threads_} : Layout{threads_, 1}; }

 private:
  unsigned threads_;
  Steady crowded_since_ = Steady::max(), last_crowded_{};
  bool on_ = false;
};

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

// How long runs take, smoothed: a straight line over the rows of a run (weighted least squares, older runs weigh less), since a row costs
// little beside the run itself in small runs and everything in large ones. From it come a request's cost, the depth of the ring (so much
// work as keeps the cell busy over a wake-up, no more: what stands in the ring is beyond the queue's order), and when to come again.
class ServiceTime {
 public:
  // What one request saw of the run it was in: its seconds, its rows in all, its requests in all.
  void observe(double run_s, double run_rows, double together);
  bool known() const { return mean_s_ > 0; }
  double mean_s() const { return mean_s_; }     // of a request
  double run_s() const { return run_s_; }       // of a run
  double estimate_s(std::uint64_t rows) const;  // of a request of so many rows; 0: unknown yet
  // shared: several callers ask. Then less, since whoever comes next stands behind all of it, whatever his turn in the queue.
  // merges: the model runs them together, which it can only do with what stands there when it begins. lanes: runs at the same time.
  std::uint32_t depth(std::uint32_t slots, bool shared = false, bool merges = false, unsigned lanes = 1) const;

 private:
  double mean_s_ = 0, run_s_ = 0, together_ = 1;
  double n_ = 0, x_ = 0, y_ = 0, xx_ = 0, xy_ = 0;  // decayed sums over runs: 1, rows, seconds, rows^2, rows * seconds
};

std::uint32_t retry_after_s(double waiting_s);  // whole seconds until that much work is done; 1 to 3600

// Tells a queue that can't be worked off from one that is only long: callers who wait for their answers before they ask again make a queue
// of constant length, and none of them should be refused; more work than the cells can do, offered again and again, makes it grow window
// after window, until only a short queue gives those who are let in an answer in time. Twice the capacity is noticed after half a second, for
// runs of 50 ms after about one: who waits by then is refused late. Pure: `now` comes in.
class Overload {
 public:
  void arrived() { ++arrived_; }
  void done(std::uint64_t n) { done_ += n; }
  bool look(Steady now, double waiting_s, double run_s);  // on? Closes windows that are over
  bool on() const { return on_; }
  // How much work may stand before a newcomer while it is on: about a run ahead of its own.
  static double allowed_s(double run_s) { return run_s * 2 > 0.003 ? run_s * 2 : 0.003; }
  // How much of what waits already when it is noticed is still done: ten runs, as often wait by chance at nine tenths of the capacity (M/D/1 has
  // four waiting in the mean then). To refuse who has waited for some time is worse than to let him wait a little longer.
  static double kept_s(double run_s) { return std::max(run_s * 10, allowed_s(run_s)); }

 private:
  static constexpr unsigned kGrowing = 5;  // windows, nearly all in a row
  void look_for_growth(double waiting_s, double run_s);
  void look_for_the_end();
  Steady window_end_{};
  std::uint64_t arrived_ = 0, done_ = 0;  // in this window
  double arrivals_ = 0, answers_ = 0;     // while it grows; once it is on, with older windows weighing less
  double last_waiting_s_ = 0;
  unsigned growing_ = 0;
  bool on_ = false;
};

// Whether several callers ask: another than the last one has come, within a second of it, within the last second.
class Callers {
 public:
  void asks(std::uint64_t caller, Steady now) {
    if (last_ && *last_ != caller && now - last_at_ < kFor) until_ = now + kFor;
    last_ = caller;
    last_at_ = now;
  }
  bool several(Steady now) const { return now < until_; }

 private:
  static constexpr Millis kFor{1000};
  std::optional<std::uint64_t> last_;
  Steady last_at_{}, until_{};
};

// Cells of one model at most: those that run on one thread may have one a core.
unsigned cells_for(unsigned threads, unsigned cores, unsigned wanted);

}  // namespace slipway::inference::policy
