#include "slipway/graph/builder.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "slipway/base/encoding.hpp"
#include "slipway/graph/artifact.hpp"
#include "slipway/graph/onnx_io.hpp"

namespace slipway::graph {
namespace {

Artifact scaled() {
  Builder b("scaled");
  const Val x = b.input("x", DType::float64, 2);
  const double mean[] = {1.5, NAN};
  const Val centred = b.sub(x, b.row(mean));
  b.mul(centred, b.scalar(2));  // nothing needs it
  const Val y = b.add(centred, b.row(mean));
  b.output("transformed", y, {Dim{-1, "N"}, Dim{2, {}}});
  Artifact a;
  a.model = b.finish();
  a.schema.kind = "transformer";
  a.schema.features.resize(2);
  for (std::size_t i = 0; i < 2; ++i) {
    a.schema.features[i].name = "x" + std::to_string(i);
    a.schema.features[i].input = "x";
    a.schema.features[i].column = static_cast<std::int64_t>(i);
  }
  a.schema.inputs.push_back({"x", DType::float64, {-1, 2}});
  a.schema.outputs.push_back({"transformed", DType::float64, {-1, 2}});
  a.schema.batched = true;
  a.example = json::object({{"instances", json::Array{json::Array{1.0, 2.5}}}});
  a.report.format = "test";
  a.report.contents = {"a line"};
  return a;
}

TEST(Builder, StoresEqualConstantsOnceAndPrunesWhatNoOutputNeeds) {
  const Model m = scaled().model;
  EXPECT_EQ(m.graph.nodes.size(), 3U);         // Sub, Add, Identity
  EXPECT_EQ(m.graph.initializers.size(), 1U);  // the row, NaN included; the scalar went with its Mul
  EXPECT_EQ(m.graph.outputs[0].name, "transformed");
}

TEST(Builder, TellsPositiveFromNegativeZeroAndTypesApart) {
  Builder b("g");
  EXPECT_NE(b.scalar(0.0).name, b.scalar(-0.0).name);
  EXPECT_NE(b.ints({1}).name, b.scalar_i64(1).name);
  EXPECT_EQ(b.ints({1, 2}).name, b.ints({1, 2}).name);
}

TEST(Builder, KeepsWhatASubgraphCaptures) {
  Builder b("g");
  const Val x = b.input("x", DType::float64, 1);
  const Val captured = b.add(x, b.scalar(1));
  auto branch = std::make_shared<Graph>();
  Node n;
  n.op = "Identity";
  n.inputs = {captured.name};
  n.outputs = {"inner"};
  branch->nodes.push_back(n);
  ValueInfo out;
  out.name = "inner";
  branch->outputs.push_back(out);
  const std::shared_ptr<const Graph> g = branch;
  const Val y = b.op("If", {b.constant(Tensor(DType::boolean, {}))}, {attr("then_branch", g), attr("else_branch", g)});
  b.output("y", y, {});
  const Model m = b.finish();
  EXPECT_EQ(m.graph.nodes.size(), 3U);
  EXPECT_EQ(m.graph.initializers.size(), 2U);
}

TEST(Builder, ColumnsOfAllColumnsIsTheTableItself) {
  Builder b("g");
  const Val x = b.input("x", DType::float64, 3);
  const std::int64_t all[] = {0, 1, 2};
  EXPECT_EQ(b.columns(x, all).name, x.name);
  EXPECT_NE(b.column(x, 0).name, x.name);
  EXPECT_EQ(b.column(x, 0).columns, 1);
}

TEST(Artifact, SurvivesTheRoundTripAndIsDeterministic) {
  const std::string bytes = write_artifact(scaled()).value();
  EXPECT_EQ(bytes, write_artifact(scaled()).value());
  const auto view = view_artifact(as_bytes(bytes));
  ASSERT_TRUE(view.ok()) << view.error().detail();
  EXPECT_EQ(view->schema.to_json().dump(), scaled().schema.to_json().dump());
  EXPECT_EQ(view->example.dump(), R"({"instances":[[1.0,2.5]]})");
  EXPECT_EQ(view->report.contents, std::vector<std::string>{"a line"});
  EXPECT_EQ(as_text(view->onnx), write_onnx(scaled().model).value());
  EXPECT_EQ((bytes.size() - view->onnx.size()) % 64, 0U);
}

TEST(Artifact, RefusesEveryTruncationAndEveryChangeOfItsFrame) {
  const std::string good = write_artifact(scaled()).value();
  for (std::size_t size = 0; size < good.size(); ++size) EXPECT_FALSE(view_artifact(as_bytes(std::string_view(good).substr(0, size))).ok());
  EXPECT_FALSE(view_artifact(as_bytes(good + "x")).ok());
  for (std::size_t i = 0; i < 72; ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x80);
    EXPECT_FALSE(view_artifact(as_bytes(bad)).ok()) << i;
  }
}

}  // namespace
}  // namespace slipway::graph
