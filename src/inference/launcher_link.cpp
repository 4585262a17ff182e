#include "slipway/inference/launcher_link.hpp"

#include <sys/wait.h>

namespace slipway::inference {

Result<LauncherLink> LauncherLink::start(const std::string& program) {
  constexpr Millis kGreeting{10'000};
  auto [ours, theirs] = TRY(os::Channel::pair());
  os::SpawnOptions spawn;
  spawn.program = program;
  spawn.arguments = {"cell-launcher"};
  // Nothing of the server's environment: it may hold secrets. Two malloc arenas keep the address space of cells small.
  spawn.environment = {"ORT_DISABLE_TELEMETRY=1", "MALLOC_ARENA_MAX=2", "LC_ALL=C.UTF-8", "TZ=UTC"};
  spawn.channel = theirs.fd();
  LauncherLink link;
  link.child_ = TRY(os::spawn(spawn));
  theirs = os::Channel();
  link.channel_ = std::move(ours);
  auto frame = link.channel_.receive(kGreeting);
  wire::Hello hello;
  if (!frame.ok() || frame->end || !wire::read_message(frame->bytes, hello)) {
    link.end();
    return Error(ErrorCode::unavailable, "The launcher of cells doesn't start")
        .because(frame.ok() ? "no greeting from " + program : frame.error().internal());
  }
  link.sandbox_.landlock = hello.landlock;
  link.sandbox_.seccomp = hello.seccomp != 0;
  link.sandbox_.namespaces = hello.namespaces != 0;
  link.sandbox_.other_user = hello.other_user != 0;
  link.sandbox_.no_write_exec = hello.no_write_exec != 0;
  link.sandbox_.relaxed = hello.relaxed != 0;
  return link;
}

Status LauncherLink::warm() { return channel_.send(wire::bytes_of(wire::Warm{})); }
Status LauncherLink::order(const wire::ForkModel& model, std::span<const int> fds) { return channel_.send(wire::bytes_of(model), fds); }
Status LauncherLink::order(const wire::ForkImport& import, std::span<const int> fds) { return channel_.send(wire::bytes_of(import), fds); }

std::optional<LauncherLink::Event> LauncherLink::next() {
  if (!channel_.open() || !channel_.readable()) return std::nullopt;
  auto frame = channel_.receive();
  if (!frame.ok() || frame->end) return Lost{};
  if (wire::Forked forked; wire::read_message(frame->bytes, forked) && frame->fds.size() == 1) {
    return Forked{forked.id, os::Child{forked.pid, std::move(frame->fds[0])}};
  }
  if (wire::Exited exited; wire::read_message(frame->bytes, exited)) return Exited{exited.id, exited.wait_status};
  if (wire::NotForked no; wire::read_message(frame->bytes, no)) return NotForked{no.id, no.error_number};
  return Lost{};
}

void LauncherLink::end() {
  os::kill_child(child_);
  if (child_.pid > 0) ::waitpid(child_.pid, nullptr, 0);
  child_ = os::Child();
  channel_ = os::Channel();
}

}  // namespace slipway::inference
