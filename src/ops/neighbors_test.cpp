// The kernels of neighbours and of iterations, with known values, and with what no honest graph holds.
#include "slipway/ops/neighbors.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "slipway/ops/kernel.hpp"
#include "slipway/ops/metric.hpp"

namespace slipway::ops {
namespace {

struct Given {
  std::vector<std::int64_t> shape;
  std::vector<double> numbers;
  std::vector<std::int64_t> ints;

  In in() const {
    In out;
    out.present = true;
    out.shape = shape;
    out.type = ints.empty() ? Type::float64 : Type::int64;
    out.data = ints.empty() ? static_cast<const void*>(numbers.data()) : ints.data();
    return out;
  }
};

class FakeSetup final : public Setup {
 public:
  std::map<std::string, std::int64_t> integers_of;
  std::map<std::string, std::string> texts_of;
  std::map<std::size_t, Given> constants;

  std::int64_t integer(const char* name, std::int64_t otherwise) const override {
    const auto found = integers_of.find(name);
    return found == integers_of.end() ? otherwise : found->second;
  }
  std::string text(const char* name, std::string_view otherwise) const override {
    const auto found = texts_of.find(name);
    return found == texts_of.end() ? std::string(otherwise) : found->second;
  }
  std::vector<std::int64_t> integers(const char*) const override { return {}; }
  In constant(std::size_t input) const override {
    const auto found = constants.find(input);
    return found == constants.end() ? In{} : found->second.in();
  }
};

class FakeOuts final : public Outs {
 public:
  std::map<std::size_t, std::vector<double>> numbers;
  std::map<std::size_t, std::vector<std::int64_t>> whole;
  std::map<std::size_t, std::vector<std::int64_t>> shapes;

  std::span<double> doubles(std::size_t output, std::vector<std::int64_t> shape) override {
    numbers[output].assign(size(shape), -77);
    shapes[output] = shape;
    return numbers[output];
  }
  std::span<std::int64_t> ints(std::size_t output, std::vector<std::int64_t> shape) override {
    whole[output].assign(size(shape), -77);
    shapes[output] = shape;
    return whole[output];
  }
  std::span<bool> booleans(std::size_t, std::vector<std::int64_t>) override { return {}; }
  void texts(std::size_t, std::vector<std::int64_t>, const std::vector<std::string>&) override {}
  void parallel(std::size_t n, const std::function<void(std::size_t)>& each) override {
    for (std::size_t i = n; i-- > 0;) each(i);
  }

 private:
  static std::size_t size(const std::vector<std::int64_t>& shape) {
    std::size_t n = 1;
    for (const auto d : shape) n *= static_cast<std::size_t>(d);
    return n;
  }
};

std::unique_ptr<Kernel> make(std::string_view name, const Setup& setup) {
  for (const Implementation& i : implementations()) {
    if (i.op.name == name) return i.make(setup);
  }
  throw std::runtime_error("no such operator");
}

FakeOuts run(std::string_view name, const FakeSetup& setup, const std::vector<Given>& inputs) {
  std::vector<In> in;
  for (const Given& g : inputs) in.push_back(g.in());
  FakeOuts out;
  make(name, setup)->compute(in, out);
  return out;
}

const Given kLine{{4, 1}, {0, 1, 3, 7}, {}};

TEST(Metrics, GiveTheValuesOfTheirFormulas) {
  const double a[] = {1, 0, 2}, b[] = {0, 0, 4}, w[] = {1, 2, 0.5};
  const auto distance = [&](std::string_view name, double p = 2, std::span<const double> given = {}) {
    return Metric(name, 3, p, given).distance(a, b);
  };
  EXPECT_DOUBLE_EQ(distance("euclidean"), std::sqrt(5.0));
  EXPECT_DOUBLE_EQ(distance("sqeuclidean"), 5);
  EXPECT_DOUBLE_EQ(distance("manhattan"), 3);
  EXPECT_DOUBLE_EQ(distance("chebyshev"), 2);
  EXPECT_DOUBLE_EQ(distance("minkowski", 3), std::cbrt(9.0));
  EXPECT_DOUBLE_EQ(distance("weighted_minkowski", 3, w), std::cbrt(5.0));
  EXPECT_DOUBLE_EQ(distance("wminkowski", 3, w), std::cbrt(2.0));
  EXPECT_DOUBLE_EQ(distance("seuclidean", 2, w), std::sqrt(1 + 4 / 0.5));
  EXPECT_DOUBLE_EQ(distance("cosine"), 1 - 8 / (std::sqrt(5.0) * 4));
  EXPECT_DOUBLE_EQ(distance("canberra"), 1 + 1.0 / 3);
  EXPECT_DOUBLE_EQ(distance("braycurtis"), 3.0 / 7);
  EXPECT_DOUBLE_EQ(distance("hamming"), 2.0 / 3);
  EXPECT_DOUBLE_EQ(distance("jaccard"), 1.0 / 2);
  EXPECT_DOUBLE_EQ(distance("dice"), 1.0 / 3);
  EXPECT_DOUBLE_EQ(distance("russellrao"), 2.0 / 3);
  EXPECT_DOUBLE_EQ(distance("rogerstanimoto"), 1.0 / 2);
  EXPECT_DOUBLE_EQ(distance("sokalsneath"), 1 / 1.5);
  const double identity[] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
  EXPECT_DOUBLE_EQ(distance("mahalanobis", 2, identity), std::sqrt(5.0));
  const double here[] = {0.3, 0.2}, there[] = {0.3, 0.7};
  const double angle = Metric("haversine", 2, 2, {}).distance(here, there);
  EXPECT_NEAR(angle, 2 * std::asin(std::cos(0.3) * std::sin(0.25)), 1e-15);
}

TEST(Metrics, OfUnknownNamesOrUnfitParametersAreRefused) {
  EXPECT_THROW(Metric("telepathy", 2, 2, {}), std::invalid_argument);
  EXPECT_THROW(Metric("seuclidean", 2, 2, {}), std::invalid_argument);
  EXPECT_THROW(Metric("haversine", 3, 2, {}), std::invalid_argument);
  EXPECT_THROW(Metric("minkowski", 3, -1, {}), std::invalid_argument);
  EXPECT_THROW(Metric("euclidean", 0, 2, {}), std::invalid_argument);
}

TEST(Nearest, GivesTheNearestFirstAndDistances) {
  FakeSetup setup;
  setup.constants[1] = kLine;
  setup.integers_of["k"] = 2;
  for (const char* form : {"plain", "expanded", "expanded_dot"}) {
    setup.texts_of["form"] = form;
    const FakeOuts out = run("Nearest", setup, {{{2, 1}, {2.5, -1}, {}}});
    EXPECT_EQ(out.whole.at(1), (std::vector<std::int64_t>{2, 1, 0, 1})) << form;
    EXPECT_EQ(out.numbers.at(0), (std::vector<double>{0.5, 1.5, 1, 2})) << form;
  }
}

TEST(Nearest, RefusesWhatDoesNotFit) {
  FakeSetup setup;
  setup.constants[1] = kLine;
  setup.integers_of["k"] = 5;
  EXPECT_THROW(make("Nearest", setup), std::invalid_argument);
  setup.integers_of["k"] = 1;
  EXPECT_THROW(run("Nearest", setup, {{{1, 2}, {1, 2}, {}}}), std::invalid_argument);
  setup.constants[1] = {{0, 1}, {}, {}};
  EXPECT_THROW(make("Nearest", setup), std::invalid_argument);
  setup.constants.erase(1);
  EXPECT_THROW(make("Nearest", setup), std::invalid_argument);
}

TEST(Partition, TellsEqualValuesApartAsNumpyDoes) {  // np.argpartition of numpy 1.24
  Partition partition;
  const std::vector<double> values{3, 1, 2, 1, 0, 2, 2, 5, 1, 2, 4, 2};
  auto first = partition.first(values, 6);
  first.resize(6);
  std::sort(first.begin(), first.end());
  EXPECT_EQ(first.size(), 6U);
  for (const std::size_t i : first) EXPECT_LE(values[i], 2);
  const std::vector<double> gaps{std::nan(""), 2, std::nan(""), 1, 0.5, 7};
  const auto& places = partition.first(gaps, 5);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_FALSE(std::isnan(gaps[places[i]]));
}

TEST(WithinRadius, AddsUpWhatIsNear) {
  FakeSetup setup;
  setup.constants[1] = kLine;
  setup.constants[2] = {{}, {2}, {}};
  setup.constants[3] = {{4, 1}, {10, 20, 40, 80}, {}};
  const std::vector<Given> x{{{3, 1}, {1, 5, 100}, {}}};
  FakeOuts out = run("WithinRadius", setup, x);
  EXPECT_EQ(out.numbers.at(0), (std::vector<double>{70, 120, 0}));
  EXPECT_EQ(out.whole.at(2), (std::vector<std::int64_t>{3, 2, 0}));
  setup.texts_of["weights"] = "distance";
  out = run("WithinRadius", setup, x);
  EXPECT_EQ(out.numbers.at(0), (std::vector<double>{20, 60, 0}));  // the one at distance 0 alone
  setup.integers_of["needed"] = 1;
  EXPECT_THROW(run("WithinRadius", setup, x), std::invalid_argument);
}

FakeSetup tree_of_line() {  // one k-d tree of two leaves
  FakeSetup setup;
  setup.constants[1] = kLine;
  setup.constants[2] = {{4}, {}, {0, 1, 2, 3}};
  setup.constants[3] = {{3, 3}, {}, {0, 4, 0, 0, 2, 1, 2, 4, 1}};
  setup.constants[4] = {{3}, {3.5, 0.5, 2}, {}};
  setup.constants[5] = {{6, 1}, {0, 0, 3, 7, 1, 7}, {}};
  return setup;
}

TEST(NearestInTree, FindsWhatAScanFinds) {
  FakeSetup setup = tree_of_line();
  setup.integers_of["k"] = 3;
  const FakeOuts out = run("NearestInTree", setup, {{{2, 1}, {2.5, 9}, {}}});
  EXPECT_EQ(out.whole.at(1), (std::vector<std::int64_t>{2, 1, 0, 3, 2, 1}));
  EXPECT_EQ(out.numbers.at(0), (std::vector<double>{0.5, 1.5, 2.5, 2, 6, 8}));
}

TEST(NearestInTree, RefusesTreesThatLeadOutside) {
  for (const Given& nodes : {Given{{3, 3}, {}, {0, 5, 0, 0, 2, 1, 2, 4, 1}}, Given{{3, 3}, {}, {0, 4, 0, 0, 2, 0, 2, 4, 1}},
                             Given{{3, 3}, {}, {0, 4, 0, 2, 0, 1, 2, 4, 1}}, Given{{1, 9}, {}, {0, 4, 0, 0, 2, 1, 2, 4, 1}}}) {
    FakeSetup setup = tree_of_line();
    setup.constants[3] = nodes;
    EXPECT_THROW(make("NearestInTree", setup), std::invalid_argument);
  }
  FakeSetup setup = tree_of_line();
  setup.constants[2] = {{4}, {}, {0, 1, 2, 4}};
  EXPECT_THROW(make("NearestInTree", setup), std::invalid_argument);
}

TEST(LogDensity, IsTheLogarithmOfTheMeanKernel) {
  FakeSetup setup = tree_of_line();
  setup.constants[6] = {{3}, {1, 0, 0}, {}};
  const FakeOuts out = run("LogDensity", setup, {{{1, 1}, {1}, {}}});
  const double sum = std::exp(-0.5) + 1 + std::exp(-2.0) + std::exp(-18.0);
  EXPECT_NEAR(out.numbers.at(0)[0], std::log(sum / 4 / std::sqrt(2 * M_PI)), 1e-12);
}

TEST(SparseCode, FindsTheAtomsThatMadeTheRow) {
  FakeSetup setup;
  setup.constants[1] = {{3, 3}, {1, 0, 0, 0, 1, 0, 0, 0, 1}, {}};
  setup.constants[2] = {{2}, {0.5, 1e-4}, {}};
  setup.integers_of["steps"] = 2;
  const std::vector<Given> x{{{1, 3}, {3, -2, 0.25}, {}}};
  setup.texts_of["algorithm"] = "omp";
  EXPECT_EQ(run("SparseCode", setup, x).numbers.at(0), (std::vector<double>{3, -2, 0}));
  for (const char* algorithm : {"threshold", "lasso_cd", "lasso_lars"}) {  // over an orthogonal dictionary all three shrink
    setup.texts_of["algorithm"] = algorithm;
    setup.integers_of["steps"] = 100;
    const auto code = run("SparseCode", setup, x).numbers.at(0);
    EXPECT_NEAR(code[0], 2.5, 1e-6) << algorithm;
    EXPECT_NEAR(code[1], -1.5, 1e-6) << algorithm;
    EXPECT_NEAR(code[2], 0, 1e-6) << algorithm;
  }
  setup.texts_of["algorithm"] = "guess";
  EXPECT_THROW(make("SparseCode", setup), std::invalid_argument);
}

TEST(NonNegativeParts, RebuildRowsOfParts) {
  FakeSetup setup;
  setup.constants[1] = {{2, 3}, {1, 0, 1, 0, 2, 0}, {}};
  setup.constants[2] = {{4}, {0, 0, 2, 1e-10}, {}};
  const FakeOuts out = run("NonNegativeParts", setup, {{{1, 3}, {3, 8, 3}, {}}});
  EXPECT_NEAR(out.numbers.at(0)[0], 3, 1e-9);
  EXPECT_NEAR(out.numbers.at(0)[1], 4, 1e-9);
  EXPECT_THROW(run("NonNegativeParts", setup, {{{1, 3}, {3, -8, 3}, {}}}), std::invalid_argument);
}

TEST(ShortestWays, RefuseIndicesOutside) {
  FakeSetup setup;
  setup.constants[1] = {{2, 2}, {0, 5, 5, 0}, {}};
  const Given distances{{1, 2}, {1, 2}, {}};
  EXPECT_EQ(run("ShortestWays", setup, {distances, setup.constants[1], {{1, 2}, {}, {1, 0}}}).numbers.at(0), (std::vector<double>{2, 1}));
  EXPECT_THROW(run("ShortestWays", setup, {distances, setup.constants[1], {{1, 2}, {}, {1, 2}}}), std::invalid_argument);
}

TEST(FillByNeighbors, TakesTheMeanOfTheNearestThatHaveAValue) {
  FakeSetup setup;
  setup.constants[1] = {{3, 2}, {0, 10, 1, 20, 5, std::nan("")}, {}};
  setup.constants[2] = {{}, {std::nan("")}, {}};
  setup.integers_of["k"] = 2;
  EXPECT_EQ(run("FillByNeighbors", setup, {{{1, 2}, {4, std::nan("")}, {}}}).numbers.at(0), (std::vector<double>{4, 15}));
}

}  // namespace
}  // namespace slipway::ops
