#include "slipway/app/app.hpp"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <thread>

#include "slipway/app/limits.hpp"
#include "slipway/app/platform.hpp"
#include "slipway/app/routes.hpp"
#include "slipway/app/workshop.hpp"
#include "slipway/base/log.hpp"
#include "slipway/http/server.hpp"
#include "slipway/os/cores.hpp"
#include "slipway/platform/jobs/jobs.hpp"
#include "slipway/platform/keys/routes.hpp"
#include "slipway/platform/rpc/server.hpp"

namespace slipway::app {
namespace {

constexpr std::int64_t kPollMs = 2000;         // accounts that the command line changed
constexpr std::int64_t kFlushEveryPolls = 30;  // when keys were last used

unsigned io_threads(const Settings& settings) {
  return settings.server_io_threads != 0 ? static_cast<unsigned>(settings.server_io_threads) : os::usable_cores();
}

void raise_open_files() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
  const rlimit no_core{0, 0};  // a core would hold keys
  setrlimit(RLIMIT_CORE, &no_core);
}

// Members end in the reverse of their order; drain() and the destructor first stop what hands out work.
class RunningApp final : public App {
 public:
  explicit RunningApp(const Settings& settings) : settings_(settings) {}
  ~RunningApp() override;
  Status start();

  std::string url() const override { return url_; }
  std::string grpc_address() const override { return rpc_ ? rpc_->address() : std::string(); }
  std::string first_run_link() const override { return link_; }
  void drain() override;

 private:
  Status start_engine();
  Status start_models();
  void make_jobs();
  Status start_server();
  Status start_grpc(const predictions::PredictorPtr& predictor, const predictions::ServerFacts& facts);
  void poll_soon();
  void poll();

  Settings settings_;
  Metrics metrics_;
  std::unique_ptr<store::DataDir> data_dir_;
  Storage storage_;
  std::unique_ptr<keys::Keys> keys_;
  std::unique_ptr<store::Blobs> blobs_;
  std::unique_ptr<limits::Limiter> limiter_;
  std::unique_ptr<limits::Book> limit_book_;
  std::unique_ptr<http::Guard> guard_;
  std::unique_ptr<os::Loops> loops_;
  std::unique_ptr<os::Pool> pool_;
  std::unique_ptr<inference::Engine> engine_;
  std::unique_ptr<CellWorkshop> workshop_;
  std::unique_ptr<models::Intake> intake_;
  std::unique_ptr<models::Registry> registry_;
  std::unique_ptr<jobs::Jobs> jobs_;
  std::unique_ptr<http::Server> server_;
  std::unique_ptr<rpc::Server> rpc_;
  std::string url_, link_;
  std::atomic<bool> stopping_{false};
  std::int64_t polls_ = 0;
};

Status RunningApp::start() {
  data_dir_ = std::make_unique<store::DataDir>(TRY(store::DataDir::open(settings_.storage_data_dir)));
  storage_ = TRY(open_storage(settings_));
  keys_ = TRY(keys::Keys::open(*storage_.database, *storage_.keyring, system_clock()));
  blobs_ = TRY(store::open_local_blobs(data_dir_->blobs()));
  limiter_ = TRY(make_limiter(settings_, metrics_));
  limit_book_ = std::make_unique<limits::Book>(*storage_.database, *limiter_, system_clock());
  TRY(limit_book_->reload());
  guard_ = keys::make_guard(*storage_.accounts, *keys_);
  loops_ = std::make_unique<os::Loops>(io_threads(settings_));
  pool_ = std::make_unique<os::Pool>(static_cast<unsigned>(settings_.server_worker_threads), 4096, "worker");
  TRY(start_engine());
  TRY(start_models());
  TRY(start_server());
  if (!storage_.accounts->directory().has_admin()) link_ = url_ + "/start#" + storage_.accounts->new_setup_token();
  loops_->at(0).post([this] { poll_soon(); });  // its timers are its thread's, which may be taking a connection already
  return ok();
}

Status RunningApp::start_engine() {
  inference::EngineOptions options = engine_options(settings_);
  options.loops = loops_->all();
  engine_ = TRY(inference::Engine::start(options, metrics_));
  loops_->start();  // after the engine: its pollers are in place before the threads are
  workshop_ = std::make_unique<CellWorkshop>(settings_, *engine_, loops_->at(0), *pool_);
  const os::SandboxReport sandbox = engine_->sandbox();
  if (!sandbox.sufficient())
    return Error(ErrorCode::unavailable,
                 "cells can't be confined here (" + sandbox.level() + "): slipway doctor tells why; models are not read without a sandbox");
  return ok();
}

Status RunningApp::start_models() {
  models::IntakeOptions options;
  options.upload_bytes_max = static_cast<std::uint64_t>(settings_.models_upload_bytes_max);
  options.free_bytes_min = static_cast<std::uint64_t>(settings_.storage_free_bytes_min);
  options.uploads_per_user_max = static_cast<unsigned>(settings_.models_uploads_per_user_max);
  options.attempts_max = static_cast<unsigned>(settings_.models_import_attempts_max);
  options.retry_first = Millis(settings_.models_import_retry_ms);
  intake_ = std::make_unique<models::Intake>(*storage_.database, *storage_.keyring, *blobs_, *workshop_, system_clock(), options);
  registry_ = std::make_unique<models::Registry>(*storage_.database, *intake_, *engine_, system_clock());
  make_jobs();
  const models::Intake::Recovery recovery = TRY(intake_->recover(TRY(jobs_->recover())));
  TRY(registry_->start());
  TRY(jobs_->start());
  for (const std::string& version : recovery.to_process) intake_->process(version, [](const Result<models::VersionRow>&) {});
  if (recovery.undone + recovery.removed + recovery.to_process.size() > 0) {
    log::info("storage.recovered", {{"undone", recovery.undone}, {"removed", recovery.removed}, {"resumed", recovery.to_process.size()}});
  }
  return ok();
}

void RunningApp::make_jobs() {
  jobs::Options options;
  options.input_bytes_max = static_cast<std::uint64_t>(settings_.jobs_input_bytes_max);
  options.free_bytes_min = static_cast<std::uint64_t>(settings_.storage_free_bytes_min);
  options.per_user_max = settings_.jobs_per_user_max;
  options.running_max = static_cast<unsigned>(settings_.jobs_running_max);
  options.retention_ms = settings_.jobs_retention_ms;
  options.timeout = Millis(settings_.inference_timeout_ms);
  options.rows_max = static_cast<std::size_t>(settings_.inference_rows_max);
  jobs_ = std::make_unique<jobs::Jobs>(
      jobs::Jobs::Parts{*storage_.database, *storage_.keyring, *blobs_, *registry_, loops_->at(0), metrics_, system_clock(), *limiter_}, options);
  registry_->on_removed([this](std::string_view model_id) { return jobs_->remove_of_model(model_id); });
}

Status RunningApp::start_server() {
  const predictions::Options options{.body_bytes_max = static_cast<std::uint64_t>(settings_.server_body_bytes_max),
                                     .rows_max = static_cast<std::size_t>(settings_.inference_rows_max),
                                     .timeout = Millis(settings_.inference_timeout_ms),
                                     .answer_bytes_max = static_cast<std::uint64_t>(settings_.predictions_answer_bytes_max)};
  const auto predictor = std::make_shared<const predictions::Predictor>(*registry_, *limiter_, metrics_, options);
  const predictions::ServerFacts facts{.version = SLIPWAY_VERSION, .ready = [this] { return engine_->stats().launcher_pid != 0 && !stopping_; }};
  const Parts parts{settings_, metrics_,     *storage_.accounts, *keys_,    *registry_, *jobs_,
                    *limiter_, *limit_book_, *engine_,           predictor, facts,      [this] {
                      return stopping_.load(); }};
  server_ = TRY(http::Server::start(http::server_options(settings_), all_routes(parts), *guard_, *loops_, *pool_, metrics_));
  url_ = "http://" + server_->address();
  registry_->set_base_url(settings_.server_public_url.empty() ? url_ : settings_.server_public_url);
  return start_grpc(predictor, facts);
}

Status RunningApp::start_grpc(const predictions::PredictorPtr& predictor, const predictions::ServerFacts& facts) {
  const std::optional<std::string> listen = grpc_listen(settings_, server_->address());
  if (!listen) return ok();
  const rpc::ServerOptions options{.listen = *listen,
                                   .message_bytes_max = static_cast<std::uint64_t>(settings_.server_body_bytes_max),
                                   .metadata_bytes_max = static_cast<std::size_t>(settings_.server_header_bytes_max),
                                   .calls_max = static_cast<std::size_t>(settings_.server_connections_max),
                                   .handshake_timeout = Millis(settings_.server_header_timeout_ms)};
  auto started = rpc::Server::start(options, predictor, facts, *guard_, loops_->all(), metrics_);
  if (started.ok()) {
    rpc_ = std::move(started).value();
  } else if (settings_.server_grpc_listen.empty()) {  // nobody asked for this port: no reason not to serve the rest
    log::warn("grpc.not_served", {{"why", started.error().detail()}, {"remedy", "set server.grpc_listen: HOST:PORT, or off"}});
  } else {
    return std::move(started).error().within("server.grpc_listen");
  }
  return ok();
}

void RunningApp::poll_soon() {
  loops_->at(0).after(Millis(kPollMs), [this] {
    if (!stopping_) pool_->submit([this] { poll(); });
  });
}

void RunningApp::poll() {
  if (const Status reloaded = storage_.accounts->reload_if_changed(); !reloaded.ok())
    log::warn("accounts.reload_failed", {{"why", reloaded.error().internal()}});
  if (const Status reloaded = limit_book_->reload_if_changed(); !reloaded.ok())
    log::warn("limits.reload_failed", {{"why", reloaded.error().internal()}});
  if (++polls_ % kFlushEveryPolls == 0) {
    if (const Status flushed = keys_->flush_last_used(); !flushed.ok()) log::warn("keys.flush_failed", {{"why", flushed.error().internal()}});
  }
  if (!stopping_) loops_->at(0).post([this] { poll_soon(); });
}

void RunningApp::drain() {
  if (stopping_.exchange(true)) return;
  const Millis timeout(settings_.server_drain_timeout_ms), notice(settings_.server_drain_notice_ms);
  std::thread calls([this, timeout, notice] {  // beside the other: both end within the same time
    if (!rpc_) return;
    std::this_thread::sleep_for(notice);
    rpc_->drain(timeout);
  });
  if (server_) server_->drain(timeout, notice);
  calls.join();
}

RunningApp::~RunningApp() {
  stopping_ = true;
  if (server_) server_->drain(Millis(0));
  rpc_.reset();
  if (keys_) static_cast<void>(keys_->flush_last_used().ok());
  if (jobs_) jobs_->stop();  // what runs is taken up at the next start
  if (pool_) pool_->stop();
  engine_.reset();  // its last answers arrive on the loops, which still run
  server_.reset();
  if (limiter_) limiter_->stop_sharing();  // its last answers too
  if (loops_) {
    loops_->stop();
    loops_->join();
  }
}

}  // namespace

inference::EngineOptions engine_options(const Settings& settings) {
  inference::EngineOptions out;
  out.memory_bytes = static_cast<std::uint64_t>(settings.inference_memory_bytes);
  out.model_memory_bytes = static_cast<std::uint64_t>(settings.inference_model_memory_bytes);
  out.threads = static_cast<unsigned>(settings.inference_threads);
  out.cells = static_cast<unsigned>(settings.inference_cells);
  out.queue_bytes_max = static_cast<std::uint64_t>(settings.inference_queue_bytes_max);
  out.queue_max = static_cast<unsigned>(settings.inference_queue_max);
  return out;
}

Result<std::unique_ptr<App>> App::start(const Settings& settings) {
  auto app = std::make_unique<RunningApp>(settings);
  TRY(app->start());
  return std::unique_ptr<App>(std::move(app));
}

namespace {

void configure_log(const Settings& settings) {
  log::Options options;
  if (settings.log_level == "debug") options.level = log::Level::debug;
  if (settings.log_level == "warn") options.level = log::Level::warn;
  if (settings.log_level == "error") options.level = log::Level::error;
  const bool text = settings.log_format == "text" || (settings.log_format.empty() && isatty(STDERR_FILENO) != 0);
  options.format = text ? log::Format::text : log::Format::json;
  log::configure(options);
}

void print_welcome(const App& app, const Settings& settings) {
  std::printf("slipway  %s\n", app.url().c_str());
  if (!app.grpc_address().empty()) std::printf("gRPC     %s\n", app.grpc_address().c_str());
  if (!app.first_run_link().empty()) {
    std::printf("First time here? Open  %s  (valid 30 minutes, once)\n", app.first_run_link().c_str());
    std::printf("or: slipway user add you@example.org --admin\n");
  }
  std::printf("Data: %s, encrypted with %s: back this file up\n", settings.storage_data_dir.c_str(), master_key_file(settings).c_str());
  std::fflush(stdout);
}

}  // namespace

int serve(const Settings& settings) {
  configure_log(settings);
  raise_open_files();
  std::signal(SIGPIPE, SIG_IGN);
  // Blocked before the first thread, so that every thread inherits it and only sigwait below sees them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  auto app = App::start(settings);
  if (!app.ok()) {
    std::fprintf(stderr, "slipway: %s\n", app.error().detail().c_str());
    if (!app.error().internal().empty()) std::fprintf(stderr, "  (%s)\n", app.error().internal().c_str());
    return 1;
  }
  print_welcome(**app, settings);
  log::info("server.started", {{"url", (*app)->url()}});

  int signal = 0;
  sigwait(&signals, &signal);
  log::info("server.draining", {{"signal", signal}});
  std::thread impatient([&signals] {  // a second signal does not wait for anything
    int again = 0;
    sigwait(&signals, &again);
    _exit(128 + again);
  });
  impatient.detach();
  (*app)->drain();
  app->reset();
  log::info("server.stopped");
  return 0;
}

}  // namespace slipway::app
