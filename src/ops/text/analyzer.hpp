// From a text to its terms, as CountVectorizer and its relatives do it: lower case, accents, tokens, stop words, n-grams. Immutable:
// any number of threads may analyse at once.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "slipway/ops/text/pattern.hpp"

namespace slipway::ops::text {

// Look-up of views among owned strings.
struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view s) const { return std::hash<std::string_view>()(s); }
};

struct AnalyzerOptions {
  enum class Unit : std::uint8_t { word, character, character_in_word } unit = Unit::word;
  enum class Accents : std::uint8_t { keep, unicode, ascii } accents = Accents::keep;
  bool lowercase = true;
  std::int64_t min_n = 1, max_n = 1;
  std::string pattern = R"((?u)\b\w\w+\b)";  // word only
};

class Analyzer {
 public:
  // Throws std::invalid_argument for a pattern that isn't read and n-grams without bounds.
  Analyzer(const AnalyzerOptions& options, std::unordered_set<std::string, TextHash, std::equal_to<>> stop_words);

  // Calls `each` for every term in order; the view is valid during the call. Throws std::invalid_argument when the text takes too long.
  void analyze(std::string_view text, const std::function<void(std::string_view)>& each) const;

 private:
  void words(std::u32string_view text, const std::function<void(std::string_view)>& each) const;
  void characters(std::u32string_view text, const std::function<void(std::string_view)>& each) const;
  void characters_in_words(std::u32string_view text, const std::function<void(std::string_view)>& each) const;

  AnalyzerOptions options_;
  std::optional<Pattern> pattern_;
  std::unordered_set<std::string, TextHash, std::equal_to<>> stop_words_;
};

}  // namespace slipway::ops::text
