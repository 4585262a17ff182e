#include "cell_launcher.hpp"

#include "slipway/importers/answer.hpp"
#include "slipway/inference/cell/launcher.hpp"

namespace slipway::cli {
namespace {

// Runs in an import cell. The options were written by our own server, so that a wrong text is a bug: the cell ends.
Status import_in_cell(const std::vector<inference::ImportInput>& files, std::string_view options_json, const TextSink& out) {
  std::vector<importers::SourceFile> sources;
  for (const inference::ImportInput& file : files) sources.push_back({file.name, file.bytes});
  const auto command = importers::options_from_json(options_json).value();
  return importers::import_into(sources, command.options, command.inspect_only, out);
}

}  // namespace

const char* launcher_command() { return inference::kLauncherCommand; }
int run_launcher() { return inference::launcher_main(import_in_cell); }

}  // namespace slipway::cli
