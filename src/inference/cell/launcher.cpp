#include "slipway/inference/cell/launcher.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <map>

#include "slipway/inference/cell/cells.hpp"
#include "slipway/inference/cell/ort.hpp"
#include "slipway/os/channel.hpp"
#include "slipway/os/process.hpp"

namespace slipway::inference {

namespace {

class Launcher {
 public:
  Launcher(os::Channel channel, ImportFunction import) : channel_(std::move(channel)), import_(import) {}

  int run() {
    const os::SandboxReport report = os::probe_sandbox();
    wire::Hello hello;
    hello.landlock = report.landlock;
    hello.seccomp = report.seccomp;
    hello.namespaces = report.namespaces;
    hello.other_user = report.other_user;
    hello.no_write_exec = report.no_write_exec;
    hello.relaxed = report.relaxed;
    if (!channel_.send(wire::bytes_of(hello)).ok()) return 1;
    while (turn()) {}
    return 0;  // cells die with us
  }

 private:
  bool turn() {
    std::vector<pollfd> waits{{channel_.fd(), POLLIN, 0}};
    std::vector<std::uint64_t> ids;
    for (const auto& [id, cell] : cells_) {
      waits.push_back({cell.pidfd.get(), POLLIN, 0});
      ids.push_back(id);
    }
    if (::poll(waits.data(), waits.size(), -1) < 0) return errno == EINTR;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (waits[i + 1].revents != 0 && !reap(ids[i])) return false;
    }
    return waits[0].revents == 0 || take_order();
  }

  bool reap(std::uint64_t id) {
    int status = 0;
    if (::waitpid(cells_[id].pid, &status, WNOHANG) <= 0) return true;
    cells_.erase(id);
    wire::Exited exited;
    exited.id = id;
    exited.wait_status = status;
    return channel_.send(wire::bytes_of(exited)).ok();
  }

  bool take_order() {
    auto frame = channel_.receive();
    if (!frame.ok() || frame->end) return false;
    if (wire::Warm warm; wire::read_message(frame->bytes, warm)) {
      warm_up();
      return true;
    }
    if (wire::ForkModel model; wire::read_message(frame->bytes, model)) {
      warm_up();
      return fork_cell(model.id, *frame, [&] { model_cell(model, std::move(frame->fds)); });
    }
    if (wire::ForkImport import; wire::read_message(frame->bytes, import)) {
      return fork_cell(import.id, *frame, [&] { import_cell(import, std::move(frame->fds), import_); });
    }
    return false;  // not our server's language
  }

  static void warm_up() {
    if (auto opened = open_ort(); !opened.ok()) {
      std::fprintf(stderr, "%s: %s\n", opened.error().detail().c_str(), opened.error().internal().c_str());
    }
  }

  template <class Live>
  bool fork_cell(std::uint64_t id, os::Frame&, Live live) {
    const pid_t self = ::getpid();
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
      if (::getppid() != self) ::_exit(os::kExitFailed);
      live();
    }
    const int error = errno;
    // Our own child that nobody has waited for: its number can't have been given away.
    os::Fd pidfd(pid > 0 ? static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)) : -1);
    if (!pidfd.valid()) {
      if (pid > 0) {
        ::kill(pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
      }
      wire::NotForked no;
      no.id = id;
      no.error_number = error;
      return channel_.send(wire::bytes_of(no)).ok();
    }
    wire::Forked forked;
    forked.id = id;
    forked.pid = pid;
    const int fd = pidfd.get();
    cells_[id] = os::Child{pid, std::move(pidfd)};
    return channel_.send(wire::bytes_of(forked), std::span(&fd, 1)).ok();
  }

  os::Channel channel_;
  ImportFunction import_;
  std::map<std::uint64_t, os::Child> cells_;
};

}  // namespace

int launcher_main(ImportFunction import) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);  // the server's end is ours; the channel's end tells the same
  ::prctl(PR_SET_NAME, "slipway-cells", 0, 0, 0);
  ::setsid();  // a terminal's Ctrl-C is the server's to handle: it drains first
  ::signal(SIGINT, SIG_IGN);
  ::signal(SIGTERM, SIG_IGN);
  ::signal(SIGHUP, SIG_IGN);
  ::signal(SIGPIPE, SIG_IGN);
  return Launcher(os::Channel(os::Fd(os::kChannelFd)), import).run();
}

}  // namespace slipway::inference
