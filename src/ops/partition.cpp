#include <utility>

#include "slipway/ops/neighbors.hpp"

namespace slipway::ops {

const std::vector<std::size_t>& Partition::first(const std::vector<double>& values, std::size_t k) {
  values_ = &values;
  const std::size_t n = values.size(), kth = k - 1;
  places_.resize(n);
  std::iota(places_.begin(), places_.end(), std::size_t{0});
  const auto swap = [&](std::size_t a, std::size_t b) { std::swap(places_[a], places_[b]); };
  if (kth < 3) {  // few: each is looked for
    for (std::size_t i = 0; i <= kth; ++i) {
      std::size_t least = i;
      for (std::size_t j = i + 1; j < n; ++j) least = less(j, least) ? j : least;
      swap(i, least);
    }
    return places_;
  }
  if (kth == n - 1) return places_;
  std::size_t low = 0, high = n - 1;
  while (low + 1 < high) {
    std::size_t left = low + 1, right = high;
    const std::size_t middle = low + (high - low) / 2;
    if (less(high, middle)) swap(high, middle);  // the median of three becomes the pivot, at `low`
    if (less(high, low)) swap(high, low);
    if (less(low, middle)) swap(low, middle);
    swap(middle, low + 1);
    const double pivot = values[places_[low]];
    for (;;) {
      do { ++left; } while (less_value(values[places_[left]], pivot));
      do { --right; } while (less_value(pivot, values[places_[right]]));
      if (right < left) break;
      swap(left, right);
    }
    swap(low, right);
    if (right >= kth) high = right - 1;
    if (right <= kth) low = left;
  }
  if (high == low + 1 && less(high, low)) swap(high, low);
  return places_;
}

}  // namespace slipway::ops
