#include "slipway/tensor/oip_codec.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "slipway/base/encoding.hpp"
#include "slipway/tensor/codec_plan.hpp"

namespace slipway::oip {
namespace {

using Kind = JsonScanner::Kind;
constexpr std::size_t kInputsMax = 10'000;
constexpr std::size_t kNestingMax = 100;

Error at_input(std::string pointer, std::string why) { return Error(ErrorCode::invalid_input, why).at(std::move(pointer), why); }

struct InputText {  // one input as it stands in the JSON, before its data is read
  std::string name;
  DType dtype = DType::undefined;
  std::optional<Shape> shape;
  std::optional<std::size_t> binary_bytes;
  const char* data = nullptr;
};

class Parser {
 public:
  Parser(std::string_view json, SharedBytes raw, const DecodeLimits& limits) : limits_(limits), raw_(std::move(raw)), scanner_(json, scratch_) {}

  Result<InferRequest> run() {
    if (!document() && !problem_ && scanner_.ok()) problem_ = Error(ErrorCode::bad_request, "the request is not an inference request");
    if (!problem_ && scanner_.ok()) scanner_.at_end();
    if (!scanner_.ok()) return Error(ErrorCode::invalid_json, "the body is not valid JSON: " + scanner_.error());
    if (problem_) return *std::move(problem_);
    if (out_.inputs.empty()) return at_input("#/inputs", "there are no inputs");
    if (!raw_.empty())
      return Error(ErrorCode::bad_request, std::to_string(raw_.size()) + " bytes follow the JSON that no input's binary_data_size accounts for");
    return std::move(out_);
  }

 private:
  bool fail(Error e) {
    if (!problem_) problem_ = std::move(e);
    return false;
  }
  bool bad(std::string pointer, std::string why) { return fail(at_input(std::move(pointer), std::move(why))); }

  bool document() {
    if (scanner_.peek() != Kind::object) return bad("#", "the body must be an object with \"inputs\"");
    if (!scanner_.open('{')) return false;
    bool first = true;
    std::string_view key;
    while (scanner_.element(first, '}')) {
      if (!scanner_.key(key)) return false;
      bool good = true;
      if (key == "id")
        good = text("#/id", out_.id);
      else if (key == "parameters")
        good = request_parameters();
      else if (key == "inputs")
        good = array("#/inputs", [this](std::size_t i) { return input(i); });
      else if (key == "outputs")
        good = array("#/outputs", [this](std::size_t i) { return output(i); });
      else
        good = scanner_.skip();
      if (!good) return false;
    }
    return scanner_.ok();
  }

  template <class F>
  bool array(const std::string& pointer, F each) {
    if (scanner_.peek() != Kind::array) return scanner_.ok() && bad(pointer, "must be an array");
    if (!scanner_.open('[')) return false;
    bool first = true;
    for (std::size_t i = 0; scanner_.element(first, ']'); ++i) {
      if (i == kInputsMax) return bad(pointer, "has too many entries");
      if (!each(i)) return false;
    }
    return scanner_.ok();
  }

  template <class F>
  bool object(const std::string& pointer, F each) {  // each(key): reads the value
    if (scanner_.peek() == Kind::null) return scanner_.word(Kind::null);
    if (scanner_.peek() != Kind::object) return scanner_.ok() && bad(pointer, "must be an object");
    if (!scanner_.open('{')) return false;
    bool first = true;
    std::string_view key;
    while (scanner_.element(first, '}')) {
      if (!scanner_.key(key) || !each(key)) return false;
    }
    return scanner_.ok();
  }

  bool text(const std::string& pointer, std::string& out) {
    if (scanner_.peek() != Kind::text) return scanner_.ok() && bad(pointer, "must be a text");
    std::string_view value;
    if (!scanner_.text(value)) return false;
    out.assign(value);
    return true;
  }

  bool natural(const std::string& pointer, std::uint64_t& out) {
    JsonScanner::Number n;
    if (scanner_.peek() != Kind::number || !scanner_.number(n) || !n.is_natural) return scanner_.ok() && bad(pointer, "must be a whole number");
    out = n.natural;
    return true;
  }

  bool flag(const std::string& pointer, bool& out) {
    if (scanner_.peek() != Kind::boolean) return scanner_.ok() && bad(pointer, "must be true or false");
    return scanner_.boolean(out);
  }

  bool request_parameters() {
    const std::string at = "#/parameters/";
    return object("#/parameters", [&](std::string_view key) {
      if (key == "binary_data_output") return flag(at + "binary_data_output", out_.binary_output);
      if (key == "priority") return natural(at + "priority", out_.priority);
      if (key == "timeout") return natural(at + "timeout", out_.timeout_us);
      return scanner_.skip();
    });
  }

  bool output(std::size_t i) {
    const std::string at = "#/outputs/" + std::to_string(i);
    WantedOutput wanted;
    const bool good = object(at, [&](std::string_view key) {
      if (key == "name") return text(at + "/name", wanted.name);
      if (key != "parameters") return scanner_.skip();
      return object(at + "/parameters", [&](std::string_view parameter) {
        bool binary = false;
        if (parameter == "classification") return natural(at + "/parameters/classification", wanted.classification);
        if (parameter != "binary_data") return scanner_.skip();
        if (!flag(at + "/parameters/binary_data", binary)) return false;
        wanted.binary = binary;
        return true;
      });
    });
    if (!good) return false;
    if (wanted.name.empty()) return bad(at + "/name", "an output must have a name");
    out_.outputs.push_back(std::move(wanted));
    return true;
  }

  bool shape(const std::string& at, std::optional<Shape>& out) {
    Shape dims;
    const bool good = array(at, [&](std::size_t) {
      std::uint64_t d = 0;
      if (!natural(at, d)) return false;
      if (dims.size() == kRankMax || d > (1ULL << 40)) return bad(at, "is not a possible shape");
      dims.push_back(static_cast<std::int64_t>(d));
      return true;
    });
    if (good) out = std::move(dims);
    return good;
  }

  bool input(std::size_t i) {
    const std::string at = "#/inputs/" + std::to_string(i);
    InputText in;
    std::string datatype;
    const bool good = object(at, [&](std::string_view key) {
      if (key == "name") return text(at + "/name", in.name);
      if (key == "datatype") return text(at + "/datatype", datatype);
      if (key == "shape") return shape(at + "/shape", in.shape);
      if (key == "parameters") {
        return object(at + "/parameters", [&](std::string_view parameter) {
          if (parameter != "binary_data_size") return scanner_.skip();
          std::uint64_t bytes = 0;
          if (!natural(at + "/parameters/binary_data_size", bytes)) return false;
          in.binary_bytes = bytes;
          return true;
        });
      }
      if (key == "data") {
        scanner_.peek();  // past the white space
        in.data = scanner_.position();
      }
      return scanner_.skip();
    });
    if (!good) return false;
    if (in.name.empty()) return bad(at + "/name", "an input must have a name");
    const auto dtype = dtype_from_name(datatype);
    if (!dtype || dtype_oip_name(*dtype) != datatype) return bad(at + "/datatype", "the datatype " + quoted_excerpt(datatype) + " is not known");
    in.dtype = *dtype;
    if (!in.shape) return bad(at + "/shape", "an input must have a shape");
    return in.binary_bytes ? binary(at, in) : listed(at, in);
  }

  static std::string quoted_excerpt(std::string_view s) { return "\"" + excerpt(s, 40) + "\""; }

  bool binary(const std::string& at, InputText& in) {
    if (in.data != nullptr) return bad(at + "/data", "an input has data or a binary_data_size, not both");
    if (*in.binary_bytes > raw_.size())
      return bad(at + "/parameters/binary_data_size",
                 "says " + std::to_string(*in.binary_bytes) + " bytes, " + std::to_string(raw_.size()) + " are left behind the JSON");
    auto tensor = tensor_from_raw(in.dtype, *std::move(in.shape), raw_.part(0, *in.binary_bytes), limits_);
    if (!tensor) return fail(std::move(tensor).error().at(at, "its bytes don't fit its shape and datatype"));
    raw_ = raw_.part(*in.binary_bytes);
    out_.inputs.push_back({std::move(in.name), std::move(tensor).value()});
    return true;
  }

  bool listed(const std::string& at, InputText& in) {
    if (in.data == nullptr) return bad(at + "/data", "an input must have data");
    const auto count = element_count(*in.shape);
    const std::size_t size = in.dtype == DType::string ? sizeof(std::string) : dtype_size(in.dtype);
    const auto bytes = count ? checked_mul(*count, size) : std::nullopt;
    if (!bytes || bytes_ + *bytes > limits_.bytes_max) return fail(too_large(limits_));
    // Not more than the text can hold: an element takes two characters at least.
    if (*count > static_cast<std::size_t>(scanner_.position() - in.data)) return bad(at + "/data", "doesn't fill its shape " + shape_text(*in.shape));
    bytes_ += *bytes;
    Tensor tensor(in.dtype, *in.shape);
    const char* const back = scanner_.position();
    scanner_.go_to(in.data);
    std::size_t next = 0;
    if (!elements(at + "/data", tensor, next, 0)) return false;
    if (next != *count)
      return bad(at + "/data", "has " + std::to_string(next) + " values, its shape " + shape_text(*in.shape) + " wants " + std::to_string(*count));
    scanner_.go_to(back);
    out_.inputs.push_back({std::move(in.name), std::move(tensor)});
    return true;
  }

  // Nested or flat: row-major either way.
  bool elements(const std::string& at, Tensor& tensor, std::size_t& next, std::size_t depth) {
    if (scanner_.peek() != Kind::array) return scanner_.ok() && (depth > 0 ? element(at, tensor, next) : bad(at, "must be an array"));
    if (depth == kNestingMax) return bad(at, "is nested too deeply");
    if (!scanner_.open('[')) return false;
    bool first = true;
    while (scanner_.element(first, ']')) {
      if (!elements(at, tensor, next, depth + 1)) return false;
    }
    return scanner_.ok();
  }

  bool element(const std::string& at, Tensor& tensor, std::size_t& next) {
    if (next == tensor.count()) return bad(at, "has more values than its shape " + shape_text(tensor.shape()) + " holds");
    const std::size_t i = next++;
    const auto wrong = [&](std::string_view wanted) { return bad(at + "/" + std::to_string(i), "must be " + std::string(wanted)); };
    const Kind kind = scanner_.peek();
    if (tensor.dtype() == DType::string) {
      std::string_view value;
      if (kind == Kind::null) {
        tensor.strings()[i] = kMissingText;
        return scanner_.word(kind);
      }
      if (kind != Kind::text) return scanner_.ok() && wrong("a text");
      if (!scanner_.text(value)) return false;
      bytes_ += value.size();
      if (bytes_ > limits_.bytes_max) return fail(too_large(limits_));
      tensor.strings()[i].assign(value);
      return true;
    }
    std::byte* const into = tensor.bytes().data() + i * dtype_size(tensor.dtype());
    if (kind == Kind::boolean) {
      bool value = false;
      if (!scanner_.boolean(value)) return false;
      JsonScanner::Number n;
      n.real = value ? 1 : 0;
      n.is_whole = n.is_natural = true;
      n.whole = n.natural = value ? 1 : 0;
      const char* const wanted = store_number(tensor.dtype(), n, into);
      return wanted == nullptr || wrong(wanted);
    }
    if (kind == Kind::number) {
      JsonScanner::Number n;
      if (!scanner_.number(n)) return false;
      const char* const wanted = store_number(tensor.dtype(), n, into);
      return wanted == nullptr || wrong(wanted);
    }
    const bool special = kind == Kind::null || kind == Kind::nan || kind == Kind::plus_infinity || kind == Kind::minus_infinity;
    if (!special || !is_floating(tensor.dtype())) return scanner_.ok() && wrong(is_floating(tensor.dtype()) ? "a number" : "a whole number");
    if (!scanner_.word(kind)) return false;
    if (kind == Kind::null || kind == Kind::nan) {
      store_missing(tensor.dtype(), into);
    } else {
      constexpr double kInfinity = std::numeric_limits<double>::infinity();
      store_real(tensor.dtype(), kind == Kind::plus_infinity ? kInfinity : -kInfinity, into);
    }
    return true;
  }

  const DecodeLimits& limits_;
  SharedBytes raw_;  // what no input has taken yet
  std::string scratch_;
  JsonScanner scanner_;
  InferRequest out_;
  std::optional<Error> problem_;
  std::size_t bytes_ = 0;  // of the tensors so far
};

Result<Tensor> texts_from_raw(Shape shape, std::size_t count, std::string_view bytes, const DecodeLimits& limits) {
  if (count > bytes.size() / 4) return Error(ErrorCode::invalid_input, "the texts don't fill their shape");
  const auto held = checked_mul(count, sizeof(std::string));
  if (!held || *held + bytes.size() > limits.bytes_max) return too_large(limits);
  std::vector<std::string> values;
  values.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    std::uint32_t length = 0;
    if (bytes.size() < sizeof length) return Error(ErrorCode::invalid_input, "the texts don't fill their shape");
    std::memcpy(&length, bytes.data(), sizeof length);
    bytes.remove_prefix(sizeof length);
    if (length > bytes.size()) return Error(ErrorCode::invalid_input, "a text is longer than what is left of the bytes");
    values.emplace_back(bytes.substr(0, length));
    if (!is_valid_utf8(values.back())) return Error(ErrorCode::invalid_input, "a text is not UTF-8");
    bytes.remove_prefix(length);
  }
  if (!bytes.empty()) return Error(ErrorCode::invalid_input, "there are more bytes than texts");
  return Tensor::of_strings(std::move(shape), std::move(values));
}

void append_text_member(std::string& out, std::string_view key, std::string_view value) {
  out += '"';
  out += key;
  out += "\":";
  json::append_quoted(out, value);
}

std::size_t raw_bytes(const Tensor& tensor) {
  std::size_t bytes = tensor.bytes().size() + tensor.strings().size() * sizeof(std::uint32_t);
  for (const std::string& s : tensor.strings()) bytes += s == kMissingText ? 0 : s.size();
  return bytes;
}

// binary: its elements are left to be appended behind the JSON.
void append_output(std::string& json, const WantedOutput& wanted, bool binary, const Tensor& tensor) {
  json += '{';
  append_text_member(json, "name", wanted.name);
  json += ",\"datatype\":\"";
  json += dtype_oip_name(tensor.dtype());
  json += "\",\"shape\":[";
  for (std::size_t d = 0; d < tensor.shape().size(); ++d) json += (d > 0 ? "," : "") + std::to_string(tensor.shape()[d]);
  json += ']';
  if (binary) {
    json += ",\"parameters\":{\"binary_data_size\":" + std::to_string(raw_bytes(tensor)) + "}}";
    return;
  }
  json += ",\"data\":[";
  for (std::size_t i = 0; i < tensor.count(); ++i) {
    if (i > 0) json += ',';
    append_element(json, tensor, i);
  }
  json += "]}";
}

}  // namespace

Result<Tensor> tensor_from_raw(DType dtype, Shape shape, const SharedBytes& bytes, const DecodeLimits& limits) {
  const auto count = element_count(shape);
  if (!count || shape.size() > kRankMax) return Error(ErrorCode::invalid_input, "the shape is not possible");
  if (dtype == DType::string) return texts_from_raw(std::move(shape), *count, bytes, limits);
  const auto wanted = checked_mul(*count, dtype_size(dtype));
  if (!wanted || *wanted != bytes.size())
    return Error(ErrorCode::invalid_input, "the shape " + shape_text(shape) + " of " + std::string(dtype_oip_name(dtype)) + " doesn't fit " +
                                               std::to_string(bytes.size()) + " bytes of data");
  if (bytes.size() > limits.bytes_max) return too_large(limits);
  Tensor out = Tensor::share(dtype, std::move(shape), bytes);
  if (dtype == DType::boolean) {
    for (std::byte& b : out.bytes()) b = b == std::byte{0} ? std::byte{0} : std::byte{1};
  }
  return out;
}

void append_raw(std::string& out, const Tensor& tensor) {
  if (tensor.dtype() != DType::string) {
    out.append(reinterpret_cast<const char*>(tensor.bytes().data()), tensor.bytes().size());
    return;
  }
  for (const std::string& s : tensor.strings()) {
    const std::string_view text = s == kMissingText ? std::string_view() : std::string_view(s);
    const auto length = static_cast<std::uint32_t>(text.size());
    out.append(reinterpret_cast<const char*>(&length), sizeof length);
    out += text;
  }
}

Result<InferRequest> parse_request(const SharedBytes& body, std::optional<std::size_t> json_bytes, const DecodeLimits& limits) {
  if (json_bytes && *json_bytes > body.size())
    return Error(ErrorCode::bad_request, "Inference-Header-Content-Length is larger than the body")
        .at("Inference-Header-Content-Length", "is too large");
  const std::size_t length = json_bytes.value_or(body.size());
  return Parser(body.text().substr(0, length), body.part(length), limits).run();
}

Result<InferRequest> raw_request(const SharedBytes& body, const Schema& schema, const DecodeLimits& limits) {
  if (schema.inputs.size() != 1)
    return Error(ErrorCode::bad_request, "a raw body is for models with one input; this one has " + std::to_string(schema.inputs.size()));
  const Port& port = schema.inputs[0];
  Shape shape = port.shape;
  if (schema.batched && !shape.empty()) shape[0] = 1;
  std::size_t known = 1, free = 0;
  for (const auto d : shape) {
    free += d < 0 ? 1 : 0;
    if (d > 0) known *= static_cast<std::size_t>(d);
  }
  if (free > 1 || port.any_rank) return Error(ErrorCode::bad_request, "a raw body is for models with at most one free dimension");
  InferRequest out;
  out.binary_output = true;
  if (port.dtype == DType::string) {
    if (known != 1) return Error(ErrorCode::bad_request, "a raw text is for models that take one");
    for (auto& d : shape) d = 1;
    out.inputs.push_back({port.name, Tensor::of_strings(std::move(shape), {std::string(body.text())})});
    return out;
  }
  const std::size_t element = dtype_size(port.dtype);
  for (auto& d : shape) {
    if (d < 0) d = static_cast<std::int64_t>(body.size() / (known * element));
  }
  out.inputs.push_back({port.name, TRY(tensor_from_raw(port.dtype, std::move(shape), body, limits))});
  return out;
}

Result<std::size_t> output_index(const Schema& schema, std::string_view name) {
  for (std::size_t i = 0; i < schema.outputs.size(); ++i) {
    if (schema.outputs[i].name == name) return i;
  }
  return at_input("#/outputs", "the model has no output \"" + excerpt(name, 60) + "\"");
}

Result<Tensor> classify(const Tensor& output, const Schema& schema, std::uint64_t k) {
  if (output.dtype() == DType::string || output.shape().empty())
    return Error(ErrorCode::invalid_input, "this output has no values to take the highest of");
  const std::size_t rows = schema.batched ? output.rows() : 1;
  const std::size_t width = rows == 0 ? 0 : output.count() / rows;
  const std::size_t most = std::min<std::size_t>(k, width);
  std::vector<std::string> texts;
  std::vector<std::size_t> order(width);
  for (std::size_t row = 0; row < rows; ++row) {
    std::iota(order.begin(), order.end(), std::size_t{0});
    const auto value = [&](std::size_t i) { return output.as_double(row * width + i); };
    std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(most), order.end(),
                      [&](std::size_t a, std::size_t b) { return value(a) != value(b) ? value(a) > value(b) : a < b; });
    for (std::size_t i = 0; i < most; ++i) {
      std::string text;
      append_element(text, output, row * width + order[i]);
      text += ":" + std::to_string(order[i]);
      if (schema.classes.size() == width) {
        const json::Value& label = schema.classes[order[i]];
        text += ":" + (label.is_string() ? label.as_string() : label.dump());
      }
      texts.push_back(std::move(text));
    }
  }
  Shape shape{static_cast<std::int64_t>(most)};
  if (schema.batched) shape.insert(shape.begin(), static_cast<std::int64_t>(rows));
  return Tensor::of_strings(std::move(shape), std::move(texts));
}

Result<InferAnswer> encode_answer(const InferRequest& request, const Schema& schema, std::span<const Tensor> outputs, std::string_view model,
                                  std::string_view version) {
  std::vector<WantedOutput> wanted = request.outputs;
  if (wanted.empty()) {
    for (const Port& port : schema.outputs) wanted.push_back({port.name, std::nullopt, 0});
  }
  InferAnswer answer;
  std::vector<Tensor> made;  // classifications
  made.reserve(wanted.size());
  std::vector<const Tensor*> raw;  // stand behind the JSON
  std::size_t bytes = 0;
  std::string& json = answer.body;
  json += '{';
  append_text_member(json, "model_name", model);
  json += ',';
  append_text_member(json, "model_version", version);
  if (!request.id.empty()) {
    json += ',';
    append_text_member(json, "id", request.id);
  }
  json += ",\"outputs\":[";
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const Tensor* tensor = &outputs[TRY(output_index(schema, wanted[i].name))];
    if (wanted[i].classification > 0) tensor = &made.emplace_back(TRY(classify(*tensor, schema, wanted[i].classification)));
    const bool binary = wanted[i].binary.value_or(request.binary_output);
    if (i > 0) json += ',';
    append_output(json, wanted[i], binary, *tensor);
    if (!binary) continue;
    raw.push_back(tensor);
    bytes += raw_bytes(*tensor);
  }
  json += "]}";
  if (raw.empty()) return answer;
  answer.json_bytes = json.size();
  json.reserve(json.size() + bytes);
  for (const Tensor* tensor : raw) append_raw(json, *tensor);
  return answer;
}

}  // namespace slipway::oip
