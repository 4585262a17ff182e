// Sealed blobs: encryption and hashing in one pass over Blobs, in the payload layout of age (docs/formats/blob.md):
// nonce16 ‖ chunks of 64 KiB under ChaCha20-Poly1305. Any change of the stored bytes is noticed: no byte is given out unchecked.
// A writer belongs to one thread at a time, a reader too (it keeps one chunk).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "slipway/base/result.hpp"
#include "slipway/os/fd.hpp"
#include "slipway/store/blobs.hpp"
#include "slipway/store/secret_key.hpp"

namespace slipway::store {

struct SealedInfo {
  std::string sha256;  // of the clear bytes, 64 hex digits
  std::uint64_t plain_bytes = 0;
  std::uint64_t stored_bytes = 0;
};

class SealedWriter {
 public:
  // `file_key` must be fresh: one key, one blob.
  static Result<SealedWriter> create(Blobs& blobs, std::string_view id, const SecretKey& file_key);
  SealedWriter(SealedWriter&&) noexcept;
  SealedWriter& operator=(SealedWriter&&) noexcept;
  ~SealedWriter();  // without finish(): as if it had never been

  Status write(std::span<const std::byte> bytes);
  std::uint64_t plain_bytes() const;
  // Several files in one blob follow one another: digest and size of what was written since the last end_part() or the beginning.
  struct Part {
    std::string sha256;
    std::uint64_t bytes = 0;
  };
  Result<Part> end_part();
  Result<SealedInfo> finish();  // last chunk, then BlobWriter::commit(): on disk when it answers ok

 private:
  struct State;
  explicit SealedWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

class SealedReader {
 public:
  // Checks the last chunk at once, so that size() can be believed. `internal` ("damaged") when it isn't what was written.
  static Result<SealedReader> open(Blobs& blobs, std::string_view id, const SecretKey& file_key);
  static Result<SealedReader> open(std::unique_ptr<BlobReader> blob, std::span<const std::byte> file_key);  // age's own have 16 bytes
  SealedReader(SealedReader&&) noexcept;
  SealedReader& operator=(SealedReader&&) noexcept;
  ~SealedReader();

  std::uint64_t size() const;                                                 // clear bytes
  Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> into);  // all of `into`, less only at the end

 private:
  struct State;
  explicit SealedReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// The clear bytes in a sealed memfd, for a cell. With `sha256` (hex) they must also have that digest.
Result<os::Fd> decrypt_to_memfd(SealedReader& reader, std::string_view name, std::uint64_t bytes_max,
                                const std::optional<std::string>& sha256 = std::nullopt);
// The same of a stretch of it.
Result<os::Fd> decrypt_part_to_memfd(SealedReader& reader, std::string_view name, std::uint64_t offset, std::uint64_t bytes,
                                     const std::optional<std::string>& sha256);

}  // namespace slipway::store
