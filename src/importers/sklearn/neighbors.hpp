// A fitted search for neighbours, as every estimator that holds one keeps it (KNeighbors*, LocalOutlierFactor, Isomap's nbrs_, ...):
// its rows, its metric, and the tree that it was built with. Values.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "slipway/importers/sklearn/lowering.hpp"

namespace slipway::importers::sklearn {

// A metric with the parameters that the operators take (ops/metric.hpp).
struct MetricChoice {
  std::string name = "euclidean";
  std::optional<double> p;
  std::vector<double> given;       // weights, variances, or an inverse covariance
  std::int64_t given_columns = 0;  // 0: a row
};
// `params` is the dict of the metric's parameters, where there is one. Errors: callables, and metrics without a formula.
Result<MetricChoice> read_metric(const View& owner, const std::optional<View>& metric, const std::optional<View>& params, double p,
                                 std::int64_t columns);

// A k-d tree or ball tree: the state of sklearn.neighbors' classes.
struct TreeState {
  bool ball = false;
  Matrix rows;
  std::vector<std::int64_t> order, nodes;  // nodes: first, last, whether a leaf
  std::vector<double> radii, bounds, weights;
  std::int64_t bounds_rows = 0;
};
std::vector<Val> with_metric(Builder& graph, std::vector<Val> inputs, const MetricChoice& metric);  // appends what the operators take of it

Result<TreeState> read_tree(const View& tree);
std::vector<Val> tree_inputs(Builder& graph, const TreeState& tree);  // the five that the operators take

struct Neighborhood {
  Matrix rows;
  MetricChoice metric;
  std::string form = "plain";     // of brute force: ops/neighbors.cpp
  bool compares_full = false;     // a radius is compared with distances, not with reduced ones
  bool partitions = false;        // the nearest are told as numpy's argpartition does, not by a heap
  bool precomputed = false;       // the table holds distances to the rows
  bool graph = false;             // of a transformer: where it holds nothing, the row is no neighbour
  std::optional<TreeState> tree;  // absent: brute force
};
Result<Neighborhood> read_neighborhood(Lowering& to, const View& model);

// The table itself where distances are precomputed; infinite where a graph holds nothing.
Result<Val> precomputed_distances(Lowering& to, const Neighborhood& in, const Table& table);

struct Nearest {
  Val distances, indices;  // [N, k]
};
// Errors: more neighbours than rows, a table of another width.
Result<Nearest> nearest(Lowering& to, const View& model, const Neighborhood& in, const Table& table, std::int64_t k);
Result<Val> distances_to(Lowering& to, const View& model, const Neighborhood& in, const Table& table);  // [N, rows]

// How the library's euclidean_distances rounds: ops/metric.hpp. It depends on the numpy of its time.
std::string expanded_form(Version version);
// Euclidean distances to rows by that; squared where `reduced`.
Val euclidean_distances(Builder& graph, const Val& x, const Matrix& to, const std::string& form, bool reduced);
// Index of the nearest row, the first of equals; int64 [N].
Val nearest_row(Builder& graph, const Val& x, const Matrix& to, const std::string& form);

// The dense matrix of an array or of a scipy sparse matrix. Errors: too large to be spread out.
Result<Matrix> dense_rows(const View& owner, const View& rows);

// 1/distance, or where some are zero, 1 for those and 0 for others. [N, k]
Val weights_by_distance(Builder& graph, const Val& distances);
enum class Weights { uniform, by_distance };
Result<Weights> read_weights(const View& model);

}  // namespace slipway::importers::sklearn
