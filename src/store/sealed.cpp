#include "slipway/store/sealed.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "slipway/base/encoding.hpp"
#include "slipway/base/ids.hpp"
#include "slipway/os/memfd.hpp"

namespace slipway::store {
namespace {

constexpr std::size_t kChunkBytes = 64 * 1024;
constexpr std::size_t kTagBytes = 16;
constexpr std::size_t kStoredChunkBytes = kChunkBytes + kTagBytes;
constexpr std::size_t kNonceBytes = 16;
constexpr std::size_t kChunkNonceBytes = 12;

struct FreeCipher {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
struct FreeDigest {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
struct FreeKdf {
  void operator()(EVP_KDF* kdf) const { EVP_KDF_free(kdf); }
};
struct FreeKdfContext {
  void operator()(EVP_KDF_CTX* context) const { EVP_KDF_CTX_free(context); }
};
using Cipher = std::unique_ptr<EVP_CIPHER_CTX, FreeCipher>;

unsigned char* raw(std::byte* bytes) { return reinterpret_cast<unsigned char*>(bytes); }
const unsigned char* raw(const std::byte* bytes) { return reinterpret_cast<const unsigned char*>(bytes); }

Error broken_library(const char* what) { return Error(ErrorCode::internal, "the cryptographic library failed").because(what); }
Error damaged(const char* why) { return Error(ErrorCode::internal, "the stored data is damaged").because(why); }

// HKDF-SHA256(file key, salt = nonce, info = "payload"), as age has it.
Result<SecretKey> payload_key(std::span<const std::byte> file_key, std::span<const std::byte, kNonceBytes> nonce) {
  const std::unique_ptr<EVP_KDF, FreeKdf> kdf(EVP_KDF_fetch(nullptr, "HKDF", nullptr));
  const std::unique_ptr<EVP_KDF_CTX, FreeKdfContext> context(kdf ? EVP_KDF_CTX_new(kdf.get()) : nullptr);
  if (!context) return broken_library("HKDF");
  char digest[] = "SHA256";
  char info[] = "payload";
  const std::array<OSSL_PARAM, 5> params = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, const_cast<std::byte*>(file_key.data()), file_key.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, const_cast<std::byte*>(nonce.data()), nonce.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, sizeof info - 1),
      OSSL_PARAM_construct_end(),
  };
  SecretKey key = SecretKey::zero();
  if (EVP_KDF_derive(context.get(), raw(key.writable().data()), SecretKey::kBytes, params.data()) != 1) return broken_library("HKDF");
  return key;
}

// 11 bytes of big-endian counter, then 1 for the last chunk: no chunk can be moved, dropped or be taken for the last one.
std::array<unsigned char, kChunkNonceBytes> chunk_nonce(std::uint64_t index, bool last) {
  std::array<unsigned char, kChunkNonceBytes> nonce{};
  for (std::size_t i = 0; i < 8; ++i) nonce[10 - i] = static_cast<unsigned char>(index >> (8 * i));
  nonce[11] = last ? 1 : 0;
  return nonce;
}

Result<Cipher> make_cipher(const SecretKey& key, bool encrypting) {
  Cipher cipher(EVP_CIPHER_CTX_new());
  if (!cipher || EVP_CipherInit_ex(cipher.get(), EVP_chacha20_poly1305(), nullptr, key.raw(), nullptr, encrypting ? 1 : 0) != 1)
    return broken_library("ChaCha20-Poly1305");
  return cipher;
}

Status encrypt_chunk(EVP_CIPHER_CTX* cipher, std::uint64_t index, bool last, std::span<const std::byte> plain, std::span<std::byte> stored) {
  const auto nonce = chunk_nonce(index, last);
  int size = 0;
  int rest = 0;
  if (EVP_EncryptInit_ex(cipher, nullptr, nullptr, nullptr, nonce.data()) != 1 ||
      EVP_EncryptUpdate(cipher, raw(stored.data()), &size, raw(plain.data()), static_cast<int>(plain.size())) != 1 ||
      EVP_EncryptFinal_ex(cipher, raw(stored.data()) + size, &rest) != 1 ||
      EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, kTagBytes, stored.data() + plain.size()) != 1)
    return broken_library("encryption of a chunk");
  return ok();
}

// `plain` may be looked at only when this answers ok.
Status decrypt_chunk(EVP_CIPHER_CTX* cipher, std::uint64_t index, bool last, std::span<const std::byte> stored, std::span<std::byte> plain) {
  const auto nonce = chunk_nonce(index, last);
  const std::size_t plain_bytes = stored.size() - kTagBytes;
  std::array<std::byte, kTagBytes> tag{};
  std::memcpy(tag.data(), stored.data() + plain_bytes, kTagBytes);
  int size = 0;
  int rest = 0;
  if (EVP_DecryptInit_ex(cipher, nullptr, nullptr, nullptr, nonce.data()) != 1 ||
      EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, kTagBytes, tag.data()) != 1 ||
      EVP_DecryptUpdate(cipher, raw(plain.data()), &size, raw(stored.data()), static_cast<int>(plain_bytes)) != 1)
    return broken_library("decryption of a chunk");
  if (EVP_DecryptFinal_ex(cipher, raw(plain.data()) + size, &rest) != 1) return damaged("a chunk is not authentic");
  return ok();
}

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new()) { good_ = context_ && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1; }
  void add(std::span<const std::byte> bytes) { good_ = good_ && EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1; }
  Result<std::string> finish() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    if (!good_ || EVP_DigestFinal_ex(context_.get(), digest.data(), &size) != 1) return broken_library("SHA-256");
    return to_hex(std::as_bytes(std::span(digest.data(), size)));
  }
  // Of what was added so far; more may be added.
  Result<std::string> so_far() const {
    Sha256 copy;
    copy.good_ = copy.good_ && good_ && EVP_MD_CTX_copy_ex(copy.context_.get(), context_.get()) == 1;
    return copy.finish();
  }

 private:
  std::unique_ptr<EVP_MD_CTX, FreeDigest> context_;
  bool good_ = false;
};

// Clear text of one chunk, wiped at the end.
struct ChunkBuffer {
  std::vector<std::byte> bytes = std::vector<std::byte>(kChunkBytes);
  ~ChunkBuffer() { OPENSSL_cleanse(bytes.data(), bytes.size()); }
};

}  // namespace

struct SealedWriter::State {
  std::unique_ptr<BlobWriter> blob;
  Cipher cipher;
  Sha256 hash;
  std::optional<Sha256> part_hash;  // of the second part and later ones: until then `hash` is the part's too
  std::uint64_t part_begin = 0;
  ChunkBuffer plain;
  std::vector<std::byte> stored = std::vector<std::byte>(kStoredChunkBytes);
  std::size_t filled = 0;  // of `plain`
  std::uint64_t index = 0;
  std::uint64_t plain_bytes = 0;
  std::uint64_t stored_bytes = 0;
  bool over = false;  // finished or failed

  Status flush(bool last) {
    const std::span stored_chunk(stored.data(), filled + kTagBytes);
    TRY(encrypt_chunk(cipher.get(), index, last, std::span(plain.bytes.data(), filled), stored_chunk));
    TRY(blob->write(stored_chunk));
    stored_bytes += stored_chunk.size();
    index += 1;
    filled = 0;
    return ok();
  }
};

SealedWriter::SealedWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
SealedWriter::SealedWriter(SealedWriter&&) noexcept = default;
SealedWriter& SealedWriter::operator=(SealedWriter&&) noexcept = default;
SealedWriter::~SealedWriter() = default;

Result<SealedWriter> SealedWriter::create(Blobs& blobs, std::string_view id, const SecretKey& file_key) {
  const std::string random = random_bytes(kNonceBytes);
  const std::span<const std::byte, kNonceBytes> nonce(as_bytes(random).data(), kNonceBytes);
  const SecretKey key = TRY(payload_key(file_key.bytes(), nonce));
  auto state = std::make_unique<State>();
  state->cipher = TRY(make_cipher(key, true));
  state->blob = TRY(blobs.create(id));
  TRY(state->blob->write(nonce));
  state->stored_bytes = nonce.size();
  return SealedWriter(std::move(state));
}

Status SealedWriter::write(std::span<const std::byte> bytes) {
  State& s = *state_;
  if (s.over) return Error(ErrorCode::internal, "this blob is finished, or its writing failed");
  s.over = true;
  s.hash.add(bytes);
  if (s.part_hash) s.part_hash->add(bytes);
  s.plain_bytes += bytes.size();
  while (!bytes.empty()) {
    // A full chunk is kept back until more comes: the last one is sealed differently.
    if (s.filled == kChunkBytes) TRY(s.flush(false));
    const std::size_t count = std::min(bytes.size(), kChunkBytes - s.filled);
    std::memcpy(s.plain.bytes.data() + s.filled, bytes.data(), count);
    s.filled += count;
    bytes = bytes.subspan(count);
  }
  s.over = false;
  return ok();
}

std::uint64_t SealedWriter::plain_bytes() const { return state_->plain_bytes; }

Result<SealedWriter::Part> SealedWriter::end_part() {
  State& s = *state_;
  Part part{s.part_hash ? TRY(s.part_hash->finish()) : TRY(s.hash.so_far()), s.plain_bytes - s.part_begin};
  s.part_hash.emplace();
  s.part_begin = s.plain_bytes;
  return part;
}

Result<SealedInfo> SealedWriter::finish() {
  State& s = *state_;
  if (s.over) return Error(ErrorCode::internal, "this blob is finished, or its writing failed");
  s.over = true;
  TRY(s.flush(true));
  SealedInfo info{TRY(s.hash.finish()), s.plain_bytes, s.stored_bytes};
  TRY(s.blob->commit());
  return info;
}

struct SealedReader::State {
  std::unique_ptr<BlobReader> blob;
  Cipher cipher;
  ChunkBuffer plain;
  std::vector<std::byte> stored = std::vector<std::byte>(kStoredChunkBytes);
  std::uint64_t chunks = 0;
  std::uint64_t plain_bytes = 0;
  std::uint64_t loaded = UINT64_MAX;  // index of the chunk in `plain`
  std::size_t loaded_bytes = 0;

  std::size_t stored_size(std::uint64_t index) const {
    if (index + 1 < chunks) return kStoredChunkBytes;
    return static_cast<std::size_t>(blob->size() - kNonceBytes - index * kStoredChunkBytes);
  }

  Status load(std::uint64_t index) {
    if (loaded == index) return ok();
    loaded = UINT64_MAX;
    const std::span chunk(stored.data(), stored_size(index));
    if (TRY(blob->read(kNonceBytes + index * kStoredChunkBytes, chunk)) != chunk.size()) return damaged("shorter than it was when it was opened");
    TRY(decrypt_chunk(cipher.get(), index, index + 1 == chunks, chunk, plain.bytes));
    loaded_bytes = chunk.size() - kTagBytes;
    loaded = index;
    return ok();
  }
};

SealedReader::SealedReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
SealedReader::SealedReader(SealedReader&&) noexcept = default;
SealedReader& SealedReader::operator=(SealedReader&&) noexcept = default;
SealedReader::~SealedReader() = default;

Result<SealedReader> SealedReader::open(Blobs& blobs, std::string_view id, const SecretKey& file_key) {
  return open(TRY(blobs.open(id)), file_key.bytes());
}

Result<SealedReader> SealedReader::open(std::unique_ptr<BlobReader> blob, std::span<const std::byte> file_key) {
  const std::uint64_t stored = blob->size();
  if (stored < kNonceBytes + kTagBytes) return damaged("too short for a nonce and a chunk");
  const std::uint64_t body = stored - kNonceBytes;
  auto state = std::make_unique<State>();
  state->chunks = (body + kStoredChunkBytes - 1) / kStoredChunkBytes;
  const std::uint64_t last = body - (state->chunks - 1) * kStoredChunkBytes;
  // An empty last chunk exists only where there is nothing at all (age's rule: one way to write each content).
  if (last < kTagBytes || (last == kTagBytes && state->chunks > 1)) return damaged("the last chunk is too short");
  state->plain_bytes = body - state->chunks * kTagBytes;
  std::array<std::byte, kNonceBytes> nonce{};
  if (TRY(blob->read(0, nonce)) != nonce.size()) return damaged("the nonce can't be read");
  const SecretKey key = TRY(payload_key(file_key, nonce));
  state->cipher = TRY(make_cipher(key, false));
  state->blob = std::move(blob);
  TRY(state->load(state->chunks - 1));
  return SealedReader(std::move(state));
}

std::uint64_t SealedReader::size() const { return state_->plain_bytes; }

Result<std::size_t> SealedReader::read(std::uint64_t offset, std::span<std::byte> into) {
  State& s = *state_;
  std::size_t done = 0;
  while (done < into.size() && offset < s.plain_bytes) {
    TRY(s.load(offset / kChunkBytes));
    const auto within = static_cast<std::size_t>(offset % kChunkBytes);
    const std::size_t count = std::min(into.size() - done, s.loaded_bytes - within);
    std::memcpy(into.data() + done, s.plain.bytes.data() + within, count);
    done += count;
    offset += count;
  }
  return done;
}

Result<os::Fd> decrypt_part_to_memfd(SealedReader& reader, std::string_view name, std::uint64_t offset, std::uint64_t bytes,
                                     const std::optional<std::string>& sha256) {
  if (bytes > reader.size() || offset > reader.size() - bytes) return damaged("shorter than its parts");
  os::Fd memfd = TRY(os::make_memfd(name));
  ChunkBuffer chunk;
  Sha256 hash;
  for (std::uint64_t left = bytes; left > 0;) {
    const std::size_t wanted = static_cast<std::size_t>(std::min<std::uint64_t>(left, chunk.bytes.size()));
    const std::size_t count = TRY(reader.read(offset, std::span(chunk.bytes).first(wanted)));
    if (count == 0) return damaged("shorter than it was when it was opened");
    const std::span<const std::byte> part(chunk.bytes.data(), count);
    hash.add(part);
    TRY(os::write_all(memfd, part));
    offset += count;
    left -= count;
  }
  if (sha256 && TRY(hash.finish()) != *sha256) return damaged("the digest is another one");
  TRY(os::seal(memfd));
  return memfd;
}

Result<os::Fd> decrypt_to_memfd(SealedReader& reader, std::string_view name, std::uint64_t bytes_max, const std::optional<std::string>& sha256) {
  if (reader.size() > bytes_max) return Error(ErrorCode::too_large, "it has more than " + std::to_string(bytes_max) + " bytes");
  return decrypt_part_to_memfd(reader, name, 0, reader.size(), sha256);
}

}  // namespace slipway::store
