// What only moves elements: reshaping, transposing, slicing, joining, padding. Axes may be negative (from the end). Errors are
// model_refused and say which function found what.
#pragma once

#include <limits>

#include "slipway/importers/blocks/neural/net.hpp"

namespace slipway::importers::neural {

// `to` may hold one -1. The sizes that aren't known follow from those that are.
Result<Value> reshape(Net& net, const Value& x, const Dims& to);
Result<Value> flatten(Net& net, const Value& x, std::int64_t start, std::int64_t end);  // dimensions start..end (inclusive) become one
Result<Value> transpose(Net& net, const Value& x, const std::vector<std::int64_t>& permutation);
Result<Value> swap_axes(Net& net, const Value& x, std::int64_t a, std::int64_t b);
Result<Value> squeeze(Net& net, const Value& x, const std::vector<std::int64_t>& axes);  // those of size 1
Result<Value> squeeze_all(Net& net, const Value& x);
Result<Value> unsqueeze(Net& net, const Value& x, std::int64_t axis);  // -1: behind the last
Result<Value> expand(Net& net, const Value& x, const Dims& to);        // -1: as it is; broadcasting otherwise
Result<Value> tile(Net& net, const Value& x, const Dims& repeats);     // as many repeats as dimensions, or more

inline constexpr std::int64_t kEnd = std::numeric_limits<std::int64_t>::max();
// Python's slice of one axis: negative bounds count from the end, bounds outside are cut. step != 0 (negative: reversed).
Result<Value> slice(Net& net, const Value& x, std::int64_t axis, Dim start, Dim end, std::int64_t step = 1);
Result<Value> select(Net& net, const Value& x, std::int64_t axis, Dim index);  // one index; the axis goes
Result<std::vector<Value>> split(Net& net, const Value& x, std::int64_t axis, const std::vector<std::int64_t>& sizes);
Result<std::vector<Value>> chunk(Net& net, const Value& x, std::int64_t axis, std::int64_t chunks);  // torch.chunk
Result<std::vector<Value>> unbind(Net& net, const Value& x, std::int64_t axis);
Result<Value> concat(Net& net, const std::vector<Value>& parts, std::int64_t axis);
Result<Value> stack(Net& net, const std::vector<Value>& parts, std::int64_t axis);

Result<Value> gather(Net& net, const Value& x, const Value& indices, std::int64_t axis);           // numpy.take: negative indices too
Result<Value> gather_elements(Net& net, const Value& x, const Value& indices, std::int64_t axis);  // torch.gather
Result<Value> scatter_elements(Net& net, const Value& x, const Value& indices, const Value& updates, std::int64_t axis);
Result<Value> flip(Net& net, const Value& x, const std::vector<std::int64_t>& axes);
Result<Value> roll(Net& net, const Value& x, std::int64_t axis, std::int64_t shift);
Result<Value> where(Net& net, const Value& condition, const Value& yes, const Value& no);
Result<Value> triangle(Net& net, const Value& x, bool upper, std::int64_t diagonal);

// pads: one pair (before, after) a dimension, from the first on; negative: cut. mode: constant, reflect, edge, wrap.
struct Pad {
  Dim before, after;
};
Result<Value> pad(Net& net, const Value& x, const std::vector<Pad>& pads, std::string_view mode, double value = 0);

Value full(Net& net, const Dims& dims, double value, DType dtype);  // of any size known when a request comes
Value range(Net& net, Dim start, Dim end, Dim step);                // int64 [n]

}  // namespace slipway::importers::neural
