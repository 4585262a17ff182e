#include "slipway/base/clock.hpp"

#include <cstdio>
#include <ctime>

namespace slipway {
namespace {
class SystemClock final : public Clock {
 public:
  std::int64_t unix_ms() const override { return std::chrono::duration_cast<Millis>(std::chrono::system_clock::now().time_since_epoch()).count(); }
  Steady steady() const override { return std::chrono::steady_clock::now(); }
};
}  // namespace

const Clock& system_clock() {
  static const SystemClock clock;
  return clock;
}

std::string to_rfc3339(std::int64_t unix_ms) {
  const std::time_t seconds = unix_ms >= 0 ? unix_ms / 1000 : (unix_ms - 999) / 1000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[48];
  std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday, parts.tm_hour,
                parts.tm_min, parts.tm_sec, static_cast<int>(unix_ms - static_cast<std::int64_t>(seconds) * 1000));
  return text;
}

}  // namespace slipway
