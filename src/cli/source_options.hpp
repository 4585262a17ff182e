// --source, --class and --arg: PyTorch weights with the source of their class. What they say travels in the model's entry.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace slipway::cli {

struct SourceOptions {
  std::vector<std::string> sources, arguments;
  std::string class_name;

  // The source belongs behind the files of the model.
  std::vector<std::string> with_files(std::vector<std::string> files) const;
  std::string with_entry(std::string entry) const;  // "model_state_dict;class=Net;arg.hidden=64"
  std::string words() const;                        // as they were given
};
void add_source_options(CLI::App& app, SourceOptions& options);

}  // namespace slipway::cli
