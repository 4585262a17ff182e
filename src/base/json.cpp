#include "slipway/base/json.hpp"

#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "slipway/base/encoding.hpp"

namespace slipway::json {
namespace {

using Element = simdjson::dom::element;

Result<Value> convert(const Element& element, int depth);

Result<Value> convert_array(const simdjson::dom::array& source, int depth) {
  Array out;
  for (const Element item : source) out.push_back(TRY(convert(item, depth + 1)));
  return Value(std::move(out));
}

Result<Value> convert_object(const simdjson::dom::object& source, int depth) {
  Object out;
  std::vector<std::string_view> keys;
  for (const auto field : source) {
    keys.push_back(field.key);
    out.emplace_back(std::string(field.key), TRY(convert(field.value, depth + 1)));
  }
  std::sort(keys.begin(), keys.end());
  if (const auto twice = std::adjacent_find(keys.begin(), keys.end()); twice != keys.end()) {
    return Error(ErrorCode::invalid_json, "the member \"" + excerpt(*twice) + "\" is there twice");
  }
  return Value(std::move(out));
}

Result<Value> convert(const Element& element, int depth) {
  if (depth > kDepthMax) return Error(ErrorCode::invalid_json, "nested deeper than " + std::to_string(kDepthMax));
  switch (element.type()) {
    case simdjson::dom::element_type::ARRAY: return convert_array(element.get_array().value_unsafe(), depth);
    case simdjson::dom::element_type::OBJECT: return convert_object(element.get_object().value_unsafe(), depth);
    case simdjson::dom::element_type::INT64: return Value(element.get_int64().value_unsafe());
    case simdjson::dom::element_type::UINT64: return Value(static_cast<double>(element.get_uint64().value_unsafe()));
    case simdjson::dom::element_type::DOUBLE: return Value(element.get_double().value_unsafe());
    case simdjson::dom::element_type::STRING: return Value(element.get_string().value_unsafe());
    case simdjson::dom::element_type::BOOL: return Value(element.get_bool().value_unsafe());
    case simdjson::dom::element_type::NULL_VALUE: return Value();
  }
  return Value();
}

void newline(std::string& out, int indent) {
  out += '\n';
  out.append(static_cast<std::size_t>(indent) * 2, ' ');
}

void pretty(std::string& out, const Value& v, int indent) {
  if (v.is_array() && !v.as_array().empty()) {
    out += '[';
    bool first = true;
    for (const Value& item : v.as_array()) {
      if (!std::exchange(first, false)) out += ',';
      newline(out, indent + 1);
      pretty(out, item, indent + 1);
    }
    newline(out, indent);
    out += ']';
  } else if (v.is_object() && !v.as_object().empty()) {
    out += '{';
    bool first = true;
    for (const auto& [key, item] : v.as_object()) {
      if (!std::exchange(first, false)) out += ',';
      newline(out, indent + 1);
      append_quoted(out, key);
      out += ": ";
      pretty(out, item, indent + 1);
    }
    newline(out, indent);
    out += '}';
  } else {
    Writer(out).value(v);
  }
}

}  // namespace

Result<Value> parse(std::string_view text) {
  simdjson::dom::parser parser;
  // simdjson's own depth counts the root too; what is deeper is refused before any tree is built.
  if (parser.allocate(std::max<std::size_t>(text.size(), 64), kDepthMax + 1) != simdjson::SUCCESS) {
    return Error(ErrorCode::too_large, "the JSON document is too large");
  }
  const simdjson::padded_string padded(text);
  const auto document = parser.parse(padded);
  if (document.error() != simdjson::SUCCESS) {
    return Error(ErrorCode::invalid_json, std::string("not valid JSON: ") + simdjson::error_message(document.error()));
  }
  return convert(document.value_unsafe(), 0);
}

const Value* Value::find(std::string_view key) const {
  if (!is_object()) return nullptr;
  for (const auto& [name, value] : as_object()) {
    if (name == key) return &value;
  }
  return nullptr;
}

void Value::set(std::string key, Value value) {
  if (is_null()) data_ = Object{};
  for (auto& [name, old] : as_object()) {
    if (name == key) {
      old = std::move(value);
      return;
    }
  }
  as_object().emplace_back(std::move(key), std::move(value));
}

std::string Value::string_or(std::string_view key, std::string_view otherwise) const {
  const Value* v = find(key);
  return v != nullptr && v->is_string() ? v->as_string() : std::string(otherwise);
}

std::int64_t Value::int_or(std::string_view key, std::int64_t otherwise) const {
  const Value* v = find(key);
  return v != nullptr && v->is_int() ? v->as_int() : otherwise;
}

double Value::double_or(std::string_view key, double otherwise) const {
  const Value* v = find(key);
  return v != nullptr && v->is_number() ? v->as_double() : otherwise;
}

bool Value::bool_or(std::string_view key, bool otherwise) const {
  const Value* v = find(key);
  return v != nullptr && v->is_bool() ? v->as_bool() : otherwise;
}

std::string Value::dump() const {
  std::string out;
  Writer(out).value(*this);
  return out;
}

std::string Value::dump_pretty() const {
  std::string out;
  pretty(out, *this, 0);
  return out;
}

void append_quoted(std::string& out, std::string_view s) {
  static constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  std::size_t clean = 0;  // start of the run not yet copied
  const bool utf8 = is_valid_utf8(s);
  for (std::size_t i = 0; i < s.size(); ++i) {
    const auto c = static_cast<unsigned char>(s[i]);
    const bool broken = c >= 0x80 && !utf8;
    if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f && !broken) continue;
    out.append(s, clean, i - clean);
    clean = i + 1;
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        if (broken) {
          out += "\xEF\xBF\xBD";
        } else {
          out += "\\u00";
          out += kHex[c >> 4];
          out += kHex[c & 15];
        }
    }
  }
  out.append(s, clean, s.size() - clean);
  out += '"';
}

namespace {
template <class F>
void append_floating(std::string& out, F f) {
  if (!std::isfinite(f)) {
    out += "null";
    return;
  }
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, f).ptr;
  out.append(buffer, end);
  // 1 would read as an integer elsewhere; predictions keep their type.
  if (std::find_if(buffer, end, [](char c) { return c == '.' || c == 'e'; }) == end) out += ".0";
}
}  // namespace

void append_double(std::string& out, double d) { append_floating(out, d); }
void append_float(std::string& out, float f) { append_floating(out, f); }

Writer& Writer::open(char c) {
  comma();
  out_ += c;
  first_ = true;
  return *this;
}

Writer& Writer::close(char c) {
  out_ += c;
  first_ = false;
  return *this;
}

void Writer::comma() {
  if (!std::exchange(first_, false)) out_ += ',';
}

void Writer::append_int(std::int64_t i) {
  char buffer[24];
  out_.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, i).ptr);
}

Writer& Writer::key(std::string_view name) {
  comma();
  append_quoted(out_, name);
  out_ += ':';
  first_ = true;
  return *this;
}

Writer& Writer::null() { return raw("null"); }
Writer& Writer::value(bool b) { return raw(b ? "true" : "false"); }

Writer& Writer::value(double d) {
  comma();
  append_double(out_, d);
  return *this;
}

Writer& Writer::value(float f) {
  comma();
  append_float(out_, f);
  return *this;
}

Writer& Writer::value(std::string_view s) {
  comma();
  append_quoted(out_, s);
  return *this;
}

Writer& Writer::raw(std::string_view text) {
  comma();
  out_ += text;
  return *this;
}

Writer& Writer::value(const Value& v) {
  if (v.is_null()) return null();
  if (v.is_bool()) return value(v.as_bool());
  if (v.is_int()) return value(v.as_int());
  if (v.is_number()) return value(v.as_double());
  if (v.is_string()) return value(std::string_view(v.as_string()));
  if (v.is_array()) {
    begin_array();
    for (const Value& item : v.as_array()) value(item);
    return end_array();
  }
  begin_object();
  for (const auto& [name, item] : v.as_object()) {
    key(name);
    value(item);
  }
  return end_object();
}

}  // namespace slipway::json
