// The Open Inference Protocol's (KServe v2, Triton) inference request and answer: JSON, with raw tensors behind it where the client wants
// them (the binary tensor extension), and the classification extension. Shapes from the public specification; see docs/protocols.md.
// Pure functions; bodies are hostile: sizes are checked before anything is allocated by them. Tensors share the bodies that they came in.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "slipway/tensor/request_codec.hpp"

namespace slipway::oip {

struct WantedOutput {
  std::string name;
  std::optional<bool> binary;        // overrides InferRequest::binary_output
  std::uint64_t classification = 0;  // the k highest, as "value:index[:label]"
};

struct InferRequest {
  std::string id;  // empty: none was given
  std::vector<NamedTensor> inputs;
  std::vector<WantedOutput> outputs;  // empty: all of them
  bool binary_output = false;
  std::uint64_t priority = 0;    // 0: the server's default, 1: the highest
  std::uint64_t timeout_us = 0;  // 0: none
};

// json_bytes: value of Inference-Header-Content-Length, the length of the JSON that stands before the raw tensors.
// Errors: invalid_json, bad_request, invalid_input with a pointer, too_large.
Result<InferRequest> parse_request(const SharedBytes& body, std::optional<std::size_t> json_bytes, const DecodeLimits& limits);
// The header's value was 0: the whole body is the one input's elements, one request in the batch; the answer is binary.
Result<InferRequest> raw_request(const SharedBytes& body, const Schema& schema, const DecodeLimits& limits);

struct InferAnswer {
  std::string body;
  std::optional<std::size_t> json_bytes;  // set when an output is binary: then the body is octets
};
// outputs: in schema.outputs order. Errors: invalid_input when an output is wanted that there isn't, or can't be classified.
Result<InferAnswer> encode_answer(const InferRequest& request, const Schema& schema, std::span<const Tensor> outputs, std::string_view model,
                                  std::string_view version);

// Row-major little-endian elements without padding; a boolean is a byte; a text is its length (u32) and its bytes.
Result<Tensor> tensor_from_raw(DType dtype, Shape shape, const SharedBytes& bytes, const DecodeLimits& limits);
void append_raw(std::string& out, const Tensor& tensor);

// The k highest of each row: a text tensor [rows, k], or [k] of a model without rows.
Result<Tensor> classify(const Tensor& output, const Schema& schema, std::uint64_t k);
Result<std::size_t> output_index(const Schema& schema, std::string_view name);

}  // namespace slipway::oip
