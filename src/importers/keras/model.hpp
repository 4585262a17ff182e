// A Keras model's configuration as a value: its layers, how often each is called and with what. Both ways of writing it (Keras 1 and 2;
// Keras 3) come out the same. Reading it runs nothing and builds nothing.
#pragma once

#include <string>
#include <vector>

#include "slipway/base/json.hpp"
#include "slipway/base/result.hpp"

namespace slipway::importers::keras {

struct TensorKey {  // output `index` of call `node` of a layer
  std::string layer;
  std::size_t node = 0, index = 0;
  friend auto operator<=>(const TensorKey&, const TensorKey&) = default;
};

struct NodeConfig {  // one call of a layer
  std::vector<TensorKey> inputs;
  std::vector<std::string> input_names;  // "": positional
  json::Value arguments;                 // {"args": [...], "kwargs": {...}} without the tensors of old files
  bool keras3 = false;                   // written in Keras 3's form
};

struct LayerConfig {
  std::string class_name, module, name;
  json::Value config;
  std::vector<NodeConfig> nodes;  // functional models
  bool layer = true;              // false: an operation (keras.ops)
  bool trainable = true;
  std::size_t first_node = 0;  // the number of nodes[0] where other layers name its outputs
};

struct ModelConfig {
  bool sequential = false;
  std::string name;
  std::vector<LayerConfig> layers;
  std::vector<TensorKey> inputs, outputs;  // functional models
  json::Value build_shape;                 // sequential: the shape it was built with, when the file says
};

bool is_model_class(std::string_view class_name);  // Sequential, Functional, Model: models inside models

// `object`: {"class_name": ..., "config": ...}. Errors: model_refused naming what is missing.
Result<ModelConfig> read_model_config(const json::Value& object);
Result<LayerConfig> read_layer_config(const json::Value& object);

}  // namespace slipway::importers::keras
