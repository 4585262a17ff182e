#include "slipway/importers/graph_schema.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "slipway/base/encoding.hpp"

namespace slipway::importers {
namespace {

using graph::Attribute;
using graph::Dim;
using graph::Graph;
using graph::Node;
using graph::ValueInfo;

constexpr std::size_t kPortsMax = 1'000;
constexpr std::size_t kNameBytesMax = 512;
constexpr std::int64_t kDimensionMax = 1LL << 31;
constexpr std::int64_t kFeaturesMax = 4'096;  // a wider table is a vector, not columns that people name
constexpr std::size_t kExampleElementsMax = 4'000'000;
constexpr std::int64_t kExampleImageSide = 96;  // enough for the strides and windows of usual image models

Error refuse(std::string detail) { return {ErrorCode::model_refused, std::move(detail)}; }
std::string quoted(std::string_view name) { return "\"" + excerpt(name, 80) + "\""; }

Result<Port> port_of(const ValueInfo& v, std::string_view what) {
  const std::string who = std::string(what) + " " + quoted(v.name);
  if (v.kind == ValueInfo::Kind::sequence_of_maps)
    return refuse("the " + who + " is a list of maps, which is not served: export without ZipMap (options={'zipmap': False})");
  if (v.kind != ValueInfo::Kind::tensor) return refuse("the " + who + " is a sequence, map, optional or sparse value; only tensors are served");
  if (v.dtype == DType::undefined) return refuse("the file doesn't say of which type the " + who + " is");
  if (v.name.size() > kNameBytesMax) return refuse("the name of the " + who + " is longer than " + std::to_string(kNameBytesMax) + " bytes");
  if (v.shape.size() > kRankMax) return refuse("the " + who + " has more than " + std::to_string(kRankMax) + " dimensions");
  Port p;
  p.name = v.name;
  p.dtype = v.dtype;
  p.any_rank = !v.has_shape;
  for (const Dim& d : v.shape) {
    if (d.value > kDimensionMax) return refuse("the " + who + " has a dimension of " + std::to_string(d.value));
    p.shape.push_back(d.known() ? d.value : -1);
  }
  return p;
}

Result<std::vector<Port>> ports_of(const std::vector<ValueInfo>& values, std::string_view what) {
  if (values.size() > kPortsMax) return refuse("the graph has more than " + std::to_string(kPortsMax) + " " + std::string(what) + "s");
  std::vector<Port> out;
  for (const ValueInfo& v : values) out.push_back(TRY(port_of(v, what)));
  return out;
}

bool has_free_rows(const Port& p) { return !p.shape.empty() && p.shape[0] < 0; }

// Every input begins with the same free dimension, and every output may.
bool is_batched(const Graph& g, const Schema& s) {
  std::set<std::string> names;
  for (const ValueInfo& v : g.inputs) {
    if (v.has_shape && !v.shape.empty() && !v.shape[0].param.empty()) names.insert(v.shape[0].param);
  }
  const auto fits = [](const Port& p) { return p.any_rank || has_free_rows(p); };
  return !s.inputs.empty() && names.size() <= 1 && std::all_of(s.inputs.begin(), s.inputs.end(), has_free_rows) &&
         std::all_of(s.outputs.begin(), s.outputs.end(), fits);
}

// --- features: a model that takes rows of a known width is a table, with all that this gives (field errors, CSV, a form)

std::int64_t width_of(const Port& p) {
  if (p.shape.size() == 1) return 1;
  return p.shape.size() == 2 && p.shape[1] >= 1 ? p.shape[1] : -1;
}

FeatureType type_of(DType dtype) {
  if (dtype == DType::string) return FeatureType::text;
  if (dtype == DType::boolean) return FeatureType::boolean;
  return is_floating(dtype) ? FeatureType::number : FeatureType::integer;
}

// --- example

class Example {
 public:
  Example(const Graph& graph, const Schema& schema) : graph_(graph), schema_(schema) {}

  Result<json::Value> make() {
    if (!schema_.features.empty()) return table();
    json::Object inputs;
    for (std::size_t i = 0; i < schema_.inputs.size(); ++i) {
      if (schema_.inputs[i].optional) continue;
      const Shape shape = shape_of(graph_.inputs[i], schema_.inputs[i]);
      const auto count = element_count(shape);
      if (!count || *count > kExampleElementsMax - std::min(elements_, kExampleElementsMax)) {
        return refuse("the input " + quoted(schema_.inputs[i].name) + " has the shape " + shape_text(shape) + ": too large for a request");
      }
      if (*count == 0)
        return refuse("the input " + quoted(schema_.inputs[i].name) + " has the shape " + shape_text(shape) + ": it can't hold anything");
      elements_ += *count;
      inputs.emplace_back(schema_.inputs[i].name, nested(schema_.inputs[i].dtype, shape, 0));
    }
    if (inputs.size() == 1 && !schema_.inputs[0].shape.empty()) return json::object({{"instances", std::move(inputs[0].second)}});
    return json::object({{"inputs", json::Value(std::move(inputs))}});
  }

 private:
  static json::Value zero(DType dtype) {
    if (dtype == DType::string) return "";
    if (dtype == DType::boolean) return false;
    return is_floating(dtype) ? json::Value(0.0) : json::Value(0);
  }

  json::Value table() const {
    json::Array values;
    json::Object named;
    for (const Feature& f : schema_.features) {
      const auto input = std::find_if(schema_.inputs.begin(), schema_.inputs.end(), [&f](const Port& p) { return p.name == f.input; });
      values.push_back(zero(input->dtype));
      named.emplace_back(f.name, zero(input->dtype));
    }
    json::Array rows;
    rows.push_back(schema_.named_features ? json::Value(std::move(named)) : json::Value(std::move(values)));
    return json::object({{"instances", std::move(rows)}});
  }

  // Free dimensions are 1, but the sides of images; one name stands for one size.
  Shape shape_of(const ValueInfo& v, const Port& p) {
    Shape shape;
    const bool image = p.shape.size() == 4 && (is_floating(p.dtype) || p.dtype == DType::uint8);
    const bool channels_last = image && (p.shape[3] == 1 || p.shape[3] == 3 || p.shape[3] == 4);
    for (std::size_t i = 0; i < p.shape.size(); ++i) {
      const bool side = image && (channels_last ? i == 1 || i == 2 : i >= 2);
      std::int64_t size = p.shape[i] >= 0 ? p.shape[i] : side ? kExampleImageSide : 1;
      const std::string& name = v.shape[i].param;
      if (p.shape[i] < 0 && !name.empty()) size = sizes_.emplace(name, size).first->second;
      shape.push_back(size);
    }
    return shape;
  }

  static json::Value nested(DType dtype, const Shape& shape, std::size_t level) {
    if (level == shape.size()) return zero(dtype);
    return json::Array(static_cast<std::size_t>(shape[level]), nested(dtype, shape, level + 1));
  }

  const Graph& graph_;
  const Schema& schema_;
  std::unordered_map<std::string, std::int64_t> sizes_;
  std::size_t elements_ = 0;
};

void count_nodes(const std::vector<Node>& nodes, std::map<std::string, std::size_t>& counts) {  // depth is bounded by the reader
  for (const Node& node : nodes) {
    ++counts[(node.domain.empty() || node.domain == "ai.onnx.ml" ? "" : node.domain + ".") + node.op];
    for (const Attribute& a : node.attributes) {
      if (const auto* g = std::get_if<std::shared_ptr<const Graph>>(&a.value); g != nullptr && *g) count_nodes((*g)->nodes, counts);
    }
  }
}

}  // namespace

Status describe_ports(const Graph& g, Schema& s) {
  s.inputs = TRY(ports_of(g.inputs, "input"));
  s.outputs = TRY(ports_of(g.outputs, "output"));
  s.batched = is_batched(g, s);
  return ok();
}

void add_features(Schema& s) {
  std::int64_t total = 0;
  for (const Port& p : s.inputs) {
    if (width_of(p) < 0 || width_of(p) > kFeaturesMax) return;
    total += width_of(p);
  }
  if (total > kFeaturesMax) return;
  const bool named = std::all_of(s.inputs.begin(), s.inputs.end(), [](const Port& p) { return width_of(p) == 1; });
  std::vector<Feature> features;
  std::unordered_set<std::string> names;
  for (const Port& p : s.inputs) {
    for (std::int64_t column = 0; column < width_of(p); ++column) {
      Feature f;
      const std::string number = std::to_string(column);
      f.name = named ? p.name : s.inputs.size() == 1 ? "x" + number : width_of(p) == 1 ? p.name : p.name + "_" + number;
      f.type = type_of(p.dtype);
      f.input = p.name;
      f.column = column;
      f.nullable = f.infinite = is_floating(p.dtype);  // what the graph makes of NaN and of infinities is the graph's matter
      if (f.name.size() > kNameBytesMax || !names.insert(f.name).second) return;
      features.push_back(std::move(f));
    }
  }
  s.features = std::move(features);
  s.named_features = named;
}

Result<json::Value> zero_example(const Graph& g, const Schema& s) { return Example(g, s).make(); }

std::string node_line(const Graph& g) {
  std::map<std::string, std::size_t> counts;
  count_nodes(g.nodes, counts);
  std::vector<std::pair<std::size_t, std::string>> most;
  std::size_t total = 0;
  for (const auto& [op, count] : counts) {
    most.emplace_back(count, op);
    total += count;
  }
  std::stable_sort(most.begin(), most.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  std::string line = std::to_string(total) + (total == 1 ? " node: " : " nodes: ");
  constexpr std::size_t kShown = 12;
  for (std::size_t i = 0; i < std::min(kShown, most.size()); ++i)
    line += (i > 0 ? ", " : "") + std::to_string(most[i].first) + " " + excerpt(most[i].second);
  if (most.size() > kShown) line += ", …";
  return line;
}

std::string weight_line(const Graph& g) {
  std::size_t values = 0, bytes = 0;
  for (const auto& i : g.initializers) {
    values += i.tensor.count();
    bytes += i.tensor.bytes().size();
  }
  return std::to_string(g.initializers.size()) + " constants with " + std::to_string(values) + " values, " + std::to_string(bytes) + " bytes";
}

std::vector<std::string> port_lines(const Schema& s) {
  std::vector<std::string> lines;
  const auto ports = [&lines](const char* what, const std::vector<Port>& all) {
    constexpr std::size_t kShown = 100;
    for (std::size_t i = 0; i < std::min(all.size(), kShown); ++i) {
      lines.push_back(std::string(what) + " " + all[i].name + ": " + std::string(dtype_name(all[i].dtype)) + " " +
                      (all[i].any_rank ? "of any shape" : shape_text(all[i].shape)) + (all[i].optional ? ", may be left out" : ""));
    }
  };
  ports("input", s.inputs);
  ports("output", s.outputs);
  return lines;
}

}  // namespace slipway::importers
