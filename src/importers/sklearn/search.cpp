// Objects that answer by the one estimator they hold: search objects, self-training, frozen estimators; and classifiers that put a
// threshold of their own on its score.
#include <algorithm>

#include "slipway/importers/blocks/arithmetic.hpp"
#include "slipway/importers/sklearn/inner.hpp"
#include "slipway/importers/sklearn/table.hpp"

namespace slipway::importers::sklearn {
namespace {

Result<View> best_of(const View& model) {
  const auto refit = model.find("refit");  // True, or the name or function that picks the best
  if (refit && refit->is(Kind::boolean) && !TRY(refit->boolean())) {
    return refuse(model, std::string(model.name()) +
                             " was run with refit=False, so that the file holds no model trained on all the data: run it with refit=True, "
                             "or save a model fitted with its best_params_");
  }
  return model.attribute("best_estimator_");
}

Result<Prediction> search_predict(Lowering& to, const View& model, const Table& in) { return to.predict(TRY(best_of(model)), in); }
Result<Table> search_transform(Lowering& to, const View& model, const Table& in) { return to.transform(TRY(best_of(model)), in); }

Result<Prediction> frozen_predict(Lowering& to, const View& model, const Table& in) { return to.predict(TRY(model.attribute("estimator")), in); }
Result<Table> frozen_transform(Lowering& to, const View& model, const Table& in) { return to.transform(TRY(model.attribute("estimator")), in); }

Result<Prediction> self_training(Lowering& to, const View& model, const Table& in) {
  return to.predict(TRY(first_present(model, {"estimator_", "base_estimator_"})), in);
}

// --- thresholds ----------------------------------------------------------------------------------------------------------------
struct Threshold {
  bool probability = true;  // on predict_proba, else on decision_function
  double value = 0.5;
  std::size_t positive = 1;  // which of the two classes a score at or above it is
};

Result<std::size_t> positive_class(const std::optional<View>& pos_label, const Labels& labels) {
  if (!pos_label || pos_label->is_none()) return std::size_t{1};
  const auto number = pos_label->number();
  for (std::size_t i = 0; i < 2; ++i) {
    const json::Value& shown = labels.shown[i];
    if (shown.is_string() && pos_label->is_text(shown.as_string())) return i;
    const double value = shown.is_bool() ? (shown.as_bool() ? 1.0 : 0.0) : shown.is_number() ? shown.as_double() : 0;
    if (!shown.is_string() && number.ok() && value == *number) return i;
  }
  return refuse(*pos_label, "pos_label is none of the two classes");
}

// At or above the threshold is the positive class; the score is of that class.
Result<Prediction> thresholded(Lowering& to, Prediction p, const Threshold& threshold) {
  Val score;
  if (threshold.probability) {
    score = flat(to.graph, to.graph.column(*p.probabilities, static_cast<std::int64_t>(threshold.positive)));
  } else {
    score = threshold.positive == 0 ? Builder::typed(to.graph.mul(to.graph.scalar(-1), *p.scores), DType::float64, -1) : *p.scores;
  }
  const Val positive = at_least(to.graph, score, threshold.value);
  p.label = threshold.positive == 1 ? positive : Builder::typed(to.graph.sub(to.graph.scalar_i64(1), positive), DType::int64, -1);
  return p;
}

Result<Prediction> two_classes(Lowering& to, const View& estimator, const Table& in) {
  Prediction p = TRY(to.predict(estimator, in));
  if (p.kind != Prediction::Kind::classifier || !p.labels || p.labels->count() != 2 || p.indicator)
    return refuse(estimator, "a threshold needs a classifier of two classes");
  return p;
}

// response_method 'auto': predict_proba where there is one.
Result<bool> on_probability(const View& model, const Prediction& p) {
  const std::string method = text_or(model, "response_method", "auto");
  if (method != "auto" && method != "predict_proba" && method != "decision_function")
    return refuse(model, "the response_method '" + method.substr(0, 40) + "' is not known");
  const bool probability = method == "auto" ? p.probabilities.has_value() : method == "predict_proba";
  if (probability ? !p.probabilities : !p.scores) return refuse(model, "the classifier inside has no " + method);
  return probability;
}

Result<Prediction> fixed_threshold(Lowering& to, const View& model, const Table& in) {
  const View estimator = TRY(first_present(model, {"estimator_", "estimator"}));
  Prediction p = TRY(two_classes(to, estimator, in));
  Threshold threshold;
  threshold.probability = TRY(on_probability(model, p));
  threshold.positive = TRY(positive_class(model.find("pos_label"), *p.labels));
  const View value = TRY(model.attribute("threshold"));
  threshold.value = value.is_text("auto") ? (threshold.probability ? 0.5 : 0.0) : TRY(value.number());
  return thresholded(to, std::move(p), threshold);
}

// Scores of the library whose pos_label is 1 unless given.
constexpr std::string_view kPositiveIsOne[] = {"f1_score", "fbeta_score", "precision_score", "recall_score", "jaccard_score"};

// The positive class of a tuned threshold is what the scorer inside was made with: its pos_label argument, else the score's own
// default, else the second class.
Result<std::size_t> positive_of_scorer(const View& model, const Labels& labels) {
  const auto scorer = model.find("_curve_scorer");
  if (!scorer || !scorer->is(Kind::object)) return std::size_t{1};
  if (const auto arguments = scorer->find("_kwargs")) {
    if (const auto given = arguments->get("pos_label")) return positive_class(given, labels);
  }
  const auto function = scorer->find("_score_func");
  const bool one = function && function->is(Kind::global) && std::count(std::begin(kPositiveIsOne), std::end(kPositiveIsOne), function->name()) != 0;
  for (std::size_t i = 0; one && i < 2; ++i) {
    const json::Value& shown = labels.shown[i];
    if (shown.is_bool() ? shown.as_bool() : shown.is_number() && shown.as_double() == 1) return i;
  }
  return std::size_t{1};
}

Result<Prediction> tuned_threshold(Lowering& to, const View& model, const Table& in) {
  Prediction p = TRY(two_classes(to, TRY(model.attribute("estimator_")), in));
  Threshold threshold;
  threshold.probability = TRY(on_probability(model, p));
  threshold.value = TRY(TRY(model.attribute("best_threshold_")).number());
  threshold.positive = TRY(positive_of_scorer(model, *p.labels));
  return thresholded(to, std::move(p), threshold);
}

constexpr Converter kConverters[] = {
    {"GridSearchCV", search_transform, search_predict},        {"RandomizedSearchCV", search_transform, search_predict},
    {"HalvingGridSearchCV", search_transform, search_predict}, {"HalvingRandomSearchCV", search_transform, search_predict},
    {"FrozenEstimator", frozen_transform, frozen_predict},     {"SelfTrainingClassifier", nullptr, self_training},
    {"FixedThresholdClassifier", nullptr, fixed_threshold},    {"TunedThresholdClassifierCV", nullptr, tuned_threshold},
};

}  // namespace

Family search_family() { return kConverters; }

}  // namespace slipway::importers::sklearn
