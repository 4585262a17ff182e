#include "slipway/platform/jobs/jobs.hpp"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "slipway/base/ids.hpp"
#include "slipway/base/log.hpp"
#include "slipway/platform/jobs/runner.hpp"

namespace slipway::jobs {
namespace {

constexpr std::uint64_t kLookAtFreeEvery = 64ULL << 20;
constexpr Millis kRetry{5000};

Error no_job() { return {ErrorCode::not_found, "there is no such job, or it is not yours"}; }

json::Value parsed_or(const std::string& text, json::Value otherwise) {
  if (text.empty()) return otherwise;
  auto value = json::parse(text);
  return value.ok() ? std::move(*value) : std::move(otherwise);
}

json::Value time_or_null(std::int64_t unix_ms) { return unix_ms == 0 ? json::Value() : json::Value(to_rfc3339(unix_ms)); }

}  // namespace

json::Value describe(const JobRow& job, std::int64_t rows_total, std::int64_t retention_ms) {
  const bool done = job.status == state::kDone;
  json::Value out = json::object({{"id", job.id},
                                  {"model_id", job.model_id},
                                  {"version", job.version},
                                  {"status", job.status},
                                  {"input_format", job.input_format},
                                  {"result_format", job.result_format},
                                  {"on_error", job.skip_wrong ? "skip" : "fail"},
                                  {"include_input", job.include_input},
                                  {"rows_done", job.rows_done},
                                  {"rows_failed", job.rows_failed},
                                  {"rows_total", done             ? json::Value(job.rows_done)
                                                 : rows_total < 0 ? json::Value()
                                                                  : json::Value(rows_total)},
                                  {"bytes_done", done ? job.input_size : job.input_at},
                                  {"bytes_total", job.input_size},
                                  {"row_errors", parsed_or(job.errors, json::Array())},
                                  {"created_at", to_rfc3339(job.created_at)},
                                  {"started_at", time_or_null(job.started_at)},
                                  {"ended_at", time_or_null(job.ended_at)},
                                  {"expires_at", is_over(job.status) ? time_or_null(job.ended_at + retention_ms) : json::Value()}});
  if (!job.error.empty()) out.set("error", parsed_or(job.error, json::Value()));
  if (done) {
    const std::size_t head = output_head(format_from(job.result_format).value_or(Format::csv), job.shape, job.rows_done).size();
    out.set("result", json::object({{"url", "/api/jobs/" + job.id + "/result"}, {"size", job.result_size + static_cast<std::int64_t>(head)}}));
  }
  return out;
}

Jobs::Jobs(Parts parts, Options options)
    : p_(parts),
      options_(options),
      feed_(parts.loop, options.retention_ms),
      rows_(parts.metrics.counter("slipway_job_rows_total", "Rows that jobs have scored")),
      pool_(options.running_max + 1, 100'000, "job") {}

Jobs::~Jobs() { stop(); }

void Jobs::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const auto& [id, live] : running_) live->stop();
  }
  feed_.stop();
  pool_.stop();
}

Result<std::vector<std::string>> Jobs::recover() {
  std::size_t undone = 0;
  for (const std::string& model : TRY(p_.database.read([](store::Session& s) { return models_with_jobs(s); }))) {
    const bool there = TRY(p_.database.read([&](store::Session& s) { return models::find_model(s, model); })).has_value();
    if (there) continue;
    for (const std::string& id : TRY(p_.database.read([&](store::Session& s) { return jobs_of_model(s, model); }))) TRY(mark_deleting(id));
  }
  for (const JobRow& job : TRY(p_.database.read([](store::Session& s) { return unsettled_jobs(s); }))) {
    if (job.status != state::kReceiving && job.status != state::kDeleting) continue;
    TRY(undo(job));
    ++undone;
  }
  for (const JobRow& job : TRY(p_.database.read([](store::Session& s) { return unsettled_bytes(s); })))
    TRY(drop_bytes(job, job.status != state::kDone));
  if (undone > 0) log::info("jobs.recovered", {{"undone", undone}});
  return p_.database.read([](store::Session& s) { return named_blobs(s); });
}

Status Jobs::start() {
  for (JobRow& job : TRY(p_.database.read([](store::Session& s) { return unsettled_jobs(s); }))) enqueue(std::move(job));
  pump();
  sweep_soon();
  return ok();
}

// ---- the input

Result<std::unique_ptr<Upload>> Jobs::begin(const http::Principal& who, const models::Deployment& model, const Wish& wish) {
  TRY(store::require_free(p_.blobs, 0, options_.free_bytes_min));
  JobRow row;
  row.id = new_id("job");
  row.owner_id = who.user_id;
  row.model_id = model.model_id;
  row.key_id = who.limited_as();
  row.version = model.version;
  row.status = state::kReceiving;
  row.input_format = format_name(wish.input);
  row.result_format = format_name(wish.result);
  row.skip_wrong = wish.skip_wrong;
  row.include_input = wish.include_input;
  row.input_blob = new_id("blb");
  row.created_at = row.updated_at = p_.clock.unix_ms();
  const store::SecretKey dek = store::SecretKey::random();
  row.input_dek = TRY(p_.keyring.wrap_dek(dek, {row.owner_id, row.input_blob, kInputUse}));
  {
    const std::lock_guard lock(mutex_);
    receiving_.insert(row.id);
  }
  const auto forget = [&] {
    const std::lock_guard lock(mutex_);
    receiving_.erase(row.id);
  };
  const Status inserted = p_.database.write([&](store::Session& s) -> Status {
    const std::int64_t unfinished = TRY(unfinished_of(s, row.owner_id));
    if (unfinished >= options_.per_user_max)
      return Error(ErrorCode::rate_limited, "this account has " + std::to_string(unfinished) + " jobs that wait or run already").retry_after(10);
    return insert_job(s, row);
  });
  if (!inserted.ok()) {
    forget();
    return inserted.error();
  }
  auto writer = store::SealedWriter::create(p_.blobs, row.input_blob, dek);
  if (!writer.ok()) {
    static_cast<void>(undo(row).ok());  // else the next sweep does it
    forget();
    return writer.error();
  }
  return std::unique_ptr<Upload>(new Upload(*this, std::move(row), std::move(*writer)));
}

Status Upload::write(std::span<const std::byte> bytes) {
  const std::uint64_t after = writer_->plain_bytes() + bytes.size();
  if (after > jobs_.options_.input_bytes_max)
    return Error(ErrorCode::too_large, "a job's input may have at most " + std::to_string(jobs_.options_.input_bytes_max) + " bytes");
  if (after - looked_at_ >= kLookAtFreeEvery) {
    TRY(store::require_free(jobs_.p_.blobs, 0, jobs_.options_.free_bytes_min));
    looked_at_ = after;
  }
  return writer_->write(bytes);
}

Result<JobRow> Upload::finish() {
  if (writer_->plain_bytes() == 0) return Error(ErrorCode::invalid_input, "the input is empty");
  const store::SealedInfo info = TRY(writer_->finish());
  row_.input_size = static_cast<std::int64_t>(info.plain_bytes);
  row_.status = state::kQueued;
  row_.updated_at = jobs_.p_.clock.unix_ms();
  TRY(jobs_.p_.database.write([&](store::Session& s) -> Status {
    if (!TRY(models::find_model(s, row_.model_id))) return Error(ErrorCode::not_found, "the model was deleted meanwhile");
    return update_job(s, row_);
  }));
  finished_ = true;
  {
    const std::lock_guard lock(jobs_.mutex_);
    jobs_.receiving_.erase(row_.id);
  }
  jobs_.enqueue(row_);
  jobs_.pump();
  return row_;
}

Upload::~Upload() {
  if (finished_) return;
  writer_.reset();
  if (const Status undone = jobs_.undo(row_); !undone.ok()) log::warn("job.undo_failed", {{"job", row_.id}, {"why", undone.error().internal()}});
  const std::lock_guard lock(jobs_.mutex_);  // from now on the sweep may take it
  jobs_.receiving_.erase(row_.id);
}

// ---- the order of what waits

void Jobs::enqueue(JobRow job) {
  auto live = std::make_shared<Live>(std::move(job));
  const std::lock_guard lock(mutex_);
  const std::string id = live->row().id;
  live_[id] = live;
  waiting_.push_back(std::move(live));
}

// Next is the oldest of the owner who has the fewest running: one user's hundred files don't make the others wait.
void Jobs::pump() {
  const std::lock_guard lock(mutex_);
  while (!stopping_ && !waiting_.empty() && running_.size() < options_.running_max) {
    std::map<std::string, std::size_t> of_owner;
    for (const auto& [id, live] : running_) ++of_owner[live->row().owner_id];
    const auto load = [&](const LivePtr& live) {
      const auto found = of_owner.find(live->row().owner_id);
      return found == of_owner.end() ? std::size_t{0} : found->second;
    };
    const auto next = std::min_element(waiting_.begin(), waiting_.end(), [&](const LivePtr& a, const LivePtr& b) { return load(a) < load(b); });
    const LivePtr live = std::move(*next);
    waiting_.erase(next);
    running_[live->row().id] = live;
    pool_.submit([this, live] { run(live); });
  }
}

void Jobs::run(const LivePtr& live) {
  // The lowest class for the processor too: who waits for a prediction goes first.
  static thread_local const int niced = ::setpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)), 10);
  static_cast<void>(niced);
  const std::string id = live->row().id;
  const Runner::Outcome outcome = Runner(*this, live).run();
  bool over = false;
  {
    const std::lock_guard lock(mutex_);
    running_.erase(id);
    over = outcome != Runner::Outcome::again && !stopping_;
    if (over) live_.erase(id);
  }
  if (over)
    settle(id);
  else
    retry_later(live);
  pump();
}

void Jobs::retry_later(const LivePtr& live) {
  const auto again = [this, live] {
    {
      const std::lock_guard lock(mutex_);
      if (stopping_ || live->stopped()) return;
      waiting_.push_back(live);
    }
    pump();
  };
  p_.loop.post([this, again] { p_.loop.after(kRetry, again); });
}

bool Jobs::others_wait() const {
  const std::lock_guard lock(mutex_);
  return !waiting_.empty();
}

// ---- the end of jobs

Result<JobRow> Jobs::find(const http::Principal& who, std::string_view id) const {
  auto job = TRY(p_.database.read([&](store::Session& s) { return find_job(s, id); }));
  if (!job || job->status == state::kReceiving || job->status == state::kDeleting) return no_job();
  if ((job->owner_id != who.user_id && !who.admin()) || !who.may_use(job->model_id)) return no_job();
  if (is_over(job->status)) return std::move(*job);
  if (const LivePtr now = live(id)) return now->row();
  return std::move(*job);
}

LivePtr Jobs::live(std::string_view id) const {
  const std::lock_guard lock(mutex_);
  const auto found = live_.find(id);
  return found == live_.end() ? nullptr : found->second;
}

json::Value Jobs::describe(const JobRow& job) const {
  const LivePtr now = live(job.id);
  return jobs::describe(job, now ? now->rows_total.load() : -1, options_.retention_ms);
}

Result<Jobs::Ended> Jobs::end(const JobRow& job) {
  const std::int64_t now = p_.clock.unix_ms();
  const auto ended = TRY(p_.database.write([&](store::Session& s) -> Result<Ended> {
    auto row = TRY(find_job(s, job.id));
    if (!row || row->status == state::kDeleting) return no_job();
    const bool over = is_over(row->status);
    row->status = over ? state::kDeleting : state::kCancelled;
    row->updated_at = now;
    if (!over) row->ended_at = now;
    TRY(update_job(s, *row));
    return over ? Ended::removed : Ended::cancelled;
  }));
  bool running = false;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = live_.find(job.id); found != live_.end()) {
      found->second->set_status(state::kCancelled, now);
      found->second->stop();
      std::erase(waiting_, found->second);
      running = running_.contains(job.id);
      if (!running) live_.erase(found);
    }
  }
  log::info(ended == Ended::removed ? "job.removed" : "job.cancelled", {{"job", job.id}});
  if (!running) settle(job.id);  // else its runner does
  return ended;
}

Status Jobs::mark_deleting(std::string_view id) {
  return p_.database.write([&](store::Session& s) -> Status {
    TRY(s.exec("UPDATE jobs SET status = 'deleting' WHERE id = ?", {id}));
    return ok();
  });
}

Status Jobs::remove_of_model(std::string_view model_id) {
  for (const std::string& id : TRY(p_.database.read([&](store::Session& s) { return jobs_of_model(s, model_id); }))) {
    TRY(mark_deleting(id));
    bool running = false;
    {
      const std::lock_guard lock(mutex_);
      if (const auto found = live_.find(id); found != live_.end()) {
        found->second->set_status(state::kDeleting, 0);
        found->second->stop();
        std::erase(waiting_, found->second);
        running = running_.contains(id);
        if (!running) live_.erase(found);
      }
    }
    if (!running) settle(id);
  }
  return ok();
}

void Jobs::settle(std::string_view id) {
  const auto settled = [&]() -> Status {
    const auto job = TRY(p_.database.read([&](store::Session& s) { return find_job(s, id); }));
    if (!job) return ok();
    if (job->status == state::kDeleting) return undo(*job);
    return is_over(job->status) ? drop_bytes(*job, job->status != state::kDone) : ok();
  }();
  if (!settled.ok()) log::warn("job.settle_failed", {{"job", std::string(id)}, {"why", settled.error().internal()}});  // the next sweep does it
}

// The row names its input until everything that is to go is gone, so that a crash between the steps is noticed.
Status Jobs::drop_bytes(const JobRow& job, bool with_result) {
  if (with_result) {
    for (const PartRow& part : TRY(p_.database.read([&](store::Session& s) { return parts_of(s, job.id); }))) {
      TRY(p_.blobs.remove(part.blob));
      TRY(p_.database.write([&](store::Session& s) { return delete_part(s, job.id, part.number); }));
    }
  }
  if (job.input_blob.empty()) return ok();
  TRY(p_.blobs.remove(job.input_blob));
  return p_.database.write([&](store::Session& s) -> Status {
    TRY(s.exec("UPDATE jobs SET input_blob = '', input_dek = '' WHERE id = ?", {job.id}));
    return ok();
  });
}

Status Jobs::undo(const JobRow& job) {
  TRY(drop_bytes(job, true));
  TRY(p_.database.write([&](store::Session& s) { return delete_job(s, job.id); }));
  return ok();
}

void Jobs::sweep_soon() {
  const Millis pause(std::clamp<std::int64_t>(options_.retention_ms / 4, 250, 60'000));
  p_.loop.post([this, pause] {
    p_.loop.after(pause, [this] {
      const std::lock_guard lock(mutex_);
      if (!stopping_) pool_.go_on([this] { sweep(); });
    });
  });
}

// What is older than the retention time, and what couldn't be tidied up when it should have been.
void Jobs::sweep() {
  const auto swept = [&]() -> Status {
    for (const JobRow& job : TRY(p_.database.read([&](store::Session& s) { return ended_before(s, p_.clock.unix_ms() - options_.retention_ms); }))) {
      TRY(mark_deleting(job.id));
      log::info("job.expired", {{"job", job.id}});
    }
    for (const JobRow& job : TRY(p_.database.read([](store::Session& s) { return unsettled_jobs(s); }))) {
      {
        const std::lock_guard lock(mutex_);
        if (receiving_.contains(job.id) || running_.contains(job.id)) continue;
      }
      // Read again: an upload may have become a job in between.
      const auto now = TRY(p_.database.read([&](store::Session& s) { return find_job(s, job.id); }));
      if (now && (now->status == state::kReceiving || now->status == state::kDeleting)) TRY(undo(*now));
    }
    for (const JobRow& job : TRY(p_.database.read([](store::Session& s) { return unsettled_bytes(s); }))) {
      {
        const std::lock_guard lock(mutex_);
        if (running_.contains(job.id)) continue;
      }
      TRY(drop_bytes(job, job.status != state::kDone));
    }
    return ok();
  }();
  if (!swept.ok()) log::warn("jobs.sweep_failed", {{"why", swept.error().internal()}});
  sweep_soon();
}

// ---- the result

Result<std::vector<PartRow>> Jobs::result_parts(const JobRow& job) const {
  return p_.database.read([&](store::Session& s) { return parts_of(s, job.id); });
}

Result<store::SealedReader> Jobs::open_part(const JobRow& job, const PartRow& part) const {
  const store::SecretKey key = TRY(p_.keyring.unwrap_dek(part.dek, {job.owner_id, part.blob, kResultUse}));
  return store::SealedReader::open(p_.blobs, part.blob, key);
}

}  // namespace slipway::jobs
