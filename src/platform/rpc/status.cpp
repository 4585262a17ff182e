#include "slipway/platform/rpc/status.hpp"

#include <array>

namespace slipway::rpc {
namespace {

constexpr std::array<const char*, 17> kNames = {"OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
                                                "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
                                                "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
                                                "DATA_LOSS", "UNAUTHENTICATED"};

enum : int {
  invalid_argument = 3,
  deadline = 4,
  not_found = 5,
  permission_denied = 7,
  resource_exhausted = 8,
  failed_precondition = 9,
  unimplemented = 12,
  internal = 13,
  unavailable = 14,
  unauthenticated = 16
};

}  // namespace

int status_code(ErrorCode code) {
  switch (code) {
    case ErrorCode::unauthenticated: return unauthenticated;
    case ErrorCode::forbidden: return permission_denied;
    case ErrorCode::not_found: return not_found;
    case ErrorCode::conflict:
    case ErrorCode::precondition_failed: return failed_precondition;
    case ErrorCode::rate_limited:
    case ErrorCode::overloaded:
    case ErrorCode::storage_full: return resource_exhausted;
    case ErrorCode::request_timeout:
    case ErrorCode::deadline_exceeded: return deadline;
    case ErrorCode::model_crashed:
    case ErrorCode::unavailable:
    case ErrorCode::model_not_ready: return unavailable;
    case ErrorCode::not_implemented:
    case ErrorCode::method_not_allowed: return unimplemented;
    case ErrorCode::internal: return internal;
    // What is too large stays so: not RESOURCE_EXHAUSTED, which clients try again.
    default: return invalid_argument;
  }
}

const char* status_name(int code) { return code >= 0 && code < static_cast<int>(kNames.size()) ? kNames[static_cast<std::size_t>(code)] : "UNKNOWN"; }

Trailers trailers_of(const Error& e) {
  if (!e.retry_after_s()) return {};
  return {{"retry-after", std::to_string(*e.retry_after_s())}};
}

}  // namespace slipway::rpc
