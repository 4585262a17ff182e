#include "slipway/base/settings.hpp"

#define TOML_HEADER_ONLY 1
#include <toml++/toml.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include "slipway/base/encoding.hpp"

extern char** environ;  // NOLINT

namespace slipway {
namespace {

const std::vector<SettingFacts> kSettings = {
#define SETTING(type, member, key, otherwise, min, max, sentence) {#type, key, #otherwise, sentence, min, max},
#include "slipway/base/settings.def"
#undef SETTING
};

Error bad(std::string_view key, const std::string& why) { return Error(ErrorCode::bad_request, "setting " + std::string(key) + ": " + why); }

std::vector<std::string> keys() {
  std::vector<std::string> out;
  for (const SettingFacts& s : kSettings) out.emplace_back(s.key);
  return out;
}

Error unknown(std::string_view key) {
  std::string message = "there is no setting \"" + excerpt(key) + "\"";
  const auto all = keys();
  if (const auto near = nearest(key, all)) message += "; did you mean \"" + *near + "\"?";
  return Error(ErrorCode::bad_request, message);
}

// "64M" -> 67108864 for bytes, "5s" -> 5000 for millis; a bare number is taken as it is.
Result<std::int64_t> parse_number(const SettingFacts& s, std::string_view text) {
  std::int64_t n = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), n);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  std::int64_t factor = unit.empty() ? 1 : 0;
  if (s.type == "bytes") {
    if (unit == "K") factor = 1LL << 10;
    if (unit == "M") factor = 1LL << 20;
    if (unit == "G") factor = 1LL << 30;
    if (unit == "T") factor = 1LL << 40;
  } else if (s.type == "millis") {
    if (unit == "ms") factor = 1;
    if (unit == "s") factor = 1000;
    if (unit == "m") factor = 60'000;
  }
  std::int64_t value = 0;
  if (problem != std::errc{} || factor == 0 || __builtin_mul_overflow(n, factor, &value)) {
    return bad(s.key, "\"" + excerpt(text) + "\" is not " +
                          (s.type == "bytes"    ? "a size such as 64M"
                           : s.type == "millis" ? "a time such as 30s"
                                                : "a whole number"));
  }
  if (value < s.min || value > s.max) {
    return bad(s.key, "must be between " + std::to_string(s.min) + " and " + std::to_string(s.max) + ", not " + std::to_string(value));
  }
  return value;
}

Result<bool> parse_flag(const SettingFacts& s, std::string_view text) {
  if (text == "true" || text == "1") return true;
  if (text == "false" || text == "0") return false;
  return bad(s.key, "must be true or false, not \"" + excerpt(text) + "\"");
}

Result<std::string> parse_text(const SettingFacts& s, std::string_view text) {
  const auto size = static_cast<std::int64_t>(text.size());
  if (size < s.min || size > s.max) return bad(s.key, "must have " + std::to_string(s.min) + " to " + std::to_string(s.max) + " characters");
  return std::string(text);
}

Result<std::string> parse_value(const SettingFacts& s, std::string_view text, std::string*) { return parse_text(s, text); }
[[maybe_unused]] Result<bool> parse_value(const SettingFacts& s, std::string_view text, bool*) { return parse_flag(s, text); }
Result<std::int64_t> parse_value(const SettingFacts& s, std::string_view text, std::int64_t*) { return parse_number(s, text); }

Result<std::string> toml_text(const toml::node& node, const std::string& key) {
  if (const auto* s = node.as_string()) return s->get();
  if (const auto* i = node.as_integer()) return std::to_string(i->get());
  if (const auto* b = node.as_boolean()) return std::string(b->get() ? "true" : "false");
  return bad(key, "must be a text, a whole number, true or false");
}

Status read_table(Settings& settings, const toml::table& table, const std::string& prefix, const std::string& file) {
  for (const auto& [name, node] : table) {
    const std::string key = prefix + std::string(name.str());
    const std::string place = file + ":" + std::to_string(name.source().begin.line);
    if (const auto* inner = node.as_table(); inner != nullptr && prefix.empty()) {
      TRY(read_table(settings, *inner, key + ".", file));
      continue;
    }
    const std::string text = TRY(toml_text(node, key).within(place));
    TRY(set_setting(settings, key, text, place).within(place));
  }
  return ok();
}

Status read_file(Settings& settings, const std::string& path) {
  if (::access(path.c_str(), R_OK) != 0) return Error(ErrorCode::bad_request, "the configuration file " + path + " can't be read");
  toml::table table;
  try {
    table = toml::parse_file(path);
  } catch (const toml::parse_error& e) {
    return Error(ErrorCode::bad_request, path + ":" + std::to_string(e.source().begin.line) + ": " + std::string(e.description()));
  }
  return read_table(settings, table, "", path);
}

// Variables that are ours without being settings: credentials and addresses of the command line's own, and build switches.
bool is_other_variable(std::string_view name) {
  static constexpr std::string_view kOthers[] = {"SLIPWAY_URL",      "SLIPWAY_KEY",    "SLIPWAY_JOBS",
                                                 "SLIPWAY_ORT_ROOT", "SLIPWAY_CONFIG", "SLIPWAY_FAILPOINT"};
  return std::find(std::begin(kOthers), std::end(kOthers), name) != std::end(kOthers);
}

Status read_environment(Settings& settings, const Environment& environment) {
  std::map<std::string, std::string, std::less<>> variables;
  std::vector<std::string> names;
  for (const SettingFacts& s : kSettings) {
    names.push_back(setting_variable(s.key));
    variables[names.back()] = s.key;
  }
  for (const auto& [name, text] : environment) {
    if (!name.starts_with("SLIPWAY_") || is_other_variable(name)) continue;
    const auto found = variables.find(name);
    if (found == variables.end()) {
      std::string message = "the environment variable " + excerpt(name, 80) + " sets nothing";
      if (const auto near = nearest(name, names)) message += "; did you mean " + *near + "?";
      return Error(ErrorCode::bad_request, message);
    }
    TRY(set_setting(settings, found->second, text, name).within("environment variable " + name));
  }
  return ok();
}

std::string plain_default(const SettingFacts& s) { return std::string(s.otherwise); }  // as written in settings.def: texts are quoted

}  // namespace

const std::vector<SettingFacts>& setting_facts() { return kSettings; }

std::string setting_variable(std::string_view key) {
  std::string out = "SLIPWAY_";
  for (const char c : key) out += c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return out;
}

Status set_setting(Settings& settings, std::string_view key, std::string_view text, std::string origin) {
  std::size_t index = 0;
#define SETTING(type, member, name, otherwise, min, max, sentence)                \
  if (key == name) {                                                              \
    settings.member = TRY(parse_value(kSettings[index], text, &settings.member)); \
    settings.origins[name] = std::move(origin);                                   \
    return ok();                                                                  \
  }                                                                               \
  ++index;
#include "slipway/base/settings.def"
#undef SETTING
  return unknown(key);
}

Environment process_environment() {
  Environment out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view line = *entry;
    const std::size_t equals = line.find('=');
    if (equals != std::string_view::npos) out.emplace(line.substr(0, equals), line.substr(equals + 1));
  }
  return out;
}

Result<Settings> load_settings(const std::optional<std::string>& toml_path, const Environment& environment,
                               const std::vector<std::pair<std::string, std::string>>& flags) {
  Settings settings;
  if (toml_path) TRY(read_file(settings, *toml_path));
  TRY(read_environment(settings, environment));
  for (const auto& [key, text] : flags) TRY(set_setting(settings, key, text, "flag"));
  return settings;
}

std::string settings_example() {
  std::string out =
      "# Every setting of slipway, with its default. Copy what you change into slipway.toml.\n"
      "# Order: flags > environment (SLIPWAY_...) > this file > defaults. Unknown keys are errors.\n";
  std::string section;
  for (const SettingFacts& s : kSettings) {
    const std::string key(s.key);
    const std::string head = key.substr(0, key.find('.'));
    if (head != section) {
      section = head;
      out += "\n[" + section + "]\n";
    }
    out += "\n# " + std::string(s.sentence) + "\n";
    out += "# " + setting_variable(s.key);
    if (s.type == "bytes") out += "; bytes, or with K, M, G, T";
    if (s.type == "millis") out += "; milliseconds, or \"30s\", \"5m\"";
    if (s.type == "whole") out += "; " + std::to_string(s.min) + " to " + std::to_string(s.max);
    out += "\n# " + key.substr(key.find('.') + 1) + " = " + plain_default(s) + "\n";
  }
  return out;
}

}  // namespace slipway
