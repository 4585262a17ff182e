// Administration of a data directory, beside a running server or without one. The server notices within two seconds.
#include <sys/stat.h>

#include "slipway/app/app.hpp"
#include "slipway/app/platform.hpp"
#include "slipway/platform/limits/book.hpp"

namespace slipway::app {
namespace {

Result<Storage> open_existing(const Settings& settings) {
  struct stat info{};
  if (::stat((settings.storage_data_dir + "/slipway.db").c_str(), &info) != 0) {
    return Error(ErrorCode::not_found, "there is no slipway data in " + settings.storage_data_dir + "; name it with --data DIR");
  }
  return open_storage(settings);
}

Result<accounts::User> user_named(accounts::Accounts& accounts, const std::string& email) {
  auto user = TRY(accounts.find_by_email(email));
  if (!user) return Error(ErrorCode::not_found, "there is no account with this address");
  return std::move(*user);
}

}  // namespace

Status user_add(const Settings& settings, const std::string& email, const Secret& password, bool admin) {
  // The first administrator may be made before the first start: the directory is made here then.
  struct stat info{};
  std::optional<store::DataDir> fresh;
  if (::stat((settings.storage_data_dir + "/slipway.db").c_str(), &info) != 0) fresh = TRY(store::DataDir::open(settings.storage_data_dir));
  const Storage storage = TRY(open_storage(settings));
  TRY(storage.accounts->add_user({email, "", password}, admin));
  return ok();
}

Result<std::vector<UserLine>> user_list(const Settings& settings) {
  const Storage storage = TRY(open_existing(settings));
  std::vector<UserLine> out;
  for (const accounts::User& user : TRY(storage.accounts->list()))
    out.push_back({user.id, user.email, user.role, user.status, to_rfc3339(user.created_at)});
  return out;
}

Status user_disable(const Settings& settings, const std::string& email) {
  const Storage storage = TRY(open_existing(settings));
  return storage.accounts->set_status(TRY(user_named(*storage.accounts, email)).id, "disabled");
}

Status user_reset(const Settings& settings, const std::string& email, const Secret& password) {
  const Storage storage = TRY(open_existing(settings));
  const accounts::User user = TRY(user_named(*storage.accounts, email));
  TRY(storage.accounts->set_password(user.id, password.reveal()));
  if (!user.active()) TRY(storage.accounts->set_status(user.id, "active"));
  return ok();
}

Result<json::Value> user_limits(const Settings& settings, const std::string& email, const std::optional<std::string>& set) {
  using limits::Subject;
  const std::optional<limits::Quota> wanted = set ? std::optional(TRY(limits::quota_from_text(*set))) : std::nullopt;
  const Storage storage = TRY(open_existing(settings));
  const accounts::User user = TRY(user_named(*storage.accounts, email));
  if (wanted) {
    const std::int64_t now = system_clock().unix_ms();
    TRY(storage.database->write([&](store::Session& s) { return limits::save(s, Subject::user, user.id, *wanted, now); }));
  }
  return limits::to_json(TRY(storage.database->read([&](store::Session& s) { return limits::load(s, Subject::user, user.id); })));
}

}  // namespace slipway::app
