#include "slipway/ops/text/unicode.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>

namespace slipway::ops::text {
namespace {

struct Range {
  char32_t first, last;
};
struct LowerRun {
  char32_t first, last, step;
  std::int32_t difference;
};
struct CombiningRun {
  char32_t first, last;
  std::uint8_t kind;
};
struct Decomposition {
  char32_t character;
  std::uint16_t begin, length;
};
#include "slipway/ops/text/unicode_tables.inc"

template <class Run, std::size_t n>
const Run* find_run(const Run (&runs)[n], char32_t c) {
  const Run* const at = std::upper_bound(std::begin(runs), std::end(runs), c, [](char32_t value, const Run& r) { return value < r.first; });
  return at == std::begin(runs) || (at - 1)->last < c ? nullptr : at - 1;
}

char32_t simple_lower(char32_t c) {
  if (c < 128) return c >= U'A' && c <= U'Z' ? c + 32 : c;
  const LowerRun* run = find_run(kLower, c);
  return run == nullptr || (c - run->first) % run->step != 0 ? c : static_cast<char32_t>(static_cast<std::int64_t>(c) + run->difference);
}

int combining_class(char32_t c) {
  if (c < 0x300) return 0;
  const CombiningRun* run = find_run(kCombining, c);
  return run == nullptr ? 0 : run->kind;
}

// Capital sigma is final after a cased letter unless one follows; characters that case ignores lie between.
bool is_final_sigma(std::u32string_view text, std::size_t at) {
  std::size_t before = at;
  while (before > 0 && find_run(kCaseIgnorable, text[before - 1]) != nullptr) --before;
  if (before == 0 || find_run(kCased, text[before - 1]) == nullptr) return false;
  std::size_t after = at + 1;
  while (after < text.size() && find_run(kCaseIgnorable, text[after]) != nullptr) ++after;
  return after == text.size() || find_run(kCased, text[after]) == nullptr;
}

bool is_ascii(std::u32string_view text) {
  return std::all_of(text.begin(), text.end(), [](char32_t c) { return c < 128; });
}

void decompose(char32_t c, std::u32string& out) {
  constexpr char32_t kHangul = 0xAC00, kLeads = 0x1100, kVowels = 0x1161, kTails = 0x11A7;
  if (c >= kHangul && c < kHangul + 11172) {
    const char32_t at = c - kHangul;
    out += kLeads + at / 588;
    out += kVowels + at % 588 / 28;
    if (at % 28 != 0) out += kTails + at % 28;
    return;
  }
  const auto* found = std::lower_bound(std::begin(kDecompositions), std::end(kDecompositions), c,
                                       [](const Decomposition& d, char32_t value) { return d.character < value; });
  if (found == std::end(kDecompositions) || found->character != c) {
    out += c;
    return;
  }
  out.append(kDecomposed + found->begin, found->length);
}

}  // namespace

bool is_alphanumeric(char32_t c) {
  if (c < 128) return (c >= U'0' && c <= U'9') || (c >= U'A' && c <= U'Z') || (c >= U'a' && c <= U'z');
  return find_run(kAlphanumeric, c) != nullptr;
}

bool is_decimal(char32_t c) { return c < 128 ? c >= U'0' && c <= U'9' : find_run(kDecimal, c) != nullptr; }
bool is_space(char32_t c) { return c < 128 ? c == U' ' || (c >= 9 && c <= 13) || (c >= 28 && c <= 31) : find_run(kSpace, c) != nullptr; }

std::u32string from_utf8(std::string_view bytes) {
  constexpr char32_t kWrong = 0xFFFD;
  std::u32string out;
  out.reserve(bytes.size());
  for (std::size_t i = 0; i < bytes.size();) {
    const auto lead = static_cast<unsigned char>(bytes[i]);
    if (lead < 0x80) {
      out += lead;
      ++i;
      continue;
    }
    const std::size_t more = lead >= 0xF0 && lead < 0xF5 ? 3 : lead >= 0xE0 && lead < 0xF0 ? 2 : lead >= 0xC2 && lead < 0xE0 ? 1 : 0;
    char32_t c = more == 3 ? lead & 7U : more == 2 ? lead & 15U : lead & 31U;
    bool good = more > 0 && i + more < bytes.size();
    for (std::size_t k = 1; good && k <= more; ++k) {
      const auto next = static_cast<unsigned char>(bytes[i + k]);
      good = (next & 0xC0U) == 0x80;
      c = c << 6 | (next & 63U);
    }
    out += good ? c : kWrong;
    i += good ? more + 1 : 1;
  }
  return out;
}

void append_utf8(std::string& out, char32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0 | c >> 6);
    out += static_cast<char>(0x80 | (c & 63));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0 | c >> 12);
    out += static_cast<char>(0x80 | (c >> 6 & 63));
    out += static_cast<char>(0x80 | (c & 63));
  } else {
    out += static_cast<char>(0xF0 | c >> 18);
    out += static_cast<char>(0x80 | (c >> 12 & 63));
    out += static_cast<char>(0x80 | (c >> 6 & 63));
    out += static_cast<char>(0x80 | (c & 63));
  }
}

void lower(std::u32string& text) {
  constexpr char32_t kDottedI = 0x130, kSigma = 0x3A3;
  if (text.find_first_of(std::u32string{kDottedI, kSigma}) == std::u32string::npos) {
    for (char32_t& c : text) c = simple_lower(c);
    return;
  }
  std::u32string out;
  out.reserve(text.size() + 4);
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char32_t c = text[i];
    if (c == kDottedI)
      out.append({U'i', 0x307});
    else if (c == kSigma)
      out += is_final_sigma(text, i) ? 0x3C2 : 0x3C3;
    else
      out += simple_lower(c);
  }
  text = std::move(out);
}

std::u32string nfkd(std::u32string_view text) {
  std::u32string out;
  out.reserve(text.size());
  for (const char32_t c : text) decompose(c, out);
  // Canonical order: each stretch of combining marks sorted by class, equals as they stood.
  for (std::size_t i = 0; i < out.size();) {
    if (combining_class(out[i]) == 0) {
      ++i;
      continue;
    }
    std::size_t end = i;
    while (end < out.size() && combining_class(out[end]) != 0) ++end;
    std::stable_sort(out.begin() + static_cast<std::ptrdiff_t>(i), out.begin() + static_cast<std::ptrdiff_t>(end),
                     [](char32_t a, char32_t b) { return combining_class(a) < combining_class(b); });
    i = end;
  }
  return out;
}

void strip_accents_unicode(std::u32string& text) {
  if (is_ascii(text)) return;
  std::u32string normal = nfkd(text);
  std::erase_if(normal, [](char32_t c) { return combining_class(c) != 0; });
  text = std::move(normal);
}

void strip_accents_ascii(std::u32string& text) {
  if (is_ascii(text)) return;
  text = nfkd(text);
  std::erase_if(text, [](char32_t c) { return c >= 128; });
}

std::span<const std::string_view> english_stop_words() { return kEnglishStopWords; }

}  // namespace slipway::ops::text
