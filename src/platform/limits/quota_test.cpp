#include "slipway/platform/limits/quota.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace slipway::limits {
namespace {

using ::testing::HasSubstr;

TEST(Quota, IsReadFromATextAndSaysTheSameAsAnObject) {
  const auto quota = quota_from_text(" requests=600/min:100, rows=2M/h , bytes=1G/day,concurrent=8");
  ASSERT_TRUE(quota.ok()) << quota.error().detail();
  const std::string text = to_json(*quota).dump();
  EXPECT_EQ(text, R"({"requests":{"amount":600,"per":"minute","burst":100},"rows":{"amount":2000000,"per":"hour","burst":2000000},)"
                  R"("bytes":{"amount":1073741824,"per":"day","burst":1073741824},"concurrent":8})");
  const auto again = quota_from_json(json::parse(text).value(), "#/limits");
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(to_json(*again).dump(), text);
}

TEST(Quota, ZeroIsNoLimitAndNothingIsTheDefault) {
  const auto mine = quota_from_text("requests=0,rows=5/s").value();
  const auto otherwise = quota_from_text("requests=10/min,concurrent=3").value();
  EXPECT_EQ(to_json(mine.over(otherwise)).dump(), R"({"requests":0,"rows":{"amount":5,"per":"second","burst":5},"concurrent":3})");
  EXPECT_TRUE(quota_from_text("")->says_nothing());
  EXPECT_TRUE(quota_from_text("none")->says_nothing());
  EXPECT_FALSE(quota_from_text("concurrent=0")->says_nothing());
  EXPECT_FALSE(quota_from_text("concurrent=0")->limits());
}

TEST(Quota, NamesTheWordThatIsWrong) {
  for (const char* word : {"requests=600", "requests=x/min", "rows=5/fortnight", "bytes=-1/s", "requests=1/s:0", "concurrent=two", "cats=1/s",
                           "requests", "rows=9999999999999G/s", "requests=1/s:"}) {
    const auto refused = quota_from_text(std::string("concurrent=1, ") + word);
    ASSERT_FALSE(refused.ok()) << word;
    EXPECT_THAT(refused.error().detail(), HasSubstr(word));
  }
}

TEST(Quota, NamesTheMemberThatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {{R"({"requests":{"amount":0,"per":"minute"}})", "#/limits/requests/amount"},
                                                       {R"({"requests":{"amount":5,"per":"year"}})", "#/limits/requests/per"},
                                                       {R"({"rows":{"amount":5,"per":"hour","burst":-1}})", "#/limits/rows/burst"},
                                                       {R"({"rows":{"amount":5,"per":"hour","brust":1}})", "#/limits/rows"},
                                                       {R"({"bytes":7})", "#/limits/bytes"},
                                                       {R"({"concurrent":1.5})", "#/limits/concurrent"},
                                                       {R"({"cats":1})", "#/limits"},
                                                       {R"([1])", "#/limits"}};
  for (const auto& [text, pointer] : cases) {
    const auto refused = quota_from_json(json::parse(text).value(), "#/limits");
    ASSERT_FALSE(refused.ok()) << text;
    EXPECT_EQ(refused.error().code(), ErrorCode::invalid_input);
    EXPECT_EQ(refused.error().fields().at(0).pointer, pointer);
  }
}

}  // namespace
}  // namespace slipway::limits
