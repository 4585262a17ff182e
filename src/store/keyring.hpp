// Keyring: root key (a file) → key-encryption keys (rows, wrapped by the root) → data keys (one a blob, wrapped by a KEK).
// Each owner has KEKs of their own, so that removing an owner is destroying a key. Thread-safe; calls read the
// database, the first wrap of an owner writes to it: never call them inside a read() or write() of yours.
// docs/formats/blob.md is the layout.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "slipway/base/clock.hpp"
#include "slipway/base/result.hpp"
#include "slipway/base/secret.hpp"
#include "slipway/store/database.hpp"
#include "slipway/store/secret_key.hpp"

namespace slipway::store {

// What a wrapped data key belongs to: bound into it, so that a row copied elsewhere doesn't open.
struct KeyUse {
  std::string_view owner;  // user id
  std::string_view blob_id;
  std::string_view purpose;  // "original", "artifact"
};

// The 32-byte root key: 64 hex digits and a newline, or 32 raw bytes. Refuses a file that is not 0400/0600 or another user's.
Result<SecretKey> read_root_key(const std::string& path);
Result<SecretKey> make_root_key(const std::string& path);  // a new file, mode 0600, on disk when this returns; never overwrites

class Keyring {
 public:
  // Makes root_key_path and the first KEKs when the database has none yet. Refuses to make a new root for a database that has
  // keys, and a root that is not this database's. `database` and `clock` outlive the keyring.
  static Result<std::unique_ptr<Keyring>> open(Database& database, const std::string& root_key_path, const Clock& clock);
  ~Keyring();

  Result<std::string> wrap_dek(const SecretKey& dek, const KeyUse& use);  // text for a column: "k1.<kek id>.<base64url>"
  Result<SecretKey> unwrap_dek(std::string_view wrapped, const KeyUse& use);

  // Small secrets in columns (the JWT signing key): bound to `name`.
  Result<std::string> seal(std::string_view secret, std::string_view name);  // "s1.<kek id>.<base64url>"
  Result<Secret> unseal(std::string_view sealed, std::string_view name);

  // A key for a keyed hash: the same for the same purpose, for the life of the data directory (also after rotations).
  SecretKey derive(std::string_view purpose) const;

  // An owner's old KEKs become decrypt-only; the next wrap makes a new one.
  Status retire(std::string_view owner);
  // An owner's KEKs are overwritten: nothing wrapped by them can be read again, from this database.
  Status destroy(std::string_view owner);
  // All KEKs rewrapped by a new root, in one transaction. The new file must be in place before and the old one kept until after.
  Status rotate_root(SecretKey next);

 private:
  Keyring(Database& database, const Clock& clock, SecretKey root, SecretKey derivation);
  struct Kek;
  Result<Kek> active_kek(std::string_view owner);
  Result<Kek> kek_by_id(std::string_view id);

  Database& database_;
  const Clock& clock_;
  mutable std::mutex mutex_;  // guards root_; taken before the database's own locks
  SecretKey root_;
  SecretKey derivation_;
};

}  // namespace slipway::store
