#include "slipway/importers/blocks/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace slipway::importers {

double pairwise_sum(std::span<const double> v) {
  const std::size_t n = v.size();
  if (n < 8) {
    double sum = n == 0 ? 0.0 : -0.0;
    for (const double x : v) sum += x;
    return sum;
  }
  if (n <= 128) {
    double r[8];
    std::copy_n(v.begin(), 8, r);
    std::size_t i = 8;
    for (; i + 8 <= n; i += 8) {
      for (std::size_t k = 0; k < 8; ++k) r[k] += v[i + k];
    }
    double sum = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
    for (; i < n; ++i) sum += v[i];
    return sum;
  }
  const std::size_t half = n / 2 - n / 2 % 8;
  return pairwise_sum(v.first(half)) + pairwise_sum(v.subspan(half));
}

double mean(std::span<const double> values) { return pairwise_sum(values) / static_cast<double>(values.size()); }

double median(std::vector<double> values) {
  if (values.empty() || std::any_of(values.begin(), values.end(), [](double v) { return std::isnan(v); })) return std::nan("");
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

double percentile(std::vector<double> values, double percent) {
  std::sort(values.begin(), values.end());
  const double at = static_cast<double>(values.size() - 1) * (percent / 100);
  const double below = std::floor(at), t = at - below;
  const auto i = static_cast<std::size_t>(below);
  if (i + 1 >= values.size()) return values.back();
  const double a = values[i], b = values[i + 1], step = b - a;
  return t >= 0.5 ? b - step * (1 - t) : a + step * t;
}

std::vector<std::size_t> stable_order(std::span<const double> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return values[a] < values[b] || (std::isnan(values[b]) && !std::isnan(values[a])); });
  return order;
}

}  // namespace slipway::importers
