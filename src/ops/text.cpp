// Texts to counts of terms. A sparse table is three values: where each row's entries begin (rows + 1), their columns, ascending within a
// row, and their numbers.
#include <algorithm>
#include <cmath>
#include <optional>
#include <unordered_map>

#include "slipway/ops/kernel.hpp"
#include "slipway/ops/sparse.hpp"
#include "slipway/ops/text/analyzer.hpp"
#include "slipway/ops/text/hash.hpp"

namespace slipway::ops {
namespace {

using text::Analyzer;
using text::AnalyzerOptions;
using text::TextHash;

AnalyzerOptions options_of(const Setup& setup) {
  AnalyzerOptions options;
  const std::string unit = setup.text("analyzer", "word"), accents = setup.text("accents", "");
  if (unit == "char")
    options.unit = AnalyzerOptions::Unit::character;
  else if (unit == "char_wb")
    options.unit = AnalyzerOptions::Unit::character_in_word;
  else if (unit != "word")
    throw std::invalid_argument("analyzer must be word, char or char_wb");
  if (accents == "unicode")
    options.accents = AnalyzerOptions::Accents::unicode;
  else if (accents == "ascii")
    options.accents = AnalyzerOptions::Accents::ascii;
  else if (!accents.empty())
    throw std::invalid_argument("accents must be unicode or ascii");
  options.lowercase = setup.integer("lowercase", 1) != 0;
  options.min_n = setup.integer("min_n", 1);
  options.max_n = setup.integer("max_n", 1);
  options.pattern = setup.text("pattern", options.pattern);
  return options;
}

std::unordered_set<std::string, TextHash, std::equal_to<>> stop_words_of(const Setup& setup) {
  const In words = setup.constant(2);
  std::unordered_set<std::string, TextHash, std::equal_to<>> out;
  for (const std::string_view word : words.texts) out.emplace(word);
  return out;
}

class CountTerms final : public Kernel {
 public:
  explicit CountTerms(const Setup& setup)
      : analyzer_(options_of(setup), stop_words_of(setup)), binary_(setup.integer("binary", 0) != 0), signed_(setup.integer("signed", 0) != 0) {
    const In vocabulary = setup.constant(1);
    if (!vocabulary.present) {
      columns_ = setup.integer("features", 0);
      if (columns_ < 1 || columns_ > 0x7fffffff) throw std::invalid_argument("features must be a positive number");
      return;
    }
    for (std::size_t i = 0; i < vocabulary.texts.size(); ++i) column_of_.emplace(vocabulary.texts[i], static_cast<std::int64_t>(i));
  }

  void compute(std::span<const In> in, Outs& out) const override {
    const auto& texts = in[0].texts;
    std::vector<SparseRow> rows(texts.size());
    std::vector<std::string> problems(texts.size());
    in_blocks(out, texts.size(), 16, [&](std::size_t i) {
      try {
        rows[i] = count(texts[i]);
      } catch (const std::exception& e) { problems[i] = e.what(); }
    });
    for (const std::string& problem : problems) {
      if (!problem.empty()) throw std::invalid_argument(problem);
    }
    write_rows(out, rows);
  }

 private:
  SparseRow count(std::string_view text) const {
    std::vector<std::pair<std::int64_t, double>> terms;
    analyzer_.analyze(text, [&](std::string_view term) {
      if (columns_ > 0) {
        const std::int32_t hash = text::murmur3(term);
        terms.emplace_back(text::hashed_column(hash, columns_), signed_ && hash < 0 ? -1.0 : 1.0);
      } else if (const auto found = column_of_.find(term); found != column_of_.end()) {
        terms.emplace_back(found->second, 1.0);
      }
    });
    return merged(std::move(terms), binary_);
  }

  Analyzer analyzer_;
  std::unordered_map<std::string, std::int64_t, TextHash, std::equal_to<>> column_of_;
  std::int64_t columns_ = 0;  // hashed; 0: looked up
  bool binary_, signed_;
};

// sublinear_tf, idf and norm of TfidfTransformer on the numbers of a sparse table.
template <class Real>
void weigh(const SparseView& x, std::span<const double> idf, bool sublinear, std::int64_t norm, std::size_t row, std::span<double> y) {
  const auto [begin, end] = x.row(row);
  for (std::size_t i = begin; i < end; ++i) {
    Real v = static_cast<Real>(x.values[i]);
    if (sublinear) v = std::log(v) + Real{1};
    if (!idf.empty()) v *= static_cast<Real>(idf[static_cast<std::size_t>(x.columns[i])]);
    y[i] = v;
  }
  double sum = 0;
  for (std::size_t i = begin; i < end; ++i) {
    const Real v = static_cast<Real>(y[i]);
    if (norm == 1) sum += std::abs(v);
    if (norm == 2) sum += v * v;
    if (norm == 3) sum = std::max<double>(sum, std::abs(v));
  }
  if (norm == 2) sum = std::sqrt(sum);
  if (norm == 0 || sum == 0) return;
  for (std::size_t i = begin; i < end; ++i) y[i] = static_cast<Real>(y[i] / sum);  // divided in double, as the library does
}

class WeighTerms final : public Kernel {
 public:
  explicit WeighTerms(const Setup& setup)
      : sublinear_(setup.integer("sublinear", 0) != 0), single_(setup.integer("single", 0) != 0), norm_(setup.integer("norm", 0)) {
    if (norm_ < 0 || norm_ > 3) throw std::invalid_argument("norm must be 0 (none), 1, 2 or 3 (largest)");
  }
  void compute(std::span<const In> in, Outs& out) const override {
    const SparseView x = sparse_view(in[0], in[1], in[2]);
    const std::span<const double> idf = in.size() > 3 && in[3].present ? in[3].doubles() : std::span<const double>();
    if (!idf.empty()) check_columns(x, idf.size());
    const auto y = out.doubles(0, in[2].shape);
    for (std::size_t row = 0; row < x.rows(); ++row)
      single_ ? weigh<float>(x, idf, sublinear_, norm_, row, y) : weigh<double>(x, idf, sublinear_, norm_, row, y);
  }

 private:
  bool sublinear_, single_;
  std::int64_t norm_;
};

}  // namespace

std::unique_ptr<Kernel> make_CountTerms(const Setup& setup) { return std::make_unique<CountTerms>(setup); }
std::unique_ptr<Kernel> make_WeighTerms(const Setup& setup) { return std::make_unique<WeighTerms>(setup); }

}  // namespace slipway::ops
