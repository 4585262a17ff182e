#include "slipway/importers/boosting/direct.hpp"

#include <algorithm>
#include <cmath>
#include <memory>

#include "slipway/importers/sklearn/direct/numeric.hpp"

namespace slipway::importers::boosting {
namespace {

using sklearn::Answerer;
using sklearn::Cell;
using sklearn::DirectAnswer;
using sklearn::Numbers;
using sklearn::Row;
using sklearn::RowRefused;
using sklearn::RowUnclear;

constexpr std::size_t kWalkedMax = 3'000'000;

// Whether `code` is among the bits of whole numbers in `words`, 32 a word.
bool holds(const std::vector<std::int64_t>& words, std::int64_t code) {
  const auto word = static_cast<std::size_t>(code / 32);
  return word < words.size() && (static_cast<std::uint64_t>(words[word]) >> (code % 32) & 1) != 0;
}

// --- XGBoost: float32 throughout

std::vector<float> single_softmax(const std::vector<float>& x) {
  const float largest = *std::max_element(x.begin(), x.end());
  double sum = 0;
  std::vector<float> out;
  for (const float v : x) {
    out.push_back(std::exp(v - largest));
    sum += out.back();
  }
  for (float& v : out) v /= static_cast<float>(sum);
  return out;
}

class XgbEvaluation {
 public:
  XgbEvaluation(XgbModel model, XgbUse use) : model_(std::move(model)), use_(std::move(use)) {}

  DirectAnswer answer(const Row& row) const {
    const std::vector<float> x = features(row);
    DirectAnswer out = model_.booster == "gblinear" ? told(linear_margin(x)) : told(tree_margin(x));
    out.single = true;
    return out;
  }

 private:
  DirectAnswer told(const std::vector<float>& margin) const { return use_.classifies ? classified(margin) : valued(margin); }

  // The first base score is every output's; what is missing adds nothing.
  std::vector<float> linear_margin(const std::vector<float>& x) const {
    const std::size_t groups = use_.bases.size();
    std::vector<float> margin;
    for (std::size_t g = 0; g < groups; ++g) {
      float sum = model_.linear.at(x.size() * groups + g) + use_.bases[0];
      for (std::size_t i = 0; i < x.size(); ++i) sum += std::isnan(x[i]) ? 0.0F : x[i] * model_.linear[i * groups + g];
      margin.push_back(sum);
    }
    return margin;
  }

  std::vector<float> tree_margin(const std::vector<float>& x) const {
    std::vector<float> margin = use_.base_last ? std::vector<float>(use_.bases.size(), 0.0F) : use_.bases;
    for (std::size_t t = 0; t < use_.trees; ++t) margin[static_cast<std::size_t>(model_.tree_group[t])] += leaf(model_.trees[t], x);
    for (std::size_t g = 0; use_.base_last && g < margin.size(); ++g) margin[g] += use_.bases[g];
    return margin;
  }

  std::vector<float> features(const Row& row) const {
    std::vector<float> x;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const bool coded = i < model_.categories.size() && model_.categories[i].known();
      auto value = static_cast<float>(coded ? code(model_.categories[i], row[i]) : row[i].number);
      if (row.sparse && !coded && row[i].number == 0) value = std::nanf("");  // not stored
      if (!std::isnan(use_.missing) && value == static_cast<float>(use_.missing)) value = std::nanf("");
      x.push_back(value);
    }
    if (static_cast<std::int64_t>(x.size()) != model_.features) throw std::out_of_range("widths differ");
    return x;
  }

  static double code(const XgbCategories& categories, const Cell& cell) {
    if (cell.missing()) return std::nan("");
    for (std::size_t i = 0; i < categories.texts.size(); ++i) {
      if (cell.text == categories.texts[i]) return static_cast<double>(i);
    }
    for (std::size_t i = 0; i < categories.numbers.size(); ++i) {
      if (!cell.text && cell.number == categories.numbers[i]) return static_cast<double>(i);
    }
    throw RowRefused();
  }

  static float leaf(const XgbTree& tree, const std::vector<float>& x) {
    std::size_t n = 0;
    for (std::size_t steps = 0; tree.left[n] >= 0; ++steps) {
      if (steps > tree.size()) throw RowUnclear();
      const float value = x.at(static_cast<std::size_t>(tree.feature[n]));
      bool left = tree.default_left[n] != 0;
      if (!std::isnan(value)) {
        const bool categorical = !tree.set_of.empty() && tree.set_of[n] >= 0;
        if (categorical && !(value >= 0 && value < 1e6F)) throw RowUnclear();  // no code of a category: versions differ
        left = categorical ? !holds(tree.sets.at(static_cast<std::size_t>(tree.set_of[n])), static_cast<std::int64_t>(value)) : value < tree.split[n];
      }
      n = static_cast<std::size_t>(left ? tree.left[n] : tree.right[n]);
    }
    return tree.split[n];
  }

  float linked(float x) const {
    const std::string_view o = model_.objective;
    if (o == "binary:logistic" || o == "reg:logistic") return 1.0F / (1.0F + std::exp(model_.at_least(1, 6) ? std::min(-x, 88.7F) : -x));
    if (o == "count:poisson" || o == "reg:gamma" || o == "reg:tweedie" || o == "survival:cox" || o == "survival:aft") return std::exp(x);
    if (o == "binary:hinge") return x > 0 ? 1.0F : 0.0F;
    return x;
  }

  DirectAnswer classified(const std::vector<float>& margin) const {
    DirectAnswer out;
    if (margin.size() == 1) {
      const float p = linked(margin[0]);
      out.probabilities = {static_cast<double>(1.0F - p), p};
      out.label = use_.labels.shown.at(p > 0.5F ? 1 : 0);
      return out;
    }
    if (model_.classes > 1) {
      const auto p = single_softmax(margin);
      out.probabilities.assign(p.begin(), p.end());
      const auto& by = model_.objective == "multi:softmax" ? margin : p;
      out.label = use_.labels.shown.at(static_cast<std::size_t>(std::max_element(by.begin(), by.end()) - by.begin()));
      return out;
    }
    for (const float m : margin) {
      out.probabilities.push_back(linked(m));
      out.indicator.push_back(out.probabilities.back() > 0.5 ? 1 : 0);
    }
    return out;
  }

  DirectAnswer valued(const std::vector<float>& margin) const {
    DirectAnswer out;
    out.scalar_prediction = margin.size() == 1;
    if (model_.objective == "multi:softprob") {
      const auto p = single_softmax(margin);
      out.prediction.assign(p.begin(), p.end());
    } else {
      for (const float m : margin) out.prediction.push_back(linked(m));
    }
    return out;
  }

  XgbModel model_;
  XgbUse use_;
};

// --- LightGBM

class LgbEvaluation {
 public:
  LgbEvaluation(LgbModel model, LgbUse use) : model_(std::move(model)), use_(std::move(use)) {
    const auto k = static_cast<std::size_t>(model_.trees_per_iteration);
    used_ = use_.iterations > 0 ? std::min(model_.trees.size(), static_cast<std::size_t>(use_.iterations) * k) : model_.trees.size();
  }

  DirectAnswer answer(const Row& row) const {
    const Numbers x = features(row);
    const auto k = static_cast<std::size_t>(model_.trees_per_iteration);
    std::vector<sklearn::Sum> sums(k);
    for (std::size_t t = 0; t < used_; ++t) sums[t % k].add(leaf(model_.trees[t], x));
    const std::size_t rounds = model_.average ? std::max<std::size_t>(1, used_ / k) : 1;
    Numbers raw;
    for (const auto& sum : sums) raw.push_back(sum.value() / static_cast<double>(rounds));
    const Numbers value = linked(raw);
    DirectAnswer out;
    if (use_.labels) {
      out = sklearn::of_probabilities(*use_.labels, k == 1 ? Numbers{1 - value[0], value[0]} : value);
      if (use_.decides) out.scores = raw;
      out.scalar_scores = k == 1;
      return out;
    }
    out.scalar_prediction = k == 1;
    out.prediction = value;
    return out;
  }

 private:
  Numbers features(const Row& row) const {
    Numbers x = sklearn::numbers_of(row);
    for (std::size_t i = 0; i < use_.category_columns.size(); ++i) {
      const std::size_t column = use_.category_columns[i];
      const json::Array& list = model_.pandas_categories.as_array()[i].as_array();
      const Cell& cell = row.at(column);
      x[column] = std::nan("");
      for (std::size_t c = 0; c < list.size(); ++c) {
        if (cell.text ? list[c].is_string() && list[c].as_string() == *cell.text : sklearn::number_of(list[c]) == cell.number)
          x[column] = static_cast<double>(c);
      }
    }
    return x;
  }

  static bool goes_left(const LgbTree& tree, std::size_t n, double x) {
    const std::int64_t decision = tree.decision[n], missing = decision >> 2 & 3;
    if ((decision & 1) != 0) {
      if (std::isnan(x) || !(std::abs(x) < 1e9)) return false;
      const auto code = static_cast<std::int64_t>(x);
      return code >= 0 && holds(tree.sets.at(static_cast<std::size_t>(tree.threshold[n])), code);
    }
    if (std::isnan(x) && missing != 2) x = 0;
    const bool is_missing = missing == 1 ? std::abs(x) <= static_cast<double>(1e-35F) : missing == 2 && std::isnan(x);
    return is_missing ? (decision & 2) != 0 : x <= tree.threshold[n];
  }

  static double leaf(const LgbTree& tree, const Numbers& x) {
    std::int64_t n = tree.feature.empty() ? -1 : 0;
    for (std::size_t steps = 0; n >= 0; ++steps) {
      const auto at = static_cast<std::size_t>(n);
      if (steps > tree.feature.size()) throw RowUnclear();
      n = (goes_left(tree, at, x.at(static_cast<std::size_t>(tree.feature[at]))) ? tree.left : tree.right).at(at);
    }
    const auto at = static_cast<std::size_t>(~n);
    const double constant = tree.leaf_value.at(at);
    if (tree.linear.empty()) return constant;
    const LinearLeaf& line = tree.linear.at(at);
    sklearn::Sum sum(line.constant);
    for (std::size_t i = 0; i < line.features.size(); ++i) {
      const double value = x.at(static_cast<std::size_t>(line.features[i]));
      if (std::isnan(value)) return constant;
      sum.add(line.coefficients.at(i) * value);
    }
    return sum.value();
  }

  Numbers linked(Numbers raw) const {
    const std::string& o = model_.objective;
    if (o == "multiclass") return sklearn::softmax(std::move(raw));
    for (double& v : raw) {
      if (o == "binary" || o == "multiclassova")
        v = sklearn::expit(model_.sigmoid * v);
      else if (o == "cross_entropy" || o == "xentropy")
        v = sklearn::expit(v);
      else if (o == "poisson" || o == "gamma" || o == "tweedie")
        v = std::exp(v);
      else if (o == "cross_entropy_lambda" || o == "xentlambda")
        v = std::log1p(std::exp(v));
      else if (model_.sqrt)
        v = v < 0 ? -v * v : v * v;
    }
    return raw;
  }

  LgbModel model_;
  LgbUse use_;
  std::size_t used_ = 0;
};

// --- CatBoost, of numbers only

class CatEvaluation {
 public:
  CatEvaluation(CatModel model, CatUse use) : model_(std::move(model)), use_(std::move(use)) {
    for (const CatFloat& f : model_.floats) {
      for (const float border : f.borders) splits_.push_back({&f - model_.floats.data(), border});
    }
  }
  bool fits() const {
    const auto in_range = [&](std::int32_t s) { return s >= 0 && static_cast<std::size_t>(s) < splits_.size(); };
    return std::all_of(model_.splits.begin(), model_.splits.end(), in_range) && model_.bias.size() == static_cast<std::size_t>(model_.outputs);
  }

  DirectAnswer answer(const Row& row) const {
    const auto outputs = static_cast<std::size_t>(model_.outputs);
    std::vector<sklearn::Sum> sums(outputs);
    std::size_t split = 0, leaf = 0;
    for (const std::int32_t depth : model_.sizes) {
      std::size_t number = 0;
      for (std::int32_t level = 0; level < depth; ++level)
        number |= (right(static_cast<std::size_t>(model_.splits.at(split++)), row) ? std::size_t{1} : 0) << level;
      for (std::size_t o = 0; o < outputs; ++o) sums[o].add(model_.leaves.at(leaf + number * outputs + o));
      leaf += (std::size_t{1} << depth) * outputs;
    }
    Numbers raw;
    for (std::size_t o = 0; o < outputs; ++o) raw.push_back(model_.scale * sums[o].value() + sklearn::rounded(model_.bias[o]));
    return use_.labels ? classified(raw) : valued(raw);
  }

 private:
  struct Split {
    std::ptrdiff_t feature;
    float border;
  };

  bool right(std::size_t split, const Row& row) const {
    const CatFloat& f = model_.floats[static_cast<std::size_t>(splits_[split].feature)];
    const auto x = static_cast<float>(row.at(static_cast<std::size_t>(f.column)).number);
    return std::isnan(x) ? f.missing == CatFloat::Missing::high : x > splits_[split].border;
  }

  DirectAnswer classified(const Numbers& raw) const {
    DirectAnswer out;
    if (raw.size() == 1) {
      out.probabilities = {sklearn::expit(-raw[0]), sklearn::expit(raw[0])};
      out.label = use_.labels->shown.at(raw[0] > use_.border ? 1 : 0);
      return out;
    }
    out.label = use_.labels->shown.at(sklearn::clear_largest(raw));
    out.probabilities = use_.one_vs_all ? raw : sklearn::softmax(raw);
    for (double& p : out.probabilities) p = use_.one_vs_all ? sklearn::expit(p) : p;
    return out;
  }

  DirectAnswer valued(Numbers raw) const {
    DirectAnswer out;
    for (double& v : raw) v = use_.exponential ? std::exp(v) : v;
    out.scalar_prediction = raw.size() == 1;
    out.prediction = std::move(raw);
    return out;
  }

  CatModel model_;
  CatUse use_;
  std::vector<Split> splits_;
};

template <class Evaluation>
Answerer answerer(std::shared_ptr<const Evaluation> evaluation) {
  return [evaluation = std::move(evaluation)](const Row& row) { return evaluation->answer(row); };
}

}  // namespace

std::optional<Answerer> evaluate_xgboost(XgbModel model, XgbUse use) {
  std::size_t nodes = 0;
  for (const XgbTree& tree : model.trees) {
    nodes += tree.size();
    if (tree.width != 1 || tree.size() == 0) return std::nullopt;
  }
  const bool linear = model.booster == "gblinear" && !use.bases.empty() && model.features >= 0 &&
                      static_cast<std::size_t>(model.features) < model.linear.size() &&
                      model.linear.size() == (static_cast<std::size_t>(model.features) + 1) * use.bases.size();
  const bool plain = linear || (model.booster == "gbtree" && model.tree_weight.empty());
  if (!plain || nodes > kWalkedMax || use.trees > model.trees.size() || model.tree_group.size() < use.trees) return std::nullopt;
  for (std::size_t t = 0; t < use.trees; ++t) {
    if (model.tree_group[t] < 0 || model.tree_group[t] >= static_cast<std::int64_t>(use.bases.size())) return std::nullopt;
  }
  return answerer<XgbEvaluation>(std::make_shared<XgbEvaluation>(std::move(model), std::move(use)));
}

std::optional<Answerer> evaluate_lightgbm(LgbModel model, LgbUse use) {
  std::size_t nodes = 0;
  for (const LgbTree& tree : model.trees) nodes += tree.leaf_value.size();
  if (nodes > kWalkedMax || model.trees_per_iteration < 1) return std::nullopt;
  return answerer<LgbEvaluation>(std::make_shared<LgbEvaluation>(std::move(model), std::move(use)));
}

std::optional<Answerer> evaluate_catboost(CatModel model, CatUse use) {
  const bool numbers_only = model.one_hots.empty() && model.ctrs.empty() && model.texts == 0 && model.steps.empty();
  if (!numbers_only || model.leaves.size() > kWalkedMax || model.outputs < 1) return std::nullopt;
  auto evaluation = std::make_shared<CatEvaluation>(std::move(model), std::move(use));
  if (!evaluation->fits()) return std::nullopt;
  return answerer<CatEvaluation>(std::move(evaluation));
}

}  // namespace slipway::importers::boosting
