// What else is built on neighbours: graphs of distances, local outliers, densities, gaps filled, labels spread.
#include <algorithm>
#include <cmath>

#include "slipway/importers/blocks/arithmetic.hpp"
#include "slipway/importers/blocks/dense.hpp"
#include "slipway/importers/sklearn/neighbors.hpp"
#include "slipway/importers/sklearn/table.hpp"

namespace slipway::importers::sklearn {
namespace {

constexpr std::int64_t kGraphColumnsMax = 200'000;

Result<bool> gives_distances(const View& model) {
  const std::string mode = text_or(model, "mode", "distance");
  if (mode != "distance" && mode != "connectivity") return refuse(model, "the mode '" + mode.substr(0, 40) + "' is not known");
  return mode == "distance";
}

// Of the sparse graph that the library gives, 0 stands for what it doesn't hold, and -0 for a neighbour at distance 0. A product makes
// that: the engine's Where and Neg lose the sign of zero.
Val marks(Builder& g, const Val& distances) {
  const Val zero = g.compare("Equal", distances, g.scalar(0));
  return Builder::typed(g.where(zero, g.scalar(-1), g.scalar(1)), DType::float64, distances.columns);
}

// Rows of the sparse graph that the library gives, spread out.
Result<Table> neighbors_graph(Lowering& to, const View& model, const Table& in) {
  const Neighborhood rows = TRY(read_neighborhood(to, model));
  const bool distances = TRY(gives_distances(model));
  if (rows.rows.rows > kGraphColumnsMax) return refuse(model, "its result has " + std::to_string(rows.rows.rows) + " columns");
  const auto k = TRY(TRY(model.attribute("n_neighbors")).integer()) + (distances ? 1 : 0);
  const Nearest found = TRY(nearest(to, model, rows, in, k));
  Builder& g = to.graph;
  const std::vector<double> zeros(static_cast<std::size_t>(rows.rows.rows), 0.0);
  const Val nothing = g.repeat_row(found.distances, g.row(zeros));
  const Val values =
      distances ? g.mul(found.distances, marks(g, found.distances))
                : Builder::typed(g.repeat_row(found.distances, g.row(std::vector<double>(static_cast<std::size_t>(k), 1.0))), DType::float64, k);
  const Val spread = g.op("ScatterElements", {nothing, found.indices, values}, {graph::attr("axis", std::int64_t{1})});
  return table_of(Builder::typed(spread, DType::float64, rows.rows.rows));
}

Result<Table> radius_graph(Lowering& to, const View& model, const Table& in) {
  const Neighborhood rows = TRY(read_neighborhood(to, model));
  const bool distances = TRY(gives_distances(model));
  if (rows.rows.rows > kGraphColumnsMax) return refuse(model, "its result has " + std::to_string(rows.rows.rows) + " columns");
  const double radius = TRY(TRY(model.attribute("radius")).number());
  Builder& g = to.graph;
  const Val d = TRY(distances_to(to, model, rows, in));
  const Val near = g.compare("LessOrEqual", d, g.scalar(radius));
  const Val held = Builder::typed(g.where(near, distances ? marks(g, d) : g.scalar(1), g.scalar(0)), DType::float64, rows.rows.rows);
  return table_of(distances ? g.mul(d, held) : held);
}

// --- LocalOutlierFactor

Result<Prediction> local_outliers(Lowering& to, const View& model, const Table& in) {
  if (!TRY(flag_or(model, "novelty", false))) {
    return refuse(model, "LocalOutlierFactor judges new rows only when it was made with novelty=True; fit it again with that");
  }
  const Neighborhood rows = TRY(read_neighborhood(to, model));
  const auto k = TRY(TRY(model.attribute("n_neighbors_")).integer());
  const Matrix distances = TRY(matrix(model, "_distances_fit_X_"));
  const std::vector<double> density = TRY(vector(model, "_lrd"));
  const std::vector<double> offset = TRY(vector(model, "offset_"));
  if (distances.rows != rows.rows.rows || distances.columns < k || k < 1 || static_cast<std::int64_t>(density.size()) != rows.rows.rows ||
      offset.size() != 1)
    return refuse(model, "the distances and densities of its rows don't fit them");
  std::vector<double> furthest;
  for (std::int64_t r = 0; r < distances.rows; ++r) furthest.push_back(distances.at(r, k - 1));
  const Nearest found = TRY(nearest(to, model, rows, in, k));
  Builder& g = to.graph;
  const auto gathered = [&](const std::vector<double>& values) {
    return Builder::typed(g.gather(g.constant(doubles({rows.rows.rows}, values)), found.indices, 0), DType::float64, k);
  };
  const Val reach = Builder::typed(g.op("Max", {found.distances, gathered(furthest)}), DType::float64, k);
  const Val neighbours = g.scalar(static_cast<double>(k));
  const Val own = g.div(g.scalar(1), g.add(g.div(sum_columns(g, reach), neighbours), g.scalar(1e-10)));
  const Val ratios = g.div(gathered(density), Builder::typed(own, DType::float64, 1));
  const Val score = g.sub(g.op("Neg", {g.div(sum_columns(g, Builder::typed(ratios, DType::float64, k)), neighbours)}), g.scalar(offset[0]));
  const Val flat_score = flat(g, score);
  const Val outside = g.compare("Less", flat_score, g.scalar(0));
  return Prediction::outlier_detector(Builder::typed(g.where(outside, g.scalar_i64(-1), g.scalar_i64(1)), DType::int64, -1), flat_score);
}

// --- KernelDensity

Result<Prediction> kernel_density(Lowering& to, const View& model, const Table& in) {
  const TreeState tree = TRY(read_tree(TRY(model.attribute("tree_"))));
  TRY(expect_width(model, in, tree.rows.columns));
  const MetricChoice metric = TRY(read_metric(model, model.find("metric"), model.find("metric_params"), 2, tree.rows.columns));
  const View width = TRY(model.attribute(present(model, "bandwidth_") ? "bandwidth_" : "bandwidth"));
  const double bandwidth = TRY(width.number());
  if (!(bandwidth > 0) || !std::isfinite(bandwidth)) return refuse(width, "the bandwidth is not positive");
  const std::string kernel = text_or(model, "kernel", "gaussian");
  double total = static_cast<double>(tree.rows.rows);
  if (!tree.weights.empty()) {
    total = 0;
    for (const double w : tree.weights) total += w;
  }
  const double numbers[] = {bandwidth, TRY(number_or(model, "atol", 0)) * total, TRY(number_or(model, "rtol", 0))};
  to.inputs.refuse_missing(in);
  Builder& g = to.graph;
  std::vector<Val> inputs = tree_inputs(g, tree);
  inputs.insert(inputs.begin(), TRY(to.inputs.numbers(in)));
  inputs.push_back(g.constant(doubles({3}, numbers)));
  inputs.push_back(tree.weights.empty() ? Builder::absent() : g.constant(doubles({tree.rows.rows}, tree.weights)));
  Prediction p;
  p.kind = Prediction::Kind::density;
  p.score = g.own("LogDensity", with_metric(g, std::move(inputs), metric), DType::float64, -1,
                  {graph::attr("kernel", kernel), graph::attr("metric", metric.name), graph::attr("tree", std::string(tree.ball ? "ball" : "kd")),
                   graph::attr("breadth_first", std::int64_t{TRY(flag_or(model, "breadth_first", true)) ? 1 : 0})});
  return p;
}

// --- KNNImputer

Result<Table> impute(Lowering& to, const View& model, const Table& in) {
  const Matrix rows = TRY(matrix(model, "_fit_X"));
  TRY(expect_width(model, in, rows.columns));
  if (rows.rows == 0 || rows.columns == 0) return refuse(model, "there are no rows to fill from");
  if (text_or(model, "metric", "(a function)") != "nan_euclidean")
    return refuse(model, "its metric is code of the file's author, which never runs here. Use 'nan_euclidean'");
  const Weights weights = TRY(read_weights(model));
  const double marker = present(model, "missing_values") ? TRY(TRY(model.attribute("missing_values")).number()) : std::nan("");
  const auto k = TRY(TRY(model.attribute("n_neighbors")).integer());
  if (k < 1) return refuse(model, "it asks for " + std::to_string(k) + " neighbours");
  const auto missing = [&](double v) { return std::isnan(marker) ? std::isnan(v) : v == marker; };
  if (!std::isnan(marker)) to.inputs.refuse_missing(in);

  std::vector<std::int64_t> known, empty;
  for (std::int64_t c = 0; c < rows.columns; ++c) {
    double sum = 0, count = 0;
    for (std::int64_t r = 0; r < rows.rows; ++r) {
      if (!missing(rows.at(r, c))) sum += rows.at(r, c), count += 1;
    }
    (count > 0 ? known : empty).push_back(c);
    if (count > 0) to.inputs.hint_typical(in.columns[static_cast<std::size_t>(c)], sum / count);
  }
  Builder& g = to.graph;
  const Val x = TRY(to.inputs.numbers(in));
  const Val filled =
      g.own("FillByNeighbors", {x, g.constant(doubles({rows.rows, rows.columns}, rows.data)), g.scalar(marker)}, DType::float64, rows.columns,
            {graph::attr("k", k), graph::attr("form", expanded_form(to.version(model))),
             graph::attr("weights", std::string(weights == Weights::uniform ? "uniform" : "distance")),
             graph::attr("counts_unknown", std::int64_t{to.version(model).at_least(1, 6) ? 0 : 1})});
  Table all = table_of(filled), out;
  const bool keeps = TRY(flag_or(model, "keep_empty_features", false));
  const std::vector<double> zeros(1, 0.0);
  const Table zero = table_of(Builder::typed(g.repeat_row(x, g.row(zeros)), DType::float64, 1));
  for (std::int64_t c = 0; c < rows.columns; ++c) {
    const bool is_empty = std::find(empty.begin(), empty.end(), c) != empty.end();
    if (!is_empty)
      out.columns.push_back(all.columns[static_cast<std::size_t>(c)]);
    else if (keeps)
      out.columns.push_back(zero.columns[0]);
  }
  if (TRY(flag_or(model, "add_indicator", false)) && present(model, "indicator_")) {
    append(out, TRY(to.transform(TRY(model.attribute("indicator_")), in)));
  }
  return out;
}

// --- LabelPropagation, LabelSpreading

Result<Prediction> spread_labels(Lowering& to, const View& model, const Table& in) {
  const View classes = TRY(model.attribute("classes_"));
  Labels labels = TRY(read_labels(classes));
  const Matrix shares = TRY(matrix(model, "label_distributions_"));
  const Matrix rows = TRY(matrix(model, "X_"));
  const auto count = static_cast<std::int64_t>(labels.count());
  if (shares.rows != rows.rows || shares.columns != count || rows.rows == 0)
    return refuse(model, "label_distributions_ doesn't fit its rows and classes");
  TRY(expect_width(model, in, rows.columns));
  to.inputs.refuse_missing(in);
  Builder& g = to.graph;
  const Val distributions = g.constant(doubles({shares.rows, shares.columns}, shares.data));
  const auto kernel = TRY(model.attribute("kernel"));
  Val sums;
  if (kernel.is_text("rbf")) {
    const double gamma = TRY(TRY(model.attribute("gamma")).number());
    const Val squared = euclidean_distances(g, TRY(to.inputs.numbers(in)), rows, expanded_form(to.version(model)), true);
    sums = g.matmul(g.op("Exp", {g.mul(squared, g.scalar(-gamma))}), distributions, count);
  } else if (kernel.is_text("knn")) {
    const View search = TRY(model.attribute("nn_fit"));
    const Neighborhood near = TRY(read_neighborhood(to, search));
    if (near.rows.rows != rows.rows) return refuse(search, "it was not fitted on the rows of its owner");
    const auto k = TRY(TRY(model.attribute("n_neighbors")).integer());
    const Nearest found = TRY(nearest(to, search, near, in, k));
    sums = Builder::typed(g.reduce("ReduceSum", g.gather(distributions, found.indices, 0), 1, false), DType::float64, count);
  } else {
    return refuse(kernel, "the kernel is " + kernel.describe() + "; 'rbf' and 'knn' are known");
  }
  Prediction p = Prediction::from_probabilities(g, std::move(labels), Builder::typed(g.div(sums, sum_columns(g, sums)), DType::float64, count));
  p.label = g.argmax(sums);  // where all are zero: the first, as of the library's not-a-numbers
  return p;
}

constexpr Converter kConverters[] = {
    {"KNeighborsTransformer", neighbors_graph, nullptr},
    {"RadiusNeighborsTransformer", radius_graph, nullptr},
    {"LocalOutlierFactor", nullptr, local_outliers},
    {"KernelDensity", nullptr, kernel_density},
    {"KNNImputer", impute, nullptr},
    {"LabelPropagation", nullptr, spread_labels},
    {"LabelSpreading", nullptr, spread_labels},
};

}  // namespace

Family neighbor_models_family() { return kConverters; }

}  // namespace slipway::importers::sklearn
