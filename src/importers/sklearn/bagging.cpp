// Bagging: members see a choice of the columns each; probabilities (or votes of members without them), or values, are averaged.
// Members of a BaggingClassifier are trained on numbered classes.
#include "slipway/importers/blocks/arithmetic.hpp"
#include "slipway/importers/sklearn/inner.hpp"
#include "slipway/importers/sklearn/table.hpp"

namespace slipway::importers::sklearn {
namespace {

struct Member {
  View estimator;
  Table columns;
};

Result<std::vector<Member>> members_with_columns(const View& model, const Table& in) {
  const auto estimators = TRY(members_of(model, "estimators_"));
  const View choices = TRY(model.attribute("estimators_features_"));
  if (choices.size() != estimators.size()) return refuse(choices, "there isn't a choice of features a member");
  if (in.free) return refuse(model, "the file doesn't tell how many features it takes");
  std::vector<Member> out;
  for (std::size_t i = 0; i < estimators.size(); ++i) {
    Place which;
    if (choices.at(i).is(Kind::slice)) {  // all of them
      which.resize(in.width());
      for (std::size_t c = 0; c < which.size(); ++c) which[c] = static_cast<std::int64_t>(c);
    } else {
      which = TRY(choices.at(i).integers());
    }
    for (const std::int64_t c : which) {
      if (c < 0 || c >= static_cast<std::int64_t>(in.width()))
        return refuse(choices.at(i), "it chooses column " + std::to_string(c) + " of " + std::to_string(in.width()));
    }
    out.push_back({estimators[i], select(in, which)});
  }
  return out;
}

Result<std::int64_t> divisor(const View& model, std::size_t members) {
  return static_cast<std::int64_t>(TRY(number_or(model, "n_estimators", static_cast<double>(members))));
}

Result<Prediction> classifier(Lowering& to, const View& model, const Table& in) {
  Labels labels = TRY(read_labels(TRY(model.attribute("classes_"))));
  const auto classes = static_cast<std::int64_t>(labels.count());
  const auto members = TRY(members_with_columns(model, in));
  std::vector<Val> parts, decisions;
  for (const Member& member : members) {
    const Prediction p = TRY(to.predict(member.estimator, member.columns));
    if (!p.labels || !p.label) return refuse(member.estimator, "it is no classifier of one output");
    const Place places = TRY(numbered_places(member.estimator, *p.labels, classes));
    if (p.scores) decisions.push_back(*p.scores);
    parts.push_back(p.probabilities ? spread(to.graph, *p.probabilities, places, classes, 0)
                                    : one_hot(to.graph, mapped(to.graph, *p.label, places), classes));
  }
  const Val count = to.graph.scalar(static_cast<double>(TRY(divisor(model, members.size()))));
  const Val mean = Builder::typed(to.graph.div(total(to.graph, parts), count), DType::float64, classes);
  Prediction out = Prediction::from_probabilities(to.graph, std::move(labels), mean);
  bool alike = decisions.size() == members.size();
  for (const Val& d : decisions) alike = alike && d.columns == decisions.front().columns;
  if (alike) out.scores = Builder::typed(to.graph.div(total(to.graph, decisions), count), DType::float64, decisions.front().columns);
  return out;
}

Result<Prediction> regressor(Lowering& to, const View& model, const Table& in) {
  const auto members = TRY(members_with_columns(model, in));
  std::vector<Val> parts;
  bool single = true;  // all of them float32
  for (const Member& member : members) {
    const Prediction p = TRY(to.predict(member.estimator, member.columns));
    if (p.kind != Prediction::Kind::regressor) return refuse(member.estimator, "it is no regressor");
    if (!parts.empty() && p.value->columns != parts.front().columns) return refuse(member.estimator, "it answers another number of targets");
    parts.push_back(*p.value);
    single = single && p.single;
  }
  const Val count = to.graph.scalar(static_cast<double>(TRY(divisor(model, members.size()))));
  const Val mean = to.graph.div(total(to.graph, parts, single), count);
  const std::int64_t columns = parts.front().columns;
  Prediction out = Prediction::regressor(single ? single_value(to.graph, mean, columns) : Builder::typed(mean, DType::float64, columns));
  out.single = single;
  return out;
}

constexpr Converter kConverters[] = {
    {"BaggingClassifier", nullptr, classifier},
    {"BaggingRegressor", nullptr, regressor},
    {"BalancedBaggingClassifier", nullptr, classifier, "imblearn"},
    {"EasyEnsembleClassifier", nullptr, classifier, "imblearn"},
};

}  // namespace

Family bagging_family() { return kConverters; }

}  // namespace slipway::importers::sklearn
