// Columns of numbers to other columns: what preprocessing and kernel approximations compute and standard operators don't say.
#include <algorithm>
#include <cmath>
#include <limits>

#include "slipway/ops/kernel.hpp"
#include "slipway/ops/sparse.hpp"
#include "slipway/ops/special.hpp"

namespace slipway::ops {
namespace {

// [rows, columns] of a matrix that is given in compute().
struct Size {
  std::size_t rows, columns;
};
Size matrix_of(const In& in, const char* name) {
  if (in.shape.size() != 2) throw std::invalid_argument(std::string(name) + " must be a matrix");
  return {static_cast<std::size_t>(in.shape[0]), static_cast<std::size_t>(in.shape[1])};
}
void expect(bool holds, const char* what) {
  if (!holds) throw std::invalid_argument(what);
}
std::vector<std::int64_t> shape_of(std::size_t rows, std::size_t columns) {
  return {static_cast<std::int64_t>(rows), static_cast<std::int64_t>(columns)};
}

// Passes numbers on, and refuses a row whose number isn't above a bound; NaN passes.
class RequireAbove final : public Kernel {
 public:
  explicit RequireAbove(const Setup& setup) : strict_(setup.integer("strict", 1) != 0), what_(setup.text("what", "a value is out of range")) {}
  void compute(std::span<const In> in, Outs& out) const override {
    expect(in[1].count() == 1, "the bound must be one number");
    const double low = in[1].doubles()[0];
    const auto x = in[0].doubles();
    for (const double v : x) {
      if (strict_ ? v <= low : v < low) throw std::invalid_argument(what_);
    }
    std::copy(x.begin(), x.end(), out.doubles(0, in[0].shape).begin());
  }

 private:
  bool strict_;
  std::string what_;
};

// Passes numbers on where everything is known.
class RequireKnown final : public Kernel {
 public:
  explicit RequireKnown(const Setup& setup) : what_(setup.text("what", "a value is not known")) {}
  void compute(std::span<const In> in, Outs& out) const override {
    for (const bool known : in[0].booleans()) {
      if (!known) throw std::invalid_argument(what_);
    }
    const auto x = in[1].doubles();
    std::copy(x.begin(), x.end(), out.doubles(0, in[1].shape).begin());
  }

 private:
  std::string what_;
};

// How many of a column's ascending edges are not above the number. counts: the edges of each column.
class Digitize final : public Kernel {
 public:
  explicit Digitize(const Setup& setup) : counts_(setup.integers("counts")) {
    for (const std::int64_t n : counts_) expect(n >= 0 && n < 0x7fffffff, "a count of edges is out of range");
  }
  void compute(std::span<const In> in, Outs& out) const override {
    const Size size = matrix_of(in[0], "x");
    const auto x = in[0].doubles(), edges = in[1].doubles();
    expect(size.columns == counts_.size(), "there must be one count a column");
    std::vector<std::size_t> begin{0};
    for (const std::int64_t n : counts_) begin.push_back(begin.back() + static_cast<std::size_t>(n));
    expect(begin.back() == edges.size(), "the counts don't fit the edges");
    const auto y = out.doubles(0, in[0].shape);
    for (std::size_t i = 0; i < x.size(); ++i) {
      const std::size_t c = i % size.columns;
      const auto first = edges.begin() + static_cast<std::ptrdiff_t>(begin[c]), last = edges.begin() + static_cast<std::ptrdiff_t>(begin[c + 1]);
      y[i] = static_cast<double>(std::upper_bound(first, last, x[i]) - first);
    }
  }

 private:
  std::vector<std::int64_t> counts_;
};

// numpy.interp: the last of equal points counts; beyond the ends the ends' values. sign -1: of (-x, points and values reversed and negated).
double interpolated(double x, const double* points, std::size_t stride, std::span<const double> values, bool mirrored) {
  const std::size_t n = values.size();
  const auto point = [&](std::size_t i) { return mirrored ? -points[(n - 1 - i) * stride] : points[i * stride]; };
  const auto value = [&](std::size_t i) { return mirrored ? -values[n - 1 - i] : values[i]; };
  if (x > point(n - 1)) return value(n - 1);
  std::size_t low = 0, high = n;  // the first point above x
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    if (x >= point(middle))
      low = middle + 1;
    else
      high = middle;
  }
  if (low == 0) return value(0);
  const std::size_t j = low - 1;
  if (j == n - 1 || point(j) == x) return value(j);
  const double slope = (value(j + 1) - value(j)) / (point(j + 1) - point(j));
  const double y = slope * (x - point(j)) + value(j);
  if (!std::isnan(y)) return y;
  const double other = slope * (x - point(j + 1)) + value(j + 1);
  return std::isnan(other) && value(j) == value(j + 1) ? value(j) : other;
}

class QuantileTransform final : public Kernel {
 public:
  explicit QuantileTransform(const Setup& setup) : normal_(setup.integer("normal", 0) != 0) {}
  void compute(std::span<const In> in, Outs& out) const override {
    const Size size = matrix_of(in[0], "x"), table = matrix_of(in[1], "the quantiles");
    const auto x = in[0].doubles(), quantiles = in[1].doubles(), references = in[2].doubles();
    expect(table.columns == size.columns && table.rows == references.size() && table.rows > 0, "the quantiles don't fit");
    const auto y = out.doubles(0, in[0].shape);
    const double low = normal_quantile(kBounds - kSpacing), high = normal_quantile(1 - (kBounds - kSpacing));
    in_blocks(out, size.rows, 256, [&](std::size_t r) {
      for (std::size_t c = 0; c < size.columns; ++c) {
        const std::size_t i = r * size.columns + c;
        const double u = uniform(x[i], quantiles.data() + c, size.columns, references);
        y[i] = !normal_ || std::isnan(u) ? u : std::clamp(normal_quantile(u), low, high);
      }
    });
  }

 private:
  static constexpr double kBounds = 1e-7, kSpacing = std::numeric_limits<double>::epsilon();

  // The mean of both directions, for repeated quantiles; the ends are exactly 0 and 1.
  double uniform(double x, const double* quantiles, std::size_t stride, std::span<const double> references) const {
    if (std::isnan(x)) return x;
    const double first = quantiles[0], last = quantiles[(references.size() - 1) * stride];
    if (normal_ ? x - kBounds < first : x == first) return 0;
    if (normal_ ? x + kBounds > last : x == last) return 1;
    return 0.5 * (interpolated(x, quantiles, stride, references, false) - interpolated(-x, quantiles, stride, references, true));
  }

  bool normal_;
};

// stable: by expm1 and log1p, as scipy computes it; else by pow, as scikit-learn did before 1.8.
double yeo_johnson(double x, double lambda, bool stable) {
  constexpr double kEps = std::numeric_limits<double>::epsilon();
  if (x >= 0) {
    if (std::abs(lambda) < kEps) return log1p(x);
    return (stable ? expm1(lambda * log1p(x)) : std::pow(x + 1, lambda) - 1) / lambda;
  }
  if (!(std::abs(lambda - 2) > kEps)) return -log1p(-x);
  return -(stable ? expm1((2 - lambda) * log1p(-x)) : std::pow(-x + 1, 2 - lambda) - 1) / (2 - lambda);
}

double box_cox(double x, double lambda) {
  if (std::abs(lambda) < 1e-19) return std::log(x);
  if (lambda * std::log(x) < 709.78) return std::expm1(lambda * std::log(x)) / lambda;
  return std::copysign(1.0, lambda) * std::exp(lambda * std::log(x) - std::log(std::abs(lambda))) - 1 / lambda;
}

template <class Function>
class ByColumn final : public Kernel {
 public:
  explicit ByColumn(Function function) : function_(function) {}
  void compute(std::span<const In> in, Outs& out) const override {
    const Size size = matrix_of(in[0], "x");
    const auto x = in[0].doubles(), parameters = in[1].doubles();
    expect(parameters.size() == size.columns, "there must be one parameter a column");
    const auto y = out.doubles(0, in[0].shape);
    for (std::size_t i = 0; i < x.size(); ++i) y[i] = function_(x[i], parameters[i % size.columns]);
  }

 private:
  Function function_;
};

// De Boor's recursion: the degree + 1 basis functions that are not zero on an interval, or their first derivatives.
class Spline {
 public:
  Spline(std::span<const double> knots, std::size_t stride, std::size_t column, std::size_t count, int degree)
      : degree_(degree), splines_(count - static_cast<std::size_t>(degree) - 1) {
    t_.reserve(count);
    for (std::size_t i = 0; i < count; ++i) t_.push_back(knots[i * stride + column]);
  }
  double knot(std::size_t i) const { return t_[i]; }
  double knot_from_end(std::size_t i) const { return t_[t_.size() - i]; }
  std::size_t splines() const { return splines_; }

  // All of them, zeros and all. Outside of the knots: continued, or NaN.
  void basis(double x, bool continued, bool derivative, std::vector<double>& out) const {
    const auto k = static_cast<std::size_t>(degree_);
    out.assign(splines_, 0.0);
    if (std::isnan(x) || (!continued && (x < t_[k] || x > t_[splines_]))) {
      out.assign(splines_, std::nan(""));
      return;
    }
    std::size_t interval = k;
    while (x >= t_[interval + 1] && interval != splines_ - 1) ++interval;
    double h[kDegreeMax + 1], before[kDegreeMax + 1];
    h[0] = 1;
    for (std::size_t j = 1; j <= k; ++j) {
      const bool last = derivative && j == k;
      std::copy(h, h + j, before);
      h[0] = 0;
      for (std::size_t n = 1; n <= j; ++n) {
        const double right = t_[interval + n], left = t_[interval + n - j];
        if (right == left) {
          h[n] = 0;
          continue;
        }
        const double w = (last ? static_cast<double>(j) * before[n - 1] : before[n - 1]) / (right - left);
        h[n - 1] += last ? -w : w * (right - x);
        h[n] = last ? w : w * (x - left);
      }
    }
    if (derivative && k == 0) h[0] = 0;
    for (std::size_t a = 0; a <= k; ++a) out[interval - k + a] = h[a];
  }

  static constexpr int kDegreeMax = 50;

 private:
  std::vector<double> t_;
  int degree_;
  std::size_t splines_;
};

// SplineTransformer: inputs x [N, F] and knots [T, F].
class SplineBasis final : public Kernel {
 public:
  explicit SplineBasis(const Setup& setup) : degree_(setup.integer("degree", 3)), zeros_(setup.integer("zeros", 0) != 0) {
    expect(degree_ >= 0 && degree_ <= Spline::kDegreeMax, "the degree of a spline must be from 0 to 50");
    const std::string name = setup.text("extrapolation", "constant");
    const char* const kNames[] = {"error", "constant", "linear", "continue", "periodic"};
    const auto* found = std::find(std::begin(kNames), std::end(kNames), name);
    expect(found != std::end(kNames), "the extrapolation is not known");
    beyond_ = static_cast<Beyond>(found - std::begin(kNames));
  }

  void compute(std::span<const In> in, Outs& out) const override {
    const Size size = matrix_of(in[0], "x"), knots = matrix_of(in[1], "the knots");
    const auto k = static_cast<std::size_t>(degree_);
    expect(knots.columns == size.columns && knots.rows >= 2 * k + 2, "the knots don't fit");
    for (const double t : in[1].doubles()) expect(std::isfinite(t), "a knot is not a number");
    const std::size_t basis = knots.rows - k - 1, width = beyond_ == Beyond::periodic ? basis - k : basis;
    expect(beyond_ != Beyond::periodic || basis >= 2 * k, "there are too few knots");
    const auto y = out.doubles(0, shape_of(size.rows, size.columns * width));
    std::fill(y.begin(), y.end(), 0.0);
    const auto x = in[0].doubles();
    std::size_t degree = k;  // the library raises low degrees as it goes over the columns
    for (std::size_t c = 0; c < size.columns; ++c) {
      const Spline spline(in[1].doubles(), knots.columns, c, knots.rows, static_cast<int>(degree_));
      expect(degree < knots.rows, "there are too few knots");
      const Column column{spline, degree, width};
      for (std::size_t r = 0; r < size.rows; ++r) fill(column, x[r * size.columns + c], y.data() + r * size.columns * width + c * width);
      if (beyond_ == Beyond::linear && degree <= 1) ++degree;
    }
  }

 private:
  enum class Beyond : std::uint8_t { error, constant, linear, continued, periodic };
  struct Column {
    const Spline& spline;
    std::size_t degree, width;
  };

  void fill(const Column& column, double x, double* row) const {
    const Spline& spline = column.spline;
    if (zeros_ && std::isnan(x)) return;
    thread_local std::vector<double> values, slopes;
    if (beyond_ == Beyond::constant || beyond_ == Beyond::linear) {
      const double low = spline.knot(column.degree), high = spline.knot_from_end(column.degree + 1);
      if (x < low || x > high) {
        continue_from(column, x, x < low ? low : high, x < low, values, slopes, row);
      } else if (!std::isnan(x)) {
        spline.basis(x, false, false, values);
        std::copy(values.begin(), values.end(), row);
      }
      return;
    }
    if (beyond_ == Beyond::periodic) {
      const auto k = static_cast<std::size_t>(degree_);
      const double begin = spline.knot(k), period = spline.knot(spline.splines()) - begin;
      double rest = std::fmod(x - begin, period);
      if (rest != 0 && (rest < 0) != (period < 0)) rest += period;
      spline.basis(period > 0 ? begin + rest : 0, true, false, values);
      for (std::size_t i = 0; i < values.size(); ++i) row[i < column.width ? i : i - column.width] += values[i];
      return;
    }
    spline.basis(x, beyond_ == Beyond::continued, false, values);
    if (beyond_ == Beyond::error && std::isnan(values[0])) throw std::invalid_argument("X contains values beyond the limits of the knots");
    std::copy(values.begin(), values.end(), row);
  }

  // The bases at the boundary, constant or with the boundary's slope: only those next to it.
  void continue_from(const Column& column, double x, double boundary, bool below, std::vector<double>& values, std::vector<double>& slopes,
                     double* row) const {
    const bool linear = beyond_ == Beyond::linear;
    column.spline.basis(boundary, false, false, values);
    if (linear) column.spline.basis(boundary, false, true, slopes);
    const std::size_t reach = std::min(linear && column.degree <= 1 ? column.degree + 1 : column.degree, values.size());
    for (std::size_t j = 0; j < reach; ++j) {
      const std::size_t i = below ? j : values.size() - 1 - j;
      row[i] = linear ? values[i] + (x - boundary) * slopes[i] : values[i];
    }
  }

  std::int64_t degree_;
  bool zeros_;
  Beyond beyond_ = Beyond::constant;
};

// The circular convolution of a row's count sketches; index and sign: [degree, F].
class CountSketch final : public Kernel {
 public:
  explicit CountSketch(const Setup& setup) : columns_(static_cast<std::size_t>(setup.integer("columns", 0))) {
    expect(columns_ >= 1 && columns_ <= 100'000, "columns must be from 1 to 100000");
  }
  void compute(std::span<const In> in, Outs& out) const override {
    const Size size = matrix_of(in[0], "x"), hashes = matrix_of(in[1], "the hashes");
    const auto x = in[0].doubles(), sign = in[2].doubles();
    const auto index = in[1].ints();
    expect(hashes.columns == size.columns && in[2].shape == in[1].shape && hashes.rows > 0, "the hashes don't fit");
    for (const std::int64_t i : index) expect(i >= 0 && static_cast<std::size_t>(i) < columns_, "a hash is out of range");
    const auto y = out.doubles(0, shape_of(size.rows, columns_));
    in_blocks(out, size.rows, 8, [&](std::size_t r) {
      std::vector<double> product, next(columns_), sketch(columns_);
      for (std::size_t d = 0; d < hashes.rows; ++d) {
        std::fill(sketch.begin(), sketch.end(), 0.0);
        for (std::size_t j = 0; j < size.columns; ++j) {
          const std::size_t at = d * size.columns + j;
          sketch[static_cast<std::size_t>(index[at])] += sign[at] * x[r * size.columns + j];
        }
        if (d == 0) {
          product = sketch;
          continue;
        }
        std::fill(next.begin(), next.end(), 0.0);
        for (std::size_t a = 0; a < columns_; ++a) {
          if (sketch[a] == 0) continue;
          for (std::size_t b = 0; b < columns_; ++b) next[a + b < columns_ ? a + b : a + b - columns_] += sketch[a] * product[b];
        }
        product.swap(next);
      }
      std::copy(product.begin(), product.end(), y.begin() + static_cast<std::ptrdiff_t>(r * columns_));
    });
  }

 private:
  std::size_t columns_;
};

// [N, M]: of every row of x with every row of y the sum of |x - y|, or of (x - y)^2 / (x + y).
class RowDifferences final : public Kernel {
 public:
  explicit RowDifferences(const Setup& setup) {
    const std::string kind = setup.text("kind", "l1");
    expect(kind == "l1" || kind == "chi2", "kind must be l1 or chi2");
    chi2_ = kind == "chi2";
  }
  void compute(std::span<const In> in, Outs& out) const override {
    const Size a = matrix_of(in[0], "x"), b = matrix_of(in[1], "y");
    expect(a.columns == b.columns, "x and y must have the same columns");
    const auto x = in[0].doubles(), y = in[1].doubles();
    const auto d = out.doubles(0, shape_of(a.rows, b.rows));
    in_blocks(out, a.rows, 16, [&](std::size_t r) {
      for (std::size_t s = 0; s < b.rows; ++s) {
        double sum = 0;
        for (std::size_t c = 0; c < a.columns; ++c) {
          const double u = x[r * a.columns + c], v = y[s * a.columns + c];
          if (!chi2_)
            sum += std::abs(u - v);
          else if (u + v != 0)
            sum += (u - v) * (u - v) / (u + v);
        }
        d[r * b.rows + s] = sum;
      }
    });
  }

 private:
  bool chi2_ = false;
};

}  // namespace

std::unique_ptr<Kernel> make_RequireAbove(const Setup& setup) { return std::make_unique<RequireAbove>(setup); }
std::unique_ptr<Kernel> make_RequireKnown(const Setup& setup) { return std::make_unique<RequireKnown>(setup); }
std::unique_ptr<Kernel> make_Digitize(const Setup& setup) { return std::make_unique<Digitize>(setup); }
std::unique_ptr<Kernel> make_QuantileTransform(const Setup& setup) { return std::make_unique<QuantileTransform>(setup); }
std::unique_ptr<Kernel> make_YeoJohnson(const Setup& setup) {
  const bool stable = setup.integer("stable", 1) != 0;
  const auto function = [stable](double x, double lambda) { return yeo_johnson(x, lambda, stable); };
  return std::make_unique<ByColumn<decltype(function)>>(function);
}
std::unique_ptr<Kernel> make_BoxCox(const Setup&) { return std::make_unique<ByColumn<double (*)(double, double)>>(box_cox); }
std::unique_ptr<Kernel> make_SplineBasis(const Setup& setup) { return std::make_unique<SplineBasis>(setup); }
std::unique_ptr<Kernel> make_CountSketch(const Setup& setup) { return std::make_unique<CountSketch>(setup); }
std::unique_ptr<Kernel> make_RowDifferences(const Setup& setup) { return std::make_unique<RowDifferences>(setup); }

}  // namespace slipway::ops
