#include "slipway/importers/onnx.hpp"

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "slipway/base/encoding.hpp"
#include "slipway/graph/onnx_io.hpp"
#include "slipway/graph/rows.hpp"
#include "slipway/importers/graph_schema.hpp"

namespace slipway::importers {
namespace {

using graph::Attribute;
using graph::Dim;
using graph::Graph;
using graph::Model;
using graph::Node;
using graph::ValueInfo;

constexpr std::int64_t kDimensionMax = 1LL << 31;
constexpr std::int64_t kIrWithFreeInitializers = 4;  // before, every constant had to be an input too

Error refuse(std::string detail) { return {ErrorCode::model_refused, std::move(detail)}; }
std::string quoted(std::string_view name) { return "\"" + excerpt(name, 80) + "\""; }

// --- ZipMap: turns a table of probabilities into a list of maps. The table itself is what we serve.

std::vector<json::Value> labels_of(const Node& node) {
  std::vector<json::Value> out;
  for (const Attribute& a : node.attributes) {
    if (const auto* texts = std::get_if<std::vector<std::string>>(&a.value); texts != nullptr && a.name == "classlabels_strings") {
      for (const std::string& label : *texts) out.emplace_back(is_valid_utf8(label) ? label : excerpt(label));
    }
    const auto* ints = std::get_if<std::vector<std::int64_t>>(&a.value);
    if (ints != nullptr && (a.name == "classlabels_int64s" || a.name == "classlabels_ints")) out.insert(out.end(), ints->begin(), ints->end());
  }
  return out;
}

// The classes, when there was one.
Result<std::vector<json::Value>> remove_zip_maps(Graph& g) {
  std::vector<json::Value> classes;
  for (Node& node : g.nodes) {
    if (node.op != "ZipMap" || node.domain != "ai.onnx.ml" || node.outputs.empty()) continue;
    const std::vector<json::Value> labels = labels_of(node);
    for (ValueInfo& v : g.outputs) {
      if (v.name != node.outputs[0]) continue;
      v.kind = ValueInfo::Kind::tensor;
      v.dtype = DType::float32;
      v.has_shape = true;
      v.shape = {Dim{}, Dim{static_cast<std::int64_t>(labels.size()), {}}};
    }
    for (const Node& other : g.nodes) {
      if (std::find(other.inputs.begin(), other.inputs.end(), node.outputs[0]) != other.inputs.end()) {
        return refuse("the list of maps " + quoted(node.outputs[0]) + " (ZipMap) is used inside the graph; export with options={'zipmap': False}");
      }
    }
    node.op = "Identity";
    node.domain.clear();
    node.attributes.clear();
    classes = labels;
  }
  return classes;
}

// --- dimensions

// Old exporters write 0 where the batch is free.
void free_empty_batches(Graph& g) {
  for (auto* values : {&g.inputs, &g.outputs}) {
    for (ValueInfo& v : *values) {
      if (!v.shape.empty() && v.shape[0].value == 0) v.shape[0].value = -1;
    }
  }
}

std::int64_t integer_or(const Node& node, std::string_view name, std::int64_t otherwise) {
  for (const Attribute& a : node.attributes) {
    if (const auto* v = std::get_if<std::int64_t>(&a.value); v != nullptr && a.name == name) return *v;
  }
  return otherwise;
}

// What the first operator that multiplies the value by a constant wants of it: which of the value's dimensions, and its size.
std::optional<std::pair<std::size_t, std::int64_t>> wanted_by(const Node& node, const Shape& weight, std::size_t rank) {
  if (node.op == "MatMul" && weight.size() == 2 && rank >= 2) return std::pair(rank - 1, weight[0]);
  if (node.op == "Gemm" && weight.size() == 2 && rank == 2 && integer_or(node, "transA", 0) == 0)
    return std::pair(std::size_t{1}, weight[integer_or(node, "transB", 0) != 0 ? 1 : 0]);
  const std::int64_t groups = integer_or(node, "group", 1);
  if (node.op == "Conv" && weight.size() == rank && rank >= 3 && groups >= 1 && groups <= kDimensionMax && weight[1] <= kDimensionMax / groups)
    return std::pair(std::size_t{1}, weight[1] * groups);
  return std::nullopt;
}

// Dimensions that the file leaves free although its weights allow one size only.
void learn_dimensions(Graph& g) {
  std::unordered_map<std::string_view, const Shape*> weights;
  for (const auto& i : g.initializers) weights.emplace(i.name, &i.tensor.shape());
  for (ValueInfo& v : g.inputs) {
    std::unordered_set<std::string_view> same{v.name};  // the input under other names
    for (const Node& node : g.nodes) {
      if (!node.domain.empty() || node.inputs.empty() || !same.contains(node.inputs[0])) continue;
      if ((node.op == "Cast" || node.op == "Identity") && !node.outputs.empty()) same.insert(node.outputs[0]);
      const auto weight = node.inputs.size() > 1 ? weights.find(node.inputs[1]) : weights.end();
      if (weight == weights.end()) continue;
      const auto wanted = wanted_by(node, *weight->second, v.shape.size());
      if (wanted && wanted->second > 0 && !v.shape[wanted->first].known()) v.shape[wanted->first] = Dim{wanted->second, {}};
    }
  }
}

// --- kind and classes

bool is_classifier(const Node& n) {
  return n.domain == "ai.onnx.ml" && (n.op == "LinearClassifier" || n.op == "SVMClassifier" || n.op == "TreeEnsembleClassifier");
}

bool outputs_look_classified(const Schema& s) {
  const auto named = [&s](std::string_view part) {
    return std::any_of(s.outputs.begin(), s.outputs.end(), [part](const Port& p) { return p.name.find(part) != std::string::npos; });
  };
  return s.outputs.size() == 2 && named("label") && named("prob");
}

void describe_kind(const Graph& g, std::vector<json::Value> zip_map_classes, Schema& s) {
  s.kind = "graph";
  s.classes = std::move(zip_map_classes);
  std::size_t classifiers = 0;
  const Node* classifier = nullptr;
  for (const Node& node : g.nodes) {
    if (!is_classifier(node)) continue;
    ++classifiers;
    classifier = &node;
  }
  if (!s.classes.empty() || outputs_look_classified(s)) s.kind = "classifier";
  if (classifiers == 1 && s.outputs.size() <= 2) {
    s.kind = "classifier";
    if (s.classes.empty()) s.classes = labels_of(*classifier);
  }
}

// --- report

std::string title_of(const Model& m, const Schema& s) {
  std::string name = excerpt(m.graph.name, 80);
  const bool generated =
      name.size() >= 24 && std::all_of(name.begin(), name.end(), [](char c) { return std::isxdigit(static_cast<unsigned char>(c)) != 0; });
  if (!name.empty() && !generated) return name;
  return s.kind == "classifier" ? "ONNX classifier" : "ONNX graph";
}

Report describe(const Model& m, const Schema& s, bool had_zip_map) {
  constexpr std::size_t kMetadataShown = 50;
  constexpr std::size_t kMetadataBytes = 300;
  Report r;
  r.format = "ONNX";
  r.producer = excerpt(m.producer_name + (m.producer_version.empty() ? "" : " " + m.producer_version), 120);
  r.title = title_of(m, s);
  std::string opsets = "opset";
  for (const auto& [domain, version] : m.opsets)
    opsets += " " + (domain.empty() ? std::string("ai.onnx") : excerpt(domain)) + " " + std::to_string(version);
  r.contents.push_back(std::move(opsets));
  r.contents.push_back(node_line(m.graph));
  r.contents.push_back(weight_line(m.graph));
  const std::vector<std::string> ports = port_lines(s);
  r.contents.insert(r.contents.end(), ports.begin(), ports.end());
  if (had_zip_map)
    r.contents.emplace_back("the list of maps at its end (ZipMap) is served as the table it is made from, its columns in the order of the classes");
  if (!m.functions.empty()) r.contents.push_back(std::to_string(m.functions.size()) + " local functions");
  if (!m.doc.empty()) r.contents.push_back("description: " + excerpt(m.doc, kMetadataBytes));
  for (const auto& [key, value] : m.metadata) {
    if (r.contents.size() > kMetadataShown + 200) break;
    r.contents.push_back("metadata " + excerpt(key, 80) + ": " + excerpt(value, kMetadataBytes));
  }
  return r;
}

}  // namespace

Result<Artifact> import_onnx(const SourceFile& file, const Options&) {
  Artifact a;
  a.model = TRY(graph::read_onnx(file.bytes));
  TRY(graph::check(a.model));
  const std::vector<json::Value> classes = TRY(remove_zip_maps(a.model.graph));
  free_empty_batches(a.model.graph);
  learn_dimensions(a.model.graph);
  a.model.ir_version = std::max(a.model.ir_version, kIrWithFreeInitializers);
  TRY(describe_ports(a.model.graph, a.schema));
  a.schema.rows_independent = a.schema.batched && graph::rows_are_independent(a.model);
  describe_kind(a.model.graph, classes, a.schema);
  if (a.schema.batched) add_features(a.schema);
  a.example = TRY(zero_example(a.model.graph, a.schema));
  a.report = describe(a.model, a.schema, !classes.empty());
  return a;
}

}  // namespace slipway::importers
