#include "slipway/importers/blocks/ensemble.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace slipway::importers {
namespace {

using graph::attr;
using graph::Builder;
using graph::Val;

Error broken(std::int64_t node, const std::string& what) {
  return {ErrorCode::model_refused, "damaged tree: node " + std::to_string(node) + " " + what};
}

constexpr std::size_t kRecent = 1 << 14;  // leaves that are found again; a power of two

std::int64_t length(std::size_t n) { return static_cast<std::int64_t>(n); }

}  // namespace

Status Ensemble::begin(std::size_t count, std::int64_t target, double weight) {
  if (count == 0) return Error(ErrorCode::model_refused, "damaged tree: it has no nodes");
  if ((nodes_ += count) > kNodesMax) return Error(ErrorCode::model_refused, "the trees have more than " + std::to_string(kNodesMax) + " nodes");
  if (target < -1 || target >= targets_ || (target == -1 && width_ != targets_))
    return Error(ErrorCode::model_refused, "damaged tree: it adds to output " + std::to_string(target) + " of " + std::to_string(targets_));
  seen_.assign(count, 0);
  todo_.assign(1, Step{0, -1, true});
  trees_.insert(trees_.end(), {0, target});
  weights_.push_back(weight);
  return ok();
}

Status Ensemble::visit(const Step& step) {
  if (step.node < 0 || step.node >= length(seen_.size())) return broken(step.node, "is outside the tree of " + std::to_string(seen_.size()));
  if (seen_[static_cast<std::size_t>(step.node)]++ != 0) return broken(step.node, "is reached twice");
  return ok();
}

void Ensemble::link(const Step& step, std::int64_t child) {
  if (step.parent < 0) {
    trees_[trees_.size() - 2] = child;
    return;
  }
  std::int64_t& children = branches_[static_cast<std::size_t>(2 * step.parent + 1)];
  const auto half = static_cast<std::uint64_t>(static_cast<std::uint32_t>(child));
  children = static_cast<std::int64_t>(static_cast<std::uint64_t>(children) | (step.left ? half : half << 32));
}

std::int64_t Ensemble::add_leaf(std::span<const double> values) {
  const auto next = length(leaves_.size()) / width_;
  if (!apart_) {
    if (recent_.empty()) recent_.assign(kRecent, -1);
    std::uint64_t hash = 0;
    for (const double v : values) hash = (hash ^ std::bit_cast<std::uint64_t>(v)) * 0x9E3779B97F4A7C15;
    std::int64_t& known = recent_[hash >> (64 - std::countr_zero(kRecent))];
    if (known >= 0 && std::memcmp(leaves_.data() + known * width_, values.data(), values.size_bytes()) == 0) return ~known;
    known = next;
  }
  leaves_.insert(leaves_.end(), values.begin(), values.end());
  return ~next;
}

Status Ensemble::add_branch(const Step& step, const EnsembleNode& node) {
  if (node.feature < 0 || node.feature >= features_) {
    return broken(step.node, "tests feature " + std::to_string(node.feature) + " of " + std::to_string(features_));
  }
  if ((node.flags & kCategorical) == 0 && std::isnan(node.threshold)) return broken(step.node, "has a threshold that is no number");
  const std::int64_t at = length(thresholds_.size());
  link(step, at);
  double threshold = node.threshold;
  if ((node.flags & kCategorical) != 0) {
    const std::size_t set = sets_.size() / 2;
    threshold = static_cast<double>(set);
    sets_.insert(sets_.end(), {length(words_.size()), length(node.words.size())});
    words_.insert(words_.end(), node.words.begin(), node.words.end());
  }
  thresholds_.push_back(threshold);
  branches_.insert(branches_.end(), {node.feature | node.flags << 32, 0});
  todo_.push_back({node.right, at, false});
  todo_.push_back({node.left, at, true});
  return ok();
}

Status Ensemble::check_linear() const {
  for (const LinearLeaf& leaf : linear_) {
    for (const std::int64_t f : leaf.features) {
      if (f < 0 || f >= features_) return broken(-1, "has a leaf of feature " + std::to_string(f) + " of " + std::to_string(features_));
    }
  }
  return ok();
}

std::vector<Val> Ensemble::linear_inputs(Builder& graph) const {
  std::vector<std::int64_t> at{0}, features;
  std::vector<double> coefficients, constants;
  for (const LinearLeaf& leaf : linear_) {
    features.insert(features.end(), leaf.features.begin(), leaf.features.end());
    coefficients.insert(coefficients.end(), leaf.coefficients.begin(), leaf.coefficients.end());
    constants.push_back(leaf.constant);
    at.push_back(length(features.size()));
  }
  return {graph.ints(at), graph.ints(features), graph.constant(doubles({length(coefficients.size())}, coefficients)),
          graph.constant(doubles({length(constants.size())}, constants))};
}

Val Ensemble::emit(Builder& graph, const Val& x, std::span<const double> start, Rules rules) const {
  const auto vector = [&](std::span<const double> v) { return graph.constant(doubles({length(v.size())}, v)); };
  const auto table = [&](const std::vector<std::int64_t>& v, std::int64_t width) {
    return graph.constant(int64s({length(v.size()) / width, width}, v));
  };
  std::vector<Val> inputs{x,
                          vector(thresholds_),
                          table(branches_, 2),
                          table(trees_, 2),
                          vector(weights_),
                          graph.constant(doubles({length(leaves_.size()) / width_, width_}, leaves_)),
                          vector(start)};
  if (!sets_.empty()) {
    inputs.push_back(table(sets_, 2));
    inputs.push_back(graph.ints(words_));
  }
  if (!linear_.empty()) {
    inputs.resize(9, Builder::absent());
    for (Val& v : linear_inputs(graph)) inputs.push_back(std::move(v));
  }
  return graph.own("TreeSum", inputs, DType::float64, targets_,
                   {attr("strict", std::int64_t{rules.strict}), attr("single", std::int64_t{rules.single}), attr("last", std::int64_t{rules.last}),
                    attr("rebase", std::int64_t{rules.rebase}), attr("narrow", std::int64_t{rules.narrow})});
}

void Ensemble::hint(Inputs& inputs, const Table& in) const {
  constexpr std::size_t kSamples = 101;
  std::vector<std::vector<double>> of(in.width());
  for (std::size_t i = 0; i < thresholds_.size(); ++i) {
    const auto feature = static_cast<std::size_t>(branches_[2 * i] & 0xFFFFFFFF);
    if (feature < of.size() && (branches_[2 * i] >> 32 & kCategorical) == 0 && of[feature].size() < kSamples) of[feature].push_back(thresholds_[i]);
  }
  for (std::size_t f = 0; f < of.size(); ++f) {
    if (of[f].empty()) continue;
    std::sort(of[f].begin(), of[f].end());
    inputs.hint_range(in.columns[f], of[f].front(), of[f].back());
    inputs.hint_typical(in.columns[f], of[f][of[f].size() / 2]);
  }
}

}  // namespace slipway::importers
