// Layers that resize and cut images.
#include <algorithm>
#include <cmath>

#include "slipway/importers/blocks/neural/dense.hpp"
#include "slipway/importers/blocks/neural/elementwise.hpp"
#include "slipway/importers/blocks/neural/resize.hpp"
#include "slipway/importers/blocks/neural/shapes.hpp"
#include "slipway/importers/keras/layer.hpp"

namespace slipway::importers::keras {

namespace {

Result<Value> image_to_engine(const Call& call, const Value& x) {
  if (x.rank() != 4) return refuse(call, "an input of shape " + neural::dims_text(x.dims) + ": images are wanted");
  return engine_layout(call, x);
}

// How much each element of a line of `in` counts for each of `out`, as TensorFlow computes it: [out, in].
using Kernel = double (*)(double);
double triangle_kernel(double x) { return std::max(0.0, 1 - std::abs(x)); }
double keys_kernel(double x) {  // a = -0.5
  x = std::abs(x);
  if (x >= 2) return 0;
  return x >= 1 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : (1.5 * x - 2.5) * x * x + 1;
}
template <int Radius>
double lanczos_kernel(double x) {
  x = std::abs(x);
  if (x > Radius) return 0;
  if (x <= 1e-3) return 1;
  constexpr double kPi = 3.14159265358979323846;
  return Radius * std::sin(kPi * x) * std::sin(kPi * x / Radius) / (kPi * kPi * x * x);
}

std::vector<double> spread_weights(std::int64_t in, std::int64_t out, Kernel kernel, double radius, bool antialias) {
  const double ratio = static_cast<double>(in) / static_cast<double>(out), scale = antialias ? std::max(ratio, 1.0) : 1.0;
  std::vector<double> weights(static_cast<std::size_t>(in * out), 0);
  for (std::int64_t o = 0; o < out; ++o) {
    const double at = (static_cast<double>(o) + 0.5) * ratio;
    const auto from = std::max<std::int64_t>(0, static_cast<std::int64_t>(std::ceil(at - radius * scale - 0.5)));
    const auto to = std::min<std::int64_t>(in - 1, static_cast<std::int64_t>(std::floor(at + radius * scale - 0.5)));
    double sum = 0;
    for (std::int64_t i = from; i <= to; ++i) sum += kernel((static_cast<double>(i) + 0.5 - at) / scale);
    for (std::int64_t i = from; i <= to && sum != 0; ++i)
      weights[static_cast<std::size_t>(o * in + i)] = kernel((static_cast<double>(i) + 0.5 - at) / scale) / sum;
  }
  return weights;
}

// TensorFlow's plain bicubic looks its weights up in a table of 1024 steps.
std::vector<double> cubic_weights(std::int64_t in, std::int64_t out) {
  std::vector<double> weights(static_cast<std::size_t>(in * out), 0);
  for (std::int64_t o = 0; o < out; ++o) {
    const double at = (static_cast<double>(o) + 0.5) * static_cast<double>(in) / static_cast<double>(out) - 0.5, low = std::floor(at);
    const double part = std::nearbyint((at - low) * 1024) / 1024;
    double sum = 0, each[4];
    for (int k = 0; k < 4; ++k) {
      const std::int64_t i = static_cast<std::int64_t>(low) + k - 1;
      each[k] = i < 0 || i >= in ? 0 : keys_kernel(part - (k - 1));
      sum += each[k];
    }
    for (int k = 0; k < 4; ++k) {
      const std::int64_t i = static_cast<std::int64_t>(low) + k - 1;
      if (i >= 0 && i < in && sum != 0) weights[static_cast<std::size_t>(o * in + i)] += each[k] / sum;
    }
  }
  return weights;
}

std::vector<double> area_weights(std::int64_t in, std::int64_t out) {
  const double ratio = static_cast<double>(in) / static_cast<double>(out);
  std::vector<double> weights(static_cast<std::size_t>(in * out), 0);
  for (std::int64_t o = 0; o < out; ++o) {
    const double from = static_cast<double>(o) * ratio, to = from + ratio;
    for (std::int64_t i = 0; i < in; ++i) {
      const double common = std::min(to, static_cast<double>(i) + 1) - std::max(from, static_cast<double>(i));
      if (common > 0) weights[static_cast<std::size_t>(o * in + i)] = common / ratio;
    }
  }
  return weights;
}

Result<Value> line_weights(const Call& call, std::int64_t in, std::int64_t out, const std::string& how, bool antialias) {
  if (in * out > (1LL << 22)) return refuse(call, "resizes images that are too large for this interpolation");
  std::vector<double> w;
  if (how == "bilinear") {
    w = spread_weights(in, out, triangle_kernel, 1, antialias);
  } else if (how == "bicubic") {
    w = antialias ? spread_weights(in, out, keys_kernel, 2, true) : cubic_weights(in, out);
  } else if (how == "lanczos3") {
    w = spread_weights(in, out, lanczos_kernel<3>, 3, antialias);
  } else if (how == "lanczos5") {
    w = spread_weights(in, out, lanczos_kernel<5>, 5, antialias);
  } else if (how == "area") {
    w = area_weights(in, out);
  } else {
    return refuse(call, "the interpolation \"" + how + "\" is not supported (nearest, bilinear, bicubic, area, lanczos3 and lanczos5 are)");
  }
  const std::vector<float> single(w.begin(), w.end());
  return call.net.constant(Tensor::of<float>(DType::float32, {out, in}, std::span<const float>(single)));
}

constexpr std::int64_t kSideMax = 1 << 16;

}  // namespace

// first: channels first, float32.
Result<Value> resized(const Call& call, const Value& first, std::int64_t height, std::int64_t width, const std::string& how, bool antialias) {
  if (height < 1 || width < 1 || height > kSideMax || width > kSideMax)
    return refuse(call, "its height and width must be between 1 and " + std::to_string(kSideMax));
  if (how == "nearest" || (how == "bilinear" && !antialias)) {
    neural::Resize r;
    r.sizes = {height, width};
    r.round_up = true;
    if (how == "bilinear") r.mode = neural::Resize::Mode::linear;
    return neural::resize(call.net, first, r);
  }
  if (!first.dims[2].known() || !first.dims[3].known())
    return refuse(call, "the interpolation \"" + how + "\" of images whose size is free is not supported");
  const Value down = TRY(line_weights(call, first.dims[2].value, height, how, antialias));
  const Value across = TRY(line_weights(call, first.dims[3].value, width, how, antialias));
  return neural::matmul(call.net, TRY(neural::matmul(call.net, down, first)), TRY(neural::swap_axes(call.net, across, 0, 1)));
}

namespace {

// The middle part of the image's height and width.
Result<Value> middle(const Call& call, const Value& first, std::int64_t height, std::int64_t width) {
  const std::int64_t top = (first.dims[2].value - height) / 2, left = (first.dims[3].value - width) / 2;
  const Value rows = TRY(neural::slice(call.net, first, 2, top, top + height));
  return neural::slice(call.net, rows, 3, left, left + width);
}

// The largest part with the aspect of the target; or a frame around it, as wide on both sides (Keras drops an odd pixel).
Result<Value> in_aspect(const Call& call, const Value& first, std::int64_t height, std::int64_t width, bool crop, double fill) {
  if (!first.dims[2].known() || !first.dims[3].known()) return refuse(call, "keeps the aspect ratio of images whose size is free");
  const std::int64_t h = first.dims[2].value, w = first.dims[3].value;
  const auto part = [](std::int64_t a, std::int64_t b, std::int64_t c) {
    return static_cast<std::int64_t>(static_cast<double>(a) * static_cast<double>(b) / static_cast<double>(c));
  };
  const std::int64_t wanted_h = part(w, height, width), wanted_w = part(h, width, height);
  if (crop) return middle(call, first, std::max<std::int64_t>(1, std::min(h, wanted_h)), std::max<std::int64_t>(1, std::min(w, wanted_w)));
  const std::int64_t frame_h = std::max(h, wanted_h), frame_w = std::max(w, wanted_w);
  if (frame_h > kSideMax || frame_w > kSideMax) return refuse(call, "pads to more than " + std::to_string(kSideMax) + " pixels");
  const std::int64_t top = (frame_h - h) / 2, left = (frame_w - w) / 2;
  return neural::pad(call.net, first, {{0, 0}, {0, 0}, {top, top}, {left, left}}, "constant", fill);
}

}  // namespace

Result<std::vector<Tracked>> resizing(const Call& call) {
  TRY(takes(call, 1));
  const std::int64_t height = TRY(int_of(call, "height")), width = TRY(int_of(call, "width"));
  if (height < 1 || width < 1 || height > kSideMax || width > kSideMax)
    return refuse(call, "its height and width must be between 1 and " + std::to_string(kSideMax));
  Value first = TRY(image_to_engine(call, neural::in_floating(call.net, input(call))));
  const bool crop = TRY(bool_of(call, "crop_to_aspect_ratio", false)), pad = TRY(bool_of(call, "pad_to_aspect_ratio", false));
  if (pad && TRY(text_of(call, "fill_mode", "constant")) != "constant") return refuse(call, "pads by another way than a constant");
  if (crop || pad) first = TRY(in_aspect(call, first, height, width, crop, TRY(number_of(call, "fill_value", 0))));
  const Value y = TRY(resized(call, first, height, width, TRY(text_of(call, "interpolation", "bilinear")), TRY(bool_of(call, "antialias", false))));
  return one(TRY(from_engine(call, y)));
}

// Smaller images are cut to the target's aspect and resized.
Result<std::vector<Tracked>> center_crop(const Call& call) {
  TRY(takes(call, 1));
  const Value first = TRY(image_to_engine(call, neural::in_floating(call.net, input(call))));
  const std::int64_t height = TRY(int_of(call, "height")), width = TRY(int_of(call, "width"));
  if (height < 1 || width < 1 || height > kSideMax || width > kSideMax)
    return refuse(call, "its height and width must be between 1 and " + std::to_string(kSideMax));
  if (!first.dims[2].known() || !first.dims[3].known()) return refuse(call, "crops images whose size is free");
  if (first.dims[2].value >= height && first.dims[3].value >= width) return one(TRY(from_engine(call, TRY(middle(call, first, height, width)))));
  const Value cut = TRY(in_aspect(call, first, height, width, true, 0));
  return one(TRY(from_engine(call, TRY(resized(call, cut, height, width, "bilinear", false)))));
}

}  // namespace slipway::importers::keras
