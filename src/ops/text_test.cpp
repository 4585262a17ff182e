// Texts as Python treats them: known values from CPython's own str, re and unicodedata, and scikit-learn's tokens.
#include <gtest/gtest.h>

#include "slipway/ops/text/analyzer.hpp"
#include "slipway/ops/text/hash.hpp"
#include "slipway/ops/text/json.hpp"
#include "slipway/ops/text/unicode.hpp"

namespace slipway::ops::text {
namespace {

std::string utf8(std::u32string_view text) {
  std::string out;
  for (const char32_t c : text) append_utf8(out, c);
  return out;
}

std::string lowered(std::string_view text) {
  std::u32string s = from_utf8(text);
  lower(s);
  return utf8(s);
}

std::vector<std::string> found(std::string_view pattern, std::string_view text) {
  const std::u32string s = from_utf8(text);
  std::vector<std::string> out;
  for (const auto span : Pattern(pattern).find_all(s, 1'000'000))
    out.push_back(utf8(std::u32string_view(s).substr(span.begin, span.end - span.begin)));
  return out;
}
using Found = std::vector<std::string>;

std::string refusal(std::string_view pattern) {
  try {
    const Pattern made(pattern);
    return "";
  } catch (const std::invalid_argument& e) { return e.what(); }
}

TEST(Unicode, LowersAsPythonDoes) {
  EXPECT_EQ(lowered("ÀÉ Straße ΑΣ ΑΣΑ Σ"), "àé straße ας ασα σ");
  EXPECT_EQ(lowered("İI"), "i̇i");
  EXPECT_EQ(lowered("ΑΣ."), "ας.");
}

TEST(Unicode, TakesAccentsAway) {
  std::u32string s = from_utf8("café ﬁ Å 각 ½");
  strip_accents_unicode(s);
  EXPECT_EQ(utf8(s), "cafe fi A \u1100\u1161\u11a8 1⁄2");  // Hangul comes apart
  s = from_utf8("café ﬁ ß 中");
  strip_accents_ascii(s);
  EXPECT_EQ(utf8(s), "cafe fi  ");
}

TEST(Unicode, NormalOrderSortsMarksByClass) { EXPECT_EQ(nfkd(U"q\u0307\u0323"), U"q\u0323\u0307"); }

TEST(Unicode, BrokenBytesBecomeReplacements) {
  EXPECT_EQ(from_utf8("a\xff\xc3"), U"a\uFFFD\uFFFD");
  EXPECT_EQ(from_utf8("\xe4\xb8"), U"\uFFFD\uFFFD");
}

TEST(Patterns, FindWhatBacktrackingFinds) {
  EXPECT_EQ(found(R"((?u)\b\w\w+\b)", "a naïve x2 café—ok"), (Found{"naïve", "x2", "café", "ok"}));
  EXPECT_EQ(found("a|ab", "ab"), Found{"a"});
  EXPECT_EQ(found("(?:a|ab)(?:c|bcd)", "abcd"), Found{"abcd"});
  EXPECT_EQ(found("a+?b*", "aab"), (Found{"a", "ab"}));
  EXPECT_EQ(found(R"(\w{2,3})", "abcdefg"), (Found{"abc", "def"}));
  EXPECT_EQ(found("x*", "axb"), (Found{"", "x", "", ""}));
  EXPECT_EQ(found(R"((\w)\w+)", "ab cd"), (Found{"a", "c"}));
  EXPECT_EQ(found(R"((?<!\w)[^\W\d_]+(?=\s))", "one 2two three four"), (Found{"one", "three"}));
  EXPECT_EQ(found(R"(\w+?(?=\W|$))", "ab cd"), (Found{"ab", "cd"}));
  EXPECT_EQ(found(R"(\w(?!\d|x))", "a1bxc"), (Found{"1", "x", "c"}));
  EXPECT_EQ(found("(?i)[k]+", "kK\u212a"), Found{"kK\u212a"});
  EXPECT_EQ(found("[]a-c-]+", "]b-d"), Found{"]b-"});
  EXPECT_EQ(found(R"(^\w+|\w+$)", "ab cd ef\n"), (Found{"ab", "ef"}));
}

TEST(Patterns, RefuseByNameWhatIsNotRegular) {
  EXPECT_NE(refusal(R"((a)\1)").find("refers back"), std::string::npos);
  EXPECT_NE(refusal("(?=ab)c").find("more than one character"), std::string::npos);
  EXPECT_NE(refusal("a++").find("possessive"), std::string::npos);
  EXPECT_NE(refusal("(?:a*)*").find("may be empty"), std::string::npos);
  EXPECT_NE(refusal("(?x)a b").find("flag"), std::string::npos);
  EXPECT_NE(refusal("((((a{1000}){1000}){1000}){1000})").find("too large"), std::string::npos);
  for (const char* broken : {"(", ")", "[", "[a", "a**", "*", "\\", "(?", "(?P<", "[z-a]", "a{3,2}", "\\x1", "(?i", "\\U99999999"})
    EXPECT_NE(refusal(broken), "") << broken;
  EXPECT_NE(refusal(std::string(500, '(')).find("nested"), std::string::npos);
}

TEST(Patterns, HaveABoundOnTheirSteps) {
  const std::u32string text(20'000, U'a');
  EXPECT_THROW(Pattern("a*b|a").find_all(text, 1'000'000), std::invalid_argument);
}

Found terms(AnalyzerOptions options, std::string_view text, std::initializer_list<const char*> stop = {}) {
  std::unordered_set<std::string, TextHash, std::equal_to<>> words;
  for (const char* w : stop) words.emplace(w);
  Found out;
  Analyzer(options, words).analyze(text, [&](std::string_view term) { out.emplace_back(term); });
  return out;
}

TEST(Analyzing, MakesTheLibrarysTerms) {
  AnalyzerOptions words;
  words.max_n = 2;
  EXPECT_EQ(terms(words, "The GREAT film", {"the"}), (Found{"great", "film", "great film"}));
  AnalyzerOptions characters{AnalyzerOptions::Unit::character};
  characters.min_n = characters.max_n = 2;
  EXPECT_EQ(terms(characters, "a  b"), (Found{"a ", " b"}));
  EXPECT_EQ(terms(characters, "a\tb"), (Found{"a\t", "\tb"}));
  AnalyzerOptions within{AnalyzerOptions::Unit::character_in_word};
  within.min_n = 3;
  within.max_n = 4;
  EXPECT_EQ(terms(within, "ab c"), (Found{" ab", "ab ", " ab ", " c "}));
}

TEST(Hashing, IsMurmur3) {
  EXPECT_EQ(murmur3(""), 0);
  EXPECT_EQ(murmur3("foo"), -156908512);
  EXPECT_EQ(hashed_column(-2147483647 - 1, 10), (2147483647 - 9) % 10);
}

TEST(Json, IsReadStrictlyEnough) {
  const Json v = parse_json(R"( {"a": [1, "x\u00e9\ud83d\ude00", true, null, NaN], "b": -2.5e3} )");
  ASSERT_EQ(v.members.size(), 2U);
  EXPECT_EQ(v.members[0].value.items[1].text, "xé😀");
  EXPECT_EQ(v.members[1].value.number, -2500);
  for (const char* broken : {"", "{", "[1,", "{\"a\"}", "\"a", "nul", "[[[[[[[[[[[1]]]]]]]]]]]", "1 2", "\"\\u12\""})
    EXPECT_THROW(parse_json(broken), std::invalid_argument) << broken;
  EXPECT_EQ(key_of(1.0), key_of(true));
  EXPECT_NE(key_of("1"), key_of(1.0));
}

}  // namespace
}  // namespace slipway::ops::text
