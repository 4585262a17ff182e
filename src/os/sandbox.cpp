#include "slipway/os/sandbox.hpp"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <memory>

#include "slipway/os/fd.hpp"

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif

namespace slipway::os {

namespace {

#ifdef SLIPWAY_SANITIZED
constexpr bool kRelaxed = true;          // the sanitizers' runtime opens /proc, maps terabytes and writes reports
constexpr std::uint64_t kNewFiles = 64;  // and UBSan opens a pipe to see whether an object can be read; without, it takes it for none
#else
constexpr bool kRelaxed = false;
constexpr std::uint64_t kNewFiles = 0;
#endif

// Cells of one server get different users, so that no cell may signal or trace another. Nothing owns these numbers: they are far above
// what distributions hand out. Where a user namespace doesn't map them, `nobody`.
constexpr uid_t kUnusedUidBase = 0x6f000000;
constexpr uid_t kNobody = 65534;

void close_others(const std::vector<int>& keep) {
  std::vector<int> sorted(keep);
  std::sort(sorted.begin(), sorted.end());
  unsigned from = 3;
  for (int fd : sorted) {
    if (fd < static_cast<int>(from)) continue;
    if (static_cast<unsigned>(fd) > from) ::syscall(SYS_close_range, from, static_cast<unsigned>(fd) - 1, 0);
    from = static_cast<unsigned>(fd) + 1;
  }
  if (::syscall(SYS_close_range, from, ~0U, 0) != 0) {  // kernels before 5.9
    for (int fd = 3; fd < 4096; ++fd) {
      if (std::find(sorted.begin(), sorted.end(), fd) == sorted.end()) ::close(fd);
    }
  }
}

void null_standard_streams() {
  int null = ::open("/dev/null", O_RDWR);
  for (int fd = 0; fd < 3; ++fd) {
    if (null >= 0)
      ::dup2(null, fd);
    else
      ::close(fd);
  }
  if (null > 2) ::close(null);
}

bool enter_namespaces() {
  int flags = CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNS;
  if (::geteuid() != 0) flags |= CLONE_NEWUSER;
  return ::unshare(flags) == 0;
}

bool become_other_user() {
  if (::geteuid() != 0) return false;
  const uid_t own = kUnusedUidBase + static_cast<uid_t>(::getpid() & 0x3fffff);
  for (uid_t uid : {own, kNobody}) {
    if (::setgroups(0, nullptr) != 0 && errno != EPERM) continue;
    if (::setresgid(uid, uid, uid) == 0 && ::setresuid(uid, uid, uid) == 0) return true;
  }
  return false;
}

void drop_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> none{};
  ::syscall(SYS_capset, &header, none.data());
}

std::uint64_t status_kb(const char* key) {
  std::ifstream in("/proc/self/status");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(key)) return std::strtoull(line.c_str() + std::strlen(key), nullptr, 10);
  }
  return 0;
}

bool limit(int what, std::uint64_t value, std::uint64_t hard_after = 0) {
  rlimit l{value, value + hard_after};
  rlimit now{};
  if (::getrlimit(static_cast<__rlimit_resource>(what), &now) == 0) l = {std::min(l.rlim_cur, now.rlim_max), std::min(l.rlim_max, now.rlim_max)};
  return ::setrlimit(static_cast<__rlimit_resource>(what), &l) == 0;
}

struct Size {
  std::uint64_t data = 0, all = 0;
};  // of this process now

Size own_size() { return {status_kb("VmData:") * 1024, status_kb("VmSize:") * 1024}; }

bool set_limits(const SandboxOptions& o, bool other_user, Size size) {
  constexpr std::uint64_t kThreadStack = 9ull << 20;    // what a thread's stack and guard count
  constexpr std::uint64_t kThreadArena = 192ull << 20;  // address space that malloc reserves a thread, mostly never touched
  bool good = size.data > 0 && size.all > 0 && limit(RLIMIT_CORE, 0) && limit(RLIMIT_NOFILE, kNewFiles) && limit(RLIMIT_FSIZE, o.file_bytes) &&
              limit(RLIMIT_MEMLOCK, 0) && limit(RLIMIT_MSGQUEUE, 0);
  ::signal(SIGXFSZ, SIG_IGN);  // a write beyond the cap is EFBIG
  // SIGXCPU first: a SIGKILL comes from outside.
  if (o.cpu_seconds > 0) good = good && limit(RLIMIT_CPU, o.cpu_seconds, 1);
  if (other_user) good = good && limit(RLIMIT_NPROC, o.threads + 2);  // as the server's own user it would count the server's threads
  if (o.memory_bytes > 0 && !kRelaxed) {
    good = good && limit(RLIMIT_DATA, size.data + o.memory_bytes + o.threads * kThreadStack) &&
           limit(RLIMIT_AS, size.all + o.memory_bytes + o.threads * kThreadArena);
  }
  return good;
}

// Landlock by its raw system calls: libraries and headers of Debian 12 know only its first version.
struct LandlockRules {
  std::uint64_t fs = 0, net = 0, scoped = 0;
};

int landlock_abi() {
  long abi = ::syscall(444, nullptr, 0, 1U);
  return abi > 0 ? static_cast<int>(abi) : 0;
}

int deny_by_landlock() {
  const int abi = landlock_abi();
  if (abi <= 0) return 0;
  LandlockRules rules;
  int bits = 13;            // ABI 1
  if (abi >= 2) bits = 14;  // refer
  if (abi >= 3) bits = 15;  // truncate
  if (abi >= 5) bits = 16;  // ioctl on devices
  rules.fs = (1ull << bits) - 1;
  if (abi >= 4) rules.net = 3;     // bind and connect of TCP
  if (abi >= 6) rules.scoped = 3;  // abstract unix sockets, signals
  const std::size_t size = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
  const int ruleset = static_cast<int>(::syscall(444, &rules, size, 0U));
  if (ruleset < 0) return 0;
  const bool done = ::syscall(446, ruleset, 0U) == 0;
  ::close(ruleset);
  return done ? std::min(abi, 7) : 0;
}

struct Filter {
  scmp_filter_ctx context;
  bool good = true;
  explicit Filter(std::uint32_t otherwise) : context(seccomp_init(otherwise)) { good = context != nullptr; }
  ~Filter() {
    if (context != nullptr) seccomp_release(context);
  }
  Filter(const Filter&) = delete;
  Filter& operator=(const Filter&) = delete;

  template <class... Compare>
  void rule(std::uint32_t action, int call, Compare... compare) {
    if (call == __NR_SCMP_ERROR || !good) return;
    const std::array<scmp_arg_cmp, sizeof...(Compare) + 1> arguments{compare..., scmp_arg_cmp{}};
    good = seccomp_rule_add_array(context, action, call, sizeof...(Compare), arguments.data()) == 0;
  }
  void allow(std::initializer_list<int> calls) {
    for (int call : calls) rule(SCMP_ACT_ALLOW, call);
  }
  void refuse(std::initializer_list<int> calls, int error) {
    for (int call : calls) rule(SCMP_ACT_ERRNO(static_cast<unsigned>(error)), call);
  }
};

// What ONNX Runtime's CPU provider, malloc, threads and C++ exceptions use. Everything else ends the process. Questions about the machine
// that libraries ask with a fallback are answered EPERM.
bool enter_seccomp(const SandboxOptions& o) {
  Filter f(SCMP_ACT_KILL_PROCESS);
  f.allow({SCMP_SYS(futex), SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigaction),
           SCMP_SYS(rt_sigreturn), SCMP_SYS(restart_syscall), SCMP_SYS(gettid), SCMP_SYS(getpid), SCMP_SYS(exit), SCMP_SYS(exit_group),
           SCMP_SYS(sched_yield), SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday), SCMP_SYS(getrandom), SCMP_SYS(getcpu)});
  f.refuse({SCMP_SYS(sysinfo), SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_setaffinity), SCMP_SYS(prlimit64), SCMP_SYS(uname), SCMP_SYS(ioctl),
            SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(prctl), SCMP_SYS(lseek), SCMP_SYS(getrusage)},
           EPERM);
  // For abort(). Not SIGKILL: a cell that ended so was killed from outside, and its model is not blamed.
  f.rule(SCMP_ACT_ALLOW, SCMP_SYS(tgkill), SCMP_A0_64(SCMP_CMP_EQ, static_cast<scmp_datum_t>(::getpid())), SCMP_A2_32(SCMP_CMP_EQ, SIGABRT));
  f.rule(SCMP_ACT_ALLOW, SCMP_SYS(mmap), SCMP_A2_64(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
  f.rule(SCMP_ACT_ALLOW, SCMP_SYS(mprotect), SCMP_A2_64(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
  for (int fd : {1, 2}) {  // /dev/null: what abort() and terminate() say
    f.rule(SCMP_ACT_ALLOW, SCMP_SYS(write), SCMP_A0_32(SCMP_CMP_EQ, static_cast<unsigned>(fd)));
    f.rule(SCMP_ACT_ALLOW, SCMP_SYS(writev), SCMP_A0_32(SCMP_CMP_EQ, static_cast<unsigned>(fd)));
  }
  for (int fd : o.writable) f.rule(SCMP_ACT_ALLOW, SCMP_SYS(write), SCMP_A0_32(SCMP_CMP_EQ, static_cast<unsigned>(fd)));
  if (o.profile == Profile::model) {
    f.allow({SCMP_SYS(rseq), SCMP_SYS(set_robust_list)});
    constexpr std::uint64_t kThread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;
    constexpr std::uint64_t kNamespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
    if (o.threads > 1) f.rule(SCMP_ACT_ALLOW, SCMP_SYS(clone), SCMP_A0_64(SCMP_CMP_MASKED_EQ, kThread | kNamespaces, kThread));
    f.refuse({SCMP_SYS(clone3)}, ENOSYS);  // its arguments are behind a pointer; glibc then takes clone
  }
  seccomp_attr_set(f.context, SCMP_FLTATR_CTL_OPTIMIZE, 2);
  return f.good && seccomp_load(f.context) == 0;
}

}  // namespace

std::string SandboxReport::level() const {
  if (relaxed) return "relaxed (sanitizer build)";
  if (!seccomp) return "none";
  if (landlock == 0) return "seccomp only";
  return namespaces ? "full" : "no namespaces";
}

json::Value SandboxReport::to_json() const {
  return json::object({{"level", level()},
                       {"seccomp", seccomp},
                       {"landlock_abi", landlock},
                       {"namespaces", namespaces},
                       {"other_user", other_user},
                       {"no_write_exec", no_write_exec}});
}

Result<SandboxReport> enter_sandbox(const SandboxOptions& options) {
  SandboxReport report;
  report.relaxed = kRelaxed;
  close_others(options.keep);
  const Size size = own_size();  // while a file can still be opened
  if (!kRelaxed) null_standard_streams();
  if (::chdir("/") != 0) return system_error("chdir");
  report.namespaces = enter_namespaces();
  const bool root = ::geteuid() == 0;
  if (root) report.other_user = become_other_user();
  drop_capabilities();
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return system_error("PR_SET_NO_NEW_PRIVS");
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return system_error("PR_SET_DUMPABLE");
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) return system_error("PR_SET_PDEATHSIG");  // after the change of user, which clears it
  if (!kRelaxed) report.no_write_exec = ::prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) == 0;
  if (!kRelaxed) report.landlock = deny_by_landlock();  // needs a descriptor, so before there are none
  if (!set_limits(options, report.other_user, size)) return system_error("setrlimit");
  if (kRelaxed) return report;
  report.seccomp = enter_seccomp(options);
  if (!report.seccomp) return Error(ErrorCode::unavailable, "The sandbox can't be entered").because("seccomp filter was refused");
  return report;
}

SandboxReport probe_sandbox() {
  SandboxReport none;
  none.relaxed = kRelaxed;
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return none;
  const pid_t pid = ::fork();
  if (pid == 0) {
    SandboxOptions options;
    options.profile = Profile::import;
    options.keep = options.writable = {ends[1]};
    options.memory_bytes = 64 << 20;
    auto report = enter_sandbox(options);
    const std::array<std::uint8_t, 5> found = {report.ok() && report->seccomp, static_cast<std::uint8_t>(report.ok() ? report->landlock : 0),
                                               report.ok() && report->namespaces, report.ok() && report->other_user,
                                               report.ok() && report->no_write_exec};
    [[maybe_unused]] auto n = ::write(ends[1], found.data(), found.size());
    ::_exit(0);
  }
  ::close(ends[1]);
  std::array<std::uint8_t, 5> found{};
  const bool told = pid > 0 && ::read(ends[0], found.data(), found.size()) == static_cast<ssize_t>(found.size());
  ::close(ends[0]);
  if (pid > 0) ::waitpid(pid, nullptr, 0);
  if (!told) return none;
  none.seccomp = found[0] != 0;
  none.landlock = found[1];
  none.namespaces = found[2] != 0;
  none.other_user = found[3] != 0;
  none.no_write_exec = found[4] != 0;
  return none;
}

}  // namespace slipway::os
