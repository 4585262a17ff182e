// Linear models, trees, forests and gradient boosting, evaluated directly.
#include <algorithm>
#include <cmath>
#include <limits>

#include "slipway/importers/sklearn/direct/numeric.hpp"
#include "slipway/importers/sklearn/linear.hpp"
#include "slipway/importers/sklearn/trees.hpp"

namespace slipway::importers::sklearn {
namespace {

using Made = Result<std::optional<Answerer>>;
Made none() { return std::optional<Answerer>{}; }

// --- linear

using Scores = std::function<std::vector<double>(const Row&)>;
struct Linear {
  Scores scores;
  std::int64_t rows = 0;
  bool vector_coef = false;
};

Result<Linear> linear(const View& model) {
  const Matrix coef = TRY(matrix(model, "coef_"));
  std::vector<double> intercept = present(model, "intercept_") ? TRY(vector(model, "intercept_")) : std::vector<double>{0.0};
  if (intercept.size() == 1) intercept.assign(static_cast<std::size_t>(coef.rows), intercept[0]);
  if (static_cast<std::int64_t>(intercept.size()) != coef.rows) return refuse(model, "intercept_ doesn't fit coef_");
  Linear out;
  out.rows = coef.rows;
  out.vector_coef = coef.rank < 2;
  out.scores = [coef, intercept](const Row& row) {
    const Numbers x = numbers_of(row);
    Numbers sums;
    for (std::size_t r = 0; r < intercept.size(); ++r) sums.push_back(dot(x, row_at(coef, r)) + rounded(intercept[r]));
    return sums;
  };
  return out;
}

Made linear_regressor(Direct&, const View& model) {
  const Linear by = TRY(linear(model));
  return std::optional<Answerer>([by](const Row& row) {
    DirectAnswer answer;
    answer.prediction = by.scores(row);
    answer.scalar_prediction = by.vector_coef;
    return answer;
  });
}

enum class Proba { none, rest, multinomial, huber };

// The scores' place between -1 and 1; several share them out, evenly where none has any.
Numbers clipped_shares(const Numbers& scores) {
  Numbers p;
  double sum = 0;
  for (const double s : scores) {
    p.push_back((std::clamp(s, -1.0, 1.0) + 1) / 2);
    sum += p.back();
  }
  if (p.size() == 1) return {1 - p[0], p[0]};
  for (double& v : p) v = sum == 0 ? 1 / static_cast<double>(p.size()) : v / sum;
  return p;
}

// even: a row whose probabilities are all zero gets the same for each class (scikit-learn 1.9), else NaN.
Made linear_classifier_with(const View& model, Proba proba, bool even = false) {
  const Linear by = TRY(linear(model));
  const auto known = classes_of(model);
  if (!known || is_multilabel(model) || by.rows != (known->count() == 2 ? 1 : static_cast<std::int64_t>(known->count()))) return none();
  const Labels labels = *known;
  return std::optional<Answerer>([by, labels, proba, even](const Row& row) {
    DirectAnswer answer;
    const auto scores = by.scores(row);
    const bool two = scores.size() == 1;
    answer.label = labels.shown.at(two ? (scores[0] > 0 ? 1 : 0) : clear_largest(scores));
    answer.scores = scores;
    answer.scalar_scores = two;
    if (proba == Proba::none) return answer;
    if (proba == Proba::huber) {
      answer.probabilities = clipped_shares(scores);
    } else if (proba == Proba::multinomial) {
      answer.probabilities = softmax(two ? std::vector<double>{-scores[0], scores[0]} : scores);
    } else if (two) {
      answer.probabilities = {1 - expit(scores[0]), expit(scores[0])};
    } else {
      double sum = 0;
      for (const double s : scores) sum += expit(s);
      for (const double s : scores) answer.probabilities.push_back(even && sum == 0 ? 1.0 / static_cast<double>(scores.size()) : expit(s) / sum);
    }
    return answer;
  });
}

Made linear_classifier(Direct&, const View& model) { return linear_classifier_with(model, Proba::none); }

Made logistic(Direct& by, const View& model) {
  const auto classes = model.find("classes_");
  if (!classes) return none();
  const std::size_t count = TRY(read_labels(*classes)).count();
  return linear_classifier_with(model, is_one_against_rest(by.version(model), model, count) ? Proba::rest : Proba::multinomial,
                                by.version(model).at_least(1, 9));
}

Made sgd(Direct& by, const View& model) {
  const std::string loss = text_or(model, "loss", "hinge");
  if (loss == "modified_huber") return linear_classifier_with(model, Proba::huber);
  return linear_classifier_with(model, loss == "log" || loss == "log_loss" ? Proba::rest : Proba::none, by.version(model).at_least(1, 9));
}

// --- trees

const double* leaf(const TreeNodes& tree, const Row& row) {
  std::size_t node = 0;
  while (!tree.leaf(node)) {
    const auto x = static_cast<double>(static_cast<float>(row[static_cast<std::size_t>(tree.feature[node])].number));
    const bool left = std::isnan(x) ? !tree.missing_left.empty() && tree.missing_left[node] != 0 : x <= tree.threshold[node];
    node = static_cast<std::size_t>(left ? tree.left[node] : tree.right[node]);
  }
  return &tree.values[node * static_cast<std::size_t>(tree.width)];
}

constexpr std::size_t kNodesMax = 3'000'000;  // larger forests are not kept twice

Result<std::vector<TreeNodes>> trees_of(const View& model) {
  std::vector<TreeNodes> out;
  const auto width = TRY(width_of(model));
  if (width.count < 0) return out;
  std::size_t nodes = 0;
  const auto add = [&](const View& member) -> Status {
    out.push_back(TRY(read_tree(TRY(member.attribute("tree_")), width.count)));
    nodes += out.back().size();
    return ok();
  };
  if (model.has("tree_")) {
    TRY(add(model));
    return out;
  }
  const View members = TRY(model.attribute("estimators_"));
  for (std::size_t i = 0; i < members.size(); ++i) {
    TRY(add(members.at(i)));
    if (nodes > kNodesMax) return std::vector<TreeNodes>{};
  }
  return out;
}

// One output's classes; its values stand in each leaf behind those of the outputs before.
struct TreeOutput {
  Labels labels;
  std::size_t at = 0;
};

Result<std::vector<TreeOutput>> outputs_of(const View& model, std::size_t width) {
  const View classes = TRY(model.attribute("classes_"));
  const auto outputs = static_cast<std::size_t>(TRY(number_or(model, "n_outputs_", 1)));
  std::vector<TreeOutput> out;
  if (!classes.is(Kind::list)) {
    out.push_back({TRY(read_labels(classes)), 0});
    return out;
  }
  if (outputs == 0 || width % outputs != 0) return out;
  for (std::size_t i = 0; i < classes.size(); ++i) out.push_back({TRY(read_labels(classes.at(i))), i * (width / outputs)});
  return out;
}

DirectAnswer mean_of_leaves(const std::vector<TreeNodes>& trees, const TreeOutput& output, const Row& row) {
  DirectAnswer answer;
  const std::size_t classes = output.labels.count();
  answer.probabilities.assign(classes, 0.0);
  for (const TreeNodes& tree : trees) {
    const double* values = leaf(tree, row) + output.at;
    double sum = 0;
    for (std::size_t c = 0; c < classes; ++c) sum += values[c];
    // Fractions sum to one within rounding; counts are made fractions.
    const bool fractions = std::abs(sum - 1) < 1e-6;
    for (std::size_t c = 0; c < classes; ++c) answer.probabilities[c] += fractions || sum == 0 ? values[c] : values[c] / sum;
  }
  for (double& p : answer.probabilities) p /= static_cast<double>(trees.size());
  answer.label = output.labels.shown.at(first_largest(answer.probabilities));
  return answer;
}

// Behind other steps a feature's own thresholds aren't tried: rows a little to both sides of what the first nodes ask.
void try_thresholds(Direct& by, const std::vector<TreeNodes>& trees, std::int64_t width) {
  constexpr std::size_t kTried = 24, kWidthMax = 2000;
  if (by.steps_behind() == 0 || width < 1 || width > static_cast<std::int64_t>(kWidthMax)) return;
  Numbers middle(static_cast<std::size_t>(width), 0.0);
  std::vector<std::pair<std::size_t, double>> asked;
  for (const TreeNodes& tree : trees) {
    for (std::size_t n = 0; n < std::min<std::size_t>(tree.size(), 3) && asked.size() < kTried; ++n) {
      if (!tree.leaf(n)) asked.emplace_back(static_cast<std::size_t>(tree.feature[n]), tree.threshold[n]);
    }
  }
  for (const auto& [feature, threshold] : asked) middle[feature] = threshold;
  for (const auto& [feature, threshold] : asked) {
    for (const double side : {-1e-4, 1e-4}) {
      Numbers row = middle;
      for (std::size_t i = 0; i < row.size(); ++i) row[i] -= 1e-3 * std::abs(row[i]);  // off the others' thresholds
      row[feature] = threshold + side * std::max(1e-3, std::abs(threshold));
      by.try_row(std::move(row));
    }
  }
}

Made tree_classifier(Direct& by, const View& model) {
  const auto trees = TRY(trees_of(model));
  if (trees.empty()) return none();
  try_thresholds(by, trees, TRY(width_of(model)).count);
  by.costs(trees.size() * 20);
  const auto width = static_cast<std::size_t>(trees.front().width);
  const auto outputs = TRY(outputs_of(model, width));
  for (const TreeOutput& output : outputs) {
    if (output.at + output.labels.count() > width) return none();
  }
  if (outputs.empty()) return none();
  const bool several = TRY(model.attribute("classes_")).is(Kind::list);
  return std::optional<Answerer>([trees, outputs, several](const Row& row) {
    if (!several) return mean_of_leaves(trees, outputs.front(), row);
    DirectAnswer answer;
    for (const TreeOutput& output : outputs) answer.outputs.push_back(mean_of_leaves(trees, output, row));
    return answer;
  });
}

Made tree_regressor(Direct& by, const View& model) {
  const auto trees = TRY(trees_of(model));
  if (trees.empty()) return none();
  try_thresholds(by, trees, TRY(width_of(model)).count);
  by.costs(trees.size() * 20);
  const auto width = static_cast<std::size_t>(trees.front().width);
  return std::optional<Answerer>([trees, width](const Row& row) {
    DirectAnswer answer;
    answer.scalar_prediction = width == 1;
    answer.prediction.assign(width, 0.0);
    for (const TreeNodes& tree : trees) {
      const double* values = leaf(tree, row);
      for (std::size_t c = 0; c < width; ++c) answer.prediction[c] += values[c];
    }
    for (double& v : answer.prediction) v /= static_cast<double>(trees.size());
    return answer;
  });
}

// --- gradient boosting with the library's own initial estimate

struct Boosting {
  std::vector<TreeNodes> trees;  // stage by stage
  std::size_t scores = 1;
  double rate = 0;
  std::vector<double> start;
  std::vector<double> raw(const Row& row) const {
    std::vector<double> sums = start;
    for (std::size_t i = 0; i < trees.size(); ++i) sums[i % scores] += rate * leaf(trees[i], row)[0];
    return sums;
  }
};

Result<std::optional<std::vector<double>>> start_of(Direct& by, const View& model, std::size_t scores, bool exponential) {
  const View init = TRY(model.attribute("init_"));
  if (init.is_text("zero")) return std::optional(std::vector<double>(scores, 0.0));
  if (!init.is(Kind::object)) return std::optional<std::vector<double>>{};
  if (init.name() == "DummyRegressor") {
    const auto constant = TRY(vector(init, "constant_"));
    return std::optional(std::vector<double>(scores, constant.empty() ? 0.0 : constant[0]));
  }
  if (init.name() != "DummyClassifier" || text_or(init, "strategy", "prior") != "prior") return std::optional<std::vector<double>>{};
  const auto prior = TRY(vector(init, "class_prior_"));
  const double eps = by.version(model).at_least(1, 8) ? std::numeric_limits<double>::epsilon() : std::numeric_limits<float>::epsilon();
  std::vector<double> out;
  if (scores == 1 && prior.size() == 2) {
    const double p = std::clamp(prior[1], eps, 1 - eps);
    out.push_back((exponential ? 0.5 : 1.0) * std::log(p / (1 - p)));
  } else if (prior.size() == scores) {
    double mean = 0;
    for (const double p : prior) mean += std::log(std::clamp(p, eps, 1 - eps)) / static_cast<double>(prior.size());
    if (!by.version(model).at_least(1, 4)) mean = 0;  // later, less their mean
    for (const double p : prior) out.push_back(std::log(std::clamp(p, eps, 1 - eps)) - mean);
  } else {
    return std::optional<std::vector<double>>{};
  }
  return std::optional(std::move(out));
}

Result<std::optional<Boosting>> boosting_of(Direct& by, const View& model, bool exponential) {
  Boosting out;
  const auto width = TRY(width_of(model));
  const View stages = TRY(model.attribute("estimators_"));
  if (width.count < 0 || !stages.is(Kind::array) || stages.shape().size() != 2 || stages.shape()[1] < 1) return std::optional<Boosting>{};
  out.scores = static_cast<std::size_t>(stages.shape()[1]);
  std::size_t nodes = 0;
  for (std::size_t i = 0; i < stages.size(); ++i) {
    out.trees.push_back(TRY(read_tree(TRY(stages.at(i).attribute("tree_")), width.count)));
    if ((nodes += out.trees.back().size()) > kNodesMax) return std::optional<Boosting>{};
  }
  try_thresholds(by, out.trees, width.count);
  by.costs(out.trees.size() * 20);
  out.rate = TRY(number_or(model, "learning_rate", 0.1));
  auto start = TRY(start_of(by, model, out.scores, exponential));
  if (!start) return std::optional<Boosting>{};
  out.start = std::move(*start);
  return std::optional(std::move(out));
}

Made boosting_classifier(Direct& by, const View& model) {
  const bool exponential = text_or(model, "loss", "log_loss") == "exponential";
  const auto boosting = TRY(boosting_of(by, model, exponential));
  if (!boosting) return none();
  const Labels labels = TRY(read_labels(TRY(model.attribute("classes_"))));
  if (labels.count() != (boosting->scores == 1 ? 2 : boosting->scores)) return none();
  return std::optional<Answerer>([boosting = *boosting, labels, exponential](const Row& row) {
    DirectAnswer answer;
    const auto raw = boosting.raw(row);
    answer.scores = raw;
    answer.scalar_scores = raw.size() == 1;
    if (raw.size() == 1) {
      const double p = expit(exponential ? 2 * raw[0] : raw[0]);
      answer.probabilities = {1 - p, p};
    } else {
      answer.probabilities = softmax(raw);
    }
    answer.label = labels.shown.at(first_largest(answer.probabilities));
    return answer;
  });
}

Made boosting_regressor(Direct& by, const View& model) {
  const auto boosting = TRY(boosting_of(by, model, false));
  if (!boosting || boosting->scores != 1) return none();
  return std::optional<Answerer>([boosting = *boosting](const Row& row) {
    DirectAnswer answer;
    answer.prediction = boosting.raw(row);
    return answer;
  });
}

constexpr DirectConverter kConverters[] = {
    {"LinearRegression", nullptr, linear_regressor},
    {"Ridge", nullptr, linear_regressor},
    {"RidgeCV", nullptr, linear_regressor},
    {"Lasso", nullptr, linear_regressor},
    {"LassoCV", nullptr, linear_regressor},
    {"ElasticNet", nullptr, linear_regressor},
    {"ElasticNetCV", nullptr, linear_regressor},
    {"SGDRegressor", nullptr, linear_regressor},
    {"LinearSVR", nullptr, linear_regressor},
    {"BayesianRidge", nullptr, linear_regressor},
    {"HuberRegressor", nullptr, linear_regressor},
    {"LinearSVC", nullptr, linear_classifier},
    {"RidgeClassifier", nullptr, linear_classifier},
    {"RidgeClassifierCV", nullptr, linear_classifier},
    {"PassiveAggressiveClassifier", nullptr, linear_classifier},
    {"PassiveAggressiveRegressor", nullptr, linear_regressor},
    {"ARDRegression", nullptr, linear_regressor},
    {"Lars", nullptr, linear_regressor},
    {"LarsCV", nullptr, linear_regressor},
    {"LassoLars", nullptr, linear_regressor},
    {"LassoLarsCV", nullptr, linear_regressor},
    {"LassoLarsIC", nullptr, linear_regressor},
    {"MultiTaskLasso", nullptr, linear_regressor},
    {"MultiTaskLassoCV", nullptr, linear_regressor},
    {"MultiTaskElasticNet", nullptr, linear_regressor},
    {"MultiTaskElasticNetCV", nullptr, linear_regressor},
    {"OrthogonalMatchingPursuit", nullptr, linear_regressor},
    {"OrthogonalMatchingPursuitCV", nullptr, linear_regressor},
    {"QuantileRegressor", nullptr, linear_regressor},
    {"TheilSenRegressor", nullptr, linear_regressor},
    {"Perceptron", nullptr, linear_classifier},
    {"LogisticRegression", nullptr, logistic},
    {"LogisticRegressionCV", nullptr, logistic},
    {"SGDClassifier", nullptr, sgd},
    {"DecisionTreeClassifier", nullptr, tree_classifier},
    {"ExtraTreeClassifier", nullptr, tree_classifier},
    {"RandomForestClassifier", nullptr, tree_classifier},
    {"ExtraTreesClassifier", nullptr, tree_classifier},
    {"BalancedRandomForestClassifier", nullptr, tree_classifier, "imblearn"},
    {"DecisionTreeRegressor", nullptr, tree_regressor},
    {"ExtraTreeRegressor", nullptr, tree_regressor},
    {"RandomForestRegressor", nullptr, tree_regressor},
    {"ExtraTreesRegressor", nullptr, tree_regressor},
    {"GradientBoostingClassifier", nullptr, boosting_classifier},
    {"GradientBoostingRegressor", nullptr, boosting_regressor},
};

}  // namespace

std::span<const DirectConverter> direct_models() { return kConverters; }

}  // namespace slipway::importers::sklearn
