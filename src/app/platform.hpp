// The storage half of the platform: what `serve` and the administration commands open alike.
#pragma once

#include <memory>

#include "slipway/base/settings.hpp"
#include "slipway/platform/accounts/accounts.hpp"
#include "slipway/platform/keys/keys.hpp"
#include "slipway/store/blobs.hpp"
#include "slipway/store/data_dir.hpp"
#include "slipway/store/database.hpp"
#include "slipway/store/keyring.hpp"

namespace slipway::app {

struct Storage {
  std::unique_ptr<store::Database> database;
  std::unique_ptr<store::Keyring> keyring;
  std::unique_ptr<accounts::Accounts> accounts;
};

std::vector<store::Migration> all_migrations();
std::string master_key_file(const Settings& settings);
bool listens_on_loopback(const Settings& settings);
accounts::AccountsOptions accounts_options(const Settings& settings);
Result<Storage> open_storage(const Settings& settings);  // the data directory must exist

}  // namespace slipway::app
