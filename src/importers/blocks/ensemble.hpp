// Ensemble: trees of any library on their way into one TreeSum operator (ops/trees.cpp tells its layout). Trees are walked from
// their roots, so that branches stand behind their parents and what no walk reaches is left out. Leaves of equal values are mostly
// stored once: those of a deep classifier are all pure. Values, single-threaded.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "slipway/graph/builder.hpp"
#include "slipway/importers/blocks/inputs.hpp"

namespace slipway::importers {

inline constexpr std::size_t kNodesMax = 100'000'000;  // of an ensemble

// Flags of a node.
inline constexpr std::int64_t kCategorical = 1, kDefaultLeft = 2, kZeroMissing = 4, kNanMissing = 8, kNegativeOutside = 16;

// One node of a tree, as the library's reader tells it.
struct EnsembleNode {
  bool leaf = false;
  std::int64_t feature = 0, flags = 0;
  double threshold = 0;                 // of a branch that isn't categorical
  std::span<const std::int64_t> words;  // of a categorical one: bits of the categories that go left
  std::int64_t left = 0, right = 0;     // nodes
};

struct LinearLeaf {  // LightGBM's linear trees
  double constant = 0;
  std::vector<std::int64_t> features;
  std::vector<double> coefficients;
};

class Ensemble {
 public:
  // leaf_width: 1, or the number of targets.
  Ensemble(std::int64_t features, std::int64_t targets, std::int64_t leaf_width = 1) : features_(features), targets_(targets), width_(leaf_width) {}

  // node(i) describes node i of `count`; leaf(i) gives node i's values, leaf_width of them. target -1: every one.
  // Errors: model_refused, naming the node.
  template <class NodeAt, class LeafAt>
  Status add(std::size_t count, std::int64_t target, double weight, NodeAt&& node, LeafAt&& leaf) {
    TRY(begin(count, target, weight));
    while (!todo_.empty()) {
      const Step step = todo_.back();
      todo_.pop_back();
      TRY(visit(step));
      const EnsembleNode n = node(static_cast<std::size_t>(step.node));
      if (n.leaf)
        link(step, add_leaf(leaf(static_cast<std::size_t>(step.node))));
      else
        TRY(add_branch(step, n));
    }
    return ok();
  }
  void linear(LinearLeaf leaf) { linear_.push_back(std::move(leaf)); }  // of the leaf just added; all leaves or none

  Status check_linear() const;  // features of linear leaves are in the table

  std::size_t trees() const { return weights_.size(); }
  struct Rules {
    bool strict = false, single = false, last = false, rebase = false;
    bool narrow = false;  // x is rounded to float32
  };
  // [N, targets]
  graph::Val emit(graph::Builder& graph, const graph::Val& x, std::span<const double> start, Rules rules) const;
  // Tells the inputs where the thresholds lie.
  void hint(Inputs& inputs, const Table& in) const;
  // Every leaf is stored, equal ones too: linear() may follow each.
  void keep_leaves_apart() { apart_ = true; }

 private:
  struct Step {
    std::int64_t node, parent;  // parent: branch; -1: the tree's root
    bool left;
  };
  Status begin(std::size_t count, std::int64_t target, double weight);
  Status visit(const Step& step);
  Status add_branch(const Step& step, const EnsembleNode& node);
  std::int64_t add_leaf(std::span<const double> values);
  std::int64_t add_leaf(double value) { return add_leaf(std::span(&value, 1)); }
  void link(const Step& step, std::int64_t child);
  std::vector<graph::Val> linear_inputs(graph::Builder& graph) const;

  std::int64_t features_, targets_, width_;
  std::vector<double> thresholds_, weights_, leaves_;
  std::vector<std::int64_t> branches_, trees_, sets_, words_;
  std::vector<LinearLeaf> linear_;
  std::vector<std::int64_t> recent_;  // leaves stored, by a hash of their values
  bool apart_ = false;
  std::vector<std::uint8_t> seen_;
  std::vector<Step> todo_;
  std::size_t nodes_ = 0;
};

}  // namespace slipway::importers
