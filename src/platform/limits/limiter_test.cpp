#include "slipway/platform/limits/limiter.hpp"

#include <gtest/gtest.h>

namespace slipway::limits {
namespace {

TEST(Limiter, LetsABurstThroughAndThenTheSustainedRate) {
  ManualClock clock;
  clock.advance(Millis(1000));
  Limiter limiter(per_minute(60, 5), "default", clock);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(limiter.admit("a").status.ok()) << i;
  const auto refused = limiter.admit("a");
  ASSERT_FALSE(refused.status.ok());
  EXPECT_EQ(refused.status.error().retry_after_s(), 1U);
  EXPECT_TRUE(limiter.admit("b").status.ok()) << "another caller has a limit of its own";
  clock.advance(Millis(1000));
  EXPECT_TRUE(limiter.admit("a").status.ok());
  EXPECT_FALSE(limiter.admit("a").status.ok());
}

TEST(Limiter, TellsWhatIsLeft) {
  ManualClock clock;
  clock.advance(Millis(1000));
  Limiter limiter(per_minute(60, 5), "default", clock);
  EXPECT_EQ(limiter.admit("a").headers_limit, "\"default\";r=4;t=1");
  EXPECT_EQ(limiter.policy_header(), "\"default\";q=5;w=5");
}

TEST(Limiter, WithoutARateSaysNothing) {
  ManualClock clock;
  Limiter limiter(std::nullopt, "default", clock);
  EXPECT_TRUE(limiter.admit("a").status.ok());
  EXPECT_EQ(limiter.admit("a").headers_limit, "");
}

}  // namespace
}  // namespace slipway::limits
