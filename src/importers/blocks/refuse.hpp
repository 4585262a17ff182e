// The sentence of a refusal: where (object path and offset), what, and what to do. Pure.
#pragma once

#include <string>
#include <string_view>

#include "slipway/base/result.hpp"
#include "slipway/formats/pickle.hpp"

namespace slipway::importers {

// "steps[1][1] (at byte 1234): <what>"
inline Error refuse(const pickle::View& where, std::string_view what) {
  std::string detail = where.path().empty() ? std::string("the model") : where.path();
  detail += " (at byte " + std::to_string(where.offset()) + "): ";
  detail += what;
  return {ErrorCode::model_refused, std::move(detail)};
}

}  // namespace slipway::importers
