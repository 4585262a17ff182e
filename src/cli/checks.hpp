// What `slipway doctor` looks at on this machine: each check tells what it found, and what to do when it isn't well. The database's
// own checks are app::doctor's.
#pragma once

#include <string>
#include <vector>

#include "slipway/app/app.hpp"

namespace slipway::cli {

std::vector<app::Check> machine_checks(const Settings& settings);
std::string engine_library_version();  // of the ONNX Runtime library beside the program; empty: there is none

}  // namespace slipway::cli
