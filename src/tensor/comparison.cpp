#include "slipway/tensor/comparison.hpp"

#include <cmath>
#include <limits>
#include <vector>

namespace slipway {
namespace {

constexpr double kOther = std::numeric_limits<double>::infinity();

void flatten(const json::Value& v, std::vector<const json::Value*>& out) {
  if (!v.is_array()) {
    out.push_back(&v);
    return;
  }
  for (const json::Value& item : v.as_array()) flatten(item, out);
}

std::string shown(const Tensor& t, std::size_t i) {
  return t.dtype() == DType::string ? "'" + t.strings()[i] + "'" : json::Value(t.as_double(i)).dump();
}

}  // namespace

double relative_difference(const Tensor& got, std::size_t element, const json::Value& want) {
  if (got.dtype() == DType::string) {
    const std::string& s = got.strings()[element];
    const bool equal = want.is_null() ? s == kMissingText : want.is_string() && want.as_string() == s;
    return equal ? 0 : kOther;
  }
  if (got.dtype() == DType::boolean) return want.is_bool() && want.as_bool() == (got.as_int(element) != 0) ? 0 : kOther;
  if (got.dtype() == DType::int64) return want.is_int() && want.as_int() == got.as_int(element) ? 0 : kOther;
  const double g = got.as_double(element);
  if (want.is_null() || (want.is_number() && !std::isfinite(want.as_double()))) return std::isfinite(g) ? kOther : 0;
  if (!want.is_number() && !want.is_bool()) return kOther;
  const double w = want.is_bool() ? (want.as_bool() ? 1 : 0) : want.as_double();
  if (g == w || std::abs(g - w) <= kAbsoluteTolerance) return 0;
  return std::isfinite(g) ? std::abs(g - w) / std::abs(w) : kOther;
}

Result<Comparison> compare_outputs(const Schema& schema, std::span<const Tensor> outputs, const json::Value& expected) {
  Comparison out;
  std::vector<bool> over;
  for (std::size_t o = 0; o < outputs.size() && o < schema.outputs.size(); ++o) {
    const std::string& name = schema.outputs[o].name;
    const json::Value* want = expected.find(name);
    if (want == nullptr) continue;
    std::vector<const json::Value*> wanted;
    flatten(*want, wanted);
    const Tensor& got = outputs[o];
    if (wanted.size() != got.count() || got.rows() == 0) {
      return Error(ErrorCode::bad_request,
                   name + " has " + std::to_string(got.count()) + " values, " + std::to_string(wanted.size()) + " were expected");
    }
    const std::size_t rows = got.rows(), width = got.count() / rows;
    out.rows = std::max(out.rows, rows);
    over.resize(out.rows, false);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const double difference = relative_difference(got, i, *wanted[i]);
      if (std::isfinite(difference)) out.largest_difference = std::max(out.largest_difference, difference);
      if (difference <= kRelativeTolerance) continue;
      if (name == "label") ++out.label_flips;
      over[i / width] = true;
      if (out.first.empty()) out.first = name + " of row " + std::to_string(i / width) + ": " + shown(got, i) + " for " + wanted[i]->dump();
    }
  }
  for (const bool row : over) out.rows_over += row ? 1 : 0;
  return out;
}

}  // namespace slipway
