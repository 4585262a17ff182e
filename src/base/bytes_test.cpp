#include "slipway/base/bytes.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>

namespace slipway {
namespace {

TEST(OwnedBytes, HoldWhatWasAppendedAndWhatWasFilledIn) {
  OwnedBytes bytes;
  EXPECT_TRUE(bytes.empty());
  EXPECT_EQ(bytes, "");
  std::string expected;
  for (int i = 0; i < 1000; ++i) {
    const std::string piece(static_cast<std::size_t>(i % 37), static_cast<char>('a' + i % 26));
    expected += piece;
    if (i % 2 == 0) {
      bytes.append(piece);
    } else {
      const std::span<char> room = bytes.room(piece.size());
      ASSERT_GE(room.size(), piece.size());
      std::memcpy(room.data(), piece.data(), piece.size());
      bytes.grow(piece.size());
    }
  }
  EXPECT_EQ(bytes, expected);
  bytes.reserve(expected.size() + 5000);
  EXPECT_GE(bytes.room(0).size(), 5000U);
  EXPECT_EQ(bytes, expected);
}

TEST(OwnedBytes, AreAlignedWhereTheyWereAskedToBe) {
  for (std::size_t offset = 0; offset < 40; ++offset) {
    OwnedBytes bytes;
    bytes.align(offset);
    for (int i = 0; i < 3; ++i) {
      bytes.append(std::string(100'000, 'x'));
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(bytes.data() + offset) % OwnedBytes::kAlignment, 0U) << offset;
    }
    EXPECT_EQ(bytes, std::string(300'000, 'x'));
  }
  OwnedBytes late{"abc"};
  late.align(1);
  EXPECT_EQ(late, "abc");
}

TEST(OwnedBytes, LeaveNothingBehindWhenTheyMove) {
  OwnedBytes a{"abc"};
  OwnedBytes b = std::move(a);
  EXPECT_EQ(a, "");  // NOLINT(bugprone-use-after-move): what is left is defined
  a.append("d");
  EXPECT_EQ(a, "d");
  b = std::move(a);
  EXPECT_EQ(b, "d");
}

TEST(OwnedBytes, OfASizeThatCanNotBeAreRefused) {
  OwnedBytes bytes{"abc"};
  EXPECT_THROW((void)bytes.room(SIZE_MAX - 1), std::bad_alloc);
  EXPECT_EQ(bytes, "abc");
}

TEST(SharedBytes, StayAsLongAsAnyPartOfThem) {
  OwnedBytes owned{"0123456789"};
  owned.reserve(1000);
  SharedBytes part;
  {
    const SharedBytes whole = std::move(owned).share();
    EXPECT_EQ(owned, "");  // NOLINT(bugprone-use-after-move)
    part = whole.part(3, 4);
    EXPECT_EQ(whole.part(10).text(), "");
  }
  EXPECT_EQ(part.text(), "3456");
  EXPECT_GE(part.kept_bytes(), 1000U);
  SharedBytes moved = std::move(part);
  EXPECT_TRUE(part.empty());  // NOLINT(bugprone-use-after-move): not a view without its owner
  EXPECT_EQ(moved.part(1).text(), "456");
  moved = SharedBytes(std::string("short"));
  EXPECT_EQ(moved.text(), "short");
}

TEST(SharedBytes, OfNothingAreEmpty) {
  EXPECT_TRUE(OwnedBytes().share().empty());
  EXPECT_TRUE(SharedBytes().part(0).empty());
  EXPECT_TRUE(SharedBytes(std::string()).empty());
}

}  // namespace
}  // namespace slipway
