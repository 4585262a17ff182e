// Server: the Open Inference Protocol by gRPC on a port of its own, without TLS like HTTP's. grpc++ runs it on threads of its own; predictions run
// on the engine's loops.
//
// start, drain and the destructor are called by one thread, not a loop's. The loops run already at start() and outlive the server, as do the guard,
// the metrics and the engine.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "slipway/base/metrics.hpp"
#include "slipway/http/route.hpp"
#include "slipway/platform/predictions/protocols.hpp"

namespace slipway::rpc {

struct ServerOptions {
  std::string listen = "127.0.0.1:0";  // HOST:PORT, [v6]:PORT; port 0: a free one
  std::uint64_t message_bytes_max = 64ULL << 20;
  std::size_t metadata_bytes_max = 32 * 1024;
  std::size_t calls_max = 10'000;
  Millis handshake_timeout{10'000};  // also for the message of a call that needs no credentials
  Millis idle_timeout{300'000};      // of a connection, of a stream, and of a call whose message doesn't come
};

class Server {
 public:
  // Listens when it returns. Errors: bad_request for an address that isn't one, unavailable when it can't be listened on.
  static Result<std::unique_ptr<Server>> start(const ServerOptions& options, const predictions::PredictorPtr& predictor,
                                               const predictions::ServerFacts& facts, http::Guard& guard, std::vector<os::Loop*> loops,
                                               Metrics& metrics);
  virtual ~Server() = default;              // drain(0)
  virtual std::string address() const = 0;  // "127.0.0.1:8081", with the real port
  virtual void drain(Millis timeout) = 0;   // nothing more is taken; what runs gets this long, then it is cut
};

}  // namespace slipway::rpc
