#include "slipway/tensor/json_scanner.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <limits>

#include "slipway/base/encoding.hpp"
#include "slipway/base/json.hpp"

namespace slipway {
namespace {

bool is_digit(char c) { return static_cast<unsigned char>(c - '0') < 10; }

// Powers of ten that a double holds exactly.
constexpr std::array<double, 23> kPowers = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                            1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
constexpr std::uint64_t kExactMax = 1ULL << 53;

// Non-zero when one of eight characters is a quote, a backslash, a control character or not ASCII.
std::uint64_t special(std::uint64_t chunk) {
  constexpr std::uint64_t kOnes = 0x0101010101010101ULL;
  constexpr std::uint64_t kHighs = 0x8080808080808080ULL;
  const auto zero_byte = [](std::uint64_t v) { return (v - kOnes) & ~v & kHighs; };
  return zero_byte(chunk ^ (kOnes * '"')) | zero_byte(chunk ^ (kOnes * '\\')) | ((chunk - kOnes * 0x20) & ~chunk & kHighs) | (chunk & kHighs);
}

}  // namespace

bool JsonScanner::fail(const char* what) {
  if (error_ == nullptr) {
    error_ = what;
    error_at_ = at_;
  }
  return false;
}

std::string JsonScanner::error() const {
  if (error_ == nullptr) return {};
  const auto line = 1 + std::count(begin_, error_at_, '\n');
  const char* line_start = error_at_;
  while (line_start != begin_ && line_start[-1] != '\n') --line_start;
  return "line " + std::to_string(line) + ", column " + std::to_string(error_at_ - line_start + 1) + ": " + error_;
}

JsonScanner::Kind JsonScanner::peek() {
  white();
  if (error_ != nullptr) return Kind::broken;
  if (at_ == end_) {
    fail("the text ends where a value is expected");
    return Kind::broken;
  }
  switch (*at_) {
    case '-': return end_ - at_ > 1 && at_[1] == 'I' ? Kind::minus_infinity : Kind::number;
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9': return Kind::number;
    case '"': return Kind::text;
    case '[': return Kind::array;
    case '{': return Kind::object;
    case 'n': return Kind::null;
    case 't':
    case 'f': return Kind::boolean;
    case 'N': return Kind::nan;
    case 'I': return Kind::plus_infinity;
    default: fail("expected a value"); return Kind::broken;
  }
}

bool JsonScanner::literal(std::string_view word) {
  if (static_cast<std::size_t>(end_ - at_) < word.size() || std::memcmp(at_, word.data(), word.size()) != 0) return fail("not a JSON word");
  at_ += word.size();
  return true;
}

bool JsonScanner::word(Kind kind) {
  switch (kind) {
    case Kind::null: return literal("null");
    case Kind::nan: return literal("NaN");
    case Kind::plus_infinity: return literal("Infinity");
    case Kind::minus_infinity: return literal("-Infinity");
    default: return fail("not a JSON word");
  }
}

bool JsonScanner::boolean(bool& out) {
  out = *at_ == 't';
  return literal(out ? "true" : "false");
}

bool JsonScanner::number(Number& out) {
  const char* const from = at_;
  const char* p = at_;
  const bool negative = *p == '-';
  if (negative) ++p;
  const char* const digits = p;
  std::uint64_t mantissa = 0;
  while (p != end_ && is_digit(*p)) mantissa = mantissa * 10 + static_cast<std::uint64_t>(*p++ - '0');
  if (p == digits || (*digits == '0' && p - digits > 1)) {
    at_ = p;
    return fail(p == digits ? "expected a digit" : "a number doesn't begin with a zero");
  }
  std::int64_t exponent = 0;
  const std::int64_t whole_digits = p - digits;
  std::int64_t significant = *digits == '0' ? 0 : whole_digits;
  bool plain = true;  // no fraction, no exponent
  if (p != end_ && *p == '.') {
    plain = false;
    const char* const fraction = ++p;
    while (p != end_ && is_digit(*p)) mantissa = mantissa * 10 + static_cast<std::uint64_t>(*p++ - '0');
    if (p == fraction) {
      at_ = p;
      return fail("expected a digit after the point");
    }
    exponent = fraction - p;
    if (significant == 0) {  // zeros in front of the first digit don't count
      const char* q = fraction;
      while (q != p && *q == '0') ++q;
      significant = p - q;
    } else {
      significant += p - fraction;
    }
  }
  std::int64_t written = 0;
  if (p != end_ && (*p == 'e' || *p == 'E')) {
    plain = false;
    ++p;
    const bool down = p != end_ && *p == '-';
    if (p != end_ && (*p == '-' || *p == '+')) ++p;
    const char* const start = p;
    while (p != end_ && is_digit(*p)) written = std::min<std::int64_t>(written * 10 + (*p++ - '0'), 100'000'000'000);
    if (p == start) {
      at_ = p;
      return fail("expected a digit in the exponent");
    }
    if (down) written = -written;
    exponent += written;
  }
  at_ = p;
  out.too_large = false;
  out.is_whole = out.is_natural = false;
  if (significant <= 19) {  // the mantissa is exact
    if (plain) {
      constexpr std::uint64_t kTop = 1ULL << 63;
      out.is_natural = !negative || mantissa == 0;
      out.natural = mantissa;
      out.is_whole = mantissa < kTop || (negative && mantissa == kTop);
      out.whole = static_cast<std::int64_t>(negative ? 0 - mantissa : mantissa);
    }
    if (mantissa <= kExactMax && exponent >= -22 && exponent <= 22) {
      const double m = static_cast<double>(mantissa);
      const double v = exponent < 0 ? m / kPowers[static_cast<std::size_t>(-exponent)] : m * kPowers[static_cast<std::size_t>(exponent)];
      out.real = negative ? -v : v;
      return true;
    }
  } else if (plain && !negative) {
    const auto r = std::from_chars(digits, p, out.natural);
    out.is_natural = r.ec == std::errc{};
  }
  // Where the first significant digit stands, in powers of ten: tells an overflow from an underflow.
  return slow_number(from, significant + exponent, out);
}

bool JsonScanner::slow_number(const char* from, std::int64_t leading_exponent, Number& out) {
  const auto r = std::from_chars(from, at_, out.real);
  if (r.ec == std::errc::result_out_of_range) {
    out.too_large = leading_exponent > 0;
    out.real = *from == '-' ? -0.0 : 0.0;
  }
  if (out.real > std::numeric_limits<double>::max() || out.real < std::numeric_limits<double>::lowest()) out.too_large = true;
  return true;
}

bool JsonScanner::text(std::string_view& out) {
  const char* const from = ++at_;
  bool ascii = true;
  for (;;) {
    while (end_ - at_ >= 8) {
      std::uint64_t chunk = 0;
      std::memcpy(&chunk, at_, 8);
      if (special(chunk) != 0) break;
      at_ += 8;
    }
    for (;; ++at_) {
      if (at_ == end_) return fail("a text without its closing quote");
      const auto c = static_cast<unsigned char>(*at_);
      if (c == '"') {
        out = {from, static_cast<std::size_t>(at_ - from)};
        ++at_;
        return ascii || is_valid_utf8(out) || fail("a text that is not UTF-8");
      }
      if (c == '\\') return escaped_text(from, out);
      if (c < 0x20) return fail("a control character inside a text");
      if (c >= 0x80) {
        ascii = false;
      } else if (!ascii) {
        continue;
      } else if (end_ - at_ > 8) {
        std::uint64_t chunk = 0;
        std::memcpy(&chunk, at_, 8);
        if (special(chunk) == 0) break;
      }
    }
  }
}

bool JsonScanner::escaped_text(const char* from, std::string_view& out) {
  scratch_.assign(from, at_);
  while (at_ != end_) {
    const auto c = static_cast<unsigned char>(*at_);
    if (c == '"') {
      ++at_;
      out = scratch_;
      return is_valid_utf8(out) || fail("a text that is not UTF-8");
    }
    if (c < 0x20) return fail("a control character inside a text");
    ++at_;
    if (c != '\\') {
      scratch_ += static_cast<char>(c);
    } else if (!escape()) {
      return false;
    }
  }
  return fail("a text without its closing quote");
}

bool JsonScanner::escape() {
  if (at_ == end_) return fail("a text without its closing quote");
  switch (*at_++) {
    case '"': scratch_ += '"'; return true;
    case '\\': scratch_ += '\\'; return true;
    case '/': scratch_ += '/'; return true;
    case 'b': scratch_ += '\b'; return true;
    case 'f': scratch_ += '\f'; return true;
    case 'n': scratch_ += '\n'; return true;
    case 'r': scratch_ += '\r'; return true;
    case 't': scratch_ += '\t'; return true;
    case 'u': break;
    default: --at_; return fail("not an escape of JSON");
  }
  std::uint32_t code = 0;
  if (!hex4(code)) return false;
  if (code >= 0xD800 && code < 0xDC00) {
    std::uint32_t low = 0;
    if (end_ - at_ < 2 || at_[0] != '\\' || at_[1] != 'u') return fail("half of a surrogate pair");
    at_ += 2;
    if (!hex4(low)) return false;
    if (low < 0xDC00 || low > 0xDFFF) return fail("half of a surrogate pair");
    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
  } else if (code >= 0xDC00 && code < 0xE000) {
    return fail("half of a surrogate pair");
  }
  const auto put = [this](std::uint32_t byte) { scratch_ += static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | code >> 6);
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3F));
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  }
  return true;
}

bool JsonScanner::hex4(std::uint32_t& out) {
  if (end_ - at_ < 4) return fail("an escape that is cut short");
  out = 0;
  for (int i = 0; i < 4; ++i, ++at_) {
    const char c = *at_;
    std::uint32_t digit = 0;
    if (is_digit(c)) {
      digit = static_cast<std::uint32_t>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      digit = static_cast<std::uint32_t>(c - 'a' + 10);
    } else if (c >= 'A' && c <= 'F') {
      digit = static_cast<std::uint32_t>(c - 'A' + 10);
    } else {
      return fail("not a hexadecimal digit");
    }
    out = out << 4 | digit;
  }
  return true;
}

bool JsonScanner::open(char bracket) {
  white();
  if (error_ != nullptr) return false;
  if (at_ == end_ || *at_ != bracket) return fail(bracket == '[' ? "expected [" : "expected {");
  ++at_;
  return true;
}

bool JsonScanner::element(bool& first, char closing) {
  if (error_ != nullptr) return false;
  white();
  if (at_ == end_) return fail(closing == ']' ? "an array without its closing bracket" : "an object without its closing brace");
  if (*at_ == closing) {
    ++at_;
    return false;
  }
  if (first) {
    first = false;
    return true;
  }
  if (*at_ != ',') return fail(closing == ']' ? "expected a comma or ]" : "expected a comma or }");
  ++at_;
  return true;
}

bool JsonScanner::key(std::string_view& out) {
  white();
  if (at_ == end_ || *at_ != '"') return fail("expected a member's name in quotes");
  if (!text(out)) return false;
  white();
  if (at_ == end_ || *at_ != ':') return fail("expected a colon");
  ++at_;
  return true;
}

bool JsonScanner::key_is(std::string_view plain) {
  white();
  if (static_cast<std::size_t>(end_ - at_) < plain.size() + 3 || at_[0] != '"' || at_[plain.size() + 1] != '"') return false;
  if (std::memcmp(at_ + 1, plain.data(), plain.size()) != 0) return false;
  const char* p = at_ + plain.size() + 2;
  while (p != end_ && is_space(*p)) ++p;
  if (p == end_ || *p != ':') return false;  // key() will say what is wrong
  at_ = p + 1;
  return true;
}

bool JsonScanner::skip() {
  white();
  last_ = at_;
  std::array<char, json::kDepthMax> closers{};  // a stack of our own: depth comes from outside
  std::array<bool, json::kDepthMax> firsts{};
  std::size_t depth = 0;
  std::string_view ignored_text;
  Number ignored;
  bool flag = false;
  for (;;) {
    const Kind kind = peek();
    switch (kind) {
      case Kind::broken: return false;
      case Kind::number:
        if (!number(ignored)) return false;
        break;
      case Kind::text:
        if (!text(ignored_text)) return false;
        break;
      case Kind::boolean:
        if (!boolean(flag)) return false;
        break;
      case Kind::array:
      case Kind::object:
        if (depth == closers.size()) return fail("nested too deeply");
        ++at_;
        closers[depth] = kind == Kind::array ? ']' : '}';
        firsts[depth++] = true;
        break;
      default:
        if (!word(kind)) return false;
    }
    while (depth > 0 && !element(firsts[depth - 1], closers[depth - 1])) {
      if (!ok()) return false;
      --depth;
    }
    if (depth == 0) return true;
    if (closers[depth - 1] == '}' && !key(ignored_text)) return false;
  }
}

bool JsonScanner::at_end() {
  white();
  return ok() && (at_ == end_ || fail("there is more after the end of the document"));
}

}  // namespace slipway
