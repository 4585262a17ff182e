// AdaBoost. SAMME.R (the default up to 1.5, gone in 1.6) adds the logarithms of its members' probabilities; SAMME counts weighted
// votes, from 1.3 on with what a vote takes from the other classes. Regression is the weighted median of the members' values.
#include <cmath>
#include <limits>

#include "slipway/importers/blocks/arithmetic.hpp"
#include "slipway/importers/sklearn/inner.hpp"
#include "slipway/importers/sklearn/table.hpp"

namespace slipway::importers::sklearn {
namespace {

Result<std::vector<double>> weights_of(const View& model, std::size_t members) {
  const auto weights = TRY(vector(model, "estimator_weights_"));
  if (weights.size() < members)
    return refuse(model, "estimator_weights_ has " + std::to_string(weights.size()) + " numbers for " + std::to_string(members) + " members");
  for (const double w : weights) {
    if (!std::isfinite(w)) return refuse(model, "a weight of a member is not finite");
  }
  return weights;
}

Val samme_r(Builder& graph, const Val& probabilities, std::int64_t classes) {
  const double least = std::numeric_limits<double>::epsilon(), infinity = std::numeric_limits<double>::infinity();
  const Val logarithm = Builder::typed(graph.op("Log", {clip(graph, probabilities, least, infinity)}), DType::float64, classes);
  const Val share = graph.mul(graph.scalar(1.0 / static_cast<double>(classes)), sum_columns(graph, logarithm));
  return Builder::typed(graph.mul(graph.scalar(static_cast<double>(classes - 1)), graph.sub(logarithm, share)), DType::float64, classes);
}

Val samme(Builder& graph, const Val& index, std::int64_t classes, double weight, bool takes) {
  const Val hit = Builder::typed(graph.compare("Equal", graph.reshape(index, {-1, 1}, 1), graph.ints([&] {
    Place n;
    for (std::int64_t i = 0; i < classes; ++i) n.push_back(i);
    return n;
  }())),
                                 DType::boolean, classes);
  const double other = takes ? -1.0 / static_cast<double>(classes - 1) * weight : 0.0;
  return Builder::typed(graph.where(hit, graph.scalar(weight), graph.scalar(other)), DType::float64, classes);
}

struct Vote {
  Labels labels;
  std::vector<Val> parts;
};

Result<Vote> votes_of(Lowering& to, const View& model, const Table& in, const std::vector<double>& weights, bool real) {
  const auto members = TRY(members_of(model, "estimators_"));
  Vote out;
  out.labels = TRY(read_labels(TRY(model.attribute("classes_"))));
  const auto classes = static_cast<std::int64_t>(out.labels.count());
  if (classes < 2) return out;
  for (std::size_t i = 0; i < members.size(); ++i) {
    const Prediction p = TRY(to.predict(members[i], in));
    if (!p.labels || !p.label) return refuse(members[i], "it is no classifier of one output");
    const Place places = TRY(places_among(members[i], *p.labels, out.labels));
    if (!real) {
      out.parts.push_back(samme(to.graph, mapped(to.graph, *p.label, places), classes, weights[i], to.version(model).at_least(1, 3)));
      continue;
    }
    if (!p.probabilities || !in_order(places, classes)) return refuse(members[i], "it has no predict_proba of every class, which SAMME.R needs");
    out.parts.push_back(samme_r(to.graph, *p.probabilities, classes));
  }
  return out;
}

Result<Prediction> one_class(Lowering& to, const Table& in, Labels labels) {
  const Val x = TRY(to.inputs.numbers(in));
  const Val ones = Builder::typed(to.graph.repeat_row(x, to.graph.row(std::vector<double>{1})), DType::float64, 1);
  return Prediction::from_probabilities(to.graph, std::move(labels), ones);
}

Result<Prediction> classifier(Lowering& to, const View& model, const Table& in) {
  Builder& graph = to.graph;
  to.inputs.refuse_missing(in);
  const std::size_t members = TRY(members_of(model, "estimators_")).size();
  const auto weights = TRY(weights_of(model, members));
  double sum = 0;
  for (const double w : weights) sum += w;
  if (!(sum != 0)) return refuse(model, "the weights of its members add up to nothing");
  const bool real = text_or(model, "algorithm", "SAMME.R") == "SAMME.R" && !to.version(model).at_least(1, 6);
  Vote vote = TRY(votes_of(to, model, in, weights, real));
  const auto classes = static_cast<std::int64_t>(vote.labels.count());
  if (classes == 1) return one_class(to, in, std::move(vote.labels));
  const Val mean = Builder::typed(graph.div(total(graph, vote.parts), graph.scalar(sum)), DType::float64, classes);

  Prediction p;
  p.kind = Prediction::Kind::classifier;
  p.labels = std::move(vote.labels);
  if (classes == 2) {
    const Val decision = Builder::typed(graph.sub(graph.column(mean, 1), graph.column(mean, 0)), DType::float64, 1);
    p.scores = flat(graph, decision);
    p.label = above(graph, *p.scores, 0);
    const Val both = graph.concat_columns({Builder::typed(graph.op("Neg", {decision}), DType::float64, 1), decision});
    p.probabilities = softmax(graph, Builder::typed(graph.div(both, graph.scalar(2)), DType::float64, 2));
    return p;
  }
  p.scores = mean;
  p.label = graph.argmax(mean);
  p.probabilities = softmax(graph, Builder::typed(graph.div(mean, graph.scalar(static_cast<double>(classes - 1))), DType::float64, classes));
  return p;
}

// The first value, in ascending order, at which half of all weight is reached.
Result<Prediction> regressor(Lowering& to, const View& model, const Table& in) {
  Builder& graph = to.graph;
  to.inputs.refuse_missing(in);
  const auto members = TRY(members_of(model, "estimators_"));
  auto weights = TRY(weights_of(model, members.size()));
  weights.resize(members.size());
  std::vector<Val> values;
  for (const View& member : members) {
    const Prediction p = TRY(to.predict(member, in));
    if (p.kind != Prediction::Kind::regressor) return refuse(member, "it is no regressor");
    values.push_back(as_columns(graph, *p.value));
    if (values.back().columns != 1) return refuse(member, "it answers several numbers a row");
  }
  const auto count = static_cast<std::int64_t>(members.size());
  const Val all = graph.concat_columns(values);
  const auto sorted =
      graph.op_n("TopK", {all, graph.ints({count})}, 2, {graph::attr("axis", std::int64_t{1}), graph::attr("largest", std::int64_t{0})});
  const Val order = Builder::typed(sorted[1], DType::int64, count);
  const Val table = graph.constant(doubles({count}, weights));
  const Val reached = Builder::typed(graph.op("CumSum", {Builder::typed(graph.gather(table, order, 0), DType::float64, count), graph.scalar_i64(1)}),
                                     DType::float64, count);
  const Val half = graph.mul(graph.scalar(0.5), graph.column(reached, count - 1));
  const Val over = graph.cast(Builder::typed(graph.op("GreaterOrEqual", {reached, half}), DType::boolean, count), DType::int64);
  const Val at = graph.reshape(graph.argmax(over), {-1, 1}, 1);
  const Val value = graph.op("GatherElements", {sorted[0], at}, {graph::attr("axis", std::int64_t{1})});
  return Prediction::regressor(flat(graph, Builder::typed(value, DType::float64, 1)));
}

constexpr Converter kConverters[] = {
    {"AdaBoostClassifier", nullptr, classifier},
    {"AdaBoostRegressor", nullptr, regressor},
};

}  // namespace

Family adaboost_family() { return kConverters; }

}  // namespace slipway::importers::sklearn
