#include "slipway/ops/metric.hpp"

#include <algorithm>
#include <cmath>
#include <string>

namespace slipway::ops {
namespace {

constexpr std::size_t kWorthFanOut = 200'000;  // multiplications

// --- of numbers
// The sum of squares as numpy's einsum adds: two lanes, blocks of eight from their end.
template <typename At>
double einsum_squares(std::size_t n, const At& at) {
  double lanes[2] = {0, 0};
  const auto add = [&](std::size_t i, std::size_t lane) { lanes[lane] = at(i + lane) * at(i + lane) + lanes[lane]; };
  std::size_t i = 0;
  for (; n - i >= 8; i += 8) {
    for (const std::size_t j : {6, 4, 2, 0}) {
      for (std::size_t lane = 0; lane < 2; ++lane) add(i + j, lane);
    }
  }
  for (; i < n; i += 2) {
    for (std::size_t lane = 0; lane < 2 && i + lane < n; ++lane) add(i, lane);
  }
  return lanes[0] + lanes[1];
}
double einsum_norm(const double* a, std::size_t n) {
  return einsum_squares(n, [&](std::size_t i) { return a[i]; });
}

double einsum_old_norm(const double* a, std::size_t n) {
  double lanes[2] = {0, 0};
  std::size_t i = 0;
  for (; n - i >= 8; i += 8) {
    for (const std::size_t j : {0, 2, 4, 6}) {
      for (std::size_t lane = 0; lane < 2; ++lane) lanes[lane] += a[i + j + lane] * a[i + j + lane];
    }
  }
  double sum = lanes[0] + lanes[1];
  for (std::size_t j = n; j-- > i;) sum += a[j] * a[j];
  return sum;
}

// Over the columns that both have, scaled up to all; no number where they share none.
double nan_euclidean(const Metric& m, const double* a, const double* b) {
  const auto or_zero = [](double v) { return std::isnan(v) ? 0.0 : v; };
  const std::size_t n = m.columns();
  const double na = einsum_squares(n, [&](std::size_t i) { return or_zero(a[i]); }),
               nb = einsum_squares(n, [&](std::size_t i) { return or_zero(b[i]); });
  double dot = 0, only_a = 0, only_b = 0, shared = 0;
  for (std::size_t i = 0; i < n; ++i) {
    dot = std::fma(or_zero(a[i]), or_zero(b[i]), dot);
    only_a += std::isnan(b[i]) ? or_zero(a[i]) * or_zero(a[i]) : 0;
    only_b += std::isnan(a[i]) ? or_zero(b[i]) * or_zero(b[i]) : 0;
    shared += std::isnan(a[i]) || std::isnan(b[i]) ? 0 : 1;
  }
  if (shared == 0) return std::nan("");
  const double all = std::max(0.0, (-2 * dot + na) + nb);
  return std::max(0.0, (all - only_a) - only_b) / shared * static_cast<double>(n);
}

double squared(const Metric& m, const double* a, const double* b) {
  double sum = 0;
  for (std::size_t i = 0; i < m.columns(); ++i) {
    const double d = a[i] - b[i];
    sum += d * d;
  }
  return sum;
}

double cosine_similarity(const Metric& m, const double* a, const double* b) {
  const std::size_t n = m.columns();
  double na = std::sqrt(einsum_norm(a, n)), nb = std::sqrt(einsum_norm(b, n));
  if (na == 0) na = 1;
  if (nb == 0) nb = 1;
  double dot = 0;
  for (std::size_t i = 0; i < n; ++i) dot = std::fma(a[i] / na, b[i] / nb, dot);
  return dot;
}
double cosine(const Metric& m, const double* a, const double* b) {
  const double d = 1 - cosine_similarity(m, a, b);
  return std::isnan(d) ? d : std::clamp(d, 0.0, 2.0);
}

double correlation(const Metric& m, const double* a, const double* b) {
  const auto n = static_cast<double>(m.columns());
  double ma = 0, mb = 0;
  for (std::size_t i = 0; i < m.columns(); ++i) {
    ma += a[i];
    mb += b[i];
  }
  ma /= n;
  mb /= n;
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < m.columns(); ++i) {
    ab += (a[i] - ma) * (b[i] - mb);
    aa += (a[i] - ma) * (a[i] - ma);
    bb += (b[i] - mb) * (b[i] - mb);
  }
  return 1 - ab / (std::sqrt(aa) * std::sqrt(bb));
}

double manhattan(const Metric& m, const double* a, const double* b) {
  double sum = 0;
  for (std::size_t i = 0; i < m.columns(); ++i) sum += std::abs(a[i] - b[i]);
  return sum;
}

double chebyshev(const Metric& m, const double* a, const double* b) {
  double most = 0;
  for (std::size_t i = 0; i < m.columns(); ++i) most = std::max(most, std::abs(a[i] - b[i]));
  return most;
}

double minkowski(const Metric& m, const double* a, const double* b) {
  double sum = 0;
  for (std::size_t i = 0; i < m.columns(); ++i) sum += std::pow(std::abs(a[i] - b[i]), m.p());
  return sum;
}

double weighted_minkowski(const Metric& m, const double* a, const double* b) {
  double sum = 0;
  for (std::size_t i = 0; i < m.columns(); ++i) sum += m.given()[i] * std::pow(std::abs(a[i] - b[i]), m.p());
  return sum;
}

double weighted_chebyshev(const Metric& m, const double* a, const double* b) {
  double most = 0;
  for (std::size_t i = 0; i < m.columns(); ++i) {
    if (m.given()[i] > 0) most = std::max(most, std::abs(a[i] - b[i]));
  }
  return most;
}

double wminkowski(const Metric& m, const double* a, const double* b) {  // the weight inside the power
  double sum = 0;
  for (std::size_t i = 0; i < m.columns(); ++i) sum += std::pow(m.given()[i] * std::abs(a[i] - b[i]), m.p());
  return sum;
}

double seuclidean(const Metric& m, const double* a, const double* b) {
  double sum = 0;
  for (std::size_t i = 0; i < m.columns(); ++i) {
    const double d = a[i] - b[i];
    sum += d * d / m.given()[i];
  }
  return sum;
}

double mahalanobis(const Metric& m, const double* a, const double* b) {
  const std::size_t n = m.columns();
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i) {
    double row = 0;
    for (std::size_t j = 0; j < n; ++j) row += m.given()[i * n + j] * (a[j] - b[j]);
    sum += row * (a[i] - b[i]);
  }
  return sum;
}

double canberra(const Metric& m, const double* a, const double* b) {
  double sum = 0;
  for (std::size_t i = 0; i < m.columns(); ++i) {
    const double size = std::abs(a[i]) + std::abs(b[i]);
    if (size > 0) sum += std::abs(a[i] - b[i]) / size;
  }
  return sum;
}

double scipy_braycurtis(const Metric& m, const double* a, const double* b) {  // 0 / 0 stays no number
  double above = 0, below = 0;
  for (std::size_t i = 0; i < m.columns(); ++i) {
    above += std::abs(a[i] - b[i]);
    below += std::abs(a[i] + b[i]);
  }
  return above / below;
}

double tree_braycurtis(const Metric& m, const double* a, const double* b) {
  double above = 0, below = 0;
  for (std::size_t i = 0; i < m.columns(); ++i) {
    above += std::abs(a[i] - b[i]);
    below += std::abs(a[i]) + std::abs(b[i]);
  }
  return below > 0 ? above / below : 0;
}

double haversine(const Metric&, const double* a, const double* b) {  // the sine of half the angle, squared
  const double first = std::sin(0.5 * (a[0] - b[0])), second = std::sin(0.5 * (a[1] - b[1]));
  return first * first + std::cos(a[0]) * std::cos(b[0]) * second * second;
}

double jensenshannon(const Metric& m, const double* a, const double* b) {
  double sa = 0, sb = 0, sum = 0;
  for (std::size_t i = 0; i < m.columns(); ++i) {
    sa += a[i];
    sb += b[i];
  }
  for (std::size_t i = 0; i < m.columns(); ++i) {
    const double p = a[i] / sa, q = b[i] / sb, middle = (p + q) / 2;
    if (p > 0) sum += p * std::log(p / middle);
    if (q > 0) sum += q * std::log(q / middle);
  }
  return std::sqrt(sum / 2);
}

// --- of truth values: a number is true when it isn't zero
struct Counts {
  double both = 0, first = 0, second = 0, n = 0;  // true in both, in one only
  double unequal() const { return first + second; }
  double neither() const { return n - both - first - second; }
};
Counts count(const Metric& m, const double* a, const double* b) {
  Counts c;
  for (std::size_t i = 0; i < m.columns(); ++i) {
    const bool x = a[i] != 0, y = b[i] != 0;
    c.both += x && y ? 1 : 0;
    c.first += x && !y ? 1 : 0;
    c.second += !x && y ? 1 : 0;
  }
  c.n = static_cast<double>(m.columns());
  return c;
}

double hamming(const Metric& m, const double* a, const double* b) {
  double unequal = 0;
  for (std::size_t i = 0; i < m.columns(); ++i) unequal += a[i] != b[i] ? 1 : 0;
  return unequal / static_cast<double>(m.columns());
}
double matching(const Metric& m, const double* a, const double* b) {
  const Counts c = count(m, a, b);
  return c.unequal() / c.n;
}
double jaccard(const Metric& m, const double* a, const double* b) {
  const Counts c = count(m, a, b);
  const double some = c.both + c.unequal();
  return some == 0 ? 0 : c.unequal() / some;
}
double dice(const Metric& m, const double* a, const double* b) {
  const Counts c = count(m, a, b);
  return c.unequal() / (2 * c.both + c.unequal());
}
double kulsinski(const Metric& m, const double* a, const double* b) {
  const Counts c = count(m, a, b);
  return (c.unequal() - c.both + c.n) / (c.unequal() + c.n);
}
double rogerstanimoto(const Metric& m, const double* a, const double* b) {
  const Counts c = count(m, a, b);
  return 2 * c.unequal() / (c.n + c.unequal());
}
double russellrao(const Metric& m, const double* a, const double* b) {
  const Counts c = count(m, a, b);
  return (c.n - c.both) / c.n;
}
double sokalsneath(const Metric& m, const double* a, const double* b) {
  const Counts c = count(m, a, b);
  return c.unequal() / (0.5 * c.both + c.unequal());
}
double yule(const Metric& m, const double* a, const double* b) {
  const Counts c = count(m, a, b);
  const double half = c.first * c.second;
  return half == 0 ? 0 : 2 * half / (c.both * c.neither() + half);
}

__attribute__((target("fma,avx2"))) double fused_dot_fast(const double* a, const double* b, std::size_t n) {
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum = __builtin_fma(a[i], b[i], sum);
  return sum;
}
double fused_dot_plain(const double* a, const double* b, std::size_t n) {
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum = std::fma(a[i], b[i], sum);
  return sum;
}

// BLAS's dot: four times four fused lanes over blocks of sixteen, the rest one by one.
double dot_norm(const double* a, std::size_t n) {
  const std::size_t blocks = n / 16 * 16;
  double sum = 0;
  if (blocks > 0) {
    double lanes[16] = {};
    for (std::size_t i = 0; i < blocks; i += 16) {
      for (std::size_t j = 0; j < 16; ++j) lanes[j] = std::fma(a[i + j], a[i + j], lanes[j]);
    }
    double halves[2];
    for (const std::size_t h : {0, 1}) {
      const auto folded = [&](std::size_t q) { return lanes[4 * q + h] + lanes[4 * q + h + 2]; };
      halves[h] = (folded(0) + folded(1)) + (folded(2) + folded(3));
    }
    sum = halves[0] + halves[1];
  }
  for (std::size_t i = blocks; i < n; ++i) sum += a[i] * a[i];
  return sum;
}

}  // namespace

double fused_dot(const double* a, const double* b, std::size_t n) {
  static const auto chosen = __builtin_cpu_supports("fma") && __builtin_cpu_supports("avx2") ? fused_dot_fast : fused_dot_plain;
  return chosen(a, b, n);
}

double Expanded::norm(const double* a, std::size_t n, Norm kind) {
  switch (kind) {
    case Norm::einsum: return einsum_norm(a, n);
    case Norm::einsum_old: return einsum_old_norm(a, n);
    case Norm::dot: return dot_norm(a, n);
    case Norm::plain: break;
  }
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += a[i] * a[i];
  return sum;
}
Expanded::Norm Expanded::norm_of(std::string_view form) {
  if (form == "expanded") return Norm::einsum;
  if (form == "expanded_old") return Norm::einsum_old;
  if (form == "expanded_dot") return Norm::dot;
  if (form == "expanded_sparse") return Norm::plain;
  throw std::invalid_argument("there is no form '" + std::string(form) + "'");
}
double Expanded::dot(const double* a, const double* b, std::size_t n) { return fused_dot(a, b, n); }

namespace {
enum class Given { nothing, row, square };
struct Entry {
  std::string_view name;
  Metric::Function function;
  Metric::Root root = Metric::Root::none;
  Given given = Given::nothing;
};
constexpr Metric::Root square = Metric::Root::square, power = Metric::Root::p, none = Metric::Root::none;
constexpr Entry kEntries[] = {
    {"euclidean", squared, square},
    {"sqeuclidean", squared},
    {"manhattan", manhattan},
    {"chebyshev", chebyshev},
    {"minkowski", minkowski, power},
    {"weighted_minkowski", weighted_minkowski, power, Given::row},
    {"weighted_chebyshev", weighted_chebyshev, none, Given::row},
    {"wminkowski", wminkowski, power, Given::row},
    {"seuclidean", seuclidean, square, Given::row},
    {"mahalanobis", mahalanobis, square, Given::square},
    {"nan_euclidean", nan_euclidean, square},
    {"cosine", cosine},
    {"cosine_similarity", cosine_similarity},  // no distance: the cosine itself
    {"correlation", correlation},
    {"canberra", canberra},
    {"braycurtis", tree_braycurtis},
    {"scipy_braycurtis", scipy_braycurtis},
    {"haversine", haversine},
    {"jensenshannon", jensenshannon},
    {"hamming", hamming},
    {"matching", matching},
    {"jaccard", jaccard},
    {"dice", dice},
    {"kulsinski", kulsinski},
    {"rogerstanimoto", rogerstanimoto},
    {"sokalmichener", rogerstanimoto},
    {"russellrao", russellrao},
    {"sokalsneath", sokalsneath},
    {"yule", yule},
};
}  // namespace

Metric::Metric(std::string_view name, std::size_t columns, double p, std::span<const double> given)
    : columns_(columns), p_(p), given_(given.begin(), given.end()) {
  const auto* const end = std::end(kEntries);
  const auto* const found = std::find_if(std::begin(kEntries), end, [&](const auto& e) { return e.name == name; });
  if (found == end) throw std::invalid_argument("there is no metric '" + std::string(name) + "'");
  function_ = found->function;
  root_ = found->root;
  euclidean_ = name == "euclidean" || name == "sqeuclidean";
  if (columns == 0) throw std::invalid_argument("rows without columns have no distance");
  if (name == "haversine" && columns != 2) throw std::invalid_argument("haversine takes two columns, latitude and longitude");
  if (root_ == Root::p && !(p > 0)) throw std::invalid_argument("the exponent of minkowski must be positive");
  const std::size_t wanted = found->given == Given::row ? columns : found->given == Given::square ? columns * columns : 0;
  if (wanted != 0 && given.size() != wanted)
    throw std::invalid_argument(std::string(name) + " is given " + std::to_string(given.size()) + " parameters, not " + std::to_string(wanted));
}

double Metric::full(double reduced) const {
  if (function_ == haversine) return 2 * std::asin(std::sqrt(reduced));
  switch (root_) {
    case Root::square: return std::sqrt(reduced);
    case Root::p: return std::pow(reduced, 1 / p_);
    case Root::none: break;
  }
  return reduced;
}

double Metric::to_reduced(double full) const {
  if (function_ == haversine) {
    const double sine = std::sin(0.5 * full);
    return sine * sine;
  }
  switch (root_) {
    case Root::square: return full * full;
    case Root::p: return std::pow(full, p_);
    case Root::none: break;
  }
  return full;
}

Metric metric_of(const Setup& setup, std::size_t columns, std::size_t at) {
  const In p = setup.constant(at), given = setup.constant(at + 1);
  if (p.present && p.count() != 1) throw std::invalid_argument("the exponent must be one number");
  return Metric(setup.text("metric", "euclidean"), columns, p.present ? p.doubles()[0] : 2.0,
                given.present ? given.doubles() : std::span<const double>{});
}

Rows rows_of(const In& in, const char* what) {
  if (!in.present || in.type != Type::float64 || in.shape.size() != 2)
    throw std::invalid_argument(std::string(what) + " must be a matrix of numbers");
  return {in.doubles(), static_cast<std::size_t>(in.shape[0]), static_cast<std::size_t>(in.shape[1])};
}

KeptRows kept_rows(const In& in, const char* what) {
  const Rows rows = rows_of(in, what);
  return {{rows.data.begin(), rows.data.end()}, rows.rows, rows.columns};
}

void expect_columns(const Rows& x, std::size_t columns) {
  if (x.columns != columns) throw std::invalid_argument(std::to_string(x.columns) + " columns where " + std::to_string(columns) + " were expected");
}

void over_rows(Outs& out, std::size_t rows, std::size_t work_per_row, const std::function<void(std::size_t, std::size_t)>& each) {
  if (rows < 2 || rows * work_per_row < kWorthFanOut) {
    each(0, rows);
    return;
  }
  const std::size_t block = std::max<std::size_t>(1, std::min<std::size_t>(64, kWorthFanOut / 4 / (work_per_row + 1)));
  const std::size_t blocks = (rows + block - 1) / block;
  out.parallel(blocks, [&](std::size_t i) { each(i * block, std::min(rows, (i + 1) * block)); });
}

}  // namespace slipway::ops
