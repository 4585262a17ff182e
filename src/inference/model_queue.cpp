#include "slipway/inference/model_queue.hpp"

#include <algorithm>

#include "slipway/inference/loop_cells.hpp"
#include "slipway/inference/queue_errors.hpp"
#include "slipway/inference/wire.hpp"

namespace slipway::inference {

namespace {

Steady now_steady() { return std::chrono::steady_clock::now(); }

// A tensor without elements still stands for as many empty arrays, when it is written as JSON, as its dimensions before the zero say.
constexpr std::size_t kEmptyArraysMax = 1'000'000;
constexpr std::uint64_t kBatchRows = 4096;  // that are enough for a run
constexpr const char* kTooMany = "Too many requests wait for this model";
bool is_enormous_nothing(const Tensor& t) {
  if (t.count() > 0) return false;
  std::size_t arrays = 1;
  for (const std::int64_t d : t.shape()) {
    if (d == 0) break;
    arrays *= static_cast<std::size_t>(d);  // element_count has seen to it that this fits
  }
  return arrays > kEmptyArraysMax;
}

// What a cell says about a request, for people: printable, short, without the file names of ONNX Runtime's sources.
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

ModelQueue::ModelQueue(ModelSpec spec, const EngineOptions& options, unsigned threads, unsigned cells_max, FleetCalls& fleet, QueueMetrics& metrics,
                       std::vector<std::shared_ptr<LoopCells>> loops)
    : spec_(std::move(spec)),
      options_(options),
      cells_max_(std::clamp(cells_max, 1u, kCellsMax)),
      fleet_(fleet),
      metrics_(metrics),
      loops_(std::move(loops)),
      residence_(spec_.residence),
      last_used_(now_steady()),
      window_(possible(spec_.batch_window)),
      spread_(threads),
      restarts_(options.restarts_max, options.restart_window, options.cool_down) {}

void ModelQueue::Wakes::add(const std::shared_ptr<CellLink>& cell) {
  const auto end = cells.begin() + static_cast<std::ptrdiff_t>(count);
  if (std::find(cells.begin(), end, cell) == end && count < cells.size()) cells[count++] = cell;
}

void ModelQueue::Wakes::wake() const {
  for (std::size_t i = 0; i < count; ++i) cells[i]->ring.wake();
}

void ModelQueue::Wakes::wake(LoopCells& loop, std::uint64_t bytes, Steady now) const {
  for (std::size_t i = 0; i < count; ++i) loop.wake(cells[i], bytes, now);
}

void ModelQueue::deliver(Answers& answers) {
  for (auto& [request, result] : answers) {
    if (!result.ok()) count_failure(request);
    request.loop->answer(std::move(request.done), std::move(result));
  }
  answers.clear();
}

void ModelQueue::count_failure(const Request& request) {
  failed_count_.fetch_add(1, std::memory_order_relaxed);
  failed_ns_.fetch_add(static_cast<std::uint64_t>(std::max<std::int64_t>(0, (now_steady() - request.arrived).count())), std::memory_order_relaxed);
}

// ---- requests

void ModelQueue::predict(PredictJob job, PredictCallback done) {
  const Steady now = now_steady();
  Request request{std::move(job), std::move(done)};
  request.arrived = now;
  for (const auto& l : loops_) {
    if (&l->loop() == request.job.loop) request.loop = l.get();
  }
  if (request.loop == nullptr) {
    request.done(Error(ErrorCode::internal, "A prediction came from nowhere").because("PredictJob.loop is none of the engine's"));
    return;
  }
  request.ticket = {request.job.caller, request.job.priority, 0, wire::payload_bytes(request.job.inputs), request.job.rows};
  const std::uint64_t bytes = request.ticket.bytes;
  const CancellationPtr cancellation = request.job.cancellation;
  if (cancellation) cancellation->tell(weak_from_this());
  LoopCells& loop = *request.loop;
  const Steady deadline = request.job.deadline;
  std::optional<Error> refused;
  Answers answers;
  Wakes wakes;
  {
    std::lock_guard lock(mutex_);
    last_used_ = now;
    request.ticket.cost_s = service_.estimate_s(request.job.rows);
    overload_.arrived();
    callers_.asks(request.job.caller, now);
    const bool was_on = overload_.on();
    const bool can_work = !cells_.empty();  // what piles up during a cold start is no overload
    if (can_work && overload_.look(now, standing_s(), service_.run_s()) && !was_on) shed_to(policy::Overload::kept_s(service_.run_s()), answers);
    refused = refusal(now);
    if (!refused && deadline <= now) refused = late();
    if (!refused && cancellation && cancellation->cancelled()) {
      metrics_.cancelled.add();
      refused = client_left();
    }
    Submitted submitted = Submitted::no_room;
    Batch alone;
    if (!refused && waiting_.empty() && window_.count() == 0) submitted = submit(request, now, wakes, alone);
    if (submitted == Submitted::too_large)
      refused = Error(ErrorCode::too_large, "The request is larger than a model's process may be handed at once");
    if (!refused && submitted == Submitted::no_room) refused = crowded(request, now, answers);
    if (!refused) {
      if (submitted != Submitted::yes) {
        const Ticket ticket = request.ticket;
        gather_until_ = std::min(waiting_.empty() ? Steady::max() : gather_until_, gathered_at(request));
        waiting_.push(std::move(request), ticket);
        if (window_.count() > 0) pump(now, answers, wakes);
        if (gathers(now)) note_deadline(gather_until_);
        grow_if_crowded(now);
      }
      if (cells_.empty()) start_loading();
      spread_or_gather(now);
      note_deadline(deadline);
    }
  }
  wakes.wake(loop, bytes, now);
  deliver(answers);
  if (refused) {  // NOLINTBEGIN(bugprone-use-after-move): then nobody else has it
    count_failure(request);
    loop.answer(std::move(request.done), std::move(*refused));
  }  // NOLINTEND(bugprone-use-after-move)
}

std::optional<Error> ModelQueue::refusal(Steady now) const {
  if (abandoned_) return Error(ErrorCode::unavailable, "The server is shutting down");
  if (restarts_.resting(now)) {
    const auto left = std::chrono::duration_cast<std::chrono::seconds>(restarts_.until() - now).count() + 1;
    return Error(ErrorCode::unavailable, "The model rests after repeated failures: " + rest_reason_).retry_after(static_cast<std::uint32_t>(left));
  }
  return std::nullopt;
}

double ModelQueue::standing_s() const {
  double s = waiting_.cost_s();
  for (const auto& cell : cells_) s += cell->outstanding_s;
  return s / static_cast<double>(std::max<std::size_t>(1, cells_.size()));
}

Error ModelQueue::refuse_as_crowded(const char* why) {
  metrics_.refused.add();
  return Error(ErrorCode::overloaded, why).retry_after(policy::retry_after_s(standing_s()));
}

bool ModelQueue::sheds() const { return overload_.on() && !cells_.empty() && standing_s() > policy::Overload::allowed_s(service_.run_s()); }

Status ModelQueue::turned_away(std::uint64_t caller, Priority priority) {
  const Steady now = now_steady();
  std::lock_guard lock(mutex_);
  if (!sheds()) return ok();
  (void)overload_.look(now, standing_s(), service_.run_s());  // its end is seen by whoever asks
  if (!sheds() || waiting_.would_displace({caller, priority, 0, 0})) return ok();
  overload_.arrived();
  failed_count_.fetch_add(1, std::memory_order_relaxed);
  return refuse_as_crowded(kTooMany);
}

// There is no room in the cells. May it wait? Others of lower priority, or of a caller that waits for more, give way first.
std::optional<Error> ModelQueue::crowded(const Request& request, Steady now, Answers& answers) {
  const double standing = standing_s();
  const auto left = std::chrono::duration<double>(request.job.deadline - now).count();
  if (!cells_.empty() && standing > left) return refuse_as_crowded("So much waits for this model that the request could not be done within its time");
  const auto full = [&] {
    return waiting_.size() >= options_.queue_max || waiting_.bytes() + request.ticket.bytes > options_.queue_bytes_max || sheds();
  };
  while (full()) {
    auto displaced = waiting_.displace(request.ticket);
    if (!displaced) return refuse_as_crowded(kTooMany);
    metrics_.shed.add();
    answers.emplace_back(std::move(displaced->value),
                         Error(ErrorCode::overloaded, "Too many requests of yours wait for this model").retry_after(policy::retry_after_s(standing)));
  }
  return std::nullopt;
}

void ModelQueue::shed_to(double allowed_s, Answers& answers) {
  while (standing_s() > allowed_s) {
    auto gone = waiting_.shed();
    if (!gone) return;
    metrics_.shed.add();
    answers.emplace_back(std::move(gone->value),
                         Error(ErrorCode::overloaded, "More is asked of this model than it can do").retry_after(policy::retry_after_s(standing_s())));
  }
}

void ModelQueue::start_loading() {
  if (loading_) return;
  loading_ = true;
  fleet_.want(shared_from_this());
}

// Work that waits on and on although all cells are busy: one more, if the model may have it.
void ModelQueue::grow_if_crowded(Steady now) {
  constexpr Millis kPatience{200};
  if (cells_.empty() || loading_ || cells_.size() >= cells_max_ || gathers(now) || waiting_.cost_s() <= std::max(0.005, service_.run_s())) {
    crowded_since_ = Steady::max();
    return;
  }
  if (crowded_since_ == Steady::max()) crowded_since_ = now;
  if (now - crowded_since_ < kPatience || now < no_growth_until_) return;
  crowded_since_ = Steady::max();
  start_loading();
}

policy::Layout ModelQueue::layout() const {
  std::lock_guard lock(mutex_);
  return spread_.layout();
}

bool ModelQueue::may_be_there_twice() const { return last_resident_ * 4 <= options_.memory_bytes; }

void ModelQueue::spread_or_gather(Steady now) {
  if (!spread_.has_choice() || cells_.empty()) return;
  std::size_t present = waiting_.size();
  for (const auto& cell : cells_) present += cell->ring.in_use();
  spread_.arrived(present, now);
  const bool suits = std::all_of(cells_.begin(), cells_.end(), [&](const auto& cell) { return cell->layout == spread_.layout() || cell->replaced; });
  if (!suits && !loading_ && now >= no_growth_until_ && may_be_there_twice()) start_loading();
}

void ModelQueue::note_deadline(Steady when) {
  if (when >= next_deadline_) return;
  next_deadline_ = when;
  fleet_.look_at(when);
}

bool ModelQueue::merges() const { return spec_.schema->batched && spec_.schema->rows_independent; }

Millis ModelQueue::possible(Millis window) const { return merges() ? window : Millis(0); }

Steady ModelQueue::gathered_at(const Request& request) const {
  if (request.job.priority == Priority::low) return request.arrived;  // who asks so wants throughput, and brings rows of its own
  return request.arrived + std::min<Steady::duration>(window_, (request.job.deadline - request.arrived) / 2);
}

bool ModelQueue::gathers(Steady now) const {
  const std::size_t requests_max = cells_.empty() ? os::RingShape{}.slots : cells_.front()->ring.shape().slots;
  return window_.count() > 0 && !waiting_.empty() && now < gather_until_ && waiting_.rows() < kBatchRows && waiting_.size() < requests_max;
}

// The cell that has least before it. With a batching window a cell gets work when it is free, and then a batch.
const std::shared_ptr<CellLink>* ModelQueue::choose(const CellLink* batch, Steady now) const {
  const std::shared_ptr<CellLink>* chosen = nullptr;
  for (const auto& cell : cells_) {
    if (cell->leaving) continue;
    if (cell.get() == batch) return &cell;
    const std::uint32_t most =
        window_.count() > 0 ? 1 : service_.depth(cell->ring.shape().slots, callers_.several(now), merges(), cell->layout.lanes);
    if (cell->ring.in_use() >= most) continue;
    if (chosen == nullptr || cell->outstanding_s < (*chosen)->outstanding_s ||
        (cell->outstanding_s == (*chosen)->outstanding_s && cell->ring.in_use() < (*chosen)->ring.in_use()))
      chosen = &cell;
  }
  return batch == nullptr ? chosen : nullptr;
}

// The copy into the ring happens under the lock: some nanoseconds for a row of features, some 50
// microseconds for an image, which then runs for milliseconds.
ModelQueue::Submitted ModelQueue::submit(Request& request, Steady now, Wakes& wakes, Batch& batch) {
  const std::shared_ptr<CellLink>* chosen = choose(batch.cell, now);
  if (chosen == nullptr) return Submitted::no_room;
  CellLink& cell = **chosen;
  if (!cell.ring.fits(request.ticket.bytes)) return Submitted::too_large;
  const auto slot = cell.ring.acquire(request.loop->index(), request.ticket.bytes);
  if (!slot) return Submitted::no_room;
  wire::write_payload(request.job.inputs, cell.ring.input(*slot));
  request.loop->note(*chosen);
  const std::uint32_t flags = request.alone ? os::kSlotAlone : 0;
  cell.outstanding_s += request.ticket.cost_s;
  cell.last_used = now;
  cell.flights[*slot] = Flight{std::move(request), now};
  cell.ring.submit(*slot, flags);
  wakes.add(*chosen);
  if (window_.count() > 0) batch.cell = &cell;
  return Submitted::yes;
}

void ModelQueue::pump(Steady now, Answers& answers, Wakes& wakes) {
  if (gathers(now)) return;
  Batch batch;
  while (!waiting_.empty()) {
    if (batch.rows >= kBatchRows) batch = {};  // the rest goes to the next that is free
    batch.rows += waiting_.front().ticket.rows;
    const Submitted submitted = submit(waiting_.front().value, now, wakes, batch);
    if (submitted == Submitted::no_room && batch.cell == nullptr) return;
    if (submitted == Submitted::no_room) {
      batch = {};
      continue;
    }
    auto entry = waiting_.pop();
    if (submitted == Submitted::too_large)
      answers.emplace_back(std::move(entry.value), Error(ErrorCode::too_large, "The request is larger than a model's process may be handed at once"));
  }
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
  std::uint64_t answer_bytes = 0;
  for (auto& back : backs) {  // outside of the lock: the slot is ours until it is released
    if (back.flight.answered) continue;
    back.result = read_answer(*cell, back.slot, hostile);
    if (back.result.ok()) answer_bytes += wire::payload_bytes(*back.result);
  }
  Answers answers;
  Wakes wakes;
  bool drained = false;
  const Steady now = now_steady();
  {
    std::lock_guard lock(mutex_);
    for (auto& back : backs) {
      account(back.flight, measure(*cell, back.slot, back.flight, now), back.result.ok() && !back.flight.answered, now);
      cell->outstanding_s = cell->ring.in_use() <= 1 ? 0 : cell->outstanding_s - back.flight.request.ticket.cost_s;
      cell->ring.release(back.slot);
    }
    cell->outstanding[loop.index()].fetch_sub(static_cast<std::uint32_t>(backs.size()));
    cell->last_used = now;
    if (has(cell) && !hostile) pump(now, answers, wakes);
    if (!waiting_.empty()) grow_if_crowded(now);
    drained = retired_ && idle();
  }
  wakes.wake(loop, answer_bytes, now);
  if (hostile) fleet_.broke(cell, crashed("it broke its protocol"));
  if (drained) fleet_.drained(shared_from_this());
  for (auto& back : backs) {
    if (back.flight.answered) continue;
    if (!back.result.ok()) count_failure(back.flight.request);
    loop.answer(std::move(back.flight.request.done), std::move(back.result));
  }
  deliver(answers);
  return !backs.empty();
}

// The cell's word, within what is possible: it can't have run for longer than it had the request, nor with fewer rows than that has.
ModelQueue::Measured ModelQueue::measure(const CellLink& cell, std::uint32_t slot, const Flight& flight, Steady now) const {
  const os::RunNote note = cell.ring.run_note(slot);
  const double had_s = std::chrono::duration<double>(now - flight.submitted).count();
  const auto own = static_cast<double>(std::max<std::uint64_t>(1, flight.request.job.rows));
  Measured m;
  m.run_s = std::min(static_cast<double>(note.ns) * 1e-9, had_s);
  m.together = std::clamp(static_cast<double>(note.requests), 1.0, static_cast<double>(cell.flights.size()));
  m.rows = m.together == 1 ? own : std::max(own, std::min(static_cast<double>(note.rows), 1e12));
  m.cell_s = m.run_s / cell.layout.lanes;
  m.share_s = m.cell_s * own / m.rows;
  return m;
}

void ModelQueue::account(const Flight& flight, const Measured& m, bool good, Steady now) {
  const Request& request = flight.request;
  overload_.done(1);
  if (m.run_s <= 0) return;  // was never run
  service_.observe(m.cell_s, m.rows, m.together);
  waiting_.correct(request.ticket, m.share_s - request.ticket.cost_s);
  metrics_.run_s.observe(m.run_s);
  const double total_s = std::chrono::duration<double>(now - request.arrived).count();
  metrics_.wait_s.observe(std::max(0.0, total_s - m.run_s));
  if (!good) return;
  const auto add = [](Tally& tally, double seconds) {
    ++tally.count;
    tally.ns += static_cast<std::uint64_t>(std::max(0.0, seconds) * 1e9);
  };
  add(succeeded_, total_s);
  add(queued_, total_s - m.run_s);
  add(computed_, m.run_s);
  rows_ += request.job.rows;
  runs_ += 1 / m.together;
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

}  // namespace slipway::inference
