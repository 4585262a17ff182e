// Steps of probability models that no standard operator has: pairwise coupling, triangular systems, the Bessel function of Matérn
// kernels, interpolation between knots, and categories as whole numbers.
#include <algorithm>
#include <cmath>
#include <limits>

#include "slipway/ops/kernel.hpp"

namespace slipway::ops {
namespace {

constexpr std::size_t kParallelWork = 1 << 16;

void for_rows(Outs& out, std::size_t rows, std::size_t work, const std::function<void(std::size_t)>& row) {
  if (rows > 1 && work > kParallelWork) {
    out.parallel(rows, row);
  } else {
    for (std::size_t r = 0; r < rows; ++r) row(r);
  }
}

// Class probabilities from those of each pair (Wu, Lin and Weng's second method), with libsvm's start, order of updates, stopping
// rule and limit of rounds: it stops early, so that another solver of the same system would answer other digits.
class PairwiseCoupling final : public Kernel {
 public:
  explicit PairwiseCoupling(std::size_t classes) : k_(classes) {}

  void compute(std::span<const In> in, Outs& out) const override {
    const In& pairs = in[0];
    const std::size_t width = k_ * (k_ - 1) / 2;
    if (pairs.shape.size() != 2 || static_cast<std::size_t>(pairs.shape[1]) != width)
      throw std::invalid_argument("there must be one probability a pair of classes");
    const auto rows = static_cast<std::size_t>(pairs.shape[0]);
    const auto p = out.doubles(0, {pairs.shape[0], static_cast<std::int64_t>(k_)});
    const double* r = pairs.doubles().data();
    for_rows(out, rows, rows * k_ * k_ * 16, [&](std::size_t row) { couple(r + row * width, p.data() + row * k_); });
  }

 private:
  void couple(const double* pairs, double* p) const {
    std::vector<double> r(k_ * k_), q(k_ * k_, 0.0), qp(k_);
    for (std::size_t i = 0; i < k_; ++i) {
      for (std::size_t j = i + 1; j < k_; ++j) {
        r[i * k_ + j] = *pairs++;
        r[j * k_ + i] = 1 - r[i * k_ + j];
      }
    }
    for (std::size_t t = 0; t < k_; ++t) {
      p[t] = 1.0 / static_cast<double>(k_);
      for (std::size_t j = 0; j < k_; ++j) {
        if (j == t) continue;
        q[t * k_ + t] += r[j * k_ + t] * r[j * k_ + t];
        q[t * k_ + j] = j < t ? q[j * k_ + t] : -r[j * k_ + t] * r[t * k_ + j];
      }
    }
    const double tolerance = 0.005 / static_cast<double>(k_);
    const std::size_t rounds = std::max<std::size_t>(100, k_);
    for (std::size_t round = 0; round < rounds; ++round) {
      double pqp = 0;
      for (std::size_t t = 0; t < k_; ++t) {
        qp[t] = 0;
        for (std::size_t j = 0; j < k_; ++j) qp[t] += q[t * k_ + j] * p[j];
        pqp += p[t] * qp[t];
      }
      double largest = 0;
      for (std::size_t t = 0; t < k_; ++t) largest = std::max(largest, std::abs(qp[t] - pqp));
      if (largest < tolerance) break;
      for (std::size_t t = 0; t < k_; ++t) {
        const double change = (-qp[t] + pqp) / q[t * k_ + t];
        p[t] += change;
        pqp = (pqp + change * (change * q[t * k_ + t] + 2 * qp[t])) / (1 + change) / (1 + change);
        for (std::size_t j = 0; j < k_; ++j) {
          qp[j] = (qp[j] + change * q[t * k_ + j]) / (1 + change);
          p[j] /= 1 + change;
        }
      }
    }
  }
  std::size_t k_;
};

// Each row b solved for v in L v = b, by substitution down the lower triangle.
class TriangularSolve final : public Kernel {
 public:
  void compute(std::span<const In> in, Outs& out) const override {
    const In &b = in[0], &l = in[1];
    if (b.shape.size() != 2 || l.shape.size() != 2 || l.shape[0] != l.shape[1] || b.shape[1] != l.shape[0])
      throw std::invalid_argument("the rows don't fit the triangular matrix");
    const auto rows = static_cast<std::size_t>(b.shape[0]), n = static_cast<std::size_t>(l.shape[0]);
    const auto v = out.doubles(0, b.shape);
    const double *from = b.doubles().data(), *lower = l.doubles().data();
    for_rows(out, rows, rows * n * n, [&](std::size_t row) {
      const double* right = from + row * n;
      double* solved = v.data() + row * n;
      for (std::size_t i = 0; i < n; ++i) {
        double sum = right[i];
        for (std::size_t j = 0; j < i; ++j) sum -= lower[i * n + j] * solved[j];
        solved[i] = sum / lower[i * n + i];
      }
    });
  }
};

// K_nu(x), the modified Bessel function of the second kind; infinite at 0, NaN below.
double bessel_k(double order, double x) {
  if (std::isnan(x) || x < 0) return std::nan("");
  if (x == 0) return std::numeric_limits<double>::infinity();
  if (x > 1e4) return 0;  // below the smallest double, whatever the order
  try {
    return std::cyl_bessel_k(order, x);
  } catch (const std::exception&) { return std::nan(""); }  // its series didn't converge
}

class BesselK final : public Kernel {
 public:
  void compute(std::span<const In> in, Outs& out) const override {
    if (in[1].count() != 1) throw std::invalid_argument("the order must be one number");
    const double order = std::abs(in[1].doubles()[0]);
    if (!(order <= 1000)) throw std::invalid_argument("the order must be at most 1000");
    const auto x = in[0].doubles();
    const auto y = out.doubles(0, in[0].shape);
    const std::size_t rows = in[0].rows(), width = rows == 0 ? 0 : x.size() / rows;
    for_rows(out, rows, x.size() * 64, [&](std::size_t row) {
      for (std::size_t i = row * width; i < (row + 1) * width; ++i) y[i] = bessel_k(order, x[i]);
    });
  }
};

// Straight lines between knots in ascending order, as numpy.interp draws them. Outside of the knots: NaN, or an error.
class PiecewiseLinear final : public Kernel {
 public:
  PiecewiseLinear(bool raises, std::int64_t single) : raises_(raises), single_(single) {}

  void compute(std::span<const In> in, Outs& out) const override {
    const auto x = in[0].doubles(), knots = in[1].doubles(), values = in[2].doubles();
    if (knots.empty() || knots.size() != values.size()) throw std::invalid_argument("knots and their values differ in number");
    const auto y = out.doubles(0, in[0].shape);
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (!(x[i] >= knots.front() && x[i] <= knots.back())) {
        if (raises_) throw std::invalid_argument("a value is outside of the range that the model was trained on");
        y[i] = std::nan("");
        continue;
      }
      if (single_ != 0 && knots.size() > 1) {
        y[i] = in_single(knots, values, static_cast<float>(x[i]));
        continue;
      }
      const auto above = static_cast<std::size_t>(std::upper_bound(knots.begin(), knots.end(), x[i]) - knots.begin());
      const std::size_t at = above - 1;
      if (at + 1 == knots.size() || x[i] == knots[at]) {
        y[i] = values[at];
      } else {
        const double slope = (values[at + 1] - values[at]) / (knots[at + 1] - knots[at]);
        y[i] = slope * (x[i] - knots[at]) + values[at];
      }
    }
  }

 private:
  // As scipy.interpolate.interp1d does with arrays of float32: the segment that ends at or after x, in float32 throughout.
  double in_single(std::span<const double> knots, std::span<const double> values, float x) const {
    const auto found = static_cast<std::size_t>(std::lower_bound(knots.begin(), knots.end(), static_cast<double>(x)) - knots.begin());
    const std::size_t high = std::clamp<std::size_t>(found, 1, knots.size() - 1), low = high - 1;
    const auto x0 = static_cast<float>(knots[low]), x1 = static_cast<float>(knots[high]);
    const auto y0 = static_cast<float>(values[low]), y1 = static_cast<float>(values[high]);
    if (single_ == 2) {  // scipy 1.18
      const float upper = (x - x0) / (x1 - x0) * y1, lower = (x1 - x) / (x1 - x0) * y0;
      return upper + lower;
    }
    const float slope = (y1 - y0) / (x1 - x0);
    const float product = slope * (x - x0);
    return product + y0;
  }
  bool raises_;
  std::int64_t single_;
};

// Numbers as categories 0 ... count - 1 of their column, cut to whole numbers; another one is an error, as indexing a table with it.
class CategoryIndex final : public Kernel {
 public:
  void compute(std::span<const In> in, Outs& out) const override {
    const auto x = in[0].doubles();
    const auto counts = in[1].ints();
    if (in[0].shape.size() != 2 || in[0].columns() != counts.size()) {
      if (in[0].rows() != 0) throw std::invalid_argument("there must be one count of categories a column");
    }
    const auto index = out.ints(0, in[0].shape);
    for (std::size_t i = 0; i < x.size(); ++i) {
      const std::int64_t count = counts[i % counts.size()];
      const double whole = std::trunc(x[i]);
      if (!(whole >= 0 && whole < static_cast<double>(count))) {
        throw std::invalid_argument("column " + std::to_string(i % counts.size()) +
                                    " has a category that the model wasn't trained on; they are 0 to " + std::to_string(count - 1));
      }
      index[i] = static_cast<std::int64_t>(whole);
    }
  }
};

}  // namespace

std::unique_ptr<Kernel> make_PairwiseCoupling(const Setup& setup) {
  const std::int64_t classes = setup.integer("classes", 0);
  if (classes < 2 || classes > 2000) throw std::invalid_argument("the number of classes must be 2 to 2000");
  return std::make_unique<PairwiseCoupling>(static_cast<std::size_t>(classes));
}
std::unique_ptr<Kernel> make_TriangularSolve(const Setup&) { return std::make_unique<TriangularSolve>(); }
std::unique_ptr<Kernel> make_BesselK(const Setup&) { return std::make_unique<BesselK>(); }
std::unique_ptr<Kernel> make_PiecewiseLinear(const Setup& setup) {
  return std::make_unique<PiecewiseLinear>(setup.text("outside", "nan") == "raise", setup.integer("single", 0));
}
std::unique_ptr<Kernel> make_CategoryIndex(const Setup&) { return std::make_unique<CategoryIndex>(); }

}  // namespace slipway::ops
