// /api/auth: registration, login, tokens, one's own account. Handlers run on the pool.
#pragma once

#include <vector>

#include "slipway/http/route.hpp"
#include "slipway/platform/accounts/accounts.hpp"

namespace slipway::accounts {

std::vector<http::Route> routes(Accounts& accounts);

}  // namespace slipway::accounts
