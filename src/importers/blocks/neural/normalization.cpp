#include "slipway/importers/blocks/neural/normalization.hpp"

#include <cmath>
#include <vector>

#include "slipway/importers/blocks/neural/elementwise.hpp"
#include "slipway/importers/blocks/neural/reduction.hpp"
#include "slipway/importers/blocks/neural/shapes.hpp"

namespace slipway::importers::neural {

using graph::attr;

namespace {

Value filled(Net& net, std::int64_t count, double value, DType dtype) {
  const std::vector<float> all(static_cast<std::size_t>(count), static_cast<float>(value));
  return net.cast(net.constant(Tensor::of<float>(DType::float32, {count}, std::span<const float>(all))), dtype);
}

// [C] as [1, C, 1, ...] against a tensor of `rank` dimensions.
Result<Value> per_channel(Net& net, const Value& v, std::size_t rank) {
  Dims dims(rank, Dim(1));
  dims[1] = v.dims[0];
  return reshape(net, v, dims);
}

}  // namespace

Result<Value> batch_norm(Net& net, const Value& x, const Affine& affine, const Value& mean, const Value& variance, double epsilon) {
  if (x.rank() < 2) return wrong("batch normalisation: of an input of shape " + dims_text(x.dims));
  if (mean.rank() != 1 || !mean.dims[0].known() || variance.dims != mean.dims)
    return wrong("batch normalisation: mean of shape " + dims_text(mean.dims));
  const std::int64_t channels = mean.dims[0].value;
  TRY(net.require(x.dims[1], channels, "batch normalisation: channels of the input"));
  const Value scale = affine.scale ? *affine.scale : filled(net, channels, 1, x.dtype());
  const Value offset = affine.offset ? *affine.offset : filled(net, channels, 0, x.dtype());
  return net.op("BatchNormalization", {x, scale, offset, mean, variance}, x.dtype(), x.dims, {attr("epsilon", static_cast<float>(epsilon))});
}

Result<Value> layer_norm(Net& net, const Value& x, std::size_t dimensions, const Affine& affine, double epsilon) {
  if (dimensions < 1 || dimensions > x.rank())
    return wrong("layer normalisation: over " + std::to_string(dimensions) + " dimensions of " + dims_text(x.dims));
  Value scale;
  if (affine.scale) {
    scale = *affine.scale;
  } else {
    Dims dims(x.dims.end() - static_cast<std::ptrdiff_t>(dimensions), x.dims.end());
    for (const Dim& d : dims) {
      if (!d.known()) dims.assign(1, Dim(1));  // a single one broadcasts
    }
    std::int64_t count = 1;
    for (const Dim& d : dims) count *= d.value;
    scale = TRY(reshape(net, filled(net, count, 1, x.dtype()), dims));
  }
  std::vector<Value> inputs{x, scale};
  if (affine.offset) inputs.push_back(*affine.offset);
  return net.op("LayerNormalization", inputs, x.dtype(), x.dims,
                {attr("axis", -static_cast<std::int64_t>(dimensions)), attr("epsilon", static_cast<float>(epsilon))});
}

Result<Value> rms_norm(Net& net, const Value& x, std::size_t dimensions, const std::optional<Value>& scale, double epsilon) {
  if (dimensions < 1 || dimensions > x.rank())
    return wrong("RMS normalisation: over " + std::to_string(dimensions) + " dimensions of " + dims_text(x.dims));
  std::vector<std::int64_t> axes;
  for (std::size_t i = 0; i < dimensions; ++i) axes.push_back(static_cast<std::int64_t>(x.rank() - dimensions + i));
  const Value mean = TRY(reduce(net, "ReduceMean", TRY(mul(net, x, x)), axes, true));
  const Value y = TRY(binary(net, "Div", x, unary(net, "Sqrt", TRY(shifted(net, mean, epsilon)))));
  return scale ? mul(net, y, *scale) : Result<Value>(y);
}

Result<Value> group_norm(Net& net, const Value& input, std::int64_t groups, const Affine& affine, double epsilon) {
  Value x = input;
  const auto& known = affine.scale ? affine.scale : affine.offset;  // as many channels as it scales
  if (x.rank() >= 2 && !x.dims[1].known() && known && known->rank() == 1 && known->dims[0].known()) {
    TRY(net.require(x.dims[1], known->dims[0].value, "group normalisation: channels of the input"));
    x.dims[1] = known->dims[0];
  }
  if (x.rank() < 2 || groups < 1 || !x.dims[1].known() || x.dims[1].value % groups != 0)
    return wrong("group normalisation: " + std::to_string(groups) + " groups of an input of shape " + dims_text(x.dims));
  // Instance normalisation of [N, groups, everything else].
  Dim rest = x.dims[1].value / groups;
  for (std::size_t i = 2; i < x.rank(); ++i) rest = net.mul(rest, x.dims[i]);
  const Value grouped = TRY(reshape(net, x, {x.dims[0], groups, rest}));
  const Value normal = net.op("InstanceNormalization", {grouped, filled(net, groups, 1, x.dtype()), filled(net, groups, 0, x.dtype())}, x.dtype(),
                              grouped.dims, {attr("epsilon", static_cast<float>(epsilon))});
  Value y = TRY(reshape(net, normal, x.dims));
  if (affine.scale) y = TRY(mul(net, y, TRY(per_channel(net, *affine.scale, x.rank()))));
  if (affine.offset) y = TRY(add(net, y, TRY(per_channel(net, *affine.offset, x.rank()))));
  return y;
}

Result<Value> local_response_norm(Net& net, const Value& x, std::int64_t size, double alpha, double beta, double k) {
  if (size < 1 || size % 2 == 0) return wrong("local response normalisation: an even number of channels");
  if (x.rank() < 3) return wrong("local response normalisation: of an input of shape " + dims_text(x.dims));
  return net.op(
      "LRN", {x}, x.dtype(), x.dims,
      {attr("size", size), attr("alpha", static_cast<float>(alpha)), attr("beta", static_cast<float>(beta)), attr("bias", static_cast<float>(k))});
}

Result<Value> normalize(Net& net, const Value& x, double p, std::int64_t axis, double epsilon) {
  const Value norm = TRY(p_norm(net, x, p, {axis}, true));
  return binary(net, "Div", x, clamp(net, norm, epsilon, std::nullopt));
}

}  // namespace slipway::importers::neural
