// JSON: an append-only writer (the hot path) and a small read-only tree for requests, settings and schemas.
// The tree is for bodies of at most some megabytes; tensors are read by tensor/json_codec, not here. Values, no shared state.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "slipway/base/result.hpp"

namespace slipway::json {

inline constexpr int kDepthMax = 64;

class Value;
using Array = std::vector<Value>;
using Member = std::pair<std::string, Value>;
using Object = std::vector<Member>;  // in document order; keys are unique (parse refuses duplicates)

class Value {
 public:
  Value() = default;           // null
  Value(std::nullptr_t) {}     // NOLINT
  Value(bool b) : data_(b) {}  // NOLINT
  template <std::integral I>
    requires(!std::same_as<I, bool>)
  Value(I i) : data_(static_cast<std::int64_t>(i)) {}   // NOLINT
  Value(double d) : data_(d) {}                         // NOLINT
  Value(const char* s) : data_(std::string(s)) {}       // NOLINT
  Value(std::string_view s) : data_(std::string(s)) {}  // NOLINT
  Value(std::string s) : data_(std::move(s)) {}         // NOLINT
  Value(Array a) : data_(std::move(a)) {}               // NOLINT
  Value(Object o) : data_(std::move(o)) {}              // NOLINT

  bool is_null() const { return data_.index() == 0; }
  bool is_bool() const { return data_.index() == 1; }
  bool is_int() const { return data_.index() == 2; }
  bool is_number() const { return data_.index() == 2 || data_.index() == 3; }
  bool is_string() const { return data_.index() == 4; }
  bool is_array() const { return data_.index() == 5; }
  bool is_object() const { return data_.index() == 6; }

  bool as_bool() const { return std::get<1>(data_); }  // precondition of every as_*: the kind is right
  std::int64_t as_int() const { return std::get<2>(data_); }
  double as_double() const { return is_int() ? static_cast<double>(std::get<2>(data_)) : std::get<3>(data_); }
  const std::string& as_string() const { return std::get<4>(data_); }
  const Array& as_array() const { return std::get<5>(data_); }
  Array& as_array() { return std::get<5>(data_); }
  const Object& as_object() const { return std::get<6>(data_); }
  Object& as_object() { return std::get<6>(data_); }

  const Value* find(std::string_view key) const;  // member of an object, or nullptr (also when this is no object)
  void set(std::string key, Value value);         // adds or replaces a member; null becomes an object first

  // Lenient readers for our own documents: the default when the member is absent or of another kind.
  std::string string_or(std::string_view key, std::string_view otherwise) const;
  std::int64_t int_or(std::string_view key, std::int64_t otherwise) const;
  double double_or(std::string_view key, double otherwise) const;
  bool bool_or(std::string_view key, bool otherwise) const;

  std::string dump() const;         // compact
  std::string dump_pretty() const;  // two spaces an indent

 private:
  std::variant<std::nullptr_t, bool, std::int64_t, double, std::string, Array, Object> data_{nullptr};
};

inline Value object(std::initializer_list<Member> members) { return Value(Object(members)); }

// Strict RFC 8259; depth <= kDepthMax; duplicate keys refused. Errors: invalid_json with the place in the detail.
Result<Value> parse(std::string_view text);

// Appends JSON to a string. Commas are handled; the caller keeps begin/end and key/value in order.
class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  Writer& begin_object() { return open('{'); }
  Writer& end_object() { return close('}'); }
  Writer& begin_array() { return open('['); }
  Writer& end_array() { return close(']'); }
  Writer& key(std::string_view name);
  Writer& null();
  Writer& value(bool b);
  template <std::integral I>
    requires(!std::same_as<I, bool>)
  Writer& value(I i) {
    comma();
    append_int(static_cast<std::int64_t>(i));
    return *this;
  }
  Writer& value(double d);  // shortest round trip; NaN and infinities become null (contract)
  Writer& value(float f);
  Writer& value(std::string_view s);
  Writer& value(const std::string& s) { return value(std::string_view(s)); }
  Writer& value(const char* s) { return value(std::string_view(s)); }
  Writer& value(const Value& v);
  Writer& raw(std::string_view json);  // a finished JSON value
  template <class T>
  Writer& member(std::string_view name, const T& v) {
    key(name);
    return value(v);
  }

 private:
  Writer& open(char c);
  Writer& close(char c);
  void comma();
  void append_int(std::int64_t i);

  std::string& out_;
  bool first_ = true;
};

void append_quoted(std::string& out, std::string_view s);  // invalid UTF-8 becomes U+FFFD, control characters \u00xx
void append_double(std::string& out, double d);            // as Writer::value(double)
void append_float(std::string& out, float f);

}  // namespace slipway::json
