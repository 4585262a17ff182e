#include "slipway/app/limits.hpp"

#include <sys/stat.h>

#include "slipway/os/file.hpp"

namespace slipway::app {
namespace {

Error bad_setting(std::string_view key, const std::string& why) { return {ErrorCode::bad_request, "setting " + std::string(key) + ": " + why}; }

Result<limits::Quotas> quotas_of(const Settings& settings) {
  using limits::Subject;
  limits::Quotas out;
  const auto read = [&](Subject subject, const char* key, const std::string& text) -> Status {
    auto quota = limits::quota_from_text(text);
    if (!quota.ok()) return bad_setting(key, quota.error().detail());
    out[static_cast<std::size_t>(subject)] = *quota;
    return ok();
  };
  TRY(read(Subject::user, "limits.user", settings.limits_user));
  TRY(read(Subject::key, "limits.key", settings.limits_key));
  TRY(read(Subject::model, "limits.model", settings.limits_model));
  TRY(read(Subject::key_on_model, "limits.key_on_model", settings.limits_key_on_model));
  auto& requests = out[static_cast<std::size_t>(Subject::key)].rates[static_cast<std::size_t>(limits::Quantity::requests)];
  if (!requests && settings.limits_requests_per_minute > 0)
    requests = limits::Rate{settings.limits_requests_per_minute, 60'000'000'000, settings.limits_burst};
  return out;
}

Result<Secret> read_password(const std::string& path) {
  constexpr const char* kKey = "limits.store_password_file";
  if (path.empty()) return Secret();
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return bad_setting(kKey, "the file can't be read");
  if ((info.st_mode & 077) != 0) return bad_setting(kKey, "others may read it: set its mode to 0600");
  std::string text = TRY(os::read_file(path, 4096));
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  if (text.empty()) return bad_setting(kKey, "the file is empty");
  return Secret(std::move(text));
}

}  // namespace

Result<std::unique_ptr<limits::Limiter>> make_limiter(const Settings& settings, Metrics& metrics) {
  auto limiter = std::make_unique<limits::Limiter>(TRY(quotas_of(settings)), system_clock(), metrics);
  const std::string& when = settings.limits_when_store_fails;
  if (when != "local" && when != "allow" && when != "refuse") return bad_setting("limits.when_store_fails", "must be local, allow or refuse");
  if (settings.limits_store == "memory") return limiter;
  limits::RedisOptions options{settings.limits_store, TRY(read_password(settings.limits_store_password_file)), settings.limits_store_timeout_ms};
  limiter->share(TRY(limits::open_redis(options, metrics)), when == "allow"    ? limits::WhenAway::allow
                                                            : when == "refuse" ? limits::WhenAway::refuse
                                                                               : limits::WhenAway::local);
  return limiter;
}

}  // namespace slipway::app
