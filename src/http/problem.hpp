// RFC 9457: an Error as application/problem+json. Pure functions. What only the log may read (Error::internal) never gets in.
#pragma once

#include <string>
#include <string_view>

#include "slipway/base/result.hpp"
#include "slipway/http/route.hpp"

namespace slipway::http {

std::string problem_type(ErrorCode code);  // "/errors/invalid-input"

// status, title, detail, request_id, errors; Retry-After, and WWW-Authenticate on 401. Its log_detail is the error's internal text.
// route: the one it is for, whose members are added; null: none was found.
Response problem(const Error& error, std::string_view request_id, const Route* route = nullptr);

}  // namespace slipway::http
