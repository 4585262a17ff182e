#include "slipway/tensor/request_codec.hpp"

#include <gtest/gtest.h>

#include <charconv>
#include <cmath>
#include <limits>
#include <random>
#include <utility>

#include "slipway/base/encoding.hpp"
#include "slipway/tensor/json_scanner.hpp"
#include "slipway/tensor/npy.hpp"

namespace slipway {
namespace {

Feature feature(std::string name, FeatureType type, std::string input, std::int64_t column) {
  Feature f;
  f.name = std::move(name);
  f.type = type;
  f.input = std::move(input);
  f.column = column;
  return f;
}

// age (nullable), income, member (boolean in floats), visits (int64), city (closed, nullable), note (text)
Schema people() {
  Schema s;
  s.kind = "classifier";
  s.features = {feature("age", FeatureType::number, "numbers", 0),     feature("income", FeatureType::number, "numbers", 1),
                feature("member", FeatureType::boolean, "numbers", 2), feature("visits", FeatureType::integer, "counts", 0),
                feature("city", FeatureType::text, "texts", 0),        feature("note", FeatureType::text, "texts", 1)};
  s.features[0].nullable = true;
  s.features[4].nullable = true;
  s.features[4].closed = true;
  s.features[4].categories = {"Oslo", "Bergen", "Tromsø"};
  s.inputs = {Port{"numbers", DType::float64, {-1, 3}}, Port{"counts", DType::int64, {-1, 1}}, Port{"texts", DType::string, {-1, 2}}};
  s.outputs = {Port{"label", DType::int64, {-1}}};
  s.batched = true;
  return s;
}

Schema numbers(std::int64_t n, DType dtype = DType::float64) {
  Schema s;
  s.kind = "regressor";
  for (std::int64_t i = 0; i < n; ++i) s.features.push_back(feature("x" + std::to_string(i), FeatureType::number, "X", i));
  s.inputs = {Port{"X", dtype, {-1, n}}};
  s.outputs = {Port{"prediction", DType::float64, {-1}}};
  s.batched = true;
  return s;
}

Schema tensors(std::vector<Port> inputs, bool batched = true) {
  Schema s;
  s.kind = "graph";
  s.inputs = std::move(inputs);
  s.outputs = {Port{"y", DType::float32, {-1, 2}}};
  s.batched = batched;
  return s;
}

constexpr DecodeLimits kLimits{100, 1 << 20};

DecodedRequest good(const Schema& s, std::string_view body, const DecodeLimits& limits = kLimits) {
  auto r = decode_json(s, body, limits);
  EXPECT_TRUE(r.ok()) << body << ": " << r.error().detail();
  return r.ok() ? std::move(r).value() : DecodedRequest{{Tensor(DType::float64, {0})}, 0};
}

std::vector<double> as_vector(const Tensor& t) {
  std::vector<double> out;
  for (std::size_t i = 0; i < t.count(); ++i) out.push_back(t.as_double(i));
  return out;
}

std::string problems(const Schema& s, std::string_view body, const DecodeLimits& limits = kLimits) {
  const auto r = decode_json(s, body, limits);
  if (r.ok()) return "accepted";
  std::string out(error_name(r.error().code()));
  if (r.error().code() == ErrorCode::invalid_json) return out;
  for (const FieldError& f : r.error().fields()) out += "\n" + f.pointer + ": " + f.detail;
  return out;
}

using Values = std::vector<double>;

TEST(RequestCodec, ReadsEveryFormOfTheSameRows) {
  const Schema s = people();
  for (const char* body : {
           R"({"instances": [[30.5, 1e3, true, 4, "Oslo", "a"], [null, -0.5, 0, 5, null, ""]]})",
           R"({"instances":[{"age":30.5,"income":1000,"member":1,"visits":4.0,"city":"Oslo","note":"a"},)"
           R"({"note":"","age":NaN,"income":-0.5,"member":false,"visits":5,"city":null}]})",
           R"( {"dataframe_records" : [{"age":30.5,"income":1000,"member":1,"visits":4,"city":"Oslo","note":"\u0061"},
              {"visits":5,"age":null,"income":-5E-1,"member":false,"city":null,"note":""}] } )",
           R"({"dataframe_split":{"index":[0,1],"data":[["Oslo",30.5,1000,true,4,"a"],[null,null,-0.5,0,5,""]],)"
           R"("columns":["city","age","income","member","visits","note"]}})",
           R"({"dataframe_split":{"data":[[30.5,1000,true,4,"Oslo","a"],[null,-0.5,0,5,null,""]]}})",
           R"({"inputs":{"age":[30.5,null],"city":["Oslo",null],"income":[[1000],[-0.5]],"member":[true,false],"visits":[4,5],"note":["a",""]}})",
           R"({"inputs":{"texts":[["Oslo","a"],[null,""]],"counts":[[4],[5]],"numbers":[[30.5,1000,true],[null,-0.5,0]]}})",
       }) {
    const DecodedRequest r = good(s, body);
    ASSERT_EQ(r.rows, 2U) << body;
    ASSERT_EQ(r.inputs.size(), 3U);
    EXPECT_EQ(r.inputs[0].shape(), (Shape{2, 3}));
    const auto n = as_vector(r.inputs[0]);
    EXPECT_EQ(Values(n.begin(), n.begin() + 3), (Values{30.5, 1000, 1})) << body;
    EXPECT_TRUE(std::isnan(n[3])) << body;
    EXPECT_EQ(Values(n.begin() + 4, n.end()), (Values{-0.5, 0})) << body;
    EXPECT_EQ(as_vector(r.inputs[1]), (Values{4, 5}));
    EXPECT_EQ(r.inputs[2].strings(), (std::vector<std::string>{"Oslo", "a", std::string(kMissingText), ""})) << body;
  }
}

TEST(RequestCodec, TakesBareValuesForOneFeature) {
  EXPECT_EQ(as_vector(good(numbers(1), R"({"instances":[1, [2], {"x0": 3}]})").inputs[0]), (Values{1, 2, 3}));
  EXPECT_EQ(as_vector(good(numbers(2), R"({"inputs":[[1,2],[3,4]]})").inputs[0].shape().size() == 2
                          ? good(numbers(2), R"({"inputs":[[1,2],[3,4]]})").inputs[0]
                          : Tensor()),
            (Values{1, 2, 3, 4}));
}

TEST(RequestCodec, ReadsInfinitiesWhereTheFeatureTakesThem) {
  Schema two = numbers(2);
  two.features[0].infinite = two.features[1].infinite = true;
  const auto v = as_vector(good(two, R"({"instances":[[Infinity,-Infinity]]})").inputs[0]);
  EXPECT_EQ(v, (Values{INFINITY, -INFINITY}));
  two.features[1].infinite = false;
  EXPECT_EQ(problems(two, R"({"instances":[[Infinity,-Infinity]]})"), "invalid_input\n#/instances/0/1: x1 must be finite, got -Infinity");
  Schema s = numbers(1, DType::int64);
  EXPECT_EQ(problems(s, R"({"instances":[Infinity]})"), "invalid_input\n#/instances/0: x0 must be a whole number, got Infinity");
}

// scikit-learn: "Input X contains infinity or a value too large for dtype('float64')."
TEST(RequestCodec, RefusesInfinitiesInEveryFormUnlessTheFeatureTakesThem) {
  const Schema s = people();
  const std::pair<const char*, const char*> table[] = {
      {R"({"instances":[[1,Infinity,1,1,"Oslo","n"]]})", "#/instances/0/1"},
      {R"({"instances":[{"age":1,"income":Infinity,"member":1,"visits":1,"city":"Oslo","note":"n"}]})", "#/instances/0/income"},
      {R"({"dataframe_records":[{"age":1,"income":Infinity,"member":1,"visits":1,"city":"Oslo","note":"n"}]})", "#/dataframe_records/0/income"},
      {R"({"dataframe_split":{"data":[[1,Infinity,1,1,"Oslo","n"]]}})", "#/dataframe_split/data/0/1"},
      {R"({"inputs":{"age":[1],"city":["Oslo"],"income":[Infinity],"member":[1],"visits":[1],"note":["n"]}})", "#/inputs/income/0"},
      {R"({"inputs":{"texts":[["Oslo","a"]],"counts":[[4]],"numbers":[[1,Infinity,1]]}})", "#/inputs/numbers/0/1"},
  };
  for (const auto& [body, pointer] : table)
    EXPECT_EQ(problems(s, body), "invalid_input\n" + std::string(pointer) + ": income must be finite, got Infinity") << body;
  EXPECT_EQ(problems(s, R"({"instances":[[-Infinity,1,1,1,"Oslo","n"]]})"),
            "invalid_input\n#/instances/0/0: age must be finite, got -Infinity");  // that it may be missing says nothing of infinities
  const Schema cube = tensors({Port{"x", DType::float32, {-1, 2}}});
  EXPECT_EQ(as_vector(good(cube, R"({"instances":[[Infinity,-Infinity]]})").inputs[0]), (Values{INFINITY, -INFINITY}));
}

// To scikit-learn a column of True and False is one of 1 and 0; a text is not a number to it, and not to us.
TEST(RequestCodec, TakesTrueAndFalseAsOneAndZeroInNumberColumns) {
  const Schema s = people();
  for (const char* body : {
           R"({"instances":[[true,false,true,true,"Oslo","a"]]})",
           R"({"instances":[{"age":true,"income":false,"member":true,"visits":true,"city":"Oslo","note":"a"}]})",
           R"({"dataframe_records":[{"age":true,"income":false,"member":true,"visits":true,"city":"Oslo","note":"a"}]})",
           R"({"dataframe_split":{"data":[[true,false,true,true,"Oslo","a"]]}})",
           R"({"inputs":{"age":[true],"income":[false],"member":[true],"visits":[true],"city":["Oslo"],"note":["a"]}})",
           R"({"inputs":{"numbers":[[true,false,true]],"counts":[[true]],"texts":[["Oslo","a"]]}})",
       }) {
    const DecodedRequest r = good(s, body);
    EXPECT_EQ(as_vector(r.inputs[0]), (Values{1, 0, 1})) << body;
    EXPECT_EQ(as_vector(r.inputs[1]), (Values{1})) << body;
  }
  EXPECT_EQ(as_vector(good(numbers(1, DType::float32), R"({"instances":[true]})").inputs[0]), (Values{1}));
  EXPECT_EQ(as_vector(good(numbers(1, DType::uint64), R"({"instances":[true]})").inputs[0]), (Values{1}));
  EXPECT_EQ(problems(s, R"({"instances":[[1,"true",1,1,"Oslo","n"]]})"),
            "invalid_input\n#/instances/0/1: income must be a number, got the text \"true\"");
  EXPECT_EQ(problems(s, R"({"instances":[[1,"1",1,1,"Oslo","n"]]})"), "invalid_input\n#/instances/0/1: income must be a number, got the text \"1\"");
  EXPECT_EQ(problems(s, R"({"instances":[[1,1,1,1,"Oslo",true]]})"), "invalid_input\n#/instances/0/5: note must be a text, got true");
  Schema known = numbers(1);
  known.features[0].closed = true;
  known.features[0].categories = {0, 1};
  EXPECT_EQ(as_vector(good(known, R"({"instances":[true,false]})").inputs[0]), (Values{1, 0}));
}

TEST(RequestCodec, RoundsNumbersCorrectly) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t bits = random();
    double d = 0;
    std::memcpy(&d, &bits, 8);
    if (!std::isfinite(d)) continue;
    if (i % 2 == 0) d = std::ldexp(static_cast<double>(bits >> 40), static_cast<int>(bits % 40) - 20);
    char buffer[64];
    const auto end =
        i % 3 == 0 ? std::to_chars(buffer, buffer + 64, d, std::chars_format::scientific, 16 + i % 5).ptr : std::to_chars(buffer, buffer + 64, d).ptr;
    const std::string text(buffer, end);
    const auto v = good(numbers(1), "{\"instances\":[" + text + "]}").inputs[0].as_double(0);
    ASSERT_EQ(v, std::strtod(text.c_str(), nullptr)) << text;
  }
  for (const char* text : {"0.1", "-0", "0e5", "1e-400", "4.9e-324", "2.2250738585072011e-308", "1.7976931348623157e308", "9007199254740993",
                           "0.000000000000000000000000001", "123456789012345678901234567890", "0.30000000000000004", "1e23", "8.5e22",
                           "1e0000000000000000000000000000000022", "18446744073709551616", "9223372036854775808",
                           "0.00000000000000000000000000000000000000000000000000000000000000000000000000000000000000001e88"}) {
    const auto v = good(numbers(1), "{\"instances\":[" + std::string(text) + "]}").inputs[0].as_double(0);
    EXPECT_EQ(v, std::strtod(text, nullptr)) << text;
    EXPECT_EQ(std::signbit(v), text[0] == '-') << text;
  }
}

TEST(RequestCodec, RoundsFloat32ThroughDouble) {
  const auto r = good(numbers(1, DType::float32), R"({"instances":[0.1, 16777217, 1.00000017881393432617187499]})");
  EXPECT_EQ(r.inputs[0].as<float>()[0], 0.1F);
  EXPECT_EQ(r.inputs[0].as<float>()[1], 16777216.0F);
  EXPECT_EQ(r.inputs[0].as<float>()[2], static_cast<float>(1.00000017881393432617187499));
  EXPECT_EQ(problems(numbers(1, DType::float32), R"({"instances":[1e39]})"),
            "invalid_input\n#/instances/0: x0 must be a number within the range of float32, got the number 1e+39");
}

TEST(RequestCodec, KeepsWholeNumbersExact) {
  const auto r = good(numbers(1, DType::int64), R"({"instances":[9223372036854775807,-9223372036854775808,9007199254740993,3.0,1e3]})");
  EXPECT_EQ(r.inputs[0].as<std::int64_t>()[0], INT64_MAX);
  EXPECT_EQ(r.inputs[0].as<std::int64_t>()[1], INT64_MIN);
  EXPECT_EQ(r.inputs[0].as<std::int64_t>()[2], 9007199254740993);
  EXPECT_EQ(r.inputs[0].as<std::int64_t>()[4], 1000);
  EXPECT_EQ(good(numbers(1, DType::uint64), R"({"instances":[18446744073709551615]})").inputs[0].as<std::uint64_t>()[0], UINT64_MAX);
  EXPECT_EQ(problems(numbers(1, DType::int64), R"({"instances":[9223372036854775808, 1.5, 1e400]})"),
            "invalid_input\n"
            "#/instances/0: x0 must be a whole number within the range of its type, got the number 9223372036854775808\n"
            "#/instances/1: x0 must be a whole number, got the number 1.5\n"
            "#/instances/2: x0 must be a whole number within the range of its type, got one that is larger");
  EXPECT_NE(problems(numbers(1, DType::uint8), R"({"instances":[256]})"), "accepted");
  EXPECT_NE(problems(numbers(1, DType::uint8), R"({"instances":[-1]})"), "accepted");
  EXPECT_NE(problems(numbers(1, DType::int8), R"({"instances":[128]})"), "accepted");
  EXPECT_EQ(good(numbers(1, DType::int8), R"({"instances":[-128, 127]})").rows, 2U);
}

struct Bad {
  const char* body;
  const char* problems;
};

TEST(RequestCodec, NamesEachWrongField) {
  const Schema s = people();
  const Bad table[] = {
      {R"({"instances":[["abc",1,true,1,"Oslo","n"]]})", "#/instances/0/0: age must be a number, got the text \"abc\""},
      {R"({"instances":[{"age":"abc","income":1,"member":true,"visits":1,"city":"Oslo","note":"n"}]})",
       "#/instances/0/age: age must be a number, got the text \"abc\""},
      {R"({"instances":[[1,null,true,1,"Oslo","n"]]})", "#/instances/0/1: income must be a number and can't be missing, got null"},
      {R"({"instances":[[1,1,true,1,"Oslo",null]]})", "#/instances/0/5: note must be a text and can't be missing, got null"},
      {R"({"instances":[[1,1,2,1,"Oslo","n"]]})", "#/instances/0/2: member must be true or false, got the number 2"},
      {R"({"instances":[[1,[1,2],1,1,"Oslo","n"]]})", "#/instances/0/1: income must be a number, got the array [1,2]"},
      {R"({"instances":[[1,1,1,1.5,"Oslo","n"]]})", "#/instances/0/3: visits must be a whole number, got the number 1.5"},
      {R"({"instances":[[1,1,1,1,"Olso","n"]]})", "#/instances/0/4: city is \"Olso\", which the model doesn't know: did you mean \"Oslo\"?"},
      {R"({"instances":[[1,1,1,1,"Buenos Aires","n"]]})",
       "#/instances/0/4: city is \"Buenos Aires\", which the model doesn't know; it knows \"Oslo\", \"Bergen\", \"Tromsø\""},
      {R"({"instances":[[1,1,1,1,"Oslo",7]]})", "#/instances/0/5: note must be a text, got the number 7"},
      {R"({"instances":[[1e400,1,1,1,"Oslo","n"]]})", "#/instances/0/0: age must be a number within the range of a double, got one that is larger"},
      {R"({"instances":[[1,1,1,1,"Oslo"]]})", "#/instances/0: the row must have 6 values, got 5"},
      {R"({"instances":[[1,1,1,1,"Oslo","n",{"a":[1]}]]})", "#/instances/0: the row must have 6 values, got 7"},
      {R"({"instances":[7]})", "#/instances/0: a row must be an array of 6 values or an object by feature name, got the number 7"},
      {R"({"instances":[]})", "#/instances: instances has no rows"},
      {R"({"instances":{"age":1}})", "#/instances: instances must be an array of rows, got the object {\"age\":1}"},
      {R"({})", "#: the body has no \"instances\" (nor \"inputs\", \"dataframe_records\" or \"dataframe_split\")"},
      {R"([[1]])", "#: the body must be an object with \"instances\", got the array [[1]]"},
      {R"({"instances":[{"agee":1,"age":1,"income":1,"member":true,"visits":1,"city":"Oslo","note":"n"}]})",
       "#/instances/0/agee: the model has no feature \"agee\": did you mean \"age\"?"},
      {R"({"instances":[{"age":1,"age":2,"income":1,"member":true,"visits":1,"city":"Oslo","note":"n"}]})", "#/instances/0/age: age is there twice"},
      {R"({"instances":[{"age":1,"income":1,"member":true,"visits":1,"note":"n"}]})",
       "#/instances/0/city: city is missing; send null where it is not known"},
      {R"({"instances":[[1,1,1,1,"Oslo","n"]],"inputs":{}})", "#/inputs: there is \"instances\" already: a body has one of them"},
      {R"({"instances":[[1,1,1,1,"Oslo","n"]],"instances":[]})", "#/instances: \"instances\" is there twice"},
      {R"({"instances":[[1,1,1,1,"Oslo","n"]],"wait":1})", "#/wait: the body has a member \"wait\" that is not known here"},
      {R"({"dataframe_records":[[1,1,1,1,"Oslo","n"]]})",
       "#/dataframe_records/0: a record must be an object by feature name, got the array [1,1,1,1,\"Oslo\",\"n\"]"},
      {R"({"dataframe_split":{"columns":["age","income","member","visits","city"],"data":[]}})", "#/dataframe_split/columns: note is missing"},
      {R"({"dataframe_split":{"columns":["age","age","income","member","visits","city","note"],"data":[]}})",
       "#/dataframe_split/columns/1: age is there twice"},
      {R"({"dataframe_split":{"data":[[1,1,1,1,"Oslo",1]]}})", "#/dataframe_split/data/0/5: note must be a text, got the number 1"},
      {R"({"inputs":{"age":[1,2],"city":["Oslo"],"income":[1,2],"member":[true,false],"visits":[4,5],"note":["a",""]}})",
       "#/inputs/city: city must have 2 rows as the columns before it"},
      {R"({"inputs":{"age":[1],"city":["Oslo","Oslo"],"income":[1],"member":[true],"visits":[4],"note":["a"]}})",
       "#/inputs/city: city must have 1 rows as the columns before it"},
      {R"({"inputs":{"age":[1],"city":["Oslo"],"income":["x"],"member":[true],"visits":[4],"note":["a"]}})",
       "#/inputs/income/0: income must be a number, got the text \"x\""},
      {R"({"inputs":{"texts":[["Oslo","a"]],"counts":[[4]],"numbers":[[30.5,"x",true]]}})",
       "#/inputs/numbers/0/1: income must be a number, got the text \"x\""},
      {R"({"inputs":{"texts":[["Oslo","a"]],"counts":[[4]],"age":[1],"numbers":[[30.5,1,true]]}})", "#/inputs/numbers: age is there twice"},
      {R"({"inputs":{"texts":[["Oslo","a"]],"counts":[[4]]}})",
       "#/inputs/age: age is missing\n#/inputs/income: income is missing\n#/inputs/member: member is missing"},
  };
  for (const Bad& bad : table) EXPECT_EQ(problems(s, bad.body), "invalid_input\n" + std::string(bad.problems)) << bad.body;
}

TEST(RequestCodec, CollectsAtMostTwentyProblemsAndBoundsWhatItQuotes) {
  std::string body = R"({"instances":[)";
  for (int i = 0; i < 50; ++i) body += (i > 0 ? ",\"" : "\"") + std::string(1000, 'x') + "\"";
  const auto r = decode_json(numbers(1), body + "]}", kLimits);
  ASSERT_FALSE(r.ok());
  EXPECT_EQ(r.error().fields().size(), 20U);
  EXPECT_LT(r.error().fields()[0].detail.size(), 120U);
}

TEST(RequestCodec, RefusesWhatIsNotJson) {
  const Schema s = people();
  for (const char* body : {"",
                           " ",
                           "{",
                           "{\"instances\":[[1,2]",
                           "{\"instances\":[[1,]]}",
                           "{\"instances\":[[01]]}",
                           "{\"instances\":[[1.]]}",
                           "{\"instances\":[[.5]]}",
                           "{\"instances\":[[+1]]}",
                           "{\"instances\":[[1e]]}",
                           "{\"instances\":[[-]]}",
                           "{\"instances\":[[nul]]}",
                           "{\"instances\":[[NAN]]}",
                           "{\"instances\":[[1 2]]}",
                           "{\"instances\" [[1]]}",
                           "{instances:[[1]]}",
                           "{\"instances\":[['a']]}",
                           "{\"instances\":[[\"\\x\"]]}",
                           "{\"instances\":[[\"\\ud800\"]]}",
                           "{\"instances\":[[\"\n\"]]}",
                           "{\"instances\":[[\"\xff\"]]}",
                           "{\"instances\":[]} x",
                           "{\"instances\":[],}",
                           "{\"instances\":[[\"a]]}",
                           "{\"instances\":[[\"\\u00g0\"]]}",
                           "{\"other\":[1,}",
                           "\xEF\xBB\xBF{}"}) {
    EXPECT_EQ(problems(s, body), "invalid_json") << body;
  }
  const std::string deep = "{\"instances\":[[" + std::string(100'000, '[') + std::string(100'000, ']') + "]]}";
  EXPECT_EQ(problems(s, deep), "invalid_json");
  EXPECT_NE(decode_json(s, "{\n  \"instances\": [[1 2]]}", kLimits).error().detail().find("line 2, column 20"), std::string::npos);
}

TEST(RequestCodec, KeepsToItsLimits) {
  EXPECT_EQ(problems(numbers(1), R"({"instances":[1,2,3]})", {2, 1 << 20}).substr(0, 13), "invalid_input");
  EXPECT_EQ(problems(numbers(1), R"({"instances":[1,2,3]})", {3, 16}), "too_large");
  EXPECT_EQ(problems(tensors({Port{"x", DType::float32, {-1, -1}}}), R"({"instances":[[1,2,3]]})", {3, 8}), "too_large");
  EXPECT_EQ(problems(tensors({Port{"x", DType::float32, {-1}}}), R"({"instances":[1,2,3]})", {2, 800}).substr(0, 13), "invalid_input");
}

TEST(RequestCodec, ReadsTensors) {
  const Schema one = tensors({Port{"x", DType::float32, {-1, 2, 2}}});
  for (const char* body : {R"({"instances":[[[1,2],[3,4]],[[5,6],[null,8]]]})", R"({"inputs":{"x":[[[1,2],[3,4]],[[5,6],[NaN,8]]]}})",
                           R"({"instances":[{"x":[[1,2],[3,4]]},{"x":[[5,6],[null,8]]}]})", R"({"inputs":[[[1,2],[3,4]],[[5,6],[null,8]]]})"}) {
    const auto r = good(one, body);
    EXPECT_EQ(r.rows, 2U);
    ASSERT_EQ(r.inputs[0].shape(), (Shape{2, 2, 2}));
    EXPECT_EQ(r.inputs[0].as<float>()[5], 6.0F);
    EXPECT_TRUE(std::isnan(r.inputs[0].as<float>()[6]));
  }
  const Schema two = tensors({Port{"ids", DType::int64, {-1, -1}}, Port{"mask", DType::boolean, {-1, -1}}});
  const auto r = good(two, R"({"instances":[{"ids":[1,2],"mask":[true,0]},{"mask":[false,1],"ids":[3,4]}]})");
  EXPECT_EQ(as_vector(r.inputs[0]), (Values{1, 2, 3, 4}));
  EXPECT_EQ(as_vector(r.inputs[1]), (Values{1, 0, 0, 1}));
  EXPECT_EQ(good(tensors({Port{"t", DType::string, {-1}}}), R"({"instances":["a","b"]})").inputs[0].strings(), (std::vector<std::string>{"a", "b"}));
  Port any{"x", DType::float64, {}};
  any.any_rank = true;
  EXPECT_EQ(good(tensors({any}), R"({"inputs":{"x":[[1,2,3]]}})").inputs[0].shape(), (Shape{1, 3}));
  EXPECT_EQ(good(tensors({Port{"x", DType::float64, {}}}, false), R"({"inputs":{"x":5}})").rows, 1U);
  EXPECT_EQ(good(tensors({Port{"x", DType::float64, {}}}, false), R"({"instances":[5]})").rows, 1U);
  const auto unbatched =
      good(tensors({Port{"a", DType::float64, {1, 2}}, Port{"b", DType::float64, {2}}}, false), R"({"instances":[{"a":[1,2],"b":[3,4]}]})");
  EXPECT_EQ(unbatched.inputs[0].shape(), (Shape{1, 2}));
}

TEST(RequestCodec, AnOptionalInputThatIsLeftOutHasNoElements) {
  Port mask{"mask", DType::boolean, {-1, -1}};
  mask.optional = true;
  const Schema s = tensors({Port{"ids", DType::int64, {-1, -1}}, mask});
  for (const char* body : {R"({"instances":[[1,2],[3,4]]})", R"({"instances":[{"ids":[1,2]},{"ids":[3,4]}]})", R"({"inputs":{"ids":[[1,2],[3,4]]}})",
                           R"({"inputs":[[1,2],[3,4]]})"}) {
    SCOPED_TRACE(body);
    const auto r = good(s, body);
    EXPECT_EQ(r.rows, 2U);
    EXPECT_EQ(as_vector(r.inputs[0]), (Values{1, 2, 3, 4}));
    EXPECT_EQ(r.inputs[1].shape(), (Shape{0, 0}));
  }
  EXPECT_EQ(as_vector(good(s, R"({"instances":[{"ids":[1],"mask":[1]}]})").inputs[1]), (Values{1}));
  EXPECT_EQ(problems(s, R"({"instances":[{"mask":[1]}]})"), "invalid_input\n#/instances/0: the input ids is missing");
}

TEST(RequestCodec, NamesWhatIsWrongWithTensors) {
  const Schema one = tensors({Port{"x", DType::float32, {-1, -1}}});
  const Schema fixed = tensors({Port{"x", DType::float32, {-1, 2}}});
  const Schema two = tensors({Port{"a", DType::int64, {-1}}, Port{"b", DType::int64, {-1}}});
  Port any{"x", DType::float64, {}};
  any.any_rank = true;
  EXPECT_EQ(problems(one, R"({"instances":[[1,2],[3]]})"), "invalid_input\n#/instances/1: x is ragged: 2 values in the arrays before, 1 here");
  EXPECT_EQ(problems(fixed, R"({"instances":[[1,2],[3,4,5]]})"),
            "invalid_input\n#/instances/1: x must have 2 values here (its shape is [?, 2]), got 3");
  EXPECT_EQ(problems(fixed, R"({"instances":[[1,2],3]})"), "invalid_input\n#/instances/1: x must hold an array here, got the number 3");
  EXPECT_EQ(
      problems(fixed, R"({"instances":[[1,"a"],[[1],true]]})"),
      "invalid_input\n#/instances/0/1: x must hold a number here, got the text \"a\"\n#/instances/1/0: x must hold a number here, got the array [1]\n"
      "#/instances/1/1: x must hold a number here, got true");
  EXPECT_EQ(problems(fixed, R"({"instances":[]})"), "invalid_input\n#/instances: instances has no rows");
  EXPECT_EQ(problems(two, R"({"instances":[1,2]})"),
            "invalid_input\n#/instances: the model has several inputs: an instance must be an object by input name");
  EXPECT_EQ(problems(two, R"({"instances":[{"a":1}]})"), "invalid_input\n#/instances/0: the input b is missing");
  EXPECT_EQ(problems(two, R"({"instances":[{"a":1.5,"b":null}]})"),
            "invalid_input\n#/instances/0/a: a must hold a whole number here, got the number 1.5\n#/instances/0/b: b must hold a whole number here, "
            "got null");
  EXPECT_EQ(problems(two, R"({"inputs":{"a":[1,2],"b":[1]}})"), "invalid_input\n#: the inputs must have the same number of rows: a has 2, b has 1");
  EXPECT_EQ(problems(two, R"({"inputs":{"a":[1,2],"c":[1]}})"), "invalid_input\n#/inputs/c: the model has no input \"c\": did you mean \"a\"?");
  EXPECT_EQ(problems(tensors({any}), R"({"inputs":{"x":[[]]}})"), "invalid_input\n#/inputs/x/0: x has an empty array here");
  EXPECT_EQ(problems(tensors({any}), R"({"inputs":{"x":[[[[[[[[[1]]]]]]]]]}})"), "invalid_input\n#/inputs/x: x has more than 8 dimensions");
}

TEST(RequestCodec, ReadsCsv) {
  const RequestCodec codec(people());
  const auto r = codec.decode_csv("note,city,age,income,member,visits\r\n\"a, \"\"b\"\"\",Oslo,+30.5, 1e3 ,True,4\r\n\"\",,,.5,0,5\r\n\r\n", kLimits);
  ASSERT_TRUE(r.ok()) << r.error().detail();
  EXPECT_EQ(r->rows, 2U);
  const auto n = as_vector(r->inputs[0]);
  EXPECT_EQ(Values(n.begin(), n.begin() + 3), (Values{30.5, 1000, 1}));
  EXPECT_TRUE(std::isnan(n[3]));
  EXPECT_EQ(n[4], 0.5);
  EXPECT_EQ(as_vector(r->inputs[1]), (Values{4, 5}));
  EXPECT_EQ(r->inputs[2].strings(), (std::vector<std::string>{"Oslo", "a, \"b\"", std::string(kMissingText), ""}));
}

TEST(RequestCodec, NamesWhatIsWrongWithCsv) {
  const RequestCodec codec(numbers(2));
  const auto fields = [&](std::string_view body) {
    const auto r = codec.decode_csv(body, kLimits);
    if (r.ok()) return std::string("accepted");
    std::string out(error_name(r.error().code()));
    for (const FieldError& f : r.error().fields()) out += "\n" + f.pointer + ": " + f.detail;
    return out;
  };
  EXPECT_EQ(fields("x0,x1\n1,abc\n"), "invalid_input\nline 2, x1: x1 must be a number, got the text \"abc\"");
  EXPECT_EQ(fields("x0,x1\n1,\n"), "invalid_input\nline 2, x1: x1 must be a number and can't be missing, got an empty cell");
  EXPECT_EQ(fields("x0,x1\n1,-nan\n"), "invalid_input\nline 2, x1: x1 must be a number and can't be missing, got -nan");
  EXPECT_EQ(fields("x0,x1\n1,2,3\n4\n"), "invalid_input\nline 2: the line must have 2 cells, got 3\nline 3: the line must have 2 cells, got 1");
  EXPECT_EQ(fields("x0,y\n"), "invalid_input\nline 1: the model has no feature \"y\": did you mean \"x0\"?\nline 1: x1 is missing");
  EXPECT_EQ(fields("x0,x0,x1\n"), "invalid_input\nline 1: x0 is there twice");
  EXPECT_EQ(fields("x0,x1\n"), "invalid_input");
  for (const char* body : {"", "x0,\"x1\n1,2\n", "x0,x1\n1,a\"b\n", "x0,x1\n\"1\"2,3\n", "x0,x1\n\xff,2\n"})
    EXPECT_EQ(fields(body), "bad_request") << body;
  EXPECT_EQ(fields("\xEF\xBB\xBF x0 ,x1\n1,2"), "accepted");
  EXPECT_EQ(fields("x0,x1\n1,Infinity\n-inf,1\n"),
            "invalid_input\nline 2, x1: x1 must be finite, got Infinity\nline 3, x0: x0 must be finite, got -Infinity");
  EXPECT_EQ(fields("x0,x1\ntrue,FALSE\n"), "accepted");
  EXPECT_EQ(fields("x0,x1\nyes,1\n"), "invalid_input\nline 2, x0: x0 must be a number, got the text \"yes\"");
  Schema s = numbers(1);
  s.features[0].infinite = true;
  EXPECT_EQ(as_vector(RequestCodec(s).decode_csv("x0\n-inf\nTrue\nfalse\n", kLimits)->inputs[0]), (Values{-INFINITY, 1, 0}));
}

std::string npy(std::string header, std::string_view data, int major = 1) {
  header += '\n';
  std::string out = "\x93NUMPY";
  out += static_cast<char>(major);
  out += '\0';
  out += static_cast<char>(header.size() & 255);
  out += static_cast<char>(header.size() >> 8);
  if (major > 1) out += std::string(2, '\0');
  return out + header + std::string(data);
}

template <class T>
std::string raw(std::initializer_list<T> values) {
  return {reinterpret_cast<const char*>(values.begin()), values.size() * sizeof(T)};
}

TEST(RequestCodec, ReadsNpyInBothOrders) {
  const RequestCodec codec(numbers(3));
  for (const int major : {1, 2, 3}) {
    const auto r =
        codec.decode_npy(npy("{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }", raw<double>({1, 2, 3, 4, 5, 6}), major), kLimits);
    ASSERT_TRUE(r.ok()) << r.error().detail();
    EXPECT_EQ(as_vector(r->inputs[0]), (Values{1, 2, 3, 4, 5, 6}));
  }
  const auto f = codec.decode_npy(npy("{'descr': '<i4', 'fortran_order': True, 'shape': (2, 3), }", raw<int>({1, 4, 2, 5, 3, 6})), kLimits);
  ASSERT_TRUE(f.ok()) << f.error().detail();
  EXPECT_EQ(as_vector(f->inputs[0]), (Values{1, 2, 3, 4, 5, 6}));
  const RequestCodec cube(tensors({Port{"x", DType::float32, {-1, 2, 2}}}));
  const auto c = cube.decode_npy(npy("{'descr': '<f8', 'fortran_order': True, 'shape': (1, 2, 2), }", raw<double>({1, 3, 2, 4})), kLimits);
  ASSERT_TRUE(c.ok()) << c.error().detail();
  EXPECT_EQ(as_vector(c->inputs[0]), (Values{1, 2, 3, 4}));
}

TEST(RequestCodec, RefusesInfinitiesInNpyUnlessTheFeatureTakesThem) {
  const std::string table = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }", raw<float>({1, 2, 3, -INFINITY}));
  const auto r = RequestCodec(numbers(2)).decode_npy(table, kLimits);
  ASSERT_FALSE(r.ok());
  ASSERT_EQ(r.error().fields().size(), 1U);
  EXPECT_EQ(r.error().fields()[0].pointer + ": " + r.error().fields()[0].detail, "#/1/1: x1 must be finite, got -Infinity");
  Schema s = numbers(2);
  s.features[1].infinite = true;
  EXPECT_TRUE(RequestCodec(s).decode_npy(table, kLimits).ok());
  EXPECT_TRUE(RequestCodec(tensors({Port{"x", DType::float32, {-1, 2}}})).decode_npy(table, kLimits).ok());
  const auto flags =
      RequestCodec(numbers(2)).decode_npy(npy("{'descr': '|b1', 'fortran_order': False, 'shape': (1, 2), }", "\x01" + std::string(1, '\0')), kLimits);
  ASSERT_TRUE(flags.ok()) << flags.error().detail();
  EXPECT_EQ(as_vector(flags->inputs[0]), (Values{1, 0}));
}

// A picture is not copied on its way from the body to the model's process.
TEST(RequestCodec, TensorsShareTheBodyTheyCameIn) {
  const RequestCodec codec(tensors({Port{"x", DType::float32, {-1, 2048}}}));
  std::vector<float> values(2048);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  const std::string_view elements(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
  const std::string head = npy_head(DType::float32, {1, 2048});
  std::optional<SharedBytes> body(std::in_place, head + std::string(elements));
  const auto* const begin = reinterpret_cast<const std::byte*>(body->text().data());
  auto decoded = codec.decode_npy(*body, kLimits);
  ASSERT_TRUE(decoded.ok()) << decoded.error().detail();
  Tensor tensor = std::move(decoded->inputs[0]);
  const Tensor& read = tensor;
  EXPECT_EQ(read.bytes().data(), begin + head.size());
  body.reset();  // the tensor keeps it
  EXPECT_EQ(as_text(read.bytes()), elements);
  EXPECT_EQ(read.as_double(2047), 2047);
  const Tensor other = tensor;
  tensor.as<float>()[0] = -1;  // who writes gets memory of his own
  EXPECT_EQ(other.as<float>()[0], 0);
  EXPECT_EQ(read.as<float>()[0], -1);
  EXPECT_EQ(read.as<float>()[2047], 2047);
  Tensor moved = std::move(tensor);
  EXPECT_EQ(std::as_const(moved).as<float>()[1], 1);
}

TEST(RequestCodec, TensorsCopyWhatIsNotAlignedOrASmallPartOfItsBody) {
  const std::string elements(8192, '\x3f');
  const auto shares = [&](std::size_t before, std::size_t behind, DType dtype) {
    const SharedBytes body(std::string(before, ' ') + elements + std::string(behind, ' '));
    const SharedBytes part = body.part(before, elements.size());
    const Tensor t = Tensor::share(dtype, {static_cast<std::int64_t>(elements.size() / dtype_size(dtype))}, part);
    EXPECT_EQ(as_text(t.bytes()), elements);
    return as_text(t.bytes()).data() == part.text().data();
  };
  EXPECT_TRUE(shares(16, 0, DType::float32));
  EXPECT_FALSE(shares(2, 0, DType::float32));
  EXPECT_TRUE(shares(2, 0, DType::uint8));
  EXPECT_FALSE(shares(4, 0, DType::float64));
  EXPECT_FALSE(shares(16, 3 * elements.size(), DType::float32));  // a small tensor in the queue would hold a large body
  EXPECT_FALSE(shares(3 * elements.size(), 0, DType::float32));
}

// A single value for an input of any rank ended the process: its message asked for a count of rows that nobody had given.
TEST(RequestCodec, RefusesASingleValueWhereRowsAreWanted) {
  Port any{"x", DType::float64, {}};
  any.any_rank = true;
  const Schema s = tensors({any});
  EXPECT_EQ(problems(s, R"({"inputs":{"x":1}})"), "invalid_input\n#: the input x must have rows, got a single value");
  const auto array = decode_npy(s, npy("{'descr': '<f8', 'fortran_order': False, 'shape': ()}", raw<double>({1})), kLimits);
  ASSERT_FALSE(array.ok());
  EXPECT_EQ(array.error().code(), ErrorCode::invalid_input);
}

// Any byte but 0 is true for numpy; passed on as it came it was neither of the engine's two booleans.
TEST(RequestCodec, TakesNpyBooleansAsNumpyDoes) {
  const Schema s = tensors({Port{"x", DType::boolean, {-1}}});
  const auto r = decode_npy(s, npy("{'descr': '|b1', 'fortran_order': False, 'shape': (3,)}", std::string_view("\0\1\x80", 3)), kLimits);
  ASSERT_TRUE(r.ok()) << r.error().detail();
  EXPECT_EQ(std::to_integer<int>(r->inputs[0].bytes()[0]), 0);
  EXPECT_EQ(std::to_integer<int>(r->inputs[0].bytes()[1]), 1);
  EXPECT_EQ(std::to_integer<int>(r->inputs[0].bytes()[2]), 1);
}

TEST(RequestCodec, RefusesNpyThatIsNotAsNumpyWritesIt) {
  const RequestCodec codec(numbers(1));
  const auto refused = [&](const std::string& header, std::string_view data) { return !codec.decode_npy(npy(header, data), kLimits).ok(); };
  const std::string one = raw<double>({1});
  EXPECT_FALSE(refused("{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1)}", one));
  EXPECT_TRUE(refused("{'descr': '>f8', 'fortran_order': False, 'shape': (1, 1)}", one));
  EXPECT_TRUE(refused("{'descr': '|O', 'fortran_order': False, 'shape': (1, 1)}", one));
  EXPECT_TRUE(refused("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1, 1)}", one));
  EXPECT_TRUE(refused("{'descr': '<f8', 'fortran_order': False, 'shape': (2, 1)}", one));
  EXPECT_TRUE(refused("{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1), 'x': 1}", one));
  EXPECT_TRUE(refused("{'descr': '<f8', 'fortran_order': False}", one));
  EXPECT_TRUE(refused("{'descr': '<f8', 'fortran_order': 1, 'shape': (1, 1)}", one));
  EXPECT_TRUE(refused("{'descr': '<f8', 'fortran_order': False, 'shape': (-1, 1)}", one));
  EXPECT_TRUE(refused("{'descr': '<f8', 'fortran_order': False, 'shape': (4611686018427387904, 4611686018427387904)}", one));
  EXPECT_TRUE(refused("{'descr': '<f8', 'fortran_order': False, 'shape': (0, 1)}", ""));
  EXPECT_TRUE(refused("{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1)}", raw<double>({NAN})));
  const std::string good_file = npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1)}", one);
  for (std::size_t size = 0; size < good_file.size(); ++size)
    EXPECT_FALSE(codec.decode_npy(std::string_view(good_file).substr(0, size), kLimits).ok());
}

TEST(RequestCodec, EncodesAnswersByRowAndWhole) {
  Schema s = people();
  s.outputs = {Port{"label", DType::string, {-1}}, Port{"probabilities", DType::float64, {-1, 2}}};
  const double p[] = {0.25, 0.75, NAN, INFINITY};
  const std::vector<Tensor> outputs = {Tensor::of_strings({2}, {"yes", "n\"o"}), doubles({2, 2}, p)};
  std::string out = "kept ";
  encode_response(out, s, outputs, 2, {"iris", 3, "req"});
  EXPECT_EQ(
      out,
      R"(kept {"model_id":"iris","version":3,"predictions":[{"label":"yes","probabilities":[0.25,0.75]},{"label":"n\"o","probabilities":[null,null]}],)"
      R"("outputs":{"label":["yes","n\"o"],"probabilities":[[0.25,0.75],[null,null]]},"request_id":"req"})");
}

TEST(RequestCodec, EncodesOneOutputAsTheValueItself) {
  Schema s = numbers(1);
  const std::int64_t labels[] = {3, -1};
  std::string out;
  encode_response(out, s, std::vector<Tensor>{int64s({2}, labels)}, 2, {"m", 1, "r"});
  EXPECT_EQ(out, R"({"model_id":"m","version":1,"predictions":[3,-1],"outputs":{"prediction":[3,-1]},"request_id":"r"})");
  out.clear();
  encode_response(out, s, std::vector<Tensor>{int64s({2}, labels)}, 7, {"m", 1, "r"});  // no row dimension: one entry
  EXPECT_EQ(out, R"({"model_id":"m","version":1,"predictions":[[3,-1]],"outputs":{"prediction":[3,-1]},"request_id":"r"})");
}

// The scanner against simdjson on documents that are broken in one place: both accept or both refuse.
TEST(JsonScanner, AcceptsExactlyWhatASecondParserAccepts) {
  const std::string seeds[] = {R"({"a":[1,-2.5e3,true,false,null,"x\u00e9\n"],"b":{"c":[[],{}]},"d":""})", R"([0,0.0,-0,1E+2,"\ud83d\ude00 é \/"] )"};
  std::mt19937 random(11);
  const std::string alphabet = "{}[],:\"\\ 0123456789.eE+-truefalsnu\n\x01\x80\xc3\xa9";
  int accepted = 0;
  for (int i = 0; i < 60'000; ++i) {
    std::string text = seeds[i % 2];
    for (int changes = 1 + i % 3; changes > 0; --changes) {
      const std::size_t at = random() % text.size();
      const char c = alphabet[random() % alphabet.size()];
      if (random() % 3 == 0) {
        text.erase(at, 1 + random() % 3);
      } else if (random() % 2 == 0) {
        text[at] = c;
      } else {
        text.insert(at, 1, c);
      }
      if (text.empty()) text = " ";
    }
    std::string scratch;
    JsonScanner scanner(text, scratch);
    const bool ours = scanner.skip() && scanner.at_end();
    const auto theirs = json::parse(text);
    accepted += theirs.ok() ? 1 : 0;
    if (!theirs.ok() && theirs.error().detail().find("is there twice") != std::string::npos) continue;
    if (text.find("NaN") != std::string::npos || theirs.ok() == ours) continue;
    // A number beyond the doubles is syntax to us, an error to it.
    EXPECT_TRUE(ours && theirs.error().detail().find("number") != std::string::npos)
        << text << "\nours: " << scanner.error() << "\ntheirs: " << (theirs.ok() ? "accepts" : theirs.error().detail());
  }
  EXPECT_GT(accepted, 5'000);  // the comparison is of both kinds
}

TEST(Documents, AreTheJsonOfWholeRowsOrOfCells) {
  Schema s;
  s.features = {feature("document", FeatureType::document, "texts", 0)};
  s.inputs = {{"texts", DType::string, {-1, 1}}};
  s.batched = true;
  const auto rows = decode_json(s, R"({"instances": [{"a": [1, "x"]}, [ ["n", 2] ], "t", {}]})", {});
  ASSERT_TRUE(rows.ok()) << rows.error().detail();
  EXPECT_EQ(rows->inputs[0].strings(), (std::vector<std::string>{R"({"a": [1, "x"]})", R"([ ["n", 2] ])", "\"t\"", "{}"}));
  EXPECT_FALSE(decode_json(s, R"({"instances": [null]})", {}).ok());

  s.features = {feature("kind", FeatureType::document, "texts", 0), feature("n", FeatureType::number, "numbers", 0)};
  s.inputs = {{"texts", DType::string, {-1, 1}}, {"numbers", DType::float64, {-1, 1}}};
  const auto cells = decode_json(s, R"({"dataframe_records": [{"kind": 3, "n": 1}, {"n": 2, "kind": "three"}]})", {});
  ASSERT_TRUE(cells.ok()) << cells.error().detail();
  EXPECT_EQ(cells->inputs[0].strings(), (std::vector<std::string>{"3", "\"three\""}));
}

}  // namespace
}  // namespace slipway
