#include "slipway/inference/fleet.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <future>

#include "slipway/base/log.hpp"
#include "slipway/os/cores.hpp"

namespace slipway::inference {

namespace {

constexpr unsigned kWorkers = 2;
constexpr Millis kLookForRoomEvery{2};

Steady now_steady() { return std::chrono::steady_clock::now(); }
std::int64_t ns_of(Steady t) { return t.time_since_epoch().count(); }

std::uint64_t half_of_memory() {
  const auto pages = ::sysconf(_SC_PHYS_PAGES), size = ::sysconf(_SC_PAGESIZE);
  return pages > 0 && size > 0 ? static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(size) / 2 : 1ull << 30;
}

bool violated_sandbox(int wait_status) { return WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGSYS; }

// What a cell's end means, in words for the model's owner.
std::string reason_of(int wait_status, std::uint64_t memory_bytes) {
  std::string limit = "it needs more memory than it may have (" + std::to_string(memory_bytes >> 20) + " MiB)";
  if (violated_sandbox(wait_status)) return "it tried something that the sandbox forbids";
  if (WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGXCPU) return "it used more processor time than it may have";
  if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == os::kExitMemory) return limit;
  if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == os::kExitSandbox) return "its sandbox can't be entered";
  return "its process " + os::describe_exit(wait_status);
}

}  // namespace

Result<std::unique_ptr<Engine>> Engine::start(const EngineOptions& options, Metrics& metrics) {
  auto fleet = std::make_unique<Fleet>(options, metrics);
  TRY(fleet->begin());
  return std::unique_ptr<Engine>(std::move(fleet));
}

Fleet::Fleet(const EngineOptions& options, Metrics& metrics)
    : options_(options),
      cores_(os::usable_cores()),
      next_look_ns_(INT64_MAX),
      cold_starts_(metrics.counter("slipway_cell_starts_total", "model cells that became ready")),
      crashes_(metrics.counter("slipway_cell_crashes_total", "cells that ended unasked, or were ended for a missed deadline")),
      unloads_(metrics.counter("slipway_model_unloads_total", "models unloaded to stay within the memory budget")),
      imports_done_(metrics.counter("slipway_imports_total", "imports that ended, well or not")),
      cold_start_s_(metrics.histogram("slipway_cold_start_seconds", "from a model's first request to its cell being ready")),
      queue_metrics_{metrics.counter("slipway_queue_refused_total", "requests refused because too much waited for their model"),
                     metrics.counter("slipway_queue_shed_total", "requests that waited and gave way to others"),
                     metrics.counter("slipway_queue_cancelled_total", "requests dropped, waiting or running, because their client had gone"),
                     metrics.counter("slipway_model_quarantines_total", "times a model was given a rest after repeated crashes"),
                     metrics.histogram("slipway_queue_wait_seconds", "from a request's arrival at its model's queue to its run"),
                     metrics.histogram("slipway_run_seconds", "run in a cell, seen by each request in it")} {
  if (options_.memory_bytes == 0) options_.memory_bytes = half_of_memory();
  if (options_.launcher_program.empty()) options_.launcher_program = os::own_program();
  out_of_memory_kills_ = os::out_of_memory_kills();
}

Status Fleet::begin() {
  if (options_.loops.empty() || options_.loops.size() > os::kRingLoopsMax) return Error(ErrorCode::internal, "The engine needs 1 to 56 loops");
  wake_ = TRY(os::make_eventfd());
  for (std::uint32_t i = 0; i < options_.loops.size(); ++i) {
    loops_.push_back(std::make_shared<LoopCells>(*options_.loops[i], i, TRY(os::make_eventfd())));
    loops_.back()->join_loop();
  }
  std::promise<Status> started;
  auto outcome = started.get_future();
  // The launcher dies with the thread that started it, so the fleet's own thread starts it.
  thread_ = std::thread([this, &started] {
    Status status = start_launcher();
    const bool good = status.ok();
    started.set_value(std::move(status));
    if (good) run();
  });
  Status status = outcome.get();
  if (!status.ok()) return status;
  for (unsigned i = 0; i < kWorkers; ++i) workers_.emplace_back([this] { work(); });
  return ok();
}

Fleet::~Fleet() {
  stopping_ = true;
  if (wake_.valid()) os::signal_eventfd(wake_.get());
  if (thread_.joinable()) thread_.join();
  {
    std::lock_guard lock(work_mutex_);
    work_.clear();
  }
  work_ready_.notify_all();
  for (auto& w : workers_) w.join();
  // No Loop may be inside a queue that calls us when we are gone.
  std::vector<std::future<void>> left;
  for (auto& l : loops_) left.push_back(l->leave_loop());
  for (auto& f : left) f.wait_for(std::chrono::seconds(2));
}

// ---- the thread

void Fleet::send(Message message) {
  {
    std::lock_guard lock(mutex_);
    messages_.push_back(std::move(message));
  }
  os::signal_eventfd(wake_.get());
}

void Fleet::run() {
  while (!stopping_) turn();
  for (auto& model : models()) model->abandon();
  for (auto& [id, import] : imports_) import.done(Error(ErrorCode::unavailable, "The server is shutting down"));
  for (auto& import : imports_waiting_) import.done(Error(ErrorCode::unavailable, "The server is shutting down"));
  imports_.clear();
  imports_waiting_.clear();
  if (launcher_) launcher_->end();  // and every cell with it
  lives_.clear();
  loads_waiting_.clear();
}

void Fleet::turn() {
  take_messages();
  if (launcher_) take_events();
  const Steady now = now_steady();
  check_starting(now);
  see_off();
  let_loads_in(now);
  next_look_ns_.store(INT64_MAX);  // from here on who has an earlier deadline signals us; see look_at()
  Steady next = std::min(expire(now), expire_imports(now));
  for (const auto& [id, life] : lives_) {
    if (!life.attached) next = std::min(next, life.start_by);
  }
  if (now >= next_measure_) measure(now);
  next = std::min(next, next_measure_);
  if (!loads_waiting_.empty() || leaving_ != 0) next = std::min(next, now + kLookForRoomEvery);
  next_look_ns_.store(ns_of(next));
  pollfd waits[2] = {{wake_.get(), POLLIN, 0}, {launcher_ ? launcher_->fd() : -1, POLLIN, 0}};
  ::poll(waits, 2, wait_ms(next));
  if (waits[0].revents != 0) os::drain_eventfd(wake_.get());
}

int Fleet::wait_ms(Steady until) const {
  if (until == Steady::max()) return -1;
  const auto ms = std::chrono::ceil<Millis>(until - now_steady()).count();
  return static_cast<int>(std::clamp<std::int64_t>(ms, 0, 3'600'000));
}

void Fleet::take_messages() {
  std::vector<Message> messages;
  {
    std::lock_guard lock(mutex_);
    messages.swap(messages_);
  }
  for (auto& m : messages) m();
}

void Fleet::take_events() {
  while (launcher_) {
    auto event = launcher_->next();
    if (!event) return;
    std::visit([this](auto&& e) { on(std::forward<decltype(e)>(e)); }, std::move(*event));
  }
}

// Lost wake-ups: the thread stores "always signal", then scans the queues under their locks, then stores what it found. A queue stores its
// deadline under its lock before it comes here: either the scan saw it, or this load sees "always" or the result.
void Fleet::look_at(Steady when) {
  if (ns_of(when) < next_look_ns_.load()) os::signal_eventfd(wake_.get());
}

void Fleet::want(std::shared_ptr<ModelQueue> model) {
  send([this, model = std::move(model)] { load({model, now_steady(), 0, {}}); });
}

void Fleet::broke(std::shared_ptr<CellLink> cell, Error why) {
  send([this, id = cell->id, why = std::move(why)] { end_cell(id, EndCause::crash, why.detail()); });
}

void Fleet::drained(std::shared_ptr<ModelQueue> model) {
  send([this, model = std::move(model)] {
    for (const auto& cell : model->take_idle()) end_cell(cell->id, EndCause::unloaded, "not wanted any more");
  });
}

// ---- the launcher

Status Fleet::start_launcher() {
  launcher_.emplace(TRY(LauncherLink::start(options_.launcher_program)));
  launcher_pid_ = launcher_->pid();
  launcher_started_ = now_steady();
  launcher_anonymous_ = os::anonymous_bytes(launcher_->pid());
  std::lock_guard lock(mutex_);
  sandbox_ = launcher_->sandbox();
  return ok();
}

void Fleet::on(LauncherLink::Lost&&) {
  log::error("launcher.lost", {{"pid", launcher_ ? launcher_->pid() : 0}});
  restart_launcher();
}

void Fleet::restart_launcher() {
  if (launcher_) launcher_->end();
  launcher_.reset();
  launcher_pid_ = 0;
  ++launcher_restarts_;
  auto lives = std::move(lives_);
  lives_.clear();
  auto imports = std::move(imports_);
  imports_.clear();
  if (now_steady() - launcher_started_ < std::chrono::seconds(1)) std::this_thread::sleep_for(Millis(200));  // not in a tight circle
  auto status = start_launcher();
  if (!status.ok()) log::error("launcher.failed", {{"reason", status.error().internal()}});
  const Steady now = now_steady();
  for (auto& [id, life] : lives) {
    const auto model = life.link->model;
    if (!life.attached)
      load(std::move(life.load));  // nothing was run yet: begin again
    else if (model->detach(life.link, EndCause::launcher_lost, "the launcher of cells was lost", now))
      load({model, now, 0, {}});
  }
  for (auto& [id, import] : imports) import.done(Error(ErrorCode::unavailable, "The import was interrupted; try it again"));
  start_imports();
}

void Fleet::on(LauncherLink::Forked&& forked) {
  if (auto it = lives_.find(forked.id); it != lives_.end()) {
    it->second.link->child = std::move(forked.child);
    if (!it->second.ended_because.empty()) os::kill_child(it->second.link->child);
  } else if (auto i = imports_.find(forked.id); i != imports_.end()) {
    i->second.child = std::move(forked.child);
    if (i->second.expired) os::kill_child(i->second.child);
  } else {
    os::kill_child(forked.child);
  }
}

void Fleet::on(LauncherLink::Exited&& exited) {
  if (lives_.contains(exited.id))
    cell_exited(exited.id, exited.wait_status);
  else if (imports_.contains(exited.id))
    import_exited(exited.id, exited.wait_status);
}

void Fleet::on(LauncherLink::NotForked&& no) {
  Error why = os::system_error("fork of a cell", no.error_number);
  if (auto it = lives_.find(no.id); it != lives_.end()) {
    auto model = it->second.link->model;
    lives_.erase(it);
    model->load_failed(Error(ErrorCode::unavailable, "no process could be started").because(why.internal()), now_steady(), false);
  } else if (auto i = imports_.find(no.id); i != imports_.end()) {
    auto import = std::move(i->second);
    imports_.erase(i);
    import.done(Error(ErrorCode::unavailable, "No process could be started for the import").because(why.internal()));
    start_imports();
  }
}

// ---- model cells

std::shared_ptr<Model> Fleet::deploy(ModelSpec spec) {
  const unsigned threads = policy::threads_for(*spec.schema, spec.artifact_bytes, cores_, options_.threads);
  const unsigned cells_max = policy::cells_for(threads, cores_, options_.cells);
  auto model = std::make_shared<ModelQueue>(std::move(spec), options_, threads, cells_max, *this, queue_metrics_, loops_);
  bool first;
  {
    std::lock_guard lock(mutex_);
    std::erase_if(models_, [](const auto& m) { return m.expired(); });
    first = models_.empty();
    models_.push_back(model);
  }
  if (model->spec().residence != Residence::on_demand) model->keep(model->spec().residence);
  // With the first model ONNX Runtime is opened ahead of its first request; without models the launcher stays small.
  if (first)
    send([this] {
      if (launcher_) (void)launcher_->warm();
    });
  return model;
}

std::vector<std::shared_ptr<ModelQueue>> Fleet::models() const {
  std::vector<std::shared_ptr<ModelQueue>> alive;
  std::lock_guard lock(mutex_);
  for (const auto& weak : models_) {
    if (auto m = weak.lock()) alive.push_back(std::move(m));
  }
  return alive;
}

void Fleet::work() {
  std::unique_lock lock(work_mutex_);
  for (;;) {
    work_ready_.wait(lock, [this] { return stopping_ || !work_.empty(); });
    if (stopping_) return;
    Message task = std::move(work_.front());
    work_.pop_front();
    lock.unlock();
    task();
    lock.lock();
  }
}

void Fleet::fetch(Load load) {
  {
    std::lock_guard lock(work_mutex_);
    work_.push_back([this, load = std::move(load)] {
      auto fd = std::make_shared<Result<os::Fd>>(load.model->spec().source());
      send([this, load, fd] { load_with(load, std::move(*fd)); });
    });
  }
  work_ready_.notify_one();
}

void Fleet::load_with(Load load, Result<os::Fd> artifact) {
  const auto model = load.model;
  Result<std::shared_ptr<CellLink>> link = artifact.ok() ? order_cell(model, *artifact) : Result<std::shared_ptr<CellLink>>(artifact.error());
  if (!link.ok()) {
    log::warn("model.load_failed", {{"model", model->spec().id}, {"reason", link.error().detail()}, {"internal", link.error().internal()}});
    model->load_failed(link.error(), now_steady(), false);
    return;
  }
  lives_.emplace((*link)->id, Life{*link, std::move(load), now_steady() + options_.start_timeout, false, {}});
}

Result<std::shared_ptr<CellLink>> Fleet::order_cell(const std::shared_ptr<ModelQueue>& model, const os::Fd& artifact) {
  if (!launcher_) TRY(start_launcher());
  if (!os::is_sealed(artifact)) return Error(ErrorCode::internal, "The artifact is not sealed");
  wire::ForkModel order;
  order.id = next_id_++;
  const policy::Layout layout = model->layout();
  order.threads = layout.threads;
  order.lanes = layout.lanes;
  order.memory_bytes = options_.model_memory_bytes;
  order.verified = model->spec().verified ? 1 : 0;
  order.ring.loops = static_cast<std::uint32_t>(loops_.size());
  auto link = std::make_shared<CellLink>(order.id, TRY(os::RingHost::create(order.ring)), loops_.size());
  link->model = model;
  link->layout = layout;
  std::vector<int> fds{link->ring.memfd().get(), artifact.get(), wake_.get()};
  for (const auto& l : loops_) fds.push_back(l->eventfd());
  TRY(launcher_->order(order, fds));
  return link;
}

void Fleet::check_starting(Steady now) {
  std::vector<std::uint64_t> slow;
  for (auto& [id, life] : lives_) {
    if (life.attached || !life.ended_because.empty()) continue;
    if (life.link->ring.cell_state() == os::CellState::ready && life.link->child.pid > 0) {
      life.attached = true;
      const double seconds = std::chrono::duration<double>(now - life.load.wanted).count();
      cold_starts_.add();
      cold_start_s_.observe(seconds);
      log::info("model.loaded", {{"model", life.link->model->spec().id}, {"pid", life.link->child.pid}, {"ms", seconds * 1000}});
      measure_cell(life, now);
      life.link->model->attach(life.link, seconds * 1000);
      life.load.room.reset();
      next_measure_ = std::min(next_measure_, now + kMeasureEvery);
    } else if (life.start_by <= now) {
      slow.push_back(id);
    }
  }
  for (auto id : slow) {
    auto& life = lives_.at(id);
    life.ended_because = "it was not ready within " + std::to_string(options_.start_timeout.count() / 1000) + " s";
    os::kill_child(life.link->child);  // its exit tells the waiting ones
  }
}

// Ends it at once and lets go of it: that the kernel takes a while to free its memory must not delay the replacement.
void Fleet::end_cell(std::uint64_t id, EndCause cause, const std::string& reason) {
  auto it = lives_.find(id);
  if (it == lives_.end() || !it->second.ended_because.empty()) return;
  Life& life = it->second;
  life.ended_because = reason;
  os::kill_child(life.link->child);
  const auto model = life.link->model;
  if (cause != EndCause::unloaded) {
    crashes_.add();
    log::warn("cell.ended", {{"model", model->spec().id}, {"pid", life.link->child.pid}, {"reason", reason}});
    if (model->detach(life.link, cause, reason, now_steady())) load({model, now_steady(), 0, {}});
  }
}

void Fleet::cell_exited(std::uint64_t id, int wait_status) {
  Life life = std::move(lives_.at(id));
  lives_.erase(id);
  const auto model = life.link->model;
  const Steady now = now_steady();
  const bool forbidden = violated_sandbox(wait_status);
  if (life.attached && !life.ended_because.empty()) return;  // ended by us, all is done
  const bool killed = life.ended_because.empty() && killed_from_outside(wait_status, now);
  const std::string reason = !life.ended_because.empty() ? life.ended_because : reason_of(wait_status, options_.model_memory_bytes);
  crashes_.add();
  log::warn(forbidden ? "cell.sandbox_violation" : "cell.crashed",
            {{"model", model->spec().id}, {"pid", life.link->child.pid}, {"reason", reason}, {"exit", os::describe_exit(wait_status)}});
  if (forbidden) model->quarantine(reason, now);
  if (!life.attached) return start_ended(std::move(life), killed, reason, now);
  if (model->detach(life.link, killed ? EndCause::killed : EndCause::crash, reason, now)) load({model, now, 0, {}});
}

// The cell ended before it was ready. Who killed it didn't mean the model: begin again, but not for ever.
void Fleet::start_ended(Life life, bool killed, const std::string& reason, Steady now) {
  constexpr unsigned kKillsMax = 10;
  life.load.room.reset();
  if (killed && ++life.load.kills <= kKillsMax) return load(std::move(life.load));
  const bool told = life.link->ring.cell_state() == os::CellState::failed;
  const ErrorCode code = killed ? ErrorCode::unavailable : ErrorCode::model_refused;
  life.link->model->load_failed(Error(code, told ? life.link->ring.message() : reason), now, true);
}

// Somebody's SIGKILL: not ours, not the kernel's for want of memory; and a cell can't send it to itself.
bool Fleet::killed_from_outside(int wait_status, Steady now) {
  if (!WIFSIGNALED(wait_status) || WTERMSIG(wait_status) != SIGKILL) return false;
  const std::uint64_t kills = os::out_of_memory_kills();
  if (std::exchange(out_of_memory_kills_, kills) != kills) out_of_memory_at_ = now;
  return now - out_of_memory_at_ > Millis(1000);  // who needs too much may take another one with it
}

Steady Fleet::expire(Steady now) {
  Steady next = Steady::max();
  for (const auto& model : models()) {
    const auto due = model->expire(now);
    next = std::min(next, due.next);
    for (const auto& [cell, hung, early] : due.overdue)
      end_cell(cell->id, hung ? EndCause::hung : EndCause::overdue,
               early && !hung ? "nobody waits any more for what it runs" : "a prediction ran beyond its deadline");
  }
  return next;
}

// ---- imports

void Fleet::import_model(ImportJob job, std::function<void(Result<os::Fd>)> done) {
  auto import = std::make_shared<Import>();
  import->job = std::move(job);
  import->done = std::move(done);
  send([this, import] {
    imports_waiting_.push_back(std::move(*import));
    start_imports();
  });
}

void Fleet::start_imports() {
  while (imports_.size() < options_.imports_max && !imports_waiting_.empty()) {
    Import import = std::move(imports_waiting_.front());
    imports_waiting_.pop_front();
    const auto id = next_id_++;
    if (auto ordered = order_import(id, import); !ordered.ok())
      import.done(std::move(ordered).error());
    else
      imports_.emplace(id, std::move(import));
  }
}

Status Fleet::order_import(std::uint64_t id, Import& import) {
  if (!launcher_) TRY(start_launcher());
  const auto left = std::chrono::ceil<std::chrono::seconds>(import.job.deadline - now_steady()).count();
  if (left <= 0) return Error(ErrorCode::deadline_exceeded, "The import was not begun within its time");
  if (import.job.files.empty() || import.job.files.size() > os::Channel::kFrameFdsMax - 2)
    return Error(ErrorCode::model_refused, "The number of files is not possible");
  json::Array names;
  for (const auto& f : import.job.files) names.emplace_back(f.name);
  const os::Fd document =
      TRY(os::make_sealed("slipway-names", json::object({{"files", std::move(names)}, {"options", import.job.options_json}}).dump()));
  import.answer = TRY(os::make_memfd("slipway-answer"));
  wire::ForkImport order;
  order.id = id;
  order.cpu_seconds = static_cast<std::uint32_t>(std::min<std::int64_t>(left, 3600));
  order.memory_bytes = import.job.memory_bytes;
  order.answer_bytes_max = import.job.answer_bytes_max;
  std::vector<int> fds{import.answer.get(), document.get()};
  for (const auto& f : import.job.files) {
    if (!os::is_sealed(f.memfd)) return Error(ErrorCode::internal, "An uploaded file was not sealed");
    fds.push_back(f.memfd.get());
  }
  return launcher_->order(order, fds);
}

static Result<os::Fd> finished_import(os::Fd answer, bool expired, bool killed, int wait_status, std::uint64_t memory_bytes) {
  if (expired) return Error(ErrorCode::model_refused, "The import took longer than it may");
  if (killed) return Error(ErrorCode::unavailable, "The import's process was killed; try it again");
  if (!WIFEXITED(wait_status) || WEXITSTATUS(wait_status) != 0) {
    return Error(ErrorCode::model_refused, "The import failed: " + reason_of(wait_status, memory_bytes)).because(os::describe_exit(wait_status));
  }
  TRY(os::seal(answer));  // its writer is gone, and nobody changes it any more
  return answer;
}

void Fleet::import_exited(std::uint64_t id, int wait_status) {
  Import import = std::move(imports_.at(id));
  imports_.erase(id);
  imports_done_.add();
  if (violated_sandbox(wait_status)) log::warn("import.sandbox_violation", {{"pid", import.child.pid}});
  const bool killed = killed_from_outside(wait_status, now_steady());
  import.done(finished_import(std::move(import.answer), import.expired, killed, wait_status, import.job.memory_bytes));
  start_imports();
}

Steady Fleet::expire_imports(Steady now) {
  Steady next = Steady::max();
  for (auto& [id, import] : imports_) {
    if (import.expired) continue;
    if (import.job.deadline <= now) {
      import.expired = true;  // its exit answers
      os::kill_child(import.child);
    } else {
      next = std::min(next, import.job.deadline);
    }
  }
  for (auto it = imports_waiting_.begin(); it != imports_waiting_.end();) {
    if (it->job.deadline > now) {
      next = std::min(next, it->job.deadline);
      ++it;
      continue;
    }
    it->done(Error(ErrorCode::deadline_exceeded, "The import was not begun within its time"));
    it = imports_waiting_.erase(it);
  }
  return next;
}

// ---- what others want to know

EngineStats Fleet::stats() const {
  EngineStats s;
  s.budget_bytes = options_.memory_bytes;
  s.launcher_restarts = launcher_restarts_;
  s.launcher_pid = launcher_pid_;
  for (const auto& model : models()) {
    const auto m = model->stats();
    ++s.models;
    s.loaded += m.loaded ? 1 : 0;
    s.resident_bytes += m.resident_bytes;
  }
  return s;
}

os::SandboxReport Fleet::sandbox() const {
  std::lock_guard lock(mutex_);
  return sandbox_;
}

}  // namespace slipway::inference
