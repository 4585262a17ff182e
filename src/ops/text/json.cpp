#include "slipway/ops/text/json.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>
#include <stdexcept>

#include "slipway/ops/text/unicode.hpp"

namespace slipway::ops::text {
namespace {

constexpr int kDepthMax = 8;

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Json document() {
    Json value = any(0);
    white();
    if (at_ != text_.size()) fail();
    return value;
  }

 private:
  [[noreturn]] static void fail() { throw std::invalid_argument("an instance isn't JSON as the model takes it"); }

  void white() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t')) ++at_;
  }
  char peek() {
    white();
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool take(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  bool word(std::string_view w) {
    if (text_.substr(at_, w.size()) != w) return false;
    at_ += w.size();
    return true;
  }

  Json any(int depth) {
    if (depth > kDepthMax) fail();
    Json out;
    const char c = peek();
    if (c == '{') return object(depth);
    if (c == '[') return list(depth);
    if (c == '"') {
      out.kind = Json::Kind::text;
      out.text = string();
    } else if (word("null")) {
    } else if (word("true") || word("false")) {
      out.kind = Json::Kind::boolean;
      out.number = text_[at_ - 2] == 'u' ? 1 : 0;
    } else {
      out.kind = Json::Kind::number;
      out.number = number();
    }
    return out;
  }

  double number() {
    if (word("NaN")) return std::nan("");
    if (word("Infinity")) return std::numeric_limits<double>::infinity();
    if (word("-Infinity")) return -std::numeric_limits<double>::infinity();
    double value = 0;
    const auto read = std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
    if (read.ec != std::errc()) fail();
    at_ = static_cast<std::size_t>(read.ptr - text_.data());
    return value;
  }

  Json list(int depth) {
    Json out;
    out.kind = Json::Kind::list;
    ++at_;
    if (take(']')) return out;
    do { out.items.push_back(any(depth + 1)); } while (take(','));
    if (!take(']')) fail();
    return out;
  }

  Json object(int depth) {
    Json out;
    out.kind = Json::Kind::object;
    ++at_;
    if (take('}')) return out;
    do {
      if (peek() != '"') fail();
      std::string key = string();
      if (!take(':')) fail();
      out.members.emplace_back(std::move(key), any(depth + 1));
    } while (take(','));
    if (!take('}')) fail();
    return out;
  }

  char32_t hex4() {
    std::uint32_t value = 0;
    const auto read = std::from_chars(text_.data() + at_, text_.data() + std::min(at_ + 4, text_.size()), value, 16);
    if (read.ec != std::errc() || read.ptr != text_.data() + at_ + 4) fail();
    at_ += 4;
    return value;
  }

  void escape(std::string& out) {
    if (at_ >= text_.size()) fail();
    const char c = text_[at_++];
    switch (c) {
      case 'n': out += '\n'; return;
      case 't': out += '\t'; return;
      case 'r': out += '\r'; return;
      case 'b': out += '\b'; return;
      case 'f': out += '\f'; return;
      case 'u': {
        char32_t code = hex4();
        if (code >= 0xD800 && code < 0xDC00 && word("\\u")) code = 0x10000 + ((code - 0xD800) << 10) + (hex4() - 0xDC00);
        append_utf8(out, code > 0x10FFFF ? 0xFFFD : code);
        return;
      }
      default: out += c;
    }
  }

  std::string string() {
    std::string out;
    for (++at_; at_ < text_.size();) {
      const char c = text_[at_++];
      if (c == '"') return out;
      if (c == '\\')
        escape(out);
      else
        out += c;
    }
    fail();
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

Json parse_json(std::string_view document) { return Parser(document).document(); }

std::string key_of(std::string_view text) { return "s" + std::string(text); }
std::string key_of(double number) {
  if (std::isnan(number)) return kNanKey;
  char out[40];
  std::snprintf(out, sizeof out, "n%.17g", number == 0 ? 0.0 : number);
  return out;
}

}  // namespace slipway::ops::text
