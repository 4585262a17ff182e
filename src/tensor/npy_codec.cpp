// application/x-npy to the tensors of a model with one numeric input, or of a table whose features are all numbers.
// The format: a magic, a version, a Python dict literal of exactly three entries, then the elements.
#include <array>
#include <charconv>
#include <cmath>

#include "slipway/base/encoding.hpp"
#include "slipway/tensor/codec_plan.hpp"

namespace slipway {
namespace {

constexpr std::size_t kHeaderMax = 4096;

struct Npy {
  DType dtype = DType::undefined;
  bool fortran = false;
  Shape shape;
  std::span<const std::byte> data;
};

Error npy_broken(std::string what) { return {ErrorCode::bad_request, "the npy file can't be read: " + std::move(what)}; }

// {'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }
class HeaderReader {
 public:
  explicit HeaderReader(std::string_view text) : text_(text) {}

  Status read(Npy& out) {
    bool descr = false, order = false, shape = false;
    if (!take('{')) return unexpected();
    while (!take('}')) {
      const auto key = quoted();
      if (!key || !take(':')) return unexpected();
      bool* seen = *key == "descr" ? &descr : *key == "fortran_order" ? &order : *key == "shape" ? &shape : nullptr;
      if (seen == nullptr || *seen) return unexpected();
      *seen = true;
      if (seen == &descr) TRY(read_type(out));
      if (seen == &order && !read_order(out)) return unexpected();
      if (seen == &shape) TRY(read_shape(out));
      if (!take(',') && !peek('}')) return unexpected();
    }
    space();
    if (!descr || !order || !shape || at_ != text_.size()) return unexpected();
    return ok();
  }

 private:
  static Error unexpected() { return npy_broken("its header is not as numpy writes it"); }
  void space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  bool peek(char c) {
    space();
    return at_ < text_.size() && text_[at_] == c;
  }
  bool take(char c) {
    if (!peek(c)) return false;
    ++at_;
    return true;
  }
  bool take_word(std::string_view word) {
    space();
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }
  std::optional<std::string_view> quoted() {
    if (!take('\'')) return std::nullopt;
    const std::size_t end = text_.find('\'', at_);
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view out = text_.substr(at_, end - at_);
    at_ = end + 1;
    return out;
  }
  bool read_order(Npy& out) {
    out.fortran = take_word("True");
    return out.fortran || take_word("False");
  }
  Status read_type(Npy& out) {
    static constexpr std::pair<std::string_view, DType> kTypes[] = {{"<f4", DType::float32}, {"<f8", DType::float64}, {"<i4", DType::int32},
                                                                    {"<i8", DType::int64},   {"|i1", DType::int8},    {"|u1", DType::uint8},
                                                                    {"|b1", DType::boolean}};
    const auto name = quoted();
    if (!name) return npy_broken("its type is not a plain one; it must be f4, f8, i4, i8, i1, u1 or b1");
    for (const auto& [known, dtype] : kTypes) {
      if (*name == known) out.dtype = dtype;
    }
    if (out.dtype == DType::undefined)
      return npy_broken("its type \"" + excerpt(*name) + "\" is not taken; use little-endian f4, f8, i4, i8, or i1, u1, b1");
    return ok();
  }
  Status read_shape(Npy& out) {
    if (!take('(')) return unexpected();
    while (!take(')')) {
      space();
      std::int64_t d = 0;
      const auto r = std::from_chars(text_.data() + at_, text_.data() + text_.size(), d);
      if (r.ec != std::errc{} || d < 0 || out.shape.size() == kRankMax) return unexpected();
      at_ = static_cast<std::size_t>(r.ptr - text_.data());
      out.shape.push_back(d);
      if (!take(',') && !peek(')')) return unexpected();
    }
    return ok();
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

Result<Npy> read_npy(std::string_view body) {
  if (body.size() < 10 || !body.starts_with("\x93NUMPY")) return npy_broken("it doesn't begin as one");
  const auto byte = [&body](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(body[i])); };
  const std::size_t major = byte(6);
  if (major < 1 || major > 3 || byte(7) != 0) return npy_broken("its version is not known");
  const std::size_t start = major == 1 ? 10 : 12;
  if (body.size() < start) return npy_broken("it is cut short");
  const std::size_t length = major == 1 ? byte(8) | byte(9) << 8 : byte(8) | byte(9) << 8 | byte(10) << 16 | byte(11) << 24;
  if (length > kHeaderMax || length > body.size() - start) return npy_broken("its header is cut short or too long");
  Npy out;
  TRY(HeaderReader(body.substr(start, length)).read(out));
  out.data = as_bytes(body.substr(start + length));
  const auto count = element_count(out.shape);
  const auto bytes = count ? checked_mul(*count, dtype_size(out.dtype)) : std::nullopt;
  if (!bytes || *bytes != out.data.size()) {
    return npy_broken("its shape " + shape_text(out.shape) + " doesn't fit its " + std::to_string(out.data.size()) + " bytes of data");
  }
  return out;
}

// The elements in row-major order, as they would be read.
Tensor in_c_order(const Npy& npy) {
  Tensor out(npy.dtype, npy.shape);
  const std::size_t size = dtype_size(npy.dtype);
  const std::size_t rank = npy.shape.size();
  if (!npy.fortran || rank < 2) {
    if (!npy.data.empty()) std::memcpy(out.bytes().data(), npy.data.data(), npy.data.size());
    return out;
  }
  std::array<std::size_t, kRankMax> strides{}, index{};
  std::size_t stride = 1;
  for (std::size_t d = 0; d < rank; ++d) {
    strides[d] = stride;
    stride *= static_cast<std::size_t>(npy.shape[d]);
  }
  std::size_t from = 0;
  for (std::size_t i = 0; i < out.count(); ++i) {
    std::memcpy(out.bytes().data() + i * size, npy.data.data() + from * size, size);
    for (std::size_t d = rank; d-- > 0;) {  // the next index, last dimension first
      from += strides[d];
      if (++index[d] < static_cast<std::size_t>(npy.shape[d])) break;
      from -= strides[d] * index[d];
      index[d] = 0;
    }
  }
  return out;
}

// numpy too takes any byte for true; the engine's booleans are 0 and 1.
Tensor elements_of(const Npy& npy) {
  Tensor out = in_c_order(npy);
  if (out.dtype() == DType::boolean) {
    for (std::byte& b : out.bytes()) b = b == std::byte{0} ? std::byte{0} : std::byte{1};
  }
  return out;
}

JsonScanner::Number number_of(const Tensor& t, std::size_t i) {
  JsonScanner::Number n;
  n.real = t.as_double(i);
  if (!is_floating(t.dtype())) {
    n.is_whole = true;
    n.whole = t.as_int(i);
    n.is_natural = n.whole >= 0;
    n.natural = static_cast<std::uint64_t>(n.whole);
  }
  return n;
}

std::string element_pointer(const Tensor& t, std::size_t i) {
  std::string out;
  for (std::size_t d = t.shape().size(); d-- > 0;) {
    const auto size = static_cast<std::size_t>(t.shape()[d]);
    out = "/" + std::to_string(i % size) + out;
    i /= size;
  }
  return "#" + out;
}

Result<DecodedRequest> decode_table(const CodecPlan& plan, const Tensor& t, const DecodeLimits& limits) {
  const auto features = static_cast<std::int64_t>(plan.cells.size());
  if (t.shape().size() != 2 || t.shape()[1] != features) {
    return Error(ErrorCode::invalid_input, "the array must have the shape [rows, " + std::to_string(features) + "], got " + shape_text(t.shape()));
  }
  if (t.rows() > limits.rows_max) return too_many_rows(limits);
  Tables tables(plan, limits);
  Problems problems;
  for (std::size_t row = 0, i = 0; row < t.rows(); ++row) {
    if (!tables.add_row()) return too_large(limits);
    for (std::uint32_t feature = 0; feature < plan.cells.size() && !problems.full(); ++feature, ++i) {
      const bool special = is_floating(t.dtype()) && !std::isfinite(t.as_double(i));
      std::string wrong = special ? put_real(plan, feature, t.as_double(i), tables, row) : put_number(plan, feature, number_of(t, i), tables, row);
      if (!wrong.empty()) problems.add(element_pointer(t, i), std::move(wrong));
    }
    if (problems.full()) break;
  }
  if (!problems.empty()) return problems.error();
  if (t.rows() == 0) return Error(ErrorCode::invalid_input, "the array has no rows");
  return tables.finish();
}

Result<DecodedRequest> decode_tensor(const CodecPlan& plan, Tensor t, const DecodeLimits& limits) {
  if (plan.ports.size() != 1)
    return Error(ErrorCode::invalid_input, "npy is for models with one input; this one has " + std::to_string(plan.ports.size()));
  const Port& port = plan.schema.inputs[0];
  bool fits = port.any_rank || port.shape.size() == t.shape().size();
  for (std::size_t d = 0; fits && d < port.shape.size(); ++d) fits = port.shape[d] < 0 || port.shape[d] == t.shape()[d];
  if (!fits) return Error(ErrorCode::invalid_input, "the array must have the shape " + shape_text(port.shape) + ", got " + shape_text(t.shape()));
  if (t.count() == 0) return Error(ErrorCode::invalid_input, "the array is empty");
  if (plan.schema.batched && t.shape().empty()) return Error(ErrorCode::invalid_input, "the array must have rows, got a single value");
  const std::size_t rows = t.rows();
  if (plan.schema.batched && rows > limits.rows_max) return too_many_rows(limits);
  if (port.dtype == DType::string) return Error(ErrorCode::invalid_input, "the model takes text, npy holds numbers: send JSON");
  const auto bytes = checked_mul(t.count(), dtype_size(port.dtype));
  if (!bytes || *bytes > limits.bytes_max) return too_large(limits);
  DecodedRequest out;
  out.rows = rows;
  if (t.dtype() != port.dtype) {
    Tensor converted(port.dtype, t.shape());
    Problems problems;
    for (std::size_t i = 0; i < t.count() && !problems.full(); ++i) {
      std::byte* const at = converted.bytes().data() + i * dtype_size(port.dtype);
      const bool special = is_floating(t.dtype()) && !std::isfinite(t.as_double(i));
      const char* wanted = special ? store_real(port.dtype, t.as_double(i), at) : store_number(port.dtype, number_of(t, i), at);
      if (wanted != nullptr) problems.add(element_pointer(t, i), port.name + " must hold " + wanted + " here");
    }
    if (!problems.empty()) return problems.error();
    t = std::move(converted);
  }
  out.inputs.push_back(std::move(t));
  return out;
}

}  // namespace

Result<DecodedRequest> RequestCodec::decode_npy(std::string_view body, const DecodeLimits& limits) const {
  const Npy npy = TRY(read_npy(body));
  if (npy.data.size() > limits.bytes_max) return too_large(limits);
  if (plan_->tabular()) return decode_table(*plan_, elements_of(npy), limits);
  return decode_tensor(*plan_, elements_of(npy), limits);
}

}  // namespace slipway
