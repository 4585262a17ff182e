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

Result<Labels> linear_labels(const View& model, std::int64_t decisions) {
  std::optional<View> classes = model.find("classes_");
  if (!classes) {
    if (const auto binarizer = model.find("_label_binarizer")) {  // RidgeClassifier before 1.9
      if (text_or(*binarizer, "y_type_", "binary").find("multilabel") != std::string::npos) {
        return refuse(model, std::string(model.name()) + " with several labels a row is not covered yet");
      }
      classes = binarizer->find("classes_");
    }
  }
  if (!classes) return refuse(model, std::string(model.name()) + " has no classes_ (is it fitted?)");
  Labels labels = TRY(read_labels(*classes));
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
    {"RidgeClassifier", nullptr, classifier},
    {"RidgeClassifierCV", nullptr, classifier},
    {"Perceptron", nullptr, classifier},
    {"PassiveAggressiveClassifier", nullptr, classifier},
    {"LinearSVC", nullptr, classifier},
};

}  // namespace

Family linear_family() { return kConverters; }

}  // namespace slipway::importers::sklearn
