// Help: the overview, a command's page (its manual, usage and options) and the topics.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "command.hpp"
#include "settings_flags.hpp"
#include "slipway/base/encoding.hpp"

namespace slipway::cli {
namespace {

constexpr std::size_t kColumns = 100;
constexpr std::size_t kLeft = 30;  // where descriptions begin

const std::vector<std::string> kTopics = {"environment", "exit-codes", "formats"};

// "left  description", the description wrapped into its column.
std::string entry(const std::string& left, std::string_view description) {
  std::string out = "  " + left;
  if (left.size() + 2 < kLeft) {
    out.append(kLeft - left.size() - 2, ' ');
  } else {
    out += "\n" + std::string(kLeft, ' ');
  }
  std::size_t column = kLeft;
  bool first = true;
  while (!description.empty()) {
    const std::size_t space = std::min(description.find(' '), description.size());
    if (!first && column + 1 + space > kColumns) {
      out += "\n" + std::string(kLeft, ' ');
      column = kLeft;
    } else if (!first) {
      out += ' ';
      ++column;
    }
    out += description.substr(0, space);
    column += space;
    first = false;
    description.remove_prefix(std::min(space + 1, description.size()));
  }
  return out + "\n";
}

std::string option_names(const CLI::Option& option) {
  std::string names;
  for (const std::string& name : option.get_snames()) names += (names.empty() ? "-" : ", -") + name;
  for (const std::string& name : option.get_lnames()) names += (names.empty() ? "--" : ", --") + name;
  if (option.get_expected_max() > 0 && !option.get_type_name().empty() && option.get_type_size_max() > 0) names += " " + option.get_type_name();
  return names;
}

std::string usage_line(const CLI::App& app, const std::string& name) {
  std::string line = "  " + name;
  for (const CLI::Option* option : app.get_options()) {
    if (!option->get_positional()) continue;
    std::string word = option->get_name(true);
    if (option->get_expected_max() > 1) word += "...";
    line += option->get_required() ? " " + word : " [" + word + "]";
  }
  return line + " [options]\n";
}

std::string option_list(const CLI::App& app) {
  std::string out, settings;
  for (const CLI::Option* option : app.get_options()) {
    if (!option->nonpositional() || option->get_group().empty()) continue;
    std::string& to = option->get_group() == kSettingsGroup ? settings : out;
    to += entry(option_names(*option), option->get_description());
  }
  if (!settings.empty()) out += "\n" + std::string(kSettingsGroup) + "\n" + settings;
  return out;
}

// Markdown for a terminal: no hash marks, no fences, no bold marks.
std::string plain(std::string_view markdown) {
  std::string out;
  bool fenced = false;
  while (!markdown.empty()) {
    const std::size_t end = std::min(markdown.find('\n'), markdown.size());
    std::string_view line = markdown.substr(0, end);
    markdown.remove_prefix(std::min(end + 1, markdown.size()));
    if (line.starts_with("```")) {
      fenced = !fenced;
      continue;
    }
    if (fenced) {
      out += "  " + std::string(line) + "\n";
      continue;
    }
    while (line.starts_with('#')) line.remove_prefix(1);
    if (line.starts_with(' ')) line.remove_prefix(line.find_first_not_of(' ') == std::string_view::npos ? line.size() : 1);
    for (const char c : line) {
      if (c != '`') out += c;
    }
    out += '\n';
  }
  return out;
}

// The manual up to its second heading of level 2 (title, sentence, examples), and what follows.
std::pair<std::string_view, std::string_view> split_manual(std::string_view text) {
  const std::size_t examples = text.find("\n## ");
  if (examples == std::string_view::npos) return {text, {}};
  const std::size_t rest = text.find("\n## ", examples + 1);
  if (rest == std::string_view::npos) return {text, {}};
  return {text.substr(0, rest + 1), text.substr(rest + 1)};
}

int show(Console& console, const std::string& word) {
  if (word.empty()) {
    console.print(overview());
    return kOk;
  }
  if (std::find(kTopics.begin(), kTopics.end(), word) != kTopics.end()) {
    console.print(plain(manual(word)));
    return kOk;
  }
  const Command* command = find_command(word);
  if (command == nullptr) {
    std::vector<std::string> all = kTopics;
    for (const Command& c : commands()) all.emplace_back(c.name);
    const auto near = nearest(word, all);
    return console.usage("no help on \"" + excerpt(word, 60) + "\"" + (near ? "; did you mean \"" + *near + "\"?" : "") +
                         "\nslipway help lists the commands; topics: environment, exit-codes, formats");
  }
  CLI::App app(command->sentence, std::string("slipway ") + command->name);
  app.set_help_flag("-h,--help", "this text");
  const Action unused = command->declare(app, console);
  console.print(help_of(*command, app));
  return kOk;
}

}  // namespace

std::string help_of(const Command& command, const CLI::App& app) {
  const std::string name = std::string("slipway ") + command.name;
  const auto [head, rest] = split_manual(manual(command.name));
  std::string out = head.empty() ? name + ": " + command.sentence + "\n\n" : plain(head);
  if (!out.ends_with("\n\n")) out += "\n";
  out += "Usage\n";
  const auto subs = app.get_subcommands([](const CLI::App*) { return true; });
  if (subs.empty()) {
    out += usage_line(app, name) + "\nOptions\n";
  } else {
    for (const CLI::App* sub : subs) out += usage_line(*sub, name + " " + sub->get_name());
    for (const CLI::App* sub : subs) {
      const std::string list = option_list(*sub);
      out += "\n" + name + " " + sub->get_name() + ": " + sub->get_description() + "\n" + list;
    }
    out += "\nOptions of all of them\n";
  }
  out += option_list(app);
  out += entry("--no-color", "no colour; also: NO_COLOR=1");
  if (!rest.empty()) out += "\n" + plain(rest);
  return out;
}

std::string overview() {
  std::string out =
      "slipway: a model file becomes a secured prediction API\n\n"
      "  slipway serve                              run the platform here\n"
      "  slipway predict iris.pkl -i rows.json      a prediction straight from a file\n"
      "  slipway push iris.pkl                      upload it: prints the endpoint\n";
  std::string_view group;
  for (const Command& command : commands()) {
    if (*command.group == '\0') continue;
    if (group != command.group) {
      group = command.group;
      out += fmt::format("\n{}\n", group);
    }
    std::string name = command.name;
    if (*command.alias != '\0') name += std::string(", ") + command.alias;
    out += fmt::format("  {:<12} {}\n", name, command.sentence);
  }
  out += "\nNot there yet:";
  for (const Command& command : commands()) {
    if (*command.group == '\0') out += std::string(" ") + command.name;
  }
  return out + "\nslipway COMMAND --help tells more.\n";
}

Action declare_help(CLI::App& app, Console&) {
  auto word = std::make_shared<std::string>();
  app.add_option("TOPIC", *word, "a command, or environment, exit-codes, formats");
  return [word](Console& console) { return show(console, *word); };
}

}  // namespace slipway::cli
