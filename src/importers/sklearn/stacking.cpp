// Stacking: members' answers side by side (and X itself with passthrough) are the columns of a final estimator. Members and final
// estimator of a StackingClassifier are trained on numbered classes; members with cv='prefit' on the user's own.
#include "slipway/importers/blocks/arithmetic.hpp"
#include "slipway/importers/sklearn/inner.hpp"
#include "slipway/importers/sklearn/table.hpp"

namespace slipway::importers::sklearn {
namespace {

// All columns but the first of each output: predict_proba of a classifier with several outputs.
Result<Val> probabilities_of_outputs(Lowering& to, const View& member, const Prediction& p) {
  std::vector<Val> parts;
  for (const Prediction& output : p.outputs) {
    if (!output.probabilities) return refuse(member, "it has no predict_proba");
    Place rest;
    for (std::int64_t i = 1; i < output.probabilities->columns; ++i) rest.push_back(i);
    if (!rest.empty()) parts.push_back(to.graph.columns(*output.probabilities, rest));
  }
  if (parts.empty()) return refuse(member, "its outputs have one class each");
  return to.graph.concat_columns(parts);
}

Result<Val> member_answer(Lowering& to, const View& member, const Table& in, const std::string& method, bool two_classes) {
  const Prediction p = TRY(to.predict(member, in));
  if (method == "predict") return predicted_numbers(to, member, p);
  if (method == "decision_function") {
    if (!p.scores) return refuse(member, "it has no decision_function");
    return as_columns(to.graph, *p.scores);
  }
  if (method != "predict_proba") return refuse(member, "the method '" + method.substr(0, 40) + "' is not known");
  if (!p.outputs.empty()) return probabilities_of_outputs(to, member, p);
  if (!p.probabilities) return refuse(member, "it has no predict_proba");
  if (!two_classes) return *p.probabilities;
  if (p.probabilities->columns != 2) return refuse(member, "it doesn't know both classes");
  return to.graph.column(*p.probabilities, 1);
}

Result<Table> transform(Lowering& to, const View& model, const Table& in) {
  const auto members = TRY(members_of(model, "estimators_"));
  const View methods = TRY(model.attribute("stack_method_"));
  if (methods.size() != members.size()) return refuse(methods, "stack_method_ doesn't name a method a member");
  const auto classes = model.find("classes_");
  bool two_classes = false;  // of a list of outputs' classes, their number: the library makes no difference
  if (classes) two_classes = (classes->is(Kind::list) ? classes->size() : TRY(read_labels(*classes)).count()) == 2;
  std::vector<Val> parts;
  for (std::size_t i = 0; i < members.size(); ++i) parts.push_back(TRY(member_answer(to, members[i], in, TRY(methods.at(i).text()), two_classes)));
  Table out = table_of(to.graph.concat_columns(parts));
  if (!TRY(flag_or(model, "passthrough", false))) return out;
  if (in.free) return refuse(model, "the file doesn't tell how many features it takes");
  append(out, in);
  return out;
}

// Several labels a row: predict_proba gives the first column of each output, whatever it is of.
Result<Prediction> several_labels(Lowering& to, const View& model, const View& final_estimator, const Prediction& p) {
  const auto columns = static_cast<std::int64_t>(TRY(model.attribute("classes_")).size());
  Prediction out;
  out.kind = Prediction::Kind::classifier;
  out.labels = column_labels(columns);
  if (p.indicator) {
    if (static_cast<std::int64_t>(p.labels->count()) != columns) return refuse(final_estimator, "it answers another number of labels");
    out.indicator = p.indicator;
    return out;
  }
  if (static_cast<std::int64_t>(p.outputs.size()) != columns) return refuse(final_estimator, "it answers another number of outputs");
  std::vector<Val> labels, probabilities;
  for (std::size_t i = 0; i < p.outputs.size(); ++i) {
    const Prediction& output = p.outputs[i];
    Labels known = TRY(read_labels(TRY(model.attribute("classes_")).at(i)));
    const Place places = TRY(numbered_places(final_estimator, *output.labels, static_cast<std::int64_t>(known.count())));
    const Val label = known.pick(to.graph, mapped(to.graph, *output.label, places));
    labels.push_back(as_columns(to.graph, Builder::typed(to.graph.cast(label, DType::int64), DType::int64, -1)));
    if (output.probabilities) probabilities.push_back(to.graph.column(*output.probabilities, 0));
  }
  out.indicator = to.graph.concat_columns(labels);
  if (probabilities.size() == labels.size()) out.probabilities = to.graph.concat_columns(probabilities);
  return out;
}

Result<Prediction> classifier(Lowering& to, const View& model, const Table& in) {
  const View final_estimator = TRY(model.attribute("final_estimator_"));
  Prediction p = TRY(to.predict(final_estimator, TRY(transform(to, model, in))));
  if (p.kind != Prediction::Kind::classifier) return refuse(final_estimator, "it is no classifier");
  if (TRY(model.attribute("classes_")).is(Kind::list)) return several_labels(to, model, final_estimator, p);
  return relabelled(to, final_estimator, std::move(p), TRY(read_labels(TRY(model.attribute("classes_")))));
}

Result<Prediction> regressor(Lowering& to, const View& model, const Table& in) {
  const View final_estimator = TRY(model.attribute("final_estimator_"));
  Prediction p = TRY(to.predict(final_estimator, TRY(transform(to, model, in))));
  if (p.kind != Prediction::Kind::regressor) return refuse(final_estimator, "it is no regressor");
  return p;
}

constexpr Converter kConverters[] = {
    {"StackingClassifier", transform, classifier},
    {"StackingRegressor", transform, regressor},
};

}  // namespace

Family stacking_family() { return kConverters; }

}  // namespace slipway::importers::sklearn
