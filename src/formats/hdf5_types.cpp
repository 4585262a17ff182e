#include "slipway/formats/hdf5_types.hpp"

#include <array>
#include <limits>

namespace slipway::hdf5 {
namespace {

enum Class : unsigned { kFixedPoint = 0, kFloatingPoint = 1, kString = 3, kOpaque = 5, kEnum = 8, kVariable = 9 };
constexpr std::array<std::string_view, 12> kClassNames = {
    "integers",     "floating-point numbers",       "times",  "strings",        "bit fields", "opaque bytes", "compound values", "references",
    "enumerations", "sequences of variable length", "arrays", "complex numbers"};
constexpr unsigned kRankLimit = 32;
constexpr std::size_t kTextBytes = sizeof(std::string);  // what each text costs beside its characters

DType integer_dtype(std::size_t size, bool is_signed) {
  switch (size) {
    case 1: return is_signed ? DType::int8 : DType::uint8;
    case 2: return is_signed ? DType::int16 : DType::uint16;
    case 4: return is_signed ? DType::int32 : DType::uint32;
    case 8: return is_signed ? DType::int64 : DType::uint64;
    default: return DType::undefined;
  }
}

void fixed_point(Cursor& c, std::uint32_t bits, Type& type) {
  const std::uint16_t offset = c.u16(), precision = c.u16();
  type.big_endian = (bits & 1) != 0;
  if (offset == 0 && precision == 8 * type.size) type.dtype = integer_dtype(type.size, (bits & 8) != 0);
  if (type.dtype == DType::undefined)
    type.refusal = "integers of " + std::to_string(precision) + " bits in " + std::to_string(type.size) + " bytes are not read";
}

struct FloatLayout {
  DType dtype;
  std::size_t size;
  unsigned sign, exponent_at, exponent_bits, mantissa_bits;
  std::uint32_t bias;
};
constexpr std::array<FloatLayout, 4> kFloats = {{{DType::float16, 2, 15, 10, 5, 10, 15},
                                                 {DType::bfloat16, 2, 15, 7, 8, 7, 127},
                                                 {DType::float32, 4, 31, 23, 8, 23, 127},
                                                 {DType::float64, 8, 63, 52, 11, 52, 1023}}};

void floating_point(Cursor& c, std::uint32_t bits, Type& type) {
  const unsigned offset = c.u16(), precision = c.u16(), exponent_at = c.u8(), exponent_bits = c.u8(), mantissa_at = c.u8(), mantissa_bits = c.u8();
  const std::uint32_t bias = c.u32();
  const bool vax = (bits & 0x40) != 0, implied_one = (bits >> 4 & 3) == 2;
  type.big_endian = (bits & 1) != 0;
  for (const FloatLayout& f : kFloats) {
    if (!vax && implied_one && offset == 0 && mantissa_at == 0 && precision == 8 * f.size && type.size == f.size && (bits >> 8 & 0xFF) == f.sign &&
        exponent_at == f.exponent_at && exponent_bits == f.exponent_bits && mantissa_bits == f.mantissa_bits && bias == f.bias) {
      type.dtype = f.dtype;
    }
  }
  if (type.dtype == DType::undefined) {
    type.refusal = "floating-point numbers of " + std::to_string(precision) + " bits (exponent " + std::to_string(exponent_bits) + ", mantissa " +
                   std::to_string(mantissa_bits) + ") are not read";
  }
}

// h5py's booleans are an enumeration of int8: FALSE 0, TRUE 1. Other enumerations are read as the integers they are.
Status enumeration(const Source& source, Cursor& c, std::uint32_t bits, unsigned version, Type& type) {
  const std::size_t at = c.at(), members = bits & 0xFFFF;
  const std::uint32_t base_head = c.u32();
  const std::size_t base_size = c.u32();
  if ((base_head & 0xF) != kFixedPoint || base_size != type.size)
    return source.fail(at, "an enumeration of something that is no integer of its size");
  fixed_point(c, base_head >> 8, type);
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < members && !c.failed(); ++i) {
    Cursor rest = c;
    const std::string_view text = rest.text(rest.left());
    const std::size_t length = text.find('\0');
    if (length == text.npos) return source.fail(c.at(), "an enumeration with a name that doesn't end");
    names.push_back(text.substr(0, length));
    c.skip(version < 3 ? (length + 8) / 8 * 8 : length + 1);
  }
  if (members == 2 && type.size == 1 && names.size() == 2 && names[0] == "FALSE" && names[1] == "TRUE" && c.u8() == 0 && c.u8() == 1)
    type.dtype = DType::boolean;
  return ok();
}

Status string(const Source& source, std::size_t at, std::uint32_t bits, Type& type) {
  const unsigned padding = bits & 0xF;
  if (padding > 2) return source.fail(at, "a string type with an unknown padding");
  type.padding = static_cast<Type::Padding>(padding);
  type.dtype = DType::string;
  return ok();
}

std::string_view unpadded(std::string_view text, Type::Padding padding) {
  if (padding == Type::Padding::ends_at_nul) return text.substr(0, text.find('\0'));
  const char fill = padding == Type::Padding::nuls ? '\0' : ' ';
  return text.substr(0, text.find_last_not_of(fill) + 1);  // npos + 1: none of it
}

}  // namespace

Result<Type> parse_type(const Source& source, Cursor c) {
  Type type;
  const std::size_t at = c.at();
  const std::uint32_t head = c.u32();
  type.size = c.u32();
  const unsigned version = head >> 4 & 0xF, kind = head & 0xF;
  const std::uint32_t bits = head >> 8;
  TRY(source.done(c, "a datatype"));
  if (version < 1 || version > 5) return source.fail(at, "a datatype has version " + std::to_string(version));
  if (type.size == 0) return source.fail(at, "a datatype whose elements have no bytes");
  if (kind == kFixedPoint) {
    fixed_point(c, bits, type);
  } else if (kind == kFloatingPoint) {
    floating_point(c, bits, type);
  } else if (kind == kString) {
    TRY(string(source, at, bits, type));
  } else if (kind == kEnum) {
    TRY(enumeration(source, c, bits, version, type));
  } else if (kind == kVariable && (bits & 0xF) == 1) {
    type.dtype = DType::string;
    type.variable = true;
    if (type.size != 8U + c.address_bytes()) return source.fail(at, "a variable-length string of " + std::to_string(type.size) + " bytes");
  } else {
    type.opaque = kind == kOpaque;
    type.refusal =
        (kind < kClassNames.size() ? std::string(kClassNames[kind]) : "values of the unknown class " + std::to_string(kind)) + " are not read";
  }
  TRY(source.done(c, "a datatype"));
  return type;
}

Result<Space> parse_space(const Source& source, Cursor c) {
  Space space;
  const std::size_t at = c.at();
  const unsigned version = c.u8(), rank = c.u8(), flags = c.u8(), kind = c.u8();  // kind: of version 2; reserved before
  if (version != 1 && version != 2) return source.fail(at, "a dataspace has version " + std::to_string(version));
  if (rank > kRankLimit) return source.fail(at, "a dataspace has " + std::to_string(rank) + " dimensions");
  if (version == 1) c.skip(4);
  if (version == 2 && (kind > 2 || (kind != 1 && rank != 0))) return source.fail(at, "a dataspace of an unknown kind");
  for (unsigned i = 0; i < rank; ++i) {
    const std::uint64_t size = c.length();
    if (size > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return source.fail(at, "a dataspace with an absurd dimension");
    space.shape.push_back(static_cast<std::int64_t>(size));
  }
  const std::uint64_t unlimited = kUndefined >> (64 - 8 * c.length_bytes());
  for (unsigned i = 0; i < rank; ++i) {
    const auto size = static_cast<std::uint64_t>(space.shape[i]);
    const std::uint64_t most = (flags & 1) != 0 ? c.length() : size;
    space.most.push_back(most == unlimited ? kUndefined : most);
    if (most < size) return source.fail(at, "a dataspace with a dimension above its maximum");
  }
  TRY(source.done(c, "a dataspace"));
  if (!element_count(space.shape)) return source.fail(at, "a dataspace with more elements than there can be: " + shape_text(space.shape));
  if (version == 2 && kind == 2) {
    space.none = true;
    space.shape = {0};
    space.most = {0};
  }
  return space;
}

std::size_t elements(const Space& space) { return element_count(space.shape).value_or(0); }

void make_native(const Type& type, std::span<std::byte> elements) {
  if (type.dtype == DType::boolean) {
    for (std::byte& b : elements) b = b == std::byte{0} ? std::byte{0} : std::byte{1};
  }
  if (!type.big_endian || type.size < 2) return;
  for (std::size_t at = 0; at + type.size <= elements.size(); at += type.size) {
    const auto element = elements.subspan(at, type.size);
    std::reverse(element.begin(), element.end());
  }
}

Result<std::vector<std::string>> make_texts(Source& source, GlobalHeap& heap, const Type& type, std::string_view data, std::size_t at) {
  std::vector<std::string> out;
  TRY(source.give(data.size() / type.size * kTextBytes + (type.variable ? 0 : data.size()), at));
  out.reserve(data.size() / type.size);
  for (; data.size() >= type.size; data.remove_prefix(type.size)) {
    if (!type.variable) {
      out.emplace_back(unpadded(data.substr(0, type.size), type.padding));
      continue;
    }
    Cursor c(data, 0, type.size, source.address_bytes(), source.length_bytes());
    const std::uint32_t length = c.u32();
    const std::uint64_t collection = c.address();
    const std::uint32_t index = c.u32();
    if (length == 0 || collection == 0 || collection == kUndefined) {
      out.emplace_back();
      continue;
    }
    const std::string_view text = TRY(heap.object(source, collection, index));
    if (length > text.size())
      return source.fail(at, "a string of " + std::to_string(length) + " bytes in a heap object of " + std::to_string(text.size()));
    TRY(source.give(length, at));
    out.emplace_back(unpadded(text.substr(0, length), Type::Padding::ends_at_nul));
  }
  return out;
}

Result<Tensor> make_tensor(Source& source, GlobalHeap& heap, const Type& type, const Shape& shape, std::string_view data, std::size_t at) {
  if (type.dtype == DType::string) return Tensor::of_strings(shape, TRY(make_texts(source, heap, type, data, at)));
  TRY(source.give(data.size(), at));
  const auto bytes = as_bytes(data);
  std::vector<std::byte> copy(bytes.begin(), bytes.end());
  make_native(type, copy);
  return Tensor::adopt(type.dtype, shape, std::move(copy));
}

}  // namespace slipway::hdf5
