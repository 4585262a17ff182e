// torch.nn's modules in the Python subset that sources are evaluated in: hyper-parameters, parameters with their shapes, forward. Our own
// text, from PyTorch's documentation.
#pragma once

#include <string_view>

namespace slipway::importers::torch {

std::string_view nn_modules_text();

}  // namespace slipway::importers::torch
