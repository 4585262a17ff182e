#include <algorithm>
#include <array>
#include <iterator>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

#include "slipway/base/encoding.hpp"
#include "slipway/graph/builder.hpp"
#include "slipway/graph/check_ml.hpp"
#include "slipway/graph/onnx_io.hpp"
#include "slipway/ops/kernel.hpp"

namespace slipway::graph {
namespace {

constexpr std::int64_t kOpsetMin = 7;
constexpr std::int64_t kOpsetMax = 28;  // the newest that the engine (ONNX Runtime 1.32) takes
constexpr std::int64_t kMlOpsetMin = 1;
constexpr std::int64_t kMlOpsetMax = 5;
constexpr std::int64_t kIrMin = 3;
constexpr std::int64_t kIrMax = 14;
constexpr int kDepthMax = 16;                 // of graphs within graphs, of functions calling functions
constexpr std::size_t kNodesMax = 1'000'000;  // with every call of a function counted as its body

constexpr std::string_view kMlDomain = "ai.onnx.ml";

Error refuse(std::string detail) { return {ErrorCode::model_refused, std::move(detail)}; }
std::string quoted(std::string_view name) { return "\"" + excerpt(name, 80) + "\""; }
std::string domain_text(std::string_view domain) { return domain.empty() ? "ai.onnx" : excerpt(domain, 80); }

struct Operator {
  std::string_view domain, name;
  std::int64_t since;
  int inputs_min, inputs_max, outputs_min, outputs_max;  // -1: any number
  int types;                                             // 1: the inputs have one element type, 2: the first output has it too
};

constexpr Operator kOperators[] = {
#define SLIPWAY_OPERATOR(domain, name, since, inputs_min, inputs_max, outputs_min, outputs_max, types) \
  {domain, name, since, inputs_min, inputs_max, outputs_min, outputs_max, types},
#include "slipway/graph/operators.def"
#undef SLIPWAY_OPERATOR
};

struct KnownAttribute {
  std::string_view domain, op, name;
  unsigned types;  // bit n: AttributeProto.type n
  auto key() const { return std::tuple(domain, op, name); }
};

constexpr KnownAttribute kAttributes[] = {
#define SLIPWAY_ATTRIBUTE(domain, op, name, types) {domain, op, name, types},
#include "slipway/graph/operators.def"
#undef SLIPWAY_ATTRIBUTE
};

const KnownAttribute* find_attribute(std::string_view domain, std::string_view op, std::string_view name) {
  const auto wanted = std::tuple(domain, op, name);
  const auto* it = std::lower_bound(std::begin(kAttributes), std::end(kAttributes), wanted,
                                    [](const KnownAttribute& a, const auto& key) { return a.key() < key; });
  return it != std::end(kAttributes) && it->key() == wanted ? it : nullptr;
}

// AttributeProto.type of each alternative of AttributeValue.
constexpr unsigned kTypeNumbers[] = {2, 1, 3, 4, 5, 7, 6, 8, 9, 10};
static_assert(std::size(kTypeNumbers) == std::variant_size_v<AttributeValue>);

const Operator* find_operator(std::string_view domain, std::string_view name) {
  const auto before = [](const Operator& a, const std::pair<std::string_view, std::string_view>& b) { return std::pair(a.domain, a.name) < b; };
  const auto* it = std::lower_bound(std::begin(kOperators), std::end(kOperators), std::pair(domain, name), before);
  return it != std::end(kOperators) && it->domain == domain && it->name == name ? it : nullptr;
}

using Opsets = std::map<std::string, std::int64_t>;

std::string place_of(const Node& node) {
  const std::string& name = node.name.empty() && !node.outputs.empty() ? node.outputs[0] : node.name;
  return "the node " + quoted(name) + " (" + excerpt(node.op, 80) + ")";
}

// Calls `each` for every subgraph of the node.
template <class Each>
Status for_subgraphs(const Node& node, Each each) {
  for (const Attribute& a : node.attributes) {
    if (const auto* g = std::get_if<std::shared_ptr<const Graph>>(&a.value)) {
      if (*g) TRY(each(**g));
    }
    if (const auto* gs = std::get_if<std::vector<std::shared_ptr<const Graph>>>(&a.value)) {
      for (const auto& g : *gs) {
        if (g) TRY(each(*g));
      }
    }
  }
  return ok();
}

struct Scope {
  const Scope* parent = nullptr;
  std::unordered_set<std::string_view> names;
  bool knows(std::string_view name) const {
    for (const Scope* s = this; s != nullptr; s = s->parent) {
      if (s->names.contains(name)) return true;
    }
    return false;
  }
};

class Checker {
 public:
  explicit Checker(const Model& model) : model_(model) {}
  Status run();

 private:
  Status opsets(const Opsets& opsets, std::string_view whose) const;
  Status index_functions();
  Status function(const Function& f);
  Result<std::size_t> size_of(const Function& f, int depth);  // nodes when every call is replaced by its body
  Result<std::size_t> size_of(const std::vector<Node>& nodes, int function_depth, int graph_depth);
  Status graph(const Graph& g, const Scope* parent, const Opsets& opsets, int depth);
  Status nodes(const std::vector<Node>& nodes, Scope& scope, const Opsets& opsets, int depth);
  Status known_operator(const Node& node, const Opsets& opsets) const;
  Status fits_operator(const Node& node, const Operator& op) const;
  Status attributes(const Node& node) const;
  DType type_of(std::string_view name) const;
  void learn_type(const Node& node);
  Status initializer(const Initializer& i) const;
  const Function* callee(const Node& node) const;

  // How wide tables are, where it follows from the inputs: tree nodes read their features by number.
  void learn_columns(const Graph& g);
  void learn_columns(const Node& node);
  std::optional<std::int64_t> columns(const Node& node) const;

  const Model& model_;
  std::map<std::pair<std::string_view, std::string_view>, const Function*> functions_;
  std::unordered_map<const Function*, std::size_t> sizes_;  // 0: being computed
  std::unordered_map<std::string_view, std::int64_t> columns_;
  std::unordered_map<std::string_view, DType> types_;  // of the outermost graph's values, where known
  const Function* within_ = nullptr;
  bool outermost_ = true;  // the node being looked at is of the outermost graph
};

Status Checker::run() {
  if (model_.ir_version < kIrMin || model_.ir_version > kIrMax) {
    return refuse("the file's IR version is " + std::to_string(model_.ir_version) + "; " + std::to_string(kIrMin) + " to " + std::to_string(kIrMax) +
                  " are served");
  }
  TRY(opsets(model_.opsets, "the model"));
  TRY(index_functions());
  for (const Function& f : model_.functions) TRY(function(f));
  const std::size_t size = TRY(size_of(model_.graph.nodes, 0, 0));
  if (size > kNodesMax) return refuse("the graph has more than " + std::to_string(kNodesMax) + " nodes once its functions are put in");
  if (model_.graph.outputs.empty()) return refuse("the graph has no outputs");
  learn_columns(model_.graph);
  return graph(model_.graph, nullptr, model_.opsets, 0);
}

Status Checker::opsets(const Opsets& opsets, std::string_view whose) const {
  for (const auto& [domain, version] : opsets) {
    const std::string has = std::string(whose) + " uses opset " + std::to_string(version) + " of " + domain_text(domain);
    if (domain.empty() && version < kOpsetMin)
      return refuse(has + "; opset 7 (2018) is the oldest that is served: convert it with onnx.version_converter");
    if (domain.empty() && version > kOpsetMax)
      return refuse(has + ", newer than " + std::to_string(kOpsetMax) + ", the newest that is served: export with an older opset");
    if (domain == kMlDomain && (version < kMlOpsetMin || version > kMlOpsetMax)) return refuse(has + "; 1 to 5 are served");
    if (version < 1) return refuse(has);
  }
  return ok();
}

Status Checker::index_functions() {
  for (const Function& f : model_.functions) {
    if (f.domain.empty() || f.domain == kMlDomain || f.domain == kOwnDomain)
      return refuse("the function " + quoted(f.name) + " would replace an operator of " + domain_text(f.domain));
    if (!functions_.emplace(std::pair<std::string_view, std::string_view>(f.domain, f.name), &f).second)
      return refuse("the function " + quoted(f.name) + " is there twice");
  }
  return ok();
}

const Function* Checker::callee(const Node& node) const {
  const auto it = functions_.find({node.domain, node.op});
  return it == functions_.end() ? nullptr : it->second;
}

Result<std::size_t> Checker::size_of(const std::vector<Node>& nodes, int function_depth, int graph_depth) {
  if (graph_depth > kDepthMax) return refuse("graphs stand within graphs more than " + std::to_string(kDepthMax) + " deep");
  std::size_t size = nodes.size();
  for (const Node& node : nodes) {
    if (const Function* f = callee(node)) size += TRY(size_of(*f, function_depth + 1));
    TRY(for_subgraphs(node, [&](const Graph& g) -> Status {
      size += TRY(size_of(g.nodes, function_depth, graph_depth + 1));
      return ok();
    }));
    size = std::min(size, kNodesMax + 1);  // saturates: a function that calls twice the next one doubles with each level
  }
  return size;
}

Result<std::size_t> Checker::size_of(const Function& f, int depth) {
  if (depth > kDepthMax) return refuse("functions call functions more than " + std::to_string(kDepthMax) + " deep");
  const auto [it, fresh] = sizes_.emplace(&f, 0);
  if (!fresh) {
    if (it->second == 0) return refuse("the function " + quoted(f.name) + " calls itself");
    return it->second;
  }
  const std::size_t size = TRY(size_of(f.nodes, depth, 0));
  sizes_[&f] = std::max<std::size_t>(size, 1);
  return size;
}

Status Checker::function(const Function& f) {
  const std::string place = "the function " + quoted(f.name);
  TRY(opsets(f.opsets, place));
  Scope scope;
  for (const std::string& name : f.inputs) {
    if (name.empty() || !scope.names.insert(name).second) return refuse(place + " has an input that is empty or there twice");
  }
  within_ = &f;
  Status checked = nodes(f.nodes, scope, f.opsets, 0);
  within_ = nullptr;
  TRY(std::move(checked).within(place));
  for (const std::string& name : f.outputs) {
    if (!scope.names.contains(name)) return refuse(place + " has the output " + quoted(name) + ", which nothing computes");
  }
  return ok();
}

Status Checker::initializer(const Initializer& i) const {
  const Tensor& t = i.tensor;
  const auto count = element_count(t.shape());
  const bool fits = count && *count == t.count() &&
                    (t.dtype() == DType::string ? t.strings().size() == *count : t.bytes().size() == *count * dtype_size(t.dtype()));
  if (i.name.empty() || t.dtype() == DType::undefined || !fits) return refuse("the constant " + quoted(i.name) + " doesn't fill its shape");
  return ok();
}

Status Checker::graph(const Graph& g, const Scope* parent, const Opsets& opsets, int depth) {
  if (depth > kDepthMax) return refuse("graphs stand within graphs more than " + std::to_string(kDepthMax) + " deep");
  Scope scope;
  scope.parent = parent;
  for (const Initializer& i : g.initializers) {
    TRY(initializer(i));
    if (!scope.names.insert(i.name).second) return refuse("the constant " + quoted(i.name) + " is there twice");
  }
  for (const ValueInfo& v : g.inputs) {
    if (v.name.empty() || !scope.names.insert(v.name).second) return refuse("the input " + quoted(v.name) + " is there twice or has no name");
  }
  TRY(nodes(g.nodes, scope, opsets, depth));
  std::unordered_set<std::string_view> outputs;
  for (const ValueInfo& v : g.outputs) {
    // A subgraph may give back a value of the graph around it.
    if (!scope.knows(v.name)) return refuse("the output " + quoted(v.name) + " is computed by no node");
    if (depth == 0 && !outputs.insert(v.name).second) return refuse("the output " + quoted(v.name) + " is there twice");
  }
  return ok();
}

Status Checker::nodes(const std::vector<Node>& nodes, Scope& scope, const Opsets& opsets, int depth) {
  for (const Node& node : nodes) {
    outermost_ = depth == 0 && within_ == nullptr;
    TRY(known_operator(node, opsets).within(place_of(node)));
    for (const std::string& name : node.inputs) {
      if (!name.empty() && !scope.knows(name)) return refuse(place_of(node) + " reads " + quoted(name) + ", which no node before it computes");
    }
    TRY(attributes(node).within(place_of(node)));
    if (node.domain == kMlDomain) TRY(check_ml_node(node, columns(node)).within(place_of(node)));
    if (node.domain.empty() && node.op == "TfIdfVectorizer") TRY(check_tfidf(node).within(place_of(node)));
    TRY(for_subgraphs(node, [&](const Graph& g) { return graph(g, &scope, opsets, depth + 1); }));
    for (const std::string& name : node.outputs) {
      if (!name.empty() && !scope.names.insert(name).second) return refuse(place_of(node) + " computes " + quoted(name) + ", which is there already");
    }
    outermost_ = depth == 0 && within_ == nullptr;
    if (outermost_) {
      learn_columns(node);
      learn_type(node);
    }
  }
  return ok();
}

// One of our own operators (ops/operators.def): counts and attributes; types and shapes are its kernel's to check, in the cell.
Status check_own(const Node& node, const Opsets& opsets) {
  const auto all = ops::implementations();
  const auto it = std::find_if(all.begin(), all.end(), [&](const auto& i) { return i.op.name == node.op; });
  const auto opset = opsets.find(std::string(kOwnDomain));
  if (it == all.end() || opset == opsets.end() || opset->second != 1) return refuse("this release has no operator slipway." + excerpt(node.op, 80));
  const std::string_view letters = it->op.inputs;
  const std::size_t bar = letters.find('|');
  const std::size_t fewest = std::min(bar, letters.size()), most = bar == std::string_view::npos ? letters.size() : letters.size() - 1;
  if (node.inputs.size() < fewest || node.inputs.size() > most || node.outputs.size() != it->op.outputs.size())
    return refuse("its inputs or outputs aren't those of the operator");
  for (std::size_t i = 0; i < fewest; ++i) {
    if (node.inputs[i].empty()) return refuse("an input that the operator needs is left out");
  }
  for (const Attribute& a : node.attributes) {
    const char type = std::holds_alternative<std::int64_t>(a.value)                ? 'i'
                      : std::holds_alternative<std::vector<std::int64_t>>(a.value) ? 'I'
                      : std::holds_alternative<std::string>(a.value)               ? 's'
                                                                                   : '?';
    const std::string wanted = " " + a.name + ":" + type + " ";
    if ((" " + std::string(it->op.attributes) + " ").find(wanted) == std::string::npos)
      return refuse("the operator has no attribute " + quoted(a.name) + " of this type");
  }
  return ok();
}

Status Checker::known_operator(const Node& node, const Opsets& opsets) const {
  if (callee(node) != nullptr) return ok();
  if (node.domain == kOwnDomain) return check_own(node, opsets);
  if (!node.domain.empty() && node.domain != kMlDomain) {
    const std::string what = "the operator " + domain_text(node.domain) + "." + excerpt(node.op, 80);
    if (node.domain.starts_with("com.microsoft")) {
      return refuse(what + " is an extension of one engine, which is not served: export without graph optimisation, or with standard operators only");
    }
    return refuse(what + " is a custom operator; only ai.onnx, ai.onnx.ml and functions inside the file are served");
  }
  const Operator* op = find_operator(node.domain, node.op);
  if (op == nullptr) return refuse("ONNX has no operator " + domain_text(node.domain) + "." + excerpt(node.op, 80));
  const auto opset = opsets.find(node.domain);
  if (opset == opsets.end()) return refuse("the model doesn't say which opset of " + domain_text(node.domain) + " it uses");
  if (op->since > opset->second)
    return refuse("this operator came with opset " + std::to_string(op->since) + ", the model uses " + std::to_string(opset->second));
  return fits_operator(node, *op);
}

Status Checker::fits_operator(const Node& node, const Operator& op) const {
  const auto count_fits = [](const char* what, const std::vector<std::string>& names, int fewest, int most) -> Status {
    const auto count = names.size();
    if (count < static_cast<std::size_t>(fewest) || (most >= 0 && count > static_cast<std::size_t>(most))) {
      return refuse("it has " + std::to_string(count) + " " + what + "; the operator takes " + std::to_string(fewest) +
                    (most < 0         ? " or more"
                     : most == fewest ? std::string()
                                      : " to " + std::to_string(most)));
    }
    return ok();
  };
  TRY(count_fits("inputs", node.inputs, op.inputs_min, op.inputs_max));
  TRY(count_fits("outputs", node.outputs, op.outputs_min, op.outputs_max));
  for (const Attribute& a : node.attributes) {
    const KnownAttribute* known = find_attribute(op.domain, op.name, a.name);
    if (known == nullptr) return refuse("the operator has no attribute " + quoted(a.name));
    if ((known->types & 1U << kTypeNumbers[a.value.index()]) == 0)
      return refuse("the attribute " + quoted(a.name) + " is of another type than the operator's");
  }
  if (op.types == 0) return ok();
  DType type = DType::undefined;
  for (const std::string& name : node.inputs) {
    const DType t = type_of(name);
    if (type != DType::undefined && t != DType::undefined && t != type) {
      return refuse("its inputs must be of one type, they are " + std::string(dtype_name(type)) + " and " + std::string(dtype_name(t)));
    }
    if (t != DType::undefined) type = t;
  }
  return ok();
}

DType Checker::type_of(std::string_view name) const {
  const auto it = outermost_ ? types_.find(name) : types_.end();
  return it == types_.end() ? DType::undefined : it->second;
}

// Where it is plain: what the rest of the graph does with types is the engine's to check.
void Checker::learn_type(const Node& node) {
  const Operator* op = find_operator(node.domain, node.op);
  if (op == nullptr || node.outputs.empty()) return;
  if (node.op == "Cast" && node.domain.empty()) {
    for (const Attribute& a : node.attributes) {
      const auto* to = std::get_if<std::int64_t>(&a.value);
      if (a.name == "to" && to != nullptr && *to > 0 && *to <= 16) types_[node.outputs[0]] = static_cast<DType>(*to);
    }
  }
  if (op->types != 2) return;
  for (const std::string& name : node.inputs) {
    if (const DType t = type_of(name); t != DType::undefined) types_[node.outputs[0]] = t;
  }
}

Status Checker::attributes(const Node& node) const {
  std::unordered_set<std::string_view> names;
  for (const Attribute& a : node.attributes) {
    if (!names.insert(a.name).second) return refuse("the attribute " + quoted(a.name) + " is there twice");
    if (a.ref.empty()) continue;
    if (within_ == nullptr) return refuse("the attribute " + quoted(a.name) + " refers to a function's attribute outside of a function");
    const auto has_name = [&a](const Attribute& d) { return d.name == a.ref; };
    const bool declared = std::find(within_->attributes.begin(), within_->attributes.end(), a.ref) != within_->attributes.end() ||
                          std::any_of(within_->attribute_defaults.begin(), within_->attribute_defaults.end(), has_name);
    if (!declared) return refuse("the attribute " + quoted(a.name) + " refers to " + quoted(a.ref) + ", which the function doesn't have");
  }
  return ok();
}

// --- how wide tables are

void Checker::learn_columns(const Graph& g) {
  for (const ValueInfo& v : g.inputs) {
    if (v.kind == ValueInfo::Kind::tensor) types_[v.name] = v.dtype;
    if (v.kind == ValueInfo::Kind::tensor && v.has_shape && !v.shape.empty() && v.shape.size() <= 2 && v.shape.back().known())
      columns_[v.name] = v.shape.back().value;
  }
  for (const Initializer& i : g.initializers) {
    types_[i.name] = i.tensor.dtype();
    if (i.tensor.shape().size() == 2) columns_[i.name] = i.tensor.shape()[1];
  }
}

std::optional<std::int64_t> Checker::columns(const Node& node) const {
  if (!outermost_ || node.inputs.empty()) return std::nullopt;
  const auto it = columns_.find(node.inputs[0]);
  return it == columns_.end() ? std::nullopt : std::optional(it->second);
}

void Checker::learn_columns(const Node& node) {
  if (node.outputs.empty()) return;
  static constexpr std::array<std::string_view, 10> kKeep = {"Cast",      "Identity", "Scaler", "Imputer", "Normalizer",
                                                             "Binarizer", "Relu",     "Abs",    "Neg",     "LabelEncoder"};
  const auto input = columns(node);
  if (input && std::find(kKeep.begin(), kKeep.end(), node.op) != kKeep.end()) columns_[node.outputs[0]] = *input;
  if (node.op != "Concat" && node.op != "FeatureVectorizer") return;
  std::int64_t sum = 0;
  for (const std::string& name : node.inputs) {
    const auto it = columns_.find(name);
    if (it == columns_.end() || it->second > (1LL << 40)) return;
    sum += it->second;
  }
  const auto axis = std::find_if(node.attributes.begin(), node.attributes.end(), [](const Attribute& a) { return a.name == "axis"; });
  const auto* which = axis == node.attributes.end() ? nullptr : std::get_if<std::int64_t>(&axis->value);
  const bool by_column = node.op == "FeatureVectorizer" || (which != nullptr && (*which == 1 || *which == -1));
  if (by_column) columns_[node.outputs[0]] = sum;
}

}  // namespace

Status check(const Model& model) { return Checker(model).run(); }

}  // namespace slipway::graph
