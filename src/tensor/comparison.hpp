// Answers against what they should be. Pure.
#pragma once

#include <span>
#include <string>

#include "slipway/base/json.hpp"
#include "slipway/tensor/schema.hpp"

namespace slipway {

inline constexpr double kRelativeTolerance = 1e-9, kAbsoluteTolerance = 1e-12;

// One element of an answer against JSON as encode_response writes it (null: missing, or a number that isn't finite).
// 0: equal; the relative difference of numbers; infinity: of another kind, or another label.
double relative_difference(const Tensor& got, std::size_t element, const json::Value& want);

struct Comparison {
  std::size_t rows = 0, label_flips = 0, rows_over = 0;  // rows_over: with any element beyond the tolerance
  double largest_difference = 0;                         // relative; of numbers
  std::string first;                                     // where and what the first difference beyond the tolerance is; empty: none
};
// expected: {output name: nested values}. An output that it doesn't name isn't compared. Errors: bad_request when shapes differ.
Result<Comparison> compare_outputs(const Schema& schema, std::span<const Tensor> outputs, const json::Value& expected);

}  // namespace slipway
