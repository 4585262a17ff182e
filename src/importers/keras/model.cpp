#include "slipway/importers/keras/model.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "slipway/base/encoding.hpp"
#include "slipway/importers/keras/operations.hpp"

namespace slipway::importers::keras {
namespace {

constexpr std::size_t kLayersMax = 20'000;
constexpr std::size_t kTensorsMax = 100'000;  // that calls name, all together
constexpr std::size_t kPortsMax = 1'000;

Error refuse(std::string what) { return {ErrorCode::model_refused, "the model's configuration: " + std::move(what)}; }

bool is_index(const json::Value& v) { return v.is_int() && v.as_int() >= 0 && v.as_int() < 1'000'000; }

// ["name", 0, 0] or ["name", 0, 0, {...}]
std::optional<TensorKey> key_of(const json::Value& v) {
  if (!v.is_array() || v.as_array().size() < 3 || !v.as_array()[0].is_string() || !is_index(v.as_array()[1]) || !is_index(v.as_array()[2]))
    return std::nullopt;
  return TensorKey{v.as_array()[0].as_string(), static_cast<std::size_t>(v.as_array()[1].as_int()),
                   static_cast<std::size_t>(v.as_array()[2].as_int())};
}

std::optional<TensorKey> keras_tensor(const json::Value& v) {
  if (!v.is_object() || v.string_or("class_name", "") != "__keras_tensor__") return std::nullopt;
  const json::Value* config = v.find("config");
  const json::Value* history = config == nullptr ? nullptr : config->find("keras_history");
  return history == nullptr ? std::nullopt : key_of(*history);
}

// Tensors of Keras 3 anywhere in the arguments of a call, in order. Documents are at most json::kDepthMax deep.
void tensors_in(const json::Value& v, const std::string& name, NodeConfig& into) {  // NOLINT(misc-no-recursion)
  if (const auto key = keras_tensor(v)) {
    into.inputs.push_back(*key);
    into.input_names.push_back(name);
  } else if (v.is_array()) {
    for (const json::Value& item : v.as_array()) tensors_in(item, name, into);
  } else if (v.is_object()) {
    for (const auto& [member, item] : v.as_object()) tensors_in(item, name, into);
  }
}

NodeConfig new_node(const json::Value& v) {
  NodeConfig node;
  if (const json::Value* args = v.find("args")) tensors_in(*args, "", node);
  if (const json::Value* kwargs = v.find("kwargs"); kwargs != nullptr && kwargs->is_object()) {
    for (const auto& [key, item] : kwargs->as_object()) tensors_in(item, key, node);
  }
  node.arguments = v;
  return node;
}

json::Value as_keras_tensor(const TensorKey& key) {
  json::Array history{key.layer, key.node, key.index};
  return json::object({{"class_name", "__keras_tensor__"}, {"config", json::object({{"keras_history", std::move(history)}})}});
}

// Tensors anywhere in an old argument, which stand as ["name", 0, 0], as Keras 3 writes them.
json::Value in_new_form(const json::Value& v) {  // NOLINT(misc-no-recursion): documents are at most json::kDepthMax deep
  if (const auto key = key_of(v); key && v.as_array().size() <= 4) return as_keras_tensor(*key);
  if (!v.is_array()) return v;
  json::Array out;
  for (const json::Value& item : v.as_array()) out.push_back(in_new_form(item));
  return out;
}

// Keras 1 and 2: a list of the call's tensors, each with the keyword arguments, which may name tensors too. Constants stand as
// ["_CONSTANT_VALUE", -1, value, {...}].
Result<NodeConfig> old_node(const json::Value& v, const std::string& layer) {
  json::Array positional;
  json::Object keywords;
  const auto is_constant = [](const json::Value& t) {
    return t.is_array() && t.as_array().size() >= 3 && t.as_array()[0].is_string() && t.as_array()[0].as_string() == "_CONSTANT_VALUE";
  };
  const json::Array one{v};
  const json::Array& tensors = key_of(v) || is_constant(v) ? one : v.as_array();
  for (const json::Value& t : tensors) {
    if (is_constant(t)) {
      positional.push_back(t.as_array()[2]);
    } else if (const auto key = key_of(t)) {
      positional.push_back(as_keras_tensor(*key));
    } else {
      return refuse("a call of the layer " + excerpt(layer) + " names its inputs in a way that is not known");
    }
    if (t.as_array().size() < 4 || !t.as_array()[3].is_object()) continue;
    for (const auto& [name, value] : t.as_array()[3].as_object()) {
      if (std::ranges::none_of(keywords, [&](const auto& member) { return member.first == name; })) keywords.emplace_back(name, in_new_form(value));
    }
  }
  return new_node(json::object({{"args", std::move(positional)}, {"kwargs", std::move(keywords)}}));
}

Result<std::vector<NodeConfig>> nodes_of(const json::Value& nodes, const std::string& layer) {
  std::vector<NodeConfig> out;
  if (!nodes.is_array()) return refuse("\"inbound_nodes\" of the layer " + excerpt(layer) + " must be a list");
  for (const json::Value& node : nodes.as_array()) {
    if (node.is_object()) {
      out.push_back(new_node(node));
      out.back().keras3 = true;
    } else if (node.is_array()) {
      out.push_back(TRY(old_node(node, layer)));
    } else {
      return refuse("\"inbound_nodes\" of the layer " + excerpt(layer) + " must be a list of calls");
    }
  }
  return out;
}

// Tensors of "input_layers", "output_layers": one, or lists and objects of them.
bool add_ports(const json::Value& v, std::vector<TensorKey>& out) {  // NOLINT(misc-no-recursion): documents are at most json::kDepthMax deep
  if (const auto single = key_of(v)) {
    out.push_back(*single);
    return true;
  }
  if (v.is_array()) return std::ranges::all_of(v.as_array(), [&](const json::Value& item) { return add_ports(item, out); });
  return v.is_object() && std::ranges::all_of(v.as_object(), [&](const json::Member& m) { return add_ports(m.second, out); });
}

Result<std::vector<TensorKey>> ports_of(const json::Value& config, std::string_view key) {
  const json::Value* v = config.find(key);
  std::vector<TensorKey> out;
  if (v != nullptr && !v->is_null() && !add_ports(*v, out)) return refuse("\"" + std::string(key) + "\" is not known");
  if (out.empty()) return refuse("it has no \"" + std::string(key) + "\"");
  if (out.size() > kPortsMax) return refuse("\"" + std::string(key) + "\" has more than " + std::to_string(kPortsMax) + " tensors");
  return out;
}

// A model inside has a call of its own, which its file doesn't list: the others count from 1 on. Keras 3 counts so only where it names the
// outputs.
void number_calls(ModelConfig& model) {
  std::map<std::string, std::size_t, std::less<>> last;
  const auto note = [&](const TensorKey& key) {
    auto& n = last[key.layer];
    n = std::max(n, key.node);
  };
  for (const LayerConfig& layer : model.layers) {
    for (const NodeConfig& node : layer.nodes) std::ranges::for_each(node.inputs, note);
  }
  std::ranges::for_each(model.outputs, note);
  for (LayerConfig& layer : model.layers) {
    const auto it = last.find(layer.name);
    if (!is_model_class(layer.class_name) || it == last.end() || layer.nodes.empty() || it->second != layer.nodes.size()) continue;
    if (!layer.nodes[0].keras3) {
      layer.first_node = 1;
      continue;
    }
    for (TensorKey& key : model.outputs) key.node -= key.layer == layer.name && key.node > 0 ? 1 : 0;
  }
}

}  // namespace

bool is_model_class(std::string_view class_name) { return class_name == "Sequential" || class_name == "Functional" || class_name == "Model"; }

Result<LayerConfig> read_layer_config(const json::Value& object) {
  LayerConfig layer;
  if (!object.is_object()) return refuse("a layer must be an object");
  layer.class_name = object.string_or("class_name", "");
  layer.module = object.string_or("module", "");
  const json::Value* config = object.find("config");
  if (layer.class_name.empty() || config == nullptr) return refuse("a layer without \"class_name\" or \"config\"");
  layer.config = *config;
  layer.name = object.string_or("name", config->string_or("name", layer.class_name));
  layer.trainable = config->bool_or("trainable", true);
  // Legacy files of Keras 3 don't say the module; only layers say whether they train.
  layer.layer = !layer.module.starts_with("keras.src.ops") && !layer.module.starts_with("keras.ops") &&
                !(layer.module.empty() && layer.class_name != "InputLayer" && is_operation(operation_name(layer.class_name)) && config->is_object() &&
                  config->find("trainable") == nullptr);
  if (const json::Value* nodes = object.find("inbound_nodes")) layer.nodes = TRY(nodes_of(*nodes, layer.name));
  return layer;
}

Result<ModelConfig> read_model_config(const json::Value& object) {
  ModelConfig model;
  const std::string class_name = object.string_or("class_name", "");
  const json::Value* config = object.find("config");
  if (!is_model_class(class_name)) {
    if (class_name.empty()) return refuse("it has no \"class_name\"");
    return Error(ErrorCode::model_refused, "the model is of the class " + excerpt(class_name) +
                                               ", which is code that is not in the file: save it as a functional model "
                                               "(keras.Model(inputs, outputs)) or export it to ONNX (model.export(\"model.onnx\", format=\"onnx\"))");
  }
  if (config == nullptr) return refuse("it has no \"config\"");
  model.sequential = class_name == "Sequential";
  const json::Value* layers = config->is_array() ? config : config->find("layers");  // Keras 1: the list itself
  if (layers == nullptr || !layers->is_array()) return refuse("it has no \"layers\"");
  if (layers->as_array().size() > kLayersMax) return refuse("more than " + std::to_string(kLayersMax) + " layers");
  model.name = config->string_or("name", "");
  std::size_t tensors = 0;
  for (const json::Value& layer : layers->as_array()) {
    model.layers.push_back(TRY(read_layer_config(layer)));
    for (const NodeConfig& node : model.layers.back().nodes) tensors += node.inputs.size();
    if (tensors > kTensorsMax) return refuse("more than " + std::to_string(kTensorsMax) + " connections");
  }
  if (model.layers.empty()) return refuse("it has no layers");
  if (model.sequential) {
    for (const std::string_view key : {"build_input_shape", "batch_input_shape"}) {
      if (const json::Value* shape = config->find(key); shape != nullptr && model.build_shape.is_null()) model.build_shape = *shape;
    }
    if (const json::Value* build = object.find("build_config"); build != nullptr && model.build_shape.is_null()) {
      if (const json::Value* shape = build->find("input_shape")) model.build_shape = *shape;
    }
    return model;
  }
  model.inputs = TRY(ports_of(*config, "input_layers"));
  model.outputs = TRY(ports_of(*config, "output_layers"));
  std::set<std::string_view> names;
  for (const LayerConfig& layer : model.layers) {
    if (!names.insert(layer.name).second) return refuse("two layers have the name " + excerpt(layer.name));
  }
  number_calls(model);
  return model;
}

}  // namespace slipway::importers::keras
