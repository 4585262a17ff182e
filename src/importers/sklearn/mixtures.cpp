// Mixtures of Gaussians (density, component, shares of components), and EllipticEnvelope.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "slipway/importers/blocks/arithmetic.hpp"
#include "slipway/importers/blocks/dense.hpp"
#include "slipway/importers/sklearn/neighbors.hpp"
#include "slipway/importers/sklearn/table.hpp"

namespace slipway::importers::sklearn {
namespace {

constexpr std::int64_t kCellsMax = 100'000'000;

enum class Shape4 { full, tied, diag, spherical };

struct Gaussians {
  Shape4 shape = Shape4::full;
  Matrix means;
  std::vector<double> factors;  // precisions_cholesky_, flat
  std::size_t k = 0, d = 0;
};

Result<Gaussians> read_gaussians(const View& model) {
  Gaussians out;
  const std::string shape = text_or(model, "covariance_type", "full");
  if (shape == "full")
    out.shape = Shape4::full;
  else if (shape == "tied")
    out.shape = Shape4::tied;
  else if (shape == "diag")
    out.shape = Shape4::diag;
  else if (shape == "spherical")
    out.shape = Shape4::spherical;
  else
    return refuse(model, "the covariance type '" + shape.substr(0, 40) + "' is not known");
  out.means = TRY(matrix(model, "means_"));
  out.k = static_cast<std::size_t>(out.means.rows);
  out.d = static_cast<std::size_t>(out.means.columns);
  const View v = TRY(model.attribute("precisions_cholesky_"));
  out.factors = TRY(v.doubles());
  if (out.means.rank != 2 || out.k == 0 || out.d == 0 || out.means.rows > kCellsMax / out.means.columns) return refuse(model, "its means are empty");
  const std::size_t wanted = out.shape == Shape4::full   ? out.k * out.d * out.d
                             : out.shape == Shape4::tied ? out.d * out.d
                             : out.shape == Shape4::diag ? out.k * out.d
                                                         : out.k;
  if (out.factors.size() != wanted) return refuse(v, "it holds " + std::to_string(out.factors.size()) + " numbers, not " + std::to_string(wanted));
  return out;
}

std::vector<double> log_determinants(const Gaussians& m) {
  std::vector<double> out;
  for (std::size_t k = 0; k < m.k; ++k) {
    double sum = 0;
    for (std::size_t i = 0; i < m.d; ++i) {
      switch (m.shape) {
        case Shape4::full: sum += std::log(m.factors[k * m.d * m.d + i * m.d + i]); break;
        case Shape4::tied: sum += std::log(m.factors[i * m.d + i]); break;
        case Shape4::diag: sum += std::log(m.factors[k * m.d + i]); break;
        case Shape4::spherical: break;
      }
    }
    out.push_back(m.shape == Shape4::spherical ? static_cast<double>(m.d) * std::log(m.factors[k]) : sum);
  }
  return out;
}

// mu P of one component.
void add_shift(const Gaussians& m, std::size_t k, const double* factor, std::vector<double>& out) {
  const std::size_t first = out.size();
  out.resize(first + m.d, 0.0);
  for (std::size_t r = 0; r < m.d; ++r) {
    const double mean = m.means.at(static_cast<std::int64_t>(k), static_cast<std::int64_t>(r));
    for (std::size_t c = 0; c < m.d; ++c) out[first + c] = std::fma(mean, factor[r * m.d + c], out[first + c]);
  }
}

// Mahalanobis distances squared where the factors are whole matrices: |x P - mu P|^2. One product serves all components. [N, k]
Val squares_of_factors(Builder& g, const Gaussians& m, const Val& x) {
  const auto k_columns = static_cast<std::int64_t>(m.k), d_columns = static_cast<std::int64_t>(m.d);
  std::vector<double> shift, joined;
  Val y;
  if (m.shape == Shape4::tied) {
    for (std::size_t k = 0; k < m.k; ++k) add_shift(m, k, m.factors.data(), shift);
    y = g.op("Unsqueeze", {g.matmul(x, matrix_constant(g, m.d, m.d, m.factors), d_columns), g.ints({1})});  // [N, 1, d]
  } else {
    const std::size_t width = m.k * m.d;
    joined.resize(m.d * width);
    for (std::size_t k = 0; k < m.k; ++k) {
      const double* factor = m.factors.data() + k * m.d * m.d;
      for (std::size_t r = 0; r < m.d; ++r)
        std::copy(factor + r * m.d, factor + (r + 1) * m.d, joined.begin() + static_cast<std::ptrdiff_t>(r * width + k * m.d));
      add_shift(m, k, factor, shift);
    }
    const auto columns = static_cast<std::int64_t>(width);
    y = g.reshape(g.matmul(x, matrix_constant(g, m.d, width, joined), columns), {-1, k_columns, d_columns}, -1);
  }
  y = g.sub(Builder::typed(y, DType::float64, -1), g.constant(doubles({1, k_columns, d_columns}, shift)));
  return Builder::typed(g.reduce("ReduceSum", g.mul(y, y), 2, false), DType::float64, k_columns);
}

// The same where they are diagonal, by the library's expanded square.
Val squares_of_diagonals(Builder& g, const Gaussians& m, const Val& x) {
  std::vector<double> constant(m.k, 0.0), linear(m.d * m.k), squares(m.d * m.k), spherical;
  const auto k_columns = static_cast<std::int64_t>(m.k);
  for (std::size_t k = 0; k < m.k; ++k) {
    double norm = 0;
    for (std::size_t i = 0; i < m.d; ++i) {
      const double mean = m.means.at(static_cast<std::int64_t>(k), static_cast<std::int64_t>(i));
      const double factor = m.shape == Shape4::diag ? m.factors[k * m.d + i] : m.factors[k];
      const double precision = factor * factor;
      constant[k] += mean * mean * precision;
      norm += mean * mean;
      linear[i * m.k + k] = m.shape == Shape4::diag ? mean * precision : mean;
      squares[i * m.k + k] = precision;
    }
    spherical.push_back(m.factors[k] * m.factors[k]);
    if (m.shape == Shape4::spherical) constant[k] = norm * spherical[k];
  }
  Val middle = g.matmul(x, matrix_constant(g, m.d, m.k, linear), k_columns);
  Val last;
  if (m.shape == Shape4::diag) {
    last = g.matmul(g.mul(x, x), matrix_constant(g, m.d, m.k, squares), k_columns);
  } else {
    middle = g.mul(middle, g.row(spherical));
    last = g.mul(sum_columns(g, g.mul(x, x)), g.row(spherical));
  }
  const Val sum = g.add(g.sub(g.row(constant), g.mul(middle, g.scalar(2))), last);
  return Builder::typed(sum, DType::float64, k_columns);
}

Result<Prediction> mixture(Lowering& to, const View& model, const Table& in, const Gaussians& m, const std::vector<double>& shift) {
  TRY(expect_width(model, in, m.means.columns));
  to.inputs.refuse_missing(in);
  for (std::size_t c = 0; c < in.width(); ++c) to.inputs.hint_typical(in.columns[c], m.means.at(0, static_cast<std::int64_t>(c)));
  Builder& g = to.graph;
  const Val x = TRY(to.inputs.numbers(in));
  const bool whole = m.shape == Shape4::full || m.shape == Shape4::tied;
  const Val squares = whole ? squares_of_factors(g, m, x) : squares_of_diagonals(g, m, x);
  const double constant = static_cast<double>(m.d) * std::log(2 * std::numbers::pi);
  const Val gaussian = g.add(g.mul(g.add(squares, g.scalar(constant)), g.scalar(-0.5)), g.row(log_determinants(m)));
  const Val weighted = Builder::typed(g.add(gaussian, g.row(shift)), DType::float64, static_cast<std::int64_t>(m.k));
  const Val total = log_sum_exp(g, weighted);
  Prediction p;
  p.kind = Prediction::Kind::density;
  p.score = flat(g, total);
  p.cluster = g.argmax(weighted);
  p.probabilities = Builder::typed(g.op("Exp", {g.sub(weighted, total)}), DType::float64, static_cast<std::int64_t>(m.k));
  return p;
}

Result<Prediction> gaussian_mixture(Lowering& to, const View& model, const Table& in) {
  const Gaussians m = TRY(read_gaussians(model));
  std::vector<double> weights = TRY(vector(model, "weights_"));
  if (weights.size() != m.k) return refuse(model, "weights_ doesn't fit its components");
  for (double& w : weights) w = std::log(w);
  return mixture(to, model, in, m, weights);
}

Result<std::vector<double>> log_weights(const View& model, std::size_t k) {
  std::vector<double> out;
  const View v = TRY(model.attribute("weight_concentration_"));
  if (text_or(model, "weight_concentration_prior_type", "dirichlet_process") == "dirichlet_process") {
    if (!v.is(Kind::tuple) || v.size() != 2) return refuse(v, "a pair was expected");
    const auto a = TRY(v.at(0).doubles()), b = TRY(v.at(1).doubles());
    if (a.size() != k || b.size() != k) return refuse(v, "it doesn't fit its components");
    double sum = 0;
    for (std::size_t i = 0; i < k; ++i) {
      const double both = digamma(a[i] + b[i]);
      out.push_back(digamma(a[i]) - both + sum);
      sum += digamma(b[i]) - both;
    }
    return out;
  }
  const auto all = TRY(v.doubles());
  if (all.size() != k) return refuse(v, "it doesn't fit its components");
  double sum = 0;
  for (const double w : all) sum += w;
  for (const double w : all) out.push_back(digamma(w) - digamma(sum));
  return out;
}

Result<Prediction> bayesian_mixture(Lowering& to, const View& model, const Table& in) {
  const Gaussians m = TRY(read_gaussians(model));
  std::vector<double> shift = TRY(log_weights(model, m.k));
  std::vector<double> freedom = TRY(vector(model, "degrees_of_freedom_"));
  const std::vector<double> precision = TRY(vector(model, "mean_precision_"));
  if (freedom.size() == 1) freedom.assign(m.k, freedom[0]);  // tied: one for all
  if (freedom.size() != m.k || precision.size() != m.k) return refuse(model, "degrees_of_freedom_ and mean_precision_ don't fit its components");
  const auto d = static_cast<double>(m.d);
  for (std::size_t k = 0; k < m.k; ++k) {
    double sum = d * std::numbers::ln2;
    for (std::size_t i = 0; i < m.d; ++i) {
      const double at = 0.5 * (freedom[k] - static_cast<double>(i));
      if (!(at > 0)) return refuse(model, "degrees_of_freedom_ is too small for its columns");
      sum += digamma(at);
    }
    shift[k] += -0.5 * d * std::log(freedom[k]) + 0.5 * (sum - d / precision[k]);
  }
  return mixture(to, model, in, m, shift);
}

Result<Prediction> elliptic_envelope(Lowering& to, const View& model, const Table& in) {
  const std::vector<double> location = TRY(vector(model, "location_"));
  const auto d = static_cast<std::int64_t>(location.size());
  std::vector<double> precision;
  if (present(model, "precision_")) {
    precision = TRY(vector(model, "precision_"));
  } else {
    auto covariance = TRY(vector(model, "covariance_"));
    if (covariance.size() != location.size() * location.size()) return refuse(model, "covariance_ doesn't fit location_");
    auto solved = inverse(std::move(covariance), location.size());
    if (!solved) return refuse(model, "covariance_ has no inverse");
    precision = std::move(*solved);
  }
  if (precision.size() != location.size() * location.size() || d == 0) return refuse(model, "precision_ doesn't fit location_");
  const std::vector<double> offset = TRY(vector(model, "offset_"));
  if (offset.size() != 1) return refuse(model, "offset_ is no number");
  TRY(expect_width(model, in, d));
  to.inputs.refuse_missing(in);
  for (std::size_t c = 0; c < in.width(); ++c) to.inputs.hint_typical(in.columns[c], location[c]);
  Builder& g = to.graph;
  const Val x = TRY(to.inputs.numbers(in));
  const Val squared = g.own("Distances", {x, g.constant(doubles({1, d}, location)), Builder::absent(), g.constant(doubles({d, d}, precision))},
                            DType::float64, 1, {graph::attr("metric", std::string("mahalanobis")), graph::attr("reduced", std::int64_t{1})});
  const Val score = g.sub(g.op("Neg", {flat(g, squared)}), g.scalar(offset[0]));
  const Val inside = g.compare("GreaterOrEqual", score, g.scalar(0));
  return Prediction::outlier_detector(Builder::typed(g.where(inside, g.scalar_i64(1), g.scalar_i64(-1)), DType::int64, -1), score);
}

constexpr Converter kConverters[] = {
    {"GaussianMixture", nullptr, gaussian_mixture},
    {"BayesianGaussianMixture", nullptr, bayesian_mixture},
    {"EllipticEnvelope", nullptr, elliptic_envelope},
};

}  // namespace

Family mixtures_family() { return kConverters; }

}  // namespace slipway::importers::sklearn
