// Linear and quadratic discriminant analysis, and classification by the nearest centroid.
#include <cmath>

#include "slipway/importers/blocks/arithmetic.hpp"
#include "slipway/importers/sklearn/kernels.hpp"
#include "slipway/importers/sklearn/linear.hpp"
#include "slipway/importers/sklearn/table.hpp"

namespace slipway::importers::sklearn {
namespace {

Result<Prediction> linear_discriminant(Lowering& to, const View& model, const Table& in) {
  const Decision decision = TRY(decision_function(to, model, in));
  Prediction p;
  p.labels = TRY(linear_labels(model, decision.value.columns));
  label_by_scores(to.graph, p, decision.value);
  p.probabilities = decision.value.columns == 1 ? two_columns(to.graph, expit(to.graph, decision.value)) : softmax(to.graph, decision.value);
  return p;
}

Result<Table> project(Lowering& to, const View& model, const Table& in) {
  const std::string solver = text_or(model, "solver", "svd");
  if (solver == "lsqr") return refuse(model, "with solver='lsqr' it has no transform, but another step follows it");
  const Matrix scalings = TRY(matrix(model, "scalings_"));
  TRY(expect_width(model, in, scalings.rows));
  const auto kept = static_cast<std::int64_t>(TRY(number_or(model, "_max_components", static_cast<double>(scalings.columns))));
  const std::int64_t columns = std::min(kept, scalings.columns);
  if (columns < 1) return refuse(model, "it keeps no components");
  Matrix used;
  used.rows = scalings.rows;
  used.columns = columns;
  for (std::int64_t r = 0; r < used.rows; ++r) {
    for (std::int64_t c = 0; c < columns; ++c) used.data.push_back(scalings.at(r, c));
  }
  to.inputs.refuse_missing(in);
  Val x = TRY(to.inputs.numbers(in));
  if (solver == "svd") {
    const auto center = TRY(vector(model, "xbar_"));
    if (static_cast<std::int64_t>(center.size()) != scalings.rows) return refuse(model, "xbar_ and scalings_ differ in length");
    x = to.graph.sub(x, to.graph.row(center));
  }
  return table_of(to.graph.matmul(x, constant_matrix(to.graph, used), columns));
}

// From log posteriors up to a constant: DiscriminantAnalysisPredictionMixin.
Prediction from_posterior(Builder& graph, Labels labels, const Val& posterior) {
  Prediction p;
  p.kind = Prediction::Kind::classifier;
  p.labels = std::move(labels);
  p.label = graph.argmax(posterior);
  p.probabilities = softmax(graph, posterior);
  p.scores = posterior.columns == 2 ? flat(graph, graph.sub(graph.column(posterior, 1), graph.column(posterior, 0))) : posterior;
  return p;
}

struct Ellipsoid {
  Matrix axes;  // rotation times scaling^-1/2: [features, rank]
  double log_volume = 0;
};

Result<Ellipsoid> read_ellipsoid(const View& rotation, const View& scaling, std::int64_t features) {
  Ellipsoid e;
  e.axes = TRY(matrix(rotation));
  const auto scale = TRY(scaling.doubles());
  if (e.axes.rows != features || static_cast<std::int64_t>(scale.size()) != e.axes.columns || scale.empty())
    return refuse(rotation, "rotation and scaling don't fit " + std::to_string(features) + " features");
  // Models trained on float32 keep and compute this in it.
  const bool single = scaling.is(Kind::array) && scaling.dtype_text().find("f4") != std::string::npos;
  const auto rounded = [&](double v) { return single ? static_cast<double>(static_cast<float>(v)) : v; };
  for (std::int64_t r = 0; r < e.axes.rows; ++r) {
    for (std::int64_t c = 0; c < e.axes.columns; ++c) {
      double& axis = e.axes.data[static_cast<std::size_t>(r * e.axes.columns + c)];
      axis = rounded(axis * rounded(std::pow(scale[static_cast<std::size_t>(c)], -0.5)));
    }
  }
  for (const double s : scale) e.log_volume = rounded(e.log_volume + rounded(std::log(s)));
  return e;
}

Result<Prediction> quadratic_discriminant(Lowering& to, const View& model, const Table& in) {
  Labels labels = TRY(read_labels(TRY(model.attribute("classes_"))));
  const std::size_t classes = labels.count();
  const Matrix means = TRY(matrix(model, "means_"));
  const auto priors = TRY(vector(model, "priors_"));
  const View rotations = TRY(model.attribute("rotations_")), scalings = TRY(model.attribute("scalings_"));
  if (rotations.size() != classes || scalings.size() != classes || priors.size() != classes || means.rows != static_cast<std::int64_t>(classes))
    return refuse(model, "means, rotations, scalings and priors must be one a class");
  TRY(expect_width(model, in, means.columns));
  to.inputs.refuse_missing(in);
  const Val x = TRY(to.inputs.numbers(in));
  if (means.single)
    to.warn(
        "QuadraticDiscriminantAnalysis was trained on float32: numpy's powers of float32 differ from machine to machine, and with them the sixth "
        "digit");
  Builder& graph = to.graph;
  std::vector<Val> distances;
  std::vector<double> volumes, log_priors;
  for (std::size_t k = 0; k < classes; ++k) {
    const Ellipsoid e = TRY(read_ellipsoid(rotations.at(k), scalings.at(k), means.columns));
    const std::span<const double> mean(means.data.data() + k * static_cast<std::size_t>(means.columns), static_cast<std::size_t>(means.columns));
    const Val turned = graph.matmul(graph.sub(x, graph.row(mean)), constant_matrix(graph, e.axes), e.axes.columns);
    distances.push_back(sum_columns(graph, Builder::typed(graph.mul(turned, turned), DType::float64, e.axes.columns)));
    volumes.push_back(e.log_volume);
    log_priors.push_back(std::log(priors[k]));
  }
  const auto columns = static_cast<std::int64_t>(classes);
  const Val sum = graph.mul(graph.add(graph.concat_columns(distances), graph.row(volumes)), graph.scalar(-0.5));
  return from_posterior(graph, std::move(labels), Builder::typed(graph.add(sum, graph.row(log_priors)), DType::float64, columns));
}

// --- nearest centroid ----------------------------------------------------------------------------------------------------------

Matrix centered_rows(Matrix m) {
  for (std::int64_t r = 0; r < m.rows; ++r) {
    double sum = 0;
    for (std::int64_t c = 0; c < m.columns; ++c) sum += m.at(r, c);
    for (std::int64_t c = 0; c < m.columns; ++c) m.data[static_cast<std::size_t>(r * m.columns + c)] -= sum / static_cast<double>(m.columns);
  }
  return m;
}

// Distances that order the centroids as the metric does. own_metrics: by scikit-learn itself, since 1.2; by scipy before.
Result<Val> ordering(Builder& graph, const View& model, const std::string& metric, const Val& x, const Matrix& centroids, bool own_metrics) {
  struct Alias {
    std::string_view name, own;
  };
  static constexpr Alias kAliases[] = {{"euclidean", "sqeuclidean"}, {"l2", "sqeuclidean"},      {"sqeuclidean", "sqeuclidean"},
                                       {"minkowski", "sqeuclidean"}, {"manhattan", "manhattan"}, {"l1", "manhattan"},
                                       {"cityblock", "manhattan"},   {"chebyshev", "chebyshev"}, {"canberra", "canberra"},
                                       {"braycurtis", "braycurtis"}};
  if (metric == "braycurtis" && own_metrics) return row_distances(graph, x, centroids, "braycurtis_of_sizes");
  for (const Alias& alias : kAliases) {
    if (alias.name == metric) return row_distances(graph, x, centroids, std::string(alias.own));
  }
  if (metric != "cosine" && metric != "correlation") return refuse(model, "the metric '" + metric + "' is not read here");
  Val rows = x;
  Matrix unit = centroids;
  if (metric == "correlation") {
    rows = Builder::typed(graph.sub(x, graph.div(sum_columns(graph, x), graph.scalar(static_cast<double>(x.columns)))), DType::float64, x.columns);
    unit = centered_rows(std::move(unit));
  }
  make_unit_rows(unit);
  return Builder::typed(graph.op("Neg", {dot_products(graph, unit_rows(graph, rows), unit)}), DType::float64, centroids.rows);
}

bool is_uniform(const std::vector<double>& priors) {
  const double even = 1 / static_cast<double>(priors.size());
  for (const double p : priors) {
    if (!(std::abs(p - even) <= 1e-8 + 1e-5 * even)) return false;
  }
  return true;
}

// From 1.6 on: distances in units of the deviations within classes, and the priors.
Result<Val> centroid_posterior(Lowering& to, const View& model, const Val& x, Matrix centroids, const std::vector<double>& priors,
                               const std::string& metric) {
  auto deviation = TRY(vector(model, "within_class_std_dev_"));
  if (static_cast<std::int64_t>(deviation.size()) != centroids.columns) return refuse(model, "within_class_std_dev_ and centroids_ differ in width");
  for (double& d : deviation) d = d != 0 ? d : 1;
  for (std::int64_t r = 0; r < centroids.rows; ++r) {
    for (std::int64_t c = 0; c < centroids.columns; ++c)
      centroids.data[static_cast<std::size_t>(r * centroids.columns + c)] /= deviation[static_cast<std::size_t>(c)];
  }
  std::vector<double> prior_terms;
  for (const double p : priors) prior_terms.push_back(2.0 * std::log(p));
  Builder& graph = to.graph;
  const Val apart = row_distances(graph, graph.div(x, graph.row(deviation)), centroids, metric == "manhattan" ? "manhattan" : "euclidean");
  const Val squared = graph.mul(apart, apart);
  return Builder::typed(graph.sub(graph.row(prior_terms), squared), DType::float64, centroids.rows);
}

Result<Prediction> nearest_centroid(Lowering& to, const View& model, const Table& in) {
  Labels labels = TRY(read_labels(TRY(model.attribute("classes_"))));
  const Matrix centroids = TRY(matrix(model, "centroids_"));
  if (centroids.rows != static_cast<std::int64_t>(labels.count())) return refuse(model, "there must be one centroid a class");
  TRY(expect_width(model, in, centroids.columns));
  const std::string metric = TRY(kernel_name(model, "metric", "euclidean"));
  to.inputs.refuse_missing(in);
  const Val x = TRY(to.inputs.numbers(in));
  for (std::size_t i = 0; i < in.width(); ++i) to.inputs.hint_typical(in.columns[i], centroids.at(0, static_cast<std::int64_t>(i)));
  Builder& graph = to.graph;
  const auto nearest = [&]() -> Result<Val> {
    return graph.argmax(graph.op("Neg", {TRY(ordering(graph, model, metric, x, centroids, to.version(model).at_least(1, 2)))}));
  };
  if (!present(model, "class_prior_")) {
    Prediction p;
    p.kind = Prediction::Kind::classifier;
    p.labels = std::move(labels);
    p.label = TRY(nearest());
    return p;
  }
  const auto priors = TRY(vector(model, "class_prior_"));
  if (priors.size() != labels.count()) return refuse(model, "there must be one prior a class");
  const Val posterior = TRY(centroid_posterior(to, model, x, centroids, priors, metric));
  Prediction p = from_posterior(graph, std::move(labels), posterior);
  if (is_uniform(priors)) p.label = TRY(nearest());
  if (metric != "euclidean") p.scores = p.probabilities = std::nullopt;
  return p;
}

constexpr Converter kConverters[] = {
    {"LinearDiscriminantAnalysis", project, linear_discriminant},
    {"QuadraticDiscriminantAnalysis", nullptr, quadratic_discriminant},
    {"NearestCentroid", nullptr, nearest_centroid},
};

}  // namespace

Family discriminant_family() { return kConverters; }

}  // namespace slipway::importers::sklearn
