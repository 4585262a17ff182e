// The sandbox that every cell enters before it sees a byte of a model: no file, no socket, no process, bounded memory and time. What a
// kernel or container doesn't offer is left out and reported; the base (seccomp, rlimits, no_new_privs) is never left out.
// docs/security.md has the recipe and its reasons. Call in a single-threaded child only.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "slipway/base/json.hpp"
#include "slipway/base/result.hpp"

namespace slipway::os {

enum class Profile : std::uint8_t {
  import,  // one thread; may write the descriptors in `writable`
  model,   // threads; may write the descriptors in `writable` (eventfds)
};

struct SandboxOptions {
  Profile profile = Profile::model;
  std::uint64_t memory_bytes = 0;  // private memory beyond what the process has now; 0: no limit
  std::uint64_t file_bytes = 0;    // what a written memfd may grow to
  std::uint32_t cpu_seconds = 0;   // 0: no limit
  std::uint32_t threads = 1;       // more threads than the calling one may be started when > 1
  std::vector<int> keep;           // descriptors that stay open; every other is closed
  std::vector<int> writable;       // descriptors that write(2) may name
};

// What is in force after enter(), or what probe() found to be possible.
struct SandboxReport {
  bool seccomp = false;
  int landlock = 0;  // ABI; 0: not there
  bool namespaces = false;
  bool other_user = false;                                // runs as an unused uid (only when started as root)
  bool no_write_exec = false;                             // PR_SET_MDWE
  bool relaxed = false;                                   // a sanitizer build: seccomp, Landlock and memory limits are off
  std::string level() const;                              // "full", "no namespaces", "seccomp only", "none"
  bool sufficient() const { return seccomp || relaxed; }  // else pickles must not be served
  json::Value to_json() const;
};

Result<SandboxReport> enter_sandbox(const SandboxOptions& options);
SandboxReport probe_sandbox();  // tries it in a child; for `slipway doctor` and the start of the server

// Exit codes of cells, beside 0.
inline constexpr int kExitSandbox = 70;  // the sandbox could not be entered
inline constexpr int kExitMemory = 71;   // the memory limit was hit
inline constexpr int kExitFailed = 72;   // an exception nobody expected

}  // namespace slipway::os
