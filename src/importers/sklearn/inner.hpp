// What wrappers need of the estimators inside them: the list, their answers as numbers, and where their classes stand among the
// wrapper's. A wrapper that trains its members on numbered classes (Voting, Stacking, Bagging) has members whose labels are those
// numbers; one that doesn't (AdaBoost, Calibrated, chains) has members with its own labels. For sklearn/*.cpp only.
#pragma once

#include "slipway/importers/sklearn/lowering.hpp"

namespace slipway::importers::sklearn {

// A list, tuple or object array of fitted estimators, at least one.
Result<std::vector<View>> members_of(const View& model, std::string_view attribute);
// The first of these attributes that is there and not None. Errors: names the first.
Result<View> first_present(const View& model, std::initializer_list<std::string_view> attributes);

using Place = std::vector<std::int64_t>;
// Where each class of `inner` stands among `outer`'s. Errors: a class that `outer` doesn't know.
Result<Place> places_among(const View& model, const Labels& inner, const Labels& outer);
// The same where inner classes are numbers 0 ... classes-1, as of members trained on numbered classes.
Result<Place> numbered_places(const View& model, const Labels& inner, std::int64_t classes);
bool in_order(const Place& places, std::int64_t classes);  // 0, 1, ... classes-1

Val as_columns(Builder& graph, const Val& v);  // [N] -> [N, 1]; a table stays as it is
// [N, k] with a column a class of the wrapper; classes that the member doesn't know are `missing`.
Val spread(Builder& graph, const Val& columns, const Place& places, std::int64_t classes, double missing);
Val mapped(Builder& graph, const Val& index, const Place& places);    // int64 [N] -> int64 [N]
Val one_hot(Builder& graph, const Val& index, std::int64_t classes);  // int64 [N] -> float64 [N, classes]
// One after the other, as numpy adds rows; single: in float32.
Val total(Builder& graph, const std::vector<Val>& parts, bool single = false);
Val single_value(Builder& graph, const Val& x, std::int64_t columns);  // rounded to float32
bool all_single(const std::vector<Prediction>& answers);
Val is_equal(Builder& graph, const Val& a, const Val& b);  // boolean

// predict() as numbers, [N, k]: labels of classifiers must be numbers or booleans.
Result<Val> predicted_numbers(Lowering& to, const View& model, const Prediction& p);
Result<Val> labels_as_numbers(Lowering& to, const View& model, const Prediction& p);  // of a classifier with one output: [N]
// multiclass._predict_binary: a regressor's value, decision_function, or the second class's probability: [N, 1].
Result<Val> binary_score(Lowering& to, const View& model, const Prediction& p);
// multiclass._threshold_for_binary_predict: 0 for a classifier with decision_function, else 0.5.
double binary_threshold(const View& model, const Prediction& p);

// A classifier whose members' labels are the numbers of `labels`: the member's answer under the wrapper's labels.
Result<Prediction> relabelled(Lowering& to, const View& model, Prediction p, Labels labels);
// Labels 0 ... n-1: the columns of a multilabel answer.
Labels column_labels(std::int64_t columns);

}  // namespace slipway::importers::sklearn
