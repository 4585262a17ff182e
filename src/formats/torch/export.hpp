// What torch.export.save writes (.pt2): a graph as JSON and its weights, in the layouts of torch 2.8 and later (models/model.json,
// data/weights/) and of 2.1 to 2.7 (serialized_exported_program.json at the archive's root). Nothing is executed. One thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "slipway/formats/torch/state_dict.hpp"

namespace slipway::torch {

// The numbers of dtypes in a program's JSON and in the weights' descriptions; those of TorchScript's code are others. Errors: model_refused, by name.
Result<DType> dtype_of_number(std::int64_t number);

struct ExportArchive {
  bool is_old_layout = false;
  std::string_view program;  // the JSON text: graph_module, range_constraints, ...; read it by json_tree
  StateDict weights;         // parameters and buffers by the names of the graph's signature ("l1.weight"); wrappers' prefixes kept
  StateDict constants;       // tensors the graph has for itself ("lifted_tensor_0"); objects that are no tensors are left out
  Archive archive;           // every other entry

  // `bytes` must outlive it. Errors: model_refused with the entry. An archive of several models is refused naming them.
  static Result<ExportArchive> open(std::span<const std::byte> bytes);

 private:
  friend class ExportReader;
  std::vector<std::unique_ptr<File>> files_;  // of torch.save within the archive: tensors point at them
  std::unique_ptr<CopyBudget> copies_;
};

}  // namespace slipway::torch
