#include "slipway/importers/blocks/dense.hpp"

#include <cmath>
#include <limits>

namespace slipway::importers {

using graph::Builder;
using graph::Val;

std::optional<std::vector<double>> inverse(std::vector<double> a, std::size_t n) {
  std::vector<double> b(n * n, 0.0);
  for (std::size_t i = 0; i < n; ++i) b[i * n + i] = 1;
  for (std::size_t c = 0; c < n; ++c) {
    std::size_t pivot = c;
    for (std::size_t r = c + 1; r < n; ++r) {
      if (std::abs(a[r * n + c]) > std::abs(a[pivot * n + c])) pivot = r;
    }
    if (!(std::abs(a[pivot * n + c]) > 0) || !std::isfinite(a[pivot * n + c])) return std::nullopt;
    for (std::size_t j = 0; j < n && pivot != c; ++j) {
      std::swap(a[c * n + j], a[pivot * n + j]);
      std::swap(b[c * n + j], b[pivot * n + j]);
    }
    for (std::size_t r = 0; r < n; ++r) {
      if (r == c) continue;
      const double factor = a[r * n + c] / a[c * n + c];
      if (factor == 0) continue;
      for (std::size_t j = 0; j < n; ++j) {
        a[r * n + j] -= factor * a[c * n + j];
        b[r * n + j] -= factor * b[c * n + j];
      }
    }
  }
  for (std::size_t r = 0; r < n; ++r) {
    for (std::size_t j = 0; j < n; ++j) b[r * n + j] /= a[r * n + r];
  }
  return b;
}

std::vector<double> transposed(const std::vector<double>& a, std::size_t rows, std::size_t columns) {
  std::vector<double> t(a.size());
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < columns; ++c) t[c * rows + r] = a[r * columns + c];
  }
  return t;
}

std::vector<double> product(const std::vector<double>& a, const std::vector<double>& b, std::size_t rows, std::size_t inner, std::size_t columns) {
  std::vector<double> p(rows * columns, 0.0);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t i = 0; i < inner; ++i) {
      for (std::size_t c = 0; c < columns; ++c) p[r * columns + c] += a[r * inner + i] * b[i * columns + c];
    }
  }
  return p;
}

double digamma(double x) {
  double result = 0;
  for (; x < 10; x += 1) result -= 1 / x;
  const double r = 1 / (x * x);
  constexpr double kTerms[] = {1.0 / 12, -1.0 / 120, 1.0 / 252, -1.0 / 240, 1.0 / 132, -691.0 / 32760, 1.0 / 12};
  double power = r, series = 0;
  for (const double term : kTerms) {
    series += term * power;
    power *= r;
  }
  return result + std::log(x) - 0.5 / x - series;
}

Val matrix_constant(Builder& graph, std::size_t rows, std::size_t columns, const std::vector<double>& values) {
  return graph.constant(doubles({static_cast<std::int64_t>(rows), static_cast<std::int64_t>(columns)}, values));
}

Val log_sum_exp(Builder& graph, const Val& x) {
  const Val most = Builder::typed(graph.reduce("ReduceMax", x, 1, true), DType::float64, 1);
  const Val lowest = graph.scalar(-std::numeric_limits<double>::infinity());
  const Val none = graph.compare("Equal", most, lowest);
  const Val safe = Builder::typed(graph.where(none, graph.scalar(0), most), DType::float64, 1);
  const Val sum = graph.reduce("ReduceSum", graph.op("Exp", {graph.sub(x, safe)}), 1, true);
  return Builder::typed(graph.add(graph.op("Log", {sum}), safe), DType::float64, 1);
}

}  // namespace slipway::importers
