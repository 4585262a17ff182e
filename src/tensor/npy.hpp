// The head of an npy file, apart from its elements: what a reader needs who takes the elements piece by piece, and a writer who knows the
// number of rows last. Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "slipway/tensor/tensor.hpp"

namespace slipway {

inline constexpr std::size_t kNpyHeadBytesMax = 4096 + 12;

struct NpyHead {
  DType dtype = DType::undefined;
  bool fortran = false;
  Shape shape;
  std::size_t bytes = 0;  // of the head: the elements stand behind it
};
// beginning: of the file, kNpyHeadBytesMax bytes or all there are. Errors: bad_request.
Result<NpyHead> read_npy_head(std::string_view beginning);

bool has_npy_type(DType dtype);                         // not texts, and not bfloat16
std::string npy_head(DType dtype, const Shape& shape);  // row-major, as numpy writes it; precondition: has_npy_type

}  // namespace slipway
