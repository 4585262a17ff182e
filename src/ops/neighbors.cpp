// Neighbours by exact scans: all distances, the k nearest rows, and votes of the rows within a radius.
#include "slipway/ops/neighbors.hpp"

#include <cmath>
#include <optional>
#include <string>

#include "slipway/ops/metric.hpp"

namespace slipway::ops {
namespace {

// --- |x|^2 - 2 x.y + |y|^2 against many rows: y lies in panels of eight rows, column by column
constexpr std::size_t kPanel = 8;

using Lanes [[gnu::vector_size(32), gnu::aligned(8)]] = double;

__attribute__((target("fma,avx2"))) void panel_dots_fast(const double* x, const double* panel, std::size_t n, double* dots) {
  Lanes low{}, high{};
  for (std::size_t i = 0; i < n; ++i) {
    const Lanes* const row = reinterpret_cast<const Lanes*>(panel + i * kPanel);
    const Lanes factor{x[i], x[i], x[i], x[i]};
    low = __builtin_ia32_vfmaddpd256(factor, row[0], low);
    high = __builtin_ia32_vfmaddpd256(factor, row[1], high);
  }
  for (std::size_t j = 0; j < 4; ++j) {
    dots[j] = low[j];
    dots[j + 4] = high[j];
  }
}
void panel_dots_plain(const double* x, const double* panel, std::size_t n, double* dots) {
  for (std::size_t j = 0; j < kPanel; ++j) dots[j] = 0;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < kPanel; ++j) dots[j] = std::fma(x[i], panel[i * kPanel + j], dots[j]);
  }
}

void panel_dots_unfused(const double* x, const double* panel, std::size_t n, double* dots) {  // as sparse products are
  for (std::size_t j = 0; j < kPanel; ++j) dots[j] = 0;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < kPanel; ++j) dots[j] += x[i] * panel[i * kPanel + j];
  }
}

class ExpandedRows {
 public:
  ExpandedRows(const KeptRows& y, Expanded::Norm kind)
      : rows_(y.rows), columns_(y.columns), kind_(kind == Expanded::Norm::plain ? Expanded::Norm::dot : kind) {
    panels_.assign((rows_ + kPanel - 1) / kPanel * kPanel * columns_, 0);
    for (std::size_t r = 0; r < rows_; ++r) {
      norms_.push_back(Expanded::norm(y.row(r), columns_, kind));
      for (std::size_t c = 0; c < columns_; ++c) panels_[r / kPanel * kPanel * columns_ + c * kPanel + r % kPanel] = y.row(r)[c];
    }
    dots_ = __builtin_cpu_supports("fma") && __builtin_cpu_supports("avx2") ? panel_dots_fast : panel_dots_plain;
    if (kind == Expanded::Norm::plain) dots_ = panel_dots_unfused;
  }
  // Calls take(distance squared, row) in order of rows.
  template <typename Take>
  void each(const double* x, const Take& take) const {
    const double norm = Expanded::norm(x, columns_, kind_);
    double dots[kPanel];
    for (std::size_t first = 0; first < rows_; first += kPanel) {
      dots_(x, panels_.data() + first * columns_, columns_, dots);
      for (std::size_t j = 0; j < kPanel && first + j < rows_; ++j) {
        const double squared = (norm + -2 * dots[j]) + norms_[first + j];
        take(squared > 0 ? squared : std::isnan(squared) ? squared : 0.0, first + j);
      }
    }
  }

 private:
  std::size_t rows_, columns_;
  Expanded::Norm kind_;
  std::vector<double> panels_, norms_;
  void (*dots_)(const double*, const double*, std::size_t, double*);
};

// Rows to be near to, and how: "plain" (differences), or by the formula above (Expanded::norm_of; euclidean only).
class Reference {
 public:
  explicit Reference(const Setup& setup, std::size_t parameters_at)
      : y_(kept_rows(setup.needed(1), "the rows to compare with")), metric_(metric_of(setup, std::max<std::size_t>(y_.columns, 1), parameters_at)) {
    if (y_.rows == 0 || y_.columns == 0) throw std::invalid_argument("there are no rows to compare with");
    const std::string form = setup.text("form", "plain");
    if (form == "plain") return;
    if (!metric_.has_expanded_form()) throw std::invalid_argument("only euclidean distances have the expanded form");
    expanded_.emplace(y_, Expanded::norm_of(form));
  }
  // take(reduced distance, row)
  template <typename Take>
  void each(const double* x, const Take& take) const {
    if (expanded_) return expanded_->each(x, take);
    for (std::size_t i = 0; i < y_.rows; ++i) take(metric_.reduced(x, y_.row(i)), i);
  }
  std::size_t rows() const { return y_.rows; }
  std::size_t columns() const { return y_.columns; }
  std::size_t work() const { return y_.rows * y_.columns; }
  const Metric& metric() const { return metric_; }

 private:
  KeptRows y_;
  Metric metric_;
  std::optional<ExpandedRows> expanded_;
};

class Distances final : public Kernel {
 public:
  explicit Distances(const Setup& setup) : to_(setup, 2), reduced_(setup.integer("reduced", 0) != 0) {}
  void compute(std::span<const In> in, Outs& out) const override {
    const Rows x = rows_of(in[0], "the first input");
    expect_columns(x, to_.columns());
    const auto y = out.doubles(0, {in[0].shape[0], static_cast<std::int64_t>(to_.rows())});
    over_rows(out, x.rows, to_.work(), [&](std::size_t first, std::size_t last) {
      for (std::size_t r = first; r < last; ++r) {
        double* row = y.data() + r * to_.rows();
        to_.each(x.row(r), [&](double d, std::size_t i) { row[i] = reduced_ ? d : to_.metric().full(d); });
      }
    });
  }

 private:
  Reference to_;
  bool reduced_;
};

class Nearest final : public Kernel {
 public:
  explicit Nearest(const Setup& setup) : to_(setup, 2), k_(setup.integer("k", 1)), partitions_(setup.integer("partitions", 0) != 0) {
    if (k_ < 1 || static_cast<std::size_t>(k_) > to_.rows())
      throw std::invalid_argument("there are no " + std::to_string(k_) + " nearest of " + std::to_string(to_.rows()) + " rows");
  }
  void compute(std::span<const In> in, Outs& out) const override {
    const Rows x = rows_of(in[0], "the first input");
    expect_columns(x, to_.columns());
    const auto distances = out.doubles(0, {in[0].shape[0], k_});
    const auto indices = out.ints(1, {in[0].shape[0], k_});
    const auto k = static_cast<std::size_t>(k_);
    over_rows(out, x.rows, to_.work(), [&](std::size_t first, std::size_t last) {
      NearestHeap heap(k);
      std::vector<std::size_t> order;
      Partition partition;
      std::vector<double> all(partitions_ ? to_.rows() : 0);
      for (std::size_t r = first; r < last; ++r) {
        double* const row = distances.data() + r * k;
        if (partitions_) {
          const bool as_is = to_.metric().has_expanded_form();  // euclidean distances are compared squared, others whole
          to_.each(x.row(r), [&](double d, std::size_t i) { all[i] = as_is ? d : to_.metric().full(d); });
          const auto& places = partition.first(all, k);
          for (std::size_t i = 0; i < k; ++i) {
            indices[r * k + i] = static_cast<std::int64_t>(places[i]);
            row[i] = as_is ? to_.metric().full(all[places[i]]) : all[places[i]];
          }
          continue;
        }
        heap.clear();
        to_.each(x.row(r), [&](double d, std::size_t i) { heap.push(d, static_cast<std::int64_t>(i)); });
        heap.sorted(row, indices.data() + r * k, order);
        for (std::size_t i = 0; i < k; ++i) row[i] = to_.metric().full(row[i]);
      }
    });
  }

 private:
  Reference to_;
  std::int64_t k_;
  bool partitions_;
};

// Inputs x, y, radius, values [rows of y, columns]: sums [N, columns] of the values of the rows within the radius, each times its weight
// (1, or 1/distance; where some are at distance 0 only those count, once each), the sum [N] of the weights, and how many rows [N].
class WithinRadius final : public Kernel {
 public:
  explicit WithinRadius(const Setup& setup)
      : to_(setup, 4), values_(kept_rows(setup.needed(3), "the values")), by_distance_(setup.text("weights", "uniform") == "distance") {
    const In radius = setup.needed(2);
    if (radius.count() != 1) throw std::invalid_argument("the radius must be one number");
    if (values_.rows != to_.rows()) throw std::invalid_argument("there must be values for every row");
    reduced_radius_ = to_.metric().to_reduced(radius.doubles()[0]);
    full_radius_ = radius.doubles()[0];
    by_full_ = setup.integer("full", 0) != 0;
    needed_ = setup.integer("needed", 0) != 0;
  }
  void compute(std::span<const In> in, Outs& out) const override {
    const Rows x = rows_of(in[0], "the first input");
    expect_columns(x, to_.columns());
    const auto n = in[0].shape[0];
    const auto sums = out.doubles(0, {n, static_cast<std::int64_t>(values_.columns)});
    const auto weights = out.doubles(1, {n});
    const auto counts = out.ints(2, {n});
    over_rows(out, x.rows, to_.work(), [&](std::size_t first, std::size_t last) {
      std::vector<std::pair<std::size_t, double>> near;
      for (std::size_t r = first; r < last; ++r) {
        near.clear();
        bool exact = false;
        to_.each(x.row(r), [&](double d, std::size_t i) {
          const double full = by_distance_ || by_full_ ? to_.metric().full(d) : 0;
          if (by_full_ ? !(full <= full_radius_) : !(d <= reduced_radius_)) return;
          near.emplace_back(i, full);
          exact = exact || full == 0;
        });
        add_up(near, exact, sums.data() + r * values_.columns, weights[r]);
        counts[r] = static_cast<std::int64_t>(near.size());
      }
    });
    for (std::size_t r = 0; needed_ && r < x.rows; ++r) {
      if (counts[r] == 0)
        throw std::invalid_argument("row " + std::to_string(r) + " has no neighbours within the radius, and the model has no label for that");
    }
  }

 private:
  void add_up(const std::vector<std::pair<std::size_t, double>>& near, bool exact, double* sums, double& total) const {
    std::fill(sums, sums + values_.columns, 0.0);
    total = 0;
    for (const auto& [i, distance] : near) {
      const double weight = !by_distance_ ? 1 : exact ? (distance == 0 ? 1 : 0) : 1 / distance;
      total += weight;
      for (std::size_t c = 0; c < values_.columns; ++c) sums[c] += values_.row(i)[c] * weight;
    }
  }
  Reference to_;
  KeptRows values_;
  bool by_distance_, by_full_ = false, needed_ = false;
  double reduced_radius_ = 0, full_radius_ = 0;
};

}  // namespace

std::unique_ptr<Kernel> make_Distances(const Setup& setup) { return std::make_unique<Distances>(setup); }
std::unique_ptr<Kernel> make_Nearest(const Setup& setup) { return std::make_unique<Nearest>(setup); }
std::unique_ptr<Kernel> make_WithinRadius(const Setup& setup) { return std::make_unique<WithinRadius>(setup); }

}  // namespace slipway::ops
