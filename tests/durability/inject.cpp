// EIO and ENOSPC at every system call that changes the data directory or makes a change durable. (What strace -e inject does, but
// chosen by file, and without strace.)
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <optional>

#include "trial.hpp"

namespace durability {
namespace {

struct Victim {
  int index;
  bool is_sync;
  bool is_directory;
  std::string name;  // "fsync .../blobs"
};

// The calls worth failing, with the file they are about.
std::optional<Victim> victim_of(const Call& call, const std::string& data) {
  std::string path, name;
  bool is_sync = false;
  switch (call.number) {
    case SYS_fsync:
    case SYS_fdatasync:
      is_sync = true;
      name = "fsync";
      path = path_of_fd(call.thread, static_cast<std::int64_t>(call.arguments[0]));
      break;
    case SYS_write:
    case SYS_pwrite64:
    case SYS_ftruncate:
    case SYS_fallocate:
      name = "write";
      path = path_of_fd(call.thread, static_cast<std::int64_t>(call.arguments[0]));
      break;
    case SYS_openat:
      name = "openat";
      path = path_argument(call, 0, 1);
      break;
    case SYS_linkat:
      name = "linkat";
      path = path_argument(call, 2, 3);
      break;
    case SYS_renameat:
    case SYS_renameat2:
      name = "rename";
      path = path_argument(call, 2, 3);
      break;
    case SYS_unlinkat:
      name = "unlinkat";
      path = path_argument(call, 0, 1);
      break;
#if defined(SYS_link)
    case SYS_link:
      name = "link";
      path = path_argument(call, -1, 1);
      break;
    case SYS_rename:
      name = "rename";
      path = path_argument(call, -1, 1);
      break;
    case SYS_unlink:
      name = "unlink";
      path = path_argument(call, -1, 0);
      break;
    case SYS_mkdir:
      name = "mkdir";
      path = path_argument(call, -1, 0);
      break;
#endif
    default: return std::nullopt;
  }
  if (!path.starts_with(data)) return std::nullopt;
  std::error_code ignored;
  return Victim{call.index, is_sync, std::filesystem::is_directory(path, ignored), name + " " + path.substr(data.size())};
}

// After a failed sync, nothing may be acknowledged, and the process must end by its own abort.
std::string conduct(const Victim& victim, const Run& run, std::size_t acks_before) {
  if (WIFSIGNALED(run.wait_status) && WTERMSIG(run.wait_status) != SIGABRT) return "the subject ended by " + run.ending();
  if (!victim.is_sync) return WIFSIGNALED(run.wait_status) ? "the subject ended by " + run.ending() : "";
  if (run.acks.size() > acks_before) return "acknowledged after a failed sync";
  if (!WIFSIGNALED(run.wait_status)) return "went on after a failed sync: " + run.ending();
  return "";
}

}  // namespace

int run_inject(const Plan& plan) {
  if (!can_trace()) return skipped("ptrace is not permitted here");
  if (!can_fail_calls()) return skipped("failing a system call is only written for x86-64");
  const Scratch scratch(true);
  const std::string data = scratch.path() + "/data";
  const std::string acks_path = scratch.path() + "/acks";
  const auto subject = filled_in(plan.subject, data, acks_path);
  Tally tally(plan);

  std::vector<Victim> victims;
  int unheeded = 0;
  fresh_directory(data);
  trace(subject, {[&](const Call& call) {
                    if (auto victim = victim_of(call, data)) victims.push_back(*victim);
                    return Decision{};
                  },
                  nullptr});
  for (const int error_number : {EIO, ENOSPC}) {
    for (const int chosen : points(static_cast<int>(victims.size()), plan)) {
      const Victim& victim = victims[static_cast<std::size_t>(chosen - 1)];
      if (tally.enough()) break;
      if (victim.is_sync && error_number == ENOSPC) continue;
      fresh_directory(data);
      std::size_t acks_before = 6;  // "start\n"
      const Run run = trace(subject, {[&](const Call& call) {
                                        if (call.index == victim.index) return Decision{Decision::fail, error_number};
                                        if (call.index < victim.index && call.number == SYS_write && call.arguments[0] == kAckFd)
                                          acks_before += call.arguments[2];
                                        return Decision{};
                                      },
                                      nullptr});
      std::string wrong = conduct(victim, run, acks_before);
      if (!wrong.empty() && victim.is_sync && victim.is_directory && run.exited_well() && ++unheeded <= plan.unheeded_syncs) wrong.clear();
      if (wrong.empty()) wrong = verdict(plan, data, acks_path, run.acks);
      tally.add(std::string(error_number == EIO ? "EIO" : "ENOSPC") + " at call " + std::to_string(victim.index) + " (" + victim.name + ")", wrong);
    }
  }
  return tally.finish();
}

}  // namespace durability
