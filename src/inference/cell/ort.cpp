#include "slipway/inference/cell/ort.hpp"

#include <dlfcn.h>
#include <onnxruntime_cxx_api.h>

#include <cstdlib>
#include <string>

#include "slipway/os/process.hpp"

namespace slipway::inference {

static Ort::Env* env = nullptr;

static Result<void*> open_library() {
  const std::string program = os::own_program();
  const std::string folder = program.substr(0, program.rfind('/') + 1);
  std::string why;
  for (const char* place : {"", "../lib/slipway/"}) {
    const std::string path = folder + place + SLIPWAY_ORT_FILE;
    if (void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) return library;
    why += std::string(::dlerror()) + "; ";
  }
  return Error(ErrorCode::unavailable, "ONNX Runtime can't be opened").because(why);
}

Status open_ort() {
  if (env != nullptr) return ok();
  // Official builds send telemetry, from a thread and with files of their own; this is the only switch that stops all of it.
  ::setenv("ORT_DISABLE_TELEMETRY", "1", 1);
  void* library = TRY(open_library());
  using GetApiBase = const OrtApiBase* (*)();
  auto base = reinterpret_cast<GetApiBase>(::dlsym(library, "OrtGetApiBase"));
  const OrtApi* api = base != nullptr ? base()->GetApi(ORT_API_VERSION) : nullptr;
  if (api == nullptr) return Error(ErrorCode::unavailable, "ONNX Runtime can't be opened").because("no API of the version it was built for");
  Ort::InitApi(api);
  try {
    env = new Ort::Env(ORT_LOGGING_LEVEL_FATAL, "slipway");  // never deleted: cells leave by _exit
  } catch (const std::exception& e) { return Error(ErrorCode::unavailable, "ONNX Runtime can't be initialised").because(e.what()); }
  return ok();
}

void* ort_env() { return env; }

}  // namespace slipway::inference
