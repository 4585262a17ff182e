// JSON values as kernels take them: instances that are objects with free keys, lists, or numbers and texts in one column.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace slipway::ops::text {

struct Member;

struct Json {
  enum class Kind : std::uint8_t { null, boolean, number, text, list, object } kind = Kind::null;
  double number = 0;  // boolean: 0 or 1; NaN and the infinities may stand as bare words
  std::string text;
  std::vector<Json> items;
  std::vector<Member> members;  // of one key the last counts, as in Python

  bool is(Kind k) const { return kind == k; }
  bool is_number() const { return kind == Kind::number || kind == Kind::boolean; }
};

struct Member {
  std::string name;
  Json value;
};

// Throws std::invalid_argument where it isn't JSON, or is nested more than 8 deep.
Json parse_json(std::string_view document);

// What values are looked up by: texts and numbers are never equal, 1, 1.0 and true are.
inline constexpr const char *kNullKey = "null", *kNanKey = "nan";
std::string key_of(std::string_view text);
std::string key_of(double number);  // NaN: kNanKey

}  // namespace slipway::ops::text
