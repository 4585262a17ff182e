#include <unistd.h>

#include <new>

#include "slipway/base/json.hpp"
#include "slipway/inference/cell/cells.hpp"
#include "slipway/os/memfd.hpp"
#include "slipway/os/sandbox.hpp"

namespace slipway::inference {

namespace {

struct ImportWork {
  std::vector<os::Mapping> mappings;
  std::vector<ImportInput> files;
  std::string options;
};

// The inputs, mapped while the process still may. fds: answer, names, one a file.
Result<ImportWork> gather(const std::vector<os::Fd>& fds) {
  const auto names = TRY(os::Mapping::read_only(fds[1]));
  const auto document = TRY(json::parse({reinterpret_cast<const char*>(names.bytes().data()), names.bytes().size()}));
  const json::Value* files = document.find("files");
  if (files == nullptr || !files->is_array() || files->as_array().size() != fds.size() - 2) return Error(ErrorCode::internal, "names don't match");
  ImportWork work;
  work.options = document.string_or("options", "{}");
  for (std::size_t i = 2; i < fds.size(); ++i) {
    work.mappings.push_back(TRY(os::Mapping::read_only(fds[i])));
    const auto& name = files->as_array()[i - 2];
    work.files.push_back({name.is_string() ? name.as_string() : "", work.mappings.back().bytes()});
  }
  return work;
}

int run(const wire::ForkImport& order, std::vector<os::Fd>& fds, ImportFunction import) {
  if (fds.size() < 3 || import == nullptr) return os::kExitFailed;
  auto work = gather(fds);
  if (!work.ok()) return os::kExitFailed;
  os::SandboxOptions sandbox;
  sandbox.profile = os::Profile::import;
  sandbox.memory_bytes = order.memory_bytes;
  sandbox.file_bytes = order.answer_bytes_max;
  sandbox.cpu_seconds = order.cpu_seconds;
  sandbox.keep = sandbox.writable = {fds[0].get()};
  if (!os::enter_sandbox(sandbox).ok()) return os::kExitSandbox;
  for (std::size_t i = 1; i < fds.size(); ++i) fds[i].release();  // closed by the sandbox
  try {
    const TextSink answer = [&](std::string_view text) { return os::write_all(fds[0], std::as_bytes(std::span(text))); };
    return import(work->files, work->options, answer).ok() ? 0 : os::kExitMemory;
  } catch (const std::bad_alloc&) { return os::kExitMemory; } catch (const std::exception&) {
    return os::kExitFailed;
  }
}

}  // namespace

void import_cell(const wire::ForkImport& order, std::vector<os::Fd> fds, ImportFunction import) { ::_exit(run(order, fds, import)); }

}  // namespace slipway::inference
