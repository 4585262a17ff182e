#include "slipway/formats/npy.hpp"

#include <algorithm>
#include <charconv>

#include "slipway/base/encoding.hpp"

namespace slipway::npy {
namespace {

constexpr std::size_t kHeaderMax = 1 << 20, kFieldsMax = 256, kRankOfArraysMax = 16;

Error refused(std::string what) { return {ErrorCode::model_refused, "the .npy array " + std::move(what)}; }

// The header is a Python literal: {'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }
class Literal {
 public:
  explicit Literal(std::string_view text) : text_(text) {}

  bool take(char c) {
    skip();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool done() {
    skip();
    return at_ == text_.size();
  }
  Status want(char c) { return take(c) ? ok() : Status(bad()); }

  Result<std::string> text() {
    skip();
    if (at_ >= text_.size() || (text_[at_] != '\'' && text_[at_] != '"')) return bad();
    const char quote = text_[at_++];
    std::string out;
    for (; at_ < text_.size() && text_[at_] != quote; ++at_) {
      if (text_[at_] == '\\') return bad();  // no pickler escapes a dtype's name
      out += text_[at_];
    }
    if (at_++ >= text_.size()) return bad();
    return out;
  }
  Result<bool> boolean() {
    skip();
    for (const std::string_view word : {"True", "False"}) {
      if (text_.substr(at_, word.size()) != word) continue;
      at_ += word.size();
      return word == "True";
    }
    return bad();
  }
  Result<std::int64_t> number() {
    skip();
    std::int64_t value = 0;
    const auto [end, failed] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
    if (failed != std::errc()) return bad();
    at_ = static_cast<std::size_t>(end - text_.data());
    if (at_ < text_.size() && text_[at_] == 'L') ++at_;  // written by Python 2
    return value;
  }
  Result<Shape> shape() {
    if (!take('(')) return Shape{TRY(number())};
    Shape out;
    while (!take(')')) {
      if (out.size() >= kRankOfArraysMax) return refused("has more than " + std::to_string(kRankOfArraysMax) + " dimensions");
      out.push_back(TRY(number()));
      if (out.back() < 0) return refused("has a negative dimension");
      if (!take(',') && !peek(')')) return bad();
    }
    return out;
  }
  bool peek(char c) {
    skip();
    return at_ < text_.size() && text_[at_] == c;
  }
  Error bad() const { return refused("has a header that is not as numpy writes it (at byte " + std::to_string(at_) + " of it)"); }

 private:
  void skip() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t')) ++at_;
  }
  std::string_view text_;
  std::size_t at_ = 0;
};

Status read_descr(Literal& in, Header& out) {
  if (!in.take('[')) {
    out.dtype = TRY(in.text());
    return ok();
  }
  while (!in.take(']')) {
    if (out.fields.size() >= kFieldsMax) return refused("has more than " + std::to_string(kFieldsMax) + " fields");
    Header::Field field;
    TRY(in.want('('));
    field.name = TRY(in.text());
    TRY(in.want(','));
    field.dtype = TRY(in.text());
    if (in.take(',') && !in.peek(')')) field.shape = TRY(in.shape());
    TRY(in.want(')'));
    out.fields.push_back(std::move(field));
    if (!in.take(',') && !in.peek(']')) return in.bad();
  }
  if (out.fields.empty()) return in.bad();
  return ok();
}

}  // namespace

Result<Header> read_header(std::span<const std::byte> bytes) {
  const std::string_view text = as_text(bytes);
  if (text.size() < 10 || text.substr(0, 6) != "\x93NUMPY") return refused("doesn't begin as one");
  const int major = static_cast<unsigned char>(text[6]);
  if (major < 1 || major > 3) return refused("is of the unknown version " + std::to_string(major));
  const std::size_t length_bytes = major == 1 ? 2 : 4;
  if (text.size() < 8 + length_bytes) return refused("ends within its header");
  std::size_t length = 0;
  for (std::size_t i = length_bytes; i-- > 0;) length = length << 8 | static_cast<unsigned char>(text[8 + i]);
  if (length > kHeaderMax || length > text.size() - 8 - length_bytes) return refused("ends within its header");
  Header out;
  out.data_offset = 8 + length_bytes + length;
  Literal in(text.substr(8 + length_bytes, length));
  unsigned seen = 0;
  TRY(in.want('{'));
  while (!in.take('}')) {
    const std::string key = TRY(in.text());
    TRY(in.want(':'));
    const unsigned bit = key == "descr" ? 1 : key == "fortran_order" ? 2 : key == "shape" ? 4 : 0;
    if (bit == 0 || (seen & bit) != 0) return in.bad();
    seen |= bit;
    if (bit == 1) TRY(read_descr(in, out));
    if (bit == 2) out.fortran_order = TRY(in.boolean());
    if (bit == 4) {
      if (!in.peek('(')) return in.bad();
      out.shape = TRY(in.shape());
    }
    if (!in.take(',') && !in.peek('}')) return in.bad();
  }
  if (seen != 7 || !in.done()) return in.bad();
  return out;
}

}  // namespace slipway::npy
