// The ONNX graph as a value: what importers build, what checks look at, what is written for the engine.
// No protobuf type appears here; onnx_io.hpp reads and writes the wire form.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "slipway/tensor/tensor.hpp"

namespace slipway::graph {

struct Graph;

struct Dim {  // a value, a name, or unknown
  std::int64_t value = -1;
  std::string param;
  bool known() const { return value >= 0; }
};

struct ValueInfo {
  std::string name;
  DType dtype = DType::undefined;
  bool has_shape = true;
  std::vector<Dim> shape;
  enum class Kind : std::uint8_t { tensor, sequence_of_maps, other } kind = Kind::tensor;  // ZipMap's output is sequence_of_maps
};

using AttributeValue = std::variant<std::int64_t, float, std::string, Tensor, std::shared_ptr<const Graph>, std::vector<std::int64_t>,
                                    std::vector<float>, std::vector<std::string>, std::vector<Tensor>, std::vector<std::shared_ptr<const Graph>>>;

struct Attribute {
  std::string name;
  AttributeValue value;
  std::string ref;  // inside a function: the function's attribute it takes its value from
};

struct Node {
  std::string op;
  std::string domain;  // "" is ai.onnx
  std::string name;
  std::vector<std::string> inputs;  // "" is an absent optional input
  std::vector<std::string> outputs;
  std::vector<Attribute> attributes;
};

struct Initializer {
  std::string name;
  Tensor tensor;
};

struct Graph {
  std::string name;
  std::vector<Node> nodes;
  std::vector<Initializer> initializers;
  std::vector<ValueInfo> inputs;  // without those that are initializers (ir_version < 4 repeats them; the reader drops them)
  std::vector<ValueInfo> outputs;
};

struct Function {
  std::string name, domain;
  std::vector<std::string> inputs, outputs, attributes;
  std::vector<Attribute> attribute_defaults;
  std::vector<Node> nodes;
  std::map<std::string, std::int64_t> opsets;
};

struct Model {
  std::int64_t ir_version = 10;
  std::map<std::string, std::int64_t> opsets;  // domain -> version
  std::string producer_name, producer_version, doc;
  Graph graph;
  std::vector<Function> functions;
  std::map<std::string, std::string> metadata;
};

}  // namespace slipway::graph
