// What Views give as C++ values: scalars, and arrays or lists as tensors. Bytes are swapped and reordered here, on demand, so
// that a Document holds no copies.
#include <algorithm>
#include <bit>
#include <charconv>

#include "slipway/base/encoding.hpp"
#include "slipway/formats/pickle_document.hpp"

namespace slipway::pickle {
namespace {

Error refused(std::string detail) { return {ErrorCode::model_refused, std::move(detail)}; }

Error expected(const View& view, std::string_view what) {
  return refused((view.path().empty() ? "" : view.path() + ": ") + std::string(what) + " is expected, there is " + view.describe());
}

// An 0-d array of one object is that object.
NodeId resolved(const Document::Impl& d, NodeId id) {
  for (int hops = 0; hops < 8; ++hops) {
    if (d.node(id).kind != Kind::array) return id;
    const Array& array = d.array(id);
    if (!array.shape.empty() || array.items.count != 1) return id;
    id = d.child(array.items, 0);
  }
  return id;
}

bool is_scalar_array(const Document::Impl& d, NodeId id) {
  return d.node(id).kind == Kind::array && d.array(id).shape.empty() && d.array(id).data.size() > 0;
}

bool is_integer_kind(char kind) { return kind == 'i' || kind == 'u' || kind == 'b' || kind == 'M' || kind == 'm'; }

DType tensor_dtype(const Dtype& d) {
  auto sized = [&](DType one, DType two, DType four, DType eight) {
    return d.itemsize == 1 ? one : d.itemsize == 2 ? two : d.itemsize == 4 ? four : eight;
  };
  if (d.fields_count != 0 || d.base != 0) return DType::undefined;
  switch (d.kind) {
    case 'b': return DType::boolean;
    case 'i': return sized(DType::int8, DType::int16, DType::int32, DType::int64);
    case 'u': return sized(DType::uint8, DType::uint16, DType::uint32, DType::uint64);
    case 'f': return d.itemsize > 8 ? DType::undefined : sized(DType::undefined, DType::float16, DType::float32, DType::float64);
    case 'M':
    case 'm': return DType::int64;
    case 'S':
    case 'U': return DType::string;
    default: return DType::undefined;
  }
}

Error unsupported(const Document::Impl& d, const std::string& path, std::uint32_t dtype) {
  const Dtype& t = d.dtypes[dtype];
  std::string why = t.kind == 'c'                     ? " (complex numbers)"
                    : t.kind == 'f' && t.itemsize > 8 ? " (long double: its format depends on the machine that wrote it)"
                    : t.fields_count != 0             ? " (records)"
                                                      : "";
  return refused((path.empty() ? "" : path + ": ") + "an array of " + excerpt(dtype_text(d, dtype)) + why + " is not supported here");
}

void swap_bytes(std::span<std::byte> data, std::size_t size) {
  for (std::size_t i = 0; i + size <= data.size(); i += size) std::reverse(data.begin() + i, data.begin() + i + size);
}

// Each element's first byte, in C order.
template <class F>
Status each_element(const Document::Impl& d, const Array& array, F&& visit) {
  const std::size_t itemsize = d.dtypes[array.dtype].itemsize;
  if (array.strides.empty()) {
    for (std::size_t i = 0; i < array.count; ++i) TRY(visit(array.data.data() + i * itemsize));
    return ok();
  }
  Shape index(array.shape.size(), 0);
  std::size_t at = 0;
  for (std::size_t i = 0; i < array.count; ++i) {
    TRY(visit(array.data.data() + at * itemsize));
    for (std::size_t axis = index.size(); axis-- > 0;) {
      const auto stride = static_cast<std::size_t>(array.strides[axis]);
      at += stride;
      if (++index[axis] < array.shape[axis]) break;
      at -= stride * static_cast<std::size_t>(array.shape[axis]);
      index[axis] = 0;
    }
  }
  return ok();
}

// One text of a U or S element.
Result<std::string> element_text(const Dtype& d, const std::byte* at, const std::string& path) {
  const std::span<const std::byte> bytes(at, d.itemsize);
  if (d.kind == 'U') {
    auto text = utf32_to_utf8(bytes, d.big_endian);
    if (!text) return refused((path.empty() ? "" : path + ": ") + "a text is no Unicode");
    return std::move(*text);
  }
  std::string_view text = as_text(bytes);
  while (!text.empty() && text.back() == '\0') text.remove_suffix(1);
  if (!is_valid_utf8(text)) return refused((path.empty() ? "" : path + ": ") + "a byte string is no UTF-8 text");
  return std::string(text);
}

// The array, or one field of its records, as a tensor.
Result<Tensor> gathered(const Document::Impl& d, const Array& array, std::uint32_t dtype, std::size_t offset, const std::string& path) {
  const std::uint32_t element = d.dtypes[dtype].base == 0 ? dtype : d.dtypes[dtype].base;
  const Dtype& type = d.dtypes[element];
  const DType made = tensor_dtype(type);
  if (made == DType::undefined) return unsupported(d, path, element);
  Shape shape = array.shape;
  shape.insert(shape.end(), d.dtypes[dtype].subshape.begin(), d.dtypes[dtype].subshape.end());
  if (shape.size() > kRankMax) return refused((path.empty() ? "" : path + ": ") + "an array of " + std::to_string(shape.size()) + " dimensions");
  const std::size_t size = d.dtypes[dtype].itemsize;
  if (!d.may_give(array.count + 1))
    return refused((path.empty() ? "" : path + ": ") + "the file's arrays are shared so often that they are larger than the file");
  if (made == DType::string) {
    std::vector<std::string> values;
    values.reserve(array.count);
    TRY(each_element(d, array, [&](const std::byte* at) -> Status {
      for (std::size_t i = 0; i + type.itemsize <= size; i += type.itemsize) {
        values.push_back(TRY(element_text(type, at + offset + i, path)));
        if (type.itemsize == 0) break;
      }
      return ok();
    }));
    return Tensor::of_strings(std::move(shape), std::move(values));
  }
  Tensor tensor(made, std::move(shape));
  const std::span<std::byte> out = tensor.bytes();
  if (array.strides.empty() && size == d.dtypes[array.dtype].itemsize) {
    std::copy(array.data.begin(), array.data.end(), out.begin());
  } else {
    std::size_t to = 0;
    TRY(each_element(d, array, [&](const std::byte* at) -> Status {
      std::copy_n(at + offset, size, out.begin() + static_cast<std::ptrdiff_t>(to));
      to += size;
      return ok();
    }));
  }
  if (type.big_endian && type.itemsize > 1) swap_bytes(out, type.itemsize);
  if (made == DType::boolean) {
    for (std::byte& b : out) b = b != std::byte{0} ? std::byte{1} : std::byte{0};
  }
  return tensor;
}

std::optional<double> big_integer_value(const Node& n) {
  const std::string_view raw = n.view();
  double v = 0;
  if ((n.flags & kDecimal) != 0) {
    if (raw.size() > 400) return std::nullopt;
    const auto [end, failed] = std::from_chars(raw.data(), raw.data() + raw.size(), v);
    return failed == std::errc() ? std::optional(v) : std::nullopt;
  }
  if (raw.size() > 128) return std::nullopt;
  // Magnitude first, so that the value is rounded once as far as the top 64 bits go.
  const bool negative = (raw.back() & 0x80) != 0;
  std::string magnitude(raw);
  if (negative) {
    int carry = 1;
    for (char& c : magnitude) {
      const int inverted = (static_cast<unsigned char>(c) ^ 0xFF) + carry;
      c = static_cast<char>(inverted);
      carry = inverted >> 8;
    }
  }
  while (!magnitude.empty() && magnitude.back() == '\0') magnitude.pop_back();
  std::uint64_t top = 0;
  std::size_t used = 0;
  for (; used < 8 && used < magnitude.size(); ++used) top = top << 8 | static_cast<unsigned char>(magnitude[magnitude.size() - 1 - used]);
  for (std::size_t i = used; i < magnitude.size(); ++i) {
    if (magnitude[magnitude.size() - 1 - i] != 0) top |= 1;  // sticky
  }
  v = __builtin_ldexp(static_cast<double>(top), static_cast<int>(8 * (magnitude.size() - used)));
  return negative ? -v : v;
}

std::optional<double> scalar_value(const Document::Impl& d, NodeId id) {
  const Node& n = d.node(id);
  switch (n.kind) {
    case Kind::boolean:
    case Kind::integer: return static_cast<double>(n.integer);
    case Kind::real: return n.real;
    case Kind::big_integer: return big_integer_value(n);
    default: return std::nullopt;
  }
}

// Everything within nested lists, tuples and object arrays, in order. Visits are bounded by the file's size: a value that is
// shared many times over (a DAG) ends in an error instead of taking for ever.
class Leaves {
 public:
  Leaves(const View& view, const Document::Impl& d) : view_(view), d_(d), visits_left_(d.input.size() + 4096) {}

  // on_leaf(id): scalars and whatever else is no container; on_array(id): arrays that hold bytes.
  template <class Leaf, class Bulk>
  Status walk(NodeId root, Leaf&& on_leaf, Bulk&& on_array) {
    std::vector<std::pair<NodeId, std::size_t>> stack;
    if (!TRY(visit(root, on_leaf, on_array))) return ok();
    stack.emplace_back(root, 0);
    while (!stack.empty()) {
      auto& [parent, next] = stack.back();
      if (next == child_count(parent)) {
        stack.pop_back();
        continue;
      }
      const NodeId child = child_at(parent, next++);
      depth_ = stack.size();
      if (!TRY(visit(child, on_leaf, on_array))) continue;
      if (stack.size() >= kNestingMax) return refused(prefix() + "lists are nested deeper than " + std::to_string(kNestingMax));
      stack.emplace_back(child, 0);
    }
    return ok();
  }

  // The same, but an array that holds bytes is handed over as it stands, however large: it was paid for when it was read.
  template <class Leaf, class Bulk>
  Status collect(NodeId root, Leaf&& on_leaf, Bulk&& on_array) {
    if (d_.node(root).kind == Kind::array && !is_container(root)) return on_array(root);
    return walk(root, on_leaf, on_array);
  }

  // Nested lists that are regular have a shape.
  bool regular() const { return regular_; }
  Shape shape(std::size_t leaves) const {
    Shape shape = sizes_;
    shape.insert(shape.end(), inner_.begin(), inner_.end());
    const auto count = element_count(shape);
    if (!regular_ || shape.size() > kRankMax || !count || *count != leaves) return {static_cast<std::int64_t>(leaves)};
    return shape;
  }
  std::string prefix() const { return view_.path().empty() ? "" : view_.path() + ": "; }

 private:
  static constexpr std::size_t kNestingMax = 64;

  bool is_container(NodeId id) const {
    const Node& n = d_.node(id);
    return n.kind == Kind::list || n.kind == Kind::tuple || n.kind == Kind::set || (n.kind == Kind::object && d_.object(id).items.count != 0) ||
           (n.kind == Kind::array && d_.dtypes[d_.array(id).dtype].has_object);
  }
  std::size_t child_count(NodeId id) const {
    const Node& n = d_.node(id);
    if (n.kind == Kind::object) return d_.object(id).items.count;
    return n.kind == Kind::array ? d_.array(id).items.count : n.range.count;
  }
  NodeId child_at(NodeId id, std::size_t i) const {
    const Node& n = d_.node(id);
    if (n.kind == Kind::object) return d_.child(d_.object(id).items, i);
    return n.kind == Kind::array ? d_.item(d_.array(id), i) : d_.child(n.range, i);
  }

  template <class Leaf, class Bulk>
  Result<bool> visit(NodeId id, Leaf& on_leaf, Bulk& on_array) {
    if (visits_left_-- == 0 || !d_.may_give(1)) return refused(prefix() + "its lists share so many parts that they are larger than the file");
    if (is_container(id)) {
      Shape own = d_.node(id).kind == Kind::array ? d_.array(id).shape : Shape{static_cast<std::int64_t>(child_count(id))};
      note(depth_, std::move(own));
      return true;
    }
    if (d_.node(id).kind == Kind::array) {
      const std::size_t cost = d_.array(id).count;
      if (cost > visits_left_) return refused(prefix() + "its lists share so many parts that they are larger than the file");
      visits_left_ -= cost;
      note_leaf(d_.array(id).shape);
      TRY(on_array(id));
      return false;
    }
    note_leaf({});
    TRY(on_leaf(id));
    return false;
  }

  void note(std::size_t depth, Shape own) {
    if (own.size() != 1 && depth != 0) regular_ = false;
    if (depth == 0) {
      sizes_ = std::move(own);
      levels_ = 1;
    } else if (depth == levels_ && leaf_depth_ == 0) {
      sizes_.insert(sizes_.end(), own.begin(), own.end());
      ++levels_;
    } else if (depth >= levels_ || sizes_.size() < depth + 1 || sizes_[sizes_.size() - levels_ + depth] != own[0]) {
      regular_ = false;
    }
  }
  void note_leaf(const Shape& inner) {
    const std::size_t depth = levels_ == 0 ? 0 : depth_;
    if (leaf_depth_ == 0) {
      leaf_depth_ = depth + 1;
      inner_ = inner;
    } else if (leaf_depth_ != depth + 1 || inner != inner_) {
      regular_ = false;
    }
  }

  const View& view_;
  const Document::Impl& d_;
  std::size_t visits_left_;
  std::size_t depth_ = 0;
  std::size_t levels_ = 0;
  std::size_t leaf_depth_ = 0;
  Shape sizes_, inner_;
  bool regular_ = true;
};

Error wrong_leaf(const Leaves& leaves, const Document::Impl& d, NodeId id, std::string_view wanted) {
  return refused(leaves.prefix() + std::string(wanted) + " are expected, one is " + std::string(kind_name(d.node(id).kind)) +
                 (d.node(id).offset == 0 ? "" : " (byte " + std::to_string(d.node(id).offset) + ")"));
}

}  // namespace

Result<double> View::number() const {
  const auto& d = document_->impl();
  const NodeId id = resolved(d, id_);
  if (const auto v = scalar_value(d, id)) return *v;
  if (is_scalar_array(d, id)) {
    const Tensor tensor = TRY(gathered(d, d.array(id), d.array(id).dtype, 0, path_));
    if (tensor.dtype() != DType::string) return tensor.as_double(0);
  }
  return expected(*this, "a number");
}

Result<std::int64_t> View::integer() const {
  const auto& d = document_->impl();
  const NodeId id = resolved(d, id_);
  const Node& n = d.node(id);
  if (n.kind == Kind::integer || n.kind == Kind::boolean) return n.integer;
  if (is_scalar_array(d, id)) {
    const Dtype& type = d.dtypes[d.array(id).dtype];
    const Tensor tensor = TRY(gathered(d, d.array(id), d.array(id).dtype, 0, path_));
    const bool fits = is_integer_kind(type.kind) && !(tensor.dtype() == DType::uint64 && tensor.as<std::uint64_t>()[0] >> 63 != 0);
    if (fits) return tensor.as_int(0);
  }
  return expected(*this, "an integer");
}

Result<bool> View::boolean() const {
  const auto& d = document_->impl();
  const Node& n = d.node(resolved(d, id_));
  if (n.kind == Kind::boolean || (n.kind == Kind::integer && (n.integer == 0 || n.integer == 1))) return n.integer != 0;
  if (is_scalar_array(d, id_) && d.dtypes[d.array(id_).dtype].kind == 'b') return d.array(id_).data[0] != std::byte{0};
  return expected(*this, "a boolean");
}

Result<std::string> View::text() const {
  const auto& d = document_->impl();
  const NodeId id = resolved(d, id_);
  if (d.node(id).kind == Kind::text) {
    std::string text = d.text_of(id);
    if (!is_valid_utf8(text)) return refused((path_.empty() ? "" : path_ + ": ") + "a text is no Unicode");
    return text;
  }
  if (is_scalar_array(d, id)) {
    const Dtype& type = d.dtypes[d.array(id).dtype];
    if (type.kind == 'U' || type.kind == 'S') return element_text(type, d.array(id).data.data(), path_);
  }
  return expected(*this, "a text");
}

Result<std::string> View::bytes() const {
  const auto& d = document_->impl();
  const Node& n = d.node(id_);
  if (n.kind == Kind::bytes || (n.kind == Kind::text && (n.flags & kLatin1) != 0)) return std::string(n.view());
  return expected(*this, "a byte string");
}

bool View::is_text(std::string_view value) const {
  const auto& d = document_->impl();
  const NodeId id = resolved(d, id_);
  if (d.node(id).kind == Kind::text) return d.text_is(id, value);
  if (!is_scalar_array(d, id)) return false;
  const auto text = this->text();
  return text.ok() && *text == value;
}

bool View::is_object_array() const {
  const auto& d = document_->impl();
  return is(Kind::array) && d.dtypes[d.array(id_).dtype].has_object;
}

std::string View::dtype_text() const {
  const auto& d = document_->impl();
  const Node& n = d.node(id_);
  if (n.kind == Kind::array) return pickle::dtype_text(d, d.array(id_).dtype);
  if (n.kind == Kind::dtype || (n.flags & kNumpyScalar) != 0) return pickle::dtype_text(d, n.index);
  return "";
}

const Shape& View::shape() const {
  static const Shape kScalar;
  return is(Kind::array) ? document_->impl().array(id_).shape : kScalar;
}

Result<Tensor> View::tensor() const {
  const auto& d = document_->impl();
  if (is(Kind::array) && !is_object_array()) return gathered(d, d.array(id_), d.array(id_).dtype, 0, path_);
  // Lists and arrays of objects: what their items are decides.
  bool any_text = false, any_real = false, all_boolean = true, any = false;
  Leaves leaves(*this, d);
  std::size_t count = 0;
  TRY(leaves.walk(
      id_,
      [&](NodeId id) -> Status {
        const Kind kind = d.node(id).kind;
        any = true;
        ++count;
        any_text = any_text || kind == Kind::text;
        any_real = any_real || kind == Kind::real || kind == Kind::big_integer;
        all_boolean = all_boolean && kind == Kind::boolean;
        return ok();
      },
      [&](NodeId id) -> Status {
        const Dtype& type = d.dtypes[d.array(id).dtype];
        any = true;
        count += d.array(id).count;
        any_text = any_text || type.kind == 'U' || type.kind == 'S';
        any_real = any_real || !is_integer_kind(type.kind);
        all_boolean = all_boolean && type.kind == 'b';
        return ok();
      }));
  const bool container = is(Kind::list) || is(Kind::tuple) || is(Kind::set) || is(Kind::array) || size() != 0;
  if (!container) return expected(*this, "an array");
  Shape shape = leaves.shape(count);
  if (any_text) return Tensor::of_strings(std::move(shape), TRY(texts()));
  if (any_real || !any) return slipway::doubles(std::move(shape), TRY(doubles()));
  const std::vector<std::int64_t> values = TRY(integers());
  if (!all_boolean) return slipway::int64s(std::move(shape), values);
  Tensor tensor(DType::boolean, std::move(shape));
  for (std::size_t i = 0; i < values.size(); ++i) tensor.bytes()[i] = static_cast<std::byte>(values[i] != 0);
  return tensor;
}

Result<std::vector<double>> View::doubles() const {
  const auto& d = document_->impl();
  std::vector<double> out;
  Leaves leaves(*this, d);
  auto bulk = [&](NodeId id) -> Status {
    const Tensor tensor = TRY(gathered(d, d.array(id), d.array(id).dtype, 0, path_));
    if (tensor.dtype() == DType::string) return wrong_leaf(leaves, d, id, "numbers");
    if (out.empty() && tensor.dtype() == DType::float64) {
      out.assign(tensor.as<double>().begin(), tensor.as<double>().end());
      return ok();
    }
    out.reserve(std::max(out.capacity(), out.size() + tensor.count()));
    for (std::size_t i = 0; i < tensor.count(); ++i) out.push_back(tensor.as_double(i));
    return ok();
  };
  TRY(leaves.collect(
      id_,
      [&](NodeId id) -> Status {
        const auto v = scalar_value(d, id);
        if (!v) return wrong_leaf(leaves, d, id, "numbers");
        out.push_back(*v);
        return ok();
      },
      bulk));
  return out;
}

Result<std::vector<std::int64_t>> View::integers() const {
  const auto& d = document_->impl();
  std::vector<std::int64_t> out;
  Leaves leaves(*this, d);
  auto bulk = [&](NodeId id) -> Status {
    const Dtype& type = d.dtypes[d.array(id).dtype];
    if (!is_integer_kind(type.kind)) {
      return refused(leaves.prefix() + "integers are expected, there is an array of " + excerpt(pickle::dtype_text(d, d.array(id).dtype)));
    }
    const Tensor tensor = TRY(gathered(d, d.array(id), d.array(id).dtype, 0, path_));
    out.reserve(std::max(out.capacity(), out.size() + tensor.count()));
    for (std::size_t i = 0; i < tensor.count(); ++i) {
      if (tensor.dtype() == DType::uint64 && tensor.as<std::uint64_t>()[i] >> 63 != 0) return refused(leaves.prefix() + "an integer is too large");
      out.push_back(tensor.as_int(i));
    }
    return ok();
  };
  TRY(leaves.collect(
      id_,
      [&](NodeId id) -> Status {
        const Node& n = d.node(id);
        if (n.kind != Kind::integer && n.kind != Kind::boolean) return wrong_leaf(leaves, d, id, "integers");
        out.push_back(n.integer);
        return ok();
      },
      bulk));
  return out;
}

Result<std::vector<std::string>> View::texts() const {
  const auto& d = document_->impl();
  std::vector<std::string> out;
  Leaves leaves(*this, d);
  std::size_t bytes_left = d.input.size() * 2 + 65536;  // shared texts must not grow beyond the file
  auto bulk = [&](NodeId id) -> Status {
    Tensor tensor = TRY(gathered(d, d.array(id), d.array(id).dtype, 0, path_));
    if (tensor.dtype() != DType::string) return wrong_leaf(leaves, d, id, "texts");
    for (std::string& text : tensor.strings()) out.push_back(std::move(text));
    return ok();
  };
  TRY(leaves.collect(
      id_,
      [&](NodeId id) -> Status {
        if (d.node(id).kind != Kind::text) return wrong_leaf(leaves, d, id, "texts");
        std::string text = d.text_of(id);
        if (text.size() > bytes_left) return refused(leaves.prefix() + "its texts are shared so often that they are larger than the file");
        bytes_left -= text.size();
        if (!is_valid_utf8(text)) return refused(leaves.prefix() + "a text is no Unicode");
        out.push_back(std::move(text));
        return ok();
      },
      bulk));
  return out;
}

namespace {
const Field* find_field(const Document::Impl& d, NodeId id, std::string_view name) {
  if (d.node(id).kind != Kind::array) return nullptr;
  const Dtype& type = d.dtypes[d.array(id).dtype];
  for (std::uint32_t i = 0; i < type.fields_count; ++i) {
    if (d.fields[type.fields_begin + i].name == name) return &d.fields[type.fields_begin + i];
  }
  return nullptr;
}
}  // namespace

bool View::has_field(std::string_view name) const { return find_field(document_->impl(), id_, name) != nullptr; }
Shape View::field_shape() const { return shape(); }

Result<Tensor> View::field(std::string_view name) const {
  const auto& d = document_->impl();
  const Field* found = find_field(d, id_, name);
  if (found == nullptr) return refused((path_.empty() ? "" : path_ + ": ") + describe() + " has no field " + std::string(name));
  return gathered(d, d.array(id_), found->dtype, found->offset, path_ + "." + std::string(name));
}

}  // namespace slipway::pickle
