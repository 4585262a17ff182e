// Gaussian processes: the mean of the regression, and Laplace's approximation of the classification.
#include "slipway/importers/sklearn/gaussian_process.hpp"

#include <cmath>
#include <numbers>

#include "slipway/importers/blocks/arithmetic.hpp"
#include "slipway/importers/sklearn/kernels.hpp"
#include "slipway/importers/sklearn/table.hpp"

namespace slipway::importers::sklearn {
namespace {

Result<Matrix> training_rows(const View& model) {
  Matrix rows = TRY(matrix(model, "X_train_"));
  if (rows.rank != 2 || rows.rows < 1) return refuse(model, "X_train_ is no table of numbers");
  return rows;
}

Result<Val> input_of(Lowering& to, const View& model, const Table& in, std::int64_t width) {
  TRY(expect_width(model, in, width));
  to.inputs.refuse_missing(in);
  return to.inputs.numbers(in);
}

// One number a target, or one for all.
Result<Val> target_row(Lowering& to, const View& model, const char* name, std::int64_t targets) {
  auto values = TRY(vector(model, name));
  if (values.size() == 1) values.assign(static_cast<std::size_t>(targets), values[0]);
  if (static_cast<std::int64_t>(values.size()) != targets) return refuse(model, std::string(name) + " doesn't fit the number of targets");
  return to.graph.row(values);
}

Result<Prediction> regressor(Lowering& to, const View& model, const Table& in) {
  const Matrix rows = TRY(training_rows(model));
  Matrix alpha = TRY(matrix(model, "alpha_"));
  if (alpha.rank < 2) std::swap(alpha.rows, alpha.columns);
  if (alpha.rows != rows.rows || alpha.columns < 1) return refuse(model, "alpha_ doesn't fit the training rows");
  const Val x = TRY(input_of(to, model, in, rows.columns));
  const Val k = TRY(process_kernel(to, TRY(model.attribute("kernel_")), x, rows, to.version(model)));
  Builder& graph = to.graph;
  const std::int64_t targets = alpha.columns;
  Val y = graph.matmul(k, constant_matrix(graph, alpha), targets);
  if (model.has("_y_train_std")) y = graph.mul(y, TRY(target_row(to, model, "_y_train_std", targets)));  // since 0.23
  y = Builder::typed(graph.add(y, TRY(target_row(to, model, "_y_train_mean", targets))), DType::float64, targets);
  const bool list = alpha.rank < 2 || (targets == 1 && to.version(model).at_least(1, 1));
  return Prediction::regressor(list ? flat(graph, y) : y);
}

// --- classification ------------------------------------------------------------------------------------------------------------

// Of one binary classifier by Laplace's approximation: the latent mean, and the probability of its second class; [N, 1] each.
struct Latent {
  Val mean, probability;
};

// Williams and Barber's approximation of the logistic's integral: five error functions.
Val averaged_logistic(Builder& graph, const Val& mean, const Val& variance) {
  constexpr double kLambdas[] = {0.41, 0.4, 0.37, 0.44, 0.39};
  constexpr double kCoefficients[] = {-1854.8214151, 3516.89893646, 221.29346712, 128.12323805, -2010.49422654};
  const Val alpha = graph.div(graph.scalar(1), graph.mul(variance, graph.scalar(2)));
  const Val front = graph.op("Sqrt", {graph.div(graph.scalar(std::numbers::pi), alpha)});
  const Val under = graph.mul(graph.op("Sqrt", {graph.mul(graph.mul(variance, graph.scalar(2)), graph.scalar(std::numbers::pi))}), graph.scalar(2));
  std::optional<Val> sum;
  double half = 0;
  for (std::size_t i = 0; i < std::size(kLambdas); ++i) {
    const double lambda = kLambdas[i];
    const Val ratio = graph.op("Sqrt", {graph.div(alpha, graph.add(alpha, graph.scalar(lambda * lambda)))});
    const Val inner = graph.mul(graph.mul(mean, graph.scalar(lambda)), ratio);
    const Val integral = graph.div(graph.mul(front, graph.own("Erf", {inner}, DType::float64, 1)), under);
    const Val term = graph.mul(integral, graph.scalar(kCoefficients[i]));
    sum = sum ? graph.add(*sum, term) : term;
    half += kCoefficients[i];
  }
  return Builder::typed(graph.add(*sum, graph.scalar(0.5 * half)), DType::float64, 1);
}

Result<Latent> latent(Lowering& to, const View& member, const Table& in) {
  if (!member.is(Kind::object) || member.name() != "_BinaryGaussianProcessClassifierLaplace")
    return refuse(member, "here is " + member.describe() + ", a binary Gaussian process was expected");
  const Matrix rows = TRY(training_rows(member));
  auto residual = TRY(vector(member, "y_train_"));
  const auto pi = TRY(vector(member, "pi_")), root = TRY(vector(member, "W_sr_"));
  const Matrix lower = TRY(matrix(member, "L_"));
  const auto n = static_cast<std::size_t>(rows.rows);
  if (residual.size() != n || pi.size() != n || root.size() != n || lower.rows != rows.rows || lower.columns != rows.rows)
    return refuse(member, "the parts of the approximation differ in length");
  for (std::size_t i = 0; i < n; ++i) residual[i] -= pi[i];
  const View kernel = TRY(member.attribute("kernel_"));
  const Val x = TRY(input_of(to, member, in, rows.columns));
  const Val k = TRY(process_kernel(to, kernel, x, rows, to.version(member)));
  Builder& graph = to.graph;
  const Val mean = graph.matmul(k, graph.constant(doubles({rows.rows, 1}, residual)), 1);
  const Val weighted = Builder::typed(graph.mul(k, graph.row(root)), DType::float64, rows.rows);
  const Val solved = graph.own("TriangularSolve", {weighted, constant_matrix(graph, lower)}, DType::float64, rows.rows);
  const Val explained = sum_columns(graph, Builder::typed(graph.mul(solved, solved), DType::float64, rows.rows));
  const Val variance = Builder::typed(graph.sub(TRY(process_kernel_diagonal(to, kernel, x)), explained), DType::float64, 1);
  return Latent{mean, averaged_logistic(graph, mean, variance)};
}

Result<std::vector<Latent>> latents(Lowering& to, const View& wrapper, const Table& in, std::size_t wanted) {
  const View members = TRY(wrapper.attribute("estimators_"));
  if (members.size() != wanted)
    return refuse(members, std::to_string(members.size()) + " binary classifiers, " + std::to_string(wanted) + " were expected");
  std::vector<Latent> out;
  for (std::size_t i = 0; i < wanted; ++i) out.push_back(TRY(latent(to, members.at(i), in)));
  return out;
}

// The largest probability wins; the last of equals before 1.8, the first from then on.
Result<Prediction> one_against_rest(Lowering& to, const View& model, const View& wrapper, const Table& in, Labels labels) {
  std::vector<Val> columns;
  for (const Latent& member : TRY(latents(to, wrapper, in, labels.count()))) columns.push_back(member.probability);
  Builder& graph = to.graph;
  const Val raw = graph.concat_columns(columns);
  const std::int64_t last = to.version(model).at_least(1, 8) ? 0 : 1;
  Prediction p;
  p.kind = Prediction::Kind::classifier;
  p.labels = std::move(labels);
  p.label = Builder::typed(
      graph.op("ArgMax", {raw},
               {graph::attr("axis", std::int64_t{1}), graph::attr("keepdims", std::int64_t{0}), graph::attr("select_last_index", last)}),
      DType::int64, -1);
  p.probabilities = Builder::typed(graph.div(raw, sum_columns(graph, raw)), DType::float64, raw.columns);
  return p;
}

// Votes of the pairs, and their probabilities squeezed between them. The library has no probabilities then.
Result<Prediction> one_against_one(Lowering& to, const View& wrapper, const Table& in, Labels labels) {
  const std::size_t classes = labels.count();
  const auto pairs = TRY(latents(to, wrapper, in, classes * (classes - 1) / 2));
  Builder& graph = to.graph;
  std::vector<std::optional<Val>> votes(classes), sums(classes);
  const auto put = [&](std::optional<Val>& at, const Val& v, bool plus) {
    at = plus ? (at ? graph.add(*at, v) : v) : (at ? graph.sub(*at, v) : graph.op("Neg", {v}));
  };
  std::size_t pair = 0;
  for (std::size_t i = 0; i < classes; ++i) {
    for (std::size_t j = i + 1; j < classes; ++j, ++pair) {
      const Val second = graph.cast(Builder::typed(graph.compare("Greater", pairs[pair].mean, graph.scalar(0)), DType::boolean, 1), DType::float64);
      put(votes[i], graph.sub(graph.scalar(1), second), true);
      put(votes[j], second, true);
      put(sums[i], pairs[pair].probability, false);
      put(sums[j], pairs[pair].probability, true);
    }
  }
  std::vector<Val> columns;
  for (std::size_t i = 0; i < classes; ++i) {
    const Val squeezed = graph.div(*sums[i], graph.mul(graph.add(graph.op("Abs", {*sums[i]}), graph.scalar(1)), graph.scalar(3)));
    columns.push_back(Builder::typed(graph.add(*votes[i], squeezed), DType::float64, 1));
  }
  Prediction p;
  p.kind = Prediction::Kind::classifier;
  p.labels = std::move(labels);
  p.label = graph.argmax(graph.concat_columns(columns));
  return p;
}

Result<Prediction> classifier(Lowering& to, const View& model, const Table& in) {
  Labels labels = TRY(read_labels(TRY(model.attribute("classes_"))));
  const View base = TRY(model.attribute("base_estimator_"));
  if (labels.count() < 2) return refuse(model, "a classifier of one class");
  if (labels.count() == 2) {
    const Latent member = TRY(latent(to, base, in));
    Prediction p;
    p.kind = Prediction::Kind::classifier;
    p.labels = std::move(labels);
    p.label = above(to.graph, flat(to.graph, member.mean), 0);
    p.probabilities = two_columns(to.graph, member.probability);
    return p;
  }
  if (base.is(Kind::object) && base.name() == "OneVsOneClassifier") return one_against_one(to, base, in, std::move(labels));
  return one_against_rest(to, model, base, in, std::move(labels));
}

constexpr Converter kConverters[] = {
    {"GaussianProcessRegressor", nullptr, regressor},
    {"GaussianProcessClassifier", nullptr, classifier},
};

}  // namespace

Family gaussian_process_family() { return kConverters; }

}  // namespace slipway::importers::sklearn
