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

// Two branches: x0 <= 2 ? (x1 in {0, 65} ? leaf 0 : leaf 1) : leaf 2
struct Forest {
  Doubles thresholds{{2}, {2, 0}}, weights{{1}, {1}}, leaves{{3, 1}, {10, 20, 30}}, start{{1}, {0.5}};
  Ints branches{{2, 4}, {0, 8 | 2, 1, -3, 1, 1, -1, -2}}, trees{{1, 2}, {0, 0}}, sets{{1, 2}, {0, 2}}, words{{2}, {1, 2}};
  std::map<std::string, std::int64_t> attributes;

  std::unique_ptr<Kernel> make() const {
    TestSetup setup;
    setup.attributes = attributes;
    setup.constants = {In{},          in_of(thresholds), in_of(branches), in_of(trees), in_of(weights),
                       in_of(leaves), in_of(start),      in_of(sets),     in_of(words)};
    return implementation("BoostedTrees").make(setup);
  }
  std::vector<double> ask(const std::vector<double>& x) const {
    const Doubles table{{static_cast<std::int64_t>(x.size() / 2), 2}, x};
    TestOuts out;
    const In in[] = {in_of(table)};
    make()->compute(in, out);
    return out.d;
  }
};

TEST(BoostedTrees, WalksNumbersCategoriesAndMissingValues) {
  const double nan = std::nan("");
  EXPECT_EQ(Forest{}.ask({2, 0, 2, 65, 2, 64, 2.1, 0, nan, 65.9, 1, nan, 1, -0.5, 1, 1e30, 1, -3}),
            (std::vector<double>{10.5, 10.5, 20.5, 30.5, 10.5, 20.5, 10.5, 20.5, 20.5}));
}

TEST(BoostedTrees, ComparesStrictlyWhereToldTo) {
  Forest forest;
  forest.attributes = {{"strict", 1}};
  EXPECT_EQ(forest.ask({2, 0}), std::vector<double>{30.5});
}

TEST(BoostedTrees, AddsInSinglePrecision) {
  Forest forest;
  forest.attributes = {{"single", 1}};
  forest.leaves.values = {1e-9, 0, 0};
  EXPECT_EQ(forest.ask({2, 0}), std::vector<double>{0.5});
}

TEST(BoostedTrees, RefusesWhatLiesOutside) {
  const auto bent = [](auto&& bend) {
    Forest forest;
    bend(forest);
    EXPECT_THROW(forest.make(), std::invalid_argument);
  };
  bent([](Forest& f) { f.branches.values[2] = 2; });    // a child that isn't there
  bent([](Forest& f) { f.branches.values[2] = 0; });    // a cycle
  bent([](Forest& f) { f.branches.values[6] = 0; });    // up again
  bent([](Forest& f) { f.branches.values[3] = -4; });   // a leaf that isn't there
  bent([](Forest& f) { f.branches.values[0] = -1; });   // a feature that isn't there
  bent([](Forest& f) { f.branches.values[1] = 64; });   // unknown flags
  bent([](Forest& f) { f.thresholds.values[1] = 1; });  // a set that isn't there
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
