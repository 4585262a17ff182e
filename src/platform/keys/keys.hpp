// API keys: made by a user, shown once, sent with every request. Rows in the database; a look-up is a read of memory.
// Functions that change keys block (database): call them on a pool. find() never blocks on anything slow. Thread-safe.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "slipway/base/by_text.hpp"
#include "slipway/base/clock.hpp"
#include "slipway/base/json.hpp"
#include "slipway/base/result.hpp"
#include "slipway/store/database.hpp"
#include "slipway/store/keyring.hpp"
#include "slipway/store/migrations.hpp"

namespace slipway::keys {

// What a key may do. A new key may do the first four; admin rights are never given to a key.
inline constexpr std::array<std::string_view, 4> kScopes = {"predict", "models:read", "models:write", "keys:read"};

// What requests leave at a key, without a lock.
struct KeyNotes {
  std::atomic<std::int64_t> last_used_minute{0};
  // SipHash-128 of the text that was found right, by a secret of this process. Written by whoever comes first, always with the same value.
  std::array<std::atomic<std::uint64_t>, 2> proof{};
};

struct ApiKey {
  std::string id;  // key_<...>: names the row; the text's own 10 characters are `text_id`
  std::string text_id;
  std::string user_id;
  std::string name;
  std::string hash;  // keyed BLAKE2b-256 of the secret, base64url
  std::vector<std::string> scopes;
  std::vector<std::string> models;  // ids it is limited to; empty: all the owner's
  std::int64_t created_at = 0;
  std::optional<std::int64_t> expires_at, revoked_at;
  std::shared_ptr<KeyNotes> notes = std::make_shared<KeyNotes>();
  bool usable(std::int64_t now_ms) const { return !revoked_at && (!expires_at || *expires_at > now_ms); }
};

struct NewKey {
  std::string name;
  std::optional<std::vector<std::string>> scopes;
  std::vector<std::string> models;
  std::optional<std::int64_t> expires_at;  // unix ms
};

struct CreatedKey {
  ApiKey key;
  std::string text;  // shown this once
};

class Keys {
 public:
  static const std::vector<store::Migration>& migrations();
  static Result<std::unique_ptr<Keys>> open(store::Database& database, store::Keyring& keyring, const Clock& clock);

  Result<CreatedKey> create(std::string_view user_id, const NewKey& wish);
  Result<std::vector<ApiKey>> list(std::string_view user_id);
  Result<ApiKey> get(std::string_view user_id, std::string_view key_id);         // not_found for another's key
  Status revoke(std::string_view user_id, std::string_view key_id);              // at once; not_found for another's key
  Result<CreatedKey> rotate(std::string_view user_id, std::string_view key_id);  // a new text with the same rights; the old one ends at once
  Status flush_last_used();                                                      // writes what find() noted, in one transaction

  // The key of this text, when it may be used now. A wrong text takes the same time whether the id is known or not; a text that was right
  // before is known by its SipHash, which costs a fifth of the checksum and the keyed BLAKE2b.
  std::shared_ptr<const ApiKey> find(std::string_view text) const;
  Status reload();

 private:
  Keys(store::Database& database, store::Keyring& keyring, const Clock& clock);
  using Proof = std::array<std::uint64_t, 2>;
  Proof proof_of(std::string_view text) const;
  std::string hash_of(std::string_view secret) const;
  void remember(ApiKey key);
  Status insert(store::Session& session, const ApiKey& key);

  store::Database& database_;
  const Clock& clock_;
  store::SecretKey hash_key_;
  const std::string proof_key_;
  static constexpr std::size_t kShards = 16;
  struct Shard {
    mutable std::shared_mutex mutex;
    ByText<std::shared_ptr<const ApiKey>> by_text_id;
  };
  Shard& shard(std::string_view text_id) const;
  mutable std::array<Shard, kShards> shards_;
};

json::Value to_json(const ApiKey& key);  // without anything secret

}  // namespace slipway::keys
