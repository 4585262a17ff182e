// DataDir: the directory that holds everything the server owns, and the lock that keeps a second server out of it.
// Immutable after opening; the lock is held until it is destroyed (or the process ends in whatever way).
//
//   lock  master.key  slipway.db (-wal, -shm)  blobs/  backups/
#pragma once

#include <string>

#include "slipway/base/result.hpp"
#include "slipway/os/fd.hpp"

namespace slipway::store {

class DataDir {
 public:
  // Makes what is missing (mode 0700). Refuses a directory of another user, or one that is in use.
  static Result<DataDir> open(const std::string& path);

  const std::string& path() const { return path_; }
  std::string database() const { return path_ + "/slipway.db"; }
  std::string blobs() const { return path_ + "/blobs"; }
  std::string backups() const { return path_ + "/backups"; }
  std::string master_key() const { return path_ + "/master.key"; }

 private:
  DataDir(std::string path, os::Fd lock) : path_(std::move(path)), lock_(std::move(lock)) {}
  std::string path_;
  os::Fd lock_;
};

}  // namespace slipway::store
