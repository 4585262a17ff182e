// SearchTree: a k-d tree or a ball tree as scikit-learn built it. Node i's children are 2 i + 1 and 2 i + 2. Const after construction.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "slipway/ops/metric.hpp"

namespace slipway::ops {

class SearchTree {
 public:
  // Inputs 1-5: the rows; their order in the tree; nodes [n, 3] (first, last, whether a leaf); radii [n]; bounds: k-d tree
  // [2 n, columns] (all lows, then all highs), ball tree [n, columns] (centroids). The metric's from `metric_at`.
  // Attributes "tree" (kd or ball) and "metric". Throws where they don't fit each other.
  SearchTree(const Setup& setup, std::size_t metric_at);

  struct Node {
    std::int64_t first, last;
    bool leaf;
    double count() const { return static_cast<double>(last - first); }
  };
  const KeptRows& rows() const { return rows_; }
  const Metric& metric() const { return metric_; }
  const Node& node(std::size_t i) const { return nodes_[i]; }
  std::size_t nodes() const { return nodes_.size(); }
  std::size_t row_at(std::int64_t place) const { return order_[static_cast<std::size_t>(place)]; }

  // The least reduced distance that a row of the node may have.
  double least_reduced(std::size_t node, const double* x) const;
  // The least and the largest distance.
  struct Bounds {
    double least, most;
  };
  Bounds bounds(std::size_t node, const double* x) const;

 private:
  const double* low(std::size_t node) const { return bounds_.data() + node * rows_.columns; }
  const double* high(std::size_t node) const { return bounds_.data() + (nodes_.size() + node) * rows_.columns; }
  KeptRows rows_;
  Metric metric_;
  bool ball_;
  double p_;  // of the metric as the k-d tree sees it
  std::vector<std::size_t> order_;
  std::vector<Node> nodes_;
  std::vector<double> radii_, bounds_;
};

}  // namespace slipway::ops
