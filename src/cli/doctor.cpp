// slipway doctor: a line a check, with cause and remedy.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "checks.hpp"
#include "command.hpp"
#include "settings_flags.hpp"
#include "slipway/base/log.hpp"

namespace slipway::cli {
namespace {

using Outcome = app::Check::Outcome;

constexpr const char* kNames[] = {"good", "warning", "bad"};
constexpr Mark kMarks[] = {Mark::good, Mark::warning, Mark::bad};

// The platform's checks and the machine's; of two by one name ours is the one that tried more.
std::vector<app::Check> all_checks(const Settings& settings) {
  log::configure({log::Level::error, log::Format::text});
  std::vector<app::Check> checks = app::doctor(settings);
  for (app::Check& check : machine_checks(settings)) {
    const auto same = std::find_if(checks.begin(), checks.end(), [&](const app::Check& c) { return c.name == check.name; });
    if (same == checks.end()) {
      checks.push_back(std::move(check));
    } else {
      *same = std::move(check);
    }
  }
  return checks;
}

int doctor(Console& console, const Settings& settings) {
  json::Array lines;
  bool all_good = true;
  for (const app::Check& check : all_checks(settings)) {
    const auto i = static_cast<std::size_t>(check.outcome);
    all_good = all_good && check.outcome != Outcome::bad;
    lines.push_back(json::object({{"check", check.name},
                                  {"outcome", kNames[i]},
                                  {"found", check.found},
                                  {"remedy", check.remedy.empty() ? json::Value() : json::Value(check.remedy)}}));
    if (console.json) continue;
    console.print(fmt::format("{} {:<15} {}\n", console.mark(kMarks[i], true), printable(check.name), printable(check.found)));
    if (!check.remedy.empty()) console.print(fmt::format("  {:<15} {}\n", "", printable(check.remedy)));
  }
  if (console.json) console.print_json(json::Value(std::move(lines)));
  return all_good ? kOk : kFailed;
}

}  // namespace

Action declare_doctor(CLI::App& app, Console& console) {
  auto flags = SettingsFlags::declare(app, SettingsFlags::Which::all);
  add_json(app, console);
  return [flags](Console& c) {
    end_on_signals();
    const auto settings = flags->load(c.environment());
    if (!settings.ok()) return c.usage("slipway doctor: " + settings.error().detail());
    return doctor(c, *settings);
  };
}

}  // namespace slipway::cli
