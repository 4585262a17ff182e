// Naive Bayes and discriminant analysis, evaluated directly.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "slipway/importers/sklearn/direct/numeric.hpp"
#include "slipway/importers/sklearn/linear.hpp"

namespace slipway::importers::sklearn {
namespace {

using Made = Result<std::optional<Answerer>>;
using Likelihood = std::function<Numbers(const Numbers&)>;  // joint log likelihoods of the classes

std::optional<Answerer> by_likelihood(const Labels& labels, Likelihood likelihood) {
  return std::optional<Answerer>([labels, likelihood = std::move(likelihood)](const Row& row) {
    Numbers joint = likelihood(numbers_of(row));
    DirectAnswer answer;
    answer.label = labels.shown.at(clear_largest(joint));
    const double largest = *std::max_element(joint.begin(), joint.end());
    double sum = 0;
    for (const double v : joint) sum += std::exp(v - largest);
    for (const double v : joint) answer.probabilities.push_back(std::exp(v - (largest + std::log(sum))));
    return answer;
  });
}

void add_all(Numbers& to, const Numbers& terms) {
  for (std::size_t i = 0; i < to.size(); ++i) to[i] = rounded(to[i]) + terms.at(i);
}

// Each class's weighted sum of the columns.
Numbers products(const Matrix& rows, const Numbers& x) {
  Numbers out;
  for (std::size_t i = 0; i < static_cast<std::size_t>(rows.rows); ++i) out.push_back(dot(x, row_at(rows, i)));
  return out;
}

Made gaussian(Direct& by, const View& model) {
  const auto labels = classes_of(model);
  const Matrix mean = TRY(matrix(model, "theta_")), variance = TRY(matrix(model, model.has("var_") ? "var_" : "sigma_"));
  const auto prior = TRY(vector(model, "class_prior_"));
  if (!labels || mean.single || variance.single || prior.size() != labels->count() || mean.data.size() != variance.data.size() ||
      mean.rows != static_cast<std::int64_t>(prior.size()))
    return no_answer();
  for (std::size_t k = 0; k < prior.size(); ++k) by.try_row(Numbers(row_at(mean, k).begin(), row_at(mean, k).end()));
  return by_likelihood(*labels, [=](const Numbers& x) {
    Numbers out;
    for (std::size_t k = 0; k < prior.size(); ++k) {
      const auto m = row_at(mean, k), v = row_at(variance, k);
      Sum sum(logarithm(prior[k]));
      for (std::size_t i = 0; i < m.size(); ++i) {
        const double apart = x.at(i) - m[i];
        sum.add(-0.5 * std::log(2 * std::numbers::pi * v[i]));
        sum.add(-0.5 * apart * apart / v[i]);
      }
      out.push_back(sum.value());
    }
    return out;
  });
}

struct Table {
  Matrix log_probability;
  Numbers log_prior;
};

Result<std::optional<Table>> table_of(const View& model, std::size_t classes) {
  Table t{TRY(matrix(model, "feature_log_prob_")), TRY(vector(model, "class_log_prior_"))};
  if (t.log_probability.rows != static_cast<std::int64_t>(classes) || t.log_prior.size() != classes || t.log_probability.single)
    return std::optional<Table>{};
  return std::optional(std::move(t));
}

Made multinomial(Direct&, const View& model) {
  const auto labels = classes_of(model);
  if (!labels) return no_answer();
  const auto t = TRY(table_of(model, labels->count()));
  if (!t) return no_answer();
  const bool with_prior = model.name() != "ComplementNB" || labels->count() == 1;
  return by_likelihood(*labels, [t = *t, with_prior](const Numbers& x) {
    Numbers out = products(t.log_probability, x);
    if (with_prior) add_all(out, t.log_prior);
    return out;
  });
}

Made bernoulli(Direct&, const View& model) {
  const auto labels = classes_of(model);
  if (!labels) return no_answer();
  const auto t = TRY(table_of(model, labels->count()));
  if (!t) return no_answer();
  const bool binarizes = present(model, "binarize");
  const double threshold = binarizes ? TRY(number_or(model, "binarize", 0)) : 0;
  return by_likelihood(*labels, [t = *t, binarizes, threshold](const Numbers& x) {
    Numbers out;
    for (std::size_t k = 0; k < t.log_prior.size(); ++k) {
      const auto present_log = row_at(t.log_probability, k);
      Sum sum(t.log_prior[k]);
      for (std::size_t i = 0; i < present_log.size(); ++i) {
        const double there = binarizes ? (x.at(i) > threshold ? 1 : 0) : x.at(i), absent_log = std::log(1 - std::exp(present_log[i]));
        sum.add(absent_log);
        sum.add(there * (present_log[i] - absent_log));
      }
      out.push_back(sum.value());
    }
    return out;
  });
}

Made categorical(Direct&, const View& model) {
  const auto labels = classes_of(model);
  if (!labels) return no_answer();
  const View lists = TRY(model.attribute("feature_log_prob_"));
  std::vector<Matrix> tables;
  for (std::size_t f = 0; f < lists.size(); ++f) {
    tables.push_back(TRY(matrix(lists.at(f))));
    if (tables.back().rows != static_cast<std::int64_t>(labels->count()) || tables.back().single) return no_answer();
  }
  const auto prior = TRY(vector(model, "class_log_prior_"));
  if (prior.size() != labels->count()) return no_answer();
  return by_likelihood(*labels, [tables, prior](const Numbers& x) {
    Numbers out;
    for (std::size_t k = 0; k < prior.size(); ++k) {
      Sum sum(prior[k]);
      for (std::size_t f = 0; f < tables.size(); ++f) {
        if (!(x.at(f) > -1 && x[f] < static_cast<double>(tables[f].columns))) throw RowRefused();
        sum.add(tables[f].at(static_cast<std::int64_t>(k), static_cast<std::int64_t>(x[f])));
      }
      out.push_back(sum.value());
    }
    return out;
  });
}

// --- discriminant analysis

Made linear_discriminant(Direct&, const View& model) {
  const auto labels = classes_of(model);
  const Matrix coef = TRY(matrix(model, "coef_"));
  const auto intercept = TRY(vector(model, "intercept_"));
  if (!labels || coef.single || coef.rows != static_cast<std::int64_t>(intercept.size())) return no_answer();
  return std::optional<Answerer>([labels = *labels, coef, intercept](const Row& row) {
    DirectAnswer answer;
    answer.scores = products(coef, numbers_of(row));
    add_all(answer.scores, intercept);
    answer.scalar_scores = answer.scores.size() == 1;
    const double first = answer.scores[0];
    answer.probabilities = answer.scalar_scores ? Numbers{1 - expit(first), expit(first)} : softmax(answer.scores);
    answer.label = labels.shown.at(answer.scalar_scores ? (first > 0 ? 1 : 0) : clear_largest(answer.scores));
    return answer;
  });
}

Result<std::optional<Step>> discriminant_axes(Direct& by, const View& model) {
  const Matrix scalings = TRY(matrix(model, "scalings_"));
  const auto kept = std::min(scalings.columns, static_cast<std::int64_t>(TRY(number_or(model, "_max_components", 1e6))));
  const Numbers center =
      text_or(model, "solver", "svd") == "svd" ? TRY(vector(model, "xbar_")) : Numbers(static_cast<std::size_t>(scalings.rows), 0.0);
  if (scalings.single || static_cast<std::int64_t>(center.size()) != scalings.rows) return no_step();
  by.try_row(center);
  return by_numbers([=](const Numbers& x) {
    Numbers out;
    for (std::int64_t c = 0; c < kept; ++c) {
      Sum sum;
      for (std::size_t i = 0; i < center.size(); ++i) sum.add((x.at(i) - center[i]) * scalings.at(static_cast<std::int64_t>(i), c));
      out.push_back(sum.value());
    }
    return out;
  });
}

struct Ellipsoid {
  Matrix rotation;
  Numbers scale;
};

Made quadratic_discriminant(Direct& by, const View& model) {
  const auto labels = classes_of(model);
  const Matrix means = TRY(matrix(model, "means_"));
  const auto priors = TRY(vector(model, "priors_"));
  const View rotations = TRY(model.attribute("rotations_")), scalings = TRY(model.attribute("scalings_"));
  if (!labels || means.single || priors.size() != labels->count() || rotations.size() != priors.size() || scalings.size() != priors.size())
    return no_answer();
  std::vector<Ellipsoid> shapes;
  for (std::size_t k = 0; k < priors.size(); ++k) {
    shapes.push_back({TRY(matrix(rotations.at(k))), TRY(scalings.at(k).doubles())});
    by.try_row(Numbers(row_at(means, k).begin(), row_at(means, k).end()));
    if (shapes.back().rotation.single || shapes.back().rotation.columns != static_cast<std::int64_t>(shapes.back().scale.size())) return no_answer();
  }
  return std::optional<Answerer>([labels = *labels, means, priors, shapes](const Row& row) {
    const Numbers x = numbers_of(row);
    Numbers posterior;
    for (std::size_t k = 0; k < priors.size(); ++k) {
      const auto mean = row_at(means, k);
      Sum sum;
      for (std::size_t c = 0; c < shapes[k].scale.size(); ++c) {
        Sum along;
        for (std::size_t i = 0; i < mean.size(); ++i)
          along.add((x.at(i) - mean[i]) * shapes[k].rotation.at(static_cast<std::int64_t>(i), static_cast<std::int64_t>(c)));
        sum.add(along.value() * along.value() / shapes[k].scale[c]);
        sum.add(std::log(shapes[k].scale[c]));
      }
      posterior.push_back(-0.5 * sum.value() + std::log(priors[k]));
    }
    DirectAnswer answer;
    answer.label = labels.shown[clear_largest(posterior)];
    answer.scalar_scores = posterior.size() == 2;
    answer.scores = answer.scalar_scores ? Numbers{posterior[1] - posterior[0]} : posterior;
    answer.probabilities = softmax(posterior);
    return answer;
  });
}

constexpr DirectConverter kConverters[] = {
    {"GaussianNB", nullptr, gaussian},
    {"MultinomialNB", nullptr, multinomial},
    {"ComplementNB", nullptr, multinomial},
    {"BernoulliNB", nullptr, bernoulli},
    {"CategoricalNB", nullptr, categorical},
    {"LinearDiscriminantAnalysis", discriminant_axes, linear_discriminant},
    {"QuadraticDiscriminantAnalysis", nullptr, quadratic_discriminant},
};

}  // namespace

std::span<const DirectConverter> direct_likelihoods() { return kConverters; }

}  // namespace slipway::importers::sklearn
