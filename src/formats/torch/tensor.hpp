// A tensor as PyTorch's files describe it: sizes and strides over a storage, which is a stretch of the file. Every description that comes
// out of here has been checked: no element lies outside its storage. Values; the file's bytes must outlive them. Single-threaded.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "slipway/base/result.hpp"
#include "slipway/tensor/tensor.hpp"

namespace slipway::torch {

// Bytes that all tensors of one file may still be copied to: a stride of 0 makes any size out of four bytes, and one storage can have a
// million names.
struct CopyBudget {
  std::uint64_t left = 0;
  static CopyBudget of_file(std::uint64_t bytes) { return {(64ULL << 20) + 4 * bytes}; }
};

// Row-major, little-endian. `bytes` points into the file, or into `owned`; a move keeps it valid.
struct Contiguous {
  std::span<const std::byte> bytes;
  std::vector<std::byte> owned;
  Contiguous() = default;
  Contiguous(Contiguous&&) = default;
  Contiguous& operator=(Contiguous&&) = default;
  Contiguous(const Contiguous&) = delete;  // the copy's bytes would be the original's
  Contiguous& operator=(const Contiguous&) = delete;
};

struct TensorView {
  DType dtype = DType::undefined;  // never string
  Shape sizes;
  std::vector<std::int64_t> strides;   // in elements, as many as sizes, none negative
  std::span<const std::byte> storage;  // whole elements
  std::uint64_t offset = 0;            // of the first element, in elements
  std::size_t count = 0;               // of elements
  bool big_endian = false;
  bool is_parameter = false;
  CopyBudget* copies = nullptr;  // of the file, which outlives this

  std::size_t byte_size() const { return count * dtype_size(dtype); }
  bool is_contiguous() const;
  // Nothing is copied when the file has the elements in this order already: weights of 500 MB stay where they are.
  // Errors: model_refused when the copies of this file come to more than the file can account for, or a boolean is neither 0 nor 1.
  Result<Contiguous> materialise() const;
  // The same as a value. Elements that stand in `lasting` just so are those bytes themselves, which have to outlive it; others are a copy.
  Result<Tensor> tensor(std::span<const std::byte> lasting = {}) const;
};

// Fills `count`, or refuses: a rank above kRankMax, something negative, an overflow, an element outside the storage.
Result<TensorView> checked(TensorView tensor);

// "float32", "bfloat16", "long", ...: the names of torch's dtypes. Errors: model_refused for complex, quantized and 8-bit float ones, by name.
Result<DType> dtype_of_name(std::string_view name);

}  // namespace slipway::torch
