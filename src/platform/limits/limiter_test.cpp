#include "slipway/platform/limits/limiter.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace slipway::limits {
namespace {

using ::testing::HasSubstr;

Quotas quotas(const char* user, const char* key = "", const char* model = "", const char* key_on_model = "") {
  // One after the other: g++ 12 with -ftrivial-auto-var-init=zero clears a part of what `return {a().value(), b().value()}` has built.
  Quotas out;
  const char* const texts[] = {user, key, model, key_on_model};
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = quota_from_text(texts[i]).value();
  return out;
}

class LimiterTest : public testing::Test {
 protected:
  LimiterTest() { clock_.advance(Millis(1000)); }
  void make(const Quotas& defaults) { limiter_ = std::make_unique<Limiter>(defaults, clock_, metrics_); }
  Result<GrantPtr> admit(const Caller& caller, std::int64_t bytes = 10) { return limiter_->admit(caller, bytes); }
  Status settle(const GrantPtr& grant, std::int64_t rows) {
    std::optional<Status> out;
    limiter_->settle(grant, rows, Millis(1000), nullptr, [&](Status status) { out = std::move(status); });
    return out.value();  // at once, in memory
  }
  Charge charge(const Caller& caller, std::int64_t rows, std::int64_t bytes) {
    std::optional<Charge> out;
    limiter_->charge(caller, rows, bytes, nullptr, [&](Charge charge) { out = charge; });
    return out.value();
  }
  bool allows(const Caller& caller) { return admit(caller).ok(); }

  ManualClock clock_;
  Metrics metrics_;
  std::unique_ptr<Limiter> limiter_;
};

const Caller kAda{"ada", "key1", "iris"};

TEST_F(LimiterTest, LetsABurstThroughAndThenTheSustainedRate) {
  make(quotas("", "requests=60/min:5"));
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(allows(kAda)) << i;
  const auto refused = admit(kAda);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), ErrorCode::rate_limited);
  EXPECT_EQ(refused.error().retry_after_s(), 1U);
  EXPECT_EQ(refused.error().detail(), "the limit \"key-requests\" of this key is reached: 60 requests a minute, 5 at once; try again in 1 s");
  EXPECT_TRUE(allows({"ada", "key2", "iris"})) << "another key has a limit of its own";
  clock_.advance(Millis(1000));
  EXPECT_TRUE(allows(kAda));
  EXPECT_FALSE(allows(kAda));
}

TEST_F(LimiterTest, TellsEveryLimitTheNearestToItsEndFirst) {
  make(quotas("bytes=1000/min", "requests=60/min:5", "concurrent=2", "rows=100/h"));
  const auto grant = admit(kAda, 900);
  ASSERT_TRUE(grant.ok());
  ASSERT_TRUE(settle(*grant, 25).ok());
  const auto [policy, standing] = (*grant)->headers();
  EXPECT_EQ(policy, R"("user-bytes";q=1000;qu="content-bytes";w=60, "model-concurrent";q=2;qu="concurrent-requests", )"
                    R"("key-on-model-rows";q=100;qu="rows";w=3600, "key-requests";q=5;w=5)");
  EXPECT_EQ(standing, R"("user-bytes";r=100;t=54, "model-concurrent";r=1, "key-on-model-rows";r=75;t=900, "key-requests";r=4;t=1)");
}

TEST_F(LimiterTest, WorkThatCanWaitIsChargedByPartsAndToldWhenToComeAgain) {
  make(quotas("bytes=10000/min:1000", "rows=60/min:10, requests=1/h", "concurrent=1"));
  const auto place = admit(kAda, 0);
  ASSERT_TRUE(place.ok());
  Charge c = charge(kAda, 25, 500);  // no request, and no place
  EXPECT_EQ(c.rows, 10) << "what may come at once";
  EXPECT_EQ(c.bytes, 500);
  EXPECT_EQ(c.wait, Millis(0));
  c = charge(kAda, 15, 0);
  EXPECT_EQ(c.rows, 0);
  EXPECT_EQ(c.wait, Millis(10'000)) << "for ten rows";
  c = charge(kAda, 3, 100);
  EXPECT_EQ(c.wait, Millis(3'000));
  clock_.advance(Millis(3'000));
  c = charge(kAda, 3, 100);
  EXPECT_EQ(c.rows, 3);
  EXPECT_EQ(c.bytes, 100);
  c = charge({"ada", "other", "iris"}, 0, 5'000);
  EXPECT_EQ(c.wait, Millis(600)) << "the user's bytes: 100 of 1000 are not there yet";
  EXPECT_EQ(charge({"bob", "other", "iris"}, 1'000'000, 5'000).bytes, 1'000);
  make({});
  EXPECT_EQ(charge(kAda, 1'000'000, 5'000).rows, 1'000'000);
}

TEST_F(LimiterTest, WithoutLimitsThereIsNothing) {
  make({});
  for (int i = 0; i < 1000; ++i) {
    const auto grant = admit(kAda);
    ASSERT_TRUE(grant.ok());
    ASSERT_EQ(*grant, nullptr);
    ASSERT_TRUE(settle(*grant, 1'000'000).ok());
  }
}

TEST_F(LimiterTest, WhatOneLimitRefusesUsesNothingOfTheOthers) {
  make(quotas("requests=100/h:3", "requests=100/h:100", "requests=1/h:1"));
  EXPECT_TRUE(allows(kAda));  // the model's only one
  for (int i = 0; i < 50; ++i) {
    const auto refused = admit(kAda);
    ASSERT_FALSE(refused.ok());
    EXPECT_THAT(refused.error().detail(), HasSubstr("\"model-requests\""));
    EXPECT_THAT(refused.error().fields().at(1).detail, HasSubstr("\"user-requests\";r=2"));
    EXPECT_THAT(refused.error().fields().at(1).detail, HasSubstr("\"key-requests\";r=99"));
  }
  EXPECT_TRUE(allows({"ada", "key1", "titanic"}));
  EXPECT_TRUE(allows({"ada", "key1", "wine"}));
  EXPECT_THAT(admit({"ada", "key1", "fish"}).error().detail(), HasSubstr("\"user-requests\" of this user"));
}

TEST_F(LimiterTest, WhatTheRowsRefuseUsesNothingOfTheRequestsAndBytes) {
  make(quotas("requests=60/h, bytes=1000/h, rows=10/h"));
  ASSERT_TRUE(settle(admit(kAda, 100).value(), 9).ok());
  for (int i = 0; i < 100; ++i) {
    const auto grant = admit(kAda, 100);
    ASSERT_TRUE(grant.ok()) << i;
    const Status refused = settle(*grant, 2);
    ASSERT_FALSE(refused.ok());
    EXPECT_THAT(refused.error().detail(), HasSubstr("\"user-rows\""));
    EXPECT_EQ(refused.error().retry_after_s(), 360U);
    EXPECT_THAT(refused.error().fields().at(1).detail, HasSubstr("\"user-rows\";r=1;t=360"));
    EXPECT_THAT(refused.error().fields().at(1).detail, HasSubstr("\"user-requests\";r=59"));
  }
  ASSERT_TRUE(settle(admit(kAda, 100).value(), 1).ok());
}

TEST_F(LimiterTest, SaysSoWhenWaitingDoesntHelp) {
  make(quotas("", "rows=1000/s:10"));
  const Status refused = settle(admit(kAda).value(), 11);
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().detail(), HasSubstr("this request has more rows than may come at once"));
  EXPECT_FALSE(refused.error().retry_after_s());
}

TEST_F(LimiterTest, PlacesComeBackWithTheLastCopyOfTheGrant) {
  make(quotas("concurrent=2", "", "concurrent=3"));
  auto first = admit(kAda).value();
  auto copy = first;
  const auto second = admit(kAda).value();
  const auto refused = admit(kAda);
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().detail(), HasSubstr("\"user-concurrent\" of this user is reached: 2 requests at the same time"));
  EXPECT_EQ(refused.error().retry_after_s(), 1U);
  const auto others = admit({"bob", "key9", "iris"}).value();  // the model's third
  EXPECT_THAT(admit({"eve", "key8", "iris"}).error().detail(), HasSubstr("\"model-concurrent\""));
  first.reset();
  EXPECT_FALSE(allows(kAda)) << "a copy is still there";
  copy.reset();
  EXPECT_TRUE(allows(kAda)) << "and the refused ones left nothing behind";
  EXPECT_TRUE(allows(kAda));
}

TEST_F(LimiterTest, OneOfThemMayHaveLimitsOfItsOwn) {
  make(quotas("", "requests=60/min:1"));
  EXPECT_TRUE(allows(kAda));
  EXPECT_FALSE(allows(kAda));
  limiter_->set(Subject::key, "key1", quota_from_text("requests=0").value());
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(allows(kAda));
  limiter_->set(Subject::key, "key1", quota_from_text("requests=60/min:3").value());
  limiter_->set(Subject::key_on_model, "titanic", quota_from_text("requests=60/min:1").value());
  EXPECT_TRUE(allows({"ada", "key2", "titanic"}));
  EXPECT_THAT(admit({"ada", "key2", "titanic"}).error().detail(), HasSubstr("\"key-requests\""));
  limiter_->set(Subject::key, "key3", quota_from_text("requests=0").value());
  EXPECT_TRUE(allows({"ada", "key3", "titanic"}));
  EXPECT_THAT(admit({"ada", "key3", "titanic"}).error().detail(), HasSubstr("\"key-on-model-requests\" of this key on this model"));
  EXPECT_TRUE(allows({"ada", "key3", "iris"}));
  limiter_->set(Subject::key_on_model, "titanic", {});
  EXPECT_TRUE(allows({"ada", "key3", "titanic"}));
}

TEST_F(LimiterTest, ManyThreadsGetExactlyWhatThereIs) {
  make(quotas("requests=1/d:500", "", "requests=1/d:2000", "concurrent=1000"));
  std::atomic<int> allowed{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const std::string user = t % 2 == 0 ? "ada" : "bob", key = "key" + std::to_string(t);
      for (int i = 0; i < 2000; ++i) allowed += admit({user, key, "iris"}).ok() ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(allowed, 1000) << "500 a user; nothing was lost to the model's";
}

// A store of which the test says what it answers.
class ScriptedStore final : public SharedStore {
 public:
  bool away() const override { return away_; }
  void ask(Question question, os::Loop*, std::function<void(Answer)> done) override {
    asked_.push_back(std::move(question));
    done(answer_);
  }
  void release(std::string key, std::string lease) override { released_.emplace_back(std::move(key), std::move(lease)); }
  void stop() override {}
  bool away_ = false;
  Answer answer_;
  std::vector<Question> asked_;
  std::vector<std::pair<std::string, std::string>> released_;
};

TEST_F(LimiterTest, AsksTheSharedStoreOnceForAllLimits) {
  make(quotas("requests=60/min:5", "rows=100/h", "concurrent=2"));
  auto store = std::make_unique<ScriptedStore>();
  ScriptedStore& s = *store;
  limiter_->share(std::move(store), WhenAway::local);
  s.answer_ = {false, true, {true, true, true}, {3'000'000, 36'000'000, 2}};
  auto grant = admit(kAda).value();
  ASSERT_TRUE(settle(grant, 7).ok());
  ASSERT_EQ(s.asked_.size(), 1U);
  ASSERT_EQ(s.asked_[0].lines.size(), 3U);
  EXPECT_EQ(s.asked_[0].lines[0].key, "user-requests:ada");
  EXPECT_EQ(s.asked_[0].lines[0].cost_us, 1e6);
  EXPECT_EQ(s.asked_[0].lines[0].tolerance_us, 5e6);
  EXPECT_EQ(s.asked_[0].lines[1].cost_us, 7 * 36e6);
  EXPECT_EQ(s.asked_[0].lines[2].most, 2);
  EXPECT_EQ(grant->headers().second, R"("model-concurrent";r=0, "user-requests";r=2;t=3, "key-rows";r=99;t=36)") << "as the store knows it";
  grant.reset();
  ASSERT_EQ(s.released_.size(), 1U);
  EXPECT_EQ(s.released_[0], std::pair(std::string("model-concurrent:iris"), s.asked_[0].lease));
}

TEST_F(LimiterTest, KnowsWhatTheStoreRefusedWithoutAskingAgain) {
  make(quotas("requests=60/min:5", "rows=100/h"));
  auto store = std::make_unique<ScriptedStore>();
  ScriptedStore& s = *store;
  limiter_->share(std::move(store), WhenAway::local);
  s.answer_ = {false, false, {false, true}, {5'000'000, 0}};
  const Status refused = settle(admit(kAda).value(), 1);
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().detail(), HasSubstr("\"user-requests\""));
  EXPECT_EQ(refused.error().retry_after_s(), 1U);
  EXPECT_FALSE(allows(kAda)) << "others used it up; before a body is decoded";
  EXPECT_EQ(s.asked_.size(), 1U);
  clock_.advance(Millis(1000));
  EXPECT_TRUE(allows(kAda));
}

TEST_F(LimiterTest, WithoutItsStoreItDoesWhatTheSettingSays) {
  for (const WhenAway when : {WhenAway::local, WhenAway::allow, WhenAway::refuse}) {
    make(quotas("requests=60/min:2"));
    auto store = std::make_unique<ScriptedStore>();
    ScriptedStore& s = *store;
    limiter_->share(std::move(store), when);
    const Status mid = settle(admit(kAda).value(), 1);  // it went away with the question
    EXPECT_EQ(mid.ok(), when != WhenAway::refuse);
    s.away_ = true;
    int allowed = 0;
    for (int i = 0; i < 10; ++i) {
      const auto grant = admit(kAda);
      if (grant.ok() && settle(*grant, 1).ok()) ++allowed;
    }
    EXPECT_EQ(allowed, when == WhenAway::local ? 1 : when == WhenAway::allow ? 10 : 0);
    if (when == WhenAway::refuse) {
      EXPECT_EQ(admit(kAda).error().code(), ErrorCode::unavailable);
      EXPECT_EQ(admit(kAda).error().retry_after_s(), 1U);
    }
  }
}

}  // namespace
}  // namespace slipway::limits
