// Complex numbers in networks: what they may be used for, and what is said where they may not.
#include <gtest/gtest.h>

#include "slipway/importers/torch/evaluator.hpp"
#include "slipway/importers/torch/inputs.hpp"
#include "slipway/importers/torch/operators.hpp"

namespace slipway::importers::torch {
namespace {

struct Rig {
  graph::Builder builder{"test"};
  Net net{builder, true};
  int inputs = 0;
  Any input(Dims dims) { return tensor(net.input("x" + std::to_string(inputs++), DType::float32, std::move(dims))); }
  Any call(std::string_view name, std::vector<Any> given) {
    const auto result = call_operator(net, name, {std::move(given), {}});
    if (!result.ok()) ADD_FAILURE() << result.error().detail();
    return result.ok() ? *result : Any();
  }
  std::string shape_of(const Any& a) {
    const auto* t = a.as<TensorRef>();
    const auto* both = a.as<ComplexRef>();
    if (t == nullptr && both == nullptr) return "no tensor";
    return neural::dims_text((t != nullptr ? *t : (*both)->real)->content().dims);
  }
};

TEST(TorchComplex, TransformsHaveTheSizesThatTorchGives) {
  Rig rig;
  const Any x = rig.input({rig.net.symbol(), 6, 10});
  EXPECT_EQ(rig.shape_of(rig.call("fft_fft", {x})), "[?, 6, 10]");
  EXPECT_EQ(rig.shape_of(rig.call("fft_rfft2", {x})), "[?, 6, 6]");
  EXPECT_EQ(rig.shape_of(rig.call("fft_rfft", {x, Any(7), Any(1)})), "[?, 4, 10]");
  EXPECT_EQ(rig.shape_of(rig.call("fft_irfft", {rig.call("fft_rfft", {x})})), "[?, 6, 10]");
  EXPECT_EQ(rig.shape_of(rig.call("fft_irfft", {x, Any(9)})), "[?, 6, 9]");
  EXPECT_EQ(rig.shape_of(rig.call("view_as_real", {rig.call("fft_fft", {x})})), "[?, 6, 10, 2]");
}

TEST(TorchComplex, PartsAreReshapedAndJoinedTogether) {
  Rig rig;
  const Any x = rig.input({2, 6}), f = rig.call("fft_fft", {x});
  EXPECT_EQ(rig.shape_of(rig.call("reshape", {f, list({Any(3), Any(4)})})), "[3, 4]");
  const Any joined = rig.call("cat", {list({f, x}), Any(1)});  // of real numbers the imaginary parts are 0
  EXPECT_NE(joined.as<ComplexRef>(), nullptr);
  EXPECT_EQ(rig.shape_of(joined), "[2, 12]");
  EXPECT_NE(rig.call("abs", {joined}).as<TensorRef>(), nullptr);
}

TEST(TorchComplex, WhatDoesNotKnowComplexNumbersSaysSo) {
  Rig rig;
  const Any f = rig.call("fft_fft", {rig.input({2, 6})});
  for (const std::string_view name : {"relu", "sigmoid", "linear", "fft_rfft"}) {
    const auto result = call_operator(rig.net, name, {{f, f}, {}});
    ASSERT_FALSE(result.ok()) << name;
    EXPECT_NE(result.error().detail().find("complex"), std::string::npos) << result.error().detail();
  }
  std::vector<OutputPort> out;
  const Status answer = collect_outputs(rig.net, f, "output", out);
  ASSERT_FALSE(answer.ok());
  EXPECT_NE(answer.error().detail().find("view_as_real"), std::string::npos) << answer.error().detail();
}

TEST(TorchComplex, ALengthWithoutFactorsIsRefusedWhereNoMatrixWillDo) {
  Rig rig;
  const auto result = call_operator(rig.net, "fft_fft", {{rig.input({1, 10'007})}, {}});  // a prime number
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.error().detail().find("10007"), std::string::npos) << result.error().detail();
  EXPECT_EQ(rig.shape_of(rig.call("fft_fft", {rig.input({1, 10'000})})), "[1, 10000]");
}

TEST(TorchFiles, WeightsThatWereNotSavedAreMissedByName) {
  Rig rig;
  const auto quantized = call_operator(rig.net, "quantize_per_tensor", {{rig.input({2, 6}), Any(0.1), Any(0), Any(13)}, {}});
  ASSERT_FALSE(quantized.ok());
  EXPECT_NE(quantized.error().detail().find("before it was quantized"), std::string::npos) << quantized.error().detail();
  const auto result = call_operator(rig.net, "ConstantMKLDNNTensor", {});
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.error().detail().find("torch.jit.freeze"), std::string::npos) << result.error().detail();
}

TEST(TorchFiles, WholeNumbersAreMultipliedWithNoOthers) {
  Rig rig;
  const Any ids = tensor(rig.net.input("ids", DType::int64, {2, 6})), weight = tensor(rig.net.constant(Tensor(DType::float32, {3, 6})));
  EXPECT_FALSE(call_operator(rig.net, "linear", {{ids, weight}, {}}).ok());
  EXPECT_TRUE(call_operator(rig.net, "matmul", {{ids, rig.call("t", {ids})}, {}}).ok());
}

}  // namespace
}  // namespace slipway::importers::torch
