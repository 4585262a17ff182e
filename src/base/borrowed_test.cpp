#include "slipway/base/borrowed.hpp"

#include <gtest/gtest.h>

#include <string>

namespace slipway {
namespace {

TEST(Borrowed, IsTheTextItselfAndIsLeftAlone) {
  const std::string text(100, 'a');
  {
    const SharedBytes bytes = borrowed(text);
    const SharedBytes part = bytes.part(1);
    EXPECT_EQ(part.text().data(), text.data() + 1);
    EXPECT_EQ(bytes.kept_bytes(), text.size());
  }
  EXPECT_EQ(text, std::string(100, 'a'));
}

TEST(Borrowed, APartLiesWithinAWholeUpToItsLastByte) {
  const std::string text(100, 'a');
  const std::string_view whole = std::string_view(text).substr(10, 50);
  EXPECT_TRUE(lies_within(whole, whole));
  EXPECT_TRUE(lies_within(whole.substr(49), whole));
  EXPECT_FALSE(lies_within(std::string_view(text).substr(9, 5), whole));
  EXPECT_FALSE(lies_within(std::string_view(text).substr(58, 3), whole));
  EXPECT_FALSE(lies_within(whole, {}));
}

}  // namespace
}  // namespace slipway
