// Feature selection: a mask over the columns, from the state where it is there, else by the library's rule from scores or importances.
#include <algorithm>
#include <cmath>
#include <limits>

#include "slipway/importers/blocks/statistics.hpp"
#include "slipway/importers/sklearn/importances.hpp"
#include "slipway/importers/sklearn/table.hpp"

namespace slipway::importers::sklearn {
namespace {

using Mask = std::vector<bool>;

Table masked(const Table& in, const Mask& mask) {
  std::vector<std::int64_t> which;
  for (std::size_t i = 0; i < mask.size(); ++i) {
    if (mask[i]) which.push_back(static_cast<std::int64_t>(i));
  }
  return select(in, which);
}

Result<Table> keep(const View& model, const Table& in, const Mask& mask) {
  TRY(expect_width(model, in, static_cast<std::int64_t>(mask.size())));
  return masked(in, mask);
}

// NaN counts as the smallest number.
Result<std::vector<double>> scores_of(const View& model) {
  auto scores = TRY(vector(model, "scores_"));
  for (double& s : scores) s = std::isnan(s) ? std::numeric_limits<double>::lowest() : s;
  return scores;
}

Result<Mask> best(const View& model, const View& parameter) {
  const auto scores = TRY(scores_of(model));
  if (parameter.is_text("all")) return Mask(scores.size(), true);
  const std::int64_t k = TRY(parameter.integer());
  if (k < 0) return refuse(parameter, "k is negative");
  Mask mask(scores.size(), false);
  const auto order = stable_order(scores);
  for (std::size_t i = order.size() - std::min(order.size(), static_cast<std::size_t>(k)); i < order.size(); ++i) mask[order[i]] = true;
  return mask;
}

Result<Mask> best_percent(const View& model, double percent) {
  const auto scores = TRY(scores_of(model));
  if (!(percent >= 0 && percent <= 100) || scores.empty()) return refuse(model, "percentile must be between 0 and 100");
  if (percent == 100 || percent == 0) return Mask(scores.size(), percent == 100);
  const double threshold = percentile(scores, 100 - percent);
  const auto room = static_cast<std::int64_t>(static_cast<double>(scores.size()) * percent / 100);
  Mask mask(scores.size());
  std::int64_t taken = 0;
  std::vector<std::size_t> ties;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    mask[i] = scores[i] > threshold;
    taken += mask[i] ? 1 : 0;
    if (scores[i] == threshold) ties.push_back(i);
  }
  // Python's slice: a negative end counts from the back.
  std::int64_t kept = room - taken;
  if (kept < 0) kept = std::max<std::int64_t>(0, kept + static_cast<std::int64_t>(ties.size()));
  for (std::size_t i = 0; i < ties.size() && static_cast<std::int64_t>(i) < kept; ++i) mask[ties[i]] = true;
  return mask;
}

Result<Mask> by_p_value(const View& model, const std::string& rule, double alpha) {
  const auto p = TRY(vector(model, "pvalues_"));
  const auto n = static_cast<double>(p.size());
  Mask mask(p.size(), false);
  if (rule == "fdr") {
    std::vector<double> sorted;
    for (const std::size_t i : stable_order(p)) sorted.push_back(p[i]);
    double largest = std::nan("");
    for (std::size_t i = 0; i < sorted.size(); ++i) {
      if (sorted[i] <= alpha / n * static_cast<double>(i + 1)) largest = sorted[i];
    }
    for (std::size_t i = 0; i < p.size(); ++i) mask[i] = p[i] <= largest;
    return mask;
  }
  const double limit = rule == "fwe" ? alpha / n : alpha;
  for (std::size_t i = 0; i < p.size(); ++i) mask[i] = p[i] < limit;
  return mask;
}

Result<Mask> by_mode(const View& model, const std::string& mode, const char* parameter) {
  const View value = TRY(model.attribute(parameter));
  if (mode == "k_best") return best(model, value);
  if (mode == "percentile") return best_percent(model, TRY(value.number()));
  if (mode == "fpr" || mode == "fdr" || mode == "fwe") return by_p_value(model, mode, TRY(value.number()));
  return refuse(model, "the mode '" + mode.substr(0, 40) + "' is not known");
}

Result<Table> univariate(Lowering& to, const View& model, const Table& in) {
  struct Rule {
    std::string_view name;
    const char *mode, *parameter;
  };
  constexpr Rule kRules[] = {{"SelectKBest", "k_best", "k"},
                             {"SelectPercentile", "percentile", "percentile"},
                             {"SelectFpr", "fpr", "alpha"},
                             {"SelectFdr", "fdr", "alpha"},
                             {"SelectFwe", "fwe", "alpha"}};
  to.inputs.refuse_missing(in);
  for (const Rule& rule : kRules) {
    if (rule.name == model.name()) return keep(model, in, TRY(by_mode(model, rule.mode, rule.parameter)));
  }
  return keep(model, in, TRY(by_mode(model, text_or(model, "mode", "percentile"), "param")));
}

Result<Table> variance(Lowering&, const View& model, const Table& in) {
  const auto variances = TRY(vector(model, "variances_"));
  const double threshold = TRY(number_or(model, "threshold", 0));
  Mask mask;
  for (const double v : variances) mask.push_back(v > threshold);
  return keep(model, in, mask);
}

// A selector takes missing values where the estimator inside does.
void refuse_missing_as(Lowering& to, const View& estimator, const Table& in) {
  const std::string_view name = estimator.is(Kind::object) ? estimator.name() : std::string_view();
  const Version version = to.version(estimator);
  const bool tree = name.substr(0, 12) == "DecisionTree" && version.at_least(1, 3);
  const bool forest = name.substr(0, 12) == "RandomForest" && version.at_least(1, 4);
  const bool extra = name.substr(0, 9) == "ExtraTree" && version.at_least(1, 6);
  if (name.substr(0, 20) != "HistGradientBoosting" && !tree && !forest && !extra && name != "Pipeline") to.inputs.refuse_missing(in);
}

Result<Mask> support(const View& model) {
  const View v = TRY(model.attribute("support_"));
  Mask mask;
  for (const double bit : TRY(v.doubles())) mask.push_back(bit != 0);
  return mask;
}

std::optional<View> estimator_inside(const View& model) {
  if (const auto fitted = model.find("estimator_")) return fitted;
  return model.find("estimator");
}

Result<Table> supported(Lowering& to, const View& model, const Table& in) {
  if (const auto inside = estimator_inside(model)) refuse_missing_as(to, *inside, in);
  return keep(model, in, TRY(support(model)));
}

Result<Prediction> supported_predict(Lowering& to, const View& model, const Table& in) {
  const View estimator = TRY(model.attribute("estimator_"));
  return to.predict(estimator, TRY(supported(to, model, in)));
}

// Whether the library's default threshold is that of sparse models.
Result<bool> by_l1(Lowering& to, const View& estimator) {
  const std::string_view name = estimator.name();
  if (text_or(estimator, "penalty", "") == "l1" || name.find("Lasso") != std::string_view::npos) return true;
  const Version v = to.version(estimator);
  const auto near_one = [](double x) { return std::abs(x - 1.0) <= 1e-8 + 1e-5; };
  if (name == "ElasticNet" && v.at_least(1, 1)) return near_one(TRY(number_or(estimator, "l1_ratio", 0.5)));
  if (name == "ElasticNetCV" && v.at_least(1, 1)) return near_one(TRY(number_or(estimator, "l1_ratio_", 0.5)));
  if (name == "LogisticRegression" && v.at_least(1, 8)) return near_one(TRY(number_or(estimator, "l1_ratio", 0)));
  if (name == "LogisticRegressionCV" && v.at_least(1, 8) && present(estimator, "l1_ratio_")) {
    const auto ratios = TRY(vector(estimator, "l1_ratio_"));
    return std::all_of(ratios.begin(), ratios.end(), near_one);
  }
  return false;
}

Result<double> threshold_of(Lowering& to, const View& model, const View& estimator, const std::vector<double>& scores) {
  const auto v = model.find("threshold");
  if (v && !v->is_none() && !v->is(Kind::text)) return v->number();
  std::string text = v && v->is(Kind::text) ? TRY(v->text()) : TRY(by_l1(to, estimator)) ? "" : "mean";
  if (text.empty()) return 1e-5;
  double scale = 1;
  const std::size_t star = text.find('*');
  if (star != std::string::npos) {
    const std::string factor = text.substr(0, star);
    char* end = nullptr;
    scale = std::strtod(factor.c_str(), &end);
    while (*end == ' ') ++end;
    if (*end != '\0' || end == factor.c_str()) return refuse(model, "the threshold '" + text.substr(0, 40) + "' is not understood");
    text.erase(0, star + 1);
  }
  std::erase(text, ' ');
  if (text == "mean") return scale * mean(scores);
  if (text == "median") return scale * median(scores);
  return refuse(model, "the threshold '" + text.substr(0, 40) + "' is not understood");
}

Result<Table> from_model(Lowering& to, const View& model, const Table& in) {
  const bool prefit = TRY(flag_or(model, "prefit", false));
  auto estimator = model.find("estimator_");
  if (!estimator && prefit) estimator = model.find("estimator");
  if (!estimator || !estimator->is(Kind::object)) return refuse(model, "it has no estimator_ (is it fitted?)");
  const auto getter = model.find("importance_getter");
  if (getter && !getter->is(Kind::text)) return refuse(*getter, "importance_getter is a function, which is code and never runs here");
  const auto scores = TRY(importances(*estimator, text_or(model, "importance_getter", "auto"), TRY(number_or(model, "norm_order", 1))));
  const double threshold = TRY(threshold_of(to, model, *estimator, scores));
  Mask mask(scores.size(), true);
  if (present(model, "max_features")) {
    const View most = present(model, "max_features_") ? *model.find("max_features_") : *model.find("max_features");
    const std::int64_t n = TRY(most.integer());
    std::vector<double> negated;
    for (const double s : scores) negated.push_back(-s);
    const auto order = stable_order(negated);
    std::fill(mask.begin(), mask.end(), false);
    for (std::size_t i = 0; i < order.size() && static_cast<std::int64_t>(i) < n; ++i) mask[order[i]] = true;
  }
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if (scores[i] < threshold) mask[i] = false;
  }
  refuse_missing_as(to, *estimator, in);
  return keep(model, in, mask);
}

constexpr Converter kConverters[] = {
    {"SelectKBest", univariate, nullptr},     {"SelectPercentile", univariate, nullptr},
    {"SelectFpr", univariate, nullptr},       {"SelectFdr", univariate, nullptr},
    {"SelectFwe", univariate, nullptr},       {"GenericUnivariateSelect", univariate, nullptr},
    {"VarianceThreshold", variance, nullptr}, {"RFE", supported, supported_predict},
    {"RFECV", supported, supported_predict},  {"SequentialFeatureSelector", supported, nullptr},
    {"SelectFromModel", from_model, nullptr},
};

}  // namespace

Family selection_family() { return kConverters; }

}  // namespace slipway::importers::sklearn
