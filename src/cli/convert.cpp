// slipway convert FILE -o OUT.onnx: the graph that would be served, as a file; of standard operators where they can say it.
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "command.hpp"
#include "local_models.hpp"
#include "settings_flags.hpp"
#include "slipway/base/encoding.hpp"
#include "slipway/os/file.hpp"

namespace slipway::cli {
namespace {

struct Wish {
  std::vector<std::string> files;
  std::string entry, out;
  bool own_operators = false;
};

// Whole or not at all: beside it first, then renamed.
Status write_file(const std::string& path, std::span<const std::byte> bytes) {
  struct stat facts{};
  if (::stat(path.c_str(), &facts) == 0 && !S_ISREG(facts.st_mode)) return Error(ErrorCode::bad_request, path + " is not a regular file");
  const std::string fresh = path + ".partial-" + std::to_string(::getpid());
  TRY(os::write_new_file(fresh, as_text(bytes), 0644).within(path));
  if (::rename(fresh.c_str(), path.c_str()) != 0) {
    const int why = errno;
    ::unlink(fresh.c_str());
    return os::file_error(path, why);
  }
  return ok();
}

Status convert(Console& console, const Wish& wish) {
  const Settings settings = TRY(settings_without_flags(console.environment()));
  const auto files = TRY(open_files(wish.files, settings));
  const auto models = TRY(LocalModels::start(settings));
  const Imported imported = TRY(models->import(files, {.entry = wish.entry, .standard_operators = !wish.own_operators}));
  const ArtifactView view = TRY(artifact_of(imported));
  for (const std::string& warning : view.report.warnings) console.warn(warning);
  if (wish.out == "-") {
    console.print(as_text(view.onnx));
    return ok();
  }
  TRY(write_file(wish.out, view.onnx));
  // The graph's list of operator sets names ours: field 1 "slipway", field 2 version 1.
  if (as_text(view.onnx).find("\x0a\x07slipway\x10\x01") != std::string_view::npos)
    console.warn("this graph uses operators of slipway's own: elsewhere, load it with register_custom_ops_library(\"libslipway_ops.so\")");
  console.say(console.mark(Mark::good, false) + " " + wish.out + ": " + human_bytes(view.onnx.size()) + ", " + printable(view.report.title));
  console.next("slipway predict " + wish.out + " -i ROWS.json");
  return ok();
}

}  // namespace

Action declare_convert(CLI::App& app, Console&) {
  auto wish = std::make_shared<Wish>();
  app.add_option("FILE", wish->files, "model file; several in the order they apply; - is stdin")->required();
  app.add_option("-o,--out", wish->out, "file to write; - is stdout")->type_name("OUT.onnx")->required();
  app.add_option("--entry", wish->entry, "the model inside a dict or list, such as model; several with commas: scaler,model")->type_name("PATH");
  app.add_flag("--own-operators", wish->own_operators, "the graph exactly as it is served: trees are faster, but need libslipway_ops.so");
  return [wish](Console& console) {
    end_on_signals();
    if (wish->out == "-" && ::isatty(STDOUT_FILENO) == 1)
      return console.usage("slipway convert: not writing a binary file to a terminal; name a file");
    const Status status = convert(console, *wish);
    return status.ok() ? kOk : console.fail(status.error());
  };
}

}  // namespace slipway::cli
