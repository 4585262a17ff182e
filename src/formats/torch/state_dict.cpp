#include "slipway/formats/torch/state_dict.hpp"

#include <algorithm>
#include <cctype>
#include <unordered_set>

#include "slipway/base/encoding.hpp"

namespace slipway::torch {
namespace {

using pickle::Kind;
using pickle::View;

constexpr std::size_t kVisitsMax = 20'000, kItemsMax = 1'000, kDepthMax = 5, kListedMax = 20;
constexpr std::size_t kNameMax = 512, kTensorsMax = 200'000, kEntriesMax = 4'000'000;

Error refused(std::string what) { return {ErrorCode::model_refused, std::move(what)}; }

bool is_dict(const View& v) { return v.is(Kind::dict) || (v.is(Kind::object) && v.entries() > 0); }

// Of what trains a network: their state has tensors too, and no network's.
bool is_training_state(std::string_view key) {
  std::string lower(key.substr(0, kNameMax));
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return c < 0x80 ? static_cast<char>(std::tolower(c)) : static_cast<char>(c); });
  if (lower.starts_with("optim") || lower == "callbacks" || lower == "criterion") return true;
  return lower.find("optimizer") != lower.npos || lower.find("scheduler") != lower.npos || lower.find("scaler") != lower.npos;
}

// At least half of its values are tensors: a checkpoint may have a tensor of its own beside the dicts.
bool is_state_dict(const View& v) {
  std::size_t tensors = 0;
  for (std::size_t i = 0; i < v.entries(); ++i) {
    if (v.key_at(i).is(Kind::text) && TensorPickle::is_tensor(v.value_at(i))) ++tensors;
  }
  return tensors > 0 && 2 * tensors >= v.entries();
}

std::string joined(const std::string& entry, const std::string& key) { return entry.empty() ? key : entry + "." + key; }

std::string listed(const std::vector<WeightsAt>& all) {
  std::string out;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i == kListedMax) return out + ", …";
    const std::size_t n = all[i].view.entries();
    out += (i == 0 ? "" : ", ") + excerpt(all[i].entry.empty() ? "(root)" : all[i].entry, 80) + " (" +
           (all[i].is_module ? excerpt(all[i].view.qualified_name(), 80) : std::to_string(n) + (n == 1 ? " tensor" : " tensors")) + ")";
  }
  return out;
}

Status add_tensors(const TensorPickle& pickle, const View& dict, StateDict& out) {
  for (std::size_t i = 0; i < dict.entries(); ++i) {
    const View key = dict.key_at(i), value = dict.value_at(i);
    if (!key.is(Kind::text)) continue;
    if (key.raw().size() > kNameMax) return refused("a tensor's name has " + std::to_string(key.raw().size()) + " bytes");
    std::string name = TRY(key.text());
    if (TensorPickle::is_tensor(value)) {
      TRY(out.add(std::move(name), TRY(pickle.tensor(value)), pickle.file_bytes()));
    } else if (name.ends_with("_packed_params") && !value.is_none()) {
      return refused(excerpt(name, 80) + ": the weights of a quantized module aren't served; save the model before it is quantized");
    }
  }
  return ok();
}

Status add_module(const TensorPickle& pickle, const Module& root, StateDict& out) {
  for (const Submodule& at : TRY(module_tree(root))) {
    const auto add = [&](const std::string& name, const View& value) -> Status {
      if (!TensorPickle::is_tensor(value)) return refused(value.path() + ": a tensor is expected, there is " + value.describe());
      return out.add(joined(at.path, name), TRY(pickle.tensor(value)), pickle.file_bytes());
    };
    for (const auto& [name, value] : at.module.parameters()) TRY(add(name, value));
    for (const auto& [name, value] : at.module.buffers()) {
      if (at.module.is_persistent(name)) TRY(add(name, value));
    }
  }
  return ok();
}

}  // namespace

const TensorView* StateDict::find(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &tensors_[found->second].tensor;
}

Status StateDict::add(std::string name, TensorView tensor, std::uint64_t file_bytes) {
  if (tensors_.size() >= kTensorsMax) return refused("more than " + std::to_string(kTensorsMax) + " tensors");
  bytes_ += tensor.byte_size();
  if (tensor.byte_size() > CopyBudget::of_file(file_bytes).left || bytes_ > CopyBudget::of_file(file_bytes).left)
    return refused(excerpt(name, 80) + ": its tensors come to more bytes than a file of this size can hold");
  if (!index_.emplace(name, tensors_.size()).second) return refused("the tensor " + excerpt(name, 80) + " is there twice");
  tensors_.push_back({std::move(name), std::move(tensor)});
  return ok();
}

std::string StateDict::common_prefix() const {
  if (tensors_.empty()) return "";
  const std::string& first = tensors_.front().name;
  std::string prefix = first.substr(0, first.find('.') == first.npos ? 0 : first.find('.') + 1);
  const bool all = std::all_of(tensors_.begin(), tensors_.end(),
                               [&](const NamedTensor& t) { return t.name.starts_with(prefix) && t.name.size() > prefix.size(); });
  return all ? prefix : "";
}

StateDict StateDict::without_prefix(std::string_view prefix) const {
  StateDict out;
  out.bytes_ = bytes_;
  out.dropped_ = dropped_ + std::string(prefix);
  for (const NamedTensor& t : tensors_) {
    std::string name = t.name.starts_with(prefix) ? t.name.substr(prefix.size()) : t.name;
    out.index_.emplace(name, out.tensors_.size());
    out.tensors_.push_back({std::move(name), t.tensor});
  }
  return out;
}

void StateDict::drop_wrappers() {
  for (std::string prefix = common_prefix(); prefix == "module." || prefix == "_orig_mod."; prefix = common_prefix()) *this = without_prefix(prefix);
}

std::string StateDict::summary(std::size_t tensors_max) const {
  std::string out;
  for (std::size_t i = 0; i < std::min(tensors_max, tensors_.size()); ++i) {
    out += (i == 0 ? "" : ", ") + excerpt(tensors_[i].name, 60) + " ";
    const Shape& sizes = tensors_[i].tensor.sizes;
    if (sizes.empty()) out += "(a number)";
    for (std::size_t axis = 0; axis < sizes.size(); ++axis) out += (axis == 0 ? "" : "×") + std::to_string(sizes[axis]);
  }
  if (tensors_.size() > tensors_max) out += ", …";
  return out + " (" + std::to_string(tensors_.size()) + (tensors_.size() == 1 ? " tensor)" : " tensors)");
}

std::vector<WeightsAt> weights_in(const File& file) {
  struct Step {
    View view;
    std::string entry;
    std::size_t depth;
  };
  std::vector<WeightsAt> out;
  std::unordered_set<std::uint32_t> seen;
  std::size_t entries = 0;  // many objects can share one dict's
  std::vector<Step> todo = {{file.pickle.root(), "", 0}};
  for (std::size_t at = 0; at < todo.size() && seen.size() < kVisitsMax; ++at) {
    const Step step = todo[at];
    if (!seen.insert(step.view.id()).second) continue;
    if ((entries += step.view.entries()) > kEntriesMax) break;
    if (Module::of(step.view)) {
      out.push_back({step.entry, step.view, true});
      continue;
    }
    if (is_dict(step.view) && is_state_dict(step.view)) {
      out.push_back({step.entry, step.view, false});
      continue;
    }
    if (step.depth >= kDepthMax || TensorPickle::is_tensor(step.view)) continue;
    const auto follow = [&](const View& child, std::string entry) {
      const bool inside = is_dict(child) || child.is(Kind::object) || child.is(Kind::list) || child.is(Kind::tuple);
      if (inside && todo.size() < kVisitsMax) todo.push_back({child, std::move(entry), step.depth + 1});
    };
    for (std::size_t i = 0; i < std::min(step.view.entries(), kItemsMax); ++i) {
      const View key = step.view.key_at(i);
      if (!key.is(Kind::text) || key.raw().size() > kNameMax || is_training_state(key.raw())) continue;
      if (const auto name = key.text(); name.ok()) follow(step.view.value_at(i), joined(step.entry, *name));
    }
    for (std::size_t i = 0; i < std::min(step.view.size(), kItemsMax); ++i) follow(step.view.at(i), step.entry + "[" + std::to_string(i) + "]");
    if (is_dict(step.view) || !step.view.is(Kind::object)) continue;
    const auto names = step.view.attributes();
    for (std::size_t i = 0; i < std::min(names.size(), kItemsMax); ++i) {
      if (names[i].size() > kNameMax || is_training_state(names[i])) continue;
      if (const auto child = step.view.find(names[i])) follow(*child, joined(step.entry, names[i]));
    }
  }
  return out;
}

Result<WeightsAt> choose_weights(const File& file, const std::string& entry) {
  std::vector<WeightsAt> all = weights_in(file);
  if (all.empty()) return refused("the file has no weights: its root is " + file.pickle.root().describe());
  if (entry.empty()) {
    if (all.size() == 1) return std::move(all.front());
    return refused("the file has the weights of several networks; choose one by --entry: " + listed(all));
  }
  const auto found = std::find_if(all.begin(), all.end(), [&](const WeightsAt& w) { return w.entry == entry; });
  if (found == all.end()) return refused("the file has no weights under '" + excerpt(entry, 80) + "'. It has: " + listed(all));
  return std::move(*found);
}

Result<StateDict> state_dict(const File& file, const WeightsAt& at) {
  StateDict out;
  if (at.is_module) {
    const auto module = Module::of(at.view);
    if (!module) return refused(at.view.path() + " is no module");
    TRY(add_module(file.pickle, module->unwrapped(), out));
  } else {
    TRY(add_tensors(file.pickle, at.view, out));
  }
  if (out.tensors().empty()) return refused("there are no tensors in " + (at.entry.empty() ? std::string("the file") : excerpt(at.entry, 80)));
  out.drop_wrappers();
  return out;
}

}  // namespace slipway::torch
