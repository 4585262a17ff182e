#include "slipway/tensor/tensor.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>

namespace slipway {
namespace {

struct DTypeFacts {
  DType dtype;
  std::size_t size;
  std::string_view name;
  std::string_view oip;
};

constexpr std::array kFacts = {
    DTypeFacts{DType::undefined, 0, "undefined", ""},   DTypeFacts{DType::float32, 4, "float32", "FP32"},
    DTypeFacts{DType::uint8, 1, "uint8", "UINT8"},      DTypeFacts{DType::int8, 1, "int8", "INT8"},
    DTypeFacts{DType::uint16, 2, "uint16", "UINT16"},   DTypeFacts{DType::int16, 2, "int16", "INT16"},
    DTypeFacts{DType::int32, 4, "int32", "INT32"},      DTypeFacts{DType::int64, 8, "int64", "INT64"},
    DTypeFacts{DType::string, 0, "string", "BYTES"},    DTypeFacts{DType::boolean, 1, "bool", "BOOL"},
    DTypeFacts{DType::float16, 2, "float16", "FP16"},   DTypeFacts{DType::float64, 8, "float64", "FP64"},
    DTypeFacts{DType::uint32, 4, "uint32", "UINT32"},   DTypeFacts{DType::uint64, 8, "uint64", "UINT64"},
    DTypeFacts{DType::bfloat16, 2, "bfloat16", "BF16"},
};

const DTypeFacts& facts(DType dtype) {
  const auto i = static_cast<std::size_t>(dtype);
  if (i < 14) return kFacts[i];
  return dtype == DType::bfloat16 ? kFacts[14] : kFacts[0];
}

template <class T>
T load(const std::byte* at) {
  T v;
  std::memcpy(&v, at, sizeof v);
  return v;
}

template <class Out>
Out element(DType dtype, const std::byte* at) {
  switch (dtype) {
    case DType::float32: return static_cast<Out>(load<float>(at));
    case DType::float64: return static_cast<Out>(load<double>(at));
    case DType::float16: return static_cast<Out>(half_to_float(load<std::uint16_t>(at)));
    case DType::bfloat16: return static_cast<Out>(bfloat16_to_float(load<std::uint16_t>(at)));
    case DType::uint8: return static_cast<Out>(load<std::uint8_t>(at));
    case DType::boolean: return static_cast<Out>(load<std::uint8_t>(at) != 0);
    case DType::int8: return static_cast<Out>(load<std::int8_t>(at));
    case DType::uint16: return static_cast<Out>(load<std::uint16_t>(at));
    case DType::int16: return static_cast<Out>(load<std::int16_t>(at));
    case DType::uint32: return static_cast<Out>(load<std::uint32_t>(at));
    case DType::int32: return static_cast<Out>(load<std::int32_t>(at));
    case DType::uint64: return static_cast<Out>(load<std::uint64_t>(at));
    case DType::int64: return static_cast<Out>(load<std::int64_t>(at));
    case DType::string:
    case DType::undefined: break;
  }
  return Out{};
}

}  // namespace

std::size_t dtype_size(DType dtype) { return facts(dtype).size; }
std::string_view dtype_name(DType dtype) { return facts(dtype).name; }
std::string_view dtype_oip_name(DType dtype) { return facts(dtype).oip; }

std::optional<DType> dtype_from_name(std::string_view name) {
  for (const DTypeFacts& f : kFacts) {
    if (f.dtype != DType::undefined && (f.name == name || f.oip == name)) return f.dtype;
  }
  return std::nullopt;
}

std::optional<std::size_t> element_count(std::span<const std::int64_t> shape) {
  std::size_t count = 1;
  bool empty = false;  // a zero anywhere makes the count 0, but the other dimensions must still be sane
  for (const std::int64_t d : shape) {
    if (d < 0) return std::nullopt;
    if (d == 0) {
      empty = true;
    } else if (__builtin_mul_overflow(count, static_cast<std::size_t>(d), &count)) {
      return std::nullopt;
    }
  }
  return empty ? 0 : count;
}

std::string shape_text(std::span<const std::int64_t> shape) {
  std::string out = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (i > 0) out += ", ";
    out += shape[i] < 0 ? "?" : std::to_string(shape[i]);
  }
  return out + "]";
}

Tensor::Tensor(DType dtype, Shape shape) : dtype_(dtype), shape_(std::move(shape)) {
  const auto count = element_count(shape_);
  std::size_t bytes = 0;
  // The callers check shapes that come from outside; one without a size here is a bug, which must not go on.
  if (!count || __builtin_mul_overflow(*count, dtype_size(dtype), &bytes)) std::abort();
  count_ = *count;
  if (dtype == DType::string) {
    strings_.resize(count_);
  } else {
    data_.resize(bytes);
  }
}

Tensor Tensor::of_strings(Shape shape, std::vector<std::string> values) {
  Tensor t;
  t.dtype_ = DType::string;
  t.shape_ = std::move(shape);
  t.count_ = element_count(t.shape_).value_or(0);
  t.strings_ = std::move(values);
  if (t.strings_.size() != t.count_) t.strings_.resize(t.count_);
  return t;
}

Tensor Tensor::adopt(DType dtype, Shape shape, std::vector<std::byte> bytes) {
  Tensor t;
  t.dtype_ = dtype;
  t.shape_ = std::move(shape);
  t.count_ = element_count(t.shape_).value_or(0);
  t.data_ = std::move(bytes);
  if (t.data_.size() != t.count_ * dtype_size(dtype)) std::abort();  // as in the constructor
  return t;
}

Tensor Tensor::share(DType dtype, Shape shape, SharedBytes bytes) {
  constexpr std::size_t kBytesMin = 4096;  // a copy costs less than the owner's count
  const auto* const begin = reinterpret_cast<const std::byte*>(bytes.text().data());
  const bool aligned = reinterpret_cast<std::uintptr_t>(begin) % std::max<std::size_t>(1, dtype_size(dtype)) == 0;
  if (!aligned || bytes.size() < kBytesMin || bytes.size() < bytes.kept_bytes() / 2) {
    return adopt(dtype, std::move(shape), std::vector<std::byte>(begin, begin + bytes.size()));
  }
  Tensor t;
  t.dtype_ = dtype;
  t.shape_ = std::move(shape);
  t.count_ = element_count(t.shape_).value_or(0);
  if (bytes.size() != t.count_ * dtype_size(dtype)) std::abort();  // as in the constructor
  t.shared_ = std::move(bytes);
  return t;
}

void Tensor::unshare() {
  const std::span<const std::byte> bytes = std::as_const(*this).bytes();
  data_.assign(bytes.begin(), bytes.end());
  shared_ = {};
}

void Tensor::reshape(Shape shape) {
  if (element_count(shape) == count_) shape_ = std::move(shape);
}

double Tensor::as_double(std::size_t i) const {
  return i < count_ && !bytes().empty() ? element<double>(dtype_, bytes().data() + i * dtype_size(dtype_)) : 0.0;
}

std::int64_t Tensor::as_int(std::size_t i) const {
  if (i >= count_ || bytes().empty()) return 0;
  if (!is_floating(dtype_)) return element<std::int64_t>(dtype_, bytes().data() + i * dtype_size(dtype_));
  const double d = as_double(i);
  return d >= -9223372036854775808.0 && d < 9223372036854775808.0 ? static_cast<std::int64_t>(d) : 0;  // out of range would be undefined
}

float half_to_float(std::uint16_t bits) {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000U) << 16;
  std::uint32_t exponent = (bits >> 10) & 0x1fU;
  std::uint32_t mantissa = bits & 0x3ffU;
  if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000U | (mantissa << 13));
  if (exponent == 0) {
    if (mantissa == 0) return std::bit_cast<float>(sign);
    const int shift = std::countl_zero(mantissa) - 21;  // bring the leading one to bit 10
    mantissa = (mantissa << shift) & 0x3ffU;
    exponent = static_cast<std::uint32_t>(1 - shift);  // may be negative: wraps, and the sum below wraps back
  }
  return std::bit_cast<float>(sign | ((exponent + 112U) << 23) | (mantissa << 13));
}

std::uint16_t float_to_half(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000U);
  const std::uint32_t magnitude = bits & 0x7fffffffU;
  if (magnitude > 0x7f800000U) return sign | 0x7e00U;   // NaN
  if (magnitude >= 0x47800000U) return sign | 0x7c00U;  // 65536 and above, infinity
  std::uint32_t mantissa = magnitude & 0x7fffffU;
  int shift = 13;
  std::uint32_t base = 0;
  if (magnitude < 0x38800000U) {               // below 2^-14: subnormal
    if (magnitude < 0x33000000U) return sign;  // below 2^-25: zero
    mantissa |= 0x800000U;
    shift = 126 - static_cast<int>(magnitude >> 23);
  } else {
    base = ((magnitude >> 23) - 112U) << 10;
  }
  const std::uint32_t kept = base + (mantissa >> shift);
  const std::uint32_t rest = mantissa & ((1U << shift) - 1U);
  const std::uint32_t half = 1U << (shift - 1);
  const bool up = rest > half || (rest == half && (kept & 1U) != 0);
  return static_cast<std::uint16_t>(sign | (kept + (up ? 1U : 0U)));  // a carry into the exponent is right, up to infinity
}

std::uint16_t float_to_bfloat16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffffU) > 0x7f800000U) return static_cast<std::uint16_t>((bits >> 16) | 0x40U);
  return static_cast<std::uint16_t>((bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16);
}

}  // namespace slipway
