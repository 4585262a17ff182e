// CalibratedClassifierCV: one or several pairs of a classifier and what turns its scores into probabilities, averaged. A pair uses
// decision_function where the classifier has it, else predict_proba.
#include <algorithm>
#include <cmath>

#include "slipway/importers/blocks/arithmetic.hpp"
#include "slipway/importers/blocks/interpolate.hpp"
#include "slipway/importers/blocks/trees.hpp"
#include "slipway/importers/sklearn/inner.hpp"
#include "slipway/importers/sklearn/table.hpp"

namespace slipway::importers::sklearn {
namespace {

Result<Val> sigmoid(Lowering& to, const View& calibrator, const Val& score) {
  const double a = TRY(TRY(calibrator.attribute("a_")).number()), b = TRY(TRY(calibrator.attribute("b_")).number());
  const Val line = to.graph.add(to.graph.mul(to.graph.scalar(a), score), to.graph.scalar(b));
  return Builder::typed(expit(to.graph, to.graph.op("Neg", {line})), DType::float64, 1);
}

// numpy before 2 computes with float32 scores and the calibrator's two numbers in float32.
Result<Val> single_sigmoid(Lowering& to, const View& calibrator, const Val& score) {
  Builder& graph = to.graph;
  const auto number = [&](const char* name) -> Result<Val> {
    const double v = TRY(TRY(calibrator.attribute(name)).number());
    return graph.scalar(static_cast<double>(static_cast<float>(v)));
  };
  const auto rounded = [&](const Val& v) { return single_value(graph, v, score.columns); };
  const Val line = rounded(graph.add(rounded(graph.mul(TRY(number("a_")), score)), TRY(number("b_"))));
  const Val grown = rounded(graph.op("Exp", {line}));
  return rounded(graph.div(graph.scalar(1), rounded(graph.add(graph.scalar(1), grown))));
}

Result<Val> isotonic(Lowering& to, const View& calibrator, const Val& score) {
  const View at = TRY(first_present(calibrator, {"X_thresholds_", "_necessary_X_"}));
  const auto x = TRY(at.doubles());
  const auto y = TRY(TRY(first_present(calibrator, {"y_thresholds_", "_necessary_y_"})).doubles());
  const double low = TRY(number_or(calibrator, "X_min_", -INFINITY)), high = TRY(number_or(calibrator, "X_max_", INFINITY));
  if (x.empty() || x.size() != y.size() || !std::is_sorted(x.begin(), x.end()) || !(low <= high)) return refuse(at, "its thresholds are damaged");
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (!std::isfinite(x[i]) || !std::isfinite(y[i]) || (i > 0 && x[i] == x[i - 1])) return refuse(at, "its thresholds are damaged");
  }
  const bool single = at.is(Kind::array) && at.dtype_text().find("f4") != std::string::npos;
  const Val clipped = clip(to.graph, single ? round_to_float(to.graph, score) : score, low, high);
  const Val value = interpolate(to.graph, clipped, x, y, 2e-15);
  return single ? round_to_float(to.graph, value) : value;
}

Result<Val> calibrate(Lowering& to, const View& calibrator, const Val& score, bool single) {
  if (calibrator.is(Kind::object) && calibrator.name() == "_SigmoidCalibration")
    return single ? single_sigmoid(to, calibrator, score) : sigmoid(to, calibrator, score);
  if (calibrator.is(Kind::object) && calibrator.name() == "IsotonicRegression") return isotonic(to, calibrator, score);
  return refuse(calibrator, "here is " + calibrator.describe() + ", a calibrator was expected");
}

// The columns that the calibrators are for. Before 1.4 what counts is the number of all classes, later that of the member's own.
Result<Val> scores_of(Lowering& to, const View& model, const View& estimator, const Prediction& p, std::size_t classes) {
  if (p.scores) return as_columns(to.graph, *p.scores);
  if (!p.probabilities) return refuse(estimator, "it has neither decision_function nor predict_proba");
  const bool second = (to.version(model).at_least(1, 4) ? p.labels->count() : classes) == 2;
  if (!second) return *p.probabilities;
  if (p.probabilities->columns != 2) return refuse(estimator, "it doesn't know both classes");
  return to.graph.column(*p.probabilities, 1);
}

// Sums to one; rows without any probability are even.
Val normalised(Builder& graph, const Val& p) {
  const Val sum = sum_columns(graph, p);
  const Val none = Builder::typed(graph.op("Equal", {sum, graph.scalar(0)}), DType::boolean, 1);
  const Val safe = graph.where(none, graph.scalar(1), sum);
  const Val even = graph.scalar(1.0 / static_cast<double>(p.columns));
  return Builder::typed(graph.where(none, even, graph.div(p, safe)), DType::float64, p.columns);
}

// Before 1.0 whatever was no number became even.
Val numbers_only(Builder& graph, const Val& p, Version version) {
  if (version.at_least(1, 0)) return p;
  return Builder::typed(graph.where(graph.is_nan(p), graph.scalar(1.0 / static_cast<double>(p.columns)), p), DType::float64, p.columns);
}

Val at_most_one(Builder& graph, const Val& p) {
  const Val above_one = Builder::typed(graph.op("Greater", {p, graph.scalar(1)}), DType::boolean, p.columns);
  const Val near = Builder::typed(graph.op("LessOrEqual", {p, graph.scalar(1 + 1e-5)}), DType::boolean, p.columns);
  const Val rounding = Builder::typed(graph.op("And", {above_one, near}), DType::boolean, p.columns);
  return Builder::typed(graph.where(rounding, graph.scalar(1), p), DType::float64, p.columns);
}

// softmax(beta * logits); probabilities become logits by their logarithm.
Result<Val> temperature(Lowering& to, const View& calibrator, const Prediction& p, std::int64_t classes) {
  Builder& graph = to.graph;
  const double beta = TRY(TRY(calibrator.attribute("beta_")).number());
  Val logits = p.scores ? as_columns(graph, *p.scores) : graph.op("Log", {graph.add(*p.probabilities, graph.scalar(1e-12))});
  if (!p.scores) logits = Builder::typed(logits, DType::float64, p.probabilities->columns);
  if (logits.columns == 1) logits = graph.concat_columns({Builder::typed(graph.op("Neg", {logits}), DType::float64, 1), logits});
  if (logits.columns != classes) return refuse(calibrator, "its classifier doesn't know every class");
  return softmax(graph, Builder::typed(graph.mul(graph.scalar(beta), logits), DType::float64, classes));
}

Result<Val> pair_probabilities(Lowering& to, const View& model, const View& pair, const Labels& labels, const Table& in) {
  const auto classes = static_cast<std::int64_t>(labels.count());
  const View estimator = TRY(first_present(pair, {"estimator", "base_estimator"}));
  const View calibrators = TRY(first_present(pair, {"calibrators", "calibrators_"}));
  const Prediction p = TRY(to.predict(estimator, in));
  if (p.kind != Prediction::Kind::classifier || !p.labels || p.indicator) return refuse(estimator, "it is no classifier of one output");
  if (text_or(pair, "method", "sigmoid") == "temperature") {
    if (calibrators.size() != 1) return refuse(calibrators, "one calibrator was expected");
    if (!p.scores && !p.probabilities) return refuse(estimator, "it has neither decision_function nor predict_proba");
    return at_most_one(to.graph, TRY(temperature(to, calibrators.at(0), p, classes)));
  }
  const Place places = TRY(places_among(estimator, *p.labels, labels));
  const Val scores = TRY(scores_of(to, model, estimator, p, labels.count()));
  const std::size_t count = std::min({places.size(), static_cast<std::size_t>(scores.columns), calibrators.size()});
  if (count == 0) return refuse(calibrators, "there are no calibrators");
  const bool single = p.single && !p.scores && !to.version(model).at_least(1, 4);
  std::vector<Val> columns;
  for (std::size_t i = 0; i < count; ++i)
    columns.push_back(TRY(calibrate(to, calibrators.at(i), to.graph.column(scores, static_cast<std::int64_t>(i)), single)));
  if (classes == 2) {
    if (places[0] != 0) return refuse(estimator, "it doesn't know both classes");
    return at_most_one(to.graph, numbers_only(to.graph, two_columns(to.graph, columns.front()), to.version(model)));
  }
  const Place known(places.begin(), places.begin() + static_cast<std::ptrdiff_t>(count));
  const Val shares = normalised(to.graph, spread(to.graph, to.graph.concat_columns(columns), known, classes, 0));
  return at_most_one(to.graph, numbers_only(to.graph, shares, to.version(model)));
}

Result<Prediction> classifier(Lowering& to, const View& model, const Table& in) {
  Labels labels = TRY(read_labels(TRY(model.attribute("classes_"))));
  if (labels.count() < 2) return refuse(model, "it knows one class only");
  const auto classes = static_cast<std::int64_t>(labels.count());
  std::vector<Val> parts;
  for (const View& pair : TRY(members_of(model, "calibrated_classifiers_"))) parts.push_back(TRY(pair_probabilities(to, model, pair, labels, in)));
  const Val mean = to.graph.div(total(to.graph, parts), to.graph.scalar(static_cast<double>(parts.size())));
  return Prediction::from_probabilities(to.graph, std::move(labels), Builder::typed(mean, DType::float64, classes));
}

constexpr Converter kConverters[] = {{"CalibratedClassifierCV", nullptr, classifier}};

}  // namespace

Family calibration_family() { return kConverters; }

}  // namespace slipway::importers::sklearn
