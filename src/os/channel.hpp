// Channel: messages with descriptors between the server and its launcher (a SOCK_SEQPACKET pair: frames are kept whole by the
// kernel). Frames are bounded; a frame that is too long or brings too many descriptors is an error, its descriptors are closed.
// One thread may send while another receives.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "slipway/base/clock.hpp"
#include "slipway/os/fd.hpp"

namespace slipway::os {

struct Frame {
  std::string bytes;
  std::vector<Fd> fds;
  bool end = false;  // the peer is gone; nothing else is set
};

class Channel {
 public:
  static constexpr std::size_t kFrameBytesMax = 64 * 1024;
  static constexpr std::size_t kFrameFdsMax = 64;

  Channel() = default;
  explicit Channel(Fd socket) : socket_(std::move(socket)) {}
  static Result<std::pair<Channel, Channel>> pair();  // both ends close-on-exec

  int fd() const { return socket_.get(); }
  Fd take() { return std::move(socket_); }
  bool open() const { return socket_.valid(); }
  Status send(std::string_view bytes, std::span<const int> fds = {});  // waits for room at most 5 s; a gone peer is an error
  Result<Frame> receive();                                             // blocks
  Result<Frame> receive(Millis timeout);                               // error: deadline_exceeded
  bool readable() const;                                               // a frame (or the end) waits

 private:
  Fd socket_;
};

}  // namespace slipway::os
