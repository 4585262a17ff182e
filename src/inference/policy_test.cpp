#include "slipway/inference/policy.hpp"

#include <gtest/gtest.h>

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

TEST(Policy, GivesThreadsToLargeTensorModelsOnly) {
  Schema table;
  table.features.resize(3);
  Schema tensor;
  EXPECT_EQ(threads_for(table, 100 << 20, 8, 0), 1u);
  EXPECT_EQ(threads_for(tensor, 1000, 8, 0), 1u);
  EXPECT_EQ(threads_for(tensor, 45 << 20, 8, 0), 8u);
  EXPECT_EQ(threads_for(table, 1000, 8, 3), 3u);
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
    fast.observe(5e-6);
    slow.observe(0.05);
  }
  EXPECT_EQ(fast.depth(64), 64u);
  EXPECT_EQ(slow.depth(64), 2u);
  EXPECT_EQ(fast.retry_after_s(10), 1u);
  EXPECT_EQ(slow.retry_after_s(100), 5u);
}

}  // namespace
}  // namespace slipway::inference::policy
