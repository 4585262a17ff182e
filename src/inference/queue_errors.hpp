// What a model's queue answers in place of a prediction.
#pragma once

#include <string>

#include "slipway/base/result.hpp"

namespace slipway::inference {

inline Error late() { return Error(ErrorCode::deadline_exceeded, "The prediction was not done within its time"); }

inline Error client_left() { return Error(ErrorCode::unavailable, "Whoever asked has gone"); }

inline Error crashed(const std::string& reason) {
  return Error(ErrorCode::model_crashed, "The model's process ended while it ran this request" + (reason.empty() ? "" : ": " + reason));
}

}  // namespace slipway::inference
