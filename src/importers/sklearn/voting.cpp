// Voting: members' answers averaged or counted. Members of a VotingClassifier are trained on numbered classes.
#include "slipway/importers/blocks/arithmetic.hpp"
#include "slipway/importers/sklearn/inner.hpp"
#include "slipway/importers/sklearn/table.hpp"

namespace slipway::importers::sklearn {
namespace {

bool dropped(const View& estimator) { return estimator.is_none() || estimator.is_text("drop"); }

// weights of those that weren't dropped; empty: none are given.
Result<std::vector<double>> weights_of(const View& model, std::size_t members) {
  if (!present(model, "weights")) return std::vector<double>{};
  const auto all = TRY(vector(model, "weights"));
  const View named = TRY(model.attribute("estimators"));
  if (named.size() != all.size())
    return refuse(model, "there are " + std::to_string(all.size()) + " weights for " + std::to_string(named.size()) + " estimators");
  std::vector<double> out;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (named.at(i).size() != 2) return refuse(named.at(i), "it is no pair of name and estimator");
    if (!dropped(named.at(i).at(1))) out.push_back(all[i]);
  }
  if (out.size() != members) return refuse(model, "there are " + std::to_string(out.size()) + " weights for " + std::to_string(members) + " members");
  double sum = 0;
  for (const double w : out) sum += w;
  if (!(sum != 0) || sum - sum != 0) return refuse(model, "the weights add up to " + std::to_string(sum));
  return out;
}

// numpy.average over the members, in their order.
Val average(Builder& graph, const std::vector<Val>& parts, const std::vector<double>& weights, bool single) {
  std::vector<Val> weighted;
  double sum = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    weighted.push_back(weights.empty() ? parts[i] : Builder::typed(graph.mul(parts[i], graph.scalar(weights[i])), DType::float64, parts[i].columns));
    sum += weights.empty() ? 1 : weights[i];
  }
  single = single && weights.empty();  // weights are float64, and make the products so
  const Val mean = graph.div(total(graph, weighted, single), graph.scalar(sum));
  return single ? single_value(graph, mean, parts.front().columns) : Builder::typed(mean, DType::float64, parts.front().columns);
}

struct Members {
  Labels labels;
  std::vector<Val> answers;  // probabilities [N, classes], or class numbers int64 [N]
  bool single = true;        // all of them float32
};

Result<Members> ask(Lowering& to, const View& model, const Table& in, bool soft) {
  Members out;
  out.labels = TRY(read_labels(TRY(model.attribute("classes_"))));
  const auto classes = static_cast<std::int64_t>(out.labels.count());
  for (const View& member : TRY(members_of(model, "estimators_"))) {
    const Prediction p = TRY(to.predict(member, in));
    if (!p.labels || !p.label) return refuse(member, "it is no classifier of one output");
    const Place places = TRY(numbered_places(member, *p.labels, classes));
    out.single = out.single && p.single;
    if (!soft) {
      out.answers.push_back(mapped(to.graph, *p.label, places));
      continue;
    }
    if (!p.probabilities) return refuse(member, "it has no predict_proba, which soft voting needs");
    if (!in_order(places, classes)) return refuse(member, "it doesn't know every class");
    out.answers.push_back(*p.probabilities);
  }
  return out;
}

Result<bool> is_soft(const View& model) {
  const std::string voting = text_or(model, "voting", "hard");
  if (voting != "soft" && voting != "hard") return refuse(model, "voting='" + voting.substr(0, 40) + "' is not known");
  return voting == "soft";
}

Result<Prediction> classifier(Lowering& to, const View& model, const Table& in) {
  const bool soft = TRY(is_soft(model));
  Members members = TRY(ask(to, model, in, soft));
  const auto weights = TRY(weights_of(model, members.answers.size()));
  if (soft) {
    const Val mean = average(to.graph, members.answers, weights, members.single);
    Prediction p = Prediction::from_probabilities(to.graph, std::move(members.labels), mean);
    p.single = members.single && weights.empty();
    return p;
  }
  std::vector<Val> votes;
  for (std::size_t i = 0; i < members.answers.size(); ++i) {
    const Val vote = one_hot(to.graph, members.answers[i], static_cast<std::int64_t>(members.labels.count()));
    votes.push_back(weights.empty() ? vote : Builder::typed(to.graph.mul(vote, to.graph.scalar(weights[i])), DType::float64, vote.columns));
  }
  Prediction p;
  p.kind = Prediction::Kind::classifier;
  p.labels = std::move(members.labels);
  p.label = to.graph.argmax(total(to.graph, votes));
  return p;
}

Result<Table> classifier_transform(Lowering& to, const View& model, const Table& in) {
  const bool soft = TRY(is_soft(model));
  if (soft && !TRY(flag_or(model, "flatten_transform", true)))
    return refuse(model, "with flatten_transform=False it gives three dimensions, which no step takes");
  Members members = TRY(ask(to, model, in, soft));
  std::vector<Val> columns;
  for (const Val& answer : members.answers)
    columns.push_back(soft ? answer : as_columns(to.graph, Builder::typed(to.graph.cast(answer, DType::float64), DType::float64, -1)));
  return table_of(to.graph.concat_columns(columns));
}

struct Answers {
  std::vector<Val> values;  // [N, 1] each
  bool single = true;       // all of them float32
};

Result<Answers> ask_regressors(Lowering& to, const View& model, const Table& in) {
  Answers out;
  for (const View& member : TRY(members_of(model, "estimators_"))) {
    const Prediction p = TRY(to.predict(member, in));
    if (p.kind != Prediction::Kind::regressor) return refuse(member, "it is no regressor");
    const Val value = as_columns(to.graph, *p.value);
    if (value.columns != 1) return refuse(member, "it answers several numbers a row");
    out.values.push_back(value);
    out.single = out.single && p.single;
  }
  return out;
}

Result<Prediction> regressor(Lowering& to, const View& model, const Table& in) {
  const Answers answers = TRY(ask_regressors(to, model, in));
  const auto weights = TRY(weights_of(model, answers.values.size()));
  Prediction out = Prediction::regressor(flat(to.graph, average(to.graph, answers.values, weights, answers.single)));
  out.single = answers.single && weights.empty();
  return out;
}

Result<Table> regressor_transform(Lowering& to, const View& model, const Table& in) {
  return table_of(to.graph.concat_columns(TRY(ask_regressors(to, model, in)).values));
}

constexpr Converter kConverters[] = {
    {"VotingClassifier", classifier_transform, classifier},
    {"VotingRegressor", regressor_transform, regressor},
};

}  // namespace

Family voting_family() { return kConverters; }

}  // namespace slipway::importers::sklearn
