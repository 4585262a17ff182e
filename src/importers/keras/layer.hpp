// What lowers one Keras layer: its configuration, its weights and its inputs go in, its outputs come out. One table (layers.def) names the
// function of each class; the files layers_*.cpp hold them by subject. Tensors stand as Keras has them (channels last unless the layer says
// otherwise); a function brings them to the engine's layout and back.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "slipway/base/json.hpp"
#include "slipway/importers/blocks/neural/net.hpp"
#include "slipway/importers/keras/layout.hpp"

namespace slipway::importers::keras {

using neural::Dim;
using neural::Dims;
using neural::Net;
using neural::SharedTensor;
using neural::Value;

// Which Keras wrote the file: defaults and formulas differ.
struct Dialect {
  int major = 3;  // 1, 2 (and tf.keras), 3
  int minor = 0;
  bool standalone = false;  // Keras 1 and 2 of its own, as it was before it became TensorFlow's
};

// A tensor on its way through the model, with the mask that Embedding(mask_zero) and Masking attach.
struct Tracked {
  Value value;
  std::optional<Value> mask;  // boolean [N, steps]: true where a step counts
};

// Everything a layer's function may ask for.
struct Call {
  Net& net;
  Layouts& layouts;
  Dialect dialect;
  std::string class_name;                // "Conv2D", without its module
  std::string name;                      // the layer's own, for messages
  const json::Value& config;             // its "config" object
  std::vector<SharedTensor> weights;     // in the order in which the layer made them; checked by the function
  std::vector<Tracked> inputs;           // tensors of the call, flattened in the order of its arguments
  std::vector<std::string> input_names;  // of those given by keyword ("key", "attention_mask"): its name; else ""
  const json::Value* arguments =
      nullptr;  // what the call was given otherwise, as in the file: {"args": [...], "kwargs": {...}}, tensors in it as objects
  // Text files inside the archive that belong to this layer ("vocabulary.txt"); nullopt: there is none.
  std::function<std::optional<std::string>(std::string_view)> asset = {};
  // Weights of archives that stand under a name ("idf_weights"); nullopt: there is none.
  std::function<Result<std::optional<SharedTensor>>(std::string_view)> named = {};
  bool* rows_mixed = nullptr;  // to be set where a row of the answer may depend on other rows
};

// "layer conv1 (Conv2D): what" as a refusal.
Error refuse(const Call& call, std::string_view what);

// --- the configuration, strictly: a value of another type is a refusal that names the key
Result<std::int64_t> int_of(const Call& call, std::string_view key, std::optional<std::int64_t> otherwise = std::nullopt);
Result<double> number_of(const Call& call, std::string_view key, std::optional<double> otherwise = std::nullopt);
Result<bool> bool_of(const Call& call, std::string_view key, bool otherwise);
Result<std::string> text_of(const Call& call, std::string_view key, std::string otherwise);
Result<std::vector<std::int64_t>> ints_of(const Call& call, std::string_view key, std::size_t count,
                                          std::int64_t otherwise);  // a number stands for all

// An activation by name or by its serialised object ("relu", {"class_name": "LeakyReLU", ...}); null: linear.
Result<Value> activate(const Call& call, const Value& x, const json::Value& activation);

// A function by its name with its options ("alpha", "axis", ...), which may be nullptr.
Result<Value> activation_named(const Call& call, const Value& x, std::string_view name, const json::Value* config);

// What a layer's function gives when there is one output; the caller carries masks over (see layers.def).
inline std::vector<Tracked> one(Value v) { return {Tracked{std::move(v), std::nullopt}}; }
const Value& input(const Call& call);                                 // the only or first input
Status takes(const Call& call, std::size_t inputs);                   // exactly so many inputs
Status holds(const Call& call, std::size_t least, std::size_t most);  // so many weights
inline bool channels_last(const Call& call) { return call.config.string_or("data_format", "channels_last") != "channels_first"; }

// "Conv2D" -> 2: the dimensions between rows and channels.
std::size_t spatial_of(const Call& call);
// The first input in the engine's layout, of as many dimensions as the class's name says; and a result back in the layer's own.
Result<Value> to_engine(const Call& call);
Result<Value> engine_layout(const Call& call, const Value& x);
Result<Value> from_engine(const Call& call, const Value& y);
// The weight that is there only where the configuration says so.
std::optional<Value> bias_of(const Call& call, bool used, std::size_t at);

// f of the inputs, element by element or along the channels, in the engine's layout where all of them are there already.
Result<Value> in_engine_layout(const Call& call, const Value& x, Result<Value> (*f)(const Call&, const Value& first));

// An image [N, C, H, W] of another size, by the name of an interpolation (layers_preprocessing.cpp).
Result<Value> resized(const Call& call, const Value& first, std::int64_t height, std::int64_t width, const std::string& how, bool antialias);

// Integers as the output mode wants them: themselves, or a float32 row of `tokens` zeros and ones, counts, or weighed counts
// (layers_preprocessing.cpp).
Result<Value> encoded(const Call& call, const Value& ids, std::int64_t tokens, const std::string& mode);
Result<Value> weighed(const Call& call, const Value& counts, std::int64_t tokens);

using Lower = Result<std::vector<Tracked>> (*)(const Call&);
struct LayerKind {
  std::string_view class_name;
  Lower lower;
  bool keeps_mask;  // its output has its input's mask (Keras: supports_masking)
};
const LayerKind* find_layer(std::string_view class_name);  // nullptr: not known

#define SLIPWAY_KERAS_LAYER(name, function, mask) Result<std::vector<Tracked>> function(const Call& call);
#include "slipway/importers/keras/layers.def"
#undef SLIPWAY_KERAS_LAYER

}  // namespace slipway::importers::keras
