// Command: one word of the program: how it is declared to CLI11 and what it does. main.cpp holds the table of them; each has a file of
// its own, and a manual (<name>.md) beside it that --help shows. Single-threaded.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "console.hpp"

namespace CLI {
class App;
}

namespace slipway::cli {

using Action = std::function<int(Console&)>;  // returns the exit code

struct Command {
  const char* name;
  const char* group;  // heading in the overview; empty: not shown there
  const char* sentence;
  Action (*declare)(CLI::App& app, Console& console);  // adds the options; the action is called when they were parsed
  const char* alias = "";
};

const std::vector<Command>& commands();  // main.cpp

Action declare_serve(CLI::App& app, Console& console);
Action declare_inspect(CLI::App& app, Console& console);
Action declare_convert(CLI::App& app, Console& console);
Action declare_predict(CLI::App& app, Console& console);
Action declare_login(CLI::App& app, Console& console);
Action declare_push(CLI::App& app, Console& console);
Action declare_jobs(CLI::App& app, Console& console);
Action declare_models(CLI::App& app, Console& console);
Action declare_rm(CLI::App& app, Console& console);
Action declare_keys(CLI::App& app, Console& console);
Action declare_user(CLI::App& app, Console& console);
Action declare_doctor(CLI::App& app, Console& console);
Action declare_config(CLI::App& app, Console& console);
Action declare_version(CLI::App& app, Console& console);
Action declare_completion(CLI::App& app, Console& console);
Action declare_help(CLI::App& app, Console& console);
Action declare_later(CLI::App& app, Console& console);  // words of the contract that don't exist yet: says so, fails

void add_json(CLI::App& app, Console& console);  // --json
std::string_view manual(std::string_view name);  // the .md file of that name, compiled in; empty: none

// Parses and runs: `arguments` without the program's name. Returns the exit code.
int run(const std::vector<std::string>& arguments, Console& console);

std::string help_of(const Command& command, const CLI::App& app);  // manual, usage and options, for people
std::string overview();                                            // `slipway` alone
const Command* find_command(std::string_view word);

}  // namespace slipway::cli
