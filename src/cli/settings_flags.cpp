#include "settings_flags.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>

namespace slipway::cli {
namespace {

std::optional<std::string> config_file(const std::string& flag, const Environment& environment) {
  if (!flag.empty()) return flag;
  if (const auto found = environment.find("SLIPWAY_CONFIG"); found != environment.end() && !found->second.empty()) return found->second;
  if (::access("slipway.toml", F_OK) == 0) return "slipway.toml";
  return std::nullopt;
}

const char* value_name(const SettingFacts& fact) {
  if (fact.type == "bytes") return "SIZE";
  if (fact.type == "millis") return "TIME";
  return fact.type == "whole" ? "N" : fact.type == "flag" ? "true|false" : "TEXT";
}

}  // namespace

std::shared_ptr<SettingsFlags> SettingsFlags::declare(CLI::App& app, Which which) {
  auto flags = std::make_shared<SettingsFlags>();
  app.add_option("--config", flags->config_, "settings file (TOML); else SLIPWAY_CONFIG, else ./slipway.toml")->type_name("FILE");
  app.add_option("--data", flags->data_, "data directory, short for --storage.data_dir")->type_name("DIR");
  if (which == Which::place) return flags;

  app.add_option("--listen", flags->listen_, "address and port, short for --server.listen")->type_name("HOST:PORT");
  const auto& facts = setting_facts();
  flags->values_.resize(facts.size());
  flags->given_.resize(facts.size());
  for (std::size_t i = 0; i < facts.size(); ++i) {
    const std::function<void(const std::string&)> take = [flags = flags.get(), i](const std::string& text) {
      flags->values_[i] = text;
      flags->given_[i] = true;
    };
    app.add_option_function<std::string>("--" + std::string(facts[i].key), take,
                                         std::string(facts[i].sentence) + " [" + std::string(facts[i].otherwise) + "]")
        ->type_name(value_name(facts[i]))
        ->group(kSettingsGroup);
  }
  return flags;
}

Result<Settings> SettingsFlags::load(const Environment& environment) const {
  std::vector<std::pair<std::string, std::string>> pairs;
  const auto& facts = setting_facts();
  for (std::size_t i = 0; i < given_.size(); ++i) {
    if (given_[i]) pairs.emplace_back(facts[i].key, values_[i]);
  }
  if (!data_.empty()) pairs.emplace_back("storage.data_dir", data_);
  if (!listen_.empty()) pairs.emplace_back("server.listen", listen_);
  return load_settings(config_file(config_, environment), environment, pairs);
}

Result<Settings> settings_without_flags(const Environment& environment) { return load_settings(config_file("", environment), environment, {}); }

json::Value setting_value(const Settings& settings, std::string_view key) {
#define SETTING(type, member, name, otherwise, min, max, sentence) \
  if (key == name) return settings.member;
#include "slipway/base/settings.def"
#undef SETTING
  return nullptr;
}

}  // namespace slipway::cli
