// The OpenAPI 3.1 document, from the route declarations. Pure function; make it once at start.
#pragma once

#include <span>
#include <string>

#include "slipway/base/json.hpp"
#include "slipway/http/route.hpp"

namespace slipway::http {

struct ApiInfo {
  std::string title = "slipway";
  std::string version;
  std::string server_url;  // empty: relative to where the document was read
};

json::Value openapi(std::span<const Route> routes, const ApiInfo& info);
json::Value schema_of(const json::Value& example);  // a JSON Schema that the example fits: types, properties, required

}  // namespace slipway::http
