// Convolutions: plain, depthwise, separable and transposed, of one to three dimensions.
#include <algorithm>

#include "slipway/importers/blocks/neural/convolution.hpp"
#include "slipway/importers/blocks/neural/dense.hpp"
#include "slipway/importers/blocks/neural/elementwise.hpp"
#include "slipway/importers/blocks/neural/shapes.hpp"
#include "slipway/importers/keras/layer.hpp"

namespace slipway::importers::keras {

using neural::Padding;

namespace {

Result<Padding> padding_of(const Call& call) {
  const std::string name = TRY(text_of(call, "padding", "valid"));
  if (name == "valid") return Padding{};
  if (name == "same") return Padding{Padding::Kind::same, {}, {}};
  if (name == "causal") return Padding{Padding::Kind::causal, {}, {}};
  return refuse(call, "the padding \"" + name + "\" is not known");
}

// The activation in the engine's layout where it works element by element, then back to the layer's own.
Result<std::vector<Tracked>> finished(const Call& call, const Value& y) {
  const json::Value* activation = call.config.find("activation");
  const bool along_channels =
      activation != nullptr && (!activation->is_string() || activation->as_string() == "softmax" || activation->as_string() == "log_softmax" ||
                                activation->as_string() == "glu" || activation->as_string() == "sparsemax");
  Value v = y;
  if (activation != nullptr && !along_channels) v = TRY(activate(call, v, *activation));
  v = TRY(from_engine(call, v));
  if (activation != nullptr && along_channels) v = TRY(activate(call, v, *activation));
  return one(std::move(v));
}

Result<Value> constant_weight(const Call& call, std::size_t at, std::size_t rank) {
  const Value w = call.net.constant(call.weights[at]);
  if (w.rank() != rank) return refuse(call, "weights of shape " + neural::dims_text(w.dims));
  return w;
}

// [*spatial, a, b] as [b, a, *spatial]
Result<Value> channels_ahead(const Call& call, const Value& w, std::size_t spatial) {
  std::vector<std::int64_t> order{static_cast<std::int64_t>(spatial) + 1, static_cast<std::int64_t>(spatial)};
  for (std::size_t i = 0; i < spatial; ++i) order.push_back(static_cast<std::int64_t>(i));
  return call.net.widened(TRY(neural::transpose(call.net, w, order)));
}

// [*spatial, C, M] as [C * M, 1, *spatial]
Result<Value> depthwise_kernel(const Call& call, const Value& w, std::size_t spatial) {
  std::vector<std::int64_t> order{static_cast<std::int64_t>(spatial), static_cast<std::int64_t>(spatial) + 1};
  for (std::size_t i = 0; i < spatial; ++i) order.push_back(static_cast<std::int64_t>(i));
  const Value turned = TRY(neural::transpose(call.net, w, order));
  Dims dims{turned.dims[0].value * turned.dims[1].value, 1};
  dims.insert(dims.end(), turned.dims.begin() + 2, turned.dims.end());
  return call.net.widened(TRY(neural::reshape(call.net, turned, dims)));
}

struct Settings {
  std::size_t spatial = 0;
  neural::Convolution convolution;
  bool bias = true;
};

Result<Settings> settings_of(const Call& call) {
  Settings s;
  s.spatial = spatial_of(call);
  s.convolution.strides = TRY(ints_of(call, "strides", s.spatial, 1));
  s.convolution.dilations = TRY(ints_of(call, "dilation_rate", s.spatial, 1));
  s.convolution.padding = TRY(padding_of(call));
  s.bias = TRY(bool_of(call, "use_bias", true));
  return s;
}

}  // namespace

Result<std::vector<Tracked>> conv(const Call& call) {
  TRY(takes(call, 1));
  Settings s = TRY(settings_of(call));
  TRY(holds(call, s.bias ? 2 : 1, s.bias ? 2 : 1));
  s.convolution.groups = TRY(int_of(call, "groups", 1));
  const Value kernel = TRY(channels_ahead(call, TRY(constant_weight(call, 0, s.spatial + 2)), s.spatial));
  const Value x = TRY(to_engine(call));
  return finished(call, TRY(neural::convolve(call.net, x, kernel, bias_of(call, s.bias, 1), s.convolution)));
}

Result<std::vector<Tracked>> depthwise_conv(const Call& call) {
  TRY(takes(call, 1));
  Settings s = TRY(settings_of(call));
  TRY(holds(call, s.bias ? 2 : 1, s.bias ? 2 : 1));
  const Value kernel = TRY(constant_weight(call, 0, s.spatial + 2));
  s.convolution.groups = kernel.dims[s.spatial].value;
  const Value x = TRY(to_engine(call));
  const Value turned = TRY(depthwise_kernel(call, kernel, s.spatial));
  return finished(call, TRY(neural::convolve(call.net, x, turned, bias_of(call, s.bias, 1), s.convolution)));
}

Result<std::vector<Tracked>> separable_conv(const Call& call) {
  TRY(takes(call, 1));
  Settings s = TRY(settings_of(call));
  TRY(holds(call, s.bias ? 3 : 2, s.bias ? 3 : 2));
  const Value depth = TRY(constant_weight(call, 0, s.spatial + 2)), point = TRY(constant_weight(call, 1, s.spatial + 2));
  s.convolution.groups = depth.dims[s.spatial].value;
  const Value x = TRY(to_engine(call));
  const Value between = TRY(neural::convolve(call.net, x, TRY(depthwise_kernel(call, depth, s.spatial)), std::nullopt, s.convolution));
  neural::Convolution plain;
  plain.strides.assign(s.spatial, 1);
  plain.dilations.assign(s.spatial, 1);
  const Value kernel = TRY(channels_ahead(call, point, s.spatial));
  return finished(call, TRY(neural::convolve(call.net, between, kernel, bias_of(call, s.bias, 2), plain)));
}

// Keras' size of the output; what the engine's formula gives more or less is cut off or added, half of it before.
Result<std::vector<Tracked>> conv_transpose(const Call& call) {
  TRY(takes(call, 1));
  const Settings s = TRY(settings_of(call));
  TRY(holds(call, s.bias ? 2 : 1, s.bias ? 2 : 1));
  if (s.convolution.padding.kind == Padding::Kind::causal) return refuse(call, "causal padding is not for transposed convolutions");
  const bool same = s.convolution.padding.kind == Padding::Kind::same;
  const Value kernel = TRY(constant_weight(call, 0, s.spatial + 2));  // [*spatial, out, in]
  const json::Value* given = call.config.find("output_padding");
  const bool explicit_padding = given != nullptr && !given->is_null();
  const std::vector<std::int64_t> output_padding = TRY(ints_of(call, "output_padding", s.spatial, 0));
  neural::TransposedConvolution t;
  t.strides = s.convolution.strides;
  t.dilations = s.convolution.dilations;
  for (std::size_t i = 0; i < s.spatial; ++i) {
    const std::int64_t k = (kernel.dims[i].value - 1) * t.dilations[i] + 1, stride = t.strides[i];
    // The output is in * stride + more.
    std::int64_t more = same ? 0 : std::max<std::int64_t>(k - stride, 0);
    if (explicit_padding) more = k - stride - (same ? 2 * (k / 2) : 0) + output_padding[i];
    const std::int64_t total = k - stride - more;
    t.before.push_back(same ? std::max<std::int64_t>(total, 0) / 2 : 0);
    t.after.push_back(std::max<std::int64_t>(total, 0) - t.before[i]);
    t.output_padding.push_back(std::max<std::int64_t>(-total, 0));
  }
  const Value x = TRY(to_engine(call));
  const Value turned = TRY(channels_ahead(call, kernel, s.spatial));
  return finished(call, TRY(neural::convolve_transposed(call.net, x, turned, bias_of(call, s.bias, 1), t)));
}

// A convolution whose weights differ from place to place: the windows are gathered, each is multiplied by its own matrix.
// Weights [places, window * channels, filters], bias [*places, filters].
Result<std::vector<Tracked>> locally_connected(const Call& call) {
  TRY(takes(call, 1));
  Net& net = call.net;
  const Value& x = input(call);
  const std::size_t spatial = spatial_of(call);
  const std::vector<std::int64_t> sizes = TRY(ints_of(call, "kernel_size", spatial, 1)), strides = TRY(ints_of(call, "strides", spatial, 1));
  const std::int64_t filters = TRY(int_of(call, "filters"));
  const bool bias = TRY(bool_of(call, "use_bias", true));
  TRY(holds(call, bias ? 2 : 1, bias ? 2 : 1));
  if (TRY(text_of(call, "padding", "valid")) != "valid" || TRY(int_of(call, "implementation", 1)) != 1 || !channels_last(call))
    return refuse(call, "is supported with padding=\"valid\", implementation=1 and channels last only");
  if (x.rank() != spatial + 2) return refuse(call, "an input of shape " + neural::dims_text(x.dims));
  // Where each place's window lies among all positions, the last dimension fastest.
  std::vector<std::int64_t> starts{0}, window{0};
  Dims places;
  std::int64_t positions = 1;
  for (std::size_t d = 0; d < spatial; ++d) {
    const Dim in = x.dims[d + 1];
    if (!in.known() || sizes[d] < 1 || strides[d] < 1 || sizes[d] > in.value) return refuse(call, "an input of shape " + neural::dims_text(x.dims));
    const std::int64_t out = (in.value - sizes[d]) / strides[d] + 1;
    places.emplace_back(out);
    positions *= in.value;
    if (positions > (1 << 24) || static_cast<std::int64_t>(starts.size()) > (1 << 24) / out ||
        static_cast<std::int64_t>(window.size()) > (1 << 24) / sizes[d])
      return refuse(call, "looks at too many places");
    std::vector<std::int64_t> next_starts, next_window;
    for (const std::int64_t s : starts) {
      for (std::int64_t o = 0; o < out; ++o) next_starts.push_back(s * in.value + o * strides[d]);
    }
    for (const std::int64_t w : window) {
      for (std::int64_t k = 0; k < sizes[d]; ++k) next_window.push_back(w * in.value + k);
    }
    starts = std::move(next_starts);
    window = std::move(next_window);
  }
  const Dim channels = x.dims.back();
  if (!channels.known() || starts.size() > (1 << 24) / window.size()) return refuse(call, "looks at too many places");
  std::vector<std::int64_t> indices;
  for (const std::int64_t s : starts) {
    for (const std::int64_t w : window) indices.push_back(s + w);
  }
  const auto count = static_cast<std::int64_t>(starts.size()), wide = static_cast<std::int64_t>(window.size()) * channels.value;
  if (call.weights[0]->shape() != Shape{count, wide, filters}) return refuse(call, "weights of shape " + shape_text(call.weights[0]->shape()));
  const Value flat = TRY(neural::reshape(net, x, {x.dims[0], positions, channels}));
  const Value windows = TRY(neural::reshape(net, TRY(neural::gather(net, flat, net.ints(indices), 1)), {x.dims[0], count, wide}));
  const Value y = TRY(neural::matmul(net, TRY(neural::transpose(net, windows, {1, 0, 2})), net.weight(call.weights[0])));
  Dims shape{x.dims[0]};
  shape.insert(shape.end(), places.begin(), places.end());
  shape.emplace_back(filters);
  Value out = TRY(neural::reshape(net, TRY(neural::transpose(net, y, {1, 0, 2})), shape));
  if (bias) out = TRY(neural::add(net, out, net.weight(call.weights[1])));
  const json::Value* activation = call.config.find("activation");
  return one(activation == nullptr ? out : TRY(activate(call, out, *activation)));
}

}  // namespace slipway::importers::keras
