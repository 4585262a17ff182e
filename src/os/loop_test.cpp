#include "slipway/os/loop.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>

#include "slipway/os/fd.hpp"
#include "slipway/os/pool.hpp"

namespace slipway::os {
namespace {

template <class F>
void on_loop(Loop& loop, F f) {
  std::promise<void> done;
  loop.post([&] {
    f();
    done.set_value();
  });
  done.get_future().get();
}

TEST(Loop, RunsWhatOtherThreadsPostInOrder) {
  Loops loops(1);
  loops.start();
  std::vector<int> seen;
  for (int i = 0; i < 1000; ++i) loops.at(0).post([&seen, i] { seen.push_back(i); });
  on_loop(loops.at(0), [&] { EXPECT_EQ(Loop::current(), &loops.at(0)); });
  ASSERT_EQ(seen.size(), 1000u);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(seen[static_cast<std::size_t>(i)], i);
  EXPECT_EQ(Loop::current(), nullptr);
}

TEST(Loop, TakesTasksThatCantBeCopied) {
  Loops loops(1);
  loops.start();
  std::promise<int> answer;
  loops.at(0).post([value = std::make_unique<int>(7), &answer] { answer.set_value(*value); });
  EXPECT_EQ(answer.get_future().get(), 7);
}

TEST(Loop, DestroysWhatIsPostedAfterItsEnd) {
  auto held = std::make_shared<int>(1);
  {
    Loops loops(1);
    loops.start();
    loops.stop();
    loops.join();
    loops.at(0).post([held] { FAIL(); });
  }
  EXPECT_EQ(held.use_count(), 1);
}

TEST(Loop, TimersRunOnceAndCanBeCancelled) {
  Loops loops(1);
  loops.start();
  std::atomic<int> runs{0};
  std::promise<void> late;
  on_loop(loops.at(0), [&] {
    const Loop::Timer cancelled = loops.at(0).after(Millis{5}, [&] { runs += 100; });
    loops.at(0).after(Millis{1}, [&] { ++runs; });
    loops.at(0).after(Millis{30}, [&] { late.set_value(); });
    loops.at(0).cancel(cancelled);
  });
  late.get_future().get();
  EXPECT_EQ(runs, 1);
}

TEST(Loop, WatchesADescriptorUntilToldNotTo) {
  Loops loops(1);
  loops.start();
  Fd event = std::move(make_eventfd()).value();
  std::atomic<int> runs{0};
  Loop::Watch watch = 0;
  on_loop(loops.at(0), [&] {
    watch = loops.at(0).watch(event.get(), [&] {
      if (++runs == 3) {
        drain_eventfd(event.get());
        loops.at(0).unwatch(watch);  // from within its own task
      }
    });
  });
  signal_eventfd(event.get());  // not drained the first two times: runs again
  while (runs < 3) std::this_thread::yield();
  signal_eventfd(event.get());
  on_loop(loops.at(0), [] {});
  EXPECT_EQ(runs, 3);
}

// What a ring's completion queue does: a flag says that the loop sleeps; the other side signals only then.
class FakeRing : public Poller {
 public:
  explicit FakeRing(int event) : event_(event) {}
  void send() {
    sent_.fetch_add(1);
    if (armed_.load()) {
      signals_.fetch_add(1);
      signal_eventfd(event_);
    }
  }
  bool poll() override {
    const int n = sent_.load() - taken_;
    taken_ += n;
    received_.fetch_add(n);
    return n != 0;
  }
  bool about_to_sleep() override {
    armed_.store(true);
    return sent_.load() == taken_;
  }
  void woke_up() override { armed_.store(false); }
  int received() const { return received_; }

 private:
  int event_;
  std::atomic<int> sent_{0}, signals_{0}, received_{0};
  std::atomic<bool> armed_{false};
  int taken_ = 0;
};

TEST(Loop, NeverSleepsThroughWhatAPollerCanTake) {
  Loops loops(1);
  Fd event = std::move(make_eventfd()).value();
  FakeRing ring(event.get());
  loops.at(0).add_poller(&ring);
  loops.at(0).watch(event.get(), [&] { drain_eventfd(event.get()); });
  loops.start();
  for (int i = 1; i <= 20000; ++i) {
    ring.send();
    if (i % 100 == 0) {
      while (ring.received() < i) std::this_thread::yield();
    }
  }
  EXPECT_EQ(ring.received(), 20000);
  on_loop(loops.at(0), [&] { loops.at(0).remove_poller(&ring); });
}

TEST(Pool, RefusesWhenItsQueueIsFullAndFinishesWhatItTook) {
  std::atomic<int> ran{0};
  std::promise<void> gate;
  std::shared_future<void> open = gate.get_future().share();
  Pool pool(1, 2);
  std::promise<void> begun;
  EXPECT_TRUE(pool.submit([&] {
    begun.set_value();
    open.wait();
    ++ran;
  }));
  begun.get_future().get();
  EXPECT_TRUE(pool.submit([&] { ++ran; }));
  EXPECT_TRUE(pool.submit([&] { ++ran; }));
  EXPECT_FALSE(pool.submit([&] { ran += 100; }));
  EXPECT_TRUE(pool.go_on([&] { ++ran; }));
  EXPECT_EQ(pool.waiting(), 3u);
  gate.set_value();
  pool.stop();
  EXPECT_EQ(ran, 4);
  EXPECT_FALSE(pool.submit([] {}));
  EXPECT_FALSE(pool.go_on([] {}));
}

}  // namespace
}  // namespace slipway::os
