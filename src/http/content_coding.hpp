// Compressed request bodies (RFC 9110, 8.4): gzip and deflate, to a bounded size. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "slipway/base/bytes.hpp"
#include "slipway/base/result.hpp"

namespace slipway::http {

enum class Coding : std::uint8_t { gzip, deflate };
std::optional<Coding> coding_of(std::string_view content_encoding);  // nullopt: another one, or several

// Errors: bad_request (it isn't in that coding, is cut short, or goes on behind its end), too_large (more than bytes_max come out).
Result<OwnedBytes> decompressed(std::string_view body, Coding coding, std::uint64_t bytes_max);

}  // namespace slipway::http
