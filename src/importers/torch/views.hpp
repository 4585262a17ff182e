// Views of a tensor that can be written through. Inside importers/torch only.
#pragma once

#include "slipway/importers/torch/value.hpp"

namespace slipway::importers::torch {

Result<Any> view_of(Net& net, const TensorRef& base, TensorCell::Read read, TensorCell::Write write);
Result<Any> reshaped_view(Net& net, const TensorRef& base, Dims dims);
Result<Any> permuted_view(Net& net, const TensorRef& base, std::vector<std::int64_t> order);
Result<Any> sliced_view(Net& net, const TensorRef& base, std::int64_t axis, Dim start, Dim end, std::int64_t step);  // as Python's slice
Result<Any> selected_view(Net& net, const TensorRef& base, std::int64_t axis, Dim index);

}  // namespace slipway::importers::torch
