#include "slipway/app/platform.hpp"

#include <sodium.h>

#include <algorithm>
#include <cstdlib>

#include "slipway/app/app.hpp"
#include "slipway/os/cores.hpp"
#include "slipway/platform/jobs/rows.hpp"
#include "slipway/platform/limits/book.hpp"
#include "slipway/platform/models/rows.hpp"

namespace slipway::app {

std::vector<store::Migration> all_migrations() {
  std::vector<store::Migration> out(store::store_migrations().begin(), store::store_migrations().end());
  for (const auto* slice :
       {&accounts::Accounts::migrations(), &keys::Keys::migrations(), &models::migrations(), &limits::migrations(), &jobs::migrations()})
    out.insert(out.end(), slice->begin(), slice->end());
  return out;
}

std::string master_key_file(const Settings& settings) {
  return settings.storage_master_key_file.empty() ? settings.storage_data_dir + "/master.key" : settings.storage_master_key_file;
}

bool listens_on_loopback(const Settings& settings) {
  const std::string& listen = settings.server_listen;
  const std::string host = listen.substr(0, listen.rfind(':'));
  return host.starts_with("127.") || host == "localhost" || host == "[::1]";
}

std::optional<std::string> grpc_listen(const Settings& settings, const std::string& http) {
  const std::string& wish = settings.server_grpc_listen;
  if (wish == "off") return std::nullopt;
  if (!wish.empty()) return wish;
  const std::size_t colon = http.rfind(':');
  const bool any = settings.server_listen.ends_with(":0");
  return http.substr(0, colon + 1) + std::to_string(any ? 0 : std::atoi(http.c_str() + colon + 1) + 1);
}

accounts::AccountsOptions accounts_options(const Settings& settings) {
  accounts::AccountsOptions out;
  const std::string& mode = settings.accounts_registration;
  if (mode == "open" || (mode.empty() && listens_on_loopback(settings))) out.registration = accounts::Registration::open;
  if (mode == "approval") out.registration = accounts::Registration::approval;
  out.password_length_min = static_cast<std::size_t>(settings.accounts_password_length_min);
  out.access_token_s = settings.accounts_access_token_s;
  out.refresh_token_s = settings.accounts_refresh_token_s;
  out.login_attempts_max = settings.accounts_login_attempts_max;
  out.password_parallel_max = os::usable_cores();
  return out;
}

Result<Storage> open_storage(const Settings& settings) {
  if (sodium_init() < 0) return Error(ErrorCode::internal, "libsodium can't be initialised");
  if (const std::string& mode = settings.accounts_registration; !mode.empty() && mode != "open" && mode != "approval" && mode != "closed") {
    return Error(ErrorCode::bad_request, "setting accounts.registration: must be open, approval or closed");
  }
  Storage out;
  store::DatabaseOptions options;
  options.path = settings.storage_data_dir + "/slipway.db";
  options.backup_dir = settings.storage_data_dir + "/backups";
  out.database = TRY(store::Database::open(options, all_migrations()));
  out.keyring = TRY(store::Keyring::open(*out.database, master_key_file(settings), system_clock()));
  out.accounts = TRY(accounts::Accounts::open(*out.database, *out.keyring, accounts_options(settings), system_clock()));
  return out;
}

}  // namespace slipway::app
