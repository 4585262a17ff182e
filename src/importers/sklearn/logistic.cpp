// Linear classifiers with probabilities: LogisticRegression(CV) and SGDClassifier.
#include "slipway/importers/blocks/arithmetic.hpp"
#include "slipway/importers/sklearn/linear.hpp"
#include "slipway/importers/sklearn/table.hpp"

namespace slipway::importers::sklearn {
namespace {

// One sigmoid a class, normalised: LinearClassifierMixin._predict_proba_lr. Since 1.9 rows of zeros become even; before, NaN.
Val one_against_rest(Builder& graph, const Val& decision, Version version) {
  const Val p = expit(graph, decision);
  if (decision.columns == 1) return two_columns(graph, p);
  const Val sum = sum_columns(graph, p), shares = graph.div(p, sum);
  if (!version.at_least(1, 9)) return Builder::typed(shares, DType::float64, decision.columns);
  const Val none = Builder::typed(graph.compare("Equal", sum, graph.scalar(0)), DType::boolean, 1);
  const Val even = graph.scalar(1.0 / static_cast<double>(decision.columns));
  return Builder::typed(graph.where(none, even, shares), DType::float64, decision.columns);
}

Val multinomial(Builder& graph, const Val& decision) {
  if (decision.columns > 1) return softmax(graph, decision);
  return softmax(graph, graph.concat_columns({Builder::typed(graph.op("Neg", {decision}), DType::float64, 1), decision}));
}

Result<Prediction> logistic(Lowering& to, const View& model, const Table& in) {
  const Decision decision = TRY(decision_function(to, model, in));
  Prediction prediction;
  prediction.labels = TRY(linear_labels(model, decision.value.columns));
  label_by_scores(to.graph, prediction, decision.value);
  const bool rest = is_one_against_rest(to.version(model), model, prediction.labels->count());
  prediction.probabilities = rest ? one_against_rest(to.graph, decision.value, to.version(model)) : multinomial(to.graph, decision.value);
  return prediction;
}

// SGDClassifier._predict_proba for loss='modified_huber'.
Val modified_huber(Builder& graph, const Val& decision) {
  const std::int64_t columns = decision.columns;
  const Val p = Builder::typed(graph.div(graph.add(clip(graph, decision, -1, 1), graph.scalar(1)), graph.scalar(2)), DType::float64, columns);
  if (columns == 1) return two_columns(graph, p);
  const Val sum = sum_columns(graph, p);
  const Val none = Builder::typed(graph.op("Equal", {sum, graph.scalar(0)}), DType::boolean, 1);
  const Val even = graph.scalar(1.0 / static_cast<double>(columns));
  const Val safe = graph.where(none, graph.scalar(1), sum);
  return Builder::typed(graph.where(none, even, graph.div(p, safe)), DType::float64, columns);
}

Result<Prediction> sgd(Lowering& to, const View& model, const Table& in) {
  const Decision decision = TRY(decision_function(to, model, in));
  Prediction prediction;
  prediction.labels = TRY(linear_labels(model, decision.value.columns));
  label_by_scores(to.graph, prediction, decision.value);
  const std::string loss = text_or(model, "loss", "hinge");
  if (loss == "log" || loss == "log_loss") prediction.probabilities = one_against_rest(to.graph, decision.value, to.version(model));
  if (loss == "modified_huber") prediction.probabilities = modified_huber(to.graph, decision.value);
  return prediction;
}

constexpr Converter kConverters[] = {
    {"LogisticRegression", nullptr, logistic},
    {"LogisticRegressionCV", nullptr, logistic},
    {"SGDClassifier", nullptr, sgd},
};

}  // namespace

// From 1.8 on two classes are a sigmoid and more are a softmax, whatever the solver.
bool is_one_against_rest(Version version, const View& model, std::size_t classes) {
  if (version.at_least(1, 8)) return classes <= 2;
  const std::string kind = text_or(model, "multi_class", version.at_least(0, 22) ? "auto" : "ovr");
  if (kind == "ovr" || kind == "warn") return true;
  if (kind == "multinomial") return false;
  const std::string solver = text_or(model, "solver", "lbfgs");
  if (classes <= 2 || solver == "liblinear") return true;
  return solver == "newton-cholesky" && !version.at_least(1, 6);
}

Family logistic_family() { return kConverters; }

}  // namespace slipway::importers::sklearn
