// application/x-npy to the tensors of a model with one numeric input, or of a table whose features are all numbers.
// The format: a magic, a version, a Python dict literal of exactly three entries, then the elements.
#include <array>
#include <charconv>
#include <cmath>

#include "slipway/base/encoding.hpp"
#include "slipway/tensor/fit.hpp"
#include "slipway/tensor/npy.hpp"

namespace slipway {
namespace {

constexpr std::size_t kHeaderMax = 4096;

struct Npy : NpyHead {
  std::span<const std::byte> data;
  const SharedBytes* body = nullptr;  // that data is of; nullptr: data has no owner
};

// What is taken. float16 and the wider unsigned are written only.
constexpr std::pair<std::string_view, DType> kTypes[] = {{"<f4", DType::float32}, {"<f8", DType::float64}, {"<i4", DType::int32},
                                                         {"<i8", DType::int64},   {"|i1", DType::int8},    {"|u1", DType::uint8},
                                                         {"|b1", DType::boolean}};
constexpr std::pair<std::string_view, DType> kWrittenOnly[] = {
    {"<f2", DType::float16}, {"<i2", DType::int16}, {"<u2", DType::uint16}, {"<u4", DType::uint32}, {"<u8", DType::uint64}};

std::string_view npy_type(DType dtype) {
  for (const auto& [name, known] : kTypes) {
    if (known == dtype) return name;
  }
  for (const auto& [name, known] : kWrittenOnly) {
    if (known == dtype) return name;
  }
  return {};
}

Error npy_broken(std::string what) { return {ErrorCode::bad_request, "the npy file can't be read: " + std::move(what)}; }

// {'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }
class HeaderReader {
 public:
  explicit HeaderReader(std::string_view text) : text_(text) {}

  Status read(NpyHead& out) {
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
  bool read_order(NpyHead& out) {
    out.fortran = take_word("True");
    return out.fortran || take_word("False");
  }
  Status read_type(NpyHead& out) {
    const auto name = quoted();
    if (!name) return npy_broken("its type is not a plain one; it must be f4, f8, i4, i8, i1, u1 or b1");
    for (const auto& [known, dtype] : kTypes) {
      if (*name == known) out.dtype = dtype;
    }
    if (out.dtype == DType::undefined)
      return npy_broken("its type \"" + excerpt(*name) + "\" is not taken; use little-endian f4, f8, i4, i8, or i1, u1, b1");
    return ok();
  }
  Status read_shape(NpyHead& out) {
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
  Npy out{TRY(read_npy_head(body)), as_bytes(body), nullptr};
  out.data = out.data.subspan(out.bytes);
  const auto count = element_count(out.shape);
  const auto bytes = count ? checked_mul(*count, dtype_size(out.dtype)) : std::nullopt;
  if (!bytes || *bytes != out.data.size()) {
    return npy_broken("its shape " + shape_text(out.shape) + " doesn't fit its " + std::to_string(out.data.size()) + " bytes of data");
  }
  return out;
}

// The elements in row-major order, as they would be read.
Tensor in_c_order(const Npy& npy) {
  const std::size_t size = dtype_size(npy.dtype);
  const std::size_t rank = npy.shape.size();
  if (!npy.fortran || rank < 2) {
    if (npy.body != nullptr) return Tensor::share(npy.dtype, npy.shape, npy.body->part(npy.NpyHead::bytes));
    return Tensor::adopt(npy.dtype, npy.shape, std::vector<std::byte>(npy.data.begin(), npy.data.end()));  // written once
  }
  Tensor out(npy.dtype, npy.shape);
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

Result<DecodedRequest> fit_npy(const CodecPlan& plan, std::string_view body, const SharedBytes* owner, const DecodeLimits& limits) {
  Npy npy = TRY(read_npy(body));
  npy.body = owner;
  if (npy.data.size() > limits.bytes_max) return too_large(limits);
  return fit_array(plan, elements_of(npy), limits);
}

}  // namespace

Result<NpyHead> read_npy_head(std::string_view body) {
  if (body.size() < 10 || !body.starts_with("\x93NUMPY")) return npy_broken("it doesn't begin as one");
  const auto byte = [&body](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(body[i])); };
  const std::size_t major = byte(6);
  if (major < 1 || major > 3 || byte(7) != 0) return npy_broken("its version is not known");
  const std::size_t start = major == 1 ? 10 : 12;
  if (body.size() < start) return npy_broken("it is cut short");
  const std::size_t length = major == 1 ? byte(8) | byte(9) << 8 : byte(8) | byte(9) << 8 | byte(10) << 16 | byte(11) << 24;
  if (length > kHeaderMax || length > body.size() - start) return npy_broken("its header is cut short or too long");
  NpyHead out;
  TRY(HeaderReader(body.substr(start, length)).read(out));
  out.bytes = start + length;
  return out;
}

bool has_npy_type(DType dtype) { return !npy_type(dtype).empty(); }

std::string npy_head(DType dtype, const Shape& shape) {
  std::string text = "{'descr': '" + std::string(npy_type(dtype)) + "', 'fortran_order': False, 'shape': (";
  for (const std::int64_t d : shape) text += std::to_string(d) + ",";
  text += "), }";
  while ((10 + text.size() + 1) % 64 != 0) text += ' ';
  text += '\n';
  std::string out("\x93NUMPY\x01\x00", 8);
  out += static_cast<char>(text.size() & 0xFF);
  out += static_cast<char>(text.size() >> 8);
  return out + text;
}

Result<DecodedRequest> RequestCodec::decode_npy(std::string_view body, const DecodeLimits& limits) const {
  return fit_npy(*plan_, body, nullptr, limits);
}

Result<DecodedRequest> RequestCodec::decode_npy(const SharedBytes& body, const DecodeLimits& limits) const {
  return fit_npy(*plan_, body, &body, limits);
}

}  // namespace slipway
