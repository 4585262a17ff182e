#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <functional>

#include "graph/onnx.pb.h"  // generated
#include "slipway/base/borrowed.hpp"
#include "slipway/base/encoding.hpp"
#include "slipway/graph/builder.hpp"
#include "slipway/graph/onnx_io.hpp"

namespace slipway::graph {
namespace {

Node node(std::string op, std::vector<std::string> inputs, std::vector<std::string> outputs, std::vector<Attribute> attributes = {},
          std::string domain = "") {
  Node n;
  n.op = std::move(op);
  n.domain = std::move(domain);
  n.inputs = std::move(inputs);
  n.outputs = std::move(outputs);
  n.attributes = std::move(attributes);
  return n;
}

ValueInfo info(std::string name, DType dtype, std::vector<Dim> shape) {
  ValueInfo v;
  v.name = std::move(name);
  v.dtype = dtype;
  v.shape = std::move(shape);
  return v;
}

Model model(std::vector<Node> nodes, std::string output = "y") {
  Model m;
  m.opsets = {{"", 18}, {"ai.onnx.ml", 5}};
  m.graph.name = "g";
  m.graph.inputs = {info("x", DType::float32, {Dim{-1, "N"}, Dim{2, {}}})};
  m.graph.outputs = {info(std::move(output), DType::float32, {Dim{-1, "N"}, Dim{}})};
  m.graph.nodes = std::move(nodes);
  return m;
}

std::string refusal(const Model& m) {
  const Status s = check(m);
  return s.ok() ? "accepted" : s.error().detail();
}

#define EXPECT_REFUSED(model, words) EXPECT_NE(refusal(model).find(words), std::string::npos) << refusal(model)

std::shared_ptr<const Graph> branch(std::vector<Node> nodes, std::string output) {
  Graph g;
  g.name = "b";
  g.nodes = std::move(nodes);
  g.outputs = {info(std::move(output), DType::float32, {})};
  return std::make_shared<Graph>(std::move(g));
}

Model everything() {
  Model m = model({node("Identity", {"x"}, {"a"}), node("Custom", {"a"}, {"b"}, {attr("alpha", 0.5F)}, "local")});
  const auto then_branch = branch({node("Relu", {"b"}, {"t"})}, "t");
  const auto else_branch = branch({node("Neg", {"b"}, {"e"})}, "e");
  m.graph.nodes.push_back(node("If", {"flag"}, {"y"}, {attr("then_branch", then_branch), attr("else_branch", else_branch)}));
  m.graph.nodes.push_back(node(
      "Custom", {"a"}, {"unused"},
      {attr("value", Tensor::of_strings({2}, {"a", "\xff"})), attr("ints", std::vector<std::int64_t>{1, -2}), attr("floats", std::vector<float>{}),
       attr("strings", std::vector<std::string>{"s"}), attr("tensors", std::vector<Tensor>{Tensor(DType::float16, {3})})},
      "local"));
  m.graph.initializers.push_back({"flag", Tensor(DType::boolean, {})});
  const double values[] = {1.5, -2};
  m.graph.initializers.push_back({"w", doubles({1, 2}, values)});
  Function f;
  f.name = "Custom";
  f.domain = "local";
  f.inputs = {"i"};
  f.outputs = {"o"};
  f.attributes = {"alpha"};
  f.opsets = {{"", 18}};
  Attribute by_reference = attr("alpha", 0.0F);
  by_reference.ref = "alpha";
  f.nodes = {node("LeakyRelu", {"i"}, {"o"}, {by_reference})};
  m.functions.push_back(f);
  m.opsets["local"] = 1;
  m.metadata = {{"author", "someone"}};
  m.producer_name = "pytorch";
  return m;
}

TEST(OnnxFile, SurvivesTheRoundTrip) {
  const Model m = everything();
  const std::string bytes = write_onnx(m).value();
  const auto back = read_onnx(as_bytes(bytes));
  ASSERT_TRUE(back.ok()) << back.error().detail();
  EXPECT_EQ(dump(*back), dump(m));
  EXPECT_EQ(write_onnx(*back).value(), bytes);
  EXPECT_EQ(refusal(*back), "accepted");
}

// What protobuf itself makes of the bytes: fields in its order, each as it writes it.
std::string by_protobuf(const std::string& bytes) {
  onnx::ModelProto m;
  EXPECT_TRUE(m.ParseFromString(bytes));
  return m.SerializeAsString();
}

TEST(OnnxFile, IsWrittenAsProtobufWritesIt) {
  Model m = everything();
  EXPECT_EQ(write_onnx(m).value(), by_protobuf(write_onnx(m).value()));
  for (const std::int64_t count : {0, 1, 15, 16, 511, 512, 513, 2000, 300'000}) {  // lengths of one to four bytes, copied or not
    m.graph.initializers.push_back({"w" + std::to_string(count), Tensor(DType::float64, {count})});
  }
  m.graph.initializers.push_back({"texts", Tensor::of_strings({2}, {"", "b"})});
  m.doc = "what it is";
  const std::string bytes = write_onnx(m).value();
  EXPECT_EQ(bytes, by_protobuf(bytes));
  const auto back = read_onnx(as_bytes(bytes));
  ASSERT_TRUE(back.ok()) << back.error().detail();
  EXPECT_EQ(dump(*back), dump(m));
}

TEST(OnnxFile, WeightsGoOutFromWhereTheyStand) {
  const std::string weights(80'000, 'w');
  Model m = everything();
  m.graph.initializers.push_back({"big", Tensor::share(DType::float64, {10'000}, borrowed(weights))});
  const std::string whole = write_onnx(m).value();
  bool seen = false;
  std::string together;
  const Status drained = onnx_pieces(std::move(m)).value().drain([&](std::string_view piece) {
    seen = seen || (piece.data() == weights.data() && piece.size() == weights.size());
    together += piece;
    return ok();
  });
  EXPECT_TRUE(drained.ok());
  EXPECT_TRUE(seen);
  EXPECT_EQ(together, whole);
}

TEST(OnnxFile, IsRefusedWhereTheFormatHasNoRoomForIt) {
  const std::string weights(1U << 20, '\0');
  Model m = everything();
  const Tensor shared = Tensor::share(DType::float64, {1U << 17}, borrowed(weights));
  for (int i = 0; i < 2046; ++i) m.graph.initializers.push_back({"w" + std::to_string(i), shared});
  EXPECT_TRUE(onnx_pieces(m).ok());
  m.graph.initializers.push_back({"last", shared});
  m.graph.initializers.push_back({"one too many", shared});
  const auto refused = onnx_pieces(std::move(m));
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().detail().find("2 GiB"), std::string::npos);
}

TEST(OnnxFile, NeverBreaksOnDamage) {
  const std::string good = write_onnx(everything()).value();
  for (std::size_t size = 0; size < good.size(); ++size) (void)read_onnx(as_bytes(std::string_view(good).substr(0, size)));
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const int flip : {1, 0x80, 0xff}) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ flip);
      const auto m = read_onnx(as_bytes(bad));
      if (m.ok()) (void)check(*m);
    }
  }
}

// --- files as others write them

std::string refused_file(const std::function<void(onnx::ModelProto&)>& change) {
  onnx::ModelProto m;
  EXPECT_TRUE(m.ParseFromString(write_onnx(everything()).value()));
  change(m);
  const auto r = read_onnx(as_bytes(m.SerializeAsString()));
  return r.ok() ? "accepted" : r.error().detail();
}

#define EXPECT_FILE_REFUSED(words, change)                                        \
  {                                                                               \
    const std::string detail = refused_file([](onnx::ModelProto& m) { change; }); \
    EXPECT_NE(detail.find(words), std::string::npos) << detail;                   \
  }

TEST(OnnxFile, RefusesWhatItDoesNotServeByName) {
  EXPECT_FILE_REFUSED("in another file (\"../../etc/passwd\")", {
    auto* t = m.mutable_graph()->mutable_initializer(0);
    t->set_data_location(1);
    auto* e = t->add_external_data();
    e->set_key("location");
    e->set_value("../../etc/passwd");
  });
  EXPECT_FILE_REFUSED("in another file", m.mutable_graph()->mutable_node(3)->mutable_attribute(0)->mutable_t()->set_data_location(1));
  EXPECT_FILE_REFUSED("sparse", m.mutable_graph()->add_sparse_initializer());
  EXPECT_FILE_REFUSED("sparse", m.mutable_graph()->mutable_node(0)->add_attribute()->mutable_sparse_tensor());
  EXPECT_FILE_REFUSED("training", m.add_training_info());
  EXPECT_FILE_REFUSED("several devices", m.add_configuration());
  EXPECT_FILE_REFUSED("several devices", m.mutable_graph()->mutable_node(0)->add_device_configurations());
  EXPECT_FILE_REFUSED("overload", m.mutable_graph()->mutable_node(0)->set_overload("v2"));
  EXPECT_FILE_REFUSED("8-bit float", m.mutable_graph()->mutable_initializer(1)->set_data_type(17));
  EXPECT_FILE_REFUSED("narrower than 8 bits", m.mutable_graph()->mutable_initializer(1)->set_data_type(22));
  EXPECT_FILE_REFUSED("doesn't define", m.mutable_unknown_fields()->append("\xa2\x06\x01x"));
  EXPECT_FILE_REFUSED("doesn't define", m.mutable_graph()->mutable_node(0)->mutable_unknown_fields()->append("\xa2\x06\x01x"));
  EXPECT_FILE_REFUSED("no graph", m.clear_graph());
  EXPECT_FILE_REFUSED("but holds 16 bytes", m.mutable_graph()->mutable_initializer(1)->set_dims(1, 3));
  EXPECT_FILE_REFUSED("impossible shape", m.mutable_graph()->mutable_initializer(1)->set_dims(1, -1));
  EXPECT_FILE_REFUSED("impossible shape", (m.mutable_graph()->mutable_initializer(1)->set_dims(0, 1LL << 62),
                                           m.mutable_graph()->mutable_initializer(1)->set_dims(1, 1LL << 62)));
  EXPECT_FILE_REFUSED("data twice", m.mutable_graph()->mutable_initializer(1)->add_double_data(1));
  EXPECT_FILE_REFUSED("neither true nor false", m.mutable_graph()->mutable_initializer(0)->set_raw_data("\x02"));
  EXPECT_FILE_REFUSED("not UTF-8", m.mutable_graph()->mutable_node(0)->set_op_type("\xff"));
  EXPECT_FILE_REFUSED("another type than it says", m.mutable_graph()->mutable_node(1)->mutable_attribute(0)->set_type(2));
  EXPECT_FILE_REFUSED("attribute \"alpha\" twice", (m.mutable_graph()->mutable_node(1)->add_attribute()->CopyFrom(m.graph().node(1).attribute(0))));
  EXPECT_FILE_REFUSED("constant \"w\" is there twice", m.mutable_graph()->mutable_initializer(0)->set_name("w"));
  EXPECT_FALSE(read_onnx(as_bytes("hello")).ok());
  EXPECT_FALSE(read_onnx({}).ok());
}

TEST(OnnxFile, TreatsInputsWithInitializersAsConstants) {
  onnx::ModelProto m;
  ASSERT_TRUE(m.ParseFromString(write_onnx(everything()).value()));
  m.mutable_graph()->add_input()->set_name("w");
  EXPECT_EQ(read_onnx(as_bytes(m.SerializeAsString()))->graph.inputs.size(), 1U);
}

// A shape without an element type was read and checked, and silently missing in what was written for the engine.
TEST(OnnxFile, LeavesAShapeWithoutATypeToInference) {
  onnx::ModelProto m;
  ASSERT_TRUE(m.ParseFromString(write_onnx(everything()).value()));
  m.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type()->clear_elem_type();
  const auto model = read_onnx(as_bytes(m.SerializeAsString()));
  ASSERT_TRUE(model.ok()) << model.error().detail();
  EXPECT_FALSE(model->graph.inputs[0].has_shape);
  EXPECT_EQ(dump(*read_onnx(as_bytes(write_onnx(*model).value()))), dump(*model));
}

TEST(OnnxFile, ReadsNumbersFromTypedFields) {
  onnx::ModelProto m;
  ASSERT_TRUE(m.ParseFromString(write_onnx(everything()).value()));
  auto* t = m.mutable_graph()->mutable_initializer(1);
  t->clear_raw_data();
  t->set_data_type(2);
  t->add_int32_data(255);
  t->add_int32_data(0);
  EXPECT_EQ(read_onnx(as_bytes(m.SerializeAsString()))->graph.initializers[1].tensor.as<std::uint8_t>()[0], 255);
  t->set_int32_data(0, 256);
  EXPECT_FALSE(read_onnx(as_bytes(m.SerializeAsString())).ok());
}

TEST(OnnxFile, BoundsTheDepthOfSubgraphs) {
  std::shared_ptr<const Graph> inner = branch({node("Relu", {"x"}, {"r"})}, "r");
  for (int i = 0; i < 40; ++i) {
    inner = branch({node("If", {"x"}, {"r"}, {attr("then_branch", inner), attr("else_branch", branch({node("Relu", {"x"}, {"r"})}, "r"))})}, "r");
    const Model m = model({node("If", {"x"}, {"y"}, {attr("then_branch", inner), attr("else_branch", branch({node("Relu", {"x"}, {"r"})}, "r"))})});
    if (i > 16) {
      EXPECT_NE(refusal(m), "accepted");
      EXPECT_FALSE(read_onnx(as_bytes(write_onnx(m).value())).ok());
    } else if (i < 10) {
      EXPECT_EQ(refusal(m), "accepted");
      EXPECT_TRUE(read_onnx(as_bytes(write_onnx(m).value())).ok()) << i;
    }
  }
}

// --- checks

TEST(Check, KnowsTheOperatorsAndTheirOpsets) {
  EXPECT_EQ(refusal(model({node("Relu", {"x"}, {"y"})})), "accepted");
  EXPECT_REFUSED(model({node("Rellu", {"x"}, {"y"})}), "no operator ai.onnx.Rellu");
  EXPECT_REFUSED(model({node("FusedMatMul", {"x", "x"}, {"y"}, {}, "com.microsoft")}), "extension of one engine");
  EXPECT_REFUSED(model({node("Thing", {"x"}, {"y"}, {}, "mine")}), "custom operator");
  Model m = model({node("Gelu", {"x"}, {"y"})});
  EXPECT_REFUSED(m, "came with opset 20");
  m = model({node("Relu", {"x"}, {"y"})});
  m.opsets[""] = 6;
  EXPECT_REFUSED(m, "opset 7");
  m.opsets[""] = 29;
  EXPECT_REFUSED(m, "newer than 28");
  m.opsets.erase("");
  EXPECT_REFUSED(m, "doesn't say which opset");
  m = model({node("Relu", {"x"}, {"y"})});
  m.ir_version = 99;
  EXPECT_REFUSED(m, "IR version");
}

TEST(Check, KnowsWhatOperatorsTake) {
  EXPECT_REFUSED(model({node("Relu", {"x", "x"}, {"y"})}), "it has 2 inputs; the operator takes 1");
  EXPECT_REFUSED(model({node("Add", {"x"}, {"y"})}), "it has 1 inputs; the operator takes 2");
  EXPECT_REFUSED(model({node("Relu", {"x"}, {"y", "z"})}), "outputs");
  EXPECT_REFUSED(model({node("Relu", {"x"}, {"y"}, {attr("slope", 1.0F)})}), "no attribute \"slope\"");
  EXPECT_REFUSED(model({node("Softmax", {"x"}, {"y"}, {attr("axis", std::string("1"))})}), "another type");
  const Node cast = node("Cast", {"x"}, {"i"}, {attr("to", std::int64_t{7})});
  EXPECT_REFUSED(model({cast, node("Abs", {"i"}, {"a"}), node("Add", {"x", "a"}, {"y"})}), "float32 and int64");
  EXPECT_EQ(refusal(model({cast, node("Gather", {"x", "i"}, {"y"})})), "accepted");
}

TEST(Check, LooksIntoTfIdf) {
  const auto tfidf = [](std::vector<std::int64_t> counts, std::vector<std::int64_t> columns) {
    return model({node("Cast", {"x"}, {"s"}, {attr("to", std::int64_t{8})}),
                  node("TfIdfVectorizer", {"s"}, {"y"},
                       {attr("mode", std::string("TF")), attr("pool_strings", std::vector<std::string>{"a", "b", "a", "b"}),
                        attr("ngram_counts", std::move(counts)), attr("ngram_indexes", std::move(columns))})});
  };
  EXPECT_EQ(refusal(tfidf({0, 2}, {0, 1, 2})), "accepted");
  EXPECT_REFUSED(tfidf({0, 2}, {0, 1}), "ngram_indexes has 2 entries where 3 belong");
  EXPECT_REFUSED(tfidf({0, 2}, {0, 1, 1LL << 40}), "ngram_indexes holds");
  EXPECT_REFUSED(tfidf({0, 9}, {0, 1, 2}), "ngram_counts holds 9");
  EXPECT_REFUSED(tfidf({2, 0}, {0, 1, 2}), "must not fall");
  EXPECT_REFUSED(tfidf({0, 3}, {0, 1, 2}), "2-grams");
}

TEST(Check, WantsEachValueComputedOnceAndBeforeItIsRead) {
  EXPECT_REFUSED(model({node("Relu", {"z"}, {"y"})}), "no node before it computes");
  EXPECT_REFUSED(model({node("Relu", {"b"}, {"y"}), node("Relu", {"y"}, {"b"})}), "no node before it computes");
  EXPECT_REFUSED(model({node("Relu", {"x"}, {"y"}), node("Neg", {"x"}, {"y"})}), "there already");
  EXPECT_REFUSED(model({node("Relu", {"x"}, {"x"})}), "there already");
  EXPECT_REFUSED(model({node("Relu", {"x"}, {"z"})}), "computed by no node");
  Model m = model({node("Relu", {"x"}, {"y"})});
  m.graph.inputs.push_back(m.graph.inputs[0]);
  EXPECT_REFUSED(m, "twice");
  m = model({node("Relu", {"x"}, {"y"})});
  m.graph.outputs.push_back(m.graph.outputs[0]);
  EXPECT_REFUSED(m, "twice");
  m.graph.outputs.clear();
  EXPECT_REFUSED(m, "no outputs");
}

Function calls(std::string name, std::vector<std::string> callees) {
  Function f;
  f.name = std::move(name);
  f.domain = "local";
  f.inputs = {"i"};
  f.outputs = {"o0"};
  f.opsets = {{"", 18}};
  f.nodes.push_back(node("Relu", {"i"}, {"o0"}));
  for (std::size_t k = 0; k < callees.size(); ++k) f.nodes.push_back(node(callees[k], {"i"}, {"p" + std::to_string(k)}, {}, "local"));
  return f;
}

TEST(Check, BoundsFunctions) {
  Model m = model({node("A", {"x"}, {"y"}, {}, "local")});
  m.opsets["local"] = 1;
  m.functions = {calls("A", {"B"}), calls("B", {})};
  EXPECT_EQ(refusal(m), "accepted");
  m.functions = {calls("A", {"B"}), calls("B", {"A"})};
  EXPECT_REFUSED(m, "calls itself");
  m.functions = {calls("A", {"A"})};
  EXPECT_REFUSED(m, "calls itself");
  m.functions = {calls("A", {}), calls("A", {})};
  EXPECT_REFUSED(m, "twice");
  m.functions.clear();
  for (int i = 0; i < 30; ++i)
    m.functions.push_back(
        calls("A" + std::string(static_cast<std::size_t>(i), 'x'),
              i < 29 ? std::vector<std::string>{"A" + std::string(static_cast<std::size_t>(i) + 1, 'x')} : std::vector<std::string>{}));
  EXPECT_REFUSED(m, "deep");
  m.functions.clear();
  for (int i = 0; i < 14; ++i)
    m.functions.push_back(
        calls("A" + std::string(static_cast<std::size_t>(i), 'x'),
              i < 13 ? std::vector<std::string>(8, "A" + std::string(static_cast<std::size_t>(i) + 1, 'x')) : std::vector<std::string>{}));
  EXPECT_REFUSED(m, "once its functions are put in");
  m.functions = {calls("A", {})};
  m.functions[0].nodes[0].op = "LeakyRelu";
  m.functions[0].nodes[0].attributes = {attr("alpha", 1.0F)};
  m.functions[0].nodes[0].attributes[0].ref = "missing";
  EXPECT_REFUSED(m, "the function doesn't have");
  m.functions[0].domain = "";
  EXPECT_REFUSED(m, "would replace an operator");
}

using Ints = std::vector<std::int64_t>;
using Floats = std::vector<float>;
using Texts = std::vector<std::string>;

Model trees(const std::function<void(std::map<std::string, AttributeValue>&)>& change = [](auto&) {}) {
  std::map<std::string, AttributeValue> a{{"n_targets", std::int64_t{2}},
                                          {"nodes_treeids", Ints{0, 0, 0}},
                                          {"nodes_nodeids", Ints{0, 1, 2}},
                                          {"nodes_featureids", Ints{1, 0, 0}},
                                          {"nodes_modes", Texts{"BRANCH_LEQ", "LEAF", "LEAF"}},
                                          {"nodes_values", Floats{1, 0, 0}},
                                          {"nodes_truenodeids", Ints{1, 0, 0}},
                                          {"nodes_falsenodeids", Ints{2, 0, 0}},
                                          {"target_treeids", Ints{0, 0}},
                                          {"target_nodeids", Ints{1, 2}},
                                          {"target_ids", Ints{0, 1}},
                                          {"target_weights", Floats{1, 2}}};
  change(a);
  std::vector<Attribute> attributes;
  for (const auto& [name, value] : a) attributes.push_back(attr(name, value));
  return model({node("Cast", {"x"}, {"c"}, {attr("to", std::int64_t{1})}), node("TreeEnsembleRegressor", {"c"}, {"y"}, attributes, "ai.onnx.ml")});
}

#define EXPECT_TREE_REFUSED(words, name, value) EXPECT_REFUSED(trees([](auto& a) { a[name] = value; }), words)

TEST(Check, LooksIntoNamedTrees) {
  EXPECT_EQ(refusal(trees()), "accepted");
  EXPECT_TREE_REFUSED("child but is not there", "nodes_truenodeids", (Ints{7, 0, 0}));
  EXPECT_TREE_REFUSED("reached twice", "nodes_truenodeids", (Ints{2, 0, 0}));
  EXPECT_TREE_REFUSED("cycle", "nodes_truenodeids", (Ints{0, 0, 0}));
  EXPECT_TREE_REFUSED("nodes_featureids holds 2", "nodes_featureids", (Ints{2, 0, 0}));
  EXPECT_TREE_REFUSED("nodes_featureids holds -1", "nodes_featureids", (Ints{-1, 0, 0}));
  EXPECT_TREE_REFUSED("nodes_values has 2 entries", "nodes_values", (Floats{1, 2}));
  EXPECT_TREE_REFUSED("unknown mode", "nodes_modes", (Texts{"BRANCH_LEQ", "LEAF", "BLATT"}));
  EXPECT_TREE_REFUSED("there twice", "nodes_nodeids", (Ints{0, 1, 1}));
  EXPECT_TREE_REFUSED("target_ids holds 2", "target_ids", (Ints{0, 2}));
  EXPECT_TREE_REFUSED("which is not there", "target_nodeids", (Ints{1, 9}));
  EXPECT_TREE_REFUSED("n_targets", "n_targets", std::int64_t{0});
  EXPECT_TREE_REFUSED("no nodes", "nodes_nodeids", Ints{});
  EXPECT_TREE_REFUSED("another type", "nodes_modes", std::int64_t{3});
  EXPECT_REFUSED(trees([](auto& a) {
                   a["nodes_modes"] = Texts{"LEAF", "BRANCH_LEQ", "BRANCH_LEQ"};
                   a["nodes_truenodeids"] = Ints{0, 2, 1};
                   a["nodes_falsenodeids"] = Ints{0, 2, 1};
                 }),
                 "reached twice");
}

Model numbered(const std::function<void(std::map<std::string, AttributeValue>&)>& change = [](auto&) {}) {
  const std::uint8_t modes[] = {0, 0};
  const double splits[] = {0.5, 1.5}, weights[] = {1, 2, 3};
  std::map<std::string, AttributeValue> a{{"n_targets", std::int64_t{1}},         {"tree_roots", Ints{0}},
                                          {"nodes_featureids", Ints{0, 1}},       {"nodes_modes", Tensor::of<std::uint8_t>(DType::uint8, {2}, modes)},
                                          {"nodes_splits", doubles({2}, splits)}, {"nodes_truenodeids", Ints{1, 1}},
                                          {"nodes_trueleafs", Ints{0, 1}},        {"nodes_falsenodeids", Ints{0, 2}},
                                          {"nodes_falseleafs", Ints{1, 1}},       {"leaf_targetids", Ints{0, 0, 0}},
                                          {"leaf_weights", doubles({3}, weights)}};
  change(a);
  std::vector<Attribute> attributes;
  for (const auto& [name, value] : a) attributes.push_back(attr(name, value));
  return model({node("TreeEnsemble", {"x"}, {"y"}, attributes, "ai.onnx.ml")});
}

#define EXPECT_NUMBERED_REFUSED(words, name, value) EXPECT_REFUSED(numbered([](auto& a) { a[name] = value; }), words)

TEST(Check, LooksIntoNumberedTrees) {
  EXPECT_EQ(refusal(numbered()), "accepted");
  EXPECT_NUMBERED_REFUSED("reached twice", "nodes_truenodeids", (Ints{0, 1}));
  EXPECT_NUMBERED_REFUSED("child that is not there", "nodes_falsenodeids", (Ints{3, 2}));
  EXPECT_NUMBERED_REFUSED("child that is not there", "nodes_truenodeids", (Ints{2, 1}));
  EXPECT_NUMBERED_REFUSED("tree_roots holds 2", "tree_roots", (Ints{2}));
  EXPECT_NUMBERED_REFUSED("root of two trees", "tree_roots", (Ints{0, 0}));
  EXPECT_NUMBERED_REFUSED("reached twice", "tree_roots", (Ints{0, 1}));
  EXPECT_NUMBERED_REFUSED("no trees", "tree_roots", Ints{});
  EXPECT_NUMBERED_REFUSED("leaf_targetids holds 1", "leaf_targetids", (Ints{0, 1, 0}));
  EXPECT_NUMBERED_REFUSED("nodes_featureids holds 2", "nodes_featureids", (Ints{0, 2}));
  EXPECT_NUMBERED_REFUSED("leaf_weights", "leaf_weights", Tensor(DType::float64, {2}));
  EXPECT_NUMBERED_REFUSED("neither 0 nor 1", "nodes_trueleafs", (Ints{0, 2}));
  EXPECT_NUMBERED_REFUSED("sets for 0 nodes", "membership_values",
                          Tensor::of<double>(DType::float64, {1}, std::span<const double>(std::array{double{NAN}})));
  EXPECT_NUMBERED_REFUSED("uint8", "nodes_modes", Tensor(DType::int64, {2}));
}

TEST(Check, LooksIntoLinearModelsAndSupportVectors) {
  const auto ml = [](std::string op, std::vector<Attribute> attributes) {
    const bool two = op.ends_with("Classifier");
    return model({node(std::move(op), {"x"}, two ? std::vector<std::string>{"label", "y"} : std::vector<std::string>{"y"}, std::move(attributes),
                       "ai.onnx.ml")});
  };
  EXPECT_EQ(refusal(ml("LinearRegressor", {attr("coefficients", Floats{1, 2}), attr("intercepts", Floats{1})})), "accepted");
  EXPECT_REFUSED(ml("LinearRegressor", {attr("coefficients", Floats{1, 2, 3})}), "the input has 2");
  EXPECT_REFUSED(ml("LinearRegressor", {attr("coefficients", Floats{1, 2}), attr("targets", std::int64_t{-1})}), "positive");
  EXPECT_REFUSED(ml("LinearClassifier", {attr("coefficients", Floats{1, 2, 3}), attr("classlabels_ints", Ints{0, 1})}), "not a table");
  EXPECT_EQ(refusal(ml("SVMRegressor", {attr("n_supports", std::int64_t{2}), attr("support_vectors", Floats{1, 2, 3, 4}),
                                        attr("coefficients", Floats{1, 2}), attr("rho", Floats{0})})),
            "accepted");
  EXPECT_REFUSED(ml("SVMRegressor", {attr("n_supports", std::int64_t{3}), attr("support_vectors", Floats{1, 2, 3, 4})}), "not a table of 3 rows");
  EXPECT_REFUSED(
      ml("SVMClassifier", {attr("classlabels_ints", Ints{0, 1}), attr("vectors_per_class", Ints{1, -1}), attr("support_vectors", Floats{1, 2})}),
      "holds -1");
  EXPECT_REFUSED(ml("LabelEncoder", {attr("keys_strings", Texts{"a", "b"}), attr("values_int64s", Ints{1})}), "values has 1 entries");
}

}  // namespace
}  // namespace slipway::graph
