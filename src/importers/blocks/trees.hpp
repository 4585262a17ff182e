// Forests in the graph: checked flat trees, and the two layouts that are exact in double precision (reference: import formats 2.7).
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

// [N, targets]: the sum over the trees of their leaf's value * scale; tree i adds to target i % targets. Trees have width 1.
graph::Val sum_of_trees(graph::Builder& graph, const graph::Val& x, const std::vector<TreeNodes>& trees, std::int64_t targets, double scale);

// [N, trees, width]: each tree's leaf values. Trees have one width.
graph::Val leaf_values(graph::Builder& graph, const graph::Val& x, const std::vector<TreeNodes>& trees);

// [N, trees] int64: the leaf each row ends in, numbered over the whole forest in the order of leaf_rows().
graph::Val leaf_indices(graph::Builder& graph, const graph::Val& x, const std::vector<TreeNodes>& trees);
// The values of those leaves: [leaves x width].
std::vector<double> leaf_rows(const std::vector<TreeNodes>& trees);

}  // namespace slipway::importers
