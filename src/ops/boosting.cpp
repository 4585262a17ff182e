// Gradient boosting: ensembles of trees summed in the library's order and precision, and XGBoost's float32 arithmetic around them.
//
// BoostedTrees(x, thresholds, branches, trees, weights, leaves, start | sets, words, linear_at, linear_features, coefficients, constants)
//   x [N, F]; thresholds [B]; branches [B, 4] of (feature, flags, left, right); trees [T, 2] of (root, target); weights [T];
//   leaves [L, W]; start [targets]. A child or root c >= 0 is branch c, which stands behind its parent; c < 0 is leaf ~c.
//   A tree of target -1 adds its leaf's whole row (W = targets), else the leaf's one value.
//   A row goes left where x <= threshold (x < threshold if `strict`), or where x, truncated, is in the branch's set.
//   sets [C, 2] of (first word, words): a categorical branch's threshold is its set; bit i of the words is category i.
//   linear_at [L + 1]: leaf i is constants[i] + sum of coefficients * x over linear_features[linear_at[i] ...], unless one is missing.
//   single: values are added in float32. last: start is added to the sum, instead of the sum beginning with it.
//   rebase: a tree's value is first added to start, and start taken away again (which rounds it).
#include <algorithm>
#include <cmath>
#include <limits>

#include "slipway/ops/kernel.hpp"

namespace slipway::ops {
namespace {

enum Flag : std::int64_t {
  kCategorical = 1,
  kDefaultLeft = 2,
  kZeroMissing = 4,       // zero and NaN are missing
  kNanMissing = 8,        // NaN is missing; with neither NaN counts as 0
  kNegativeOutside = 16,  // a value below 0 is in no set; else what truncates to 0 is category 0
  kFlags = 31
};

constexpr double kZero = 1e-35F;  // LightGBM: what is as good as zero
constexpr double kCategoryMax = 2.0e9;
constexpr std::size_t kBlock = 64;            // rows that walk a tree together
constexpr std::size_t kParallelMin = 20'000;  // rows x trees that are worth more than one thread

void check(bool holds, const char* what) {
  if (!holds) throw std::invalid_argument(what);
}

struct Branch {
  double threshold;
  std::int32_t feature, left, right;
  std::uint32_t flags;
};
struct Root {
  std::int32_t at, target;
};
struct Set {
  std::size_t first, words;
};

class BoostedTrees final : public Kernel {
 public:
  explicit BoostedTrees(const Setup& setup)
      : strict_(setup.integer("strict", 0) != 0),
        single_(setup.integer("single", 0) != 0),
        last_(setup.integer("last", 0) != 0),
        rebase_(setup.integer("rebase", 0) != 0) {
    read_leaves(setup);
    read_sets(setup);
    read_branches(setup);
    read_trees(setup);
    read_linear(setup);
  }

  void compute(std::span<const In> in, Outs& out) const override {
    const In& x = in[0];
    check(x.shape.size() == 2 && static_cast<std::size_t>(x.shape[1]) >= features_, "the table has fewer columns than the trees test");
    const std::size_t rows = x.rows(), width = static_cast<std::size_t>(x.shape[1]), targets = start_.size();
    const auto values = x.doubles();
    const auto result = out.doubles(0, {x.shape[0], static_cast<std::int64_t>(targets)});
    const auto block = [&](std::size_t b) {
      const std::size_t begin = b * kBlock, count = std::min(kBlock, rows - begin);
      sum(values.data() + begin * width, width, count, result.data() + begin * targets);
    };
    const std::size_t blocks = (rows + kBlock - 1) / kBlock;
    if (blocks > 1 && rows * trees_.size() > kParallelMin) {
      out.parallel(blocks, block);
    } else {
      for (std::size_t b = 0; b < blocks; ++b) block(b);
    }
  }

 private:
  void read_leaves(const Setup& setup) {
    const In leaves = setup.needed(5), start = setup.needed(6);
    check(leaves.shape.size() == 2 && leaves.shape[0] > 0 && leaves.shape[1] > 0, "leaves must be a table");
    check(start.shape.size() == 1 && start.shape[0] > 0, "start must be a vector");
    leaves_.assign(leaves.doubles().begin(), leaves.doubles().end());
    start_.assign(start.doubles().begin(), start.doubles().end());
    leaf_count_ = static_cast<std::size_t>(leaves.shape[0]);
    leaf_width_ = static_cast<std::size_t>(leaves.shape[1]);
    check(leaf_width_ == 1 || leaf_width_ == start_.size(), "leaves must have one value or one a target");
    check(leaf_count_ < 0x7FFFFFFF, "there are too many leaves");
  }

  void read_sets(const Setup& setup) {
    const In sets = setup.constant(7), words = setup.constant(8);
    if (!sets.present) return;
    check(words.present && sets.shape.size() == 2 && sets.shape[1] == 2 && words.shape.size() == 1, "sets must be (first, words) over words");
    words_.assign(words.ints().begin(), words.ints().end());
    const auto s = sets.ints();
    for (std::size_t i = 0; i + 1 < s.size(); i += 2) {
      const auto size = static_cast<std::int64_t>(words_.size());
      check(s[i] >= 0 && s[i + 1] >= 0 && s[i] <= size && s[i + 1] <= size - s[i], "a set lies outside the words");
      sets_.push_back({static_cast<std::size_t>(s[i]), static_cast<std::size_t>(s[i + 1])});
    }
  }

  // Children stand behind their parents, so that every walk ends.
  void check_child(std::int64_t child, std::int64_t parent, std::int64_t branches) const {
    check(child < branches && child > -static_cast<std::int64_t>(leaf_count_) - 1, "a child lies outside the trees");
    check(child < 0 || child > parent, "a child stands before its parent");
  }

  void read_branches(const Setup& setup) {
    const In thresholds = setup.needed(1), branches = setup.needed(2);
    check(branches.shape.size() == 2 && branches.shape[1] == 4 && thresholds.shape.size() == 1 && thresholds.shape[0] == branches.shape[0],
          "branches must be (feature, flags, left, right), each with a threshold");
    check(branches.shape[0] < 0x7FFFFFFF, "there are too many branches");
    const auto t = thresholds.doubles();
    const auto b = branches.ints();
    branches_.reserve(t.size());
    for (std::size_t i = 0; i < t.size(); ++i) {
      const std::int64_t feature = b[4 * i], flags = b[4 * i + 1];
      check(feature >= 0 && feature < 0x7FFFFFFF, "a feature lies outside the table");
      check(flags >= 0 && flags <= kFlags, "unknown flags of a branch");
      for (const std::int64_t child : {b[4 * i + 2], b[4 * i + 3]})
        check_child(child, static_cast<std::int64_t>(i), static_cast<std::int64_t>(t.size()));
      if ((flags & kCategorical) != 0) check(t[i] >= 0 && t[i] < static_cast<double>(sets_.size()), "a branch's set doesn't exist");
      branches_.push_back({t[i], static_cast<std::int32_t>(feature), static_cast<std::int32_t>(b[4 * i + 2]), static_cast<std::int32_t>(b[4 * i + 3]),
                           static_cast<std::uint32_t>(flags)});
      features_ = std::max(features_, static_cast<std::size_t>(feature) + 1);
    }
  }

  void read_trees(const Setup& setup) {
    const In trees = setup.needed(3), weights = setup.needed(4);
    check(trees.shape.size() == 2 && trees.shape[1] == 2 && weights.shape.size() == 1 && weights.shape[0] == trees.shape[0],
          "trees must be (root, target), each with a weight");
    const auto t = trees.ints();
    for (std::size_t i = 0; i + 1 < t.size(); i += 2) {
      check_child(t[i], -1, static_cast<std::int64_t>(branches_.size()));
      check(t[i + 1] < static_cast<std::int64_t>(start_.size()) && t[i + 1] >= (leaf_width_ == start_.size() ? -1 : 0),
            "a tree's target doesn't exist");
      trees_.push_back({static_cast<std::int32_t>(t[i]), static_cast<std::int32_t>(t[i + 1])});
    }
    weights_.assign(weights.doubles().begin(), weights.doubles().end());
  }

  void read_linear(const Setup& setup) {
    const In at = setup.constant(9), features = setup.constant(10), coefficients = setup.constant(11), constants = setup.constant(12);
    if (!at.present) return;
    check(features.present && coefficients.present && constants.present, "linear leaves need features, coefficients and constants");
    linear_at_.assign(at.ints().begin(), at.ints().end());
    linear_features_.assign(features.ints().begin(), features.ints().end());
    coefficients_.assign(coefficients.doubles().begin(), coefficients.doubles().end());
    constants_.assign(constants.doubles().begin(), constants.doubles().end());
    check(linear_at_.size() == leaf_count_ + 1 && constants_.size() == leaf_count_ && leaf_width_ == 1, "linear leaves don't fit the leaves");
    check(coefficients_.size() == linear_features_.size(), "linear leaves need a coefficient a feature");
    check(linear_at_.front() == 0 && linear_at_.back() == static_cast<std::int64_t>(linear_features_.size()) &&
              std::is_sorted(linear_at_.begin(), linear_at_.end()),
          "linear leaves don't fit their features");
    for (const std::int64_t f : linear_features_) {
      check(f >= 0 && f < 0x7FFFFFFF, "a feature lies outside the table");
      features_ = std::max(features_, static_cast<std::size_t>(f) + 1);
    }
  }

  bool in_set(const Branch& branch, double value) const {
    if (!(value > -1 && value < kCategoryMax) || ((branch.flags & kNegativeOutside) != 0 && value < 0)) return false;
    const Set& set = sets_[static_cast<std::size_t>(branch.threshold)];
    const auto category = static_cast<std::size_t>(value);
    return category / 64 < set.words && (static_cast<std::uint64_t>(words_[set.first + category / 64]) >> (category % 64) & 1) != 0;
  }

  bool goes_left(const Branch& branch, double value) const {
    if ((branch.flags & kCategorical) != 0) {
      if (std::isnan(value) && (branch.flags & kNanMissing) != 0) return (branch.flags & kDefaultLeft) != 0;
      return in_set(branch, value);
    }
    if (std::isnan(value)) {
      if ((branch.flags & kNanMissing) != 0) return (branch.flags & kDefaultLeft) != 0;
      value = 0;
    }
    if ((branch.flags & kZeroMissing) != 0 && value >= -kZero && value <= kZero) return (branch.flags & kDefaultLeft) != 0;
    return strict_ ? value < branch.threshold : value <= branch.threshold;
  }

  std::size_t leaf_of(std::int32_t root, const double* x) const {
    std::int32_t at = root;
    while (at >= 0) {
      const Branch& branch = branches_[static_cast<std::size_t>(at)];
      at = goes_left(branch, x[branch.feature]) ? branch.left : branch.right;
    }
    return static_cast<std::size_t>(~at);
  }

  double value_of(std::size_t leaf, const double* x) const {
    if (linear_at_.empty() || linear_at_[leaf] == linear_at_[leaf + 1]) return linear_at_.empty() ? leaves_[leaf * leaf_width_] : constants_[leaf];
    double value = constants_[leaf];
    for (auto i = static_cast<std::size_t>(linear_at_[leaf]); i < static_cast<std::size_t>(linear_at_[leaf + 1]); ++i) {
      const double of = x[linear_features_[i]];
      if (std::isnan(of)) return leaves_[leaf];
      value += coefficients_[i] * of;
    }
    return value;
  }

  void add(double& to, double value, double weight, double start) const {
    if (!single_) {
      to += weight * value;
      return;
    }
    auto v = static_cast<float>(value);
    if (rebase_) v = (static_cast<float>(start) + v) - static_cast<float>(start);
    to = static_cast<float>(to) + static_cast<float>(weight) * v;
  }

  void sum(const double* x, std::size_t width, std::size_t rows, double* out) const {
    const std::size_t targets = start_.size();
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t t = 0; t < targets; ++t) out[r * targets + t] = last_ ? 0 : start_[t];
    }
    for (std::size_t i = 0; i < trees_.size(); ++i) {
      const Root tree = trees_[i];
      for (std::size_t r = 0; r < rows; ++r) {
        const std::size_t leaf = leaf_of(tree.at, x + r * width);
        double* const to = out + r * targets;
        if (tree.target >= 0) {
          add(to[tree.target], value_of(leaf, x + r * width), weights_[i], start_[static_cast<std::size_t>(tree.target)]);
        } else {
          for (std::size_t t = 0; t < targets; ++t) add(to[t], leaves_[leaf * leaf_width_ + t], weights_[i], start_[t]);
        }
      }
    }
    for (std::size_t i = 0; last_ && i < rows * targets; ++i) {
      out[i] = single_ ? static_cast<double>(static_cast<float>(out[i]) + static_cast<float>(start_[i % targets])) : out[i] + start_[i % targets];
    }
  }

  bool strict_, single_, last_, rebase_;
  std::size_t features_ = 0, leaf_count_ = 0, leaf_width_ = 1;
  std::vector<double> leaves_, start_, weights_, coefficients_, constants_;
  std::vector<std::int64_t> words_, linear_at_, linear_features_;
  std::vector<Set> sets_;
  std::vector<Branch> branches_;
  std::vector<Root> trees_;
};

// SingleLinear(x, weights, start): start + the sum of x * weights over the columns that aren't missing, in float32 and in order.
class SingleLinear final : public Kernel {
 public:
  explicit SingleLinear(const Setup& setup) {
    const In weights = setup.needed(1), start = setup.needed(2);
    check(weights.shape.size() == 2 && start.shape.size() == 1 && weights.shape[1] == start.shape[0] && start.shape[0] > 0,
          "weights must be [columns, targets], start [targets]");
    for (const double v : weights.doubles()) weights_.push_back(static_cast<float>(v));
    for (const double v : start.doubles()) start_.push_back(static_cast<float>(v));
    columns_ = static_cast<std::size_t>(weights.shape[0]);
  }
  void compute(std::span<const In> in, Outs& out) const override {
    const In& x = in[0];
    check(x.shape.size() == 2 && static_cast<std::size_t>(x.shape[1]) == columns_, "the table and the weights disagree");
    const std::size_t targets = start_.size();
    const auto values = x.doubles();
    const auto result = out.doubles(0, {x.shape[0], static_cast<std::int64_t>(targets)});
    for (std::size_t r = 0; r < x.rows(); ++r) {
      for (std::size_t t = 0; t < targets; ++t) {
        float sum = start_[t];
        for (std::size_t c = 0; c < columns_; ++c) {
          const auto value = static_cast<float>(values[r * columns_ + c]);
          if (!std::isnan(value)) sum += value * weights_[c * targets + t];
        }
        result[r * targets + t] = sum;
      }
    }
  }

 private:
  std::vector<float> weights_, start_;
  std::size_t columns_ = 0;
};

// SingleLink(x [N, k]): XGBoost's transforms of its margins, in float32.
class SingleLink final : public Kernel {
 public:
  explicit SingleLink(const Setup& setup) {
    const std::string name = setup.text("function", "");
    if (name == "sigmoid")
      function_ = [](float x) { return 1.0F / (std::exp(std::min(-x, 88.7F)) + 1.0F); };
    else if (name == "sigmoid_open")  // before the exponent was bounded
      function_ = [](float x) { return 1.0F / (1.0F + std::exp(-x)); };
    else if (name == "exp")
      function_ = [](float x) { return std::exp(x); };
    else
      check(name == "softmax", "unknown function");
  }
  void compute(std::span<const In> in, Outs& out) const override {
    const auto x = in[0].doubles();
    const auto y = out.doubles(0, in[0].shape);
    if (function_ != nullptr) {
      for (std::size_t i = 0; i < x.size(); ++i) y[i] = function_(static_cast<float>(x[i]));
      return;
    }
    check(in[0].shape.size() == 2, "softmax needs a table");
    const std::size_t columns = in[0].columns();
    for (std::size_t r = 0; columns > 0 && r < in[0].rows(); ++r) softmax(x.data() + r * columns, y.data() + r * columns, columns);
  }

 private:
  static void softmax(const double* x, double* y, std::size_t n) {
    auto largest = static_cast<float>(x[0]);
    for (std::size_t i = 1; i < n; ++i) largest = std::fmax(static_cast<float>(x[i]), largest);
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) sum += y[i] = std::exp(static_cast<float>(x[i]) - largest);
    for (std::size_t i = 0; i < n; ++i) y[i] = static_cast<float>(y[i]) / static_cast<float>(sum);
  }
  float (*function_)(float) = nullptr;
};

}  // namespace

std::unique_ptr<Kernel> make_BoostedTrees(const Setup& setup) { return std::make_unique<BoostedTrees>(setup); }
std::unique_ptr<Kernel> make_SingleLinear(const Setup& setup) { return std::make_unique<SingleLinear>(setup); }
std::unique_ptr<Kernel> make_SingleLink(const Setup& setup) { return std::make_unique<SingleLink>(setup); }

}  // namespace slipway::ops
