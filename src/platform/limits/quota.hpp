// Quota: what one subject may use, quantity by quantity. Written in three ways: as a text in settings and on the command line
// ("requests=600/min:100, bytes=1G/h, concurrent=8"), as an object in the API, and as that object's text in the database. Values.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "slipway/base/json.hpp"
#include "slipway/base/result.hpp"
#include "slipway/platform/limits/gcra.hpp"

namespace slipway::limits {

// Whom a limit is about. key: a login counts as a key of its own. key_on_model: each key on one model.
enum class Subject : std::uint8_t { user, key, model, key_on_model };
inline constexpr std::size_t kSubjects = 4;
std::string_view subject_name(Subject subject);  // "key-on-model"

enum class Quantity : std::uint8_t { requests, rows, bytes, concurrent };
inline constexpr std::size_t kRates = 3;  // the quantities before `concurrent` have rates
inline constexpr std::size_t kQuantities = 4;
std::string_view quantity_name(Quantity quantity);

struct Quota {
  std::array<std::optional<Rate>, kRates> rates;  // nullopt: not said here; amount 0: said to be without limit
  std::optional<std::int64_t> concurrent;         // the same, 0: without limit

  bool says_nothing() const;
  bool limits() const;                       // anything at all
  Quota over(const Quota& otherwise) const;  // what is not said here, as it is there
};

// Errors name the word that is wrong. "" and "none" say nothing.
Result<Quota> quota_from_text(std::string_view text);
// Errors: invalid_input with pointers below `at` ("#/limits").
Result<Quota> quota_from_json(const json::Value& value, const std::string& at);
json::Value to_json(const Quota& quota);

}  // namespace slipway::limits
