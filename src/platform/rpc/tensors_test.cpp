#include "slipway/platform/rpc/tensors.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <inference.pb.h>

#include "slipway/platform/rpc/status.hpp"

namespace slipway::rpc {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

pb::ModelInferRequest::InferInputTensor& add_input(pb::ModelInferRequest& m, const std::string& type, std::vector<std::int64_t> shape) {
  auto& input = *m.add_inputs();
  input.set_name("x");
  input.set_datatype(type);
  input.mutable_shape()->Assign(shape.begin(), shape.end());
  return input;
}

// Reads a message of one input, and writes what was read as the output "x" of the same form.
pb::ModelInferResponse round(pb::ModelInferRequest message) {
  auto wish = read_request(message, {});
  EXPECT_TRUE(wish.ok()) << wish.error().detail();
  const Tensor tensor = std::move(wish->request.inputs.at(0).tensor);
  Schema schema;
  schema.outputs.push_back({"x", tensor.dtype(), tensor.shape()});
  pb::ModelInferResponse out;
  EXPECT_TRUE(write_answer(out, *wish, schema, std::span(&tensor, 1)).ok());
  return out;
}

std::string refusal(pb::ModelInferRequest message, std::string* pointer = nullptr) {
  const auto wish = read_request(message, {.rows_max = 100, .bytes_max = 1 << 20});
  if (wish.ok()) return "";
  if (pointer != nullptr && !wish.error().fields().empty()) *pointer = wish.error().fields()[0].pointer;
  return wish.error().detail();
}

TEST(RpcTensors, ContentsOfEveryTypeGoInAndOut) {
  const auto with = [](const std::string& type, auto fill) {
    pb::ModelInferRequest m;
    fill(*add_input(m, type, {2}).mutable_contents());
    const pb::ModelInferResponse out = round(m);
    EXPECT_EQ(out.outputs(0).datatype(), type);
    EXPECT_EQ(out.raw_output_contents_size(), 0);
    EXPECT_EQ(out.outputs(0).contents().SerializeAsString(), m.inputs(0).contents().SerializeAsString()) << type;
  };
  for (const char* type : {"INT8", "INT16", "INT32"}) with(type, [](auto& c) { c.add_int_contents(-128), c.add_int_contents(127); });
  for (const char* type : {"UINT8", "UINT16", "UINT32"}) with(type, [](auto& c) { c.add_uint_contents(0), c.add_uint_contents(255); });
  with("BOOL", [](auto& c) { c.add_bool_contents(true), c.add_bool_contents(false); });
  with("INT64", [](auto& c) { c.add_int64_contents(INT64_MIN), c.add_int64_contents(INT64_MAX); });
  with("UINT64", [](auto& c) { c.add_uint64_contents(1), c.add_uint64_contents(UINT64_MAX); });
  with("FP32", [](auto& c) { c.add_fp32_contents(1.5F), c.add_fp32_contents(-0.0F); });
  with("FP64", [](auto& c) { c.add_fp64_contents(0.1), c.add_fp64_contents(-1e300); });
  with("BYTES", [](auto& c) { c.add_bytes_contents("a"), c.add_bytes_contents(""); });
}

TEST(RpcTensors, RawGoesInAndOut) {
  pb::ModelInferRequest m;
  add_input(m, "FP16", {1, 2});
  m.add_raw_input_contents(std::string("\x00\x3c\x00\xbc", 4));
  const pb::ModelInferResponse out = round(m);
  EXPECT_FALSE(out.outputs(0).has_contents());
  ASSERT_EQ(out.raw_output_contents_size(), 1);
  EXPECT_EQ(out.raw_output_contents(0), m.raw_input_contents(0));
  EXPECT_THAT(out.outputs(0).shape(), ElementsAre(1, 2));
}

TEST(RpcTensors, ParametersAreRead) {
  pb::ModelInferRequest m;
  add_input(m, "INT64", {1}).mutable_contents()->add_int64_contents(1);
  (*m.mutable_parameters())["priority"].set_uint64_param(1);
  (*m.mutable_parameters())["timeout"].set_int64_param(2'000'000);
  auto& output = *m.add_outputs();
  output.set_name("y");
  (*output.mutable_parameters())["classification"].set_int64_param(3);
  const auto wish = read_request(m, {});
  ASSERT_TRUE(wish.ok());
  EXPECT_EQ(wish->request.priority, 1U);
  EXPECT_EQ(wish->request.timeout_us, 2'000'000U);
  EXPECT_EQ(wish->request.outputs.at(0).classification, 3U);
  (*m.mutable_parameters())["timeout"].set_int64_param(-1);
  EXPECT_THAT(refusal(m), HasSubstr("whole number"));
}

TEST(RpcTensors, WhatDoesntFitIsRefusedByItsPlace) {
  pb::ModelInferRequest m;
  EXPECT_THAT(refusal(m), HasSubstr("no inputs"));
  auto& input = add_input(m, "INT8", {2});
  input.mutable_contents()->add_int_contents(1);
  std::string pointer;
  EXPECT_THAT(refusal(m, &pointer), HasSubstr("has 1 values"));
  EXPECT_EQ(pointer, "#/inputs/0/contents");
  input.mutable_contents()->add_int_contents(128);
  EXPECT_THAT(refusal(m, &pointer), HasSubstr("outside of its datatype"));
  EXPECT_EQ(pointer, "#/inputs/0/contents/1");
  input.mutable_contents()->add_fp32_contents(1);
  EXPECT_THAT(refusal(m), HasSubstr("another datatype"));
  m.add_raw_input_contents("ab");
  EXPECT_THAT(refusal(m), HasSubstr("one or the other"));
  input.clear_contents();
  EXPECT_EQ(refusal(m), "");
  m.add_raw_input_contents("ab");
  EXPECT_THAT(refusal(m), HasSubstr("2 entries for 1 inputs"));
  m.mutable_raw_input_contents()->RemoveLast();
  input.set_shape(0, 3);
  refusal(m, &pointer);
  EXPECT_EQ(pointer, "#/inputs/0");
  input.set_shape(0, -1);
  refusal(m, &pointer);
  EXPECT_EQ(pointer, "#/inputs/0/shape");
  input.set_shape(0, 2);
  input.set_datatype("int8");
  EXPECT_THAT(refusal(m), HasSubstr("not known"));
  input.set_datatype("FP16");
  m.clear_raw_input_contents();
  EXPECT_THAT(refusal(m), HasSubstr("raw_input_contents"));
  (*input.mutable_parameters())["shared_memory_region"].set_string_param("r");
  EXPECT_THAT(refusal(m), HasSubstr("shared memory"));
}

TEST(RpcTensors, TextsAreUtf8) {
  pb::ModelInferRequest m;
  add_input(m, "BYTES", {1}).mutable_contents()->add_bytes_contents("\xff");
  EXPECT_THAT(refusal(m), HasSubstr("UTF-8"));
}

TEST(RpcTensors, AMessageThatSwellsIsRefusedBeforeItIsRead) {
  pb::ModelInferRequest fair;
  for (int i = 0; i < 10'000; ++i) {
    if (i == 0) add_input(fair, "FP64", {10'000});
    fair.mutable_inputs(0)->mutable_contents()->add_fp64_contents(i);
  }
  EXPECT_TRUE(check_wire_size(fair.SerializeAsString(), 100'000).ok());

  pb::ModelInferRequest texts;
  auto& contents = *add_input(texts, "BYTES", {100'000}).mutable_contents();
  for (int i = 0; i < 100'000; ++i) contents.add_bytes_contents("");
  EXPECT_LT(texts.ByteSizeLong(), 250'000U);
  EXPECT_FALSE(check_wire_size(texts.SerializeAsString(), 1 << 20).ok());

  pb::ModelInferRequest inputs;
  for (int i = 0; i < 100'000; ++i) inputs.add_inputs();
  EXPECT_FALSE(check_wire_size(inputs.SerializeAsString(), 1 << 20).ok());

  for (const char* broken : {"\x2a\xff", "\x2a\x05\x2a\xff\xff\xff\xff", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "\x0b"})
    EXPECT_TRUE(check_wire_size(broken, 1 << 20).ok());  // the parser says what it is
}

TEST(RpcStatus, ErrorsHaveGrpcsNumbers) {
  EXPECT_STREQ(status_name(status_code(ErrorCode::not_found)), "NOT_FOUND");
  EXPECT_STREQ(status_name(status_code(ErrorCode::invalid_input)), "INVALID_ARGUMENT");
  EXPECT_STREQ(status_name(status_code(ErrorCode::too_large)), "INVALID_ARGUMENT");
  EXPECT_STREQ(status_name(status_code(ErrorCode::overloaded)), "RESOURCE_EXHAUSTED");
  EXPECT_STREQ(status_name(status_code(ErrorCode::rate_limited)), "RESOURCE_EXHAUSTED");
  EXPECT_STREQ(status_name(status_code(ErrorCode::unauthenticated)), "UNAUTHENTICATED");
  EXPECT_STREQ(status_name(status_code(ErrorCode::forbidden)), "PERMISSION_DENIED");
  EXPECT_STREQ(status_name(status_code(ErrorCode::deadline_exceeded)), "DEADLINE_EXCEEDED");
  EXPECT_STREQ(status_name(status_code(ErrorCode::model_not_ready)), "UNAVAILABLE");
  EXPECT_STREQ(status_name(status_code(ErrorCode::not_implemented)), "UNIMPLEMENTED");
  EXPECT_THAT(trailers_of(Error(ErrorCode::overloaded, "full").retry_after(2)), ElementsAre(std::pair<std::string, std::string>("retry-after", "2")));
}

}  // namespace
}  // namespace slipway::rpc
