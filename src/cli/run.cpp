// From the command line's words to a command: parsing, and what is said when they make no sense.
#include <CLI/CLI.hpp>
#include <algorithm>

#include "command.hpp"
#include "slipway/base/encoding.hpp"

namespace slipway::cli {
namespace {

std::string in_quotes(const std::string& word) { return "\"" + excerpt(word, 60) + "\""; }

std::string suggestion(const std::string& word, const std::vector<std::string>& candidates) {
  const auto near = nearest(word, candidates);
  return near ? "; did you mean \"" + *near + "\"?" : "";
}

int unknown_command(const std::string& word, Console& console) {
  std::vector<std::string> names;
  for (const Command& command : commands()) names.emplace_back(command.name);
  return console.usage("unknown command " + in_quotes(word) + suggestion(word, names) + "\nslipway help lists the commands");
}

void collect_options(const CLI::App& app, std::vector<std::string>& out) {
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) out.push_back("--" + name);
    for (const std::string& name : option->get_snames()) out.push_back("-" + name);
  }
}

// What the user wrote that nothing takes.
std::string complaint(const CLI::App& app, const std::string& name) {
  const std::vector<std::string> rest = app.remaining(true);
  const std::string word = rest.empty() ? "" : rest.front();
  std::vector<std::string> candidates;
  if (word.starts_with("-")) {
    collect_options(app, candidates);
    for (const CLI::App* sub : app.get_subcommands()) collect_options(*sub, candidates);
    return name + ": unknown option " + in_quotes(word) + suggestion(word.substr(0, word.find('=')), candidates);
  }
  const auto subs = app.get_subcommands([](const CLI::App*) { return true; });
  for (const CLI::App* sub : subs) candidates.push_back(sub->get_name());
  if (!subs.empty() && app.get_subcommands().empty()) return name + ": unknown command " + in_quotes(word) + suggestion(word, candidates);
  return name + ": unexpected argument " + in_quotes(word);
}

int parse_and_run(const Command& command, std::vector<std::string> arguments, Console& console) {
  // --json also rules how a usage error is said, and that may be found before CLI11 has seen the flag.
  console.json = std::find(arguments.begin(), arguments.end(), "--json") != arguments.end();
  const std::string name = std::string("slipway ") + command.name;
  CLI::App app(command.sentence, name);
  app.set_help_flag("-h,--help", "this text");
  const Action action = command.declare(app, console);
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::CallForHelp&) {
    console.print(help_of(command, app));
    return kOk;
  } catch (const CLI::ExtrasError&) {
    return console.usage(complaint(app, name) + "\n" + name + " --help tells how it is used");
  } catch (const CLI::ParseError& e) { return console.usage(name + ": " + e.what() + "\n" + name + " --help tells how it is used"); }
  return action(console);
}

}  // namespace

void add_json(CLI::App& app, Console& console) { app.add_flag("--json", console.json, "data as one JSON document, errors as a problem document"); }

const Command* find_command(std::string_view word) {
  for (const Command& command : commands()) {
    if (word == command.name || (!word.empty() && word == command.alias)) return &command;
  }
  return nullptr;
}

int run(const std::vector<std::string>& given, Console& console) {
  std::vector<std::string> arguments;
  bool literal = false;
  for (const std::string& word : given) {
    literal = literal || word == "--";
    if (!literal && word == "--no-color") {
      console.no_color = true;
    } else {
      arguments.push_back(word);
    }
  }
  if (arguments.empty() || arguments[0] == "--help" || arguments[0] == "-h") {
    console.print(overview());
    return kOk;
  }
  if (arguments[0] == "--version" || arguments[0] == "-V") arguments[0] = "version";
  if (arguments[0].starts_with("-")) return console.usage("unknown option " + in_quotes(arguments[0]) + "\nslipway help lists the commands");
  const Command* command = find_command(arguments[0]);
  if (command == nullptr) return unknown_command(arguments[0], console);
  arguments.erase(arguments.begin());
  return parse_and_run(*command, std::move(arguments), console);
}

}  // namespace slipway::cli
