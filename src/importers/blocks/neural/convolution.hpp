// Convolutions of one to three dimensions: x [N, C, *spatial], weight [C_out, C_in / groups, *kernel] (transposed: [C_in, C_out / groups, *kernel]).
#pragma once

#include "slipway/importers/blocks/neural/net.hpp"

namespace slipway::importers::neural {

// What is put around the spatial dimensions. same: as many as the output needs to be ceil(in / stride), the odd one behind
// (TensorFlow's SAME); causal: (kernel - 1) * dilation before, nothing behind.
struct Padding {
  enum class Kind : std::uint8_t { explicit_, same, causal } kind = Kind::explicit_;
  std::vector<std::int64_t> before, after;  // explicit: one a spatial dimension; empty: none
};

struct Convolution {
  std::vector<std::int64_t> strides, dilations;  // one a spatial dimension
  Padding padding;
  std::int64_t groups = 1;
};
Result<Value> convolve(Net& net, const Value& x, const Value& weight, const std::optional<Value>& bias, const Convolution& c);

// out = (in - 1) * stride - before - after + (kernel - 1) * dilation + 1 + output_padding
struct TransposedConvolution {
  std::vector<std::int64_t> strides, dilations, before, after, output_padding;
  std::int64_t groups = 1;
};
Result<Value> convolve_transposed(Net& net, const Value& x, const Value& weight, const std::optional<Value>& bias, const TransposedConvolution& c);

// Size of a window's result along one dimension: floor((in + before + after - dilation * (kernel - 1) - 1) / stride) + 1; less than 1 is an error.
Result<Dim> window_size(Net& net, Dim in, std::int64_t kernel, std::int64_t stride, std::int64_t dilation, std::int64_t before, std::int64_t after,
                        bool ceil, std::string_view who);
// The pads of `same` for a known size: total max((ceil(in / s) - 1) * s + (k - 1) * d + 1 - in, 0).
void same_pads(std::int64_t in, std::int64_t kernel, std::int64_t stride, std::int64_t dilation, std::int64_t& before, std::int64_t& after);

}  // namespace slipway::importers::neural
