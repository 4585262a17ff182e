#include "slipway/platform/rpc/tensors.hpp"

#include <inference.pb.h>

#include <limits>

#include "slipway/base/encoding.hpp"

namespace slipway::rpc {
namespace {

using Contents = pb::InferTensorContents;
using Parameters = google::protobuf::Map<std::string, pb::InferParameter>;

Error at(std::string pointer, std::string why) { return Error(ErrorCode::invalid_input, why).at(std::move(pointer), std::move(why)); }

// ---- the wire, before it is parsed

constexpr std::size_t kMessageBytes = 160;  // of a message, or a map's entry, and what points to it
constexpr std::size_t kTextBytes = 48;
constexpr std::size_t kVarintBytes = 8;

class Wire {
 public:
  explicit Wire(std::string_view bytes) : at_(bytes) {}

  bool next() {  // false: the end, or bytes that are no message (the parser will say so)
    std::uint64_t key = 0;
    if (at_.empty() || !varint(key)) return false;
    field_ = key >> 3;
    content_ = {};
    std::uint64_t length = 0;
    switch (key & 7) {
      case 0: return varint(length);
      case 1: return skip(8);
      case 2: return varint(length) && length <= at_.size() && (content_ = at_.substr(0, length), skip(length));
      case 5: return skip(4);
      default: return false;
    }
  }
  std::uint64_t field() const { return field_; }
  std::string_view content() const { return content_; }  // of a message, a text, bytes or a packed list

 private:
  bool varint(std::uint64_t& out) {
    for (unsigned shift = 0; shift < 64 && !at_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(at_.front());
      at_.remove_prefix(1);
      out |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return true;
    }
    return false;
  }
  bool skip(std::size_t n) {
    if (n > at_.size()) return false;
    at_.remove_prefix(n);
    return true;
  }
  std::string_view at_, content_;
  std::uint64_t field_ = 0;
};

std::size_t contents_bytes(std::string_view wire) {
  std::size_t bytes = kMessageBytes;
  for (Wire w(wire); w.next();) {
    if (w.field() == Contents::kBytesContentsFieldNumber)
      bytes += kTextBytes + w.content().size();
    else if (w.field() == Contents::kFp32ContentsFieldNumber || w.field() == Contents::kFp64ContentsFieldNumber)
      bytes += w.content().size() + kVarintBytes;
    else
      bytes += (w.content().size() + 1) * kVarintBytes;
  }
  return bytes;
}

std::size_t input_bytes(std::string_view wire) {
  using Input = pb::ModelInferRequest::InferInputTensor;
  std::size_t bytes = kMessageBytes;
  for (Wire w(wire); w.next();) {
    if (w.field() == Input::kContentsFieldNumber)
      bytes += contents_bytes(w.content());
    else if (w.field() == Input::kShapeFieldNumber)
      bytes += (w.content().size() + 1) * kVarintBytes;
    else
      bytes += kMessageBytes + w.content().size();
  }
  return bytes;
}

std::size_t output_bytes(std::string_view wire) {
  std::size_t bytes = kMessageBytes;
  for (Wire w(wire); w.next();) bytes += kMessageBytes + w.content().size();
  return bytes;
}

// ---- inputs

Status refuse_shared_memory(const Parameters& parameters, const std::string& pointer) {
  if (!parameters.contains("shared_memory_region")) return ok();
  return Error(ErrorCode::not_implemented, "shared memory isn't there: send the elements").at(pointer + "/parameters", "names a region");
}

Result<std::uint64_t> natural(const pb::InferParameter& parameter, std::string pointer) {
  using Choice = pb::InferParameter;
  if (parameter.parameter_choice_case() == Choice::kUint64Param) return parameter.uint64_param();
  if (parameter.parameter_choice_case() == Choice::kInt64Param && parameter.int64_param() >= 0)
    return static_cast<std::uint64_t>(parameter.int64_param());
  return at(std::move(pointer), "must be a whole number");
}

Status read_parameter(const Parameters& parameters, const char* name, const std::string& pointer, std::uint64_t& out) {
  const auto found = parameters.find(name);
  if (found != parameters.end()) out = TRY(natural(found->second, pointer + "/parameters/" + name));
  return ok();
}

Result<Shape> shape_of(const google::protobuf::RepeatedField<std::int64_t>& dims, const std::string& pointer) {
  Shape shape(dims.begin(), dims.end());
  bool possible = shape.size() <= kRankMax;
  for (const auto d : shape) possible = possible && d >= 0 && d <= (1LL << 40);
  if (!possible) return at(pointer + "/shape", "is not a possible shape");
  return shape;
}

std::size_t values_in(const Contents& c) {
  return static_cast<std::size_t>(c.bool_contents_size()) + static_cast<std::size_t>(c.int_contents_size()) +
         static_cast<std::size_t>(c.int64_contents_size()) + static_cast<std::size_t>(c.uint_contents_size()) +
         static_cast<std::size_t>(c.uint64_contents_size()) + static_cast<std::size_t>(c.fp32_contents_size()) +
         static_cast<std::size_t>(c.fp64_contents_size()) + static_cast<std::size_t>(c.bytes_contents_size());
}

template <class To, class From>
Status copy_values(Tensor& tensor, const google::protobuf::RepeatedField<From>& values, const std::string& pointer) {
  const auto into = tensor.as<To>();
  for (std::size_t i = 0; i < into.size(); ++i) {
    const From value = values[static_cast<int>(i)];
    if constexpr (sizeof(To) < sizeof(From)) {
      if (value < static_cast<From>(std::numeric_limits<To>::min()) || value > static_cast<From>(std::numeric_limits<To>::max()))
        return at(pointer + "/" + std::to_string(i), "is outside of its datatype");
    }
    into[i] = static_cast<To>(value);
  }
  return ok();
}

Result<Tensor> texts(Shape shape, google::protobuf::RepeatedPtrField<std::string>& values, const std::string& pointer) {
  std::vector<std::string> out;
  out.reserve(static_cast<std::size_t>(values.size()));
  for (std::string& value : values) {
    if (!is_valid_utf8(value)) return at(pointer + "/" + std::to_string(out.size()), "is not UTF-8");
    out.push_back(std::move(value));
  }
  return Tensor::of_strings(std::move(shape), std::move(out));
}

// The field that holds elements of a type, by contract; 0: there is none (16-bit floats).
std::size_t values_of(const Contents& c, DType dtype) {
  switch (dtype) {
    case DType::boolean: return static_cast<std::size_t>(c.bool_contents_size());
    case DType::int8:
    case DType::int16:
    case DType::int32: return static_cast<std::size_t>(c.int_contents_size());
    case DType::int64: return static_cast<std::size_t>(c.int64_contents_size());
    case DType::uint8:
    case DType::uint16:
    case DType::uint32: return static_cast<std::size_t>(c.uint_contents_size());
    case DType::uint64: return static_cast<std::size_t>(c.uint64_contents_size());
    case DType::float32: return static_cast<std::size_t>(c.fp32_contents_size());
    case DType::float64: return static_cast<std::size_t>(c.fp64_contents_size());
    case DType::string: return static_cast<std::size_t>(c.bytes_contents_size());
    default: return 0;
  }
}

Status copy_contents(Tensor& tensor, const Contents& c, const std::string& pointer) {
  switch (tensor.dtype()) {
    case DType::boolean: return copy_values<bool>(tensor, c.bool_contents(), pointer);
    case DType::int8: return copy_values<std::int8_t>(tensor, c.int_contents(), pointer);
    case DType::int16: return copy_values<std::int16_t>(tensor, c.int_contents(), pointer);
    case DType::int32: return copy_values<std::int32_t>(tensor, c.int_contents(), pointer);
    case DType::int64: return copy_values<std::int64_t>(tensor, c.int64_contents(), pointer);
    case DType::uint8: return copy_values<std::uint8_t>(tensor, c.uint_contents(), pointer);
    case DType::uint16: return copy_values<std::uint16_t>(tensor, c.uint_contents(), pointer);
    case DType::uint32: return copy_values<std::uint32_t>(tensor, c.uint_contents(), pointer);
    case DType::uint64: return copy_values<std::uint64_t>(tensor, c.uint64_contents(), pointer);
    case DType::float32: return copy_values<float>(tensor, c.fp32_contents(), pointer);
    case DType::float64: return copy_values<double>(tensor, c.fp64_contents(), pointer);
    default: return Error(ErrorCode::internal, "A tensor could not be read.").because("contents of a type that has none");
  }
}

Result<Tensor> tensor_of_contents(DType dtype, Shape shape, Contents& contents, const std::string& pointer) {
  if (dtype == DType::float16 || dtype == DType::bfloat16)
    return at(pointer + "/contents", "this datatype has no contents: send it as raw_input_contents");
  const std::size_t values = values_of(contents, dtype);
  if (values_in(contents) != values) return at(pointer + "/contents", "its values stand in the field of another datatype");
  if (element_count(shape) != values)
    return at(pointer + "/contents", "has " + std::to_string(values) + " values, its shape " + shape_text(shape) + " wants another number");
  if (dtype == DType::string) return texts(std::move(shape), *contents.mutable_bytes_contents(), pointer + "/contents");
  Tensor tensor(dtype, std::move(shape));
  TRY(copy_contents(tensor, contents, pointer + "/contents"));
  return tensor;
}

Result<NamedTensor> read_input(pb::ModelInferRequest& message, int i, const DecodeLimits& limits) {
  auto& input = *message.mutable_inputs(i);
  const std::string pointer = "#/inputs/" + std::to_string(i);
  if (input.name().empty()) return at(pointer + "/name", "an input must have a name");
  TRY(refuse_shared_memory(input.parameters(), pointer));
  const auto dtype = dtype_from_name(input.datatype());
  if (!dtype || dtype_oip_name(*dtype) != input.datatype())
    return at(pointer + "/datatype", "the datatype \"" + excerpt(input.datatype(), 40) + "\" is not known");
  Shape shape = TRY(shape_of(input.shape(), pointer));
  if (message.raw_input_contents_size() == 0)
    return NamedTensor{input.name(), TRY(tensor_of_contents(*dtype, std::move(shape), *input.mutable_contents(), pointer))};
  if (values_in(input.contents()) > 0) return at(pointer + "/contents", "stands beside raw_input_contents: one or the other for all inputs");
  auto tensor = oip::tensor_from_raw(*dtype, std::move(shape), message.raw_input_contents(i), limits);
  if (!tensor) return std::move(tensor).error().at(pointer, "its bytes don't fit its shape and datatype");
  message.mutable_raw_input_contents(i)->clear();
  return NamedTensor{input.name(), *std::move(tensor)};
}

std::size_t bytes_of(const Tensor& tensor) {
  std::size_t bytes = tensor.bytes().size() + tensor.strings().size() * sizeof(std::string);
  for (const std::string& text : tensor.strings()) bytes += text.size();
  return bytes;
}

// ---- outputs

template <class Field, class T>
void add_all(Field* field, std::span<const T> values) {
  field->Reserve(static_cast<int>(values.size()));
  for (const T v : values) field->Add(v);
}

void write_contents(Contents& c, const Tensor& tensor) {
  switch (tensor.dtype()) {
    case DType::boolean: return add_all(c.mutable_bool_contents(), tensor.as<bool>());
    case DType::int8: return add_all(c.mutable_int_contents(), tensor.as<std::int8_t>());
    case DType::int16: return add_all(c.mutable_int_contents(), tensor.as<std::int16_t>());
    case DType::int32: return add_all(c.mutable_int_contents(), tensor.as<std::int32_t>());
    case DType::int64: return add_all(c.mutable_int64_contents(), tensor.as<std::int64_t>());
    case DType::uint8: return add_all(c.mutable_uint_contents(), tensor.as<std::uint8_t>());
    case DType::uint16: return add_all(c.mutable_uint_contents(), tensor.as<std::uint16_t>());
    case DType::uint32: return add_all(c.mutable_uint_contents(), tensor.as<std::uint32_t>());
    case DType::uint64: return add_all(c.mutable_uint64_contents(), tensor.as<std::uint64_t>());
    case DType::float32: return add_all(c.mutable_fp32_contents(), tensor.as<float>());
    case DType::float64: return add_all(c.mutable_fp64_contents(), tensor.as<double>());
    case DType::string:
      for (const std::string& text : tensor.strings()) c.add_bytes_contents(text == kMissingText ? std::string() : text);
      return;
    default: return;
  }
}

void write_output(pb::ModelInferResponse& message, std::string_view name, const Tensor& tensor, bool raw) {
  auto& output = *message.add_outputs();
  output.set_name(std::string(name));
  output.set_datatype(std::string(dtype_oip_name(tensor.dtype())));
  output.mutable_shape()->Assign(tensor.shape().begin(), tensor.shape().end());
  if (raw)
    oip::append_raw(*message.add_raw_output_contents(), tensor);
  else
    write_contents(*output.mutable_contents(), tensor);
}

}  // namespace

Status check_wire_size(std::string_view wire, std::size_t bytes_max) {
  using Request = pb::ModelInferRequest;
  std::size_t bytes = 0;
  for (Wire w(wire); w.next();) {
    if (w.field() == Request::kInputsFieldNumber)
      bytes += input_bytes(w.content());
    else if (w.field() == Request::kOutputsFieldNumber)
      bytes += output_bytes(w.content());
    else if (w.field() == Request::kRawInputContentsFieldNumber)
      bytes += kTextBytes + w.content().size();
    else
      bytes += kMessageBytes + w.content().size();
  }
  if (bytes <= bytes_max) return ok();
  return Error(ErrorCode::too_large, "the request needs more memory than " + std::to_string(bytes_max) + " bytes");
}

Result<InferWish> read_request(pb::ModelInferRequest& message, const DecodeLimits& limits) {
  InferWish wish;
  wish.raw = message.raw_input_contents_size() > 0;
  wish.request.id = message.id();
  TRY(read_parameter(message.parameters(), "priority", "#", wish.request.priority));
  TRY(read_parameter(message.parameters(), "timeout", "#", wish.request.timeout_us));
  if (message.inputs_size() == 0) return at("#/inputs", "there are no inputs");
  if (wish.raw && message.raw_input_contents_size() != message.inputs_size())
    return at("#/raw_input_contents",
              "has " + std::to_string(message.raw_input_contents_size()) + " entries for " + std::to_string(message.inputs_size()) + " inputs");
  std::size_t bytes = 0;
  for (int i = 0; i < message.inputs_size(); ++i) {
    wish.request.inputs.push_back(TRY(read_input(message, i, limits)));
    bytes += bytes_of(wish.request.inputs.back().tensor);
    if (bytes > limits.bytes_max) return Error(ErrorCode::too_large, "the inputs hold more than " + std::to_string(limits.bytes_max) + " bytes");
  }
  for (int i = 0; i < message.outputs_size(); ++i) {
    const std::string pointer = "#/outputs/" + std::to_string(i);
    oip::WantedOutput wanted;
    wanted.name = message.outputs(i).name();
    if (wanted.name.empty()) return at(pointer + "/name", "an output must have a name");
    TRY(refuse_shared_memory(message.outputs(i).parameters(), pointer));
    TRY(read_parameter(message.outputs(i).parameters(), "classification", pointer, wanted.classification));
    wish.request.outputs.push_back(std::move(wanted));
  }
  return wish;
}

bool writes_raw(const InferWish& wish, std::span<const Tensor> outputs) {
  return wish.raw ||
         std::any_of(outputs.begin(), outputs.end(), [](const Tensor& t) { return t.dtype() == DType::float16 || t.dtype() == DType::bfloat16; });
}

Status write_answer(pb::ModelInferResponse& message, const InferWish& wish, const Schema& schema, std::span<const Tensor> outputs) {
  std::vector<oip::WantedOutput> wanted = wish.request.outputs;
  if (wanted.empty()) {
    for (const Port& port : schema.outputs) wanted.push_back({port.name, std::nullopt, 0});
  }
  const bool raw = writes_raw(wish, outputs);
  message.set_id(wish.request.id);
  for (const oip::WantedOutput& output : wanted) {
    const Tensor& whole = outputs[TRY(oip::output_index(schema, output.name))];
    if (output.classification > 0)
      write_output(message, output.name, TRY(oip::classify(whole, schema, output.classification)), raw);
    else
      write_output(message, output.name, whole, raw);
  }
  return ok();
}

}  // namespace slipway::rpc
