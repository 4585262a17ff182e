#include "slipway/platform/keys/keys.hpp"

#include <sodium.h>

#include <algorithm>
#include <mutex>

#include "slipway/base/encoding.hpp"
#include "slipway/base/ids.hpp"
#include "slipway/base/log.hpp"
#include "slipway/platform/keys/key_format.hpp"

namespace slipway::keys {
namespace {

constexpr std::size_t kKeysPerUserMax = 200;
constexpr std::size_t kModelsPerKeyMax = 100;

const std::vector<store::Migration> kMigrations = {{20, "api_keys",
                                                    R"(CREATE TABLE api_keys (
          id TEXT PRIMARY KEY, text_id TEXT NOT NULL UNIQUE, user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
          name TEXT NOT NULL, hash TEXT NOT NULL, scopes TEXT NOT NULL, models TEXT NOT NULL,
          created_at BIGINT NOT NULL, expires_at BIGINT, revoked_at BIGINT, last_used_at BIGINT);
        CREATE INDEX api_keys_user ON api_keys (user_id);)"}};

std::vector<std::string> texts_of(const std::string& document) {
  std::vector<std::string> out;
  const auto value = json::parse(document);
  if (!value.ok() || !value->is_array()) return out;
  for (const json::Value& item : value->as_array()) {
    if (item.is_string()) out.push_back(item.as_string());
  }
  return out;
}

json::Value array_of(const std::vector<std::string>& texts) {
  json::Array out;
  for (const std::string& text : texts) out.emplace_back(text);
  return out;
}

ApiKey key_of(const store::Row& row) {
  ApiKey key{row.text("id"),
             row.text("text_id"),
             row.text("user_id"),
             row.text("name"),
             row.text("hash"),
             texts_of(row.text("scopes")),
             texts_of(row.text("models")),
             row.integer("created_at"),
             row.integer_or_null("expires_at"),
             row.integer_or_null("revoked_at")};
  key.notes->last_used_minute.store(row.integer_or_null("last_used_at").value_or(0));
  return key;
}

Status check_wish(const NewKey& wish, std::int64_t now_ms) {
  Error error(ErrorCode::invalid_input, "the key can't be made");
  if (wish.name.empty() || wish.name.size() > 100 || !is_valid_utf8(wish.name)) error.add("#/name", "must have 1 to 100 bytes of text");
  if (wish.scopes) {
    if (wish.scopes->empty()) error.add("#/scopes", "must name at least one scope, or be left out");
    for (std::size_t i = 0; i < wish.scopes->size(); ++i) {
      if (std::find(kScopes.begin(), kScopes.end(), (*wish.scopes)[i]) == kScopes.end()) {
        error.add("#/scopes/" + std::to_string(i), "must be one of predict, models:read, models:write, keys:read");
      }
    }
  }
  if (wish.models.size() > kModelsPerKeyMax) error.add("#/models", "must have at most 100 entries");
  for (std::size_t i = 0; i < wish.models.size() && i < kModelsPerKeyMax; ++i) {
    if (!is_id(wish.models[i])) error.add("#/models/" + std::to_string(i), "must be a model's id");
  }
  if (wish.expires_at && *wish.expires_at <= now_ms) error.add("#/expires_at", "must be in the future");
  if (!error.fields().empty()) return error;
  return ok();
}

}  // namespace

const std::vector<store::Migration>& Keys::migrations() { return kMigrations; }

Keys::Keys(store::Database& database, store::Keyring& keyring, const Clock& clock)
    : database_(database), clock_(clock), hash_key_(keyring.derive("api-key")), proof_key_(random_bytes(crypto_shorthash_siphashx24_KEYBYTES)) {}

Result<std::unique_ptr<Keys>> Keys::open(store::Database& database, store::Keyring& keyring, const Clock& clock) {
  std::unique_ptr<Keys> keys(new Keys(database, keyring, clock));
  TRY(keys->reload());
  return keys;
}

Status Keys::reload() {
  const auto rows = TRY(database_.read([](store::Session& s) { return s.query("SELECT * FROM api_keys WHERE revoked_at IS NULL"); }));
  for (const store::Row& row : rows) remember(key_of(row));
  return ok();
}

Keys::Shard& Keys::shard(std::string_view text_id) const { return shards_[std::hash<std::string_view>{}(text_id) % kShards]; }

void Keys::remember(ApiKey key) {
  Shard& s = shard(key.text_id);
  auto entry = std::make_shared<const ApiKey>(std::move(key));
  const std::unique_lock lock(s.mutex);
  if (entry->revoked_at)
    s.by_text_id.erase(entry->text_id);
  else
    s.by_text_id[entry->text_id] = entry;
}

std::string Keys::hash_of(std::string_view secret) const {
  std::string out(32, '\0');
  crypto_generichash(reinterpret_cast<unsigned char*>(out.data()), out.size(), reinterpret_cast<const unsigned char*>(secret.data()), secret.size(),
                     hash_key_.raw(), store::SecretKey::kBytes);
  return to_base64url(as_bytes(out));
}

Keys::Proof Keys::proof_of(std::string_view text) const {
  Proof proof{};
  static_assert(sizeof proof == crypto_shorthash_siphashx24_BYTES);
  crypto_shorthash_siphashx24(reinterpret_cast<unsigned char*>(proof.data()), reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                              reinterpret_cast<const unsigned char*>(proof_key_.data()));
  return proof;
}

std::shared_ptr<const ApiKey> Keys::find(std::string_view text) const {
  const std::string_view text_id = id_in_key(text);
  if (text_id.empty()) return nullptr;
  std::shared_ptr<const ApiKey> key;
  {
    const Shard& s = shard(text_id);
    const std::shared_lock lock(s.mutex);
    const auto found = s.by_text_id.find(text_id);
    if (found != s.by_text_id.end()) key = found->second;
  }
  const Proof proof = proof_of(text);
  const auto is_proven = [&] {
    std::uint64_t differs = 0;
    for (std::size_t i = 0; i < proof.size(); ++i) differs |= proof[i] ^ key->notes->proof[i].load(std::memory_order_relaxed);
    return differs == 0;
  };
  if (!key || !is_proven()) {
    const auto parsed = parse_key(text);
    if (!parsed) return nullptr;
    static const std::string kNobody(43, 'A');  // compared when there is no such id: the same work
    const bool same = equal_in_constant_time(hash_of(parsed->secret), key ? key->hash : kNobody);
    if (!key || !same) return nullptr;
    for (std::size_t i = 0; i < proof.size(); ++i) key->notes->proof[i].store(proof[i], std::memory_order_relaxed);
  }
  const std::int64_t now_ms = clock_.unix_ms();
  if (!key->usable(now_ms)) return nullptr;
  const std::int64_t minute = now_ms / 60'000 * 60'000;
  std::atomic<std::int64_t>& last = key->notes->last_used_minute;
  if (last.load(std::memory_order_relaxed) != minute) last.store(minute, std::memory_order_relaxed);
  return key;
}

Status Keys::insert(store::Session& session, const ApiKey& key) {
  TRY(
      session.exec("INSERT INTO api_keys (id, text_id, user_id, name, hash, scopes, models, created_at, expires_at, revoked_at, last_used_at) "
                   "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL)",
                   {key.id, key.text_id, key.user_id, key.name, key.hash, array_of(key.scopes).dump(), array_of(key.models).dump(), key.created_at,
                    key.expires_at}));
  return ok();
}

Result<CreatedKey> Keys::create(std::string_view user_id, const NewKey& wish) {
  const std::int64_t now = clock_.unix_ms();
  TRY(check_wish(wish, now));
  const KeyText text = new_key_text();
  ApiKey key;
  key.id = new_id("key");
  key.text_id = text.id;
  key.user_id = user_id;
  key.name = wish.name;
  key.hash = hash_of(text.secret);
  key.scopes = wish.scopes ? *wish.scopes : std::vector<std::string>(kScopes.begin(), kScopes.end());
  key.models = wish.models;
  key.created_at = now;
  key.expires_at = wish.expires_at;
  TRY(database_.write([&](store::Session& s) -> Status {
    const auto count = TRY(s.query_one("SELECT COUNT(*) AS n FROM api_keys WHERE user_id = ? AND revoked_at IS NULL", {user_id}));
    if (count->integer("n") >= static_cast<std::int64_t>(kKeysPerUserMax))
      return Error(ErrorCode::conflict, "an account may have 200 keys; revoke one first");
    return insert(s, key);
  }));
  remember(key);
  log::info("key.created", {{"key", key.id}, {"user", key.user_id}});
  return CreatedKey{key, format_key(text)};
}

Result<std::vector<ApiKey>> Keys::list(std::string_view user_id) {
  TRY(flush_last_used());
  const auto rows = TRY(
      database_.read([&](store::Session& s) { return s.query("SELECT * FROM api_keys WHERE user_id = ? ORDER BY created_at DESC, id", {user_id}); }));
  std::vector<ApiKey> out;
  for (const store::Row& row : rows) out.push_back(key_of(row));
  return out;
}

namespace {
Result<ApiKey> owned(store::Session& s, std::string_view user_id, std::string_view key_id) {
  const auto row = TRY(s.query_one("SELECT * FROM api_keys WHERE id = ? AND user_id = ? AND revoked_at IS NULL", {key_id, user_id}));
  if (!row) return Error(ErrorCode::not_found, "there is no such key, or it is not yours");
  return key_of(*row);
}
}  // namespace

Result<ApiKey> Keys::get(std::string_view user_id, std::string_view key_id) {
  return database_.read([&](store::Session& s) { return owned(s, user_id, key_id); });
}

Status Keys::revoke(std::string_view user_id, std::string_view key_id) {
  const std::int64_t now = clock_.unix_ms();
  ApiKey key = TRY(database_.write([&](store::Session& s) -> Result<ApiKey> {
    ApiKey found = TRY(owned(s, user_id, key_id));
    TRY(s.exec("UPDATE api_keys SET revoked_at = ? WHERE id = ?", {now, key_id}));
    return found;
  }));
  key.revoked_at = now;
  log::info("key.revoked", {{"key", key.id}, {"user", key.user_id}});
  remember(std::move(key));
  return ok();
}

Result<CreatedKey> Keys::rotate(std::string_view user_id, std::string_view key_id) {
  const std::int64_t now = clock_.unix_ms();
  const KeyText text = new_key_text();
  ApiKey old;
  const ApiKey next = TRY(database_.write([&](store::Session& s) -> Result<ApiKey> {
    old = TRY(owned(s, user_id, key_id));
    ApiKey fresh = old;
    fresh.text_id = text.id;
    fresh.hash = hash_of(text.secret);
    fresh.notes = std::make_shared<KeyNotes>();
    TRY(s.exec("UPDATE api_keys SET text_id = ?, hash = ?, last_used_at = NULL WHERE id = ?", {fresh.text_id, fresh.hash, key_id}));
    return fresh;
  }));
  old.revoked_at = now;
  remember(std::move(old));
  remember(next);
  log::info("key.rotated", {{"key", next.id}, {"user", next.user_id}});
  return CreatedKey{next, format_key(text)};
}

Status Keys::flush_last_used() {
  std::vector<std::pair<std::string, std::int64_t>> used;
  for (const Shard& s : shards_) {
    const std::shared_lock lock(s.mutex);
    for (const auto& [text_id, key] : s.by_text_id) {
      if (const std::int64_t minute = key->notes->last_used_minute.load(); minute != 0) used.emplace_back(key->id, minute);
    }
  }
  if (used.empty()) return ok();
  return database_.write([&](store::Session& s) -> Status {
    for (const auto& [id, minute] : used) {
      TRY(s.exec("UPDATE api_keys SET last_used_at = ? WHERE id = ? AND (last_used_at IS NULL OR last_used_at < ?)", {minute, id, minute}));
    }
    return ok();
  });
}

json::Value to_json(const ApiKey& key) {
  const auto time = [](const std::optional<std::int64_t>& ms) { return ms ? json::Value(to_rfc3339(*ms)) : json::Value(); };
  const std::int64_t last = key.notes->last_used_minute.load();
  return json::object({{"id", key.id},
                       {"name", key.name},
                       {"prefix", std::string(kKeyPrefix) + key.text_id},
                       {"scopes", array_of(key.scopes)},
                       {"models", array_of(key.models)},
                       {"created_at", to_rfc3339(key.created_at)},
                       {"expires_at", time(key.expires_at)},
                       {"revoked_at", time(key.revoked_at)},
                       {"last_used_at", last == 0 ? json::Value() : json::Value(to_rfc3339(last))}});
}

}  // namespace slipway::keys
