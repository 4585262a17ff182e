// Operators between real and complex numbers: torch.fft, stft, and what makes complex numbers of real ones.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "slipway/importers/blocks/neural/convolution.hpp"
#include "slipway/importers/blocks/neural/elementwise.hpp"
#include "slipway/importers/blocks/neural/fourier.hpp"
#include "slipway/importers/blocks/neural/shapes.hpp"
#include "slipway/importers/torch/operator_call.hpp"
#include "slipway/importers/torch/scalars.hpp"

namespace slipway::importers::torch {
namespace {

using namespace neural;  // NOLINT(google-build-using-namespace): the blocks are this file's vocabulary

Result<ComplexValue> complex_of(OpCall& c, std::size_t i) {
  if (const auto* both = c.args[i].as<ComplexRef>()) return ComplexValue{TRY((*both)->real->read(c.net)), TRY((*both)->imaginary->read(c.net))};
  return ComplexValue{in_floating(c.net, TRY(c.tensor(i))), std::nullopt};
}
Any made(Net& net, const ComplexValue& x) { return complex_tensor(net, x.real, x.imaginary); }

// Cut, or with zeros behind, to `n` along a dimension.
Result<Value> of_size(Net& net, const Value& x, std::size_t axis, Dim n) {
  if (x.dims[axis] == n) return x;
  const auto at = static_cast<std::int64_t>(axis);
  if (x.dims[axis].known() && n.known() && x.dims[axis].value > n.value) return slice(net, x, at, 0, n);
  std::vector<Pad> pads(x.rank());
  const bool known = x.dims[axis].known() && n.known();
  pads[axis].after = known ? net.sub(n, x.dims[axis]) : n;
  Value longer = TRY(pad(net, x, pads, "constant"));
  if (!known) longer = TRY(slice(net, longer, at, 0, n));
  longer.dims[axis] = n;
  return longer;
}
Result<ComplexValue> of_size(Net& net, const ComplexValue& x, std::size_t axis, Dim n) {
  ComplexValue out{TRY(of_size(net, x.real, axis, n)), std::nullopt};
  if (x.imaginary) out.imaginary = TRY(of_size(net, *x.imaginary, axis, n));
  return out;
}

enum class Kind : std::uint8_t { complex, from_real, to_real };
struct Transform {
  Kind kind = Kind::complex;
  bool inverse = false;
  std::vector<std::size_t> axes;
  std::vector<std::optional<Dim>> sizes;  // one an axis
  FourierScale scale = FourierScale::none;
};

Result<Any> transformed(OpCall& c, const Transform& t) {
  ComplexValue x = TRY(complex_of(c, 0));
  if (t.kind == Kind::from_real && x.imaginary) return c.wrong("of complex numbers: it takes real ones");
  if (t.axes.empty()) return c.wrong("over no dimension");
  const std::size_t last = t.axes.size() - 1;
  const auto one = [&](std::size_t i, bool half) -> Status {
    if (t.sizes[i]) x = TRY(of_size(c.net, x, t.axes[i], *t.sizes[i]));
    x = TRY(fourier(c.net, x, static_cast<std::int64_t>(t.axes[i]), t.inverse, half, t.scale));
    return ok();
  };
  if (t.kind == Kind::from_real) TRY(one(last, true));
  for (std::size_t i = 0; i < last + (t.kind == Kind::complex ? 1 : 0); ++i) TRY(one(i, false));
  if (t.kind != Kind::to_real) return made(c.net, x);
  const std::size_t axis = t.axes[last];
  const Dim n = t.sizes[last] ? *t.sizes[last] : c.net.mul(c.net.sub(x.real.dims[axis], 1), 2);
  x = TRY(of_size(c.net, x, axis, c.net.add(c.net.floor_div(n, 2), 1)));
  return torch::tensor(TRY(fourier_to_real(c.net, x, static_cast<std::int64_t>(axis), n, t.scale)));
}

Result<FourierScale> scale_named(OpCall& c, std::size_t i, bool inverse) {
  const std::string norm = c.given(i) ? TRY(c.text(i)) : "backward";
  if (norm == "ortho") return FourierScale::root;
  if (norm != "backward" && norm != "forward") return c.wrong("norm " + norm);
  return (norm == "backward") == inverse ? FourierScale::whole : FourierScale::none;
}

Result<std::size_t> rank_of(OpCall& c) {
  if (const auto* both = c.args[0].as<ComplexRef>()) return TRY((*both)->real->read(c.net)).rank();
  return TRY(c.tensor(0)).rank();
}

// self, n, dim, norm
template <Kind K, bool Inverse>
Result<Any> one_dimension_op(OpCall& c) {
  Transform t{.kind = K, .inverse = Inverse};
  t.axes.push_back(TRY(axis_of(TRY(c.integer(2)), TRY(rank_of(c)), c.name)));
  t.sizes.push_back(c.given(1) ? std::optional(TRY(c.size(1))) : std::nullopt);
  t.scale = TRY(scale_named(c, 3, Inverse));
  return transformed(c, t);
}
// self, s, dim, norm
template <Kind K, bool Inverse, bool Two>
Result<Any> dimensions_op(OpCall& c) {
  Transform t{.kind = K, .inverse = Inverse};
  const std::size_t rank = TRY(rank_of(c));
  const Dims sizes = c.given(1) ? TRY(c.sizes(1)) : Dims();
  std::vector<std::int64_t> dims;
  if (c.given(2)) {
    dims = TRY(c.integers(2));
  } else {
    const std::size_t count = Two ? 2 : c.given(1) ? sizes.size() : rank;
    for (std::size_t i = 0; i < count; ++i) dims.push_back(static_cast<std::int64_t>(i) - static_cast<std::int64_t>(count));
  }
  for (const std::int64_t d : dims) t.axes.push_back(TRY(axis_of(d, rank, c.name)));
  if (!sizes.empty() && sizes.size() != dims.size()) return c.wrong("as many sizes as dimensions are wanted");
  for (std::size_t i = 0; i < dims.size(); ++i) t.sizes.push_back(sizes.empty() || sizes[i].is(-1) ? std::nullopt : std::optional(sizes[i]));
  t.scale = TRY(scale_named(c, 3, Inverse));
  return transformed(c, t);
}

// As exported graphs write them: self, dim, normalization, and what else there is.
Result<Transform> plain_transform(OpCall& c, Kind kind, bool inverse) {
  Transform t{.kind = kind, .inverse = inverse};
  for (const std::int64_t d : TRY(c.integers(1))) t.axes.push_back(TRY(axis_of(d, TRY(rank_of(c)), c.name)));
  t.sizes.resize(t.axes.size());
  const std::int64_t norm = TRY(c.integer(2));
  if (norm < 0 || norm > 2) return c.wrong("normalization " + std::to_string(norm));
  t.scale = static_cast<FourierScale>(norm);
  return t;
}
Result<Any> fft_c2c_op(OpCall& c) { return transformed(c, TRY(plain_transform(c, Kind::complex, !TRY(c.flag(3))))); }
Result<Any> fft_r2c_op(OpCall& c) { return transformed(c, TRY(plain_transform(c, TRY(c.flag(3)) ? Kind::from_real : Kind::complex, false))); }
Result<Any> fft_c2r_op(OpCall& c) {
  Transform t = TRY(plain_transform(c, Kind::to_real, true));
  if (t.axes.empty()) return c.wrong("over no dimension");
  t.sizes.back() = TRY(c.size(3));
  return transformed(c, t);
}

// Frequencies of the places of a transform: n, d
Result<Any> frequencies(OpCall& c, bool half) {
  const std::int64_t n = TRY(c.integer(0));
  constexpr std::int64_t kPlacesMax = 1 << 20;
  if (n < 1 || n > kPlacesMax) return c.wrong("of " + std::to_string(n) + " places");
  const double d = TRY(c.number(1));
  std::vector<float> out;
  for (std::int64_t k = 0; k < (half ? n / 2 + 1 : n); ++k)
    out.push_back(static_cast<float>(static_cast<double>(half || k < (n + 1) / 2 ? k : k - n) / (static_cast<double>(n) * d)));
  return torch::tensor(c.net.constant(Tensor::of<float>(DType::float32, {std::ssize(out)}, std::span<const float>(out))));
}
Result<Any> fftfreq_op(OpCall& c) { return frequencies(c, false); }
Result<Any> rfftfreq_op(OpCall& c) { return frequencies(c, true); }

// Frequency 0 to the middle, or back: self, dim
Result<Any> shifted_places(OpCall& c, bool back) {
  const std::size_t rank = TRY(rank_of(c));
  std::vector<std::int64_t> dims;
  if (c.given(1)) {
    dims = TRY(c.integers(1));
  } else {
    for (std::size_t i = 0; i < rank; ++i) dims.push_back(static_cast<std::int64_t>(i));
  }
  ComplexValue x = TRY(complex_of(c, 0));
  for (const std::int64_t d : dims) {
    const std::size_t axis = TRY(axis_of(d, rank, c.name));
    const Dim n = x.real.dims[axis];
    if (!n.known()) return c.net.needs(n, std::string(c.name) + ": needs a size that depends on the input's");
    const std::int64_t by = back ? (n.value + 1) / 2 : n.value / 2;
    x.real = TRY(roll(c.net, x.real, static_cast<std::int64_t>(axis), by));
    if (x.imaginary) x.imaginary = TRY(roll(c.net, *x.imaginary, static_cast<std::int64_t>(axis), by));
  }
  return x.imaginary ? made(c.net, x) : torch::tensor(x.real);
}
Result<Any> fftshift_op(OpCall& c) { return shifted_places(c, false); }
Result<Any> ifftshift_op(OpCall& c) { return shifted_places(c, true); }

// --- windows of a signal

// hann_window(length, periodic) and the like: a sum of waves over a period.
Result<Any> window_of(OpCall& c, const std::vector<double>& waves) {
  const std::int64_t length = TRY(c.integer(0));
  constexpr std::int64_t kLengthMax = 1 << 20;
  if (length < 0 || length > kLengthMax) return c.wrong("of that length");
  const double period = static_cast<double>(length) - (TRY(c.flag(1)) ? 0 : 1);
  std::vector<float> out;
  for (std::int64_t i = 0; i < length; ++i) {
    double sum = 0;
    for (std::size_t k = 0; k < waves.size(); ++k)
      sum += waves[k] * std::cos(2 * std::numbers::pi * static_cast<double>(k) * static_cast<double>(i) / std::max(period, 1.0));
    out.push_back(static_cast<float>(length == 1 ? 1 : sum));
  }
  return torch::tensor(c.net.constant(Tensor::of<float>(DType::float32, {length}, std::span<const float>(out))));
}
Result<Any> hann_window_op(OpCall& c) { return window_of(c, {0.5, -0.5}); }
Result<Any> hamming_window_op(OpCall& c) {
  const double alpha = TRY(c.number(2)), beta = TRY(c.number(3));
  return window_of(c, {alpha, -beta});
}
Result<Any> blackman_window_op(OpCall& c) { return window_of(c, {0.42, -0.5, 0.08}); }

struct Windows {
  bool center = true;
  std::string pad_mode = "reflect";
  std::size_t normalized = 7;  // where the last three arguments begin
};

// input, n_fft, hop_length, win_length, window, ..., normalized, onesided, return_complex: a convolution whose kernels are the window's waves.
Result<Any> stft_of(OpCall& c, const Windows& w) {
  Net& net = c.net;
  Value x = TRY(c.tensor(0));
  const std::int64_t size = TRY(c.integer(1)), hop = c.given(2) ? TRY(c.integer(2)) : size / 4, length = c.given(3) ? TRY(c.integer(3)) : size;
  constexpr std::int64_t kSizeMax = 8'192;
  if (size < 1 || size > kSizeMax || hop < 1 || length < 1 || length > size) return c.wrong("windows of that size");
  if (x.rank() < 1 || x.rank() > 2 || !is_floating(x.dtype())) return c.wrong("of an input of shape " + dims_text(x.dims));
  const bool half = !c.given(w.normalized + 1) || TRY(c.flag(w.normalized + 1));
  const bool alone = x.rank() == 1;
  if (alone) x = TRY(unsqueeze(net, x, 0));
  if (w.center) {
    std::vector<Pad> pads(2);
    pads[1] = {size / 2, size / 2};
    const std::string_view mode = w.pad_mode == "replicate" ? "edge" : w.pad_mode == "circular" ? "wrap" : std::string_view(w.pad_mode);
    x = TRY(pad(net, x, pads, mode));
  }
  Value kernels = fourier_kernels(net, size, half, x.dtype());
  std::optional<Value> window = TRY(c.maybe_tensor(4));
  if (!window && length < size) window = full(net, {length}, 1, x.dtype());
  if (window) {
    if (window->rank() != 1) return c.wrong("a window of shape " + dims_text(window->dims));
    TRY(net.require(window->dims[0], length, "stft: the length of the window"));
    const std::vector<Pad> pads{{(size - length) / 2, size - length - (size - length) / 2}};
    kernels = TRY(mul(net, kernels, TRY(pad(net, net.cast(*window, x.dtype()), pads, "constant"))));
  }
  if (TRY(c.flag(w.normalized))) kernels = TRY(scaled(net, kernels, 1 / std::sqrt(static_cast<double>(size))));
  const Convolution conv{.strides = {hop}, .dilations = {1}, .padding = {.before = {0}, .after = {0}}};
  const Value all = TRY(convolve(net, TRY(unsqueeze(net, x, 1)), kernels, std::nullopt, conv));
  std::vector<Value> parts = TRY(chunk(net, all, 1, 2));
  for (Value& p : parts) {
    if (alone) p = TRY(squeeze(net, p, {0}));
  }
  if (c.given(w.normalized + 2) && !TRY(c.flag(w.normalized + 2))) return torch::tensor(TRY(stack(net, parts, -1)));
  return complex_tensor(net, parts[0], parts[1]);
}
Result<Any> stft_op(OpCall& c) { return stft_of(c, {.center = TRY(c.flag(5)), .pad_mode = TRY(c.text(6)), .normalized = 7}); }
// In serialised code the signal is padded already, unless a text says how.
Result<Any> aten_stft_op(OpCall& c) {
  if (c.args[6].as<std::string>() == nullptr) return stft_of(c, {.center = false, .normalized = 5});
  const auto& rest = (*c.args[9].as<std::shared_ptr<List>>())->items;
  OpCall all{c.net, c.name, {c.args.begin(), c.args.begin() + 9}};
  all.args.push_back(rest.empty() ? Any() : rest[0]);
  return stft_op(all);
}

// --- complex numbers out of real ones

Result<Any> complex_op(OpCall& c) {
  const Value real = TRY(c.tensor(0)), imaginary = TRY(c.tensor(1));
  const Dims dims = TRY(broadcast(c.net, real.dims, imaginary.dims, c.name));
  return complex_tensor(c.net, TRY(expand(c.net, real, dims)), TRY(expand(c.net, imaginary, dims)));
}
Result<Any> polar_op(OpCall& c) {
  const Value length = TRY(c.tensor(0)), angle = TRY(c.tensor(1));
  return complex_tensor(c.net, TRY(mul(c.net, length, unary(c.net, "Cos", angle))), TRY(mul(c.net, length, unary(c.net, "Sin", angle))));
}
Result<Any> view_as_complex_op(OpCall& c) {
  const Value x = TRY(c.tensor(0));
  if (x.rank() < 1) return c.wrong("of a number");
  TRY(c.net.require(x.dims.back(), 2, "view_as_complex: real and imaginary part"));
  return complex_tensor(c.net, TRY(select(c.net, x, -1, 0)), TRY(select(c.net, x, -1, 1)));
}
Result<Any> itself_op(OpCall& c) { return c.args[0]; }  // of real numbers: the real part, the conjugate

constexpr std::string_view kOne = "self, n=None, dim=-1, norm=None", kMany = "self, s=None, dim=None, norm=None";
constexpr Operator kOperators[] = {
    {"fft_fft", kOne, one_dimension_op<Kind::complex, false>},
    {"fft_ifft", kOne, one_dimension_op<Kind::complex, true>},
    {"fft_rfft", kOne, one_dimension_op<Kind::from_real, false>},
    {"fft_irfft", kOne, one_dimension_op<Kind::to_real, true>},
    {"fft_fft2", kMany, dimensions_op<Kind::complex, false, true>},
    {"fft_ifft2", kMany, dimensions_op<Kind::complex, true, true>},
    {"fft_rfft2", kMany, dimensions_op<Kind::from_real, false, true>},
    {"fft_irfft2", kMany, dimensions_op<Kind::to_real, true, true>},
    {"fft_fftn", kMany, dimensions_op<Kind::complex, false, false>},
    {"fft_ifftn", kMany, dimensions_op<Kind::complex, true, false>},
    {"fft_rfftn", kMany, dimensions_op<Kind::from_real, false, false>},
    {"fft_irfftn", kMany, dimensions_op<Kind::to_real, true, false>},
    {"_fft_c2c", "self, dim, normalization, forward", fft_c2c_op},
    {"_fft_r2c", "self, dim, normalization, onesided", fft_r2c_op},
    {"_fft_c2r", "self, dim, normalization, last_dim_size", fft_c2r_op},
    {"fft_fftfreq", "n, d=1.0, dtype=None", fftfreq_op},
    {"fft_rfftfreq", "n, d=1.0, dtype=None", rfftfreq_op},
    {"fft_fftshift", "self, dim=None", fftshift_op},
    {"fft_ifftshift", "self, dim=None", ifftshift_op},
    {"hann_window", "window_length, periodic=True, dtype=None", hann_window_op},
    {"hamming_window", "window_length, periodic=True, alpha=0.54, beta=0.46, dtype=None", hamming_window_op},
    {"blackman_window", "window_length, periodic=True, dtype=None", blackman_window_op},
    {"stft",
     "input, n_fft, hop_length=None, win_length=None, window=None, center=True, pad_mode=\"reflect\", normalized=False, onesided=None, "
     "return_complex=None, align_to_window=None",
     stft_op},
    {"aten_stft",
     "input, n_fft, hop_length=None, win_length=None, window=None, normalized=False, onesided=None, return_complex=None, align_to_window=None, *rest",
     aten_stft_op},
    {"complex", "real, imag", complex_op},
    {"polar", "abs, angle", polar_op},
    {"view_as_complex", "self", view_as_complex_op},
    {"real", "self", itself_op},
    {"conj", "self", itself_op},
    {"conj_physical", "self", itself_op},
    {"_conj", "self", itself_op},
    {"resolve_conj", "self", itself_op},
    {"is_complex", "self", [](OpCall&) -> Result<Any> { return Any(false); }},
};

}  // namespace

std::span<const Operator> fourier_operators() { return kOperators; }

}  // namespace slipway::importers::torch
