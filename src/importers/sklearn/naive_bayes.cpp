// Naive Bayes: each class's joint log likelihood, the largest wins; probabilities by its log-sum-exp.
#include <cmath>
#include <numbers>

#include "slipway/importers/blocks/arithmetic.hpp"
#include "slipway/importers/blocks/dense.hpp"
#include "slipway/importers/sklearn/kernels.hpp"
#include "slipway/importers/sklearn/table.hpp"

namespace slipway::importers::sklearn {
namespace {

struct Classes {
  Labels labels;
  std::vector<double> log_prior;
  std::int64_t count = 0;
};

// Since 1.9 models trained on float32 keep their state in it, and compute in it what needs no row.
bool is_single(const View& model, std::string_view name) {
  const auto found = model.find(name);
  return found && found->is(Kind::array) && found->dtype_text().find("f4") != std::string::npos;
}

Result<Classes> read_classes(const View& model, bool logarithms) {
  Classes c;
  c.labels = TRY(read_labels(TRY(model.attribute("classes_"))));
  c.count = static_cast<std::int64_t>(c.labels.count());
  c.log_prior = TRY(vector(model, logarithms ? "class_log_prior_" : "class_prior_"));
  if (static_cast<std::int64_t>(c.log_prior.size()) != c.count)
    return refuse(model, std::to_string(c.log_prior.size()) + " priors for " + std::to_string(c.count) + " classes");
  if (!logarithms) {
    const bool single = is_single(model, "class_prior_");
    for (double& p : c.log_prior) p = single ? static_cast<double>(static_cast<float>(std::log(p))) : std::log(p);
  }
  return c;
}

Result<Matrix> class_rows(const View& model, std::string_view name, std::int64_t classes) {
  Matrix m = TRY(matrix(model, name));
  if (m.rows != classes || m.columns < 1)
    return refuse(model, std::string(name) + " has " + std::to_string(m.rows) + " rows for " + std::to_string(classes) + " classes");
  return m;
}

Result<Val> input_of(Lowering& to, const View& model, const Table& in, std::int64_t width) {
  TRY(expect_width(model, in, width));
  to.inputs.refuse_missing(in);
  return to.inputs.numbers(in);
}

// exp(jll - (max + log(sum(exp(jll - max))))): far from every class this rounds otherwise than a softmax.
Prediction from_likelihood(Builder& graph, Labels labels, const Val& likelihood) {
  const std::int64_t k = likelihood.columns;
  const Val largest = Builder::typed(graph.reduce("ReduceMax", likelihood, 1, true), DType::float64, 1);
  const Val grown = Builder::typed(graph.op("Exp", {graph.sub(likelihood, largest)}), DType::float64, k);
  const Val total = graph.add(graph.op("Log", {sum_columns(graph, grown)}), largest);
  Prediction p;
  p.kind = Prediction::Kind::classifier;
  p.labels = std::move(labels);
  p.label = graph.argmax(likelihood);
  p.probabilities = Builder::typed(graph.op("Exp", {graph.sub(likelihood, total)}), DType::float64, k);
  return p;
}

// -1/2 of the sum of log(2 pi variance).
template <class Real>
double log_scale(const Matrix& variance, std::int64_t row) {
  Real logs = 0;
  for (std::int64_t i = 0; i < variance.columns; ++i) {
    const Real scaled = static_cast<Real>(2.0 * std::numbers::pi) * static_cast<Real>(variance.at(row, i));
    logs += static_cast<Real>(std::log(static_cast<double>(scaled)));
  }
  return static_cast<double>(static_cast<Real>(-0.5) * logs);
}

Result<Prediction> gaussian(Lowering& to, const View& model, const Table& in) {
  Classes c = TRY(read_classes(model, false));
  const Matrix mean = TRY(class_rows(model, "theta_", c.count));
  const Matrix variance = TRY(class_rows(model, model.has("var_") ? "var_" : "sigma_", c.count));
  if (variance.columns != mean.columns) return refuse(model, "means and variances differ in length");
  const Val x = TRY(input_of(to, model, in, mean.columns));
  const bool single = is_single(model, "var_");
  if (single)
    to.warn("GaussianNB was trained on float32: numpy's logarithms of float32 differ from machine to machine, and with them the sixth digit");
  std::vector<double> constant;
  for (std::int64_t k = 0; k < c.count; ++k) constant.push_back(single ? log_scale<float>(variance, k) : log_scale<double>(variance, k));
  for (std::int64_t i = 0; i < mean.columns; ++i) to.inputs.hint_typical(in.columns[static_cast<std::size_t>(i)], mean.at(0, i));
  Builder& graph = to.graph;
  const Val squares = graph.own("RowDistances", {x, constant_matrix(graph, mean), constant_matrix(graph, variance)}, DType::float64, c.count,
                                {graph::attr("metric", std::string("sqeuclidean"))});
  const Val density = graph.sub(graph.row(constant), graph.mul(squares, graph.scalar(0.5)));
  return from_likelihood(graph, std::move(c.labels), Builder::typed(graph.add(density, graph.row(c.log_prior)), DType::float64, c.count));
}

Result<Val> weighted(Lowering& to, const View& model, const Table& in, const Matrix& weights) {
  TRY(expect_width(model, in, weights.columns));
  to.inputs.refuse_missing(in);
  const auto turned = transposed(weights.data, static_cast<std::size_t>(weights.rows), static_cast<std::size_t>(weights.columns));
  return to.inputs.product(in, turned, weights.rows);
}

// 1 above the threshold, 0 elsewhere. Of a sparse table what isn't stored stays 0: the library takes no threshold below.
Result<Table> binarized(Lowering& to, const Table& in, double threshold) {
  const auto ones = [&](const Val& v) {
    return Builder::typed(to.graph.cast(above(to.graph, v, threshold), DType::float64), DType::float64, v.columns);
  };
  auto sparse = threshold >= 0 ? to.inputs.sparse(in) : std::nullopt;
  if (!sparse) return table_of(ones(TRY(to.inputs.numbers(in))));
  sparse->values = ones(sparse->values);
  return to.inputs.sparse_table(*sparse, static_cast<std::int64_t>(in.width()));
}

Result<Prediction> multinomial(Lowering& to, const View& model, const Table& in) {
  Classes c = TRY(read_classes(model, true));
  const Val sum = TRY(weighted(to, model, in, TRY(class_rows(model, "feature_log_prob_", c.count))));
  return from_likelihood(to.graph, std::move(c.labels), Builder::typed(to.graph.add(sum, to.graph.row(c.log_prior)), DType::float64, c.count));
}

Result<Prediction> complement(Lowering& to, const View& model, const Table& in) {
  Classes c = TRY(read_classes(model, true));
  Val sum = TRY(weighted(to, model, in, TRY(class_rows(model, "feature_log_prob_", c.count))));
  if (c.count == 1) sum = Builder::typed(to.graph.add(sum, to.graph.row(c.log_prior)), DType::float64, 1);
  return from_likelihood(to.graph, std::move(c.labels), sum);
}

Result<Prediction> bernoulli(Lowering& to, const View& model, const Table& in) {
  Classes c = TRY(read_classes(model, true));
  Matrix log_prob = TRY(class_rows(model, "feature_log_prob_", c.count));
  TRY(expect_width(model, in, log_prob.columns));
  to.inputs.refuse_missing(in);
  const Table flags = present(model, "binarize") ? TRY(binarized(to, in, TRY(number_or(model, "binarize", 0)))) : in;
  std::vector<double> constant = c.log_prior;
  for (std::int64_t k = 0; k < c.count; ++k) {
    double absent = 0;
    for (std::int64_t i = 0; i < log_prob.columns; ++i) {
      double& p = log_prob.data[static_cast<std::size_t>(k * log_prob.columns + i)];
      const double negative = std::log(1 - std::exp(p));
      absent += negative;
      p -= negative;
    }
    constant[static_cast<std::size_t>(k)] += absent;
  }
  const Val sum = TRY(weighted(to, model, flags, log_prob));
  return from_likelihood(to.graph, std::move(c.labels), Builder::typed(to.graph.add(sum, to.graph.row(constant)), DType::float64, c.count));
}

// The tables of all features under each other: row = a category of a feature, column = a class.
struct CategoryTables {
  Matrix rows;
  std::vector<std::int64_t> counts, offsets;
};

Result<CategoryTables> category_tables(const View& model, std::int64_t classes) {
  const View list = TRY(model.attribute("feature_log_prob_"));
  if (!list.is(Kind::list) || list.size() == 0) return refuse(list, "here is " + list.describe() + ", a list of tables was expected");
  CategoryTables t;
  t.rows.columns = classes;
  for (std::size_t f = 0; f < list.size(); ++f) {
    const Matrix table = TRY(matrix(list.at(f)));
    if (table.rows != classes || table.columns < 1) return refuse(list.at(f), "the table's shape isn't classes and categories");
    t.counts.push_back(table.columns);
    t.offsets.push_back(t.rows.rows);
    for (std::int64_t category = 0; category < table.columns; ++category) {
      for (std::int64_t k = 0; k < classes; ++k) t.rows.data.push_back(table.at(k, category));
    }
    t.rows.rows += table.columns;
  }
  return t;
}

Result<Prediction> categorical(Lowering& to, const View& model, const Table& in) {
  Classes c = TRY(read_classes(model, true));
  const CategoryTables tables = TRY(category_tables(model, c.count));
  const auto features = static_cast<std::int64_t>(tables.counts.size());
  const Val x = TRY(input_of(to, model, in, features));
  for (std::size_t i = 0; i < tables.counts.size(); ++i) {
    to.inputs.hint_range(in.columns[i], 0, static_cast<double>(tables.counts[i] - 1));
    to.inputs.hint_typical(in.columns[i], 0);
  }
  Builder& graph = to.graph;
  const Val category = graph.own("CategoryIndex", {x, graph.ints(tables.counts)}, DType::int64, features);
  const Val at = graph.add(category, graph.ints(tables.offsets));
  const Val each = graph.gather(constant_matrix(graph, tables.rows), at, 0);  // [N, features, classes]
  const Val sum = Builder::typed(graph.reduce("ReduceSum", each, 1, false), DType::float64, c.count);
  return from_likelihood(graph, std::move(c.labels), Builder::typed(graph.add(sum, graph.row(c.log_prior)), DType::float64, c.count));
}

constexpr Converter kConverters[] = {
    {"GaussianNB", nullptr, gaussian},   {"MultinomialNB", nullptr, multinomial}, {"ComplementNB", nullptr, complement},
    {"BernoulliNB", nullptr, bernoulli}, {"CategoricalNB", nullptr, categorical},
};

}  // namespace

Family naive_bayes_family() { return kConverters; }

}  // namespace slipway::importers::sklearn
