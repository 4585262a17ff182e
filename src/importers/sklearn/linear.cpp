// Linear models: X @ coef_.T + intercept_. Regressors give it; classifiers pick by its sign or its largest.
#include "slipway/importers/sklearn/linear.hpp"

#include "slipway/importers/blocks/arithmetic.hpp"
#include "slipway/importers/sklearn/table.hpp"

namespace slipway::importers::sklearn {

Result<Decision> decision_function(Lowering& to, const View& model, const Table& in) {
  Matrix coef = TRY(matrix(model, "coef_"));
  std::vector<double> intercept = present(model, "intercept_") ? TRY(vector(model, "intercept_")) : std::vector<double>{0.0};
  TRY(expect_width(model, in, coef.columns));
  if (coef.columns == 0 || coef.rows == 0) return refuse(model, "coef_ is empty");
  if (intercept.size() == 1) intercept.assign(static_cast<std::size_t>(coef.rows), intercept[0]);
  if (static_cast<std::int64_t>(intercept.size()) != coef.rows) {
    return refuse(model, "coef_ has " + std::to_string(coef.rows) + " rows but intercept_ has " + std::to_string(intercept.size()));
  }
  to.inputs.refuse_missing(in);
  std::vector<double> transposed(coef.data.size());
  for (std::int64_t r = 0; r < coef.rows; ++r) {
    for (std::int64_t c = 0; c < coef.columns; ++c) transposed[static_cast<std::size_t>(c * coef.rows + r)] = coef.at(r, c);
  }
  const Val sum = to.graph.add(TRY(to.inputs.product(in, transposed, coef.rows)), to.graph.row(intercept));
  return Decision{Builder::typed(sum, DType::float64, coef.rows), coef.rank};
}

Result<Labels> binarized_labels(const View& model) {
  std::optional<View> classes = model.find("classes_");
  if (!classes) {
    if (const auto binarizer = model.find("_label_binarizer")) classes = binarizer->find("classes_");
  }
  if (!classes) return refuse(model, std::string(model.name()) + " has no classes_ (is it fitted?)");
  return read_labels(*classes);
}

bool is_multilabel(const View& model) {
  const auto binarizer = model.find("_label_binarizer");
  return binarizer && text_or(*binarizer, "y_type_", "binary").substr(0, 10) == "multilabel";
}

Result<Labels> linear_labels(const View& model, std::int64_t decisions) {
  Labels labels = TRY(binarized_labels(model));
  const auto count = static_cast<std::int64_t>(labels.count());
  if (count < 2 || decisions != (count == 2 ? 1 : count)) {
    return refuse(model, std::to_string(decisions) + " rows of coef_ don't fit " + std::to_string(count) + " classes");
  }
  return labels;
}

namespace {

Result<Prediction> regressor(Lowering& to, const View& model, const Table& in) {
  const Decision decision = TRY(decision_function(to, model, in));
  return Prediction::regressor(decision.coef_rank < 2 ? flat(to.graph, decision.value) : decision.value);
}

// Generalised linear models with a logarithmic link.
Result<Prediction> exponential_regressor(Lowering& to, const View& model, const Table& in) {
  const Decision decision = TRY(decision_function(to, model, in));
  return Prediction::regressor(to.graph.op("Exp", {flat(to.graph, decision.value)}));
}

Result<Prediction> tweedie(Lowering& to, const View& model, const Table& in) {
  const std::string link = text_or(model, "link", "auto");
  const double power = TRY(number_or(model, "power", 0));
  const bool log = link == "log" || (link == "auto" && power > 0);
  return log ? exponential_regressor(to, model, in) : regressor(to, model, in);
}

Result<Prediction> classifier(Lowering& to, const View& model, const Table& in) {
  const Decision decision = TRY(decision_function(to, model, in));
  Prediction prediction;
  prediction.labels = TRY(linear_labels(model, decision.value.columns));
  label_by_scores(to.graph, prediction, decision.value);
  return prediction;
}

// Ridge classifiers take several labels a row. Before 1.0 they answered the best of them nevertheless.
Result<Prediction> ridge_classifier(Lowering& to, const View& model, const Table& in) {
  if (!is_multilabel(model)) return classifier(to, model, in);
  const Decision decision = TRY(decision_function(to, model, in));
  Prediction prediction;
  prediction.kind = Prediction::Kind::classifier;
  prediction.labels = TRY(binarized_labels(model));
  if (static_cast<std::int64_t>(prediction.labels->count()) != decision.value.columns)
    return refuse(model,
                  std::to_string(decision.value.columns) + " rows of coef_ don't fit " + std::to_string(prediction.labels->count()) + " labels");
  if (!to.version(model).at_least(1, 0)) {
    label_by_scores(to.graph, prediction, decision.value);
    return prediction;
  }
  prediction.scores = decision.value;
  prediction.indicator = Builder::typed(above(to.graph, decision.value, 0), DType::int64, decision.value.columns);
  return prediction;
}

// SGDOneClassSVM: the decision is taken against offset_, and 0 is inside.
Result<Prediction> one_class(Lowering& to, const View& model, const Table& in) {
  const Matrix coef = TRY(matrix(model, "coef_"));
  const auto offset = TRY(vector(model, "offset_"));
  if (coef.rows != 1 || offset.size() != 1) return refuse(model, "coef_ and offset_ must be of one class");
  TRY(expect_width(model, in, coef.columns));
  to.inputs.refuse_missing(in);
  const Val weights = to.graph.constant(doubles({coef.columns, 1}, coef.data));
  const Val product = to.graph.matmul(TRY(to.inputs.numbers(in)), weights, 1);
  const Val score = flat(to.graph, to.graph.sub(product, to.graph.row(offset)));
  const Val inside = at_least(to.graph, score, 0);
  const Val sign = to.graph.sub(to.graph.mul(inside, to.graph.scalar_i64(2)), to.graph.scalar_i64(1));
  return Prediction::outlier_detector(Builder::typed(sign, DType::int64, -1), score);
}

Result<Prediction> ransac(Lowering& to, const View& model, const Table& in) { return to.predict(TRY(model.attribute("estimator_")), in); }

constexpr Converter kConverters[] = {
    {"LinearRegression", nullptr, regressor},
    {"Ridge", nullptr, regressor},
    {"RidgeCV", nullptr, regressor},
    {"Lasso", nullptr, regressor},
    {"LassoCV", nullptr, regressor},
    {"LassoLars", nullptr, regressor},
    {"LassoLarsCV", nullptr, regressor},
    {"LassoLarsIC", nullptr, regressor},
    {"Lars", nullptr, regressor},
    {"LarsCV", nullptr, regressor},
    {"ElasticNet", nullptr, regressor},
    {"ElasticNetCV", nullptr, regressor},
    {"MultiTaskLasso", nullptr, regressor},
    {"MultiTaskLassoCV", nullptr, regressor},
    {"MultiTaskElasticNet", nullptr, regressor},
    {"MultiTaskElasticNetCV", nullptr, regressor},
    {"OrthogonalMatchingPursuit", nullptr, regressor},
    {"OrthogonalMatchingPursuitCV", nullptr, regressor},
    {"BayesianRidge", nullptr, regressor},
    {"ARDRegression", nullptr, regressor},
    {"HuberRegressor", nullptr, regressor},
    {"TheilSenRegressor", nullptr, regressor},
    {"QuantileRegressor", nullptr, regressor},
    {"SGDRegressor", nullptr, regressor},
    {"PassiveAggressiveRegressor", nullptr, regressor},
    {"LinearSVR", nullptr, regressor},
    {"PoissonRegressor", nullptr, exponential_regressor},
    {"GammaRegressor", nullptr, exponential_regressor},
    {"TweedieRegressor", nullptr, tweedie},
    {"RANSACRegressor", nullptr, ransac},
    {"SGDOneClassSVM", nullptr, one_class},
    {"RidgeClassifier", nullptr, ridge_classifier},
    {"RidgeClassifierCV", nullptr, ridge_classifier},
    {"Perceptron", nullptr, classifier},
    {"PassiveAggressiveClassifier", nullptr, classifier},
    {"LinearSVC", nullptr, classifier},
};

}  // namespace

Family linear_family() { return kConverters; }

}  // namespace slipway::importers::sklearn
