#include "slipway/os/channel.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "slipway/os/memfd.hpp"

namespace slipway::os {
namespace {

TEST(Channel, KeepsFramesAndDescriptorsTogether) {
  auto [a, b] = Channel::pair().value();
  const Fd file = make_sealed("t", std::string_view("inside")).value();
  const int fds[2] = {file.get(), file.get()};
  ASSERT_TRUE(a.send("one").ok());
  ASSERT_TRUE(a.send("two", fds).ok());
  auto one = b.receive();
  EXPECT_EQ(one->bytes, "one");
  EXPECT_TRUE(one->fds.empty());
  auto two = b.receive();
  EXPECT_EQ(two->bytes, "two");
  ASSERT_EQ(two->fds.size(), 2u);
  EXPECT_EQ(Mapping::read_only(two->fds[1])->bytes().size(), 6u);
}

TEST(Channel, SaysWhenThePeerIsGone) {
  auto [a, b] = Channel::pair().value();
  EXPECT_FALSE(b.readable());
  a = Channel();
  EXPECT_TRUE(b.readable());
  EXPECT_TRUE(b.receive()->end);
  EXPECT_FALSE(b.send("x").ok());
}

TEST(Channel, WaitsNoLongerThanAsked) {
  auto [a, b] = Channel::pair().value();
  auto nothing = b.receive(Millis(20));
  ASSERT_FALSE(nothing.ok());
  EXPECT_EQ(nothing.error().code(), ErrorCode::deadline_exceeded);
}

TEST(Channel, RefusesFramesThatAreTooLongOrEmpty) {
  auto [a, b] = Channel::pair().value();
  EXPECT_FALSE(a.send("").ok());
  EXPECT_FALSE(a.send(std::string(Channel::kFrameBytesMax + 1, 'x')).ok());
  EXPECT_TRUE(a.send(std::string(Channel::kFrameBytesMax, 'x')).ok());
  EXPECT_EQ(b.receive()->bytes.size(), Channel::kFrameBytesMax);
  // A peer that doesn't keep to it:
  const std::string huge(Channel::kFrameBytesMax + 100, 'y');
  ASSERT_GT(::send(a.fd(), huge.data(), huge.size(), 0), 0);
  EXPECT_FALSE(b.receive().ok());
}

}  // namespace
}  // namespace slipway::os
