// Rows against rows: the distances that kernel functions and centroids are made of, by differences (nothing cancels for near rows).
#include <algorithm>
#include <cmath>

#include "slipway/ops/kernel.hpp"

namespace slipway::ops {
namespace {

constexpr std::size_t kParallelWork = 1 << 16;  // of element differences; less isn't worth a fan-out

// Sums as numpy does along a contiguous axis: eight partial sums, in halves from 128 on.
template <class Term>
double pairwise_sum(std::size_t begin, std::size_t n, const Term& term) {
  if (n < 8) {
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) sum += term(begin + i);
    return sum;
  }
  if (n <= 128) {
    double r[8];
    for (std::size_t k = 0; k < 8; ++k) r[k] = term(begin + k);
    std::size_t i = 8;
    for (; i + 8 <= n; i += 8) {
      for (std::size_t k = 0; k < 8; ++k) r[k] += term(begin + i + k);
    }
    double sum = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
    for (; i < n; ++i) sum += term(begin + i);
    return sum;
  }
  std::size_t half = n / 2;
  half -= half % 8;
  return pairwise_sum(begin, half, term) + pairwise_sum(begin + half, n - half, term);
}

struct Pair {
  const double* x;
  const double* y;
  const double* scale;  // of y's row; null: none
  std::size_t n;
};
using Distance = double (*)(const Pair&);

// scipy's distances and BLAS's short dot products add one term after the other; where models cancel, another order shows.
template <class Term>
double in_order(std::size_t n, const Term& term) {
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += term(i);
  return sum;
}

double squared(const Pair& p) {
  if (p.scale != nullptr) {  // summed by numpy
    return pairwise_sum(0, p.n, [&](std::size_t i) { return (p.x[i] - p.y[i]) * (p.x[i] - p.y[i]) / p.scale[i]; });
  }
  return in_order(p.n, [&](std::size_t i) { return (p.x[i] - p.y[i]) * (p.x[i] - p.y[i]); });
}
double euclidean(const Pair& p) { return std::sqrt(squared(p)); }
double manhattan(const Pair& p) {
  return in_order(p.n, [&](std::size_t i) { return std::abs(p.x[i] - p.y[i]); });
}
double dot(const Pair& p) {
  const auto term = [&](std::size_t i) { return p.x[i] * p.y[i]; };
  return p.n < 32 ? in_order(p.n, term) : pairwise_sum(0, p.n, term);
}
double chebyshev(const Pair& p) {
  double largest = 0;
  for (std::size_t i = 0; i < p.n; ++i) largest = std::max(largest, std::abs(p.x[i] - p.y[i]));
  return largest;
}
double canberra(const Pair& p) {
  return in_order(p.n, [&](std::size_t i) {
    const double size = std::abs(p.x[i]) + std::abs(p.y[i]);
    return size == 0 ? 0 : std::abs(p.x[i] - p.y[i]) / size;
  });
}
double bray_curtis(const Pair& p) {
  const double apart = manhattan(p);
  return apart / in_order(p.n, [&](std::size_t i) { return std::abs(p.x[i] + p.y[i]); });
}
// scikit-learn's own, which differs from scipy's where numbers are negative.
double bray_curtis_of_sizes(const Pair& p) {
  const double size = in_order(p.n, [&](std::size_t i) { return std::abs(p.x[i]) + std::abs(p.y[i]); });
  return size > 0 ? manhattan(p) / size : 0;
}
// The sum of (x - y)^2 / (x + y), where both zero add nothing.
double chi_squared(const Pair& p) {
  double sum = 0;
  for (std::size_t i = 0; i < p.n; ++i) {
    const double total = p.x[i] + p.y[i], apart = p.x[i] - p.y[i];
    if (total != 0) sum += apart * apart / total;
  }
  return sum;
}

struct Named {
  std::string_view name;
  Distance distance;
};
constexpr Named kDistances[] = {
    {"sqeuclidean", squared},
    {"euclidean", euclidean},
    {"manhattan", manhattan},
    {"chebyshev", chebyshev},
    {"canberra", canberra},
    {"braycurtis", bray_curtis},
    {"braycurtis_of_sizes", bray_curtis_of_sizes},
    {"chi2", chi_squared},
    {"dot", dot},
};

class RowDistances final : public Kernel {
 public:
  RowDistances(Distance distance, bool refuses_negative) : distance_(distance), refuses_negative_(refuses_negative) {}

  void compute(std::span<const In> in, Outs& out) const override {
    const In &x = in[0], &y = in[1];
    if (x.shape.size() != 2 || y.shape.size() != 2 || x.shape[1] != y.shape[1])
      throw std::invalid_argument("the rows that are compared differ in width");
    const bool scaled = in.size() > 2 && in[2].present;
    if (scaled && in[2].shape != y.shape) throw std::invalid_argument("there must be one scale a number of the second rows");
    const auto rows = static_cast<std::size_t>(x.shape[0]), others = static_cast<std::size_t>(y.shape[0]),
               width = static_cast<std::size_t>(x.shape[1]);
    const double *a = x.doubles().data(), *b = y.doubles().data();
    const double* scale = scaled ? in[2].doubles().data() : nullptr;
    if (refuses_negative_ && std::any_of(a, a + rows * width, [](double v) { return v < 0; }))
      throw std::invalid_argument("this model's chi-squared kernel takes no negative numbers");
    const auto d = out.doubles(0, {x.shape[0], y.shape[0]});
    const auto row = [&](std::size_t r) {
      for (std::size_t c = 0; c < others; ++c) {
        d[r * others + c] = distance_({a + r * width, b + c * width, scale != nullptr ? scale + c * width : nullptr, width});
      }
    };
    if (rows > 1 && rows * others * width > kParallelWork) {
      out.parallel(rows, row);
    } else {
      for (std::size_t r = 0; r < rows; ++r) row(r);
    }
  }

 private:
  Distance distance_;
  bool refuses_negative_;
};

}  // namespace

std::unique_ptr<Kernel> make_RowDistances(const Setup& setup) {
  const std::string metric = setup.text("metric", "euclidean");
  for (const Named& named : kDistances) {
    if (named.name == metric) return std::make_unique<RowDistances>(named.distance, metric == "chi2");
  }
  throw std::invalid_argument("no distance is called " + metric);
}

}  // namespace slipway::ops
