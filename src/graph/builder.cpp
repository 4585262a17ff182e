#include "slipway/graph/builder.hpp"

#include <cmath>
#include <cstdlib>
#include <functional>

#include "slipway/base/encoding.hpp"

namespace slipway::graph {
namespace {

std::size_t content_hash(const Tensor& t) {
  const std::hash<std::string_view> hash;
  std::size_t h = static_cast<std::size_t>(t.dtype());
  const auto mix = [&h](std::size_t v) { h = (h ^ v) * 0x9E3779B97F4A7C15ULL; };
  for (const std::int64_t d : t.shape()) mix(static_cast<std::size_t>(d));
  mix(hash(as_text(t.bytes())));
  for (const std::string& s : t.strings()) mix(hash(s));
  return h;
}

bool same_content(const Tensor& a, const Tensor& b) {  // by bits: NaN equals itself, 0.0 and -0.0 differ
  return a.dtype() == b.dtype() && a.shape() == b.shape() && a.strings() == b.strings() && as_text(a.bytes()) == as_text(b.bytes());
}

// Names that a node reads: its inputs, and what its subgraphs capture (all of their inputs: more than needed is safe).
void collect_reads(const Node& node, std::vector<std::string_view>& into) {
  for (const std::string& name : node.inputs) into.push_back(name);
  const auto subgraph = [&into](const std::shared_ptr<const Graph>& g) {
    if (!g) return;
    for (const Node& n : g->nodes) collect_reads(n, into);
    for (const ValueInfo& v : g->outputs) into.push_back(v.name);
  };
  for (const Attribute& a : node.attributes) {
    if (const auto* g = std::get_if<std::shared_ptr<const Graph>>(&a.value)) subgraph(*g);
    if (const auto* gs = std::get_if<std::vector<std::shared_ptr<const Graph>>>(&a.value)) {
      for (const auto& g : *gs) subgraph(g);
    }
  }
}

// Nodes stand in the order they were made, so one walk from the back finds all that the outputs need.
void prune(Graph& graph) {
  std::unordered_set<std::string_view> needed;
  for (const ValueInfo& v : graph.outputs) needed.insert(v.name);
  std::vector<bool> keep(graph.nodes.size());
  std::vector<std::string_view> reads;
  for (std::size_t i = graph.nodes.size(); i-- > 0;) {
    for (const std::string& out : graph.nodes[i].outputs) keep[i] = keep[i] || needed.contains(out);
    if (!keep[i]) continue;
    reads.clear();
    collect_reads(graph.nodes[i], reads);
    needed.insert(reads.begin(), reads.end());
  }
  // Marked before anything moves: the set views the names of nodes that stay.
  std::vector<bool> keep_initializer;
  for (const Initializer& init : graph.initializers) keep_initializer.push_back(needed.contains(init.name));
  std::vector<Node> nodes;
  for (std::size_t i = 0; i < keep.size(); ++i) {
    if (keep[i]) nodes.push_back(std::move(graph.nodes[i]));
  }
  std::vector<Initializer> initializers;
  for (std::size_t i = 0; i < keep_initializer.size(); ++i) {
    if (keep_initializer[i]) initializers.push_back(std::move(graph.initializers[i]));
  }
  graph.nodes = std::move(nodes);
  graph.initializers = std::move(initializers);
}

}  // namespace

Attribute attr(std::string name, AttributeValue value) { return {std::move(name), std::move(value), {}}; }

Builder::Builder(std::string graph_name, Operators operators) : operators_(operators) {
  model_.graph.name = std::move(graph_name);
  model_.opsets = {{"", kOpset}, {"ai.onnx.ml", kMlOpset}};
  model_.producer_name = "slipway";
}

Builder Builder::inside() {
  const std::string name = fresh("body");
  Builder body(name, operators_);
  body.prefix_ = name + "/";
  return body;
}

std::string Builder::fresh(std::string_view stem) {
  std::string name;
  do { name = prefix_ + std::string(stem) + "." + std::to_string(next_++); } while (!names_.insert(name).second);
  return name;
}

Val Builder::input(std::string name, DType dtype, std::int64_t columns) {
  return typed(input(std::move(name), dtype, {Dim{-1, "N"}, Dim{columns, {}}}), dtype, columns);
}

Val Builder::input(std::string name, DType dtype, std::vector<Dim> shape) {
  if (!names_.insert(name).second) std::abort();  // two inputs of one name: a bug of the importer
  ValueInfo info;
  info.name = name;
  info.dtype = dtype;
  info.shape = std::move(shape);
  model_.graph.inputs.push_back(std::move(info));
  return {std::move(name), dtype, -1};
}

void Builder::output(std::string name, const Val& v, std::vector<Dim> shape) {
  if (!names_.insert(name).second) std::abort();  // taken: a bug of the importer; internal names have a dot and a number
  Node node;
  node.op = "Identity";
  node.inputs = {v.name};
  node.outputs = {name};
  model_.graph.nodes.push_back(std::move(node));
  ValueInfo info;
  info.name = std::move(name);
  info.dtype = v.dtype;
  info.shape = std::move(shape);
  model_.graph.outputs.push_back(std::move(info));
}

Val Builder::constant(Tensor t) {
  const std::size_t hash = content_hash(t);
  Val v;
  v.dtype = t.dtype();
  v.columns = t.shape().size() == 2 ? t.shape()[1] : -1;
  const auto [begin, end] = constants_.equal_range(hash);
  for (auto it = begin; it != end; ++it) {
    const Initializer& known = model_.graph.initializers[it->second];
    if (!same_content(known.tensor, t)) continue;
    v.name = known.name;
    return v;
  }
  v.name = fresh("const");
  constants_.emplace(hash, model_.graph.initializers.size());
  model_.graph.initializers.push_back({v.name, std::move(t)});
  return v;
}

Val Builder::scalar(double v) { return constant(doubles({}, std::span(&v, 1))); }
Val Builder::scalar_i64(std::int64_t v) { return constant(int64s({}, std::span(&v, 1))); }
Val Builder::row(std::span<const double> values) { return constant(doubles({1, static_cast<std::int64_t>(values.size())}, values)); }
Val Builder::ints(std::span<const std::int64_t> values) { return constant(int64s({static_cast<std::int64_t>(values.size())}, values)); }
Val Builder::ints(std::initializer_list<std::int64_t> values) { return ints(std::span(values.begin(), values.size())); }

Val Builder::op(std::string_view op_type, const std::vector<Val>& inputs, std::vector<Attribute> attributes, std::string_view domain) {
  return std::move(op_n(op_type, inputs, 1, std::move(attributes), domain)[0]);
}

std::vector<Val> Builder::op_n(std::string_view op_type, const std::vector<Val>& inputs, std::size_t outputs, std::vector<Attribute> attributes,
                               std::string_view domain) {
  Node node;
  node.op = op_type;
  node.domain = domain;
  if (domain == kOwnDomain) model_.opsets.emplace(kOwnDomain, 1);
  node.attributes = std::move(attributes);
  for (const Val& v : inputs) node.inputs.push_back(v.name);
  std::vector<Val> results;
  for (std::size_t i = 0; i < outputs; ++i) {
    Val v;
    if (!inputs.empty()) {
      v.dtype = inputs[0].dtype;
      v.columns = inputs[0].columns;
    }
    v.name = fresh(op_type);
    node.outputs.push_back(v.name);
    results.push_back(std::move(v));
  }
  model_.graph.nodes.push_back(std::move(node));
  return results;
}

namespace {
// Of [N, a] op [1 or N, b]: what broadcasting gives, where both are known.
std::int64_t broadcast_columns(const Val& a, const Val& b) { return a.columns == 1 || a.columns < 0 ? std::max(a.columns, b.columns) : a.columns; }
}  // namespace

Val Builder::own(std::string_view op_type, const std::vector<Val>& inputs, DType dtype, std::int64_t columns, std::vector<Attribute> attributes) {
  return typed(op(op_type, inputs, std::move(attributes), kOwnDomain), dtype, columns);
}

Val Builder::add(const Val& a, const Val& b) { return typed(op("Add", {a, b}), a.dtype, broadcast_columns(a, b)); }
Val Builder::sub(const Val& a, const Val& b) { return typed(op("Sub", {a, b}), a.dtype, broadcast_columns(a, b)); }
Val Builder::mul(const Val& a, const Val& b) { return typed(op("Mul", {a, b}), a.dtype, broadcast_columns(a, b)); }
Val Builder::div(const Val& a, const Val& b) { return typed(op("Div", {a, b}), a.dtype, broadcast_columns(a, b)); }
Val Builder::matmul(const Val& a, const Val& b, std::int64_t columns) { return typed(op("MatMul", {a, b}), a.dtype, columns); }

Val Builder::cast(const Val& a, DType to) {
  if (a.dtype == to) return a;
  return typed(op("Cast", {a}, {attr("to", static_cast<std::int64_t>(to))}), to, a.columns);
}

Val Builder::concat_columns(const std::vector<Val>& parts) {
  if (parts.size() == 1) return parts[0];
  std::int64_t columns = 0;
  for (const Val& p : parts) columns = columns < 0 || p.columns < 0 ? -1 : columns + p.columns;
  return typed(op("Concat", parts, {attr("axis", std::int64_t{1})}), parts.empty() ? DType::float64 : parts[0].dtype, columns);
}

Val Builder::columns(const Val& table, std::span<const std::int64_t> which) {
  const auto count = static_cast<std::int64_t>(which.size());
  bool all = table.columns == count;
  for (std::int64_t i = 0; all && i < count; ++i) all = which[static_cast<std::size_t>(i)] == i;
  if (all) return table;
  return typed(gather(table, ints(which), 1), table.dtype, count);
}

Val Builder::column(const Val& table, std::int64_t which) { return columns(table, std::span(&which, 1)); }

Val Builder::gather(const Val& table, const Val& indices, std::int64_t axis) {
  return typed(op("Gather", {table, indices}, {attr("axis", axis)}), table.dtype, axis == 0 ? table.columns : -1);
}

Val Builder::where(const Val& condition, const Val& yes, const Val& no) {
  const std::int64_t columns = std::max(broadcast_columns(yes, no), condition.columns);
  return typed(op("Where", {condition, yes, no}), yes.dtype, columns);
}

Val Builder::argmax(const Val& table) {
  return typed(op("ArgMax", {table}, {attr("axis", std::int64_t{1}), attr("keepdims", std::int64_t{0})}), DType::int64, -1);
}

Val Builder::reduce(std::string_view op_type, const Val& a, std::int64_t axis, bool keepdims) {
  return typed(op(op_type, {a, ints({axis})}, {attr("keepdims", static_cast<std::int64_t>(keepdims))}), a.dtype,
               keepdims ? (axis == 1 ? 1 : a.columns) : -1);
}

Val Builder::reshape(const Val& a, std::initializer_list<std::int64_t> shape, std::int64_t columns) {
  return typed(op("Reshape", {a, ints(shape)}), a.dtype, columns);
}

Val Builder::is_nan(const Val& a) { return typed(op("IsNaN", {a}), DType::boolean, a.columns); }

Val Builder::compare(std::string_view op_type, const Val& a, const Val& b) {
  return typed(op(op_type, {a, b}), DType::boolean, broadcast_columns(a, b));
}
Val Builder::logical_not(const Val& a) { return op("Not", {a}); }
Val Builder::sigmoid(const Val& a) { return op("Sigmoid", {a}); }
Val Builder::softmax(const Val& table) { return op("Softmax", {table}, {attr("axis", std::int64_t{1})}); }

Val Builder::clip(const Val& a, double low, double high) {
  const Val absent{"", a.dtype, -1};
  const auto bound = [&](double v) { return std::isfinite(v) ? cast(scalar(v), a.dtype) : absent; };
  return op("Clip", {a, bound(low), bound(high)});
}

Val Builder::repeat_row(const Val& like, const Val& row) {
  const Val rows = typed(op("Shape", {like}, {attr("start", std::int64_t{0}), attr("end", std::int64_t{1})}), DType::int64, -1);
  const Val shape = typed(op("Concat", {rows, ints({1})}, {attr("axis", std::int64_t{0})}), DType::int64, -1);
  return op("Expand", {row, shape});  // [N, 1] against [1, k]
}

Model Builder::finish() {
  prune(model_.graph);
  return std::move(model_);
}

}  // namespace slipway::graph
