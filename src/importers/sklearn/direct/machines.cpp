// Support vector machines and multilayer perceptrons, evaluated directly.
#include <algorithm>
#include <cmath>

#include "slipway/importers/sklearn/direct/numeric.hpp"
#include "slipway/importers/sklearn/linear.hpp"

namespace slipway::importers::sklearn {
namespace {

using Made = Result<std::optional<Answerer>>;

// --- libsvm

struct Machine {
  Matrix vectors, coef;
  Numbers intercept;
  std::string kernel;
  double gamma = 0, coef0 = 0, degree = 3;

  Numbers kernels(const Numbers& x) const {
    Numbers out;
    for (std::size_t i = 0; i < static_cast<std::size_t>(vectors.rows); ++i) {
      const auto vector = row_at(vectors, i);
      if (kernel == "rbf") {
        out.push_back(std::exp(-gamma * squared_distance(x, vector)));
        continue;
      }
      const double product = dot(x, vector), shifted = rounded(gamma * product) + coef0;
      out.push_back(kernel == "linear" ? product : kernel == "poly" ? std::pow(shifted, degree) : std::tanh(shifted));
    }
    return out;
  }
};

// nullopt: a kernel that isn't evaluated here.
Result<std::optional<Machine>> machine_of(Direct& by, const View& model) {
  Machine m;
  const auto kernel = model.find("kernel");
  m.kernel = text_or(model, "kernel", "rbf");
  const bool known = m.kernel == "rbf" || m.kernel == "linear" || m.kernel == "poly" || m.kernel == "sigmoid";
  if (!known || (kernel && !kernel->is(Kind::text))) return std::optional<Machine>{};
  m.vectors = TRY(matrix(model, "support_vectors_"));
  m.coef = TRY(matrix(model, "_dual_coef_"));
  m.intercept = TRY(vector(model, "_intercept_"));
  m.gamma = TRY(number_or(model, "_gamma", 0));
  m.coef0 = TRY(number_or(model, "coef0", 0));
  m.degree = std::trunc(TRY(number_or(model, "degree", 3)));
  if (m.vectors.single || m.coef.single || m.coef.columns != m.vectors.rows || m.vectors.rows == 0) return std::optional<Machine>{};
  by.costs(static_cast<std::size_t>(m.vectors.rows * (m.vectors.columns + m.coef.rows)));
  const std::size_t count = static_cast<std::size_t>(m.vectors.rows), step = std::max<std::size_t>(1, count / 12);
  for (std::size_t i = 0; i < count; i += step) by.try_row(Numbers(row_at(m.vectors, i).begin(), row_at(m.vectors, i).end()));
  return std::optional(std::move(m));
}

struct PairOfClasses {
  std::size_t first, second;
};

std::vector<PairOfClasses> pairs_of(std::size_t classes) {
  std::vector<PairOfClasses> out;
  for (std::size_t i = 0; i < classes; ++i) {
    for (std::size_t j = i + 1; j < classes; ++j) out.push_back({i, j});
  }
  return out;
}

// The vectors of class i stand together; row j - 1 of coef (row j for the classes before i) weighs them against class j.
Numbers pair_decisions(const Machine& m, const std::vector<std::int64_t>& counts, const Numbers& x) {
  const Numbers values = m.kernels(x);
  std::vector<std::size_t> begin{0};
  for (const auto n : counts) begin.push_back(begin.back() + static_cast<std::size_t>(n));
  Numbers out;
  for (const auto& [i, j] : pairs_of(counts.size())) {
    Sum sum;
    for (std::size_t v = begin[i]; v < begin[i + 1]; ++v) sum.add(row_at(m.coef, j - 1)[v] * values[v]);
    for (std::size_t v = begin[j]; v < begin[j + 1]; ++v) sum.add(row_at(m.coef, i)[v] * values[v]);
    out.push_back(sum.value() + m.intercept[out.size()]);
  }
  return out;
}

// decision_function of decision_function_shape='ovr': votes, and the sum of what they stand on squeezed to less than a third.
Numbers against_rest(const Numbers& decisions, std::size_t classes) {
  Numbers votes(classes, 0.0), confidence(classes, 0.0);
  std::size_t p = 0;
  for (const auto& [i, j] : pairs_of(classes)) {
    const double d = decisions[p++];
    votes[d < 0 ? j : i] += 1;
    confidence[i] += d;
    confidence[j] -= d;
  }
  for (std::size_t c = 0; c < classes; ++c) votes[c] += confidence[c] / (3 * (std::abs(confidence[c]) + 1));
  return votes;
}

std::size_t most_voted(const Numbers& decisions, std::size_t classes) {
  Numbers votes(classes, 0.0);
  std::size_t p = 0;
  for (const auto& [i, j] : pairs_of(classes)) votes[decisions[p++] > 0 ? i : j] += 1;
  return first_largest(votes);
}

// Wu, Lin and Weng's second method: probabilities of classes out of those of pairs, by libsvm's number of steps.
Numbers couple(const Numbers& of_pairs, std::size_t k) {
  std::vector<Numbers> r(k, Numbers(k, 0.0)), q(k, Numbers(k, 0.0));
  std::size_t n = 0;
  for (const auto& [i, j] : pairs_of(k)) {
    r[i][j] = of_pairs[n++];
    r[j][i] = 1 - r[i][j];
  }
  for (std::size_t t = 0; t < k; ++t) {
    for (std::size_t j = 0; j < k; ++j) {
      if (j == t) continue;
      q[t][t] += r[j][t] * r[j][t];
      q[t][j] = -r[j][t] * r[t][j];
    }
  }
  const double near = 0.005 / static_cast<double>(k);
  Numbers p(k, 1.0 / static_cast<double>(k)), qp(k);
  for (std::size_t step = 0; step < std::max<std::size_t>(100, k); ++step) {
    double pqp = 0, worst = 0;
    for (std::size_t t = 0; t < k; ++t) {
      qp[t] = 0;
      for (std::size_t j = 0; j < k; ++j) qp[t] += q[t][j] * p[j];
      pqp += p[t] * qp[t];
    }
    for (std::size_t t = 0; t < k; ++t) worst = std::max(worst, std::abs(qp[t] - pqp));
    if (worst < near) break;
    for (std::size_t t = 0; t < k; ++t) {
      const double change = (pqp - qp[t]) / q[t][t];
      p[t] += change;
      pqp = (pqp + change * (change * q[t][t] + 2 * qp[t])) / (1 + change) / (1 + change);
      for (std::size_t j = 0; j < k; ++j) {
        qp[j] = (qp[j] + change * q[t][j]) / (1 + change);
        p[j] /= 1 + change;
      }
    }
  }
  return p;
}

struct Platt {
  Numbers a, b;
  Numbers of(const Numbers& decisions, std::size_t classes) const {
    Numbers p;
    for (std::size_t i = 0; i < decisions.size(); ++i) p.push_back(std::clamp(expit(-(decisions[i] * a[i] + b[i])), 1e-7, 1 - 1e-7));
    return couple(p, classes);
  }
};

Result<std::optional<Platt>> platt_of(const View& model, std::size_t pairs) {
  const auto flag = model.find("probability");
  if (!flag || !flag->is(Kind::boolean) || !TRY(flag->boolean())) return std::optional<Platt>{};
  Platt out;
  const bool underlined = model.has("_probA");
  out.a = TRY(vector(model, underlined ? "_probA" : "probA_"));
  out.b = TRY(vector(model, underlined ? "_probB" : "probB_"));
  if (out.a.size() != pairs || out.b.size() != pairs) return std::optional<Platt>{};
  return std::optional(std::move(out));
}

Made machine_classifier(Direct& by, const View& model) {
  const auto labels = classes_of(model);
  const auto m = TRY(machine_of(by, model));
  if (!labels || !m || labels->count() < 2) return no_answer();
  const auto counts = TRY(TRY(model.attribute(model.has("_n_support") ? "_n_support" : "n_support_")).integers());
  const std::size_t classes = labels->count(), pairs = classes * (classes - 1) / 2;
  std::int64_t sum = 0;
  for (const auto n : counts) sum += n;
  if (counts.size() != classes || sum != m->vectors.rows || m->intercept.size() != pairs || m->coef.rows + 1 != static_cast<std::int64_t>(classes))
    return refuse(model, "its support vectors don't fit its classes");
  const bool ovr = text_or(model, "decision_function_shape", "ovr") == "ovr", ties = TRY(flag_or(model, "break_ties", false));
  const auto platt = TRY(platt_of(model, pairs));
  return std::optional<Answerer>([m = *m, labels = *labels, counts, classes, ovr, ties, platt](const Row& row) {
    const Numbers decisions = pair_decisions(m, counts, numbers_of(row));
    DirectAnswer answer;
    answer.scalar_scores = classes == 2;
    answer.scores = classes == 2 ? Numbers{-decisions[0]} : ovr ? against_rest(decisions, classes) : decisions;
    answer.label = labels.shown[ties && classes > 2 ? first_largest(answer.scores) : most_voted(decisions, classes)];
    if (platt) answer.probabilities = platt->of(decisions, classes);
    return answer;
  });
}

double one_decision(const Machine& m, const Numbers& x) { return dot(m.kernels(x), row_at(m.coef, 0)) + m.intercept.at(0); }

Made machine_regressor(Direct& by, const View& model) {
  const auto m = TRY(machine_of(by, model));
  if (!m) return no_answer();
  return std::optional<Answerer>([m = *m](const Row& row) {
    DirectAnswer answer;
    answer.prediction = {one_decision(m, numbers_of(row))};
    return answer;
  });
}

Made one_class(Direct& by, const View& model) {
  const auto m = TRY(machine_of(by, model));
  if (!m) return no_answer();
  return std::optional<Answerer>([m = *m](const Row& row) {
    DirectAnswer answer;
    answer.score = one_decision(m, numbers_of(row));
    answer.label = json::Value(std::int64_t{*answer.score > 0 ? 1 : -1});
    return answer;
  });
}

// --- multilayer perceptrons

struct Layer {
  Matrix weights;
  Numbers bias;
};

Numbers activated(Numbers x, const std::string& name) {
  if (name == "softmax") return softmax(std::move(x));
  for (double& v : x) {
    if (name == "relu") v = std::max(v, 0.0);
    if (name == "tanh") v = std::tanh(v);
    if (name == "logistic") v = expit(v);
    if (name == "exp") v = std::exp(v);
  }
  return x;
}

struct Perceptron {
  std::vector<Layer> layers;
  std::string hidden, last;
  Numbers of(Numbers x) const {
    for (std::size_t l = 0; l < layers.size(); ++l) {
      const Matrix& w = layers[l].weights;
      if (x.size() != static_cast<std::size_t>(w.rows)) throw std::out_of_range("widths differ");
      Numbers y;
      for (std::int64_t c = 0; c < w.columns; ++c) {
        Sum sum(layers[l].bias[static_cast<std::size_t>(c)]);
        for (std::size_t r = 0; r < x.size(); ++r) sum.add(x[r] * w.at(static_cast<std::int64_t>(r), c));
        y.push_back(sum.value());
      }
      x = activated(std::move(y), l + 1 == layers.size() ? last : hidden);
    }
    return x;
  }
};

Result<std::optional<Perceptron>> perceptron_of(Direct& by, const View& model) {
  Perceptron p;
  const View weights = TRY(model.attribute("coefs_")), biases = TRY(model.attribute("intercepts_"));
  if (weights.size() != biases.size() || weights.size() == 0) return std::optional<Perceptron>{};
  for (std::size_t i = 0; i < weights.size(); ++i) {
    Layer layer{TRY(matrix(weights.at(i))), TRY(biases.at(i).doubles())};
    if (layer.weights.single || static_cast<std::int64_t>(layer.bias.size()) != layer.weights.columns) return std::optional<Perceptron>{};
    by.costs(layer.weights.data.size());
    p.layers.push_back(std::move(layer));
  }
  p.hidden = text_or(model, "activation", "relu");
  p.last = text_or(model, "out_activation_", "identity");
  return std::optional(std::move(p));
}

Made perceptron_regressor(Direct& by, const View& model) {
  const auto p = TRY(perceptron_of(by, model));
  if (!p) return no_answer();
  return std::optional<Answerer>([p = *p](const Row& row) {
    DirectAnswer answer;
    answer.prediction = p.of(numbers_of(row));
    answer.scalar_prediction = answer.prediction.size() == 1;
    return answer;
  });
}

Made perceptron_classifier(Direct& by, const View& model) {
  const auto p = TRY(perceptron_of(by, model));
  if (!p) return no_answer();
  const Labels labels = TRY(binarized_labels(model));
  const bool several = is_multilabel(model);
  return std::optional<Answerer>([p = *p, labels, several](const Row& row) {
    const Numbers y = p.of(numbers_of(row));
    DirectAnswer answer;
    answer.probabilities = y.size() == 1 && !several ? Numbers{1 - y[0], y[0]} : y;
    for (const double v : y) {
      if (several) answer.indicator.push_back(v > 0.5 ? 1 : 0);
    }
    if (!several) answer.label = labels.shown.at(y.size() == 1 ? (y[0] > 0.5 ? 1 : 0) : clear_largest(y));
    return answer;
  });
}

constexpr DirectConverter kConverters[] = {
    {"SVC", nullptr, machine_classifier},
    {"NuSVC", nullptr, machine_classifier},
    {"SVR", nullptr, machine_regressor},
    {"NuSVR", nullptr, machine_regressor},
    {"OneClassSVM", nullptr, one_class},
    {"MLPClassifier", nullptr, perceptron_classifier},
    {"MLPRegressor", nullptr, perceptron_regressor},
};

}  // namespace

std::span<const DirectConverter> direct_machines() { return kConverters; }

}  // namespace slipway::importers::sklearn
