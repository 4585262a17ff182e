// The head of a request: line and header fields, read strictly and in place. What two readers could understand differently is refused:
// that is what request smuggling lives on. Pure functions over the caller's bytes; no allocation but the field list's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "slipway/base/result.hpp"
#include "slipway/http/route.hpp"

namespace slipway::http {

struct HeadLimits {
  std::size_t header_bytes_max = 32 * 1024;
  std::size_t headers_max = 100;
  std::size_t target_bytes_max = 8 * 1024;
};

struct RequestHead {
  Method method = Method::other;
  std::string_view path, query;  // of the target; query without '?'
  bool asterisk = false;         // OPTIONS *
  bool http_1_0 = false;
  bool keep_alive = true;
  bool chunked = false;
  bool expect_continue = false;
  std::uint64_t content_length = 0;
  std::string_view content_type, content_encoding, request_id;  // header values; empty: absent (identity is no encoding)
  std::vector<HeaderView> fields;
};

// How far a head has been looked at: keeps the search linear when it arrives byte by byte.
struct HeadScan {
  std::size_t seen = 0, line = 0;  // bytes looked at; where the present line begins
  bool begun = false;
};

// Length of the head with its empty line, or nullopt: more bytes are needed. Errors: bad_request (a bare LF, a first byte that begins no
// method), headers_too_large, target_too_long.
Result<std::optional<std::size_t>> find_head(std::string_view bytes, HeadScan& scan, const HeadLimits& limits);

// bytes: exactly what find_head found; views in `head` point into it. Errors: bad_request, headers_too_large, target_too_long.
Status parse_head(std::string_view bytes, const HeadLimits& limits, RequestHead& head);

bool equals_ignoring_case(std::string_view a, std::string_view b);  // ASCII
std::string_view trim_blanks(std::string_view text);                // spaces and tabs

}  // namespace slipway::http
