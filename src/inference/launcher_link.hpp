// LauncherLink: the server's end of the launcher: starts it, orders cells, hears of their births and deaths. The fleet's thread only.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "slipway/inference/wire.hpp"
#include "slipway/os/channel.hpp"
#include "slipway/os/process.hpp"

namespace slipway::inference {

class LauncherLink {
 public:
  struct Forked {
    std::uint64_t id;
    os::Child child;
  };
  struct Exited {
    std::uint64_t id;
    int wait_status;
  };
  struct NotForked {
    std::uint64_t id;
    int error_number;
  };
  struct Lost {};  // the launcher is gone, and every cell with it
  using Event = std::variant<Forked, Exited, NotForked, Lost>;

  static Result<LauncherLink> start(const std::string& program);  // waits for its greeting, some milliseconds

  const os::SandboxReport& sandbox() const { return sandbox_; }
  pid_t pid() const { return child_.pid; }
  int fd() const { return channel_.fd(); }
  Status warm();
  Status order(const wire::ForkModel& model, std::span<const int> fds);
  Status order(const wire::ForkImport& import, std::span<const int> fds);
  std::optional<Event> next();  // nullopt: nothing waits
  void end();                   // SIGKILL, and waits for it

 private:
  os::Channel channel_;
  os::Child child_;
  os::SandboxReport sandbox_;
};

}  // namespace slipway::inference
