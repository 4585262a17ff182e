// Forests in the graph: checked flat trees, summed by TreeSum (ops/trees.cpp), or where standard operators are wanted by the two
// layouts of TreeEnsemble that are exact in double precision (reference: import formats 2.7), which are slower and larger.
// X is rounded to float32 and back where the library does it: see round_to_float. Values, single-threaded.
#pragma once

#include <cstdint>
#include <vector>

#include "slipway/graph/builder.hpp"

namespace slipway::importers {

struct TreeNodes {  // one tree; node 0 is the root; a leaf has left == right == -1
  std::vector<std::int64_t> left, right, feature;
  std::vector<double> threshold;           // go left when x <= threshold
  std::vector<std::uint8_t> missing_left;  // empty: a missing value goes right
  std::vector<double> values;              // nodes x width, in order of nodes
  std::int64_t width = 1;

  std::size_t size() const { return left.size(); }
  bool leaf(std::size_t node) const { return left[node] < 0; }
};

inline constexpr std::size_t kTreeNodesMax = 50'000'000;  // of a whole forest
inline constexpr std::size_t kTreeDepthMax = 2'000;       // the engine builds trees by recursion

// Every child in range, every node reached exactly once or never, features below n_features, thresholds no NaN, depth bounded.
// Errors: model_refused, naming the node.
Status check_tree(const TreeNodes& tree, std::int64_t n_features);

graph::Val round_to_float(graph::Builder& graph, const graph::Val& x);

// What the trees compare: x as it is given, or rounded to float32 (the caller has rounded it by round_to_float already).
enum class Compared : std::uint8_t { doubles, floats };

// [N, targets]: the sum over the trees of their leaf's value; tree i adds to target i % targets. Trees have width 1.
graph::Val sum_of_trees(graph::Builder& graph, const graph::Val& x, const std::vector<TreeNodes>& trees, std::int64_t targets, Compared compared);

// [N, width]: the sum over the trees of their leaf's values. Trees have one width.
graph::Val sum_of_leaves(graph::Builder& graph, const graph::Val& x, const std::vector<TreeNodes>& trees, Compared compared);

}  // namespace slipway::importers
