// Nearest neighbours and clusters' centres, evaluated directly: every distance, exactly, and the nearest of them.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "slipway/importers/sklearn/direct/numeric.hpp"
#include "slipway/importers/sklearn/neighbors.hpp"

namespace slipway::importers::sklearn {
namespace {

using Made = Result<std::optional<Answerer>>;

// The library may expand (a - b)^2, which loses digits by the size of a^2 + b^2.
double expanded_squared(std::span<const double> a, std::span<const double> b) {
  const double exact = squared_distance(a, b);
  double size = 0;
  for (std::size_t i = 0; i < a.size(); ++i) size += a[i] * a[i] + b[i] * b[i];
  return std::abs(rounded(exact, size));  // what should be 0 may be a little more to the library
}

double distance(std::span<const double> a, std::span<const double> b, const std::string& metric, double p) {
  if (metric == "euclidean") return std::sqrt(expanded_squared(a, b));
  if (a.size() != b.size()) throw std::out_of_range("widths differ");
  Sum sum;
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double apart = std::abs(a[i] - b[i]);
    largest = std::max(largest, apart);
    sum.add(metric == "minkowski" ? std::pow(apart, p) : apart);
  }
  if (metric == "chebyshev") return rounded(largest);
  return metric == "minkowski" ? std::pow(sum.value(), 1 / p) : sum.value();
}

struct Neighbor {
  std::size_t row;
  double weight;
};

struct Memory {  // what a nearest-neighbours model remembers
  Matrix rows;
  std::string metric;
  double p = 2;
  std::size_t k = 1;
  bool by_distance = false;

  std::vector<Neighbor> near(const Numbers& x) const {
    const auto n = static_cast<std::size_t>(rows.rows);
    Numbers d(n);
    for (std::size_t i = 0; i < n; ++i) d[i] = distance(x, row_at(rows, i), metric, p);
    std::vector<std::size_t> order(n);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(k), order.end(),
                      [&](std::size_t a, std::size_t b) { return d[a] != d[b] ? d[a] < d[b] : a < b; });
    const bool hit = d[order[0]] == 0;
    std::vector<Neighbor> out;
    for (std::size_t i = 0; i < k; ++i) {
      const double apart = d[order[i]];
      out.push_back({order[i], !by_distance ? 1 : hit ? (apart == 0 ? 1.0 : 0.0) : 1 / apart});
    }
    return out;
  }
};

Result<std::optional<Memory>> memory_of(Direct& by, const View& model) {
  constexpr std::size_t kCellsMax = 20'000'000;
  const View rows = TRY(model.attribute("_fit_X"));
  if (!rows.is(Kind::array) || rows.dtype_text() != "<f8") return std::optional<Memory>{};
  Memory m;
  m.rows = TRY(dense_rows(model, rows));
  if (m.rows.rows < 1 || m.rows.data.size() > kCellsMax) return std::optional<Memory>{};
  const bool effective = model.has("effective_metric_");
  const auto metric =
      TRY(read_metric(model, model.find(effective ? "effective_metric_" : "metric"),
                      model.find(effective ? "effective_metric_params_" : "metric_params"), TRY(number_or(model, "p", 2)), m.rows.columns));
  m.metric = metric.name;
  m.p = metric.p.value_or(2);
  const bool plain =
      metric.given.empty() && (m.metric == "euclidean" || m.metric == "manhattan" || m.metric == "chebyshev" || m.metric == "minkowski");
  const auto k = TRY(TRY(model.attribute("n_neighbors")).integer());
  if (!plain || k < 1 || k > m.rows.rows) return std::optional<Memory>{};
  m.k = static_cast<std::size_t>(k);
  m.by_distance = TRY(read_weights(model)) == Weights::by_distance;
  by.costs(m.rows.data.size() * (m.metric == "minkowski" ? 20 : 2));
  const std::size_t count = static_cast<std::size_t>(m.rows.rows), step = std::max<std::size_t>(1, count / 12);
  for (std::size_t i = 0; i < count; i += step) {
    Numbers row(row_at(m.rows, i).begin(), row_at(m.rows, i).end());
    by.try_row(row);
    for (std::size_t c = 0; c < row.size(); ++c) row[c] += (row_at(m.rows, (i + 1) % count)[c] - row[c]) * 0.37;  // between two of them
    by.try_row(std::move(row));
  }
  return std::optional(std::move(m));
}

Made neighbors_classifier(Direct& by, const View& model) {
  const auto labels = classes_of(model);
  const auto memory = TRY(memory_of(by, model));
  if (!labels || !memory) return no_answer();
  const auto y = TRY(TRY(model.attribute("_y")).integers());
  if (static_cast<std::int64_t>(y.size()) != memory->rows.rows) return no_answer();
  for (const auto c : y) {
    if (c < 0 || c >= static_cast<std::int64_t>(labels->count())) return refuse(model, "_y holds a class that isn't there");
  }
  return std::optional<Answerer>([memory = *memory, labels = *labels, y](const Row& row) {
    Numbers votes(labels.count(), 0.0);
    double sum = 0;
    for (const auto& [at, weight] : memory.near(numbers_of(row))) {
      votes[static_cast<std::size_t>(y[at])] += weight;
      sum += weight;
    }
    DirectAnswer answer;
    for (const double v : votes) answer.probabilities.push_back(sum == 0 ? v : v / sum);
    answer.label = labels.shown[first_largest(votes)];
    return answer;
  });
}

Made neighbors_regressor(Direct& by, const View& model) {
  const auto memory = TRY(memory_of(by, model));
  if (!memory) return no_answer();
  const View targets = TRY(model.attribute("_y"));
  const auto y = TRY(targets.doubles());
  const bool one = targets.shape().size() == 1;
  const auto n = static_cast<std::size_t>(memory->rows.rows), width = y.size() / n;
  if (width < 1 || y.size() != n * width) return no_answer();
  return std::optional<Answerer>([memory = *memory, y, width, one](const Row& row) {
    DirectAnswer answer;
    std::vector<Sum> sums(width);
    double weights = 0;
    for (const auto& [at, weight] : memory.near(numbers_of(row))) {
      for (std::size_t c = 0; c < width; ++c) sums[c].add(weight * y[at * width + c]);
      weights += weight;
    }
    for (const Sum& sum : sums) answer.prediction.push_back(sum.value() / weights);
    answer.scalar_prediction = one;
    return answer;
  });
}

// --- centres

Result<Matrix> centers_of(Direct& by, const View& model) {
  Matrix m = TRY(matrix(model, "cluster_centers_"));
  by.costs(2 * m.data.size());
  for (std::size_t i = 0; i < static_cast<std::size_t>(m.rows); ++i) {
    Numbers row(row_at(m, i).begin(), row_at(m, i).end());
    by.try_row(row);
    for (std::size_t c = 0; c < row.size(); ++c) row[c] += (row_at(m, (i + 1) % static_cast<std::size_t>(m.rows))[c] - row[c]) * 0.49;
    by.try_row(std::move(row));
  }
  return m;
}

Made k_means(Direct& by, const View& model) {
  const Matrix centers = TRY(centers_of(by, model));
  if (centers.single || centers.rows < 1) return no_answer();
  return std::optional<Answerer>([centers](const Row& row) {
    const Numbers x = numbers_of(row);
    Numbers closeness;
    for (std::size_t i = 0; i < static_cast<std::size_t>(centers.rows); ++i) closeness.push_back(-expanded_squared(x, row_at(centers, i)));
    DirectAnswer answer;
    answer.cluster = static_cast<std::int64_t>(first_largest(closeness));
    return answer;
  });
}

Result<std::optional<Step>> center_distances(Direct& by, const View& model) {
  const Matrix centers = TRY(centers_of(by, model));
  if (centers.single) return no_step();
  return by_numbers([centers](const Numbers& x) {
    Numbers out;
    for (std::size_t i = 0; i < static_cast<std::size_t>(centers.rows); ++i) out.push_back(std::sqrt(expanded_squared(x, row_at(centers, i))));
    return out;
  });
}

constexpr DirectConverter kConverters[] = {
    {"KNeighborsClassifier", nullptr, neighbors_classifier},
    {"KNeighborsRegressor", nullptr, neighbors_regressor},
    {"KMeans", center_distances, k_means},
    {"MiniBatchKMeans", center_distances, k_means},
};

}  // namespace

std::span<const DirectConverter> direct_nearness() { return kConverters; }

}  // namespace slipway::importers::sklearn
