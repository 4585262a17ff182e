// Pages of a list as clients ask for them: ?limit= and ?cursor=, `next` in the answer. Pure functions.
#pragma once

#include "slipway/base/page.hpp"
#include "slipway/http/route.hpp"

namespace slipway::http {

inline constexpr std::int64_t kPageMax = 200;

Result<Page> read_page(const Request& request);  // bad_request that names limit or cursor

// A cursor is the place in the order, not a secret: created_at and id of the last item of the page before.
std::string cursor_of(std::int64_t created_at, std::string_view id);

}  // namespace slipway::http
