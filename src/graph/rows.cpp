#include "slipway/graph/rows.hpp"

#include <algorithm>

#include "slipway/graph/rows_walk.hpp"

namespace slipway::graph {
namespace rows {
namespace {

// Each element from the elements at its place, aligned at the last dimensions.
constexpr std::string_view kPointwise =
    " Abs Acos Acosh Add And Asin Asinh Atan Atanh BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor Cast Ceil Celu Clip "
    "Cos Cosh Div Elu Equal Erf Exp Floor Gelu Greater GreaterOrEqual HardSigmoid HardSwish Identity IsInf IsNaN LeakyRelu "
    "Less LessOrEqual Log Max Mean Min Mish Mod Mul Neg Not Or PRelu Pow Reciprocal Relu Round Selu Shrink Sigmoid Sign Sin "
    "Sinh Softplus Softsign Sqrt StringConcat Sub Sum Swish Tan Tanh ThresholdedRelu Where Xor ";

bool is_pointwise(std::string_view op) { return kPointwise.find(" " + std::string(op) + " ") != std::string_view::npos; }

}  // namespace

bool Walk::run() {
  constexpr std::size_t kNodesMax = 100'000;  // something is remembered of each value
  const Graph& g = model_.graph;
  if (g.nodes.size() > kNodesMax) return false;
  for (const Initializer& i : g.initializers) facts_[i.name] = constant(i.tensor);
  for (const ValueInfo& v : g.inputs) {
    if (v.kind != ValueInfo::Kind::tensor || !v.has_shape || v.shape.empty() || v.shape[0].known()) return false;
    facts_[v.name] = input(v);
  }
  for (const Node& node : g.nodes) step(node);
  return !g.outputs.empty() && std::all_of(g.outputs.begin(), g.outputs.end(), [&](const ValueInfo& v) {
    const Fact& f = fact(v.name);
    return f.is_rows() && f.axis == 0 && f.outer.is(1) && f.block.is(1) && !f.shape->empty() && (*f.shape)[0] == Extent::row_count();
  });
}

Fact Walk::constant(const Tensor& t) const {
  constexpr std::size_t kNumbersMax = 64;
  Fact f{.kind = Fact::Kind::same, .shape = Extents(), .numbers = std::nullopt, .tensor = &t};
  for (const std::int64_t d : t.shape()) f.shape->push_back(Extent::of(d));
  if (t.shape().size() > 1 || t.count() > kNumbersMax || (t.dtype() != DType::int64 && t.dtype() != DType::int32)) return f;
  f.numbers.emplace();
  for (std::size_t i = 0; i < t.count(); ++i) { f.numbers->push_back(Extent::of(t.as_int(i))); }
  return f;
}

Fact Walk::input(const ValueInfo& v) {
  Fact f{.kind = Fact::Kind::rows, .shape = Extents{Extent::row_count()}, .numbers = std::nullopt};
  for (std::size_t i = 1; i < v.shape.size(); ++i) {
    const Dim& d = v.shape[i];
    if (d.known()) {
      f.shape->push_back(Extent::of(d.value));
    } else if (d.param.empty()) {
      f.shape->push_back(unknown());
    } else if (d.param == v.shape[0].param) {
      return kMixed;  // as many columns as rows
    } else {
      f.shape->push_back(Extent::one_of(named_.try_emplace(d.param, next_size_).second ? next_size_++ : named_[d.param]));
    }
  }
  return f;
}

void Walk::step(const Node& node) {
  Call call{node, {}};
  for (const std::string& name : node.inputs) call.in.push_back(name.empty() ? nullptr : &fact(name));
  std::vector<Fact> out = has_subgraph(node) ? std::vector<Fact>() : outputs(call);
  out.resize(node.outputs.size());
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    if (!node.outputs[i].empty()) facts_[node.outputs[i]] = std::move(out[i]);
  }
}

bool Walk::has_subgraph(const Node& node) {
  return std::any_of(node.attributes.begin(), node.attributes.end(), [](const Attribute& a) {
    return std::holds_alternative<std::shared_ptr<const Graph>>(a.value) ||
           std::holds_alternative<std::vector<std::shared_ptr<const Graph>>>(a.value);
  });
}

std::vector<Fact> Walk::outputs(const Call& c) {
  if (c.node.domain == "ai.onnx.ml") return table(c);
  if (!c.node.domain.empty()) return {};
  const std::string_view op = c.node.op;
  if (op == "Constant") return {constant_node(c)};
  if (std::any_of(c.in.begin(), c.in.end(), [](const Fact* f) { return f != nullptr && f->kind == Fact::Kind::mixed; })) return {};
  if (op == "Shape") return {shape_of(c)};
  if (op == "Size") return {size_of(c)};
  if (op == "ConstantOfShape") return {filled(c)};
  if (op == "Expand") return {expand(c)};
  if (op == "Reshape") return {reshape(c)};
  if (op == "Flatten") return {flatten(c)};
  if (op == "Squeeze" || op == "Unsqueeze") return {squeeze(c, op == "Squeeze")};
  if (op == "Gather") return {gather(c)};
  if (op == "Concat") return {concat(c)};
  if (op == "Slice") return {slice(c)};
  if (op == "Resize" || op == "Upsample") return {resize(c)};
  if (auto numbers = arithmetic(c)) return {std::move(*numbers)};
  if (is_pointwise(op)) return {pointwise(c)};
  if (std::any_of(c.in.begin(), c.in.end(), [](const Fact* f) { return f != nullptr && f->kind == Fact::Kind::counts; })) return {};
  if (op.starts_with("Random") || op == "Bernoulli" || op == "Multinomial") return {};
  if (!c.in.empty() && std::all_of(c.in.begin(), c.in.end(), [](const Fact* f) { return f == nullptr || f->is_same(); }))
    return std::vector<Fact>(c.node.outputs.size(), same(shape_like(c)));
  return of_rows(c);
}

std::vector<Fact> Walk::of_rows(const Call& c) {
  const std::string_view op = c.node.op;
  if (op == "Dropout") return dropout(c);
  if (op == "CastLike") return {*c.in[0]};
  if (op == "MatMul" || op == "MatMulInteger") return {matmul(c)};
  if (op == "Gemm") return {gemm(c)};
  if (op == "Transpose") return {transpose(c)};
  if (op == "Split") return split(c);
  if (op == "Pad") return {pad(c)};
  if (op == "Tile") return {tile(c)};
  if (op == "Einsum") return {einsum(c)};
  if (op == "LSTM" || op == "GRU" || op == "RNN") return recurrent(c);
  if (op == "GatherElements") return {gather_elements(c)};
  if (op == "OneHot") return {one_hot(c)};
  if (op.starts_with("Reduce")) return {reduce(c)};
  if (op == "ArgMax" || op == "ArgMin") return {arg(c)};
  if (op == "TopK") return std::vector<Fact>(2, along(c, -1));
  if (one_of(op, {"Softmax", "LogSoftmax", "Hardmax"})) return {opset_ >= 13 ? along(c, -1) : from_axis(c, 1)};
  if (op == "LpNormalization") return {along(c, -1)};
  if (op == "CumSum") return {cumulative(c)};
  if (op == "LayerNormalization" || op == "RMSNormalization") return {from_axis(c, -1)};
  if (op == "BatchNormalization") return c.number("training_mode", 0) == 0 ? std::vector<Fact>{in_place(c)} : std::vector<Fact>();
  if (one_of(op, {"InstanceNormalization", "GroupNormalization", "LRN"})) return {in_place(c)};
  if (one_of(op, {"Conv", "ConvInteger", "ConvTranspose", "MaxPool", "AveragePool", "LpPool", "GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool",
                  "DepthToSpace", "SpaceToDepth"}))
    return {image(c)};
  return {};
}

}  // namespace rows

bool rows_are_independent(const Model& model) { return rows::Walk(model).run(); }

}  // namespace slipway::graph
