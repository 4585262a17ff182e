#include "slipway/platform/keys/key_format.hpp"

#include <gtest/gtest.h>

namespace slipway::keys {
namespace {

TEST(KeyFormat, WhatIsWrittenIsReadBack) {
  const KeyText key = new_key_text();
  const std::string text = format_key(key);
  EXPECT_EQ(text.size(), 9U + 10 + 1 + 43 + 6);
  const auto read = parse_key(text);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->id, key.id);
  EXPECT_EQ(read->secret, key.secret);
}

TEST(KeyFormat, AnySingleWrongCharacterIsNoticed) {
  const std::string text = format_key(new_key_text());
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string other = text;
    other[i] = other[i] == 'a' ? 'b' : 'a';
    EXPECT_FALSE(parse_key(other)) << i;
  }
  EXPECT_FALSE(parse_key(text.substr(1)));
  EXPECT_FALSE(parse_key(text + "x"));
  EXPECT_FALSE(parse_key(""));
}

}  // namespace
}  // namespace slipway::keys
