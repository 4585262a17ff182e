// PushBody: a body whose pieces come when there is something to say (server-sent events). No thread waits for it: whoever has news pushes it
// and goes on, the connection's own loop sends it. What waits for a slow reader is bounded: beyond that the stream is cut, and the client
// comes again.
//
// Any thread; the connection's side is its loop's.
#pragma once

#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace slipway::http {

class PushBody {
 public:
  explicit PushBody(std::size_t waiting_bytes_max = 64 * 1024) : waiting_bytes_max_(waiting_bytes_max) {}

  bool push(std::string_view bytes);  // false: nobody reads any more; drop it
  void end();                         // what waits is sent, then the body is over
  bool gone() const;                  // the client has left, or reads too slowly

  // Of the connection.
  void attach(std::function<void()> wake);  // called when there is something to take, once for each take()
  struct Taken {
    std::string bytes;
    bool over = false, cut = false;
  };
  Taken take();
  void abandon();

 private:
  void wake(std::unique_lock<std::mutex> lock);

  const std::size_t waiting_bytes_max_;
  mutable std::mutex mutex_;
  std::string waiting_;
  std::function<void()> wake_;
  bool woken_ = false, ended_ = false, gone_ = false;
};

}  // namespace slipway::http
