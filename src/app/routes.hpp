// The whole API on one page.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "slipway/base/metrics.hpp"
#include "slipway/base/settings.hpp"
#include "slipway/http/route.hpp"
#include "slipway/platform/accounts/accounts.hpp"
#include "slipway/platform/jobs/jobs.hpp"
#include "slipway/platform/keys/keys.hpp"
#include "slipway/platform/limits/book.hpp"
#include "slipway/platform/limits/limiter.hpp"
#include "slipway/platform/models/registry.hpp"
#include "slipway/platform/predictions/protocols.hpp"

namespace slipway::app {

struct Parts {
  const Settings& settings;
  Metrics& metrics;
  accounts::Accounts& accounts;
  keys::Keys& keys;
  models::Registry& registry;
  jobs::Jobs& jobs;
  limits::Limiter& limiter;
  limits::Book& limit_book;
  inference::Engine& engine;
  predictions::PredictorPtr predictor;
  predictions::ServerFacts facts;
  std::function<bool()> draining;
};

std::vector<http::Route> all_routes(const Parts& parts);

}  // namespace slipway::app
