#include "slipway/base/log.hpp"

#include <unistd.h>

#include <atomic>
#include <string>

#include "slipway/base/clock.hpp"

namespace slipway::log {
namespace {

std::atomic<Level> g_level{Level::info};
std::atomic<Format> g_format{Format::json};

std::string_view level_name(Level level) {
  switch (level) {
    case Level::debug: return "debug";
    case Level::info: return "info";
    case Level::warn: return "warn";
    case Level::error: return "error";
  }
  return "info";
}

std::string json_line(Level level, std::string_view event, const json::Object& fields) {
  std::string line;
  json::Writer w(line);
  w.begin_object().member("time", to_rfc3339(system_clock().unix_ms())).member("level", level_name(level)).member("event", event);
  for (const auto& [key, value] : fields) w.member(key, value);
  w.end_object();
  return line;
}

std::string text_line(Level level, std::string_view event, const json::Object& fields) {
  std::string line = to_rfc3339(system_clock().unix_ms()).substr(11, 12);
  line += ' ';
  line += level_name(level);
  line += ' ';
  line += event;
  for (const auto& [key, value] : fields) {
    line += ' ';
    line += key;
    line += '=';
    json::Writer(line).value(value);
  }
  return line;
}

}  // namespace

void configure(Options options) {
  g_level = options.level;
  g_format = options.format;
}

bool enabled(Level level) { return level >= g_level.load(std::memory_order_relaxed); }

void write(Level level, std::string_view event, json::Object fields) {
  if (!enabled(level)) return;
  std::string line = g_format.load(std::memory_order_relaxed) == Format::json ? json_line(level, event, fields) : text_line(level, event, fields);
  line += '\n';
  // One write a line: lines of several threads and processes don't mix. A full pipe loses the line, never the request.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace slipway::log
