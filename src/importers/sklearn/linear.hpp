// What linear models share. For sklearn/*.cpp only.
#pragma once

#include "slipway/importers/sklearn/lowering.hpp"

namespace slipway::importers::sklearn {

struct Decision {
  Val value;          // [N, rows of coef_]
  int coef_rank = 2;  // 1: coef_ is a vector, so that the answer has one number a row and no second dimension
};
Result<Decision> decision_function(Lowering& to, const View& model, const Table& in);
// classes_, of the estimator or of its label binarizer, and whether that one's rows have several labels.
Result<Labels> binarized_labels(const View& model);
bool is_multilabel(const View& model);
// classes_, checked against the number of decisions (1 for two classes).
Result<Labels> linear_labels(const View& model, std::int64_t decisions);
// The rule of LogisticRegression's predict_proba: one sigmoid a class, or a softmax.
bool is_one_against_rest(Version version, const View& model, std::size_t classes);

}  // namespace slipway::importers::sklearn
