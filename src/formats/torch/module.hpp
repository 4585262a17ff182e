// A pickled nn.Module and its tree, as inert nodes: what torch keeps of a module in its __dict__. What a class does is not in the file.
// Cheap cursors over a Document, valid as long as it. Pure.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "slipway/formats/pickle.hpp"

namespace slipway::torch {

class Module {
 public:
  using Named = std::vector<std::pair<std::string, pickle::View>>;  // in the order of the file, which is the order of registration

  // nullopt: no object with `_modules` and `_parameters`.
  static std::optional<Module> of(const pickle::View& node);

  const pickle::View& view() const { return view_; }
  std::string class_name() const { return view_.qualified_name(); }  // "torch.nn.modules.linear.Linear", "__main__.Net"
  bool is_torch_class() const { return view_.module() == "torch.nn" || view_.module().starts_with("torch.nn."); }

  Named modules() const { return members("_modules"); }        // None (a slot that is empty) is left out, as in the next two
  Named parameters() const { return members("_parameters"); }  // tensors
  Named buffers() const { return members("_buffers"); }        // tensors; all of them, also those that no state_dict has
  bool is_persistent(std::string_view buffer) const;
  std::size_t members() const;  // of all three, empty slots too: what walking them costs

  // in_features, kernel_size, training, whatever __init__ set. Errors: model_refused with the path.
  Result<pickle::View> attribute(std::string_view name) const { return view_.attribute(name); }
  std::optional<pickle::View> find(std::string_view name) const { return view_.find(name); }
  std::vector<std::string> attributes() const;  // without torch's own: _modules, _parameters, hooks, ...

  // DataParallel, DistributedDataParallel and torch.compile's OptimizedModule: what they wrap; anything else: itself.
  Module unwrapped() const;

 private:
  explicit Module(pickle::View view) : view_(std::move(view)) {}
  Named members(std::string_view attribute) const;
  pickle::View view_;
};

struct Submodule {
  std::string path;  // "features.0"; "": the root
  Module module;
};
// The whole tree, parents first, in torch's order. A module that stands in several places is given in each.
// Errors: model_refused when it is larger or deeper than any network, e.g. a cycle.
Result<std::vector<Submodule>> module_tree(const Module& root);

}  // namespace slipway::torch
