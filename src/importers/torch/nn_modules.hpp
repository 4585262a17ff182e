// torch.nn's modules in the Python subset that sources are evaluated in: hyper-parameters, parameters with their shapes, forward. Our own
// text, from PyTorch's documentation.
#pragma once

#include <string_view>

namespace slipway::importers::torch {

std::string_view nn_modules_text();    // all of it
std::string_view nn_functions_text();  // weight_norm, rearrange, quantile: part of it, as those that follow
std::string_view nn_losses_text();
std::string_view nn_distributions_text();
std::string_view nn_complex_text();  // complex numbers, torch.fft

}  // namespace slipway::importers::torch
