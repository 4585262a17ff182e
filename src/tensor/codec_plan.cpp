#include "slipway/tensor/codec_plan.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "slipway/base/encoding.hpp"

namespace slipway {
namespace {

std::uint64_t next_id() {
  static std::atomic<std::uint64_t> count{0};
  return ++count;
}

bool needs_no_escape(std::string_view name) {
  return std::none_of(name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\'; }) &&
         is_valid_utf8(name);
}

template <class T>
void put(std::byte* at, T value) {
  std::memcpy(at, &value, sizeof value);
}

// The range of each integer type, as doubles and as what a parsed whole number is compared with.
template <class T>
const char* store_whole(const JsonScanner::Number& n, std::byte* at) {
  if constexpr (std::is_same_v<T, std::uint64_t>) {
    if (n.is_natural) return put(at, n.natural), nullptr;
  }
  if (n.is_whole) {
    if constexpr (std::is_same_v<T, std::int64_t>) {
      return put(at, n.whole), nullptr;
    } else {
      if (n.whole < 0 && std::is_unsigned_v<T>) return "a whole number that is not negative";
      if (n.whole < static_cast<std::int64_t>(std::numeric_limits<T>::min()) ||
          (n.whole > 0 && static_cast<std::uint64_t>(n.whole) > static_cast<std::uint64_t>(std::numeric_limits<T>::max()))) {
        return "a whole number within the range of its type";
      }
      return put(at, static_cast<T>(n.whole)), nullptr;
    }
  }
  // 3.0 and 1e3 are whole numbers too, as far as a double is exact.
  constexpr double kExact = 9007199254740992.0;
  if (n.too_large || std::abs(n.real) > kExact)
    return n.real == std::floor(n.real) ? "a whole number within the range of its type" : "a whole number";
  if (n.real != std::floor(n.real)) return "a whole number";
  JsonScanner::Number whole;
  whole.is_whole = true;
  whole.whole = static_cast<std::int64_t>(n.real);
  return store_whole<T>(whole, at);
}

std::string quoted(std::string_view text) { return "\"" + excerpt(text) + "\""; }

std::string number_text(double v) {
  std::string out;
  json::append_double(out, v);
  if (out.ends_with(".0")) out.resize(out.size() - 2);
  return out;
}

std::string category_text(const json::Value& v) {
  return v.is_string() ? quoted(v.as_string()) : v.is_number() ? number_text(v.as_double()) : v.dump();
}

std::string unknown_category(const Feature& f, const std::string& got, std::string_view text) {
  std::string message = f.name + " is " + got + ", which the model doesn't know";
  if (!text.empty()) {
    std::vector<std::string> known;
    for (const json::Value& v : f.categories) {
      if (v.is_string() && known.size() < 1000) known.push_back(v.as_string());
    }
    if (const auto near = nearest(text, known)) return message + ": did you mean " + quoted(*near) + "?";
  }
  message += "; it knows ";
  constexpr std::size_t kShown = 8;
  for (std::size_t i = 0; i < std::min(kShown, f.categories.size()); ++i) message += (i > 0 ? ", " : "") + category_text(f.categories[i]);
  if (f.categories.size() > kShown) message += " and " + std::to_string(f.categories.size() - kShown) + " more";
  return message;
}

std::string check_known(const CodecPlan& plan, std::uint32_t feature, double value) {
  const CellPlan& cell = plan.cells[feature];
  if (!cell.closed || cell.numbers.contains(value)) return {};
  return unknown_category(plan.schema.features[feature], number_text(value), {});
}

std::string wants(const CodecPlan& plan, std::uint32_t feature) {
  switch (plan.cells[feature].type) {
    case FeatureType::text: return "a text";
    case FeatureType::document: return "a JSON value";
    case FeatureType::boolean: return "true or false";
    case FeatureType::integer:
    case FeatureType::number: break;
  }
  return is_floating(plan.cells[feature].dtype) ? "a number" : "a whole number";
}

}  // namespace

CodecPlan::CodecPlan(Schema s) : schema(std::move(s)), id(next_id()) {
  ports.resize(schema.inputs.size());
  for (std::uint32_t i = 0; i < ports.size(); ++i) {
    const Port& port = schema.inputs[i];
    inputs_by_name.emplace(port.name, i);
    ports[i].element_size = dtype_size(port.dtype);
    if (tabular() && port.shape.size() == 2 && port.shape[1] >= 0) ports[i].width = static_cast<std::size_t>(port.shape[1]);
    if (tabular()) ports[i].features.resize(ports[i].width);
  }
  cells.resize(schema.features.size());
  for (std::uint32_t i = 0; i < cells.size(); ++i) {
    const Feature& f = schema.features[i];
    CellPlan& cell = cells[i];
    features_by_name.emplace(f.name, i);
    if (f.input.empty()) {
      cell.ignored = cell.nullable = true;
      cell.dtype = DType::undefined;
      cell.type = FeatureType::text;
      cell.plain_name = needs_no_escape(f.name);
      continue;
    }
    cell.port = input(f.input).value_or(0);
    cell.column = static_cast<std::uint32_t>(f.column);
    // from_json has made sure of this for what a cell sent; a schema built in memory gets no further than here.
    if (cell.port >= ports.size() || cell.column >= ports[cell.port].width) std::abort();
    cell.dtype = schema.inputs[cell.port].dtype;
    cell.type = cell.dtype == DType::string                                      ? (f.type == FeatureType::document ? f.type : FeatureType::text)
                : cell.dtype == DType::boolean                                   ? FeatureType::boolean
                : f.type == FeatureType::text || f.type == FeatureType::document ? FeatureType::number
                                                                                 : f.type;
    cell.nullable = f.nullable && (cell.dtype == DType::string || is_floating(cell.dtype));
    cell.infinite = f.infinite;
    cell.closed = f.closed;
    cell.plain_name = needs_no_escape(f.name);
    ports[cell.port].features[cell.column] = i;
    for (const json::Value& v : f.categories) {
      if (!f.closed) break;
      if (v.is_string()) cell.texts.insert(v.as_string());
      if (v.is_number()) cell.numbers.insert(v.as_double());
      if (v.is_bool()) cell.numbers.insert(v.as_bool() ? 1 : 0);
    }
  }
}

std::optional<std::uint32_t> CodecPlan::feature(std::string_view name) const {
  const auto it = features_by_name.find(name);
  return it == features_by_name.end() ? std::nullopt : std::optional(it->second);
}

std::optional<std::uint32_t> CodecPlan::input(std::string_view name) const {
  const auto it = inputs_by_name.find(name);
  return it == inputs_by_name.end() ? std::nullopt : std::optional(it->second);
}

std::string CodecPlan::unknown_feature(std::string_view name) const {
  constexpr std::size_t kCompared = 1000;  // a suggestion is a courtesy, not worth 100,000 comparisons
  std::vector<std::string> names;
  for (std::size_t i = 0; i < std::min(kCompared, schema.features.size()); ++i) names.push_back(schema.features[i].name);
  std::string message = "the model has no feature " + quoted(name);
  if (const auto near = nearest(name, names)) message += ": did you mean " + quoted(*near) + "?";
  return message;
}

std::string CodecPlan::unknown_input(std::string_view name) const {
  std::vector<std::string> names;
  for (const Port& p : schema.inputs) names.push_back(p.name);
  std::string message = "the model has no input " + quoted(name);
  if (const auto near = nearest(name, names)) message += ": did you mean " + quoted(*near) + "?";
  return message;
}

Error Problems::error() const {
  std::string detail = fields_.front().detail;
  if (fields_.size() > 1) detail = std::to_string(fields_.size()) + (full() ? " or more" : "") + " values don't fit; the first: " + detail;
  Error e(ErrorCode::invalid_input, std::move(detail));
  for (const FieldError& f : fields_) e.add(f.pointer, f.detail);
  return e;
}

std::string pointer_escape(std::string_view part) {
  std::string out;
  for (const char c : excerpt(part, 200)) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

Tensor without_elements(const Port& port) {
  Shape shape = port.shape;
  for (std::int64_t& d : shape) d = d < 0 ? 0 : d;
  return Tensor(port.dtype, std::move(shape));
}

Tables::Tables(const CodecPlan& plan, const DecodeLimits& limits) : plan_(plan), data_(plan.ports.size()), bytes_max_(limits.bytes_max) {
  for (const PortPlan& p : plan.ports) row_bytes_ += p.width * (p.element_size > 0 ? p.element_size : sizeof(std::string));
}

bool Tables::add_row() {
  if (!charge(row_bytes_)) return false;
  for (std::size_t i = 0; i < data_.size(); ++i) {
    const PortPlan& port = plan_.ports[i];
    if (port.element_size > 0) {
      data_[i].bytes.resize(data_[i].bytes.size() + port.width * port.element_size);
    } else {
      data_[i].texts.resize(data_[i].texts.size() + port.width);
    }
  }
  ++rows_;
  return true;
}

DecodedRequest Tables::finish() {
  DecodedRequest out;
  out.rows = rows_;
  out.inputs.reserve(data_.size());
  for (std::size_t i = 0; i < data_.size(); ++i) {
    const Port& port = plan_.schema.inputs[i];
    Shape shape{static_cast<std::int64_t>(rows_)};
    if (port.shape.size() == 2) shape.push_back(static_cast<std::int64_t>(plan_.ports[i].width));
    if (port.dtype == DType::string) {
      out.inputs.push_back(Tensor::of_strings(std::move(shape), std::move(data_[i].texts)));
    } else {
      out.inputs.push_back(Tensor::adopt(port.dtype, std::move(shape), std::move(data_[i].bytes)));
    }
  }
  return out;
}

Error too_large(const DecodeLimits& limits) {
  return {ErrorCode::too_large, "the input takes more than the " + std::to_string(limits.bytes_max) + " bytes allowed for one request"};
}

Error too_many_rows(const DecodeLimits& limits) {
  return {ErrorCode::invalid_input, "there are more than the " + std::to_string(limits.rows_max) + " rows allowed in one request"};
}

const char* store_number(DType dtype, const JsonScanner::Number& n, std::byte* at) {
  switch (dtype) {
    case DType::float64:
      if (n.too_large) return "a number within the range of a double";
      put(at, n.real);
      return nullptr;
    case DType::float32:
    case DType::float16:
    case DType::bfloat16: return n.too_large ? "a number within the range of a double" : store_real(dtype, n.real, at);
    case DType::int64: return store_whole<std::int64_t>(n, at);
    case DType::int32: return store_whole<std::int32_t>(n, at);
    case DType::int16: return store_whole<std::int16_t>(n, at);
    case DType::int8: return store_whole<std::int8_t>(n, at);
    case DType::uint64: return store_whole<std::uint64_t>(n, at);
    case DType::uint32: return store_whole<std::uint32_t>(n, at);
    case DType::uint16: return store_whole<std::uint16_t>(n, at);
    case DType::uint8: return store_whole<std::uint8_t>(n, at);
    case DType::boolean:
      if (n.real != 0 && n.real != 1) return "true or false";
      put(at, static_cast<std::uint8_t>(n.real));
      return nullptr;
    case DType::string: return "a text";
    case DType::undefined: break;
  }
  return "nothing: its type is unknown";
}

const char* store_real(DType dtype, double value, std::byte* at) {
  switch (dtype) {
    case DType::float64: put(at, value); return nullptr;
    case DType::float32: {
      const auto f = static_cast<float>(value);
      if (std::isinf(f) && !std::isinf(value)) return "a number within the range of float32";
      put(at, f);
      return nullptr;
    }
    case DType::float16: {
      const std::uint16_t half = float_to_half(static_cast<float>(value));
      if ((half & 0x7fffU) == 0x7c00U && !std::isinf(value)) return "a number within the range of float16";
      put(at, half);
      return nullptr;
    }
    case DType::bfloat16: {
      const std::uint16_t brain = float_to_bfloat16(static_cast<float>(value));
      if ((brain & 0x7fffU) == 0x7f80U && !std::isinf(value)) return "a number within the range of bfloat16";
      put(at, brain);
      return nullptr;
    }
    default: break;
  }
  if (!std::isfinite(value)) return "a whole number";
  JsonScanner::Number n;
  n.real = value;
  return store_number(dtype, n, at);
}

void store_missing(DType dtype, std::byte* at) { store_real(dtype, std::numeric_limits<double>::quiet_NaN(), at); }

std::string expected(const CodecPlan& plan, std::uint32_t feature, std::string_view got) {
  return plan.schema.features[feature].name + " must be " + wants(plan, feature) + ", got " + std::string(got);
}

std::string put_number(const CodecPlan& plan, std::uint32_t feature, const JsonScanner::Number& n, Tables& tables, std::size_t row) {
  if (plan.cells[feature].ignored) return {};
  const CellPlan& cell = plan.cells[feature];
  if (cell.dtype == DType::string) return expected(plan, feature, "the number " + number_text(n.real));
  if (cell.type == FeatureType::boolean && n.real != 0 && n.real != 1) return expected(plan, feature, "the number " + number_text(n.real));
  std::byte* const at = tables.number_at(cell.port, row, cell.column);
  if (const char* wanted = store_number(cell.dtype, n, at)) {
    const std::string got = n.too_large ? "one that is larger" : "the number " + (n.is_whole ? std::to_string(n.whole) : number_text(n.real));
    return plan.schema.features[feature].name + " must be " + wanted + ", got " + got;
  }
  return cell.closed ? check_known(plan, feature, n.real) : std::string();
}

std::string put_real(const CodecPlan& plan, std::uint32_t feature, double value, Tables& tables, std::size_t row) {
  if (plan.cells[feature].ignored) return {};
  const CellPlan& cell = plan.cells[feature];
  if (std::isnan(value)) return put_missing(plan, feature, "NaN", tables, row);
  if (std::isfinite(value)) {
    JsonScanner::Number n;
    n.real = value;
    return put_number(plan, feature, n, tables, row);
  }
  const std::string_view got = value > 0 ? "Infinity" : "-Infinity";
  if (cell.type == FeatureType::text || cell.type == FeatureType::boolean || !is_floating(cell.dtype)) return expected(plan, feature, got);
  if (!cell.infinite) return plan.schema.features[feature].name + " must be finite, got " + std::string(got);
  store_real(cell.dtype, value, tables.number_at(cell.port, row, cell.column));
  return cell.closed ? check_known(plan, feature, value) : std::string();
}

std::string put_text(const CodecPlan& plan, std::uint32_t feature, std::string_view text, Tables& tables, std::size_t row) {
  if (plan.cells[feature].ignored) return {};
  const CellPlan& cell = plan.cells[feature];
  if (cell.type != FeatureType::text) return expected(plan, feature, "the text " + quoted(text));
  if (text == kMissingText) return put_missing(plan, feature, "null", tables, row);
  if (cell.closed && !cell.texts.contains(text)) return unknown_category(plan.schema.features[feature], quoted(text), text);
  if (tables.add_text_bytes(text.size())) tables.text_at(cell.port, row, cell.column).assign(text);
  return {};
}

std::string put_document(const CodecPlan& plan, std::uint32_t feature, std::string_view json, Tables& tables, std::size_t row) {
  const CellPlan& cell = plan.cells[feature];
  if (cell.ignored) return {};
  if (json == "null" && !cell.nullable) return put_missing(plan, feature, "null", tables, row);
  if (tables.add_text_bytes(json.size())) tables.text_at(cell.port, row, cell.column).assign(json);
  return {};
}

std::string put_boolean(const CodecPlan& plan, std::uint32_t feature, bool value, Tables& tables, std::size_t row) {
  if (plan.cells[feature].ignored) return {};
  if (plan.cells[feature].type == FeatureType::text) return expected(plan, feature, value ? "true" : "false");
  JsonScanner::Number n;  // also in columns of numbers: to numpy, and so to scikit-learn, true is 1
  n.real = value ? 1 : 0;
  n.is_whole = n.is_natural = true;
  n.whole = n.natural = value ? 1 : 0;
  return put_number(plan, feature, n, tables, row);
}

std::string put_missing(const CodecPlan& plan, std::uint32_t feature, std::string_view as_written, Tables& tables, std::size_t row) {
  if (plan.cells[feature].ignored) return {};
  const CellPlan& cell = plan.cells[feature];
  if (!cell.nullable)
    return plan.schema.features[feature].name + " must be " + wants(plan, feature) + " and can't be missing, got " + std::string(as_written);
  if (cell.type == FeatureType::text || cell.type == FeatureType::document) {
    tables.text_at(cell.port, row, cell.column).assign(cell.type == FeatureType::text ? kMissingText : "null");
  } else {
    store_missing(cell.dtype, tables.number_at(cell.port, row, cell.column));
  }
  return {};
}

RequestCodec::RequestCodec(Schema schema) : plan_(std::make_shared<const CodecPlan>(std::move(schema))) {}
const Schema& RequestCodec::schema() const { return plan_->schema; }

Result<DecodedRequest> decode_json(const Schema& schema, std::string_view body, const DecodeLimits& limits) {
  return RequestCodec(schema).decode_json(body, limits);
}
Result<DecodedRequest> decode_csv(const Schema& schema, std::string_view body, const DecodeLimits& limits) {
  return RequestCodec(schema).decode_csv(body, limits);
}
Result<DecodedRequest> decode_npy(const Schema& schema, std::string_view body, const DecodeLimits& limits) {
  return RequestCodec(schema).decode_npy(body, limits);
}

}  // namespace slipway
