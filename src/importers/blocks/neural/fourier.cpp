#include "slipway/importers/blocks/neural/fourier.hpp"

#include <cmath>
#include <functional>
#include <numbers>

#include "slipway/importers/blocks/neural/dense.hpp"
#include "slipway/importers/blocks/neural/elementwise.hpp"
#include "slipway/importers/blocks/neural/shapes.hpp"

namespace slipway::importers::neural {

namespace {

constexpr std::int64_t kMatrixMax = 2'048;  // longer ones are split into two: n = a * b, each of which is a matrix

struct Waves {
  Value cosine, sine;  // [rows, columns]
};

double scale_of(FourierScale scale, double n) { return scale == FourierScale::none ? 1 : scale == FourierScale::root ? 1 / std::sqrt(n) : 1 / n; }

// Numbers by row and column; none where they aren't looked at.
Tensor wave(const Net& net, std::int64_t rows, std::int64_t columns, DType dtype, const std::function<double(std::int64_t, std::int64_t)>& at) {
  Tensor t(dtype, {rows, columns});
  if (net.dry()) return t;
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < columns; ++c) {
      const auto i = static_cast<std::size_t>(r * columns + c);
      if (dtype == DType::float64) {
        t.as<double>()[i] = at(r, c);
      } else {
        t.as<float>()[i] = static_cast<float>(at(r, c));
      }
    }
  }
  return t;
}

// Of m n-ths of a turn; half a turn is one exactly: what is real stays so.
double sine_of(std::int64_t m, std::int64_t n) {
  return 2 * m % n == 0 ? 0 : std::sin(2 * std::numbers::pi * static_cast<double>(m) / static_cast<double>(n));
}
double cosine_of(std::int64_t m, std::int64_t n) { return std::cos(2 * std::numbers::pi * static_cast<double>(m) / static_cast<double>(n)); }

// cos and sin of 2 pi r c / n, times `factor`. The angle is reduced as whole numbers.
Waves waves(Net& net, std::int64_t rows, std::int64_t columns, std::int64_t n, double factor, DType dtype) {
  return {net.constant(wave(net, rows, columns, dtype, [=](auto r, auto c) { return factor * cosine_of(r * c % n, n); })),
          net.constant(wave(net, rows, columns, dtype, [=](auto r, auto c) { return factor * sine_of(r * c % n, n); }))};
}
// The same where only a request knows the sizes.
Result<Waves> waves(Net& net, Dim rows, Dim columns, Dim n, FourierScale scale, DType dtype) {
  const Value product = TRY(mul(net, TRY(unsqueeze(net, range(net, 0, rows, 1), 1)), range(net, 0, columns, 1)));
  const Value size = net.cast(net.to_scalar(n), dtype);
  const Value place = TRY(remainder(net, product, net.to_scalar(n)));
  const Value angle = TRY(scaled(net, TRY(divide(net, net.cast(place, dtype), size)), 2 * std::numbers::pi));
  const Value half_turn = TRY(compare(net, "Equal", TRY(add(net, place, place)), net.to_scalar(n)));
  Waves w{unary(net, "Cos", angle), TRY(where(net, half_turn, net.number(0, dtype), unary(net, "Sin", angle)))};
  if (scale == FourierScale::none) return w;
  const Value by = scale == FourierScale::whole ? size : unary(net, "Sqrt", size);
  return Waves{TRY(divide(net, w.cosine, by)), TRY(divide(net, w.sine, by))};
}

// x times (cosine -+ i sine), along the last dimension.
Result<ComplexValue> times(Net& net, const ComplexValue& x, const Waves& w, bool inverse) {
  ComplexValue out{TRY(matmul(net, x.real, w.cosine)), TRY(matmul(net, x.real, w.sine))};
  if (!inverse) out.imaginary = unary(net, "Neg", *out.imaginary);
  if (!x.imaginary) return out;
  const Value crossed = TRY(matmul(net, *x.imaginary, w.sine)), straight = TRY(matmul(net, *x.imaginary, w.cosine));
  out.real = TRY(binary(net, inverse ? "Sub" : "Add", out.real, crossed));
  out.imaginary = TRY(add(net, *out.imaginary, straight));
  return out;
}

template <class Each>
Result<ComplexValue> both(const ComplexValue& x, const Each& each) {
  ComplexValue out{TRY(each(x.real)), std::nullopt};
  if (x.imaginary) out.imaginary = TRY(each(*x.imaginary));
  return out;
}

// n = a * b: of the place t = b t1 + t2 first over t1, turned by exp(-+ 2 pi i k1 t2 / n), then over t2, for k = k1 + a k2. The last dimension.
Result<ComplexValue> split_transform(Net& net, const ComplexValue& x, std::int64_t a, std::int64_t b, bool inverse, double factor) {
  const DType dtype = x.real.dtype();
  const ComplexValue parts = TRY(both(x, [&](const Value& v) -> Result<Value> {
    Dims dims(v.dims.begin(), v.dims.end() - 1);
    dims.insert(dims.end(), {Dim(a), Dim(b)});
    return swap_axes(net, TRY(reshape(net, v, dims)), -1, -2);  // [..., t2, t1]
  }));
  const ComplexValue first = TRY(times(net, parts, waves(net, a, a, a, factor, dtype), inverse));  // [..., t2, k1]
  const Waves turn = waves(net, b, a, a * b, 1, dtype);
  const Value &re = first.real, &im = *first.imaginary;
  const Value a1 = TRY(mul(net, re, turn.cosine)), a2 = TRY(mul(net, im, turn.sine)), b1 = TRY(mul(net, im, turn.cosine)),
              b2 = TRY(mul(net, re, turn.sine));
  const ComplexValue turned{TRY(binary(net, inverse ? "Sub" : "Add", a1, a2)), TRY(binary(net, inverse ? "Add" : "Sub", b1, b2))};
  const ComplexValue second = TRY(both(turned, [&](const Value& v) { return swap_axes(net, v, -1, -2); }));  // [..., k1, t2]
  const ComplexValue done = TRY(times(net, second, waves(net, b, b, b, 1, dtype), inverse));                 // [..., k1, k2]
  return both(done, [&](const Value& v) -> Result<Value> {
    Dims dims(v.dims.begin(), v.dims.end() - 2);
    dims.emplace_back(a * b);
    return reshape(net, TRY(swap_axes(net, v, -1, -2)), dims);
  });
}

// The factor of n that is nearest to its root; 1: there is none that leaves two matrices.
std::int64_t factor_near_root(std::int64_t n) {
  for (auto a = static_cast<std::int64_t>(std::sqrt(static_cast<double>(n))); a > 1; --a) {
    if (n % a == 0) return n / a <= kMatrixMax ? a : 1;
  }
  return 1;
}

Dim half_of(Net& net, Dim n) { return net.add(net.floor_div(n, 2), 1); }

Result<ComplexValue> along_last(Net& net, const ComplexValue& x, bool inverse, bool half, FourierScale scale) {
  const Dim n = x.real.dims.back();
  const DType dtype = x.real.dtype();
  if (!n.known()) return times(net, x, TRY(waves(net, n, half ? half_of(net, n) : n, n, scale, dtype)), inverse);
  if (n.value < 1) return wrong("Fourier transform: of nothing");
  const std::int64_t bins = half ? n.value / 2 + 1 : n.value;
  const double factor = scale_of(scale, static_cast<double>(n.value));
  if (n.value <= kMatrixMax) return times(net, x, waves(net, n.value, bins, n.value, factor, dtype), inverse);
  const std::int64_t a = factor_near_root(n.value);
  if (a == 1) return wrong("Fourier transform: of " + std::to_string(n.value) + " values, a number that has no factors near its root");
  const ComplexValue all = TRY(split_transform(net, x, a, n.value / a, inverse, factor));
  return half ? both(all, [&](const Value& v) { return slice(net, v, -1, 0, bins); }) : Result<ComplexValue>(all);
}

// Of n / 2 + 1 values all n: the others are their conjugates, backwards.
Result<ComplexValue> mirrored(Net& net, const ComplexValue& x, std::int64_t n) {
  const auto tail = [&](const Value& v) -> Result<Value> { return flip(net, TRY(slice(net, v, -1, 1, (n + 1) / 2)), {-1}); };
  ComplexValue out{TRY(concat(net, {x.real, TRY(tail(x.real))}, -1)), std::nullopt};
  if (x.imaginary) out.imaginary = TRY(concat(net, {*x.imaginary, unary(net, "Neg", TRY(tail(*x.imaginary)))}, -1));
  return out;
}

// How often each of n / 2 + 1 values stands in the whole: the first and, of an even n, the last once, the others twice. [bins, 1]
Result<Value> weights(Net& net, Dim bins, Dim n, DType dtype) {
  const Value k = range(net, 0, bins, 1);
  const Value first = TRY(compare(net, "Equal", k, net.number(0, DType::int64)));
  const Value middle = TRY(compare(net, "Equal", TRY(add(net, k, k)), net.to_scalar(n)));
  const Value once = TRY(binary(net, "Or", first, middle));
  return unsqueeze(net, TRY(where(net, once, net.number(1, dtype), net.number(2, dtype))), 1);
}

Result<Value> real_along_last(Net& net, const ComplexValue& x, Dim n, FourierScale scale) {
  const DType dtype = x.real.dtype();
  const Dim bins = half_of(net, n);
  if (n.known() && n.value > kMatrixMax) return TRY(along_last(net, TRY(mirrored(net, x, n.value)), true, false, scale)).real;
  Waves w;
  if (n.known()) {
    const double factor = scale_of(scale, static_cast<double>(n.value));
    const auto weighted = [&](auto wave_of) {
      return net.constant(wave(net, bins.value, n.value, dtype, [&, wave_of](std::int64_t k, std::int64_t t) {
        return (k == 0 || 2 * k == n.value ? 1 : 2) * factor * wave_of(k * t % n.value, n.value);
      }));
    };
    w = {weighted(cosine_of), weighted(sine_of)};
  } else {
    const Waves plain = TRY(waves(net, bins, n, n, scale, dtype));
    const Value often = TRY(weights(net, bins, n, dtype));
    w = {TRY(mul(net, plain.cosine, often)), TRY(mul(net, plain.sine, often))};
  }
  const Value real = TRY(matmul(net, x.real, w.cosine));
  return x.imaginary ? sub(net, real, TRY(matmul(net, *x.imaginary, w.sine))) : Result<Value>(real);
}

}  // namespace

Result<ComplexValue> fourier(Net& net, const ComplexValue& x, std::int64_t axis, bool inverse, bool half, FourierScale scale) {
  const auto last = [&](const Value& v) { return swap_axes(net, v, axis, -1); };
  return both(TRY(along_last(net, TRY(both(x, last)), inverse, half, scale)), last);
}

Result<Value> fourier_to_real(Net& net, const ComplexValue& x, std::int64_t axis, Dim n, FourierScale scale) {
  const auto last = [&](const Value& v) { return swap_axes(net, v, axis, -1); };
  return last(TRY(real_along_last(net, TRY(both(x, last)), n, scale)));
}

Value fourier_kernels(Net& net, std::int64_t size, bool half, DType dtype) {
  const std::int64_t bins = half ? size / 2 + 1 : size;
  Tensor kernels = wave(net, 2 * bins, size, dtype, [&](std::int64_t row, std::int64_t t) {
    const std::int64_t place = row % bins * t % size;
    return row < bins ? cosine_of(place, size) : -sine_of(place, size);
  });
  kernels.reshape({2 * bins, 1, size});
  return net.constant(std::move(kernels));
}

}  // namespace slipway::importers::neural
