// Texts to the places of their tokens in a vocabulary, and to counts of them.
#include <algorithm>
#include <unordered_map>

#include "slipway/ops/kernel.hpp"
#include "slipway/ops/text/analyzer.hpp"
#include "slipway/ops/text/tokenizer.hpp"

namespace slipway::ops {
namespace {

using text::TextHash;
using text::Tokenizer;
using text::TokenizerOptions;

constexpr std::int64_t kLengthMax = 1 << 24, kColumnsMax = 10'000'000;

TokenizerOptions options_of(const Setup& setup) {
  TokenizerOptions options;
  const std::string split = setup.text("split", "whitespace");
  if (split == "none") {
    options.split = TokenizerOptions::Split::none;
  } else if (split == "character") {
    options.split = TokenizerOptions::Split::character;
  } else if (split != "whitespace") {
    throw std::invalid_argument("split must be none, whitespace or character");
  }
  options.lowercase = setup.integer("lowercase", 1) != 0;
  options.strip_punctuation = setup.integer("strip_punctuation", 1) != 0;
  options.ngrams = setup.integers("ngrams");
  return options;
}

// What both kernels are: a tokenizer, and where each token stands.
class Vocabulary {
 public:
  explicit Vocabulary(const Setup& setup) : tokenizer_(options_of(setup)), unknown_(setup.integer("unknown", -1)) {
    const std::int64_t first = setup.integer("first", 0);
    if (first < 0 || first > kColumnsMax) throw std::invalid_argument("first must not be negative");
    const In words = setup.needed(1);
    for (std::size_t i = 0; i < words.texts.size(); ++i) place_of_.emplace(words.texts[i], first + static_cast<std::int64_t>(i));
  }

  // Calls `each` with the place of each token of every row, row after row.
  void places(const In& in, const std::function<void(std::size_t row, std::int64_t place)>& each) const {
    const std::size_t rows = in.rows(), width = rows == 0 ? 1 : in.texts.size() / rows;
    if (tokenizer_.splits() && width != 1) throw std::invalid_argument("texts to be split must be one a row");
    for (std::size_t r = 0; r < rows; ++r) {
      tokenizer_.tokens(std::span(in.texts).subspan(r * width, width), [&](std::string_view token) {
        const auto found = place_of_.find(token);
        each(r, found != place_of_.end() ? found->second : token.empty() ? kMasked : unknown_);
      });
    }
  }
  static constexpr std::int64_t kMasked = -2;  // the empty token

 private:
  Tokenizer tokenizer_;
  std::int64_t unknown_;
  std::unordered_map<std::string, std::int64_t, TextHash, std::equal_to<>> place_of_;
};

// TokenPlaces(texts [N] or [N, k], vocabulary): [N, length]; shorter rows end in zeros. length 0: that of the longest.
class TokenPlaces final : public Kernel {
 public:
  explicit TokenPlaces(const Setup& setup) : vocabulary_(setup), length_(setup.integer("length", 0)) {
    if (length_ < 0 || length_ > kLengthMax) throw std::invalid_argument("length is out of bounds");
  }
  void compute(std::span<const In> in, Outs& out) const override {
    std::vector<std::vector<std::int64_t>> rows(in[0].rows());
    vocabulary_.places(in[0], [&](std::size_t row, std::int64_t place) { rows[row].push_back(std::max<std::int64_t>(place, 0)); });
    std::size_t length = static_cast<std::size_t>(length_);
    if (length_ == 0) {
      for (const auto& row : rows) length = std::max(length, row.size());
    }
    const auto places = out.ints(0, {static_cast<std::int64_t>(rows.size()), static_cast<std::int64_t>(length)});
    std::ranges::fill(places, 0);
    for (std::size_t r = 0; r < rows.size(); ++r)
      std::copy_n(rows[r].begin(), std::min(length, rows[r].size()), places.begin() + static_cast<std::ptrdiff_t>(r * length));
  }

 private:
  Vocabulary vocabulary_;
  std::int64_t length_;
};

// TokenCounts(texts, vocabulary): [N, columns] how often each place's token stands in a row; binary: whether it does.
class TokenCounts final : public Kernel {
 public:
  explicit TokenCounts(const Setup& setup) : vocabulary_(setup), columns_(setup.integer("columns", 0)), binary_(setup.integer("binary", 0) != 0) {
    if (columns_ < 1 || columns_ > kColumnsMax) throw std::invalid_argument("columns are out of bounds");
  }
  void compute(std::span<const In> in, Outs& out) const override {
    const auto counts = out.doubles(0, {static_cast<std::int64_t>(in[0].rows()), columns_});
    std::ranges::fill(counts, 0.0);
    vocabulary_.places(in[0], [&](std::size_t row, std::int64_t place) {
      if (place < 0 || place >= columns_) return;
      double& n = counts[row * static_cast<std::size_t>(columns_) + static_cast<std::size_t>(place)];
      n = binary_ ? 1 : n + 1;
    });
  }

 private:
  Vocabulary vocabulary_;
  std::int64_t columns_;
  bool binary_;
};

}  // namespace

std::unique_ptr<Kernel> make_TokenPlaces(const Setup& setup) { return std::make_unique<TokenPlaces>(setup); }
std::unique_ptr<Kernel> make_TokenCounts(const Setup& setup) { return std::make_unique<TokenCounts>(setup); }

}  // namespace slipway::ops
