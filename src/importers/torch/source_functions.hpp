// What the functions that SourceHost gives to sources share. Inside importers/torch only.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "slipway/importers/torch/evaluator.hpp"

namespace slipway::importers::torch {

inline Any builtin_function(std::string_view name, std::function<Result<Any>(Evaluator&, const Arguments&)> f) {
  return function(std::string(name), std::move(f));
}
inline std::string last_of(std::string_view path) { return std::string(path.substr(path.rfind('.') + 1)); }
inline Result<Any> first(const Arguments& a, std::string_view who) {
  if (!a.positional.empty()) return a.positional[0];
  return neural::wrong(std::string(who) + ": an argument is missing");
}
Result<double> number(const Any& a, std::string_view who);  // one that is known
std::optional<DType> dtype_named(std::string_view name);    // of torch and of numpy

}  // namespace slipway::importers::torch
