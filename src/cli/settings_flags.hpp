// Settings from the command line: every setting of base/settings.def as a flag, the short forms, and the file. Values.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "slipway/base/json.hpp"
#include "slipway/base/settings.hpp"

namespace CLI {
class App;
}

namespace slipway::cli {

class SettingsFlags {
 public:
  enum class Which { all, place };  // place: --data and --config only, for commands on a data directory

  static std::shared_ptr<SettingsFlags> declare(CLI::App& app, Which which);

  // Flags > environment > file > default. The file: --config, SLIPWAY_CONFIG, or ./slipway.toml when it is there.
  Result<Settings> load(const Environment& environment) const;

 private:
  std::string config_, data_, listen_;
  std::vector<std::string> values_;  // as many as there are settings
  std::vector<bool> given_;
};

// The same without flags, for commands that only want the limits: inspect, convert, predict.
Result<Settings> settings_without_flags(const Environment& environment);

// A setting's value, as text and as JSON.
json::Value setting_value(const Settings& settings, std::string_view key);

inline constexpr const char* kSettingsGroup = "Settings (also in the environment and in slipway.toml)";

}  // namespace slipway::cli
