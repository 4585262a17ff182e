// The ONNX wire form to graph::Model. Everything the file says is either understood or refused by name; the few things left out don't
// change what a graph computes: doc strings, value_info (the engine infers it), metadata of parts, quantisation annotations.
#include <google/protobuf/io/coded_stream.h>

#include <algorithm>
#include <limits>
#include <unordered_set>

#include "graph/onnx.pb.h"  // generated
#include "slipway/base/encoding.hpp"
#include "slipway/graph/onnx_io.hpp"

namespace slipway::graph {
namespace {

constexpr int kWireDepthMax = 100;  // messages within messages; a subgraph is three of them
constexpr int kSubgraphDepthMax = 16;
constexpr std::size_t kNodesMax = 500'000;  // of the model with its subgraphs and functions
constexpr std::size_t kNameBytesMax = 4'096;
constexpr std::size_t kTextBytesMax = 1 << 20;  // doc string, one metadata value
constexpr std::size_t kMetadataMax = 1'000;
constexpr std::size_t kConstantRankMax = 32;

Error refuse(std::string detail) { return {ErrorCode::model_refused, std::move(detail)}; }
std::string quoted(std::string_view name) { return "\"" + excerpt(name, 80) + "\""; }

template <class Message>
bool has_unknown(const Message& m) {
  return !m.unknown_fields().empty();
}

Status known(const auto& message, std::string_view what) {
  if (has_unknown(message)) return refuse(std::string(what) + " has a field that the ONNX format of today doesn't define");
  return ok();
}

Result<std::string> read_name(const std::string& name, std::string_view what) {
  if (name.size() > kNameBytesMax) {
    return refuse("the name of " + std::string(what) + ", " + quoted(name) + ", is longer than " + std::to_string(kNameBytesMax) + " bytes");
  }
  if (!is_valid_utf8(name)) return refuse("the name of " + std::string(what) + " is not UTF-8");
  return name;
}

std::string domain_of(const std::string& domain) { return domain == "ai.onnx" ? std::string() : domain; }

// --- tensors

std::string_view type_name(int data_type) {
  static constexpr std::string_view kOthers[] = {"complex64", "complex128"};
  if (data_type == 14 || data_type == 15) return kOthers[data_type - 14];
  if (data_type >= 17 && data_type <= 20) return "an 8-bit float";
  if (data_type >= 21 && data_type <= 28) return "a type narrower than 8 bits";
  return "an unknown type";
}

Result<DType> read_dtype(int data_type, const std::string& what) {
  if ((data_type >= 1 && data_type <= 13) || data_type == 16) return static_cast<DType>(data_type);
  return refuse(what + " holds " + std::string(type_name(data_type)) + ", which is not served; convert the model to float32 or int8");
}

Status not_elsewhere(const onnx::TensorProto& t, const std::string& what) {
  if (t.data_location() == 0 && t.external_data_size() == 0) return ok();
  std::string file;
  for (const auto& entry : t.external_data()) {
    if (entry.key() == "location") file = entry.value();
  }
  return refuse(what + " has its data in another file" + (file.empty() ? "" : " (" + quoted(file) + ")") +
                ": save the model as one file (onnx.save(onnx.load(path), path, save_as_external_data=False))");
}

template <class Stored, class Field>
std::vector<std::byte> narrowed(const Field& field, bool& in_range) {
  std::vector<std::byte> out(static_cast<std::size_t>(field.size()) * sizeof(Stored));
  std::size_t at = 0;
  for (const auto v : field) {
    const auto stored = static_cast<Stored>(v);
    if constexpr (!std::is_floating_point_v<Stored>) in_range = in_range && static_cast<std::decay_t<decltype(v)>>(stored) == v;
    std::memcpy(out.data() + at, &stored, sizeof stored);
    at += sizeof stored;
  }
  return out;
}

// The elements from the field that their type is stored in, when they are not raw.
Result<std::vector<std::byte>> typed_bytes(const onnx::TensorProto& t, DType dtype, const std::string& what) {
  bool in_range = true;
  std::vector<std::byte> out;
  switch (dtype) {
    case DType::float32: out = narrowed<float>(t.float_data(), in_range); break;
    case DType::float64: out = narrowed<double>(t.double_data(), in_range); break;
    case DType::int64: out = narrowed<std::int64_t>(t.int64_data(), in_range); break;
    case DType::uint64: out = narrowed<std::uint64_t>(t.uint64_data(), in_range); break;
    case DType::uint32: out = narrowed<std::uint32_t>(t.uint64_data(), in_range); break;
    case DType::int32: out = narrowed<std::int32_t>(t.int32_data(), in_range); break;
    case DType::int16: out = narrowed<std::int16_t>(t.int32_data(), in_range); break;
    case DType::int8: out = narrowed<std::int8_t>(t.int32_data(), in_range); break;
    case DType::uint16:
    case DType::float16:
    case DType::bfloat16: out = narrowed<std::uint16_t>(t.int32_data(), in_range); break;
    case DType::uint8:
    case DType::boolean: out = narrowed<std::uint8_t>(t.int32_data(), in_range); break;
    case DType::string:
    case DType::undefined: break;
  }
  if (!in_range) return refuse(what + " holds a value outside the range of its type");
  return out;
}

Result<Tensor> read_tensor(const onnx::TensorProto& t, const std::string& what) {
  TRY(known(t, what));
  TRY(not_elsewhere(t, what));
  if (t.has_segment()) return refuse(what + " is a segment of a tensor, which is not supported");
  const DType dtype = TRY(read_dtype(t.data_type(), what));
  Shape shape(t.dims().begin(), t.dims().end());
  const auto count = element_count(shape);
  if (!count || shape.size() > kConstantRankMax) return refuse(what + " has the impossible shape " + shape_text(shape).substr(0, 200));
  const int kinds = (t.float_data_size() > 0) + (t.int32_data_size() > 0) + (t.string_data_size() > 0) + (t.int64_data_size() > 0) +
                    t.has_raw_data() + (t.double_data_size() > 0) + (t.uint64_data_size() > 0);
  const auto misfit = [&](std::size_t held) {
    return refuse(what + " has the shape " + shape_text(shape) + " but holds " + std::to_string(held) +
                  (dtype == DType::string ? " texts" : " bytes"));
  };
  if (kinds > 1 && !(kinds == 2 && t.has_raw_data() && t.raw_data().empty())) return refuse(what + " holds its data twice");
  if (dtype == DType::string) {
    if (static_cast<std::size_t>(t.string_data_size()) != *count) return misfit(static_cast<std::size_t>(t.string_data_size()));
    return Tensor::of_strings(std::move(shape), {t.string_data().begin(), t.string_data().end()});
  }
  const auto size = checked_mul(*count, dtype_size(dtype));
  if (!size) return refuse(what + " has the impossible shape " + shape_text(shape));
  std::vector<std::byte> bytes;
  if (t.has_raw_data() && !t.raw_data().empty()) {
    const auto raw = as_bytes(t.raw_data());
    bytes.assign(raw.begin(), raw.end());
  } else {
    bytes = TRY(typed_bytes(t, dtype, what));
  }
  if (bytes.size() != *size) return misfit(bytes.size());
  if (dtype == DType::boolean && std::any_of(bytes.begin(), bytes.end(), [](std::byte b) { return std::to_integer<int>(b) > 1; })) {
    return refuse(what + " holds a boolean that is neither true nor false");
  }
  return Tensor::adopt(dtype, std::move(shape), std::move(bytes));
}

// --- types of inputs and outputs

Result<std::vector<Dim>> read_shape(const onnx::TensorShapeProto& shape, const std::string& what) {
  TRY(known(shape, what));
  std::vector<Dim> out;
  if (static_cast<std::size_t>(shape.dim_size()) > kConstantRankMax)
    return refuse(what + " has more than " + std::to_string(kConstantRankMax) + " dimensions");
  for (const auto& d : shape.dim()) {
    TRY(known(d, what));
    Dim dim;
    if (d.value_case() == onnx::TensorShapeProto::Dimension::kDimValue)
      dim.value = std::max<std::int64_t>(d.dim_value(), -1);  // exporters write -1 for free
    if (d.value_case() == onnx::TensorShapeProto::Dimension::kDimParam) dim.param = TRY(read_name(d.dim_param(), "a dimension"));
    out.push_back(std::move(dim));
  }
  return out;
}

bool is_sequence_of_maps(const onnx::TypeProto& type) {
  return type.value_case() == onnx::TypeProto::kSequenceType && type.sequence_type().elem_type().value_case() == onnx::TypeProto::kMapType;
}

Result<ValueInfo> read_value_info(const onnx::ValueInfoProto& v) {
  ValueInfo out;
  out.name = TRY(read_name(v.name(), "an input or output"));
  const std::string what = "the input or output " + quoted(out.name);
  if (out.name.empty()) return refuse("an input or output has no name");
  TRY(known(v, what));
  out.has_shape = false;
  if (!v.has_type() || v.type().value_case() == onnx::TypeProto::VALUE_NOT_SET) return out;  // the type is left to inference: seen in subgraphs
  TRY(known(v.type(), what));
  if (v.type().value_case() != onnx::TypeProto::kTensorType) {
    out.kind = is_sequence_of_maps(v.type()) ? ValueInfo::Kind::sequence_of_maps : ValueInfo::Kind::other;
    return out;
  }
  const auto& tensor = v.type().tensor_type();
  TRY(known(tensor, what));
  if (tensor.elem_type() == 0) return out;  // a shape of no type can't be written: all of it is left to inference
  out.dtype = TRY(read_dtype(tensor.elem_type(), what));
  out.has_shape = tensor.has_shape();
  if (out.has_shape) out.shape = TRY(read_shape(tensor.shape(), what));
  return out;
}

// --- graphs

class Reader {
 public:
  Result<Model> model(onnx::ModelProto& proto);

 private:
  Result<Graph> graph(onnx::GraphProto& proto, int depth);
  Result<Node> node(onnx::NodeProto& proto, int depth);
  Result<Attribute> attribute(onnx::AttributeProto& proto, int depth, const std::string& place);
  Result<AttributeValue> attribute_value(onnx::AttributeProto& proto, int type, int depth, const std::string& what);
  Result<Function> function(onnx::FunctionProto& proto);
  Result<std::shared_ptr<const Graph>> subgraph(onnx::GraphProto& proto, int depth) {
    return std::shared_ptr<const Graph>(std::make_shared<Graph>(TRY(graph(proto, depth + 1))));
  }
  std::size_t nodes_ = 0;
};

template <class Field>
Result<std::vector<std::string>> read_names(const Field& field, std::string_view what) {
  std::vector<std::string> out;
  out.reserve(static_cast<std::size_t>(field.size()));
  for (const std::string& name : field) out.push_back(TRY(read_name(name, what)));
  return out;
}

// The type that an attribute's filled field stands for, when the file (of before 2018) doesn't say it.
int implied_type(const onnx::AttributeProto& a) {
  if (a.has_f()) return 1;
  if (a.has_i()) return 2;
  if (a.has_s()) return 3;
  if (a.has_t()) return 4;
  if (a.has_g()) return 5;
  if (a.floats_size() > 0) return 6;
  if (a.ints_size() > 0) return 7;
  if (a.strings_size() > 0) return 8;
  if (a.tensors_size() > 0) return 9;
  if (a.graphs_size() > 0) return 10;
  return 0;
}

Result<AttributeValue> Reader::attribute_value(onnx::AttributeProto& a, int type, int depth, const std::string& what) {
  switch (type) {
    case 1: return AttributeValue(a.f());
    case 2: return AttributeValue(static_cast<std::int64_t>(a.i()));
    case 3: return AttributeValue(a.s());
    case 4: return AttributeValue(TRY(read_tensor(a.t(), what)));
    case 5: {
      if (!a.has_g()) return AttributeValue(std::shared_ptr<const Graph>());
      return AttributeValue(TRY(subgraph(*a.mutable_g(), depth)));
    }
    case 6: return AttributeValue(std::vector<float>(a.floats().begin(), a.floats().end()));
    case 7: return AttributeValue(std::vector<std::int64_t>(a.ints().begin(), a.ints().end()));
    case 8: return AttributeValue(std::vector<std::string>(a.strings().begin(), a.strings().end()));
    case 9: {
      std::vector<Tensor> out;
      for (const auto& t : a.tensors()) out.push_back(TRY(read_tensor(t, what)));
      return AttributeValue(std::move(out));
    }
    case 10: {
      std::vector<std::shared_ptr<const Graph>> out;
      for (auto& g : *a.mutable_graphs()) out.push_back(TRY(subgraph(g, depth)));
      return AttributeValue(std::move(out));
    }
    case 11:
    case 12: return refuse(what + " is a sparse tensor, which is not supported");
    case 13:
    case 14: return refuse(what + " is a type (of a sequence or optional value), which is not supported");
    default: return refuse(what + " has an unknown type");
  }
}

Result<Attribute> Reader::attribute(onnx::AttributeProto& a, int depth, const std::string& place) {
  Attribute out;
  out.name = TRY(read_name(a.name(), "an attribute"));
  const std::string what = "attribute " + quoted(out.name) + " of " + place;
  TRY(known(a, what));
  out.ref = TRY(read_name(a.ref_attr_name(), what));
  const int implied = implied_type(a);
  if (a.has_sparse_tensor() || a.sparse_tensors_size() > 0) return refuse(what + " is a sparse tensor, which is not supported");
  if (a.has_tp() || a.type_protos_size() > 0) return refuse(what + " is a type (of a sequence or optional value), which is not supported");
  const int type = a.type() != 0 ? a.type() : implied;
  // One exporter writes i = 0 beside its value; anything else in a second field would be a second meaning.
  if (!out.ref.empty() && implied != 0) return refuse(what + " has a value and a reference");
  const bool only_declared =
      implied == 0 || implied == type || (a.has_f() && a.f() == 0) || (a.has_i() && a.i() == 0) || (a.has_s() && a.s().empty());
  if (!only_declared) return refuse(what + " has a value of another type than it says");
  if (type == 4 && !a.has_t() && out.ref.empty()) return refuse(what + " has no value");
  if (!out.ref.empty() && type == 4) {
    out.value = Tensor();
    return out;
  }
  out.value = TRY(attribute_value(a, type, depth, what));
  return out;
}

Result<Node> Reader::node(onnx::NodeProto& n, int depth) {
  if (++nodes_ > kNodesMax) return refuse("the graph has more than " + std::to_string(kNodesMax) + " nodes");
  Node out;
  out.op = TRY(read_name(n.op_type(), "an operator"));
  out.name = TRY(read_name(n.name(), "a node"));
  const std::string place =
      "the node " + quoted(out.name.empty() ? (n.output_size() > 0 ? n.output(0) : std::string("?")) : out.name) + " (" + excerpt(out.op) + ")";
  TRY(known(n, place));
  out.domain = domain_of(TRY(read_name(n.domain(), "a domain")));
  if (!n.overload().empty()) return refuse(place + " uses function overloads, which are not supported");
  if (n.device_configurations_size() > 0) return refuse(place + " is placed on several devices, which is not supported");
  out.inputs = TRY(read_names(n.input(), place));
  out.outputs = TRY(read_names(n.output(), place));
  std::unordered_set<std::string_view> names;
  out.attributes.reserve(static_cast<std::size_t>(n.attribute_size()));
  for (auto& a : *n.mutable_attribute()) {
    out.attributes.push_back(TRY(attribute(a, depth, place)));
    if (!names.insert(out.attributes.back().name).second)
      return refuse(place + " has the attribute " + quoted(out.attributes.back().name) + " twice");
  }
  return out;
}

Result<Graph> Reader::graph(onnx::GraphProto& g, int depth) {
  if (depth > kSubgraphDepthMax) return refuse("graphs stand within graphs more than " + std::to_string(kSubgraphDepthMax) + " deep");
  Graph out;
  out.name = TRY(read_name(g.name(), "a graph"));
  TRY(known(g, "the graph " + quoted(out.name)));
  if (g.sparse_initializer_size() > 0) return refuse("the graph has sparse weights, which are not supported");
  std::unordered_set<std::string> initializers;
  out.initializers.reserve(static_cast<std::size_t>(g.initializer_size()));
  for (auto& t : *g.mutable_initializer()) {
    Initializer i;
    i.name = TRY(read_name(t.name(), "a constant"));
    const std::string what = "the constant " + quoted(i.name);
    i.tensor = TRY(read_tensor(t, what));
    onnx::TensorProto().Swap(&t);  // frees it: large models stand in memory once, not twice
    if (!initializers.insert(i.name).second) return refuse(what + " is there twice");
    out.initializers.push_back(std::move(i));
  }
  for (const auto& v : g.input()) {
    if (!initializers.contains(v.name())) out.inputs.push_back(TRY(read_value_info(v)));
  }
  for (const auto& v : g.output()) out.outputs.push_back(TRY(read_value_info(v)));
  out.nodes.reserve(static_cast<std::size_t>(g.node_size()));
  for (auto& n : *g.mutable_node()) out.nodes.push_back(TRY(node(n, depth)));
  return out;
}

Result<std::map<std::string, std::int64_t>> read_opsets(const google::protobuf::RepeatedPtrField<onnx::OperatorSetIdProto>& field) {
  std::map<std::string, std::int64_t> out;
  for (const auto& entry : field) {
    TRY(known(entry, "an opset"));
    const std::string domain = domain_of(TRY(read_name(entry.domain(), "a domain")));
    const auto [it, fresh] = out.emplace(domain, entry.version());
    if (!fresh && it->second != entry.version()) return refuse("the opset of " + quoted(domain.empty() ? "ai.onnx" : domain) + " is given twice");
  }
  return out;
}

Result<Function> Reader::function(onnx::FunctionProto& f) {
  Function out;
  out.name = TRY(read_name(f.name(), "a function"));
  out.domain = domain_of(TRY(read_name(f.domain(), "a domain")));
  const std::string what = "the function " + quoted(out.name);
  TRY(known(f, what));
  if (!f.overload().empty()) return refuse(what + " has overloads, which are not supported");
  out.inputs = TRY(read_names(f.input(), what));
  out.outputs = TRY(read_names(f.output(), what));
  out.attributes = TRY(read_names(f.attribute(), what));
  for (auto& a : *f.mutable_attribute_proto()) out.attribute_defaults.push_back(TRY(attribute(a, 0, what)));
  for (auto& n : *f.mutable_node()) out.nodes.push_back(TRY(node(n, 0)));
  out.opsets = TRY(read_opsets(f.opset_import()));
  return out;
}

// Labels for people: what is not UTF-8 or too long is cut, not refused.
std::string label(const std::string& text) { return is_valid_utf8(text) && text.size() <= kTextBytesMax ? text : excerpt(text, 200); }

Result<Model> Reader::model(onnx::ModelProto& m) {
  TRY(known(m, "the model"));
  if (m.training_info_size() > 0) return refuse("the model carries training graphs: export it for inference");
  if (m.configuration_size() > 0) return refuse("the model is split over several devices, which is not supported");
  if (!m.has_graph()) return refuse("the file has no graph: it is not an ONNX model");
  Model out;
  out.ir_version = m.ir_version();
  out.opsets = TRY(read_opsets(m.opset_import()));
  out.producer_name = label(m.producer_name());
  out.producer_version = label(m.producer_version());
  out.doc = label(m.doc_string());
  for (const auto& entry : m.metadata_props()) {
    TRY(known(entry, "the metadata"));
    if (out.metadata.size() < kMetadataMax) out.metadata.emplace(label(entry.key()), label(entry.value()));
  }
  out.graph = TRY(graph(*m.mutable_graph(), 0));
  for (auto& f : *m.mutable_functions()) out.functions.push_back(TRY(function(f)));
  return out;
}

}  // namespace

Result<Model> read_onnx(std::span<const std::byte> bytes) {
  if (bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) return refuse("the ONNX file is larger than 2 GiB");
  google::protobuf::io::CodedInputStream stream(reinterpret_cast<const std::uint8_t*>(bytes.data()), static_cast<int>(bytes.size()));
  stream.SetRecursionLimit(kWireDepthMax);
  onnx::ModelProto proto;
  if (!proto.ParseFromCodedStream(&stream) || !stream.ConsumedEntireMessage())
    return refuse("the file is damaged, nested too deeply, or not an ONNX model");
  return Reader().model(proto);
}

}  // namespace slipway::graph
