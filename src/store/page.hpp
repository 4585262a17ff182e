// The rows of one page, for lists whose tables have created_at and id.
#pragma once

#include <string>

#include "slipway/base/page.hpp"
#include "slipway/store/database.hpp"

namespace slipway::store {

// Appends to a SELECT that ends in its WHERE conditions: newest first, behind the page's place, at most its limit.
void newest_first(std::string& sql, Params& params, const Page& page);

}  // namespace slipway::store
