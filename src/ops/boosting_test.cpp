// Kernels of gradient boosting and of CatBoost's hashes, by values that were worked out by hand or asked of the libraries.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "slipway/ops/city.hpp"
#include "slipway/ops/kernel.hpp"

namespace slipway::ops {
namespace {

struct Doubles {
  std::vector<std::int64_t> shape;
  std::vector<double> values;
};
struct Ints {
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> values;
};

In in_of(const Doubles& d) { return {true, Type::float64, d.shape, d.values.data(), {}}; }
In in_of(const Ints& i) { return {true, Type::int64, i.shape, i.values.data(), {}}; }

class TestSetup final : public Setup {
 public:
  std::map<std::string, std::int64_t> attributes;
  std::map<std::string, std::string> words;
  std::vector<In> constants;
  std::int64_t integer(const char* attribute, std::int64_t otherwise) const override {
    const auto found = attributes.find(attribute);
    return found == attributes.end() ? otherwise : found->second;
  }
  std::string text(const char* attribute, std::string_view otherwise) const override {
    const auto found = words.find(attribute);
    return found == words.end() ? std::string(otherwise) : found->second;
  }
  std::vector<std::int64_t> integers(const char*) const override { return {}; }
  In constant(std::size_t input) const override { return input < constants.size() ? constants[input] : In{}; }
};

class TestOuts final : public Outs {
 public:
  std::vector<double> d;
  std::vector<std::int64_t> i;
  std::span<double> doubles(std::size_t, std::vector<std::int64_t> shape) override {
    d.assign(count(shape), 0);
    return d;
  }
  std::span<std::int64_t> ints(std::size_t, std::vector<std::int64_t> shape) override {
    i.assign(count(shape), 0);
    return i;
  }
  std::span<bool> booleans(std::size_t, std::vector<std::int64_t>) override { return {}; }
  void texts(std::size_t, std::vector<std::int64_t>, const std::vector<std::string>&) override {}
  void parallel(std::size_t n, const std::function<void(std::size_t)>& each) override {
    for (std::size_t k = 0; k < n; ++k) each(k);
  }

 private:
  static std::size_t count(const std::vector<std::int64_t>& shape) {
    std::size_t n = 1;
    for (const auto v : shape) n *= static_cast<std::size_t>(v);
    return n;
  }
};

const Implementation& implementation(std::string_view name) {
  for (const Implementation& i : implementations()) {
    if (i.op.name == name) return i;
  }
  throw std::runtime_error("no such operator");
}

std::int64_t halves(std::int64_t low, std::int64_t high) {
  return static_cast<std::int64_t>((static_cast<std::uint64_t>(low) & 0xFFFFFFFF) | static_cast<std::uint64_t>(high) << 32);
}

// Two branches: x0 <= 2 ? (x1 in {0, 65} ? leaf 0 : leaf 1) : leaf 2
struct Forest {
  Doubles thresholds{{2}, {2, 0}}, weights{{1}, {1}}, leaves{{3, 1}, {10, 20, 30}}, start{{1}, {0.5}};
  Ints branches{{2, 2}, {halves(0, 8 | 2), halves(1, -3), halves(1, 1), halves(-1, -2)}}, trees{{1, 2}, {0, 0}}, sets{{1, 2}, {0, 2}},
      words{{2}, {1, 2}};
  std::map<std::string, std::int64_t> attributes;

  std::unique_ptr<Kernel> make() const {
    TestSetup setup;
    setup.attributes = attributes;
    setup.constants = {In{},          in_of(thresholds), in_of(branches), in_of(trees), in_of(weights),
                       in_of(leaves), in_of(start),      in_of(sets),     in_of(words)};
    return implementation("TreeSum").make(setup);
  }
  std::vector<double> ask(const std::vector<double>& x) const {
    const Doubles table{{static_cast<std::int64_t>(x.size() / 2), 2}, x};
    TestOuts out;
    const In in[] = {in_of(table)};
    make()->compute(in, out);
    return out.d;
  }
};

TEST(TreeSum, WalksNumbersCategoriesAndMissingValues) {
  const double nan = std::nan("");
  EXPECT_EQ(Forest{}.ask({2, 0, 2, 65, 2, 64, 2.1, 0, nan, 65.9, 1, nan, 1, -0.5, 1, 1e30, 1, -3}),
            (std::vector<double>{10.5, 10.5, 20.5, 30.5, 10.5, 20.5, 10.5, 20.5, 20.5}));
}

TEST(TreeSum, ComparesStrictlyWhereToldTo) {
  Forest forest;
  forest.attributes = {{"strict", 1}};
  EXPECT_EQ(forest.ask({2, 0}), std::vector<double>{30.5});
}

TEST(TreeSum, AddsInSinglePrecision) {
  Forest forest;
  forest.attributes = {{"single", 1}};
  forest.leaves.values = {1e-9, 0, 0};
  EXPECT_EQ(forest.ask({2, 0}), std::vector<double>{0.5});
}

TEST(TreeSum, RefusesWhatLiesOutside) {
  const auto bent = [](auto&& bend) {
    Forest forest;
    bend(forest);
    EXPECT_THROW(forest.make(), std::invalid_argument);
  };
  bent([](Forest& f) { f.branches.values[1] = halves(2, -3); });  // a child that isn't there
  bent([](Forest& f) { f.branches.values[1] = halves(0, -3); });  // a cycle
  bent([](Forest& f) { f.branches.values[3] = halves(-1, 0); });  // up again
  bent([](Forest& f) { f.branches.values[1] = halves(1, -4); });  // a leaf that isn't there
  bent([](Forest& f) { f.branches.values[0] = halves(-1, 0); });  // a feature that isn't there
  bent([](Forest& f) { f.branches.values[0] = halves(0, 64); });  // unknown flags
  bent([](Forest& f) { f.thresholds.values[1] = 1; });            // a set that isn't there
  bent([](Forest& f) { f.thresholds.values[1] = std::nan(""); });
  bent([](Forest& f) { f.sets.values = {1, 2}; });  // words that aren't there
  bent([](Forest& f) { f.sets.values = {0, INT64_MAX}; });
  bent([](Forest& f) { f.trees.values = {0, 1}; });  // a target that isn't there
  bent([](Forest& f) { f.trees.values = {2, 0}; });
  bent([](Forest& f) { f.trees.values = {INT64_MIN, 0}; });
  Forest forest;
  const Doubles narrow{{1, 1}, {2}};
  TestOuts out;
  const In in[] = {in_of(narrow)};
  EXPECT_THROW(forest.make()->compute(in, out), std::invalid_argument);
}

// Random trees of numbers alone, whose answers a plain walk gives as well: the walk of many rows side by side, and of one.
struct Numbers {
  static constexpr std::size_t kFeatures = 5, kTrees = 21;
  Doubles thresholds, weights, leaves, start{{2}, {0, 0}};
  Ints branches, trees;
  std::map<std::string, std::int64_t> attributes;
  std::uint64_t state = 1;

  double random() { return static_cast<double>((state = state * 6364136223846793005ULL + 1442695040888963407ULL) >> 40) / (1 << 24); }
  double value() {
    const double choices[] = {std::nan(""), INFINITY, -INFINITY, 0.1, 0.1F, 0, 1e300, 0.5};
    const double at = random();
    return at < 0.3 ? choices[static_cast<std::size_t>(at * 8 / 0.3)] : random();
  }
  std::int64_t grow(int depth) {  // a node, its branches behind it
    if (depth == 0 || random() < 0.1) {
      leaves.values.insert(leaves.values.end(), {random(), random()});
      return -static_cast<std::int64_t>(leaves.values.size() / 2);
    }
    const std::size_t at = thresholds.values.size();
    const double choices[] = {random(), 0.1, 0.1F, INFINITY, -INFINITY, 1e300, 0};
    thresholds.values.push_back(choices[static_cast<std::size_t>(random() * 7)]);
    const std::int64_t flags[] = {0, 8, 8 | 2};
    branches.values.insert(branches.values.end(),
                           {halves(static_cast<std::int64_t>(random() * kFeatures), flags[static_cast<std::size_t>(random() * 3)]), 0});
    const std::int64_t left = grow(depth - 1), right = grow(depth - 1);
    branches.values[2 * at + 1] = halves(left, right);
    return static_cast<std::int64_t>(at);
  }
  Numbers() {
    for (std::size_t i = 0; i < kTrees; ++i) {
      const std::int64_t root = grow(static_cast<int>(i % 7));
      trees.values.insert(trees.values.end(), {root, i % 3 == 0 ? -1 : static_cast<std::int64_t>(i % 2)});
      weights.values.push_back(1);
    }
    thresholds.shape = {static_cast<std::int64_t>(thresholds.values.size())};
    branches.shape = {thresholds.shape[0], 2};
    leaves.shape = {static_cast<std::int64_t>(leaves.values.size() / 2), 2};
    trees.shape = {kTrees, 2};
    weights.shape = {kTrees};
  }
  std::vector<double> by_hand(const std::vector<double>& x) const {
    const bool strict = attributes.contains("strict"), narrow = attributes.contains("narrow");
    std::vector<double> out;
    for (std::size_t r = 0; r < x.size() / kFeatures; ++r) {
      double sums[2] = {0, 0};
      for (std::size_t i = 0; i < kTrees; ++i) {
        std::int64_t at = trees.values[2 * i];
        while (at >= 0) {
          const auto b = static_cast<std::size_t>(at);
          double v = x[r * kFeatures + static_cast<std::size_t>(branches.values[2 * b] & 0xFFFFFFFF)];
          if (narrow) v = static_cast<float>(v);
          const std::int64_t flags = branches.values[2 * b] >> 32, children = branches.values[2 * b + 1];
          if (std::isnan(v) && flags == 0) v = 0;
          const bool left = std::isnan(v) ? flags == 10 : strict ? v < thresholds.values[b] : v <= thresholds.values[b];
          at = left ? static_cast<std::int32_t>(children) : children >> 32;
        }
        const auto target = trees.values[2 * i + 1];
        if (target < 0) {
          for (std::size_t t = 0; t < 2; ++t) sums[t] += leaves.values[static_cast<std::size_t>(~at) * 2 + t];
        } else {
          sums[target] += leaves.values[static_cast<std::size_t>(~at) * 2];
        }
      }
      out.insert(out.end(), {sums[0], sums[1]});
    }
    return out;
  }
  std::vector<double> ask(const std::vector<double>& x) const {
    TestSetup setup;
    setup.attributes = attributes;
    setup.constants = {In{}, in_of(thresholds), in_of(branches), in_of(trees), in_of(weights), in_of(leaves), in_of(start)};
    const Doubles table{{static_cast<std::int64_t>(x.size() / kFeatures), kFeatures}, x};
    TestOuts out;
    const In in[] = {in_of(table)};
    implementation("TreeSum").make(setup)->compute(in, out);
    return out.d;
  }
};

TEST(TreeSum, WalksSideBySideAsOneByOne) {
  for (const auto& attributes :
       std::vector<std::map<std::string, std::int64_t>>{{}, {{"narrow", 1}}, {{"strict", 1}}, {{"strict", 1}, {"narrow", 1}}}) {
    Numbers forest;
    forest.attributes = attributes;
    for (const std::size_t rows : {0, 1, 2, 7, 8, 9, 300}) {
      std::vector<double> x;
      for (std::size_t i = 0; i < rows * Numbers::kFeatures; ++i) x.push_back(rows == 9 ? forest.random() : forest.value());
      EXPECT_EQ(forest.ask(x), forest.by_hand(x)) << rows << " rows";
    }
  }
}

TEST(SingleLink, IsXGBoostsOwnArithmetic) {
  TestSetup setup;
  setup.words["function"] = "sigmoid";
  const auto kernel = implementation("SingleLink").make(setup);
  const Doubles x{{3, 1}, {0, -100, 100}};
  TestOuts out;
  const In in[] = {in_of(x)};
  kernel->compute(in, out);
  EXPECT_EQ(out.d[0], 0.5);
  EXPECT_GT(out.d[1], 0);  // the exponent is bounded
  EXPECT_EQ(out.d[2], 1);
}

TEST(HashLookup, FindsWhatStandsBehindAHash) {
  const Ints features{{2, 5}, {0, 1, 0, 2, 0, 0, 0, 2, 3, 2}}, lists{{1}, {0}};
  const auto hash = [](std::uint64_t part) { return static_cast<std::int64_t>(0x4906ba494954cb65ULL * (0x4906ba494954cb65ULL * part)); };
  const bool rising = hash(5) < hash(-7);
  const Ints hashes{{3}, {rising ? hash(5) : hash(-7), rising ? hash(-7) : hash(5), 0}};
  const Doubles values{{3}, {rising ? 1.0 : 2.0, rising ? 2.0 : 1.0, 3}}, otherwise{{2}, {0.5, 0.25}};
  TestSetup setup;
  setup.constants = {In{}, in_of(features), in_of(lists), in_of(hashes), in_of(values), in_of(otherwise)};
  const auto kernel = implementation("HashLookup").make(setup);
  const Ints parts{{3, 1}, {5, -7, 6}};
  TestOuts out;
  const In in[] = {in_of(parts)};
  kernel->compute(in, out);
  EXPECT_EQ(out.d, (std::vector<double>{1, 3, 2, 3, 0.5, 3}));  // without parts the hash is 0

  const Ints outside{{1, 5}, {0, 1, 0, 4, 0}};
  const Doubles one{{1}, {0}};
  setup.constants[1] = in_of(outside);
  setup.constants[5] = in_of(one);
  EXPECT_THROW(implementation("HashLookup").make(setup), std::invalid_argument);
}

TEST(CityHash, IsTheOneThatCatBoostUses) {
  EXPECT_EQ(city_hash(""), 0x9ae16a3b2f90404fULL);
  std::set<std::int32_t> hashes;  // a model of these four categories holds these four numbers
  for (const char* text : {"red", "green", "a text of more than sixteen", "a text that is longer than thirty-two bytes"})
    hashes.insert(static_cast<std::int32_t>(static_cast<std::uint32_t>(city_hash(text))));
  EXPECT_EQ(hashes, (std::set<std::int32_t>{-1912825447, -1242798403, 66413479, 1390465085}));
}

}  // namespace
}  // namespace slipway::ops
