// numpy's constructors, by pattern: dtype + BUILD, _reconstruct + BUILD, _frombuffer, scalar.
#include <algorithm>
#include <bit>
#include <charconv>

#include "slipway/base/encoding.hpp"
#include "slipway/formats/pickle_document.hpp"

namespace slipway::pickle {
namespace {

constexpr std::size_t kArrayRankMax = 16;
constexpr std::size_t kFieldsTotalMax = 1'000'000;
constexpr std::size_t kDtypesFree = 100'000, kDtypeBytesMin = 32;
constexpr std::int64_t kItemsizeMax = 1 << 30;

Error refused(std::string detail) { return {ErrorCode::model_refused, std::move(detail)}; }

std::uint64_t load_unsigned(const char* p, std::size_t size, bool big_endian) {
  std::uint64_t v = 0;
  for (std::size_t i = 0; i < size; ++i) {
    const auto byte = static_cast<unsigned char>(p[big_endian ? i : size - 1 - i]);
    v = v << 8 | byte;
  }
  return v;
}

double half_to_double(std::uint16_t h) {
  const int exponent = h >> 10 & 31;
  const double mantissa = h & 1023;
  double v = exponent == 0    ? mantissa * 0x1p-24
             : exponent == 31 ? (mantissa == 0 ? __builtin_inf() : __builtin_nan(""))
                              : (1024 + mantissa) * __builtin_ldexp(1.0, exponent - 25);
  return (h & 0x8000) != 0 ? -v : v;
}

bool known_size(char kind, std::int64_t size) {
  switch (kind) {
    case 'b': return size == 1;
    case 'i':
    case 'u': return size == 1 || size == 2 || size == 4 || size == 8;
    case 'f': return size == 2 || size == 4 || size == 8 || size == 12 || size == 16;
    case 'c': return size == 8 || size == 16 || size == 24 || size == 32;
    case 'M':
    case 'm': return size == 8;
    case 'O': return size == 4 || size == 8;
    case 'S':
    case 'U':
    case 'V': return size >= 0 && size <= kItemsizeMax / 4;
    default: return false;
  }
}

}  // namespace

std::optional<std::int64_t> NumpyValues::integer(NodeId id) const {
  const Node& n = d_.node(id);
  if (n.kind != Kind::integer && n.kind != Kind::boolean) return std::nullopt;
  return n.integer;
}

// [<>=|] letter digits, as in "f8", "<i4", "U10", "O8", "M8". The unit of a datetime stands in the state.
Result<std::uint32_t> NumpyValues::dtype_from_text(std::string_view text) {
  const std::string shown = excerpt(text, 20);
  bool big_endian = false;
  if (!text.empty() && std::string_view("<>=|").find(text[0]) != std::string_view::npos) {
    big_endian = text[0] == '>';
    text.remove_prefix(1);
  }
  if (text.empty()) return refused("the numpy dtype '" + shown + "' is not known");
  char kind = text[0];
  if (kind == 'a') kind = 'S';
  if (text == "?") text = "b1", kind = 'b';
  const std::string_view digits = text.substr(1);
  std::int64_t size = 0;
  if (digits.empty()) {
    size = kind == 'O' ? 8 : -1;
    if (kind == 'S' || kind == 'U' || kind == 'V') size = 0;
  } else {
    auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), size);
    if (failed != std::errc() || end != digits.data() + digits.size()) size = -1;
  }
  if (!known_size(kind, size)) return refused("the numpy dtype '" + shown + "' is not known");
  Dtype dtype;
  dtype.kind = kind;
  dtype.big_endian = big_endian;
  dtype.has_object = kind == 'O';
  dtype.itemsize = static_cast<std::uint32_t>(kind == 'U' ? size * 4 : size);
  TRY(count_dtype());
  d_.dtypes.push_back(std::move(dtype));
  return static_cast<std::uint32_t>(d_.dtypes.size() - 1);
}

Status NumpyValues::count_dtype() const {
  if (d_.dtypes.size() > kDtypesFree + d_.input.size() / kDtypeBytesMin) return refused("more numpy dtypes than the file can hold");
  return ok();
}

Result<Shape> NumpyValues::shape_from(NodeId shape) const {
  const Node& n = d_.node(shape);
  Shape out;
  if (n.kind == Kind::integer) {
    out.push_back(n.integer);
  } else if (n.kind == Kind::tuple || n.kind == Kind::list) {
    if (n.range.count > kArrayRankMax) return refused("an array of " + std::to_string(n.range.count) + " dimensions");
    for (std::size_t i = 0; i < n.range.count; ++i) {
      const auto v = integer(d_.child(n.range, i));
      if (!v) return refused("an array's shape holds something that is no integer");
      out.push_back(*v);
    }
  } else {
    return refused("an array's shape is no tuple");
  }
  // Also an empty array's other dimensions must make sense: whoever multiplies them later must not overflow.
  std::size_t product = 1;
  for (const std::int64_t v : out) {
    if (v < 0) return refused("an array has the negative dimension " + std::to_string(v));
    const auto next = checked_mul(product, static_cast<std::size_t>(std::max<std::int64_t>(v, 1)));
    if (!next || *next > (std::size_t{1} << 48)) return refused("an array's shape is too large");
    product = *next;
  }
  return out;
}

Result<std::size_t> NumpyValues::data_size(std::uint32_t dtype, const Shape& shape) const {
  std::size_t size = 1;
  for (const std::int64_t v : shape) size *= static_cast<std::size_t>(v);  // shape_from has bounded it
  const Dtype& d = d_.dtypes[dtype];
  if (d.itemsize == 0 && size > 0) return refused("an array of elements of no bytes");
  const auto total = checked_mul(size, d.itemsize);
  if (!total || *total > limits_.array_bytes_max) {
    return refused("an array of " + std::to_string(size) + " elements of " + std::to_string(d.itemsize) + " bytes is over the limit");
  }
  return *total;
}

std::vector<std::int64_t> NumpyValues::fortran_strides(const Shape& shape) {
  if (shape.size() < 2) return {};
  std::vector<std::int64_t> strides;
  std::int64_t step = 1;
  for (const std::int64_t v : shape) {
    strides.push_back(step);
    step *= std::max<std::int64_t>(v, 1);
  }
  return strides;
}

// (version, byte order, subarray, names, fields, itemsize, alignment, flags[, metadata])
Result<std::uint32_t> NumpyValues::dtype_with_state(std::uint32_t dtype, NodeId state) {
  const Node& n = d_.node(state);
  if (n.kind != Kind::tuple || n.range.count < 7 || n.range.count > 9) return refused("a numpy dtype's state is not as numpy writes it");
  auto part = [&](std::size_t i) { return d_.child(n.range, i); };
  const auto version = integer(part(0));
  if (!version || *version < 3 || *version > 4) return refused("a numpy dtype of an unknown version");
  Dtype made = d_.dtypes[dtype];
  const Node& order = d_.node(part(1));
  if ((order.kind != Kind::text && order.kind != Kind::bytes) || order.chars.size != 1 ||
      std::string_view("<>=|").find(order.chars.data[0]) == std::string_view::npos) {
    return refused("a numpy dtype's byte order is not as numpy writes it");
  }
  made.big_endian = order.chars.data[0] == '>';
  if (const auto itemsize = integer(part(5)); itemsize && *itemsize >= 0) {
    const std::int64_t size = made.kind == 'U' ? *itemsize / 4 : *itemsize;
    if (*itemsize > kItemsizeMax || (made.kind == 'U' && *itemsize % 4 != 0) || !known_size(made.kind, size)) {
      return refused("a numpy dtype's item size of " + std::to_string(*itemsize) + " bytes is impossible");
    }
    made.itemsize = static_cast<std::uint32_t>(*itemsize);
  }
  if (part(2) != kNone) TRY(set_subarray(made, part(2)));
  if (part(4) != kNone) TRY(add_fields(made, part(3), part(4)));
  TRY(count_dtype());
  d_.dtypes.push_back(std::move(made));
  return static_cast<std::uint32_t>(d_.dtypes.size() - 1);
}

Result<Unit> NumpyValues::set_subarray(Dtype& dtype, NodeId subarray) {
  const Node& n = d_.node(subarray);
  if (n.kind != Kind::tuple || n.range.count != 2) return refused("a numpy subarray dtype is not as numpy writes it");
  const Node& base = d_.node(d_.child(n.range, 0));
  if (base.kind != Kind::dtype) return refused("a numpy subarray dtype has no element dtype");
  Shape shape = TRY(shape_from(d_.child(n.range, 1)));
  const Dtype& element = d_.dtypes[base.index];
  if (element.fields_count != 0 || element.base != 0 || shape.size() > kRankMax) return refused("a numpy dtype nested too deeply");
  const std::size_t size = TRY(data_size(base.index, shape));
  if (size != dtype.itemsize) return refused("a numpy subarray dtype whose size disagrees with its shape");
  dtype.base = base.index;
  dtype.has_object = element.has_object;
  dtype.subshape = std::move(shape);
  return ok();
}

Result<Unit> NumpyValues::add_fields(Dtype& dtype, NodeId names, NodeId fields) {
  const Node& name_list = d_.node(names);
  const Node& dict = d_.node(fields);
  if (dtype.kind != 'V' || name_list.kind != Kind::tuple || dict.kind != Kind::dict) {
    return refused("a numpy record dtype is not as numpy writes it");
  }
  if (dict.range.count > 4 * std::size_t{name_list.range.count}) return refused("a numpy record dtype with fields that it doesn't name");
  if (name_list.range.count > kDtypeFieldsMax) { return refused("a numpy record dtype of more than " + std::to_string(kDtypeFieldsMax) + " fields"); }
  if (d_.fields.size() + name_list.range.count > kFieldsTotalMax) return refused("too many numpy record dtypes");
  dtype.fields_begin = static_cast<std::uint32_t>(d_.fields.size());
  dtype.fields_count = name_list.range.count;
  for (std::size_t i = 0; i < name_list.range.count; ++i) {
    const Node& name = d_.node(d_.child(name_list.range, i));
    if (name.kind != Kind::text) return refused("a numpy record dtype with a field name that is no text");
    if (name.chars.size > 256) return refused("a numpy record dtype with a field name of " + std::to_string(name.chars.size) + " bytes");
    const auto entry = d_.find_entry(dict.range, name.view());
    const Node* value = entry ? &d_.node(d_.child(dict.range, 2 * *entry + 1)) : nullptr;
    if (value == nullptr || value->kind != Kind::tuple || value->range.count < 2) {
      return refused("a numpy record dtype without its field " + excerpt(name.view()));
    }
    const Node& type = d_.node(d_.child(value->range, 0));
    const auto offset = integer(d_.child(value->range, 1));
    if (type.kind != Kind::dtype || !offset) return refused("a numpy record dtype's field " + excerpt(name.view()) + " is damaged");
    const Dtype& inner = d_.dtypes[type.index];
    if (*offset < 0 || *offset > dtype.itemsize || inner.itemsize > dtype.itemsize - *offset) {
      return refused("a numpy record dtype's field " + excerpt(name.view()) + " lies outside its record");
    }
    if (inner.fields_count != 0) return refused("a numpy record dtype within a record dtype (field " + excerpt(name.view()) + ")");
    dtype.has_object = dtype.has_object || inner.has_object;
    d_.fields.push_back({name.view(), type.index, static_cast<std::uint32_t>(*offset)});
  }
  return ok();
}

Result<Array> NumpyValues::numeric(std::uint32_t dtype, Shape shape, std::string_view data) {
  const std::size_t size = TRY(data_size(dtype, shape));
  if (size != data.size()) {
    return refused("an array of shape " + shape_text(shape) + " of " + dtype_text(d_, dtype) + " needs " + std::to_string(size) + " bytes, " +
                   std::to_string(data.size()) + " are there");
  }
  Array array;
  array.dtype = dtype;
  array.count = d_.dtypes[dtype].itemsize == 0 ? 0 : size / d_.dtypes[dtype].itemsize;
  array.shape = std::move(shape);
  array.data = as_bytes(data);
  return array;
}

// (version, shape, dtype, is_fortran, data): data is bytes, or a list of the elements where they are objects.
Result<std::optional<Array>> NumpyValues::array_from_state(NodeId state) {
  const Node& n = d_.node(state);
  if (n.kind != Kind::tuple || n.range.count < 4 || n.range.count > 5) return std::optional<Array>();
  const std::size_t first = n.range.count - 4;  // very old ones have no version
  auto part = [&](std::size_t i) { return d_.child(n.range, first + i); };
  const Node& dtype = d_.node(part(1));
  const Node& data = d_.node(part(3));
  if (dtype.kind != Kind::dtype) return std::optional<Array>();
  if (d_.dtypes[dtype.index].base != 0) return refused("an array with a subarray dtype");
  Shape shape = TRY(shape_from(part(0)));
  const auto fortran = integer(part(2));
  if (!fortran) return refused("an array's memory order is not as numpy writes it");
  Array array;
  if (d_.dtypes[dtype.index].has_object && data.kind == Kind::list) {
    const std::size_t size = TRY(data_size(dtype.index, shape)) / std::max<std::size_t>(1, d_.dtypes[dtype.index].itemsize);
    if (size != data.range.count) {
      return refused("an array of shape " + shape_text(shape) + " with " + std::to_string(data.range.count) + " objects");
    }
    if (d_.dtypes[dtype.index].kind != 'O') return refused("an array of records with objects in them");
    array.dtype = dtype.index;
    array.count = size;
    array.shape = std::move(shape);
    array.items = data.range;
  } else if (d_.dtypes[dtype.index].has_object) {
    return refused("an array of objects whose data is no list");
  } else if (data.kind == Kind::bytes || (data.kind == Kind::text && (data.flags & kLatin1) != 0)) {
    array = TRY(numeric(dtype.index, std::move(shape), data.view()));
  } else {
    return refused("an array's data is no bytes");
  }
  if (*fortran != 0) array.strides = fortran_strides(array.shape);
  return std::optional<Array>(std::move(array));
}

// The header's dtype: a plain one, or a record whose fields follow one another without gaps (numpy writes gaps as fields of their own).
Result<std::uint32_t> NumpyValues::dtype_from_npy(const npy::Header& header) {
  if (header.fields.empty()) return dtype_from_text(header.dtype);
  Dtype record;
  std::vector<Field> fields;
  for (const npy::Header::Field& field : header.fields) {
    std::uint32_t index = TRY(dtype_from_text(field.dtype));
    if (!field.shape.empty()) {
      Dtype several = d_.dtypes[index];
      std::size_t count = 1;
      for (const std::int64_t v : field.shape) {
        const auto next = checked_mul(count, static_cast<std::size_t>(v));
        if (!next || *next > static_cast<std::size_t>(kItemsizeMax)) return refused("a numpy record's field is too large");
        count = *next;
      }
      const auto size = checked_mul(count, several.itemsize);
      if (!size || *size > static_cast<std::size_t>(kItemsizeMax) || field.shape.size() > kRankMax)
        return refused("a numpy record's field is too large");
      several.base = index;
      several.subshape = field.shape;
      several.itemsize = static_cast<std::uint32_t>(*size);
      d_.dtypes.push_back(std::move(several));
      index = static_cast<std::uint32_t>(d_.dtypes.size() - 1);
    }
    const Dtype& inner = d_.dtypes[index];
    if (inner.has_object) return refused("an array of records with objects in them");
    if (record.itemsize + std::uint64_t{inner.itemsize} > static_cast<std::uint64_t>(kItemsizeMax)) return refused("a numpy record is too large");
    if (!field.name.empty()) fields.push_back({d_.own(field.name), index, record.itemsize});
    record.itemsize += inner.itemsize;
  }
  if (d_.fields.size() + fields.size() > kFieldsTotalMax) return refused("too many numpy record dtypes");
  record.fields_begin = static_cast<std::uint32_t>(d_.fields.size());
  record.fields_count = static_cast<std::uint32_t>(fields.size());
  d_.fields.insert(d_.fields.end(), fields.begin(), fields.end());
  d_.dtypes.push_back(std::move(record));
  return static_cast<std::uint32_t>(d_.dtypes.size() - 1);
}

Result<Array> NumpyValues::array_from_npy(std::span<const std::byte> file) {
  npy::Header header = TRY(npy::read_header(file));
  const std::uint32_t dtype = TRY(dtype_from_npy(header));
  if (d_.dtypes[dtype].has_object) return refused("the .npy array holds objects, that is a pickle inside; a model's arrays hold numbers or texts");
  std::size_t product = 1;
  for (const std::int64_t v : header.shape) {
    const auto next = checked_mul(product, static_cast<std::size_t>(std::max<std::int64_t>(v, 1)));
    if (!next || *next > (std::size_t{1} << 48)) return refused("an array's shape is too large");
    product = *next;
  }
  Array array = TRY(numeric(dtype, std::move(header.shape), as_text(file.subspan(header.data_offset))));
  if (header.fortran_order) array.strides = fortran_strides(array.shape);
  return array;
}

Result<Array> NumpyValues::array_with_data(NodeId state, std::string_view data) {
  const Node& n = d_.node(state);
  // ([version,] shape, dtype, is_fortran[, None])
  if (n.kind != Kind::tuple || n.range.count < 3 || n.range.count > 5) return refused("a joblib array's state is not as numpy writes it");
  const std::size_t first = n.range.count > 3 && integer(d_.child(n.range, 0)) ? 1 : 0;
  const Node& dtype = d_.node(d_.child(n.range, first + 1));
  if (dtype.kind != Kind::dtype || d_.dtypes[dtype.index].has_object || d_.dtypes[dtype.index].base != 0)
    return refused("a joblib array's dtype is not one that has bytes");
  const auto fortran = integer(d_.child(n.range, first + 2));
  if (!fortran) return refused("an array's memory order is not as numpy writes it");
  Array array = TRY(numeric(dtype.index, TRY(shape_from(d_.child(n.range, first))), data));
  if (*fortran != 0) array.strides = fortran_strides(array.shape);
  return array;
}

Result<Array> NumpyValues::array_from_buffer(NodeId arguments) {
  const Range args = d_.node(arguments).range;
  if (args.count < 4 || args.count > 5) return refused("numpy's _frombuffer with " + std::to_string(args.count) + " arguments");
  const Node& buffer = d_.node(d_.child(args, 0));
  const Node& dtype = d_.node(d_.child(args, 1));
  const NodeId order = d_.child(args, 3);
  if (buffer.kind != Kind::bytes) return refused("an array's data is no bytes");
  if (dtype.kind != Kind::dtype || d_.dtypes[dtype.index].has_object || d_.dtypes[dtype.index].base != 0) {
    return refused("an array's dtype is not one that has bytes");
  }
  Shape shape = TRY(shape_from(d_.child(args, 2)));
  Array array = TRY(numeric(dtype.index, std::move(shape), buffer.view()));
  if (d_.text_is(order, "F")) {
    array.strides = fortran_strides(array.shape);
  } else if (d_.text_is(order, "K") && args.count == 5 && d_.child(args, 4) != kNone) {
    // reshape(shape).transpose(axes)
    const Shape axes = TRY(shape_from(d_.child(args, 4)));
    Shape plain(array.shape.size(), 1);
    for (std::size_t i = plain.size(); i-- > 1;) plain[i - 1] = plain[i] * std::max<std::int64_t>(array.shape[i], 1);
    if (axes.size() != plain.size()) return refused("numpy's _frombuffer with wrong axes");
    const Shape before = array.shape;
    std::uint32_t seen = 0;
    array.strides.clear();
    for (std::size_t i = 0; i < axes.size(); ++i) {
      const auto axis = static_cast<std::size_t>(axes[i]);
      if (axis >= plain.size() || (seen >> axis & 1) != 0) return refused("numpy's _frombuffer with wrong axes");
      seen |= 1U << axis;
      array.shape[i] = before[axis];
      array.strides.push_back(plain[axis]);
    }
  } else if (!d_.text_is(order, "C") && !d_.text_is(order, "A")) {
    return refused("numpy's _frombuffer with an unknown memory order");
  }
  return array;
}

Result<Node> NumpyValues::scalar(std::uint32_t dtype, std::string_view data) {
  const Dtype& d = d_.dtypes[dtype];
  if (data.size() != d.itemsize) { return refused("a numpy scalar of " + dtype_text(d_, dtype) + " with " + std::to_string(data.size()) + " bytes"); }
  Node n;
  n.flags = kNumpyScalar;
  n.index = dtype;
  const std::size_t size = d.itemsize;
  if (d.kind == 'b') {
    n.kind = Kind::boolean;
    n.integer = data[0] != 0;
  } else if (d.kind == 'i') {
    n.kind = Kind::integer;
    const auto shift = static_cast<int>(64 - 8 * size);
    // NOLINTNEXTLINE(clang-analyzer-core.BitwiseShift): an integer's itemsize is 1, 2, 4 or 8, by the dtype's check
    n.integer = static_cast<std::int64_t>(load_unsigned(data.data(), size, d.big_endian) << shift) >> shift;
  } else if (d.kind == 'u' && (load_unsigned(data.data(), size, d.big_endian) >> 63) == 0) {
    n.kind = Kind::integer;
    n.integer = static_cast<std::int64_t>(load_unsigned(data.data(), size, d.big_endian));
  } else if (d.kind == 'f' && size <= 8) {
    n.kind = Kind::real;
    const std::uint64_t bits = load_unsigned(data.data(), size, d.big_endian);
    n.real = size == 8   ? std::bit_cast<double>(bits)
             : size == 4 ? static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(bits)))
                         : half_to_double(static_cast<std::uint16_t>(bits));
  } else if (d.kind == 'S') {
    while (!data.empty() && data.back() == '\0') data.remove_suffix(1);
    n.kind = Kind::bytes;
    n.chars = {data.data(), data.size()};
  } else if (d.kind == 'U') {
    if (!d_.may_copy(data.size())) return refused("numpy scalars that are larger than the file");
    auto text = utf32_to_utf8(as_bytes(data), d.big_endian);
    if (!text) return refused("a numpy text that is no Unicode");
    const std::string_view kept = d_.own(std::move(*text));
    n.kind = Kind::text;
    n.flags = 0;
    n.index = 0;
    n.chars = {kept.data(), kept.size()};
  } else {
    Array array;
    array.dtype = dtype;
    array.count = 1;
    array.data = as_bytes(data);
    if (d.kind == 'O' || d.itemsize == 0) return refused("a numpy scalar that has no bytes");
    n.kind = Kind::array;
    n.flags = 0;
    n.index = static_cast<std::uint32_t>(d_.arrays.size());
    d_.arrays.push_back(std::move(array));
  }
  return n;
}

std::string dtype_text(const Document::Impl& document, std::uint32_t index) {
  constexpr std::uint32_t kShown = 24;
  auto plain = [](const Dtype& d) {
    const bool ordered = d.itemsize > 1 && d.kind != 'S' && d.kind != 'V' && d.kind != 'O';
    std::string text = d.kind == 'O' ? "" : ordered ? (d.big_endian ? ">" : "<") : "|";
    text += d.kind;
    if (d.kind != 'O') text += std::to_string(d.kind == 'U' ? d.itemsize / 4 : d.itemsize);
    return text;
  };
  auto element = [&](const Dtype& d) {
    return d.base == 0 ? "'" + plain(d) + "'" : "('" + plain(document.dtypes[d.base]) + "'," + shape_text(d.subshape) + ")";
  };
  const Dtype& d = document.dtypes[index];
  if (d.fields_count == 0) return d.base == 0 ? plain(d) : element(d);
  std::string text = "[";
  for (std::uint32_t i = 0; i < std::min(d.fields_count, kShown); ++i) {
    const Field& field = document.fields[d.fields_begin + i];
    text += (i == 0 ? "('" : ",('") + excerpt(field.name) + "'," + element(document.dtypes[field.dtype]) + ")";
  }
  return text + (d.fields_count > kShown ? ",...]" : "]");
}

}  // namespace slipway::pickle
