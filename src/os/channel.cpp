#include "slipway/os/channel.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace slipway::os {

constexpr int kSendTimeoutMs = 5000;

Result<std::pair<Channel, Channel>> Channel::pair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return system_error("socketpair");
  return std::pair(Channel(Fd(ends[0])), Channel(Fd(ends[1])));
}

// poll that survives signals; false: nothing happened in time.
static Result<bool> wait_for(int fd, short events, int timeout_ms) {
  pollfd p{fd, events, 0};
  int n;
  do n = ::poll(&p, 1, timeout_ms);
  while (n < 0 && errno == EINTR);
  if (n < 0) return system_error("poll of a channel");
  return n > 0;
}

Status Channel::send(std::string_view bytes, std::span<const int> fds) {
  if (bytes.empty() || bytes.size() > kFrameBytesMax || fds.size() > kFrameFdsMax) {
    return Error(ErrorCode::internal, "A message between processes is too long");
  }
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kFrameFdsMax * sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!fds.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(fds.size_bytes());
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(header), fds.data(), fds.size_bytes());
  }
  for (;;) {
    ssize_t n = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0) return ok();
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != ENOBUFS) return system_error("sendmsg");
    if (!TRY(wait_for(socket_.get(), POLLOUT, kSendTimeoutMs))) return Error(ErrorCode::internal, "A process doesn't take its messages");
  }
}

static void collect_fds(msghdr& message, std::vector<Fd>& fds) {
  for (cmsghdr* h = CMSG_FIRSTHDR(&message); h != nullptr; h = CMSG_NXTHDR(&message, h)) {
    if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(h) + i * sizeof(int), sizeof fd);
      fds.emplace_back(fd);
    }
  }
}

Result<Frame> Channel::receive() {
  Frame frame;
  frame.bytes.resize(kFrameBytesMax);
  iovec part{frame.bytes.data(), frame.bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kFrameFdsMax * sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t n;
  do n = ::recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC);
  while (n < 0 && errno == EINTR);
  if (n < 0 && errno == ECONNRESET) n = 0;
  if (n < 0) return system_error("recvmsg");
  collect_fds(message, frame.fds);
  if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) return Error(ErrorCode::internal, "A message between processes is too long");
  frame.bytes.resize(static_cast<std::size_t>(n));
  frame.end = n == 0;  // send() never sends an empty frame
  return frame;
}

Result<Frame> Channel::receive(Millis timeout) {
  if (!TRY(wait_for(socket_.get(), POLLIN, static_cast<int>(timeout.count())))) {
    return Error(ErrorCode::deadline_exceeded, "A process didn't answer in time");
  }
  return receive();
}

bool Channel::readable() const {
  auto r = wait_for(socket_.get(), POLLIN, 0);
  return r.ok() && *r;
}

}  // namespace slipway::os
