// ModelQueue: one deployed model as the server sees it: what waits, what its cell holds, and whether it may be loaded. Its lock is held
// for microseconds and never while a callback runs. Loops submit and drain; the fleet's thread attaches and takes away cells.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "slipway/inference/engine.hpp"
#include "slipway/inference/fair_queue.hpp"
#include "slipway/inference/policy.hpp"
#include "slipway/os/process.hpp"
#include "slipway/os/ring.hpp"

namespace slipway::inference {

class LoopCells;
class ModelQueue;

struct Request {
  PredictJob job;
  PredictCallback done;
  LoopCells* loop = nullptr;
  Ticket ticket;
  Steady arrived{};
  unsigned attempts = 0;  // cells that died with it
  bool alone = false;     // was in a run that had to be ended: not together with others again
};

struct Flight {  // a request that stands in a ring slot
  Request request;
  Steady submitted;
  Steady end_at = Steady::max();  // answered already, and the cell is ended if it still runs then
  bool answered = false;
  bool left = false;  // answered because its client has gone: ended at end_at only if nobody else is in the run
};

struct CellLink {  // a cell from the server's side
  CellLink(std::uint64_t cell_id, os::RingHost host, std::size_t loops)
      : id(cell_id), ring(std::move(host)), flights(ring.shape().slots), outstanding(loops), listed(loops) {}
  const std::uint64_t id;
  policy::Layout layout;                                // before it is attached
  os::RingHost ring;                                    // under the model's lock, but for pending/wake/arm/disarm
  std::vector<Flight> flights;                          // by slot, under the model's lock
  std::vector<std::atomic<std::uint32_t>> outstanding;  // by Loop: requests that come back there
  std::vector<std::atomic<std::uint8_t>> listed;        // by Loop: it looks at this cell before it sleeps
  std::atomic<bool> ended{false};
  bool leaving = false;              // is given nothing more, and goes when it has done what it has; this and the next under the model's lock
  bool replaced = false;             // and another does its work
  double outstanding_s = 0;          // what its flights will probably take; this and the next three under the model's lock
  std::uint64_t resident_bytes = 0;  // as measured last
  Steady last_used{}, measured_at{};
  std::shared_ptr<ModelQueue> model;
  os::Child child;  // the fleet's thread only
};

// What the queue asks of the fleet; every function is thread-safe and returns at once.
class FleetCalls {
 public:
  virtual ~FleetCalls() = default;
  virtual void want(std::shared_ptr<ModelQueue> model) = 0;           // load it
  virtual void broke(std::shared_ptr<CellLink> cell, Error why) = 0;  // end it: it is hostile or beside itself
  virtual void look_at(Steady when) = 0;                              // come by then at the latest
  virtual void drained(std::shared_ptr<ModelQueue> model) = 0;        // take its cells if it has no work: it is retired, or to be unloaded
};

struct QueueMetrics {  // of all models together
  Counter& refused;    // because too much waits
  Counter& shed;       // had waited, and gave way
  Counter& cancelled;  // whoever asked has gone
  Counter& quarantines;
  Histogram& wait_s;
  Histogram& run_s;
};

// overdue: a run was ended for its deadline; hung: the same, and it had so long that the model is to blame, not an impatient caller.
// killed: by somebody else's SIGKILL, for which the model is not to blame.
enum class EndCause : std::uint8_t { crash, hung, overdue, killed, unloaded, launcher_lost };

class ModelQueue final : public Model, public Cancellation::Holder, public std::enable_shared_from_this<ModelQueue> {
 public:
  // threads: that a run may have. cells_max: cells that it may have at the same time, 1 to kCellsMax.
  ModelQueue(ModelSpec spec, const EngineOptions& options, unsigned threads, unsigned cells_max, FleetCalls& fleet, QueueMetrics& metrics,
             std::vector<std::shared_ptr<LoopCells>> loops);
  static constexpr unsigned kCellsMax = 16;

  void predict(PredictJob job, PredictCallback done) override;
  Status turned_away(std::uint64_t caller, Priority priority) override;
  void load(std::function<void(Status)> done) override;
  void unload() override { fleet_.drained(shared_from_this()); }
  void keep(Residence residence) override;
  void gather(Millis window) override;
  void work_was_cancelled() override;
  ModelStats stats() const override;
  void retire() override;

  // A Loop's thread: takes what the cell has answered, calls back, hands over what waits. True: there was something.
  bool drain(const std::shared_ptr<CellLink>& cell, LoopCells& loop);

  // The fleet's thread.
  const ModelSpec& spec() const { return spec_; }
  policy::Layout layout() const;  // of the next cell
  void attach(const std::shared_ptr<CellLink>& cell, double cold_start_ms);
  void load_failed(Error why, Steady now, bool counts);
  // The cell is gone or about to be. Answers or requeues what it held; true: load it again, something waits.
  bool detach(const std::shared_ptr<CellLink>& cell, EndCause cause, const std::string& reason, Steady now);
  std::vector<std::shared_ptr<CellLink>> take_idle();          // detaches its cells if it has no work, for unloading; else none
  std::shared_ptr<CellLink> take_idle_cell(std::uint64_t id);  // that one, if it has no work, or is leaving and has done its part
  bool leave(std::uint64_t id);                                // that one is to make room for others as soon as what it holds is done
  std::shared_ptr<CellLink> take_surplus(Steady now);          // one that others' help has made idle for long, or that is replaced
  void quarantine(std::string reason, Steady now);
  struct Overdue {
    std::shared_ptr<CellLink> cell;
    bool hung = false;
    bool early = false;  // before a deadline: nobody waits for it any more
  };
  struct Due {
    Steady next = Steady::max();
    std::vector<Overdue> overdue;  // these cells must be ended
  };
  Due expire(Steady now);                      // answers what is late
  std::vector<policy::Loaded> loaded() const;  // a cell each
  bool has_cells() const;
  std::optional<Steady> measure_due(const CellLink& cell) const;  // when it was measured, if it was used since
  void measured(CellLink& cell, std::uint64_t resident_bytes, Steady now);
  std::uint64_t last_resident() const;  // of a cell that had run something; 0: unknown yet
  void abandon();                       // the engine ends: everything is answered `unavailable`

 private:
  enum class Submitted : std::uint8_t { yes, no_room, too_large };
  using Answers = std::vector<std::pair<Request, Result<std::vector<Tensor>>>>;
  struct Wakes {  // cells that were given work: to be woken outside of the lock
    std::array<std::shared_ptr<CellLink>, kCellsMax> cells;
    std::size_t count = 0;
    void add(const std::shared_ptr<CellLink>& cell);
    void wake() const;  // now; the other: when the Loop thinks best
    void wake(LoopCells& loop, std::uint64_t bytes, Steady now) const;
  };
  struct Measured {  // what a request's run took
    double run_s = 0;
    double cell_s = 0, share_s = 0;  // of the cell's time, which lanes share: the run, and this request
    double rows = 1, together = 1;
  };

  std::optional<Error> refusal(Steady now) const;  // under the lock, as are all below
  std::optional<Error> crowded(const Request& request, Steady now, Answers& answers);
  Error refuse_as_crowded(const char* why);
  bool sheds() const;  // more is asked than can be done, and enough stands for now
  struct Batch {       // what pump() hands over at once: all of it to one cell, when there is a batching window
    const CellLink* cell = nullptr;
    std::uint64_t rows = 0;
  };
  const std::shared_ptr<CellLink>* choose(const CellLink* batch, Steady now) const;
  Submitted submit(Request& request, Steady now, Wakes& wakes, Batch& batch);
  void pump(Steady now, Answers& answers, Wakes& wakes);
  void start_loading();
  void grow_if_crowded(Steady now);
  void spread_or_gather(Steady now);  // changes the cells' layout to what is asked of them
  bool may_be_there_twice() const;
  double standing_s() const;  // work that stands before a newcomer
  void note_deadline(Steady when);
  bool merges() const;  // requests that wait together run together
  Millis possible(Millis window) const;
  bool gathers(Steady now) const;  // what waits is held back: more may come
  Steady gathered_at(const Request& request) const;
  void fail_waiting(const Error& why, Answers& answers);
  void shed_to(double allowed_s, Answers& answers);
  void let_go(CellLink& cell);
  bool note_crash(const std::string& reason, Steady now);
  void hand_back(CellLink& cell, std::uint32_t slot, EndCause cause, const std::string& reason, Steady now, Answers& answers);
  void expire_flights(const std::shared_ptr<CellLink>& cell, Steady now, Due& due, Answers& answers);
  void give_up(CellLink& cell, std::uint32_t slot, Steady now, Error why, Answers& answers);
  void leave_flights(CellLink& cell, Steady now, Answers& answers);
  Measured measure(const CellLink& cell, std::uint32_t slot, const Flight& flight, Steady now) const;
  void account(const Flight& flight, const Measured& measured, bool good, Steady now);
  Result<std::vector<Tensor>> read_answer(const CellLink& cell, std::uint32_t slot, bool& hostile) const;
  bool has(const std::shared_ptr<CellLink>& cell) const;
  bool idle() const;
  void deliver(Answers& answers);  // outside of the lock
  void count_failure(const Request& request);
  void tell_quarantine(const std::string& reason) const;

  const ModelSpec spec_;
  const EngineOptions& options_;
  const unsigned cells_max_;
  FleetCalls& fleet_;
  QueueMetrics& metrics_;
  const std::vector<std::shared_ptr<LoopCells>> loops_;

  mutable std::mutex mutex_;
  bool loading_ = false;  // a cell is on its way
  Residence residence_;
  std::vector<std::shared_ptr<CellLink>> cells_;
  FairQueue<Request> waiting_;
  std::vector<std::function<void(Status)>> loads_;
  Steady next_deadline_ = Steady::max();
  Steady last_used_{};
  Steady crowded_since_ = Steady::max();
  Steady no_growth_until_{};
  Millis window_{0};
  Steady gather_until_ = Steady::max();  // the earliest that is due of what waits, or waited before it
  policy::ServiceTime service_;
  policy::Overload overload_;
  policy::Callers callers_;
  policy::Spread spread_;
  policy::RestartBudget restarts_;
  std::string rest_reason_;
  bool retired_ = false;    // its cells go as soon as nothing is left to do; who still asks is served
  bool abandoned_ = false;  // the engine is gone
  std::uint64_t last_resident_ = 0, cold_starts_ = 0, crashes_ = 0;
  double cold_start_ms_ = 0;
  Tally succeeded_, queued_, computed_;
  std::atomic<std::uint64_t> failed_count_{0}, failed_ns_{0};
  std::uint64_t rows_ = 0;
  double runs_ = 0;
};

}  // namespace slipway::inference
