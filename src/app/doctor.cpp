// `slipway doctor`: one line a check, each with its cause and what to do about it. Changes nothing.
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "slipway/app/app.hpp"
#include "slipway/app/platform.hpp"
#include "slipway/base/clock.hpp"
#include "slipway/os/sandbox.hpp"

namespace slipway::app {
namespace {

using Outcome = Check::Outcome;

std::string filesystem_name(const std::string& path) {
  struct statfs info{};
  if (::statfs(path.c_str(), &info) != 0) return "unknown";
  switch (static_cast<unsigned long>(info.f_type)) {
    case 0xEF53: return "ext4";
    case 0x58465342: return "xfs";
    case 0x9123683E: return "btrfs";
    case 0x01021994: return "tmpfs";
    case 0x794c7630: return "overlayfs";
    case 0x6969: return "nfs";
    default: return "other";
  }
}

// The directory itself, or the nearest that exists above it.
std::string existing_part(const std::string& path) {
  std::filesystem::path p = std::filesystem::absolute(path);
  while (!p.empty() && !std::filesystem::exists(p) && p != p.root_path()) p = p.parent_path();
  return p.string();
}

Check check_data_dir(const Settings& settings) {
  const std::string place = existing_part(settings.storage_data_dir);
  const bool there = std::filesystem::exists(settings.storage_data_dir);
  const std::string fs = filesystem_name(place);
  if (::access(place.c_str(), W_OK) != 0)
    return {Outcome::bad, "data directory", place + " can't be written", "run as its owner, or name another with --data DIR"};
  if (fs == "nfs") return {Outcome::bad, "data directory", "on nfs", "SQLite's log needs a local file system: move it"};
  if (fs == "tmpfs") return {Outcome::warning, "data directory", "on tmpfs: gone after a restart", "put it on a disk"};
  return {Outcome::good, "data directory", (there ? settings.storage_data_dir : settings.storage_data_dir + " (will be made)") + ", " + fs, ""};
}

Check check_space(const Settings& settings) {
  struct statvfs info{};
  if (::statvfs(existing_part(settings.storage_data_dir).c_str(), &info) != 0) return {Outcome::warning, "free space", "unknown", ""};
  const auto free_bytes = static_cast<std::int64_t>(info.f_bavail) * static_cast<std::int64_t>(info.f_frsize);
  const std::string text = std::to_string(free_bytes >> 20) + " MiB";
  if (free_bytes < settings.storage_free_bytes_min)
    return {Outcome::bad, "free space", text, "uploads are refused below storage.free_bytes_min: make room"};
  if (free_bytes < 4 * settings.models_upload_bytes_max) return {Outcome::warning, "free space", text, "little for large models"};
  return {Outcome::good, "free space", text, ""};
}

Check check_clock() {
  const std::int64_t now = system_clock().unix_ms();
  if (now < 1'760'000'000'000) return {Outcome::bad, "clock", to_rfc3339(now), "tokens are judged by it: set the time"};
  return {Outcome::good, "clock", to_rfc3339(now), ""};
}

Check check_master_key(const Settings& settings) {
  const std::string path = master_key_file(settings);
  struct stat info{};
  const bool database = std::filesystem::exists(settings.storage_data_dir + "/slipway.db");
  if (::stat(path.c_str(), &info) != 0) {
    if (database) return {Outcome::bad, "master key", path + " is missing", "restore it from your backup: nothing can be read without it"};
    return {Outcome::good, "master key", "will be made at the first start", ""};
  }
  if ((info.st_mode & 077) != 0) return {Outcome::bad, "master key", path + " is readable by others", "chmod 0600 " + path};
  if (info.st_uid != ::geteuid()) return {Outcome::bad, "master key", path + " belongs to another user", "run as its owner"};
  return {Outcome::good, "master key", path + ", private", ""};
}

Check check_database(const Settings& settings) {
  const std::string path = settings.storage_data_dir + "/slipway.db";
  if (!std::filesystem::exists(path)) return {Outcome::good, "database", "will be made at the first start", ""};
  const auto storage = open_storage(settings);
  if (!storage.ok()) return {Outcome::bad, "database", storage.error().detail(), "see the message; a newer database needs the newer program"};
  if (const Status intact = storage->database->check(); !intact.ok())
    return {Outcome::bad, "database", intact.error().detail(), "restore the latest backup"};
  return {Outcome::good, "database", "opens, up to date, intact", ""};
}

Check check_sandbox() {
  const os::SandboxReport report = os::probe_sandbox();
  const std::string found = report.level() + " (seccomp " + (report.seccomp ? "yes" : "no") + ", Landlock " +
                            (report.landlock > 0 ? "ABI " + std::to_string(report.landlock) : "no") + ", namespaces " +
                            (report.namespaces ? "yes" : "no") + ", own user " + (report.other_user ? "yes" : "no") + ")";
  if (!report.sufficient()) return {Outcome::bad, "sandbox", found, "the kernel or container forbids seccomp: models are not read without it"};
  if (report.landlock == 0) return {Outcome::warning, "sandbox", found, "a kernel with Landlock (5.13 or newer) adds a second wall"};
  return {Outcome::good, "sandbox", found, ""};
}

Check check_cells(const Settings& settings) {
  Metrics metrics;
  const auto engine = inference::Engine::start(engine_options(settings), metrics);
  if (!engine.ok())
    return {Outcome::bad, "cells", engine.error().detail() + " " + engine.error().internal(),
            "the ONNX Runtime library must stand beside the program"};
  const bool lives = (*engine)->stats().launcher_pid != 0;
  return lives ? Check{Outcome::good, "cells", "the launcher starts, with ONNX Runtime and its telemetry off", ""}
               : Check{Outcome::bad, "cells", "the launcher does not start", "see the log"};
}

Check check_limits() {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  const std::string text = std::to_string(files.rlim_max) + " open files";
  if (files.rlim_max < 4096) return {Outcome::warning, "limits", text, "raise the hard limit (ulimit -Hn) for many connections"};
  return {Outcome::good, "limits", text, ""};
}

Check check_listen(const Settings& settings) {
  if (listens_on_loopback(settings)) return {Outcome::good, "address", settings.server_listen + ", this machine only", ""};
  return {Outcome::warning, "address", settings.server_listen + ", reachable by others without TLS",
          "put a TLS proxy in front and listen on 127.0.0.1"};
}

}  // namespace

std::vector<Check> doctor(const Settings& settings) {
  return {check_data_dir(settings), check_space(settings), check_clock(),  check_master_key(settings), check_database(settings),
          check_sandbox(),          check_cells(settings), check_limits(), check_listen(settings)};
}

}  // namespace slipway::app
