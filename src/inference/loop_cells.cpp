#include "slipway/inference/loop_cells.hpp"

#include <algorithm>

namespace slipway::inference {

void LoopCells::join_loop() {
  loop_.run_here([self = shared_from_this()] {
    self->loop_.add_poller(self.get());
    self->watch_ = self->loop_.watch(self->eventfd_.get(), [fd = self->eventfd_.get()] { os::drain_eventfd(fd); });
  });
}

std::future<void> LoopCells::leave_loop() {
  std::promise<void> left;
  auto future = left.get_future();  // a task that is dropped breaks the promise, that is an end of waiting too
  loop_.run_here([self = shared_from_this(), left = std::move(left)]() mutable {
    self->loop_.unwatch(self->watch_);
    self->loop_.remove_poller(self.get());
    self->cells_.clear();
    left.set_value();
  });
  return future;
}

bool LoopCells::poll() {
  adopt_noted();
  bool found = false;
  for (std::size_t i = 0; i < cells_.size(); ++i) {  // callbacks may add cells meanwhile
    if (!cells_[i]->ring.pending(index_) || cells_[i]->ended.load()) continue;
    const std::shared_ptr<CellLink> cell = cells_[i];
    found |= cell->model->drain(cell, *this);
  }
  return found;
}

// Says "may sleep" to every cell in the list, forgets those that owe nothing, and looks once more.
bool LoopCells::about_to_sleep() {
  bool pending = false;
  std::erase_if(cells_, [&](const std::shared_ptr<CellLink>& cell) {
    if (cell->ended.load()) return true;
    pending |= cell->ring.arm(index_);
    if (cell->outstanding[index_].load() != 0) return false;
    cell->listed[index_].store(0);
    // Somebody may have counted up in between. Either he found it still listed and relies on us, then we keep it; or he lists it himself.
    return cell->outstanding[index_].load() == 0 || cell->listed[index_].exchange(1) != 0;
  });
  return !pending && !has_noted_.load();
}

void LoopCells::woke_up() {
  for (const auto& cell : cells_) cell->ring.disarm(index_);
}

void LoopCells::note(const std::shared_ptr<CellLink>& cell) {
  const bool here = loop_.is_current();
  cell->outstanding[index_].fetch_add(1);
  const bool listed = cell->listed[index_].exchange(1) != 0;
  if (here) cell->ring.disarm(index_);  // we look at it before we sleep
  if (listed) return;
  if (here) {
    cells_.push_back(cell);
    return;
  }
  std::lock_guard lock(noted_mutex_);
  noted_.push_back(cell);
  has_noted_.store(true);
}

void LoopCells::adopt_noted() {
  if (!has_noted_.load()) return;
  std::lock_guard lock(noted_mutex_);
  cells_.insert(cells_.end(), noted_.begin(), noted_.end());
  noted_.clear();
  has_noted_.store(false);
}

void LoopCells::answer(PredictCallback done, Result<std::vector<Tensor>> result) {
  if (loop_.is_current())
    done(std::move(result));
  else
    loop_.post([done = std::move(done), result = std::move(result)]() mutable { done(std::move(result)); });
}

}  // namespace slipway::inference
