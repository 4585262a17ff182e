// Transforms that are iterations: activations of a non-negative factorisation, and topics of documents. Stopping rules are
// scikit-learn's. Those of the factorisation look at all rows of a request together: its rows are not independent.
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "slipway/ops/metric.hpp"

namespace slipway::ops {
namespace {

constexpr double kFloat32Epsilon = std::numeric_limits<float>::epsilon();
constexpr double kEpsilon = std::numeric_limits<double>::epsilon();
using Vector = std::vector<double>;

void refuse_negative(const Rows& x, const char* name) {
  for (const double v : x.data) {
    if (v < 0) throw std::invalid_argument(std::string(name) + " takes no negative values");
  }
}

// Inputs: x; h [components, columns]; numbers: l1, l2, beta, tolerance. W starts at zero ("cd") or at one even value.
class NonNegativeParts final : public Kernel {
 public:
  explicit NonNegativeParts(const Setup& setup)
      : h_(kept_rows(setup.needed(1), "the components")), steps_(setup.integer("steps", 200)), solver_(setup.text("solver", "cd")) {
    const In numbers = setup.needed(2);
    if (numbers.count() != 4) throw std::invalid_argument("four numbers are needed");
    l1_ = numbers.doubles()[0];
    l2_ = numbers.doubles()[1];
    beta_ = numbers.doubles()[2];
    tolerance_ = numbers.doubles()[3];
    if (solver_ != "cd" && solver_ != "mu" && solver_ != "minibatch") throw std::invalid_argument("there is no solver '" + solver_ + "'");
    if (h_.rows == 0 || h_.columns == 0) throw std::invalid_argument("there are no components");
    k_ = h_.rows;
    gram_.resize(k_ * k_);
    for (std::size_t a = 0; a < k_; ++a) {
      double sum = 0;
      for (std::size_t c = 0; c < h_.columns; ++c) sum += h_.row(a)[c];
      sums_.push_back(sum);
      for (std::size_t b = 0; b < k_; ++b) gram_[a * k_ + b] = fused_dot(h_.row(a), h_.row(b), h_.columns);
    }
  }

  void compute(std::span<const In> in, Outs& out) const override {
    const Rows x = rows_of(in[0], "the first input");
    expect_columns(x, h_.columns);
    if (solver_ != "minibatch") refuse_negative(x, "NMF");
    const auto w = out.doubles(0, {in[0].shape[0], static_cast<std::int64_t>(k_)});
    if (x.rows == 0) return;
    if (solver_ == "cd")
      descend(x, w);
    else
      multiply(x, w);
  }

 private:
  Vector products(const Rows& x) const {  // x h'
    Vector p(x.rows * k_);
    for (std::size_t i = 0; i < x.rows; ++i) {
      for (std::size_t k = 0; k < k_; ++k) p[i * k_ + k] = fused_dot(x.row(i), h_.row(k), h_.columns);
    }
    return p;
  }

  void descend(const Rows& x, std::span<double> w) const {
    std::fill(w.begin(), w.end(), 0.0);
    Vector targets = products(x), hessian = gram_;
    for (std::size_t k = 0; k < k_; ++k) hessian[k * k_ + k] += l2_ != 0 ? l2_ : 0;
    if (l1_ != 0) {
      for (double& t : targets) t -= l1_;
    }
    double violation_at_first = 0;
    for (std::int64_t step = 1; step <= steps_; ++step) {
      double violation = 0;
      for (std::size_t t = 0; t < k_; ++t) {
        const double own = hessian[t * k_ + t];
        for (std::size_t i = 0; i < x.rows; ++i) {
          double* const row = w.data() + i * k_;
          double gradient = -targets[i * k_ + t];
          for (std::size_t r = 0; r < k_; ++r) gradient += hessian[t * k_ + r] * row[r];
          violation += std::abs(row[t] == 0 ? std::min(0.0, gradient) : gradient);
          if (own != 0) row[t] = std::max(row[t] - gradient / own, 0.0);
        }
      }
      if (step == 1) violation_at_first = violation;
      if (violation_at_first == 0 || violation / violation_at_first <= tolerance_) break;
    }
  }

  void multiply(const Rows& x, std::span<double> w) const {
    double mean = 0;
    for (const double v : x.data) mean += v;
    mean /= static_cast<double>(x.data.size());
    std::fill(w.begin(), w.end(), std::sqrt(mean / static_cast<double>(k_)));
    const Vector targets = beta_ == 2 ? products(x) : Vector{};
    const bool batches = solver_ == "minibatch";
    const double at_start = batches ? 0 : error(x, w);
    double before = at_start;
    Vector last(w.begin(), w.end());
    for (std::int64_t step = 1; step <= steps_; ++step) {
      update(x, w, targets);
      if (batches) {
        if (settled(w, last)) break;
        last.assign(w.begin(), w.end());
        continue;
      }
      if (beta_ < 1) {
        for (double& v : w) v = v < kEpsilon ? 0 : v;
      }
      if (tolerance_ > 0 && step % 10 == 0) {
        const double now = error(x, w);
        if ((before - now) / at_start < tolerance_) break;
        before = now;
      }
    }
  }

  bool settled(std::span<const double> w, const Vector& last) const {
    double moved = 0, size = 0;
    for (std::size_t i = 0; i < w.size(); ++i) {
      moved += (w[i] - last[i]) * (w[i] - last[i]);
      size += w[i] * w[i];
    }
    return tolerance_ > 0 && std::sqrt(moved) / std::sqrt(size) <= tolerance_;
  }

  void row_of_product(const double* w, Vector& product) const {  // w h
    std::fill(product.begin(), product.end(), 0.0);
    for (std::size_t k = 0; k < k_; ++k) {
      for (std::size_t c = 0; c < h_.columns; ++c) product[c] = std::fma(w[k], h_.row(k)[c], product[c]);
    }
  }

  void update(const Rows& x, std::span<double> w, const Vector& targets) const {
    const double gamma = beta_ < 1 ? 1 / (2 - beta_) : beta_ > 2 ? 1 / (beta_ - 1) : 1;
    Vector product(h_.columns), above(h_.columns), below(h_.columns), factors(k_);
    for (std::size_t i = 0; i < x.rows; ++i) {
      double* const row = w.data() + i * k_;
      if (beta_ != 2) {
        row_of_product(row, product);
        for (std::size_t c = 0; c < h_.columns; ++c) weigh(x.row(i)[c], product[c], above[c], below[c]);
      }
      for (std::size_t k = 0; k < k_; ++k) {
        double numerator, denominator = 0;
        if (beta_ == 2) {
          numerator = targets[i * k_ + k];
          for (std::size_t r = 0; r < k_; ++r) denominator = std::fma(row[r], gram_[r * k_ + k], denominator);
        } else {
          numerator = fused_dot(above.data(), h_.row(k), h_.columns);
          denominator = beta_ == 1 ? sums_[k] : fused_dot(below.data(), h_.row(k), h_.columns);
        }
        if (l1_ > 0) denominator += l1_;
        if (l2_ > 0) denominator += l2_ * row[k];
        if (denominator == 0) denominator = kFloat32Epsilon;
        factors[k] = numerator / denominator;
        if (gamma != 1) factors[k] = std::pow(factors[k], gamma);
      }
      for (std::size_t k = 0; k < k_; ++k) row[k] *= factors[k];
    }
  }

  // What goes above and below the line for an entry x of the data and its estimate.
  void weigh(double x, double estimate, double& above, double& below) const {
    const double safe = beta_ - 2 < 0 && estimate < kFloat32Epsilon ? kFloat32Epsilon : estimate;
    const double floor = beta_ - 1 < 0 && estimate < kFloat32Epsilon ? kFloat32Epsilon : estimate;
    if (beta_ == 1) {
      above = x / safe;
    } else if (beta_ == 0) {
      const double inverse = 1 / safe;
      above = inverse * inverse * x;
    } else {
      above = std::pow(safe, beta_ - 2) * x;
    }
    if (beta_ != 1) below = std::pow(floor, beta_ - 1);
  }

  double error(const Rows& x, std::span<const double> w) const {  // the square root of twice the divergence
    Vector product(h_.columns);
    double first = 0, second = 0, third = 0;
    Vector w_sums(k_, 0.0);
    for (std::size_t i = 0; i < x.rows; ++i) {
      row_of_product(w.data() + i * k_, product);
      for (std::size_t k = 0; k < k_; ++k) w_sums[k] += w[i * k_ + k];
      for (std::size_t c = 0; c < h_.columns; ++c) {
        const double v = x.row(i)[c], estimate = product[c];
        if (beta_ == 2) {
          first += (v - estimate) * (v - estimate);
          continue;
        }
        if (beta_ != 1 && beta_ != 0) third += std::pow(estimate, beta_);
        if (!(v > kFloat32Epsilon)) continue;
        const double safe = estimate < kFloat32Epsilon ? kFloat32Epsilon : estimate;
        if (beta_ == 1) {
          first += v * std::log(v / safe);
          second += v;
        } else if (beta_ == 0) {
          first += v / safe;
          second += std::log(v / safe);
        } else {
          first += std::pow(v, beta_);
          second += v * std::pow(safe, beta_ - 1);
        }
      }
    }
    double result = 0;
    if (beta_ == 2) return std::sqrt(first / 2 * 2);
    if (beta_ == 1) {
      double both = 0;
      for (std::size_t k = 0; k < k_; ++k) both += w_sums[k] * sums_[k];
      result = first + (both - second);
    } else if (beta_ == 0) {
      result = first - static_cast<double>(x.data.size()) - second;
    } else {
      result = (first - beta_ * second + third * (beta_ - 1)) / (beta_ * (beta_ - 1));
    }
    return std::sqrt(2 * std::max(result, 0.0));
  }

  KeptRows h_;
  std::int64_t steps_;
  std::string solver_;
  std::size_t k_ = 0;
  double l1_ = 0, l2_ = 0, beta_ = 2, tolerance_ = 0;
  Vector gram_, sums_;
};

// --- topics: variational inference for one document at a time
double digamma(double x) {  // as the library approximates it, for positive x
  if (x <= 1e-6) return -0.577215664901532860606512090082402431 - 1 / x;
  double result = 0;
  while (x < 6) {
    result -= 1 / x;
    x += 1;
  }
  double r = 1 / x;
  result += std::log(x) - 0.5 * r;
  r = r * r;
  return result - r * ((1.0 / 12.0) - r * ((1.0 / 120.0) - r * (1.0 / 252.0)));
}

// Inputs: x (counts of words); exp(E[log beta]) [topics, words]; numbers: the prior, the tolerance. Gives shares of topics [N, topics].
class Topics final : public Kernel {
 public:
  explicit Topics(const Setup& setup) : words_(kept_rows(setup.needed(1), "the topics")), steps_(setup.integer("steps", 100)) {
    const In numbers = setup.needed(2);
    if (numbers.count() != 2) throw std::invalid_argument("two numbers are needed");
    prior_ = numbers.doubles()[0];
    tolerance_ = numbers.doubles()[1];
    if (words_.rows == 0) throw std::invalid_argument("there are no topics");
  }
  void compute(std::span<const In> in, Outs& out) const override {
    const Rows x = rows_of(in[0], "the first input");
    expect_columns(x, words_.columns);
    refuse_negative(x, "LatentDirichletAllocation");
    const std::size_t k = words_.rows;
    const auto y = out.doubles(0, {in[0].shape[0], static_cast<std::int64_t>(k)});
    over_rows(out, x.rows, k * words_.columns * 20, [&](std::size_t first, std::size_t last) {
      for (std::size_t r = first; r < last; ++r) {
        const Vector shares = shares_of(x.row(r));
        double sum = 0;
        for (const double s : shares) sum += s;
        for (std::size_t t = 0; t < k; ++t) y[r * k + t] = shares[t] / sum;
      }
    });
  }

 private:
  Vector shares_of(const double* counts) const {
    const std::size_t k = words_.rows;
    std::vector<std::size_t> used;
    for (std::size_t c = 0; c < words_.columns; ++c) {
      if (counts[c] != 0) used.push_back(c);
    }
    Vector shares(k, 1.0), weights(k, std::exp(digamma(1) - digamma(static_cast<double>(k)))), ratios(used.size());
    for (std::int64_t step = 0; step < steps_; ++step) {
      for (std::size_t u = 0; u < used.size(); ++u) {
        double norm = 0;
        for (std::size_t t = 0; t < k; ++t) norm += weights[t] * words_.row(t)[used[u]];
        ratios[u] = counts[used[u]] / (norm + kEpsilon);
      }
      double total = 0, change = 0;
      for (std::size_t t = 0; t < k; ++t) {
        double sum = 0;
        for (std::size_t u = 0; u < used.size(); ++u) sum += ratios[u] * words_.row(t)[used[u]];
        const double now = weights[t] * sum + prior_;
        change += std::abs(shares[t] - now);
        shares[t] = now;
        total += now;
      }
      const double of_total = digamma(total);
      for (std::size_t t = 0; t < k; ++t) weights[t] = std::exp(digamma(shares[t]) - of_total);
      if (change / static_cast<double>(k) < tolerance_) break;
    }
    return shares;
  }

  KeptRows words_;
  std::int64_t steps_;
  double prior_ = 0, tolerance_ = 0;
};

}  // namespace

std::unique_ptr<Kernel> make_NonNegativeParts(const Setup& setup) { return std::make_unique<NonNegativeParts>(setup); }
std::unique_ptr<Kernel> make_Topics(const Setup& setup) { return std::make_unique<Topics>(setup); }

}  // namespace slipway::ops
