// ONNX Runtime, opened at run time. In the launcher once, before any cell is forked; cells inherit it.
#pragma once

#include "slipway/base/result.hpp"

namespace slipway::inference {

// dlopen of the library that stands beside the program (or in ../lib/slipway), its API, its Env. The second call does nothing.
Status open_ort();
void* ort_env();  // the Ort::Env; valid after open_ort()

}  // namespace slipway::inference
