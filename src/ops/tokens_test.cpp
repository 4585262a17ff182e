// TensorFlow's tokens and hashes of texts: what tensorflow 2.21 answers.
#include <gtest/gtest.h>

#include "slipway/ops/fingerprint.hpp"
#include "slipway/ops/text/tokenizer.hpp"

namespace slipway::ops {
namespace {

constexpr std::uint64_t kBuckets = 0x7fffffffffffffff;

const std::vector<std::string>& texts() {
  static const std::vector<std::string> all{
      "",
      "a",
      "abc",
      "abcdefgh",
      "hello world",
      "a text of seventeen",
      std::string(32, 'x'),
      "0123456789012345678901234567890123456789",
      std::string(64, 'y'),
      std::string(65, 'z'),
      "The quick brown fox jumps over the lazy dog, and then it does so again and again until 130 bytes are full, which they are just about now."};
  return all;
}

TEST(Fingerprint, IsTensorFlowsFastHashOfTextsOfEveryLength) {
  const std::vector<std::uint64_t> expected{1936946117179621456, 3694432073954588132, 2640714258260161385, 9145071594317031690,
                                            6381520714923946011, 2009269795863755730, 3678204687145032710, 8835108245187232700,
                                            4471793200125962424, 8299915583762718517, 6639994688017235992};
  for (std::size_t i = 0; i < texts().size(); ++i) EXPECT_EQ(farm_fingerprint(texts()[i]) % kBuckets, expected[i]) << texts()[i];
}

TEST(Fingerprint, IsTensorFlowsStrongHashWithAKey) {
  const std::vector<std::uint64_t> expected{4928313950774450900, 7077939996121841354, 6899845086433867945, 4821859048491749637,
                                            3672456908529363296, 3232273787644621061, 814092544179586341,  903488251408427372,
                                            6417337102380857910, 1285846017453303240, 1436144835758712056};
  for (std::size_t i = 0; i < texts().size(); ++i) EXPECT_EQ(sip_hash(texts()[i], 133, 137) % kBuckets, expected[i]) << texts()[i];
}

TEST(Fingerprint, OfACrossIsJoinedInTheOrderOfItsParts) {
  const auto cross = [](std::string_view text, std::int64_t number) {
    return joined_fingerprint(joined_fingerprint(0xDECAFCAFFE, farm_fingerprint(text)), static_cast<std::uint64_t>(number)) % 1000003;
  };
  EXPECT_EQ(cross("a", 7), 710802U);
  EXPECT_EQ(cross("b", -8), 837835U);
}

std::vector<std::string> tokens(text::TokenizerOptions options, std::initializer_list<std::string_view> row) {
  std::vector<std::string> out;
  const std::vector<std::string_view> texts(row);
  text::Tokenizer(std::move(options)).tokens(texts, [&](std::string_view token) { out.emplace_back(token); });
  return out;
}
using Tokens = std::vector<std::string>;
using Split = text::TokenizerOptions::Split;

TEST(Tokenizer, LowersAndStripsAsciiAlone) {
  EXPECT_EQ(tokens({}, {" Don't STOP,\tÉté!\n-- "}), (Tokens{"dont", "stop", "Été"}));
  EXPECT_EQ(tokens({.lowercase = false, .strip_punctuation = false}, {"Don't STOP--"}), (Tokens{"Don't", "STOP--"}));
  EXPECT_EQ(tokens({}, {" \t ?! "}), Tokens{});
  EXPECT_EQ(tokens({}, {"a\u00a0b"}), (Tokens{"a\u00a0b"}));  // a space that doesn't break is none
}

TEST(Tokenizer, CutsCharactersNotBytes) {
  EXPECT_EQ(tokens({.split = Split::character}, {"aÉ 中"}), (Tokens{"a", "É", " ", "中"}));
  EXPECT_EQ(tokens({.split = Split::character}, {"a\xff\xe4\xb8"}), (Tokens{"a", "\uFFFD", "\uFFFD", "\uFFFD"}));
}

TEST(Tokenizer, JoinsNeighboursWidthByWidth) {
  EXPECT_EQ(tokens({.ngrams = {2, 1}}, {"a b c"}), (Tokens{"a b", "b c", "a", "b", "c"}));
  EXPECT_EQ(tokens({.ngrams = {3}}, {"a b"}), Tokens{});
  EXPECT_THROW(text::Tokenizer({.ngrams = {0}}), std::invalid_argument);
  EXPECT_THROW(text::Tokenizer({.ngrams = {65}}), std::invalid_argument);
}

TEST(Tokenizer, OfARowThatIsSplitAlreadyTakesEachTextAsItIs) {
  EXPECT_EQ(tokens({.split = Split::none}, {"Two words.", ""}), (Tokens{"two words", ""}));
}

TEST(Tokenizer, RefusesARowWhoseNGramsAreTooMany) {
  std::string text;
  for (int i = 0; i < 400'000; ++i) text += "abc ";
  EXPECT_THROW(tokens({.ngrams = {64}}, {text}), std::invalid_argument);
}

}  // namespace
}  // namespace slipway::ops
