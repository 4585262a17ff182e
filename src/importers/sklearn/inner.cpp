#include "slipway/importers/sklearn/inner.hpp"

#include <algorithm>
#include <numeric>

#include "slipway/importers/blocks/arithmetic.hpp"
#include "slipway/importers/blocks/trees.hpp"

namespace slipway::importers::sklearn {
namespace {

constexpr std::size_t kMembersMax = 100'000;

// As numpy compares them: True is 1 (XGBoost calls the classes False and True 0 and 1).
std::optional<double> as_number(const json::Value& v) {
  if (v.is_bool()) return v.as_bool() ? 1.0 : 0.0;
  return v.is_number() ? std::optional(v.as_double()) : std::nullopt;
}

bool same_label(const json::Value& a, const json::Value& b) {
  const auto x = as_number(a), y = as_number(b);
  return x && y ? *x == *y : a.dump() == b.dump();
}

}  // namespace

Result<std::vector<View>> members_of(const View& model, std::string_view attribute) {
  const View list = TRY(model.attribute(attribute));
  const bool listed = list.is(Kind::list) || list.is(Kind::tuple) || (list.is(Kind::array) && list.is_object_array());
  if (!listed || list.size() == 0 || list.size() > kMembersMax)
    return refuse(list, "here is " + list.describe() + ", a list of fitted estimators was expected");
  std::vector<View> out;
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (!list.at(i).is(Kind::object)) return refuse(list.at(i), "here is " + list.at(i).describe() + ", a fitted estimator was expected");
    out.push_back(list.at(i));
  }
  return out;
}

Result<View> first_present(const View& model, std::initializer_list<std::string_view> attributes) {
  for (const auto name : attributes) {
    if (present(model, name) && !model.find(name)->is_text("deprecated")) return *model.find(name);
  }
  return model.attribute(*attributes.begin());
}

Result<Place> places_among(const View& model, const Labels& inner, const Labels& outer) {
  Place places;
  for (const auto& label : inner.shown) {
    const auto at = std::find_if(outer.shown.begin(), outer.shown.end(), [&](const auto& known) { return same_label(known, label); });
    if (at == outer.shown.end()) return refuse(model, "it knows the class " + label.dump() + ", which the estimator around it doesn't");
    places.push_back(at - outer.shown.begin());
  }
  return places;
}

Result<Place> numbered_places(const View& model, const Labels& inner, std::int64_t classes) {
  Place places;
  for (const auto& label : inner.shown) {
    const bool whole = label.is_number() && label.as_double() == static_cast<double>(static_cast<std::int64_t>(label.as_double()));
    const std::int64_t at = label.is_bool() ? (label.as_bool() ? 1 : 0) : whole ? static_cast<std::int64_t>(label.as_double()) : -1;
    if (at < 0 || at >= classes) return refuse(model, "its class " + label.dump() + " is no number of a class of the estimator around it");
    places.push_back(at);
  }
  return places;
}

bool in_order(const Place& places, std::int64_t classes) {
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (places[i] != static_cast<std::int64_t>(i)) return false;
  }
  return static_cast<std::int64_t>(places.size()) == classes;
}

Val as_columns(Builder& graph, const Val& v) { return v.columns < 0 ? graph.reshape(v, {-1, 1}, 1) : v; }

Val spread(Builder& graph, const Val& columns, const Place& places, std::int64_t classes, double missing) {
  if (in_order(places, classes)) return columns;
  Place from(static_cast<std::size_t>(classes), static_cast<std::int64_t>(places.size()));
  for (std::size_t i = 0; i < places.size(); ++i) from[static_cast<std::size_t>(places[i])] = static_cast<std::int64_t>(i);
  const bool all = std::count(from.begin(), from.end(), static_cast<std::int64_t>(places.size())) == 0;
  if (all) return graph.columns(columns, from);
  const Val none = graph.repeat_row(columns, graph.row(std::vector<double>{missing}));
  return graph.columns(graph.concat_columns({columns, Builder::typed(none, DType::float64, 1)}), from);
}

Val mapped(Builder& graph, const Val& index, const Place& places) {
  if (in_order(places, static_cast<std::int64_t>(places.size()))) return index;
  return Builder::typed(graph.gather(graph.ints(places), index, 0), DType::int64, -1);
}

Val is_equal(Builder& graph, const Val& a, const Val& b) { return Builder::typed(graph.op("Equal", {a, b}), DType::boolean, a.columns); }

Val one_hot(Builder& graph, const Val& index, std::int64_t classes) {
  Place numbers(static_cast<std::size_t>(classes));
  std::iota(numbers.begin(), numbers.end(), 0);
  const Val column = graph.reshape(index, {-1, 1}, 1);
  return Builder::typed(graph.cast(is_equal(graph, column, graph.ints(numbers)), DType::float64), DType::float64, classes);
}

Val total(Builder& graph, const std::vector<Val>& parts, bool single) {
  Val sum = parts.front();
  const std::int64_t columns = sum.columns;
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const Val more = graph.add(sum, parts[i]);
    sum = single ? single_value(graph, more, columns) : Builder::typed(more, DType::float64, columns);
  }
  return sum;
}

Val single_value(Builder& graph, const Val& x, std::int64_t columns) { return Builder::typed(round_to_float(graph, x), DType::float64, columns); }

bool all_single(const std::vector<Prediction>& answers) {
  return !answers.empty() && std::all_of(answers.begin(), answers.end(), [](const Prediction& p) { return p.single; });
}

Result<Val> labels_as_numbers(Lowering& to, const View& model, const Prediction& p) {
  if (!p.labels || !p.label) return refuse(model, "it answers several outputs a row where one was expected");
  if (p.labels->values.dtype() == DType::string)
    return refuse(model, "its classes are text, and the estimator around it computes with them as numbers, which is not supported");
  const Val label = p.labels->pick(to.graph, *p.label);
  return Builder::typed(to.graph.cast(label, DType::float64), DType::float64, -1);
}

Result<Val> predicted_numbers(Lowering& to, const View& model, const Prediction& p) {
  if (p.kind == Prediction::Kind::regressor && p.value) return as_columns(to.graph, *p.value);
  if (p.kind != Prediction::Kind::classifier) return refuse(model, "it is neither a classifier nor a regressor");
  if (p.indicator) return Builder::typed(to.graph.cast(*p.indicator, DType::float64), DType::float64, static_cast<std::int64_t>(p.labels->count()));
  if (p.outputs.empty()) return as_columns(to.graph, TRY(labels_as_numbers(to, model, p)));
  std::vector<Val> columns;
  for (const Prediction& output : p.outputs) columns.push_back(as_columns(to.graph, TRY(labels_as_numbers(to, model, output))));
  return to.graph.concat_columns(columns);
}

Result<Val> binary_score(Lowering& to, const View& model, const Prediction& p) {
  if (p.kind == Prediction::Kind::regressor && p.value) {
    const Val value = as_columns(to.graph, *p.value);
    if (value.columns != 1) return refuse(model, "it answers several numbers a row where one was expected");
    return value;
  }
  if (p.scores) {
    const Val score = as_columns(to.graph, *p.scores);
    if (score.columns != 1) return refuse(model, "its decision_function gives several numbers a row where one was expected");
    return score;
  }
  if (!p.probabilities || p.probabilities->columns < 2) return refuse(model, "it has neither decision_function nor predict_proba of two classes");
  return to.graph.column(*p.probabilities, 1);
}

double binary_threshold(const View& model, const Prediction& p) {
  const bool constant = model.name() == "_ConstantPredictor";  // has decision_function, but is no classifier to the library
  return p.kind == Prediction::Kind::classifier && p.scores && !constant ? 0.0 : 0.5;
}

Result<Prediction> relabelled(Lowering& to, const View& model, Prediction p, Labels labels) {
  if (!p.labels || !p.label) return refuse(model, "it answers several outputs a row where one was expected");
  const Place places = TRY(numbered_places(model, *p.labels, static_cast<std::int64_t>(labels.count())));
  p.label = mapped(to.graph, *p.label, places);
  if (p.probabilities && places.size() != labels.count()) return refuse(model, "it doesn't know every class of the estimator around it");
  p.labels = std::move(labels);
  return p;
}

Labels column_labels(std::int64_t columns) {
  Labels labels;
  std::vector<std::int64_t> numbers(static_cast<std::size_t>(columns));
  std::iota(numbers.begin(), numbers.end(), 0);
  for (const auto n : numbers) labels.shown.emplace_back(n);
  labels.values = int64s({columns}, numbers);
  return labels;
}

}  // namespace slipway::importers::sklearn
