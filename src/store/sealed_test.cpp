#include "slipway/store/sealed.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sodium.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "slipway/base/encoding.hpp"
#include "slipway/base/ids.hpp"
#include "slipway/os/memfd.hpp"
#include "slipway/store/test_dir.hpp"

namespace slipway::store {
namespace {

constexpr std::size_t kChunk = 65536;
constexpr std::size_t kStoredChunk = kChunk + 16;

const unsigned char* raw(const std::string& s) { return reinterpret_cast<const unsigned char*>(s.data()); }
unsigned char* raw(std::string& s) { return reinterpret_cast<unsigned char*>(s.data()); }

std::string sha256(const std::string& s) {
  std::string digest(32, '\0');
  crypto_hash_sha256(raw(digest), raw(s), s.size());
  return to_hex(as_bytes(digest));
}

std::string hmac(const std::string& key, const std::string& message) {
  std::string mac(32, '\0');
  crypto_auth_hmacsha256_state state;
  crypto_auth_hmacsha256_init(&state, raw(key), key.size());
  crypto_auth_hmacsha256_update(&state, raw(message), message.size());
  crypto_auth_hmacsha256_final(&state, raw(mac));
  return mac;
}

// The same format written a second time, plainly and with another library.
std::string reference_seal(const std::string& file_key, const std::string& nonce, const std::string& plain) {
  const std::string key = hmac(hmac(nonce, file_key), "payload\x01");
  std::string out = nonce;
  const std::size_t chunks = std::max<std::size_t>((plain.size() + kChunk - 1) / kChunk, 1);
  for (std::size_t i = 0; i < chunks; ++i) {
    const std::string chunk = plain.substr(i * kChunk, kChunk);
    std::string chunk_nonce(12, '\0');
    chunk_nonce[10] = static_cast<char>(i & 255);
    chunk_nonce[9] = static_cast<char>(i >> 8);
    chunk_nonce[11] = i + 1 == chunks ? 1 : 0;
    std::string stored(chunk.size() + 16, '\0');
    crypto_aead_chacha20poly1305_ietf_encrypt(raw(stored), nullptr, raw(chunk), chunk.size(), nullptr, 0, nullptr, raw(chunk_nonce), raw(key));
    out += stored;
  }
  return out;
}

std::string pattern(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>((i * 7 + i / 251) & 255);
  return bytes;
}

class StringReader final : public BlobReader {
 public:
  explicit StringReader(std::string bytes) : bytes_(std::move(bytes)) {}
  std::uint64_t size() const override { return bytes_.size(); }
  Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> into) const override {
    const std::size_t count = offset >= bytes_.size() ? 0 : std::min<std::size_t>(into.size(), bytes_.size() - offset);
    if (count > 0) std::memcpy(into.data(), bytes_.data() + offset, count);
    return count;
  }

 private:
  std::string bytes_;
};

// The whole content, or nothing when any of it is refused.
std::optional<std::string> read_all(const std::string& stored, std::span<const std::byte> file_key) {
  auto reader = SealedReader::open(std::make_unique<StringReader>(stored), file_key);
  if (!reader.ok()) return std::nullopt;
  std::string plain(reader->size(), '?');
  const auto got = reader->read(0, std::as_writable_bytes(std::span(plain.data(), plain.size())));
  if (!got.ok()) return std::nullopt;
  EXPECT_EQ(*got, plain.size());
  return plain;
}

std::string stored_bytes(Blobs& blobs, const std::string& id) {
  const auto reader = blobs.open(id).value();
  std::string bytes(reader->size(), '?');
  EXPECT_EQ(reader->read(0, std::as_writable_bytes(std::span(bytes.data(), bytes.size()))).value(), bytes.size());
  return bytes;
}

class Sealed : public ::testing::Test {
 protected:
  std::unique_ptr<Blobs> blobs_ = make_memory_blobs();
  SecretKey key_ = SecretKey::random();

  std::string seal(const std::string& plain) {
    const std::string id = new_id("blb");
    auto writer = SealedWriter::create(*blobs_, id, key_).value();
    EXPECT_TRUE(writer.write(as_bytes(plain)).ok());
    EXPECT_TRUE(writer.finish().ok());
    return stored_bytes(*blobs_, id);
  }
  std::optional<std::string> open(const std::string& stored) { return read_all(stored, key_.bytes()); }
};

// Computed by Python's `cryptography`: key 00…1f, nonce 80…8f, content pattern(n).
TEST_F(Sealed, ReadsWhatAnotherImplementationWrote) {
  std::string key, nonce;
  for (int i = 0; i < 32; ++i) key.push_back(static_cast<char>(i));
  for (int i = 0x80; i < 0x90; ++i) nonce.push_back(static_cast<char>(i));
  EXPECT_EQ(read_all(*from_hex("808182838485868788898a8b8c8d8e8fe3bc9681223fe95257d629c6eebdce05"), as_bytes(key)), "");
  EXPECT_EQ(read_all(*from_hex("808182838485868788898a8b8c8d8e8fd3cb9c823755391d181abb8c24d2218c61e56513c26ce5"), as_bytes(key)), "slipway");
  const std::vector<std::pair<std::size_t, const char*>> digests = {{1, "12a3041408c8e8ad92612d097eb9cab268f550ddb3b709bb793ca0223d9e10ed"},
                                                                    {65535, "64703a74c009960bdde10be625be8edb7df29eac0996e15eb487840e12de100f"},
                                                                    {65536, "bdaa8607e521846afd7737a4524c03ed09df9c63e8d772488953211a3ff6e967"},
                                                                    {65537, "08ba3733c58cd2195f2689b37ada59b677aac88fb631f98035dcaec4bca7c252"},
                                                                    {131072, "e719b734af679f2cae838c8b13c0e20e2accc70c98be3e6690e5b0deb5435fb1"},
                                                                    {200000, "85defe288f56c14b9c377b9e95075bcf222e106bc35d79b86a7c7e18f6590355"}};
  for (const auto& [size, digest] : digests) {
    const std::string stored = reference_seal(key, nonce, pattern(size));
    EXPECT_EQ(sha256(stored), digest) << size;
    EXPECT_EQ(read_all(stored, as_bytes(key)), pattern(size)) << size;
  }
}

TEST_F(Sealed, WritesWhatTheReferenceWrites) {
  for (const std::size_t size : {0U, 1U, 65535U, 65536U, 65537U, 131072U, 131073U, 200000U}) {
    const std::string stored = seal(pattern(size));
    EXPECT_EQ(stored, reference_seal(std::string(as_text(key_.bytes())), stored.substr(0, 16), pattern(size))) << size;
  }
}

TEST_F(Sealed, HashesAndCountsInTheSamePassWhateverThePieces) {
  const std::string plain = pattern(200000);
  for (const std::size_t piece : {1000U, 65536U, 65537U, 200000U}) {
    const std::string id = new_id("blb");
    auto writer = SealedWriter::create(*blobs_, id, key_).value();
    for (std::size_t at = 0; at < plain.size(); at += piece)
      ASSERT_TRUE(writer.write(as_bytes(plain).subspan(at, std::min(piece, plain.size() - at))).ok());
    const auto info = writer.finish();
    ASSERT_TRUE(info.ok());
    EXPECT_EQ(info->sha256, "e870fec3223bac8f6147b08b31e6e6e4bb9abd783820bcd212b7737af6a02174");
    EXPECT_EQ(info->plain_bytes, 200000U);
    EXPECT_EQ(info->stored_bytes, 200080U);
    EXPECT_EQ(stored_bytes(*blobs_, id).size(), 200080U);
    EXPECT_EQ(open(stored_bytes(*blobs_, id)), plain);
  }
}

TEST_F(Sealed, ReadsAnywhere) {
  const std::string plain = pattern(200000);
  auto reader = SealedReader::open(std::make_unique<StringReader>(seal(plain)), key_.bytes()).value();
  EXPECT_EQ(reader.size(), 200000U);
  for (const std::size_t offset : {0U, 1U, 65535U, 65536U, 131071U, 196608U, 199999U, 200000U, 300000U})
    for (const std::size_t size : {0U, 1U, 2U, 70000U, 200001U}) {
      std::string part(size, '?');
      const std::size_t got = reader.read(offset, std::as_writable_bytes(std::span(part.data(), part.size()))).value();
      part.resize(got);
      EXPECT_EQ(part, offset < plain.size() ? plain.substr(offset, size) : "") << offset << " " << size;
    }
}

TEST_F(Sealed, NoticesEveryManipulation) {
  const std::string plain = pattern(3 * kChunk + 100);
  const std::string good = seal(plain);
  const std::string other = seal(plain);
  ASSERT_EQ(open(good), plain);
  const auto chunk = [&](const std::string& s, std::size_t i) { return s.substr(16 + i * kStoredChunk, kStoredChunk); };
  const std::string nonce = good.substr(0, 16);
  const std::vector<std::pair<const char*, std::string>> manipulations = {
      {"empty", ""},
      {"nonce only", nonce},
      {"a byte short", good.substr(0, good.size() - 1)},
      {"last chunk dropped", good.substr(0, 16 + 3 * kStoredChunk)},
      {"cut within a chunk", good.substr(0, 16 + kStoredChunk + 1000)},
      {"cut to a tag", good.substr(0, 16 + kStoredChunk + 16)},
      {"first chunk dropped", nonce + good.substr(16 + kStoredChunk)},
      {"middle chunk dropped", nonce + chunk(good, 0) + good.substr(16 + 2 * kStoredChunk)},
      {"two chunks swapped", nonce + chunk(good, 1) + chunk(good, 0) + chunk(good, 2) + chunk(good, 3)},
      {"a chunk twice", nonce + chunk(good, 0) + chunk(good, 0) + chunk(good, 2) + chunk(good, 3)},
      {"last chunk twice", good + chunk(good, 3)},
      {"last chunk in the middle", nonce + chunk(good, 0) + chunk(good, 3)},
      {"a byte appended", good + "x"},
      {"an empty last chunk appended", good.substr(0, 16 + 3 * kStoredChunk) + std::string(16, '\0')},
      {"zeros appended", good + std::string(kStoredChunk, '\0')},
      {"a chunk of another blob", nonce + chunk(other, 0) + good.substr(16 + kStoredChunk)},
      {"the nonce of another blob", other.substr(0, 16) + good.substr(16)},
  };
  for (const auto& [what, stored] : manipulations) EXPECT_FALSE(open(stored).has_value()) << what;
}

TEST_F(Sealed, NoticesAnyFlippedByte) {
  const std::string good = seal(pattern(kChunk + 50));
  for (std::size_t i = 0; i < good.size(); i += i < 40 || i + 80 > good.size() ? 1 : 4099) {
    std::string flipped = good;
    flipped[i] = static_cast<char>(flipped[i] ^ 1);
    EXPECT_FALSE(open(flipped).has_value()) << i;
  }
}

TEST_F(Sealed, RefusesAnEmptyLastChunkThatIsAuthentic) {
  // age: one way to write each content. A writer that ends a full chunk with an empty one is another program.
  const std::string key(as_text(key_.bytes()));
  std::string nonce(16, 'n');
  const std::string payload = hmac(hmac(nonce, key), "payload\x01");
  std::string stored = reference_seal(key, nonce, pattern(2 * kChunk)).substr(0, 16 + kStoredChunk);
  std::string chunk_nonce(12, '\0');
  chunk_nonce[10] = 1;
  chunk_nonce[11] = 1;
  std::string tag(16, '\0');
  crypto_aead_chacha20poly1305_ietf_encrypt(raw(tag), nullptr, nullptr, 0, nullptr, 0, nullptr, raw(chunk_nonce), raw(payload));
  EXPECT_FALSE(open(stored + tag).has_value());
}

TEST_F(Sealed, RefusesAnotherKey) { EXPECT_FALSE(read_all(seal("secret"), SecretKey::random().bytes()).has_value()); }

TEST_F(Sealed, NeverGivesOutBytesOfAChunkThatFailed) {
  std::string stored = seal(pattern(2 * kChunk));
  stored[100] = static_cast<char>(stored[100] ^ 1);
  auto reader = SealedReader::open(std::make_unique<StringReader>(stored), key_.bytes()).value();
  std::string part(100, '?');
  EXPECT_FALSE(reader.read(0, std::as_writable_bytes(std::span(part.data(), part.size()))).ok());
  EXPECT_EQ(part, std::string(100, '?'));
  EXPECT_TRUE(reader.read(kChunk, std::as_writable_bytes(std::span(part.data(), part.size()))).ok());
  EXPECT_FALSE(reader.read(10, std::as_writable_bytes(std::span(part.data(), part.size()))).ok());
}

TEST_F(Sealed, StoresNothingInClear) {
  TestDir dir;
  const auto blobs = open_local_blobs(dir.path()).value();
  const std::string canary = "a sentence that must not be found on the disk. ";
  auto writer = SealedWriter::create(*blobs, new_id("blb"), key_).value();
  for (int i = 0; i < 5000; ++i) ASSERT_TRUE(writer.write(as_bytes(canary)).ok());
  ASSERT_TRUE(writer.finish().ok());
  EXPECT_GT(dir.everything().size(), 5000 * canary.size());
  EXPECT_THAT(dir.everything(), Not(::testing::HasSubstr(canary.substr(0, 16))));
}

TEST_F(Sealed, LeavesNothingWhenTheDiskFails) {
  for (const std::string operation : {"create", "write", "commit"}) {
    int calls = 0;
    const auto faulty = make_faulty_blobs(make_memory_blobs(), [&](std::string_view op, std::string_view) -> Status {
      if (op == operation && ++calls == (operation == "write" ? 3 : 1)) return Error(ErrorCode::storage_full, "no room");
      return ok();
    });
    const auto attempt = [&]() -> Result<SealedInfo> {
      auto writer = TRY(SealedWriter::create(*faulty, new_id("blb"), key_));
      const auto written = writer.write(as_bytes(pattern(4 * kChunk)));
      if (!written.ok()) {
        EXPECT_FALSE(writer.finish().ok());  // a failed writer stays failed
        return written.error();
      }
      return writer.finish();
    };
    const auto result = attempt();
    ASSERT_FALSE(result.ok()) << operation;
    EXPECT_EQ(result.error().code(), ErrorCode::storage_full);
    EXPECT_TRUE(faulty->list().value().empty());
  }
}

TEST_F(Sealed, DecryptsIntoASealedMemfd) {
  const std::string plain = pattern(150000);
  auto reader = SealedReader::open(std::make_unique<StringReader>(seal(plain)), key_.bytes()).value();
  const auto memfd = decrypt_to_memfd(reader, "model", 1 << 20, sha256(plain));
  ASSERT_TRUE(memfd.ok()) << memfd.error().internal();
  EXPECT_TRUE(os::is_sealed(*memfd));
  EXPECT_EQ(as_text(os::Mapping::read_only(*memfd).value().bytes()), plain);
  EXPECT_EQ(decrypt_to_memfd(reader, "model", 149999).error().code(), ErrorCode::too_large);
  EXPECT_FALSE(decrypt_to_memfd(reader, "model", 1 << 20, sha256("other")).ok());
}

// The C2SP/CCTV vectors of age, from a copy that is not part of the repository (Go module c2sp.org/CCTV/age,
// bodies inflated): SLIPWAY_AGE_VECTORS names the directory.
TEST_F(Sealed, AgreesWithThePublishedStreamVectorsOfAge) {
  const char* directory = std::getenv("SLIPWAY_AGE_VECTORS");
  if (directory == nullptr) GTEST_SKIP() << "SLIPWAY_AGE_VECTORS is not set";
  int vectors = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (!entry.path().filename().string().starts_with("stream_")) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string content{std::istreambuf_iterator<char>(file), {}};
    const auto field = [&](const std::string& name) {
      const std::size_t at = content.find("\n" + name + ": ");
      if (at == std::string::npos) return std::string();
      const std::size_t begin = at + name.size() + 3;
      return content.substr(begin, content.find('\n', begin) - begin);
    };
    ASSERT_EQ(field("compressed"), "") << entry.path();
    const bool success = content.starts_with("expect: success\n");
    const std::size_t mac = content.find("\n--- ", content.find("\n\n") + 2);
    const std::string stored = content.substr(content.find('\n', mac + 1) + 1);
    const auto plain = read_all(stored, as_bytes(*from_hex(field("file key"))));
    EXPECT_EQ(plain.has_value(), success) << entry.path();
    if (plain && success) { EXPECT_EQ(sha256(*plain), field("payload")) << entry.path(); }
    ++vectors;
  }
  EXPECT_GE(vectors, 20);
}

}  // namespace
}  // namespace slipway::store
