#include <algorithm>
#include <cmath>
#include <limits>

#include "slipway/importers/blocks/arithmetic.hpp"
#include "slipway/importers/blocks/dense.hpp"
#include "slipway/importers/sklearn/neighbors.hpp"

namespace slipway::importers::sklearn {
namespace {

constexpr std::int64_t kSpreadMax = 40'000'000;  // elements of a sparse matrix made dense

struct Alias {
  std::string_view name, means;
};
constexpr Alias kAliases[] = {{"l2", "euclidean"}, {"l1", "manhattan"},        {"cityblock", "manhattan"}, {"infinity", "chebyshev"},
                              {"p", "minkowski"},  {"pyfunc", "(a function)"}, {"cosine", "cosine"}};
constexpr std::string_view kKnown[] = {"euclidean",      "sqeuclidean", "manhattan",     "chebyshev",   "minkowski", "wminkowski",
                                       "seuclidean",     "mahalanobis", "cosine",        "correlation", "canberra",  "braycurtis",
                                       "haversine",      "hamming",     "matching",      "jaccard",     "dice",      "kulsinski",
                                       "rogerstanimoto", "russellrao",  "sokalmichener", "sokalsneath", "yule",      "jensenshannon"};

// The name of a metric that is an object of a class: EuclideanDistance64 -> euclidean.
std::string name_of_class(std::string_view class_name) {
  std::string name(class_name);
  for (const char* suffix : {"64", "32", "Distance"}) {
    const std::string_view end(suffix);
    if (name.size() > end.size() && name.compare(name.size() - end.size(), end.size(), end) == 0) name.resize(name.size() - end.size());
  }
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return name;
}

// Of a metric that is an object, newObj(EuclideanDistance64) and its state: the class.
std::optional<View> class_of(const View& metric) {
  if (!metric.is(Kind::object) || metric.arguments() == 0) return std::nullopt;
  const auto of = metric.argument(0);
  const bool known = of && of->is(Kind::global) && of->module().substr(0, 8) == "sklearn." && of->name().find("Distance") != std::string_view::npos;
  return known ? of : std::nullopt;
}

// The state of such an object: the exponent; a vector (variances, weights); a matrix (an inverse covariance).
Status take_state(MetricChoice& choice, const View& metric, std::int64_t columns) {
  const auto state = metric.state();
  if (!state || !state->is(Kind::tuple) || state->size() < 3) return refuse(metric, "the metric has no state of the kind that is known");
  const double p = TRY(state->at(0).number());
  const auto row = TRY(state->at(1).doubles()), square = TRY(state->at(2).doubles());
  const auto width = static_cast<std::size_t>(columns);
  if (choice.name == "minkowski" || choice.name == "wminkowski") {
    if (!(p > 0)) return refuse(metric, "the exponent of minkowski is " + std::to_string(p));
    choice.p = p;
    if (row.size() == width && (columns > 1 || row[0] != 0)) {
      choice.given = row;
      if (choice.name == "minkowski") choice.name = "weighted_minkowski";
    } else if (choice.name == "wminkowski") {
      return refuse(metric, "the metric's weights don't fit the columns");
    }
  } else if (choice.name == "seuclidean") {
    if (row.size() != width) return refuse(metric, "the metric's variances don't fit the columns");
    choice.given = row;
  } else if (choice.name == "mahalanobis") {
    if (square.size() != width * width) return refuse(metric, "the metric's covariance doesn't fit the columns");
    choice.given = square;
    choice.given_columns = columns;
  }
  return ok();
}

Result<std::string> metric_name(const View& owner, const std::optional<View>& metric) {
  if (!metric || metric->is_none()) return std::string("euclidean");
  std::string name;
  if (metric->is(Kind::text)) {
    name = TRY(metric->text());
  } else if (const auto metric_class = class_of(*metric)) {
    name = name_of_class(metric_class->name());
  } else {
    return refuse(*metric, "the metric is " + metric->describe() +
                               ": code of the file's author, which never runs here. Use one of the library's metrics by name");
  }
  for (const Alias& alias : kAliases) {
    if (alias.name == name) name = alias.means;
  }
  if (name == "precomputed" || name == "nan_euclidean" || std::find(std::begin(kKnown), std::end(kKnown), name) != std::end(kKnown)) return name;
  return refuse(owner, "the metric '" + name.substr(0, 40) + "' is not known");
}

Result<std::vector<double>> given_row(const View& owner, const std::optional<View>& params, const char* key, std::int64_t columns) {
  const auto v = params ? params->get(key) : std::nullopt;
  if (!v || v->is_none()) return refuse(owner, "the metric needs its parameter " + std::string(key));
  auto values = TRY(v->doubles());
  if (static_cast<std::int64_t>(values.size()) != columns) {
    return refuse(*v, "the metric is given " + std::to_string(values.size()) + " values for " + std::to_string(columns) + " columns");
  }
  return values;
}

Result<std::vector<double>> inverse_covariance(const View& owner, const std::optional<View>& params, std::int64_t columns) {
  const auto inverted = params ? params->get("VI") : std::nullopt, plain = params ? params->get("V") : std::nullopt;
  const bool is_inverted = inverted && !inverted->is_none();
  if (!is_inverted && (!plain || plain->is_none())) return refuse(owner, "the metric needs its parameter V or VI");
  const View v = is_inverted ? *inverted : *plain;
  auto values = TRY(v.doubles());
  if (static_cast<std::int64_t>(values.size()) != columns * columns) return refuse(v, "the metric's covariance doesn't fit the columns");
  if (is_inverted) return values;
  auto solved = inverse(std::move(values), static_cast<std::size_t>(columns));
  if (!solved) return refuse(v, "the metric's covariance has no inverse");
  return std::move(*solved);
}

Status settle_minkowski(MetricChoice& choice, const View& owner, const std::optional<View>& params, double p, std::int64_t columns) {
  if (const auto own = params ? params->get("p") : std::nullopt; own && !own->is_none()) p = TRY(own->number());
  if (!(p > 0)) return refuse(owner, "the exponent of minkowski is " + std::to_string(p));
  const auto weights = params ? params->get("w") : std::nullopt;
  const bool weighted = weights && !weights->is_none();
  if (choice.name == "wminkowski") {
    choice.p = p;
    choice.given = TRY(given_row(owner, params, "w", columns));
  } else if (weighted) {
    choice.name = std::isinf(p) ? "weighted_chebyshev" : "weighted_minkowski";
    choice.p = p;
    choice.given = TRY(given_row(owner, params, "w", columns));
  } else if (p == 1 || p == 2 || std::isinf(p)) {
    choice.name = p == 1 ? "manhattan" : p == 2 ? "euclidean" : "chebyshev";
  } else {
    choice.p = p;
  }
  return ok();
}

// Whether the library's own reductions know the metric; others are computed as a whole and partitioned.
bool reducible(std::string_view metric) {
  constexpr std::string_view kReducible[] = {"euclidean",          "sqeuclidean", "manhattan", "chebyshev",  "minkowski",
                                             "weighted_minkowski", "seuclidean",  "canberra",  "braycurtis", "haversine"};
  return std::find(std::begin(kReducible), std::end(kReducible), metric) != std::end(kReducible);
}

}  // namespace

Result<MetricChoice> read_metric(const View& owner, const std::optional<View>& metric, const std::optional<View>& params, double p,
                                 std::int64_t columns) {
  MetricChoice choice;
  choice.name = TRY(metric_name(owner, metric));
  if (metric && class_of(*metric)) {
    TRY(take_state(choice, *metric, columns));
    if (choice.name == "haversine" && columns != 2) return refuse(owner, "haversine takes two columns, not " + std::to_string(columns));
    return choice;
  }
  const std::optional<View> dict = params && params->is(Kind::dict) ? params : std::nullopt;
  if (choice.name == "minkowski" || choice.name == "wminkowski") {
    TRY(settle_minkowski(choice, owner, dict, p, columns));
  } else if (choice.name == "seuclidean") {
    choice.given = TRY(given_row(owner, dict, "V", columns));
  } else if (choice.name == "mahalanobis") {
    choice.given = TRY(inverse_covariance(owner, dict, columns));
    choice.given_columns = columns;
  } else if (choice.name == "haversine" && columns != 2) {
    return refuse(owner, "haversine takes two columns, not " + std::to_string(columns));
  }
  return choice;
}

// --- trees

Result<TreeState> read_tree(const View& tree) {
  TreeState out;
  if (!tree.is(Kind::object)) return refuse(tree, "here is " + tree.describe() + ", a tree was expected");
  // newObj(KDTree) and its state
  const auto tree_class = tree.arguments() > 0 ? tree.argument(0) : std::nullopt;
  const std::string_view name = tree_class && tree_class->is(Kind::global) ? tree_class->name() : tree.name();
  out.ball = name.find("BallTree") != std::string_view::npos;
  if (!out.ball && name.find("KDTree") == std::string_view::npos) return refuse(tree, "here is " + tree.describe() + ", a tree was expected");
  const auto state = tree.state();
  if (!state || !state->is(Kind::tuple) || state->size() < 12) return refuse(tree, "the tree has no state of the kind that is known");
  const View rows = state->at(0), order = state->at(1), nodes = state->at(2), bounds = state->at(3);
  if (!rows.is(Kind::array) || rows.shape().size() != 2 || !bounds.is(Kind::array) || bounds.shape().size() != 3 || !nodes.is(Kind::array))
    return refuse(tree, "the tree's arrays are not of the shapes that are known");
  out.rows.data = TRY(rows.doubles());
  out.rows.rows = rows.shape()[0];
  out.rows.columns = rows.shape()[1];
  out.order = TRY(order.integers());
  const Tensor first = TRY(nodes.field("idx_start")), last = TRY(nodes.field("idx_end")), leaf = TRY(nodes.field("is_leaf")),
               radius = TRY(nodes.field("radius"));
  for (std::size_t i = 0; i < first.count(); ++i) {
    out.nodes.push_back(first.as_int(i));
    out.nodes.push_back(last.as_int(i));
    out.nodes.push_back(leaf.as_int(i));
    out.radii.push_back(radius.as_double(i));
  }
  out.bounds = TRY(bounds.doubles());
  out.bounds_rows = bounds.shape()[0] * bounds.shape()[1];
  const auto n = static_cast<std::int64_t>(out.radii.size());
  if (bounds.shape()[2] != out.rows.columns || bounds.shape()[1] != n || bounds.shape()[0] != (out.ball ? 1 : 2) || n == 0 ||
      static_cast<std::int64_t>(out.order.size()) != out.rows.rows || out.rows.rows == 0 || out.rows.columns == 0) {
    return refuse(tree, "the parts of the tree don't fit each other");
  }
  for (const auto i : out.order) {
    if (i < 0 || i >= out.rows.rows) return refuse(order, "it names row " + std::to_string(i) + " of " + std::to_string(out.rows.rows));
  }
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t* node = &out.nodes[static_cast<std::size_t>(3 * i)];
    if (node[0] < 0 || node[1] < node[0] || node[1] > out.rows.rows || (node[2] == 0 && 2 * i + 2 >= n))
      return refuse(nodes, "node " + std::to_string(i) + " holds what isn't there");
  }
  if (state->size() > 12 && !state->at(12).is_none()) {
    out.weights = TRY(state->at(12).doubles());
    if (static_cast<std::int64_t>(out.weights.size()) != out.rows.rows) return refuse(state->at(12), "there is not one weight a row");
  }
  return out;
}

std::vector<Val> tree_inputs(Builder& graph, const TreeState& tree) {
  const auto n = static_cast<std::int64_t>(tree.radii.size());
  return {graph.constant(doubles({tree.rows.rows, tree.rows.columns}, tree.rows.data)), graph.ints(tree.order),
          graph.constant(int64s({n, 3}, tree.nodes)), graph.constant(doubles({n}, tree.radii)),
          graph.constant(doubles({tree.bounds_rows, tree.rows.columns}, tree.bounds))};
}

// --- rows

Result<Matrix> dense_rows(const View& owner, const View& rows) {
  Matrix m;
  if (rows.is(Kind::array)) {
    if (rows.shape().size() != 2) return refuse(rows, "a matrix was expected, here is " + rows.describe());
    m.rows = rows.shape()[0];
    m.columns = rows.shape()[1];
    m.data = TRY(rows.doubles());
    return m;
  }
  if (!rows.is(Kind::object) || rows.name().find("csr_") == std::string_view::npos) return refuse(owner, "its rows are " + rows.describe());
  const View shape = TRY(rows.attribute("_shape"));
  const auto size = TRY(shape.integers());
  const auto data = TRY(TRY(rows.attribute("data")).doubles());
  const auto indices = TRY(TRY(rows.attribute("indices")).integers()), starts = TRY(TRY(rows.attribute("indptr")).integers());
  if (size.size() != 2 || size[0] < 0 || size[1] < 0 || static_cast<std::int64_t>(starts.size()) != size[0] + 1 || data.size() != indices.size())
    return refuse(rows, "the sparse matrix's parts don't fit each other");
  if (size[1] > 0 && size[0] > kSpreadMax / size[1])
    return refuse(rows, "a sparse matrix of " + std::to_string(size[0]) + " x " + std::to_string(size[1]) + " is too large to be spread out");
  m.rows = size[0];
  m.columns = size[1];
  m.data.assign(static_cast<std::size_t>(m.rows * m.columns), 0.0);
  for (std::int64_t r = 0; r < m.rows; ++r) {
    const auto begin = starts[static_cast<std::size_t>(r)], end = starts[static_cast<std::size_t>(r + 1)];
    if (begin < 0 || end < begin || end > static_cast<std::int64_t>(data.size())) return refuse(rows, "the sparse matrix's rows are out of order");
    for (auto i = begin; i < end; ++i) {
      const auto c = indices[static_cast<std::size_t>(i)];
      if (c < 0 || c >= m.columns) return refuse(rows, "the sparse matrix names column " + std::to_string(c));
      m.data[static_cast<std::size_t>(r * m.columns + c)] += data[static_cast<std::size_t>(i)];
    }
  }
  return m;
}

Result<Neighborhood> read_neighborhood(Lowering& to, const View& model) {
  Neighborhood out;
  const View rows = TRY(model.attribute("_fit_X"));
  const std::string method = text_or(model, "_fit_method", "brute");
  const bool sparse = rows.is(Kind::object);
  const double p = TRY(number_or(model, "p", 2));
  if (method == "kd_tree" || method == "ball_tree") {
    out.tree = TRY(read_tree(TRY(model.attribute("_tree"))));
    out.rows = out.tree->rows;
  } else {
    out.rows = TRY(dense_rows(model, rows));
  }
  if (out.rows.rows == 0 || out.rows.columns == 0) return refuse(rows, "there are no rows to be near to");
  auto name = model.find("effective_metric_");
  auto params = model.find("effective_metric_params_");
  if (!name) {
    name = model.find("metric");
    params = model.find("metric_params");
  }
  out.metric = TRY(read_metric(model, name, params, p, out.rows.columns));
  if (out.metric.name == "precomputed") {
    out.graph = sparse;
    if (out.rows.rows != out.rows.columns) return refuse(rows, "a table of distances must be square");
    out.precomputed = true;
    return out;
  }
  if (out.tree) return out;
  // Newer versions search by their own reductions, which want rows in double precision and don't know every metric.
  const std::string& metric = out.metric.name;
  const bool doubles = sparse || rows.dtype_text().find("f8") != std::string::npos;
  const bool reduces = to.version(model).at_least(1, 1) && doubles && reducible(metric);
  const bool by_l2 = name && name->is_text("l2");
  if (metric == "euclidean") out.form = !reduces ? expanded_form(to.version(model)) : by_l2 ? std::string("plain") : std::string("expanded_dot");
  if (metric == "sqeuclidean" && reduces) out.form = "expanded_dot";
  if (metric == "braycurtis" && !reduces) out.metric.name = "scipy_braycurtis";
  out.compares_full = !reduces && metric != "euclidean";
  out.partitions = !reduces;
  if (sparse && metric == "euclidean" && !by_l2) out.form = "expanded_sparse";
  return out;
}

namespace {

void add_metric(Builder& graph, std::vector<Val>& inputs, const MetricChoice& metric) {
  inputs.push_back(metric.p ? graph.scalar(*metric.p) : Builder::absent());
  if (metric.given.empty()) {
    inputs.push_back(Builder::absent());
  } else if (metric.given_columns > 0) {
    inputs.push_back(graph.constant(doubles({metric.given_columns, metric.given_columns}, metric.given)));
  } else {
    inputs.push_back(graph.row(metric.given));
  }
  while (!inputs.empty() && inputs.back().name.empty()) inputs.pop_back();
}

Val rows_constant(Builder& graph, const Matrix& rows) { return graph.constant(doubles({rows.rows, rows.columns}, rows.data)); }

}  // namespace

std::vector<Val> with_metric(Builder& graph, std::vector<Val> inputs, const MetricChoice& metric) {
  add_metric(graph, inputs, metric);
  return inputs;
}

// A transformer's graph holds 0 where it holds nothing, and -0 for a neighbour at distance 0 (neighbor_models.cpp).
Result<Val> precomputed_distances(Lowering& to, const Neighborhood& in, const Table& table) {
  const Val x = TRY(to.inputs.numbers(table));
  if (!in.graph || table.columns.empty() || table.columns[0].feature >= 0) return x;
  Builder& g = to.graph;
  const Val infinity = g.scalar(std::numeric_limits<double>::infinity());
  const Val nothing = g.compare("Equal", g.div(g.scalar(1), x), infinity);
  return Builder::typed(g.where(nothing, infinity, g.op("Abs", {x})), DType::float64, x.columns);
}

Result<Nearest> nearest(Lowering& to, const View& model, const Neighborhood& in, const Table& table, std::int64_t k) {
  if (k < 1 || k > in.rows.rows) {
    return refuse(model, "it asks for " + std::to_string(k) + " neighbours of " + std::to_string(in.rows.rows) + " rows");
  }
  TRY(expect_width(model, table, in.rows.columns));
  if (in.metric.name != "nan_euclidean") to.inputs.refuse_missing(table);
  Builder& g = to.graph;
  const Val x = TRY(to.inputs.numbers(table));
  std::vector<Val> found;
  if (in.precomputed) {
    found = g.op_n("TopK", {TRY(precomputed_distances(to, in, table)), g.ints({k})}, 2,
                   {graph::attr("axis", std::int64_t{1}), graph::attr("largest", std::int64_t{0})});
  } else if (in.tree) {
    std::vector<Val> inputs = tree_inputs(g, *in.tree);
    inputs.insert(inputs.begin(), x);
    found = g.op_n("NearestInTree", with_metric(g, std::move(inputs), in.metric), 2,
                   {graph::attr("k", k), graph::attr("metric", in.metric.name), graph::attr("tree", std::string(in.tree->ball ? "ball" : "kd"))},
                   graph::kOwnDomain);
  } else {
    found = g.op_n("Nearest", with_metric(g, {x, rows_constant(g, in.rows)}, in.metric), 2,
                   {graph::attr("k", k), graph::attr("metric", in.metric.name), graph::attr("form", in.form),
                    graph::attr("partitions", std::int64_t{in.partitions ? 1 : 0})},
                   graph::kOwnDomain);
  }
  return Nearest{Builder::typed(found[0], DType::float64, k), Builder::typed(found[1], DType::int64, k)};
}

Result<Val> distances_to(Lowering& to, const View& model, const Neighborhood& in, const Table& table) {
  TRY(expect_width(model, table, in.rows.columns));
  if (in.metric.name != "nan_euclidean") to.inputs.refuse_missing(table);
  const Val x = TRY(to.inputs.numbers(table));
  if (in.precomputed) return precomputed_distances(to, in, table);
  return to.graph.own("Distances", with_metric(to.graph, {x, rows_constant(to.graph, in.rows)}, in.metric), DType::float64, in.rows.rows,
                      {graph::attr("metric", in.metric.name), graph::attr("form", in.form)});
}

std::string expanded_form(Version version) { return version.at_least(1, 0) ? "expanded" : "expanded_old"; }

Val euclidean_distances(Builder& graph, const Val& x, const Matrix& to, const std::string& form, bool reduced) {
  return graph.own(
      "Distances", {x, rows_constant(graph, to)}, DType::float64, to.rows,
      {graph::attr("metric", std::string("euclidean")), graph::attr("form", form), graph::attr("reduced", std::int64_t{reduced ? 1 : 0})});
}

Val nearest_row(Builder& graph, const Val& x, const Matrix& to, const std::string& form) {
  const auto found =
      graph.op_n("Nearest", {x, rows_constant(graph, to)}, 2,
                 {graph::attr("k", std::int64_t{1}), graph::attr("metric", std::string("euclidean")), graph::attr("form", form)}, graph::kOwnDomain);
  return graph.reshape(Builder::typed(found[1], DType::int64, 1), {-1}, -1);
}

Val weights_by_distance(Builder& graph, const Val& distances) {
  const Val inverted = graph.div(graph.scalar(1), distances);
  const Val infinite = graph.cast(Builder::typed(graph.op("IsInf", {inverted}), DType::boolean, distances.columns), DType::float64);
  const Val some = graph.compare("Greater", Builder::typed(graph.reduce("ReduceMax", infinite, 1, true), DType::float64, 1), graph.scalar(0));
  return Builder::typed(graph.where(some, infinite, inverted), DType::float64, distances.columns);
}

Result<Weights> read_weights(const View& model) {
  const auto weights = model.find("weights");
  if (!weights || weights->is_none() || weights->is_text("uniform")) return Weights::uniform;
  if (weights->is_text("distance")) return Weights::by_distance;
  return refuse(*weights,
                "the weights are " + weights->describe() + ": code of the file's author, which never runs here. Use 'uniform' or 'distance'");
}

}  // namespace slipway::importers::sklearn
