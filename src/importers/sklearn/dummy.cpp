// Dummies: answers that don't depend on the features. 'stratified' and 'uniform' draw from random_state anew in every predict(), so
// they are answered only where that is a number; then a row's answer depends on its place in the request.
#include <algorithm>

#include "slipway/importers/blocks/arithmetic.hpp"
#include "slipway/importers/sklearn/kernels.hpp"
#include "slipway/importers/sklearn/table.hpp"

namespace slipway::importers::sklearn {
namespace {

struct Output {
  Labels labels;
  std::vector<double> prior;
  std::int64_t constant = -1;  // which class, with strategy 'constant'
};

bool same_value(const Labels& labels, std::size_t i, const View& value) {
  const json::Value& shown = labels.shown[i];
  if (value.is(Kind::text)) return shown.is_string() && value.is_text(shown.as_string());
  const auto number = value.number();
  if (!number.ok()) return false;
  if (shown.is_bool()) return (*number != 0) == shown.as_bool();
  return shown.is_number() && shown.as_double() == *number;
}

// `constant` as it was given: one value, or one an output, perhaps in lists of their own.
Result<View> constant_of(const View& model, std::size_t output) {
  View value = TRY(model.attribute("constant"));
  for (int depth = 0; depth < 3 && (value.is(Kind::list) || value.is(Kind::tuple) || value.is_object_array()); ++depth) {
    const std::size_t at = depth == 0 ? output : 0;
    if (at >= value.size()) return refuse(value, "there is no constant for output " + std::to_string(output));
    value = value.at(at);
  }
  return value;
}

Result<std::int64_t> constant_class(const View& model, const Labels& labels, std::size_t output) {
  const View value = TRY(constant_of(model, output));
  if (value.is(Kind::array)) {  // of numbers or texts; read whole
    const Labels given = TRY(read_labels(value));
    if (output >= given.count()) return refuse(value, "there is no constant for output " + std::to_string(output));
    const auto found =
        std::find_if(labels.shown.begin(), labels.shown.end(), [&](const json::Value& v) { return v.dump() == given.shown[output].dump(); });
    if (found != labels.shown.end()) return static_cast<std::int64_t>(found - labels.shown.begin());
  } else {
    for (std::size_t i = 0; i < labels.count(); ++i) {
      if (same_value(labels, i, value)) return static_cast<std::int64_t>(i);
    }
  }
  return refuse(value, "the constant is none of the classes");
}

Result<std::vector<Output>> read_outputs(const View& model, const std::string& strategy) {
  const View classes = TRY(model.attribute("classes_")), priors = TRY(model.attribute("class_prior_"));
  const double count = TRY(number_or(model, "n_outputs_", 1));
  const bool several = classes.is(Kind::list);
  if (several && (static_cast<double>(classes.size()) != count || priors.size() != classes.size()))
    return refuse(classes, "classes_ and class_prior_ differ in length");
  std::vector<Output> outputs;
  for (std::size_t i = 0; i < (several ? classes.size() : 1); ++i) {
    Output o;
    o.labels = TRY(read_labels(several ? classes.at(i) : classes));
    o.prior = TRY((several ? priors.at(i) : priors).doubles());
    if (o.prior.size() != o.labels.count()) return refuse(priors, "there must be one prior a class");
    for (const double p : o.prior) {
      if (!(p >= 0 && p <= 1)) return refuse(priors, "a prior is out of range");
    }
    if (strategy == "constant") o.constant = TRY(constant_class(model, o.labels, i));
    outputs.push_back(std::move(o));
  }
  return outputs;
}

Result<Val> draw(Lowering& to, const View& model, const Val& x, const std::vector<Output>& outputs, const std::string& strategy) {
  const auto state = model.find("random_state");
  const auto seed = state && (state->is(Kind::integer)) ? state->integer() : Result<std::int64_t>(refuse(model, "no seed"));
  if (!seed.ok() || *seed < 0 || *seed > 0xffffffffLL) {
    return refuse(model, "strategy='" + strategy +
                             "' without a number as random_state answers at random, differently each time; there is no answer to be equal to");
  }
  std::vector<std::int64_t> counts;
  std::vector<double> priors;
  for (const Output& o : outputs) {
    counts.push_back(static_cast<std::int64_t>(o.labels.count()));
    priors.insert(priors.end(), o.prior.begin(), o.prior.end());
  }
  to.rows_depend_on_each_other();
  const auto width = static_cast<std::int64_t>(outputs.size());
  return to.graph.own("RandomClasses", {x, to.graph.row(priors)}, DType::int64, width,
                      {graph::attr("seed", *seed), graph::attr("counts", counts), graph::attr("strategy", strategy)});
}

// Probabilities that are 1 for one class of each row.
Val one_hot(Builder& graph, const Val& label, std::size_t classes) {
  std::vector<std::int64_t> all(classes);
  for (std::size_t i = 0; i < classes; ++i) all[i] = static_cast<std::int64_t>(i);
  const Val same = graph.compare("Equal", graph.reshape(label, {-1, 1}, 1), graph.ints(all));
  return Builder::typed(graph.cast(Builder::typed(same, DType::boolean, static_cast<std::int64_t>(classes)), DType::float64), DType::float64,
                        static_cast<std::int64_t>(classes));
}

Val same_for_all(Builder& graph, const Val& x, std::int64_t label) {
  const std::vector<double> row{static_cast<double>(label)};
  return graph.cast(flat(graph, graph.repeat_row(x, graph.row(row))), DType::int64);
}

Result<Prediction> classifier(Lowering& to, const View& model, const Table& in) {
  const std::string strategy = text_or(model, model.has("_strategy") ? "_strategy" : "strategy", "prior");
  if (TRY(flag_or(model, "sparse_output_", false))) return refuse(model, "a dummy of sparse labels is not read here");
  const auto outputs = TRY(read_outputs(model, strategy));
  Builder& graph = to.graph;
  const Val x = TRY(to.inputs.numbers(in));
  const bool random = strategy == "stratified" || strategy == "uniform";
  if (!random && strategy != "prior" && strategy != "most_frequent" && strategy != "constant")
    return refuse(model, "the strategy '" + strategy + "' is not known");
  std::optional<Val> drawn;
  if (random) drawn = TRY(draw(to, model, x, outputs, strategy));
  std::vector<Prediction> predictions;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const Output& o = outputs[i];
    const auto first_largest = static_cast<std::int64_t>(std::max_element(o.prior.begin(), o.prior.end()) - o.prior.begin());
    Prediction p;
    p.kind = Prediction::Kind::classifier;
    p.labels = o.labels;
    const std::int64_t fixed = strategy == "constant" ? o.constant : first_largest;
    p.label = random ? flat(graph, graph.column(*drawn, static_cast<std::int64_t>(i))) : same_for_all(graph, x, fixed);
    p.label->dtype = DType::int64;
    if (strategy == "prior") {
      p.probabilities = graph.repeat_row(x, graph.row(o.prior));
    } else if (strategy == "uniform") {
      p.probabilities = graph.repeat_row(x, graph.row(std::vector<double>(o.prior.size(), 1.0 / static_cast<double>(o.prior.size()))));
    } else {
      p.probabilities = one_hot(graph, *p.label, o.prior.size());
    }
    predictions.push_back(std::move(p));
  }
  if (predictions.size() == 1) return std::move(predictions.front());
  Prediction all;
  all.kind = Prediction::Kind::classifier;
  all.outputs = std::move(predictions);
  return all;
}

Result<Prediction> regressor(Lowering& to, const View& model, const Table& in) {
  const auto constant = TRY(vector(model, "constant_"));
  if (constant.empty()) return refuse(model, "constant_ is empty");
  const Val y = to.graph.repeat_row(TRY(to.inputs.numbers(in)), to.graph.row(constant));
  return Prediction::regressor(constant.size() == 1 ? flat(to.graph, y) : y);
}

constexpr Converter kConverters[] = {
    {"DummyClassifier", nullptr, classifier},
    {"DummyRegressor", nullptr, regressor},
};

}  // namespace

Family dummy_family() { return kConverters; }

}  // namespace slipway::importers::sklearn
