// A job that isn't over, as memory has it: its progress between two writes to the database, and the sign to stop. Thread-safe.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>

#include "slipway/base/json.hpp"
#include "slipway/platform/jobs/rows.hpp"

namespace slipway::jobs {

class Live {
 public:
  explicit Live(JobRow row) : row_(std::move(row)) {}

  JobRow row() const {
    const std::lock_guard lock(mutex_);
    return row_;
  }
  void set(JobRow row) {
    const std::lock_guard lock(mutex_);
    if (!is_over(row_.status) && row_.status != state::kDeleting) row_ = std::move(row);  // who cancels has the last word
  }
  void set_status(std::string_view status, std::int64_t now) {
    const std::lock_guard lock(mutex_);
    row_.status = status;
    if (is_over(status)) row_.ended_at = now;
  }
  void stop() { stop_ = true; }
  bool stopped() const { return stop_; }

  std::atomic<std::int64_t> rows_total{-1};  // known of npy only

 private:
  mutable std::mutex mutex_;
  JobRow row_;
  std::atomic<bool> stop_{false};
};
using LivePtr = std::shared_ptr<Live>;

// The job as clients see it.
json::Value describe(const JobRow& job, std::int64_t rows_total, std::int64_t retention_ms);

}  // namespace slipway::jobs
