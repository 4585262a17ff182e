// What estimators made of sklearn.tree._tree.Tree share. For sklearn/*.cpp only.
#pragma once

#include "slipway/importers/blocks/trees.hpp"
#include "slipway/importers/sklearn/lowering.hpp"

namespace slipway::importers::sklearn {

// Read and checked; values are as stored: counts or fractions of classes, or the targets' means.
Result<TreeNodes> read_tree(const View& tree, std::int64_t n_features);
// How many features there are. Missing values are refused where the library refuses them.
Result<std::int64_t> check_tree_input(Lowering& to, const View& model, const Table& in, bool forest);
// The columns as trees see them: rounded to float32. What the trees call their features may change with it.
Result<Val> tree_input(Lowering& to, const Table& in, std::vector<TreeNodes>& trees);

}  // namespace slipway::importers::sklearn
