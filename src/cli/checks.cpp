#include "checks.hpp"

#include <fmt/format.h>
#include <netdb.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <ctime>

#include "console.hpp"
#include "local_models.hpp"
#include "slipway/base/clock.hpp"
#include "slipway/base/encoding.hpp"
#include "slipway/os/file.hpp"
#include "slipway/os/process.hpp"
#include "slipway/os/sandbox.hpp"

namespace slipway::cli {
namespace {

using app::Check;
constexpr std::int64_t kNoEarlierMs = 1'767'225'600'000;  // 2026-01-01: this program didn't exist before

Check good(std::string name, std::string found) { return {Check::Outcome::good, std::move(name), std::move(found), ""}; }
Check warning(std::string name, std::string found, std::string remedy) { return {Check::Outcome::warning, std::move(name), std::move(found), std::move(remedy)}; }
Check bad(std::string name, std::string found, std::string remedy) { return {Check::Outcome::bad, std::move(name), std::move(found), std::move(remedy)}; }

// statfs(2)'s numbers; those over a network don't keep the promises of fsync and locks that SQLite's log needs.
struct FileSystem {
  long type;
  const char* name;
  bool remote;
};
constexpr FileSystem kFileSystems[] = {{0xEF53, "ext4", false},         {0x58465342, "xfs", false},     {0x9123683EL, "btrfs", false}, {0x2FC12FC1, "zfs", false},
                                       {0x01021994, "tmpfs", false},    {0x794C7630, "overlayfs", false}, {0x6969, "nfs", true},       {0xFE534D42L, "smb", true},
                                       {0xFF534D42L, "cifs", true},     {0x65735546, "fuse", false},    {0x01021997, "9p", true},     {0x00C36400, "ceph", true}};

std::string existing_parent(std::string path) {
  while (::access(path.c_str(), F_OK) != 0) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) return ".";
    path.erase(slash == 0 ? 1 : slash);
    if (path == "/") break;
  }
  return path;
}

Check data_directory(const Settings& settings) {
  const std::string& path = settings.storage_data_dir;
  const std::string place = existing_parent(path);
  struct stat facts {};
  if (::stat(place.c_str(), &facts) != 0 || !S_ISDIR(facts.st_mode)) return bad("data directory", place + " is no directory", "name another by --data DIR");
  if (::access(place.c_str(), W_OK | X_OK) != 0) return bad("data directory", place + " can't be written to", "run as its owner, or name another by --data DIR");
  struct statfs system {};
  std::string kind = "an unknown file system";
  bool remote = false;
  if (::statfs(place.c_str(), &system) == 0) {
    for (const FileSystem& known : kFileSystems) {
      if (static_cast<std::uint32_t>(system.f_type) != static_cast<std::uint32_t>(known.type)) continue;
      kind = known.name;
      remote = known.remote;
    }
  }
  if (remote) return bad("data directory", path + " is on " + kind, "use a local disk: locks and fsync over a network don't hold what a database needs");
  if (place != path) return good("data directory", path + " on " + kind + ", made at the first start");
  if (kind == "tmpfs") return warning("data directory", path + " on tmpfs", "it is gone after a restart of the machine; use a disk");
  if ((facts.st_mode & 077) != 0) return warning("data directory", path + fmt::format(" on {}, mode {:o}", kind, facts.st_mode & 0777), "chmod 700 " + path);
  return good("data directory", path + " on " + kind + ", writable");
}

Check free_space(const Settings& settings) {
  const auto left = os::free_bytes(existing_parent(settings.storage_data_dir));
  if (!left.ok()) return warning("free space", "can't be told", "look at df " + settings.storage_data_dir);
  const std::uint64_t least = static_cast<std::uint64_t>(settings.storage_free_bytes_min);
  if (*left < least) return bad("free space", human_bytes(*left), "uploads are refused below " + human_bytes(least) + " (storage.free_bytes_min)");
  if (*left < 4 * least) return warning("free space", human_bytes(*left), "uploads are refused below " + human_bytes(least));
  return good("free space", human_bytes(*left));
}

Check clock_check() {
  const std::int64_t now = system_clock().unix_ms();
  if (now < kNoEarlierMs) return bad("clock", to_rfc3339(now), "set the clock: tokens and certificates are checked against it");
  struct timex state {};
  if (::adjtimex(&state) >= 0 && (state.status & STA_UNSYNC) != 0) {
    return warning("clock", to_rfc3339(now) + ", not synchronised", "run a time service such as chrony; in a container the host's clock counts");
  }
  return good("clock", to_rfc3339(now));
}

Check master_key(const Settings& settings) {
  const bool apart = !settings.storage_master_key_file.empty();
  const std::string path = apart ? settings.storage_master_key_file : settings.storage_data_dir + "/master.key";
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) {
    if (::access((settings.storage_data_dir + "/slipway.db").c_str(), F_OK) == 0) {
      return bad("master key", path + " is missing, but there is a database", "put the key back from your backup: without it nothing stored can be read");
    }
    return good("master key", path + ", made at the first start");
  }
  if ((facts.st_mode & 077) != 0) return bad("master key", path + fmt::format(" has mode {:o}", facts.st_mode & 0777), "chmod 600 " + path);
  if (facts.st_uid != ::geteuid()) return bad("master key", path + " belongs to another user", "run as its owner, or chown it");
  if (facts.st_size != 32 && facts.st_size != 64 && facts.st_size != 65) return bad("master key", path + " is not 32 bytes or 64 hex digits", "put the key back from your backup");
  if (!apart) return good("master key", path + " (keep a copy elsewhere)");
  return good("master key", path);
}

Check sandbox() {
  const os::SandboxReport report = os::probe_sandbox();
  std::string found = "sandbox: " + report.level() + fmt::format(" (seccomp {}, Landlock {}, namespaces {})", report.seccomp ? "yes" : "no",
                                                                  report.landlock > 0 ? std::to_string(report.landlock) : "no", report.namespaces ? "yes" : "no");
  if (!report.sufficient()) return bad("kernel", found, "model files can't be read safely here: use a kernel with seccomp, or a container that allows it");
  if (report.relaxed) return warning("kernel", found + "; a sanitizer build", "don't serve strangers' files with it");
  if (report.landlock == 0) return warning("kernel", found, "a kernel of 5.13 or newer with Landlock adds a second wall");
  return good("kernel", found);
}

Check engine_library() {
  const std::string version = engine_library_version();
  if (version.empty()) return bad("ONNX Runtime", "no library beside the program", "run ./dev setup and build again, or install libonnxruntime beside it");
  const char* telemetry = std::getenv("ORT_DISABLE_TELEMETRY");
  if (telemetry == nullptr || std::strcmp(telemetry, "1") != 0) return bad("ONNX Runtime", version + ", telemetry on", "this is a bug: please report it");
  return good("ONNX Runtime", version + ", telemetry off");
}

// y = x + x as ONNX (opset 13, float64), as the onnx package writes it.
constexpr std::string_view kTinyModel =
    "08083a440a0e0a01780a017812017922034164641206646f63746f725a140a0178120f0a0d080b12090a0312014e0a02080162140a0179120f0a0d080b12090a0312014e0a02080142040a00100d";

Result<std::string> run_tiny_model(const Settings& settings) {
  const std::string bytes = from_hex(kTinyModel).value_or("");
  std::vector<LocalFile> files;
  files.push_back({"doctor.onnx", "doctor.onnx", TRY(os::make_sealed("doctor", std::string_view(bytes)))});
  const auto models = TRY(LocalModels::start(settings));
  const Imported imported = TRY(models->import(files, "", false));
  const ArtifactView view = TRY(artifact_of(imported));
  const DecodedRequest request = TRY(decode_json(view.schema, R"({"inputs": {"x": [[21]]}})", DecodeLimits{}));
  return models->predict(imported, "doctor", request);
}

Check cells(const Settings& settings) {
  const Steady start = system_clock().steady();
  const auto answer = run_tiny_model(settings);
  const double ms = std::chrono::duration<double, std::milli>(system_clock().steady() - start).count();
  if (!answer.ok()) {
    std::string why = answer.error().detail();
    if (!answer.error().internal().empty()) why += " (" + answer.error().internal() + ")";
    return bad("cells", "a tiny model couldn't be imported and run: " + why, "the lines above may tell the cause: kernel, ONNX Runtime, limits");
  }
  const auto document = json::parse(*answer);
  const json::Value* outputs = document.ok() ? document->find("outputs") : nullptr;
  const json::Value* y = outputs != nullptr ? outputs->find("y") : nullptr;
  if (y == nullptr || (y->dump() != "[[42]]" && y->dump() != "[[42.0]]")) return bad("cells", "a tiny model answered wrongly", "please report it with the output of slipway version");
  return good("cells", fmt::format("imported and ran a tiny model in {:.0f} ms", ms));
}

Check open_files_limit(const Settings& settings) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const auto wanted = static_cast<rlim_t>(settings.server_connections_max) + 1024;
  const std::string found = limit.rlim_max == RLIM_INFINITY ? "unlimited open files" : fmt::format("{} open files at most", limit.rlim_max);
  if (limit.rlim_max < wanted) return warning("limits", found, fmt::format("server.connections_max asks for {}: raise ulimit -n (LimitNOFILE= in a unit), or lower the setting", wanted));
  return good("limits", found);
}

Check port(const Settings& settings) {
  const std::string& listen = settings.server_listen;
  const std::size_t colon = listen.rfind(':');
  if (colon == std::string::npos) return bad("port", "\"" + listen + "\" is not HOST:PORT", "set server.listen");
  std::string host = listen.substr(0, colon);
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.empty() ? nullptr : host.c_str(), listen.substr(colon + 1).c_str(), &hints, &found) != 0) {
    return bad("port", listen + " is no address of this machine", "set server.listen");
  }
  const os::Fd socket(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const int bound = socket ? ::bind(socket.get(), found->ai_addr, found->ai_addrlen) : -1;
  const int why = bound == 0 ? 0 : errno;
  ::freeaddrinfo(found);
  if (why == 0) return good("port", listen + " is free");
  if (why == EADDRINUSE) return warning("port", listen + " is in use", "fine when it is this server; else choose another by --listen HOST:PORT");
  return bad("port", listen + ": " + std::strerror(why), "choose another by --listen HOST:PORT");
}

}  // namespace

std::string engine_library_version() {
  static constexpr std::string_view kPrefix = "libonnxruntime.so.";
  const std::string program = os::own_program();
  const std::string folder = program.substr(0, program.rfind('/') + 1);
  for (const char* place : {"", "../lib/slipway/"}) {
    const auto names = os::list_directory(folder + place);
    if (!names.ok()) continue;
    for (const std::string& name : *names) {
      if (name.starts_with(kPrefix)) return name.substr(kPrefix.size());
    }
  }
  return "";
}

std::vector<Check> machine_checks(const Settings& settings) {
  return {data_directory(settings), free_space(settings), clock_check(),              master_key(settings), sandbox(),
          engine_library(),         cells(settings),      open_files_limit(settings), port(settings)};
}

}  // namespace slipway::cli
