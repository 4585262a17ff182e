#include "slipway/tensor/answer_size.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "slipway/tensor/request_codec.hpp"

namespace slipway {
namespace {

constexpr std::uint64_t kNone = std::numeric_limits<std::uint64_t>::max();

Schema schema_of(const std::vector<Tensor>& outputs) {
  Schema s;
  for (std::size_t i = 0; i < outputs.size(); ++i) s.outputs.push_back({"output_" + std::to_string(i), outputs[i].dtype(), outputs[i].shape()});
  s.batched = s.rows_independent = true;
  return s;
}

std::vector<Tensor> extremes() {
  const std::vector<double> d = {-1.7976931348623157e308, -2.2250738585072014e-308, NAN, INFINITY, 0, 1.0 / 3, -5e-324, 123456789.123456789};
  Tensor f(DType::float32, {8}), b(DType::boolean, {8}), u(DType::uint64, {8}), i(DType::int64, {8});
  for (std::size_t k = 0; k < 8; ++k) {
    f.as<float>()[k] = k % 2 == 0 ? -std::numeric_limits<float>::max() / 3 : -std::numeric_limits<float>::denorm_min();
    u.as<std::uint64_t>()[k] = std::numeric_limits<std::uint64_t>::max() - k;
    i.as<std::int64_t>()[k] = std::numeric_limits<std::int64_t>::min() + static_cast<std::int64_t>(k);
  }
  const std::vector<std::string> texts = {"",   std::string(3, '\x01'),  "größer", "\"\\", std::string(kMissingText), "a",
                                          "\n", std::string(100, '\x1f')};
  return {doubles({8}, d), doubles({8, 1, 1}, d), f, b, u, i, Tensor::of_strings({8}, texts)};
}

TEST(AnswerSize, IsNeverLessThanWhatIsWritten) {
  const std::vector<Tensor> outputs = extremes();
  for (const Tensor& t : outputs) {
    std::string text;
    append_tensor(text, t);
    EXPECT_GE(json_size(t, kNone), text.size()) << dtype_name(t.dtype());
  }
  const Schema schema = schema_of(outputs);
  std::string text;
  append_predictions(text, schema, outputs, 8);
  EXPECT_GE(predictions_size(schema, outputs, 8, kNone), text.size());
  for (const bool binary : {false, true}) {
    oip::InferRequest request;
    request.binary_output = binary;
    const auto answer = oip::encode_answer(request, schema, outputs, "", "");
    ASSERT_TRUE(answer.ok());
    const std::size_t head = answer->json_bytes.value_or(0);
    const auto size = oip::answer_size(request, schema, outputs, oip::AnswerForm::json, kNone);
    ASSERT_TRUE(size.ok());
    if (binary) {
      EXPECT_GE(*size, answer->body.size() - head);
    } else {
      EXPECT_GE(*size + 200 * outputs.size(), answer->body.size()) << "names, types and shapes are not counted";
    }
  }
}

TEST(AnswerSize, IsCountedWhenTheEstimateIsTooLarge) {
  const Tensor zeros(DType::float64, {1000, 100});
  std::string text;
  append_tensor(text, zeros);
  EXPECT_GT(json_size(zeros, kNone), 2'000'000u) << "an estimate";
  const std::uint64_t counted = json_size(zeros, text.size() + 4000);
  EXPECT_GE(counted, text.size());
  EXPECT_LE(counted, text.size() + 4000);
  EXPECT_GT(json_size(zeros, text.size() - 1), text.size() - 1);
}

TEST(AnswerSize, KnowsWhatIsWanted) {
  std::vector<double> v(3000);
  std::iota(v.begin(), v.end(), 0.5);
  const std::vector<Tensor> outputs = {doubles({1000, 3}, v), Tensor(DType::int64, {1000})};
  const Schema schema = schema_of(outputs);
  oip::InferRequest request;
  const auto size = [&](oip::AnswerForm form) { return *oip::answer_size(request, schema, outputs, form, kNone); };
  EXPECT_EQ(size(oip::AnswerForm::raw_message), 32'000u);
  EXPECT_EQ(size(oip::AnswerForm::typed_message), 34'000u);
  request.outputs = {{"output_1", true, 0}};
  EXPECT_EQ(size(oip::AnswerForm::json), 8'000u);
  request.outputs = {{"output_0", true, 2}};
  const auto answer = oip::encode_answer(request, schema, outputs, "", "");
  ASSERT_TRUE(answer.ok());
  EXPECT_GE(size(oip::AnswerForm::json), answer->body.size() - *answer->json_bytes);
  request.outputs = {{"nothing", true, 0}};
  EXPECT_FALSE(oip::answer_size(request, schema, outputs, oip::AnswerForm::json, kNone).ok());
}

}  // namespace
}  // namespace slipway
