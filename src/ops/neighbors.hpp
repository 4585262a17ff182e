// The nearest rows: a bounded heap as the libraries keep it, which decides among rows that are equally far.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

namespace slipway::ops {

// The k smallest values so far, the largest on top. A value that equals the largest doesn't get in: among ties, the order of pushes and
// the shape of the heap decide, as in scikit-learn. One thread.
class NearestHeap {
 public:
  explicit NearestHeap(std::size_t k) : values_(k), indices_(k) { clear(); }
  void clear() {
    std::fill(values_.begin(), values_.end(), std::numeric_limits<double>::infinity());
    std::fill(indices_.begin(), indices_.end(), 0);
  }
  double largest() const { return values_[0]; }

  void push(double value, std::int64_t index) {
    if (value >= values_[0]) return;
    std::size_t at = 0;
    const std::size_t size = values_.size();
    for (;;) {
      const std::size_t left = 2 * at + 1, right = left + 1;
      std::size_t next;
      if (left >= size) break;
      if (right >= size || values_[left] >= values_[right])
        next = left;
      else
        next = right;
      if (!(value < values_[next])) break;
      values_[at] = values_[next];
      indices_[at] = indices_[next];
      at = next;
    }
    values_[at] = value;
    indices_[at] = index;
  }

  // Nearest first; equal ones by index.
  void sorted(double* values, std::int64_t* indices, std::vector<std::size_t>& order) const {
    order.resize(values_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(),
              [&](std::size_t a, std::size_t b) { return values_[a] != values_[b] ? values_[a] < values_[b] : indices_[a] < indices_[b]; });
    for (std::size_t i = 0; i < order.size(); ++i) {
      values[i] = values_[order[i]];
      indices[i] = indices_[order[i]];
    }
  }

  const std::vector<double>& values() const { return values_; }
  const std::vector<std::int64_t>& indices() const { return indices_; }

 private:
  std::vector<double> values_;
  std::vector<std::int64_t> indices_;
};

// The places of `values` so partitioned that the k smallest come first, by numpy's introselect: which of equal values are among them is
// told as numpy does (its versions before 2, and 2 on processors without AVX2). What is no number counts as largest.
class Partition {
 public:
  // k >= 1 and at most values.size().
  const std::vector<std::size_t>& first(const std::vector<double>& values, std::size_t k);

 private:
  bool less(std::size_t a, std::size_t b) const { return less_value((*values_)[places_[a]], (*values_)[places_[b]]); }
  static bool less_value(double a, double b) { return a < b || (b != b && a == a); }
  const std::vector<double>* values_ = nullptr;
  std::vector<std::size_t> places_;
};

}  // namespace slipway::ops
