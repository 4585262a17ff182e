#include "slipway/importers/blocks/trees.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "slipway/importers/blocks/ensemble.hpp"

namespace slipway::importers {
namespace {

using graph::attr;

constexpr std::int64_t kFeaturesMax = 0x7FFFFFFF;  // check_tree has looked at them

Error broken(std::size_t node, const std::string& what) {
  return {ErrorCode::model_refused, "damaged tree: node " + std::to_string(node) + " " + what};
}

// ai.onnx.ml TreeEnsemble (version 5) wants branches and leaves in lists of their own.
struct StandardEnsemble {
  std::vector<std::int64_t> feature, true_id, true_leaf, false_id, false_leaf, missing_true, roots, leaf_target;
  std::vector<double> split, leaf_weight;

  std::int64_t leaf(std::int64_t target, double weight) {
    leaf_target.push_back(target);
    leaf_weight.push_back(weight);
    return static_cast<std::int64_t>(leaf_weight.size()) - 1;
  }
  std::size_t branch() {
    feature.push_back(0);
    true_id.push_back(0);
    true_leaf.push_back(1);
    false_id.push_back(0);
    false_leaf.push_back(1);
    missing_true.push_back(0);
    split.push_back(0);
    return feature.size() - 1;
  }
};

// Branches in depth-first order, the true branch first: the order the engine lays them out in anyway.
template <class Leaf>
void add_tree(StandardEnsemble& out, const TreeNodes& tree, Leaf&& leaf) {
  out.roots.push_back(static_cast<std::int64_t>(out.feature.size()));
  if (tree.leaf(0)) {  // the operator has no tree without a branch: both ways lead to the one leaf
    const std::size_t at = out.branch();
    out.true_id[at] = out.false_id[at] = leaf(0);
    return;
  }
  struct Step {
    std::size_t node;
    std::int64_t parent;
    bool yes;
  };
  std::vector<Step> todo{{0, -1, true}};
  while (!todo.empty()) {
    const Step step = todo.back();
    todo.pop_back();
    const bool is_leaf = tree.leaf(step.node);
    const std::int64_t id = is_leaf ? leaf(step.node) : static_cast<std::int64_t>(out.branch());
    if (step.parent >= 0) {
      const auto parent = static_cast<std::size_t>(step.parent);
      (step.yes ? out.true_id : out.false_id)[parent] = id;
      (step.yes ? out.true_leaf : out.false_leaf)[parent] = is_leaf ? 1 : 0;
    }
    if (is_leaf) continue;
    const auto at = static_cast<std::size_t>(id);
    out.feature[at] = tree.feature[step.node];
    out.split[at] = tree.threshold[step.node];
    out.missing_true[at] = tree.missing_left.empty() ? 0 : tree.missing_left[step.node];
    todo.push_back({static_cast<std::size_t>(tree.right[step.node]), id, false});
    todo.push_back({static_cast<std::size_t>(tree.left[step.node]), id, true});
  }
}

graph::Val emit(graph::Builder& graph, const graph::Val& x, StandardEnsemble e, std::int64_t targets) {
  const auto branches = static_cast<std::int64_t>(e.feature.size());
  const std::vector<std::uint8_t> modes(e.feature.size(), 0);  // BRANCH_LEQ
  std::vector<graph::Attribute> attributes;
  attributes.push_back(attr("aggregate_function", std::int64_t{1}));  // SUM
  attributes.push_back(attr("post_transform", std::int64_t{0}));
  attributes.push_back(attr("n_targets", targets));
  attributes.push_back(attr("nodes_modes", Tensor::of<std::uint8_t>(DType::uint8, {branches}, modes)));
  attributes.push_back(attr("nodes_splits", doubles({branches}, e.split)));
  attributes.push_back(attr("leaf_weights", doubles({static_cast<std::int64_t>(e.leaf_weight.size())}, e.leaf_weight)));
  attributes.push_back(attr("nodes_featureids", std::move(e.feature)));
  attributes.push_back(attr("nodes_truenodeids", std::move(e.true_id)));
  attributes.push_back(attr("nodes_trueleafs", std::move(e.true_leaf)));
  attributes.push_back(attr("nodes_falsenodeids", std::move(e.false_id)));
  attributes.push_back(attr("nodes_falseleafs", std::move(e.false_leaf)));
  attributes.push_back(attr("nodes_missing_value_tracks_true", std::move(e.missing_true)));
  attributes.push_back(attr("leaf_targetids", std::move(e.leaf_target)));
  attributes.push_back(attr("tree_roots", std::move(e.roots)));
  return graph::Builder::typed(graph.op("TreeEnsemble", {x}, std::move(attributes), "ai.onnx.ml"), DType::float64, targets);
}

graph::Val standard_sum(graph::Builder& graph, const graph::Val& x, const std::vector<TreeNodes>& trees, std::int64_t targets) {
  StandardEnsemble ensemble;
  for (std::size_t i = 0; i < trees.size(); ++i) {
    const auto target = static_cast<std::int64_t>(i) % targets;
    add_tree(ensemble, trees[i], [&](std::size_t node) { return ensemble.leaf(target, trees[i].values[node]); });
  }
  return emit(graph, x, std::move(ensemble), targets);
}

// One ensemble gives the leaf of each tree, numbered over the whole forest; their values are looked up and added.
graph::Val standard_rows(graph::Builder& graph, const graph::Val& x, const std::vector<TreeNodes>& trees) {
  StandardEnsemble ensemble;
  std::vector<double> rows;
  const std::int64_t width = trees.front().width;
  for (std::size_t i = 0; i < trees.size(); ++i) {
    add_tree(ensemble, trees[i], [&](std::size_t node) {
      const auto row = trees[i].values.begin() + static_cast<std::ptrdiff_t>(node * static_cast<std::size_t>(width));
      rows.insert(rows.end(), row, row + width);
      return ensemble.leaf(static_cast<std::int64_t>(i), static_cast<double>(ensemble.leaf_weight.size()));
    });
  }
  const graph::Val table = graph.constant(doubles({static_cast<std::int64_t>(rows.size()) / width, width}, rows));
  const graph::Val leaves = graph.cast(emit(graph, x, std::move(ensemble), static_cast<std::int64_t>(trees.size())), DType::int64);
  return graph::Builder::typed(graph.reduce("ReduceSum", graph.gather(table, leaves, 0), 1, false), DType::float64, width);
}

// The trees are checked: add() can't fail.
void add_to(Ensemble& ensemble, const TreeNodes& tree, std::int64_t target) {
  const auto node = [&](std::size_t i) {
    EnsembleNode n;
    n.leaf = tree.leaf(i);
    n.feature = tree.feature[i];
    n.flags = kNanMissing;
    if (!tree.missing_left.empty() && tree.missing_left[i] != 0) n.flags |= kDefaultLeft;
    n.threshold = tree.threshold[i];
    n.left = tree.left[i];
    n.right = tree.right[i];
    return n;
  };
  const auto width = static_cast<std::size_t>(tree.width);
  const auto leaf = [&](std::size_t i) { return std::span(tree.values).subspan(i * width, width); };
  const Status added = ensemble.add(tree.size(), target, 1, node, leaf);
  assert(added.ok());
  static_cast<void>(added);
}

graph::Val own_sum(graph::Builder& graph, const graph::Val& x, const Ensemble& ensemble, std::int64_t targets, Compared compared) {
  const std::vector<double> start(static_cast<std::size_t>(targets), 0.0);
  return ensemble.emit(graph, x, start, {.narrow = compared == Compared::floats});
}

}  // namespace

Status check_tree(const TreeNodes& tree, std::int64_t n_features) {
  const std::size_t n = tree.size();
  if (n == 0) return Error(ErrorCode::model_refused, "damaged tree: it has no nodes");
  std::vector<std::uint8_t> seen(n, 0);
  struct Step {
    std::size_t node;
    std::size_t depth;
  };
  std::vector<Step> todo{{0, 0}};
  while (!todo.empty()) {
    const Step step = todo.back();
    todo.pop_back();
    if (seen[step.node]++ != 0) return broken(step.node, "is reached twice");
    if (step.depth > kTreeDepthMax) return broken(step.node, "is deeper than " + std::to_string(kTreeDepthMax));
    const std::int64_t left = tree.left[step.node], right = tree.right[step.node];
    if (left < 0 && right < 0) continue;
    if (left < 0 || right < 0 || left >= static_cast<std::int64_t>(n) || right >= static_cast<std::int64_t>(n)) {
      return broken(step.node, "has a child outside the tree");
    }
    if (tree.feature[step.node] < 0 || tree.feature[step.node] >= n_features) {
      return broken(step.node, "tests feature " + std::to_string(tree.feature[step.node]) + " of " + std::to_string(n_features));
    }
    if (std::isnan(tree.threshold[step.node]))
      return broken(step.node, "has a threshold that is no number");  // infinite: parts missing values from all others
    todo.push_back({static_cast<std::size_t>(right), step.depth + 1});
    todo.push_back({static_cast<std::size_t>(left), step.depth + 1});
  }
  return ok();
}

graph::Val round_to_float(graph::Builder& graph, const graph::Val& x) { return graph.cast(graph.cast(x, DType::float32), DType::float64); }

graph::Val sum_of_trees(graph::Builder& graph, const graph::Val& x, const std::vector<TreeNodes>& trees, std::int64_t targets, Compared compared) {
  if (graph.operators() == graph::Operators::standard) return standard_sum(graph, x, trees, targets);
  Ensemble ensemble(kFeaturesMax, targets);
  for (std::size_t i = 0; i < trees.size(); ++i) add_to(ensemble, trees[i], static_cast<std::int64_t>(i) % targets);
  return own_sum(graph, x, ensemble, targets, compared);
}

graph::Val sum_of_leaves(graph::Builder& graph, const graph::Val& x, const std::vector<TreeNodes>& trees, Compared compared) {
  if (graph.operators() == graph::Operators::standard) return standard_rows(graph, x, trees);
  const std::int64_t width = trees.front().width;
  Ensemble ensemble(kFeaturesMax, width, width);
  for (const TreeNodes& tree : trees) add_to(ensemble, tree, -1);
  return own_sum(graph, x, ensemble, width, compared);
}

}  // namespace slipway::importers
