#include "slipway/ops/text/tokenizer.hpp"

#include <algorithm>
#include <stdexcept>

namespace slipway::ops::text {
namespace {

constexpr std::size_t kWidthsMax = 32;
constexpr std::int64_t kWidthMax = 64;
constexpr std::size_t kBytesMax = 64 << 20;  // of all n-grams of a row

bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool is_punctuation(char c) { return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~'); }

// Bytes of the UTF-8 character that begins here; 0: it is none.
std::size_t character_at(std::string_view s, std::size_t at) {
  const auto b = static_cast<unsigned char>(s[at]);
  const std::size_t n = b < 0x80 ? 1 : b >= 0xC2 && b < 0xE0 ? 2 : b >= 0xE0 && b < 0xF0 ? 3 : b >= 0xF0 && b < 0xF5 ? 4 : 0;
  if (n == 0 || at + n > s.size()) return 0;
  for (std::size_t i = 1; i < n; ++i) {
    if ((static_cast<unsigned char>(s[at + i]) & 0xC0) != 0x80) return 0;
  }
  return n;
}

}  // namespace

Tokenizer::Tokenizer(TokenizerOptions options) : options_(std::move(options)) {
  if (options_.ngrams.size() > kWidthsMax) throw std::invalid_argument("n-grams of more than " + std::to_string(kWidthsMax) + " widths");
  for (const std::int64_t n : options_.ngrams) {
    if (n < 1 || n > kWidthMax) throw std::invalid_argument("n-grams must be of 1 to " + std::to_string(kWidthMax) + " tokens");
  }
}

std::string Tokenizer::standardized(std::string_view text) const {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (options_.strip_punctuation && is_punctuation(c)) continue;
    out += options_.lowercase && is_upper(c) ? static_cast<char>(c + 32) : c;
  }
  return out;
}

std::vector<std::string_view> Tokenizer::parts(std::string_view text) const {
  std::vector<std::string_view> out;
  if (options_.split == TokenizerOptions::Split::character) {
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t n = character_at(text, at);
      out.push_back(n == 0 ? std::string_view("\xEF\xBF\xBD") : text.substr(at, n));
      at += std::max<std::size_t>(n, 1);
    }
    return out;
  }
  for (std::size_t at = 0; at < text.size();) {
    while (at < text.size() && is_space(text[at])) ++at;
    std::size_t end = at;
    while (end < text.size() && !is_space(text[end])) ++end;
    if (end > at) out.push_back(text.substr(at, end - at));
    at = end;
  }
  return out;
}

void Tokenizer::tokens(std::span<const std::string_view> row, const std::function<void(std::string_view)>& each) const {
  std::vector<std::string> texts;
  for (const std::string_view text : row) texts.push_back(standardized(text));
  std::vector<std::string_view> found;
  for (const std::string& text : texts) {
    if (!splits()) {
      found.emplace_back(text);
      continue;
    }
    const auto more = parts(text);
    found.insert(found.end(), more.begin(), more.end());
  }
  if (options_.ngrams.empty()) {
    std::ranges::for_each(found, each);
    return;
  }
  std::size_t bytes = 0;
  std::string joined;
  for (const std::int64_t n : options_.ngrams) {
    const auto width = static_cast<std::size_t>(n);
    for (std::size_t at = 0; at + width <= found.size(); ++at) {
      joined.clear();
      for (std::size_t i = 0; i < width; ++i) joined.append(i > 0 ? " " : "").append(found[at + i]);
      bytes += joined.size();
      if (bytes > kBytesMax) throw std::invalid_argument("a text is too long for n-grams of " + std::to_string(n) + " tokens");
      each(joined);
    }
  }
}

}  // namespace slipway::ops::text
