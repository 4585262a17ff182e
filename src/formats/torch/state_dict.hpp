// Weights by name, wherever a file of torch.save has them: a state_dict, a checkpoint that holds one, a pickled module. Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "slipway/formats/torch/file.hpp"
#include "slipway/formats/torch/module.hpp"

namespace slipway::torch {

struct NamedTensor {
  std::string name;  // "features.0.weight"
  TensorView tensor;
};

// All tensors together have no more bytes than the file can account for. Tied weights are two names over one storage.
class StateDict {
 public:
  const std::vector<NamedTensor>& tensors() const { return tensors_; }  // in the order of the file
  const TensorView* find(std::string_view name) const;                  // null: none
  // Of wrappers, which every name had and none has any more: "module." (DataParallel), "_orig_mod." (torch.compile), also "_orig_mod.module.".
  const std::string& dropped() const { return dropped_; }
  // "model." when every name begins so: a LightningModule's attribute, or one of the network itself. Whoever knows the class decides.
  std::string common_prefix() const;
  StateDict without_prefix(std::string_view prefix) const;  // prefix: what common_prefix() gave
  std::string summary(std::size_t tensors_max = 3) const;   // "fc1.weight 128×784, fc1.bias 128, … (4 tensors)"

  // Errors: model_refused: a name twice, more bytes than `file_bytes` can account for.
  Status add(std::string name, TensorView tensor, std::uint64_t file_bytes);
  void drop_wrappers();

 private:
  std::vector<NamedTensor> tensors_;
  std::map<std::string, std::size_t, std::less<>> index_;
  std::string dropped_;
  std::uint64_t bytes_ = 0;
};

// A place in the file that has weights.
struct WeightsAt {
  std::string entry;  // as --entry takes it: "model_state_dict", "nets.generator"; "": the root
  pickle::View view;
  bool is_module = false;  // a pickled module, with its tree: see module.hpp
};
// All of them, in the order of the file; what optimisers and schedulers keep is left out.
std::vector<WeightsAt> weights_in(const File& file);
// The one that `entry` names; without an entry the only one. Errors: model_refused that lists what --entry can name.
Result<WeightsAt> choose_weights(const File& file, const std::string& entry);
// Names dropped of wrappers. Errors: model_refused naming the tensor.
Result<StateDict> state_dict(const File& file, const WeightsAt& at);

}  // namespace slipway::torch
