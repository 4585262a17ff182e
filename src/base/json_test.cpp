#include "slipway/base/json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace slipway::json {
namespace {

TEST(Json, ReadsWhatItWrites) {
  const std::string text = R"({"a":[1,-2.5,true,null,"x\"\u0001\n"],"b":{"c":9007199254740993}})";
  const auto value = parse(text);
  ASSERT_TRUE(value.ok());
  EXPECT_EQ(value->dump(), text);
}

TEST(Json, RefusesDuplicateMembersAndNamesThem) {
  const auto value = parse(R"({"alg":"none","x":1,"alg":"EdDSA"})");
  ASSERT_FALSE(value.ok());
  EXPECT_EQ(value.error().code(), ErrorCode::invalid_json);
  EXPECT_THAT(value.error().detail(), testing::HasSubstr("\"alg\""));
}

TEST(Json, RefusesDeepNestingWithoutRecursingIntoIt) {
  EXPECT_FALSE(parse(std::string(100'000, '[')).ok());
  EXPECT_FALSE(parse(std::string(70, '[') + std::string(70, ']')).ok());
  EXPECT_TRUE(parse(std::string(60, '[') + std::string(60, ']')).ok());
}

TEST(Json, RefusesWhatTheGrammarDoesNotAllow) {
  for (const char* text : {"", "{", "[1,]", "{\"a\":}", "NaN", "01", "1e", "\"\xff\"", "[1] 2", "'a'", "{\"a\":1,}", "nul"}) {
    EXPECT_FALSE(parse(text).ok()) << text;
  }
}

TEST(Json, WritesNumbersSoThatTheyReadBackExactly) {
  std::string out;
  append_double(out, 0.1 + 0.2);
  EXPECT_EQ(std::stod(out), 0.1 + 0.2);
  out.clear();
  append_double(out, 1);
  EXPECT_EQ(out, "1.0");
  out.clear();
  append_double(out, std::nan(""));
  append_double(out, -std::numeric_limits<double>::infinity());
  EXPECT_EQ(out, "nullnull");
}

TEST(Json, ReplacesInvalidUtf8InsteadOfPassingItOn) {
  std::string out;
  append_quoted(out, "a\xff");
  EXPECT_EQ(out, "\"a\xEF\xBF\xBD\"");
}

}  // namespace
}  // namespace slipway::json
