// /api/keys, and the guard: who a request's credential stands for, and whether that may call the route.
#pragma once

#include <memory>
#include <vector>

#include "slipway/http/route.hpp"
#include "slipway/platform/accounts/accounts.hpp"
#include "slipway/platform/keys/keys.hpp"
#include "slipway/platform/limits/book.hpp"

namespace slipway::keys {

std::vector<http::Route> routes(Keys& keys, limits::Book& book);

// Authorization: Bearer <access token or key>, or X-API-Key: <key>. From memory, thread-safe.
std::unique_ptr<http::Guard> make_guard(const accounts::Accounts& accounts, const Keys& keys);

}  // namespace slipway::keys
