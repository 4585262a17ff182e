// Kernels of sklearn.gaussian_process as graphs. For sklearn/*.cpp only.
#pragma once

#include "slipway/importers/sklearn/lowering.hpp"

namespace slipway::importers::sklearn {

// k(x, row) of each of the model's rows: [N, rows]. Errors: model_refused for kernels that are not the library's own.
Result<Val> process_kernel(Lowering& to, const View& kernel, const Val& x, const Matrix& rows, Version version);
// k(x, x) of each row: [N, 1], with the noise that only meets itself.
Result<Val> process_kernel_diagonal(Lowering& to, const View& kernel, const Val& x);

}  // namespace slipway::importers::sklearn
