// What estimators made of sklearn.tree._tree.Tree share. For sklearn/*.cpp only.
#pragma once

#include "slipway/importers/blocks/trees.hpp"
#include "slipway/importers/sklearn/lowering.hpp"

namespace slipway::importers::sklearn {

// Read and checked; values are as stored: counts or fractions of classes, or the targets' means.
Result<TreeNodes> read_tree(const View& tree, std::int64_t n_features);
// The columns as trees see them: rounded to float32; missing values refused where the library refuses them.
Result<Val> tree_input(Lowering& to, const View& model, const Table& in, bool forest);

}  // namespace slipway::importers::sklearn
