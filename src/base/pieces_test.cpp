#include "slipway/base/pieces.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace slipway {
namespace {

std::shared_ptr<const std::string> long_text(char c) { return std::make_shared<const std::string>(Pieces::kCopiedMax + 1, c); }

TEST(Pieces, AreOneTextInTheOrderTheyWereAdded) {
  const auto a = long_text('a');
  Pieces inner;
  inner.add(*a, a);
  inner.add("tail");
  Pieces all;
  all.add("head");
  all.add("er");
  all.add(std::move(inner));
  all.add("end");
  EXPECT_EQ(all.text(), "header" + *a + "tailend");
  EXPECT_EQ(all.size(), all.text().size());
}

TEST(Pieces, LongTextsOfOthersAreNotCopied) {
  const auto a = long_text('a');
  Pieces all;
  all.add("x");
  all.add(*a, a);
  std::vector<const char*> seen;
  ASSERT_TRUE(std::move(all)
                  .drain([&](std::string_view text) {
                    seen.push_back(text.data());
                    return ok();
                  })
                  .ok());
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[1], a->data());
}

TEST(Pieces, APieceIsLetGoBeforeTheNextIsGiven) {
  auto a = long_text('a'), b = long_text('b');
  const std::weak_ptr<const std::string> first = a;
  Pieces all;
  all.add(*a, a);
  all.add(*b, b);
  a.reset();
  int given = 0;
  ASSERT_TRUE(std::move(all)
                  .drain([&](std::string_view) {
                    EXPECT_EQ(first.expired(), given > 0);
                    ++given;
                    return ok();
                  })
                  .ok());
  EXPECT_EQ(given, 2);
}

TEST(Pieces, TheSinksErrorEndsIt) {
  const auto a = long_text('a');
  Pieces all;
  all.add(*a, a);
  all.add("b");
  int given = 0;
  const Status status = std::move(all).drain([&](std::string_view) -> Status {
    ++given;
    return Error(ErrorCode::internal, "full");
  });
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(given, 1);
}

}  // namespace
}  // namespace slipway
