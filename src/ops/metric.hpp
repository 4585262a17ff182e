// Metric: distances between rows of doubles as the scientific Python libraries compute them, in their order of operations, so that ties
// fall as theirs do. One value a kernel; distance() is const and called from many threads at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "slipway/ops/kernel.hpp"

namespace slipway::ops {

class Metric {
 public:
  using Function = double (*)(const Metric&, const double*, const double*);
  enum class Root : std::uint8_t { none, square, p };

  // p: the exponent of minkowski; given: its weights, the variances of seuclidean, or the inverse covariance of mahalanobis
  // (columns x columns). Throws for names that are not known and for parameters that don't fit `columns`.
  Metric(std::string_view name, std::size_t columns, double p, std::span<const double> given);

  // Cheaper than the distance and in the same order: without the last root.
  double reduced(const double* a, const double* b) const { return function_(*this, a, b); }
  double distance(const double* a, const double* b) const { return full(reduced(a, b)); }
  double full(double reduced) const;     // distance of a reduced one
  double to_reduced(double full) const;  // and back
  std::size_t columns() const { return columns_; }
  double p() const { return p_; }
  bool has_expanded_form() const { return euclidean_; }  // euclidean, and its square
  std::span<const double> given() const { return given_; }

 private:
  Function function_ = nullptr;
  Root root_ = Root::none;
  bool euclidean_ = false;
  std::size_t columns_;
  double p_;
  std::vector<double> given_;
};

// Squared euclidean distances by |a|^2 - 2 a.b + |b|^2, with the rounding of the BLAS that the libraries run on.
struct Expanded {
  // How |a|^2 is added up: as numpy's einsum does (old: before 1.21), as BLAS's dot, or one by one (of sparse rows).
  enum class Norm : std::uint8_t { einsum, einsum_old, dot, plain };
  static Norm norm_of(std::string_view form);  // of "expanded", "expanded_old", "expanded_dot", "expanded_sparse"
  static double norm(const double* a, std::size_t n, Norm kind);
  static double dot(const double* a, const double* b, std::size_t n);  // as a matrix product rounds it: fused, in order
};
double fused_dot(const double* a, const double* b, std::size_t n);

// Inputs (from, first at `at`): p as a number, and what the metric is given besides; both optional.
Metric metric_of(const Setup& setup, std::size_t columns, std::size_t at);

// A matrix [rows, columns] of finite shape that a kernel was given; throws where it isn't one.
struct Rows {
  std::span<const double> data;
  std::size_t rows = 0, columns = 0;
  const double* row(std::size_t i) const { return data.data() + i * columns; }
};
Rows rows_of(const In& in, const char* what);
// The same, kept.
struct KeptRows {
  std::vector<double> data;
  std::size_t rows = 0, columns = 0;
  const double* row(std::size_t i) const { return data.data() + i * columns; }
};
KeptRows kept_rows(const In& in, const char* what);
void expect_columns(const Rows& x, std::size_t columns);

// Calls each(first, last) over blocks of rows, in parallel when the work (in multiplications) is worth it.
void over_rows(Outs& out, std::size_t rows, std::size_t work_per_row, const std::function<void(std::size_t, std::size_t)>& each);

}  // namespace slipway::ops
