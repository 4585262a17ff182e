#include "slipway/inference/policy.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace slipway::inference::policy {
namespace {

using namespace std::chrono_literals;

Steady at(int seconds) { return Steady{} + std::chrono::seconds(seconds); }
using Keys = std::vector<std::uint64_t>;

TEST(Policy, UnloadsTheOldestUntilTheRestFits) {
  const std::vector<Loaded> loaded = {{1, 40, at(3), false}, {2, 40, at(1), false}, {3, 40, at(2), false}};
  EXPECT_EQ(to_unload(loaded, 120), Keys{});
  EXPECT_EQ(to_unload(loaded, 119), (Keys{2}));
  EXPECT_EQ(to_unload(loaded, 60), (Keys{2, 3}));
  EXPECT_EQ(to_unload(loaded, 120, 1), (Keys{2}));
  EXPECT_EQ(to_unload(loaded, 0), (Keys{2, 3, 1}));
}

TEST(Policy, NeverUnloadsWhatWorks) { EXPECT_EQ(to_unload({{1, 40, at(1), true}, {2, 40, at(2), false}}, 0), (Keys{2})); }

TEST(Policy, UnloadsModelsOnDemandFirstAndPinnedOnesNever) {
  const std::vector<Loaded> loaded = {
      {1, 40, at(9), false, Residence::on_demand}, {2, 40, at(1), false, Residence::warm}, {3, 40, at(2), false, Residence::pinned}};
  EXPECT_EQ(to_unload(loaded, 100), (Keys{1}));
  EXPECT_EQ(to_unload(loaded, 0), (Keys{1, 2}));
}

TEST(Policy, LetsThoseWhoCameFirstMakeRoomWhenAllWork) {
  EXPECT_EQ(to_leave({}), std::nullopt);
  EXPECT_EQ(to_leave({{7, 40, at(1), true}, {3, 40, at(2), true}, {9, 40, at(0), true}}), 3u);
  EXPECT_EQ(to_leave({{3, 40, at(1), true, Residence::warm}, {7, 40, at(2), true}}), 7u);
  EXPECT_EQ(to_leave({{3, 40, at(1), true, Residence::pinned}}), std::nullopt);
}

TEST(Policy, LearnsWhatACellNeedsBesideItsWeights) {
  Expectation expectation;
  EXPECT_EQ(expectation.resident_bytes(0), 8u << 20);
  for (int i = 0; i < 100; ++i) expectation.observe(13 << 20, 4 << 20);
  EXPECT_NEAR(static_cast<double>(expectation.resident_bytes(0)), 3 << 20, 100);
  EXPECT_NEAR(static_cast<double>(expectation.resident_bytes(100 << 20)), 253 << 20, 100);
  for (int i = 0; i < 100; ++i) expectation.observe(1, 4 << 20);
  EXPECT_NEAR(static_cast<double>(expectation.resident_bytes(0)), 1 << 20, 100);
}

TEST(Policy, GivesThreadsToLargeTensorModelsOnly) {
  Schema table;
  table.features.resize(3);
  Schema tensor;
  EXPECT_EQ(threads_for(table, 100 << 20, 8, 0), 1u);
  EXPECT_EQ(threads_for(tensor, 1000, 8, 0), 1u);
  EXPECT_EQ(threads_for(tensor, 45 << 20, 8, 0), 8u);
  EXPECT_EQ(threads_for(table, 1000, 8, 3), 3u);
}

TEST(Spread, IsOneRunOnAllThreadsForFewAndARunOnEachWhileManyAsk) {
  Spread spread(4);
  const Layout together{4, 1}, apart{1, 4};
  const auto ms = [](int t) { return Steady{} + Millis(t); };
  for (int t = 0; t < 1000; t += 10) spread.arrived(2, ms(t));  // two runs on one thread each do less than one on four
  EXPECT_EQ(spread.layout(), together);
  for (int t = 1000; t < 1200; t += 10) spread.arrived(3, ms(t));
  EXPECT_EQ(spread.layout(), together) << "not for a moment's crowd";
  spread.arrived(1, ms(1200));
  for (int t = 1210; t < 1400; t += 10) spread.arrived(9, ms(t));
  EXPECT_EQ(spread.layout(), together) << "the crowd had gone in between";
  spread.arrived(3, ms(1410));
  EXPECT_EQ(spread.layout(), apart);
  for (int t = 1420; t < 16'400; t += 100) spread.arrived(1, ms(t));
  EXPECT_EQ(spread.layout(), apart);
  spread.arrived(1, ms(16'411));
  EXPECT_EQ(spread.layout(), together);
  Spread single(1);
  for (int t = 0; t < 1000; t += 10) single.arrived(9, ms(t));
  EXPECT_EQ(single.layout(), (Layout{1, 1}));
}

TEST(RestartBudget, RestsAtTheThirdCrashWithinTheWindow) {
  RestartBudget budget(3, 60s, 30s);
  EXPECT_FALSE(budget.crashed(at(0)));
  EXPECT_FALSE(budget.crashed(at(59)));
  EXPECT_FALSE(budget.crashed(at(100)));  // the first is forgotten
  EXPECT_FALSE(budget.resting(at(100)));
  EXPECT_TRUE(budget.crashed(at(110)));
  EXPECT_TRUE(budget.resting(at(139)));
  EXPECT_FALSE(budget.resting(at(140)));
  EXPECT_FALSE(budget.crashed(at(141)));  // it begins anew
}

TEST(ServiceTime, KeepsTheRingShortForSlowModels) {
  ServiceTime fast, slow;
  for (int i = 0; i < 100; ++i) {
    fast.observe(5e-6, 1, 1);
    slow.observe(0.05, 1, 1);
  }
  EXPECT_EQ(fast.depth(64), 64u);
  EXPECT_EQ(slow.depth(64), 2u);
}

TEST(ServiceTime, TellsARunsOwnTimeFromThatOfItsRows) {
  ServiceTime time;
  EXPECT_EQ(time.estimate_s(10), 0);
  for (int i = 0; i < 200; ++i) {
    const double rows = i % 4 == 0 ? 1000 : 1;
    time.observe(100e-6 + rows * 2e-6, rows, 1);
  }
  EXPECT_NEAR(time.estimate_s(1), 102e-6, 1e-6);
  EXPECT_NEAR(time.estimate_s(100'000), 0.2001, 1e-3);
}

TEST(ServiceTime, SharesARunAmongTheRequestsInIt) {
  ServiceTime time;
  for (int i = 0; i < 200; ++i) time.observe(1e-3, 10, 10);
  EXPECT_NEAR(time.mean_s(), 1e-4, 1e-6);
  EXPECT_NEAR(time.run_s(), 1e-3, 1e-6);
  EXPECT_NEAR(time.estimate_s(1), 1e-4, 2e-6) << "rows were always as many: the run's time alone is known";
}

TEST(RetryAfter, IsInWholeSecondsAndNeverZero) {
  EXPECT_EQ(retry_after_s(0), 1u);
  EXPECT_EQ(retry_after_s(4.2), 5u);
  EXPECT_EQ(retry_after_s(1e9), 3600u);
}

struct Load {  // offered to cells that do `capacity` requests in a window of 0.1 s
  Overload overload;
  double waiting = 0;  // requests
  int ms = 0;
  int shed_from = -1;
  void window(int arriving, int capacity) {
    const double run_s = 0.1 / capacity;
    double admitted = arriving;
    if (overload.on()) admitted = std::min(admitted, capacity + 2 - std::min<double>(waiting, 2));
    for (int i = 0; i < arriving; ++i) overload.arrived();
    const double done = std::min<double>(waiting + admitted, capacity);
    waiting += admitted - done;
    overload.done(static_cast<std::uint64_t>(done));
    ms += 100;
    if (overload.look(Steady{} + Millis(ms), waiting * run_s, run_s) && shed_from < 0) shed_from = ms;
  }
};

TEST(Overload, IsNoticedWithinASecondAndEndsWithTheLoad) {
  Load load;
  for (int i = 0; i < 50; ++i) load.window(9, 10);
  EXPECT_EQ(load.shed_from, -1);
  for (int i = 0; i < 50; ++i) load.window(20, 10);
  EXPECT_GT(load.shed_from, 5000);
  EXPECT_LE(load.shed_from, 6000);
  EXPECT_TRUE(load.overload.on());
  for (int i = 0; i < 3; ++i) load.window(9, 10);
  EXPECT_FALSE(load.overload.on());
}

// 64 connections that each wait for their answer: a long queue, and none to refuse.
TEST(Overload, IsNotALongQueueOfCallersThatWaitForTheirAnswers) {
  Load load;
  load.window(64, 10);
  for (int i = 0; i < 100; ++i) load.window(10, 10);
  EXPECT_EQ(load.shed_from, -1);
  EXPECT_NEAR(load.waiting, 54, 1);
}

// 50 ms a run, twice as many requests as can be done: few come in a window, and chance alone must neither hide it nor end it.
TEST(Overload, OfSlowRunsIsNoticedInAFewSecondsAndNotLostByChance) {
  std::mt19937 random(5);
  int late = 0, flaps = 0;
  for (int trial = 0; trial < 50; ++trial) {
    Overload overload;
    int waiting = 0, on_after_ms = 60'000;
    double next_ms = 0;
    std::exponential_distribution<double> gap(1.0 / 25);
    for (int ms = 0; ms < 20'000; ++ms) {
      if (ms % 50 == 0 && waiting > 0) {
        --waiting;
        overload.done(1);
      }
      for (; next_ms < ms; next_ms += gap(random)) {
        const bool was_on = overload.on();
        overload.arrived();
        if (overload.look(Steady{} + Millis(ms), waiting * 0.05, 0.05)) on_after_ms = std::min(on_after_ms, ms);
        flaps += was_on && !overload.on() ? 1 : 0;
        if (overload.on()) waiting = std::min(waiting, 2);
        if (!overload.on() || waiting < 2) ++waiting;
      }
    }
    late += on_after_ms > 2500 ? 1 : 0;
    EXPECT_LE(on_after_ms, 5000) << trial;
  }
  EXPECT_LE(late, 10) << "of 50";
  EXPECT_LE(flaps, 3) << "in a thousand seconds";
}

TEST(Overload, IsNotWhatChanceDoesBelowTheCapacity) {
  std::mt19937 random(6);
  std::exponential_distribution<double> gap(1.0 / 62.5);  // 0.8 of the capacity
  Overload overload;
  int waiting = 0;
  double next_ms = 0;
  for (int ms = 0; ms < 600'000; ++ms) {
    if (ms % 50 == 0 && waiting > 0) {
      --waiting;
      overload.done(1);
    }
    for (; next_ms < ms; next_ms += gap(random)) {
      overload.arrived();
      ++waiting;
      EXPECT_FALSE(overload.look(Steady{} + Millis(ms), waiting * 0.05, 0.05)) << ms;
    }
  }
}

TEST(Callers, AreSeveralForASecondAfterAnotherThanTheLastHasCome) {
  Callers callers;
  callers.asks(1, Steady{} + Millis(0));
  callers.asks(1, Steady{} + Millis(10));
  EXPECT_FALSE(callers.several(Steady{} + Millis(10)));
  callers.asks(2, Steady{} + Millis(20));
  EXPECT_TRUE(callers.several(Steady{} + Millis(1000)));
  EXPECT_FALSE(callers.several(Steady{} + Millis(1020)));
  callers.asks(1, Steady{} + Millis(1500));
  EXPECT_FALSE(callers.several(Steady{} + Millis(1500))) << "the other has left";
}

TEST(ServiceTime, LetsLessStandInTheRingWhenSeveralAsk) {
  ServiceTime quick;
  for (int i = 0; i < 100; ++i) quick.observe(0.00002, 1, 1);
  EXPECT_EQ(quick.depth(256), 100U);
  EXPECT_EQ(quick.depth(256, true), 10U);
  ServiceTime slow;
  for (int i = 0; i < 100; ++i) slow.observe(0.03, 1, 1);
  EXPECT_EQ(slow.depth(256), 2U);
  EXPECT_EQ(slow.depth(256, true), 1U) << "beside such a run a wake-up is nothing";
  ServiceTime together;
  for (int i = 0; i < 100; ++i) together.observe(0.03, 8, 8);
  EXPECT_EQ(together.depth(256, true), 2U) << "else there would be nothing to run together";
}

TEST(ServiceTime, LetsAFewStandInTheRingThatTheNextRunTakesTogether) {
  ServiceTime slow;
  for (int i = 0; i < 100; ++i) slow.observe(0.03, 1, 1);
  EXPECT_EQ(slow.depth(256, false, true), 4U);
  EXPECT_EQ(slow.depth(256, true, true), 1U) << "whoever comes next would wait for all of them";
  ServiceTime very_slow;
  for (int i = 0; i < 100; ++i) very_slow.observe(0.5, 1, 1);
  EXPECT_EQ(very_slow.depth(256, false, true), 2U);
}

TEST(Cells, AreOneACoreForModelsOnOneThread) {
  EXPECT_EQ(cells_for(1, 4, 0), 4u);
  EXPECT_EQ(cells_for(4, 4, 0), 1u);
  EXPECT_EQ(cells_for(1, 64, 0), 8u);
  EXPECT_EQ(cells_for(1, 4, 2), 2u);
}

}  // namespace
}  // namespace slipway::inference::policy
