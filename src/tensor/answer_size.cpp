#include "slipway/tensor/answer_size.hpp"

#include <algorithm>

#include "slipway/tensor/request_codec.hpp"

namespace slipway {
namespace {

constexpr std::uint64_t kEscaped = 6;  // "\u001f": the longest that a byte of a text becomes

// The longest that a value becomes, with the comma behind it.
std::uint64_t longest(DType dtype) {
  switch (dtype) {
    case DType::float64: return 25;
    case DType::float32:
    case DType::float16:
    case DType::bfloat16: return 17;
    case DType::boolean: return 6;
    default: return 21;
  }
}

std::uint64_t text_bytes(const Tensor& t) {
  std::uint64_t bytes = 0;
  for (const std::string& s : t.strings()) bytes += s.size();
  return bytes;
}

// "[]," of every array.
std::uint64_t brackets(const Tensor& t) {
  std::uint64_t arrays = 1, all = 1;
  for (std::size_t d = 0; d + 1 < t.shape().size() && arrays > 0; ++d) all += arrays *= static_cast<std::uint64_t>(t.shape()[d]);
  return all * 3;
}

std::uint64_t values_size(const Tensor& t, std::uint64_t most) {
  const bool texts = t.dtype() == DType::string;
  const std::uint64_t estimate = texts ? text_bytes(t) * kEscaped + t.count() * 5 : t.count() * longest(t.dtype());
  if (estimate <= most) return estimate;
  constexpr std::size_t kBlock = 1 << 16;
  std::string block;
  std::uint64_t counted = 0;
  for (std::size_t i = 0; i < t.count() && counted <= most; ++i) {
    append_element(block, t, i);
    block += ',';
    if (block.size() < kBlock) continue;
    counted += block.size();
    block.clear();
  }
  return counted + block.size();
}

}  // namespace

std::uint64_t raw_size(const Tensor& tensor) { return tensor.bytes().size() + tensor.strings().size() * sizeof(std::uint32_t) + text_bytes(tensor); }

std::uint64_t json_size(const Tensor& tensor, std::uint64_t most) {
  const std::uint64_t around = brackets(tensor);
  return around > most ? around : around + values_size(tensor, most - around);
}

std::uint64_t predictions_size(const Schema& schema, std::span<const Tensor> outputs, std::size_t rows, std::uint64_t most) {
  std::uint64_t size = 2 + 3 * rows;
  for (std::size_t i = 0; i < outputs.size() && size <= most; ++i) {
    std::string name;
    json::append_quoted(name, i < schema.outputs.size() ? std::string_view(schema.outputs[i].name) : std::string_view("output"));
    if (outputs.size() > 1) size += rows * (name.size() + 3);  // with ':', and ',' or a brace
    if (size <= most) size += json_size(outputs[i], most - size);
  }
  return size;
}

std::uint64_t message_size(const Tensor& tensor) {
  switch (tensor.dtype()) {
    case DType::float32:
    case DType::float64:
    case DType::boolean: return tensor.bytes().size();
    case DType::string: return text_bytes(tensor) + tensor.count() * 6;  // a tag and a length each
    default: return tensor.count() * 10;
  }
}

namespace oip {

Result<std::uint64_t> answer_size(const InferRequest& request, const Schema& schema, std::span<const Tensor> outputs, AnswerForm form,
                                  std::uint64_t most) {
  std::uint64_t size = 0;
  const auto add = [&](const Tensor& t, const WantedOutput* wanted) {
    if (wanted != nullptr && wanted->classification > 0) {  // texts of value, index and class
      std::uint64_t label = 0;
      for (const json::Value& c : schema.classes) label = std::max<std::uint64_t>(label, c.is_string() ? c.as_string().size() : 25);
      const std::uint64_t rows = schema.batched ? t.rows() : 1;
      size += rows * std::min<std::uint64_t>(wanted->classification, rows == 0 ? 0 : t.count() / rows) * (50 + label * kEscaped);
      return;
    }
    const bool binary = form == AnswerForm::json && (wanted != nullptr ? wanted->binary.value_or(request.binary_output) : request.binary_output);
    if (binary || form == AnswerForm::raw_message)
      size += raw_size(t);
    else
      size += form == AnswerForm::json ? json_size(t, most - std::min(size, most)) : message_size(t);
  };
  if (request.outputs.empty()) {
    for (const Tensor& t : outputs) add(t, nullptr);
  }
  for (const WantedOutput& wanted : request.outputs) add(outputs[TRY(output_index(schema, wanted.name))], &wanted);
  return size;
}

}  // namespace oip
}  // namespace slipway
