// Tensors as values: a type, a shape, and the elements in row-major order. Strings stand in a vector of their own. Elements may be bytes that
// others share, which nobody writes: who asks for them to write gets a copy first.
// Values; a Tensor may be read by several threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "slipway/base/bytes.hpp"
#include "slipway/base/result.hpp"

namespace slipway {

// Numbers are ONNX's TensorProto.DataType, so that files and wires need no table.
enum class DType : std::uint8_t {
  undefined = 0,
  float32 = 1,
  uint8 = 2,
  int8 = 3,
  uint16 = 4,
  int16 = 5,
  int32 = 6,
  int64 = 7,
  string = 8,
  boolean = 9,
  float16 = 10,
  float64 = 11,
  uint32 = 12,
  uint64 = 13,
  bfloat16 = 16
};

std::size_t dtype_size(DType dtype);                          // bytes of one element; 0 for string and undefined
std::string_view dtype_name(DType dtype);                     // "float64"
std::string_view dtype_oip_name(DType dtype);                 // "FP64", "BYTES", ...
std::optional<DType> dtype_from_name(std::string_view name);  // either naming
inline bool is_floating(DType d) { return d == DType::float32 || d == DType::float64 || d == DType::float16 || d == DType::bfloat16; }

using Shape = std::vector<std::int64_t>;  // concrete: every dimension >= 0
inline constexpr std::size_t kRankMax = 8;
std::optional<std::size_t> element_count(std::span<const std::int64_t> shape);  // nullopt: overflow or a negative dimension
std::string shape_text(std::span<const std::int64_t> shape);                    // "[2, 3]"

float half_to_float(std::uint16_t bits);   // IEEE binary16
std::uint16_t float_to_half(float value);  // round to nearest even
inline float bfloat16_to_float(std::uint16_t bits) {
  const std::uint32_t wide = static_cast<std::uint32_t>(bits) << 16;
  float f = 0;
  std::memcpy(&f, &wide, sizeof f);
  return f;
}
std::uint16_t float_to_bfloat16(float value);

// A text column's missing value (None, NaN, null). Graph input strings have no null, so it is this string: a private-use
// character, which no category of a real model starts with.
inline constexpr std::string_view kMissingText = "\xEE\x80\x80missing";

class Tensor {
 public:
  Tensor() = default;
  Tensor(DType dtype, Shape shape);  // zero-filled; shape must have a count
  static Tensor of_strings(Shape shape, std::vector<std::string> values);
  static Tensor adopt(DType dtype, Shape shape, std::vector<std::byte> bytes);  // takes the memory; its size must fit
  // The elements are these bytes themselves, which stay for it; their size must fit. A copy where they are not aligned, or only a small part of
  // the memory that would stay.
  static Tensor share(DType dtype, Shape shape, SharedBytes bytes);
  template <class T>
  static Tensor of(DType dtype, Shape shape, std::span<const T> values);  // sizeof(T) is the dtype's

  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  std::size_t count() const { return count_; }
  std::size_t rows() const { return shape_.empty() ? 1 : static_cast<std::size_t>(shape_[0]); }

  std::span<const std::byte> bytes() const {
    return shared_.empty() ? std::span<const std::byte>(data_) : std::as_bytes(std::span(shared_.text().data(), shared_.size()));
  }
  std::span<std::byte> bytes() {
    if (!shared_.empty()) unshare();
    return data_;
  }
  template <class T>
  std::span<const T> as() const {
    return {reinterpret_cast<const T*>(bytes().data()), bytes().size() / sizeof(T)};
  }
  template <class T>
  std::span<T> as() {
    return {reinterpret_cast<T*>(bytes().data()), data_.size() / sizeof(T)};
  }
  const std::vector<std::string>& strings() const { return strings_; }
  std::vector<std::string>& strings() { return strings_; }

  void reshape(Shape shape);              // same count
  double as_double(std::size_t i) const;  // any numeric type
  std::int64_t as_int(std::size_t i) const;

 private:
  void unshare();

  DType dtype_ = DType::undefined;
  Shape shape_;
  std::size_t count_ = 0;
  std::vector<std::byte> data_;
  SharedBytes shared_;  // instead of data_, when it isn't empty
  std::vector<std::string> strings_;
};

template <class T>
Tensor Tensor::of(DType dtype, Shape shape, std::span<const T> values) {
  Tensor t(dtype, std::move(shape));
  if (!values.empty()) std::memcpy(t.data_.data(), values.data(), std::min(values.size_bytes(), t.data_.size()));
  return t;
}

inline Tensor doubles(Shape shape, std::span<const double> v) { return Tensor::of<double>(DType::float64, std::move(shape), v); }
inline Tensor int64s(Shape shape, std::span<const std::int64_t> v) { return Tensor::of<std::int64_t>(DType::int64, std::move(shape), v); }

}  // namespace slipway
