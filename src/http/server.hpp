// Server: HTTP/1.1 on one listening socket, connections spread over the Loops.
//
// start, drain and the destructor are called by one thread, not a loop's. The Loops run already at start() and outlive the server; the
// Pool is stopped before the server is destroyed (its tasks use routes), the Guard and the Metrics outlive it.
// TLS: a connection speaks to a Transport (transport.hpp); a TLS one would be chosen where the socket is accepted.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "slipway/base/clock.hpp"
#include "slipway/base/metrics.hpp"
#include "slipway/base/settings.hpp"
#include "slipway/http/router.hpp"
#include "slipway/os/loop.hpp"
#include "slipway/os/pool.hpp"

namespace slipway::http {

struct ServerOptions {
  std::string listen = "127.0.0.1:0";        // HOST:PORT, [v6]:PORT; port 0: a free one
  std::size_t connections_max = 10'000;      // more are answered 503 and closed
  std::size_t header_bytes_max = 32 * 1024;  // request line included
  std::size_t headers_max = 100;
  std::size_t target_bytes_max = 8 * 1024;
  std::uint64_t body_bytes_max = 64ull << 20;  // of buffered bodies, whatever the route says
  Millis header_timeout{10'000};               // from the first byte of a request to the end of its headers
  Millis idle_timeout{30'000};                 // without a byte either way (the wait for a handler excepted)
  std::uint64_t rate_bytes_min = 1024;         // a second, averaged over the window, while a body is read
  Millis rate_window{30'000};
  std::size_t stream_buffer_bytes = 256 * 1024;  // of a streamed body that waits for its sink
};
ServerOptions server_options(const Settings& settings);

class Server {
 public:
  // Listens when it returns. Errors: what Router::build finds, a malformed or taken address.
  static Result<std::unique_ptr<Server>> start(ServerOptions options, std::vector<Route> routes, Guard& guard, os::Loops& loops, os::Pool& pool,
                                               Metrics& metrics);
  ~Server();  // drain(0)

  std::uint16_t port() const;
  std::string address() const;  // "127.0.0.1:8080", with the real port
  const Router& router() const;
  std::size_t connections() const;

  bool draining() const;  // what /readyz asks
  // From here on draining() is true and every answer says Connection: close; after `notice` (time for a load balancer to see readiness
  // go) nothing more is accepted; running requests get `timeout`, then connections are cut. true: all of them had finished.
  bool drain(Millis timeout, Millis notice = Millis{0});

  struct Shared;

 private:
  explicit Server(std::shared_ptr<Shared> shared);
  std::shared_ptr<Shared> shared_;
};

}  // namespace slipway::http
