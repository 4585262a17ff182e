// Feed: who listens to jobs' progress. One timer for all of them on one loop: a listener holds no thread, and there is a bound on them.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "slipway/base/clock.hpp"
#include "slipway/http/push.hpp"
#include "slipway/os/loop.hpp"
#include "slipway/platform/jobs/live.hpp"

namespace slipway::jobs {

inline constexpr std::string_view kEndEventId = "end";

std::string event_text(const JobRow& job, std::int64_t rows_total, std::int64_t retention_ms);  // of server-sent events

class Feed {
 public:
  Feed(os::Loop& loop, std::int64_t retention_ms) : loop_(loop), retention_ms_(retention_ms) {}

  // Says at once how far the job is, then whenever that has changed, until it is over. Errors: overloaded, rate_limited.
  Result<std::shared_ptr<http::PushBody>> listen(LivePtr job);
  void stop();

 private:
  struct Listener {
    LivePtr job;
    std::shared_ptr<http::PushBody> body;
    std::string said;
    Steady spoke;
  };
  bool tell(Listener& listener, Steady now);  // false: it is done with
  void tick();

  os::Loop& loop_;
  const std::int64_t retention_ms_;
  std::mutex mutex_;
  std::vector<Listener> listeners_;
  bool ticking_ = false, stopped_ = false;
};

}  // namespace slipway::jobs
