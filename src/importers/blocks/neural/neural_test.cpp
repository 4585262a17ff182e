#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "slipway/importers/blocks/neural/convolution.hpp"
#include "slipway/importers/blocks/neural/dense.hpp"
#include "slipway/importers/blocks/neural/elementwise.hpp"
#include "slipway/importers/blocks/neural/pooling.hpp"
#include "slipway/importers/blocks/neural/recurrent.hpp"
#include "slipway/importers/blocks/neural/scan.hpp"
#include "slipway/importers/blocks/neural/shapes.hpp"

namespace slipway::importers::neural {
namespace {

struct Rig {
  graph::Builder builder{"test"};
  Net net{builder};
  Value input(Dims dims, DType dtype = DType::float32) { return net.input("x" + std::to_string(next++), dtype, std::move(dims)); }
  Value weight(Shape shape) { return net.constant(Tensor(DType::float32, std::move(shape))); }
  int next = 0;
};

std::size_t nodes_of(Rig& rig, const Value& v, std::string_view op) {
  rig.net.output("y", v);
  const graph::Model m = rig.builder.finish();
  std::size_t count = 0;
  for (const graph::Node& n : m.graph.nodes) count += n.op == op ? 1 : 0;
  return count;
}

TEST(NeuralSizes, ProductsOfUnknownSizesCancel) {
  Rig rig;
  const Dim n = rig.net.symbol(), h = rig.net.symbol();
  const Dim both = rig.net.mul(rig.net.mul(n, h), 6);
  EXPECT_EQ(rig.net.mul(h, rig.net.mul(6, n)), both);
  EXPECT_EQ(rig.net.quotient(both, n), rig.net.mul(h, 6));
  EXPECT_EQ(rig.net.quotient(both, both), Dim(1));
  EXPECT_EQ(rig.net.quotient(both, 4), std::nullopt);
  EXPECT_EQ(rig.net.floor_div(-7, 2), Dim(-4));
}

TEST(NeuralSizes, WindowsOfSizesThatCannotBeCountedAreRefused) {
  Rig rig;
  constexpr std::int64_t kHuge = std::numeric_limits<std::int64_t>::max();
  EXPECT_FALSE(window_size(rig.net, 8, 3, 1, kHuge, 0, 0, false, "test").ok());
  EXPECT_FALSE(window_size(rig.net, 8, 3, 1, 1, kHuge, kHuge, false, "test").ok());
  EXPECT_FALSE(window_size(rig.net, rig.net.symbol(), 3, kHuge, 1, 0, 0, true, "test").ok());
}

TEST(NeuralSizes, ABoundThatCountsFromTheEndIsNoSize) {
  Rig rig;
  const Dim n = rig.net.symbol(), k = rig.net.symbol();
  const Value x = rig.input({n, 4});
  EXPECT_EQ(slice(rig.net, x, 0, 0, k)->dims[0], k);
  const Dim rest = slice(rig.net, x, 0, 0, rig.net.sub(0, k))->dims[0];  // x[:-k]
  EXPECT_FALSE(rest.known());
  EXPECT_NE(rest, rig.net.sub(0, k));
}

TEST(NeuralSizes, SumsOfOneUnknownSizeAreSolved) {
  Rig rig;
  Net& net = rig.net;
  const Dim n = net.symbol(), h = net.symbol();
  const Dim four = net.mul(net.add(net.mul(n, 2), 1), 4);  // 4 (2 n + 1)
  EXPECT_EQ(net.solve(four, 28), std::pair(n, std::int64_t{3}));
  EXPECT_EQ(net.solve(four, 30), std::nullopt);
  EXPECT_EQ(net.solve(net.sub(10, n), 4), std::pair(n, std::int64_t{6}));
  EXPECT_EQ(net.solve(net.sub(net.add(n, h), n), 5), std::pair(h, std::int64_t{5}));
  EXPECT_EQ(net.solve(net.add(n, h), 5), std::nullopt);
  EXPECT_EQ(net.solve(net.mul(n, h), 6), std::nullopt);
}

TEST(NeuralSizes, AQuotientIsSolvedWithoutARestWhereAGuessWillDo) {
  Rig rig;
  Net& net = rig.net;
  const Dim n = net.symbol();
  const Dim half = net.add(net.floor_div(net.add(n, 2), 2), 1);
  EXPECT_EQ(net.solve(half, 6, true), std::pair(n, std::int64_t{8}));
  const auto unsure = net.solve(half, 6);
  ASSERT_TRUE(unsure.has_value());
  EXPECT_FALSE(unsure->first == n);
}

TEST(NeuralSizes, SumsThatDoubleWithoutEndAreNotSolved) {
  Rig rig;
  Dim d = rig.net.symbol();
  for (int i = 0; i < 62; ++i) d = rig.net.add(d, d);
  EXPECT_EQ(rig.net.solve(d, 1 << 20), std::nullopt);
}

TEST(NeuralSizes, WhatIsTakenForGrantedInAGraphInsideIsSoOutside) {
  Rig rig;
  const Dim n = rig.net.symbol(), h = rig.net.symbol();
  rig.input({n, h});
  graph::Builder builder = rig.builder.inside();
  Net inside(builder, rig.net);
  const Dim own = inside.symbol();
  EXPECT_TRUE(inside.require(n, 3, "a state of three").ok());
  EXPECT_EQ(inside.outside(inside.mul(n, h)), rig.net.mul(n, h));
  EXPECT_FALSE(inside.outside(own).known());
  EXPECT_TRUE(inside.leave().ok());
  ASSERT_EQ(rig.net.assumptions().size(), 1U);
  EXPECT_EQ(rig.net.assumptions()[0].dim, n);
}

TEST(NeuralSizes, TwoSizesThatNothingSaysAreEqualAreAGuess) {
  Rig rig;
  const Dim n = rig.net.symbol(), h = rig.net.symbol();
  const Value x = rig.input({n, 4}), y = rig.input({h, 4});
  EXPECT_TRUE(add(rig.net, x, x).ok());
  EXPECT_EQ(rig.net.guesses(), 0U);
  EXPECT_TRUE(add(rig.net, x, y).ok());
  EXPECT_EQ(rig.net.guesses(), 1U);
}

TEST(NeuralShapes, ADimensionTooManyIsNoReshape) {
  Rig rig;
  const Dim n = rig.net.symbol(), h = rig.net.symbol();
  EXPECT_FALSE(reshape(rig.net, rig.input({n, h, 4}), {n, 4}).ok());
}

TEST(NeuralDense, EinsumsDotsStandForTheDimensionsInFront) {
  Rig rig;
  const Dim n = rig.net.symbol();
  const Value x = rig.input({n, 2, 3, 4}), y = rig.input({2, 5, 4});
  EXPECT_EQ(dims_text(einsum(rig.net, "...ij,...kj->...ik", {x, y}).value().dims), "[?, 2, 3, 5]");
  EXPECT_EQ(dims_text(einsum(rig.net, "...ij->...ji", {x}).value().dims), "[?, 2, 4, 3]");
}

TEST(NeuralNet, DoubleIsSingleWhereTheEngineHasNoOther) {
  Rig rig;
  const Value x = rig.input({1, 2, 8}, DType::float64);
  Convolution c;
  c.strides = c.dilations = {1};
  const Value y = convolve(rig.net, x, rig.weight({3, 2, 3}), std::nullopt, c).value();
  EXPECT_EQ(y.dtype(), DType::float64);
  EXPECT_EQ(nodes_of(rig, y, "Cast"), 2U);
}

TEST(NeuralShapes, ReshapeInfersWhatTheRowsLeave) {
  Rig rig;
  const Dim n = rig.net.symbol();
  const Value x = rig.input({n, 3, 4});
  const Value flat = reshape(rig.net, x, {n, -1}).value();
  EXPECT_EQ(flat.dims, (Dims{n, 12}));
  const Value rows = reshape(rig.net, x, {-1, 12}).value();
  EXPECT_EQ(rows.dims, (Dims{n, 12}));
  EXPECT_FALSE(reshape(rig.net, x, {-1, 5, -1}).ok());
  EXPECT_EQ(nodes_of(rig, flat, "Shape"), 0U) << "a constant shape says it all";
}

TEST(NeuralShapes, ReshapeToAnImpossibleSizeSaysBothShapes) {
  Rig rig;
  const Value x = rig.input({2, 3});
  const auto r = reshape(rig.net, x, {4});
  ASSERT_FALSE(r.ok());
  EXPECT_EQ(r.error().detail(), "reshape: [2, 3] can't become [4]");
}

TEST(NeuralShapes, FlatteningUnknownSizesLeavesAnAssumptionToLinear) {
  Rig rig;
  const Dim n = rig.net.symbol(), side = rig.net.symbol();
  const Value x = rig.input({n, 16, side, side});
  const Value flat = flatten(rig.net, x, 1, -1).value();
  ASSERT_TRUE(linear(rig.net, flat, rig.weight({10, 400}), std::nullopt).ok());
  ASSERT_EQ(rig.net.assumptions().size(), 1U);
  EXPECT_EQ(rig.net.assumptions()[0].value, 400);
  EXPECT_FALSE(linear(rig.net, flat, rig.weight({10, 300}), std::nullopt).ok()) << "400 and 300 can't both be";
}

TEST(NeuralConvolution, SizesFollowTheFormulaOfTheFrameworks) {
  Rig rig;
  const Value x = rig.input({rig.net.symbol(), 3, 224, 224});
  Convolution c;
  c.strides = {2, 2};
  c.dilations = {1, 1};
  c.padding.before = c.padding.after = {3, 3};
  const Value y = convolve(rig.net, x, rig.weight({64, 3, 7, 7}), std::nullopt, c).value();
  EXPECT_EQ(dims_text(y.dims), "[?, 64, 112, 112]");
  Pooling p;
  p.kernel = {3, 3};
  p.strides = {2, 2};
  p.dilations = {1, 1};
  p.ceil = true;
  EXPECT_EQ(dims_text(max_pool(rig.net, y, p).value().dims), "[?, 64, 56, 56]");
  c.padding = {Padding::Kind::same, {}, {}};
  EXPECT_EQ(dims_text(convolve(rig.net, y, rig.weight({8, 64, 3, 3}), std::nullopt, c).value().dims), "[?, 8, 56, 56]");
  const auto wrong_channels = convolve(rig.net, y, rig.weight({8, 32, 3, 3}), std::nullopt, c);
  ASSERT_FALSE(wrong_channels.ok());
  EXPECT_EQ(wrong_channels.error().detail(), "convolution: channels of the input: the size is 64, it must be 32");
}

TEST(NeuralConvolution, AWindowThatDoesNotFitIsRefused) {
  Rig rig;
  const Value x = rig.input({1, 1, 4, 4});
  Convolution c;
  c.strides = c.dilations = {1, 1};
  const auto r = convolve(rig.net, x, rig.weight({1, 1, 5, 5}), std::nullopt, c);
  ASSERT_FALSE(r.ok());
  EXPECT_EQ(r.error().detail(), "convolution: a window of 5 doesn't fit into 4");
}

TEST(NeuralConvolution, TheSameWindowOverTheSameUnknownSizeGivesTheSameSize) {
  Rig rig;
  const Dim side = rig.net.symbol();
  const Value x = rig.input({1, 3, side, side});
  Convolution c;
  c.strides = {2, 2};
  c.dilations = {1, 1};
  const Value a = convolve(rig.net, x, rig.weight({4, 3, 3, 3}), std::nullopt, c).value();
  const Value b = convolve(rig.net, x, rig.weight({4, 3, 3, 3}), std::nullopt, c).value();
  EXPECT_EQ(a.dims, b.dims);
  EXPECT_TRUE(add(rig.net, a, b).ok());
}

TEST(NeuralPooling, AdaptiveToOneIsGlobalOfAnySize) {
  Rig rig;
  const Dim side = rig.net.symbol();
  const Value x = rig.input({1, 3, side, side});
  EXPECT_EQ(dims_text(adaptive_pool(rig.net, x, {1, 1}, false).value().dims), "[1, 3, 1, 1]");
  EXPECT_EQ(dims_text(adaptive_pool(rig.net, x, {7, 7}, false).value().dims), "[1, 3, 7, 7]");
  EXPECT_EQ(dims_text(adaptive_pool(rig.net, x, {7, 5}, true).value().dims), "[1, 3, 7, 5]") << "the largest of windows that aren't known";
  const Value known = rig.input({1, 3, 10, 10});
  EXPECT_EQ(dims_text(adaptive_pool(rig.net, known, {7, 3}, false).value().dims), "[1, 3, 7, 3]");
}

TEST(NeuralElementwise, TypesArePromotedAsTorchDoes) {
  Rig rig;
  const Value f = rig.input({2}), i = rig.input({2}, DType::int64), b = rig.input({2}, DType::boolean);
  EXPECT_EQ(promoted(f, i), DType::float32);
  EXPECT_EQ(promoted(i, rig.net.number(1.5, DType::float64)), DType::float32);
  EXPECT_EQ(promoted(f, rig.net.number(1.5, DType::float64)), DType::float32);
  EXPECT_EQ(promoted(b, i), DType::int64);
  EXPECT_EQ(dims_text(broadcast(rig.net, {4, 1, 3}, {2, 1}, "t").value()), "[4, 2, 3]");
  EXPECT_FALSE(broadcast(rig.net, {4}, {3}, "t").ok());
}

TEST(NeuralRecurrent, GatesAreReorderedByBlocks) {
  const std::vector<float> values{1, 1, 2, 2, 3, 3, 4, 4};
  const Tensor t = Tensor::of<float>(DType::float32, {4, 2}, std::span<const float>(values));
  const Tensor out = gates_in_order(t, Cell::lstm, kLstmGates);
  const auto got = out.as<float>();
  EXPECT_EQ(std::vector<float>(got.begin(), got.end()), (std::vector<float>{1, 1, 4, 4, 2, 2, 3, 3}));
}

TEST(NeuralScan, KeepsTheSizesOfTheNetAroundItAndNamesOfItsOwn) {
  Rig rig;
  const Dim steps = rig.net.symbol(), rows = rig.net.symbol();
  const Value x = rig.input({steps, rows, 3}), start = rig.input({rows, 3});
  const auto sum = [](Net& body, const std::vector<Value>& state, const std::vector<Value>& now) -> Result<Step> {
    const Value next = TRY(add(body, state[0], now[0]));
    return Step{{next}, {next}};
  };
  const auto scanned = scan(rig.net, {start}, {x}, true, sum);
  ASSERT_TRUE(scanned.ok()) << scanned.error().detail();
  EXPECT_EQ(scanned->outputs.at(0).dims, (Dims{steps, rows, 3}));
  EXPECT_EQ(scanned->state.at(0).dims, (Dims{rows, 3}));
  rig.net.output("y", scanned->outputs[0]);
  const graph::Model m = rig.builder.finish();
  const auto scan_node = std::ranges::find(m.graph.nodes, "Scan", &graph::Node::op);
  ASSERT_NE(scan_node, m.graph.nodes.end());
  const auto& body = std::get<std::shared_ptr<const graph::Graph>>(scan_node->attributes.at(0).value);
  EXPECT_EQ(body->inputs.size(), 2U);
  for (const graph::Node& inner : body->nodes) {
    for (const graph::Node& outer : m.graph.nodes) EXPECT_NE(inner.outputs[0], outer.outputs[0]);
  }
  EXPECT_FALSE(scan(rig.net, {start}, {}, false, sum).ok());
}

TEST(NeuralShapes, TransposingAConstantMovesItsElements) {
  Rig rig;
  const std::vector<float> values{1, 2, 3, 4, 5, 6};
  const Value c = rig.net.constant(Tensor::of<float>(DType::float32, {2, 3}, std::span<const float>(values)));
  const Value t = swap_axes(rig.net, c, 0, 1).value();
  ASSERT_TRUE(t.constant());
  const auto got = t.content->as<float>();
  EXPECT_EQ(std::vector<float>(got.begin(), got.end()), (std::vector<float>{1, 4, 2, 5, 3, 6}));
}

TEST(NeuralShapes, SliceCountsAsPythonDoes) {
  Rig rig;
  const Value x = rig.input({10});
  const auto size = [&](Dim from, Dim to, std::int64_t step) { return slice(rig.net, x, 0, from, to, step).value().dims[0].value; };
  EXPECT_EQ(size(2, kEnd, 1), 8);
  EXPECT_EQ(size(-3, kEnd, 1), 3);
  EXPECT_EQ(size(0, -1, 2), 5);
  EXPECT_EQ(size(5, 2, 1), 0);
  EXPECT_EQ(size(-1, std::numeric_limits<std::int64_t>::min(), -1), 10);
  EXPECT_EQ(size(0, 100, 3), 4);
}

}  // namespace
}  // namespace slipway::importers::neural
