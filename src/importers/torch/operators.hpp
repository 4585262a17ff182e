// PyTorch's operators (aten) as functions on the graph: the one table that TorchScript, torch.export and sources share. operators.def names
// each with its signature, in the notation of PyTorch's own documentation; arguments are brought into that order, with defaults, before the
// function sees them. Where an operator has overloads (add.Tensor, add.Scalar) the function looks at what it gets.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "slipway/importers/torch/value.hpp"

namespace slipway::importers::torch {

struct Arguments {
  std::vector<Any> positional;
  std::vector<std::pair<std::string, Any>> keywords;
};

bool is_operator(std::string_view name);  // "conv2d", "add_", "_convolution": without "aten::" and overload

// What serialised code and exported graphs mean by a name, where it gives more than the function of the same name in a source.
std::string_view aten_operator(std::string_view name);

// Errors: model_refused; "conv2d: ..." The caller adds the place in the file or source.
// In-place operators (add_, relu_, copy_, index_put_, ...) write their first argument and return it; view operators return views of theirs.
// Random operators at inference (dropout, bernoulli_ ...) are the identity or a refusal.
Result<Any> call_operator(Net& net, std::string_view name, const Arguments& arguments);
// zeros(2, 3, dtype=...): sizes that are given one by one, as the list of sizes that the operator takes.
Arguments sizes_in_a_list(Arguments given);

}  // namespace slipway::importers::torch
