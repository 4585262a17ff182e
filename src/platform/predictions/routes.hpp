// POST /api/predict/:modelId: decode against the schema, run in the model's cell, encode. On the connection's own loop from the first
// byte to the last: no database, no disk, no lock that all requests share.
#pragma once

#include <vector>

#include "slipway/base/metrics.hpp"
#include "slipway/http/route.hpp"
#include "slipway/platform/limits/limiter.hpp"
#include "slipway/platform/models/registry.hpp"

namespace slipway::predictions {

struct Options {
  std::uint64_t body_bytes_max = 64ULL << 20;
  std::size_t rows_max = 100'000;
  Millis timeout{30'000};
};

std::vector<http::Route> routes(models::Registry& registry, limits::Limiter& limiter, Metrics& metrics, Options options);

}  // namespace slipway::predictions
