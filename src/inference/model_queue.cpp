#include "slipway/inference/model_queue.hpp"

#include <algorithm>

#include "slipway/base/log.hpp"
#include "slipway/inference/loop_cells.hpp"
#include "slipway/inference/wire.hpp"

namespace slipway::inference {

namespace {

constexpr unsigned kAttemptsMax = 3;  // cells that may die with one request before it is given up

Steady now_steady() { return std::chrono::steady_clock::now(); }

Error late() { return Error(ErrorCode::deadline_exceeded, "The prediction was not done within its time"); }

Error crashed(const std::string& reason) {
  return Error(ErrorCode::model_crashed, "The model's process ended while it ran this request" + (reason.empty() ? "" : ": " + reason));
}

// What a cell says about a request, for people: printable, short, without the file names of ONNX Runtime's sources.
// A tensor without elements still stands for as many empty arrays, when it is written as JSON, as its dimensions before the zero say.
constexpr std::size_t kEmptyArraysMax = 1'000'000;
bool is_enormous_nothing(const Tensor& t) {
  if (t.count() > 0) return false;
  std::size_t arrays = 1;
  for (const std::int64_t d : t.shape()) {
    if (d == 0) break;
    arrays *= static_cast<std::size_t>(d);  // element_count has seen to it that this fits
  }
  return arrays > kEmptyArraysMax;
}

std::string readable(std::span<const std::byte> bytes) {
  constexpr std::size_t kMax = 300;
  std::string text, word;
  auto end_word = [&] {
    if (!word.empty() && word[0] != '/') text += (text.empty() ? "" : " ") + word;
    word.clear();
  };
  for (std::size_t i = 0; i < std::min<std::size_t>(bytes.size(), 1024); ++i) {
    const char c = static_cast<char>(bytes[i]);
    if (c <= 0x20 || c > 0x7e)
      end_word();
    else
      word += c;
  }
  end_word();
  return text.substr(0, kMax);
}

}  // namespace

ModelQueue::ModelQueue(ModelSpec spec, const EngineOptions& options, FleetCalls& fleet, std::vector<std::shared_ptr<LoopCells>> loops)
    : spec_(std::move(spec)),
      options_(options),
      fleet_(fleet),
      loops_(std::move(loops)),
      last_used_(now_steady()),
      restarts_(options.restarts_max, options.restart_window, options.cool_down) {}

void ModelQueue::deliver(Answers& answers) {
  for (auto& [request, result] : answers) request.loop->answer(std::move(request.done), std::move(result));
  answers.clear();
}

// ---- requests

void ModelQueue::predict(PredictJob job, PredictCallback done) {
  const Steady now = now_steady();
  Request request{std::move(job), std::move(done)};
  for (const auto& l : loops_) {
    if (&l->loop() == request.job.loop) request.loop = l.get();
  }
  if (request.loop == nullptr) {
    request.done(Error(ErrorCode::internal, "A prediction came from nowhere").because("PredictJob.loop is none of the engine's"));
    return;
  }
  LoopCells& loop = *request.loop;
  const Steady deadline = request.job.deadline;
  std::optional<Error> refused;
  std::shared_ptr<CellLink> wake;
  {
    std::lock_guard lock(mutex_);
    last_used_ = now;
    refused = refusal(now);
    if (!refused && deadline <= now) refused = late();
    Submitted submitted = Submitted::no_room;
    if (!refused && cell_ && waiting_.empty()) submitted = submit(request, now);
    if (submitted == Submitted::too_large)
      refused = Error(ErrorCode::too_large, "The request is larger than a model's process may be handed at once");
    if (!refused && submitted == Submitted::no_room && waiting_.size() >= options_.queue_max) {
      refused = Error(ErrorCode::overloaded, "Too many requests wait for this model").retry_after(service_.retry_after_s(waiting_.size()));
    }
    if (!refused) {
      if (submitted == Submitted::yes)
        wake = cell_;
      else
        waiting_.push_back(std::move(request));
      start_loading();
      note_deadline(deadline);
    }
  }
  if (wake) wake->ring.wake();
  if (refused) loop.answer(std::move(request.done), std::move(*refused));  // NOLINT(bugprone-use-after-move): then nobody else has it
}

std::optional<Error> ModelQueue::refusal(Steady now) const {
  if (retired_) return Error(ErrorCode::unavailable, "This model version is being taken out of service");
  if (restarts_.resting(now)) {
    const auto left = std::chrono::duration_cast<std::chrono::seconds>(restarts_.until() - now).count() + 1;
    return Error(ErrorCode::unavailable, "The model rests after repeated failures: " + rest_reason_).retry_after(static_cast<std::uint32_t>(left));
  }
  return std::nullopt;
}

void ModelQueue::start_loading() {
  if (state_ != State::unloaded) return;
  state_ = State::loading;
  fleet_.want(shared_from_this());
}

void ModelQueue::note_deadline(Steady when) {
  if (when >= next_deadline_) return;
  next_deadline_ = when;
  fleet_.look_at(when);
}

// The copy into the ring happens under the lock: some nanoseconds for a row of features, some 50 microseconds for an image, which then
// runs for milliseconds.
ModelQueue::Submitted ModelQueue::submit(Request& request, Steady now) {
  os::RingHost& ring = cell_->ring;
  if (ring.in_use() >= service_.depth(ring.shape().slots)) return Submitted::no_room;
  const std::uint64_t bytes = wire::payload_bytes(request.job.inputs);
  if (!ring.fits(bytes)) return Submitted::too_large;
  const auto slot = ring.acquire(request.loop->index(), bytes);
  if (!slot) return Submitted::no_room;
  if (ring.in_use() == 1) busy_since_ = now;
  wire::write_payload(request.job.inputs, ring.input(*slot));
  request.loop->note(cell_);
  const std::uint32_t flags = request.alone ? os::kSlotAlone : 0;
  cell_->flights[*slot] = Flight{std::move(request), now};
  ring.submit(*slot, flags);
  return Submitted::yes;
}

bool ModelQueue::pump(Steady now, Answers& answers) {
  bool any = false;
  while (cell_ && !waiting_.empty()) {
    Request& next = waiting_.front();
    const Submitted submitted = submit(next, now);
    if (submitted == Submitted::no_room) break;
    if (submitted == Submitted::too_large) {
      answers.emplace_back(std::move(next), Error(ErrorCode::too_large, "The request is larger than a model's process may be handed at once"));
    }
    any |= submitted == Submitted::yes;
    waiting_.pop_front();
  }
  return any;
}

// ---- answers

bool ModelQueue::drain(const std::shared_ptr<CellLink>& cell, LoopCells& loop) {
  struct Back {
    std::uint32_t slot;
    Flight flight;
    Result<std::vector<Tensor>> result;
  };
  thread_local std::vector<std::uint32_t> slots;
  slots.clear();
  std::vector<Back> backs;
  bool hostile = false;
  {
    std::lock_guard lock(mutex_);
    if (cell->ended.load()) return false;
    hostile = !cell->ring.take(loop.index(), slots).ok();
    backs.reserve(slots.size());
    for (auto slot : slots) backs.push_back({slot, std::move(cell->flights[slot]), std::vector<Tensor>()});
  }
  for (auto& back : backs) {  // outside of the lock: the slot is ours until it is released
    if (!back.flight.answered) back.result = read_answer(*cell, back.slot, hostile);
  }
  Answers answers;
  bool wake = false, drained = false;
  const Steady now = now_steady();
  {
    std::lock_guard lock(mutex_);
    for (auto& back : backs) cell->ring.release(back.slot);
    cell->outstanding[loop.index()].fetch_sub(static_cast<std::uint32_t>(backs.size()));
    if (!backs.empty()) {
      service_.observe(std::chrono::duration<double>(now - busy_since_).count() / static_cast<double>(backs.size()));
      busy_since_ = now;
    }
    if (cell_ == cell && !hostile) wake = pump(now, answers);
    drained = retired_ && idle();
  }
  if (wake) cell->ring.wake();
  if (hostile) fleet_.broke(cell, crashed("it broke its protocol"));
  if (drained) fleet_.drained(shared_from_this());
  for (auto& back : backs) {
    if (!back.flight.answered) loop.answer(std::move(back.flight.request.done), std::move(back.result));
  }
  deliver(answers);
  return !backs.empty();
}

Result<std::vector<Tensor>> ModelQueue::read_answer(const CellLink& cell, std::uint32_t slot, bool& hostile) const {
  const auto status = cell.ring.status(slot);
  if (status == os::RunStatus::too_large) return Error(ErrorCode::too_large, "The answer is larger than a model's process may hand over at once");
  auto bytes = cell.ring.output(slot);
  if (!bytes.ok())
    hostile = true;
  else if (status == os::RunStatus::refused)
    return Error(ErrorCode::invalid_input, "The model can't compute this input: " + readable(*bytes));
  if (hostile || status == os::RunStatus::cancelled) return crashed("");
  auto tensors = wire::read_payload(*bytes);
  const auto& ports = spec_.schema->outputs;
  const bool fits = tensors.ok() && std::equal(ports.begin(), ports.end(), tensors->begin(), tensors->end(),
                                               [](const Port& p, const Tensor& t) { return p.dtype == t.dtype(); });
  if (fits && std::any_of(tensors->begin(), tensors->end(), is_enormous_nothing))
    return Error(ErrorCode::too_large, "The model's answer is an array without values but of an enormous shape");
  if (fits) return tensors;
  hostile = !tensors.ok();  // other types than promised are the graph's doing, not the cell's
  return hostile ? crashed("") : Error(ErrorCode::internal, "The model's outputs are not those of its schema").because(spec_.id);
}

// ---- loading and its ends

void ModelQueue::load(std::function<void(Status)> done) {
  std::optional<Status> known;
  {
    std::lock_guard lock(mutex_);
    last_used_ = now_steady();
    if (state_ == State::ready)
      known = ok();
    else if (auto refused = refusal(last_used_))
      known = std::move(*refused);
    else {
      loads_.push_back(std::move(done));
      start_loading();
    }
  }
  if (known) done(std::move(*known));  // NOLINT(bugprone-use-after-move): then it was not moved into loads_
}

void ModelQueue::attach(const std::shared_ptr<CellLink>& cell, double cold_start_ms) {
  Answers answers;
  std::vector<std::function<void(Status)>> loads;
  bool wake = false;
  {
    std::lock_guard lock(mutex_);
    cell_ = cell;
    state_ = State::ready;
    ++cold_starts_;
    cold_start_ms_ = cold_start_ms;
    loads.swap(loads_);
    wake = pump(now_steady(), answers);
  }
  if (wake) cell->ring.wake();
  deliver(answers);
  for (auto& l : loads) l(ok());
}

void ModelQueue::fail_waiting(const Error& why, Answers& answers) {
  for (auto& request : waiting_) answers.emplace_back(std::move(request), why);
  waiting_.clear();
}

void ModelQueue::load_failed(Error why, Steady now, bool counts) {
  Answers answers;
  std::vector<std::function<void(Status)>> loads;
  {
    std::lock_guard lock(mutex_);
    state_ = State::unloaded;
    loads.swap(loads_);
    if (counts) ++crashes_;
    if (counts && restarts_.crashed(now)) rest_reason_ = why.detail();
    fail_waiting(Error(ErrorCode::unavailable, "The model can't be loaded: " + why.detail()).because(why.internal()), answers);
  }
  deliver(answers);
  for (auto& l : loads) l(why);
}

bool ModelQueue::hand_back(CellLink& cell, std::uint32_t slot, EndCause cause, const std::string& reason, Steady now, Answers& answers,
                           std::vector<Request>& again) {
  Flight flight = std::move(cell.flights[slot]);
  if (flight.answered) return false;
  const bool running = cell.ring.slot_state(slot) == os::SlotState::running;
  Request& request = flight.request;
  ++request.attempts;
  request.alone |= running;
  if (request.job.deadline <= now)
    answers.emplace_back(std::move(request), late());
  else if ((running && cause != EndCause::overdue && cause != EndCause::hung) || request.attempts >= kAttemptsMax)
    answers.emplace_back(std::move(request), crashed(reason));
  else
    again.push_back(std::move(request));
  return running;
}

bool ModelQueue::detach(const std::shared_ptr<CellLink>& cell, EndCause cause, const std::string& reason, Steady now) {
  Answers answers;
  bool more = false;
  {
    std::lock_guard lock(mutex_);
    if (cell->ended.exchange(true)) return false;
    std::vector<Request> again;
    std::vector<std::uint32_t> slots;
    for (const auto& loop : loops_) (void)cell->ring.take(loop->index(), slots);  // what it answered before its end counts
    bool hostile = false;
    for (auto slot : slots) {
      Flight flight = std::move(cell->flights[slot]);
      cell->flights[slot].answered = true;
      if (!flight.answered) {
        auto result = read_answer(*cell, slot, hostile);
        answers.emplace_back(std::move(flight.request), std::move(result));
      }
    }
    for (std::uint32_t slot = 0; slot < cell->flights.size(); ++slot) {
      if (cell->ring.in_flight(slot)) hand_back(*cell, slot, cause, reason, now, answers, again);
    }
    waiting_.insert(waiting_.begin(), std::make_move_iterator(again.begin()), std::make_move_iterator(again.end()));
    if (cell_ == cell) {
      cell_.reset();
      state_ = State::unloaded;
      resident_bytes_ = 0;
    }
    if (cause == EndCause::crash || cause == EndCause::hung) {
      ++crashes_;
      if (restarts_.crashed(now)) rest_reason_ = reason;
    }
    if (auto refused = restarts_.resting(now) ? refusal(now) : std::nullopt) fail_waiting(*refused, answers);
    more = !waiting_.empty() && state_ == State::unloaded;
    if (more) state_ = State::loading;
  }
  deliver(answers);
  return more;
}

std::shared_ptr<CellLink> ModelQueue::take_idle() {
  std::lock_guard lock(mutex_);
  if (!cell_ || !idle()) return nullptr;
  auto cell = std::move(cell_);
  cell_.reset();
  cell->ended.store(true);
  state_ = State::unloaded;
  resident_bytes_ = 0;
  return cell;
}

void ModelQueue::quarantine(std::string reason, Steady now) {
  std::lock_guard lock(mutex_);
  restarts_.rest(now);
  rest_reason_ = std::move(reason);
}

// ---- deadlines

ModelQueue::Due ModelQueue::expire(Steady now) {
  constexpr Millis kHung{1000};  // a run that had this long counts as a crash: it isn't just an impatient caller's
  Due due;
  Answers answers;
  {
    std::lock_guard lock(mutex_);
    if (now < next_deadline_) return {next_deadline_, nullptr, false};
    for (auto it = waiting_.begin(); it != waiting_.end();) {
      if (it->job.deadline <= now) {
        answers.emplace_back(std::move(*it), late());
        it = waiting_.erase(it);
      } else {
        due.next = std::min(due.next, it->job.deadline);
        ++it;
      }
    }
    bool busy = false;
    for (std::uint32_t slot = 0; cell_ && slot < cell_->flights.size(); ++slot) busy |= cell_->ring.running(slot);
    for (std::uint32_t slot = 0; cell_ && slot < cell_->flights.size(); ++slot) {
      if (!cell_->ring.in_flight(slot)) continue;
      Flight& flight = cell_->flights[slot];
      if (!flight.answered && flight.request.job.deadline <= now) {
        const bool cancelled = cell_->ring.cancel(slot);
        // What was not begun comes back as soon as the run before it ends; that one has a deadline of its own. A cell that runs nothing
        // and doesn't give it back does not answer at all (it was stopped, or spins outside a run).
        flight.end_at = std::max(flight.request.job.deadline, flight.submitted + options_.run_grace);
        if (cancelled) flight.end_at = now + (busy ? Millis(60'000) : options_.run_grace);
        flight.answered = true;
        answers.emplace_back(std::move(flight.request), late());
      }
      if (flight.answered && flight.end_at <= now) {
        due.overdue = cell_;
        due.hung |= now - flight.submitted >= kHung;
      } else {
        due.next = std::min(due.next, flight.answered ? flight.end_at : flight.request.job.deadline);
      }
    }
    next_deadline_ = due.next;
  }
  deliver(answers);
  return due;
}

// ---- what others want to know

ModelStats ModelQueue::stats() const {
  std::lock_guard lock(mutex_);
  ModelStats s;
  s.loaded = state_ == State::ready;
  s.resident_bytes = resident_bytes_;
  s.cold_starts = cold_starts_;
  s.crashes = crashes_;
  s.waiting = waiting_.size();
  s.running = cell_ ? cell_->ring.in_use() : 0;
  s.cold_start_ms = cold_start_ms_;
  if (restarts_.resting(now_steady())) s.quarantine = rest_reason_;
  if (cell_) s.pid = cell_->child.pid;
  return s;
}

std::optional<policy::Loaded> ModelQueue::loaded() const {
  std::lock_guard lock(mutex_);
  if (!cell_) return std::nullopt;
  return policy::Loaded{cell_->id, resident_bytes_, last_used_, !idle()};
}

std::shared_ptr<CellLink> ModelQueue::cell() const {
  std::lock_guard lock(mutex_);
  return cell_;
}

void ModelQueue::measured(std::uint64_t resident_bytes) {
  std::lock_guard lock(mutex_);
  if (cell_) resident_bytes_ = last_resident_ = resident_bytes;
}

std::uint64_t ModelQueue::expected_bytes() const {
  std::lock_guard lock(mutex_);
  return last_resident_ > 0 ? last_resident_ : policy::estimated_resident(spec_.artifact_bytes);
}

void ModelQueue::retire() {
  bool drained;
  {
    std::lock_guard lock(mutex_);
    if (std::exchange(retired_, true)) return;
    drained = idle();
  }
  if (drained) fleet_.drained(shared_from_this());
}

void ModelQueue::abandon() {
  Answers answers;
  std::vector<std::function<void(Status)>> loads;
  const Error why(ErrorCode::unavailable, "The server is shutting down");
  {
    std::lock_guard lock(mutex_);
    retired_ = true;
    loads.swap(loads_);
    fail_waiting(why, answers);
    if (cell_) {
      cell_->ended.store(true);
      for (std::uint32_t slot = 0; slot < cell_->flights.size(); ++slot) {
        Flight& flight = cell_->flights[slot];
        if (cell_->ring.in_flight(slot) && !std::exchange(flight.answered, true)) answers.emplace_back(std::move(flight.request), why);
      }
      cell_.reset();
    }
    state_ = State::unloaded;
  }
  deliver(answers);
  for (auto& l : loads) l(why);
}

}  // namespace slipway::inference
