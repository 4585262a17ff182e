// slipway completion bash|zsh|fish: made from the same tree of commands and options that parses them.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "command.hpp"

namespace slipway::cli {
namespace {

std::string options_of(const CLI::App& app) {
  std::string out;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) out += " --" + name;
  }
  return out;
}

struct Words {
  std::string subcommands, options;
};

Words words_of(const Command& command, Console& console) {
  CLI::App app(command.sentence, command.name);
  app.set_help_flag("-h,--help", "this text");
  const Action unused = command.declare(app, console);
  Words words{"", options_of(app)};
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    words.subcommands += " " + sub->get_name();
    words.options += options_of(*sub);
  }
  return words;
}

std::string names() {
  std::string out;
  for (const Command& command : commands()) {
    if (*command.group != '\0') out += (out.empty() ? "" : " ") + std::string(command.name);
  }
  return out;
}

std::string bash(Console& console) {
  std::string out =
      "# slipway completion bash > /etc/bash_completion.d/slipway, or: source <(slipway completion bash)\n"
      "_slipway() {\n  local word=\"${COMP_WORDS[COMP_CWORD]}\" words=\"\"\n"
      "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n    COMPREPLY=($(compgen -W \"" +
      names() +
      " --help --version\" -- \"$word\"))\n    return\n  fi\n"
      "  case \"${COMP_WORDS[1]}\" in\n";
  for (const Command& command : commands()) {
    if (*command.group == '\0') continue;
    const Words words = words_of(command, console);
    const std::string alias = *command.alias != '\0' ? std::string("|") + command.alias : "";
    out += fmt::format("    {}{}) if [[ \"$word\" == -* ]]; then words=\"{}\"; else words=\"{}\"; fi ;;\n", command.name, alias, words.options,
                       words.subcommands);
  }
  return out +
         "  esac\n  if [[ \"$word\" == -* || -n \"$words\" ]]; then\n    COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
         "  else\n    COMPREPLY=($(compgen -f -- \"$word\"))\n  fi\n}\ncomplete -o filenames -F _slipway slipway\n";
}

std::string zsh(Console& console) { return "#compdef slipway\nautoload -U +X bashcompinit && bashcompinit\n" + bash(console); }

std::string fish(Console& console) {
  std::string out = "# slipway completion fish > ~/.config/fish/completions/slipway.fish\n";
  for (const Command& command : commands()) {
    if (*command.group == '\0') continue;
    std::string sentence(command.sentence);
    for (std::size_t at = 0; (at = sentence.find('\'', at)) != std::string::npos; at += 2) sentence.insert(at, "\\");
    out += fmt::format("complete -c slipway -n __fish_use_subcommand -f -a {} -d '{}'\n", command.name, sentence);
    const Words words = words_of(command, console);
    if (!words.subcommands.empty())
      out += fmt::format("complete -c slipway -n '__fish_seen_subcommand_from {}' -f -a '{}'\n", command.name, words.subcommands.substr(1));
    std::string_view options = words.options;
    while (!options.empty()) {
      options.remove_prefix(3);  // " --"
      const std::size_t end = std::min(options.find(' '), options.size());
      out += fmt::format("complete -c slipway -n '__fish_seen_subcommand_from {}' -l {}\n", command.name, options.substr(0, end));
      options.remove_prefix(end);
    }
  }
  return out;
}

}  // namespace

Action declare_completion(CLI::App& app, Console&) {
  auto shell = std::make_shared<std::string>();
  app.add_option("SHELL", *shell, "bash, zsh or fish")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  return [shell](Console& console) {
    console.print(*shell == "bash" ? bash(console) : *shell == "zsh" ? zsh(console) : fish(console));
    return kOk;
  };
}

}  // namespace slipway::cli
