// Support vector machines of libsvm: kernels against the support vectors, one decision a pair of classes, its own vote.
// (LinearSVC and LinearSVR are linear models: see linear.cpp.)
#include <cmath>

#include "slipway/importers/blocks/arithmetic.hpp"
#include "slipway/importers/sklearn/kernels.hpp"
#include "slipway/importers/sklearn/table.hpp"

namespace slipway::importers::sklearn {
namespace {

constexpr std::size_t kClassesMax = 2000;  // pairs of them are columns

struct Machine {
  Matrix vectors;                    // [l, features]; precomputed kernels: empty
  std::vector<std::int64_t> chosen;  // precomputed kernels: columns of the request's row
  Matrix coef;                       // _dual_coef_ [classes - 1, l], libsvm's own signs
  std::vector<double> intercept;     // _intercept_, one a pair
  KernelFunction kernel;
  std::int64_t width = 0, count = 0;  // features; support vectors
};

Result<std::int64_t> fitted_rows(const View& model) {
  const View shape = TRY(model.attribute("shape_fit_"));
  if (shape.size() < 1) return refuse(shape, "shape_fit_ is empty");
  return shape.at(0).integer();
}

Status read_vectors(const View& model, Machine& m) {
  const View vectors = TRY(model.attribute("support_vectors_"));
  if (m.kernel.name != "precomputed") {
    m.vectors = TRY(matrix(vectors));
    m.width = m.vectors.columns;
    m.count = m.vectors.rows;
    return ok();
  }
  if (vectors.is(Kind::object)) return refuse(vectors, "a precomputed kernel over sparse data is not read here");
  const View support = TRY(model.attribute("support_"));
  m.chosen = TRY(support.integers());
  m.width = TRY(fitted_rows(model));
  m.count = static_cast<std::int64_t>(m.chosen.size());
  for (const std::int64_t at : m.chosen) {
    if (at < 0 || at >= m.width) return refuse(support, "a support vector is out of range");
  }
  return ok();
}

Result<Machine> read_machine(const View& model) {
  Machine m;
  m.kernel.name = TRY(kernel_name(model, "kernel", "rbf"));
  m.kernel.gamma = TRY(number_or(model, "_gamma", 0));
  m.kernel.coef0 = TRY(number_or(model, "coef0", 0));
  m.kernel.degree = std::trunc(TRY(number_or(model, "degree", 3)));
  if (!(m.kernel.degree >= 0 && m.kernel.degree <= 1e9)) return refuse(model, "the degree is out of range");
  if (m.kernel.name != "linear" && m.kernel.name != "poly" && m.kernel.name != "rbf" && m.kernel.name != "sigmoid" && m.kernel.name != "precomputed")
    return refuse(model, "libsvm has no kernel '" + m.kernel.name + "'");
  TRY(read_vectors(model, m));
  m.coef = TRY(matrix(model, "_dual_coef_"));
  m.intercept = TRY(vector(model, "_intercept_"));
  if (m.coef.columns != m.count)
    return refuse(model, "_dual_coef_ is for " + std::to_string(m.coef.columns) + " support vectors, there are " + std::to_string(m.count));
  return m;
}

// A whole power by squaring, in libsvm's order of products.
Val whole_power(Builder& graph, const Val& base, std::int64_t exponent) {
  std::optional<Val> power;
  Val square = base;
  for (std::int64_t left = exponent; left > 0; left /= 2) {
    if (left % 2 == 1) power = power ? graph.mul(*power, square) : square;
    if (left > 1) square = graph.mul(square, square);
  }
  return power ? *power : graph.op("Pow", {base, graph.scalar(0)});  // 1
}

Val libsvm_kernel(Builder& graph, const KernelFunction& kernel, const Val& x, const Matrix& vectors) {
  const auto known = [&](Val v) { return Builder::typed(std::move(v), DType::float64, vectors.rows); };
  if (kernel.name == "rbf") return known(graph.op("Exp", {graph.mul(row_distances(graph, x, vectors, "sqeuclidean"), graph.scalar(-kernel.gamma))}));
  const Val product = row_distances(graph, x, vectors, "dot");
  if (kernel.name == "linear") return product;
  const Val shifted = known(graph.add(graph.mul(product, graph.scalar(kernel.gamma)), graph.scalar(kernel.coef0)));
  if (kernel.name == "sigmoid") return known(graph.op("Tanh", {shifted}));
  return known(whole_power(graph, shifted, static_cast<std::int64_t>(kernel.degree)));
}

Result<Val> kernel_values(Lowering& to, const View& model, const Table& in, const Machine& m) {
  TRY(expect_width(model, in, m.width));
  to.inputs.refuse_missing(in);
  const Val x = TRY(to.inputs.numbers(in));
  if (m.kernel.name == "precomputed") return to.graph.columns(x, m.chosen);
  return libsvm_kernel(to.graph, m.kernel, x, m.vectors);
}

// The same for every row: what a machine without support vectors says.
Result<Val> only_intercepts(Lowering& to, const View& model, const Table& in, const Machine& m) {
  TRY(expect_width(model, in, m.width));
  to.inputs.refuse_missing(in);
  return to.graph.repeat_row(TRY(to.inputs.numbers(in)), to.graph.row(m.intercept));
}

Val sum_pairs(Builder& graph, const Val& values, const Machine& m, const std::vector<std::int64_t>& counts) {
  const auto pairs = static_cast<std::int64_t>(m.intercept.size());
  const Val intercepts = graph.constant(doubles({pairs}, m.intercept));
  return graph.own("PairDecisions", {values, constant_matrix(graph, m.coef), graph.ints(counts), intercepts}, DType::float64, pairs);
}

// [N, pairs]: of each pair of classes, positive for the first one.
Result<Val> pair_decisions(Lowering& to, const View& model, const Table& in, const Machine& m, std::size_t classes) {
  const View counts = TRY(model.attribute(model.has("_n_support") ? "_n_support" : "n_support_"));
  const auto per_class = TRY(counts.integers());
  const auto pairs = static_cast<std::int64_t>(classes * (classes - 1) / 2);
  if (per_class.size() != classes || m.coef.rows != static_cast<std::int64_t>(classes) - 1)
    return refuse(counts, "the numbers of support vectors don't fit " + std::to_string(classes) + " classes");
  std::int64_t sum = 0;
  for (const std::int64_t n : per_class) {
    if (n < 0 || n > m.count) return refuse(counts, "a number of support vectors is out of range");
    sum += n;
  }
  if (sum != m.count) return refuse(counts, "the numbers of support vectors don't add up to " + std::to_string(m.count));
  if (static_cast<std::int64_t>(m.intercept.size()) != pairs)
    return refuse(model, std::to_string(m.intercept.size()) + " intercepts for " + std::to_string(pairs) + " pairs of classes");
  if (m.count == 0) return only_intercepts(to, model, in, m);
  return sum_pairs(to.graph, TRY(kernel_values(to, model, in, m)), m, per_class);
}

// libsvm's sigmoid of each pair's decision, cut to [1e-7, 1 - 1e-7], and the pairs coupled.
Result<Val> platt(Lowering& to, const View& model, const Val& decision, std::size_t classes) {
  const bool old_names = !model.has("_probA");
  const auto a = TRY(vector(model, old_names ? "probA_" : "_probA")), b = TRY(vector(model, old_names ? "probB_" : "_probB"));
  if (static_cast<std::int64_t>(a.size()) != decision.columns || a.size() != b.size())
    return refuse(model, "the probabilities' sigmoids don't fit the number of pairs of classes");
  Builder& graph = to.graph;
  const Val at = graph.add(graph.mul(decision, graph.row(a)), graph.row(b));
  const Val grown = graph.op("Exp", {graph.op("Neg", {graph.op("Abs", {at})})});  // exp(-|at|) never overflows
  const Val below = graph.div(graph.scalar(1), graph.add(grown, graph.scalar(1))), above_zero = graph.div(grown, graph.add(grown, graph.scalar(1)));
  const Val p = graph.where(graph.compare("GreaterOrEqual", at, graph.scalar(0)), above_zero, below);
  const Val cut = Builder::typed(graph.op("Clip", {p, graph.scalar(1e-7), graph.scalar(1 - 1e-7)}), DType::float64, decision.columns);
  return graph.own("PairwiseCoupling", {cut}, DType::float64, static_cast<std::int64_t>(classes),
                   {graph::attr("classes", static_cast<std::int64_t>(classes))});
}

bool with_probabilities(const View& model) {
  const auto flag = model.find("probability");
  if (!flag || flag->is(Kind::text)) return false;  // 'deprecated' of 1.9
  const auto yes = flag->boolean();
  if (!yes.ok() || !*yes) return false;
  const auto a = model.find(model.has("_probA") ? "_probA" : "probA_");
  return a && a->is(Kind::array) && !a->shape().empty() && a->shape()[0] > 0;
}

Result<Prediction> classifier(Lowering& to, const View& model, const Table& in) {
  const Machine m = TRY(read_machine(model));
  Prediction p;
  p.kind = Prediction::Kind::classifier;
  p.labels = TRY(read_labels(TRY(model.attribute("classes_"))));
  const std::size_t classes = p.labels->count();
  if (classes < 2 || classes > kClassesMax) return refuse(model, "a support vector classifier of " + std::to_string(classes) + " classes");
  Builder& graph = to.graph;
  const Val decision = TRY(pair_decisions(to, model, in, m, classes));
  const auto count = static_cast<std::int64_t>(classes);
  const auto voted = graph.op_n("PairVotes", {decision}, 2, {graph::attr("classes", count)}, graph::kOwnDomain);
  p.label = Builder::typed(voted[0], DType::int64, -1);
  const bool ovr = text_or(model, "decision_function_shape", "ovr") == "ovr";
  if (classes == 2) {
    p.scores = flat(graph, graph.op("Neg", {decision}));
  } else if (ovr) {
    p.scores = Builder::typed(voted[1], DType::float64, count);
  } else {
    p.scores = decision;
  }
  if (TRY(flag_or(model, "break_ties", false))) {
    if (!ovr) return refuse(model, "break_ties needs decision_function_shape='ovr': the library refuses to predict with this model");
    if (classes > 2) p.label = graph.argmax(*p.scores);
  }
  if (with_probabilities(model)) p.probabilities = TRY(platt(to, model, decision, classes));
  return p;
}

Result<Val> one_value(Lowering& to, const View& model, const Table& in) {
  const Machine m = TRY(read_machine(model));
  if (m.coef.rows != 1 || m.intercept.size() != 1) return refuse(model, "_dual_coef_ and _intercept_ must be of one decision");
  if (m.count == 0) return flat(to.graph, TRY(only_intercepts(to, model, in, m)));
  const std::vector<std::int64_t> counts{m.count, 0};  // summed in the same order as the one pair of two classes
  const Val values = TRY(kernel_values(to, model, in, m));
  return flat(to.graph, sum_pairs(to.graph, values, m, counts));
}

Result<Prediction> regressor(Lowering& to, const View& model, const Table& in) { return Prediction::regressor(TRY(one_value(to, model, in))); }

Result<Prediction> one_class(Lowering& to, const View& model, const Table& in) {
  const Val score = TRY(one_value(to, model, in));
  const Val sign = to.graph.sub(to.graph.mul(above(to.graph, score, 0), to.graph.scalar_i64(2)), to.graph.scalar_i64(1));
  return Prediction::outlier_detector(Builder::typed(sign, DType::int64, -1), score);
}

constexpr Converter kConverters[] = {
    {"SVC", nullptr, classifier},  {"NuSVC", nullptr, classifier},      {"SVR", nullptr, regressor},
    {"NuSVR", nullptr, regressor}, {"OneClassSVM", nullptr, one_class},
};

}  // namespace

Family svm_family() { return kConverters; }

}  // namespace slipway::importers::sklearn
