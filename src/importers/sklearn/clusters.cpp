// Clusters by their centres. As the last step they name the cluster, before others they give distances to all centres.
#include <algorithm>

#include "slipway/importers/blocks/arithmetic.hpp"
#include "slipway/importers/blocks/dense.hpp"
#include "slipway/importers/sklearn/neighbors.hpp"
#include "slipway/importers/sklearn/table.hpp"

namespace slipway::importers::sklearn {
namespace {

constexpr std::size_t kTreeNodesMax = 20'000;

Result<Matrix> centers(const View& model, const char* name) {
  Matrix m = TRY(matrix(model, name));
  if (m.rank != 2 || m.rows == 0 || m.columns == 0) return refuse(model, std::string(name) + " holds no centres");
  return m;
}

Result<Val> numbers_of(Lowering& to, const View& model, const Table& in, std::int64_t width) {
  TRY(expect_width(model, in, width));
  to.inputs.refuse_missing(in);
  return to.inputs.numbers(in);
}

// |c|^2 - 2 x.c: enough to tell which is nearest. [N, centres]
Val closeness(Builder& g, const Val& x, const Matrix& to) {
  std::vector<double> twice = transposed(to.data, static_cast<std::size_t>(to.rows), static_cast<std::size_t>(to.columns)), norms;
  for (double& v : twice) v *= -2;
  for (std::int64_t r = 0; r < to.rows; ++r) {
    double sum = 0;
    for (std::int64_t c = 0; c < to.columns; ++c) sum += to.at(r, c) * to.at(r, c);
    norms.push_back(sum);
  }
  return g.add(g.matmul(x, g.constant(doubles({to.columns, to.rows}, twice)), to.rows), g.row(norms));
}

Val first_least(Builder& g, const Val& table) {
  return Builder::typed(g.op("ArgMin", {table}, {graph::attr("axis", std::int64_t{1}), graph::attr("keepdims", std::int64_t{0})}), DType::int64, -1);
}

void hint(Lowering& to, const Table& in, const Matrix& centers) {
  for (std::size_t c = 0; c < in.width(); ++c) to.inputs.hint_typical(in.columns[c], centers.at(0, static_cast<std::int64_t>(c)));
}

Result<Prediction> k_means(Lowering& to, const View& model, const Table& in) {
  const Matrix c = TRY(centers(model, "cluster_centers_"));
  const Val x = TRY(numbers_of(to, model, in, c.columns));
  hint(to, in, c);
  return Prediction::clusterer(first_least(to.graph, closeness(to.graph, x, c)));
}

Result<Table> k_means_distances(Lowering& to, const View& model, const Table& in) {
  const Matrix c = TRY(centers(model, "cluster_centers_"));
  return table_of(euclidean_distances(to.graph, TRY(numbers_of(to, model, in, c.columns)), c, expanded_form(to.version(model)), false));
}

std::string search_form(Lowering& to, const View& model) {
  return to.version(model).at_least(1, 1) ? "expanded_dot" : expanded_form(to.version(model));
}

Result<Prediction> nearest_center(Lowering& to, const View& model, const Table& in) {
  if (!present(model, "cluster_centers_"))
    return refuse(model,
                  std::string(model.name()) + " has no cluster_centers_: fitted on precomputed affinities it can't tell the cluster of new rows");
  const Matrix c = TRY(matrix(model, "cluster_centers_"));
  if (c.rows == 0) {  // it did not converge: every row is -1
    const Val x = TRY(numbers_of(to, model, in, static_cast<std::int64_t>(in.width())));
    const double none[] = {-1};
    return Prediction::clusterer(to.graph.cast(flat(to.graph, to.graph.repeat_row(x, to.graph.row(none))), DType::int64));
  }
  const Val x = TRY(numbers_of(to, model, in, c.columns));
  hint(to, in, c);
  return Prediction::clusterer(nearest_row(to.graph, x, c, search_form(to, model)));
}

// --- Birch

Result<Prediction> birch(Lowering& to, const View& model, const Table& in) {
  const Matrix c = TRY(centers(model, "subcluster_centers_"));
  const View labels_view = TRY(model.attribute("subcluster_labels_"));
  const auto labels = TRY(labels_view.integers());
  if (static_cast<std::int64_t>(labels.size()) != c.rows) return refuse(labels_view, "there is not one label a subcluster");
  const Val x = TRY(numbers_of(to, model, in, c.columns));
  hint(to, in, c);
  const Val at =
      to.version(model).at_least(0, 24) ? nearest_row(to.graph, x, c, search_form(to, model)) : first_least(to.graph, closeness(to.graph, x, c));
  return Prediction::clusterer(Builder::typed(to.graph.gather(to.graph.ints(labels), at, 0), DType::int64, -1));
}

Result<Table> birch_distances(Lowering& to, const View& model, const Table& in) {
  const Matrix c = TRY(centers(model, "subcluster_centers_"));
  return table_of(euclidean_distances(to.graph, TRY(numbers_of(to, model, in, c.columns)), c, expanded_form(to.version(model)), false));
}

// --- BisectingKMeans: a tree of pairs of centres

struct Split {
  std::size_t left = 0, right = 0;  // nodes; a leaf has both 0
  std::int64_t label = 0;
};

struct Bisection {
  std::vector<Split> nodes;
  Matrix centers;                         // two a split, in order of splits
  std::vector<std::size_t> first_center;  // of a node that splits
};

Status read_center(const View& node, const std::vector<double>& mean, Matrix& out) {
  const auto center = TRY(TRY(node.attribute("center")).doubles());
  if (out.columns == 0) out.columns = static_cast<std::int64_t>(center.size());
  if (static_cast<std::int64_t>(center.size()) != out.columns || (!mean.empty() && mean.size() != center.size()))
    return refuse(node, "its centre doesn't fit the others");
  for (std::size_t i = 0; i < center.size(); ++i) out.data.push_back(center[i] + (mean.empty() ? 0 : mean[i]));
  ++out.rows;
  return ok();
}

Result<Bisection> read_bisection(const View& model) {
  Bisection out;
  const std::vector<double> mean = present(model, "_X_mean") ? TRY(vector(model, "_X_mean")) : std::vector<double>{};
  std::vector<View> views{TRY(model.attribute("_bisecting_tree"))};
  out.nodes.emplace_back();
  out.first_center.push_back(0);
  for (std::size_t i = 0; i < views.size(); ++i) {
    const View node = views[i];
    if (!node.is(Kind::object)) return refuse(node, "here is " + node.describe() + ", a node of its tree was expected");
    if (!present(node, "left")) {
      out.nodes[i].label = TRY(TRY(node.attribute("label")).integer());
      continue;
    }
    if (views.size() + 2 > kTreeNodesMax) return refuse(model, "its tree has too many nodes");
    const View left = TRY(node.attribute("left")), right = TRY(node.attribute("right"));
    out.first_center[i] = static_cast<std::size_t>(out.centers.rows);
    TRY(read_center(left, mean, out.centers));
    TRY(read_center(right, mean, out.centers));
    out.nodes[i].left = views.size();
    out.nodes[i].right = views.size() + 1;
    views.push_back(left);
    views.push_back(right);
    out.nodes.resize(views.size());
    out.first_center.resize(views.size());
  }
  return out;
}

Result<Prediction> bisecting(Lowering& to, const View& model, const Table& in) {
  const Bisection tree = TRY(read_bisection(model));
  Builder& g = to.graph;
  const Matrix leaves = TRY(centers(model, "cluster_centers_"));
  const Val x = TRY(numbers_of(to, model, in, leaves.columns));
  hint(to, in, leaves);
  if (tree.centers.rows == 0) return Prediction::clusterer(first_least(g, closeness(g, x, leaves)));
  if (tree.centers.columns != leaves.columns) return refuse(model, "its tree and its centres don't fit each other");
  const Val close = closeness(g, x, tree.centers);
  std::vector<Val> label(tree.nodes.size());
  for (std::size_t i = tree.nodes.size(); i-- > 0;) {  // children stand behind their parents
    const Split& split = tree.nodes[i];
    if (split.left == 0) {
      label[i] = g.scalar_i64(split.label);
      continue;
    }
    const auto at = static_cast<std::int64_t>(tree.first_center[i]);
    const Val right = g.reshape(Builder::typed(g.op("Less", {g.column(close, at + 1), g.column(close, at)}), DType::boolean, 1), {-1}, -1);
    label[i] = Builder::typed(g.where(right, label[split.right], label[split.left]), DType::int64, -1);
  }
  return Prediction::clusterer(label[0]);
}

// --- FeatureAgglomeration: columns pooled by their cluster

Result<std::string> pooling_of(const View& model) {
  const auto function = model.find("pooling_func");
  if (!function || function->is_none()) return std::string("mean");
  if (function->is(Kind::global) && function->module().substr(0, 5) == "numpy") return std::string(function->name());
  if (function->is(Kind::text) && function->is_text("deprecated")) return std::string("mean");
  return refuse(*function, "the pooling is " + function->describe() + ": code of the file's author, which never runs here. Use a function of numpy");
}

Result<Val> pooled(Builder& g, const View& model, const std::string& how, const Val& part) {
  const auto n = part.columns;
  const auto reduced = [&](const char* op) { return Builder::typed(g.reduce(op, part, 1, true), DType::float64, 1); };
  if (how == "mean" || how == "average") return Builder::typed(g.div(reduced("ReduceSum"), g.scalar(static_cast<double>(n))), DType::float64, 1);
  if (how == "sum") return reduced("ReduceSum");
  if (how == "prod" || how == "product") return reduced("ReduceProd");
  if (how == "max" || how == "amax") return reduced("ReduceMax");
  if (how == "min" || how == "amin") return reduced("ReduceMin");
  if (how == "ptp") return Builder::typed(g.sub(reduced("ReduceMax"), reduced("ReduceMin")), DType::float64, 1);
  if (how == "median") {
    const Val sorted = g.op_n("TopK", {part, g.ints({n})}, 2, {graph::attr("axis", std::int64_t{1}), graph::attr("largest", std::int64_t{0})})[0];
    const Val table = Builder::typed(sorted, DType::float64, n);
    const Val high = g.column(table, n / 2);
    if (n % 2 == 1) return high;
    return Builder::typed(g.div(g.add(g.column(table, n / 2 - 1), high), g.scalar(2)), DType::float64, 1);
  }
  if (how == "std" || how == "var") {
    const Val mean = g.div(reduced("ReduceSum"), g.scalar(static_cast<double>(n)));
    const Val off = g.sub(part, Builder::typed(mean, DType::float64, 1));
    const Val sum = g.reduce("ReduceSum", g.mul(off, off), 1, true);
    const Val var = Builder::typed(g.div(sum, g.scalar(static_cast<double>(n))), DType::float64, 1);
    return how == "var" ? var : Builder::typed(g.op("Sqrt", {var}), DType::float64, 1);
  }
  return refuse(model, "pooling by numpy's " + how + " is not covered; mean, median, max, min, sum, prod, std, var and ptp are");
}

Result<Table> agglomerate(Lowering& to, const View& model, const Table& in) {
  const View labels_view = TRY(model.attribute("labels_"));
  const auto labels = TRY(labels_view.integers());
  const Val x = TRY(numbers_of(to, model, in, static_cast<std::int64_t>(labels.size())));
  const std::string how = TRY(pooling_of(model));
  std::vector<std::int64_t> sorted = labels;
  std::sort(sorted.begin(), sorted.end());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  std::vector<Val> parts;
  for (const std::int64_t label : sorted) {
    std::vector<std::int64_t> columns;
    for (std::size_t i = 0; i < labels.size(); ++i) {
      if (labels[i] == label) columns.push_back(static_cast<std::int64_t>(i));
    }
    parts.push_back(TRY(pooled(to.graph, model, how, to.graph.columns(x, columns))));
  }
  if (parts.empty()) return refuse(labels_view, "there are no clusters");
  return table_of(to.graph.concat_columns(parts));
}

constexpr Converter kConverters[] = {
    {"KMeans", k_means_distances, k_means},
    {"MiniBatchKMeans", k_means_distances, k_means},
    {"BisectingKMeans", k_means_distances, bisecting},
    {"AffinityPropagation", nullptr, nearest_center},
    {"MeanShift", nullptr, nearest_center},
    {"Birch", birch_distances, birch},
    {"FeatureAgglomeration", agglomerate, nullptr},
};

}  // namespace

Family clusters_family() { return kConverters; }

}  // namespace slipway::importers::sklearn
