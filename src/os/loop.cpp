#include "slipway/os/loop.hpp"

#include <unistd.h>

#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <unordered_map>
#include <utility>

#include "slipway/os/cores.hpp"
#include "slipway/os/loop_asio.hpp"

namespace slipway::os {
namespace {
thread_local Loop* t_current = nullptr;
}

struct Loop::Impl {
  // Asio's hint of one thread: what the loop posts to itself goes into a queue without a lock, and its wake-up descriptor is written
  // only when the thread sleeps in epoll.
  boost::asio::io_context io{1};
  std::vector<Poller*> pollers;
  bool pollers_changed = false;
  std::uint64_t next_id = 1;
  std::unordered_map<Timer, std::unique_ptr<boost::asio::steady_timer>> timers;

  struct Watched {
    explicit Watched(boost::asio::io_context& io, int fd) : descriptor(io, fd) {}
    boost::asio::posix::stream_descriptor descriptor;
    std::function<void()> task;
    ~Watched() { descriptor.release(); }  // the descriptor is the caller's
  };
  std::unordered_map<Watch, std::shared_ptr<Watched>> watches;

  void wait(Watch id, const std::shared_ptr<Watched>& watched);
  bool poll_all();
  bool prepare_sleep(std::size_t& asked);
};

void Loop::Impl::wait(Watch id, const std::shared_ptr<Watched>& watched) {
  watched->descriptor.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                                 [this, id, weak = std::weak_ptr<Watched>(watched)](const boost::system::error_code& error) {
                                   const std::shared_ptr<Watched> alive = weak.lock();
                                   if (error || !alive || watches.find(id) == watches.end()) return;
                                   alive->task();
                                   if (watches.find(id) != watches.end()) wait(id, alive);
                                 });
}

bool Loop::Impl::poll_all() {
  bool worked = false;
  for (std::size_t i = 0; i < pollers.size(); ++i) {
    if (pollers[i] != nullptr) worked |= pollers[i]->poll();  // a poll may add or remove: removal leaves a gap until the sweep below
  }
  if (std::exchange(pollers_changed, false)) std::erase(pollers, nullptr);
  return worked;
}

bool Loop::Impl::prepare_sleep(std::size_t& asked) {
  for (asked = 0; asked < pollers.size();) {
    Poller* const poller = pollers[asked++];
    if (poller != nullptr && !poller->about_to_sleep()) return false;
  }
  return true;
}

Loop::Loop(unsigned index) : index_(index), impl_(std::make_unique<Impl>()) {}

Loop::~Loop() {
  impl_->watches.clear();
  impl_->timers.clear();
}

Loop* Loop::current() { return t_current; }

void Loop::post(Task task) { boost::asio::post(impl_->io, std::move(task)); }

void Loop::run_here(Task task) {
  if (is_current()) {
    task();
  } else {
    post(std::move(task));
  }
}

Loop::Timer Loop::after(Millis delay, Task task) {
  const Timer id = impl_->next_id++;
  auto& timer = impl_->timers[id] = std::make_unique<boost::asio::steady_timer>(impl_->io, delay);
  timer->async_wait([this, id, task = std::move(task)](const boost::system::error_code& error) mutable {
    if (error) return;
    const auto held = impl_->timers.extract(id);
    if (held.empty()) return;  // cancelled after it had fired
    task();
  });
  return id;
}

void Loop::cancel(Timer timer) { impl_->timers.erase(timer); }

void Loop::add_poller(Poller* poller) { impl_->pollers.push_back(poller); }

void Loop::hurry() {
  for (Poller* const poller : impl_->pollers) {
    if (poller != nullptr) poller->hurry();
  }
}

void Loop::remove_poller(Poller* poller) {
  std::replace(impl_->pollers.begin(), impl_->pollers.end(), poller, static_cast<Poller*>(nullptr));
  impl_->pollers_changed = true;
}

Loop::Watch Loop::watch(int fd, std::function<void()> task) {
  const Watch id = impl_->next_id++;
  auto watched = std::make_shared<Impl::Watched>(impl_->io, fd);
  watched->task = std::move(task);
  impl_->watches.emplace(id, watched);
  impl_->wait(id, watched);
  return id;
}

void Loop::unwatch(Watch watch) { impl_->watches.erase(watch); }

void Loop::run() {
  Loop* const before = std::exchange(t_current, this);
  boost::asio::io_context& io = impl_->io;
  const auto stay = boost::asio::make_work_guard(io);
  while (!io.stopped()) {
    // Busy turns look at the sockets without sleeping; a turn without work arms the pollers and sleeps until something happens.
    while (impl_->poll_all()) io.poll();
    std::size_t asked = 0;
    if (impl_->prepare_sleep(asked)) io.run_one();
    for (std::size_t i = 0; i < std::min(asked, impl_->pollers.size()); ++i) {
      if (impl_->pollers[i] != nullptr) impl_->pollers[i]->woke_up();
    }
    io.poll();
  }
  t_current = before;
}

void Loop::stop() { impl_->io.stop(); }

boost::asio::io_context& io_context(Loop& loop) { return loop.impl().io; }

Loops::Loops(unsigned count) {
  if (count == 0) count = usable_cores();
  for (unsigned i = 0; i < count; ++i) loops_.push_back(std::make_unique<Loop>(i));
}

Loops::~Loops() {
  stop();
  join();
}

void Loops::start() {
  for (auto& loop : loops_) {
    threads_.emplace_back([&l = *loop] { l.run(); });
    pthread_setname_np(threads_.back().native_handle(), ("loop-" + std::to_string(loop->index())).c_str());
  }
}

void Loops::stop() {
  for (auto& loop : loops_) loop->stop();
}

void Loops::join() {
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
  threads_.clear();
}

std::vector<Loop*> Loops::all() const {
  std::vector<Loop*> out;
  for (const auto& loop : loops_) out.push_back(loop.get());
  return out;
}

}  // namespace slipway::os
