#include "slipway/importers/keras/weights.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <map>

namespace slipway::importers::keras {

using neural::SharedTensor;

namespace {

constexpr int kDepthMax = 12;  // of groups inside a layer's

Error refuse(std::string what) { return {ErrorCode::model_refused, std::move(what)}; }

bool upper(char c) { return std::isupper(static_cast<unsigned char>(c)) != 0; }
bool lower(char c) { return std::islower(static_cast<unsigned char>(c)) != 0; }

// A list of texts that may be cut into pieces: name, name0, name1, ... (HDF5's limit of 64 KB an attribute).
Result<std::vector<std::string>> listed_texts(const hdf5::Object& at, const std::string& name) {
  if (at.has_attribute(name)) return at.texts(name);
  std::vector<std::string> all;
  for (std::size_t i = 0; at.has_attribute(name + std::to_string(i)); ++i) {
    const std::vector<std::string> piece = TRY(at.texts(name + std::to_string(i)));
    all.insert(all.end(), piece.begin(), piece.end());
  }
  return all;
}

Result<SharedTensor> tensor_of(const hdf5::Object& data) {
  if (!data.is_dataset()) return refuse(data.path() + " is no array");
  return std::make_shared<const Tensor>(TRY(data.tensor()));
}

// Parts of a layer in the order in which their variables count. Several names: generations of Keras.
constexpr std::string_view kParts[] = {"query_dense",  "_query_dense", "key_dense",     "_key_dense",    "value_dense",
                                       "_value_dense", "output_dense", "_output_dense", "forward_layer", "backward_layer",
                                       "layer",        "cell",         "cells"};

std::optional<std::size_t> number(std::string_view text) {
  std::size_t n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(n) : std::nullopt;
}

Status collect_listed(const hdf5::Object& list, int depth, const std::vector<std::string>& cells, std::vector<SharedTensor>& out);

// vars/0, vars/1, ... of a group, then those of its parts.
Status collect(const hdf5::Object& group, int depth, const std::vector<std::string>& cells, std::vector<SharedTensor>& out) {
  if (depth > kDepthMax) return refuse(group.path() + ": groups too deep inside each other");
  if (group.has("vars")) {
    const hdf5::Object vars = TRY(group.child("vars"));
    std::vector<std::pair<std::size_t, std::string>> numbered;
    for (const std::string_view name : vars.is_group() ? vars.children() : std::vector<std::string_view>{}) {
      if (const auto n = number(name)) numbered.emplace_back(*n, name);
    }
    std::ranges::sort(numbered);
    for (const auto& [n, name] : numbered) out.push_back(TRY(tensor_of(TRY(vars.child(name)))));
  }
  for (const std::string_view part : kParts) {
    if (!group.has(part)) continue;
    const hdf5::Object inner = TRY(group.child(part));
    if (part == "cells" && inner.is_group() && !inner.has("vars")) {
      TRY(collect_listed(inner, depth + 1, cells, out));
    } else {
      TRY(collect(inner, depth + 1, cells, out));
    }
  }
  return ok();
}

// A list's entries: lstm_cell, lstm_cell_1, gru_cell, ...: by class in the order of the configuration.
Status collect_listed(const hdf5::Object& list, int depth, const std::vector<std::string>& cells,  // NOLINT(misc-no-recursion): depth is bounded
                      std::vector<SharedTensor>& out) {
  std::map<std::string, std::size_t> used;
  for (const std::string& cell : cells) {
    std::string name = snake_case(cell);
    const std::size_t count = used[name]++;
    if (count > 0) name += "_" + std::to_string(count);
    if (list.has(name)) TRY(collect(TRY(list.child(name)), depth, {}, out));
  }
  return ok();
}

}  // namespace

// Keras: "(.)([A-Z][a-z]+)" and "([a-z])([A-Z])" get an underscore in the middle.
std::string snake_case(std::string_view class_name) {
  std::string first;
  for (std::size_t i = 0; i < class_name.size(); ++i) {
    if (i > 0 && upper(class_name[i]) && i + 1 < class_name.size() && lower(class_name[i + 1])) first += '_';
    first += class_name[i];
  }
  std::string second;
  for (std::size_t i = 0; i < first.size(); ++i) {
    if (i > 0 && upper(first[i]) && lower(first[i - 1])) second += '_';
    second += static_cast<char>(std::tolower(static_cast<unsigned char>(first[i])));
  }
  return second;
}

Result<Weights> Weights::legacy(const hdf5::Object& group) {
  Weights w(group);
  w.legacy_root_ = true;
  return w;
}

Result<std::vector<SharedTensor>> Weights::tensors(const std::vector<std::string>& cells) const {
  std::vector<SharedTensor> out;
  if (listed_) {
    for (const Named& n : list_) out.push_back(TRY(tensor_of(n.data)));
  } else if (group_) {
    TRY(collect(*group_, 0, cells, out));
  }
  return out;
}

Result<std::optional<SharedTensor>> Weights::named(std::string_view name) const {
  std::optional<SharedTensor> found;
  if (listed_ || !group_) return found;
  for (const std::string_view at : {"vars", "_lookup_layer/vars"}) {
    const std::string path = std::string(at) + "/" + std::string(name);
    if (const auto data = group_->at(path); data.ok()) {
      found = TRY(tensor_of(*data));
      return found;
    }
  }
  return found;
}

Weights Weights::inner(std::string_view attribute) const {
  if (listed_ || !group_ || !group_->has(attribute)) return *this;
  auto child = group_->child(attribute);
  if (!child.ok()) return *this;
  Weights w(*child);
  w.path_ = path_ + "/" + std::string(attribute);
  return w;
}

Weights Weights::without(std::string_view name) const {
  Weights w = *this;
  std::erase_if(w.list_, [&](const Named& n) { return n.name.find(name) != std::string::npos || n.name.find("sn_u") != std::string::npos; });
  return w;
}

Result<std::vector<Weights>> Weights::of_layers(const std::vector<LayerRef>& layers) const {
  return listed_ ? of_listed(layers) : of_archive(layers);
}

Result<std::vector<Weights>> Weights::of_archive(const std::vector<LayerRef>& layers) const {
  std::vector<Weights> out;
  if (legacy_root_) {
    for (const LayerRef& ref : layers) {
      std::vector<Named> list;
      if (ref.layer && group_->has(ref.name)) {
        const hdf5::Object group = TRY(group_->child(ref.name));
        for (const std::string& name : TRY(listed_texts(group, "weight_names"))) list.push_back({name, TRY(group.at(name))});
      }
      out.push_back(Weights(std::move(list)));
    }
    return out;
  }
  // "layers/conv2d", "layers/conv2d_1", ...: by class, in the order of the configuration. Keras 2.12 and 2.13 had another name for the folder.
  std::optional<hdf5::Object> folder;
  for (const std::string_view name : {"layers", "_layer_checkpoint_dependencies"}) {
    if (group_ && !folder && group_->has(name)) folder = TRY(group_->child(name));
  }
  std::map<std::string, std::size_t> used;
  for (const LayerRef& ref : layers) {
    std::vector<Named> none;
    if (!ref.layer) {
      out.push_back(Weights(std::move(none)));
      continue;
    }
    // The one class whose name in Keras' source isn't the one that it is known by.
    std::string name = snake_case(ref.class_name == "GroupQueryAttention" ? "GroupedQueryAttention" : ref.class_name);
    const std::size_t count = used[name]++;
    if (count > 0) name += "_" + std::to_string(count);
    out.push_back(folder && folder->has(name) ? Weights(TRY(folder->child(name))) : Weights(std::move(none)));
    out.back().path_ = path_ + (path_.empty() ? "layers/" : "/layers/") + name;
  }
  return out;
}

// A nested model in a legacy file has one list for all its layers: the trainable ones of every layer, then the others. The names tell
// which is whose where each has its layer's among its parts; a layer's own order is that of the list.
Result<std::vector<Weights>> Weights::of_listed(const std::vector<LayerRef>& layers) const {
  std::map<std::string, std::size_t, std::less<>> by_name;
  for (std::size_t i = 0; i < layers.size(); ++i) by_name.emplace(layers[i].name, i);
  for (std::size_t i = 0; i < layers.size(); ++i) {
    for (const std::string& name : layers[i].inside) by_name.emplace(name, i);
  }
  std::vector<std::vector<Named>> lists(layers.size());
  for (const Named& n : list_) {
    std::optional<std::size_t> owner;
    std::string_view rest = n.name;
    while (!owner && !rest.empty()) {
      const std::size_t slash = rest.find('/');
      const auto it = by_name.find(rest.substr(0, slash));
      if (it != by_name.end()) owner = it->second;
      rest = slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
    }
    if (!owner) return refuse("the weight " + n.name + " belongs to no layer of the model it stands in");
    lists[*owner].push_back(n);
  }
  std::vector<Weights> out;
  for (auto& list : lists) out.push_back(Weights(std::move(list)));
  return out;
}

}  // namespace slipway::importers::keras
