// Result<T>: a value or an Error. Expected failures are values; bugs are not (they abort a cell, and are a logged 500 in the server).
// What a client may read (detail, fields) and what only the log reads (internal) are different members. Thread-neutral values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace slipway {

enum class ErrorCode : std::uint8_t {
#define SLIPWAY_ERROR(name, status, title) name,
#include "slipway/base/errors.def"
#undef SLIPWAY_ERROR
};

std::string_view error_name(ErrorCode code);   // "invalid_input"
std::string_view error_title(ErrorCode code);  // the sentence of errors.def
int error_status(ErrorCode code);              // HTTP status
std::optional<ErrorCode> error_from_name(std::string_view name);

// One wrong place in a request. pointer: "#/instances/3/age" for JSON bodies, a parameter's or header's name otherwise.
struct FieldError {
  std::string pointer;
  std::string detail;
};

class Error {
 public:
  Error(ErrorCode code, std::string detail) : code_(code), detail_(std::move(detail)) {}

  ErrorCode code() const { return code_; }
  int status() const { return error_status(code_); }
  const std::string& detail() const { return detail_; }      // for the client: no paths, no caller data at length
  const std::string& internal() const { return internal_; }  // for the log only
  const std::vector<FieldError>& fields() const { return fields_; }
  std::optional<std::uint32_t> retry_after_s() const { return retry_after_s_; }

  Error&& at(std::string pointer, std::string detail) &&;  // adds a field
  void add(std::string pointer, std::string detail) { fields_.push_back({std::move(pointer), std::move(detail)}); }
  Error&& because(std::string internal) &&;  // sets what the log reads
  Error&& retry_after(std::uint32_t seconds) &&;
  Error&& as(ErrorCode code) && {  // another status, for a protocol that has its own
    code_ = code;
    return std::move(*this);
  }
  Error&& within(std::string_view place) &&;  // prefixes the detail: "tree 17 of RandomForest: ..."

 private:
  ErrorCode code_;
  std::string detail_;
  std::string internal_;
  std::vector<FieldError> fields_;
  std::optional<std::uint32_t> retry_after_s_;
};

struct Unit {};  // the value of a Result that has none

template <class T = Unit>
class [[nodiscard]] Result {
 public:
  using Value = T;
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  Error& error() & { return std::get<1>(state_); }
  const Error& error() const& { return std::get<1>(state_); }
  Error&& error() && { return std::get<1>(std::move(state_)); }

  Result&& within(std::string_view place) && {
    if (!ok()) std::move(error()).within(place);
    return std::move(*this);
  }

 private:
  std::variant<T, Error> state_;
};

using Status = Result<Unit>;
inline Status ok() { return Unit{}; }

}  // namespace slipway

// TRY(expr): the value of a Result, or return its Error from the enclosing function (which returns some Result). Nests.
#define SLIPWAY_TRY_NAMED(name, ...)                \
  __extension__({                                   \
    auto name = (__VA_ARGS__);                      \
    if (!name.ok()) return std::move(name).error(); \
    std::move(name).value();                        \
  })
#define SLIPWAY_JOIN_(a, b) a##b
#define SLIPWAY_JOIN(a, b) SLIPWAY_JOIN_(a, b)
#define TRY(...) SLIPWAY_TRY_NAMED(SLIPWAY_JOIN(slipway_result_, __COUNTER__), __VA_ARGS__)
