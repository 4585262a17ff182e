#include "slipway/store/blobs.hpp"

#include <gtest/gtest.h>

#include "slipway/base/encoding.hpp"
#include "slipway/base/ids.hpp"
#include "slipway/store/test_dir.hpp"

namespace slipway::store {
namespace {

// All implementations keep the same promises.
struct Kind {
  const char* name;
  std::unique_ptr<Blobs> (*make)(const TestDir& dir);
};

void PrintTo(const Kind& kind, std::ostream* out) { *out << kind.name; }

class AnyBlobs : public ::testing::TestWithParam<Kind> {
 protected:
  TestDir dir_;
  std::unique_ptr<Blobs> blobs_ = GetParam().make(dir_);

  Status put(const std::string& id, std::string_view content) {
    auto writer = TRY(blobs_->create(id));
    TRY(writer->write(as_bytes(content)));
    return writer->commit();
  }
  std::string get(const std::string& id) {
    const auto reader = blobs_->open(id).value();
    std::string content(reader->size() + 10, '?');
    const std::size_t got = reader->read(0, std::as_writable_bytes(std::span(content.data(), content.size()))).value();
    content.resize(got);
    return content;
  }
};

TEST_P(AnyBlobs, GiveBackWhatWasCommitted) {
  const std::string id = new_id("blb");
  ASSERT_TRUE(put(id, "hello, world").ok());
  EXPECT_EQ(get(id), "hello, world");
  const auto reader = blobs_->open(id).value();
  std::string part(5, '?');
  EXPECT_EQ(reader->read(7, std::as_writable_bytes(std::span(part.data(), part.size()))).value(), 5U);
  EXPECT_EQ(part, "world");
  EXPECT_EQ(reader->read(12, std::as_writable_bytes(std::span(part.data(), part.size()))).value(), 0U);
  EXPECT_EQ(reader->read(~std::uint64_t{0}, std::as_writable_bytes(std::span(part.data(), part.size()))).value(), 0U);
}

TEST_P(AnyBlobs, ShowNothingBeforeCommitAndNothingWithoutIt) {
  const std::string id = new_id("blb");
  {
    const auto writer = blobs_->create(id).value();
    ASSERT_TRUE(writer->write(as_bytes("half")).ok());
    EXPECT_EQ(blobs_->open(id).error().code(), ErrorCode::not_found);
    EXPECT_TRUE(blobs_->list().value().empty());
  }
  EXPECT_TRUE(blobs_->list().value().empty());
  EXPECT_EQ(dir_.everything(), "");
}

TEST_P(AnyBlobs, NeverOverwrite) {
  const std::string id = new_id("blb");
  ASSERT_TRUE(put(id, "first").ok());
  const auto second = put(id, "second");
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code(), ErrorCode::conflict);
  EXPECT_EQ(get(id), "first");
}

TEST_P(AnyBlobs, AreListedAndRemoved) {
  const std::string a = new_id("blb");
  const std::string b = new_id("blb");
  ASSERT_TRUE(put(a, "a").ok());
  ASSERT_TRUE(put(b, "").ok());
  ASSERT_EQ(blobs_->list().value().size(), 2U);
  EXPECT_TRUE(blobs_->remove(a).value());
  EXPECT_FALSE(blobs_->remove(a).value());
  const auto left = blobs_->list().value();
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].id, b);
  EXPECT_EQ(left[0].bytes, 0U);
}

TEST_P(AnyBlobs, CanBeReadOnAfterRemoval) {
  const std::string id = new_id("blb");
  ASSERT_TRUE(put(id, "still here").ok());
  const auto reader = blobs_->open(id).value();
  ASSERT_TRUE(blobs_->remove(id).value());
  std::string content(10, '?');
  EXPECT_EQ(reader->read(0, std::as_writable_bytes(std::span(content.data(), content.size()))).value(), 10U);
  EXPECT_EQ(content, "still here");
}

TEST_P(AnyBlobs, RefuseWhatIsNoId) {
  for (const char* id : {"", ".", "..", "../x", "blb_", "a/b", "blb_00000000000000000000000000/", "BLB_00000000000000000000000000", ".tmp-x"})
    EXPECT_FALSE(blobs_->create(id).ok()) << id;
}

INSTANTIATE_TEST_SUITE_P(All, AnyBlobs,
                         ::testing::Values(Kind{"local", [](const TestDir& d) { return open_local_blobs(d.path()).value(); }},
                                           Kind{"local_named",
                                                [](const TestDir& d) { return open_local_blobs(d.path(), Unfinished::named).value(); }},
                                           Kind{"memory", [](const TestDir&) { return make_memory_blobs(); }}),
                         [](const auto& kind) { return std::string(kind.param.name); });

TEST(LocalBlobs, RemoveUnfinishedOnesOfAnEarlierRun) {
  TestDir dir;
  std::ofstream(dir / ".tmp-abc") << "half";
  const auto blobs = open_local_blobs(dir.path());
  ASSERT_TRUE(blobs.ok());
  EXPECT_EQ(dir.everything(), "");
}

TEST(LocalBlobs, DoNotFollowALink) {
  TestDir dir;
  const auto blobs = open_local_blobs(dir / "blobs").value();
  std::ofstream(dir / "outside") << "secret";
  const std::string id = new_id("blb");
  std::filesystem::create_symlink(dir / "outside", dir / ("blobs/" + id));
  EXPECT_FALSE(blobs->open(id).ok());
  EXPECT_TRUE(blobs->list().value().empty());
}

TEST(LocalBlobs, SayStorageFullBeforeTheDiskIs) {
  TestDir dir;
  const auto blobs = open_local_blobs(dir.path()).value();
  EXPECT_TRUE(require_free(*blobs, 1, 0).ok());
  const auto full = require_free(*blobs, ~std::uint64_t{0} / 2, 0);
  ASSERT_FALSE(full.ok());
  EXPECT_EQ(full.error().code(), ErrorCode::storage_full);
  EXPECT_FALSE(require_free(*blobs, 0, ~std::uint64_t{0}).ok());
}

TEST(FaultyBlobs, FailWhereTheyAreTold) {
  const auto blobs = make_faulty_blobs(make_memory_blobs(), [](std::string_view operation, std::string_view) -> Status {
    if (operation == "commit") return Error(ErrorCode::storage_full, "no room");
    return ok();
  });
  const auto writer = blobs->create(new_id("blb")).value();
  EXPECT_TRUE(writer->write(as_bytes("x")).ok());
  EXPECT_EQ(writer->commit().error().code(), ErrorCode::storage_full);
  EXPECT_TRUE(blobs->list().value().empty());
}

}  // namespace
}  // namespace slipway::store
