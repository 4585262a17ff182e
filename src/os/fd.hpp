// Fd: an owned file descriptor. Move-only; closing is the destructor's. Not for concurrent use without a lock.
#pragma once

#include <string_view>
#include <utility>

#include "slipway/base/result.hpp"

namespace slipway::os {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}  // takes ownership; negative: none
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) reset(std::exchange(other.fd_, -1));
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  explicit operator bool() const { return valid(); }
  int release() { return std::exchange(fd_, -1); }
  void reset(int fd = -1);
  Result<Fd> duplicate() const;  // close-on-exec

 private:
  int fd_ = -1;
};

// An `internal` error whose log text is "<what>: <strerror(errno)>".
Error system_error(std::string_view what);
Error system_error(std::string_view what, int error_number);

Result<Fd> make_eventfd();    // non-blocking, close-on-exec
void signal_eventfd(int fd);  // adds 1; never blocks
void drain_eventfd(int fd);   // back to 0; never blocks

}  // namespace slipway::os
