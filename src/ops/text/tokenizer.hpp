// From a text to its tokens, as TensorFlow's text layers do it: bytes, not characters, are what is lower case, punctuation or white space.
// Immutable: any number of threads may use it at once.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace slipway::ops::text {

struct TokenizerOptions {
  enum class Split : std::uint8_t { none, whitespace, character } split = Split::whitespace;
  bool lowercase = true, strip_punctuation = true;  // of ASCII
  std::vector<std::int64_t> ngrams;                 // widths, in the order in which they come; empty: tokens alone
};

class Tokenizer {
 public:
  // Throws std::invalid_argument for widths that are out of bounds.
  explicit Tokenizer(TokenizerOptions options);

  // Calls `each` for every token of a row in order; the view is valid during the call. A row is one text, or (not split) its tokens.
  // Throws std::invalid_argument where its n-grams are too many.
  void tokens(std::span<const std::string_view> row, const std::function<void(std::string_view)>& each) const;
  bool splits() const { return options_.split != TokenizerOptions::Split::none; }

 private:
  std::string standardized(std::string_view text) const;
  std::vector<std::string_view> parts(std::string_view text) const;

  TokenizerOptions options_;
};

}  // namespace slipway::ops::text
