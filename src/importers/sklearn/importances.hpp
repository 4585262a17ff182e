// How much each feature counts in a fitted estimator: |coef_| or feature_importances_, computed from what the file holds.
#pragma once

#include "slipway/importers/sklearn/lowering.hpp"

namespace slipway::importers::sklearn {

// getter: "auto", or the path of an attribute ("named_steps.model.coef_"). norm_order joins several rows of coefficients.
Result<std::vector<double>> importances(const View& estimator, const std::string& getter, double norm_order);

}  // namespace slipway::importers::sklearn
