// graph::Model to the ONNX wire form. The same model gives the same bytes: nothing here iterates over an unordered container.
#include <bit>

#include "graph/onnx.pb.h"  // generated
#include "slipway/base/encoding.hpp"
#include "slipway/graph/onnx_io.hpp"

namespace slipway::graph {
namespace {

static_assert(std::endian::native == std::endian::little, "raw_data is little-endian");

constexpr std::size_t kFileBytesMax = (2ULL << 30) - 1;  // protobuf's own bound

void put(const Tensor& from, onnx::TensorProto& to) {
  to.set_data_type(static_cast<int>(from.dtype()));
  for (const std::int64_t d : from.shape()) to.add_dims(d);
  if (from.dtype() == DType::string) {
    for (const std::string& s : from.strings()) to.add_string_data(s);
  } else {
    const auto bytes = from.bytes();
    to.set_raw_data(bytes.data(), bytes.size());
  }
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

void put(const Graph& from, onnx::GraphProto& to) {
  to.set_name(from.name.empty() ? "graph" : from.name);  // the specification wants one
  for (const Node& n : from.nodes) put(n, *to.add_node());
  for (const Initializer& i : from.initializers) {
    auto* tensor = to.add_initializer();
    tensor->set_name(i.name);
    put(i.tensor, *tensor);
  }
  for (const ValueInfo& v : from.inputs) put(v, *to.add_input());
  for (const ValueInfo& v : from.outputs) put(v, *to.add_output());
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

}  // namespace

Result<std::string> write_onnx(const Model& model) {
  // What graph::ValueInfo doesn't hold in full can't be written in full: importers lower such values first (ZipMap is taken out).
  for (const auto* values : {&model.graph.inputs, &model.graph.outputs}) {
    for (const ValueInfo& v : *values) {
      if (v.kind != ValueInfo::Kind::tensor)
        return Error(ErrorCode::model_refused, "the input or output \"" + excerpt(v.name, 80) + "\" is not a tensor");
    }
  }
  onnx::ModelProto out;
  out.set_ir_version(model.ir_version);
  put(model.opsets, *out.mutable_opset_import());
  if (!model.producer_name.empty()) out.set_producer_name(model.producer_name);
  if (!model.producer_version.empty()) out.set_producer_version(model.producer_version);
  if (!model.doc.empty()) out.set_doc_string(model.doc);
  put(model.graph, *out.mutable_graph());
  for (const Function& f : model.functions) put(f, *out.add_functions());
  for (const auto& [key, value] : model.metadata) {
    auto* entry = out.add_metadata_props();
    entry->set_key(key);
    entry->set_value(value);
  }
  const std::size_t size = out.ByteSizeLong();
  if (size > kFileBytesMax) return Error(ErrorCode::model_refused, "the graph is larger than 2 GiB, which the ONNX file format can't hold");
  std::string bytes;
  bytes.resize(size);
  if (!out.SerializeToArray(bytes.data(), static_cast<int>(size))) return Error(ErrorCode::internal, "the graph couldn't be written");
  return bytes;
}

}  // namespace slipway::graph
