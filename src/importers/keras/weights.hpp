// Which tensors of a Keras file belong to which layer, in the order in which the layer made them. Legacy .h5 files list them by layer in a
// group of the layer's name; archives have a group a layer, named by the layer's class and a counter.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "slipway/formats/hdf5.hpp"
#include "slipway/importers/blocks/neural/net.hpp"

namespace slipway::importers::keras {

struct LayerRef {  // a layer as its model's configuration lists it
  std::string name, class_name;
  bool layer = true;  // false: an operation, which no file counts
  bool trainable = true;
  bool model = false;               // holds layers itself
  std::vector<std::string> inside;  // their names, at any depth
};

// The weights of one layer or of one model. A value; keeps the file's tree alive.
class Weights {
 public:
  // The root of a legacy file: /model_weights, or the root itself. layer_names says what is in it.
  static Result<Weights> legacy(const hdf5::Object& group);
  // The root of an archive's model.weights.h5.
  static Weights archive(const hdf5::Object& group) { return Weights(group); }

  // cells: the classes of cells on top of each other, which an archive lists by name only.
  Result<std::vector<neural::SharedTensor>> tensors(const std::vector<std::string>& cells = {}) const;
  // Of an archive: what the layer keeps under a name instead of a number.
  Result<std::optional<neural::SharedTensor>> named(std::string_view name) const;
  // Of a model: one entry a layer, in the order of `layers`.
  Result<std::vector<Weights>> of_layers(const std::vector<LayerRef>& layers) const;
  const std::string& path() const { return path_; }  // of an archive: "layers/string_lookup", as its other files have it too
  // Of a wrapper (TimeDistributed): what it wraps.
  Weights inner(std::string_view attribute) const;
  Weights without(std::string_view name) const;  // of a legacy file: those of that name left out

 private:
  struct Named {
    std::string name;  // as the file lists it: "conv1/kernel:0"
    hdf5::Object data;
  };
  explicit Weights(hdf5::Object group) : group_(std::move(group)) {}
  explicit Weights(std::vector<Named> list) : list_(std::move(list)), listed_(true) {}
  Result<std::vector<Weights>> of_archive(const std::vector<LayerRef>& layers) const;
  Result<std::vector<Weights>> of_listed(const std::vector<LayerRef>& layers) const;

  std::optional<hdf5::Object> group_;  // archive: the layer's; legacy root: the group of the groups; absent: no weights
  std::vector<Named> list_;            // legacy: of one layer
  bool listed_ = false;
  bool legacy_root_ = false;
  std::string path_;
};

std::string snake_case(std::string_view class_name);  // "LeakyReLU" -> "leaky_re_lu", as Keras names groups

}  // namespace slipway::importers::keras
