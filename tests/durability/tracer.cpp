#include "tracer.hpp"

#include <fcntl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <utility>

namespace durability {
namespace {

constexpr unsigned kSecondsMax = 30;  // of one command: one that hangs is a failure, not a hanging test
constexpr int kSyscallStop = SIGTRAP | 0x80;

[[noreturn]] void become(const std::vector<std::string>& command, int ack_fd, bool traced) {
  std::vector<char*> arguments;
  for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  ::dup2(ack_fd, kAckFd);
  ::setenv("ASAN_OPTIONS", "detect_leaks=0", 1);  // LeakSanitizer is a tracer itself: there is one already
  ::alarm(kSecondsMax);
  if (traced) {
    ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    ::raise(SIGSTOP);
  }
  ::execv(arguments[0], arguments.data());
  ::_exit(127);
}

std::string drain(int fd) {
  std::string text;
  char buffer[4096];
  for (ssize_t got = 0; (got = ::read(fd, buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<std::size_t>(got));
  return text;
}

struct Pipe {
  int ends[2];
  Pipe() {
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
    ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  }
  ~Pipe() {
    ::close(ends[0]);
    ::close(ends[1]);
  }
  Pipe(const Pipe&) = delete;
};

void set_result(pid_t thread, std::int64_t result) {
#if defined(__x86_64__)
  user_regs_struct registers{};
  ::ptrace(PTRACE_GETREGS, thread, nullptr, &registers);
  registers.rax = static_cast<unsigned long long>(result);
  ::ptrace(PTRACE_SETREGS, thread, nullptr, &registers);
#else
  (void)thread, (void)result;
#endif
}

void skip_call(pid_t thread) {
#if defined(__x86_64__)
  user_regs_struct registers{};
  ::ptrace(PTRACE_GETREGS, thread, nullptr, &registers);
  registers.orig_rax = ~0ULL;  // no such call: the kernel does nothing
  ::ptrace(PTRACE_SETREGS, thread, nullptr, &registers);
#else
  (void)thread;
#endif
}

class Tracing {
 public:
  Tracing(pid_t child, const Observer& observer) : child_(child), observer_(observer) {}

  void until_end(Run& run) {
    ::ptrace(PTRACE_SYSCALL, child_, nullptr, nullptr);
    int status = 0;
    for (pid_t thread = 0; (thread = ::waitpid(-1, &status, __WALL)) > 0 || errno == EINTR;) {
      if (thread <= 0) continue;
      if (WIFEXITED(status) || WIFSIGNALED(status)) {
        if (thread == child_) run.wait_status = status;
        continue;
      }
      const int signal = WSTOPSIG(status);
      if (signal == kSyscallStop) on_syscall(thread);
      // Signals are passed on, but not the stops that tracing makes by itself.
      const bool own = signal == kSyscallStop || (status >> 16) != 0 || signal == SIGSTOP;
      ::ptrace(PTRACE_SYSCALL, thread, nullptr, own ? 0 : signal);
    }
    run.calls = count_;
    run.killed = killed_;
  }

 private:
  struct Pending {
    Call call;
    bool observed = false;
    int error_number = 0;
  };

  void on_syscall(pid_t thread) {
    __ptrace_syscall_info info{};
    if (::ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof info, &info) <= 0) return;
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
      Call call{thread, info.entry.nr, {}, 0};
      std::copy(std::begin(info.entry.args), std::end(info.entry.args), call.arguments.begin());
      entered(call);
    } else if (info.op == PTRACE_SYSCALL_INFO_EXIT) {
      left(thread, info.exit.rval);
    }
  }

  void entered(Call call) {
    Pending& pending = pending_[call.thread];
    pending = {call, false, 0};
    if (!started_) {
      started_ = call.number == SYS_write && call.arguments[0] == kAckFd;
      return;
    }
    if (killed_) return;
    call.index = ++count_;
    pending.call = call;
    pending.observed = true;
    const Decision decision = observer_.before ? observer_.before(call) : Decision{};
    if (decision.kind == Decision::kill) {
      killed_ = true;
      ::kill(child_, SIGKILL);
    } else if (decision.kind == Decision::fail) {
      pending.error_number = decision.error_number;
      skip_call(call.thread);
    }
  }

  void left(pid_t thread, std::int64_t result) {
    const Pending pending = std::exchange(pending_[thread], {});
    if (!pending.observed || killed_) return;
    if (pending.error_number != 0) {
      result = -pending.error_number;
      set_result(thread, result);
    }
    if (observer_.after) observer_.after(pending.call, result);
  }

  pid_t child_;
  const Observer& observer_;
  std::map<pid_t, Pending> pending_;
  bool started_ = false;
  bool killed_ = false;
  int count_ = 0;
};

}  // namespace

bool Run::exited_well() const { return WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0; }

std::string Run::ending() const {
  if (WIFEXITED(wait_status)) return "exit status " + std::to_string(WEXITSTATUS(wait_status));
  return "signal " + std::to_string(WTERMSIG(wait_status));
}

Run trace(const std::vector<std::string>& command, const Observer& observer) {
  Pipe acks;
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("no process");
  if (child == 0) become(command, acks.ends[1], true);
  int status = 0;
  if (::waitpid(child, &status, __WALL) != child || !WIFSTOPPED(status)) throw std::runtime_error("the process can't be traced");
  const long options =
      PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC;
  if (::ptrace(PTRACE_SETOPTIONS, child, nullptr, options) != 0) throw std::runtime_error("the process can't be traced");
  Run run;
  Tracing(child, observer).until_end(run);
  run.acks = drain(acks.ends[0]);
  return run;
}

Run run(const std::vector<std::string>& command) {
  Pipe acks;
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("no process");
  if (child == 0) become(command, acks.ends[1], false);
  Run run;
  while (::waitpid(child, &run.wait_status, 0) < 0 && errno == EINTR) {}
  run.acks = drain(acks.ends[0]);
  return run;
}

std::string path_of_fd(pid_t thread, std::int64_t fd) {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/" + std::to_string(thread) + "/fd/" + std::to_string(fd), error).string();
}

std::string string_at(pid_t thread, std::uint64_t address) {
  // Page by page: a read that touches an absent page fails as a whole.
  std::string text;
  while (text.size() < PATH_MAX) {
    char buffer[4096];
    const std::size_t want = 4096 - address % 4096;
    iovec local{buffer, want};
    iovec remote{reinterpret_cast<void*>(address), want};
    const ssize_t got = ::process_vm_readv(thread, &local, 1, &remote, 1, 0);
    if (got <= 0) break;
    const auto* end = static_cast<const char*>(std::memchr(buffer, 0, static_cast<std::size_t>(got)));
    text.append(buffer, end != nullptr ? static_cast<std::size_t>(end - buffer) : static_cast<std::size_t>(got));
    if (end != nullptr) break;
    address += static_cast<std::uint64_t>(got);
  }
  return text;
}

std::string path_argument(const Call& call, int directory_argument, int path_argument) {
  const std::string path = string_at(call.thread, call.arguments[static_cast<std::size_t>(path_argument)]);
  if (path.starts_with("/proc/self/")) return "/proc/" + std::to_string(call.thread) + path.substr(10);
  if (path.starts_with("/")) return path;
  const int fd = directory_argument < 0 ? AT_FDCWD : static_cast<int>(call.arguments[static_cast<std::size_t>(directory_argument)]);
  std::error_code error;
  const std::string directory =
      fd == AT_FDCWD ? std::filesystem::read_symlink("/proc/" + std::to_string(call.thread) + "/cwd", error).string() : path_of_fd(call.thread, fd);
  return path == "." || path.empty() ? directory : directory + "/" + path;
}

std::string text_written(const Call& call) {
  std::string text(std::min<std::uint64_t>(call.arguments[2], 4096), '\0');
  iovec local{text.data(), text.size()};
  iovec remote{reinterpret_cast<void*>(call.arguments[1]), text.size()};
  const ssize_t got = ::process_vm_readv(call.thread, &local, 1, &remote, 1, 0);
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return text;
}

bool can_trace() {
  try {
    return trace({"/bin/true"}, {}).exited_well();
  } catch (const std::runtime_error&) { return false; }
}

bool can_fail_calls() {
#if defined(__x86_64__)
  return true;
#else
  return false;
#endif
}

}  // namespace durability
