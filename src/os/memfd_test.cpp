#include "slipway/os/memfd.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

namespace slipway::os {
namespace {

TEST(Memfd, NobodyChangesASealedOne) {
  auto fd = make_sealed("t", std::string_view("content"));
  ASSERT_TRUE(fd.ok());
  EXPECT_TRUE(is_sealed(*fd));
  EXPECT_EQ(::write(fd->get(), "x", 1), -1);
  EXPECT_EQ(::pwrite(fd->get(), "x", 1, 0), -1);
  EXPECT_EQ(::ftruncate(fd->get(), 1), -1);
  EXPECT_EQ(::ftruncate(fd->get(), 100), -1);
  EXPECT_EQ(::mmap(nullptr, 7, PROT_READ | PROT_WRITE, MAP_SHARED, fd->get(), 0), MAP_FAILED);
  EXPECT_EQ(::fcntl(fd->get(), F_ADD_SEALS, 0), -1);
  auto mapped = Mapping::read_only(*fd);
  ASSERT_TRUE(mapped.ok());
  EXPECT_EQ(mapped->bytes().size(), 7u);
}

TEST(Memfd, AMappingForReadingAsksForASeal) {
  auto fd = make_memfd("t", 4096);
  ASSERT_TRUE(fd.ok());
  EXPECT_FALSE(Mapping::read_only(*fd).ok());
  EXPECT_TRUE(Mapping::read_only(*fd, false).ok());
  EXPECT_FALSE(Mapping::shared(*fd, 4096).ok());  // it could shrink under us
  ASSERT_EQ(::fcntl(fd->get(), F_ADD_SEALS, F_SEAL_SHRINK), 0);
  EXPECT_TRUE(Mapping::shared(*fd, 4096).ok());
  EXPECT_FALSE(Mapping::shared(*fd, 8192).ok());
}

TEST(Memfd, IsClosedOnExecAndMayBeEmpty) {
  auto fd = make_sealed("t", std::string_view());
  ASSERT_TRUE(fd.ok());
  EXPECT_NE(::fcntl(fd->get(), F_GETFD) & FD_CLOEXEC, 0);
  auto mapped = Mapping::read_only(*fd);
  ASSERT_TRUE(mapped.ok());
  EXPECT_TRUE(mapped->empty());
}

TEST(Mapping, MovesWithoutDoubleUnmap) {
  auto fd = make_sealed("t", std::string_view("abc"));
  auto a = Mapping::read_only(*fd).value();
  Mapping b = std::move(a);
  a = std::move(b);
  EXPECT_EQ(a.bytes().size(), 3u);
  a = Mapping();
  EXPECT_TRUE(a.empty());
}

}  // namespace
}  // namespace slipway::os
