// How the server fills a Request: the one door into its private parts. Loop threads.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "slipway/http/request_head.hpp"
#include "slipway/http/route.hpp"

namespace slipway::http {

struct RequestParts {
  // Copies the head's bytes, so that the request lives on without the connection's buffer.
  static Request make(const RequestHead& head, std::string_view head_bytes, std::string_view request_id, std::shared_ptr<const std::string> peer);
  static void set_route(Request& request, std::string_view pattern) { request.route_ = pattern; }
  // name must live as long as the request: it is the route's.
  static void add_param(Request& request, std::string_view name, std::string value) { request.params_.emplace_back(name, std::move(value)); }
};

}  // namespace slipway::http
