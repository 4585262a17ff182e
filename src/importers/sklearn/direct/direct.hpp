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
struct Row : std::vector<Cell> {
  using std::vector<Cell>::vector;
  // The library holds it as a row of a sparse matrix, which stores no zeros (Table::sparse).
  bool sparse = false;
};

// The answer to one row, by the contract's names of outputs; a label is a Cell of the classes' kind.
struct DirectAnswer {
  std::optional<json::Value> label;
  std::vector<double> probabilities, scores, prediction;
  bool scalar_scores = false, scalar_prediction = true;  // one number a row, rather than a list of one
  std::optional<std::int64_t> cluster;
  std::optional<double> score;          // of outlier detectors
  std::vector<std::int64_t> indicator;  // several labels a row
  std::vector<DirectAnswer> outputs;    // a classifier of several outputs: one each
  bool single = false;                  // probabilities and prediction are float32 in the library (Prediction::single)
};

// Thrown by a Step for a row that the library refuses (a category it never saw), and for one whose answer rounding decides.
struct RowRefused {};
struct RowUnclear {};

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

  // A row that matters to an estimator (a support vector, a centre), in the columns that it is given. It is tried where what stands
  // before the estimator can be undone.
  void try_row(std::vector<double> row);
  const std::vector<std::vector<double>>& rows() const { return rows_; }
  void try_text(std::string text) { texts_.push_back(std::move(text)); }  // where it is the model's only feature
  const std::vector<std::string>& texts() const { return texts_; }
  void costs(std::size_t operations) { cost_ += operations; }  // of one row's evaluation: costly models try fewer rows
  std::size_t cost() const { return cost_; }

  // Undoes a step on the way to what is converted next; nullopt: it can't be undone. Leaving: back to as many as there were.
  using Undo = std::optional<std::function<void(std::vector<double>&)>>;
  void behind(Undo undo) { undo_.push_back(std::move(undo)); }
  std::size_t steps_behind() const { return undo_.size(); }
  void leave(std::size_t steps) { undo_.resize(steps); }

 private:
  Version root_;
  std::set<std::string> unchecked_;
  std::vector<std::vector<double>> rows_;
  std::vector<std::string> texts_;
  std::vector<Undo> undo_;
  std::size_t cost_ = 0;
  int depth_ = 0;
};
Direct::Undo undo_of(const View& step);  // of scalers

struct DirectConverter {
  std::string_view name;
  Result<std::optional<Step>> (*transform)(Direct& by, const View& model) = nullptr;
  Result<std::optional<Answerer>> (*predict)(Direct& by, const View& model) = nullptr;
  std::string_view root = "sklearn";  // what its module begins with
};
std::span<const DirectConverter> direct_preprocessing();
std::span<const DirectConverter> direct_models();
std::span<const DirectConverter> direct_machines();
std::span<const DirectConverter> direct_nearness();
std::span<const DirectConverter> direct_likelihoods();
std::span<const DirectConverter> direct_columns();
std::span<const DirectConverter> direct_wrappers();
std::span<const DirectConverter> direct_boosted();
std::span<const DirectConverter> direct_composed();
std::span<const DirectConverter> direct_texts();
std::span<const DirectConverter> direct_xgboost();
std::span<const DirectConverter> direct_lightgbm();
std::span<const DirectConverter> direct_catboost();

}  // namespace slipway::importers::sklearn
