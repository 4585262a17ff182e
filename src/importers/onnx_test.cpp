#include "slipway/importers/onnx.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "slipway/base/encoding.hpp"
#include "slipway/graph/onnx_io.hpp"
#include "slipway/tensor/request_codec.hpp"

namespace slipway::importers {
namespace {

namespace fs = std::filesystem;

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

fs::path corpus() { return fs::path(SLIPWAY_SOURCE_DIR) / "tests/corpus/onnx"; }

Result<Artifact> import_bytes(const std::string& bytes) { return import_onnx({"model.onnx", as_bytes(bytes)}, {}); }
Artifact import_case(const std::string& name) { return import_bytes(read_file(corpus() / name / "model.onnx")).value(); }

TEST(OnnxImport, DescribesEveryFileOfTheCorpusSoThatItsRequestsFit) {
  if (!fs::exists(corpus())) GTEST_SKIP() << "no corpus";
  for (const auto& entry : fs::directory_iterator(corpus())) {
    const auto a = import_bytes(read_file(entry.path() / "model.onnx"));
    ASSERT_TRUE(a.ok()) << entry.path() << ": " << a.error().detail();
    const auto bytes = write_artifact(*a);
    ASSERT_TRUE(bytes.ok()) << entry.path() << ": " << bytes.error().detail();
    const auto view = view_artifact(as_bytes(*bytes));
    ASSERT_TRUE(view.ok()) << entry.path() << ": " << view.error().detail();
    const RequestCodec codec(view->schema);
    const auto example = codec.decode_json(view->example.dump(), {});
    EXPECT_TRUE(example.ok()) << entry.path() << ": " << example.error().detail() << view->example.dump();
    const auto request = codec.decode_json(read_file(entry.path() / "input.json"), {});
    EXPECT_TRUE(request.ok()) << entry.path() << ": " << request.error().detail();
    const json::Value expected = json::parse(read_file(entry.path() / "expected.json")).value();
    for (const Port& p : view->schema.outputs) EXPECT_NE(expected.find(p.name), nullptr) << entry.path() << " " << p.name;
  }
}

TEST(OnnxImport, ServesTheTableBehindAZipMap) {
  const Artifact a = import_case("skl_logreg_zipmap");
  EXPECT_EQ(a.schema.kind, "classifier");
  ASSERT_EQ(a.schema.outputs.size(), 2U);
  EXPECT_EQ(a.schema.outputs[1].name, "output_probability");
  EXPECT_EQ(a.schema.outputs[1].shape, (Shape{-1, 3}));
  ASSERT_EQ(a.schema.classes.size(), 3U);
  EXPECT_EQ(a.schema.classes[0].as_string(), "setosa");
  EXPECT_EQ(graph::dump(a.model).find("ZipMap"), std::string::npos);
  EXPECT_EQ(a.report.producer.substr(0, 8), "skl2onnx");
}

TEST(OnnxImport, TakesRowsOfAKnownWidthAsATable) {
  const Artifact columns = import_case("skl_columns");
  ASSERT_EQ(columns.schema.features.size(), 2U);
  EXPECT_EQ(columns.schema.features[1].name, "port");
  EXPECT_EQ(columns.schema.features[1].type, FeatureType::text);
  EXPECT_TRUE(columns.schema.named_features);
  const Artifact rows = import_case("skl_forest_no_zipmap");
  EXPECT_EQ(rows.schema.features.size(), 4U);
  EXPECT_EQ(rows.schema.features[0].name, "x0");
  EXPECT_EQ(rows.schema.classes.size(), 3U);
  EXPECT_TRUE(rows.schema.rows_independent);
  EXPECT_TRUE(import_case("conv_fixed_batch").schema.features.empty());
  EXPECT_FALSE(import_case("conv_fixed_batch").schema.batched);
  EXPECT_TRUE(import_case("lstm_two_dynamic_dims").schema.features.empty());
  EXPECT_TRUE(import_case("lstm_two_dynamic_dims").schema.batched);
}

graph::Model relu(graph::ValueInfo input, graph::ValueInfo output) {
  graph::Model m;
  m.opsets = {{"", 17}};
  m.ir_version = 8;
  m.graph.name = "g";
  input.name = "x";
  output.name = "y";
  m.graph.inputs = {std::move(input)};
  m.graph.outputs = {std::move(output)};
  graph::Node n;
  n.op = "Identity";
  n.inputs = {"x"};
  n.outputs = {"y"};
  m.graph.nodes = {std::move(n)};
  return m;
}

graph::ValueInfo typed(DType dtype, std::vector<graph::Dim> shape) {
  graph::ValueInfo v;
  v.dtype = dtype;
  v.shape = std::move(shape);
  return v;
}

Result<Artifact> import_model_of(const graph::Model& m) { return import_bytes(graph::write_onnx(m).value()); }

TEST(OnnxImport, RefusesInputsThatNoRequestCanFill) {
  const auto refusal = [](const graph::ValueInfo& v) {
    const auto a = import_model_of(relu(v, v));
    return a.ok() ? std::string("accepted") : a.error().detail();
  };
  EXPECT_NE(refusal(typed(DType::float32, {{1, ""}, {3, ""}, {100'000, ""}, {100'000, ""}})).find("too large for a request"), std::string::npos);
  EXPECT_NE(refusal(typed(DType::float32, {{1, ""}, {1LL << 40, ""}})).find("dimension of"), std::string::npos);
  EXPECT_NE(refusal(typed(DType::float32, std::vector<graph::Dim>(9, graph::Dim{1, ""}))).find("more than 8 dimensions"), std::string::npos);
  EXPECT_NE(refusal(typed(DType::float32, {{1, ""}, {0, ""}})).find("can't hold anything"), std::string::npos);
  EXPECT_NE(refusal(typed(DType::undefined, {})).find("of which type"), std::string::npos);
  EXPECT_EQ(refusal(typed(DType::float16, {{-1, "N"}, {3, ""}})), "accepted");
}

TEST(OnnxImport, GivesFreeDimensionsOfOneNameOneSize) {
  const auto a = import_model_of(
      relu(typed(DType::float32, {{-1, "N"}, {3, ""}, {-1, "side"}, {-1, "side"}}), typed(DType::float32, {{-1, "N"}, {3, ""}, {}, {}})));
  ASSERT_TRUE(a.ok()) << a.error().detail();
  const auto r = decode_json(a->schema, a->example.dump(), {});
  ASSERT_TRUE(r.ok()) << r.error().detail();
  EXPECT_EQ(r->inputs[0].shape(), (Shape{1, 3, 96, 96}));
}

TEST(OnnxImport, LearnsAWidthFromTheWeights) {
  const Artifact a = import_case("mlp_unknown_dims");
  EXPECT_EQ(a.schema.inputs[0].shape, (Shape{-1, 4}));
  EXPECT_EQ(a.schema.features.size(), 4U);
}

TEST(OnnxImport, TreatsAnEmptyBatchDimensionAsFree) {
  const auto a = import_model_of(relu(typed(DType::float32, {{0, ""}, {2, ""}}), typed(DType::float32, {{0, ""}, {2, ""}})));
  ASSERT_TRUE(a.ok()) << a.error().detail();
  EXPECT_TRUE(a->schema.batched);
  EXPECT_EQ(a->schema.features.size(), 2U);
}

}  // namespace
}  // namespace slipway::importers
