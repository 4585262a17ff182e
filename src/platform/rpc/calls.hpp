// The calls under way. Every method is taken up as a stream of bytes, so that who calls is asked before a message is read, and what a compressed
// message unpacks to is bounded.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "slipway/base/clock.hpp"
#include "slipway/base/metrics.hpp"
#include "slipway/platform/rpc/methods.hpp"

namespace grpc {
class CallbackGenericService;
}

namespace slipway::rpc {

struct CallLimits {
  std::size_t calls_max = 10'000;    // under way at once; more are refused
  std::size_t stream_requests = 32;  // of one stream that are answered at once; it is read no further until one is
  Millis open_wait{10'000};          // for the message of a call that needs no credentials
  Millis wait{300'000};              // for that of others; a stream that has nothing to do may stay as long
};

class Calls {
 public:
  virtual ~Calls() = default;
  // guard and the loops outlive it, as it outlives the server that it is registered with.
  static std::unique_ptr<Calls> make(Methods methods, http::Guard& guard, std::vector<os::Loop*> loops, Metrics& metrics, CallLimits limits);
  virtual grpc::CallbackGenericService& service() = 0;
  virtual void drain() = 0;  // streams end when what they were asked is answered
};

}  // namespace slipway::rpc
