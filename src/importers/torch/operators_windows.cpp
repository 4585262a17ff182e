// Operators that take windows apart and put them together, and that undo pooling.
#include <algorithm>

#include "slipway/importers/blocks/neural/convolution.hpp"
#include "slipway/importers/blocks/neural/dense.hpp"
#include "slipway/importers/blocks/neural/elementwise.hpp"
#include "slipway/importers/blocks/neural/pooling.hpp"
#include "slipway/importers/blocks/neural/shapes.hpp"
#include "slipway/importers/torch/operator_call.hpp"

namespace slipway::importers::torch {
namespace {

using namespace neural;  // NOLINT(google-build-using-namespace): the blocks are this file's vocabulary

// Each place of a window as a channel of its own: [channels * places, 1, height, width].
Result<Value> places_of_window(OpCall& c, std::int64_t channels, const std::vector<std::int64_t>& kernel) {
  const std::int64_t places = kernel[0] * kernel[1];
  constexpr std::int64_t kWeightsMax = 1 << 24;
  if (channels < 1 || kernel[0] < 1 || kernel[1] < 1 || kernel[0] > 4'096 || kernel[1] > 4'096 || channels > kWeightsMax / places / places)
    return c.wrong("windows of that size");
  std::vector<float> weights(static_cast<std::size_t>(channels * places * places), 0.0F);
  for (std::int64_t i = 0; i < channels * places; ++i) weights[static_cast<std::size_t>(i * places + i % places)] = 1.0F;
  return c.net.constant(Tensor::of<float>(DType::float32, {channels * places, 1, kernel[0], kernel[1]}, std::span<const float>(weights)));
}

// The same for channels that a layer behind tells: a slice for each place.
Result<Any> windows_by_place(OpCall& c, const Value& x, const std::vector<std::int64_t>& kernel) {
  const auto dilation = TRY(c.integers(2, 2)), padding = TRY(c.integers(3, 2)), stride = TRY(c.integers(4, 2));
  constexpr std::int64_t kPlacesMax = 400;
  if (kernel[0] < 1 || kernel[1] < 1 || kernel[0] * kernel[1] > kPlacesMax) return c.wrong("windows of that size");
  Net& net = c.net;
  Dims dims = x.dims;
  for (std::size_t i = 0; i < 2; ++i)
    dims[i + 2] = TRY(window_size(net, x.dims[i + 2], kernel[i], stride[i], dilation[i], padding[i], padding[i], false, c.name));
  const Value padded = TRY(pad(net, x, {{0, 0}, {0, 0}, {padding[0], padding[0]}, {padding[1], padding[1]}}, "constant"));
  std::vector<Value> parts;
  for (std::int64_t place = 0; place < kernel[0] * kernel[1]; ++place) {
    Value v = padded;
    const std::int64_t from[] = {place / kernel[1] * dilation[0], place % kernel[1] * dilation[1]};
    for (std::size_t i = 0; i < 2; ++i) {
      const Dim end = net.add(net.mul(net.sub(dims[i + 2], 1), stride[i]), from[i] + 1);
      v = TRY(neural::slice(net, v, static_cast<std::int64_t>(i) + 2, from[i], end, stride[i]));
    }
    v.dims = dims;
    parts.push_back(TRY(unsqueeze(net, v, 2)));
  }
  const Value all = TRY(neural::concat(net, parts, 2));
  return torch::tensor(TRY(neural::flatten(net, TRY(neural::flatten(net, all, 3, 4)), 1, 2)));
}

Result<Any> im2col_op(OpCall& c) {  // self, kernel_size, dilation, padding, stride
  const Value x = TRY(c.tensor(0));
  const auto kernel = TRY(c.integers(1, 2));
  if (x.rank() != 4) return c.wrong("of an input of shape " + dims_text(x.dims));
  if (!x.dims[1].known()) return windows_by_place(c, x, kernel);
  Convolution conv;
  conv.dilations = TRY(c.integers(2, 2));
  conv.padding.before = conv.padding.after = TRY(c.integers(3, 2));
  conv.strides = TRY(c.integers(4, 2));
  conv.groups = x.dims[1].value;
  const Value weight = c.net.cast(TRY(places_of_window(c, conv.groups, kernel)), x.dtype());
  return torch::tensor(TRY(neural::flatten(c.net, TRY(convolve(c.net, x, weight, std::nullopt, conv)), 2, 3)));
}

Result<Any> col2im_op(OpCall& c) {  // self, output_size, kernel_size, dilation, padding, stride
  const Value x = TRY(c.tensor(0));
  const Dims size = TRY(c.sizes(1));
  const auto kernel = TRY(c.integers(2, 2));
  if (size.size() != 2) return c.wrong("two sizes are wanted");
  TransposedConvolution t;
  t.dilations = TRY(c.integers(3, 2));
  t.before = t.after = TRY(c.integers(4, 2));
  t.strides = TRY(c.integers(5, 2));
  const std::int64_t places = kernel[0] * kernel[1];
  if (x.rank() != 3 || !x.dims[1].known() || places < 1 || x.dims[1].value % places != 0)
    return c.net.needs(x.rank() < 2 ? Dim(0) : x.dims[1], "fold: of an input of shape " + dims_text(x.dims));
  t.groups = x.dims[1].value / places;
  Dims blocks{x.dims[0], x.dims[1]};
  if (!size[0].known() || !size[1].known()) {  // in one dimension the size of all windows together, whatever their number
    const std::size_t open = size[0].known() ? 1 : 0, other = 1 - open;
    if (!size[other].is(1) || kernel[other] != 1 || t.before[other] != 0) return c.net.needs(size[open], "fold: to a size that only a request knows");
    const Dim windows = x.dims[2];
    const Dim all = c.net.add(c.net.mul(c.net.sub(windows, 1), t.strides[open]), t.dilations[open] * (kernel[open] - 1) + 1 - 2 * t.before[open]);
    const auto rest = c.net.linear(c.net.sub(size[open], all));
    if (!rest || rest->constant != 0 || !rest->factors.empty()) return c.net.needs(size[open], "fold: to a size that is not that of its windows");
    blocks.push_back(open == 0 ? windows : Dim(1));
    blocks.push_back(open == 1 ? windows : Dim(1));
    t.output_padding = {0, 0};
    const Value weight = c.net.cast(TRY(places_of_window(c, t.groups, kernel)), x.dtype());
    return torch::tensor(TRY(convolve_transposed(c.net, TRY(neural::reshape(c.net, x, blocks)), weight, std::nullopt, t)));
  }
  for (std::size_t i = 0; i < 2; ++i) {
    const std::int64_t reach = size[i].value + 2 * t.before[i] - t.dilations[i] * (kernel[i] - 1) - 1;
    if (reach < 0 || t.strides[i] < 1) return c.wrong("windows larger than the image");
    blocks.emplace_back(reach / t.strides[i] + 1);
    t.output_padding.push_back(reach % t.strides[i]);
  }
  const Value weight = c.net.cast(TRY(places_of_window(c, t.groups, kernel)), x.dtype());
  return torch::tensor(TRY(convolve_transposed(c.net, TRY(neural::reshape(c.net, x, blocks)), weight, std::nullopt, t)));
}

// Every value at the place of its plane that pooling found it at, zeros elsewhere.
template <std::size_t Spatial>
Result<Any> max_unpool_op(OpCall& c) {  // self, indices, output_size, ...
  const Value x = TRY(c.tensor(0)), at = TRY(c.tensor(1));
  const Dims size = TRY(c.sizes(2));
  if (x.rank() != Spatial + 2 || size.size() < Spatial) return c.wrong("of an input of shape " + dims_text(x.dims));
  Dims dims{x.dims[0], x.dims[1]};
  dims.insert(dims.end(), size.end() - static_cast<std::ptrdiff_t>(Spatial), size.end());
  const Value plane = neural::full(c.net, {dims[0], dims[1], c.net.product(std::span(dims).subspan(2))}, 0, x.dtype());
  const Value filled = TRY(neural::scatter_elements(c.net, plane, TRY(neural::flatten(c.net, at, 2, -1)), TRY(neural::flatten(c.net, x, 2, -1)), 2));
  return torch::tensor(TRY(neural::reshape(c.net, filled, dims)));
}

// theta [N, 2, 3], size [N, C, H, W]: where each pixel of the result lies in the input, [N, H, W, 2].
Result<Any> affine_grid_op(OpCall& c) {
  const Value theta = TRY(c.tensor(0));
  const Dims size = TRY(c.sizes(1));
  const bool corners = TRY(c.flag(2));
  if (size.size() != 4 || theta.rank() != 3) return c.wrong("of another rank than images");
  Net& net = c.net;
  const Dims plane{size[2], size[3]};
  const auto along = [&](std::size_t axis) -> Result<Value> {  // -1 .. 1
    const Value i = net.cast(range(net, 0, plane[axis], 1), theta.dtype()), n = net.cast(net.to_scalar(plane[axis]), theta.dtype());
    const Value t = corners ? TRY(divide(net, TRY(scaled(net, i, 2)), TRY(shifted(net, n, -1))))
                            : TRY(divide(net, TRY(shifted(net, TRY(scaled(net, i, 2)), 1)), n));
    Dims shape{1, 1, 1};
    shape[axis] = plane[axis];
    return neural::expand(net, TRY(neural::reshape(net, TRY(shifted(net, t, -1)), shape)), {plane[0], plane[1], Dim(1)});
  };
  const Value one = neural::full(net, {plane[0], plane[1], Dim(1)}, 1, theta.dtype());
  const Value base = TRY(neural::concat(net, {TRY(along(1)), TRY(along(0)), one}, 2));
  const Value points = TRY(neural::flatten(net, base, 0, 1));  // [H W, 3]
  const Value moved = TRY(matmul(net, points, TRY(neural::swap_axes(net, theta, 1, 2))));
  return torch::tensor(TRY(neural::reshape(net, moved, {theta.dims[0], plane[0], plane[1], Dim(2)})));
}

template <std::size_t Spatial>
Result<Any> aten_adaptive_max_op(OpCall& c) {  // values and places
  const std::string name = "adaptive_max_pool" + std::to_string(Spatial) + "d";
  return tuple({TRY(call_operator(c.net, name, {{c.args[0], c.args[1]}, {}})), None{}});
}

constexpr std::string_view kUnpool = "self, indices, output_size, *rest";
constexpr Operator kOperators[] = {
    {"im2col", "self, kernel_size, dilation, padding, stride", im2col_op},
    {"col2im", "self, output_size, kernel_size, dilation, padding, stride", col2im_op},
    {"max_unpool2d", kUnpool, max_unpool_op<2>},
    {"max_unpool3d", kUnpool, max_unpool_op<3>},
    {"affine_grid_generator", "theta, size, align_corners", affine_grid_op},
    {"affine_grid", "theta, size, align_corners=None", affine_grid_op},
    {"aten_adaptive_max_pool1d", "self, output_size", aten_adaptive_max_op<1>},
    {"aten_adaptive_max_pool2d", "self, output_size", aten_adaptive_max_op<2>},
    {"aten_adaptive_max_pool3d", "self, output_size", aten_adaptive_max_op<3>},
};

}  // namespace

std::span<const Operator> window_operators() { return kOperators; }

}  // namespace slipway::importers::torch
