// Child processes that are an exec of a program: how the server starts its launcher. Thread-safe functions.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "slipway/os/fd.hpp"

namespace slipway::os {

struct Child {
  pid_t pid = -1;
  Fd pidfd;
};

struct SpawnOptions {
  std::string program;                   // absolute path
  std::vector<std::string> arguments;    // without argv[0]
  std::vector<std::string> environment;  // the whole of it: nothing is inherited
  int channel = -1;                      // becomes descriptor 3 of the child; 0 is /dev/null, 1 and 2 are ours, all others are closed
};

inline constexpr int kChannelFd = 3;

Result<Child> spawn(const SpawnOptions& options);
std::string own_program();                   // what /proc/self/exe names
void kill_child(const Child& child);         // SIGKILL through the pidfd: never another process of the same number
std::string describe_exit(int wait_status);  // "ended by signal 9 (Killed)"

// Resident memory of a process from the outside: the proportional share (smaps_rollup) where the kernel lets us, else anonymous plus
// shared pages (status) less `shared_anonymous`, what it has in common with the process it was forked from. 0: no such process.
std::uint64_t resident_bytes(pid_t pid, std::uint64_t shared_anonymous = 0);
std::uint64_t anonymous_bytes(pid_t pid);
std::uint64_t out_of_memory_kills();  // processes that the kernel has ended for want of memory since its start; 0 where it doesn't tell

}  // namespace slipway::os
