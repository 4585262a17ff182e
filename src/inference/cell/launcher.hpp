// The launcher: the hidden subcommand `cell-launcher` of the program. A process without secrets that initialises ONNX Runtime once and
// forks a cell for each import and each loaded model. Single-threaded. ONNX Runtime is opened here and in cells, nowhere else.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "slipway/base/pieces.hpp"

namespace slipway::inference {

// What an import cell runs on the uploaded files: writes the answer's bytes (whatever server and importers agree on). Runs in the sandbox;
// may throw (the import fails), may crash (the same). The files stay until it returns. Errors: those of `out`.
struct ImportInput {
  std::string name;
  std::span<const std::byte> bytes;
};
using ImportFunction = Status (*)(const std::vector<ImportInput>& files, std::string_view options_json, const TextSink& out);

inline constexpr const char* kLauncherCommand = "cell-launcher";

// main() calls it first thing, before any thread or setting exists. Returns the exit code.
int launcher_main(ImportFunction import);

}  // namespace slipway::inference
