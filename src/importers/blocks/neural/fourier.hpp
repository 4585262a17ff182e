// Discrete Fourier transforms, as products with matrices: the engine's own DFT is off in the third digit where the length is no power of two.
// Complex numbers are two tensors of real ones.
#pragma once

#include "slipway/importers/blocks/neural/net.hpp"

namespace slipway::importers::neural {

struct ComplexValue {
  Value real;
  std::optional<Value> imaginary;  // absent: zeros
};

// What a transform is multiplied with: 1, 1 / sqrt(n) or 1 / n.
enum class FourierScale : std::uint8_t { none, root, whole };

// sum over t of x[t] exp(-+ 2 pi i k t / n) along `axis`, n being its size; inverse: the sign is +. half: for k up to n / 2 only.
Result<ComplexValue> fourier(Net& net, const ComplexValue& x, std::int64_t axis, bool inverse, bool half, FourierScale scale);
// The real numbers, n along `axis`, whose transform begins with `x`, which has n / 2 + 1 along it.
Result<Value> fourier_to_real(Net& net, const ComplexValue& x, std::int64_t axis, Dim n, FourierScale scale);

// Kernels [2 bins, 1, size] of a convolution that gives the transforms of windows: first the real parts, then the imaginary ones.
Value fourier_kernels(Net& net, std::int64_t size, bool half, DType dtype);

}  // namespace slipway::importers::neural
