#include "source_options.hpp"

#include <CLI/CLI.hpp>

namespace slipway::cli {

std::vector<std::string> SourceOptions::with_files(std::vector<std::string> files) const {
  files.insert(files.end(), sources.begin(), sources.end());
  return files;
}

std::string SourceOptions::with_entry(std::string entry) const {
  if (!class_name.empty()) entry += ";class=" + class_name;
  for (const std::string& argument : arguments) entry += ";arg." + argument;
  return entry;
}

std::string SourceOptions::words() const {
  std::string out;
  for (const std::string& source : sources) out += " --source " + source;
  if (!class_name.empty()) out += " --class " + class_name;
  for (const std::string& argument : arguments) out += " --arg " + argument;
  return out;
}

void add_source_options(CLI::App& app, SourceOptions& options) {
  const auto several = [&](const char* name, std::vector<std::string>& to, const char* what, const char* type) {
    app.add_option(name, to, what)->type_name(type)->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  };
  several("--source", options.sources, "of PyTorch weights: the .py file or notebook that defines their class; it is read, never run", "FILE");
  app.add_option("--class", options.class_name, "of PyTorch weights: the class in the source; else the one that fits")->type_name("NAME");
  several("--arg", options.arguments, "of PyTorch weights: an argument that the class was made with, such as heads=4", "NAME=VALUE");
}

}  // namespace slipway::cli
