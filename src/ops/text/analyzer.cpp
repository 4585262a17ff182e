#include "slipway/ops/text/analyzer.hpp"

#include <algorithm>

#include "slipway/ops/text/unicode.hpp"

namespace slipway::ops::text {
namespace {

constexpr std::size_t kPatternSteps = 50'000'000;  // of one text: a second
constexpr std::size_t kTermBytes = 256U << 20;     // of one text's n-grams together

using Each = std::function<void(std::string_view)>;

// Pieces (tokens, or characters) one after the other as UTF-8; every n-gram is a stretch of them.
struct Pieces {
  std::string bytes;
  std::vector<std::size_t> begin, end;

  std::size_t count() const { return begin.size(); }
  std::string_view stretch(std::size_t first, std::size_t n) const {
    return std::string_view(bytes).substr(begin[first], end[first + n - 1] - begin[first]);
  }
};

Pieces of_characters(std::u32string_view text) {
  Pieces out;
  for (const char32_t c : text) {
    out.begin.push_back(out.bytes.size());
    append_utf8(out.bytes, c);
    out.end.push_back(out.bytes.size());
  }
  return out;
}

class Budget {
 public:
  void spend(std::size_t bytes) {
    if (bytes > left_) throw std::invalid_argument("a text has too many n-grams");
    left_ -= bytes;
  }

 private:
  std::size_t left_ = kTermBytes;
};

void grams(const Pieces& pieces, std::int64_t min_n, std::int64_t max_n, const Each& each) {
  Budget budget;
  const auto count = static_cast<std::int64_t>(pieces.count());
  for (std::int64_t n = std::max<std::int64_t>(min_n, 1); n <= std::min(max_n, count); ++n) {
    for (std::int64_t i = 0; i + n <= count; ++i) {
      const std::string_view term = pieces.stretch(static_cast<std::size_t>(i), static_cast<std::size_t>(n));
      budget.spend(term.size() + 1);
      each(term);
    }
  }
}

// Two or more white spaces become one blank; a single one stays as it is.
std::u32string without_wide_spaces(std::u32string_view text) {
  std::u32string out;
  for (std::size_t i = 0; i < text.size();) {
    std::size_t end = i;
    while (end < text.size() && is_space(text[end])) ++end;
    if (end - i >= 2) {
      out += U' ';
      i = end;
    } else {
      out += text[i++];
    }
  }
  return out;
}

}  // namespace

Analyzer::Analyzer(const AnalyzerOptions& options, std::unordered_set<std::string, TextHash, std::equal_to<>> stop_words)
    : options_(options), stop_words_(std::move(stop_words)) {
  if (options_.min_n < 1 || options_.max_n < options_.min_n) throw std::invalid_argument("ngram_range must be 1 or more, the smaller number first");
  if (options_.unit != AnalyzerOptions::Unit::word) return;
  pattern_.emplace(options_.pattern);
  if (pattern_->groups() > 1) throw std::invalid_argument("the pattern has more than one group");
}

void Analyzer::analyze(std::string_view utf8, const Each& each) const {
  std::u32string text = from_utf8(utf8);
  if (options_.lowercase) lower(text);
  if (options_.accents == AnalyzerOptions::Accents::unicode) strip_accents_unicode(text);
  if (options_.accents == AnalyzerOptions::Accents::ascii) strip_accents_ascii(text);
  switch (options_.unit) {
    case AnalyzerOptions::Unit::word: words(text, each); return;
    case AnalyzerOptions::Unit::character: characters(text, each); return;
    case AnalyzerOptions::Unit::character_in_word: characters_in_words(text, each); return;
  }
}

void Analyzer::words(std::u32string_view text, const Each& each) const {
  Pieces tokens;
  for (const Pattern::Span& span : pattern_->find_all(text, kPatternSteps)) {
    const std::size_t back = tokens.bytes.size();
    if (tokens.count() > 0) tokens.bytes += ' ';
    const std::size_t begin = tokens.bytes.size();
    for (std::size_t i = span.begin; i < span.end; ++i) append_utf8(tokens.bytes, text[i]);
    if (!stop_words_.empty() && stop_words_.find(std::string_view(tokens.bytes).substr(begin)) != stop_words_.end()) {
      tokens.bytes.resize(back);
      continue;
    }
    tokens.begin.push_back(begin);
    tokens.end.push_back(tokens.bytes.size());
  }
  grams(tokens, options_.min_n, options_.max_n, each);
}

void Analyzer::characters(std::u32string_view text, const Each& each) const {
  grams(of_characters(without_wide_spaces(text)), options_.min_n, options_.max_n, each);
}

void Analyzer::characters_in_words(std::u32string_view text, const Each& each) const {
  Budget budget;
  for (std::size_t i = 0; i < text.size();) {
    if (is_space(text[i])) {
      ++i;
      continue;
    }
    std::size_t end = i;
    while (end < text.size() && !is_space(text[end])) ++end;
    const Pieces word = of_characters(U' ' + std::u32string(text.substr(i, end - i)) + U' ');
    const auto length = static_cast<std::int64_t>(word.count());
    for (std::int64_t n = options_.min_n; n <= options_.max_n; ++n) {
      const std::int64_t taken = std::min(n, length);
      for (std::int64_t at = 0; at + taken <= length; ++at) {
        const std::string_view term = word.stretch(static_cast<std::size_t>(at), static_cast<std::size_t>(taken));
        budget.spend(term.size() + 1);
        each(term);
      }
      if (n >= length) break;  // a short word counts once
    }
    i = end;
  }
}

}  // namespace slipway::ops::text
