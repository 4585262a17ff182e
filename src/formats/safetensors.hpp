// Safetensors: a length, a JSON header, the tensors' bytes. Every byte belongs to one tensor. Pure.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "slipway/formats/torch/state_dict.hpp"

namespace slipway::safetensors {

struct File {
  torch::StateDict weights;                                   // in the order of their bytes; wrappers' prefixes dropped
  std::vector<std::pair<std::string, std::string>> metadata;  // __metadata__: e.g. format = pt
  std::unique_ptr<torch::CopyBudget> copies;                  // of the tensors
};

// `bytes` must outlive the File. Errors: model_refused naming the tensor.
Result<File> read(std::span<const std::byte> bytes);
// A cheap look at the beginning.
bool looks_like(std::span<const std::byte> bytes);

}  // namespace slipway::safetensors
