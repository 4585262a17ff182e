// Over one or more dimensions to one number.
#pragma once

#include "slipway/importers/blocks/neural/net.hpp"

namespace slipway::importers::neural {

// ReduceSum, ReduceMean, ReduceMax, ReduceMin, ReduceProd, ReduceL1, ReduceL2, ReduceLogSumExp. axes empty: all. Booleans are counted as integers.
Result<Value> reduce(Net& net, std::string_view op, const Value& x, const std::vector<std::int64_t>& axes, bool keep_dims);
Result<Value> arg(Net& net, bool maximum, const Value& x, std::int64_t axis, bool keep_dims);  // int64, the first of equals
// sum((x - mean)^2) / (n - correction)
Result<Value> variance(Net& net, const Value& x, const std::vector<std::int64_t>& axes, double correction, bool keep_dims);
Result<Value> p_norm(Net& net, const Value& x, double p, const std::vector<std::int64_t>& axes, bool keep_dims);
Result<Value> cumulative_sum(Net& net, const Value& x, std::int64_t axis);
Result<std::vector<Value>> top_k(Net& net, const Value& x, Dim k, std::int64_t axis, bool largest, bool sorted);  // values, int64 indices
Result<Value> any_of(Net& net, const Value& x, const std::vector<std::int64_t>& axes, bool keep_dims);
Result<Value> all_of(Net& net, const Value& x, const std::vector<std::int64_t>& axes, bool keep_dims);

}  // namespace slipway::importers::neural
