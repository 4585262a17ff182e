// slipway version
#include <curl/curlver.h>
#include <openssl/opensslv.h>

#include <CLI/CLI.hpp>

#include "checks.hpp"
#include "command.hpp"

namespace slipway::cli {

Action declare_version(CLI::App& app, Console& console) {
  add_json(app, console);
  return [](Console& c) {
    const std::string engine = engine_library_version();
    if (c.json) {
      c.print_json(json::object({{"slipway", SLIPWAY_VERSION},
                                 {"onnxruntime", engine.empty() ? json::Value() : json::Value(engine)},
                                 {"openssl", OPENSSL_VERSION_TEXT},
                                 {"curl", LIBCURL_VERSION},
                                 {"compiler", __VERSION__}}));
      return kOk;
    }
    c.print("slipway " SLIPWAY_VERSION "\n");
    c.print("onnxruntime " + (engine.empty() ? std::string("not found") : engine) + "\n");
    return kOk;
  };
}

}  // namespace slipway::cli
