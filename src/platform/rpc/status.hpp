// An Error as gRPC tells it: a number, a line, and metadata behind the answer. Pure functions; nothing of grpc++ is needed here.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "slipway/base/result.hpp"

namespace slipway::rpc {

using Trailers = std::vector<std::pair<std::string, std::string>>;  // lower-case names

int status_code(ErrorCode code);       // gRPC's number: 5 is NOT_FOUND
const char* status_name(int code);     // "NOT_FOUND"
Trailers trailers_of(const Error& e);  // retry-after

}  // namespace slipway::rpc
