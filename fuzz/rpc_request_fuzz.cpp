// A ModelInferRequest as it arrives by gRPC: its size in memory is bounded before it is read, and what is read can be answered.
#include <inference.pb.h>

#include "slipway/platform/rpc/tensors.hpp"
#include "support.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace slipway;
  const std::string_view wire(reinterpret_cast<const char*>(data), size);
  constexpr DecodeLimits kLimits{.rows_max = 1000, .bytes_max = 1 << 20};
  if (!rpc::check_wire_size(wire, kLimits.bytes_max).ok()) return 0;
  inference::ModelInferRequest message;
  if (!message.ParseFromArray(data, static_cast<int>(size))) return 0;
  auto wish = rpc::read_request(message, kLimits);
  if (!wish.ok()) return 0;
  Schema schema;
  std::vector<Tensor> tensors;
  for (NamedTensor& input : wish->request.inputs) {
    schema.outputs.push_back({input.name, input.tensor.dtype(), input.tensor.shape()});
    tensors.push_back(std::move(input.tensor));
  }
  inference::ModelInferResponse answer;
  static_cast<void>(rpc::write_answer(answer, *wish, schema, tensors).ok());
  return 0;
}
