// The limiter as the settings want it.
#pragma once

#include <memory>

#include "slipway/base/metrics.hpp"
#include "slipway/base/settings.hpp"
#include "slipway/platform/limits/limiter.hpp"

namespace slipway::app {

// Errors name the setting. A shared store that doesn't answer yet is no error.
Result<std::unique_ptr<limits::Limiter>> make_limiter(const Settings& settings, Metrics& metrics);

}  // namespace slipway::app
