// Tensors that a client sent whole, with a type and a shape of their own, to what the model takes: converted where no value is lost, checked
// against the schema like any other input. What npy, and the Open Inference Protocol over HTTP and gRPC have in common.
#pragma once

#include <vector>

#include "slipway/tensor/codec_plan.hpp"

namespace slipway {

// One array without a name: a tabular model's whole table [rows, features], or the one input of a tensor model.
Result<DecodedRequest> fit_array(const CodecPlan& plan, Tensor array, const DecodeLimits& limits);

// By name. A tensor model: its inputs. A tabular model: its graph's inputs, or a column a feature ([rows] or [rows, 1]), or under any name
// one table [rows, features]. Pointers name the input: "#/inputs/age/3".
Result<DecodedRequest> fit_named(const CodecPlan& plan, std::vector<NamedTensor> tensors, const DecodeLimits& limits);

}  // namespace slipway
