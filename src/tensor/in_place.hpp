// Tensors whose elements stand in a file already.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

#include "slipway/base/borrowed.hpp"
#include "slipway/tensor/tensor.hpp"

namespace slipway {

// Elements in the order of a Tensor, not aligned. Those that lie in `lasting` and are aligned stay where they are, which has to outlive the
// tensor and all made of it; of others one copy is made, and copies of the tensor share it.
inline Tensor tensor_in_place(DType dtype, Shape shape, std::string_view elements, std::string_view lasting) {
  const bool aligned = reinterpret_cast<std::uintptr_t>(elements.data()) % dtype_size(dtype) == 0;
  const bool stays = aligned && !elements.empty() && lies_within(elements, lasting);
  return Tensor::share(dtype, std::move(shape), stays ? borrowed(elements) : OwnedBytes(elements).share());
}

}  // namespace slipway
