// Preprocessing layers: what was fitted before training and belongs to the model.
#include <algorithm>
#include <cmath>
#include <set>

#include "slipway/importers/blocks/neural/dense.hpp"
#include "slipway/importers/blocks/neural/elementwise.hpp"
#include "slipway/importers/blocks/neural/reduction.hpp"
#include "slipway/importers/blocks/neural/resize.hpp"
#include "slipway/importers/blocks/neural/shapes.hpp"
#include "slipway/importers/keras/layer.hpp"

namespace slipway::importers::keras {

using graph::attr;

namespace {

// A number, or a (nested) list of them; Keras 3 wraps arrays in objects.
void numbers_in(const json::Value& v, std::vector<double>& out) {  // NOLINT(misc-no-recursion): documents are at most json::kDepthMax deep
  if (v.is_number()) out.push_back(v.as_double());
  if (v.is_array()) {
    for (const json::Value& item : v.as_array()) numbers_in(item, out);
  }
  if (v.is_object()) {
    if (const json::Value* config = v.find("config")) numbers_in(*config, out);
    if (const json::Value* value = v.find("value")) numbers_in(*value, out);
  }
}

std::optional<std::vector<double>> numbers_of(const Call& call, std::string_view key) {
  const json::Value* v = call.config.find(key);
  if (v == nullptr || v->is_null()) return std::nullopt;
  std::vector<double> out;
  numbers_in(*v, out);
  return out;
}

Value row_of(Net& net, const std::vector<double>& values, DType dtype) {
  const std::vector<float> single(values.begin(), values.end());
  const auto count = static_cast<std::int64_t>(single.size());
  return net.cast(net.constant(Tensor::of<float>(DType::float32, count == 1 ? Shape{} : Shape{count}, std::span<const float>(single))), dtype);
}

Value floating(const Call& call) { return neural::in_floating(call.net, input(call)); }

}  // namespace

Result<std::vector<Tracked>> rescaling(const Call& call) {
  TRY(takes(call, 1));
  const auto scale = numbers_of(call, "scale"), offset = numbers_of(call, "offset");
  if (!scale || scale->empty()) return refuse(call, "its configuration has no \"scale\"");
  Net& net = call.net;
  if (scale->size() == 1 && (!offset || offset->size() <= 1)) {
    return one(TRY(in_engine_layout(call, floating(call), [](const Call& c, const Value& x) -> Result<Value> {
      const auto s = numbers_of(c, "scale"), o = numbers_of(c, "offset");
      return neural::shifted(c.net, TRY(neural::scaled(c.net, x, s->at(0))), o && !o->empty() ? o->at(0) : 0);
    })));
  }
  const Value x = floating(call);
  Value y = TRY(neural::mul(net, x, row_of(net, *scale, x.dtype())));
  if (offset && !offset->empty()) y = TRY(neural::add(net, y, row_of(net, *offset, x.dtype())));
  return one(std::move(y));
}

// (x - mean) / max(sqrt(variance), 1e-7)
Result<std::vector<Tracked>> normalization(const Call& call) {
  TRY(takes(call, 1));
  Net& net = call.net;
  const Value x = floating(call);
  Value mean, variance;
  const auto given_mean = numbers_of(call, "mean"), given_variance = numbers_of(call, "variance");
  if (given_mean && given_variance && !given_mean->empty() && !given_variance->empty()) {
    mean = row_of(net, *given_mean, x.dtype());
    variance = row_of(net, *given_variance, x.dtype());
  } else {
    TRY(holds(call, 2, 3));
    mean = net.cast(net.weight(call.weights[0]), x.dtype());
    variance = net.cast(net.weight(call.weights[1]), x.dtype());
  }
  // The statistics stand at their axes; those dimensions of the input have the same size.
  const json::Value* axis = call.config.find("axis");
  std::set<std::int64_t> axes;
  if (axis != nullptr && axis->is_int()) axes.insert(neural::normal_axis(axis->as_int(), x.rank()));
  if (axis != nullptr && axis->is_array()) {
    for (const json::Value& a : axis->as_array()) axes.insert(a.is_int() ? neural::normal_axis(a.as_int(), x.rank()) : -1);
  }
  if (axes.contains(-1)) return refuse(call, "\"axis\" is outside the input's dimensions");
  if (!axes.empty()) {
    Dims shape(x.rank(), Dim(1));
    std::int64_t count = 1;
    for (const std::int64_t a : axes) {
      shape[static_cast<std::size_t>(a)] = x.dims[static_cast<std::size_t>(a)];
      if (!x.dims[static_cast<std::size_t>(a)].known()) return refuse(call, "normalises a dimension whose size is free");
      count *= x.dims[static_cast<std::size_t>(a)].value;
    }
    const auto has = [&](const Value& v) { return net.product(v.dims); };
    if (has(mean).is(count)) mean = TRY(neural::reshape(net, mean, shape));
    if (has(variance).is(count)) variance = TRY(neural::reshape(net, variance, shape));
  }
  const Value deviation = neural::clamp(net, neural::unary(net, "Sqrt", variance), 1e-7, std::nullopt);
  if (TRY(bool_of(call, "invert", false))) return one(TRY(neural::add(net, TRY(neural::mul(net, x, deviation)), mean)));
  return one(TRY(neural::binary(net, "Div", TRY(neural::sub(net, x, mean)), deviation)));
}

namespace {

// Integers as the output mode wants them: themselves, or as rows of `tokens` zeros and ones or counts.
Result<Value> encoded(const Call& call, const Value& ids, std::int64_t tokens, const std::string& mode) {
  Net& net = call.net;
  if (mode == "int") return ids;
  if (tokens < 1) return refuse(call, "the number of tokens is not known");
  const DType out = DType::float32;
  Value x = ids;
  if (mode == "one_hot") {
    if (x.rank() > 1 && x.dims.back().is(1)) x = TRY(neural::squeeze(net, x, {-1}));
    return net.cast(TRY(neural::compare(net, "Equal", TRY(neural::unsqueeze(net, x, -1)), neural::range(net, 0, tokens, 1))), out);
  }
  if (mode != "multi_hot" && mode != "binary" && mode != "count") return refuse(call, "the output mode \"" + mode + "\" is not supported");
  if (x.rank() < 2) x = TRY(neural::unsqueeze(net, x, -1));
  const Value each = net.cast(TRY(neural::compare(net, "Equal", TRY(neural::unsqueeze(net, x, -1)), neural::range(net, 0, tokens, 1))), out);
  return neural::reduce(net, mode == "count" ? "ReduceSum" : "ReduceMax", each, {-2}, false);
}

}  // namespace

Result<std::vector<Tracked>> category_encoding(const Call& call) {
  if (call.inputs.size() != 1) return refuse(call, "count weights are not supported");
  const Value ids = call.net.cast(input(call), DType::int64);
  return one(
      TRY(encoded(call, ids, TRY(int_of(call, "num_tokens", TRY(int_of(call, "max_tokens", 0)))), TRY(text_of(call, "output_mode", "multi_hot")))));
}

// The number of boundaries that are not above x.
Result<std::vector<Tracked>> discretization(const Call& call) {
  TRY(takes(call, 1));
  Net& net = call.net;
  auto bounds = numbers_of(call, "bin_boundaries");
  if (!bounds || bounds->empty()) bounds = numbers_of(call, "bins");
  if (!bounds || bounds->empty())
    return refuse(call, "its configuration has no \"bin_boundaries\": an adapted layer keeps them in a .keras file only as of Keras 3");
  const Value x = floating(call);
  Value edges = row_of(net, *bounds, x.dtype());
  if (edges.rank() == 0) edges = TRY(neural::unsqueeze(net, edges, 0));
  const Value above = TRY(neural::compare(net, "GreaterOrEqual", TRY(neural::unsqueeze(net, x, -1)), edges));
  const Value ids = TRY(neural::reduce(net, "ReduceSum", net.cast(above, DType::int64), {-1}, false));
  return one(TRY(encoded(call, ids, static_cast<std::int64_t>(bounds->size()) + 1, TRY(text_of(call, "output_mode", "int")))));
}

namespace {

// The words or numbers of a lookup, without mask and unknown: from the configuration, or a text file of the archive.
Result<std::vector<std::string>> vocabulary_of(const Call& call) {
  std::vector<std::string> out;
  const json::Value* v = call.config.find("vocabulary");
  if (v != nullptr && v->is_object()) v = v->find("config");
  if (v != nullptr && v->is_object()) v = v->find("value");
  if (v != nullptr && v->is_array()) {
    for (const json::Value& item : v->as_array()) out.push_back(item.is_string() ? item.as_string() : item.dump());
    return out;
  }
  if (v != nullptr && v->is_string()) return refuse(call, "its vocabulary is a file outside of the model");
  if (call.asset) {
    if (const auto file = call.asset("vocabulary.txt")) {
      std::size_t at = 0;
      while (at < file->size()) {
        const std::size_t end = std::min(file->find('\n', at), file->size());
        out.push_back(file->substr(at, end - at));
        at = end + 1;
      }
      return out;
    }
  }
  return refuse(call, "the file doesn't hold its vocabulary (Keras 3 loses it in .h5 files): save the model as .keras");
}

}  // namespace

// StringLookup and IntegerLookup: place in the vocabulary behind mask and unknown ones.
Result<std::vector<Tracked>> lookup(const Call& call) {
  TRY(takes(call, 1));
  Net& net = call.net;
  if (TRY(bool_of(call, "invert", false))) return refuse(call, "the way back (invert=True) is not supported");
  const bool strings = call.class_name == "StringLookup";
  std::vector<std::string> words = TRY(vocabulary_of(call));
  const std::int64_t unknown = TRY(int_of(call, "num_oov_indices", 1));
  const std::string mode = TRY(text_of(call, "output_mode", "int"));
  if (unknown > 1) return refuse(call, "several indices for unknown values (they are hashed) are not supported");
  const auto token = [&](std::string_view key) -> std::optional<std::string> {
    const json::Value* v = call.config.find(key);
    if (v == nullptr || v->is_null()) return std::nullopt;
    return v->is_string() ? v->as_string() : v->dump();
  };
  const auto mask = token("mask_token");
  const std::string oov = token("oov_token").value_or(strings ? "[UNK]" : "-1");
  // A vocabulary as get_vocabulary() gives it begins with these; as it was passed it doesn't.
  const bool masked = mask && mode == "int";
  if (mask && !words.empty() && words[0] == *mask) words.erase(words.begin());
  if (unknown == 1 && !words.empty() && words[0] == oov) words.erase(words.begin());
  std::vector<std::int64_t> places;
  const std::int64_t first = (masked ? 1 : 0) + unknown;
  for (std::size_t i = 0; i < words.size(); ++i) places.push_back(first + static_cast<std::int64_t>(i));
  auto tokens = first + static_cast<std::int64_t>(words.size());
  if (TRY(bool_of(call, "pad_to_max_tokens", false))) tokens = std::max(tokens, TRY(int_of(call, "max_tokens", tokens)));
  if (tokens > 10'000'000) return refuse(call, "has too many tokens");
  std::vector<std::string> keys = words;
  if (masked) {
    keys.push_back(*mask);
    places.push_back(0);
  }
  const std::int64_t otherwise = unknown == 1 ? (masked ? 1 : 0) : -1;
  Value ids;
  if (strings) {
    if (input(call).dtype() != DType::string) return refuse(call, "its input must be texts: give keras.Input(dtype=\"string\")");
    ids = net.op("LabelEncoder", {input(call)}, DType::int64, input(call).dims,
                 {attr("keys_strings", keys), attr("values_int64s", places), attr("default_int64", otherwise)}, "ai.onnx.ml");
  } else {
    std::vector<std::int64_t> numbers;
    for (const std::string& k : keys) {
      char* end = nullptr;
      numbers.push_back(std::strtoll(k.c_str(), &end, 10));
      if (end == k.c_str()) return refuse(call, "its vocabulary holds \"" + k.substr(0, 40) + "\", which is no integer");
    }
    const Value x = net.cast(input(call), DType::int64);
    ids = net.op("LabelEncoder", {x}, DType::int64, x.dims,
                 {attr("keys_int64s", numbers), attr("values_int64s", places), attr("default_int64", otherwise)}, "ai.onnx.ml");
  }
  return one(TRY(encoded(call, ids, tokens, mode)));
}

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
  Value first = TRY(image_to_engine(call, floating(call)));
  const bool crop = TRY(bool_of(call, "crop_to_aspect_ratio", false)), pad = TRY(bool_of(call, "pad_to_aspect_ratio", false));
  if (pad && TRY(text_of(call, "fill_mode", "constant")) != "constant") return refuse(call, "pads by another way than a constant");
  if (crop || pad) first = TRY(in_aspect(call, first, height, width, crop, TRY(number_of(call, "fill_value", 0))));
  const Value y = TRY(resized(call, first, height, width, TRY(text_of(call, "interpolation", "bilinear")), TRY(bool_of(call, "antialias", false))));
  return one(TRY(from_engine(call, y)));
}

// Smaller images are cut to the target's aspect and resized.
Result<std::vector<Tracked>> center_crop(const Call& call) {
  TRY(takes(call, 1));
  const Value first = TRY(image_to_engine(call, floating(call)));
  const std::int64_t height = TRY(int_of(call, "height")), width = TRY(int_of(call, "width"));
  if (height < 1 || width < 1 || height > kSideMax || width > kSideMax)
    return refuse(call, "its height and width must be between 1 and " + std::to_string(kSideMax));
  if (!first.dims[2].known() || !first.dims[3].known()) return refuse(call, "crops images whose size is free");
  if (first.dims[2].value >= height && first.dims[3].value >= width) return one(TRY(from_engine(call, TRY(middle(call, first, height, width)))));
  const Value cut = TRY(in_aspect(call, first, height, width, true, 0));
  return one(TRY(from_engine(call, TRY(resized(call, cut, height, width, "bilinear", false)))));
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
