// What happens to a model's cells: they come, end, are measured and taken away; and what that means for the requests they hold.
#include <algorithm>

#include "slipway/base/log.hpp"
#include "slipway/inference/loop_cells.hpp"
#include "slipway/inference/model_queue.hpp"
#include "slipway/inference/queue_errors.hpp"

namespace slipway::inference {

namespace {

constexpr unsigned kAttemptsMax = 3;  // cells that may die with one request before it is given up

bool is_cancelled(const Request& request) { return request.job.cancellation && request.job.cancellation->cancelled(); }

bool runs_anything(const CellLink& cell) {
  for (std::uint32_t slot = 0; slot < cell.flights.size(); ++slot) {
    if (cell.ring.running(slot)) return true;
  }
  return false;
}

// Somebody who still waits is in what it runs.
bool others_run(const CellLink& cell) {
  for (std::uint32_t slot = 0; slot < cell.flights.size(); ++slot) {
    if (cell.ring.running(slot) && !cell.flights[slot].answered) return true;
  }
  return false;
}

Steady now_steady() { return std::chrono::steady_clock::now(); }

}  // namespace

bool ModelQueue::has(const std::shared_ptr<CellLink>& cell) const { return std::find(cells_.begin(), cells_.end(), cell) != cells_.end(); }

bool ModelQueue::idle() const {
  return waiting_.empty() && std::all_of(cells_.begin(), cells_.end(), [](const auto& c) { return c->ring.in_use() == 0; });
}

// ---- they come

void ModelQueue::load(std::function<void(Status)> done) {
  std::optional<Status> known;
  {
    std::lock_guard lock(mutex_);
    last_used_ = now_steady();
    if (!cells_.empty())
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

void ModelQueue::keep(Residence residence) {
  std::lock_guard lock(mutex_);
  residence_ = residence;
  if (residence != Residence::on_demand && cells_.empty() && !retired_ && !abandoned_) start_loading();
}

void ModelQueue::gather(Millis window) {
  Answers answers;
  Wakes wakes;
  {
    std::lock_guard lock(mutex_);
    window_ = possible(window);
    gather_until_ = Steady{};  // what waits has waited by the rules it came under
    pump(now_steady(), answers, wakes);
  }
  wakes.wake();
  deliver(answers);
}

void ModelQueue::attach(const std::shared_ptr<CellLink>& cell, double cold_start_ms) {
  Answers answers;
  std::vector<std::function<void(Status)>> loads;
  Wakes wakes;
  bool drained = false;
  {
    std::lock_guard lock(mutex_);
    cell->last_used = now_steady();
    for (const auto& other : cells_) {
      if (other->layout != cell->layout) other->leaving = other->replaced = true;
    }
    cells_.push_back(cell);
    loading_ = false;
    ++cold_starts_;
    cold_start_ms_ = cold_start_ms;
    loads.swap(loads_);
    pump(cell->last_used, answers, wakes);
    drained = retired_ && idle();
  }
  if (drained) fleet_.drained(shared_from_this());
  wakes.wake();
  deliver(answers);
  for (auto& l : loads) l(ok());
}

void ModelQueue::fail_waiting(const Error& why, Answers& answers) {
  while (!waiting_.empty()) answers.emplace_back(std::move(waiting_.pop().value), why);
}

// True: too many, the model rests from now on.
bool ModelQueue::note_crash(const std::string& reason, Steady now) {
  ++crashes_;
  if (!restarts_.crashed(now)) return false;
  rest_reason_ = reason;
  return true;
}

void ModelQueue::tell_quarantine(const std::string& reason) const {
  metrics_.quarantines.add();
  log::error("model.quarantined", {{"model", spec_.id}, {"reason", reason}, {"seconds", options_.cool_down.count() / 1000}});
}

void ModelQueue::load_failed(Error why, Steady now, bool counts) {
  Answers answers;
  std::vector<std::function<void(Status)>> loads;
  bool rests = false;
  {
    std::lock_guard lock(mutex_);
    loading_ = false;
    loads.swap(loads_);
    rests = counts && note_crash(why.detail(), now);
    no_growth_until_ = now + Millis(10'000);
    if (cells_.empty()) fail_waiting(Error(ErrorCode::unavailable, "The model can't be loaded: " + why.detail()).because(why.internal()), answers);
  }
  if (rests) tell_quarantine(why.detail());
  deliver(answers);
  for (auto& l : loads) l(why);
}

// ---- they end

// Takes the cell out of service; it holds no requests, or these have been handed back.
void ModelQueue::let_go(CellLink& cell) {
  cell.ended.store(true);
  std::erase_if(cells_, [&cell](const auto& c) { return c.get() == &cell; });
}

void ModelQueue::hand_back(CellLink& cell, std::uint32_t slot, EndCause cause, const std::string& reason, Steady now, Answers& answers) {
  Flight flight = std::move(cell.flights[slot]);
  if (flight.answered) return;
  const bool running = cell.ring.slot_state(slot) == os::SlotState::running;
  Request& request = flight.request;
  if (running || cause != EndCause::killed) ++request.attempts;
  request.alone |= running;
  if (request.job.deadline <= now)
    answers.emplace_back(std::move(request), late());
  else if ((running && cause != EndCause::overdue && cause != EndCause::hung) || request.attempts >= kAttemptsMax)
    answers.emplace_back(std::move(request), crashed(reason));
  else {
    const Ticket ticket = request.ticket;
    gather_until_ = now;
    waiting_.push_back_to_front(std::move(request), ticket);
  }
}

bool ModelQueue::detach(const std::shared_ptr<CellLink>& cell, EndCause cause, const std::string& reason, Steady now) {
  Answers answers;
  Wakes wakes;
  bool more = false, rests = false;
  {
    std::lock_guard lock(mutex_);
    if (cell->ended.load()) return false;
    let_go(*cell);
    if (std::all_of(cells_.begin(), cells_.end(), [](const auto& other) { return other->replaced; })) {  // who was replaced works on
      for (const auto& other : cells_) other->leaving = other->replaced = false;
    }
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
      if (cell->ring.in_flight(slot)) hand_back(*cell, slot, cause, reason, now, answers);
    }
    if (cause == EndCause::killed) ++crashes_;
    if (cause == EndCause::crash || cause == EndCause::hung) rests = note_crash(reason, now);
    if (auto refused = restarts_.resting(now) ? refusal(now) : std::nullopt) fail_waiting(*refused, answers);
    pump(now, answers, wakes);  // to the other cells
    const bool wanted = !waiting_.empty() || (residence_ != Residence::on_demand && !retired_ && !restarts_.resting(now));
    more = wanted && cells_.empty() && !loading_;
    loading_ |= more;
  }
  if (rests) tell_quarantine(reason);
  wakes.wake();
  deliver(answers);
  return more;
}

std::vector<std::shared_ptr<CellLink>> ModelQueue::take_idle() {
  std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<CellLink>> taken;
  if (!idle()) return taken;
  taken = cells_;
  for (const auto& cell : taken) let_go(*cell);
  return taken;
}

std::shared_ptr<CellLink> ModelQueue::take_idle_cell(std::uint64_t id) {
  std::lock_guard lock(mutex_);
  const auto at = std::find_if(cells_.begin(), cells_.end(), [id](const auto& c) { return c->id == id; });
  if (at == cells_.end() || (*at)->ring.in_use() > 0 || (!waiting_.empty() && !(*at)->leaving)) return nullptr;
  auto cell = *at;
  let_go(*cell);
  if (cells_.empty() && !waiting_.empty()) start_loading();  // behind those it made room for
  return cell;
}

bool ModelQueue::leave(std::uint64_t id) {
  std::lock_guard lock(mutex_);
  const auto at = std::find_if(cells_.begin(), cells_.end(), [id](const auto& c) { return c->id == id; });
  if (at != cells_.end()) (*at)->leaving = true;
  return at != cells_.end();
}

std::shared_ptr<CellLink> ModelQueue::take_surplus(Steady now) {
  constexpr Millis kIdle{15'000};
  std::lock_guard lock(mutex_);
  if (cells_.size() < 2) return nullptr;
  auto at = std::find_if(cells_.begin(), cells_.end(), [](const auto& c) { return c->replaced && c->ring.in_use() == 0; });
  if (at == cells_.end() && waiting_.empty() && cells_.back()->ring.in_use() == 0 && now - cells_.back()->last_used >= kIdle) at = cells_.end() - 1;
  if (at == cells_.end()) return nullptr;
  auto cell = *at;
  let_go(*cell);
  return cell;
}

void ModelQueue::quarantine(std::string reason, Steady now) {
  tell_quarantine(reason);
  std::lock_guard lock(mutex_);
  restarts_.rest(now);
  rest_reason_ = std::move(reason);
}

// ---- deadlines, and clients that leave

// Answers for a flight whose answer nobody needs any more, and says how long it may still be in the cell. What was not begun comes back as soon
// as the run before it ends; that one has a deadline of its own. A cell that runs nothing and doesn't give it back does not answer at all (it
// was stopped, or spins outside a run).
void ModelQueue::give_up(CellLink& cell, std::uint32_t slot, Steady now, Error why, Answers& answers) {
  Flight& flight = cell.flights[slot];
  const bool busy = runs_anything(cell);
  flight.end_at = std::max(flight.request.job.deadline, flight.submitted + options_.run_grace);
  if (cell.ring.cancel(slot)) flight.end_at = now + (busy || flight.left ? Millis(60'000) : options_.run_grace);
  flight.answered = true;
  answers.emplace_back(std::move(flight.request), std::move(why));
}

// The requests of clients that have gone. To end a run costs the model a start, so that it is ended early only when it has had at least as
// long as that.
void ModelQueue::leave_flights(CellLink& cell, Steady now, Answers& answers) {
  constexpr Millis kShort{1000};
  const Millis worth = std::max(kShort, Millis(static_cast<std::int64_t>(cold_start_ms_)));
  for (std::uint32_t slot = 0; slot < cell.flights.size(); ++slot) {
    Flight& flight = cell.flights[slot];
    if (!cell.ring.in_flight(slot)) continue;
    if (!flight.answered && is_cancelled(flight.request)) {
      flight.left = true;
      give_up(cell, slot, now, client_left(), answers);
    }
    if (!flight.left || !cell.ring.running(slot)) continue;
    flight.end_at = std::min(flight.end_at, std::max(now, flight.submitted + worth));
    note_deadline(flight.end_at);
  }
}

void ModelQueue::work_was_cancelled() {
  Answers answers;
  bool drained = false;
  const Steady now = now_steady();
  {
    std::lock_guard lock(mutex_);
    waiting_.take_if(is_cancelled, [&](FairQueue<Request>::Entry&& e) { answers.emplace_back(std::move(e.value), client_left()); });
    for (const auto& cell : cells_) leave_flights(*cell, now, answers);
    drained = retired_ && idle();
  }
  metrics_.cancelled.add(answers.size());
  if (drained) fleet_.drained(shared_from_this());
  deliver(answers);
}

// Answers the cell's late requests; what is begun and still runs when its grace is over ends the cell.
void ModelQueue::expire_flights(const std::shared_ptr<CellLink>& cell, Steady now, Due& due, Answers& answers) {
  constexpr Millis kHung{1000};  // a run that had this long counts as a crash: it isn't just an impatient caller's
  const auto slots = static_cast<std::uint32_t>(cell->flights.size());
  constexpr Millis kAtOnce{50};  // a caller that leaves at its deadline
  bool overdue = false, hung = false, early = false;
  for (std::uint32_t slot = 0; slot < slots; ++slot) {
    if (!cell->ring.in_flight(slot)) continue;
    Flight& flight = cell->flights[slot];
    if (!flight.answered && flight.request.job.deadline <= now) give_up(*cell, slot, now, late(), answers);
    const Steady ends = std::max(flight.request.job.deadline, flight.submitted + options_.run_grace);  // a request that was moved from keeps its time
    if (flight.left && flight.end_at <= now && now < ends && others_run(*cell)) flight.end_at = ends;
    if (flight.answered && flight.end_at <= now) {
      overdue = true;
      early |= now + kAtOnce < ends;  // who leaves doesn't accuse the model
      hung |= now + kAtOnce >= ends && now - flight.submitted >= kHung;
    } else {
      due.next = std::min(due.next, flight.answered ? flight.end_at : flight.request.job.deadline);
    }
  }
  if (overdue) due.overdue.push_back({cell, hung, early});
}

ModelQueue::Due ModelQueue::expire(Steady now) {
  Due due;
  Answers answers;
  Wakes wakes;
  {
    std::lock_guard lock(mutex_);
    if (now < next_deadline_) return {next_deadline_, {}};
    waiting_.take_if(
        [&](const Request& r) {
          if (r.job.deadline <= now) return true;
          due.next = std::min(due.next, r.job.deadline);
          return false;
        },
        [&](FairQueue<Request>::Entry&& e) { answers.emplace_back(std::move(e.value), late()); });
    for (const auto& cell : cells_) expire_flights(cell, now, due, answers);
    if (window_.count() > 0) pump(now, answers, wakes);
    if (gathers(now)) due.next = std::min(due.next, gather_until_);
    next_deadline_ = due.next;
  }
  wakes.wake();
  deliver(answers);
  return due;
}

// ---- what others want to know

ModelStats ModelQueue::stats() const {
  std::lock_guard lock(mutex_);
  ModelStats s;
  s.loaded = !cells_.empty();
  s.cells = static_cast<unsigned>(cells_.size());
  for (const auto& cell : cells_) {
    s.resident_bytes += cell->resident_bytes;
    s.running += cell->ring.in_use();
    if (!cell->leaving) s.lanes += cell->layout.lanes;
  }
  if (!cells_.empty()) s.pid = cells_.front()->child.pid;
  s.cold_starts = cold_starts_;
  s.crashes = crashes_;
  s.waiting = waiting_.size();
  s.cold_start_ms = cold_start_ms_;
  if (restarts_.resting(now_steady())) s.quarantine = rest_reason_;
  s.overloaded = overload_.on();
  s.succeeded = succeeded_;
  s.failed = {failed_count_.load(), failed_ns_.load()};
  s.queued = queued_;
  s.computed = computed_;
  s.rows = rows_;
  s.runs = runs_;
  s.last_used = last_used_;
  return s;
}

std::vector<policy::Loaded> ModelQueue::loaded() const {
  std::lock_guard lock(mutex_);
  std::vector<policy::Loaded> all;
  for (const auto& cell : cells_)
    all.push_back({cell->id, cell->resident_bytes, last_used_, (!waiting_.empty() && !cell->leaving) || cell->ring.in_use() > 0, residence_});
  return all;
}

bool ModelQueue::has_cells() const {
  std::lock_guard lock(mutex_);
  return !cells_.empty();
}

std::optional<Steady> ModelQueue::measure_due(const CellLink& cell) const {
  std::lock_guard lock(mutex_);
  if (cell.last_used < cell.measured_at && cell.ring.in_use() == 0) return std::nullopt;
  return cell.measured_at;
}

// One that has run nothing yet is counted as large as the last one was in the end.
void ModelQueue::measured(CellLink& cell, std::uint64_t resident_bytes, Steady now) {
  std::lock_guard lock(mutex_);
  const bool first = cell.measured_at == Steady{};
  cell.measured_at = now;
  cell.resident_bytes = first ? std::max(resident_bytes, last_resident_) : resident_bytes;
  if (!first) last_resident_ = resident_bytes;
}

std::uint64_t ModelQueue::last_resident() const {
  std::lock_guard lock(mutex_);
  return last_resident_;
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
    abandoned_ = true;
    loads.swap(loads_);
    fail_waiting(why, answers);
    for (const auto& cell : cells_) {
      cell->ended.store(true);
      for (std::uint32_t slot = 0; slot < cell->flights.size(); ++slot) {
        Flight& flight = cell->flights[slot];
        if (cell->ring.in_flight(slot) && !std::exchange(flight.answered, true)) answers.emplace_back(std::move(flight.request), why);
      }
    }
    cells_.clear();
  }
  deliver(answers);
  for (auto& l : loads) l(why);
}

}  // namespace slipway::inference
