#include "slipway/os/process.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <string_view>

namespace slipway::os {

// In the child between fork and exec: async-signal-safe calls only.
[[noreturn]] static void become(const char* program, char** argv, char** envp, int channel) {
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int s = 1; s < 32; ++s) ::signal(s, SIG_DFL);
  int null = ::open("/dev/null", O_RDONLY);
  if (null >= 0) ::dup2(null, 0);
  if (channel >= 0) {
    if (channel == kChannelFd)
      ::fcntl(channel, F_SETFD, 0);  // dup2 to itself would leave close-on-exec set
    else
      ::dup2(channel, kChannelFd);
  }
  if (::syscall(SYS_close_range, channel >= 0 ? kChannelFd + 1 : 3, ~0U, 0) != 0) {
    for (int fd = channel >= 0 ? kChannelFd + 1 : 3; fd < 4096; ++fd) ::close(fd);
  }
  ::execve(program, argv, envp);
  ::_exit(127);
}

Result<Child> spawn(const SpawnOptions& options) {
  std::vector<char*> argv{const_cast<char*>(options.program.c_str())};
  for (const auto& a : options.arguments) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  std::vector<char*> envp;
  for (const auto& e : options.environment) envp.push_back(const_cast<char*>(e.c_str()));
  envp.push_back(nullptr);

  pid_t pid = ::fork();
  if (pid < 0) return system_error("fork");
  if (pid == 0) become(options.program.c_str(), argv.data(), envp.data(), options.channel);
  // The child is ours and not yet waited for, so its number can't have passed to another process.
  int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (pidfd < 0) {
    Error e = system_error("pidfd_open");
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return e;
  }
  return Child{pid, Fd(pidfd)};
}

std::string own_program() {
  std::string path(4096, '\0');
  ssize_t n = ::readlink("/proc/self/exe", path.data(), path.size());
  path.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  return path;
}

void kill_child(const Child& child) {
  if (child.pidfd.valid()) ::syscall(SYS_pidfd_send_signal, child.pidfd.get(), SIGKILL, nullptr, 0);
}

std::string describe_exit(int wait_status) {
  if (WIFSIGNALED(wait_status)) {
    const int number = WTERMSIG(wait_status);
    const char* name = ::sigdescr_np(number);
    return "ended by signal " + std::to_string(number) + " (" + (name != nullptr ? name : "?") + ")";
  }
  return "ended with code " + std::to_string(WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : wait_status);
}

// The kB values of a /proc file, by line prefix.
static std::uint64_t sum_kb(const std::string& path, std::initializer_list<std::string_view> prefixes) {
  std::ifstream in(path);
  std::uint64_t total = 0;
  for (std::string line; std::getline(in, line);) {
    for (auto prefix : prefixes) {
      if (line.starts_with(prefix)) total += std::strtoull(line.c_str() + prefix.size(), nullptr, 10);
    }
  }
  return total * 1024;
}

std::uint64_t anonymous_bytes(pid_t pid) { return sum_kb("/proc/" + std::to_string(pid) + "/status", {"RssAnon:"}); }

std::uint64_t resident_bytes(pid_t pid, std::uint64_t shared_anonymous) {
  const std::string folder = "/proc/" + std::to_string(pid) + "/";
  if (auto share = sum_kb(folder + "smaps_rollup", {"Pss:"}); share > 0) return share;
  const auto anonymous = anonymous_bytes(pid);
  return (anonymous > shared_anonymous ? anonymous - shared_anonymous : 0) + sum_kb(folder + "status", {"RssShmem:"});
}

std::uint64_t out_of_memory_kills() {
  std::ifstream in("/proc/vmstat");
  std::string name;
  for (std::uint64_t value = 0; in >> name >> value;) {
    if (name == "oom_kill") return value;
  }
  return 0;
}

}  // namespace slipway::os
