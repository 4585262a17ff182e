#include "slipway/platform/jobs/runner.hpp"

#include <algorithm>

#include "slipway/base/encoding.hpp"
#include "slipway/base/ids.hpp"
#include "slipway/base/log.hpp"

namespace slipway::jobs {
namespace {

constexpr std::size_t kFlights = 2;
constexpr std::size_t kChunkBytes = 1 << 20;
constexpr std::size_t kChunkRowsMin = 16, kChunkRowsMax = 4096;
constexpr Millis kSlow{80}, kQuick{25};  // answers: the next chunk is smaller, larger
constexpr std::size_t kErrorsNoted = 20;
constexpr std::size_t kWrongFirst = 1000;  // rows without one good among them: it isn't the rows that are wrong
constexpr int kCrashesMax = 3;             // of the model's process by the same rows
constexpr Millis kPatience{600'000};       // while the model can't be loaded, or one row isn't answered in time
constexpr std::int64_t kAttemptsMax = 6;   // starts in a row that ended without a part of the result
constexpr std::size_t kWriteBytes = 256 * 1024;

// Not an error of the job: it was cancelled or removed, or the server ends.
Error stopped() { return Error(ErrorCode::unavailable, "stopped").because("job stopped"); }
bool is_stop(const Error& error) { return error.internal() == "job stopped"; }

// Neither: its limit lets nothing through for a while, and others wait to run.
Error yields() { return Error(ErrorCode::unavailable, "waits for its limit").because("job yields"); }
bool is_yield(const Error& error) { return error.internal() == "job yields"; }

// Whose fault? The input's and the wish's, or ours, which may pass.
bool is_ours(const Error& error) {
  switch (error.code()) {
    case ErrorCode::internal:
    case ErrorCode::storage_full:
    case ErrorCode::unavailable: return true;
    default: return false;
  }
}

std::string error_document(const Error& why) {
  json::Array fields;
  for (const FieldError& field : why.fields()) fields.push_back(json::object({{"pointer", field.pointer}, {"detail", field.detail}}));
  std::string type(error_name(why.code()));
  std::replace(type.begin(), type.end(), '_', '-');
  return json::object({{"type", "/errors/" + type},
                       {"title", error_title(why.code())},
                       {"status", why.status()},
                       {"detail", excerpt(why.detail(), 2000)},
                       {"errors", std::move(fields)}})
      .dump();
}

std::string rows_text(const Chunk& chunk, const std::size_t from, const std::size_t to) {
  const std::int64_t first = chunk.records[from].line;
  const std::int64_t last = chunk.records[to - 1].line;
  return first == last ? "line " + std::to_string(first) : "lines " + std::to_string(first) + " to " + std::to_string(last);
}

}  // namespace

Runner::Outcome Runner::run() {
  Status status = claim();
  if (status.ok()) status = open();
  if (status.ok()) status = work();
  cancellation_->cancel();
  if (own_model_) model_->model->retire();
  return ended(status);
}

// ---- its beginning and its end

Status Runner::still_mine(std::string_view status) const { return status == state::kRunning || status == state::kQueued ? ok() : Status(stopped()); }

Status Runner::claim() {
  row_ = TRY(p_.database.write([&](store::Session& s) -> Result<JobRow> {
    auto job = TRY(find_job(s, live_->row().id));
    if (!job) return stopped();
    TRY(still_mine(job->status));
    job->status = state::kRunning;
    ++job->attempts;
    job->updated_at = p_.clock.unix_ms();
    if (job->started_at == 0) job->started_at = job->updated_at;
    TRY(update_job(s, *job));
    return std::move(*job);
  }));
  live_->set(row_);
  if (live_->stopped()) return stopped();
  // What a crash left behind its last durable part.
  for (const PartRow& part : TRY(p_.database.read([&](store::Session& s) { return parts_of(s, row_.id); }))) {
    part_.number = part.number + 1;
    if (part.bytes >= 0) continue;
    TRY(p_.blobs.remove(part.blob));
    TRY(p_.database.write([&](store::Session& s) { return delete_part(s, row_.id, part.number); }));
  }
  part_.job_id = row_.id;
  if (row_.attempts > kAttemptsMax) return Error(ErrorCode::deadline_exceeded, "the server ended again and again while the job ran");
  return ok();
}

Status Runner::open() {
  model_ = TRY(p_.registry.of_version(row_.model_id, row_.version));
  const auto current = p_.registry.find(row_.model_id);
  own_model_ = current == nullptr || current->model != model_->model;
  const Schema& schema = model_->codec->schema();
  const store::SecretKey key = TRY(p_.keyring.unwrap_dek(row_.input_dek, {row_.owner_id, row_.input_blob, kInputUse}));
  input_ = TRY(store::SealedReader::open(p_.blobs, row_.input_blob, key));
  const Format format = *format_from(row_.input_format);
  cutter_.emplace(format, [this](std::uint64_t offset, std::span<std::byte> into) { return input_->read(offset, into); }, input_->size());
  TRY(cutter_->begin());
  live_->rows_total = cutter_->rows_total().value_or(-1);
  chunk_rows_max_ = std::min(kChunkRowsMax, jobs_.options_.rows_max);
  // Where the answer of a row may depend on the others of its request, each is asked alone: what it gets then doesn't depend on us.
  if (!schema.batched || !schema.rows_independent) chunk_rows_max_ = 1;
  chunk_rows_ = std::min(chunk_rows_, chunk_rows_max_);
  decoder_.emplace(*model_->codec, format, *cutter_, DecodeLimits{.rows_max = chunk_rows_max_, .bytes_max = kChunkBytes * 64});
  TRY(decoder_->check_head());
  output_.emplace(schema, OutputOptions{*format_from(row_.result_format), row_.include_input}, cutter_->header(), row_.shape);
  if (!row_.errors.empty()) {
    const auto noted = json::parse(row_.errors);
    if (noted.ok() && noted->is_array()) errors_ = noted->as_array();
  }
  if (row_.input_at > 0) cutter_->go_to(static_cast<std::uint64_t>(row_.input_at), row_.line_at);
  earned_to_ = row_.input_at;
  return ok();
}

Runner::Outcome Runner::ended(const Status& status) {
  part_writer_.reset();
  if (status.ok()) {
    log::info("job.done", {{"job", row_.id}, {"rows", row_.rows_done}, {"wrong", row_.rows_failed}});
    return Outcome::over;
  }
  const Error& why = status.error();
  if (is_yield(why)) {
    live_->set_status(state::kQueued, 0);
    return Outcome::again;
  }
  if (is_stop(why)) return Outcome::over;  // whoever stopped it has written why; a server that ends takes it up again
  log::warn("job.fault", {{"job", row_.id}, {"why", why.detail()}, {"internal", why.internal()}});
  if (is_ours(why) && row_.attempts < kAttemptsMax) {
    live_->set_status(state::kQueued, 0);
    return Outcome::again;
  }
  return failed(why);
}

Runner::Outcome Runner::failed(const Error& why) {
  const std::int64_t now = p_.clock.unix_ms();
  auto written = p_.database.write([&](store::Session& s) -> Result<JobRow> {
    auto job = TRY(find_job(s, live_->row().id));
    if (!job) return stopped();
    TRY(still_mine(job->status));
    job->status = state::kFailed;
    job->error = error_document(why);
    job->errors = errors_.empty() ? "" : json::Value(errors_).dump();
    job->ended_at = job->updated_at = now;
    TRY(update_job(s, *job));
    return std::move(*job);
  });
  if (written.ok()) {
    live_->set(*written);
    return Outcome::over;
  }
  return is_stop(written.error()) ? Outcome::over : Outcome::again;
}

// ---- the work

Status Runner::work() {
  bool more = true;
  while (more || !flights_.empty()) {
    if (live_->stopped()) return stopped();
    while (more && flights_.size() < kFlights) more = TRY(fill());
    if (!flights_.empty()) TRY(land());
  }
  if (row_.rows_done == 0) return Error(ErrorCode::invalid_input, "the input has no rows");
  if (!output_->begun())
    return Error(ErrorCode::invalid_input, "none of the rows could be scored; the first: " + errors_.front().string_or("detail", ""));
  return close_part(true);
}

Result<bool> Runner::fill() {
  Flight flight{TRY(cutter_->next(chunk_rows_, kChunkBytes)), {}};
  if (flight.chunk.records.empty()) return false;
  TRY(earn(flight.chunk));
  TRY(split(flight.chunk, 0, flight.chunk.records.size(), flight.pieces));
  flights_.push_back(std::move(flight));
  return true;
}

// A job doesn't fail for a limit of its key, its user or its model: it is as slow as that says. What is asked again was charged already.
Status Runner::earn(const Chunk& chunk) {
  struct Said {
    std::mutex mutex;
    std::condition_variable came;
    std::optional<limits::Charge> charge;
  };
  auto rows = static_cast<std::int64_t>(chunk.records.size());
  auto bytes = static_cast<std::int64_t>(chunk.end_at) - earned_to_;
  earned_to_ = static_cast<std::int64_t>(chunk.end_at);
  while (rows > 0 || bytes > 0) {
    if (live_->stopped()) return stopped();
    const auto said = std::make_shared<Said>();
    const limits::Caller caller{row_.owner_id, row_.key_id.empty() ? row_.owner_id : row_.key_id, row_.model_id};
    p_.limiter.charge(caller, rows, bytes, &p_.loop, [said](limits::Charge charge) {
      const std::lock_guard lock(said->mutex);
      said->charge = charge;
      said->came.notify_all();
    });
    std::unique_lock lock(said->mutex);
    said->came.wait(lock, [&] { return said->charge.has_value(); });
    const limits::Charge charge = *said->charge;
    lock.unlock();
    rows -= charge.rows;
    bytes -= charge.bytes;
    if (charge.wait > Millis(0)) TRY(wait_for_limit(charge.wait));
  }
  return ok();
}

// Meanwhile what was asked comes into the result, and nobody else's job waits for this one's turn.
Status Runner::wait_for_limit(Millis time) {
  constexpr Millis kLong{2000}, kLook{1000};
  while (!flights_.empty()) TRY(land());
  if (time > kLong) {
    if (part_writer_) TRY(close_part(false));
    if (jobs_.others_wait()) return yields();
  }
  return pause(std::min(time, kLook));
}

// Decodes and asks. Rows among which one is wrong are halved until it stands alone.
Status Runner::split(const Chunk& chunk, std::size_t from, std::size_t to, std::vector<PiecePtr>& out) {
  auto decoded = decoder_->decode(chunk, from, to);
  if (!decoded.ok() && to - from > 1) {
    const std::size_t middle = from + (to - from) / 2;
    TRY(split(chunk, from, middle, out));
    const bool enough = !row_.skip_wrong && std::any_of(out.begin(), out.end(), [](const PiecePtr& p) { return p->wrong.has_value(); });
    return enough ? ok() : split(chunk, middle, to, out);
  }
  const auto piece = std::make_shared<Piece>();
  piece->from = from;
  piece->to = to;
  out.push_back(piece);
  if (decoded.ok())
    send(piece, std::move(*decoded));
  else
    piece->wrong = decoded.error();
  return ok();
}

void Runner::send(const PiecePtr& piece, DecodedRequest request) {
  inference::PredictJob job;
  job.inputs = std::move(request.inputs);
  job.rows = request.rows;
  job.deadline = system_clock().steady() + jobs_.options_.timeout;
  job.loop = &p_.loop;
  job.caller = std::hash<std::string_view>{}(row_.owner_id);
  job.priority = inference::Priority::low;
  job.cancellation = cancellation_;
  piece->outputs.reset();
  piece->asked = system_clock().steady();
  p_.loop.post([model = model_, piece, answers = answers_, job = std::make_unique<inference::PredictJob>(std::move(job))]() mutable {
    model->model->predict(std::move(*job), [piece, answers](Result<std::vector<Tensor>> outputs) {
      const std::lock_guard lock(answers->mutex);
      piece->outputs.emplace(std::move(outputs));
      piece->answered = system_clock().steady();
      answers->came.notify_all();
    });
  });
}

Status Runner::wait(const PiecePtr& piece) {
  std::unique_lock lock(answers_->mutex);
  while (!piece->outputs.has_value()) {
    if (live_->stopped()) return stopped();
    answers_->came.wait_for(lock, std::chrono::milliseconds(100));
  }
  return ok();
}

Status Runner::pause(Millis time) const {
  const Steady end = system_clock().steady() + time;
  std::unique_lock lock(answers_->mutex);
  while (system_clock().steady() < end) {
    if (live_->stopped()) return stopped();
    answers_->came.wait_for(lock, std::chrono::milliseconds(50));
  }
  return ok();
}

// Large enough that the way to the cell doesn't count, small enough that nobody waits long behind it.
void Runner::follow(const Piece& piece) {
  const auto took = piece.answered - piece.asked;
  if (took > kSlow) chunk_rows_ = std::max(std::min(kChunkRowsMin, chunk_rows_max_), chunk_rows_ / 2);
  if (took < kQuick && piece.to - piece.from >= chunk_rows_ / 2) chunk_rows_ = std::min(chunk_rows_max_, chunk_rows_ * 2);
}

Status Runner::land() {
  Flight flight = std::move(flights_.front());
  flights_.pop_front();
  for (const PiecePtr& piece : flight.pieces) {
    if (piece->wrong) {
      TRY(wrong_row(flight.chunk, piece->from, *piece->wrong));
      continue;
    }
    TRY(wait(piece));
    follow(*piece);
    TRY(piece->outputs->ok() ? write(flight.chunk, *piece) : ask_again(flight.chunk, *piece));
  }
  row_.input_at = static_cast<std::int64_t>(flight.chunk.end_at);
  row_.line_at = flight.chunk.next_line;
  return emit();
}

Status Runner::write(const Chunk& chunk, Piece& piece) {
  TRY(output_->rows(**piece.outputs, chunk, piece.from, piece.to - piece.from, out_));
  row_.rows_done += static_cast<std::int64_t>(piece.to - piece.from);
  jobs_.rows_.add(piece.to - piece.from);
  return ok();
}

// The answer was an error. A queue without room is waited for; rows that the graph refuses, that take too long or that end the model's process
// are halved, until it is known which.
Status Runner::ask_again(const Chunk& chunk, Piece& piece) {
  const auto again = std::make_shared<Piece>();
  again->from = piece.from;
  again->to = piece.to;
  Error why = piece.outputs->error();
  const Steady began = system_clock().steady();
  for (int crashes = 0, slow = 0;;) {
    const bool several = piece.to - piece.from > 1;
    const bool patient = system_clock().steady() - began < kPatience;
    const bool halve = why.code() == ErrorCode::invalid_input || why.code() == ErrorCode::too_large ||
                       (why.code() == ErrorCode::deadline_exceeded && (several ? ++slow > 1 : !patient)) ||
                       (why.code() == ErrorCode::model_crashed && ++crashes >= kCrashesMax);
    if (halve && several && why.code() != ErrorCode::model_crashed) {
      std::vector<PiecePtr> halves;
      const std::size_t middle = piece.from + (piece.to - piece.from) / 2;
      TRY(split(chunk, piece.from, middle, halves));
      TRY(split(chunk, middle, piece.to, halves));
      for (const PiecePtr& half : halves) {
        if (half->wrong) {
          TRY(wrong_row(chunk, half->from, *half->wrong));
          continue;
        }
        TRY(wait(half));
        TRY(half->outputs->ok() ? write(chunk, *half) : ask_again(chunk, *half));
      }
      return ok();
    }
    if (halve) {
      const std::string where = rows_text(chunk, piece.from, piece.to);
      if (why.code() == ErrorCode::invalid_input)
        return wrong_row(chunk, piece.from, placed(why, *format_from(row_.input_format), chunk.records[piece.from].line));
      return Error(why.code(), where + ": " + why.detail());
    }
    const bool waits = why.code() == ErrorCode::overloaded || why.code() == ErrorCode::deadline_exceeded || why.code() == ErrorCode::model_crashed ||
                       (why.code() == ErrorCode::unavailable && patient);
    if (!waits) return why;
    TRY(pause(Millis(std::clamp<std::uint32_t>(why.retry_after_s().value_or(0) * 1000, 100, 2000))));
    DecodedRequest request = TRY(decoder_->decode(chunk, piece.from, piece.to));
    send(again, std::move(request));
    TRY(wait(again));
    if (again->outputs->ok()) return write(chunk, *again);
    why = again->outputs->error();
  }
}

Status Runner::wrong_row(const Chunk& chunk, std::size_t i, const Error& why) {
  if (!row_.skip_wrong) return why;
  ++row_.rows_done;
  ++row_.rows_failed;
  if (errors_.size() < kErrorsNoted) {
    json::Array fields;
    for (const FieldError& field : why.fields()) fields.push_back(json::object({{"pointer", field.pointer}, {"detail", excerpt(field.detail, 200)}}));
    errors_.push_back(json::object({{"line", chunk.records[i].line}, {"detail", excerpt(why.detail(), 500)}, {"errors", std::move(fields)}}));
  }
  output_->wrong(chunk, i, out_);
  if (!output_->begun() && row_.rows_failed >= static_cast<std::int64_t>(kWrongFirst))
    return Error(ErrorCode::invalid_input,
                 "none of the first " + std::to_string(kWrongFirst) + " rows could be scored; the first: " + errors_.front().string_or("detail", ""));
  return ok();
}

// ---- the result

Status Runner::emit() {
  row_.errors = errors_.empty() ? "" : json::Value(errors_).dump();
  const Steady now = system_clock().steady();
  if (!out_.empty() && !part_writer_) {
    TRY(store::require_free(p_.blobs, 0, jobs_.options_.free_bytes_min));
    part_.blob = new_id("blb");
    part_.bytes = -1;
    const store::SecretKey dek = store::SecretKey::random();
    part_.dek = TRY(p_.keyring.wrap_dek(dek, {row_.owner_id, part_.blob, kResultUse}));
    TRY(p_.database.write([&](store::Session& s) -> Status {
      const auto job = TRY(find_job(s, row_.id));
      if (!job) return stopped();
      TRY(still_mine(job->status));
      return insert_part(s, part_);
    }));
    part_writer_ = TRY(store::SealedWriter::create(p_.blobs, part_.blob, dek));
    part_began_ = now;
  }
  if (out_.size() >= kWriteBytes) {
    TRY(part_writer_->write(as_bytes(out_)));
    out_.clear();
  }
  JobRow shown = row_;
  shown.status = state::kRunning;
  if (!live_->stopped()) live_->set(std::move(shown));
  const bool full = part_writer_ && (part_writer_->plain_bytes() >= jobs_.options_.part_bytes || now - part_began_ >= jobs_.options_.part_time);
  return full && output_->begun() ? close_part(false) : ok();
}

Status Runner::close_part(bool last) {
  if (part_writer_) {
    if (!out_.empty()) TRY(part_writer_->write(as_bytes(out_)));
    out_.clear();
    part_.bytes = static_cast<std::int64_t>(TRY(part_writer_->finish()).plain_bytes);
    part_writer_.reset();
    row_.result_size += part_.bytes;
  } else {
    part_.bytes = -1;
  }
  row_.shape = output_->shape();
  row_.attempts = 0;
  row_.updated_at = p_.clock.unix_ms();
  row_.status = last ? state::kDone : state::kRunning;
  if (last) row_.ended_at = row_.updated_at;
  TRY(p_.database.write([&](store::Session& s) -> Status {
    const auto job = TRY(find_job(s, row_.id));
    if (!job) return stopped();
    TRY(still_mine(job->status));
    if (part_.bytes >= 0) TRY(finish_part(s, part_));
    return update_job(s, row_);
  }));
  ++part_.number;
  live_->set(row_);
  return ok();
}

}  // namespace slipway::jobs
