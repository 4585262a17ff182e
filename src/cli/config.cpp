// slipway config: the settings in force, with where each came from.
#include <CLI/CLI.hpp>

#include "command.hpp"
#include "settings_flags.hpp"

namespace slipway::cli {
namespace {

std::string origin_of(const Settings& settings, std::string_view key) {
  const auto found = settings.origins.find(key);
  return found == settings.origins.end() ? "default" : found->second;
}

std::string text_of(const json::Value& value) { return value.is_string() ? (value.as_string().empty() ? "\"\"" : value.as_string()) : value.dump(); }

void print(Console& console, const Settings& settings, bool changed) {
  json::Array all;
  std::vector<std::vector<std::string>> rows;
  for (const SettingFacts& fact : setting_facts()) {
    const json::Value value = setting_value(settings, fact.key);
    const std::string origin = origin_of(settings, fact.key);
    if (changed && origin == "default") continue;
    rows.push_back({std::string(fact.key), text_of(value), origin});
    all.push_back(json::object({{"key", fact.key},
                                {"value", value},
                                {"origin", origin},
                                {"type", fact.type},
                                {"variable", setting_variable(fact.key)},
                                {"description", fact.sentence}}));
  }
  if (console.json) {
    console.print_json(json::Value(std::move(all)));
  } else {
    console.table({"KEY", "VALUE", "FROM"}, rows);
  }
}

}  // namespace

Action declare_config(CLI::App& app, Console& console) {
  auto flags = SettingsFlags::declare(app, SettingsFlags::Which::all);
  struct Wish {
    bool example = false, changed = false;
  };
  auto wish = std::make_shared<Wish>();
  app.add_flag("--example", wish->example, "print a slipway.toml with every setting, its default and what it does");
  app.add_flag("--changed", wish->changed, "only those that are not the default");
  add_json(app, console);
  return [flags, wish](Console& c) {
    if (wish->example) {
      c.print(settings_example());
      return kOk;
    }
    const auto settings = flags->load(c.environment());
    if (!settings.ok()) return c.usage("slipway config: " + settings.error().detail());
    print(c, *settings, wish->changed);
    return kOk;
  };
}

}  // namespace slipway::cli
