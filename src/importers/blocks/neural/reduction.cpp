#include "slipway/importers/blocks/neural/reduction.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "slipway/importers/blocks/neural/elementwise.hpp"
#include "slipway/importers/blocks/neural/shapes.hpp"

namespace slipway::importers::neural {

using graph::attr;

namespace {

Result<std::vector<std::int64_t>> normal(const std::vector<std::int64_t>& axes, std::size_t rank, std::string_view who) {
  std::vector<std::int64_t> out;
  if (axes.empty()) {
    out.resize(rank);
    std::iota(out.begin(), out.end(), 0);
    return out;
  }
  for (const std::int64_t axis : axes) out.push_back(static_cast<std::int64_t>(TRY(axis_of(axis, rank, who))));
  std::ranges::sort(out);
  if (std::ranges::adjacent_find(out) != out.end()) return wrong(std::string(who) + ": a dimension twice");
  return out;
}

Dims reduced(const Dims& dims, const std::vector<std::int64_t>& axes, bool keep_dims) {
  Dims out;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (!std::ranges::binary_search(axes, static_cast<std::int64_t>(i))) {
      out.push_back(dims[i]);
    } else if (keep_dims) {
      out.emplace_back(1);
    }
  }
  return out;
}

}  // namespace

Result<Value> reduce(Net& net, std::string_view op, const Value& x, const std::vector<std::int64_t>& axes, bool keep_dims) {
  if (x.dtype() == DType::boolean) return reduce(net, op, net.cast(x, DType::int64), axes, keep_dims);
  const auto over = TRY(normal(axes, x.rank(), op));
  if (over.empty()) return x;
  return net.op(op, {x, net.ints(over)}, x.dtype(), reduced(x.dims, over, keep_dims), {attr("keepdims", static_cast<std::int64_t>(keep_dims))});
}

Result<Value> arg(Net& net, bool maximum, const Value& x, std::int64_t axis, bool keep_dims) {
  const auto a = static_cast<std::int64_t>(TRY(axis_of(axis, x.rank(), "argmax")));
  const Value numbers = x.dtype() == DType::boolean || x.dtype() == DType::int64 ? net.cast(x, DType::int32) : x;
  return net.op(maximum ? "ArgMax" : "ArgMin", {numbers}, DType::int64, reduced(x.dims, {a}, keep_dims),
                {attr("axis", a), attr("keepdims", static_cast<std::int64_t>(keep_dims))});
}

Result<Value> variance(Net& net, const Value& x, const std::vector<std::int64_t>& axes, double correction, bool keep_dims) {
  const auto over = TRY(normal(axes, x.rank(), "variance"));
  const Value mean = TRY(reduce(net, "ReduceMean", x, over, true));
  const Value deviation = TRY(sub(net, x, mean));
  const Value squared = TRY(mul(net, deviation, deviation));
  if (correction == 0) return reduce(net, "ReduceMean", squared, over, keep_dims);
  Dim count = 1;
  for (const std::int64_t a : over) count = net.mul(count, x.dims[static_cast<std::size_t>(a)]);
  const Value sum = TRY(reduce(net, "ReduceSum", squared, over, keep_dims));
  if (count.known()) return binary(net, "Div", sum, net.number(std::max(0.0, static_cast<double>(count.value) - correction), x.dtype()));
  const Value n = net.cast(net.to_scalar(count), x.dtype());
  return binary(net, "Div", sum, TRY(shifted(net, n, -correction)));
}

Result<Value> p_norm(Net& net, const Value& x, double p, const std::vector<std::int64_t>& axes, bool keep_dims) {
  if (p == 2) return reduce(net, "ReduceL2", x, axes, keep_dims);
  if (p == 1) return reduce(net, "ReduceL1", x, axes, keep_dims);
  const Value magnitude = unary(net, "Abs", x);
  if (std::isinf(p)) return reduce(net, p > 0 ? "ReduceMax" : "ReduceMin", magnitude, axes, keep_dims);
  const Value powers = TRY(binary(net, "Pow", magnitude, net.number(p, x.dtype())));
  return binary(net, "Pow", TRY(reduce(net, "ReduceSum", powers, axes, keep_dims)), net.number(1 / p, x.dtype()));
}

Result<Value> cumulative_sum(Net& net, const Value& x, std::int64_t axis) {
  const auto a = static_cast<std::int64_t>(TRY(axis_of(axis, x.rank(), "cumsum")));
  const Value numbers = x.dtype() == DType::boolean ? net.cast(x, DType::int64) : x;
  return net.op("CumSum", {numbers, net.number(static_cast<double>(a), DType::int64)}, numbers.dtype(), x.dims);
}

Result<std::vector<Value>> top_k(Net& net, const Value& x, Dim k, std::int64_t axis, bool largest, bool sorted) {
  const std::size_t a = TRY(axis_of(axis, x.rank(), "topk"));
  if (k.known() && x.dims[a].known() && k.value > x.dims[a].value) return wrong("topk: more than there are");
  Dims dims = x.dims;
  dims[a] = k;
  return net.op_n("TopK", {x, net.to_list(std::span(&k, 1))}, {{x.dtype(), dims}, {DType::int64, dims}},
                  {attr("axis", static_cast<std::int64_t>(a)), attr("largest", static_cast<std::int64_t>(largest)),
                   attr("sorted", static_cast<std::int64_t>(sorted))});
}

Result<Value> any_of(Net& net, const Value& x, const std::vector<std::int64_t>& axes, bool keep_dims) {
  const Value truth = net.cast(net.cast(x, DType::boolean), DType::int32);
  return net.cast(TRY(reduce(net, "ReduceMax", truth, axes, keep_dims)), DType::boolean);
}

Result<Value> all_of(Net& net, const Value& x, const std::vector<std::int64_t>& axes, bool keep_dims) {
  const Value truth = net.cast(net.cast(x, DType::boolean), DType::int32);
  return net.cast(TRY(reduce(net, "ReduceMin", truth, axes, keep_dims)), DType::boolean);
}

}  // namespace slipway::importers::neural
