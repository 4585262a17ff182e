#include "slipway/store/keyring.hpp"

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "slipway/base/encoding.hpp"
#include "slipway/base/ids.hpp"
#include "slipway/base/log.hpp"
#include "slipway/os/file.hpp"

namespace slipway::store {
namespace {

constexpr std::size_t kNonceBytes = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t kTagBytes = crypto_aead_xchacha20poly1305_ietf_ABYTES;
constexpr std::size_t kSealedBytesMax = 64 * 1024;

// Owners of the server's own KEKs. A ':' is in no id.
constexpr std::string_view kValuesOwner = "system:values";
constexpr std::string_view kDerivationOwner = "system:derivation";

constexpr std::string_view kDekTag = "k1", kValueTag = "s1";

// Lengths before the parts: ("ab", "c") and ("a", "bc") must not be the same context.
std::string context_of(std::initializer_list<std::string_view> parts) {
  std::string context;
  for (const std::string_view part : parts) {
    const auto size = static_cast<std::uint32_t>(part.size());
    for (int shift = 24; shift >= 0; shift -= 8) context.push_back(static_cast<char>(size >> shift));
    context += part;
  }
  return context;
}

std::string dek_context(const KeyUse& use) { return context_of({"slipway dek v1", use.owner, use.blob_id, use.purpose}); }
std::string value_context(std::string_view name) { return context_of({"slipway value v1", name}); }
std::string kek_context(std::string_view id, std::string_view owner) { return context_of({"slipway kek v1", id, owner}); }

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

// nonce24 ‖ ciphertext ‖ tag16, base64url. Random nonces are safe at 192 bits.
std::string encrypt(const SecretKey& key, std::span<const std::byte> plain, std::string_view context) {
  std::string out(kNonceBytes + plain.size() + kTagBytes, '\0');
  auto* bytes = reinterpret_cast<unsigned char*>(out.data());
  randombytes_buf(bytes, kNonceBytes);
  crypto_aead_xchacha20poly1305_ietf_encrypt(bytes + kNonceBytes, nullptr, reinterpret_cast<const unsigned char*>(plain.data()), plain.size(),
                                             bytes_of(context), context.size(), nullptr, bytes, key.raw());
  return to_base64url(as_bytes(out));
}

Error cannot_open(std::string why) { return Error(ErrorCode::internal, "a stored key can't be opened").because(std::move(why)); }

Status decrypt(const SecretKey& key, std::string_view text, std::string_view context, std::span<std::byte> into) {
  const auto sealed = from_base64url(text);
  if (!sealed || sealed->size() != kNonceBytes + into.size() + kTagBytes) return cannot_open("wrong length or alphabet");
  const auto* bytes = bytes_of(*sealed);
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(reinterpret_cast<unsigned char*>(into.data()), nullptr, nullptr, bytes + kNonceBytes,
                                                 sealed->size() - kNonceBytes, bytes_of(context), context.size(), bytes, key.raw()) != 0)
    return cannot_open("not authentic: another key, another use, or damaged");
  return ok();
}

struct Wrapped {
  std::string_view kek_id;
  std::string_view sealed;
};

std::optional<Wrapped> parse(std::string_view tag, std::string_view text) {
  if (text.size() > 2 * kSealedBytesMax || !text.starts_with(tag)) return std::nullopt;
  text.remove_prefix(tag.size());
  if (!text.starts_with('.')) return std::nullopt;
  text.remove_prefix(1);
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos || !is_id(text.substr(0, dot))) return std::nullopt;
  return Wrapped{text.substr(0, dot), text.substr(dot + 1)};
}

Error wrong_root(const std::string& detail) { return Error(ErrorCode::unavailable, detail); }

Status require_private(const std::string& path, int fd) {
  struct stat info{};
  if (::fstat(fd, &info) != 0) return os::file_error(path, errno);
  if (!S_ISREG(info.st_mode)) return wrong_root("the master key " + path + " is not a file");
  if (info.st_uid != ::geteuid()) return wrong_root("the master key " + path + " belongs to another user");
  const mode_t mode = info.st_mode & 07777;
  if (mode != 0400 && mode != 0600) return wrong_root("others may read the master key " + path + ": set its mode to 0600");
  return ok();
}

Status insert_kek(Session& session, const SecretKey& root, std::string_view owner, const SecretKey& kek, std::int64_t now_ms) {
  const std::string id = new_id("kek");
  TRY(session.exec("INSERT INTO keyring (id, owner, state, wrapped, created_ms) VALUES (?, ?, 'active', ?, ?)",
                   {id, owner, encrypt(root, kek.bytes(), kek_context(id, owner)), now_ms}));
  return ok();
}

Result<SecretKey> root_of(Database& database, const std::string& path) {
  const bool has_keys =
      TRY(database.read([](Session& session) -> Result<bool> { return TRY(session.query_one("SELECT id FROM keyring LIMIT 1")).has_value(); }));
  if (has_keys || ::access(path.c_str(), F_OK) == 0) {
    auto root = read_root_key(path);
    if (!root.ok() && root.error().code() == ErrorCode::not_found)
      return wrong_root("the master key " + path +
                        " is missing: put the file back. Nothing that is stored can be read without it, and a new one would not help");
    return root;
  }
  log::info("store.master_key_made", {{"file", path}});
  return make_root_key(path);
}

}  // namespace

struct Keyring::Kek {
  std::string id;
  SecretKey key;
};

Result<SecretKey> read_root_key(const std::string& path) {
  const os::Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return os::file_error(path, errno);
  TRY(require_private(path, file.get()));
  std::array<char, 80> text{};
  ssize_t size = 0;
  do size = ::read(file.get(), text.data(), text.size());
  while (size < 0 && errno == EINTR);
  if (size < 0) return os::file_error(path, errno);
  std::string_view content(text.data(), static_cast<std::size_t>(size));
  SecretKey key = SecretKey::zero();
  if (content.size() == 2 * SecretKey::kBytes + 1 && content.back() == '\n') content.remove_suffix(1);
  std::size_t decoded = 0;
  const bool is_hex = content.size() == 2 * SecretKey::kBytes &&
                      sodium_hex2bin(reinterpret_cast<unsigned char*>(key.writable().data()), SecretKey::kBytes, content.data(), content.size(),
                                     nullptr, &decoded, nullptr) == 0 &&
                      decoded == SecretKey::kBytes;
  const bool is_raw = content.size() == SecretKey::kBytes;
  if (is_raw) std::memcpy(key.writable().data(), content.data(), SecretKey::kBytes);
  sodium_memzero(text.data(), text.size());
  if (!is_hex && !is_raw) return wrong_root("the master key " + path + " has neither 32 bytes nor 64 hex digits");
  return key;
}

Result<SecretKey> make_root_key(const std::string& path) {
  SecretKey key = SecretKey::random();
  std::string text = to_hex(key.bytes()) + "\n";
  auto status = os::write_new_file(path, text, 0600);
  sodium_memzero(text.data(), text.size());
  TRY(std::move(status));
  return key;
}

Keyring::Keyring(Database& database, const Clock& clock, SecretKey root, SecretKey derivation)
    : database_(database), clock_(clock), root_(std::move(root)), derivation_(std::move(derivation)) {}

Keyring::~Keyring() = default;

Result<std::unique_ptr<Keyring>> Keyring::open(Database& database, const std::string& root_key_path, const Clock& clock) {
  if (sodium_init() < 0) return Error(ErrorCode::internal, "the cryptographic library can't start");
  SecretKey root = TRY(root_of(database, root_key_path));
  TRY(database.write([&](Session& session) -> Status {
    for (const std::string_view owner : {kValuesOwner, kDerivationOwner}) {
      if (TRY(session.query_one("SELECT id FROM keyring WHERE owner = ? AND state = 'active'", {owner}))) continue;
      TRY(insert_kek(session, root, owner, SecretKey::random(), clock.unix_ms()));
    }
    return ok();
  }));
  std::unique_ptr<Keyring> keyring(new Keyring(database, clock, std::move(root), SecretKey::zero()));
  auto derivation = keyring->active_kek(kDerivationOwner);
  if (!derivation.ok())
    return wrong_root("the master key " + root_key_path + " is not the one that this database was made with").because(derivation.error().internal());
  keyring->derivation_ = std::move(derivation->key);
  return keyring;
}

// The lock spans row and root: a rotation in between would have changed one of them.
Result<Keyring::Kek> Keyring::active_kek(std::string_view owner) {
  std::lock_guard lock(mutex_);
  const auto find = [&](Session& session) {
    return session.query_one("SELECT id, wrapped FROM keyring WHERE owner = ? AND state = 'active'", {owner});
  };
  auto row = TRY(database_.read(find));
  if (!row) {
    row = TRY(database_.write([&](Session& session) -> Result<std::optional<Row>> {
      TRY(insert_kek(session, root_, owner, SecretKey::random(), clock_.unix_ms()));
      return find(session);
    }));
  }
  if (!row) return cannot_open("no active key");
  Kek kek{row->text("id"), SecretKey::zero()};
  TRY(decrypt(root_, row->text("wrapped"), kek_context(kek.id, owner), kek.key.writable()));
  return kek;
}

Result<Keyring::Kek> Keyring::kek_by_id(std::string_view id) {
  std::lock_guard lock(mutex_);
  const auto row =
      TRY(database_.read([&](Session& session) { return session.query_one("SELECT owner, state, wrapped FROM keyring WHERE id = ?", {id}); }));
  if (!row) return cannot_open("no key " + std::string(id));
  if (row->text("state") == "destroyed") return cannot_open("key " + std::string(id) + " was destroyed");
  Kek kek{std::string(id), SecretKey::zero()};
  TRY(decrypt(root_, row->text("wrapped"), kek_context(id, row->text("owner")), kek.key.writable()));
  return kek;
}

Result<std::string> Keyring::wrap_dek(const SecretKey& dek, const KeyUse& use) {
  const Kek kek = TRY(active_kek(use.owner));
  return std::string(kDekTag) + "." + kek.id + "." + encrypt(kek.key, dek.bytes(), dek_context(use));
}

Result<SecretKey> Keyring::unwrap_dek(std::string_view wrapped, const KeyUse& use) {
  const auto parts = parse(kDekTag, wrapped);
  if (!parts) return cannot_open("no wrapped data key");
  const Kek kek = TRY(kek_by_id(parts->kek_id));
  SecretKey dek = SecretKey::zero();
  TRY(decrypt(kek.key, parts->sealed, dek_context(use), dek.writable()));
  return dek;
}

Result<std::string> Keyring::seal(std::string_view secret, std::string_view name) {
  if (secret.size() > kSealedBytesMax) return Error(ErrorCode::internal, "a secret is too long");
  const Kek kek = TRY(active_kek(kValuesOwner));
  return std::string(kValueTag) + "." + kek.id + "." + encrypt(kek.key, as_bytes(secret), value_context(name));
}

Result<Secret> Keyring::unseal(std::string_view sealed, std::string_view name) {
  const auto parts = parse(kValueTag, sealed);
  const auto bytes = parts ? from_base64url(parts->sealed) : std::nullopt;
  if (!bytes || bytes->size() < kNonceBytes + kTagBytes) return cannot_open("no sealed value");
  const Kek kek = TRY(kek_by_id(parts->kek_id));
  std::string plain(bytes->size() - kNonceBytes - kTagBytes, '\0');
  TRY(decrypt(kek.key, parts->sealed, value_context(name), std::as_writable_bytes(std::span(plain.data(), plain.size()))));
  return Secret(std::move(plain));
}

SecretKey Keyring::derive(std::string_view purpose) const {
  const std::string context = context_of({"slipway derive v1", purpose});
  SecretKey key = SecretKey::zero();
  crypto_generichash(reinterpret_cast<unsigned char*>(key.writable().data()), SecretKey::kBytes, bytes_of(context), context.size(), derivation_.raw(),
                     SecretKey::kBytes);
  return key;
}

Status Keyring::retire(std::string_view owner) {
  TRY(database_.write(
      [&](Session& session) { return session.exec("UPDATE keyring SET state = 'decrypt-only' WHERE owner = ? AND state = 'active'", {owner}); }));
  return ok();
}

Status Keyring::destroy(std::string_view owner) {
  TRY(database_.write(
      [&](Session& session) { return session.exec("UPDATE keyring SET state = 'destroyed', wrapped = '' WHERE owner = ?", {owner}); }));
  return database_.checkpoint();  // the log still has the old row
}

Status Keyring::rotate_root(SecretKey next) {
  std::lock_guard lock(mutex_);
  TRY(database_.write([&](Session& session) -> Status {
    for (const Row& row : TRY(session.query("SELECT id, owner, wrapped FROM keyring WHERE state <> 'destroyed'"))) {
      const std::string context = kek_context(row.text("id"), row.text("owner"));
      SecretKey kek = SecretKey::zero();
      TRY(decrypt(root_, row.text("wrapped"), context, kek.writable()));
      TRY(session.exec("UPDATE keyring SET wrapped = ? WHERE id = ?", {encrypt(next, kek.bytes(), context), row.text("id")}));
    }
    return ok();
  }));
  root_ = std::move(next);
  return database_.checkpoint();
}

}  // namespace slipway::store
