// ModelQueue: one deployed model as the server sees it: what waits, what its cell holds, and whether it may be loaded. Its lock is held
// for microseconds and never while a callback runs. Loops submit and drain; the fleet's thread attaches and takes away cells.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "slipway/inference/engine.hpp"
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
  unsigned attempts = 0;  // cells that died with it
  bool alone = false;     // was in a run that had to be ended: not together with others again
};

struct Flight {  // a request that stands in a ring slot
  Request request;
  Steady submitted;
  Steady end_at = Steady::max();  // answered already, and the cell is ended if it still runs then
  bool answered = false;
};

struct CellLink {  // a cell from the server's side
  CellLink(std::uint64_t cell_id, os::RingHost host, std::size_t loops)
      : id(cell_id), ring(std::move(host)), flights(ring.shape().slots), outstanding(loops), listed(loops) {}
  const std::uint64_t id;
  os::RingHost ring;                                    // under the model's lock, but for pending/wake/arm/disarm
  std::vector<Flight> flights;                          // by slot, under the model's lock
  std::vector<std::atomic<std::uint32_t>> outstanding;  // by Loop: requests that come back there
  std::vector<std::atomic<std::uint8_t>> listed;        // by Loop: it looks at this cell before it sleeps
  std::atomic<bool> ended{false};
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
  virtual void drained(std::shared_ptr<ModelQueue> model) = 0;        // retired, and nothing is left to do
};

// overdue: a run was ended for its deadline; hung: the same, and it had so long that the model is to blame, not an impatient caller.
enum class EndCause : std::uint8_t { crash, hung, overdue, unloaded, launcher_lost };

class ModelQueue final : public Model, public std::enable_shared_from_this<ModelQueue> {
 public:
  ModelQueue(ModelSpec spec, const EngineOptions& options, FleetCalls& fleet, std::vector<std::shared_ptr<LoopCells>> loops);

  void predict(PredictJob job, PredictCallback done) override;
  void load(std::function<void(Status)> done) override;
  ModelStats stats() const override;
  void retire() override;

  // A Loop's thread: takes what the cell has answered, calls back, hands over what waits. True: there was something.
  bool drain(const std::shared_ptr<CellLink>& cell, LoopCells& loop);

  // The fleet's thread.
  const ModelSpec& spec() const { return spec_; }
  void attach(const std::shared_ptr<CellLink>& cell, double cold_start_ms);
  void load_failed(Error why, Steady now, bool counts);
  // The cell is gone or about to be. Answers or requeues what it held; true: load it again, something waits.
  bool detach(const std::shared_ptr<CellLink>& cell, EndCause cause, const std::string& reason, Steady now);
  std::shared_ptr<CellLink> take_idle();  // detaches the cell if it has no work, for unloading; else null
  void quarantine(std::string reason, Steady now);
  struct Due {
    Steady next = Steady::max();
    std::shared_ptr<CellLink> overdue;
    bool hung = false;
  };
  Due expire(Steady now);  // answers what is late; `overdue`: the cell must be ended
  std::optional<policy::Loaded> loaded() const;
  std::shared_ptr<CellLink> cell() const;
  void measured(std::uint64_t resident_bytes);
  std::uint64_t expected_bytes() const;
  void abandon();  // the engine ends: everything is answered `unavailable`

 private:
  enum class State : std::uint8_t { unloaded, loading, ready };
  enum class Submitted : std::uint8_t { yes, no_room, too_large };
  using Answers = std::vector<std::pair<Request, Result<std::vector<Tensor>>>>;

  std::optional<Error> refusal(Steady now) const;  // under the lock, as are all below
  Submitted submit(Request& request, Steady now);
  bool pump(Steady now, Answers& answers);  // true: wake the cell
  void start_loading();
  void note_deadline(Steady when);
  void fail_waiting(const Error& why, Answers& answers);
  bool hand_back(CellLink& cell, std::uint32_t slot, EndCause cause, const std::string& reason, Steady now, Answers& answers,
                 std::vector<Request>& again);
  Result<std::vector<Tensor>> read_answer(const CellLink& cell, std::uint32_t slot, bool& hostile) const;
  bool idle() const { return waiting_.empty() && (!cell_ || cell_->ring.in_use() == 0); }
  static void deliver(Answers& answers);  // outside of the lock

  const ModelSpec spec_;
  const EngineOptions& options_;
  FleetCalls& fleet_;
  const std::vector<std::shared_ptr<LoopCells>> loops_;

  mutable std::mutex mutex_;
  State state_ = State::unloaded;
  std::shared_ptr<CellLink> cell_;
  std::deque<Request> waiting_;
  std::vector<std::function<void(Status)>> loads_;
  Steady next_deadline_ = Steady::max();
  Steady last_used_{};
  Steady busy_since_{};
  policy::ServiceTime service_;
  policy::RestartBudget restarts_;
  std::string rest_reason_;
  bool retired_ = false;
  std::uint64_t resident_bytes_ = 0, last_resident_ = 0, cold_starts_ = 0, crashes_ = 0;
  double cold_start_ms_ = 0;
};

}  // namespace slipway::inference
