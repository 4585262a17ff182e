// Pooling of one to three spatial dimensions: x [N, C, *spatial].
#pragma once

#include "slipway/importers/blocks/neural/convolution.hpp"

namespace slipway::importers::neural {

struct Pooling {
  std::vector<std::int64_t> kernel, strides, dilations;  // one a spatial dimension
  Padding padding;                                       // explicit_ or same
  bool ceil = false;                                     // the last window may reach over the end (but must start inside)
  bool count_padding = false;                            // averages: padding counts as zeros
};
Result<Value> max_pool(Net& net, const Value& x, const Pooling& p);
// Where each largest value stands in its channel's plane, row by row: int64.
Result<Value> max_pool_places(Net& net, const Value& x, const Pooling& p);
Result<Value> average_pool(Net& net, const Value& x, const Pooling& p);

Result<Value> global_pool(Net& net, const Value& x, bool maximum, bool keep_dims);  // over all spatial dimensions

// torch: output i averages (takes the largest of) floor(i * in / out) .. ceil((i + 1) * in / out). out: one a spatial dimension, -1: as it is.
Result<Value> adaptive_pool(Net& net, const Value& x, const std::vector<std::int64_t>& out, bool maximum);

}  // namespace slipway::importers::neural
