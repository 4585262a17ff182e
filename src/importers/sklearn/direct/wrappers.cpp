// Estimators made of estimators, evaluated directly: each member answers the row, and the answers are put together.
#include <algorithm>
#include <cmath>
#include <limits>

#include "slipway/importers/sklearn/direct/numeric.hpp"
#include "slipway/importers/sklearn/inner.hpp"

namespace slipway::importers::sklearn {
namespace {

using Made = Result<std::optional<Answerer>>;
using MadeStep = Result<std::optional<Step>>;

// nullopt: one of them isn't evaluated directly.
Result<std::optional<std::vector<Answerer>>> answerers_of(Direct& by, const View& model, std::string_view attribute) {
  std::vector<Answerer> out;
  for (const View& member : TRY(members_of(model, attribute))) {
    auto made = TRY(by.predict(member));
    if (!made) return std::optional<std::vector<Answerer>>{};
    out.push_back(std::move(*made));
  }
  return std::optional(std::move(out));
}

// The class that a label of a member is among the wrapper's: by its own value, or as the number of the class.
std::size_t place_of(const json::Value& label, const Labels& labels, bool numbered) {
  if (numbered) {
    const double at = number_of(label);
    if (!(at >= 0 && at < static_cast<double>(labels.count()))) throw RowUnclear();
    return static_cast<std::size_t>(at);
  }
  for (std::size_t i = 0; i < labels.count(); ++i) {
    if (labels.shown[i].dump() == label.dump() || number_of(labels.shown[i]) == number_of(label)) return i;
  }
  throw RowUnclear();
}

std::vector<DirectAnswer> asked(const std::vector<Answerer>& members, const Row& row) {
  std::vector<DirectAnswer> out;
  out.reserve(members.size());
  for (const Answerer& member : members) out.push_back(member(row));
  return out;
}

double only(const DirectAnswer& answer) {
  if (!answer.prediction.empty()) return answer.prediction.size() == 1 ? answer.prediction[0] : throw RowUnclear();
  if (!answer.label) throw RowUnclear();
  return number_of(*answer.label);
}

// --- objects that hand on

Result<std::optional<View>> handed_to(const View& model) {
  for (const char* attribute : {"best_estimator_", "estimator_", "base_estimator_", "estimator"}) {
    if (const auto inner = model.find(attribute); inner && inner->is(Kind::object)) return inner;
  }
  return std::optional<View>{};
}

Made handing_on(Direct& by, const View& model) {
  const auto inner = TRY(handed_to(model));
  return inner ? by.predict(*inner) : Made(no_answer());
}
MadeStep handing_step(Direct& by, const View& model) {
  const auto inner = TRY(handed_to(model));
  return inner ? by.transform(*inner) : MadeStep(no_step());
}

// --- voting

Result<Numbers> weights_of(const View& model, std::size_t members) {
  if (!present(model, "weights")) return Numbers(members, 1.0);
  const Numbers all = TRY(vector(model, "weights"));
  const View named = TRY(model.attribute("estimators"));
  Numbers out;
  for (std::size_t i = 0; i < all.size() && i < named.size(); ++i) {
    if (named.at(i).size() == 2 && !named.at(i).at(1).is_none() && !named.at(i).at(1).is_text("drop")) out.push_back(all[i]);
  }
  if (out.size() != members) return refuse(model, "its weights don't fit its members");
  return out;
}

Made voting_classifier(Direct& by, const View& model) {
  const auto labels = classes_of(model);
  const auto members = TRY(answerers_of(by, model, "estimators_"));
  if (!labels || !members) return no_answer();
  const Numbers weights = TRY(weights_of(model, members->size()));
  const bool soft = text_or(model, "voting", "hard") == "soft", weighs = present(model, "weights");
  return std::optional<Answerer>([=, labels = *labels, members = *members](const Row& row) {
    const auto answers = asked(members, row);
    const bool single = soft && !weighs && all_single(answers);
    std::vector<Sum> sums(labels.count(), Sum(0, single));
    double all = 0;
    for (std::size_t m = 0; m < members.size(); ++m) {
      const DirectAnswer& answer = answers[m];
      all += weights[m];
      if (!soft) sums[place_of(answer.label.value(), labels, true)].add(weights[m]);
      for (std::size_t c = 0; soft && c < sums.size(); ++c) sums[c].add(weights[m] * answer.probabilities.at(c));
    }
    Numbers shares;
    for (const Sum& sum : sums) shares.push_back(soft ? narrowed(sum.value() / all, single) : sum.value());
    DirectAnswer out;
    if (soft)
      out = of_probabilities(labels, std::move(shares));
    else
      out.label = labels.shown[first_largest(shares)];
    out.single = single;
    return out;
  });
}

Made voting_regressor(Direct& by, const View& model) {
  const auto members = TRY(answerers_of(by, model, "estimators_"));
  if (!members) return no_answer();
  const Numbers weights = TRY(weights_of(model, members->size()));
  const bool weighs = present(model, "weights");
  return std::optional<Answerer>([=, members = *members](const Row& row) {
    const auto answers = asked(members, row);
    DirectAnswer out;
    out.single = !weighs && all_single(answers);
    Sum sum(0, out.single);
    double all = 0;
    for (std::size_t m = 0; m < members.size(); ++m) {
      sum.add(weights[m] * only(answers[m]));
      all += weights[m];
    }
    out.prediction = {narrowed(sum.value() / all, out.single)};
    return out;
  });
}

// --- stacking

MadeStep stack(Direct& by, const View& model) {
  const auto members = TRY(answerers_of(by, model, "estimators_"));
  if (!members) return no_step();
  const View listed = TRY(model.attribute("stack_method_"));
  std::vector<std::string> methods;
  for (std::size_t i = 0; i < listed.size(); ++i) methods.push_back(TRY(listed.at(i).text()));
  if (methods.size() != members->size()) return refuse(listed, "it doesn't name a method a member");
  if (const auto classes = model.find("classes_"); classes && classes->is(Kind::list)) return no_step();
  const auto labels = classes_of(model);
  const bool two = labels && labels->count() == 2, passthrough = TRY(flag_or(model, "passthrough", false));
  return std::optional<Step>([=, members = *members](const Row& row) {
    Numbers out;
    for (std::size_t m = 0; m < members.size(); ++m) {
      const DirectAnswer answer = members[m](row);
      if (methods[m] == "predict") {
        if (answer.prediction.empty())
          out.push_back(only(answer));
        else
          out.insert(out.end(), answer.prediction.begin(), answer.prediction.end());
      } else {
        const Numbers& columns = methods[m] == "predict_proba" ? answer.probabilities : answer.scores;
        if (columns.empty()) throw RowUnclear();
        out.insert(out.end(), columns.begin() + (two && methods[m] == "predict_proba" ? 1 : 0), columns.end());
      }
    }
    Row cells = row_of(out);
    if (passthrough) {
      cells.insert(cells.end(), row.begin(), row.end());
      cells.sparse = row.sparse;
    }
    return cells;
  });
}

Made stacking(Direct& by, const View& model) {
  const auto before = TRY(stack(by, model));
  const std::size_t behind = by.steps_behind();
  by.behind(std::nullopt);
  const auto last = TRY(by.predict(TRY(model.attribute("final_estimator_"))));
  by.leave(behind);
  const bool classifies = model.has("classes_");
  const auto labels = classes_of(model);
  if (!before || !last || (classifies && !labels)) return no_answer();
  return std::optional<Answerer>([before = *before, last = *last, labels](const Row& row) {
    DirectAnswer answer = last(before(row));
    if (labels) answer.label = labels->shown[place_of(answer.label.value(), *labels, true)];
    return answer;
  });
}

// --- bagging

struct Bag {
  std::vector<Answerer> members;
  std::vector<std::vector<std::int64_t>> columns;  // empty: all
  double divisor = 1;

  DirectAnswer ask(std::size_t m, const Row& row) const {
    if (columns[m].empty()) return members[m](row);
    Row chosen;
    chosen.sparse = row.sparse;
    for (const auto c : columns[m]) chosen.push_back(row.at(static_cast<std::size_t>(c)));
    return members[m](chosen);
  }
};

Result<std::optional<Bag>> bag_of(Direct& by, const View& model) {
  const std::size_t behind = by.steps_behind();
  by.behind(std::nullopt);
  const auto members = TRY(answerers_of(by, model, "estimators_"));
  by.leave(behind);
  if (!members) return std::optional<Bag>{};
  Bag bag{*members, {}, TRY(number_or(model, "n_estimators", static_cast<double>(members->size())))};
  const View choices = TRY(model.attribute("estimators_features_"));
  for (std::size_t i = 0; i < choices.size(); ++i)
    bag.columns.push_back(choices.at(i).is(Kind::slice) ? std::vector<std::int64_t>{} : TRY(choices.at(i).integers()));
  if (bag.columns.size() != bag.members.size()) return refuse(choices, "there isn't a choice of features a member");
  return std::optional(std::move(bag));
}

Made bagging_classifier(Direct& by, const View& model) {
  const auto labels = classes_of(model);
  const auto bag = TRY(bag_of(by, model));
  if (!labels || !bag) return no_answer();
  std::vector<std::vector<std::size_t>> places;  // of each member's classes, which are numbers
  for (const View& member : TRY(members_of(model, "estimators_"))) {
    const auto own = classes_of(member);
    if (!own) return no_answer();
    places.emplace_back();
    for (const json::Value& label : own->shown) {
      const double at = number_of(label);
      if (!(at >= 0 && at < static_cast<double>(labels->count()))) return no_answer();
      places.back().push_back(static_cast<std::size_t>(at));
    }
  }
  return std::optional<Answerer>([bag = *bag, labels = *labels, places](const Row& row) {
    std::vector<Sum> sums(labels.count());
    Numbers scores;
    bool all_scores = true, scalar = true;
    for (std::size_t m = 0; m < bag.members.size(); ++m) {
      const DirectAnswer answer = bag.ask(m, row);
      for (std::size_t i = 0; i < answer.probabilities.size(); ++i) sums[places[m].at(i)].add(answer.probabilities[i]);
      if (answer.probabilities.empty()) sums[place_of(answer.label.value(), labels, true)].add(1);
      if (m == 0) scores.resize(answer.scores.size(), 0.0);
      all_scores = all_scores && !answer.scores.empty() && answer.scores.size() == scores.size();
      scalar = answer.scalar_scores;
      for (std::size_t i = 0; all_scores && i < scores.size(); ++i) scores[i] += rounded(answer.scores[i]) / bag.divisor;
    }
    Numbers shares;
    for (const Sum& sum : sums) shares.push_back(sum.value() / bag.divisor);
    DirectAnswer out;
    out.label = labels.shown[first_largest(shares)];
    out.probabilities = std::move(shares);
    if (all_scores) out.scores = std::move(scores);
    out.scalar_scores = scalar;
    return out;
  });
}

Made bagging_regressor(Direct& by, const View& model) {
  const auto bag = TRY(bag_of(by, model));
  if (!bag) return no_answer();
  return std::optional<Answerer>([bag = *bag](const Row& row) {
    std::vector<DirectAnswer> answers;
    for (std::size_t m = 0; m < bag.members.size(); ++m) answers.push_back(bag.ask(m, row));
    DirectAnswer out;
    out.single = all_single(answers);
    std::vector<Sum> sums(answers.front().prediction.size(), Sum(0, out.single));
    for (const DirectAnswer& answer : answers) {
      out.scalar_prediction = answer.scalar_prediction;
      for (std::size_t i = 0; i < answer.prediction.size(); ++i) sums.at(i).add(answer.prediction[i]);
    }
    for (const Sum& sum : sums) out.prediction.push_back(narrowed(sum.value() / bag.divisor, out.single));
    return out;
  });
}

// --- AdaBoost

Made ada_classifier(Direct& by, const View& model) {
  const auto labels = classes_of(model);
  const auto members = TRY(answerers_of(by, model, "estimators_"));
  const Numbers weights = TRY(vector(model, "estimator_weights_"));
  if (!labels || !members || labels->count() < 2 || weights.size() < members->size()) return no_answer();
  const bool real = text_or(model, "algorithm", "SAMME.R") == "SAMME.R" && !by.version(model).at_least(1, 6),
             takes = by.version(model).at_least(1, 3);
  double sum = 0;
  for (const double w : weights) sum += w;
  return std::optional<Answerer>([=, members = *members, labels = *labels](const Row& row) {
    const std::size_t k = labels.count();
    const auto classes = static_cast<double>(k);
    std::vector<Sum> sums(k);
    for (std::size_t m = 0; m < members.size(); ++m) {
      const DirectAnswer answer = members[m](row);
      if (!real) {
        const std::size_t at = place_of(answer.label.value(), labels, false);
        for (std::size_t c = 0; c < k; ++c) sums[c].add(c == at ? weights[m] : takes ? -weights[m] / (classes - 1) : 0);
        continue;
      }
      Numbers logs;
      double mean = 0;
      for (const double p : answer.probabilities) logs.push_back(std::log(std::max(p, std::numeric_limits<double>::epsilon())));
      for (const double l : logs) mean += l / classes;
      for (std::size_t c = 0; c < k; ++c) sums[c].add((classes - 1) * (logs.at(c) - mean));
    }
    Numbers decision;
    for (const Sum& each : sums) decision.push_back(each.value() / sum);
    DirectAnswer out;
    if (k == 2) {
      const double d = decision[1] - decision[0];
      out.scores = {d};
      out.scalar_scores = true;
      out.label = labels.shown[d > 0 ? 1 : 0];
      out.probabilities = softmax({-d / 2, d / 2});
      return out;
    }
    out.label = labels.shown[clear_largest(decision)];
    out.scores = decision;
    for (double& d : decision) d /= classes - 1;
    out.probabilities = softmax(decision);
    return out;
  });
}

// The first value, going up, with which half of all weight is reached.
Made ada_regressor(Direct& by, const View& model) {
  const auto members = TRY(answerers_of(by, model, "estimators_"));
  const Numbers weights = TRY(vector(model, "estimator_weights_"));
  if (!members || weights.size() < members->size()) return no_answer();
  return std::optional<Answerer>([weights, members = *members](const Row& row) {
    std::vector<std::pair<double, double>> votes;
    double all = 0, reached = 0;
    for (std::size_t m = 0; m < members.size(); ++m) {
      votes.emplace_back(only(members[m](row)), rounded(weights[m]));
      all += votes.back().second;
    }
    std::sort(votes.begin(), votes.end());
    DirectAnswer out;
    for (const auto& [value, weight] : votes) {
      if ((reached += weight) < 0.5 * all) continue;
      out.prediction = {value};
      return out;
    }
    throw RowUnclear();
  });
}

// --- one against the rest, one against one

double binary_score_of(const DirectAnswer& answer) {
  if (!answer.prediction.empty()) return answer.prediction[0];
  if (!answer.scores.empty()) return answer.scores[0];
  return answer.probabilities.size() == 2 ? answer.probabilities[1] : throw RowUnclear();
}
double threshold_of(const DirectAnswer& answer) { return !answer.prediction.empty() || answer.scores.empty() ? 0.5 : 0; }

Made constant(Direct&, const View& model) {
  const Numbers y = TRY(vector(model, "y_"));
  if (y.size() != 1) return no_answer();
  return std::optional<Answerer>([y](const Row&) {
    DirectAnswer out;
    out.label = json::Value(std::int64_t{y[0] > 0 ? 1 : 0});
    out.scores = {y[0]};
    out.scalar_scores = true;
    out.probabilities = {1 - y[0], y[0]};
    return out;
  });
}

Made one_vs_rest(Direct& by, const View& model) {
  const auto labels = classes_of(model);
  const auto members = TRY(answerers_of(by, model, "estimators_"));
  if (!labels || !members) return no_answer();
  const View binarizer = TRY(model.attribute("label_binarizer_"));
  const bool several = text_or(binarizer, "y_type_", "multiclass").starts_with("multilabel"), first = by.version(model).at_least(1, 9);
  if (members->size() != (!several && labels->count() == 2 ? 1 : labels->count())) return no_answer();
  const bool constant_first = TRY(members_of(model, "estimators_")).front().name() == "_ConstantPredictor";  // to the library no classifier
  return std::optional<Answerer>([=, members = *members, labels = *labels](const Row& row) {
    const auto answers = asked(members, row);
    DirectAnswer out;
    out.single = all_single(answers);
    Numbers scores, p;
    bool decides = true;
    double threshold = 0;
    for (const DirectAnswer& answer : answers) {
      if (scores.empty()) threshold = constant_first ? 0.5 : threshold_of(answer);
      scores.push_back(binary_score_of(answer));
      decides = decides && !answer.scores.empty();
      if (answer.probabilities.size() == 2) p.push_back(answer.probabilities[1]);
    }
    for (const double s : scores) {
      if (several) out.indicator.push_back(s > threshold ? 1 : 0);
    }
    const bool one = scores.size() == 1 && !several;
    if (one) {
      out.label = labels.shown[scores[0] > threshold ? 1 : 0];
    } else if (!several) {
      const auto best = first ? std::max_element(scores.begin(), scores.end()) - scores.begin()
                              : scores.rend() - std::max_element(scores.rbegin(), scores.rend()) - 1;
      out.label = labels.shown[static_cast<std::size_t>(best)];
    }
    if (p.size() == scores.size()) {
      if (one) p = {narrowed(1 - p[0], out.single), p[0]};
      double sum = 0;
      for (const double v : p) sum = narrowed(sum + v, out.single);
      if (!several && first && !out.single && sum == 0) sum = 1;
      for (double& v : p) v = several ? v : narrowed(v / sum, out.single);
      out.probabilities = p;
    }
    if (decides) out.scores = scores;
    out.scalar_scores = one;
    return out;
  });
}

Made one_vs_one(Direct& by, const View& model) {
  const auto labels = classes_of(model);
  const auto members = TRY(answerers_of(by, model, "estimators_"));
  if (!labels || !members) return no_answer();
  const std::size_t k = labels->count();
  if (k < 2 || members->size() != k * (k - 1) / 2 || present(model, "pairwise_indices_")) return no_answer();
  const bool own_threshold = by.version(model).at_least(1, 1);
  return std::optional<Answerer>([=, members = *members, labels = *labels](const Row& row) {
    Numbers votes(k, 0.0), confidence(k, 0.0);
    double threshold = 0;
    std::size_t m = 0;
    for (std::size_t i = 0; i < k; ++i) {
      for (std::size_t j = i + 1; j < k; ++j, ++m) {
        const DirectAnswer answer = members[m](row);
        if (m == 0) threshold = own_threshold ? threshold_of(answer) : 0;
        const double score = rounded(binary_score_of(answer)), said = only(answer);
        votes[i] += said == 0 ? 1 : 0;
        votes[j] += said == 1 ? 1 : 0;
        confidence[i] -= score;
        confidence[j] += score;
      }
    }
    for (std::size_t c = 0; c < k; ++c) votes[c] += confidence[c] / (3 * (std::abs(confidence[c]) + 1));
    DirectAnswer out;
    out.scalar_scores = k == 2;
    out.scores = k == 2 ? Numbers{votes[1]} : votes;
    out.label = labels.shown[k == 2 ? (votes[1] > threshold ? 1 : 0) : first_largest(votes)];
    return out;
  });
}

// --- several outputs

Made several_classifiers(Direct& by, const View& model) {
  const auto members = TRY(answerers_of(by, model, "estimators_"));
  if (!members) return no_answer();
  return std::optional<Answerer>([members = *members](const Row& row) {
    DirectAnswer out;
    bool all = true;
    for (const Answerer& member : members) {
      out.outputs.push_back(member(row));
      out.outputs.back().scores.clear();
      all = all && !out.outputs.back().probabilities.empty();
    }
    for (DirectAnswer& output : out.outputs) {
      if (!all) output.probabilities.clear();
    }
    return out;
  });
}

Made several_regressors(Direct& by, const View& model) {
  const auto members = TRY(answerers_of(by, model, "estimators_"));
  if (!members) return no_answer();
  return std::optional<Answerer>([members = *members](const Row& row) {
    const auto answers = asked(members, row);
    DirectAnswer out;
    out.single = all_single(answers);
    out.scalar_prediction = false;
    for (const DirectAnswer& answer : answers) out.prediction.push_back(only(answer));
    return out;
  });
}

MadeStep feature_union(Direct& by, const View& model) {
  const View parts = TRY(model.attribute("transformer_list"));
  const auto weights = model.find("transformer_weights");
  std::vector<std::pair<Step, double>> steps;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (parts.at(i).size() != 2) return refuse(parts.at(i), "it is no pair of name and transformer");
    const View part = parts.at(i).at(1);
    if (part.is_none() || part.is_text("drop")) continue;
    double weight = 1;
    if (weights && !weights->is_none()) {
      if (const auto given = weights->get(TRY(parts.at(i).at(0).text()))) weight = TRY(given->number());
    }
    if (weight == 0) return no_step();  // a sparse part then stores zeros
    auto made = part.is_text("passthrough") ? std::optional<Step>([](const Row& row) { return row; }) : TRY(by.transform(part));
    if (!made) return no_step();
    steps.emplace_back(std::move(*made), weight);
  }
  return std::optional<Step>([steps](const Row& row) {
    Row out;
    for (const auto& [step, weight] : steps) {
      Row part = step(row);
      out.sparse = out.sparse || part.sparse;
      for (Cell& cell : part) {
        if (weight != 1) cell.number *= weight;
        out.push_back(std::move(cell));
      }
    }
    return out;
  });
}

constexpr DirectConverter kConverters[] = {
    {"GridSearchCV", handing_step, handing_on},
    {"RandomizedSearchCV", handing_step, handing_on},
    {"HalvingGridSearchCV", handing_step, handing_on},
    {"HalvingRandomSearchCV", handing_step, handing_on},
    {"FrozenEstimator", handing_step, handing_on},
    {"SelfTrainingClassifier", nullptr, handing_on},
    {"RANSACRegressor", nullptr, handing_on},
    {"VotingClassifier", nullptr, voting_classifier},
    {"VotingRegressor", nullptr, voting_regressor},
    {"StackingClassifier", stack, stacking},
    {"StackingRegressor", stack, stacking},
    {"BaggingClassifier", nullptr, bagging_classifier},
    {"BaggingRegressor", nullptr, bagging_regressor},
    {"BalancedBaggingClassifier", nullptr, bagging_classifier, "imblearn"},
    {"EasyEnsembleClassifier", nullptr, bagging_classifier, "imblearn"},
    {"AdaBoostClassifier", nullptr, ada_classifier},
    {"AdaBoostRegressor", nullptr, ada_regressor},
    {"_ConstantPredictor", nullptr, constant},
    {"OneVsRestClassifier", nullptr, one_vs_rest},
    {"OneVsOneClassifier", nullptr, one_vs_one},
    {"MultiOutputClassifier", nullptr, several_classifiers},
    {"MultiOutputRegressor", nullptr, several_regressors},
    {"FeatureUnion", feature_union},
};

}  // namespace

std::span<const DirectConverter> direct_wrappers() { return kConverters; }

}  // namespace slipway::importers::sklearn
