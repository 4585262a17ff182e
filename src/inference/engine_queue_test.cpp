// Whose turn it is, how many run at a time, and who is refused when more is asked than can be done.
#include <gtest/gtest.h>
#include <signal.h>

#include <future>
#include <thread>
#include <utility>
#include <vector>

#include "slipway/inference/engine_rig.hpp"

namespace slipway::inference {
namespace {

using namespace engine_rig;

TEST(Engine, ServesAPoliteCallerSoonBesideOneThatFloods) {
  Rig rig;
  rig.options.cells = 1;
  rig.start();
  auto model = rig.deploy(looping());
  ASSERT_TRUE(rig.ask(*model, {whole(kFiveMs)}).get().ok());
  std::vector<std::future<Rig::Answer>> flood;
  for (int i = 0; i < 300; ++i) flood.push_back(rig.ask(*model, {whole(kFiveMs)}, 60s, 0, {1}));
  const auto began = std::chrono::steady_clock::now();
  double worst = 0;
  for (int i = 0; i < 5; ++i) {
    const auto asked = std::chrono::steady_clock::now();
    ASSERT_TRUE(rig.ask(*model, {whole(kFiveMs)}, 20s, 1, {2}).get().ok());
    worst = std::max(worst, ms_since(asked));
  }
  const bool flood_waits = flood.back().wait_for(0s) != std::future_status::ready;
  for (auto& f : flood) EXPECT_TRUE(f.get().ok());
  const double all = ms_since(began);
  EXPECT_TRUE(flood_waits) << "else this test shows nothing";
  EXPECT_LT(worst, all / 8) << "behind the others it would have been all of " << all << " ms";
}

TEST(Engine, PutsHigherPrioritiesFirst) {
  Rig rig;
  rig.options.cells = 1;
  rig.start();
  auto model = rig.deploy(looping());
  ASSERT_TRUE(rig.ask(*model, {whole(kFiveMs)}).get().ok());
  std::vector<std::future<Rig::Answer>> files;
  for (int i = 0; i < 300; ++i) files.push_back(rig.ask(*model, {whole(kFiveMs)}, 60s, 0, {1, Priority::low}));
  ASSERT_TRUE(rig.ask(*model, {whole(kFiveMs)}, 20s, 0, {1, Priority::high}).get().ok());
  EXPECT_NE(files.back().wait_for(0s), std::future_status::ready) << "behind them it would have been the last";
  for (auto& f : files) EXPECT_TRUE(f.get().ok());
}

TEST(Engine, GivesACrowdedModelAnotherCell) {
  Rig rig;
  rig.options.cells = 2;
  rig.start();
  auto model = rig.deploy(looping());
  ASSERT_TRUE(rig.ask(*model, {whole(kFiveMs)}).get().ok());
  EXPECT_EQ(model->stats().cells, 1U);
  std::vector<std::future<Rig::Answer>> futures;
  for (int i = 0; i < 300; ++i) futures.push_back(rig.ask(*model, {whole(kFiveMs)}, 60s, static_cast<std::size_t>(i % 2)));
  unsigned cells = 0;
  for (auto& f : futures) {
    EXPECT_TRUE(f.get().ok());
    cells = std::max(cells, model->stats().cells);
  }
  EXPECT_EQ(cells, 2U);
  const auto stats = model->stats();
  EXPECT_EQ(stats.cold_starts, 2U);
  EXPECT_EQ(stats.succeeded.count, 301U);
  EXPECT_EQ(stats.rows, 301U);
  EXPECT_NEAR(stats.runs, 301, 0.5);
  EXPECT_GT(stats.queued.ns, stats.computed.ns);
}

// Requests of 5 ms, as many as it takes until a cell that runs two at a time has replaced the first.
void crowd(Rig& rig, Model& model) {
  std::vector<std::future<Rig::Answer>> crowd;
  for (int i = 0; i < 2000 && model.stats().lanes < 2; ++i) {
    crowd.push_back(rig.ask(model, {whole(kFiveMs)}, 60s, static_cast<std::size_t>(i % 2)));
    std::this_thread::sleep_for(1ms);
  }
  for (auto& f : crowd) EXPECT_TRUE(f.get().ok());
  for (int i = 0; i < 500 && model.stats().cells > 1; ++i) std::this_thread::sleep_for(10ms);
}

TEST(Engine, RunsSeveralAtATimeOnAThreadEachWhenAModelOfSeveralThreadsIsCrowded) {
  Rig rig;
  rig.options.threads = 2;
  rig.start();
  auto model = rig.deploy(looping());
  ASSERT_TRUE(rig.ask(*model, {whole(kFiveMs)}).get().ok());
  EXPECT_EQ(model->stats().lanes, 1U);
  crowd(rig, *model);
  ASSERT_EQ(model->stats().lanes, 2U);
  EXPECT_EQ(model->stats().cells, 1U) << "the cell that was replaced goes";
  auto endless = rig.ask(*model, {whole(INT64_MAX / 2)}, 1s);
  std::this_thread::sleep_for(50ms);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(rig.ask(*model, {whole(3)}, 20s, 1).get().ok());
  EXPECT_NE(endless.wait_for(0s), std::future_status::ready) << "else they were answered after it, not beside it";
  EXPECT_FALSE(endless.get().ok());
}

TEST(Engine, LosesOnlyWhatRanWhenACellOfTwoLanesIsKilled) {
  Rig rig;
  rig.options.threads = 2;
  rig.start();
  auto model = rig.deploy(looping());
  crowd(rig, *model);
  ASSERT_EQ(model->stats().cells, 1U);
  std::vector<std::future<Rig::Answer>> futures;
  for (int i = 0; i < 200; ++i) futures.push_back(rig.ask(*model, {whole(kFiveMs)}, 60s, static_cast<std::size_t>(i % 2)));
  ASSERT_TRUE(futures.front().get().ok());
  ASSERT_EQ(::kill(model->stats().pid, SIGKILL), 0);
  int lost = 0;
  for (std::size_t i = 1; i < futures.size(); ++i) lost += futures[i].get().ok() ? 0 : 1;
  EXPECT_LE(lost, 2);
}

TEST(Engine, LosesNothingButWhatRanWhenOneOfTwoCellsIsKilled) {
  Rig rig;
  rig.options.cells = 2;
  rig.start();
  auto model = rig.deploy(looping());
  ASSERT_TRUE(rig.ask(*model, {whole(kFiveMs)}).get().ok());
  std::vector<std::future<Rig::Answer>> futures;
  for (int i = 0; i < 400; ++i) futures.push_back(rig.ask(*model, {whole(kFiveMs)}, 60s, static_cast<std::size_t>(i % 2)));
  for (int i = 0; i < 500 && model->stats().cells < 2; ++i) std::this_thread::sleep_for(5ms);
  ASSERT_EQ(model->stats().cells, 2U);
  ASSERT_EQ(::kill(model->stats().pid, SIGKILL), 0);
  int lost = 0;
  for (auto& f : futures) {
    const auto answer = f.get();
    if (answer.ok()) continue;
    ++lost;
    EXPECT_EQ(answer.error().code(), ErrorCode::model_crashed);
  }
  EXPECT_LE(lost, 1);
}

TEST(Engine, RefusesAtOnceWhatCannotBeDoneInItsTime) {
  Rig rig;
  rig.options.cells = 1;
  rig.start();
  auto model = rig.deploy(looping());
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(rig.ask(*model, {whole(kFiveMs)}).get().ok());
  std::vector<std::future<Rig::Answer>> before;
  for (int i = 0; i < 200; ++i) before.push_back(rig.ask(*model, {whole(kFiveMs)}, 60s));
  const auto asked = std::chrono::steady_clock::now();
  const auto answer = rig.ask(*model, {whole(kFiveMs)}, 200ms).get();
  EXPECT_LT(ms_since(asked), 150);
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().code(), ErrorCode::overloaded);
  EXPECT_GE(answer.error().retry_after_s().value_or(0), 1U);
  for (auto& f : before) EXPECT_TRUE(f.get().ok());
}

TEST(Engine, KeepsLatencyFlatWhenTwiceAsMuchIsAskedAsItCanDo) {
  Rig rig;
  rig.options.cells = 1;
  rig.start();
  auto model = rig.deploy(looping());
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(rig.ask(*model, {whole(kFiveMs)}).get().ok());
  const auto one_run = std::chrono::nanoseconds(model->stats().computed.ns / model->stats().computed.count);
  struct Asked {
    Steady at;
    std::future<Rig::Answer> answer;
  };
  std::vector<Asked> asked;
  const Steady end = in(3s);
  for (Steady next = std::chrono::steady_clock::now(); next < end; next += one_run / 2) {
    std::this_thread::sleep_until(next);
    asked.push_back({std::chrono::steady_clock::now(), rig.ask(*model, {whole(kFiveMs)}, 30s, asked.size() % 2)});
  }
  const double behind_ms = ms_since(end);  // all is asked; what still waits now would take its time
  const Steady all_asked = std::chrono::steady_clock::now();
  std::size_t accepted = 0, refused = 0;
  for (auto& a : asked) {
    const auto answer = a.answer.get();
    accepted += answer.ok() ? 1 : 0;
    refused += !answer.ok() && answer.error().code() == ErrorCode::overloaded ? 1 : 0;
  }
  const Tally computed = model->stats().computed;
  EXPECT_EQ(accepted + refused, asked.size());
  EXPECT_GT(refused, asked.size() / 5);
  EXPECT_GT(static_cast<double>(computed.ns) * 1e-9, 0.4 * 3) << "the cell was kept busy";
  EXPECT_GE(accepted, 20U);
  EXPECT_LT(ms_since(all_asked), 500) << "a queue of all that was offered would be 1.5 s long; sender was behind by " << behind_ms << " ms";
}

TEST(Engine, TurnsAwayBeforeReadingWhileMoreIsAskedThanItCanDoAndNoLonger) {
  Rig rig;
  rig.options.cells = 1;
  rig.start();
  auto model = rig.deploy(looping());
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(rig.ask(*model, {whole(kFiveMs)}).get().ok());
  const auto one_run = std::chrono::nanoseconds(model->stats().computed.ns / model->stats().computed.count);
  EXPECT_TRUE(model->turned_away(0, Priority::normal).ok());
  std::vector<std::future<Rig::Answer>> asked;
  std::size_t away = 0;
  const auto offer = [&](Millis how_long, auto pause) {
    const Steady end = in(how_long);
    for (Steady next = std::chrono::steady_clock::now(); next < end; next += pause) {
      std::this_thread::sleep_until(next);
      const Status read = model->turned_away(0, Priority::normal);
      if (read.ok()) {
        asked.push_back(rig.ask(*model, {whole(kFiveMs)}, 30s, asked.size() % 2));
      } else {
        EXPECT_EQ(read.error().code(), ErrorCode::overloaded);
        EXPECT_GT(read.error().retry_after_s().value_or(0), 0U);
        ++away;
      }
    }
  };
  offer(3s, one_run / 2);
  EXPECT_GT(away, asked.size() / 10);
  for (auto& a : asked) (void)a.get();
  offer(2s, one_run * 4);
  const std::size_t before = std::exchange(away, 0);
  offer(1s, one_run * 4);
  EXPECT_EQ(away, 0U) << before << " in the time in which it notices the end";
  for (auto& a : asked) {
    if (a.valid()) (void)a.get();
  }
}

}  // namespace
}  // namespace slipway::inference
