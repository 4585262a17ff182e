#include "slipway/os/fd.hpp"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <system_error>

namespace slipway::os {

void Fd::reset(int fd) {
  if (fd_ >= 0 && fd_ != fd) ::close(fd_);
  fd_ = fd;
}

Result<Fd> Fd::duplicate() const {
  int fd = ::fcntl(fd_, F_DUPFD_CLOEXEC, 3);
  if (fd < 0) return system_error("dup");
  return Fd(fd);
}

Error system_error(std::string_view what, int error_number) {
  return Error(ErrorCode::internal, "An operation of the system failed")
      .because(std::string(what) + ": " + std::error_code(error_number, std::generic_category()).message());
}

Error system_error(std::string_view what) { return system_error(what, errno); }

Result<Fd> make_eventfd() {
  int fd = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (fd < 0) return system_error("eventfd");
  return Fd(fd);
}

void signal_eventfd(int fd) {
  const std::uint64_t one = 1;
  [[maybe_unused]] auto n = ::write(fd, &one, sizeof one);  // EAGAIN: the counter is full, so it is readable already
}

void drain_eventfd(int fd) {
  std::uint64_t value;
  [[maybe_unused]] auto n = ::read(fd, &value, sizeof value);
}

}  // namespace slipway::os
