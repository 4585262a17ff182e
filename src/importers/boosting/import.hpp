// Files of boosting libraries' own formats to artifacts. Their pickled estimators go the way of scikit-learn's (sklearn/families.def).
#pragma once

#include <optional>
#include <span>
#include <string>

#include "slipway/formats/pickle.hpp"
#include "slipway/graph/artifact.hpp"

namespace slipway::importers::boosting {

using Bytes = std::span<const std::byte>;

Result<Artifact> import_xgboost(Bytes bytes, Report& report);   // .json, .ubj, the old binary
Result<Artifact> import_lightgbm(Bytes bytes, Report& report);  // .txt
Result<Artifact> import_catboost(Bytes bytes, Report& report);  // .cbm

// "XGBoost" of an object of that library; nothing of another's.
std::optional<std::string> library_title(const pickle::View& model);

}  // namespace slipway::importers::boosting
