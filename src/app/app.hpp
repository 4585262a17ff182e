// The whole platform, built from Settings: what `slipway serve` runs and what the administration commands share with it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "slipway/base/json.hpp"
#include "slipway/base/secret.hpp"
#include "slipway/base/settings.hpp"
#include "slipway/inference/engine.hpp"

namespace slipway::app {

// A running platform. Destroying it without drain() stops at once.
class App {
 public:
  static Result<std::unique_ptr<App>> start(const Settings& settings);
  virtual ~App() = default;

  virtual std::string url() const = 0;             // http://127.0.0.1:8080
  virtual std::string grpc_address() const = 0;    // 127.0.0.1:8081; empty: not served
  virtual std::string first_run_link() const = 0;  // empty once an administrator exists
  virtual void drain() = 0;                        // readiness off, a notice, running requests finish (both bounded by settings), then stops
};

// Runs until SIGTERM or SIGINT (a second one stops at once). Prints URL, first-run link and data directory on stdout.
// Returns the process's exit code.
int serve(const Settings& settings);

// Where gRPC is listened on when HTTP is on `http` (HOST:PORT, the real port); nullopt: nowhere.
std::optional<std::string> grpc_listen(const Settings& settings, const std::string& http);

// Administration of a data directory, with or without a server running on it.
struct UserLine {
  std::string id, email, role, status, created_at;
};
Status user_add(const Settings& settings, const std::string& email, const Secret& password, bool admin);
Result<std::vector<UserLine>> user_list(const Settings& settings);
Status user_disable(const Settings& settings, const std::string& email);
Status user_reset(const Settings& settings, const std::string& email, const Secret& password);  // new password, all sessions end

// A user's own limits, as an object; set: to what the text says ("requests=600/min:100, concurrent=8"; "none": the settings' defaults).
Result<json::Value> user_limits(const Settings& settings, const std::string& email, const std::optional<std::string>& set);

struct Check {
  enum class Outcome { good, warning, bad } outcome = Outcome::good;
  std::string name, found, remedy;
};
std::vector<Check> doctor(const Settings& settings);

// Engine options as `serve` and the local commands use them.
inference::EngineOptions engine_options(const Settings& settings);

}  // namespace slipway::app
