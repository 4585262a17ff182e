// What `slipway doctor` looks at beside app::doctor: whether the engine is there, whether a model really can be imported and run in
// cells, and whether the port is free.
#pragma once

#include <string>
#include <vector>

#include "slipway/app/app.hpp"

namespace slipway::cli {

std::vector<app::Check> machine_checks(const Settings& settings);
std::string engine_library_version();  // of the ONNX Runtime library beside the program; empty: there is none

}  // namespace slipway::cli
