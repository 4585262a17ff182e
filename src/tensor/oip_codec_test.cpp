#include "slipway/tensor/oip_codec.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace slipway::oip {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const DecodeLimits kLimits;

Port port(std::string name, DType dtype, std::vector<std::int64_t> shape) { return {std::move(name), dtype, std::move(shape)}; }

Schema table() {  // age: number, city: text, in two inputs of the graph
  Schema s;
  s.kind = "classifier";
  s.features = {{.name = "age", .input = "numbers", .column = 0},
                {.name = "city", .type = FeatureType::text, .input = "texts", .column = 0},
                {.name = "height", .input = "numbers", .column = 1, .nullable = true}};
  s.inputs = {port("numbers", DType::float64, {-1, 2}), port("texts", DType::string, {-1, 1})};
  s.outputs = {port("label", DType::string, {-1}), port("probabilities", DType::float64, {-1, 3})};
  s.batched = s.rows_independent = true;
  for (const char* c : {"a", "b", "c"}) s.classes.emplace_back(c);
  return s;
}

Schema image() {
  Schema s;
  s.kind = "graph";
  s.inputs = {port("x", DType::float32, {-1, 2, 2})};
  s.outputs = {port("y", DType::float32, {-1, 2})};
  s.batched = s.rows_independent = true;
  return s;
}

Result<InferRequest> parse(std::string_view body, std::optional<std::size_t> json_bytes = std::nullopt) {
  return parse_request(SharedBytes(std::string(body)), json_bytes, kLimits);
}

std::string refusal(std::string_view body, std::optional<std::size_t> json_bytes = std::nullopt) {
  const auto r = parse(body, json_bytes);
  if (r.ok()) return "it was taken";
  std::string out = r.error().detail();
  for (const auto& f : r.error().fields()) out += " @" + f.pointer;
  return out;
}

template <class T>
std::string raw(std::vector<T> values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

TEST(Oip, ReadsNestedAndFlatDataInAnyOrderOfMembers) {
  for (const char* body : {R"({"id":"7","inputs":[{"name":"x","shape":[1,2,2],"datatype":"FP32","data":[1,2.5,-3,4]}]})",
                           R"({"inputs":[{"data":[[[1,2.5],[-3,4]]],"datatype":"FP32","shape":[1,2,2],"name":"x"}],"id":"7","unknown":{"a":[1]}})"}) {
    const auto r = parse(body);
    ASSERT_TRUE(r.ok()) << r.error().detail();
    EXPECT_EQ(r->id, "7");
    ASSERT_EQ(r->inputs.size(), 1U);
    EXPECT_EQ(r->inputs[0].name, "x");
    EXPECT_EQ(r->inputs[0].tensor.shape(), (Shape{1, 2, 2}));
    EXPECT_THAT(r->inputs[0].tensor.as<float>(), ElementsAre(1, 2.5F, -3, 4));
  }
}

TEST(Oip, ReadsEveryDatatypeAndParameter) {
  const auto r = parse(R"({"parameters":{"priority":1,"timeout":250000,"binary_data_output":true,"other":"x"},
    "inputs":[{"name":"b","shape":[2],"datatype":"BOOL","data":[true,0]},{"name":"i","shape":[1],"datatype":"INT64","data":[-9223372036854775808]},
              {"name":"u","shape":[1],"datatype":"UINT8","data":[255]},{"name":"t","shape":[2],"datatype":"BYTES","data":["é",""]},
              {"name":"d","shape":[3],"datatype":"FP64","data":[null,NaN,-Infinity]}],
    "outputs":[{"name":"label"},{"name":"p","parameters":{"binary_data":false,"classification":2}}]})");
  ASSERT_TRUE(r.ok()) << r.error().detail();
  EXPECT_EQ(r->priority, 1U);
  EXPECT_EQ(r->timeout_us, 250'000U);
  EXPECT_TRUE(r->binary_output);
  EXPECT_THAT(r->inputs[0].tensor.as<std::uint8_t>(), ElementsAre(1, 0));
  EXPECT_EQ(r->inputs[1].tensor.as<std::int64_t>()[0], INT64_MIN);
  EXPECT_EQ(r->inputs[2].tensor.as<std::uint8_t>()[0], 255);
  EXPECT_THAT(r->inputs[3].tensor.strings(), ElementsAre("é", ""));
  EXPECT_TRUE(std::isnan(r->inputs[4].tensor.as<double>()[0]));
  EXPECT_EQ(r->inputs[4].tensor.as<double>()[2], -INFINITY);
  EXPECT_EQ(r->outputs[0].binary, std::nullopt);
  EXPECT_EQ(r->outputs[1].binary, false);
  EXPECT_EQ(r->outputs[1].classification, 2U);
}

TEST(Oip, ReadsRawTensorsBehindTheJson) {
  const std::string json = R"({"inputs":[{"name":"x","shape":[1,2,2],"datatype":"FP32","parameters":{"binary_data_size":16}},)"
                           R"({"name":"n","shape":[1],"datatype":"INT32","data":[5]},)"
                           R"({"name":"t","shape":[2],"datatype":"BYTES","parameters":{"binary_data_size":11}}]})";
  const std::string body = json + raw<float>({1, 2, 3, 4}) + raw<std::uint32_t>({3}) + "abc" + raw<std::uint32_t>({0});
  const auto r = parse(body, json.size());
  ASSERT_TRUE(r.ok()) << r.error().detail();
  EXPECT_THAT(r->inputs[0].tensor.as<float>(), ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(r->inputs[1].tensor.as<std::int32_t>()[0], 5);
  EXPECT_THAT(r->inputs[2].tensor.strings(), ElementsAre("abc", ""));
}

TEST(Oip, NamesWhatIsWrong) {
  EXPECT_THAT(refusal("[]"), HasSubstr("@#"));
  EXPECT_THAT(refusal("{}"), HasSubstr("@#/inputs"));
  EXPECT_THAT(refusal("{\"inputs\":[{}"), HasSubstr("@#/inputs/0/name"));
  EXPECT_THAT(refusal("{\"inputs\":[{\"name\":\"x\""), HasSubstr("not valid JSON"));
  EXPECT_THAT(refusal(R"({"inputs":[{"name":"x","shape":[1],"datatype":"FP23","data":[1]}]})"), HasSubstr("@#/inputs/0/datatype"));
  EXPECT_THAT(refusal(R"({"inputs":[{"name":"x","shape":[1],"datatype":"float32","data":[1]}]})"), HasSubstr("@#/inputs/0/datatype"));
  EXPECT_THAT(refusal(R"({"inputs":[{"name":"x","shape":[-1],"datatype":"FP32","data":[1]}]})"), HasSubstr("@#/inputs/0/shape"));
  EXPECT_THAT(refusal(R"({"inputs":[{"name":"x","shape":[2],"datatype":"FP32","data":[1]}]})"), HasSubstr("has 1 values"));
  EXPECT_THAT(refusal(R"({"inputs":[{"name":"x","shape":[2],"datatype":"FP32","data":[1,2,3]}]})"), HasSubstr("more values"));
  EXPECT_THAT(refusal(R"({"inputs":[{"name":"x","shape":[2],"datatype":"FP32","data":[1,"2"]}]})"), HasSubstr("@#/inputs/0/data/1"));
  EXPECT_THAT(refusal(R"({"inputs":[{"name":"x","shape":[1],"datatype":"INT8","data":[128]}]})"), HasSubstr("@#/inputs/0/data/0"));
  EXPECT_THAT(refusal(R"({"inputs":[{"name":"x","shape":[1],"datatype":"FP32"}]})"), HasSubstr("@#/inputs/0/data"));
  EXPECT_THAT(refusal(R"({"inputs":[{"name":"x","shape":[9000000000000],"datatype":"FP32","data":[1]}]})"), HasSubstr("@#/inputs/0/shape"));
  EXPECT_THAT(refusal(R"({"inputs":[{"name":"x","shape":[30000000],"datatype":"FP32","data":[1]}]})"), HasSubstr("doesn't fill"));
  EXPECT_THAT(refusal("{\"inputs\":[{\"name\":\"x\",\"shape\":[1],\"datatype\":\"FP32\",\"data\":" + std::string(200, '[') + "1" +
                      std::string(200, ']') + "}]}"),
              HasSubstr("nested"));
}

TEST(Oip, ChecksRawSizes) {
  const auto with = [](const std::string& size) {
    return R"({"inputs":[{"name":"x","shape":[1],"datatype":"FP32","parameters":{"binary_data_size":)" + size + "}}]}";
  };
  const std::string four = with("4"), many = with("18446744073709551615");
  EXPECT_EQ(refusal(four + "abcd", four.size()), "it was taken");
  EXPECT_THAT(refusal(four + "abc", four.size()), HasSubstr("binary_data_size"));
  EXPECT_THAT(refusal(four + "abcde", four.size()), HasSubstr("1 bytes follow"));
  EXPECT_THAT(refusal(four, four.size() + 1), HasSubstr("larger than the body"));
  EXPECT_THAT(refusal(many + "abcd", many.size()), HasSubstr("binary_data_size"));
  EXPECT_THAT(refusal(with("3") + "abc", with("3").size()), HasSubstr("doesn't fit 3 bytes"));
}

TEST(Oip, TakesAWholeBodyAsTheOneInput) {
  const auto r = raw_request(SharedBytes(raw<float>({1, 2, 3, 4})), image(), kLimits);
  ASSERT_TRUE(r.ok());
  EXPECT_EQ(r->inputs[0].tensor.shape(), (Shape{1, 2, 2}));
  EXPECT_TRUE(r->binary_output);
  EXPECT_FALSE(raw_request(SharedBytes("abc"), image(), kLimits).ok());
  EXPECT_FALSE(raw_request(SharedBytes("abcd"), table(), kLimits).ok());
}

TEST(Oip, RawTensorsShareTheBodyTheyCameIn) {
  std::vector<float> values(4096, 0.5F);
  const std::string elements = raw(values);
  std::string json = R"({"inputs":[{"name":"x","shape":[1,4096],"datatype":"FP32","parameters":{"binary_data_size":16384}}]})";
  json.append((16 - json.size() % 16) % 16, ' ');
  auto body = std::make_optional<SharedBytes>(json + elements);
  const char* const at = body->text().data() + json.size();
  auto request = parse_request(*body, json.size(), kLimits);
  ASSERT_TRUE(request.ok()) << request.error().detail();
  body.reset();
  const Tensor& tensor = request->inputs[0].tensor;
  EXPECT_EQ(reinterpret_cast<const char*>(tensor.bytes().data()), at);
  EXPECT_THAT(tensor.as<float>(), testing::Each(0.5F));
}

// ---- to what the model takes

Result<DecodedRequest> fit(const Schema& schema, const std::string& inputs) {
  auto r = parse("{\"inputs\":" + inputs + "}");
  if (!r.ok()) return r.error();
  return RequestCodec(schema).decode_tensors(std::move(r->inputs), kLimits);
}

TEST(NamedTensors, FillATableByGraphInputsOrByColumns) {
  for (
      const char* inputs :
      {R"([{"name":"texts","shape":[2,1],"datatype":"BYTES","data":["Rom","Bern"]},{"name":"numbers","shape":[2,2],"datatype":"FP32","data":[30,1.5,40,null]}])",
       R"([{"name":"city","shape":[2],"datatype":"BYTES","data":["Rom","Bern"]},{"name":"height","shape":[2,1],"datatype":"FP64","data":[1.5,null]},{"name":"age","shape":[2],"datatype":"INT64","data":[30,40]}])"}) {
    const auto r = fit(table(), inputs);
    ASSERT_TRUE(r.ok()) << r.error().detail();
    EXPECT_EQ(r->rows, 2U);
    EXPECT_THAT(r->inputs[0].as<double>().subspan(0, 3), ElementsAre(30, 1.5, 40));
    EXPECT_TRUE(std::isnan(r->inputs[0].as<double>()[3]));
    EXPECT_THAT(r->inputs[1].strings(), ElementsAre("Rom", "Bern"));
  }
}

TEST(NamedTensors, FillANumericTableUnderAnyName) {
  Schema schema = table();
  schema.features.erase(schema.features.begin() + 1);
  schema.inputs.pop_back();
  const auto r = fit(schema, R"([{"name":"input-0","shape":[2,2],"datatype":"FP32","data":[30,1.5,40,1.75]}])");
  ASSERT_TRUE(r.ok()) << r.error().detail();
  EXPECT_THAT(r->inputs[0].as<double>(), ElementsAre(30, 1.5, 40, 1.75));
  const auto wrong = fit(schema, R"([{"name":"input-0","shape":[1,3],"datatype":"FP32","data":[30,1.5,40]}])");
  EXPECT_THAT(wrong.error().detail(), HasSubstr("[rows, 2]"));
}

std::string fit_refusal(const Schema& schema, const std::string& inputs) {
  const auto r = fit(schema, inputs);
  if (r.ok()) return "it was taken";
  return r.error().detail() + (r.error().fields().empty() ? "" : " @" + r.error().fields()[0].pointer);
}

TEST(NamedTensors, NameTheInputThatDoesNotFit) {
  EXPECT_THAT(fit_refusal(table(),
                          R"([{"name":"age","shape":[1],"datatype":"FP64","data":[1]},{"name":"city","shape":[1],"datatype":"BYTES","data":["x"]}])"),
              HasSubstr("height is missing"));
  EXPECT_THAT(
      fit_refusal(table(), R"([{"name":"agee","shape":[1],"datatype":"FP64","data":[1]},{"name":"age","shape":[1],"datatype":"FP64","data":[1]}])"),
      HasSubstr("agee"));
  EXPECT_THAT(
      fit_refusal(
          table(),
          R"([{"name":"numbers","shape":[2,2],"datatype":"FP64","data":[1,2,null,4]},{"name":"texts","shape":[2],"datatype":"BYTES","data":["x","y"]}])"),
      HasSubstr("@#/inputs/numbers/1/0"));
  EXPECT_THAT(
      fit_refusal(table(),
                  R"([{"name":"numbers","shape":[1,2],"datatype":"FP64","data":[1,2]},{"name":"age","shape":[1],"datatype":"FP64","data":[1]}])"),
      HasSubstr("given twice"));
  EXPECT_THAT(fit_refusal(image(), R"([{"name":"y","shape":[1,2,2],"datatype":"FP32","data":[1,2,3,4]}])"), HasSubstr("@#/inputs/y"));
  EXPECT_THAT(fit_refusal(image(), R"([{"name":"x","shape":[2,2],"datatype":"FP32","data":[1,2,3,4]}])"), HasSubstr("[?, 2, 2]"));
  EXPECT_THAT(fit_refusal(image(), R"([{"name":"x","shape":[1,2,2],"datatype":"FP64","data":[1,2,3,1e300]}])"), HasSubstr("@#/inputs/x/0/1/1"));
}

// ---- answers

TEST(Oip, AnswersAsTheRequestWants) {
  const std::vector<Tensor> outputs = {Tensor::of_strings({2}, {"b", "a"}), doubles({2, 3}, std::vector<double>{0.1, 0.7, 0.2, 0.5, 0.25, 0.25})};
  InferRequest request;
  request.id = "q\"1";
  const auto all = encode_answer(request, table(), outputs, "m", "3");
  ASSERT_TRUE(all.ok());
  EXPECT_FALSE(all->json_bytes);
  EXPECT_EQ(all->body,
            R"({"model_name":"m","model_version":"3","id":"q\"1","outputs":[{"name":"label","datatype":"BYTES","shape":[2],"data":["b","a"]},)"
            R"({"name":"probabilities","datatype":"FP64","shape":[2,3],"data":[0.1,0.7,0.2,0.5,0.25,0.25]}]})");
  request.binary_output = true;
  request.outputs = {{"probabilities", std::nullopt, 0}, {"label", false, 0}};
  const auto binary = encode_answer(request, table(), outputs, "m", "3");
  ASSERT_TRUE(binary.ok());
  ASSERT_TRUE(binary->json_bytes);
  EXPECT_EQ(binary->body.size(), *binary->json_bytes + 48);
  EXPECT_THAT(binary->body, HasSubstr(R"("parameters":{"binary_data_size":48})"));
  EXPECT_EQ(binary->body.substr(*binary->json_bytes), raw<double>({0.1, 0.7, 0.2, 0.5, 0.25, 0.25}));
  request.outputs = {{"probabilities", false, 2}};
  const auto classes = encode_answer(request, table(), outputs, "m", "3");
  ASSERT_TRUE(classes.ok());
  EXPECT_THAT(classes->body, HasSubstr(R"("shape":[2,2],"data":["0.7:1:b","0.2:2:c","0.5:0:a","0.25:1:b"])"));
  request.outputs = {{"label", std::nullopt, 0}, {"probabilities", true, 1}, {"probabilities", std::nullopt, 0}};
  std::vector<Tensor> with_missing = outputs;
  with_missing[0].strings()[1] = kMissingText;
  const auto mixed = encode_answer(request, table(), with_missing, "m", "3");
  ASSERT_TRUE(mixed.ok());
  EXPECT_THAT(mixed->body,
              AllOf(HasSubstr(R"("binary_data_size":9})"), HasSubstr(R"("binary_data_size":22})"), HasSubstr(R"("binary_data_size":48})")));
  EXPECT_EQ(mixed->body.substr(*mixed->json_bytes), std::string("\1\0\0\0b\0\0\0\0", 9) + std::string("\7\0\0\0", 4) + "0.7:1:b" +
                                                        std::string("\7\0\0\0", 4) + "0.5:0:a" + raw<double>({0.1, 0.7, 0.2, 0.5, 0.25, 0.25}));
  request.outputs = {{"nothing", false, 0}};
  EXPECT_FALSE(encode_answer(request, table(), outputs, "m", "3").ok());
}

}  // namespace
}  // namespace slipway::oip
