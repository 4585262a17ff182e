// Sparse codes of rows over a dictionary: orthogonal matching pursuit, least angle regression, coordinate descent and thresholds, each
// with scikit-learn's stopping rules, because what they stop at is the answer.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>

#include "slipway/ops/metric.hpp"

namespace slipway::ops {
namespace {

constexpr double kEpsilon = std::numeric_limits<double>::epsilon();
constexpr double kTiny = std::numeric_limits<float>::min();  // of float32, as the library has it
constexpr double kEqual = std::numeric_limits<float>::epsilon();
constexpr double kLargest = std::numeric_limits<double>::max();
constexpr double kDegenerate = 1e-7;
constexpr std::size_t kAtomsMax = 5'000;  // their products are kept, atoms x atoms

using Vector = std::vector<double>;

// A lower triangle, row by row, of room for n rows.
class Triangle {
 public:
  explicit Triangle(std::size_t n) : n_(n), data_(n * n) {}
  double& at(std::size_t r, std::size_t c) { return data_[r * n_ + c]; }
  double at(std::size_t r, std::size_t c) const { return data_[r * n_ + c]; }
  // Row `row`, which holds a right-hand side, becomes the solution against the rows before it.
  void solve_row(std::size_t row) {
    for (std::size_t i = 0; i < row; ++i) {
      double v = at(row, i);
      for (std::size_t j = 0; j < i; ++j) v -= at(i, j) * at(row, j);
      at(row, i) = v / at(i, i);
    }
  }
  double row_norm_squared(std::size_t row) const {
    double sum = 0;
    for (std::size_t i = 0; i < row; ++i) sum += at(row, i) * at(row, i);
    return sum;
  }
  // L L' x = b over the first `size` rows.
  Vector solve(std::size_t size, const Vector& b) const {
    Vector x(b.begin(), b.begin() + static_cast<std::ptrdiff_t>(size));
    for (std::size_t i = 0; i < size; ++i) {
      for (std::size_t j = 0; j < i; ++j) x[i] -= at(i, j) * x[j];
      x[i] /= at(i, i);
    }
    for (std::size_t i = size; i-- > 0;) {
      for (std::size_t j = i + 1; j < size; ++j) x[i] -= at(j, i) * x[j];
      x[i] /= at(i, i);
    }
    return x;
  }

 private:
  std::size_t n_;
  Vector data_;
};

struct Problem {  // of one row: the dictionary's Gram matrix, and its products with the row
  const KeptRows& gram;
  Vector products;
  double norm_squared;  // of the row
  std::size_t features;
  std::size_t atoms() const { return gram.rows; }
};

std::size_t largest_of(const Vector& v, std::size_t first, bool signed_values) {
  std::size_t best = first;
  for (std::size_t i = first; i < v.size(); ++i) {
    const double now = signed_values ? v[i] : std::abs(v[i]), most = signed_values ? v[best] : std::abs(v[best]);
    if (now > most) best = i;
  }
  return best;
}

// --- orthogonal matching pursuit
Vector pursue(const Problem& p, std::size_t count) {
  const std::size_t n = p.atoms();
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  Vector products = p.products, rest = p.products, gamma;
  Triangle l(std::max<std::size_t>(count, 1));
  std::size_t active = 0;
  while (active < count) {
    const std::size_t best = largest_of(rest, 0, false);
    if (best < active || rest[best] * rest[best] < kEpsilon) break;
    const double own = p.gram.row(order[best])[order[best]];
    if (active > 0) {
      for (std::size_t i = 0; i < active; ++i) l.at(active, i) = p.gram.row(order[best])[order[i]];
      l.solve_row(active);
      const double length = std::sqrt(l.row_norm_squared(active));
      const double left = own - length * length;
      if (left <= kEpsilon) break;
      l.at(active, active) = std::sqrt(left);
    } else {
      l.at(0, 0) = std::sqrt(own);
    }
    std::swap(order[active], order[best]);
    std::swap(products[active], products[best]);
    ++active;
    gamma = l.solve(active, products);
    for (std::size_t i = 0; i < n; ++i) {
      double beta = 0;
      for (std::size_t j = 0; j < active; ++j) beta += p.gram.row(order[i])[order[j]] * gamma[j];
      rest[i] = products[i] - beta;
    }
  }
  Vector code(n, 0.0);
  for (std::size_t i = 0; i < gamma.size(); ++i) code[order[i]] = gamma[i];
  return code;
}

// --- least angle regression and its lasso
double least_positive(const Vector& v) {
  double least = kLargest;
  for (const double x : v) {
    if (x > 0 && x < least) least = x;
  }
  return least;
}

class Lars {
 public:
  Lars(const Problem& p, std::size_t steps_max, double alpha_min, bool lasso, bool positive, bool rounds)
      : p_(p),
        steps_max_(steps_max),
        alpha_min_(alpha_min),
        lasso_(lasso),
        positive_(positive),
        rounds_(rounds),
        order_(p.atoms()),
        rest_(p.products),
        code_(p.atoms(), 0.0),
        before_(p.atoms(), 0.0),
        l_(std::min(steps_max, p.atoms()) + 1) {
    std::iota(order_.begin(), order_.end(), std::size_t{0});
  }

  Vector run() {
    const auto samples = static_cast<double>(p_.features);
    for (;;) {
      std::size_t best = 0;
      double most = 0, largest = 0;
      if (!rest_.empty()) {
        best = largest_of(rest_, 0, positive_);
        most = rest_[best];
        largest = positive_ ? most : std::abs(most);
      }
      const double alpha = largest / samples;
      alpha_ = alpha;
      if (alpha <= alpha_min_ + kEqual) {
        if (std::abs(alpha - alpha_min_) > kEqual && steps_ > 0) {
          const double share = (alpha_before_ - alpha_min_) / (alpha_before_ - alpha);
          for (std::size_t i = 0; i < code_.size(); ++i) code_[i] = before_[i] + share * (code_[i] - before_[i]);
        }
        break;
      }
      if (steps_ >= steps_max_ || active_ >= p_.atoms()) break;
      if (!drop_ && !enter(best, most)) continue;
      if (lasso_ && steps_ > 0 && alpha_before_ < alpha) break;
      step(largest);
    }
    return code_;
  }

 private:
  double gram(std::size_t a, std::size_t b) const { return p_.gram.row(order_[a])[order_[b]]; }

  bool enter(std::size_t best, double most) {
    const double sign = positive_ ? 1 : most > 0 ? 1 : most < 0 ? -1 : 0;
    signs_.resize(active_);
    signs_.push_back(sign);
    std::swap(rest_[best], rest_[0]);
    std::swap(order_[active_ + best], order_[active_]);
    const double first = rest_[0];
    rest_.erase(rest_.begin());
    const double own = gram(active_, active_);
    for (std::size_t i = 0; i < active_; ++i) l_.at(active_, i) = gram(active_, i);
    l_.solve_row(active_);
    const double diagonal = std::max(std::sqrt(std::abs(own - l_.row_norm_squared(active_))), kEpsilon);
    l_.at(active_, active_) = diagonal;
    if (diagonal < kDegenerate) {  // the atom stays outside for good
      (void)first;
      rest_.insert(rest_.begin(), 0.0);
      std::swap(rest_[best], rest_[0]);
      return false;
    }
    ++active_;
    return true;
  }

  void step(double largest) {
    Vector direction = l_.solve(active_, signs_);
    double aa = 1;
    if (active_ == 1 && direction[0] == 0) {
      direction[0] = 1;
    } else {
      double sum = 0;
      for (std::size_t i = 0; i < active_; ++i) sum += direction[i] * signs_[i];
      aa = 1 / std::sqrt(sum);
      for (int i = 0; !std::isfinite(aa) && i < 60; ++i) {
        Triangle shifted = l_;
        for (std::size_t j = 0; j < active_; ++j) shifted.at(j, j) += (std::ldexp(2.0, i) - 1) * kEpsilon;
        direction = shifted.solve(active_, signs_);
        sum = 0;
        for (std::size_t j = 0; j < active_; ++j) sum += direction[j] * signs_[j];
        aa = 1 / std::sqrt(std::max(sum, kEpsilon));
      }
      for (double& d : direction) d *= aa;
    }
    Vector along(rest_.size()), first(rest_.size()), second(rest_.size());
    for (std::size_t i = 0; i < rest_.size(); ++i) {
      for (std::size_t j = 0; j < active_; ++j) along[i] += gram(j, active_ + i) * direction[j];
      if (rounds_) along[i] = std::rint(along[i] * 1e15) / 1e15;
      first[i] = (largest - rest_[i]) / (aa - along[i] + kTiny);
      second[i] = (largest + rest_[i]) / (aa + along[i] + kTiny);
    }
    double gamma = std::min(least_positive(first), largest / aa);
    if (!positive_) gamma = std::min(gamma, least_positive(second));

    drop_ = false;
    Vector zero(active_);
    for (std::size_t i = 0; i < active_; ++i) zero[i] = -code_[order_[i]] / (direction[i] + kTiny);
    const double to_zero = least_positive(zero);
    std::size_t dropped = 0;
    if (to_zero < gamma) {
      for (std::size_t i = active_; i-- > 0;) {
        if (zero[i] != to_zero) continue;
        if (!drop_) dropped = i;
        drop_ = true;
        signs_[i] = -signs_[i];
      }
      if (lasso_) gamma = to_zero;
    }
    ++steps_;
    before_ = code_;
    alpha_before_ = alpha_;
    std::fill(code_.begin(), code_.end(), 0.0);
    for (std::size_t i = 0; i < active_; ++i) code_[order_[i]] = before_[order_[i]] + gamma * direction[i];
    for (std::size_t i = 0; i < rest_.size(); ++i) rest_[i] -= gamma * along[i];
    if (drop_ && lasso_) leave(dropped);
  }

  void leave(std::size_t at) {
    const std::size_t atom = order_[at];
    --active_;
    for (std::size_t i = at; i < active_; ++i) std::swap(order_[i], order_[i + 1]);
    signs_.erase(signs_.begin() + static_cast<std::ptrdiff_t>(at));
    double rest = p_.products[atom];
    double fitted = 0;
    for (std::size_t i = 0; i < code_.size(); ++i) fitted += p_.gram.row(atom)[i] * code_[i];
    rest -= fitted;
    rest_.insert(rest_.begin(), rest);
    for (std::size_t i = at; i < active_; ++i) {  // the factor without the row
      for (std::size_t j = 0; j < i; ++j) l_.at(i, j) = gram(i, j);
      l_.solve_row(i);
      l_.at(i, i) = std::sqrt(std::abs(gram(i, i) - l_.row_norm_squared(i)));
    }
  }

  const Problem& p_;
  std::size_t steps_max_;
  double alpha_min_;
  bool lasso_, positive_, rounds_;
  std::vector<std::size_t> order_;
  Vector rest_, code_, before_, signs_;
  Triangle l_;
  std::size_t active_ = 0, steps_ = 0;
  double alpha_ = 0, alpha_before_ = 0;
  bool drop_ = false;
};

// --- coordinate descent
class Descent {
 public:
  // screens: features that can't be in the solution are left out (scikit-learn 1.8 and newer, which also checks before the first step).
  Descent(const Problem& p, double alpha, double tolerance, bool positive, bool screens)
      : p_(p),
        alpha_(alpha),
        step_tolerance_(tolerance),
        tolerance_(tolerance * p.norm_squared),
        positive_(positive),
        screens_(screens && alpha != 0),
        newer_(screens),
        w_(p.atoms(), 0.0),
        qw_(p.atoms(), 0.0),
        excess_(p.atoms(), 0.0) {}

  Vector run(std::int64_t steps_max) {
    std::vector<std::size_t> active(p_.atoms());
    std::iota(active.begin(), active.end(), std::size_t{0});
    if (newer_) {
      const double gap = this->gap();
      if (gap >= 0 && gap <= tolerance_) return w_;
      if (screens_) screen(active, gap);
    }
    for (std::int64_t step = 0; step < steps_max; ++step) {
      double largest = 0, most_moved = 0;
      for (const std::size_t j : active) {
        if (diagonal(j) == 0) continue;
        const double before = w_[j];
        move(j);
        most_moved = std::max(most_moved, std::abs(w_[j] - before));
        largest = std::max(largest, std::abs(w_[j]));
      }
      const bool small = newer_ ? most_moved / largest <= step_tolerance_ : most_moved / largest < step_tolerance_;
      if (!(largest == 0 || small || step == steps_max - 1)) continue;
      const double gap = this->gap();
      if (newer_ ? gap <= tolerance_ : gap < tolerance_) break;
      if (screens_) screen(active, gap);
    }
    return w_;
  }

 private:
  double diagonal(std::size_t j) const { return p_.gram.row(j)[j]; }
  void add(double factor, std::size_t j) {
    for (std::size_t i = 0; i < qw_.size(); ++i) qw_[i] += factor * p_.gram.row(j)[i];
  }
  void move(std::size_t j) {
    const double before = w_[j];
    double target;
    if (newer_) {
      target = p_.products[j] - qw_[j] + before * diagonal(j);
    } else {
      if (before != 0) add(-before, j);
      target = p_.products[j] - qw_[j];
    }
    if (positive_ && target < 0)
      w_[j] = 0;
    else
      w_[j] = std::copysign(std::max(std::abs(target) - alpha_, 0.0), target) / diagonal(j);
    if (target == 0) w_[j] = 0;
    if (newer_) {
      if (w_[j] != before) add(w_[j] - before, j);
    } else if (w_[j] != 0) {
      add(w_[j], j);
    }
  }
  double gap() {
    double q_w = 0, w_qw = 0, one_norm = 0;
    largest_excess_ = positive_ ? -kLargest : 0;
    for (std::size_t j = 0; j < w_.size(); ++j) {
      q_w += w_[j] * p_.products[j];
      w_qw += w_[j] * qw_[j];
      one_norm += std::abs(w_[j]);
      excess_[j] = p_.products[j] - qw_[j];
      largest_excess_ = std::max(largest_excess_, positive_ ? excess_[j] : std::abs(excess_[j]));
    }
    const double residual = p_.norm_squared + w_qw - 2 * q_w;
    const double scale = largest_excess_ > alpha_ ? alpha_ / largest_excess_ : 1;
    if (newer_) {
      const double primal = 0.5 * residual + alpha_ * one_norm;
      const double dual = -0.5 * (scale * scale) * residual + scale * (p_.norm_squared - q_w);
      return primal - dual;
    }
    const double gap = largest_excess_ > alpha_ ? 0.5 * (residual + residual * (scale * scale)) : residual;
    return gap + (alpha_ * one_norm - scale * p_.norm_squared + scale * q_w);
  }
  void screen(std::vector<std::size_t>& active, double gap) {
    const double radius = std::sqrt(2 * std::abs(gap)) / alpha_;
    std::vector<std::size_t> kept;
    for (const std::size_t j : active) {
      const double distance = (1 - std::abs(excess_[j] / std::max(alpha_, largest_excess_))) / std::sqrt(diagonal(j));
      if (diagonal(j) != 0 && distance <= radius) {
        kept.push_back(j);
        continue;
      }
      if (w_[j] != 0 && diagonal(j) != 0) add(-w_[j], j);
      w_[j] = 0;
    }
    active = std::move(kept);
  }

  const Problem& p_;
  double alpha_, step_tolerance_, tolerance_;
  bool positive_, screens_, newer_;
  Vector w_, qw_, excess_;
  double largest_excess_ = 0;
};

// --- the operator
enum class Algorithm { threshold, omp, lars, lasso_lars, lasso_cd };

// Inputs: x; the dictionary [atoms, columns]; two numbers: the penalty, and the tolerance of coordinate descent. Gives [N, atoms].
class SparseCode final : public Kernel {
 public:
  explicit SparseCode(const Setup& setup)
      : dictionary_(kept_rows(setup.needed(1), "the dictionary")),
        steps_(setup.integer("steps", 1000)),
        positive_(setup.integer("positive", 0) != 0),
        rounds_(setup.integer("rounds", 1) != 0),
        screens_(setup.integer("screens", 1) != 0) {
    constexpr std::pair<std::string_view, Algorithm> kAlgorithms[] = {{"threshold", Algorithm::threshold},
                                                                      {"omp", Algorithm::omp},
                                                                      {"lars", Algorithm::lars},
                                                                      {"lasso_lars", Algorithm::lasso_lars},
                                                                      {"lasso_cd", Algorithm::lasso_cd}};
    const std::string name = setup.text("algorithm", "threshold");
    const auto* const found = std::find_if(std::begin(kAlgorithms), std::end(kAlgorithms), [&](const auto& a) { return a.first == name; });
    if (found == std::end(kAlgorithms)) throw std::invalid_argument("there is no algorithm '" + name + "'");
    algorithm_ = found->second;
    const In numbers = setup.needed(2);
    if (numbers.count() != 2) throw std::invalid_argument("two numbers are needed");
    alpha_ = numbers.doubles()[0];
    tolerance_ = numbers.doubles()[1];
    const std::size_t n = dictionary_.rows;
    if (n == 0 || dictionary_.columns == 0 || n > kAtomsMax) throw std::invalid_argument("a dictionary of " + std::to_string(n) + " atoms");
    if (steps_ < 0) throw std::invalid_argument("the number of steps is negative");
    if (algorithm_ == Algorithm::omp && static_cast<std::size_t>(steps_) > n) throw std::invalid_argument("more atoms are asked for than there are");
    if (algorithm_ == Algorithm::threshold) return;
    gram_.rows = gram_.columns = n;
    gram_.data.resize(n * n);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) gram_.data[i * n + j] = fused_dot(dictionary_.row(i), dictionary_.row(j), dictionary_.columns);
    }
  }
  void compute(std::span<const In> in, Outs& out) const override {
    const Rows x = rows_of(in[0], "the first input");
    expect_columns(x, dictionary_.columns);
    const std::size_t n = dictionary_.rows;
    const auto y = out.doubles(0, {in[0].shape[0], static_cast<std::int64_t>(n)});
    over_rows(out, x.rows, n * (n + dictionary_.columns), [&](std::size_t first, std::size_t last) {
      for (std::size_t r = first; r < last; ++r) {
        const Vector code = code_of(x.row(r));
        std::copy(code.begin(), code.end(), y.begin() + static_cast<std::ptrdiff_t>(r * n));
      }
    });
  }

 private:
  Vector code_of(const double* row) const {
    const std::size_t n = dictionary_.rows;
    Problem p{gram_, Vector(n), Expanded::norm(row, dictionary_.columns, Expanded::Norm::dot), dictionary_.columns};
    for (std::size_t i = 0; i < n; ++i) p.products[i] = fused_dot(dictionary_.row(i), row, dictionary_.columns);
    const auto steps = static_cast<std::size_t>(steps_);
    switch (algorithm_) {
      case Algorithm::omp: return pursue(p, steps);
      case Algorithm::lars: return Lars(p, steps, 0, false, false, rounds_).run();
      case Algorithm::lasso_lars: return Lars(p, steps, alpha_ / static_cast<double>(p.features), true, positive_, rounds_).run();
      case Algorithm::lasso_cd: {
        const double per_feature = alpha_ / static_cast<double>(p.features);
        return Descent(p, per_feature * static_cast<double>(p.features), tolerance_, positive_, screens_).run(steps_);
      }
      case Algorithm::threshold: break;
    }
    for (double& v : p.products) {
      v = std::copysign(std::max(std::abs(v) - alpha_, 0.0), v);
      if (positive_) v = std::max(v, 0.0);
    }
    return p.products;
  }

  KeptRows dictionary_, gram_;
  Algorithm algorithm_ = Algorithm::threshold;
  std::int64_t steps_;
  bool positive_, rounds_, screens_;
  double alpha_ = 0, tolerance_ = 0;
};

}  // namespace

std::unique_ptr<Kernel> make_SparseCode(const Setup& setup) { return std::make_unique<SparseCode>(setup); }

}  // namespace slipway::ops
