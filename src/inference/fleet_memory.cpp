// How all cells together stay within the memory budget: a load is let in when there is room for it, counted with those that are on their
// way; room is made by unloading who has no work, least recently used first, and when all work, by letting one leave after what it runs.
#include <algorithm>

#include "slipway/base/log.hpp"
#include "slipway/inference/fleet.hpp"

namespace slipway::inference {

std::vector<policy::Loaded> Fleet::loaded() const {
  std::vector<policy::Loaded> all;
  for (const auto& model : models()) {
    for (const auto& cell : model->loaded()) all.push_back(cell);
  }
  return all;
}

Fleet::Room Fleet::reserve(std::uint64_t bytes) {
  reserved_bytes_ += bytes;
  return Room(new std::uint64_t(bytes), [this](const std::uint64_t* held) {
    reserved_bytes_ -= *held;
    delete held;
  });
}

bool Fleet::fits(std::uint64_t bytes) const {
  std::uint64_t total = bytes + reserved_bytes_;
  for (const auto& cell : loaded()) total += cell.resident_bytes;
  return total <= options_.memory_bytes;
}

void Fleet::load(Load load) {
  load.room.reset();
  loads_waiting_.push_back(std::move(load));
}

void Fleet::let_loads_in(Steady now) {
  for (; !loads_waiting_.empty(); loads_waiting_.pop_front()) {
    Load& next = loads_waiting_.front();
    const std::uint64_t bytes = expected_bytes(*next.model);
    if (next.model->has_cells()) {  // one more: nobody else makes room for it
      if (!fits(bytes)) {
        next.model->load_failed(Error(ErrorCode::unavailable, "there is no memory for one more of its cells"), now, false);
        continue;
      }
    } else if (!make_room(bytes, now)) {
      return;
    }
    next.room = reserve(bytes);
    fetch(std::move(next));
  }
}

bool Fleet::make_room(std::uint64_t bytes, Steady now) {
  constexpr Millis kPatience{100};
  unload_for(bytes);
  // What is larger than all the budget, or would have to wait for pinned ones, comes in alone rather than never.
  const auto cells = loaded();
  const bool alone = reserved_bytes_ == 0 && std::all_of(cells.begin(), cells.end(), [](const auto& c) { return c.residence == Residence::pinned; });
  if (alone || fits(bytes)) {
    no_room_since_ = Steady::max();
    return true;
  }
  if (no_room_since_ == Steady::max()) no_room_since_ = now;
  if (leaving_ != 0 || now - no_room_since_ < kPatience) return false;
  if (const auto id = policy::to_leave(cells)) {
    const auto life = lives_.find(*id);
    if (life != lives_.end() && life->second.link->model->leave(*id)) leaving_ = *id;
  }
  return false;
}

void Fleet::see_off() {
  if (leaving_ == 0) return;
  const auto life = lives_.find(leaving_);
  if (life == lives_.end() || !life->second.ended_because.empty() || unload(leaving_)) leaving_ = 0;
}

void Fleet::unload_for(std::uint64_t incoming_bytes) {
  for (const auto id : policy::to_unload(loaded(), options_.memory_bytes, incoming_bytes + reserved_bytes_)) unload(id);
}

bool Fleet::unload(std::uint64_t id) {
  const auto life = lives_.find(id);
  if (life == lives_.end()) return false;
  const auto model = life->second.link->model;
  if (model->take_idle_cell(id) == nullptr) return false;  // got work meanwhile
  unloads_.add();
  log::info("model.unloaded", {{"model", model->spec().id}});
  end_cell(id, EndCause::unloaded, "unloaded");
  return true;
}

std::uint64_t Fleet::expected_bytes(const ModelQueue& model) const {
  const std::uint64_t last = model.last_resident();
  return last > 0 ? last : expectation_.resident_bytes(model.spec().artifact_bytes);
}

void Fleet::measure_cell(const Life& life, Steady now) {
  const auto& model = life.link->model;
  const std::uint64_t bytes = os::resident_bytes(life.link->child.pid, launcher_anonymous_);
  if (bytes > 0) expectation_.observe(bytes, model->spec().artifact_bytes);
  model->measured(*life.link, bytes, now);
}

// A look costs a millisecond or so: at those that were used since the last one, and not at too many at once.
void Fleet::measure(Steady now) {
  constexpr std::size_t kAtOnceMax = 50;
  bool any = false;
  std::vector<std::uint64_t> surplus;
  std::vector<std::pair<Steady, const Life*>> due;
  for (const auto& [id, life] : lives_) {
    if (!life.attached || !life.ended_because.empty()) continue;
    any = true;
    if (const auto last = life.link->model->measure_due(*life.link)) due.emplace_back(*last, &life);
    if (const auto idle = life.link->model->take_surplus(now)) surplus.push_back(idle->id);
  }
  std::sort(due.begin(), due.end());
  for (std::size_t i = 0; i < std::min(due.size(), kAtOnceMax); ++i) measure_cell(*due[i].second, now);
  for (const auto id : surplus) end_cell(id, EndCause::unloaded, "not needed any more");
  next_measure_ = any ? now + kMeasureEvery : Steady::max();
  unload_for(0);
}

}  // namespace slipway::inference
