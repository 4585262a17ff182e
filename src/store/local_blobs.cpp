#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "slipway/base/ids.hpp"
#include "slipway/os/file.hpp"
#include "slipway/store/blobs.hpp"

namespace slipway::store {
namespace {

constexpr std::string_view kTemporaryPrefix = ".tmp-";

Status require_id(std::string_view id) {
  if (is_id(id)) return ok();
  return Error(ErrorCode::internal, "a blob's id is not an id");  // ids are made by the server: this is a bug, not input
}

class LocalWriter final : public BlobWriter {
 public:
  LocalWriter(int directory, std::string id, os::Fd file, std::string temporary)
      : directory_(directory), id_(std::move(id)), file_(std::move(file)), temporary_(std::move(temporary)) {}

  ~LocalWriter() override {
    if (!temporary_.empty()) ::unlinkat(directory_, temporary_.c_str(), 0);
  }

  Status write(std::span<const std::byte> bytes) override {
    if (broken_) return Error(ErrorCode::internal, "a write of this blob failed before");
    broken_ = true;
    TRY(os::pwrite_all(file_.get(), bytes, offset_));
    offset_ += bytes.size();
    broken_ = false;
    return ok();
  }

  // The order is the promise: content on disk, then the name, then the name on disk.
  Status commit() override {
    if (broken_) return Error(ErrorCode::internal, "a write of this blob failed before");
    broken_ = true;
    os::sync_or_abort(file_.get(), "blob");
    TRY(link());
    os::sync_or_abort(directory_, "blobs directory");
    return ok();
  }

 private:
  // linkat() refuses a name that is taken. The unnamed file goes through /proc, since AT_EMPTY_PATH wants a capability.
  Status link() {
    int result = 0;
    if (temporary_.empty()) {
      char path[32];
      std::snprintf(path, sizeof path, "/proc/self/fd/%d", file_.get());
      result = ::linkat(AT_FDCWD, path, directory_, id_.c_str(), AT_SYMLINK_FOLLOW);
    } else {
      result = ::linkat(directory_, temporary_.c_str(), directory_, id_.c_str(), 0);
      if (result == 0) {
        ::unlinkat(directory_, temporary_.c_str(), 0);
        temporary_.clear();
      }
    }
    if (result == 0) return ok();
    if (errno == EEXIST) return Error(ErrorCode::conflict, "a blob of that id exists").because(id_);
    return os::file_error("blob " + id_, errno);
  }

  int directory_;  // the Blobs' own: outlives its writers
  std::string id_;
  os::Fd file_;
  std::string temporary_;  // its name; empty: it has none
  std::uint64_t offset_ = 0;
  bool broken_ = false;
};

class LocalReader final : public BlobReader {
 public:
  LocalReader(os::Fd file, std::uint64_t size) : file_(std::move(file)), size_(size) {}
  std::uint64_t size() const override { return size_; }

  Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> into) const override {
    std::size_t done = 0;
    while (done < into.size() && offset + done < size_) {
      const ssize_t got = ::pread(file_.get(), into.data() + done, into.size() - done, static_cast<off_t>(offset + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return os::file_error("pread of a blob", errno);
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    return done;
  }

 private:
  os::Fd file_;
  std::uint64_t size_;
};

class LocalBlobs final : public Blobs {
 public:
  LocalBlobs(std::string path, os::Fd directory, Unfinished unfinished)
      : path_(std::move(path)), directory_(std::move(directory)), unfinished_(unfinished) {}

  Result<std::unique_ptr<BlobWriter>> create(std::string_view id) override {
    TRY(require_id(id));
    std::string temporary;
    os::Fd file;
    if (unfinished_ == Unfinished::unnamed) {
      file = os::Fd(::openat(directory_.get(), ".", O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600));
    } else {
      temporary = std::string(kTemporaryPrefix) + random_base62(20);
      file = os::Fd(::openat(directory_.get(), temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    }
    if (!file) return os::file_error("new blob", errno);
    return std::unique_ptr<BlobWriter>(std::make_unique<LocalWriter>(directory_.get(), std::string(id), std::move(file), std::move(temporary)));
  }

  Result<std::unique_ptr<BlobReader>> open(std::string_view id) override {
    TRY(require_id(id));
    os::Fd file(::openat(directory_.get(), std::string(id).c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (!file) return os::file_error("blob " + std::string(id), errno);
    struct stat info{};
    if (::fstat(file.get(), &info) != 0) return os::file_error("blob " + std::string(id), errno);
    if (!S_ISREG(info.st_mode)) return Error(ErrorCode::internal, "a blob is not a file").because(std::string(id));
    return std::unique_ptr<BlobReader>(std::make_unique<LocalReader>(std::move(file), static_cast<std::uint64_t>(info.st_size)));
  }

  Result<bool> remove(std::string_view id) override {
    TRY(require_id(id));
    const bool was_there = ::unlinkat(directory_.get(), std::string(id).c_str(), 0) == 0;
    if (!was_there && errno != ENOENT) return os::file_error("blob " + std::string(id), errno);
    // Also when it was gone: an earlier call may have been cut off between the two steps.
    os::sync_or_abort(directory_.get(), "blobs directory");
    return was_there;
  }

  Result<std::vector<BlobInfo>> list() override {
    std::vector<BlobInfo> blobs;
    for (const std::string& name : TRY(os::list_directory(path_))) {
      struct stat info{};
      if (!is_id(name) || ::fstatat(directory_.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(info.st_mode)) continue;
      blobs.push_back(
          {name, static_cast<std::uint64_t>(info.st_size), static_cast<std::int64_t>(info.st_mtim.tv_sec) * 1000 + info.st_mtim.tv_nsec / 1'000'000});
    }
    return blobs;
  }

  Result<std::uint64_t> free_bytes() override {
    struct statvfs info{};
    if (::fstatvfs(directory_.get(), &info) != 0) return os::file_error("blobs directory", errno);
    return static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize;
  }

 private:
  std::string path_;
  os::Fd directory_;
  Unfinished unfinished_;
};

Status remove_leftovers(const std::string& path, int directory) {
  bool removed = false;
  for (const std::string& name : TRY(os::list_directory(path)))
    if (name.starts_with(kTemporaryPrefix)) removed = ::unlinkat(directory, name.c_str(), 0) == 0 || removed;
  if (removed) os::sync_or_abort(directory, "blobs directory");
  return ok();
}

// Not every file system has unnamed files (some network and overlay ones don't), and their way to a name leads through /proc.
bool has_unnamed_files(int directory) {
  const os::Fd file(::openat(directory, ".", O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600));
  return file.valid() && ::access("/proc/self/fd", X_OK) == 0;
}

}  // namespace

Result<std::unique_ptr<Blobs>> open_local_blobs(const std::string& path, Unfinished unfinished) {
  TRY(os::make_directory(path, 0700));
  os::Fd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return os::file_error(path, errno);
  TRY(remove_leftovers(path, directory.get()));
  if (!has_unnamed_files(directory.get())) unfinished = Unfinished::named;
  return std::unique_ptr<Blobs>(std::make_unique<LocalBlobs>(path, std::move(directory), unfinished));
}

Status require_free(Blobs& blobs, std::uint64_t bytes, std::uint64_t keep_free) {
  const std::uint64_t free = TRY(blobs.free_bytes());
  if (free < keep_free || free - keep_free < bytes)
    return Error(ErrorCode::storage_full, "there is no room left to store it")
        .because(std::to_string(free) + " bytes free, " + std::to_string(bytes) + " wanted, " + std::to_string(keep_free) + " kept");
  return ok();
}

}  // namespace slipway::store
