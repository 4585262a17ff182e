// The opcodes whose argument is text: numbers in decimal, quoted strings, escaped Unicode; and LONG1/LONG4.
#include <charconv>

#include "slipway/base/encoding.hpp"
#include "slipway/formats/pickle_reader.hpp"

namespace slipway::pickle {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The value of `count` hex digits at `at`; -1: they are not there.
std::int64_t hex_at(std::string_view text, std::size_t at, std::size_t count) {
  if (text.size() < at || text.size() - at < count) return -1;
  std::int64_t v = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const int digit = hex_digit(text[at + i]);
    if (digit < 0) return -1;
    v = v * 16 + digit;
  }
  return v;
}

// Python's string escapes of repr(str) in Python 2. nullopt: damaged.
std::optional<std::string> unescaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out.push_back(text[i]);
      continue;
    }
    if (++i == text.size()) return std::nullopt;
    switch (text[i]) {
      case 'n': out.push_back('\n'); break;
      case 't': out.push_back('\t'); break;
      case 'r': out.push_back('\r'); break;
      case 'a': out.push_back('\a'); break;
      case 'b': out.push_back('\b'); break;
      case 'f': out.push_back('\f'); break;
      case 'v': out.push_back('\v'); break;
      case '\\':
      case '\'':
      case '"': out.push_back(text[i]); break;
      case 'x': {
        const auto v = hex_at(text, i + 1, 2);
        if (v < 0) return std::nullopt;
        out.push_back(static_cast<char>(v));
        i += 2;
        break;
      }
      default: {
        if (text[i] < '0' || text[i] > '7') {  // an unknown escape stays as it is
          out.push_back('\\');
          out.push_back(text[i]);
          break;
        }
        int v = 0;
        std::size_t n = 0;
        for (; n < 3 && i + n < text.size() && text[i + n] >= '0' && text[i + n] <= '7'; ++n) v = v * 8 + (text[i + n] - '0');
        out.push_back(static_cast<char>(v));
        i += n - 1;
      }
    }
  }
  return out;
}

}  // namespace

Status Reader::decimal_line(bool is_long) {
  std::string_view digits = TRY(line());
  if (!is_long && (digits == "01" || digits == "00")) return push(digits == "01" ? kTrue : kFalse);
  if (digits.ends_with('L')) digits.remove_suffix(1);
  std::string_view magnitude = digits;
  if (magnitude.starts_with('-') || magnitude.starts_with('+')) magnitude.remove_prefix(1);
  if (magnitude.empty()) return fail("a number is expected");
  for (const char c : magnitude) {
    if (c < '0' || c > '9') return fail("a number is expected, there is '" + excerpt(digits) + "'");
  }
  std::int64_t value = 0;
  const std::string_view plain = digits.starts_with('+') ? magnitude : digits;
  const auto [end, failed] = std::from_chars(plain.data(), plain.data() + plain.size(), value);
  if (failed == std::errc()) return push_integer(value);
  return push_chars(Kind::big_integer, plain, kDecimal);
}

Status Reader::float_line() {
  std::string_view digits = TRY(line());
  const std::string shown = excerpt(digits);
  if (digits.starts_with('+')) digits.remove_prefix(1);
  Node n;
  n.kind = Kind::real;
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), n.real);
  if (failed == std::errc::result_out_of_range) {  // too small or too large, as Python's float() takes it
    const bool large = digits.find("e-") == std::string_view::npos && digits.find("E-") == std::string_view::npos;
    n.real = (digits.starts_with('-') ? -1.0 : 1.0) * (large ? __builtin_inf() : 0.0);
  } else if (failed != std::errc() || end != digits.data() + digits.size() || digits.empty()) {
    return fail("a number is expected, there is '" + shown + "'");
  }
  return push(TRY(add(n)));
}

// Little-endian two's complement.
Status Reader::long_bytes(std::string_view bytes) {
  if (bytes.size() > 8) return push_chars(Kind::big_integer, bytes);
  std::uint64_t v = !bytes.empty() && (bytes.back() & 0x80) != 0 ? ~std::uint64_t{0} : 0;
  for (std::size_t i = bytes.size(); i-- > 0;) v = v << 8 | static_cast<unsigned char>(bytes[i]);
  return push_integer(static_cast<std::int64_t>(v));
}

Status Reader::quoted_line() {
  std::string_view text = TRY(line());
  while (text.ends_with(' ')) text.remove_suffix(1);
  if (text.size() < 2 || text.front() != text.back() || (text.front() != '\'' && text.front() != '"')) { return fail("a quoted string is expected"); }
  text = text.substr(1, text.size() - 2);
  if (text.find('\\') == std::string_view::npos) return push_chars(Kind::text, text, kLatin1);
  auto plain = unescaped(text);
  if (!plain) return fail("a damaged escape in a string");
  return push_chars(Kind::text, d_->own(std::move(*plain)), kLatin1);
}

// raw-unicode-escape: Latin-1, with \uXXXX and \UXXXXXXXX where the number of backslashes before them is even.
Status Reader::unicode_line() {
  const std::string_view raw = TRY(line());
  const bool plain = std::string_view::npos == raw.find('\\') &&
                     std::string_view::npos ==
                         raw.find_first_not_of("\t !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_`abcdefghijklmnopqrstuvwxyz{|}~");
  if (plain) return push_chars(Kind::text, raw);
  std::string out;
  std::uint32_t high = 0;  // a first surrogate: narrow builds of Python 2 wrote pairs
  for (std::size_t i = 0; i < raw.size();) {
    std::uint32_t c = static_cast<unsigned char>(raw[i]);
    std::size_t used = 1;
    if (c == '\\' && i + 1 < raw.size()) {
      const char next = raw[i + 1];
      if (next == 'u' || next == 'U') {
        const std::size_t digits = next == 'u' ? 4 : 8;
        const auto v = hex_at(raw, i + 2, digits);
        if (v < 0 || v > 0x10FFFF) return fail("a damaged escape in a text");
        c = static_cast<std::uint32_t>(v);
        used = 2 + digits;
      } else {
        out.push_back('\\');  // a backslash that escapes nothing, and what follows it
        c = static_cast<unsigned char>(next);
        used = 2;
      }
    }
    if (high != 0 && c >= 0xDC00 && c < 0xE000) {
      out.resize(out.size() - 3);
      c = 0x10000 + ((high - 0xD800) << 10) + (c - 0xDC00);
    }
    high = used > 2 && c >= 0xD800 && c < 0xDC00 ? c : 0;
    append_utf8(out, c);
    i += used;
  }
  return push_chars(Kind::text, d_->own(std::move(out)));
}

}  // namespace slipway::pickle
