// Accounts: who may log in, and the tokens they get. Rows in the database; what a request needs is in memory (Directory).
// Every function that touches the database or a password blocks: call it on a pool. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "slipway/base/by_text.hpp"
#include "slipway/base/clock.hpp"
#include "slipway/base/result.hpp"
#include "slipway/base/secret.hpp"
#include "slipway/platform/accounts/jwt.hpp"
#include "slipway/platform/accounts/passwords.hpp"
#include "slipway/store/database.hpp"
#include "slipway/store/keyring.hpp"
#include "slipway/store/migrations.hpp"

namespace slipway::accounts {

struct User {
  std::string id;
  std::string email;  // as given, lower case
  std::string name;
  std::string role;    // admin | user
  std::string status;  // active | pending (waits for an administrator) | disabled
  std::int64_t epoch = 0;
  std::int64_t created_at = 0;
  bool active() const { return status == "active"; }
  bool admin() const { return role == "admin"; }
};

// All users, in memory: the request path asks here. Reads share a lock, writes are rare.
class Directory {
 public:
  std::shared_ptr<const User> find(std::string_view id) const;
  void put(User user);
  void put_newer(User user);  // only when it isn't known, or of a later epoch than what is
  std::size_t size() const;
  bool has_admin() const;

 private:
  mutable std::shared_mutex mutex_;
  ByText<std::shared_ptr<const User>> users_;
};

enum class Registration { open, approval, closed };

struct AccountsOptions {
  Registration registration = Registration::closed;
  std::size_t password_length_min = 15;
  std::int64_t access_token_s = 600;
  std::int64_t refresh_token_s = 30LL * 24 * 3600;
  std::int64_t login_attempts_max = 10;
  PasswordCost password_cost{};
  unsigned password_parallel_max = 2;
};

struct TokenPair {
  std::string access_token;
  std::int64_t expires_in = 0;  // seconds
  std::string refresh_token;
  User user;
};

struct NewUser {
  std::string email, name;
  Secret password;
};

class Accounts {
 public:
  static const std::vector<store::Migration>& migrations();

  // Loads users and signing keys; makes the first signing key.
  static Result<std::unique_ptr<Accounts>> open(store::Database& database, store::Keyring& keyring, AccountsOptions options, const Clock& clock);

  // Errors: invalid_input naming the field; conflict for a taken address; forbidden when registration is closed.
  // setup_token: the one of the first-run link, makes an administrator whatever the registration mode is.
  Result<User> register_user(const NewUser& who, std::string_view setup_token);
  Result<User> add_user(const NewUser& who, bool admin);  // by an administrator or the command line
  // Errors: unauthenticated with one sentence for every reason; rate_limited after too many failures.
  Result<TokenPair> login(std::string_view email, std::string_view password);
  // A refresh token is good once. A second use ends the whole family: somebody has a copy.
  Result<TokenPair> refresh(std::string_view refresh_token);
  Status logout(std::string_view refresh_token);
  Result<User> rename(std::string_view user_id, std::string_view name);
  Status change_password(std::string_view user_id, std::string_view current, std::string_view next);
  Status set_password(std::string_view user_id, std::string_view next);  // by an administrator: ends all sessions
  Status set_status(std::string_view user_id, std::string_view status);
  Result<std::optional<User>> find_by_email(std::string_view email);
  Result<std::vector<User>> list();

  // The account of an access token, from memory. Never blocks.
  Result<std::shared_ptr<const User>> authenticate(std::string_view access_token) const;
  const Directory& directory() const { return directory_; }
  Status reload();             // users from the database
  Status reload_if_changed();  // cheap when nothing has: the command line changes accounts while the server runs

  std::string new_setup_token();  // one-time, 30 minutes, in memory only
  const AccountsOptions& options() const { return options_; }

 private:
  Accounts(store::Database& database, store::Keyring& keyring, AccountsOptions options, const Clock& clock);
  Status load_signing_keys();
  Result<User> insert(const NewUser& who, std::string_view role, std::string_view status);
  Result<TokenPair> issue(store::Session& session, const User& user, std::string family);
  Status check_attempts(const std::string& email);
  void note_attempt(const std::string& email, bool good);
  bool take_setup_token(std::string_view token);
  Status end_sessions(store::Session& session, std::string_view user_id);
  std::string refresh_hash(std::string_view token) const;
  void remember(const User& user) { directory_.put(user); }

  store::Database& database_;
  store::Keyring& keyring_;
  AccountsOptions options_;
  const Clock& clock_;
  Passwords passwords_;
  std::unique_ptr<TokenIssuer> issuer_;
  Directory directory_;
  std::pair<std::int64_t, std::int64_t> seen_{0, 0};  // users and latest change at the last reload; one poller

  struct Attempts {
    std::int64_t count = 0, since_ms = 0;
  };
  std::mutex mutex_;  // of what follows
  std::unordered_map<std::string, Attempts> attempts_;
  std::string setup_token_hash_;
  std::int64_t setup_token_expires_ms_ = 0;
};

// Lower case, one @, no white space, at most 254 bytes. Errors: invalid_input at "#/email".
Result<std::string> normal_email(std::string_view text);

}  // namespace slipway::accounts
