// Transformers of single columns, products of columns, projections and selections, evaluated directly.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

#include "slipway/importers/sklearn/direct/numeric.hpp"
#include "slipway/importers/sklearn/importances.hpp"

namespace slipway::importers::sklearn {
namespace {

using Made = Result<std::optional<Step>>;

Made normalizer(Direct& by, const View& model) {
  const std::string norm = text_or(model, "norm", "l2");
  const Version version = by.version(model);
  const double least = version.at_least(1, 0) ? 10 * std::numeric_limits<double>::epsilon() : 0;
  const bool sizes = version.at_least(0, 23);
  return by_numbers([=](Numbers x) {
    Sum sum;
    double largest = sizes ? 0 : -INFINITY;
    for (const double v : x) {
      sum.add(norm == "l1" ? std::abs(v) : v * v);
      largest = std::max(largest, sizes ? std::abs(v) : v);
    }
    const double length = norm == "max" ? largest : norm == "l1" ? sum.value() : std::sqrt(sum.value());
    if (length == 0 || length < least) return x;
    for (double& v : x) v /= length;
    return x;
  });
}

Made binarizer(Direct&, const View& model) {
  const double threshold = TRY(number_or(model, "threshold", 0));
  return by_numbers([=](Numbers x) {
    for (double& v : x) v = v > threshold ? 1 : 0;
    return x;
  });
}

Result<std::vector<Numbers>> lists_of(const View& lists) {
  std::vector<Numbers> out;
  for (std::size_t i = 0; i < lists.size(); ++i) out.push_back(TRY(lists.at(i).doubles()));
  return out;
}

Made bins(Direct& by, const View& model) {
  const auto dtype = model.find("dtype");
  if (dtype && dtype->is(Kind::global) && dtype->name() == "float32") return no_step();
  const auto edges = TRY(lists_of(TRY(model.attribute("bin_edges_"))));
  const bool ordinal = text_or(model, "encode", "onehot") == "ordinal", slack = !by.version(model).at_least(1, 1);
  for (const Numbers& list : edges) {
    if (list.size() < 2) return refuse(model, "a column has no bins");
  }
  return by_numbers([=](const Numbers& x) {
    Numbers out;
    for (std::size_t i = 0; i < edges.size(); ++i) {
      const double v = slack ? x.at(i) + (1e-8 + 1e-5 * std::abs(x[i])) : x.at(i);
      std::size_t bin = 0;
      while (bin + 2 < edges[i].size() && v >= edges[i][bin + 1]) ++bin;
      if (ordinal) out.push_back(static_cast<double>(bin));
      for (std::size_t b = 0; !ordinal && b + 1 < edges[i].size(); ++b) out.push_back(b == bin ? 1 : 0);
    }
    return out;
  });
}

// --- powers and quantiles

double yeo_johnson(double x, double lambda) {
  if (x >= 0) return std::abs(lambda) < 2.3e-16 ? std::log1p(x) : (rounded(std::pow(x + 1, lambda)) - 1) / lambda;
  return std::abs(lambda - 2) < 4.5e-16 ? -std::log1p(-x) : (1 - rounded(std::pow(1 - x, 2 - lambda))) / (2 - lambda);
}

double box_cox(double x, double lambda) {
  if (!(x > 0) && !std::isnan(x)) throw RowRefused();
  return lambda == 0 ? std::log(x) : (rounded(std::pow(x, lambda)) - 1) / lambda;
}

Made power(Direct& by, const View& model) {
  const auto lambdas = TRY(vector(model, "lambdas_"));
  const bool cox = text_or(model, "method", "yeo-johnson") == "box-cox";
  std::optional<Step> scaler;
  if (TRY(flag_or(model, "standardize", true))) {
    scaler = TRY(by.transform(TRY(model.attribute("_scaler"))));
    if (!scaler) return no_step();
  }
  return std::optional<Step>([=](const Row& row) {
    Row out = row;
    for (std::size_t i = 0; i < out.size(); ++i) {
      const double lambda = lambdas.at(i);
      double& x = out[i].number;
      if (!std::isnan(x)) x = rounded(cox ? box_cox(x, lambda) : yeo_johnson(x, lambda));
    }
    return scaler ? (*scaler)(out) : out;
  });
}

// Where p of a standard normal distribution lies below: halving, then Newton.
double normal_quantile(double p) {
  if (p > 0.5) return -normal_quantile(1 - p);
  if (!(p > 0)) return -INFINITY;
  const auto below = [](double x) { return 0.5 * std::erfc(-x * std::numbers::sqrt2 / 2); };
  double low = -40, high = 0.5;
  for (int i = 0; i < 60; ++i) (below((low + high) / 2) < p ? low : high) = (low + high) / 2;
  double x = (low + high) / 2;
  for (int i = 0; i < 3; ++i) x -= (below(x) - p) / (std::exp(-x * x / 2) / std::sqrt(2 * std::numbers::pi));
  return x;
}

// On the line through the points; of points at one place the last counts, or the first.
double on_line(double x, const Numbers& at, const Numbers& value, bool last) {
  const std::size_t n = at.size();
  if (x < at.front()) return value.front();
  if (x > at.back()) return value.back();
  std::size_t hit = n;
  for (std::size_t i = 0; i < n; ++i) {
    if (at[i] == x && (last || hit == n)) hit = i;
  }
  if (hit != n) return value[hit];
  std::size_t right = 0;
  while (at[right] < x) ++right;
  return value[right - 1] + rounded((value[right] - value[right - 1]) / (at[right] - at[right - 1]) * (x - at[right - 1]));
}

Made quantiles(Direct&, const View& model) {
  const Matrix table = TRY(matrix(model, "quantiles_"));
  const auto references = TRY(vector(model, "references_"));
  const bool normal = text_or(model, "output_distribution", "uniform") == "normal";
  if (table.single || table.rank != 2 || table.rows != static_cast<std::int64_t>(references.size()) || table.rows < 1) return no_step();
  std::vector<Numbers> columns(static_cast<std::size_t>(table.columns));
  for (std::int64_t r = 0; r < table.rows; ++r) {
    for (std::int64_t c = 0; c < table.columns; ++c) columns[static_cast<std::size_t>(c)].push_back(table.at(r, c));
  }
  return by_numbers([=](Numbers x) {
    constexpr double kBound = 1e-7;
    const double least = normal_quantile(kBound - std::numeric_limits<double>::epsilon());
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (std::isnan(x[i])) continue;
      const Numbers& q = columns.at(i);
      const bool low = normal ? x[i] - kBound < q.front() : x[i] == q.front(), high = normal ? x[i] + kBound > q.back() : x[i] == q.back();
      double share = 0.5 * (on_line(x[i], q, references, true) + on_line(x[i], q, references, false));
      if (high) share = 1;
      if (low) share = 0;
      x[i] = normal ? std::clamp(normal_quantile(share), least, -least) : share;
    }
    return x;
  });
}

// --- products of columns

void add_terms(std::size_t width, std::int64_t degree, bool interaction_only, std::vector<std::size_t>& term,
               std::vector<std::vector<std::size_t>>& out) {
  if (static_cast<std::int64_t>(term.size()) == degree) {
    out.push_back(term);
    return;
  }
  for (std::size_t c = term.empty() ? 0 : term.back() + (interaction_only ? 1 : 0); c < width; ++c) {
    term.push_back(c);
    add_terms(width, degree, interaction_only, term, out);
    term.pop_back();
  }
}

Made polynomial(Direct& by, const View& model) {
  constexpr double kTermsMax = 20'000;
  const auto width = TRY(width_of(model));
  std::int64_t least = 0, most = 2;
  if (const auto degree = model.find("degree"); degree && degree->is(Kind::integer)) {
    most = TRY(degree->integer());
  } else if (degree) {
    const auto pair = TRY(degree->integers());
    if (pair.size() == 2) least = pair[0], most = pair[1];
  }
  if (width.count < 1 || std::pow(static_cast<double>(width.count), static_cast<double>(most)) > kTermsMax) return no_step();
  std::vector<std::vector<std::size_t>> terms;
  if (TRY(flag_or(model, "include_bias", true))) terms.emplace_back();
  const bool interaction_only = TRY(flag_or(model, "interaction_only", false));
  for (std::int64_t degree = std::max<std::int64_t>(1, least); degree <= most; ++degree) {
    std::vector<std::size_t> term;
    add_terms(static_cast<std::size_t>(width.count), degree, interaction_only, term, terms);
  }
  by.costs(terms.size() * 3);
  return by_numbers([terms](const Numbers& x) {
    Numbers out;
    for (const auto& term : terms) {
      double product = 1;
      for (const std::size_t c : term) product *= x.at(c);
      out.push_back(rounded(product));
    }
    return out;
  });
}

// --- projections

Made projection(Direct& by, const View& model) {
  const Matrix components = TRY(matrix(model, "components_"));
  const bool centers = present(model, "mean_") && model.name() != "TruncatedSVD";
  const Numbers mean = centers ? TRY(vector(model, "mean_")) : Numbers(static_cast<std::size_t>(components.columns), 0.0);
  if (components.single || components.rank != 2 || static_cast<std::int64_t>(mean.size()) != components.columns) return no_step();
  Numbers scale(static_cast<std::size_t>(components.rows), 1.0);
  if (TRY(flag_or(model, "whiten", false))) {
    const auto variance = TRY(vector(model, "explained_variance_"));
    if (variance.size() != scale.size()) return refuse(model, "explained_variance_ doesn't fit its components");
    const double least = by.version(model).at_least(1, 5) ? std::numeric_limits<double>::epsilon() : 0;
    for (std::size_t i = 0; i < scale.size(); ++i) scale[i] = std::max(std::sqrt(variance[i]), least);
  }
  by.costs(components.data.size() * 2);
  by.try_row(mean);
  return by_numbers([=](const Numbers& x) {
    Numbers out;
    for (std::size_t k = 0; k < scale.size(); ++k) {
      const auto component = row_at(components, k);
      Sum sum;
      for (std::size_t i = 0; i < component.size(); ++i) {
        sum.add(x.at(i) * component[i]);
        sum.add(-mean[i] * component[i]);
      }
      out.push_back(sum.value() / scale[k]);
    }
    return out;
  });
}

// --- selections

using Mask = std::vector<bool>;

std::optional<Step> selected(Mask mask) {
  return Step([mask = std::move(mask)](const Row& row) {
    Row out;
    out.sparse = row.sparse;
    for (std::size_t i = 0; i < mask.size(); ++i) {
      if (mask[i]) out.push_back(row.at(i));
    }
    return out;
  });
}

// The k largest; of equal ones the later.
Mask largest(const Numbers& scores, std::int64_t k) {
  Mask mask(scores.size());
  for (std::size_t i = 0; i < scores.size(); ++i) {
    std::int64_t before = 0;
    for (std::size_t j = 0; j < scores.size(); ++j) before += scores[j] > scores[i] || (scores[j] == scores[i] && j > i) ? 1 : 0;
    mask[i] = before < k;
  }
  return mask;
}

Mask by_percent(const Numbers& scores, double percent) {
  if (percent == 0 || percent == 100) return Mask(scores.size(), percent == 100);
  Numbers sorted = scores;
  std::sort(sorted.begin(), sorted.end());
  const double place = (100 - percent) / 100 * static_cast<double>(sorted.size() - 1);
  const auto left = static_cast<std::size_t>(place), right = std::min(left + 1, sorted.size() - 1);
  const double threshold = sorted[left] + (sorted[right] - sorted[left]) * (place - static_cast<double>(left));
  const auto all = static_cast<std::int64_t>(static_cast<double>(scores.size()) * percent / 100);
  Mask mask;
  std::int64_t taken = 0;
  for (const double s : scores) {
    mask.push_back(s > threshold);
    taken += mask.back() ? 1 : 0;
  }
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if (scores[i] == threshold && taken < all) {
      mask[i] = true;
      ++taken;
    }
  }
  return mask;
}

Made univariate(Direct&, const View& model) {
  const std::string name(model.name());
  const bool generic = name == "GenericUnivariateSelect";
  const std::string mode = generic                 ? text_or(model, "mode", "percentile")
                           : name == "SelectKBest" ? "k_best"
                           : name == "SelectFpr"   ? "fpr"
                           : name == "SelectFdr"   ? "fdr"
                           : name == "SelectFwe"   ? "fwe"
                                                   : "percentile";
  const View parameter = TRY(model.attribute(generic ? "param" : mode == "k_best" ? "k" : mode == "percentile" ? "percentile" : "alpha"));
  Numbers scores = TRY(vector(model, "scores_"));
  for (double& s : scores) s = std::isnan(s) ? std::numeric_limits<double>::lowest() : s;
  if (mode == "k_best") return selected(parameter.is_text("all") ? Mask(scores.size(), true) : largest(scores, TRY(parameter.integer())));
  const double value = TRY(parameter.number());
  if (scores.empty()) return no_step();
  if (mode == "percentile") return selected(by_percent(scores, value));
  const Numbers p = TRY(vector(model, "pvalues_"));
  const auto n = static_cast<double>(p.size());
  double limit = mode == "fwe" ? value / n : value;
  if (mode == "fdr") {  // the largest p that is small enough for its rank
    limit = -1;
    for (const double candidate : p) {
      double rank = 0;
      for (const double other : p) rank += other <= candidate ? 1 : 0;
      if (candidate <= value / n * rank) limit = std::max(limit, candidate);
    }
  }
  Mask mask;
  for (const double v : p) mask.push_back(mode == "fdr" ? v <= limit : v < limit);
  return selected(mask);
}

Made variance(Direct&, const View& model) {
  const double threshold = TRY(number_or(model, "threshold", 0));
  Mask mask;
  for (const double v : TRY(vector(model, "variances_"))) mask.push_back(v > threshold);
  return selected(mask);
}

Result<Mask> support_of(const View& model) {
  Mask mask;
  for (const double bit : TRY(TRY(model.attribute("support_")).doubles())) mask.push_back(bit != 0);
  return mask;
}
Made supported(Direct&, const View& model) { return selected(TRY(support_of(model))); }

Result<std::optional<Answerer>> supported_answer(Direct& by, const View& model) {
  auto select = TRY(supported(by, model));
  const std::size_t behind = by.steps_behind();
  by.behind(std::nullopt);
  const auto inner = TRY(by.predict(TRY(model.attribute("estimator_"))));
  by.leave(behind);
  if (!select || !inner) return no_answer();
  return std::optional<Answerer>([select = *select, inner = *inner](const Row& row) { return inner(select(row)); });
}

// Thresholds that are numbers, the mean or the median of the importances, or a multiple of them.
Made from_model(Direct&, const View& model) {
  auto estimator = model.find("estimator_");
  if (!estimator) estimator = model.find("estimator");
  if (!estimator || !estimator->is(Kind::object) || present(model, "max_features")) return no_step();
  const auto getter = model.find("importance_getter");
  if (getter && !getter->is(Kind::text)) return no_step();
  const Numbers scores = TRY(importances(*estimator, text_or(model, "importance_getter", "auto"), TRY(number_or(model, "norm_order", 1))));
  const auto given = model.find("threshold");
  double threshold = 0;
  if (given && !given->is_none() && !given->is(Kind::text)) {
    threshold = TRY(given->number());
  } else {
    std::string text = given && given->is(Kind::text) ? TRY(given->text()) : "";
    if (text.empty() &&
        (estimator->name().find("Lasso") != std::string_view::npos || estimator->name().find("ElasticNet") != std::string_view::npos ||
         estimator->name().find("Logistic") != std::string_view::npos || text_or(*estimator, "penalty", "") == "l1"))
      return no_step();  // the default depends on the penalty
    double factor = 1;
    if (const std::size_t star = text.find('*'); star != std::string::npos) {
      factor = std::strtod(text.c_str(), nullptr);
      text.erase(0, star + 1);
    }
    std::erase(text, ' ');
    Numbers sorted = scores;
    std::sort(sorted.begin(), sorted.end());
    const std::size_t n = sorted.size();
    if (n == 0 || (!text.empty() && text != "mean" && text != "median")) return no_step();
    threshold = text == "median" ? factor * (sorted[(n - 1) / 2] + sorted[n / 2]) / 2
                                 : factor * std::accumulate(scores.begin(), scores.end(), 0.0) / static_cast<double>(n);
  }
  Mask mask;
  for (const double s : scores) {
    if (s != threshold && std::abs(s - threshold) <= 1e-13 * std::abs(threshold)) return no_step();  // rounding decides
    mask.push_back(!(s < threshold));
  }
  return selected(mask);
}

constexpr DirectConverter kConverters[] = {
    {"Normalizer", normalizer},
    {"Binarizer", binarizer},
    {"KBinsDiscretizer", bins},
    {"PowerTransformer", power},
    {"QuantileTransformer", quantiles},
    {"PolynomialFeatures", polynomial},
    {"PCA", projection},
    {"IncrementalPCA", projection},
    {"TruncatedSVD", projection},
    {"SelectKBest", univariate},
    {"SelectPercentile", univariate},
    {"SelectFpr", univariate},
    {"SelectFdr", univariate},
    {"SelectFwe", univariate},
    {"GenericUnivariateSelect", univariate},
    {"VarianceThreshold", variance},
    {"RFE", supported, supported_answer},
    {"RFECV", supported, supported_answer},
    {"SequentialFeatureSelector", supported},
    {"SelectFromModel", from_model},
};

}  // namespace

std::span<const DirectConverter> direct_columns() { return kConverters; }

}  // namespace slipway::importers::sklearn
