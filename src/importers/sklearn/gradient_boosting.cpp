// Gradient boosting: raw score = initial estimate + learning rate * sum of regression trees, one score a class for more than two.
#include <algorithm>
#include <cmath>
#include <limits>

#include "slipway/importers/blocks/arithmetic.hpp"
#include "slipway/importers/sklearn/table.hpp"
#include "slipway/importers/sklearn/trees.hpp"

namespace slipway::importers::sklearn {
namespace {

// Probabilities of the initial estimator are clipped before the link: by float32's epsilon, from 1.8 on by double's.
double epsilon(Version version) {
  return version.at_least(1, 8) ? std::numeric_limits<double>::epsilon() : static_cast<double>(std::numeric_limits<float>::epsilon());
}

// estimators_: an object array [stages, scores] of DecisionTreeRegressor.
struct Stages {
  std::vector<TreeNodes> trees;
  std::int64_t scores = 1;
};

Result<Stages> read_stages(const View& model, std::int64_t features) {
  const View estimators = TRY(model.attribute("estimators_"));
  if (!estimators.is(Kind::array) || !estimators.is_object_array() || estimators.shape().size() != 2 || estimators.size() == 0) {
    return refuse(estimators, "here is " + estimators.describe() + ", a table of trees was expected");
  }
  Stages stages;
  stages.scores = estimators.shape()[1];
  std::size_t nodes = 0;
  for (std::size_t i = 0; i < estimators.size(); ++i) {
    const View tree = TRY(estimators.at(i).attribute("tree_"));
    stages.trees.push_back(TRY(read_tree(tree, features)));
    if (stages.trees.back().width != 1) return refuse(tree, "its leaves have more than one value");
    if ((nodes += stages.trees.back().size()) > kTreeNodesMax) return refuse(model, "it has more than " + std::to_string(kTreeNodesMax) + " nodes");
  }
  return stages;
}

double logit(double p) { return std::log(p / (1 - p)); }

enum class Loss { regression, logistic, multinomial, exponential };

double link(Loss loss, double p, double eps) {
  const double clipped = std::clamp(p, eps, 1 - eps);
  switch (loss) {
    case Loss::regression: return p;
    case Loss::logistic: return logit(clipped);
    case Loss::exponential: return 0.5 * logit(clipped);
    case Loss::multinomial: return std::log(clipped);
  }
  return p;
}

Val link(Builder& graph, Loss loss, const Val& p, double eps) {
  if (loss == Loss::regression) return p;
  const Val clipped = clip(graph, p, eps, 1 - eps);
  if (loss == Loss::multinomial) return graph.op("Log", {clipped});
  const Val odds = graph.op("Log", {graph.div(clipped, graph.sub(graph.scalar(1), clipped))});
  return Builder::typed(loss == Loss::exponential ? graph.mul(graph.scalar(0.5), odds) : odds, DType::float64, p.columns);
}

// The multinomial link: log(p / geometric mean of p), as the library writes it.
std::vector<double> centred_logarithms(std::vector<double> p, double eps) {
  double sum = 0;
  for (double& value : p) sum += std::log(value = std::clamp(value, eps, 1 - eps));
  const double mean = std::exp(sum / static_cast<double>(p.size()));
  for (double& value : p) value = std::log(value / mean);
  return p;
}

// The constant of the library's own initial estimators; nullopt: another estimator.
Result<std::optional<std::vector<double>>> constant_start(const View& init, std::int64_t scores, Loss loss, double eps, bool centred) {
  std::vector<double> out(static_cast<std::size_t>(scores), 0.0);
  if (init.is_text("zero")) return std::optional(out);
  const std::string strategy = text_or(init, "strategy", "prior");
  if (init.is(Kind::object) && init.name() == "DummyClassifier" && strategy == "prior") {
    const auto prior = TRY(vector(init, "class_prior_"));
    const std::size_t wanted = loss == Loss::multinomial ? static_cast<std::size_t>(scores) : 2;
    if (prior.size() != wanted) return refuse(init, "class_prior_ has " + std::to_string(prior.size()) + " numbers");
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = link(loss, loss == Loss::multinomial ? prior[i] : prior[1], eps);
    if (loss == Loss::multinomial && centred) out = centred_logarithms(prior, eps);
    return std::optional(out);
  }
  if (init.is(Kind::object) && init.name() == "DummyRegressor") {
    const auto constant = TRY(vector(init, "constant_"));
    if (constant.size() != 1) return refuse(init, "constant_ has " + std::to_string(constant.size()) + " numbers");
    out.assign(out.size(), constant[0]);
    return std::optional(out);
  }
  return std::optional<std::vector<double>>{};
}

// A user's own estimator as the start: it is given X as the boosting has it, rounded to float32. (A linear one fitted on
// that computes in float32 in the library, to a last bit that depends on its BLAS; here it is double.)
Result<Val> estimated_start(Lowering& to, const View& init, const Val& x, std::int64_t scores, Loss loss, double eps, bool centred) {
  const Prediction p = TRY(to.predict(init, table_of(x)));
  if (loss == Loss::regression) {
    if (!p.value || p.value->columns > 1) return refuse(init, "the initial estimator is no regressor of one target");
    return to.graph.reshape(*p.value, {-1, 1}, 1);
  }
  if (!p.probabilities) return refuse(init, "the initial estimator has no predict_proba");
  const std::int64_t wanted = loss == Loss::multinomial ? scores : 2;
  if (p.probabilities->columns != wanted) return refuse(init, "the initial estimator knows another number of classes");
  if (loss != Loss::multinomial) return link(to.graph, loss, to.graph.column(*p.probabilities, 1), eps);
  const Val logarithms = link(to.graph, loss, *p.probabilities, eps);
  if (!centred) return logarithms;
  const Val mean = to.graph.div(sum_columns(to.graph, logarithms), to.graph.scalar(static_cast<double>(scores)));
  return Builder::typed(to.graph.sub(logarithms, mean), DType::float64, scores);
}

Result<Val> raw_scores(Lowering& to, const View& model, const Table& in, Loss loss, std::int64_t expected_scores) {
  Stages stages = TRY(read_stages(model, TRY(check_tree_input(to, model, in, false))));
  to.inputs.refuse_missing(in);  // trees would take them, boosting doesn't
  if (stages.scores != expected_scores) return refuse(model, "estimators_ has " + std::to_string(stages.scores) + " trees a stage");
  const double rate = TRY(TRY(model.attribute("learning_rate")).number());
  const View init = TRY(model.attribute("init_"));
  const double eps = epsilon(to.version(model));
  const bool centred = to.version(model).at_least(1, 4);  // logarithms of class probabilities, less their mean
  const auto constant = TRY(constant_start(init, stages.scores, loss, eps, centred));
  // The library adds stage by stage to the start: a constant one goes into the leaves of the first stage, so that sums agree to the bit
  // (isotonic calibration on top of them is steep enough to show it).
  for (std::size_t i = 0; i < stages.trees.size(); ++i) {
    const double start = constant && i < constant->size() ? (*constant)[i] : 0;
    for (double& value : stages.trees[i].values) value = start + rate * value;
  }
  if (constant) return sum_of_trees(to.graph, TRY(tree_input(to, in, stages.trees)), stages.trees, stages.scores, Compared::floats);
  const Val x = round_to_float(to.graph, TRY(to.inputs.numbers(in)));  // the initial estimator is given them so, too
  const Val sum = sum_of_trees(to.graph, x, stages.trees, stages.scores, Compared::floats);
  const Val start = TRY(estimated_start(to, init, x, stages.scores, loss, eps, centred));
  return Builder::typed(to.graph.add(sum, start), DType::float64, stages.scores);
}

Result<Prediction> classifier(Lowering& to, const View& model, const Table& in) {
  Labels labels = TRY(read_labels(TRY(model.attribute("classes_"))));
  const auto classes = static_cast<std::int64_t>(labels.count());
  const std::string name = text_or(model, "loss", "log_loss");
  Loss loss = classes == 2 ? Loss::logistic : Loss::multinomial;
  if (name == "exponential")
    loss = Loss::exponential;
  else if (name != "log_loss" && name != "deviance")
    return refuse(model, "the loss '" + name.substr(0, 40) + "' is not known");
  if (classes < 2 || (loss == Loss::exponential && classes != 2))
    return refuse(model, std::to_string(classes) + " classes don't fit the loss " + name);

  const Val raw = TRY(raw_scores(to, model, in, loss, classes == 2 ? 1 : classes));
  if (loss == Loss::multinomial) {
    Prediction p = Prediction::from_probabilities(to.graph, std::move(labels), softmax(to.graph, raw));
    if (to.version(model).at_least(1, 4)) p.label = to.graph.argmax(raw);
    p.scores = raw;
    return p;
  }
  const Val twice = loss == Loss::exponential ? Builder::typed(to.graph.mul(raw, to.graph.scalar(2)), DType::float64, 1) : raw;
  Prediction p = Prediction::from_probabilities(to.graph, std::move(labels), two_columns(to.graph, expit(to.graph, twice)));
  p.scores = flat(to.graph, raw);
  // At a raw score of zero the older log-loss picks the first class, everything else the second.
  if (loss == Loss::exponential || to.version(model).at_least(1, 4)) p.label = at_least(to.graph, flat(to.graph, raw), 0);
  return p;
}

Result<Prediction> regressor(Lowering& to, const View& model, const Table& in) {
  const Val raw = TRY(raw_scores(to, model, in, Loss::regression, 1));
  return Prediction::regressor(flat(to.graph, raw));
}

constexpr Converter kConverters[] = {
    {"GradientBoostingClassifier", nullptr, classifier},
    {"GradientBoostingRegressor", nullptr, regressor},
};

}  // namespace

Family gradient_boosting_family() { return kConverters; }

}  // namespace slipway::importers::sklearn
