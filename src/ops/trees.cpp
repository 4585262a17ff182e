// Sums of decision trees: forests, and boosting as scikit-learn, XGBoost, LightGBM and CatBoost sum it, in their order and precision.
//
// TreeSum(x, thresholds, branches, trees, weights, leaves, start | sets, words, linear_at, linear_features, coefficients, constants)
//   x [N, F]; thresholds [B]; branches [B, 2] of (feature + 2^32 flags, two 32-bit children: left in the low half); trees [T, 2] of
//   (root, target); weights [T]; leaves [L, W]; start [targets]. A child or root c >= 0 is branch c, which stands behind its parent;
//   c < 0 is leaf ~c.
//   A tree of target -1 adds its leaf's whole row (W = targets), else the leaf's one value.
//   A row goes left where x <= threshold (x < threshold if `strict`), or where x, truncated, is in the branch's set.
//   narrow: x is rounded to float32 first.
//   sets [C, 2] of (first word, words): a categorical branch's threshold is its set; bit i of the words is category i.
//   linear_at [L + 1]: leaf i is constants[i] + sum of coefficients * x over linear_features[linear_at[i] ...], unless one is missing.
//   single: values are added in float32. last: start is added to the sum, instead of the sum beginning with it.
//   rebase: a tree's value is first added to start, and start taken away again (which rounds it).
//
// Where no branch is categorical or takes zero for missing, trees are walked as Forks: eight rows at a time down one tree (a single
// row: down eight trees), without a jump that depends on data. Each tree meets a whole block of rows while it is in the cache.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

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
constexpr std::size_t kLanes = 8;               // walks that go on side by side
constexpr std::size_t kBlockBytes = 256 << 10;  // of a block's rows: beside a tree in the cache
constexpr std::size_t kBlockMin = 64, kBlockMax = 2048;
constexpr std::size_t kBlocks = 8;            // of a table that is worth more than one thread
constexpr std::size_t kParallelMin = 20'000;  // rows x trees that are worth more than one thread
constexpr double kInfinity = std::numeric_limits<double>::infinity();

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

std::size_t leaf_behind(std::int32_t child) {
  const std::int32_t leaf = ~child;
  return static_cast<std::size_t>(leaf);
}

// A branch that tests x <= threshold only.
template <class X>
struct Fork {
  X threshold;
  std::uint32_t feature;                 // twice, and 1 more where a missing value goes left
  std::array<std::int32_t, 2> children;  // left, right
};

// The largest number of type X for which the branch goes left, so that x <= it says what the branch says. NaN: none.
double bound(double threshold, bool strict, double) {
  if (!strict) return threshold;
  return threshold == -kInfinity ? std::nan("") : std::nextafter(threshold, -kInfinity);
}
float bound(double threshold, bool strict, float) {
  constexpr double kMax = std::numeric_limits<float>::max();
  const double wide = bound(threshold, strict, 0.0);
  if (wide > kMax && wide < kInfinity) return static_cast<float>(kMax);
  if (wide < -kMax) return static_cast<float>(-kInfinity);
  const auto narrow = static_cast<float>(wide);
  return static_cast<double>(narrow) > wide ? std::nextafter(narrow, static_cast<float>(-kInfinity)) : narrow;
}

template <class Each>
[[gnu::always_inline]] inline void each_lane(Each&& each) {
  [&]<std::size_t... lane>(std::index_sequence<lane...>) { (each(lane), ...); }(std::make_index_sequence<kLanes>());
}

// From where each lane stands down to its leaf. Lanes that are there wait: their steps are taken from branch 0, and thrown away.
template <bool missing, class X>
void descend(const Fork<X>* forks, const std::array<const X*, kLanes>& rows, std::array<std::int32_t, kLanes>& at) {
  std::int32_t arrived = -1;
  each_lane([&](std::size_t lane) { arrived &= at[lane]; });
  while (arrived >= 0) {
    arrived = -1;
    each_lane([&](std::size_t lane) {
      const std::int32_t here = at[lane], waits = here >> 31;
      const Fork<X>& fork = forks[here & ~waits];
      const X value = rows[lane][fork.feature >> 1];
      bool right = !(value <= fork.threshold);
      if constexpr (missing) right = right && ((fork.feature & 1) == 0 || value == value);
      at[lane] = (here & waits) | (fork.children[right ? 1 : 0] & ~waits);
      arrived &= at[lane];
    });
  }
}

class TreeSum final : public Kernel {
 public:
  explicit TreeSum(const Setup& setup)
      : strict_(setup.integer("strict", 0) != 0),
        single_(setup.integer("single", 0) != 0),
        last_(setup.integer("last", 0) != 0),
        rebase_(setup.integer("rebase", 0) != 0),
        narrow_(setup.integer("narrow", 0) != 0) {
    read_leaves(setup);
    read_sets(setup);
    read_branches(setup);
    read_trees(setup);
    read_linear(setup);
    plain_ = !single_ && linear_at_.empty() && std::all_of(weights_.begin(), weights_.end(), [](double w) { return w == 1; });
    make_forks();
  }

  void compute(std::span<const In> in, Outs& out) const override {
    const In& x = in[0];
    check(x.shape.size() == 2 && static_cast<std::size_t>(x.shape[1]) >= features_, "the table has fewer columns than the trees test");
    const std::size_t rows = x.rows(), width = static_cast<std::size_t>(x.shape[1]), targets = start_.size();
    const auto values = x.doubles();
    const auto result = out.doubles(0, {x.shape[0], static_cast<std::int64_t>(targets)});
    const std::size_t size = block_size(rows, width);
    const auto block = [&](std::size_t b) {
      const std::size_t begin = b * size, count = std::min(size, rows - begin);
      sum(values.data() + begin * width, width, count, result.data() + begin * targets);
    };
    const std::size_t blocks = (rows + size - 1) / size;
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
    check(branches.shape.size() == 2 && branches.shape[1] == 2 && thresholds.shape.size() == 1 && thresholds.shape[0] == branches.shape[0],
          "branches must be (feature and flags, children), each with a threshold");
    check(branches.shape[0] < 0x7FFFFFFF, "there are too many branches");
    const auto t = thresholds.doubles();
    const auto b = branches.ints();
    branches_.reserve(t.size());
    for (std::size_t i = 0; i < t.size(); ++i) {
      const std::int64_t feature = b[2 * i] & 0xFFFFFFFF, flags = b[2 * i] >> 32;
      const auto left = static_cast<std::int32_t>(b[2 * i + 1]), right = static_cast<std::int32_t>(b[2 * i + 1] >> 32);
      check(feature < 0x7FFFFFFF, "a feature lies outside the table");
      check(flags >= 0 && flags <= kFlags, "unknown flags of a branch");
      for (const std::int32_t child : {left, right}) check_child(child, static_cast<std::int64_t>(i), static_cast<std::int64_t>(t.size()));
      if ((flags & kCategorical) != 0) check(t[i] >= 0 && t[i] < static_cast<double>(sets_.size()), "a branch's set doesn't exist");
      branches_.push_back({t[i], static_cast<std::int32_t>(feature), left, right, static_cast<std::uint32_t>(flags)});
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

  // Rows that walk a tree together: as many as stay in the cache beside it, but enough blocks for several threads.
  std::size_t block_size(std::size_t rows, std::size_t width) const {
    const std::size_t row_bytes = std::max<std::size_t>(width, 1) * (narrow_ ? sizeof(float) : sizeof(double));
    const std::size_t fitting = std::clamp(kBlockBytes / row_bytes, kBlockMin, kBlockMax);
    return std::clamp(rows / kBlocks, kBlockMin, fitting) / kLanes * kLanes;
  }

  void make_forks() {
    const auto simple = [](const Branch& b) { return (b.flags & (kCategorical | kZeroMissing)) == 0; };
    if (!std::all_of(branches_.begin(), branches_.end(), simple)) return;
    forked_ = true;
    if (narrow_)
      make_forks(single_forks_);
    else
      make_forks(double_forks_);
    std::vector<Branch>().swap(branches_);
  }

  template <class X>
  void make_forks(std::vector<Fork<X>>& forks) const {
    forks.reserve(branches_.size());
    for (const Branch& b : branches_) {
      const bool missing_left = (b.flags & kNanMissing) != 0 ? (b.flags & kDefaultLeft) != 0 : goes_left(b, 0);
      forks.push_back({bound(b.threshold, strict_, X{}), 2 * static_cast<std::uint32_t>(b.feature) + (missing_left ? 1U : 0U), {b.left, b.right}});
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
    return leaf_behind(at);
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

  // Adds the leaf that a row ends in. Trees come in order.
  void add_leaf(std::size_t tree, std::size_t leaf, const double* x, double* to) const {
    const std::int32_t target = trees_[tree].target;
    if (plain_) {
      const double* const values = leaves_.data() + leaf * leaf_width_;
      if (target >= 0) {
        to[target] += *values;
      } else {
        for (std::size_t t = 0; t < leaf_width_; ++t) to[t] += values[t];
      }
    } else if (target >= 0) {
      add(to[target], value_of(leaf, x), weights_[tree], start_[static_cast<std::size_t>(target)]);
    } else {
      for (std::size_t t = 0; t < leaf_width_; ++t) add(to[t], leaves_[leaf * leaf_width_ + t], weights_[tree], start_[t]);
    }
  }

  // `walked` is what the forks compare: `x`, or the same rounded.
  template <bool missing, class X>
  void walk(const std::vector<Fork<X>>& forks, const X* walked, const double* x, std::size_t width, std::size_t rows, double* out) const {
    std::array<const X*, kLanes> lanes;
    std::array<std::int32_t, kLanes> at;
    const std::size_t targets = start_.size();
    if (rows < kLanes) {
      for (std::size_t r = 0; r < rows; ++r) {
        lanes.fill(walked + r * width);
        for (std::size_t i = 0; i < trees_.size(); i += kLanes) {
          for (std::size_t l = 0; l < kLanes; ++l) at[l] = trees_[std::min(i + l, trees_.size() - 1)].at;
          descend<missing>(forks.data(), lanes, at);
          for (std::size_t l = 0; l < kLanes && i + l < trees_.size(); ++l) add_leaf(i + l, leaf_behind(at[l]), x + r * width, out + r * targets);
        }
      }
      return;
    }
    for (std::size_t i = 0; i < trees_.size(); ++i) {
      for (std::size_t r = 0; r < rows; r += kLanes) {
        for (std::size_t l = 0; l < kLanes; ++l) lanes[l] = walked + std::min(r + l, rows - 1) * width;
        at.fill(trees_[i].at);
        descend<missing>(forks.data(), lanes, at);
        for (std::size_t l = 0; l < kLanes && r + l < rows; ++l) add_leaf(i, leaf_behind(at[l]), x + (r + l) * width, out + (r + l) * targets);
      }
    }
  }

  template <class X>
  void walk(const std::vector<Fork<X>>& forks, const X* walked, const double* x, std::size_t width, std::size_t rows, double* out) const {
    if (std::any_of(walked, walked + rows * width, [](X value) { return value != value; }))
      walk<true>(forks, walked, x, width, rows, out);
    else
      walk<false>(forks, walked, x, width, rows, out);
  }

  void sum(const double* x, std::size_t width, std::size_t rows, double* out) const {
    const std::size_t targets = start_.size();
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t t = 0; t < targets; ++t) out[r * targets + t] = last_ ? 0 : start_[t];
    }
    std::vector<double> rounded;
    if (narrow_) {
      std::vector<float> walked(rows * width);
      std::transform(x, x + rows * width, walked.begin(), [](double value) { return static_cast<float>(value); });
      if (!forked_ || !linear_at_.empty()) {
        rounded.assign(walked.begin(), walked.end());
        x = rounded.data();
      }
      if (forked_) walk(single_forks_, walked.data(), x, width, rows, out);
    } else if (forked_) {
      walk(double_forks_, x, x, width, rows, out);
    }
    for (std::size_t i = 0; !forked_ && i < trees_.size(); ++i) {
      for (std::size_t r = 0; r < rows; ++r) add_leaf(i, leaf_of(trees_[i].at, x + r * width), x + r * width, out + r * targets);
    }
    for (std::size_t i = 0; last_ && i < rows * targets; ++i) {
      out[i] = single_ ? static_cast<double>(static_cast<float>(out[i]) + static_cast<float>(start_[i % targets])) : out[i] + start_[i % targets];
    }
  }

  bool strict_, single_, last_, rebase_, narrow_;
  bool plain_ = false;   // leaves are added as they are
  bool forked_ = false;  // the branches became forks
  std::size_t features_ = 0, leaf_count_ = 0, leaf_width_ = 1;
  std::vector<double> leaves_, start_, weights_, coefficients_, constants_;
  std::vector<std::int64_t> words_, linear_at_, linear_features_;
  std::vector<Set> sets_;
  std::vector<Branch> branches_;
  std::vector<Fork<float>> single_forks_;
  std::vector<Fork<double>> double_forks_;
  std::vector<Root> trees_;
};

}  // namespace

std::unique_ptr<Kernel> make_TreeSum(const Setup& setup) { return std::make_unique<TreeSum>(setup); }

}  // namespace slipway::ops
