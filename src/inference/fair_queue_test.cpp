#include "slipway/inference/fair_queue.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace slipway::inference {
namespace {

using Queue = FairQueue<std::string>;

Ticket ticket(std::uint64_t caller, double cost_s = 1, Priority priority = Priority::normal) { return {caller, priority, cost_s, 10}; }

std::string drained(Queue& queue) {
  std::string out;
  while (!queue.empty()) {
    const std::string next = queue.front().value;
    const std::string popped = queue.pop().value;
    EXPECT_EQ(next, popped);
    out += popped;
  }
  return out;
}

TEST(FairQueue, KeepsOneCallersOrder) {
  Queue queue;
  for (const char* v : {"a", "b", "c"}) queue.push(v, ticket(1));
  EXPECT_EQ(queue.size(), 3U);
  EXPECT_EQ(queue.bytes(), 30U);
  EXPECT_DOUBLE_EQ(queue.cost_s(), 3);
  EXPECT_EQ(drained(queue), "abc");
  EXPECT_EQ(queue.bytes(), 0U);
  EXPECT_EQ(queue.cost_s(), 0);
}

TEST(FairQueue, TakesTurnsBetweenCallersHoweverManyRequestsOneOfThemHas) {
  Queue queue;
  for (int i = 0; i < 100; ++i) queue.push("f", ticket(1));
  queue.push("p", ticket(2));
  queue.push("q", ticket(2));
  EXPECT_EQ(drained(queue).substr(0, 5), "fpfqf");
}

TEST(FairQueue, SharesByCostAndNotByCount) {
  Queue queue;
  for (int i = 0; i < 20; ++i) queue.push("L", ticket(1, 4));
  for (int i = 0; i < 20; ++i) queue.push("s", ticket(2, 1));
  std::map<char, int> among_first;
  const std::string order = drained(queue);
  for (char c : order.substr(0, 20)) ++among_first[c];
  EXPECT_EQ(among_first['L'], 4);
  EXPECT_EQ(among_first['s'], 16);
}

TEST(FairQueue, GivesANewcomerNoCreditForTheTimeItWasAway) {
  Queue queue;
  for (int i = 0; i < 10; ++i) queue.push("a", ticket(1));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(queue.pop().value, "a");
  for (int i = 0; i < 5; ++i) queue.push("b", ticket(2));
  EXPECT_EQ(drained(queue), "bbabababaa") << "they take turns from now on; the credit of the one that came is less than a turn";
}

TEST(FairQueue, LetsTheFewRequestsOfOneThatAsksForLittleGoTogether) {
  Queue queue;
  for (int i = 0; i < 100; ++i) queue.push("a", ticket(1, 0.02));
  for (int i = 0; i < 40; ++i) EXPECT_EQ(queue.pop().value, "a");
  for (int i = 0; i < 4; ++i) queue.push("b", ticket(2, 0.02));
  EXPECT_EQ(drained(queue).substr(0, 6), "bbbbaa");
}

TEST(FairQueue, GivesNoMoreCreditThanSoMuchToWhoWasAway) {
  Queue queue;
  for (int i = 0; i < 200; ++i) queue.push("a", ticket(1, 0.02));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(queue.pop().value, "a");
  for (int i = 0; i < 60; ++i) queue.push("b", ticket(2, 0.02));
  const std::string order = drained(queue).substr(0, 30);
  EXPECT_NEAR(static_cast<double>(order.find('a')), Queue::kCredit_s / 0.02, 2) << order;
}

TEST(FairQueue, PutsHigherPrioritiesFirstButNeverStarvesTheLowest) {
  Queue queue;
  for (unsigned i = 0; i < 2 * Queue::kPatience; ++i) queue.push("h", ticket(1, 1, Priority::high));
  queue.push("n", ticket(2));
  queue.push("l", ticket(3, 1, Priority::low));
  const std::string order = drained(queue);
  EXPECT_EQ(order.find('n'), Queue::kPatience);
  EXPECT_LT(order.find('l'), order.rfind('h'));
}

TEST(FairQueue, CorrectsACallersTurnByWhatItsRunReallyCost) {
  Queue queue;
  for (int i = 0; i < 6; ++i) queue.push("a", ticket(1));
  for (int i = 0; i < 6; ++i) queue.push("b", ticket(2));
  EXPECT_EQ(queue.pop().value, "a");
  queue.correct(ticket(1), 3);  // it took 4 in place of 1
  EXPECT_EQ(drained(queue).substr(0, 5), "bbbba");
}

TEST(FairQueue, PutsWhatCameBackBeforeAllOthers) {
  Queue queue;
  queue.push("a", ticket(1, 1, Priority::high));
  queue.push_back_to_front("x", ticket(2, 1, Priority::low));
  queue.push_back_to_front("y", ticket(2, 1, Priority::low));
  EXPECT_EQ(drained(queue), "xya");
}

TEST(FairQueue, DisplacesTheHeaviestCallersNewestRequest) {
  Queue queue;
  for (const char* v : {"1", "2", "3"}) queue.push(v, ticket(1));
  queue.push("p", ticket(2));
  EXPECT_TRUE(queue.would_displace(ticket(2)));
  EXPECT_EQ(queue.size(), 4U);
  const auto gone = queue.displace(ticket(2));
  ASSERT_TRUE(gone);
  EXPECT_EQ(gone->value, "3");
  EXPECT_FALSE(queue.would_displace(ticket(1)));
  EXPECT_FALSE(queue.displace(ticket(1))) << "the heaviest has no claim on others";
  EXPECT_FALSE(queue.displace(ticket(2, 2))) << "with its own it would be as heavy";
  EXPECT_EQ(queue.size(), 3U);
  EXPECT_EQ(drained(queue), "1p2");
}

TEST(FairQueue, DisplacesLowerPrioritiesFirst) {
  Queue queue;
  for (const char* v : {"1", "2"}) queue.push(v, ticket(1));
  queue.push("l", ticket(2, 1, Priority::low));
  EXPECT_EQ(queue.displace(ticket(1))->value, "l");
  EXPECT_FALSE(queue.displace(ticket(1)));
  EXPECT_FALSE(queue.displace(ticket(3, 1, Priority::low))) << "normal ones don't give way to low ones";
}

TEST(FairQueue, TakesOutWhatIsLate) {
  Queue queue;
  for (const char* v : {"a", "B", "c", "D"}) queue.push(v, ticket(1));
  queue.push("E", ticket(2));
  queue.push_back_to_front("F", ticket(3));
  std::string late;
  queue.take_if([](const std::string& v) { return v[0] < 'a'; }, [&](Queue::Entry&& e) { late += e.value; });
  EXPECT_EQ(late.size(), 4U);
  EXPECT_EQ(queue.size(), 2U);
  EXPECT_EQ(queue.bytes(), 20U);
  EXPECT_EQ(drained(queue), "ac");
}

}  // namespace
}  // namespace slipway::inference
