// Pipeline: steps one after the other; 'passthrough' and None do nothing, and neither do the samplers of imbalanced-learn's pipeline:
// they draw other rows to fit with, and let a request's rows be.
#include "slipway/importers/sklearn/table.hpp"

namespace slipway::importers::sklearn {
namespace {

constexpr std::size_t kStepsMax = 1000;

bool samples(const View& step) {
  const std::string_view module = step.module();
  return step.is(Kind::object) && (module.starts_with("imblearn.over_sampling") || module.starts_with("imblearn.under_sampling") ||
                                   module.starts_with("imblearn.combine") || (module.starts_with("imblearn.") && step.name() == "FunctionSampler"));
}

Result<View> steps_of(const View& model) {
  const View steps = TRY(model.attribute("steps"));
  if (!steps.is(Kind::list) && !steps.is(Kind::tuple)) return refuse(steps, "the steps are " + steps.describe());
  if (steps.size() == 0 || steps.size() > kStepsMax) return refuse(steps, "a pipeline of " + std::to_string(steps.size()) + " steps");
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (!steps.at(i).is(Kind::tuple) && !steps.at(i).is(Kind::list)) return refuse(steps.at(i), "a step is " + steps.at(i).describe());
    if (steps.at(i).size() != 2) return refuse(steps.at(i), "a step is no pair of name and estimator");
  }
  return steps;
}

Result<Table> run(Lowering& to, const View& steps, const Table& in, std::size_t count) {
  Table at = in;
  for (std::size_t i = 0; i < count; ++i) {
    const View step = steps.at(i).at(1);
    if (!does_nothing(step)) at = TRY(to.transform(step, at));
  }
  return at;
}

Result<Table> transform(Lowering& to, const View& model, const Table& in) {
  const View steps = TRY(steps_of(model));
  return run(to, steps, in, steps.size());
}

Result<Prediction> predict(Lowering& to, const View& model, const Table& in) {
  const View steps = TRY(steps_of(model));
  const Table at = TRY(run(to, steps, in, steps.size() - 1));
  return to.predict(steps.at(steps.size() - 1).at(1), at);
}

constexpr Converter kConverters[] = {{"Pipeline", transform, predict}, {"Pipeline", transform, predict, "imblearn"}};

}  // namespace

bool does_nothing(const View& step) { return step.is_none() || step.is_text("passthrough") || samples(step); }

Family pipeline_family() { return kConverters; }

}  // namespace slipway::importers::sklearn
