// Operators that look for places in an order, go along a dimension, or pick by rank.
#include <algorithm>
#include <cmath>
#include <limits>

#include "slipway/importers/blocks/neural/elementwise.hpp"
#include "slipway/importers/blocks/neural/reduction.hpp"
#include "slipway/importers/blocks/neural/shapes.hpp"
#include "slipway/importers/torch/operator_call.hpp"
#include "slipway/importers/torch/scalars.hpp"

namespace slipway::importers::torch {
namespace {

using namespace neural;  // NOLINT(google-build-using-namespace): the blocks are this file's vocabulary

Result<Any> values_and_places(const Value& values, const Value& places) {
  auto result = std::make_shared<Tuple>();
  result->items = {torch::tensor(values), torch::tensor(places)};
  result->names = {"values", "indices"};
  return Any(result);
}

// How many of the sorted are before each value; right: or equal.
Result<Any> places_in(OpCall& c, const Value& sorted, const Value& values, bool right, bool narrow) {
  Value rows = sorted;
  if (sorted.rank() > 1) rows = TRY(unsqueeze(c.net, sorted, -2));
  if (sorted.rank() < 1) return c.wrong("in a number");
  const Value before = TRY(compare(c.net, right ? "LessOrEqual" : "Less", rows, TRY(unsqueeze(c.net, values, -1))));
  return torch::tensor(TRY(reduce(c.net, "ReduceSum", c.net.cast(before, narrow ? DType::int32 : DType::int64), {-1}, false)));
}
Result<Any> bucketize_op(OpCall& c) { return places_in(c, TRY(c.tensor(1)), TRY(c.tensor(0)), TRY(c.flag(3)), TRY(c.flag(2))); }
Result<Any> searchsorted_op(OpCall& c) {
  if (c.given(5)) return c.wrong("in what isn't sorted (sorter)");
  const bool right = TRY(c.flag(3)) || (c.given(4) && TRY(c.text(4)) == "right");
  return places_in(c, TRY(c.tensor(0)), TRY(c.tensor(1)), right, TRY(c.flag(2)));
}

// Along a dimension, each place with all before it: [..., n, n] of which a triangle counts.
Result<Value> running(OpCall& c, const Value& x, std::int64_t axis, std::string_view op, double neutral) {
  const std::size_t a = TRY(axis_of(axis, x.rank(), c.name));
  const auto at = static_cast<std::int64_t>(a);
  const Dim n = x.dims[a];
  const Value i = TRY(unsqueeze(c.net, range(c.net, 0, n, 1), 1)), j = range(c.net, 0, n, 1);
  const Value counts = TRY(compare(c.net, "LessOrEqual", j, i));
  const Value turned = TRY(unsqueeze(c.net, TRY(swap_axes(c.net, x, at, -1)), -2));
  const Value all = TRY(neural::where(c.net, counts, turned, c.net.number(neutral, x.dtype())));
  return swap_axes(c.net, TRY(reduce(c.net, op, all, {-1}, false)), at, -1);
}
Result<Any> cumprod_op(OpCall& c) {
  Value x = TRY(c.tensor(0));
  x = c.net.cast(x, TRY(c.dtype(2, is_floating(x.dtype()) ? x.dtype() : DType::int64)));
  return torch::tensor(TRY(running(c, x, TRY(c.integer(1)), "ReduceProd", 1)));
}
Result<Any> logcumsumexp_op(OpCall& c) { return torch::tensor(TRY(running(c, TRY(c.tensor(0)), TRY(c.integer(1)), "ReduceLogSumExp", -1e30))); }
Result<Any> running_extreme(OpCall& c, bool maximum) {
  const Value x = TRY(c.tensor(0));
  if (!is_floating(x.dtype())) return c.wrong("of integers");
  const double neutral = maximum ? -std::numeric_limits<float>::max() : std::numeric_limits<float>::max();
  return tuple({torch::tensor(TRY(running(c, x, TRY(c.integer(1)), maximum ? "ReduceMax" : "ReduceMin", neutral))), None{}});
}
Result<Any> cummax_op(OpCall& c) { return running_extreme(c, true); }
Result<Any> cummin_op(OpCall& c) { return running_extreme(c, false); }

// The k-th smallest along a dimension, k from 0.
Result<Any> of_rank(OpCall& c, const Value& x, std::int64_t axis, Dim k, bool keep) {
  const std::size_t a = TRY(axis_of(axis, x.rank(), c.name));
  const auto at = static_cast<std::int64_t>(a);
  const std::vector<Value> sorted = TRY(top_k(c.net, x, x.dims[a], at, false, true));
  std::vector<Value> picked;
  for (const Value& v : sorted) {
    picked.push_back(TRY(neural::select(c.net, v, at, k)));
    if (keep) picked.back() = TRY(unsqueeze(c.net, picked.back(), at));
  }
  return values_and_places(picked[0], picked[1]);
}
Result<Any> median_op(OpCall& c) {  // of an even number the lower one
  Value x = TRY(c.tensor(0));
  const bool whole = !c.given(1);
  if (whole) x = TRY(neural::flatten(c.net, x, 0, -1));
  const std::int64_t axis = whole ? 0 : TRY(c.integer(1));
  const Dim n = x.dims[TRY(axis_of(axis, x.rank(), c.name))];
  const Any both = TRY(of_rank(c, x, axis, c.net.floor_div(c.net.sub(n, 1), 2), !whole && TRY(c.flag(2))));
  return whole ? (*items_of(both))[0] : both;
}
Result<Any> kthvalue_op(OpCall& c) { return of_rank(c, TRY(c.tensor(0)), TRY(c.integer(2)), c.net.sub(TRY(c.size(1)), 1), TRY(c.flag(3))); }
Result<Any> quantile_op(OpCall& c) {  // between two neighbours, in proportion
  Value x = TRY(c.tensor(0));
  const bool whole = !c.given(2);
  if (whole) x = TRY(neural::flatten(c.net, x, 0, -1));
  const std::int64_t axis = whole ? 0 : TRY(c.integer(2));
  const std::size_t a = TRY(axis_of(axis, x.rank(), c.name));
  if (c.given(4) && TRY(c.text(4)) != "linear") return c.wrong("other than in proportion");
  const bool keep = !whole && TRY(c.flag(3));
  const double q = TRY(c.number(1));
  const auto value = [&](Dim k) -> Result<Value> {
    const Any both = TRY(of_rank(c, x, axis, k, keep));
    return (*(*items_of(both))[0].as<TensorRef>())->read(c.net);
  };
  if (x.dims[a].known()) {
    const double place = q * static_cast<double>(x.dims[a].value - 1);
    const Value from = TRY(value(static_cast<std::int64_t>(std::floor(place)))), to = TRY(value(static_cast<std::int64_t>(std::ceil(place))));
    return torch::tensor(TRY(add(c.net, from, TRY(scaled(c.net, TRY(sub(c.net, to, from)), place - std::floor(place))))));
  }
  const Value place = TRY(scaled(c.net, c.net.cast(c.net.to_scalar(c.net.sub(x.dims[a], 1)), x.dtype()), q));
  const Value low = unary(c.net, "Floor", place);
  const Value from = TRY(value(c.net.from_scalar(c.net.cast(low, DType::int64))));
  const Value to = TRY(value(c.net.from_scalar(c.net.cast(unary(c.net, "Ceil", place), DType::int64))));
  return torch::tensor(TRY(add(c.net, from, TRY(mul(c.net, TRY(sub(c.net, to, from)), TRY(sub(c.net, place, low)))))));
}

Result<Any> aminmax_op(OpCall& c) {
  const std::vector<std::int64_t> axes = c.given(1) ? TRY(c.integers(1)) : std::vector<std::int64_t>();
  const Value x = TRY(c.tensor(0));
  auto result = std::make_shared<Tuple>();
  result->items = {torch::tensor(TRY(reduce(c.net, "ReduceMin", x, axes, TRY(c.flag(2))))),
                   torch::tensor(TRY(reduce(c.net, "ReduceMax", x, axes, TRY(c.flag(2)))))};
  result->names = {"min", "max"};
  return Any(result);
}
Result<Any> count_nonzero_op(OpCall& c) {
  const std::vector<std::int64_t> axes = c.given(1) ? TRY(c.integers(1)) : std::vector<std::int64_t>();
  const Value some = c.net.cast(c.net.cast(TRY(c.tensor(0)), DType::boolean), DType::int64);
  return torch::tensor(TRY(reduce(c.net, "ReduceSum", some, axes, false)));
}

// Places of one dimension, the same for all others: [n] as the shape of `source`.
Result<Value> spread(OpCall& c, const Value& index, const Value& source, std::size_t axis) {
  Dims shape(source.rank(), Dim(1));
  shape[axis] = index.dims.at(0);
  return neural::expand(c.net, TRY(neural::reshape(c.net, index, shape)), source.dims);
}
Result<Any> index_copy_op(OpCall& c) {  // self, dim, index, source
  const Value x = TRY(c.tensor(0)), index = TRY(c.tensor(2)), source = c.net.cast(TRY(c.tensor(3)), x.dtype());
  const std::size_t a = TRY(axis_of(TRY(c.integer(1)), x.rank(), c.name));
  if (index.rank() != 1 || source.rank() != x.rank()) return c.wrong("of places of shape " + dims_text(index.dims));
  return torch::tensor(TRY(neural::scatter_elements(c.net, x, TRY(spread(c, index, source, a)), source, static_cast<std::int64_t>(a))));
}
Result<Any> scatter_reduce_op(OpCall& c) {  // self, dim, index, src, reduce, include_self
  const Value x = TRY(c.tensor(0)), at = TRY(c.tensor(2));
  const std::string how = TRY(c.text(4));
  const std::string_view op = how == "sum" ? "add" : how == "prod" ? "mul" : how == "amax" ? "max" : how == "amin" ? "min" : "";
  if (op.empty() || !TRY(c.flag(5))) return c.wrong("by " + how + ", or without what is there before, is not supported");
  const std::size_t a = TRY(axis_of(TRY(c.integer(1)), x.rank(), c.name));
  return torch::tensor(c.net.op("ScatterElements", {x, at, c.net.cast(TRY(c.tensor(3)), x.dtype())}, x.dtype(), x.dims,
                                {graph::attr("axis", static_cast<std::int64_t>(a)), graph::attr("reduction", std::string(op))}));
}

// Rows and columns of a triangle of a matrix: [2, n].
Result<Any> triangle_indices(OpCall& c, bool upper) {
  const std::int64_t rows = TRY(c.integer(0)), columns = TRY(c.integer(1)), offset = TRY(c.integer(2));
  if (rows < 0 || columns < 0 || rows > 4'096 || columns > 4'096) return c.wrong("of that size");
  std::vector<std::int64_t> all, right;
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < columns; ++j) {
      if (upper ? j - i < offset : j - i > offset) continue;
      all.push_back(i);
      right.push_back(j);
    }
  }
  const auto count = static_cast<std::int64_t>(all.size());
  all.insert(all.end(), right.begin(), right.end());
  return torch::tensor(c.net.constant(int64s({2, count}, all)));
}
Result<Any> tril_indices_op(OpCall& c) { return triangle_indices(c, false); }
Result<Any> triu_indices_op(OpCall& c) { return triangle_indices(c, true); }

constexpr Operator kOperators[] = {
    {"bucketize", "input, boundaries, out_int32=False, right=False", bucketize_op},
    {"searchsorted", "sorted_sequence, input, out_int32=False, right=False, side=None, sorter=None", searchsorted_op},
    {"cumprod", "self, dim, dtype=None", cumprod_op},
    {"logcumsumexp", "self, dim", logcumsumexp_op},
    {"cummax", "self, dim", cummax_op},
    {"cummin", "self, dim", cummin_op},
    {"median", "self, dim=None, keepdim=False", median_op},
    {"kthvalue", "self, k, dim=-1, keepdim=False", kthvalue_op},
    {"quantile", "self, q, dim=None, keepdim=False, interpolation=None", quantile_op},
    {"aminmax", "self, dim=None, keepdim=False", aminmax_op},
    {"count_nonzero", "self, dim=None", count_nonzero_op},
    {"index_copy", "self, dim, index, source", index_copy_op},
    {"scatter_reduce", "self, dim, index, src, reduce, include_self=True", scatter_reduce_op},
    {"tril_indices", "row, col, offset=0, dtype=None", tril_indices_op},
    {"triu_indices", "row, col, offset=0, dtype=None", triu_indices_op},
};

}  // namespace

std::span<const Operator> order_operators() { return kOperators; }

}  // namespace slipway::importers::torch
