#include "checks.hpp"

#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "local_models.hpp"
#include "slipway/base/clock.hpp"
#include "slipway/base/encoding.hpp"
#include "slipway/os/file.hpp"
#include "slipway/os/process.hpp"

namespace slipway::cli {
namespace {

using app::Check;

Check good(std::string name, std::string found) { return {Check::Outcome::good, std::move(name), std::move(found), ""}; }
Check warning(std::string name, std::string found, std::string remedy) {
  return {Check::Outcome::warning, std::move(name), std::move(found), std::move(remedy)};
}
Check bad(std::string name, std::string found, std::string remedy) {
  return {Check::Outcome::bad, std::move(name), std::move(found), std::move(remedy)};
}

Check engine_library() {
  const std::string version = engine_library_version();
  if (version.empty())
    return bad("ONNX Runtime", "no library beside the program", "run ./dev setup and build again, or install libonnxruntime beside it");
  const char* telemetry = std::getenv("ORT_DISABLE_TELEMETRY");
  if (telemetry == nullptr || std::strcmp(telemetry, "1") != 0)
    return bad("ONNX Runtime", version + ", telemetry on", "this is a bug: please report it");
  return good("ONNX Runtime", version + ", telemetry off");
}

// y = x + x as ONNX (opset 13, float64), as the onnx package writes it.
constexpr std::string_view kTinyModel =
    "08083a440a0e0a01780a017812017922034164641206646f63746f725a140a0178120f0a0d080b12090a0312014e0a02080162140a0179120f0a0d080b12090a0312014e0a020801"
    "42040a00100d";

Result<std::string> run_tiny_model(const Settings& settings) {
  const std::string bytes = from_hex(kTinyModel).value_or("");
  std::vector<LocalFile> files;
  files.push_back({"doctor.onnx", "doctor.onnx", TRY(os::make_sealed("doctor", std::string_view(bytes)))});
  const auto models = TRY(LocalModels::start(settings));
  const Imported imported = TRY(models->import(files, {}));
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
    return bad("cells", "a tiny model couldn't be imported and run: " + why, "the other lines may tell the cause: sandbox, ONNX Runtime, limits");
  }
  const auto document = json::parse(*answer);
  const json::Value* outputs = document.ok() ? document->find("outputs") : nullptr;
  const json::Value* y = outputs != nullptr ? outputs->find("y") : nullptr;
  if (y == nullptr || (y->dump() != "[[42]]" && y->dump() != "[[42.0]]"))
    return bad("cells", "a tiny model answered wrongly", "please report it with the output of slipway version");
  return good("cells", fmt::format("imported and ran a tiny model in {:.0f} ms", ms));
}

// name: of the line; setting: what chooses another.
Check port(const std::string& name, const std::string& listen, const std::string& setting) {
  const std::size_t colon = listen.rfind(':');
  if (colon == std::string::npos) return bad(name, "\"" + listen + "\" is not HOST:PORT", "set " + setting);
  std::string host = listen.substr(0, colon);
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.empty() ? nullptr : host.c_str(), listen.substr(colon + 1).c_str(), &hints, &found) != 0) {
    return bad(name, listen + " is no address of this machine", "set " + setting);
  }
  const os::Fd socket(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const int bound = socket ? ::bind(socket.get(), found->ai_addr, found->ai_addrlen) : -1;
  const int why = bound == 0 ? 0 : errno;
  ::freeaddrinfo(found);
  if (why == 0) return good(name, listen + " is free");
  if (why == EADDRINUSE)
    return warning(name, listen + " is in use", "fine when it is this server; else choose another by --" + setting + " HOST:PORT");
  return bad(name, listen + ": " + std::strerror(why), "choose another by --" + setting + " HOST:PORT");
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
  std::vector<Check> out = {engine_library(), cells(settings), port("port", settings.server_listen, "server.listen")};
  if (const auto grpc = app::grpc_listen(settings, settings.server_listen)) out.push_back(port("gRPC port", *grpc, "server.grpc_listen"));
  return out;
}

}  // namespace slipway::cli
