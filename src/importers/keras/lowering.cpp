#include "slipway/importers/keras/lowering.hpp"

#include <algorithm>
#include <map>

#include "slipway/base/encoding.hpp"
#include "slipway/importers/blocks/neural/elementwise.hpp"
#include "slipway/importers/blocks/neural/shapes.hpp"
#include "slipway/importers/keras/operations.hpp"

namespace slipway::importers::keras {
namespace {

constexpr int kNestingMax = 16;
// Classes of Keras that layers.def doesn't have.
constexpr std::string_view kNotServed[] = {
    "RandomCrop",    "MaxNumBoundingBoxes", "MelSpectrogram",    "STFTSpectrogram", "Pipeline",       "TorchModuleWrapper", "FlaxLayer",
    "JaxLayer",      "TFSMLayer",           "RandomHeight",      "RandomWidth",     "FeatureSpace",   "StackedRNNCells",    "Wrapper",
    "DenseFeatures", "SequenceFeatures",    "TensorFlowOpLayer", "ClassMethod",     "InstanceMethod", "InstanceProperty",   "AbstractRNNCell"};
constexpr const char* kExport = "export the model to ONNX where it was made: model.export(\"model.onnx\", format=\"onnx\")";

Error refused(std::string what) { return {ErrorCode::model_refused, std::move(what)}; }

std::string who(const LayerConfig& layer) { return "layer " + excerpt(layer.name) + " (" + excerpt(layer.class_name) + ")"; }

// Keras' own classes; everything else is code that no file holds.
bool is_foreign(const LayerConfig& layer) {
  if (layer.class_name.find('>') != std::string::npos) return true;
  return !layer.module.empty() && !layer.module.starts_with("keras.") && layer.module != "keras" && !layer.module.starts_with("tensorflow.") &&
         !layer.module.starts_with("tf_keras.");
}

Error refuse_foreign(const LayerConfig& layer) {
  if (layer.class_name == "Lambda")
    return refused(who(layer) +
                   " is Python code inside the file, which is never run: put a layer of Keras in its place (Rescaling, Resizing, "
                   "Normalization, Reshape, ...), or export the model to ONNX where it was made: model.export(\"model.onnx\", format=\"onnx\")");
  return refused(who(layer) +
                 " is of a class that Keras doesn't have: its code is not in the file. Build it of Keras' own layers, or export the "
                 "model to ONNX where the class is: model.export(\"model.onnx\", format=\"onnx\")");
}

// Names of the layers of a model's configuration, at any depth. Bounded by the document.
void names_inside(const json::Value& config, int depth, std::vector<std::string>& out) {  // NOLINT(misc-no-recursion): depth is bounded
  const json::Value* layers = config.is_array() ? &config : config.find("layers");
  if (layers == nullptr || !layers->is_array() || depth > kNestingMax) return;
  for (const json::Value& l : layers->as_array()) {
    const json::Value* inner = l.find("config");
    if (inner == nullptr) continue;
    out.push_back(l.string_or("name", inner->string_or("name", "")));
    if (is_model_class(l.string_or("class_name", ""))) names_inside(*inner, depth + 1, out);
  }
}

std::vector<LayerRef> refs_of(const ModelConfig& model) {
  std::vector<LayerRef> refs;
  for (const LayerConfig& l : model.layers) {
    refs.push_back({l.name, l.class_name, l.layer, l.trainable, is_model_class(l.class_name), {}});
    if (refs.back().model) names_inside(l.config, 0, refs.back().inside);
  }
  return refs;
}

// Masks that the call names (Keras 3) belong to the inputs, not among them.
void take_masks(const NodeConfig& node, std::vector<std::string>& names, std::vector<Tracked>& inputs) {
  std::vector<Value> masks;
  for (std::size_t i = inputs.size(); i-- > 0;) {
    if (i >= names.size() || names[i] != "mask") continue;
    masks.insert(masks.begin(), inputs[i].value);
    inputs.erase(inputs.begin() + static_cast<std::ptrdiff_t>(i));
    names.erase(names.begin() + static_cast<std::ptrdiff_t>(i));
  }
  if (masks.empty()) return;
  const json::Value* kwargs = node.arguments.find("kwargs");
  const json::Value* list = kwargs == nullptr ? nullptr : kwargs->find("mask");
  std::size_t next = 0;
  const std::size_t given = list != nullptr && list->is_array() ? list->as_array().size() : 1;
  for (std::size_t i = 0; i < given && i < inputs.size() && next < masks.size(); ++i) {
    const bool none = list != nullptr && list->is_array() && list->as_array()[i].is_null();
    if (!none) inputs[i].mask = masks[next++];
  }
}

// A step of joined tensors counts where it counts in all that have a mask.
Result<std::optional<Value>> joined_mask(const Call& call) {
  const bool along_steps = call.class_name == "Concatenate" &&
                           neural::normal_axis(call.config.int_or("axis", -1), call.inputs[0].value.rank()) == 1 && call.inputs[0].value.rank() > 2;
  std::optional<Value> all;
  std::vector<Value> parts;
  for (const Tracked& t : call.inputs) {
    if (along_steps && t.value.rank() > 2)
      parts.push_back(t.mask ? call.net.cast(*t.mask, DType::boolean)
                             : call.net.cast(neural::full(call.net, {t.value.dims[0], t.value.dims[1]}, 1, DType::float32), DType::boolean));
    if (t.mask) all = all ? TRY(neural::binary(call.net, "And", *all, *t.mask)) : *t.mask;
  }
  if (all && along_steps) return std::optional(TRY(neural::concat(call.net, parts, 1)));
  return all;
}

// The classes of the cells that a layer runs on top of each other.
std::vector<std::string> stacked_cells(const LayerConfig& layer) {
  std::vector<std::string> out;
  const json::Value* cell = layer.config.find("cell");
  const json::Value* config = cell == nullptr ? nullptr : cell->find("config");
  const json::Value* cells = config == nullptr ? nullptr : config->find("cells");
  if (cells == nullptr || !cells->is_array()) return out;
  for (const json::Value& c : cells->as_array()) out.push_back(c.string_or("class_name", ""));
  return out;
}

// Weights that were rounded for a small file have formulas of their own.
bool is_quantized(const LayerConfig& layer) {
  const json::Value* dtype = layer.config.find("dtype");
  return dtype != nullptr && dtype->is_object() && dtype->string_or("class_name", "").starts_with("Quantized");
}

std::optional<DType> dtype_named(const json::Value* dtype) {
  if (dtype == nullptr || dtype->is_null()) return DType::float32;
  std::string name;
  if (dtype->is_string()) {
    name = dtype->as_string();
  } else if (const json::Value* config = dtype->find("config")) {  // {"class_name": "DTypePolicy", "config": {"name": "float32"}}
    name = config->string_or("name", "float32");
  }
  if (name.find("float16") != std::string::npos) return DType::float32;  // half and mixed precision: inputs are given in single
  if (name == "bool") return DType::boolean;
  return dtype_from_name(name);
}

std::string port_name(std::string_view name) {  // names with a dot and a number are the graph's own
  std::string out(name);
  std::ranges::replace(out, '.', '_');
  return out.empty() ? "tensor" : out;
}

}  // namespace

Result<Value> Lowering::graph_input(const std::string& name, const json::Value& shape, const json::Value* dtype) {
  if (!shape.is_array() || shape.as_array().empty()) return refused("the input " + excerpt(name) + " has no shape in the file");
  if (!rows_) rows_ = net_.symbol();
  Dims dims{*rows_};
  for (std::size_t i = 1; i < shape.as_array().size(); ++i) {
    const json::Value& d = shape.as_array()[i];
    if (d.is_null()) {
      dims.push_back(net_.symbol());
    } else if (d.is_int() && d.as_int() >= 1 && d.as_int() < (1LL << 31)) {
      dims.emplace_back(d.as_int());
    } else {
      return refused("the input " + excerpt(name) + " has a shape that is not known");
    }
  }
  if (dims.size() > kRankMax) return refused("the input " + excerpt(name) + " has more than " + std::to_string(kRankMax) + " dimensions");
  const auto type = dtype_named(dtype);
  if (!type) return refused("the input " + excerpt(name) + " is of a type that is not known");
  std::string port = port_name(name);
  while (std::ranges::find(names_, port) != names_.end()) port += "_";
  names_.push_back(port);
  return net_.input(port, *type, std::move(dims));
}

// Where the file doesn't say with which shape a Sequential was built, its first dense layer does.
Result<json::Value> Lowering::sequential_shape(const ModelConfig& model, const Weights& weights) {
  const LayerConfig& first = model.layers[0];
  for (const std::string_view key : {"batch_shape", "batch_input_shape"}) {
    if (const json::Value* shape = first.config.find(key); shape != nullptr && !shape->is_null()) return *shape;
  }
  if (!model.build_shape.is_null()) return model.build_shape;
  if (first.class_name == "Dense") {
    const std::vector<Weights> parts = TRY(weights.of_layers(refs_of(model)));
    const auto tensors = TRY(parts[0].tensors());
    if (!tensors.empty() && tensors[0]->shape().size() == 2) return json::Value(json::Array{nullptr, tensors[0]->shape()[0]});
  }
  if (const json::Value* length = first.config.find("input_length"); first.class_name == "Embedding" && length != nullptr)
    return json::Value(json::Array{nullptr, length->is_int() ? *length : json::Value(nullptr)});
  if (first.class_name == "Embedding") return json::Value(json::Array{nullptr, nullptr});
  return refused("the file doesn't say which shape the model's input has: begin it with keras.Input(shape=...), or build it before saving");
}

Result<Lowering::Ports> Lowering::run(const ModelConfig& model, const Weights& weights) {
  Ports ports;
  std::vector<Tracked> inputs;
  const auto add_input = [&](const std::string& name, const json::Value& shape, const json::Value* dtype) -> Status {
    const Value v = TRY(graph_input(name, shape, dtype));
    ports.inputs.push_back({v.val.name, v});
    inputs.push_back({v, std::nullopt});
    return ok();
  };
  if (model.sequential) {
    const LayerConfig& first = model.layers[0];
    if (is_model_class(first.class_name) && model.build_shape.is_null()) {
      // A model inside as the first layer: its own input is this one's.
      const ModelConfig inner = TRY(read_model_config(json::object({{"class_name", first.class_name}, {"config", first.config}})));
      const LayerConfig* head = nullptr;
      for (const LayerConfig& l : inner.layers) {
        if (head == nullptr && (inner.sequential || (!inner.inputs.empty() && l.name == inner.inputs[0].layer))) head = &l;
      }
      json::Value shape = inner.build_shape;
      for (const std::string_view key : {"batch_shape", "batch_input_shape"}) {
        if (const json::Value* s = head == nullptr ? nullptr : head->config.find(key)) shape = *s;
      }
      TRY(add_input(first.name + "_input", shape, head == nullptr ? nullptr : head->config.find("dtype")));
    } else {
      const json::Value shape = TRY(sequential_shape(model, weights));
      const bool declared = first.class_name == "InputLayer";
      TRY(add_input(declared ? first.name : first.name + "_input", shape, declared ? first.config.find("dtype") : nullptr));
    }
  } else {
    for (const TensorKey& key : model.inputs) {
      const auto layer = std::ranges::find(model.layers, key.layer, &LayerConfig::name);
      if (layer == model.layers.end()) return refused("the model's configuration: there is no input layer " + excerpt(key.layer));
      const json::Value* shape = layer->config.find("batch_shape");
      if (shape == nullptr) shape = layer->config.find("batch_input_shape");
      TRY(add_input(layer->name, shape == nullptr ? json::Value() : *shape, layer->config.find("dtype")));
    }
  }
  const std::vector<Tracked> outputs = TRY(run_inside(model, weights, std::move(inputs), 0));
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    std::string name = model.sequential ? model.layers.back().name : model.outputs[i].layer;
    name = port_name(name);
    for (int n = 1; std::ranges::find(names_, name) != names_.end(); ++n)
      name = port_name(model.sequential ? model.layers.back().name : model.outputs[i].layer) + "_" + std::to_string(n);
    names_.push_back(name);
    ports.outputs.push_back({name, outputs[i].value});
    net_.output(name, outputs[i].value);
  }
  return ports;
}

Result<std::vector<Tracked>> Lowering::run_inside(const ModelConfig& model, const Weights& weights, std::vector<Tracked> inputs, int depth) {
  if (depth > kNestingMax) return refused("models are nested more than " + std::to_string(kNestingMax) + " deep");
  return model.sequential ? run_sequential(model, weights, std::move(inputs), depth) : run_functional(model, weights, std::move(inputs), depth);
}

Result<std::vector<Tracked>> Lowering::run_sequential(const ModelConfig& model, const Weights& weights, std::vector<Tracked> inputs, int depth) {
  const std::vector<Weights> parts = TRY(weights.of_layers(refs_of(model)));
  std::vector<Tracked> now = std::move(inputs);
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    if (model.layers[i].class_name == "InputLayer") continue;
    now = TRY(call(model.layers[i], parts[i], nullptr, std::move(now), depth));
  }
  return now;
}

Result<std::vector<Tracked>> Lowering::run_functional(const ModelConfig& model, const Weights& weights, std::vector<Tracked> inputs, int depth) {
  const std::vector<Weights> parts = TRY(weights.of_layers(refs_of(model)));
  if (inputs.size() != model.inputs.size())
    return refused("the model " + excerpt(model.name) + " takes " + std::to_string(model.inputs.size()) + " inputs, it is given " +
                   std::to_string(inputs.size()));
  std::map<TensorKey, Tracked> made;
  for (std::size_t i = 0; i < inputs.size(); ++i) made.emplace(model.inputs[i], std::move(inputs[i]));
  struct Pending {
    std::size_t layer, node;
  };
  std::vector<Pending> pending;
  for (std::size_t l = 0; l < model.layers.size(); ++l) {
    if (model.layers[l].class_name == "InputLayer") continue;
    for (std::size_t n = 0; n < model.layers[l].nodes.size(); ++n) pending.push_back({l, n});
  }
  // Files list layers in an order that mostly can be run as it stands; what has to wait is taken up in the next round.
  while (!pending.empty()) {
    std::vector<Pending> waiting;
    for (const Pending& p : pending) {
      const LayerConfig& layer = model.layers[p.layer];
      const NodeConfig& node = layer.nodes[p.node];
      if (std::ranges::any_of(node.inputs, [&](const TensorKey& key) { return !made.contains(key); })) {
        waiting.push_back(p);
        continue;
      }
      std::vector<Tracked> given;
      for (const TensorKey& key : node.inputs) given.push_back(made.at(key));
      const std::vector<Tracked> outputs = TRY(call(layer, parts[p.layer], &node, std::move(given), depth));
      for (std::size_t i = 0; i < outputs.size(); ++i) made.emplace(TensorKey{layer.name, p.node + layer.first_node, i}, outputs[i]);
    }
    if (waiting.size() == pending.size()) {
      // Calls that this model's outputs don't need may belong to a larger model that was cut out of.
      break;
    }
    pending = std::move(waiting);
  }
  std::vector<Tracked> outputs;
  for (const TensorKey& key : model.outputs) {
    const auto it = made.find(key);
    if (it == made.end())
      return refused("the model's configuration: nothing makes the output " + std::to_string(key.index) + " of the layer " + excerpt(key.layer));
    outputs.push_back(it->second);
  }
  return outputs;
}

// Steps as rows: [N, T, ...] becomes [N * T, ...] and comes back.
Result<std::vector<Tracked>> Lowering::time_distributed(const LayerConfig& layer, const Weights& weights, std::vector<Tracked> inputs, int depth) {
  const json::Value* wrapped = layer.config.find("layer");
  if (wrapped == nullptr || inputs.size() != 1 || inputs[0].value.rank() < 3)
    return refused(who(layer) + ": takes one layer and one input with steps");
  const LayerConfig inner = TRY(read_layer_config(*wrapped));
  const Value x = inputs[0].value;
  Dims flat{net_.mul(x.dims[0], x.dims[1])};
  flat.insert(flat.end(), x.dims.begin() + 2, x.dims.end());
  const Value rows = TRY(neural::reshape(net_, x, flat));
  std::vector<Tracked> outputs = TRY(call(inner, weights.inner("layer"), nullptr, {Tracked{rows, std::nullopt}}, depth + 1));
  for (Tracked& t : outputs) {
    Dims dims{x.dims[0], x.dims[1]};
    dims.insert(dims.end(), t.value.dims.begin() + 1, t.value.dims.end());
    t.value = TRY(neural::reshape(net_, t.value, dims));
    t.mask = inputs[0].mask;
  }
  return outputs;
}

Result<std::vector<Tracked>> Lowering::call(const LayerConfig& layer, const Weights& weights, const NodeConfig* node, std::vector<Tracked> inputs,
                                            int depth) {
  if (depth > kNestingMax) return refused("layers are nested more than " + std::to_string(kNestingMax) + " deep");
  if (layer.class_name == "Lambda" || is_foreign(layer)) return refuse_foreign(layer);
  const bool model = is_model_class(layer.class_name);
  std::vector<std::string> names = node == nullptr ? std::vector<std::string>{} : node->input_names;
  if (node != nullptr && (model || layer.class_name == "TimeDistributed")) take_masks(*node, names, inputs);
  if (model) {
    const ModelConfig inner = TRY(read_model_config(json::object({{"class_name", layer.class_name}, {"config", layer.config}})));
    return run_inside(inner, weights, std::move(inputs), depth + 1);
  }
  if (layer.class_name == "TimeDistributed") return time_distributed(layer, weights, std::move(inputs), depth);
  if (layer.class_name == "SpectralNormalization") {  // divides the kernel when training only
    const json::Value* wrapped_layer = layer.config.find("layer");
    if (wrapped_layer == nullptr) return refused(who(layer) + ": its configuration has no \"layer\"");
    return call(TRY(read_layer_config(*wrapped_layer)), weights.inner("layer").without("vector_u"), node, std::move(inputs), depth + 1);
  }
  const bool wrapped = layer.class_name == "TFOpLambda" || layer.class_name == "SlicingOpLambda";
  const std::string function = wrapped ? layer.config.string_or("function", "") : layer.class_name;
  const bool operation = (wrapped || !layer.layer) && is_operation(operation_name(function));
  const LayerKind* kind = operation ? nullptr : find_layer(layer.class_name);
  if (kind == nullptr && !operation) {
    if (wrapped)
      return refused("layer " + excerpt(layer.name) + ": the operation " + excerpt(function) + " of TensorFlow is not supported: " + kExport);
    if (!layer.layer || std::ranges::find(kNotServed, layer.class_name) != std::end(kNotServed))
      return refused(who(layer) + " is not supported: " + kExport);
    return refuse_foreign(layer);
  }
  if (inputs.empty()) return refused(who(layer) + ": has no input");
  if (is_quantized(layer)) return refused(who(layer) + " is quantized: save the model before quantize() is called");
  Call c{net_,
         layouts_,
         dialect_,
         operation ? function : layer.class_name,
         layer.name,
         layer.config,
         operation ? std::vector<SharedTensor>{} : TRY(weights.tensors(stacked_cells(layer))),
         std::move(inputs),
         std::move(names),
         node == nullptr ? nullptr : &node->arguments};
  if (c.input_names.empty()) c.input_names.resize(c.inputs.size());
  const bool names_mask = std::ranges::find(c.input_names, "mask") != c.input_names.end();
  if (node != nullptr && !operation && c.class_name != "Softmax") take_masks(*node, c.input_names, c.inputs);  // Softmax: its own argument
  if (c.inputs.empty()) return refused(who(layer) + ": has no input");
  const std::optional<Value> given_mask = c.inputs[0].mask;
  // Of a tensor that comes with initial states Keras 3 doesn't pass the mask on unless the call names it.
  const bool unnamed = std::ranges::find(c.input_names, "initial_state") != c.input_names.end() && !names_mask;
  if (dialect_.major >= 3 && unnamed) c.inputs[0].mask.reset();
  const bool merges = kind != nullptr && kind->keeps_mask && c.inputs.size() > 1;
  const std::optional<Value> mask = merges ? TRY(joined_mask(c)) : c.inputs[0].mask;
  if (asset_ && !weights.path().empty()) {
    c.asset = [this, path = "assets/" + weights.path() + "/"](std::string_view file) { return asset_(path + std::string(file)); };
  }
  c.named = [&weights](std::string_view name) { return weights.named(name); };
  c.rows_mixed = &rows_mixed_;
  // What a block says doesn't know the layer.
  const auto named = [&](const Error& e) { return e.detail().starts_with("layer ") ? e : Error(e).within(who(layer)); };
  if (operation) {
    auto done = operate(c);
    if (!done.ok()) return named(done.error());
    rows_mixed_ = rows_mixed_ || done->rows_mixed;
    return std::move(done->outputs);
  }
  auto outputs = kind->lower(c);
  if (!outputs.ok()) return named(outputs.error());
  if (kind->keeps_mask && mask) {
    for (Tracked& t : *outputs) {
      if (!t.mask) t.mask = mask;
    }
  }
  // The steps it gives are still those.
  if (dialect_.major >= 3 && unnamed && given_mask && !outputs->empty() && c.config.bool_or("return_sequences", false))
    (*outputs)[0].mask = given_mask;
  return outputs;
}

}  // namespace slipway::importers::keras
