#include "slipway/store/data_dir.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <memory>

#include "slipway/os/file.hpp"

namespace slipway::store {
namespace {

Status require_own(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return os::file_error(path, errno);
  if (!S_ISDIR(info.st_mode)) return Error(ErrorCode::unavailable, "the data directory " + path + " is not a directory");
  if (info.st_uid != ::geteuid())
    return Error(ErrorCode::unavailable,
                 "the data directory " + path + " belongs to another user: start slipway as its owner, or choose another directory");
  if ((info.st_mode & 077) != 0 && ::chmod(path.c_str(), 0700) != 0) return os::file_error(path, errno);
  return ok();
}

Result<os::Fd> take_lock(const std::string& directory) {
  const std::string path = directory + "/lock";
  os::Fd lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock) return os::file_error(path, errno);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno != EWOULDBLOCK) return os::file_error(path, errno);
  return Error(ErrorCode::conflict, "the data directory " + directory + " is in use by another slipway: stop that one, or choose another directory");
}

// Of writes that were cut off: nobody else can be writing them, the lock is ours.
Status remove_leftovers(const std::string& directory, std::string_view prefix, std::string_view suffix) {
  for (const std::string& name : TRY(os::list_directory(directory)))
    if (name.starts_with(prefix) && name.ends_with(suffix)) ::unlink((directory + "/" + name).c_str());
  return ok();
}

}  // namespace

Result<DataDir> DataDir::open(const std::string& path) {
  TRY(os::make_directory(path, 0700));
  const std::unique_ptr<char, decltype(&std::free)> absolute(::realpath(path.c_str(), nullptr), &std::free);
  if (!absolute) return os::file_error(path, errno);
  const std::string directory = absolute.get();
  TRY(require_own(directory));
  os::Fd lock = TRY(take_lock(directory));
  DataDir data(directory, std::move(lock));
  TRY(os::make_directory(data.blobs(), 0700));
  TRY(os::make_directory(data.backups(), 0700));
  TRY(os::sync_directory(directory));             // what an interrupted start made, this one promises
  TRY(remove_leftovers(directory, ".tmp-", ""));  // may hold half a master key
  TRY(remove_leftovers(data.backups(), "", ".partial"));
  return data;
}

}  // namespace slipway::store
