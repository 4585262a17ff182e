// The head of a response, written by hand into a reused string: status line, date, framing, and the headers that everything gets.
// Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "slipway/http/route.hpp"

namespace slipway::http {

struct ResponseFraming {
  std::optional<std::uint64_t> content_length;  // nullopt: chunked, or until the connection's end
  bool chunked = false;
  bool close = false;
  bool say_keep_alive = false;  // to an HTTP/1.0 client that asked for it
};

void append_response_head(std::string& out, const Response& response, std::string_view request_id, const ResponseFraming& framing);
bool may_have_body(int status);  // not 1xx, 204, 304

}  // namespace slipway::http
