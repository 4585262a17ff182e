// graph::Model to the ONNX wire form. The same model gives the same bytes: nothing here iterates over an unordered container.
#include <bit>

#include "graph/onnx.pb.h"  // generated
#include "slipway/base/encoding.hpp"
#include "slipway/graph/onnx_io.hpp"

namespace slipway::graph {
namespace {

static_assert(std::endian::native == std::endian::little, "raw_data is little-endian");

constexpr std::size_t kFileBytesMax = (2ULL << 30) - 1;  // protobuf's own bound

void put_head(const Tensor& from, onnx::TensorProto& to) {  // all but raw_data
  to.set_data_type(static_cast<int>(from.dtype()));
  for (const std::int64_t d : from.shape()) to.add_dims(d);
  for (const std::string& s : from.strings()) to.add_string_data(s);
}

void put(const Tensor& from, onnx::TensorProto& to) {
  put_head(from, to);
  if (from.dtype() == DType::string) return;
  const auto bytes = from.bytes();
  to.set_raw_data(bytes.data(), bytes.size());
}

void put(const Graph& from, onnx::GraphProto& to);

struct AttributeWriter {
  onnx::AttributeProto& to;
  bool values;  // false: a reference to a function's attribute, which has a type and no value

  void operator()(std::int64_t v) const {
    to.set_type(2);
    if (values) to.set_i(v);
  }
  void operator()(float v) const {
    to.set_type(1);
    if (values) to.set_f(v);
  }
  void operator()(const std::string& v) const {
    to.set_type(3);
    if (values) to.set_s(v);
  }
  void operator()(const Tensor& v) const {
    to.set_type(4);
    if (values) put(v, *to.mutable_t());
  }
  void operator()(const std::shared_ptr<const Graph>& v) const {
    to.set_type(5);
    if (values && v) put(*v, *to.mutable_g());
  }
  void operator()(const std::vector<std::int64_t>& v) const {
    to.set_type(7);
    to.mutable_ints()->Add(v.begin(), v.end());
  }
  void operator()(const std::vector<float>& v) const {
    to.set_type(6);
    to.mutable_floats()->Add(v.begin(), v.end());
  }
  void operator()(const std::vector<std::string>& v) const {
    to.set_type(8);
    for (const std::string& s : v) to.add_strings(s);
  }
  void operator()(const std::vector<Tensor>& v) const {
    to.set_type(9);
    for (const Tensor& t : v) put(t, *to.add_tensors());
  }
  void operator()(const std::vector<std::shared_ptr<const Graph>>& v) const {
    to.set_type(10);
    for (const auto& g : v) {
      if (g) put(*g, *to.add_graphs());
    }
  }
};

void put(const Attribute& from, onnx::AttributeProto& to) {
  to.set_name(from.name);
  if (!from.ref.empty()) to.set_ref_attr_name(from.ref);
  std::visit(AttributeWriter{to, from.ref.empty()}, from.value);
}

void put(const Node& from, onnx::NodeProto& to) {
  for (const std::string& name : from.inputs) to.add_input(name);
  for (const std::string& name : from.outputs) to.add_output(name);
  if (!from.name.empty()) to.set_name(from.name);
  to.set_op_type(from.op);
  if (!from.domain.empty()) to.set_domain(from.domain);
  for (const Attribute& a : from.attributes) put(a, *to.add_attribute());
}

void put(const ValueInfo& from, onnx::ValueInfoProto& to) {
  to.set_name(from.name);
  if (from.kind != ValueInfo::Kind::tensor || from.dtype == DType::undefined) return;  // the engine infers the type
  auto* tensor = to.mutable_type()->mutable_tensor_type();
  tensor->set_elem_type(static_cast<int>(from.dtype));
  if (!from.has_shape) return;
  auto* shape = tensor->mutable_shape();
  for (const Dim& d : from.shape) {
    auto* dim = shape->add_dim();
    if (d.known()) {
      dim->set_dim_value(d.value);
    } else if (!d.param.empty()) {
      dim->set_dim_param(d.param);
    }
  }
}

void put_nodes(const Graph& from, onnx::GraphProto& to) {
  to.set_name(from.name.empty() ? "graph" : from.name);  // the specification wants one
  for (const Node& n : from.nodes) put(n, *to.add_node());
}

void put_ports(const Graph& from, onnx::GraphProto& to) {
  for (const ValueInfo& v : from.inputs) put(v, *to.add_input());
  for (const ValueInfo& v : from.outputs) put(v, *to.add_output());
}

void put(const Graph& from, onnx::GraphProto& to) {  // of a subgraph, whose constants are small
  put_nodes(from, to);
  for (const Initializer& i : from.initializers) {
    auto* tensor = to.add_initializer();
    tensor->set_name(i.name);
    put(i.tensor, *tensor);
  }
  put_ports(from, to);
}

void put(const std::map<std::string, std::int64_t>& opsets, google::protobuf::RepeatedPtrField<onnx::OperatorSetIdProto>& to) {
  for (const auto& [domain, version] : opsets) {
    auto* entry = to.Add();
    entry->set_domain(domain);
    entry->set_version(version);
  }
}

void put(const Function& from, onnx::FunctionProto& to) {
  to.set_name(from.name);
  to.set_domain(from.domain);
  for (const std::string& name : from.inputs) to.add_input(name);
  for (const std::string& name : from.outputs) to.add_output(name);
  for (const std::string& name : from.attributes) to.add_attribute(name);
  for (const Attribute& a : from.attribute_defaults) put(a, *to.add_attribute_proto());
  for (const Node& n : from.nodes) put(n, *to.add_node());
  put(from.opsets, *to.mutable_opset_import());
}

Error too_large() { return {ErrorCode::model_refused, "the graph is larger than 2 GiB, which the ONNX file format can't hold"}; }

Result<std::string> serialised(const google::protobuf::MessageLite& message) {
  const std::size_t size = message.ByteSizeLong();
  if (size > kFileBytesMax) return too_large();
  std::string bytes(size, '\0');
  if (!message.SerializeToArray(bytes.data(), static_cast<int>(size))) return Error(ErrorCode::internal, "the graph couldn't be written");
  return bytes;
}

// What stands before a field of bytes or of a message: its number with the wire type, and the length.
std::string field(unsigned number, std::size_t size) {
  constexpr unsigned kLengthDelimited = 2;
  std::string out;
  for (std::uint64_t v : {std::uint64_t{number << 3 | kLengthDelimited}, std::uint64_t{size}}) {
    for (; v >= 0x80; v >>= 7) out += static_cast<char>(v | 0x80);
    out += static_cast<char>(v);
  }
  return out;
}

// The messages around the weights, which are never copied: protobuf writes fields in the order of their numbers, and so does this.

Result<Pieces> pieces_of(Initializer initializer) {
  onnx::TensorProto head;
  head.set_name(initializer.name);
  put_head(initializer.tensor, head);
  Pieces out;
  out.add(TRY(serialised(head)));
  if (initializer.tensor.dtype() == DType::string) return out;
  const auto tensor = std::make_shared<const Tensor>(std::move(initializer.tensor));
  const std::string_view bytes = as_text(tensor->bytes());
  out.add(field(onnx::TensorProto::kRawDataFieldNumber, bytes.size()));
  out.add(bytes, tensor);
  return out;
}

Result<Pieces> pieces_of(Graph graph) {
  onnx::GraphProto before, after;
  put_nodes(graph, before);
  put_ports(graph, after);
  Pieces out;
  out.add(TRY(serialised(before)));
  for (Initializer& i : graph.initializers) {
    Pieces tensor = TRY(pieces_of(std::move(i)));
    out.add(field(onnx::GraphProto::kInitializerFieldNumber, tensor.size()));
    out.add(std::move(tensor));
  }
  out.add(TRY(serialised(after)));
  return out;
}

}  // namespace

Result<Pieces> onnx_pieces(Model model) {
  // What graph::ValueInfo doesn't hold in full can't be written in full: importers lower such values first (ZipMap is taken out).
  for (const auto* values : {&model.graph.inputs, &model.graph.outputs}) {
    for (const ValueInfo& v : *values) {
      if (v.kind != ValueInfo::Kind::tensor)
        return Error(ErrorCode::model_refused, "the input or output \"" + excerpt(v.name, 80) + "\" is not a tensor");
    }
  }
  onnx::ModelProto before, after;  // the graph
  before.set_ir_version(model.ir_version);
  if (!model.producer_name.empty()) before.set_producer_name(model.producer_name);
  if (!model.producer_version.empty()) before.set_producer_version(model.producer_version);
  if (!model.doc.empty()) before.set_doc_string(model.doc);
  put(model.opsets, *after.mutable_opset_import());
  for (const Function& f : model.functions) put(f, *after.add_functions());
  for (const auto& [key, value] : model.metadata) {
    auto* entry = after.add_metadata_props();
    entry->set_key(key);
    entry->set_value(value);
  }
  Pieces out;
  out.add(TRY(serialised(before)));
  Pieces graph = TRY(pieces_of(std::move(model.graph)));
  out.add(field(onnx::ModelProto::kGraphFieldNumber, graph.size()));
  out.add(std::move(graph));
  out.add(TRY(serialised(after)));
  if (out.size() > kFileBytesMax) return too_large();
  return out;
}

Result<std::string> write_onnx(const Model& model) { return TRY(onnx_pieces(model)).text(); }

}  // namespace slipway::graph
