#include "slipway/platform/accounts/accounts.hpp"

#include <sodium.h>

#include <algorithm>
#include <cctype>

#include "slipway/base/encoding.hpp"
#include "slipway/base/ids.hpp"
#include "slipway/base/log.hpp"

namespace slipway::accounts {
namespace {

constexpr std::int64_t kAttemptWindowMs = 15LL * 60 * 1000;
constexpr std::int64_t kSetupTokenMs = 30LL * 60 * 1000;
constexpr std::size_t kNameBytesMax = 200;
constexpr std::string_view kTokenPrefix = "slr_";

const std::vector<store::Migration> kMigrations = {{10, "accounts",
                                                    R"(CREATE TABLE users (
          id TEXT PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT NOT NULL, password_hash TEXT NOT NULL,
          role TEXT NOT NULL, status TEXT NOT NULL, epoch BIGINT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL);
        CREATE TABLE refresh_tokens (
          hash TEXT PRIMARY KEY, family TEXT NOT NULL, user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
          epoch BIGINT NOT NULL, issued_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, used_at BIGINT);
        CREATE INDEX refresh_tokens_family ON refresh_tokens (family);
        CREATE INDEX refresh_tokens_user ON refresh_tokens (user_id);
        CREATE TABLE signing_keys (kid TEXT PRIMARY KEY, sealed_seed TEXT NOT NULL, created_at BIGINT NOT NULL);)"}};

User user_of(const store::Row& row) {
  return {row.text("id"), row.text("email"), row.text("name"), row.text("role"), row.text("status"), row.integer("epoch"), row.integer("created_at")};
}

Error wrong_login() { return Error(ErrorCode::unauthenticated, "e-mail or password is wrong"); }
Error wrong_refresh(std::string why) { return Error(ErrorCode::unauthenticated, "the refresh token is not valid").because(std::move(why)); }

Result<std::optional<store::Row>> row_by_email(store::Session& session, std::string_view email) {
  return session.query_one("SELECT * FROM users WHERE email = ?", {email});
}

Result<User> user_by_id(store::Session& session, std::string_view id) {
  const auto row = TRY(session.query_one("SELECT * FROM users WHERE id = ?", {id}));
  if (!row) return Error(ErrorCode::not_found, "there is no such user");
  return user_of(*row);
}

Status check_name(std::string_view name) {
  if (name.size() > kNameBytesMax || !is_valid_utf8(name)) {
    return Error(ErrorCode::invalid_input, "the name can't be used").at("#/name", "must be UTF-8 text of at most 200 bytes");
  }
  return ok();
}

}  // namespace

Result<std::string> normal_email(std::string_view text) {
  const auto refuse = [](const char* why) { return Error(ErrorCode::invalid_input, "the e-mail address can't be used").at("#/email", why); };
  if (text.empty()) return refuse("is required");
  if (text.size() > 254) return refuse("must have at most 254 characters");
  const std::size_t at = text.find('@');
  if (at == std::string_view::npos || at == 0 || at + 1 == text.size() || text.find('@', at + 1) != std::string_view::npos)
    return refuse("must be an address such as ada@example.org");
  std::string out;
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (u <= 0x20 || u == 0x7f || c == '<' || c == '>' || c == '"' || c == ',') return refuse("must be an address such as ada@example.org");
    out += static_cast<char>(std::tolower(u));
  }
  if (!is_valid_utf8(out)) return refuse("must be UTF-8 text");
  return out;
}

std::shared_ptr<const User> Directory::find(std::string_view id) const {
  const std::shared_lock lock(mutex_);
  const auto found = users_.find(id);
  return found == users_.end() ? nullptr : found->second;
}

void Directory::put(User user) {
  auto entry = std::make_shared<const User>(std::move(user));
  const std::unique_lock lock(mutex_);
  users_[entry->id] = entry;
}

void Directory::put_newer(User user) {
  auto entry = std::make_shared<const User>(std::move(user));
  const std::unique_lock lock(mutex_);
  auto& known = users_[entry->id];
  if (known == nullptr || known->epoch < entry->epoch) known = entry;
}

std::size_t Directory::size() const {
  const std::shared_lock lock(mutex_);
  return users_.size();
}

bool Directory::has_admin() const {
  const std::shared_lock lock(mutex_);
  return std::any_of(users_.begin(), users_.end(), [](const auto& entry) { return entry.second->admin() && entry.second->active(); });
}

const std::vector<store::Migration>& Accounts::migrations() { return kMigrations; }

Accounts::Accounts(store::Database& database, store::Keyring& keyring, AccountsOptions options, const Clock& clock)
    : database_(database), keyring_(keyring), options_(options), clock_(clock), passwords_(options.password_cost, options.password_parallel_max) {}

Result<std::unique_ptr<Accounts>> Accounts::open(store::Database& database, store::Keyring& keyring, AccountsOptions options, const Clock& clock) {
  std::unique_ptr<Accounts> accounts(new Accounts(database, keyring, options, clock));
  TRY(accounts->load_signing_keys());
  TRY(accounts->reload());
  return accounts;
}

Status Accounts::load_signing_keys() {
  const auto rows = TRY(database_.read([](store::Session& s) { return s.query("SELECT * FROM signing_keys ORDER BY created_at DESC LIMIT 16"); }));
  std::vector<SigningKey> keys;
  for (const store::Row& row : rows) {
    const Secret seed = TRY(keyring_.unseal(row.text("sealed_seed"), "signing-key:" + row.text("kid")));
    keys.push_back(TRY(signing_key_from_seed(row.text("kid"), seed.reveal())));
  }
  if (keys.empty()) {
    keys.push_back(new_signing_key());
    const std::string sealed = TRY(keyring_.seal(keys[0].seed.reveal(), "signing-key:" + keys[0].kid));
    TRY(database_.write([&](store::Session& s) {
      return s.exec("INSERT INTO signing_keys (kid, sealed_seed, created_at) VALUES (?, ?, ?)", {keys[0].kid, sealed, clock_.unix_ms()});
    }));
  }
  issuer_ = std::make_unique<TokenIssuer>(std::move(keys), "slipway", clock_);
  return ok();
}

Status Accounts::reload() {
  const auto rows = TRY(database_.read([](store::Session& s) { return s.query("SELECT * FROM users"); }));
  for (const store::Row& row : rows) remember(user_of(row));
  return ok();
}

Status Accounts::reload_if_changed() {
  const auto row =
      TRY(database_.read([](store::Session& s) { return s.query_one("SELECT COUNT(*) AS n, COALESCE(MAX(updated_at), 0) AS latest FROM users"); }));
  const std::pair now{row->integer("n"), row->integer("latest")};
  if (now == seen_) return ok();
  TRY(reload());
  seen_ = now;
  return ok();
}

Result<User> Accounts::insert(const NewUser& who, std::string_view role, std::string_view status) {
  const std::string email = TRY(normal_email(who.email));
  TRY(check_name(who.name));
  TRY(check_password_policy(who.password.reveal(), options_.password_length_min, email));
  const std::string hash = TRY(passwords_.hash(who.password.reveal()));
  const std::int64_t now = clock_.unix_ms();
  User user{new_id("usr"), email, who.name, std::string(role), std::string(status), 0, now};
  const auto inserted = database_.write([&](store::Session& s) {
    return s.exec(
        "INSERT INTO users (id, email, name, password_hash, role, status, epoch, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, 0, ?, ?)",
        {user.id, user.email, user.name, hash, user.role, user.status, now, now});
  });
  if (!inserted.ok()) {
    if (inserted.error().code() != ErrorCode::conflict) return inserted.error();
    return Error(ErrorCode::conflict, "this address has an account already").at("#/email", "has an account already");
  }
  remember(user);
  log::info("account.created", {{"user", user.id}, {"role", user.role}, {"status", user.status}});
  return user;
}

Result<User> Accounts::register_user(const NewUser& who, std::string_view setup_token) {
  if (!setup_token.empty()) {
    // Everything that can be wrong with the form is said before the token is spent.
    TRY(check_password_policy(who.password.reveal(), options_.password_length_min, TRY(normal_email(who.email))));
    if (!take_setup_token(setup_token)) {
      return Error(ErrorCode::forbidden,
                   "the first-run link is not valid any more; restart the server for a new one, or use: slipway user add EMAIL --admin")
          .at("#/setup_token", "is wrong, used or expired");
    }
    return insert(who, "admin", "active");
  }
  if (options_.registration == Registration::closed)
    return Error(ErrorCode::forbidden, "registration is closed here; ask an administrator for an account");
  return insert(who, "user", options_.registration == Registration::open ? "active" : "pending");
}

Result<User> Accounts::add_user(const NewUser& who, bool admin) { return insert(who, admin ? "admin" : "user", "active"); }

Status Accounts::check_attempts(const std::string& email) {
  const std::lock_guard lock(mutex_);
  const auto found = attempts_.find(email);
  if (found == attempts_.end()) return ok();
  const std::int64_t age_ms = clock_.unix_ms() - found->second.since_ms;
  if (age_ms > kAttemptWindowMs || found->second.count < options_.login_attempts_max) return ok();
  const auto wait_s = static_cast<std::uint32_t>((kAttemptWindowMs - std::max<std::int64_t>(0, age_ms)) / 1000 + 1);
  return Error(ErrorCode::rate_limited, "too many failed logins for this account; try again later").retry_after(wait_s);
}

void Accounts::note_attempt(const std::string& email, bool good) {
  const std::lock_guard lock(mutex_);
  if (good) {
    attempts_.erase(email);
    return;
  }
  const std::int64_t now = clock_.unix_ms();
  if (attempts_.size() > 100'000) std::erase_if(attempts_, [&](const auto& e) { return now - e.second.since_ms > kAttemptWindowMs; });
  Attempts& a = attempts_[email];
  if (a.count == 0 || now - a.since_ms > kAttemptWindowMs) a = {0, now};
  ++a.count;
}

Result<TokenPair> Accounts::login(std::string_view email_text, std::string_view password) {
  const auto email = normal_email(email_text);
  if (!email.ok() || password.size() > kPasswordBytesMax) return wrong_login();
  TRY(check_attempts(*email));
  const auto row = TRY(database_.read([&](store::Session& s) { return row_by_email(s, *email); }));
  const std::string hash = row ? row->text("password_hash") : std::string();
  const bool right = TRY(passwords_.verify(password, hash));
  note_attempt(*email, right);
  if (!right) {
    log::warn("login.failed", {{"user", row ? json::Value(row->text("id")) : json::Value()}});
    return wrong_login();
  }
  const User user = user_of(*row);
  if (user.status == "pending") return Error(ErrorCode::forbidden, "this account waits for an administrator's approval");
  if (!user.active()) return wrong_login();
  // The command line may have made or reset the account since the last poll: what judges the token must know it as well.
  directory_.put_newer(user);
  std::string better;
  if (passwords_.needs_rehash(hash)) better = TRY(passwords_.hash(password));
  return database_.write([&](store::Session& s) -> Result<TokenPair> {
    if (!better.empty()) TRY(s.exec("UPDATE users SET password_hash = ? WHERE id = ?", {better, user.id}));
    TRY(s.exec("DELETE FROM refresh_tokens WHERE expires_at < ?", {clock_.unix_ms()}));
    return issue(s, user, new_id("ses"));
  });
}

std::string Accounts::refresh_hash(std::string_view token) const {
  std::string out(32, '\0');
  const store::SecretKey key = keyring_.derive("refresh-token");
  crypto_generichash(reinterpret_cast<unsigned char*>(out.data()), out.size(), reinterpret_cast<const unsigned char*>(token.data()), token.size(),
                     key.raw(), store::SecretKey::kBytes);
  return to_base64url(as_bytes(out));
}

Result<TokenPair> Accounts::issue(store::Session& session, const User& user, std::string family) {
  const std::int64_t now = clock_.unix_ms();
  const std::string refresh = std::string(kTokenPrefix) + random_base62(43);
  TRY(session.exec("INSERT INTO refresh_tokens (hash, family, user_id, epoch, issued_at, expires_at, used_at) VALUES (?, ?, ?, ?, ?, ?, NULL)",
                   {refresh_hash(refresh), family, user.id, user.epoch, now, now + options_.refresh_token_s * 1000}));
  const std::int64_t now_s = now / 1000;
  const Claims claims{user.id, std::move(family), user.epoch, now_s, now_s + options_.access_token_s};
  return TokenPair{issuer_->issue(claims), options_.access_token_s, refresh, user};
}

Result<TokenPair> Accounts::refresh(std::string_view token) {
  if (!token.starts_with(kTokenPrefix) || token.size() > 128) return wrong_refresh("form");
  const std::string hash = refresh_hash(token);
  std::string reused_family;
  auto pair = database_.write([&](store::Session& s) -> Result<TokenPair> {
    const auto row = TRY(s.query_one("SELECT * FROM refresh_tokens WHERE hash = ?", {hash}));
    if (!row) return wrong_refresh("unknown");
    if (!row->is_null("used_at")) {
      reused_family = row->text("family");
      return wrong_refresh("used twice");
    }
    if (row->integer("expires_at") < clock_.unix_ms()) return wrong_refresh("expired");
    const User user = TRY(user_by_id(s, row->text("user_id")));
    if (!user.active() || user.epoch != row->integer("epoch")) return wrong_refresh("account ended its sessions");
    TRY(s.exec("UPDATE refresh_tokens SET used_at = ? WHERE hash = ?", {clock_.unix_ms(), hash}));
    return issue(s, user, row->text("family"));
  });
  if (!reused_family.empty()) {
    log::warn("session.reused", {{"session", reused_family}});
    TRY(database_.write([&](store::Session& s) { return s.exec("DELETE FROM refresh_tokens WHERE family = ?", {reused_family}); }));
  }
  return pair;
}

Status Accounts::logout(std::string_view token) {
  const std::string hash = refresh_hash(token);
  TRY(database_.write([&](store::Session& s) {
    return s.exec("DELETE FROM refresh_tokens WHERE family IN (SELECT family FROM refresh_tokens WHERE hash = ?)", {hash});
  }));
  return ok();
}

Result<User> Accounts::rename(std::string_view user_id, std::string_view name) {
  TRY(check_name(name));
  const User user = TRY(database_.write([&](store::Session& s) -> Result<User> {
    TRY(s.exec("UPDATE users SET name = ?, updated_at = ? WHERE id = ?", {name, clock_.unix_ms(), user_id}));
    return user_by_id(s, user_id);
  }));
  remember(user);
  return user;
}

Status Accounts::end_sessions(store::Session& session, std::string_view user_id) {
  TRY(session.exec("UPDATE users SET epoch = epoch + 1, updated_at = ? WHERE id = ?", {clock_.unix_ms(), user_id}));
  TRY(session.exec("DELETE FROM refresh_tokens WHERE user_id = ?", {user_id}));
  return ok();
}

Status Accounts::change_password(std::string_view user_id, std::string_view current, std::string_view next) {
  const auto row = TRY(database_.read([&](store::Session& s) { return s.query_one("SELECT * FROM users WHERE id = ?", {user_id}); }));
  if (!row) return Error(ErrorCode::not_found, "there is no such user");
  TRY(check_attempts(row->text("email")));
  const bool right = TRY(passwords_.verify(current, row->text("password_hash")));
  note_attempt(row->text("email"), right);
  if (!right) return Error(ErrorCode::invalid_input, "the password was not changed").at("#/current_password", "is wrong");
  return set_password(user_id, next);
}

Status Accounts::set_password(std::string_view user_id, std::string_view next) {
  const User before = TRY(database_.read([&](store::Session& s) { return user_by_id(s, user_id); }));
  TRY(check_password_policy(next, options_.password_length_min, before.email));
  const std::string hash = TRY(passwords_.hash(next));
  const User after = TRY(database_.write([&](store::Session& s) -> Result<User> {
    TRY(s.exec("UPDATE users SET password_hash = ? WHERE id = ?", {hash, user_id}));
    TRY(end_sessions(s, user_id));
    return user_by_id(s, user_id);
  }));
  remember(after);
  log::info("account.password_changed", {{"user", after.id}});
  return ok();
}

Status Accounts::set_status(std::string_view user_id, std::string_view status) {
  const User after = TRY(database_.write([&](store::Session& s) -> Result<User> {
    TRY(s.exec("UPDATE users SET status = ? WHERE id = ?", {status, user_id}));
    TRY(end_sessions(s, user_id));
    return user_by_id(s, user_id);
  }));
  remember(after);
  log::info("account.status", {{"user", after.id}, {"status", after.status}});
  return ok();
}

Result<std::optional<User>> Accounts::find_by_email(std::string_view text) {
  const std::string email = TRY(normal_email(text));
  const auto row = TRY(database_.read([&](store::Session& s) { return row_by_email(s, email); }));
  if (!row) return std::optional<User>();
  return std::optional<User>(user_of(*row));
}

Result<std::vector<User>> Accounts::list() {
  const auto rows = TRY(database_.read([](store::Session& s) { return s.query("SELECT * FROM users ORDER BY created_at, id"); }));
  std::vector<User> out;
  for (const store::Row& row : rows) out.push_back(user_of(row));
  return out;
}

Result<std::shared_ptr<const User>> Accounts::authenticate(std::string_view access_token) const {
  const Claims claims = TRY(issuer_->verify(access_token));
  auto user = directory_.find(claims.subject);
  if (user == nullptr || !user->active() || user->epoch != claims.epoch) {
    return Error(ErrorCode::unauthenticated, "the access token is not valid").because("account ended its sessions");
  }
  return user;
}

std::string Accounts::new_setup_token() {
  const std::string token = random_base62(32);
  const std::lock_guard lock(mutex_);
  setup_token_hash_ = refresh_hash(token);
  setup_token_expires_ms_ = clock_.unix_ms() + kSetupTokenMs;
  return token;
}

bool Accounts::take_setup_token(std::string_view token) {
  const std::string hash = refresh_hash(token);
  const std::lock_guard lock(mutex_);
  if (setup_token_hash_.empty() || clock_.unix_ms() > setup_token_expires_ms_ || !equal_in_constant_time(hash, setup_token_hash_)) return false;
  setup_token_hash_.clear();
  return true;
}

}  // namespace slipway::accounts
