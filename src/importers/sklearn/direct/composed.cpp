// Functions by name, targets taken back, calibration, chains and output codes, evaluated directly.
#include <algorithm>
#include <cmath>
#include <map>

#include "slipway/importers/sklearn/direct/numeric.hpp"
#include "slipway/importers/sklearn/inner.hpp"

namespace slipway::importers::sklearn {
namespace {

using Made = Result<std::optional<Answerer>>;
using MadeStep = Result<std::optional<Step>>;
using Function = double (*)(double);

// --- numpy's functions

std::optional<Function> function_of(const View& function) {
  static const std::map<std::string, Function, std::less<>> kFunctions = {
      {"log", [](double x) { return std::log(x); }},      {"log1p", [](double x) { return std::log1p(x); }},
      {"log2", [](double x) { return std::log2(x); }},    {"log10", [](double x) { return std::log10(x); }},
      {"exp", [](double x) { return std::exp(x); }},      {"expm1", [](double x) { return std::expm1(x); }},
      {"exp2", [](double x) { return std::exp2(x); }},    {"sqrt", [](double x) { return std::sqrt(x); }},
      {"abs", [](double x) { return std::abs(x); }},      {"absolute", [](double x) { return std::abs(x); }},
      {"square", [](double x) { return x * x; }},         {"cbrt", [](double x) { return std::cbrt(x); }},
      {"sin", [](double x) { return std::sin(x); }},      {"cos", [](double x) { return std::cos(x); }},
      {"tanh", [](double x) { return std::tanh(x); }},    {"reciprocal", [](double x) { return 1 / x; }},
      {"negative", [](double x) { return -x; }},          {"floor", [](double x) { return std::floor(x); }},
      {"ceil", [](double x) { return std::ceil(x); }},    {"sinh", [](double x) { return std::sinh(x); }},
      {"cosh", [](double x) { return std::cosh(x); }},    {"arctan", [](double x) { return std::atan(x); }},
      {"arcsinh", [](double x) { return std::asinh(x); }}};
  std::string name(function.name());
  if (function.is(Kind::object) && name == "_ufunc_reconstruct") {
    const auto argument = function.argument(1);
    if (!argument || !argument->is(Kind::text)) return std::nullopt;
    name = argument->text().ok() ? *argument->text() : std::string();
  } else if (!function.is(Kind::global)) {
    return std::nullopt;
  }
  const auto found = kFunctions.find(name);
  return found == kFunctions.end() ? std::nullopt : std::optional(found->second);
}

MadeStep function_step(const View& model, const char* which, const char* arguments) {
  const auto function = model.find(which);
  if (!function || function->is_none()) return std::optional<Step>([](const Row& row) { return row; });
  const auto known = function_of(*function);
  if (const auto given = model.find(arguments); given && given->entries() > 0) return no_step();
  if (!known) return no_step();
  return by_numbers([f = *known](Numbers x) {
    for (double& v : x) v = rounded(f(v));
    return x;
  });
}
MadeStep function_transformer(Direct&, const View& model) { return function_step(model, "func", "kw_args"); }

// --- targets

Result<Numbers> row_or(const View& model, bool wanted, const char* name, double otherwise, std::size_t width) {
  if (!wanted || !present(model, name)) return Numbers(width, otherwise);
  Numbers row = TRY(vector(model, name));
  if (row.size() != width) return refuse(model, std::string(name) + " doesn't fit the targets");
  return row;
}

// Of float32 targets every step is float32, too.
using Back = std::function<Numbers(Numbers y, bool single)>;
using MadeBack = Result<std::optional<Back>>;

double power_back(double x, double lambda, bool cox) {
  if (cox) return lambda == 0 ? std::exp(x) : std::pow(x * lambda + 1, 1 / lambda);
  if (x >= 0) return std::abs(lambda) < 2.3e-16 ? std::expm1(x) : rounded(std::pow(x * lambda + 1, 1 / lambda)) - 1;
  return std::abs(lambda - 2) < 4.5e-16 ? -std::expm1(-x) : 1 - rounded(std::pow(1 - (2 - lambda) * x, 1 / (2 - lambda)));
}

MadeBack back(Direct& by, const View& model, std::size_t width, int depth);

MadeBack pipeline_back(Direct& by, const View& model, std::size_t width, int depth) {
  const View steps = TRY(model.attribute("steps"));
  std::vector<Back> all;
  for (std::size_t i = steps.size(); i-- > 0;) {
    if (steps.at(i).size() != 2 || steps.at(i).at(1).is_none() || steps.at(i).at(1).is_text("passthrough")) continue;
    auto made = TRY(back(by, steps.at(i).at(1), width, depth + 1));
    if (!made) return std::optional<Back>{};
    all.push_back(std::move(*made));
  }
  return std::optional<Back>([all](Numbers y, bool single) {
    for (const Back& step : all) y = step(std::move(y), single);
    return y;
  });
}

MadeBack powers_back(Direct& by, const View& model, std::size_t width, int depth) {
  const Numbers lambdas = TRY(row_or(model, true, "lambdas_", 1, width));
  const bool cox = text_or(model, "method", "yeo-johnson") == "box-cox";
  std::optional<Back> scaler;
  if (TRY(flag_or(model, "standardize", true))) scaler = TRY(back(by, TRY(model.attribute("_scaler")), width, depth + 1));
  return std::optional<Back>([=](Numbers y, bool single) {
    if (scaler) y = (*scaler)(std::move(y), single);
    for (std::size_t i = 0; i < y.size(); ++i) y[i] = narrowed(power_back(rounded(y[i]), lambdas.at(i), cox), single);
    return y;
  });
}

MadeBack range_back(const View& model, std::size_t width) {
  const Numbers shift = TRY(row_or(model, true, "min_", 0, width)), scale = TRY(row_or(model, true, "scale_", 1, width));
  return std::optional<Back>([=](Numbers y, bool single) {
    for (std::size_t i = 0; i < y.size(); ++i) {
      const double moved = y[i] - shift.at(i);
      y[i] =
          single ? narrowed(narrowed(moved, true) / scale.at(i), true) : rounded(moved, std::max(std::abs(y[i]), std::abs(shift[i]))) / scale.at(i);
    }
    return y;
  });
}

MadeBack scaled_back(Direct& by, const View& model, std::size_t width) {
  const bool standard = model.name() == "StandardScaler", shifting = standard || model.name() == "RobustScaler";
  const bool scales = TRY(flag_or(model, standard ? "with_std" : "with_scaling", true)),
             shifts = TRY(flag_or(model, standard ? "with_mean" : "with_centering", true));
  const Numbers scale = TRY(row_or(model, scales, "scale_", 1, width));
  const Numbers shift = TRY(row_or(model, shifts && shifting, standard ? "mean_" : "center_", 0, width));
  const bool narrows = standard && by.version(model).at_least(1, 8);  // its own numbers, too, of float32 targets
  return std::optional<Back>([=](Numbers y, bool single) {
    for (std::size_t i = 0; i < y.size(); ++i) {
      if (single)
        y[i] = narrowed(narrowed(y[i] * narrowed(scale.at(i), narrows), true) + narrowed(shift.at(i), narrows), true);
      else
        y[i] = rounded(y[i] * scale.at(i)) + shift.at(i);
    }
    return y;
  });
}

// inverse_transform of a target's transformer.
MadeBack back(Direct& by, const View& model, std::size_t width, int depth) {
  if (depth > 8 || !model.is(Kind::object)) return std::optional<Back>{};
  const std::string_view name = model.name();
  if (name == "FunctionTransformer") {
    const auto step = TRY(function_step(model, "inverse_func", "inv_kw_args"));
    if (!step) return std::optional<Back>{};
    return std::optional<Back>([step = *step](const Numbers& y, bool single) {
      Numbers out = numbers_of(step(row_of(y)));
      for (double& v : out) v = narrowed(v, single);
      return out;
    });
  }
  if (name == "Pipeline") return pipeline_back(by, model, width, depth);
  if (name == "PowerTransformer") return powers_back(by, model, width, depth);
  if (name == "MinMaxScaler") return range_back(model, width);
  if (name == "StandardScaler" || name == "RobustScaler" || name == "MaxAbsScaler") return scaled_back(by, model, width);
  return std::optional<Back>{};
}

// The width of what the regressor answers isn't told; most transformers hold a number a target.
std::size_t targets_of(const View& transformer) {
  for (const char* name : {"scale_", "lambdas_", "mean_", "center_"}) {
    if (!present(transformer, name)) continue;
    if (const auto row = vector(transformer, name); row.ok()) return row->size();
  }
  return 1;
}

Made transformed_target(Direct& by, const View& model) {
  const View transformer = TRY(model.attribute("transformer_"));
  const auto inner = TRY(by.predict(TRY(model.attribute("regressor_"))));
  const auto step = TRY(back(by, transformer, targets_of(transformer), 0));
  if (!inner || !step) return no_answer();
  const bool one = TRY(number_or(model, "_training_dim", 1)) == 1;
  return std::optional<Answerer>([inner = *inner, step = *step, one](const Row& row) {
    DirectAnswer answer = inner(row), out;
    out.single = answer.single;
    out.prediction = step(std::move(answer.prediction), answer.single);
    out.scalar_prediction = one && out.prediction.size() == 1;
    return out;
  });
}

// --- calibration

using Calibrator = std::function<double(double score, bool single)>;

// Before numpy 2 float32 scores made the calibrator's two numbers float32, and all that is computed of them.
double single_sigmoid(double a, double b, double x) {
  const double line = narrowed(narrowed(narrowed(a, true) * x, true) + narrowed(b, true), true);
  return narrowed(1 / narrowed(1 + narrowed(std::exp(line), true), true), true);
}

Result<std::optional<Calibrator>> calibrator_of(const View& model) {
  if (!model.is(Kind::object)) return std::optional<Calibrator>{};
  if (model.name() == "_SigmoidCalibration") {
    const double a = TRY(TRY(model.attribute("a_")).number()), b = TRY(TRY(model.attribute("b_")).number());
    return std::optional<Calibrator>(
        [a, b](double x, bool single) { return single ? single_sigmoid(a, b, x) : expit(-(rounded(a * rounded(x)) + b)); });
  }
  if (model.name() != "IsotonicRegression") return std::optional<Calibrator>{};
  const View at = TRY(first_present(model, {"X_thresholds_", "_necessary_X_"})),
             value = TRY(first_present(model, {"y_thresholds_", "_necessary_y_"}));
  const Numbers x = TRY(at.doubles()), y = TRY(value.doubles());
  if (x.empty() || x.size() != y.size() || at.dtype_text() == "<f4") return std::optional<Calibrator>{};
  return std::optional<Calibrator>([x, y](double score, bool) {
    const double v = rounded(score);
    if (v <= x.front()) return y.front();
    if (v >= x.back()) return y.back();
    std::size_t right = 1;
    while (x[right] < v) ++right;
    return rounded(y[right - 1]) + rounded((y[right] - y[right - 1]) / (x[right] - x[right - 1]) * (v - x[right - 1]));
  });
}

struct Pair {
  Answerer member;
  std::vector<Calibrator> calibrators;
  std::vector<std::size_t> places;  // of the member's classes
  bool second = false;              // of probabilities, the second class alone is calibrated
  bool narrow = false;              // float32 probabilities are calibrated in float32

  Numbers of(const Row& row, std::size_t classes) const {
    const DirectAnswer answer = member(row);
    Numbers scores = answer.scores;
    if (scores.empty()) scores = second ? Numbers{answer.probabilities.at(1)} : answer.probabilities;
    const bool single = narrow && answer.single && answer.scores.empty();
    Numbers p(classes, 0.0);
    if (classes == 2) {
      p[1] = calibrators.at(0)(scores.at(0), single);
      p[0] = 1 - p[1];
    } else {
      double sum = 0;
      for (std::size_t i = 0; i < scores.size(); ++i) sum += p.at(places.at(i)) = calibrators.at(i)(scores[i], single);
      for (double& v : p) v = sum == 0 ? 1 / static_cast<double>(classes) : v / sum;
    }
    for (double& v : p) v = v > 1 && v <= 1 + 1e-5 ? 1 : v;
    return p;
  }
};

Result<std::optional<Pair>> pair_of(Direct& by, const View& model, const View& pair, const Labels& labels) {
  if (text_or(pair, "method", "sigmoid") == "temperature") return std::optional<Pair>{};
  const View estimator = TRY(first_present(pair, {"estimator", "base_estimator"})), list = TRY(first_present(pair, {"calibrators", "calibrators_"}));
  const auto member = TRY(by.predict(estimator));
  const auto own = classes_of(estimator);
  if (!member || !own) return std::optional<Pair>{};
  const bool later = by.version(model).at_least(1, 4);
  Pair out{*member, {}, {}, (later ? own->count() : labels.count()) == 2, !later};
  for (std::size_t i = 0; i < list.size(); ++i) {
    auto made = TRY(calibrator_of(list.at(i)));
    if (!made) return std::optional<Pair>{};
    out.calibrators.push_back(std::move(*made));
  }
  for (const json::Value& label : own->shown) {
    std::size_t at = 0;
    while (at < labels.count() && labels.shown[at].dump() != label.dump()) ++at;
    if (at == labels.count()) return std::optional<Pair>{};
    out.places.push_back(at);
  }
  const bool whole = own->count() == labels.count() && out.calibrators.size() == (labels.count() == 2 ? 1 : labels.count());
  return whole ? std::optional(std::move(out)) : std::optional<Pair>{};
}

Made calibrated(Direct& by, const View& model) {
  const auto labels = classes_of(model);
  if (!labels || labels->count() < 2) return no_answer();
  std::vector<Pair> pairs;
  for (const View& pair : TRY(members_of(model, "calibrated_classifiers_"))) {
    auto made = TRY(pair_of(by, model, pair, *labels));
    if (!made) return no_answer();
    pairs.push_back(std::move(*made));
  }
  return std::optional<Answerer>([pairs, labels = *labels](const Row& row) {
    std::vector<Sum> sums(labels.count());
    for (const Pair& pair : pairs) {
      const Numbers p = pair.of(row, labels.count());
      for (std::size_t c = 0; c < p.size(); ++c) sums[c].add(p[c]);
    }
    Numbers mean;
    for (const Sum& sum : sums) mean.push_back(sum.value() / static_cast<double>(pairs.size()));
    return of_probabilities(labels, std::move(mean));
  });
}

// --- output codes

double score_of(const DirectAnswer& answer) {
  if (!answer.prediction.empty()) return answer.prediction[0];
  return answer.scores.empty() ? answer.probabilities.at(1) : answer.scores[0];
}

Result<std::optional<std::vector<Answerer>>> answerers_of(Direct& by, const View& model) {
  std::vector<Answerer> out;
  for (const View& member : TRY(members_of(model, "estimators_"))) {
    auto made = TRY(by.predict(member));
    if (!made) return std::optional<std::vector<Answerer>>{};
    out.push_back(std::move(*made));
  }
  return std::optional(std::move(out));
}

Made output_code(Direct& by, const View& model) {
  const auto labels = classes_of(model);
  const auto members = TRY(answerers_of(by, model));
  const Matrix book = TRY(matrix(model, "code_book_"));
  if (!labels || !members || book.rows != static_cast<std::int64_t>(labels->count())) return no_answer();
  return std::optional<Answerer>([labels = *labels, members = *members, book](const Row& row) {
    Numbers scores, closeness;
    for (const Answerer& member : members) scores.push_back(score_of(member(row)));
    for (std::size_t c = 0; c < labels.count(); ++c) closeness.push_back(-squared_distance(scores, row_at(book, c)));
    DirectAnswer out;
    out.label = labels.shown[clear_largest(closeness)];
    return out;
  });
}

// --- chains

struct Links {
  std::vector<Answerer> members;
  std::vector<std::size_t> order;  // which output each member is of
  std::string method;

  // The answers of the outputs, in their order.
  std::vector<DirectAnswer> of(Row row) const {
    std::vector<DirectAnswer> out(members.size());
    for (std::size_t m = 0; m < members.size(); ++m) {
      DirectAnswer answer = members[m](row);
      double value = 0;
      if (method == "predict")
        value = predicted(answer);
      else if (method == "decision_function")
        value = answer.scores.size() == 1 ? answer.scores[0] : throw RowUnclear();
      else
        value = answer.probabilities.size() == 2 ? answer.probabilities[1] : throw RowUnclear();
      row.push_back(Cell{method == "predict_log_proba" ? std::log(value) : value, std::nullopt});
      out[order[m]] = std::move(answer);
    }
    return out;
  }
  static double predicted(const DirectAnswer& answer) {
    return answer.prediction.empty() ? number_of(answer.label.value_or(json::Value())) : answer.prediction[0];
  }
};

Result<std::optional<Links>> links_of(Direct& by, const View& model) {
  const std::size_t behind = by.steps_behind();
  by.behind(std::nullopt);
  auto members = TRY(answerers_of(by, model));
  by.leave(behind);
  if (!members) return std::optional<Links>{};
  Links out{std::move(*members), {}, text_or(model, "chain_method_", "predict")};
  for (const auto at : TRY(TRY(model.attribute("order_")).integers())) {
    if (at < 0 || at >= static_cast<std::int64_t>(out.members.size())) return std::optional<Links>{};
    out.order.push_back(static_cast<std::size_t>(at));
  }
  return out.order.size() == out.members.size() ? std::optional(std::move(out)) : std::optional<Links>{};
}

Made regressor_chain(Direct& by, const View& model) {
  const auto links = TRY(links_of(by, model));
  if (!links) return no_answer();
  return std::optional<Answerer>([links = *links](const Row& row) {
    DirectAnswer out;
    out.scalar_prediction = false;
    for (const DirectAnswer& answer : links.of(row)) out.prediction.push_back(Links::predicted(answer));
    return out;
  });
}

Made classifier_chain(Direct& by, const View& model) {
  const auto links = TRY(links_of(by, model));
  if (!links) return no_answer();
  const bool any_second = !by.version(model).at_least(1, 5);  // of more than two classes the second was taken as well
  return std::optional<Answerer>([links = *links, any_second](const Row& row) {
    DirectAnswer out;
    for (const DirectAnswer& answer : links.of(row)) {
      const double label = Links::predicted(answer);
      if (!(label == std::floor(label))) throw RowUnclear();
      out.indicator.push_back(static_cast<std::int64_t>(label));
      if (answer.probabilities.size() == 2 || (any_second && answer.probabilities.size() > 2)) out.probabilities.push_back(answer.probabilities[1]);
      if (answer.scalar_scores && !answer.scores.empty()) out.scores.push_back(answer.scores[0]);
    }
    if (out.probabilities.size() != out.indicator.size()) out.probabilities.clear();
    if (out.scores.size() != out.indicator.size()) out.scores.clear();
    return out;
  });
}

constexpr DirectConverter kConverters[] = {
    {"FunctionTransformer", function_transformer},   {"TransformedTargetRegressor", nullptr, transformed_target},
    {"CalibratedClassifierCV", nullptr, calibrated}, {"OutputCodeClassifier", nullptr, output_code},
    {"RegressorChain", nullptr, regressor_chain},    {"ClassifierChain", nullptr, classifier_chain},
};

}  // namespace

std::span<const DirectConverter> direct_composed() { return kConverters; }

}  // namespace slipway::importers::sklearn
