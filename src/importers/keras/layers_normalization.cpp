// Normalisation layers.
#include <algorithm>

#include "slipway/importers/blocks/neural/elementwise.hpp"
#include "slipway/importers/blocks/neural/normalization.hpp"
#include "slipway/importers/blocks/neural/reduction.hpp"
#include "slipway/importers/blocks/neural/shapes.hpp"
#include "slipway/importers/keras/layer.hpp"

namespace slipway::importers::keras {

using neural::Affine;

namespace {

// "axis" as a number or a list (tf.keras writes [3]); normalised and in order.
Result<std::vector<std::int64_t>> axes_of(const Call& call, std::size_t rank) {
  const json::Value* v = call.config.find("axis");
  std::vector<std::int64_t> axes;
  if (v == nullptr || v->is_null()) {
    axes.push_back(-1);
  } else if (v->is_int()) {
    axes.push_back(v->as_int());
  } else if (v->is_array()) {
    for (const json::Value& item : v->as_array()) {
      if (!item.is_int()) return refuse(call, "\"axis\" must be integers");
      axes.push_back(item.as_int());
    }
  } else {
    return refuse(call, "\"axis\" must be integers");
  }
  for (std::int64_t& a : axes) {
    a = neural::normal_axis(a, rank);
    if (a < 0) return refuse(call, "\"axis\" is outside the input's " + std::to_string(rank) + " dimensions");
  }
  std::ranges::sort(axes);
  return axes;
}

// gamma and beta, in the order of the file.
Result<std::size_t> affine_of(const Call& call, Affine& affine, std::size_t more) {
  const bool scale = TRY(bool_of(call, "scale", true));
  // Newer files have no offset where the mean isn't taken off.
  const bool bare = TRY(bool_of(call, "rms_scaling", false)) && call.weights.size() == (scale ? 1U : 0U);
  const bool center = TRY(bool_of(call, "center", true)) && !bare;
  const std::size_t count = (scale ? 1U : 0U) + (center ? 1U : 0U);
  TRY(holds(call, count + more, count + more));
  if (scale) affine.scale = call.net.weight(call.weights[0]);
  if (center) affine.offset = call.net.weight(call.weights[scale ? 1 : 0]);
  return count;
}

}  // namespace

Result<std::vector<Tracked>> batch_normalization(const Call& call) {
  TRY(takes(call, 1));
  const Value& x = input(call);
  const std::vector<std::int64_t> axes = TRY(axes_of(call, x.rank()));
  if (axes.size() != 1) return refuse(call, "normalises over several axes at once");
  Affine affine;
  const std::size_t at = TRY(affine_of(call, affine, 2));
  const Value mean = call.net.weight(call.weights[at]), variance = call.net.weight(call.weights[at + 1]);
  const double epsilon = TRY(number_of(call, "epsilon", 1e-3));
  const auto last = static_cast<std::int64_t>(x.rank()) - 1;
  if (axes[0] == 1) return one(TRY(neural::batch_norm(call.net, x, affine, mean, variance, epsilon)));
  if (axes[0] == last) {
    const Value y = TRY(neural::batch_norm(call.net, TRY(call.layouts.first(x)), affine, mean, variance, epsilon));
    return one(TRY(call.layouts.last(y)));
  }
  const Value turned = TRY(neural::swap_axes(call.net, x, 1, axes[0]));
  const Value y = TRY(neural::batch_norm(call.net, turned, affine, mean, variance, epsilon));
  return one(TRY(neural::swap_axes(call.net, y, 1, axes[0])));
}

Result<std::vector<Tracked>> layer_normalization(const Call& call) {
  TRY(takes(call, 1));
  const Value& x = input(call);
  const std::vector<std::int64_t> axes = TRY(axes_of(call, x.rank()));
  Affine affine;
  TRY(affine_of(call, affine, 0));
  const double epsilon = TRY(number_of(call, "epsilon", 1e-3));
  if (TRY(bool_of(call, "rms_scaling", false))) {  // x / sqrt(variance + epsilon) * gamma
    const Value variance = TRY(neural::variance(call.net, x, axes, 0, true));
    Value y = TRY(neural::binary(call.net, "Div", x, neural::unary(call.net, "Sqrt", TRY(neural::shifted(call.net, variance, epsilon)))));
    if (affine.scale) y = TRY(neural::mul(call.net, y, *affine.scale));
    return one(std::move(y));
  }
  bool last = true;
  for (std::size_t i = 0; i < axes.size(); ++i) last = last && axes[i] == static_cast<std::int64_t>(x.rank() - axes.size() + i);
  if (!last) {  // scale and offset stand at the axes
    Dims shape(x.rank(), Dim(1));
    for (const std::int64_t a : axes) shape[static_cast<std::size_t>(a)] = x.dims[static_cast<std::size_t>(a)];
    Net& net = call.net;
    const Value variance = TRY(neural::variance(net, x, axes, 0, true)), mean = TRY(neural::reduce(net, "ReduceMean", x, axes, true));
    const Value deviation = neural::unary(net, "Sqrt", TRY(neural::shifted(net, variance, epsilon)));
    Value y = TRY(neural::binary(net, "Div", TRY(neural::sub(net, x, mean)), deviation));
    if (affine.scale) y = TRY(neural::mul(net, y, TRY(neural::reshape(net, *affine.scale, shape))));
    if (affine.offset) y = TRY(neural::add(net, y, TRY(neural::reshape(net, *affine.offset, shape))));
    return one(std::move(y));
  }
  return one(TRY(neural::layer_norm(call.net, x, axes.size(), affine, epsilon)));
}

Result<std::vector<Tracked>> rms_normalization(const Call& call) {
  TRY(takes(call, 1));
  TRY(holds(call, 1, 1));
  const Value& x = input(call);
  const std::vector<std::int64_t> axes = TRY(axes_of(call, x.rank()));
  if (axes != std::vector<std::int64_t>{static_cast<std::int64_t>(x.rank()) - 1}) return refuse(call, "normalises an axis that is not the last one");
  return one(TRY(neural::rms_norm(call.net, x, 1, call.net.weight(call.weights[0]), TRY(number_of(call, "epsilon", 1e-6)))));
}

Result<std::vector<Tracked>> group_normalization(const Call& call) {
  TRY(takes(call, 1));
  const Value& x = input(call);
  const std::vector<std::int64_t> axes = TRY(axes_of(call, x.rank()));
  if (axes.size() != 1 || axes[0] == 0) return refuse(call, "\"axis\" must be one dimension");
  Affine affine;
  TRY(affine_of(call, affine, 0));
  const bool last = axes[0] == static_cast<std::int64_t>(x.rank()) - 1 && x.rank() > 2;
  if (!last && axes[0] != 1) return refuse(call, "\"axis\" must be the first or last dimension");
  const Value first = last ? TRY(call.layouts.first(x)) : x;
  std::int64_t groups = TRY(int_of(call, "groups", 32));
  if (groups == -1) groups = first.dims[1].known() ? first.dims[1].value : -1;
  const Value y = TRY(neural::group_norm(call.net, first, groups, affine, TRY(number_of(call, "epsilon", 1e-3))));
  return one(last ? TRY(call.layouts.last(y)) : y);
}

// x / max(L2 norm, 1e-12): Keras divides by the root of max(sum of squares, 1e-12).
Result<std::vector<Tracked>> unit_normalization(const Call& call) {
  TRY(takes(call, 1));
  Net& net = call.net;
  const Value& x = input(call);
  const std::vector<std::int64_t> axes = TRY(axes_of(call, x.rank()));
  const Value squares = TRY(neural::reduce(net, "ReduceSum", TRY(neural::mul(net, x, x)), axes, true));
  const Value norm = neural::unary(net, "Sqrt", neural::clamp(net, squares, 1e-12, std::nullopt));
  return one(TRY(neural::binary(net, "Div", x, norm)));
}

}  // namespace slipway::importers::keras
