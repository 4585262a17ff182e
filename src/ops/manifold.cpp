// What lies beyond the nearest rows: shortest ways through them, weights that rebuild a row of them, and values to fill gaps with.
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "slipway/ops/metric.hpp"
#include "slipway/ops/neighbors.hpp"

namespace slipway::ops {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kSystemMax = 2'000;

// Indices [N, k] of rows of a table of `rows`; throws otherwise.
std::span<const std::int64_t> indices_of(const In& in, std::size_t n, std::size_t rows) {
  if (in.shape.size() != 2 || static_cast<std::size_t>(in.shape[0]) != n) throw std::invalid_argument("there must be a row of indices for every row");
  for (const std::int64_t i : in.ints()) {
    if (i < 0 || static_cast<std::size_t>(i) >= rows) throw std::invalid_argument("an index is outside");
  }
  return in.ints();
}

// Inputs: distances [N, k] to rows; ways [m, p] between rows; the rows' indices [N, k] (none: 0 ... k - 1). Gives [N, p]: the shortest
// of the ways that begin at one of the rows. An infinite distance is no way.
class ShortestWays final : public Kernel {
 public:
  explicit ShortestWays(const Setup& setup) : ways_(kept_rows(setup.needed(1), "the ways")) {}
  void compute(std::span<const In> in, Outs& out) const override {
    const Rows distances = rows_of(in[0], "the distances");
    const bool given = in.size() > 2 && in[2].present;
    std::span<const std::int64_t> indices;
    if (given) indices = indices_of(in[2], distances.rows, ways_.rows);
    if (given ? indices.size() != distances.data.size() : distances.columns > ways_.rows) throw std::invalid_argument("distances and ways don't fit");
    const auto y = out.doubles(0, {in[0].shape[0], static_cast<std::int64_t>(ways_.columns)});
    over_rows(out, distances.rows, distances.columns * ways_.columns, [&](std::size_t first, std::size_t last) {
      for (std::size_t r = first; r < last; ++r) {
        double* const row = y.data() + r * ways_.columns;
        std::fill(row, row + ways_.columns, kInfinity);
        for (std::size_t i = 0; i < distances.columns; ++i) {
          const double d = distances.row(r)[i];
          if (d == kInfinity) continue;
          const double* const way = ways_.row(given ? static_cast<std::size_t>(indices[r * distances.columns + i]) : i);
          for (std::size_t c = 0; c < ways_.columns; ++c) row[c] = std::min(row[c], way[c] + d);
        }
      }
    });
  }

 private:
  KeptRows ways_;
};

// Solves G w = 1 for a symmetric positive G (size x size), in place; false: it isn't positive.
bool solve_for_ones(std::vector<double>& g, std::size_t n, std::vector<double>& w) {
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      double v = g[i * n + j];
      for (std::size_t k = 0; k < j; ++k) v -= g[i * n + k] * g[j * n + k];
      if (i == j && !(v > 0)) return false;
      g[i * n + j] = i == j ? std::sqrt(v) : v / g[j * n + j];
    }
  }
  w.assign(n, 1.0);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < i; ++k) w[i] -= g[i * n + k] * w[k];
    w[i] /= g[i * n + i];
  }
  for (std::size_t i = n; i-- > 0;) {
    for (std::size_t k = i + 1; k < n; ++k) w[i] -= g[k * n + i] * w[k];
    w[i] /= g[i * n + i];
  }
  return true;
}

// Inputs: x; the rows; regularisation; indices [N, k] of neighbours. Gives [N, k]: weights, of sum one, that rebuild x best.
class Barycenter final : public Kernel {
 public:
  explicit Barycenter(const Setup& setup) : rows_(kept_rows(setup.needed(1), "the rows")) {
    const In regularisation = setup.needed(2);
    if (regularisation.count() != 1) throw std::invalid_argument("the regularisation must be one number");
    regularisation_ = regularisation.doubles()[0];
  }
  void compute(std::span<const In> in, Outs& out) const override {
    const Rows x = rows_of(in[0], "the first input");
    expect_columns(x, rows_.columns);
    const auto indices = indices_of(in[3], x.rows, rows_.rows);
    const std::size_t k = in[3].shape.size() == 2 ? static_cast<std::size_t>(in[3].shape[1]) : 0;
    if (k > kSystemMax) throw std::invalid_argument("too many neighbours");
    const auto y = out.doubles(0, {in[0].shape[0], static_cast<std::int64_t>(k)});
    over_rows(out, x.rows, k * k * (k + rows_.columns), [&](std::size_t first, std::size_t last) {
      std::vector<double> differences(k * rows_.columns), g(k * k), w;
      for (std::size_t r = first; r < last; ++r) {
        for (std::size_t i = 0; i < k; ++i) {
          const double* const row = rows_.row(static_cast<std::size_t>(indices[r * k + i]));
          for (std::size_t c = 0; c < rows_.columns; ++c) differences[i * rows_.columns + c] = row[c] - x.row(r)[c];
        }
        double trace = 0;
        for (std::size_t i = 0; i < k; ++i) {
          for (std::size_t j = 0; j < k; ++j) {
            g[i * k + j] = fused_dot(&differences[i * rows_.columns], &differences[j * rows_.columns], rows_.columns);
          }
          trace += g[i * k + i];
        }
        for (std::size_t i = 0; i < k; ++i) g[i * k + i] += trace > 0 ? regularisation_ * trace : regularisation_;
        if (!solve_for_ones(g, k, w)) w.assign(k, kNan);
        double sum = 0;
        for (const double v : w) sum += v;
        for (std::size_t i = 0; i < k; ++i) y[r * k + i] = w[i] / sum;
      }
    });
  }

 private:
  KeptRows rows_;
  double regularisation_ = 0;
};

// Inputs: x; the rows; the number that stands for a missing one. Gives x with gaps filled from the k nearest rows that have a value
// there, by distances over the columns that both rows have. weights "uniform" or "distance". Columns that no row has stay as they are.
class FillByNeighbors final : public Kernel {
 public:
  explicit FillByNeighbors(const Setup& setup)
      : rows_(kept_rows(setup.needed(1), "the rows")),
        k_(setup.integer("k", 5)),
        by_distance_(setup.text("weights", "uniform") == "distance"),
        counts_unknown_(setup.integer("counts_unknown", 0) != 0),
        norm_(Expanded::norm_of(setup.text("form", "expanded"))) {
    const In marker = setup.needed(2);
    if (marker.count() != 1) throw std::invalid_argument("the marker must be one number");
    marker_ = marker.doubles()[0];
    if (k_ < 1) throw std::invalid_argument("at least one neighbour is needed");
    const std::size_t n = rows_.columns;
    filled_ = rows_.data;
    missing_.resize(filled_.size());
    squares_.resize(filled_.size());
    means_.assign(n, 0);
    std::vector<double> counts(n, 0);
    for (std::size_t i = 0; i < filled_.size(); ++i) {
      missing_[i] = is_missing(filled_[i]) ? 1 : 0;
      if (missing_[i] != 0)
        filled_[i] = 0;
      else
        counts[i % n] += 1;
      means_[i % n] += filled_[i];
      squares_[i] = filled_[i] * filled_[i];
    }
    for (std::size_t c = 0; c < n; ++c) {
      known_.push_back(counts[c] > 0);
      means_[c] /= counts[c];
    }
    for (std::size_t i = 0; i < rows_.rows; ++i) norms_.push_back(Expanded::norm(&filled_[i * n], n, norm_));
  }

  void compute(std::span<const In> in, Outs& out) const override {
    const Rows x = rows_of(in[0], "the first input");
    expect_columns(x, rows_.columns);
    const auto y = out.doubles(0, in[0].shape);
    std::copy(x.data.begin(), x.data.end(), y.begin());
    over_rows(out, x.rows, rows_.rows * rows_.columns, [&](std::size_t first, std::size_t last) {
      std::vector<double> distances;
      for (std::size_t r = first; r < last; ++r) fill(x.row(r), y.data() + r * rows_.columns, distances);
    });
  }

 private:
  bool is_missing(double v) const { return std::isnan(marker_) ? std::isnan(v) : v == marker_; }

  void fill(const double* x, double* y, std::vector<double>& distances) const {
    bool measured = false;
    for (std::size_t c = 0; c < rows_.columns; ++c) {
      if (!is_missing(x[c]) || !known_[c]) continue;
      if (!measured) measure(x, distances);
      measured = true;
      y[c] = value(c, distances);
    }
  }

  // Euclidean, over what both have, scaled up to all columns; no number where they share none.
  void measure(const double* x, std::vector<double>& distances) const {
    const std::size_t n = rows_.columns;
    std::vector<double> filled(x, x + n), missing(n, 0.0), squares(n);
    for (std::size_t c = 0; c < n; ++c) {
      if (is_missing(x[c])) filled[c] = 0, missing[c] = 1;
      squares[c] = filled[c] * filled[c];
    }
    const double norm = Expanded::norm(filled.data(), n, norm_);
    distances.resize(rows_.rows);
    for (std::size_t i = 0; i < rows_.rows; ++i) {
      const double* const row = &filled_[i * n];
      const double* const gaps = &missing_[i * n];
      double d = std::max(0.0, (-2 * fused_dot(filled.data(), row, n) + norm) + norms_[i]);
      d -= fused_dot(squares.data(), gaps, n);
      d -= fused_dot(missing.data(), &squares_[i * n], n);
      d = std::max(0.0, d);
      double shared = 0;
      for (std::size_t c = 0; c < n; ++c) shared += (1 - missing[c]) * (1 - gaps[c]);
      distances[i] = shared == 0 ? kNan : std::sqrt(d / shared * static_cast<double>(n));
    }
  }

  double value(std::size_t column, const std::vector<double>& distances) const {
    const std::size_t n = rows_.columns;
    std::vector<std::size_t> donors;
    bool some = false;
    for (std::size_t i = 0; i < rows_.rows; ++i) {
      if (missing_[i * n + column] != 0) continue;
      donors.push_back(i);
      some = some || !std::isnan(distances[i]);
    }
    if (!some) return means_[column];
    const std::size_t k = std::min(donors.size(), static_cast<std::size_t>(k_));
    std::vector<double> own;
    for (const std::size_t i : donors) own.push_back(distances[i]);
    Partition partition;
    std::vector<std::size_t> chosen;
    const auto& places = partition.first(own, k);
    for (std::size_t i = 0; i < k; ++i) chosen.push_back(donors[places[i]]);
    bool exact = false;
    for (std::size_t i = 0; i < k; ++i) exact = exact || distances[chosen[i]] == 0;
    double sum = 0, total = 0;
    for (std::size_t i = 0; i < k; ++i) {
      const double d = distances[chosen[i]];
      double weight = 1;
      if (by_distance_)
        weight = exact ? (d == 0 ? 1 : 0) : std::isnan(d) ? 0 : 1 / d;
      else if (std::isnan(d) && !counts_unknown_)
        weight = 0;
      sum += rows_.row(chosen[i])[column] * weight;
      total += weight;
    }
    return sum / total;
  }

  KeptRows rows_;
  std::int64_t k_;
  bool by_distance_, counts_unknown_;
  Expanded::Norm norm_;
  double marker_ = kNan;
  std::vector<double> filled_, missing_, squares_, means_, norms_;
  std::vector<bool> known_;
};

}  // namespace

std::unique_ptr<Kernel> make_ShortestWays(const Setup& setup) { return std::make_unique<ShortestWays>(setup); }
std::unique_ptr<Kernel> make_Barycenter(const Setup& setup) { return std::make_unique<Barycenter>(setup); }
std::unique_ptr<Kernel> make_FillByNeighbors(const Setup& setup) { return std::make_unique<FillByNeighbors>(setup); }

}  // namespace slipway::ops
