// feature_importances_ of pickled boosters, which their wrappers compute from the trees. For selections by them.
#pragma once

#include <vector>

#include "slipway/base/result.hpp"
#include "slipway/formats/pickle.hpp"

namespace slipway::importers::boosting {

Result<std::vector<double>> xgboost_importances(const pickle::View& model);
Result<std::vector<double>> lightgbm_importances(const pickle::View& model);

}  // namespace slipway::importers::boosting
