// Kernels of columns, sparse tables and documents: known values from scikit-learn, and what a hostile graph may give them.
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "slipway/ops/kernel.hpp"

namespace slipway::ops {
namespace {

struct Value {
  Type type = Type::float64;
  std::vector<std::int64_t> shape;
  std::vector<double> doubles;
  std::vector<std::int64_t> ints;
  std::vector<std::string> texts;
};
Value numbers(std::vector<std::int64_t> shape, std::vector<double> v) { return {Type::float64, std::move(shape), std::move(v), {}, {}}; }
Value whole(std::vector<std::int64_t> v) { return {Type::int64, {static_cast<std::int64_t>(v.size())}, {}, std::move(v), {}}; }
Value texts(std::vector<std::string> v) { return {Type::text, {static_cast<std::int64_t>(v.size())}, {}, {}, std::move(v)}; }

In view(const Value& v) {
  In in;
  in.present = true;
  in.type = v.type;
  in.shape = v.shape;
  in.data = v.type == Type::float64 ? static_cast<const void*>(v.doubles.data()) : v.ints.data();
  in.texts.assign(v.texts.begin(), v.texts.end());
  return in;
}

struct Attributes {
  std::map<std::string, std::int64_t> integers;
  std::map<std::string, std::string> texts;
  std::map<std::string, std::vector<std::int64_t>> lists;
};

class FakeSetup final : public Setup {
 public:
  FakeSetup(const Attributes& attributes, const std::vector<Value>& inputs) : attributes_(attributes), inputs_(inputs) {}
  std::int64_t integer(const char* name, std::int64_t otherwise) const override {
    const auto found = attributes_.integers.find(name);
    return found == attributes_.integers.end() ? otherwise : found->second;
  }
  std::string text(const char* name, std::string_view otherwise) const override {
    const auto found = attributes_.texts.find(name);
    return found == attributes_.texts.end() ? std::string(otherwise) : found->second;
  }
  std::vector<std::int64_t> integers(const char* name) const override {
    const auto found = attributes_.lists.find(name);
    return found == attributes_.lists.end() ? std::vector<std::int64_t>() : found->second;
  }
  In constant(std::size_t i) const override { return i < inputs_.size() ? view(inputs_[i]) : In(); }

 private:
  const Attributes& attributes_;
  const std::vector<Value>& inputs_;
};

class Kept final : public Outs {
 public:
  std::vector<Value> values = std::vector<Value>(4);
  std::span<double> doubles(std::size_t i, std::vector<std::int64_t> shape) override {
    values[i].doubles.resize(count(shape));
    values[i].shape = std::move(shape);
    return values[i].doubles;
  }
  std::span<std::int64_t> ints(std::size_t i, std::vector<std::int64_t> shape) override {
    values[i].ints.resize(count(shape));
    values[i].shape = std::move(shape);
    return values[i].ints;
  }
  std::span<bool> booleans(std::size_t, std::vector<std::int64_t>) override { return {}; }
  void texts(std::size_t i, std::vector<std::int64_t> shape, const std::vector<std::string>& v) override {
    values[i].shape = std::move(shape);
    values[i].texts = v;
  }
  void parallel(std::size_t n, const std::function<void(std::size_t)>& each) override {
    for (std::size_t i = 0; i < n; ++i) each(i);
  }

 private:
  static std::size_t count(const std::vector<std::int64_t>& shape) {
    std::size_t n = 1;
    for (const auto d : shape) n *= static_cast<std::size_t>(d);
    return n;
  }
};

std::vector<Value> run(std::string_view name, const std::vector<Value>& inputs, const Attributes& attributes = {}) {
  for (const Implementation& op : implementations()) {
    if (op.op.name != name) continue;
    const auto kernel = op.make(FakeSetup(attributes, inputs));
    std::vector<In> in;
    for (const Value& v : inputs) in.push_back(view(v));
    Kept kept;
    kernel->compute(in, kept);
    return kept.values;
  }
  throw std::logic_error("no such operator");
}

TEST(FeatureKernels, DigitizeCountsEdgesNotAbove) {
  const auto y = run("Digitize", {numbers({2, 2}, {0.5, 7, 1, 2}), numbers({3}, {1, 2, 5})}, {{}, {}, {{"counts", {2, 1}}}});
  EXPECT_EQ(y[0].doubles, (std::vector<double>{0, 1, 1, 0}));
  EXPECT_THROW(run("Digitize", {numbers({1, 2}, {1, 2}), numbers({3}, {1, 2, 5})}, {{}, {}, {{"counts", {2, 2}}}}), std::invalid_argument);
  EXPECT_THROW(run("Digitize", {numbers({1, 1}, {1}), numbers({3}, {1, 2, 5})}, {{}, {}, {{"counts", {-3}}}}), std::invalid_argument);
}

TEST(FeatureKernels, QuantilesTakeTheMiddleOfTies) {
  const Value quantiles = numbers({4, 1}, {0, 1, 1, 2}), references = numbers({4}, {0, 1.0 / 3, 2.0 / 3, 1});
  const auto y = run("QuantileTransform", {numbers({5, 1}, {-1, 0, 1, 1.5, 9}), quantiles, references});
  EXPECT_DOUBLE_EQ(y[0].doubles[0], 0);
  EXPECT_DOUBLE_EQ(y[0].doubles[2], 0.5);
  EXPECT_DOUBLE_EQ(y[0].doubles[3], 5.0 / 6);
  EXPECT_DOUBLE_EQ(y[0].doubles[4], 1);
  const auto normal = run("QuantileTransform", {numbers({2, 1}, {-1, 9}), quantiles, references}, {{{"normal", 1}}, {}, {}});
  EXPECT_NEAR(normal[0].doubles[0], -5.199337582605575, 1e-9);
  EXPECT_NEAR(normal[0].doubles[1], 5.19933758270342, 1e-9);
}

TEST(FeatureKernels, SplinesSumToOneWithinTheirKnots) {
  const Value knots = numbers({8, 1}, {-2, -1, 0, 1, 2, 3, 4, 5});
  const auto y = run("SplineBasis", {numbers({2, 1}, {1.5, 3}), knots}, {{{"degree", 2}}, {{"extrapolation", "constant"}}, {}});
  ASSERT_EQ(y[0].shape, (std::vector<std::int64_t>{2, 5}));
  EXPECT_EQ(y[0].doubles, (std::vector<double>{0, 0.125, 0.75, 0.125, 0, 0, 0, 0, 0.5, 0.5}));
  EXPECT_THROW(run("SplineBasis", {numbers({1, 1}, {9}), knots}, {{{"degree", 2}}, {{"extrapolation", "error"}}, {}}), std::invalid_argument);
  EXPECT_THROW(run("SplineBasis", {numbers({1, 1}, {0}), numbers({3, 1}, {0, 1, 2})}, {{{"degree", 2}}, {}, {}}), std::invalid_argument);
  EXPECT_THROW(run("SplineBasis", {numbers({1, 4}, {0, 0, 0, 0}), numbers({2, 4}, {0, 0, 0, 0, 1, 1, 1, 1})},
                   {{{"degree", 0}}, {{"extrapolation", "linear"}}, {}}),
               std::invalid_argument);
  EXPECT_THROW(run("SplineBasis", {numbers({1, 1}, {0}), numbers({8, 1}, {0, 1, 2, 3, 4, 5, 6, std::nan("")})}), std::invalid_argument);
}

TEST(FeatureKernels, PowersAreStableWhereAsked) {
  const Value x = numbers({1, 3}, {1e-9, -1e-9, 3}), lambda = numbers({1, 3}, {0.5, 0.5, 0});
  const auto y = run("YeoJohnson", {x, lambda}, {{{"stable", 1}}, {}, {}});
  EXPECT_NEAR(y[0].doubles[0], 1e-9, 1e-18);
  EXPECT_DOUBLE_EQ(y[0].doubles[2], std::log1p(3));
  EXPECT_THROW(run("RequireAbove", {numbers({1, 1}, {0}), numbers({1}, {0})}), std::invalid_argument);
}

TEST(SparseKernels, RefusePartsThatDontFit) {
  const Value weights = numbers({2, 1}, {10, 100});
  EXPECT_EQ(run("SparseMatMul", {whole({0, 2, 2}), whole({0, 1}), numbers({2}, {1, 2}), weights})[0].doubles, (std::vector<double>{210, 0}));
  EXPECT_THROW(run("SparseMatMul", {whole({0, 1}), whole({2}), numbers({1}, {1}), weights}), std::invalid_argument);
  EXPECT_THROW(run("SparseMatMul", {whole({0, 1}), whole({-1}), numbers({1}, {1}), weights}), std::invalid_argument);
  EXPECT_THROW(run("SparseMatMul", {whole({0, 5}), whole({0}), numbers({1}, {1}), weights}), std::invalid_argument);
  EXPECT_THROW(run("SparseMatMul", {whole({0, 1, 0, 1}), whole({0}), numbers({1}, {1}), weights}), std::invalid_argument);
  EXPECT_THROW(run("SparseMatMul", {whole({}), whole({}), numbers({0}, {}), weights}), std::invalid_argument);
  EXPECT_THROW(run("SparseToDense", {whole({0, 1}), whole({3}), numbers({1}, {1})}, {{{"columns", 3}}, {}, {}}), std::invalid_argument);
}

TEST(SparseKernels, ChooseColumnsAndTellWhatIsNotStored) {
  const std::vector<Value> table{whole({0, 3, 3, 4}), whole({0, 2, 5, 2}), numbers({4}, {1, 2, 0, 4})};  // columns 0, 2, 5; none; 2
  const auto chosen = run("SparseColumns", {table[0], table[1], table[2], whole({5, 2, 7, 2})});
  EXPECT_EQ(chosen[0].ints, (std::vector<std::int64_t>{0, 3, 3, 5}));
  EXPECT_EQ(chosen[1].ints, (std::vector<std::int64_t>{0, 1, 3, 1, 3}));
  EXPECT_EQ(chosen[2].doubles, (std::vector<double>{0, 2, 2, 4, 4}));
  EXPECT_THROW(run("SparseColumns", {table[0], table[1], table[2], whole({-1})}), std::invalid_argument);
  const auto spread = run("SparseToDense", table, {{{"columns", 6}, {"gaps", 1}}, {}, {}})[0].doubles;
  EXPECT_EQ(spread[0], 1);
  EXPECT_TRUE(std::isnan(spread[1]));
  EXPECT_EQ(spread[5], 0);  // stored, and zero
  EXPECT_TRUE(std::isnan(spread[6]));
}

TEST(TextKernels, CountAndHash) {
  const auto counted = run("CountTerms", {texts({"b a b", ""}), texts({"a", "b"})}, {{}, {{"pattern", R"(\w+)"}}, {}});
  EXPECT_EQ(counted[0].ints, (std::vector<std::int64_t>{0, 2, 2}));
  EXPECT_EQ(counted[2].doubles, (std::vector<double>{1, 2}));
  EXPECT_THROW(run("CountTerms", {texts({"a"})}), std::invalid_argument);
  EXPECT_THROW(run("CountTerms", {texts({"a"}), texts({"a"})}, {{{"min_n", 2}}, {}, {}}), std::invalid_argument);
  const auto dict = run("CountItems", {texts({R"({"x": 2, "c": "r", "u": 1})"}), texts({"c=r", "x"})});
  EXPECT_EQ(dict[1].ints, (std::vector<std::int64_t>{0, 1}));
  EXPECT_EQ(dict[2].doubles, (std::vector<double>{1, 2}));
  EXPECT_THROW(run("CountItems", {texts({"[1]"}), texts({"a"})}), std::invalid_argument);
  EXPECT_EQ(run("DocumentKeys", {texts({"1", "[true]", "\"1\"", "null"})})[0].texts, (std::vector<std::string>{"n1", "n1", "s1", "null"}));
}

}  // namespace
}  // namespace slipway::ops
