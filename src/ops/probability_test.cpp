// Kernels of probability models and distances against known values, and against inputs that don't fit.
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "slipway/ops/kernel.hpp"

namespace slipway::ops {
namespace {

class Memory final : public Outs {
 public:
  std::vector<double> numbers;
  std::vector<std::int64_t> whole;
  std::span<double> doubles(std::size_t, std::vector<std::int64_t> shape) override { return numbers = std::vector<double>(size(shape), -1), numbers; }
  std::span<std::int64_t> ints(std::size_t, std::vector<std::int64_t> shape) override {
    return whole = std::vector<std::int64_t>(size(shape), -1), whole;
  }
  std::span<bool> booleans(std::size_t, std::vector<std::int64_t>) override { return {}; }
  void texts(std::size_t, std::vector<std::int64_t>, const std::vector<std::string>&) override {}
  void parallel(std::size_t n, const std::function<void(std::size_t)>& each) override {
    for (std::size_t i = 0; i < n; ++i) each(i);
  }

 private:
  static std::size_t size(const std::vector<std::int64_t>& shape) {
    std::size_t n = 1;
    for (const auto d : shape) n *= static_cast<std::size_t>(d);
    return n;
  }
};

struct Words final : Setup {
  std::map<std::string, std::int64_t> numbers;
  std::map<std::string, std::string> words;
  std::map<std::string, std::vector<std::int64_t>> lists;
  std::int64_t integer(const char* name, std::int64_t otherwise) const override { return numbers.count(name) != 0 ? numbers.at(name) : otherwise; }
  std::string text(const char* name, std::string_view otherwise) const override {
    return words.count(name) != 0 ? words.at(name) : std::string(otherwise);
  }
  std::vector<std::int64_t> integers(const char* name) const override {
    return lists.count(name) != 0 ? lists.at(name) : std::vector<std::int64_t>{};
  }
  In constant(std::size_t) const override { return {}; }
};

In numbers(const std::vector<double>& values, std::vector<std::int64_t> shape) {
  In in;
  in.present = true;
  in.shape = std::move(shape);
  in.data = values.data();
  return in;
}
In wholes(const std::vector<std::int64_t>& values) {
  In in;
  in.present = true;
  in.type = Type::int64;
  in.shape = {static_cast<std::int64_t>(values.size())};
  in.data = values.data();
  return in;
}

Memory run(std::string_view name, const Words& setup, const std::vector<In>& in) {
  for (const Implementation& known : implementations()) {
    if (known.op.name != name) continue;
    Memory out;
    known.make(setup)->compute(in, out);
    return out;
  }
  throw std::logic_error("no such operator");
}

TEST(RowDistances, OfEveryMetricAreTheKnownOnes) {
  const std::vector<double> x{1, 2, 0}, y{4, 6, 0, 1, 2, 0}, scale{9, 16, 1, 1, 1, 1};
  const auto distance = [&](const char* metric) {
    Words setup;
    setup.words["metric"] = metric;
    return run("RowDistances", setup, {numbers(x, {1, 3}), numbers(y, {2, 3})}).numbers;
  };
  EXPECT_EQ(distance("sqeuclidean"), (std::vector<double>{25, 0}));
  EXPECT_EQ(distance("euclidean"), (std::vector<double>{5, 0}));
  EXPECT_EQ(distance("manhattan"), (std::vector<double>{7, 0}));
  EXPECT_EQ(distance("chebyshev"), (std::vector<double>{4, 0}));
  EXPECT_EQ(distance("canberra"), (std::vector<double>{0.6 + 0.5, 0}));
  EXPECT_EQ(distance("braycurtis"), (std::vector<double>{7.0 / 13, 0}));
  EXPECT_EQ(distance("chi2"), (std::vector<double>{9.0 / 5 + 16.0 / 8, 0}));
  Words squares;
  squares.words["metric"] = "sqeuclidean";
  EXPECT_EQ(run("RowDistances", squares, {numbers(x, {1, 3}), numbers(y, {2, 3}), numbers(scale, {2, 3})}).numbers, (std::vector<double>{2, 0}));
}

TEST(RowDistances, RefuseWhatDoesNotFit) {
  const std::vector<double> x{1, 2, 0}, y{4, 6};
  EXPECT_THROW(run("RowDistances", {}, {numbers(x, {1, 3}), numbers(y, {1, 2})}), std::invalid_argument);
  EXPECT_THROW(run("RowDistances", {}, {numbers(x, {3}), numbers(y, {2})}), std::invalid_argument);
  Words unknown;
  unknown.words["metric"] = "worse";
  EXPECT_THROW(run("RowDistances", unknown, {numbers(x, {1, 3}), numbers(x, {1, 3})}), std::invalid_argument);
  Words chi;
  chi.words["metric"] = "chi2";
  const std::vector<double> negative{-1, 2, 0};
  EXPECT_THROW(run("RowDistances", chi, {numbers(negative, {1, 3}), numbers(x, {1, 3})}), std::invalid_argument);
}

TEST(PairwiseCoupling, OfTwoClassesIsThePairsProbabilityAsFarAsLibsvmGoes) {  // which stops at 0.005 / classes
  Words setup;
  setup.numbers["classes"] = 2;
  const std::vector<double> p{0.8};
  const auto coupled = run("PairwiseCoupling", setup, {numbers(p, {1, 1})}).numbers;
  EXPECT_NEAR(coupled[0], 0.8, 5e-3);
  EXPECT_NEAR(coupled[0] + coupled[1], 1, 1e-15);
}

TEST(PairwiseCoupling, RefusesAnotherNumberOfPairs) {
  Words setup;
  setup.numbers["classes"] = 3;
  const std::vector<double> p{0.8};
  EXPECT_THROW(run("PairwiseCoupling", setup, {numbers(p, {1, 1})}), std::invalid_argument);
  setup.numbers["classes"] = 1;
  EXPECT_THROW(run("PairwiseCoupling", setup, {numbers(p, {1, 1})}), std::invalid_argument);
}

TEST(TriangularSolve, SubstitutesDownTheLowerTriangle) {
  const std::vector<double> lower{2, 99, 1, 4}, b{6, 11};
  EXPECT_EQ(run("TriangularSolve", {}, {numbers(b, {1, 2}), numbers(lower, {2, 2})}).numbers, (std::vector<double>{3, 2}));
  EXPECT_THROW(run("TriangularSolve", {}, {numbers(b, {2, 1}), numbers(lower, {2, 2})}), std::invalid_argument);
}

TEST(BesselK, HasTheKnownValues) {
  const std::vector<double> half{0.5}, x{2.0, 0.0, -1.0, 1e9};
  const auto k = run("BesselK", {}, {numbers(x, {1, 4}), numbers(half, {})}).numbers;
  EXPECT_NEAR(k[0], std::sqrt(M_PI / 4) * std::exp(-2.0), 1e-15);
  EXPECT_TRUE(std::isinf(k[1]));
  EXPECT_TRUE(std::isnan(k[2]));
  EXPECT_EQ(k[3], 0);
}

TEST(PiecewiseLinear, InterpolatesAndKnowsWhatIsOutside) {
  const std::vector<double> knots{0, 1, 3}, values{5, 7, 1}, x{0, 0.5, 1, 2, 3, 3.1, std::nan("")};
  const auto y = run("PiecewiseLinear", {}, {numbers(x, {7, 1}), numbers(knots, {3}), numbers(values, {3})}).numbers;
  EXPECT_EQ(std::vector<double>(y.begin(), y.begin() + 5), (std::vector<double>{5, 6, 7, 4, 1}));
  EXPECT_TRUE(std::isnan(y[5]) && std::isnan(y[6]));
  Words raise;
  raise.words["outside"] = "raise";
  EXPECT_THROW(run("PiecewiseLinear", raise, {numbers(x, {7, 1}), numbers(knots, {3}), numbers(values, {3})}), std::invalid_argument);
}

TEST(CategoryIndex, CutsToWholeNumbersAndRefusesUnknownOnes) {
  const std::vector<double> x{0.9, 2, -0.5, 1}, more{2, 0}, less{-1, 0}, none{std::nan(""), 0};
  const std::vector<std::int64_t> counts{2, 3};
  EXPECT_EQ(run("CategoryIndex", {}, {numbers(x, {2, 2}), wholes(counts)}).whole, (std::vector<std::int64_t>{0, 2, 0, 1}));
  for (const auto* bad : {&more, &less, &none})
    EXPECT_THROW(run("CategoryIndex", {}, {numbers(*bad, {1, 2}), wholes(counts)}), std::invalid_argument);
  EXPECT_THROW(run("CategoryIndex", {}, {numbers(x, {4, 1}), wholes(counts)}), std::invalid_argument);
}

TEST(RandomClasses, AreNumpysOwn) {  // numpy.random.RandomState(42).randint(3, size=8), .multinomial(1, [0.2, 0.5, 0.3], size=8)
  const std::vector<double> rows(8), priors{0.2, 0.5, 0.3};
  Words setup;
  setup.numbers["seed"] = 42;
  setup.lists["counts"] = {3};
  setup.words["strategy"] = "uniform";
  EXPECT_EQ(run("RandomClasses", setup, {numbers(rows, {8, 1}), numbers(priors, {3})}).whole, (std::vector<std::int64_t>{2, 0, 2, 2, 0, 0, 2, 1}));
  setup.words["strategy"] = "stratified";
  EXPECT_EQ(run("RandomClasses", setup, {numbers(rows, {8, 1}), numbers(priors, {3})}).whole, (std::vector<std::int64_t>{2, 1, 1, 2, 2, 2, 0, 1}));
  setup.lists["counts"] = {4};
  EXPECT_THROW(run("RandomClasses", setup, {numbers(rows, {8, 1}), numbers(priors, {3})}), std::invalid_argument);
}

}  // namespace
}  // namespace slipway::ops
