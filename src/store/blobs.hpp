// Blobs: write-once byte sequences by id. A blob is either wholly there and on disk, or not there at all.
// Blobs is thread-safe; a writer belongs to one thread at a time; a reader may be read by several. Calls block.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "slipway/base/result.hpp"

namespace slipway::store {

class BlobWriter {
 public:
  virtual ~BlobWriter() = default;                             // without commit(): as if it had never been
  virtual Status write(std::span<const std::byte> bytes) = 0;  // `storage_full` when there is no room
  // When this answers ok, the blob and its name are on disk. A failing fsync ends the process: the kernel may have dropped the
  // pages, and a second fsync would lie.
  virtual Status commit() = 0;
};

class BlobReader {
 public:
  virtual ~BlobReader() = default;
  virtual std::uint64_t size() const = 0;
  virtual Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> into) const = 0;  // all of `into`, less only at the end
};

struct BlobInfo {
  std::string id;
  std::uint64_t bytes;
  std::int64_t modified_ms;
};

class Blobs {
 public:
  virtual ~Blobs() = default;
  // id: as is_id() says; one that exists already is a `conflict` at commit(). Not visible before commit().
  virtual Result<std::unique_ptr<BlobWriter>> create(std::string_view id) = 0;
  virtual Result<std::unique_ptr<BlobReader>> open(std::string_view id) = 0;  // `not_found`
  virtual Result<bool> remove(std::string_view id) = 0;                       // false: there was none; durable when it returns
  virtual Result<std::vector<BlobInfo>> list() = 0;                           // committed ones, by id
  virtual Result<std::uint64_t> free_bytes() = 0;                             // room for more
};

// A directory, one file a blob. Leftovers of writers that were interrupted are removed when it is opened: hold the DataDir.
// Unfinished ones have no name where the file system can do that (O_TMPFILE), and are .tmp- files elsewhere.
enum class Unfinished { unnamed, named };
Result<std::unique_ptr<Blobs>> open_local_blobs(const std::string& directory, Unfinished unfinished = Unfinished::unnamed);

// For tests.
std::unique_ptr<Blobs> make_memory_blobs();

// `storage_full` unless `bytes` more fit and `keep_free` stay free.
Status require_free(Blobs& blobs, std::uint64_t bytes, std::uint64_t keep_free);

// A decorator that asks before each operation whether it shall fail, for tests: fault("write", id) and so on; operations are
// create, write, commit, open, read, remove, list.
using Fault = std::function<Status(std::string_view operation, std::string_view id)>;
std::unique_ptr<Blobs> make_faulty_blobs(std::unique_ptr<Blobs> inner, Fault fault);

}  // namespace slipway::store
