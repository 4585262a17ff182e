#include "slipway/http/turns.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace slipway::http {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr CallerId kHeavy = 1, kOther = 2, kLight = 3;
const Steady kStart{std::chrono::seconds(1000)};

// What a loop would do for a second with callers that always have requests: each takes 20 microseconds of it, and the rest is idle.
struct Second {
  explicit Second(Turns<CallerId>& t, std::vector<CallerId> callers, bool limited, bool refused = false) {
    for (Steady now = kStart; now < kStart + std::chrono::seconds(1);) {
      for (const CallerId caller : callers) {
        if (waiting[caller]++ == 0) t.park(caller, caller);
      }
      const auto next = t.next(now, limited);
      for (const CallerId caller : callers) waiting[caller] = next && *next == caller ? 0 : 1;
      now += microseconds(20);
      if (!next) continue;
      ++handled[*next];
      t.charge(*next, microseconds(10), now);  // twice of it
      t.answered(*next, refused);
    }
  }
  std::map<CallerId, int> handled, waiting;
};

TEST(Turns, ACallerGetsAllOfTheTimeWhileNobodyAsksForLittle) {
  Turns<CallerId> turns;
  Second one(turns, {kHeavy}, false);
  EXPECT_EQ(one.handled[kHeavy], 50'000);
  Turns<CallerId> others;
  Second two(others, {kHeavy, kOther}, false);
  EXPECT_EQ(two.handled[kHeavy], 25'000);
  EXPECT_EQ(two.handled[kOther], 25'000);
}

TEST(Turns, ThoseWhoAskForMuchShareHalfOfTheTimeWhileOneAsksForLittle) {
  Turns<CallerId> turns;
  Second one(turns, {kHeavy}, true);
  EXPECT_NEAR(one.handled[kHeavy], 25'000, 500);
  Turns<CallerId> others;
  Second two(others, {kHeavy, kOther}, true);
  EXPECT_NEAR(two.handled[kHeavy], 12'500, 500);
  EXPECT_NEAR(two.handled[kOther], 12'500, 500);
}

TEST(Turns, RefusalsWeighMoreTheMoreOfThemFollowEachOther) {
  Turns<CallerId> turns;
  Second second(turns, {kHeavy}, true, true);
  EXPECT_LT(second.handled[kHeavy], 1500);
  EXPECT_GT(second.handled[kHeavy], 300) << "slower and slower, never stopped";
}

TEST(Turns, WhoAsksForLittleGoesAtOnceBesideOneWhoIsHeldBack) {
  Turns<int> turns;
  turns.charge(kHeavy, microseconds(2500), kStart);  // twice of it
  turns.charge(kLight, microseconds(50), kStart);
  EXPECT_FALSE(turns.may_go(kHeavy, kStart, true));
  EXPECT_FALSE(turns.is_light(kHeavy, kStart));
  EXPECT_TRUE(turns.may_go(kLight, kStart, true));
  EXPECT_TRUE(turns.is_light(kLight, kStart));
  EXPECT_TRUE(turns.may_go(kHeavy, kStart, false)) << "nobody is there who asks for little";
  EXPECT_FALSE(turns.may_go(kHeavy, kStart + milliseconds(7), true));
  EXPECT_TRUE(turns.may_go(kHeavy, kStart + milliseconds(9), true)) << "4 ms of debt at half of the time";
  EXPECT_TRUE(turns.is_light(kHeavy, kStart + milliseconds(1001)));
}

TEST(Turns, WhatIsParkedGoesOneOfEachCallerInTurnAndKeepsItsOrder) {
  Turns<std::string> turns;
  for (const char* item : {"a1", "a2", "a3"}) turns.park(kHeavy, item);
  turns.park(kOther, "b1");
  EXPECT_FALSE(turns.may_go(kHeavy, kStart, false)) << "others of the caller came before";
  std::string order;
  while (auto next = turns.next(kStart, false)) order += *next + " ";
  EXPECT_EQ(order, "a1 b1 a2 a3 ");
  EXPECT_EQ(turns.parked(), 0U);
  EXPECT_TRUE(turns.may_go(kHeavy, kStart, false));
}

TEST(Turns, WhoLeavesIsForgotten) {
  Turns<std::string> turns;
  turns.park(kHeavy, "a1");
  turns.park(kOther, "b1");
  turns.forget(kHeavy, "a1");
  turns.forget(kHeavy, "a1");
  turns.forget(kLight, "never came");
  EXPECT_EQ(turns.parked(), 1U);
  EXPECT_EQ(turns.next(kStart, true), "b1");
  EXPECT_EQ(turns.next(kStart, true), std::nullopt);
}

TEST(Turns, ACallerThatLeavesForASecondAndComesAgainOwesNothing) {
  Turns<int> turns;
  turns.charge(kHeavy, std::chrono::seconds(60), kStart);
  EXPECT_TRUE(turns.may_go(kHeavy, kStart + milliseconds(200), true)) << "a debt has a bound";
  for (CallerId caller = 10; caller < 2000; ++caller) turns.charge(caller, microseconds(1), kStart + std::chrono::seconds(caller));
  EXPECT_TRUE(turns.may_go(kHeavy, kStart + std::chrono::seconds(3000), true));
}

TEST(Company, IsSeveralCallersWithinASecondOneOfThemLight) {
  Company company;
  for (int i = 0; i < 100; ++i) company.asks(kHeavy, true, kStart + milliseconds(i));
  EXPECT_FALSE(company.several(kStart + milliseconds(100))) << "one is no company";
  EXPECT_FALSE(company.has_light(kStart + milliseconds(100)));
  company.asks(kOther, false, kStart + milliseconds(100));
  EXPECT_TRUE(company.several(kStart + milliseconds(1000)));
  EXPECT_FALSE(company.has_light(kStart + milliseconds(1000))) << "both ask for much";
  EXPECT_FALSE(company.several(kStart + milliseconds(1200)));
  company.asks(kLight, true, kStart + milliseconds(1500));
  EXPECT_FALSE(company.several(kStart + milliseconds(1500))) << "the others have left";
  company.asks(kHeavy, false, kStart + milliseconds(1510));
  company.asks(kLight, true, kStart + milliseconds(1520));
  EXPECT_TRUE(company.has_light(kStart + milliseconds(2400)));
  EXPECT_FALSE(company.has_light(kStart + milliseconds(2600)));
}

}  // namespace
}  // namespace slipway::http
