// POST /api/predict/:modelId: the platform's own form of a prediction.
#pragma once

#include "slipway/platform/predictions/predictor.hpp"

namespace slipway::predictions {

std::vector<http::Route> routes(std::shared_ptr<const Predictor> predictor);

}  // namespace slipway::predictions
