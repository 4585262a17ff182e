// Layers that join several tensors.
#include <algorithm>

#include "slipway/importers/blocks/neural/dense.hpp"
#include "slipway/importers/blocks/neural/elementwise.hpp"
#include "slipway/importers/blocks/neural/reduction.hpp"
#include "slipway/importers/blocks/neural/shapes.hpp"
#include "slipway/importers/keras/layer.hpp"

namespace slipway::importers::keras {

namespace {

// All inputs in the engine's layout, when every one of them came from there and they have the same number of dimensions.
std::optional<std::vector<Value>> twins(const Call& call) {
  std::vector<Value> out;
  for (const Tracked& t : call.inputs) {
    const auto first = call.layouts.twin(t.value);
    if (!first || first->rank() != call.inputs[0].value.rank()) return std::nullopt;
    out.push_back(*first);
  }
  return out;
}

// Fewer dimensions: new ones of size 1 behind the rows.
Result<std::vector<Value>> of_one_rank(const Call& call) {
  std::size_t rank = 0;
  for (const Tracked& t : call.inputs) rank = std::max(rank, t.value.rank());
  std::vector<Value> out;
  for (const Tracked& t : call.inputs) {
    Value v = t.value;
    while (v.rank() < rank) v = TRY(neural::unsqueeze(call.net, v, 1));
    out.push_back(std::move(v));
  }
  return out;
}

Result<std::vector<Tracked>> folded(const Call& call, std::string_view op, double factor = 1) {
  if (call.inputs.empty()) return refuse(call, "has no inputs");
  const auto first = twins(call);
  const std::vector<Value> values = first ? *first : TRY(of_one_rank(call));
  Value v = values[0];
  for (std::size_t i = 1; i < values.size(); ++i) v = TRY(neural::binary(call.net, op, v, values[i]));
  v = TRY(neural::scaled(call.net, v, factor));
  return one(first ? TRY(call.layouts.last(v)) : v);
}

}  // namespace

Result<std::vector<Tracked>> add_layer(const Call& call) { return folded(call, "Add"); }
Result<std::vector<Tracked>> multiply_layer(const Call& call) { return folded(call, "Mul"); }
Result<std::vector<Tracked>> maximum_layer(const Call& call) { return folded(call, "Max"); }
Result<std::vector<Tracked>> minimum_layer(const Call& call) { return folded(call, "Min"); }
Result<std::vector<Tracked>> subtract_layer(const Call& call) {
  TRY(takes(call, 2));
  return folded(call, "Sub");
}
Result<std::vector<Tracked>> average_layer(const Call& call) {
  return folded(call, "Add", call.inputs.empty() ? 1 : 1.0 / static_cast<double>(call.inputs.size()));
}

Result<std::vector<Tracked>> concatenate(const Call& call) {
  if (call.inputs.empty()) return refuse(call, "has no inputs");
  const std::int64_t axis = TRY(int_of(call, "axis", -1));
  const std::size_t rank = input(call).rank();
  const auto first = twins(call);
  if (first && neural::normal_axis(axis, rank) == static_cast<std::int64_t>(rank) - 1)
    return one(TRY(call.layouts.last(TRY(neural::concat(call.net, *first, 1)))));
  std::vector<Value> values;
  for (const Tracked& t : call.inputs) values.push_back(t.value);
  return one(TRY(neural::concat(call.net, values, axis)));
}

// A product over one axis of each, rows apart from each other.
Result<std::vector<Tracked>> dot_layer(const Call& call) {
  TRY(takes(call, 2));
  Net& net = call.net;
  Value a = call.inputs[0].value, b = call.inputs[1].value;
  std::vector<std::int64_t> axes = TRY(ints_of(call, "axes", 2, -1));
  axes[0] = neural::normal_axis(axes[0], a.rank());
  axes[1] = neural::normal_axis(axes[1], b.rank());
  if (axes[0] < 1 || axes[1] < 1 || a.rank() > 3 || b.rank() > 3) return refuse(call, "these axes and dimensions are not supported");
  if (TRY(bool_of(call, "normalize", false))) {
    for (Value* v : {&a, &b}) {
      const std::int64_t axis = v == &a ? axes[0] : axes[1];
      const Value squares = TRY(neural::reduce(net, "ReduceSum", TRY(neural::mul(net, *v, *v)), {axis}, true));
      *v = TRY(neural::binary(net, "Div", *v, neural::unary(net, "Sqrt", neural::clamp(net, squares, 1e-12, std::nullopt))));
    }
  }
  const std::size_t ranks = a.rank() * 10 + b.rank();
  if (axes[0] != static_cast<std::int64_t>(a.rank()) - 1) a = TRY(neural::swap_axes(net, a, 1, 2));
  if (b.rank() == 3 && axes[1] != 1) b = TRY(neural::swap_axes(net, b, 1, 2));
  if (a.rank() == 2) a = TRY(neural::unsqueeze(net, a, 1));
  if (b.rank() == 2) b = TRY(neural::unsqueeze(net, b, 2));
  const Value y = TRY(neural::matmul(net, a, b));  // [N, rows of a, columns of b]
  if (ranks == 22) return one(TRY(neural::reshape(net, y, {y.dims[0], 1})));
  if (ranks == 23) return one(TRY(neural::reshape(net, y, {y.dims[0], y.dims[2]})));
  if (ranks == 32) return one(TRY(neural::reshape(net, y, {y.dims[0], y.dims[1]})));
  return one(y);
}

// ConvNeXt's and Inception-ResNet's own layers, which keras.applications registers.
Result<std::vector<Tracked>> layer_scale(const Call& call) {
  TRY(takes(call, 1));
  TRY(holds(call, 1, 1));
  return one(TRY(neural::mul(call.net, input(call), call.net.weight(call.weights[0]))));
}

Result<std::vector<Tracked>> custom_scale(const Call& call) {
  TRY(takes(call, 2));
  const double scale = TRY(number_of(call, "scale", 1));
  const auto a = call.layouts.twin(call.inputs[0].value), b = call.layouts.twin(call.inputs[1].value);
  const bool first = a && b;
  const Value y =
      TRY(neural::add(call.net, first ? *a : call.inputs[0].value, TRY(neural::scaled(call.net, first ? *b : call.inputs[1].value, scale))));
  return one(first ? TRY(call.layouts.last(y)) : y);
}

}  // namespace slipway::importers::keras
