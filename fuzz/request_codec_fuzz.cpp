// Request bodies against a schema: JSON, CSV, npy and the Open Inference Protocol with raw tensors. The first line chooses: a byte for the format,
// then a digit (one of the schemas here) or a schema of its own as JSON, as a hostile cell might make one. What is taken fits the schema to the last
// element; the answer to it is JSON again.
#include <array>
#include <cmath>
#include <optional>
#include <vector>

#include "slipway/base/json.hpp"
#include "slipway/tensor/oip_codec.hpp"
#include "slipway/tensor/request_codec.hpp"
#include "support.hpp"

namespace {

using namespace slipway;
using fuzz::check;

constexpr DecodeLimits kLimits{.rows_max = 200, .bytes_max = 1 << 20};

Feature feature(std::string name, FeatureType type, std::string input, std::int64_t column) {
  Feature f;
  f.name = std::move(name);
  f.type = type;
  f.input = std::move(input);
  f.column = column;
  return f;
}

Schema people() {
  Schema s;
  s.kind = "classifier";
  s.features = {feature("age", FeatureType::number, "numbers", 0),
                feature("income", FeatureType::number, "numbers", 1),
                feature("member", FeatureType::boolean, "numbers", 2),
                feature("visits", FeatureType::integer, "counts", 0),
                feature("city", FeatureType::text, "texts", 0),
                feature("note", FeatureType::text, "texts", 1),
                feature("unused", FeatureType::text, "", 0)};
  s.features[0].nullable = s.features[4].nullable = s.features[4].closed = true;
  s.features[4].categories = {"Oslo", "Bergen", "Troms\xc3\xb8"};
  s.inputs = {Port{"numbers", DType::float64, {-1, 3}}, Port{"counts", DType::int64, {-1, 1}}, Port{"texts", DType::string, {-1, 2}}};
  s.outputs = {Port{"label", DType::int64, {-1}}};
  s.batched = true;
  return s;
}

Schema numbers(DType dtype) {
  Schema s;
  s.kind = "regressor";
  for (int i = 0; i < 3; ++i) s.features.push_back(feature("x" + std::to_string(i), FeatureType::number, "X", i));
  s.inputs = {Port{"X", dtype, {-1, 3}}};
  s.outputs = {Port{"y", DType::float64, {-1}}};
  s.batched = true;
  return s;
}

Schema tensors(std::vector<Port> inputs, bool batched) {
  Schema s;
  s.kind = "graph";
  s.inputs = std::move(inputs);
  s.outputs = {Port{"y", DType::float32, {-1, 2}}};
  s.batched = batched;
  return s;
}

const std::vector<RequestCodec>& known_codecs() {
  static const std::vector<RequestCodec> codecs = [] {
    std::vector<RequestCodec> out;
    out.emplace_back(people());
    out.emplace_back(numbers(DType::float64));
    out.emplace_back(numbers(DType::float32));
    out.emplace_back(numbers(DType::uint8));
    out.emplace_back(tensors({{"a", DType::float32, {-1, 2, 3}}, {"b", DType::int64, {-1}}}, true));
    out.emplace_back(tensors({{"image", DType::uint8, {1, -1, -1}}}, false));
    out.emplace_back(tensors({{"t", DType::string, {-1, -1}}, {"f", DType::boolean, {}, true}}, true));
    out.emplace_back(tensors({{"h", DType::float16, {-1, 2}}, {"g", DType::bfloat16, {-1, 0}}, {"u", DType::uint64, {-1}}}, true));
    return out;
  }();
  return codecs;
}

std::optional<RequestCodec> codec_of(std::string_view line) {
  if (!line.starts_with('{')) {
    const auto& known = known_codecs();
    return known[(line.empty() ? 0 : static_cast<unsigned char>(line[0])) % known.size()];
  }
  const auto json = json::parse(line);
  if (!json.ok()) return std::nullopt;
  auto schema = Schema::from_json(*json);
  if (!schema.ok()) return std::nullopt;
  const auto again = Schema::from_json(schema->to_json());  // what is read can be written and is the same
  check(again.ok() && again->to_json().dump() == schema->to_json().dump());
  return RequestCodec(std::move(*schema));
}

void check_fits(const Tensor& tensor, const Port& port) {
  check(tensor.dtype() == port.dtype);
  const auto count = element_count(tensor.shape());
  check(count && *count == tensor.count());
  if (port.dtype == DType::string) {
    check(tensor.strings().size() == *count);
  } else {
    check(tensor.bytes().size() == *count * dtype_size(port.dtype));
  }
  if (port.dtype == DType::boolean) {
    for (const std::byte b : tensor.bytes()) check(std::to_integer<int>(b) <= 1);
  }
  if (port.any_rank) return;
  check(tensor.shape().size() == port.shape.size());
  for (std::size_t d = 0; d < port.shape.size(); ++d) check(port.shape[d] < 0 || port.shape[d] == tensor.shape()[d]);
}

void check_decoded(const DecodedRequest& request, const Schema& schema) {
  check(request.inputs.size() == schema.inputs.size() && request.rows <= kLimits.rows_max);
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < request.inputs.size(); ++i) {
    const Tensor& tensor = request.inputs[i];
    check_fits(tensor, schema.inputs[i]);
    if (schema.batched) check(!tensor.shape().empty() && tensor.rows() == request.rows);
    bytes += tensor.bytes().size() + tensor.strings().size() * sizeof(std::string);
  }
  check(bytes <= kLimits.bytes_max);
}

void check_refusal(const Error& error) {
  check(error.code() == ErrorCode::invalid_json || error.code() == ErrorCode::bad_request || error.code() == ErrorCode::invalid_input ||
        error.code() == ErrorCode::too_large);
  check(error.detail().size() < 2000 && error.fields().size() <= 20);
  for (const FieldError& f : error.fields()) check(f.detail.size() < 4000);
}

// Any tensors can be answered: the inputs are given back as if they were outputs.
void check_answer(const DecodedRequest& request, const Schema& schema) {
  Schema mirror = schema;
  mirror.outputs = schema.inputs;
  std::string out;
  encode_response(out, mirror, request.inputs, request.rows, {.model_id = "m", .version = 1, .request_id = "r"});
  check(json::parse(out).ok());
}

// 'o': JSON alone; 'b': two bytes with the length of the JSON before it; 'r': the whole body is the one input.
Result<DecodedRequest> decode_oip(const RequestCodec& codec, std::uint8_t format, std::string_view body) {
  std::optional<std::size_t> json_bytes;
  if (format == 'b') {
    if (body.size() < 2) return Error(ErrorCode::bad_request, "short");
    json_bytes = static_cast<unsigned char>(body[0]) * 256U + static_cast<unsigned char>(body[1]);
    body.remove_prefix(2);
  }
  const SharedBytes kept{std::string(body)};
  auto request = format == 'r' ? oip::raw_request(kept, codec.schema(), kLimits) : oip::parse_request(kept, json_bytes, kLimits);
  if (!request.ok()) return request.error();
  for (const NamedTensor& t : request->inputs) {
    std::string raw;
    oip::append_raw(raw, t.tensor);
    const auto again = oip::tensor_from_raw(t.tensor.dtype(), t.tensor.shape(), SharedBytes(raw), {.rows_max = 200, .bytes_max = 4 << 20});
    check(again.ok());
  }
  return codec.decode_tensors(std::move(request->inputs), kLimits);
}

void check_oip_answer(const DecodedRequest& request, const Schema& schema) {
  Schema mirror = schema;
  mirror.outputs = schema.inputs;
  for (const bool binary : {false, true}) {
    oip::InferRequest wish;
    wish.binary_output = binary;
    const auto answer = oip::encode_answer(wish, mirror, request.inputs, "m", "1");
    check(answer.ok() && answer->json_bytes.has_value() == binary);
    check(json::parse(std::string_view(answer->body).substr(0, answer->json_bytes.value_or(answer->body.size()))).ok());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::uint8_t format = input.byte();
  const auto codec = codec_of(input.line());
  if (!codec) return 0;
  const std::string_view body = input.rest();
  const bool is_oip = format == 'o' || format == 'b' || format == 'r';
  const auto request = is_oip          ? decode_oip(*codec, format, body)
                       : format == 'c' ? codec->decode_csv(body, kLimits)
                       : format == 'n' ? codec->decode_npy(SharedBytes(std::string(body)), kLimits)
                                       : codec->decode_json(body, kLimits);
  if (!request.ok()) {
    check_refusal(request.error());
    return 0;
  }
  check_decoded(*request, codec->schema());
  check_answer(*request, codec->schema());
  if (is_oip) check_oip_answer(*request, codec->schema());
  return 0;
}
