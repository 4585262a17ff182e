#include "slipway/platform/jobs/feed.hpp"

#include <algorithm>

namespace slipway::jobs {
namespace {

constexpr Millis kTick{250};
constexpr Millis kKeepAlive{10'000};  // proxies cut what is silent; and only by writing is it seen that a client has gone
constexpr std::size_t kListenersMax = 2000, kListenersOfUserMax = 100;

}  // namespace

std::string event_text(const JobRow& job, std::int64_t rows_total, std::int64_t retention_ms) {
  const bool over = is_over(job.status);
  std::string out = over ? "event: end\nid: " + std::string(kEndEventId) + "\n" : "event: progress\n";
  return out + "data: " + describe(job, rows_total, retention_ms).dump() + "\n\n";
}

Result<std::shared_ptr<http::PushBody>> Feed::listen(LivePtr job) {
  const std::string owner = job->row().owner_id;
  Listener listener{std::move(job), std::make_shared<http::PushBody>(), {}, {}};
  listener.body->push("retry: 2000\n\n");
  auto body = listener.body;
  const std::lock_guard lock(mutex_);
  const auto of_owner = std::count_if(listeners_.begin(), listeners_.end(), [&](const Listener& l) { return l.job->row().owner_id == owner; });
  if (of_owner >= static_cast<std::ptrdiff_t>(kListenersOfUserMax))
    return Error(ErrorCode::rate_limited, "this account listens to too many jobs already").retry_after(10);
  if (stopped_ || listeners_.size() >= kListenersMax)
    return Error(ErrorCode::overloaded, "too many clients listen to jobs; ask for the job itself now and then").retry_after(10);
  if (!tell(listener, system_clock().steady())) return body;
  listeners_.push_back(std::move(listener));
  if (!std::exchange(ticking_, true)) loop_.post([this] { loop_.after(kTick, [this] { tick(); }); });
  return body;
}

bool Feed::tell(Listener& listener, Steady now) {
  if (listener.body->gone()) return false;
  const JobRow row = listener.job->row();
  std::string text = event_text(row, listener.job->rows_total, retention_ms_);
  if (text != listener.said) {
    if (!listener.body->push(text)) return false;
    listener.said = std::move(text);
    listener.spoke = now;
  } else if (now - listener.spoke >= kKeepAlive) {
    if (!listener.body->push(": still here\n\n")) return false;
    listener.spoke = now;
  }
  if (!is_over(row.status) && row.status != state::kDeleting) return true;
  listener.body->end();
  return false;
}

void Feed::tick() {
  const std::lock_guard lock(mutex_);
  const Steady now = system_clock().steady();
  std::erase_if(listeners_, [&](Listener& listener) { return !tell(listener, now); });
  ticking_ = !stopped_ && !listeners_.empty();
  if (ticking_) loop_.after(kTick, [this] { tick(); });
}

void Feed::stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  for (const Listener& listener : listeners_) listener.body->end();
  listeners_.clear();
}

}  // namespace slipway::jobs
