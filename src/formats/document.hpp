// Documents of numbers: JSON and UBJSON as XGBoost writes its models, also with hundreds of megabytes of numbers. A list of numbers is
// one vector, a list of texts another; only lists of objects or lists are nodes. Values; readers are pure, depth and nodes are bounded.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "slipway/base/result.hpp"

namespace slipway::document {

struct Limits {
  int depth_max = 48;
  std::size_t nodes_max = 4'000'000;  // lists, objects and what stands alone in them
};

struct Member;

struct Value {
  enum class Kind : std::uint8_t { null, boolean, number, text, list, object } kind = Kind::null;
  double number = 0;  // boolean: 0 or 1
  std::string text;
  std::vector<double> numbers;     // list of numbers and booleans only
  std::vector<std::string> texts;  // list of texts only
  std::vector<Value> items;        // any other list
  std::vector<Member> members;     // object

  const Value* find(std::string_view key) const;
  const Value* find(std::initializer_list<std::string_view> path) const;  // through objects
  bool is_list() const { return kind == Kind::list; }
  bool is_object() const { return kind == Kind::object; }
  std::size_t size() const { return numbers.size() + texts.size() + items.size(); }  // of a list
};

struct Member {
  std::string key;
  Value value;
};

// RFC 8259 plus the bare words NaN, Infinity and -Infinity. Errors: model_refused with the byte.
Result<Value> read_json(std::string_view bytes, const Limits& limits = {});
// UBJSON draft 12, typed containers too; the document must fill the bytes.
Result<Value> read_ubjson(std::string_view bytes, const Limits& limits = {});

}  // namespace slipway::document
