// Which object in a pickle is the model: the root, the only servable estimator in a dict, list or tuple, or the one --entry names. Pure.
#pragma once

#include <functional>
#include <string>

#include "slipway/formats/pickle.hpp"

namespace slipway::importers {

struct Found {
  pickle::View model;
  std::vector<std::string> warnings;
};

// Errors: model_refused; several candidates are listed with the --entry that chooses each.
Result<Found> find_model(const pickle::View& root, const std::string& entry);

}  // namespace slipway::importers
