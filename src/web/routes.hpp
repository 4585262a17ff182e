// The embedded pages: landing, first run, the meaning of each error. Static, no script of anybody else's.
#pragma once

#include <vector>

#include "slipway/http/route.hpp"

namespace slipway::web {

std::vector<http::Route> routes();

}  // namespace slipway::web
