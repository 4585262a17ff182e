// Request bodies to the tensors a model takes, and its answers to JSON. The forms are those of docs/api (predict): instances, inputs,
// dataframe_records, dataframe_split, CSV, npy. Everything is checked against the schema here: what comes out fits the model.
// A RequestCodec is immutable once built, so one may be shared by any number of threads; the scratch memory is per thread.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "slipway/tensor/schema.hpp"
#include "slipway/tensor/tensor.hpp"

namespace slipway {

struct DecodeLimits {
  std::size_t rows_max = 100'000;
  std::size_t bytes_max = 256ULL << 20;  // of the decoded tensors, strings counted with their objects
};

struct DecodedRequest {
  std::vector<Tensor> inputs;  // in schema.inputs order
  std::size_t rows = 0;
  std::string_view form;                                    // of JSON: which member held them, "instances" or another
  std::vector<std::pair<std::string, std::string>> beside;  // of JSON: what else the caller of decode_json allowed, as JSON text
};

struct NamedTensor {
  std::string name;
  Tensor tensor;
};

struct ResponseMeta {
  std::string_view model_id;
  int version = 1;
  std::string_view request_id;
};

struct CodecPlan;  // the schema, prepared: where each feature's value goes, and the indexes to find it by name

// The schema prepared once for many requests: what a loaded model keeps. Holds its own copy of the schema.
//
// Errors of decode_*: invalid_json when the body's syntax is wrong (also of CSV and npy: bad_request), invalid_input with up to 20
// field errors when the content doesn't fit, too_large over limits.bytes_max.
class RequestCodec {
 public:
  explicit RequestCodec(Schema schema);

  const Schema& schema() const;
  // beside: members that may stand beside the rows; all others are refused.
  Result<DecodedRequest> decode_json(std::string_view body, const DecodeLimits& limits, std::span<const std::string_view> beside = {}) const;
  Result<DecodedRequest> decode_csv(std::string_view body, const DecodeLimits& limits) const;
  Result<DecodedRequest> decode_npy(std::string_view body, const DecodeLimits& limits) const;
  Result<DecodedRequest> decode_npy(const SharedBytes& body, const DecodeLimits& limits) const;               // the tensor may share the body
  Result<DecodedRequest> decode_tensors(std::vector<NamedTensor> tensors, const DecodeLimits& limits) const;  // typed already: see fit.hpp

 private:
  std::shared_ptr<const CodecPlan> plan_;
};

// One-off forms of the same; they prepare the schema at each call.
Result<DecodedRequest> decode_json(const Schema& schema, std::string_view body, const DecodeLimits& limits);
Result<DecodedRequest> decode_csv(const Schema& schema, std::string_view body, const DecodeLimits& limits);
Result<DecodedRequest> decode_npy(const Schema& schema, std::string_view body, const DecodeLimits& limits);

// Appends element i as JSON: shortest form that reads back the same; null for NaN, infinities and missing texts.
void append_element(std::string& out, const Tensor& tensor, std::size_t i);

// Appends the rows as JSON, "[...]": a value a row when there is one output, else an object by output name.
void append_predictions(std::string& out, const Schema& schema, std::span<const Tensor> outputs, std::size_t rows);
// The same of one of the rows. Precondition: every output has a first dimension of more than `row`.
void append_prediction(std::string& out, const Schema& schema, std::span<const Tensor> outputs, std::size_t row);
// Appends a whole tensor as a nested array.
void append_tensor(std::string& out, const Tensor& tensor);

// Appends {"model_id", "version", "predictions", "outputs", "request_id"} to `out`. outputs are in schema.outputs order.
void encode_response(std::string& out, const Schema& schema, std::span<const Tensor> outputs, std::size_t rows, const ResponseMeta& meta);

}  // namespace slipway
