// Time comes through here, so that tests bring their own. Clock implementations are thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace slipway {

using Steady = std::chrono::steady_clock::time_point;
using Millis = std::chrono::milliseconds;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual std::int64_t unix_ms() const = 0;  // wall time: for rows and tokens
  virtual Steady steady() const = 0;         // for intervals and deadlines
  std::int64_t unix_s() const { return unix_ms() / 1000; }
};

const Clock& system_clock();

class ManualClock final : public Clock {
 public:
  std::int64_t unix_ms() const override { return unix_ms_; }
  Steady steady() const override { return steady_; }
  void advance(Millis by) {
    unix_ms_ += by.count();
    steady_ += by;
  }

 private:
  std::int64_t unix_ms_ = 1'700'000'000'000;
  Steady steady_{};
};

std::string to_rfc3339(std::int64_t unix_ms);  // "2026-11-23T23:11:12.345Z"

}  // namespace slipway
