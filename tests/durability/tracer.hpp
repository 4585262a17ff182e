// Runs a command under ptrace and shows every system call of it, from the moment it writes "start" to its acknowledgement channel
// (descriptor 3). The observer may let a call through, make it fail without running it, or end the process right there.
// One command at a time, from one thread.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace durability {

inline constexpr int kAckFd = 3;

struct Call {
  pid_t thread;
  std::uint64_t number;  // SYS_...
  std::array<std::uint64_t, 6> arguments;
  int index;  // 1, 2, …: counted from the start mark
};

struct Decision {
  enum Kind { go, kill, fail } kind = go;
  int error_number = 0;
};

struct Observer {
  std::function<Decision(const Call&)> before;  // the call has not run
  std::function<void(const Call&, std::int64_t result)> after;
};

struct Run {
  int wait_status = 0;
  int calls = 0;
  std::string acks;     // what came through the channel, the start mark included
  bool killed = false;  // by a Decision
  bool exited_well() const;
  std::string ending() const;  // "exit status 1", "signal 6"
};

// Throws std::runtime_error when tracing isn't possible.
Run trace(const std::vector<std::string>& command, const Observer& observer);
Run run(const std::vector<std::string>& command);  // without tracing

// Helpers for observers. Paths are absolute.
std::string path_of_fd(pid_t thread, std::int64_t fd);
std::string string_at(pid_t thread, std::uint64_t address);
std::string path_argument(const Call& call, int directory_argument, int path_argument);  // directory_argument -1: the working directory
std::string text_written(const Call& call);                                              // of a write()

bool can_trace();
bool can_fail_calls();  // only known for x86-64

}  // namespace durability
