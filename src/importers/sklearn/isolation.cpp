// What else is made of random trees: IsolationForest (how short the way to a row's leaves is) and RandomTreesEmbedding (which leaves).
#include <cmath>
#include <numeric>

#include "slipway/importers/blocks/arithmetic.hpp"
#include "slipway/importers/sklearn/inner.hpp"
#include "slipway/importers/sklearn/table.hpp"
#include "slipway/importers/sklearn/trees.hpp"

namespace slipway::importers::sklearn {
namespace {

constexpr double kEuler = 0.577215664901532860606512090082402431;

// The mean depth of a random tree of n rows.
double average_path_length(double n) {
  if (n <= 1) return 0;
  if (n == 2) return 1;
  return 2.0 * (std::log(n - 1.0) + kEuler) - 2.0 * (n - 1.0) / n;
}

// Nodes on the way to each node, itself counted.
std::vector<double> node_counts(const TreeNodes& tree) {
  std::vector<double> count(tree.size(), 0.0);
  std::vector<std::size_t> todo{0};
  count[0] = 1;
  while (!todo.empty()) {
    const std::size_t node = todo.back();
    todo.pop_back();
    if (tree.leaf(node)) continue;
    for (const std::int64_t child : {tree.left[node], tree.right[node]}) {
      count[static_cast<std::size_t>(child)] = count[node] + 1;
      todo.push_back(static_cast<std::size_t>(child));
    }
  }
  return count;
}

// Leaves hold the length of the way: its depth, and what is still to come for the rows of that leaf.
Status to_path_lengths(const View& tree, TreeNodes& nodes) {
  const View table = TRY(tree.attribute("nodes"));
  const Tensor rows = TRY(table.field("n_node_samples"));
  if (rows.count() != nodes.size()) return refuse(table, "damaged tree: its lists of nodes differ in length");
  const auto count = node_counts(nodes);
  nodes.width = 1;
  nodes.values.resize(nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) nodes.values[i] = count[i] + average_path_length(rows.as_double(i)) - 1.0;
  return ok();
}

// Trees grown on a choice of the features test them by their number there.
Status to_own_features(const View& choice, TreeNodes& nodes, std::int64_t width) {
  const auto features = TRY(choice.integers());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (nodes.leaf(i)) continue;
    nodes.feature[i] = features[static_cast<std::size_t>(nodes.feature[i])];
    if (nodes.feature[i] < 0 || nodes.feature[i] >= width)
      return refuse(choice, "it chooses column " + std::to_string(nodes.feature[i]) + " of " + std::to_string(width));
  }
  return ok();
}

struct Forest {
  std::vector<TreeNodes> trees;
  std::vector<View> views;
};

Result<Forest> read_forest(const View& model, std::int64_t width, bool chosen) {
  Forest forest;
  std::optional<View> choices;
  if (chosen) choices = TRY(model.attribute("estimators_features_"));
  std::size_t nodes = 0;
  const auto members = TRY(members_of(model, "estimators_"));
  if (choices && choices->size() != members.size()) return refuse(*choices, "there isn't a choice of features a tree");
  for (std::size_t i = 0; i < members.size(); ++i) {
    forest.views.push_back(TRY(members[i].attribute("tree_")));
    const std::int64_t own = choices ? static_cast<std::int64_t>(TRY(choices->at(i).integers()).size()) : width;
    TreeNodes tree = TRY(read_tree(forest.views.back(), own));
    if (choices) TRY(to_own_features(choices->at(i), tree, width));
    if ((nodes += tree.size()) > kTreeNodesMax) return refuse(model, "the forest is larger than " + std::to_string(kTreeNodesMax) + " nodes");
    forest.trees.push_back(std::move(tree));
  }
  return forest;
}

// Since 1.6 a missing value has its way through the trees.
Result<Val> isolation_input(Lowering& to, const View& model, const Table& in) {
  const Width width = TRY(width_of(model));
  if (width.count >= 0) TRY(expect_width(model, in, width.count));
  if (in.free) return refuse(model, "the file doesn't tell how many features it takes");
  if (!to.version(model).at_least(1, 6)) to.inputs.refuse_missing(in);
  return round_to_float(to.graph, TRY(to.inputs.numbers(in)));
}

Result<Prediction> isolation_forest(Lowering& to, const View& model, const Table& in) {
  Builder& graph = to.graph;
  const Val x = TRY(isolation_input(to, model, in));
  const double chosen = TRY(number_or(model, "_max_features", static_cast<double>(x.columns)));
  Forest forest = TRY(read_forest(model, x.columns, chosen != static_cast<double>(x.columns)));
  for (std::size_t i = 0; i < forest.trees.size(); ++i) TRY(to_path_lengths(forest.views[i], forest.trees[i]));
  const double rows = TRY(TRY(first_present(model, {"_max_samples", "max_samples_"})).number());
  const double offset = TRY(TRY(model.attribute("offset_")).number());
  if (!std::isfinite(rows) || !std::isfinite(offset)) return refuse(model, "max_samples_ or offset_ is not finite");
  const double usual = static_cast<double>(forest.trees.size()) * average_path_length(rows);
  const Val depth = flat(graph, sum_of_trees(graph, x, forest.trees, 1, Compared::floats));
  // Where every tree saw one row only, the library takes 1 for the quotient.
  const Val quotient = usual != 0 ? graph.div(depth, graph.scalar(usual)) : graph.add(graph.mul(depth, graph.scalar(0)), graph.scalar(1));
  const Val score = graph.op("Neg", {graph.op("Pow", {graph.scalar(2), graph.op("Neg", {quotient})})});
  const Val raw = Builder::typed(graph.sub(score, graph.scalar(offset)), DType::float64, -1);
  // offset_ is often the score of a training row itself: such a row must not fall on the wrong side by the last bit of a power.
  const Val near = Builder::typed(graph.op("LessOrEqual", {graph.op("Abs", {raw}), graph.scalar(2.3e-16)}), DType::boolean, -1);
  const Val decision = Builder::typed(graph.where(near, graph.scalar(0), raw), DType::float64, -1);
  const Val inlier =
      graph.where(Builder::typed(graph.op("Less", {decision, graph.scalar(0)}), DType::boolean, -1), graph.scalar_i64(-1), graph.scalar_i64(1));
  return Prediction::outlier_detector(Builder::typed(inlier, DType::int64, -1), decision);
}

// --- RandomTreesEmbedding ------------------------------------------------------------------------------------------------------
// The column of each leaf (by its node) of one tree: categories_ of the encoder lists the nodes that training rows ended in.
Result<std::vector<double>> leaf_columns(const View& categories, const TreeNodes& tree, double first) {
  const auto known = TRY(categories.integers());
  std::vector<double> column(tree.size(), -1);
  for (std::size_t i = 0; i < known.size(); ++i) {
    if (known[i] < 0 || known[i] >= static_cast<std::int64_t>(tree.size()) || !tree.leaf(static_cast<std::size_t>(known[i])))
      return refuse(categories, "it names node " + std::to_string(known[i]) + ", which is no leaf of the tree");
    column[static_cast<std::size_t>(known[i])] = first + static_cast<double>(i);
  }
  return column;
}

Result<Table> trees_embedding(Lowering& to, const View& model, const Table& in) {
  constexpr std::int64_t kColumnsMax = 1'000'000;
  Builder& graph = to.graph;
  TRY(check_tree_input(to, model, in, true));
  const Val x = round_to_float(to.graph, TRY(to.inputs.numbers(in)));
  if (!to.version(model).at_least(1, 6)) to.inputs.refuse_missing(in);
  Forest forest = TRY(read_forest(model, x.columns, false));
  const View encoder = TRY(model.attribute("one_hot_encoder_"));
  const View categories = TRY(encoder.attribute("categories_"));
  if (categories.size() != forest.trees.size()) return refuse(categories, "there isn't a list of leaves a tree");
  std::int64_t columns = 0;
  for (std::size_t i = 0; i < forest.trees.size(); ++i) {
    TreeNodes& tree = forest.trees[i];
    tree.width = 1;
    tree.values = TRY(leaf_columns(categories.at(i), tree, static_cast<double>(columns)));
    columns += static_cast<std::int64_t>(TRY(categories.at(i).integers()).size());
    for (std::size_t n = 0; n < tree.size(); ++n) {
      if (tree.leaf(n) && tree.values[n] < 0) return refuse(categories.at(i), "the encoder doesn't know the leaf " + std::to_string(n));
    }
  }
  if (columns > kColumnsMax) return refuse(model, "it has more than " + std::to_string(kColumnsMax) + " leaves");
  const auto trees = static_cast<std::int64_t>(forest.trees.size());
  const Val at = graph.cast(sum_of_trees(graph, x, forest.trees, trees, Compared::floats), DType::int64);  // tree i writes to target i
  const Val zeros = Builder::typed(graph.repeat_row(x, graph.constant(Tensor(DType::float64, {1, columns}))), DType::float64, columns);
  const Val ones = Builder::typed(graph.repeat_row(x, graph.row(std::vector<double>(static_cast<std::size_t>(trees), 1.0))), DType::float64, trees);
  const Val out = graph.op("ScatterElements", {zeros, at, ones}, {graph::attr("axis", std::int64_t{1})});
  return table_of(Builder::typed(out, DType::float64, columns));
}

constexpr Converter kConverters[] = {
    {"IsolationForest", nullptr, isolation_forest},
    {"RandomTreesEmbedding", trees_embedding, nullptr},
};

}  // namespace

Family isolation_family() { return kConverters; }

}  // namespace slipway::importers::sklearn
