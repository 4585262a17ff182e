// IterativeImputer: first a simple imputation, then each column from the others by its estimator, in the order of the fitted sequence.
#include <algorithm>
#include <cmath>

#include "slipway/importers/blocks/arithmetic.hpp"
#include "slipway/importers/sklearn/table.hpp"

namespace slipway::importers::sklearn {
namespace {

constexpr std::size_t kStepsMax = 20'000;

struct State {
  std::vector<Val> known, missing, value;  // of each column [N, 1]: as given, boolean, as imputed so far
};

Result<std::vector<double>> limit(const View& model, const char* name, std::size_t width, double otherwise) {
  std::vector<double> out;
  if (present(model, name)) out = TRY(vector(model, name));
  if (out.empty()) out = {otherwise};
  if (out.size() == 1) out.assign(width, out[0]);
  return out;
}

struct Step {
  std::size_t feature;
  std::vector<std::int64_t> neighbours;
  View estimator;
};

// ImputerTriplet(feat_idx, neighbor_feat_idx, estimator), a named tuple: an object with those arguments.
Result<Step> step_of(const View& triplet, std::size_t width) {
  const auto part = [&](std::size_t i, const char* name) -> Result<View> {
    if (triplet.is(Kind::tuple) && triplet.size() == 3) return triplet.at(i);
    if (const auto argument = triplet.argument(i)) return *argument;
    return triplet.attribute(name);
  };
  const std::int64_t feature = TRY(TRY(part(0, "feat_idx")).integer());
  const View list = TRY(part(1, "neighbor_feat_idx"));
  auto neighbours = TRY(list.integers());
  const auto in_range = [&](std::int64_t i) { return i >= 0 && i < static_cast<std::int64_t>(width); };
  if (!in_range(feature) || !std::all_of(neighbours.begin(), neighbours.end(), in_range))
    return refuse(triplet, "it names a column beyond " + std::to_string(width));
  return Step{static_cast<std::size_t>(feature), std::move(neighbours), TRY(part(2, "estimator"))};
}

Result<State> start(Lowering& to, const View& model, const Table& in) {
  const Table filled = TRY(to.transform(TRY(model.attribute("initial_imputer_")), in));
  const View statistics = TRY(TRY(model.attribute("initial_imputer_")).attribute("statistics_"));
  const auto means = TRY(statistics.doubles());
  std::vector<double> empty(means.size(), 0.0);
  if (present(model, "_is_empty_feature")) empty = TRY(vector(model, "_is_empty_feature"));
  if (empty.size() != in.width() || means.size() != in.width()) return refuse(model, "its state doesn't fit its columns");
  const bool keep_empty = TRY(flag_or(model, "keep_empty_features", false));
  const bool told = present(model, "_is_empty_feature");
  const auto marker = model.find("missing_values");
  const double missing = marker && !marker->is_none() ? TRY(marker->number()) : std::nan("");
  Builder& g = to.graph;
  State state;
  for (std::size_t i = 0, out = 0; i < in.width(); ++i) {
    const bool is_empty = told ? empty[i] != 0 : std::isnan(means[i]);
    if (is_empty && !keep_empty) {
      if (filled.width() == in.width()) ++out;  // the simple imputer kept it, this one drops it
      continue;
    }
    if (out >= filled.width()) return refuse(model, "its simple imputer gives too few columns");
    const Val x = TRY(to.inputs.numbers(select(in, {static_cast<std::int64_t>(i)})));
    const Val value = TRY(to.inputs.numbers(select(filled, {static_cast<std::int64_t>(out++)})));
    const Val gone = std::isnan(missing) ? g.is_nan(x) : g.compare("Equal", x, g.scalar(missing));
    state.value.push_back(Builder::typed(value, DType::float64, 1));
    if (is_empty) {  // stays as it was filled, also where a value is given
      state.known.push_back(value);
      state.missing.push_back(Builder::typed(g.op("And", {gone, g.logical_not(gone)}), DType::boolean, 1));
    } else {
      state.known.push_back(x);
      state.missing.push_back(Builder::typed(gone, DType::boolean, 1));
    }
  }
  if (state.value.empty()) return refuse(model, "every column is dropped");
  return state;
}

Result<Val> imputed(Lowering& to, const View& model, const Step& step, const State& state, double low, double high) {
  Builder& g = to.graph;
  Table given;
  for (const std::int64_t i : step.neighbours) append(given, table_of(state.value[static_cast<std::size_t>(i)]));
  const Prediction prediction = TRY(to.predict(step.estimator, given));
  if (prediction.kind != Prediction::Kind::regressor || !prediction.value) return refuse(model, "its estimator is no regressor");
  Val y = g.reshape(*prediction.value, {-1, 1}, 1);
  if (std::isfinite(low) || std::isfinite(high)) y = clip(g, y, low, high);
  return Builder::typed(g.where(state.missing[step.feature], y, state.value[step.feature]), DType::float64, 1);
}

Result<Table> impute(Lowering& to, const View& model, const Table& in) {
  if (TRY(flag_or(model, "sample_posterior", false)))
    return refuse(model, "sample_posterior=True draws random numbers at every call; its answers can't be the library's");
  const View initial = TRY(model.attribute("initial_imputer_"));
  const Width width = TRY(width_of(initial));
  TRY(expect_width(model, in, width.count));
  for (const Column& column : in.columns) {
    if (to.inputs.known_text(column)) return refuse(model, "it is given a column of text");
  }
  State state = TRY(start(to, model, in));
  const std::size_t columns = state.value.size();
  const View sequence = TRY(model.attribute("imputation_sequence_"));
  const double rounds = TRY(number_or(model, "n_iter_", 0));
  if (sequence.size() > kStepsMax) return refuse(sequence, "there are more than " + std::to_string(kStepsMax) + " imputation steps");
  const auto low = TRY(limit(model, present(model, "_min_value") ? "_min_value" : "min_value", columns, -INFINITY));
  const auto high = TRY(limit(model, present(model, "_max_value") ? "_max_value" : "max_value", columns, INFINITY));
  if (low.size() != columns || high.size() != columns) return refuse(model, "its limits don't fit its columns");
  for (std::size_t i = 0; rounds > 0 && i < sequence.size(); ++i) {
    const Step step = TRY(step_of(sequence.at(i), columns));
    state.value[step.feature] = TRY(imputed(to, model, step, state, low[step.feature], high[step.feature]));
  }
  std::vector<Val> out;
  for (std::size_t i = 0; i < columns; ++i) {
    // Where no step came, a value that was given stands in the filled table as it is.
    out.push_back(Builder::typed(to.graph.where(state.missing[i], state.value[i], state.known[i]), DType::float64, 1));
  }
  Table table = table_of(to.graph.concat_columns(out));
  if (!TRY(flag_or(model, "add_indicator", false))) return table;
  append(table, TRY(to.transform(TRY(model.attribute("indicator_")), in)));
  return table;
}

constexpr Converter kConverters[] = {{"IterativeImputer", impute, nullptr}};

}  // namespace

Family iterative_imputer_family() { return kConverters; }

}  // namespace slipway::importers::sklearn
