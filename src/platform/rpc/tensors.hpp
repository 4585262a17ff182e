// ModelInferRequest and ModelInferResponse to the platform's tensors and back. Pure functions; messages are hostile.
#pragma once

#include <span>
#include <string_view>

#include "slipway/tensor/oip_codec.hpp"

namespace inference {
class ModelInferRequest;
class ModelInferResponse;
}  // namespace inference

namespace slipway::rpc {

namespace pb = ::inference;  // the messages; slipway::inference is the engine

struct InferWish {
  oip::InferRequest request;
  bool raw = false;  // the inputs came as raw_input_contents: the outputs go the same way
};

// What a message holds in memory may be many times its bytes on the wire (an empty text is two bytes there): counted before it is read.
Status check_wire_size(std::string_view wire, std::size_t bytes_max);

// Takes the message's content. Errors: bad_request, invalid_input, too_large with pointers ("#/inputs/0/shape"), not_implemented (shared memory).
Result<InferWish> read_request(pb::ModelInferRequest& message, const DecodeLimits& limits);

bool writes_raw(const InferWish& wish, std::span<const Tensor> outputs);  // all of the outputs, or none

// outputs: in schema.outputs order. Errors: invalid_input when an output that is wanted can't be classified.
Status write_answer(pb::ModelInferResponse& message, const InferWish& wish, const Schema& schema, std::span<const Tensor> outputs);

}  // namespace slipway::rpc
