// Structured logs: one JSON object a line on stderr (or the plain form for people). Thread-safe.
// Secrets have no formatter and bodies are never logged. Values are escaped: no line can be forged.
#pragma once

#include <string_view>

#include "slipway/base/json.hpp"

namespace slipway::log {

enum class Level { debug, info, warn, error };
enum class Format { json, text };

struct Options {
  Level level = Level::info;
  Format format = Format::json;
};

void configure(Options options);
bool enabled(Level level);
void write(Level level, std::string_view event, json::Object fields = {});  // event: "model.ready", "request", ...

inline void debug(std::string_view event, json::Object fields = {}) {
  if (enabled(Level::debug)) write(Level::debug, event, std::move(fields));
}
inline void info(std::string_view event, json::Object fields = {}) { write(Level::info, event, std::move(fields)); }
inline void warn(std::string_view event, json::Object fields = {}) { write(Level::warn, event, std::move(fields)); }
inline void error(std::string_view event, json::Object fields = {}) { write(Level::error, event, std::move(fields)); }

}  // namespace slipway::log
