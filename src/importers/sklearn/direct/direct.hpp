// Direct evaluation: a fitted object's own formulas, row by row in plain C++, without any graph. An import lowers the file to a graph
// and evaluates the file directly on rows derived from the model; what the engine then answers to those rows must be the same
// (the certificate). Slow and simple on purpose: a second opinion on the lowering and on the engine.
//
// A Step holds what it read from the file; it can't fail and needs no Document. Single-threaded.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "slipway/importers/sklearn/lowering.hpp"

namespace slipway::importers::sklearn {

struct Cell {  // missing: no text, and the number is NaN
  double number;
  std::optional<std::string> text;
  bool missing() const { return !text && number != number; }
};
using Row = std::vector<Cell>;

// The answer to one row, by the contract's names of outputs; a label is a Cell of the classes' kind.
struct DirectAnswer {
  std::optional<json::Value> label;
  std::vector<double> probabilities, scores, prediction;
  bool scalar_scores = false, scalar_prediction = true;  // one number a row, rather than a list of one
};

// Thrown by a Step for a row that the library refuses (a category it never saw).
struct RowRefused {};

using Step = std::function<Row(const Row&)>;
using Answerer = std::function<DirectAnswer(const Row&)>;

class Direct {
 public:
  explicit Direct(Version root) : root_(root) {}

  // nullopt: the class isn't evaluated twice (yet); it stands in unchecked().
  Result<std::optional<Step>> transform(const View& model);
  Result<std::optional<Answerer>> predict(const View& model);
  const std::set<std::string>& unchecked() const { return unchecked_; }
  Version version(const View& model) const;

 private:
  Version root_;
  std::set<std::string> unchecked_;
  int depth_ = 0;
};

struct DirectConverter {
  std::string_view name;
  Result<std::optional<Step>> (*transform)(Direct& by, const View& model) = nullptr;
  Result<std::optional<Answerer>> (*predict)(Direct& by, const View& model) = nullptr;
};
std::span<const DirectConverter> direct_preprocessing();
std::span<const DirectConverter> direct_models();

}  // namespace slipway::importers::sklearn
