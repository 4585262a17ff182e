// How large an answer is going to be, before anything of it is written, so that one that is too large costs no memory. An estimate that is never
// too small decides in nearly all cases; only where that is beyond `most` the values are counted, and counting ends there: what is given then is
// more than `most`. Pure functions.
#pragma once

#include <cstdint>
#include <span>

#include "slipway/tensor/oip_codec.hpp"
#include "slipway/tensor/schema.hpp"
#include "slipway/tensor/tensor.hpp"

namespace slipway {

std::uint64_t raw_size(const Tensor& tensor);                       // of its elements as they are
std::uint64_t json_size(const Tensor& tensor, std::uint64_t most);  // as nested arrays
std::uint64_t predictions_size(const Schema& schema, std::span<const Tensor> outputs, std::size_t rows, std::uint64_t most);  // append_predictions
std::uint64_t message_size(const Tensor& tensor);  // as typed contents of a protobuf message

namespace oip {
// Of the outputs that are wanted. json: what isn't asked for in binary; else a message of gRPC's, whose outputs are all raw or all typed.
enum class AnswerForm : std::uint8_t { json, raw_message, typed_message };
Result<std::uint64_t> answer_size(const InferRequest& request, const Schema& schema, std::span<const Tensor> outputs, AnswerForm form,
                                  std::uint64_t most);
}  // namespace oip

}  // namespace slipway
