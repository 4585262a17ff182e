// Form: a JSON object taken apart member by member. Every wrong member is noted with its pointer, unknown ones with the nearest name,
// so that a client hears everything at once. A value, one thread.
//
//   Form form(body);  auto name = form.text("name", 1, 100);  ...  TRY(form.finish());
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "slipway/base/json.hpp"

namespace slipway {

class Form {
 public:
  static Result<Form> parse(std::string_view body);  // invalid_json; invalid_input when it is no object

  std::string required_text(std::string_view name, std::size_t bytes_max);  // "" when wrong: finish() will say so
  std::optional<std::string> text(std::string_view name, std::size_t bytes_max);
  std::optional<std::vector<std::string>> texts(std::string_view name, std::size_t count_max, std::size_t bytes_max);
  std::optional<std::int64_t> time_ms(std::string_view name);              // RFC 3339
  const json::Value* member(std::string_view name) { return take(name); }  // of any kind, for the caller to read; null: absent
  bool has(std::string_view name) const;

  Status finish();  // invalid_input with all that was wrong

 private:
  explicit Form(json::Value document) : document_(std::move(document)) {}
  const json::Value* take(std::string_view name);  // null is as absent
  void wrong(std::string_view name, std::string why);
  json::Value document_;
  std::vector<std::string> known_;
  std::vector<FieldError> errors_;
};

std::optional<std::int64_t> from_rfc3339(std::string_view text);  // unix ms; needs a zone (Z or +hh:mm)

}  // namespace slipway
