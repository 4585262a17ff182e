// The order of writes and syncs: at every acknowledgement, each file that was written and each directory that was changed has been
// synced since; and no file gets a name before its content is on disk. Finds what no kill and no journalling file system shows.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <map>
#include <optional>
#include <set>

#include "trial.hpp"

namespace durability {
namespace {

using Inode = std::pair<dev_t, ino_t>;

std::optional<struct stat> look(const std::string& path, bool follow) {
  struct stat info{};
  const int result = follow ? ::stat(path.c_str(), &info) : ::lstat(path.c_str(), &info);
  if (result != 0) return std::nullopt;
  return info;
}

std::optional<struct stat> look_fd(const Call& call, int argument) {
  return look("/proc/" + std::to_string(call.thread) + "/fd/" + std::to_string(static_cast<int>(call.arguments[static_cast<std::size_t>(argument)])),
              true);
}

Inode inode_of(const struct stat& info) { return {info.st_dev, info.st_ino}; }
std::string parent(const std::string& path) { return path.substr(0, path.find_last_of('/')); }

class Lint {
 public:
  Lint(std::string data, Tally& tally) : data_(std::move(data)), tally_(tally) {}

  // What can only be seen before the call: whether a name is new, and which file loses its name.
  Decision before(const Call& call) {
    created_.reset();
    removed_.reset();
    switch (call.number) {
      case SYS_openat:
        if ((call.arguments[2] & O_CREAT) != 0 && (call.arguments[2] & O_TMPFILE) != O_TMPFILE) note_new(path_argument(call, 0, 1));
        break;
      case SYS_unlinkat: note_gone(path_argument(call, 0, 1)); break;
#if defined(SYS_unlink)
      case SYS_unlink: note_gone(path_argument(call, -1, 0)); break;
      case SYS_mkdir: note_new(path_argument(call, -1, 0)); break;
      case SYS_link: note_link(path_argument(call, -1, 0), path_argument(call, -1, 1)); break;
      case SYS_rename: note_link(path_argument(call, -1, 0), path_argument(call, -1, 1)); break;
#endif
      case SYS_mkdirat: note_new(path_argument(call, 0, 1)); break;
      case SYS_linkat:
      case SYS_renameat:
      case SYS_renameat2: note_link(path_argument(call, 0, 1), path_argument(call, 2, 3)); break;
      case SYS_write:
        if (call.arguments[0] == kAckFd) acknowledge(text_written(call));
        break;
      default: break;
    }
    return {};
  }

  void after(const Call& call, std::int64_t result) {
    if (result < 0) return;
    if (created_) unsynced_directories_[created_->first] = created_->second;
    if (removed_) unsynced_files_.erase(*removed_);
    switch (call.number) {
      case SYS_write:
      case SYS_pwrite64:
      case SYS_writev:
      case SYS_pwritev:
      case SYS_ftruncate:
      case SYS_fallocate: wrote(call); break;
      case SYS_fsync:
      case SYS_fdatasync:
        if (const auto info = look_fd(call, 0)) {
          unsynced_files_.erase(inode_of(*info));
          unsynced_directories_.erase(inode_of(*info));
        }
        break;
      default: break;
    }
  }

 private:
  bool concerns_us(const std::string& path) const { return path.starts_with(data_ + "/") || path == data_; }

  void changes(const std::string& directory) {
    if (const auto info = look(directory, true); info && concerns_us(directory)) created_ = {inode_of(*info), directory};
  }
  void note_new(const std::string& path) {
    if (!look(path, false)) changes(parent(path));
  }
  void note_gone(const std::string& path) {
    const auto info = look(path, false);
    if (!info || !concerns_us(path)) return;
    changes(parent(path));
    if (info->st_nlink == 1) removed_ = inode_of(*info);
  }
  void note_link(const std::string& from, const std::string& to) {
    if (!concerns_us(to)) return;
    changes(parent(to));
    const auto info = look(from, true);
    const auto unsynced = info ? unsynced_files_.find(inode_of(*info)) : unsynced_files_.end();
    tally_.add("name " + to, unsynced == unsynced_files_.end() ? "" : "given before the content was synced");
  }
  void wrote(const Call& call) {
    const std::string path = path_of_fd(call.thread, static_cast<std::int64_t>(call.arguments[0]));
    if (!concerns_us(path) || path.ends_with("-shm")) return;  // the index of SQLite's log: rebuilt after a crash
    if (const auto info = look_fd(call, 0); info && S_ISREG(info->st_mode)) unsynced_files_[inode_of(*info)] = path;
  }
  void acknowledge(const std::string& text) {
    const std::string what = "acknowledging " + text.substr(0, text.find('\n'));
    std::string wrong;
    for (const auto& [inode, path] : unsynced_files_)
      if (!path.ends_with(" (deleted)")) wrong += " file not synced: " + path;  // without a name there is nothing to lose
    for (const auto& [inode, path] : unsynced_directories_) wrong += " directory not synced: " + path;
    tally_.add(what, wrong);
  }

  std::string data_;
  Tally& tally_;
  std::map<Inode, std::string> unsynced_files_, unsynced_directories_;
  std::optional<std::pair<Inode, std::string>> created_;
  std::optional<Inode> removed_;
};

}  // namespace

int run_lint(const Plan& plan) {
  if (!can_trace()) return skipped("ptrace is not permitted here");
  const Scratch scratch(false);
  const std::string data = scratch.path() + "/data";
  fresh_directory(data);
  Tally tally(plan);
  Lint lint(data, tally);
  const Run run =
      trace(filled_in(plan.subject, data, scratch.path() + "/acks"),
            {[&](const Call& call) { return lint.before(call); }, [&](const Call& call, std::int64_t result) { lint.after(call, result); }});
  tally.add("the subject", run.exited_well() ? "" : run.ending());
  return tally.finish();
}

}  // namespace durability
