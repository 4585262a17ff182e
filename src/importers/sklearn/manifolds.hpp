// What KernelPCA does behind its kernel, which Isomap does too.
#pragma once

#include "slipway/importers/sklearn/lowering.hpp"

namespace slipway::importers::sklearn {

// Kernel values [N, rows fitted on], centred and projected; `model` is a KernelPCA.
Result<Val> of_kernel(Lowering& to, const View& model, const Val& k);

}  // namespace slipway::importers::sklearn
