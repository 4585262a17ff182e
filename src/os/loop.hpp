// Loop: one thread's event loop (sockets, timers, descriptors, messages). Loops: N of them with their threads.
//
// post() and stop() may be called by any thread; everything else by the loop's own thread, or by anybody before the thread starts.
// What is posted to a loop that has ended is destroyed without being run. A Loop outlives everything that may post to it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "slipway/base/clock.hpp"
#include "slipway/os/task.hpp"

namespace slipway::os {

// Asked each turn, before the loop would sleep: how answers come out of shared memory without a system call under load.
class Poller {
 public:
  virtual ~Poller() = default;
  virtual bool poll() = 0;  // takes what is there; true: there was something
  // Sets the flag that makes the other side signal a watched eventfd, then looks again. false: there is work, don't sleep.
  virtual bool about_to_sleep() { return true; }
  virtual void woke_up() {}  // follows every about_to_sleep() of a turn, whatever that answered
  virtual void hurry() {}    // what it keeps back for the end of the turn goes now
};

class Loop {
 public:
  explicit Loop(unsigned index);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  unsigned index() const { return index_; }
  static Loop* current();  // the loop whose thread this is, or nullptr
  bool is_current() const { return current() == this; }

  void hurry();  // before something that takes long: others don't wait for the end of this turn

  void post(Task task);      // runs later on the loop's thread, in order of posting; never inside post
  void run_here(Task task);  // now when this is the loop's thread, else post

  using Timer = std::uint64_t;  // 0 is none
  Timer after(Millis delay, Task task);
  void cancel(Timer timer);  // a no-op when it has run

  void add_poller(Poller* poller);  // polled until removed; may be called from within a poll
  void remove_poller(Poller* poller);

  using Watch = std::uint64_t;  // 0 is none
  // task runs whenever fd is readable, again and again until somebody reads it. The descriptor stays the caller's and must stay open
  // until unwatch().
  Watch watch(int fd, std::function<void()> task);
  void unwatch(Watch watch);

  void run();  // until stop()
  void stop();

  struct Impl;  // for loop_asio.hpp
  Impl& impl() { return *impl_; }

 private:
  unsigned index_;
  std::unique_ptr<Impl> impl_;
};

class Loops {
 public:
  explicit Loops(unsigned count);  // 0: one a core
  ~Loops();                        // stop(), join(), then the loops end

  void start();
  void stop();  // every loop ends after its present turn
  void join();
  std::size_t size() const { return loops_.size(); }
  Loop& at(std::size_t i) { return *loops_[i]; }
  std::vector<Loop*> all() const;

 private:
  std::vector<std::unique_ptr<Loop>> loops_;
  std::vector<std::thread> threads_;
};

}  // namespace slipway::os
