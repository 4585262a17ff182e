// Limiter: requests per caller, in memory. Sharded by caller: no lock that all requests share. Thread-safe.
#pragma once

#include <array>
#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "slipway/base/clock.hpp"
#include "slipway/base/result.hpp"
#include "slipway/platform/limits/gcra.hpp"

namespace slipway::limits {

class Limiter {
 public:
  // rate: nullopt lets everything through.
  Limiter(std::optional<Rate> rate, std::string policy_name, const Clock& clock);

  struct Answer {
    Status status = ok();       // rate_limited with Retry-After when refused
    std::string headers_limit;  // value of RateLimit, empty without a rate
  };
  Answer admit(std::string_view caller);
  std::string policy_header() const;  // value of RateLimit-Policy, empty without a rate

 private:
  static constexpr std::size_t kShards = 64;
  static constexpr std::size_t kCallersMax = 1 << 14;  // a shard forgets idle callers beyond it
  struct Shard {
    std::mutex mutex;
    std::unordered_map<std::string, std::int64_t> arrivals;
  };
  void forget_idle(Shard& shard, std::int64_t now_ns);
  std::optional<Rate> rate_;
  std::string policy_name_;
  const Clock& clock_;
  std::array<Shard, kShards> shards_;
};

}  // namespace slipway::limits
