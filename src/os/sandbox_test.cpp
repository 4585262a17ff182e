#include "slipway/os/sandbox.hpp"

#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <stdexcept>
#include <thread>

#include "slipway/os/fd.hpp"

namespace slipway::os {
namespace {

#ifdef SLIPWAY_SANITIZED
#define SKIP_WHEN_RELAXED() GTEST_SKIP() << "the sandbox is relaxed in sanitizer builds"
#else
#define SKIP_WHEN_RELAXED() (void)0
#endif

// What becomes of a child that enters the sandbox and does something. The child's code: 0 it worked, 1 it was refused.
int status_of(SandboxOptions options, const std::function<bool()>& act) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (!enter_sandbox(options).ok()) ::_exit(kExitSandbox);
    ::_exit(act() ? 0 : 1);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return status;
}

SandboxOptions options_for(Profile profile) {
  SandboxOptions o;
  o.profile = profile;
  o.memory_bytes = 128 << 20;
  return o;
}

bool stopped(int status) { return (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) || (WIFEXITED(status) && WEXITSTATUS(status) == 1); }

TEST(Sandbox, IsPossibleHere) {
  const SandboxReport report = probe_sandbox();
  EXPECT_TRUE(report.sufficient()) << report.to_json().dump();
  const long abi = ::syscall(444, nullptr, 0, 1U);  // landlock_create_ruleset: what the kernel has
  EXPECT_EQ(report.landlock > 0, abi > 0 && !report.relaxed);
  std::printf("sandbox: %s\n", report.to_json().dump().c_str());
}

TEST(Sandbox, StopsEverythingButComputing) {
  SKIP_WHEN_RELAXED();
  const pid_t parent = ::getpid();
  struct Try {
    const char* name;
    std::function<bool()> act;
  };
  const std::vector<Try> tries = {
      {"open", [] { return ::open("/etc/passwd", O_RDONLY) >= 0; }},
      {"creat", [] { return ::creat("/tmp/slipway-sandbox-test", 0600) >= 0; }},
      {"openat2", [] { return ::syscall(437, AT_FDCWD, "/etc/passwd", nullptr, 0) >= 0; }},
      {"stat",
       [] {
         struct stat* s = nullptr;
         return ::syscall(SYS_stat, "/etc/passwd", s) == 0;
       }},
      {"readlink",
       [] {
         char b[64];
         return ::readlink("/proc/self/exe", b, sizeof b) > 0;
       }},
      {"unlink", [] { return ::unlink("/tmp/nothing") == 0; }},
      {"mkdir", [] { return ::mkdir("/tmp/slipway-sandbox-dir", 0700) == 0; }},
      {"rename", [] { return ::rename("/tmp/a", "/tmp/b") == 0; }},
      {"chdir", [] { return ::chdir("/tmp") == 0; }},
      {"mount", [] { return ::syscall(SYS_mount, "none", "/tmp", "tmpfs", 0, nullptr) == 0; }},
      {"tcp socket", [] { return ::socket(AF_INET, SOCK_STREAM, 0) >= 0; }},
      {"udp socket", [] { return ::socket(AF_INET, SOCK_DGRAM, 0) >= 0; }},
      {"unix socket", [] { return ::socket(AF_UNIX, SOCK_STREAM, 0) >= 0; }},
      {"socketpair",
       [] {
         int e[2];
         return ::socketpair(AF_UNIX, SOCK_STREAM, 0, e) == 0;
       }},
      {"connect",
       [] {
         sockaddr_un a{};
         return ::connect(0, reinterpret_cast<sockaddr*>(&a), sizeof a) == 0;
       }},
      {"sendto", [] { return ::send(0, "x", 1, 0) > 0; }},
      {"fork", [] { return ::syscall(SYS_fork) >= 0; }},
      {"vfork", [] { return ::syscall(SYS_vfork) >= 0; }},
      {"clone as fork", [] { return ::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr) >= 0; }},
      {"exec",
       [] {
         char* none[] = {nullptr};
         return ::execve("/bin/true", none, none) == 0;
       }},
      {"execveat",
       [] {
         char* none[] = {nullptr};
         return ::syscall(SYS_execveat, AT_FDCWD, "/bin/true", none, none, 0) == 0;
       }},
      {"ptrace parent", [=] { return ::ptrace(PTRACE_ATTACH, parent, nullptr, nullptr) == 0; }},
      {"process_vm_readv", [=] { return ::syscall(SYS_process_vm_readv, parent, nullptr, 0, nullptr, 0, 0) >= 0; }},
      {"kill parent", [=] { return ::kill(parent, 0) == 0; }},
      {"kill everybody", [] { return ::kill(-1, 0) == 0; }},
      {"tgkill parent", [=] { return ::syscall(SYS_tgkill, parent, parent, 0) == 0; }},
      {"kill itself as if from outside", [] { return ::syscall(SYS_tgkill, ::getpid(), ::gettid(), SIGKILL) == 0; }},
      {"pidfd_open", [=] { return ::syscall(SYS_pidfd_open, parent, 0) >= 0; }},
      {"executable memory", [] { return ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED; }},
      {"make memory executable",
       [] {
         void* p = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
         return ::mprotect(p, 4096, PROT_READ | PROT_EXEC) == 0;
       }},
      {"memfd_create", [] { return ::syscall(SYS_memfd_create, "x", 0) >= 0; }},
      {"io_uring", [] { return ::syscall(425, 1, nullptr) >= 0; }},
      {"bpf", [] { return ::syscall(SYS_bpf, 0, nullptr, 0) >= 0; }},
      {"userfaultfd", [] { return ::syscall(SYS_userfaultfd, 0) >= 0; }},
      {"keyctl", [] { return ::syscall(SYS_keyctl, 0, 0, 0, 0, 0) >= 0; }},
      {"perf_event_open", [] { return ::syscall(SYS_perf_event_open, nullptr, 0, 0, 0, 0) >= 0; }},
      {"setuid", [] { return ::syscall(SYS_setuid, 0) == 0; }},
      {"unshare", [] { return ::unshare(CLONE_NEWUSER) == 0; }},
      {"setns", [] { return ::setns(0, 0) == 0; }},
      {"prctl", [] { return ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0; }},
      {"dup", [] { return ::dup(0) >= 0; }},
      {"pipe",
       [] {
         int e[2];
         return ::pipe(e) == 0;
       }},
      {"eventfd", [] { return ::syscall(SYS_eventfd2, 0, 0) >= 0; }},
      {"read",
       [] {
         char c;
         return ::read(0, &c, 1) >= 0;
       }},
      {"write elsewhere", [] { return ::write(5, "x", 1) > 0; }},
      {"raise a limit",
       [] {
         rlimit r{100, 100};
         return ::syscall(SYS_prlimit64, 0, 7, &r, nullptr) == 0;
       }},
      {"shmget", [] { return ::syscall(SYS_shmget, 1, 4096, 01666) >= 0; }},
      {"ioctl", [] { return ::syscall(SYS_ioctl, 0, 0x5401, nullptr) == 0; }},
      {"sched_setaffinity",
       [] {
         cpu_set_t s;
         CPU_ZERO(&s);
         CPU_SET(0, &s);
         return ::sched_setaffinity(0, sizeof s, &s) == 0;
       }},
  };
  for (Profile profile : {Profile::import, Profile::model}) {
    for (const auto& t : tries) {
      const int status = status_of(options_for(profile), t.act);
      EXPECT_TRUE(stopped(status)) << t.name << ": " << status;
    }
  }
}

TEST(Sandbox, RefusesEverySystemCallThatIsNotListed) {
  SKIP_WHEN_RELAXED();
  // With arguments that do no harm if one passed. The calls a cell may make, and those that answer with an error instead of death.
  const std::vector<long> listed = {SYS_futex,
                                    SYS_brk,
                                    SYS_munmap,
                                    SYS_mremap,
                                    SYS_madvise,
                                    SYS_rt_sigprocmask,
                                    SYS_rt_sigaction,
                                    SYS_rt_sigreturn,
                                    SYS_restart_syscall,
                                    SYS_gettid,
                                    SYS_getpid,
                                    SYS_exit,
                                    SYS_exit_group,
                                    SYS_sched_yield,
                                    SYS_clock_gettime,
                                    SYS_gettimeofday,
                                    SYS_getrandom,
                                    SYS_getcpu,
                                    SYS_sysinfo,
                                    SYS_sched_getaffinity,
                                    SYS_sched_setaffinity,
                                    SYS_prlimit64,
                                    SYS_uname,
                                    SYS_ioctl,
                                    SYS_fstat,
                                    SYS_newfstatat,
                                    SYS_prctl,
                                    SYS_lseek,
                                    SYS_getrusage,
                                    SYS_mmap,
                                    SYS_mprotect};
  int killed = 0;
  for (long call = 0; call < 470; ++call) {
    if (call >= 335 && call < 424) continue;  // numbers that x86-64 doesn't use
    if (std::find(listed.begin(), listed.end(), call) != listed.end()) continue;
    const int status = status_of(options_for(Profile::import), [call] { return ::syscall(call, -1, 0, 0, 0, 0, 0) != -1; });
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) << "system call " << call << " gave " << status;
    ++killed;
  }
  EXPECT_GT(killed, 300);
}

TEST(Sandbox, LetsAModelComputeWithThreadsAndSignalItsDescriptor) {
  Fd event = make_eventfd().value();
  SandboxOptions options = options_for(Profile::model);
  options.threads = 3;
  options.keep = options.writable = {event.get()};
  const int status = status_of(options, [&] {
    std::vector<std::thread> threads;
    std::atomic<int> sum{0};
    for (int i = 0; i < 2; ++i) threads.emplace_back([&] { sum += static_cast<int>(std::vector<int>(1'000'000, 1).size()); });
    for (auto& t : threads) t.join();
    try {
      throw std::runtime_error("exceptions work");
    } catch (const std::exception&) {}
    signal_eventfd(event.get());
    return sum == 2'000'000;
  });
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  std::uint64_t n = 0;
  EXPECT_EQ(::read(event.get(), &n, sizeof n), 8);
}

TEST(Sandbox, BoundsMemoryFilesAndTime) {
  SKIP_WHEN_RELAXED();
  SandboxOptions options = options_for(Profile::import);
  options.memory_bytes = 32 << 20;
  EXPECT_EQ(WEXITSTATUS(status_of(options,
                                  [] {
                                    try {
                                      std::vector<char> small(16 << 20, 1);
                                      std::vector<char> large(64 << 20, 1);
                                      return true;
                                    } catch (const std::bad_alloc&) { return false; }
                                  })),
            1);
  options = options_for(Profile::import);
  options.cpu_seconds = 1;
  const int status = status_of(options, [] {
    for (volatile unsigned i = 0;;) i = i + 1;
    return true;
  });
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU) << status;
}

TEST(Sandbox, ClosesWhatIsNotKept) {
  Fd kept = make_eventfd().value();
  Fd other = make_eventfd().value();
  SandboxOptions options = options_for(Profile::import);
  options.keep = {kept.get()};
  options.writable = {kept.get(), other.get()};
  const int status = status_of(options, [&] {
    const std::uint64_t one = 1;
    return ::write(kept.get(), &one, 8) == 8 && ::write(other.get(), &one, 8) == -1 && errno == EBADF;
  });
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

}  // namespace
}  // namespace slipway::os
