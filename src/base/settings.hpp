// Settings: every one stands in settings.def. Flags > environment > file > default; each value remembers where it came from.
// Built once at start, then immutable.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "slipway/base/result.hpp"

namespace slipway {

struct Settings {
#define SLIPWAY_TYPE_text std::string
#define SLIPWAY_TYPE_flag bool
#define SLIPWAY_TYPE_whole std::int64_t
#define SLIPWAY_TYPE_millis std::int64_t
#define SLIPWAY_TYPE_bytes std::int64_t
#define SETTING(type, member, key, otherwise, min, max, sentence) SLIPWAY_TYPE_##type member = otherwise;
#include "slipway/base/settings.def"
#undef SETTING

  std::map<std::string, std::string, std::less<>> origins;  // key -> "flag", "SLIPWAY_…", "file.toml:12"; absent: default
};

struct SettingFacts {
  std::string_view type, key, otherwise, sentence;
  std::int64_t min, max;
};
const std::vector<SettingFacts>& setting_facts();
std::string setting_variable(std::string_view key);  // "server.listen" -> "SLIPWAY_SERVER_LISTEN"

// Sets one value from text. bytes take the suffixes K M G (powers of 1024), millis ms s m.
// Errors name the key, the bounds, and the nearest key when it is unknown.
Status set_setting(Settings& settings, std::string_view key, std::string_view text, std::string origin);

using Environment = std::map<std::string, std::string, std::less<>>;
Environment process_environment();

// flags: (key, text) pairs. An unknown key in the file or an unknown SLIPWAY_ variable is an error that names the nearest.
Result<Settings> load_settings(const std::optional<std::string>& toml_path, const Environment& environment,
                               const std::vector<std::pair<std::string, std::string>>& flags);

std::string settings_example();  // the documented slipway.toml.example

}  // namespace slipway
