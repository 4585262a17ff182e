// Fleet: the engine. One thread owns every cell's life: loads, attaches, measures, ends, replaces. Others send it messages. What it
// decides by is in policy.hpp.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

#include "slipway/inference/launcher_link.hpp"
#include "slipway/inference/loop_cells.hpp"
#include "slipway/inference/model_queue.hpp"

namespace slipway::inference {

class Fleet final : public Engine, public FleetCalls {
 public:
  Fleet(const EngineOptions& options, Metrics& metrics);
  ~Fleet() override;
  Status begin();  // starts the thread and the launcher

  void import_model(ImportJob job, std::function<void(Result<os::Fd>)> done) override;
  std::shared_ptr<Model> deploy(ModelSpec spec) override;
  EngineStats stats() const override;
  os::SandboxReport sandbox() const override;

  void want(std::shared_ptr<ModelQueue> model) override;
  void broke(std::shared_ptr<CellLink> cell, Error why) override;
  void look_at(Steady when) override;
  void drained(std::shared_ptr<ModelQueue> model) override;

 private:
  static constexpr Millis kMeasureEvery{1000};
  // A place in the memory budget for a cell that is on its way: from when its load is let in until it is measured, or comes to nothing.
  using Room = std::shared_ptr<const std::uint64_t>;
  struct Load {  // a cell that a model wants
    std::shared_ptr<ModelQueue> model;
    Steady wanted;
    unsigned kills = 0;  // of its cell, from outside, before it was ready
    Room room;
  };
  struct Life {  // a model cell, from the order to its exit
    std::shared_ptr<CellLink> link;
    Load load;
    Steady start_by;
    bool attached = false;
    std::string ended_because;  // not empty: we ended it
  };
  struct Import {
    ImportJob job;
    std::function<void(Result<os::Fd>)> done;
    os::Fd answer;
    os::Child child;
    bool expired = false;
  };
  using Message = std::function<void()>;

  void send(Message message);
  void run();
  void turn();
  int wait_ms(Steady until) const;
  void take_messages();
  void take_events();
  void on(LauncherLink::Forked&& forked);
  void on(LauncherLink::Exited&& exited);
  void on(LauncherLink::NotForked&& no);
  void on(LauncherLink::Lost&& lost);
  void restart_launcher();
  Status start_launcher();

  void load(Load load);  // as soon as there is room
  void let_loads_in(Steady now);
  void fetch(Load load);  // asks a worker for the artifact
  void load_with(Load load, Result<os::Fd> artifact);
  Result<std::shared_ptr<CellLink>> order_cell(const std::shared_ptr<ModelQueue>& model, const os::Fd& artifact);
  void check_starting(Steady now);
  void end_cell(std::uint64_t id, EndCause cause, const std::string& reason);
  void cell_exited(std::uint64_t id, int wait_status);
  void start_ended(Life life, bool killed, const std::string& reason, Steady now);
  bool killed_from_outside(int wait_status, Steady now);
  std::vector<policy::Loaded> loaded() const;  // every cell, as measured last
  Room reserve(std::uint64_t bytes);
  bool fits(std::uint64_t bytes) const;  // beside all that is there and on its way
  bool make_room(std::uint64_t bytes, Steady now);
  void see_off();
  void unload_for(std::uint64_t incoming_bytes);
  bool unload(std::uint64_t id);
  void measure(Steady now);
  void measure_cell(const Life& life, Steady now);
  std::uint64_t expected_bytes(const ModelQueue& model) const;  // of one more cell
  Steady expire(Steady now);

  void start_imports();
  Status order_import(std::uint64_t id, Import& import);
  void import_exited(std::uint64_t id, int wait_status);
  Steady expire_imports(Steady now);
  std::vector<std::shared_ptr<ModelQueue>> models() const;
  void work();  // a worker: calls ModelSpec::source, which may block

  EngineOptions options_;
  unsigned cores_;
  os::Fd wake_;
  std::vector<std::shared_ptr<LoopCells>> loops_;
  std::atomic<std::int64_t> next_look_ns_;  // when the thread looks next; later needs no signal

  std::atomic<std::uint64_t> reserved_bytes_{0};  // before all that may hold a Room

  mutable std::mutex mutex_;  // messages, models, counts
  std::vector<Message> messages_;
  std::vector<std::weak_ptr<ModelQueue>> models_;
  os::SandboxReport sandbox_;
  std::atomic<pid_t> launcher_pid_{0};
  std::atomic<std::uint64_t> launcher_restarts_{0};
  std::atomic<bool> stopping_{false};

  std::mutex work_mutex_;
  std::condition_variable work_ready_;
  std::deque<Message> work_;
  std::vector<std::thread> workers_;

  // the fleet's thread only
  std::optional<LauncherLink> launcher_;
  std::uint64_t launcher_anonymous_ = 0;
  Steady launcher_started_{};
  std::uint64_t next_id_ = 1;
  std::map<std::uint64_t, Life> lives_;
  std::map<std::uint64_t, Import> imports_;
  std::deque<Import> imports_waiting_;
  Steady next_measure_ = Steady::max();
  std::deque<Load> loads_waiting_;  // for room, in the order of their coming
  Steady no_room_since_ = Steady::max();
  policy::Expectation expectation_;
  std::uint64_t leaving_ = 0;  // the cell that is to make room; 0: none
  std::uint64_t out_of_memory_kills_ = 0;
  Steady out_of_memory_at_{};

  Counter& cold_starts_;
  Counter& crashes_;
  Counter& unloads_;
  Counter& imports_done_;
  Histogram& cold_start_s_;
  QueueMetrics queue_metrics_;
  std::thread thread_;
};

}  // namespace slipway::inference
