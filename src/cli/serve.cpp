// slipway serve: the platform.
#include <CLI/CLI.hpp>

#include "command.hpp"
#include "settings_flags.hpp"
#include "slipway/app/app.hpp"

namespace slipway::cli {

Action declare_serve(CLI::App& app, Console&) {
  auto flags = SettingsFlags::declare(app, SettingsFlags::Which::all);
  auto json_logs = std::make_shared<bool>(false);
  app.add_flag("--json-logs", *json_logs, "logs as JSON lines, short for --log.format json");
  return [flags, json_logs](Console& console) {
    auto settings = flags->load(console.environment());
    if (settings.ok() && *json_logs) {
      if (Status set = set_setting(*settings, "log.format", "json", "flag"); !set.ok()) return console.usage(set.error().detail());
    }
    if (!settings.ok()) return console.usage("slipway serve: " + settings.error().detail());
    return app::serve(*settings);  // handles signals by itself: it drains
  };
}

}  // namespace slipway::cli
