#include "slipway/os/file.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "slipway/base/encoding.hpp"
#include "slipway/base/ids.hpp"
#include "slipway/base/log.hpp"

namespace slipway::os {
namespace {

int open_retrying(const std::string& path, int flags, mode_t mode = 0) {
  int fd = -1;
  do fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  while (fd < 0 && errno == EINTR);
  return fd;
}

[[noreturn]] void abort_for_fsync(std::string_view what, int error_number) {
  log::error("store.fsync_failed", {{"what", what}, {"error", std::strerror(error_number)}});
  std::abort();
}

// Made beside its final name, which it gets by link(2): that refuses a name that is taken, where rename(2) would overwrite it.
Status write_and_link(const std::string& temporary, const std::string& path, std::string_view bytes, mode_t mode) {
  const Fd file(open_retrying(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode));
  if (!file) return file_error(temporary, errno);
  TRY(pwrite_all(file.get(), as_bytes(bytes), 0));
  sync_or_abort(file.get(), path);
  if (::link(temporary.c_str(), path.c_str()) != 0) {
    if (errno == EEXIST) return Error(ErrorCode::conflict, "a file of that name exists").because(path);
    return file_error(path, errno);
  }
  return ok();
}

}  // namespace

Error file_error(std::string_view what, int error_number) {
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return Error(ErrorCode::storage_full, "there is no room left to store it").because(std::string(what) + ": " + std::strerror(error_number));
    case ENOENT: return Error(ErrorCode::not_found, "there is no such file").because(std::string(what) + ": " + std::strerror(error_number));
    default: return system_error(what, error_number);
  }
}

Result<std::string> read_file(const std::string& path, std::size_t bytes_max) {
  const Fd file(open_retrying(path, O_RDONLY));
  if (!file) return file_error(path, errno);
  std::string bytes;
  char buffer[16384];
  for (;;) {
    const ssize_t got = ::read(file.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return file_error(path, errno);
    if (got == 0) return bytes;
    if (bytes.size() + static_cast<std::size_t>(got) > bytes_max)
      return Error(ErrorCode::too_large, "the file has more than " + std::to_string(bytes_max) + " bytes").because(path);
    bytes.append(buffer, static_cast<std::size_t>(got));
  }
}

Status write_new_file(const std::string& path, std::string_view bytes, mode_t mode) {
  const std::string temporary = parent_of(path) + "/.tmp-" + random_base62(16);
  Status status = write_and_link(temporary, path, bytes, mode);
  ::unlink(temporary.c_str());
  if (status.ok()) return sync_directory(parent_of(path));
  return status;
}

Status make_directory(const std::string& path, mode_t mode) {
  if (path.empty()) return Error(ErrorCode::internal, "a directory has no name");
  if (::mkdir(path.c_str(), mode) == 0) return sync_directory(parent_of(path));
  if (errno == EEXIST) {
    struct stat info{};
    if (::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return ok();
    return file_error(path, ENOTDIR);
  }
  if (errno != ENOENT || parent_of(path) == path) return file_error(path, errno);
  TRY(make_directory(parent_of(path), mode));
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) return file_error(path, errno);
  return sync_directory(parent_of(path));
}

Result<std::vector<std::string>> list_directory(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), &::closedir);
  if (!directory) return file_error(path, errno);
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(directory.get());
    if (entry == nullptr && errno != 0) return file_error(path, errno);
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<std::uint64_t> free_bytes(const std::string& path) {
  struct statvfs info{};
  if (::statvfs(path.c_str(), &info) != 0) return file_error(path, errno);
  return static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize;
}

Status pwrite_all(int fd, std::span<const std::byte> bytes, std::uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return file_error("pwrite", errno);
    if (written == 0) return file_error("pwrite", EIO);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
  return ok();
}

std::string parent_of(const std::string& path) {
  const std::size_t last = path.find_last_not_of('/');
  if (last == std::string::npos) return path.empty() ? "." : "/";
  const std::size_t slash = path.find_last_of('/', last);
  if (slash == std::string::npos) return ".";
  const std::size_t end = path.find_last_not_of('/', slash);
  return end == std::string::npos ? "/" : path.substr(0, end + 1);
}

void sync_or_abort(int fd, std::string_view what) {
  int result = 0;
  do result = ::fsync(fd);
  while (result != 0 && errno == EINTR);
  if (result != 0) abort_for_fsync(what, errno);
}

Status sync_directory(const std::string& path) {
  const Fd directory(open_retrying(path, O_RDONLY | O_DIRECTORY));
  if (!directory) return file_error(path, errno);
  sync_or_abort(directory.get(), path);
  return ok();
}

}  // namespace slipway::os
