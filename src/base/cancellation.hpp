// Cancellation: whoever asked has gone, so that what was begun for them needn't be done. One a request, or one for all requests of a stream.
// Any thread.
#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace slipway {

class Cancellation {
 public:
  // Has work that may be cancelled. It is told on the thread that cancels, and then looks through its work for what is cancelled.
  class Holder {
   public:
    virtual ~Holder() = default;
    virtual void work_was_cancelled() = 0;
  };

  bool cancelled() const { return cancelled_.load(); }

  void cancel() {
    cancelled_.store(true);
    std::vector<std::weak_ptr<Holder>> holders;
    {
      std::lock_guard lock(mutex_);
      holders.swap(holders_);
    }
    for (const auto& weak : holders) {
      if (const auto holder = weak.lock()) holder->work_was_cancelled();
    }
  }

  // `holder` hears of it from here on. It looks at cancelled() after this: either that says so already, or it will be told.
  void tell(const std::weak_ptr<Holder>& holder) {
    std::lock_guard lock(mutex_);
    const auto same = [&](const auto& known) { return !known.owner_before(holder) && !holder.owner_before(known); };
    if (std::any_of(holders_.begin(), holders_.end(), same)) return;
    std::erase_if(holders_, [](const auto& known) { return known.expired(); });
    holders_.push_back(holder);
  }

 private:
  std::atomic<bool> cancelled_{false};
  std::mutex mutex_;
  std::vector<std::weak_ptr<Holder>> holders_;
};

using CancellationPtr = std::shared_ptr<Cancellation>;

}  // namespace slipway
