// Extent: the size of a dimension as a product: a number, times sizes that only a request knows, times the number of rows to some power.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <limits>
#include <optional>
#include <vector>

namespace slipway::graph {

struct Extent {
  std::int64_t number = 1;
  std::vector<int> free;  // which sizes, sorted; one may stand several times
  int rows = 0;           // how often the number of rows is a factor

  static Extent of(std::int64_t n) { return {n, {}, 0}; }
  static Extent one_of(int free_size) { return {1, {free_size}, 0}; }
  static Extent row_count() { return {1, {}, 1}; }

  bool is(std::int64_t n) const { return number == n && free.empty() && rows == 0; }
  bool known() const { return free.empty() && rows == 0; }
  bool operator==(const Extent&) const = default;
};

inline std::optional<Extent> product(const Extent& a, const Extent& b) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
  constexpr std::size_t kFactorsMax = 32;
  if (a.number < 0 || b.number < 0 || (b.number > 0 && a.number > (kMost * kMost) / b.number) || a.free.size() + b.free.size() > kFactorsMax)
    return std::nullopt;
  Extent out{a.number * b.number, a.free, a.rows + b.rows};
  out.free.insert(out.free.end(), b.free.begin(), b.free.end());
  std::sort(out.free.begin(), out.free.end());
  return out;
}

// nullopt: not without a remainder, as far as is known.
inline std::optional<Extent> quotient(const Extent& a, const Extent& b) {
  if (b.number <= 0 || a.number % b.number != 0 || a.rows < b.rows) return std::nullopt;
  if (!std::includes(a.free.begin(), a.free.end(), b.free.begin(), b.free.end())) return std::nullopt;
  Extent out{a.number / b.number, {}, a.rows - b.rows};
  std::set_difference(a.free.begin(), a.free.end(), b.free.begin(), b.free.end(), std::back_inserter(out.free));
  return out;
}

}  // namespace slipway::graph
