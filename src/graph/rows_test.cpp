#include "slipway/graph/rows.hpp"

#include <gtest/gtest.h>

#include <numeric>

#include "slipway/graph/builder.hpp"

namespace slipway::graph {
namespace {

using Ints = std::vector<std::int64_t>;

// Nodes one after the other: the inputs' names, the operator; the last one's output is the graph's.
class Net {
 public:
  explicit Net(std::vector<Dim> shape) { input("x", std::move(shape)); }

  Net& input(const std::string& name, std::vector<Dim> shape) {
    model_.graph.inputs.push_back({name, DType::float32, true, std::move(shape)});
    return *this;
  }
  Net& weight(const std::string& name, Shape shape) {
    model_.graph.initializers.push_back({name, Tensor(DType::float32, std::move(shape))});
    return *this;
  }
  Net& ints(const std::string& name, const Ints& values) {
    model_.graph.initializers.push_back({name, int64s({static_cast<std::int64_t>(values.size())}, values)});
    return *this;
  }
  Net& index(const std::string& name, std::int64_t value) {
    model_.graph.initializers.push_back({name, int64s({}, Ints{value})});
    return *this;
  }
  Net& op(const std::string& type, std::vector<std::string> inputs, std::vector<Attribute> attributes = {},
          std::vector<std::string> outputs = {"y"}) {
    model_.graph.nodes.push_back({type, "", "", std::move(inputs), std::move(outputs), std::move(attributes)});
    return *this;
  }
  bool independent() {
    model_.opsets[""] = 18;
    model_.graph.outputs = {{model_.graph.nodes.back().outputs[0], DType::float32, true, {}}};
    return rows_are_independent(model_);
  }

 private:
  Model model_;
};

const Dim kRows{-1, "N"}, kSteps{-1, "T"};
Dim size(std::int64_t n) { return {n, ""}; }
Net table(std::int64_t width = 3) { return Net({kRows, size(width)}); }

TEST(Rows, OfLayersAndActivationsAreIndependent) {
  EXPECT_TRUE(table()
                  .weight("w", {3, 4})
                  .weight("b", {4})
                  .op("Gemm", {"x", "w", "b"}, {}, {"h"})
                  .op("Relu", {"h"}, {}, {"r"})
                  .op("Softmax", {"r"}, {attr("axis", std::int64_t{-1})})
                  .independent());
  EXPECT_TRUE(Net({kRows, size(3), size(8), size(8)})
                  .weight("w", {4, 3, 3, 3})
                  .op("Conv", {"x", "w"}, {}, {"c"})
                  .op("GlobalAveragePool", {"c"}, {}, {"g"})
                  .op("Flatten", {"g"})
                  .independent());
}

TEST(Rows, AreMixedByWhatRunsAlongThem) {
  EXPECT_FALSE(table().op("Softmax", {"x"}, {attr("axis", std::int64_t{0})}).independent());
  EXPECT_FALSE(table().ints("axes", {0}).op("ReduceMean", {"x", "axes"}, {}, {"m"}).op("Sub", {"x", "m"}).independent());
  EXPECT_FALSE(table().op("ReduceMax", {"x"}, {}, {"m"}).op("Div", {"x", "m"}).independent()) << "without axes all of them are meant";
  EXPECT_FALSE(table().ints("axis", {0}).op("CumSum", {"x", "axis"}).independent());
  EXPECT_FALSE(table().op("Transpose", {"x"}, {}, {"t"}).op("MatMul", {"x", "t"}, {}, {"s"}).op("MatMul", {"s", "x"}).independent())
      << "every row with every row";
  EXPECT_FALSE(Net({kRows, size(3), size(4)}).op("Einsum", {"x", "x"}, {attr("equation", "bij,cij->bij")}).independent());
}

TEST(Rows, OfAttentionWithinThemAreIndependent) {
  EXPECT_TRUE(Net({kRows, kSteps, size(4)})
                  .op("Transpose", {"x"}, {attr("perm", Ints{0, 2, 1})}, {"t"})
                  .op("MatMul", {"x", "t"}, {}, {"s"})
                  .op("Softmax", {"s"}, {attr("axis", std::int64_t{-1})}, {"p"})
                  .op("MatMul", {"p", "x"})
                  .independent());
}

// As torch.nn.MultiheadAttention lays them out: steps first, then rows and heads in one dimension, then steps and rows in one.
TEST(Rows, AreFollowedThroughDimensionsThatTheyShareWithOthers) {
  auto net = [](const Ints& back) {
    return Net({kRows, size(5), size(8)})
        .op("Shape", {"x"}, {}, {"shape"})
        .index("zero", 0)
        .op("Gather", {"shape", "zero"}, {}, {"n"})
        .ints("axis", {0})
        .op("Unsqueeze", {"n", "axis"}, {}, {"rows"})
        .ints("two", {2})
        .op("Mul", {"rows", "two"}, {}, {"rows2"})
        .ints("five", {5})
        .ints("four", {4})
        .op("Concat", {"five", "rows2", "four"}, {attr("axis", std::int64_t{0})}, {"heads"})
        .op("Transpose", {"x"}, {attr("perm", Ints{1, 0, 2})}, {"steps"})
        .op("Reshape", {"steps", "heads"}, {}, {"h"})
        .op("Transpose", {"h"}, {attr("perm", Ints{1, 0, 2})}, {"q"})
        .op("Transpose", {"h"}, {attr("perm", Ints{1, 2, 0})}, {"k"})
        .op("MatMul", {"q", "k"}, {}, {"s"})
        .op("MatMul", {"s", "q"}, {}, {"o"})
        .op("Transpose", {"o"}, {attr("perm", Ints{1, 0, 2})}, {"o2"})
        .ints("flat", {-1, 8})
        .op("Reshape", {"o2", "flat"}, {}, {"f"})
        .weight("w", {8, 8})
        .op("MatMul", {"f", "w"}, {}, {"g"})
        .ints("eight", {8})
        .op("Concat", {"five", "rows", "eight"}, {attr("axis", std::int64_t{0})}, {"unflat"})
        .op("Reshape", {"g", "unflat"}, {}, {"u"})
        .op("Transpose", {"u"}, {attr("perm", back)})
        .independent();
  };
  EXPECT_TRUE(net({1, 0, 2}));
  EXPECT_FALSE(net({0, 1, 2})) << "the rows are not the first dimension";
}

TEST(Rows, AreNotCutByAReshape) {
  EXPECT_TRUE(table(6).ints("to", {-1, 2, 3}).op("Reshape", {"x", "to"}).independent());
  EXPECT_TRUE(table(6).ints("to", {0, -1}).op("Reshape", {"x", "to"}).independent());
  EXPECT_FALSE(table(3).ints("to", {-1, 2}).op("Reshape", {"x", "to"}).independent()) << "a row of three in pieces of two";
  EXPECT_FALSE(table(6).ints("to", {-1, 3}).op("Reshape", {"x", "to"}).independent()) << "twice as many rows";
  EXPECT_FALSE(table(6).ints("to", {2, -1}).op("Reshape", {"x", "to"}).independent());
}

TEST(Rows, DependOnTheirNumberWhenItIsCalculatedWith) {
  const auto net = [](const char* op) {
    return table()
        .op("Shape", {"x"}, {}, {"shape"})
        .index("zero", 0)
        .op("Gather", {"shape", "zero"}, {}, {"n"})
        .op("Cast", {"n"}, {attr("to", std::int64_t{1})}, {"f"})
        .op(op, {"x", "f"})
        .independent();
  };
  EXPECT_FALSE(net("Div"));
  EXPECT_FALSE(table()
                   .op("Shape", {"x"}, {}, {"shape"})
                   .index("one", 1)
                   .op("Gather", {"shape", "one"}, {}, {"n"})
                   .index("zero", 0)
                   .op("Range", {"zero", "n", "one"}, {}, {"r"})
                   .op("Cast", {"r"}, {attr("to", std::int64_t{1})}, {"f"})
                   .op("Add", {"x", "f"})
                   .op("NonZero", {"y"}, {}, {"z"})
                   .independent());
  EXPECT_TRUE(table()
                  .op("Shape", {"x"}, {}, {"shape"})
                  .index("one", 1)
                  .op("Gather", {"shape", "one"}, {}, {"n"})
                  .index("zero", 0)
                  .op("Range", {"zero", "n", "one"}, {}, {"r"})
                  .op("Cast", {"r"}, {attr("to", std::int64_t{1})}, {"f"})
                  .op("Add", {"x", "f"})
                  .independent())
      << "the number of columns is everybody's";
}

TEST(Rows, ArePickedAndCutAtOtherDimensionsOnly) {
  EXPECT_TRUE(table().index("i", 1).op("Gather", {"x", "i"}, {attr("axis", std::int64_t{1})}).independent());
  EXPECT_FALSE(table().ints("i", {0}).op("Gather", {"x", "i"}, {attr("axis", std::int64_t{0})}).independent());
  const Ints all = {std::numeric_limits<std::int64_t>::max()};
  EXPECT_TRUE(table().ints("b", {1}).ints("e", all).ints("a", {1}).op("Slice", {"x", "b", "e", "a"}).independent());
  EXPECT_FALSE(table().ints("b", {1}).ints("e", all).ints("a", {0}).op("Slice", {"x", "b", "e", "a"}).independent());
  EXPECT_FALSE(table().ints("b", {0}).ints("e", all).ints("a", {0}).ints("s", {-1}).op("Slice", {"x", "b", "e", "a", "s"}).independent())
      << "in reverse";
  EXPECT_FALSE(table().ints("p", {1, 0, 0, 0}).op("Pad", {"x", "p"}).independent());
  EXPECT_TRUE(table().ints("p", {0, 1, 0, 1}).op("Pad", {"x", "p"}).independent());
  EXPECT_FALSE(table().op("Concat", {"x", "x"}, {attr("axis", std::int64_t{0})}).independent());
  EXPECT_TRUE(table().op("Concat", {"x", "x"}, {attr("axis", std::int64_t{1})}).independent());
}

TEST(Rows, MeetOnlyTheirOwnInOtherValues) {
  EXPECT_TRUE(table().input("z", {kRows, size(3)}).op("Add", {"x", "z"}).independent());
  EXPECT_FALSE(Net({kRows, kRows}).op("Relu", {"x"}).independent());
  EXPECT_FALSE(table().weight("w", {4, 3}).op("Add", {"x", "w"}).independent()) << "something else for each row: it works with four of them only";
  EXPECT_TRUE(table().weight("w", {1, 3}).op("Add", {"x", "w"}).independent());
  EXPECT_FALSE(Net({kRows, size(1)}).op("Transpose", {"x"}, {}, {"t"}).op("Add", {"x", "t"}).independent()) << "each with each";
}

TEST(Rows, OfRecurrentLayersAreTheirSecondDimension) {
  const auto net = [](bool transposed) {
    Net n({kRows, size(5), size(4)});
    n.weight("w", {1, 12, 4}).weight("r", {1, 12, 3});
    if (transposed) n.op("Transpose", {"x"}, {attr("perm", Ints{1, 0, 2})}, {"s"});
    n.op("GRU", {transposed ? "s" : "x", "w", "r"}, {attr("hidden_size", std::int64_t{3})}, {"all", "last"}).ints("axes", {0});
    return n.op("Squeeze", {"last", "axes"}).independent();
  };
  EXPECT_TRUE(net(true));
  EXPECT_FALSE(net(false)) << "the rows would be the steps";
}

TEST(Rows, OfUnknownOperatorsAreNotTrusted) {
  EXPECT_FALSE(table().op("NonZero", {"x"}).independent());
  EXPECT_FALSE(table().op("DynamicQuantizeLinear", {"x"}).independent()) << "its scale is of all values";
  EXPECT_FALSE(table().op("RandomNormalLike", {"x"}).independent());
  EXPECT_FALSE(table()
                   .weight("s", {3})
                   .weight("b", {3})
                   .weight("m", {3})
                   .weight("v", {3})
                   .op("BatchNormalization", {"x", "s", "b", "m", "v"}, {attr("training_mode", std::int64_t{1})})
                   .independent());
  EXPECT_TRUE(
      table().weight("s", {3}).weight("b", {3}).weight("m", {3}).weight("v", {3}).op("BatchNormalization", {"x", "s", "b", "m", "v"}).independent());
}

}  // namespace
}  // namespace slipway::graph
