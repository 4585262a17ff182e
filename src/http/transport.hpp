// Transport: bytes to and from one peer. TCP here; a TLS one would have the same face. Loop thread of the connection only.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string_view>

namespace slipway::http {

using Buffers = std::array<std::string_view, 2>;  // sent one behind the other

// What a transport tells its connection. The transport keeps the user alive while something is under way (keep_alive of each call).
class TransportUser {
 public:
  virtual ~TransportUser() = default;
  virtual void on_read(std::size_t bytes, bool end, bool failed) = 0;  // end: the peer sends no more
  virtual void on_written(std::size_t bytes, bool failed) = 0;
};

class Transport {
 public:
  virtual ~Transport() = default;
  // One of each at a time. `into` and the buffers stay untouched by the caller until the report.
  virtual void read(std::span<char> into, std::shared_ptr<TransportUser> user) = 0;
  virtual void write(Buffers buffers, std::shared_ptr<TransportUser> user) = 0;
  virtual std::size_t try_write(Buffers buffers) = 0;  // what goes at once; 0 also when the peer is gone (the next write() tells)
  virtual void half_close() = 0;                       // we send no more
  virtual void close() = 0;                            // at once; what is under way reports failure
};

}  // namespace slipway::http
