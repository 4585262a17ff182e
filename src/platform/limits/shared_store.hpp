// SharedStore: buckets that several servers share. One question a decision, for all of its limits: all of them are charged, or none.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "slipway/base/metrics.hpp"
#include "slipway/base/result.hpp"
#include "slipway/base/secret.hpp"

namespace slipway::os {
class Loop;
}

namespace slipway::limits {

// Functions may be called by any thread and never wait.
class SharedStore {
 public:
  struct Line {
    std::string key;
    bool concurrent = false;
    std::int64_t most = 0;                 // concurrent: leases at the same time
    double cost_us = 0, tolerance_us = 0;  // else: GCRA's
  };
  struct Question {
    std::vector<Line> lines;
    std::string lease;          // names what is held until release()
    std::int64_t lease_ms = 0;  // it ends by itself after, in case this server does
  };
  struct Answer {
    bool away = true;  // nobody answered: nothing below is known
    bool allowed = false;
    std::vector<bool> fits;              // by line: whether this one alone would allow it
    std::vector<std::int64_t> standing;  // by line: microseconds until the bucket is full again; concurrent: leases that are held
  };
  virtual ~SharedStore() = default;
  virtual bool away() const = 0;
  // done is called once: on the loop, or before this returns when the store is away.
  virtual void ask(Question question, os::Loop* loop, std::function<void(Answer)> done) = 0;
  virtual void release(std::string key, std::string lease) = 0;
  virtual void stop() = 0;  // answers what was asked, by "away"; before the loops end
};

struct RedisOptions {
  std::string url;  // redis://[user@]host[:port][/db] or unix:///path/of/socket
  Secret password;
  std::int64_t timeout_ms = 50;
};
// Speaks with Redis 7 or Valkey from a thread of its own. Errors: bad_request for a URL that isn't understood. That nobody answers there is no
// error: it is tried again, with pauses.
Result<std::unique_ptr<SharedStore>> open_redis(const RedisOptions& options, Metrics& metrics);

}  // namespace slipway::limits
