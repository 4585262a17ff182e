#include "slipway/tensor/schema.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace slipway {
namespace {

Schema people() {
  Schema s;
  s.kind = "classifier";
  s.features.resize(3);
  s.features[0].name = "age";
  s.features[0].input = "numbers";
  s.features[0].column = 1;
  s.features[0].nullable = true;
  s.features[0].infinite = true;
  s.features[0].typical = 40.5;
  s.features[0].min = 18;
  s.features[0].max = 99;
  s.features[1].name = "income";
  s.features[1].input = "numbers";
  s.features[2].name = "city";
  s.features[2].type = FeatureType::text;
  s.features[2].input = "texts";
  s.features[2].categories = {"Oslo", "Bergen"};
  s.features[2].closed = true;
  s.inputs = {Port{"numbers", DType::float64, {-1, 2}}, Port{"texts", DType::string, {-1, 1}}};
  s.outputs = {{"label", DType::int64, {-1}}, {"probabilities", DType::float64, {-1, 2}}};
  s.named_features = s.batched = s.rows_independent = true;
  s.classes = {0, 1};
  return s;
}

std::string refusal(const Schema& s) {
  const auto r = Schema::from_json(s.to_json());
  return r.ok() ? "" : r.error().detail();
}

TEST(Schema, SurvivesTheRoundTripThroughJson) {
  const Schema s = people();
  const auto text = s.to_json().dump();
  const auto back = Schema::from_json(json::parse(text).value());
  ASSERT_TRUE(back.ok()) << back.error().detail();
  EXPECT_EQ(back->to_json().dump(), text);
  EXPECT_TRUE(back->features[0].infinite);
  EXPECT_FALSE(back->features[1].infinite);  // not said: not taken
}

TEST(Schema, RefusesFeaturesThatDontFitTheirInputs) {
  Schema s = people();
  s.features[0].column = 2;
  EXPECT_NE(refusal(s).find("column out of range"), std::string::npos);
  s = people();
  s.features[0].column = 0;
  EXPECT_NE(refusal(s).find("another feature's"), std::string::npos);
  s = people();
  s.features[0].input = "elsewhere";
  EXPECT_NE(refusal(s).find("not there"), std::string::npos);
  s = people();
  s.features[2].infinite = true;
  EXPECT_NE(refusal(s).find("infinite"), std::string::npos);
  s = people();
  s.features[1].name = "age";
  EXPECT_NE(refusal(s).find("twice"), std::string::npos);
  s = people();
  s.features.pop_back();
  EXPECT_NE(refusal(s).find("belong to no feature"), std::string::npos);
  s = people();
  s.features[2].type = FeatureType::number;
  EXPECT_NE(refusal(s).find("text goes with text"), std::string::npos);
}

TEST(Schema, RefusesPortsOutOfBounds) {
  Schema s = people();
  s.inputs[0].name = std::string(600, 'n');
  EXPECT_NE(refusal(s), "");
  s = people();
  s.outputs[1].shape = Shape(9, 1);
  EXPECT_NE(refusal(s), "");
  s = people();
  s.outputs[1].shape = {-1, -2};
  EXPECT_NE(refusal(s), "");
  s = people();
  s.outputs[1].shape = {3, 2};
  EXPECT_NE(refusal(s).find("row dimension"), std::string::npos);
  s = people();
  s.inputs[1].name = "numbers";
  EXPECT_NE(refusal(s).find("twice"), std::string::npos);
  s = people();
  s.outputs.clear();
  EXPECT_NE(refusal(s), "");
}

TEST(Schema, RefusesUnknownMembersAndKinds) {
  for (const char* text : {"{}", "[]", "null", R"({"kind":1,"inputs":[],"outputs":[]})",
                           R"({"kind":"graph","inputs":[],"outputs":[{"name":"y","dtype":"float32","shape":[]}],"extra":1})",
                           R"({"kind":"graph","inputs":[],"outputs":[{"name":"y","dtype":"floaty","shape":[]}]})",
                           R"({"kind":"graph","inputs":[],"outputs":[{"name":"y","dtype":"float32","shape":[1.5]}]})"}) {
    EXPECT_FALSE(Schema::from_json(json::parse(text).value()).ok()) << text;
  }
}

TEST(Tensor, CountsElementsWithoutOverflow) {
  EXPECT_EQ(element_count(Shape{}), 1U);
  EXPECT_EQ(element_count(Shape{2, 0, 3}), 0U);
  EXPECT_EQ(element_count(Shape{-1}), std::nullopt);
  EXPECT_EQ(element_count(Shape{1LL << 40, 1LL << 40}), std::nullopt);
}

TEST(Tensor, ConvertsHalvesBothWays) {
  for (unsigned bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float f = half_to_float(half);
    if (std::isnan(f)) {
      EXPECT_TRUE(std::isnan(half_to_float(float_to_half(f))));
    } else {
      ASSERT_EQ(float_to_half(f), half) << bits;
    }
  }
  EXPECT_EQ(half_to_float(0x3c00), 1.0F);
  EXPECT_EQ(half_to_float(0x0001), std::ldexp(1.0F, -24));
  EXPECT_EQ(half_to_float(0xfbff), -65504.0F);
  EXPECT_EQ(float_to_half(65520.0F), 0x7c00);
  EXPECT_EQ(float_to_half(65519.0F), 0x7bff);
  EXPECT_EQ(float_to_half(std::ldexp(1.0F, -25)), 0);
  EXPECT_EQ(float_to_half(std::ldexp(1.5F, -25)), 1);
}

TEST(Tensor, NamesItsTypesInBothNamings) {
  EXPECT_EQ(dtype_from_name("FP64"), DType::float64);
  EXPECT_EQ(dtype_from_name("bfloat16"), DType::bfloat16);
  EXPECT_EQ(dtype_from_name("undefined"), std::nullopt);
  EXPECT_EQ(dtype_name(static_cast<DType>(77)), "undefined");
}

}  // namespace
}  // namespace slipway
