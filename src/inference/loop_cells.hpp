// LoopCells: the cells whose answers one Loop waits for. The Loop polls it before it sleeps; so answers are taken without a system call
// while there is traffic, and a cell signals this Loop's eventfd only when the Loop has said that it may sleep.
//
// note() and answer() may be called by any thread; everything else by the Loop's own. How no wake-up is lost: a cell is on the list of its
// Loop while a request is to come back there. Whoever puts it there from another thread wakes the Loop. The Loop disarms the flags of the
// cells on its list while it is awake; it arms them, looks once more, then sleeps. The flag of a cell that isn't on the list means nothing.
#pragma once

#include <atomic>
#include <future>
#include <memory>
#include <mutex>
#include <vector>

#include "slipway/inference/model_queue.hpp"
#include "slipway/os/loop.hpp"

namespace slipway::inference {

class LoopCells final : public os::Poller, public std::enable_shared_from_this<LoopCells> {
 public:
  LoopCells(os::Loop& loop, std::uint32_t index, os::Fd eventfd) : loop_(loop), index_(index), eventfd_(std::move(eventfd)) {}
  void join_loop();                // from now on until leave_loop the Loop polls this, which stays alive for it
  std::future<void> leave_loop();  // ready when the Loop has let go, or had ended before

  bool poll() override;
  bool about_to_sleep() override;
  void woke_up() override;
  void hurry() override { wake_given(); }

  std::uint32_t index() const { return index_; }
  os::Loop& loop() { return loop_; }
  int eventfd() const { return eventfd_.get(); }     // what cells signal
  void note(const std::shared_ptr<CellLink>& cell);  // a request that comes back here is about to be submitted
  // `cell` was given work; `bytes`: what this thread has to read or write before it comes back here. On the Loop's own thread the cell is
  // woken at the end of the Loop's turn, with all that the turn brings: one that is woken for the first request may take the core from the
  // Loop that reads the others, and does one at a time. Where that would take long, it is woken now.
  void wake(const std::shared_ptr<CellLink>& cell, std::uint64_t bytes, Steady now);
  void answer(PredictCallback done, Result<std::vector<Tensor>> result);  // now when this is the Loop's thread, else posted

 private:
  void adopt(const std::shared_ptr<CellLink>& cell);
  void adopt_noted();
  void wake_given();

  os::Loop& loop_;
  const std::uint32_t index_;
  os::Fd eventfd_;
  os::Loop::Watch watch_ = 0;
  std::vector<std::shared_ptr<CellLink>> cells_;
  std::vector<std::shared_ptr<CellLink>> given_;  // work, and not woken yet
  Steady given_since_{};
  std::mutex noted_mutex_;
  std::vector<std::shared_ptr<CellLink>> noted_;
  std::atomic<bool> has_noted_{false};
};

}  // namespace slipway::inference
