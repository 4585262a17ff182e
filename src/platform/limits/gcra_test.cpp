#include "slipway/platform/limits/gcra.hpp"

#include <gtest/gtest.h>

#include <random>

namespace slipway::limits {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

// The same rule the other way round: a bucket of tokens that fills at the sustained rate.
struct TokenBucket {
  const Rate& rate;
  double tokens = static_cast<double>(rate.burst);
  std::int64_t at_ns = 0;

  void fill(std::int64_t now_ns) {
    tokens += static_cast<double>(now_ns - at_ns) * static_cast<double>(rate.amount) / static_cast<double>(rate.window_ns);
    tokens = std::min(tokens, static_cast<double>(rate.burst));
    at_ns = now_ns;
  }
};

TEST(Gcra, DecidesAsATokenBucketDoesWhateverTheCosts) {
  std::mt19937_64 random(7);
  const auto upto = [&](std::int64_t most) { return std::uniform_int_distribution<std::int64_t>(1, most)(random); };
  int close = 0, allowed = 0, refused = 0;
  for (int round = 0; round < 400; ++round) {
    const std::int64_t windows[] = {kSecond, 60 * kSecond, 3600 * kSecond, 86'400 * kSecond};
    const Rate rate{upto(round % 2 == 0 ? 20 : 2'000'000), windows[upto(4) - 1], upto(round % 3 == 0 ? 10 : 500'000)};
    if (rate.tolerance_ns() > 86'400 * kSecond) continue;  // or 300 steps would leave the range of the clock
    TokenBucket bucket{rate};
    std::int64_t arrival = 0, now = 5 * kSecond;
    bucket.at_ns = now;
    for (int step = 0; step < 300; ++step) {
      now += upto(2 * rate.time_of(std::max<std::int64_t>(1, rate.burst / 4)) + 1);
      bucket.fill(now);
      const std::int64_t cost = upto(rate.burst + rate.burst / 4 + 1);
      const Decision d = decide(rate, arrival, now, cost);
      EXPECT_EQ(d.never, cost > rate.burst);
      const double spare = bucket.tokens - static_cast<double>(cost);
      // Times are cut to whole nanoseconds, in the caller's favour: one a request.
      const double unsure = 1e-6 + static_cast<double>(rate.amount) / static_cast<double>(rate.window_ns) * (step + 4);
      if (std::abs(spare) < unsure) {
        ++close;
      } else {
        ASSERT_EQ(d.allowed, spare > 0) << "amount " << rate.amount << " window " << rate.window_ns << " burst " << rate.burst << " cost " << cost;
      }
      if (d.allowed) bucket.tokens -= static_cast<double>(cost);
      (d.allowed ? allowed : refused) += 1;
      arrival = d.theoretical_arrival_ns;
      ASSERT_NEAR(static_cast<double>(d.remaining), bucket.tokens, 1 + unsure)
          << rate.amount << " " << rate.window_ns << " " << rate.burst << " cost " << cost << " allowed " << d.allowed << " step " << step;
      if (!d.allowed && !d.never) {
        ASSERT_FALSE(decide(rate, arrival, now + d.retry_after_ns - 1, cost).allowed);
        ASSERT_TRUE(decide(rate, arrival, now + d.retry_after_ns, cost).allowed) << "at the time it named";
      }
    }
  }
  EXPECT_GT(allowed, 10'000);
  EXPECT_GT(refused, 10'000);
  EXPECT_LT(close, (allowed + refused) / 10);
}

TEST(Gcra, OnlyLooksWhenItCostsNothing) {
  const Rate rate{1, 60 * kSecond, 1};
  const Decision first = decide(rate, 0, kSecond, 1);
  ASSERT_TRUE(first.allowed);
  const Decision look = decide(rate, first.theoretical_arrival_ns, kSecond, 0);
  EXPECT_TRUE(look.allowed);
  EXPECT_EQ(look.remaining, 0);
  EXPECT_EQ(look.theoretical_arrival_ns, first.theoretical_arrival_ns);
}

TEST(Gcra, HugeCostsAndLongWindowsDontOverflow) {
  const Rate slow{1, 86'400 * kSecond, 1'000'000'000'000'000};
  std::int64_t arrival = 0;
  for (int i = 0; i < 3; ++i) {
    const Decision d = decide(slow, arrival, 1'000'000 * kSecond, 900'000'000'000'000);
    EXPECT_GE(d.theoretical_arrival_ns, arrival);
    EXPECT_GE(d.retry_after_ns, 0);
    EXPECT_GE(d.remaining, 0);
    arrival = d.theoretical_arrival_ns;
  }
}

}  // namespace
}  // namespace slipway::limits
