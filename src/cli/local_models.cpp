#include "local_models.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <future>

#include "slipway/app/app.hpp"
#include "slipway/base/encoding.hpp"
#include "slipway/base/ids.hpp"
#include "slipway/base/log.hpp"
#include "slipway/os/loop.hpp"

namespace slipway::cli {
namespace {

std::string base_name(const std::string& path) { return path == "-" ? "stdin" : path.substr(path.rfind('/') + 1); }

Error unreadable(const std::string& path, int why) { return Error(ErrorCode::bad_request, path + " can't be read: " + std::strerror(why)); }

Result<os::Fd> copy_to_memory(const std::string& path, std::uint64_t bytes_max) {
  os::Fd file(path == "-" ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return unreadable(path, errno);
  struct stat facts{};
  if (::fstat(file.get(), &facts) == 0 && S_ISDIR(facts.st_mode)) return Error(ErrorCode::bad_request, path + " is a directory");
  os::Fd memory = TRY(os::make_memfd("model-file"));
  std::vector<std::byte> buffer(1 << 20);
  std::uint64_t total = 0;
  for (;;) {
    const ssize_t n = ::read(file.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return unreadable(path, errno);
    if (n == 0) break;
    total += static_cast<std::uint64_t>(n);
    if (total > bytes_max) {
      return Error(ErrorCode::too_large,
                   path + " is larger than " + std::to_string(bytes_max) + " bytes; SLIPWAY_MODELS_UPLOAD_BYTES_MAX sets the limit");
    }
    TRY(os::write_all(memory, std::span(buffer.data(), static_cast<std::size_t>(n))));
  }
  if (total == 0) return Error(ErrorCode::model_refused, path + " is empty");
  TRY(os::seal(memory));
  return memory;
}

// What a callback on another thread will bring. The promise is shared: set_value may still be at work when the waiter goes on.
template <class T>
class Answer {
 public:
  std::function<void(T)> setter() {
    return [promise = promise_](T value) { promise->set_value(std::move(value)); };
  }
  T wait() { return promise_->get_future().get(); }

 private:
  std::shared_ptr<std::promise<T>> promise_ = std::make_shared<std::promise<T>>();
};

class LocalModelsImpl final : public LocalModels {
 public:
  explicit LocalModelsImpl(const Settings& settings) : settings_(settings), loops_(1) {}

  // The engine answers on the loop, so it ends before the loop does.
  ~LocalModelsImpl() override { engine_.reset(); }

  Status open() {
    inference::EngineOptions options = app::engine_options(settings_);
    options.loops = loops_.all();
    loops_.start();
    engine_ = TRY(inference::Engine::start(options, metrics_));
    if (!engine_->sandbox().sufficient()) {
      return Error(ErrorCode::unavailable, "this machine offers no sandbox for model files (seccomp is missing): slipway doctor tells more");
    }
    return ok();
  }

  Result<Imported> import(const std::vector<LocalFile>& files, const Wish& wish) override {
    inference::ImportJob job;
    for (const LocalFile& file : files) job.files.push_back({file.name, TRY(file.memfd.duplicate())});
    importers::Options options;
    options.entry = wish.entry;
    if (wish.standard_operators) options.operators = graph::Operators::standard;
    options.bytes_max = static_cast<std::size_t>(settings_.models_import_memory_bytes);
    job.options_json = importers::options_to_json(options, wish.inspect_only);
    job.memory_bytes = static_cast<std::uint64_t>(settings_.models_import_memory_bytes);
    job.deadline = system_clock().steady() + Millis(settings_.models_import_timeout_ms);

    Answer<Result<os::Fd>> answer;
    engine_->import_model(std::move(job), answer.setter());
    Imported imported;
    imported.memfd = TRY(answer.wait());
    imported.bytes = TRY(os::Mapping::read_only(imported.memfd));
    imported.answer = TRY(importers::parse_import_answer(imported.bytes.bytes()));
    return imported;
  }

  Result<std::string> predict(const Imported& imported, const std::string& name, const DecodedRequest& request) override {
    const ArtifactView view = TRY(artifact_of(imported));
    const std::span<const std::byte> artifact = imported.answer.artifact;
    inference::ModelSpec spec;
    spec.id = name;
    spec.schema = std::make_shared<const Schema>(view.schema);
    spec.source = [artifact] { return os::make_sealed("artifact", artifact); };
    spec.artifact_bytes = artifact.size();
    const auto model = engine_->deploy(std::move(spec));

    // Loaded first, so that the prediction's time is the prediction's alone.
    Answer<Status> loaded;
    model->load(loaded.setter());
    TRY(loaded.wait());

    inference::PredictJob job;
    job.inputs = request.inputs;
    job.rows = request.rows;
    job.deadline = system_clock().steady() + Millis(settings_.inference_timeout_ms);
    job.loop = &loops_.at(0);
    Answer<Result<std::vector<Tensor>>> answer;
    loops_.at(0).post([model, set = answer.setter(), job = std::move(job)]() mutable { model->predict(std::move(job), std::move(set)); });
    const std::vector<Tensor> outputs = TRY(answer.wait());
    model->retire();
    std::string text;
    const std::string request_id = new_id("req");
    encode_response(text, view.schema, outputs, request.rows, {.model_id = name, .version = 1, .request_id = request_id});
    return text;
  }

 private:
  Settings settings_;
  Metrics metrics_;
  os::Loops loops_;
  std::unique_ptr<inference::Engine> engine_;
};

}  // namespace

Result<std::vector<LocalFile>> open_files(const std::vector<std::string>& paths, const Settings& settings) {
  std::vector<LocalFile> files;
  bool stdin_used = false;
  for (const std::string& path : paths) {
    if (path == "-" && std::exchange(stdin_used, true)) return Error(ErrorCode::bad_request, "stdin can be read once only");
    LocalFile file{path, base_name(path), {}};
    file.memfd = TRY(copy_to_memory(path, static_cast<std::uint64_t>(settings.models_upload_bytes_max)));
    files.push_back(std::move(file));
  }
  return files;
}

Result<std::unique_ptr<LocalModels>> LocalModels::start(const Settings& settings) {
  // What cells report is for a server's log; here the error says it.
  log::configure({log::Level::error, log::Format::text});
  auto models = std::make_unique<LocalModelsImpl>(settings);
  TRY(models->open());
  return std::unique_ptr<LocalModels>(std::move(models));
}

Result<ArtifactView> artifact_of(const Imported& imported) {
  if (!imported.answer.ok) return Error(ErrorCode::model_refused, imported.answer.refusal);
  return view_artifact(imported.answer.artifact);
}

}  // namespace slipway::cli
