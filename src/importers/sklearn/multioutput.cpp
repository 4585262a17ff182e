// One estimator an output: side by side (MultiOutput) or in a chain, where each is given the answers of those before it.
#include <algorithm>

#include "slipway/importers/sklearn/inner.hpp"
#include "slipway/importers/sklearn/table.hpp"

namespace slipway::importers::sklearn {
namespace {

Result<Prediction> classifiers(Lowering& to, const View& model, const Table& in) {
  if (!to.version(model).at_least(0, 24)) to.inputs.refuse_missing(in);
  Prediction out;
  out.kind = Prediction::Kind::classifier;
  bool all = true;
  for (const View& member : TRY(members_of(model, "estimators_"))) {
    Prediction p = TRY(to.predict(member, in));
    if (!p.labels || !p.label || p.indicator) return refuse(member, "it is no classifier of one output");
    p.scores.reset();  // the object around them has no decision_function
    all = all && p.probabilities;
    out.outputs.push_back(std::move(p));
  }
  for (Prediction& p : out.outputs) {
    if (!all) p.probabilities.reset();
  }
  return out;
}

Result<Prediction> regressors(Lowering& to, const View& model, const Table& in) {
  if (!to.version(model).at_least(0, 24)) to.inputs.refuse_missing(in);
  std::vector<Val> columns;
  bool single = true;  // all of them float32
  for (const View& member : TRY(members_of(model, "estimators_"))) {
    const Prediction p = TRY(to.predict(member, in));
    if (p.kind != Prediction::Kind::regressor) return refuse(member, "it is no regressor");
    columns.push_back(as_columns(to.graph, *p.value));
    if (columns.back().columns != 1) return refuse(member, "it answers several numbers a row");
    single = single && p.single;
  }
  Prediction out = Prediction::regressor(to.graph.concat_columns(columns));
  out.single = single;
  return out;
}

// --- chains --------------------------------------------------------------------------------------------------------------------
// Which output each member is of; given back: the member of each output.
Result<Place> members_of_outputs(const View& model, std::size_t count) {
  const View spec = TRY(model.attribute("order_"));
  const auto order = TRY(spec.integers());
  Place member(count, -1);
  for (std::size_t i = 0; i < order.size() && order.size() == count; ++i) {
    if (order[i] < 0 || order[i] >= static_cast<std::int64_t>(count) || member[static_cast<std::size_t>(order[i])] >= 0) break;
    member[static_cast<std::size_t>(order[i])] = static_cast<std::int64_t>(i);
  }
  if (std::count(member.begin(), member.end(), -1) != 0) return refuse(spec, "order_ is no order of the members");
  return member;
}

// What a member hands to those behind it.
Result<Val> link_value(Lowering& to, const View& member, const Prediction& p, const std::string& method) {
  if (method == "predict") return predicted_numbers(to, member, p);
  if (method == "decision_function") {
    if (!p.scores) return refuse(member, "it has no decision_function");
    return as_columns(to.graph, *p.scores);
  }
  if (!p.probabilities || p.probabilities->columns != 2) return refuse(member, "it has no predict_proba of two classes");
  const Val second = to.graph.column(*p.probabilities, 1);
  if (method == "predict_proba") return second;
  if (method == "predict_log_proba") return Builder::typed(to.graph.op("Log", {second}), DType::float64, 1);
  return refuse(member, "the method '" + method.substr(0, 40) + "' is not known");
}

struct Chain {
  std::vector<View> views;
  std::vector<Prediction> answers;  // of the outputs, in their order
};

Result<Chain> run(Lowering& to, const View& model, const Table& in) {
  if (in.free) return refuse(model, "the file doesn't tell how many features it takes");
  to.inputs.refuse_missing(in);
  const auto views = TRY(members_of(model, "estimators_"));
  const std::string method = text_or(model, "chain_method_", "predict");
  const auto member_of = TRY(members_of_outputs(model, views.size()));
  std::vector<Prediction> answers;
  Table at = in;
  for (const View& view : views) {
    answers.push_back(TRY(to.predict(view, at)));
    const Val value = TRY(link_value(to, view, answers.back(), method));
    if (value.columns != 1) return refuse(view, "it answers several numbers a row");
    append(at, table_of(value));
  }
  Chain chain;
  for (const std::int64_t i : member_of) {
    chain.views.push_back(views[static_cast<std::size_t>(i)]);
    chain.answers.push_back(answers[static_cast<std::size_t>(i)]);
  }
  return chain;
}

Result<Val> predicted(Lowering& to, const Chain& chain) {
  std::vector<Val> columns;
  for (std::size_t i = 0; i < chain.views.size(); ++i) columns.push_back(TRY(predicted_numbers(to, chain.views[i], chain.answers[i])));
  return to.graph.concat_columns(columns);
}

Result<Prediction> regressor_chain(Lowering& to, const View& model, const Table& in) {
  const Chain chain = TRY(run(to, model, in));
  return Prediction::regressor(TRY(predicted(to, chain)));
}

// Labels as the library gives them: a matrix of floating point numbers, whatever the classes were.
Result<Prediction> classifier_chain(Lowering& to, const View& model, const Table& in) {
  const Chain chain = TRY(run(to, model, in));
  Prediction p;
  p.kind = Prediction::Kind::classifier;
  p.labels = column_labels(static_cast<std::int64_t>(chain.views.size()));
  p.indicator = TRY(predicted(to, chain));
  std::vector<Val> probabilities, scores;
  for (const Prediction& answer : chain.answers) {
    const bool binary =
        answer.probabilities && (answer.probabilities->columns == 2 || (answer.probabilities->columns > 2 && !to.version(model).at_least(1, 5)));
    if (binary) probabilities.push_back(to.graph.column(*answer.probabilities, 1));
    if (answer.scores && answer.scores->columns < 0) scores.push_back(as_columns(to.graph, *answer.scores));
  }
  if (probabilities.size() == chain.views.size()) p.probabilities = to.graph.concat_columns(probabilities);
  if (scores.size() == chain.views.size()) p.scores = to.graph.concat_columns(scores);
  return p;
}

constexpr Converter kConverters[] = {
    {"MultiOutputClassifier", nullptr, classifiers},
    {"MultiOutputRegressor", nullptr, regressors},
    {"ClassifierChain", nullptr, classifier_chain},
    {"RegressorChain", nullptr, regressor_chain},
};

}  // namespace

Family multioutput_family() { return kConverters; }

}  // namespace slipway::importers::sklearn
