#include "slipway/os/ring.hpp"

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <iterator>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace slipway::os {

// Lost wake-ups. Both directions use the same handshake: the sleeper sets its flag, then looks at the queue again, then sleeps; the
// waker publishes its entry, then looks at the flag. With a sequentially consistent fence between the two steps on either side, at least
// one of them sees the other's store.

namespace ring {

static std::uint64_t aligned(std::uint64_t n, std::uint64_t to) { return (n + to - 1) / to * to; }

Places places(const RingShape& s) {
  Places p{};
  std::uint64_t at = aligned(sizeof(Header), 64);
  auto take = [&](std::uint64_t bytes, std::uint64_t alignment) {
    at = aligned(at, alignment);
    const std::uint64_t here = at;
    at += bytes;
    return here;
  };
  p.submissions = take(sizeof(Submissions), 64);
  p.submission_entries = take(s.slots * sizeof(std::uint32_t), 64);
  p.completions = take(s.loops * sizeof(Completions), 64);
  p.completion_entries = take(s.loops * aligned(s.slots * sizeof(std::uint32_t), 64), 64);
  p.slots = take(s.slots * sizeof(Slot), 64);
  p.inline_in = take(static_cast<std::uint64_t>(s.slots) * s.inline_bytes, 4096);
  p.inline_out = take(static_cast<std::uint64_t>(s.slots) * s.inline_bytes, 4096);
  p.arena_in = take(s.arena_bytes, 4096);
  p.arena_out = take(s.arena_bytes, 4096);
  p.total = aligned(at, 4096);
  return p;
}

static std::uint64_t completion_entry(const Places& p, const RingShape& s, std::uint32_t loop, std::uint32_t index) {
  return p.completion_entries + loop * aligned(s.slots * sizeof(std::uint32_t), 64) + (index & (s.slots - 1)) * sizeof(std::uint32_t);
}

static void futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t value) {
  ::syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&word), FUTEX_WAIT, value, nullptr, nullptr, 0);
}

static void futex_wake(std::atomic<std::uint32_t>& word) {
  ::syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&word), FUTEX_WAKE, 1, nullptr, nullptr, 0);
}

static bool shape_is_sane(const RingShape& s) {
  return std::has_single_bit(s.slots) && s.slots <= kRingSlotsMax && s.loops >= 1 && s.loops <= kRingLoopsMax && s.inline_bytes % 64 == 0 &&
         s.inline_bytes >= 64 && s.inline_bytes <= (1u << 20) && s.arena_bytes % ArenaAllocator::kPage == 0 && s.arena_bytes <= (1ull << 36);
}

}  // namespace ring

using ring::Completions;
using ring::Header;
using ring::Submissions;
using Word = std::atomic<std::uint32_t>;
static_assert(Word::is_always_lock_free && sizeof(Word) == 4 && std::atomic<std::uint64_t>::is_always_lock_free);

std::uint64_t RingShape::total_bytes() const { return ring::places(*this).total; }

std::optional<std::uint64_t> ArenaAllocator::allocate(std::uint64_t bytes) {
  const std::uint64_t need = rounded(bytes);
  if (need == 0 || need > bytes_) return std::nullopt;
  for (auto it = free_.begin(); it != free_.end(); ++it) {
    if (it->second < need) continue;
    const auto [offset, length] = *it;
    free_.erase(it);
    if (length > need) free_[offset + need] = length - need;
    return offset;
  }
  return std::nullopt;
}

void ArenaAllocator::release(std::uint64_t offset, std::uint64_t bytes) {
  auto it = free_.emplace(offset, rounded(bytes)).first;
  if (auto next = std::next(it); next != free_.end() && it->first + it->second == next->first) {
    it->second += next->second;
    free_.erase(next);
  }
  if (it != free_.begin()) {
    auto before = std::prev(it);
    if (before->first + before->second == it->first) {
      before->second += it->second;
      free_.erase(it);
    }
  }
}

// ---- the server's end

RingHost::RingHost(RingShape shape, Fd memfd, Mapping mapping)
    : shape_(shape),
      places_(ring::places(shape)),
      memfd_(std::move(memfd)),
      mapping_(std::move(mapping)),
      base_(mapping_.writable().data()),
      private_(shape.slots),
      heads_(shape.loops, 0),
      arena_(shape.arena_bytes) {
  for (std::uint32_t i = shape.slots; i > 0; --i) free_.push_back(i - 1);
  for (std::uint32_t l = 0; l < shape.loops; ++l) at<Completions>(places_.completions)[l].armed.store(1, std::memory_order_relaxed);
}

Result<RingHost> RingHost::create(const RingShape& shape) {
  if (!ring::shape_is_sane(shape)) return Error(ErrorCode::internal, "A ring's shape is not possible");
  const std::uint64_t bytes = shape.total_bytes();
  Fd fd = TRY(make_memfd("slipway-ring", bytes));
  if (::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) return system_error("F_ADD_SEALS of a ring");
  Mapping mapping = TRY(Mapping::shared(fd, bytes));
  return RingHost(shape, std::move(fd), std::move(mapping));
}

CellState RingHost::cell_state() const {
  const auto state = at<Header>(0)->cell_state.load(std::memory_order_acquire);
  return state == 1 ? CellState::ready : state == 2 ? CellState::failed : CellState::starting;
}

std::string RingHost::message() const {
  const Header& header = *at<Header>(0);
  const std::size_t n = std::min<std::size_t>(header.message_bytes.load(std::memory_order_acquire), sizeof header.message);
  std::string text(n, '\0');
  std::memcpy(text.data(), header.message, n);
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7e) c = ' ';
  }
  return text;
}

std::optional<std::uint32_t> RingHost::acquire(std::uint32_t loop, std::uint64_t bytes) {
  if (free_.empty()) return std::nullopt;
  const std::uint32_t slot = free_.back();
  Private& p = private_[slot];
  p.in_arena = bytes > shape_.inline_bytes;
  if (p.in_arena) {
    auto offset = arena_.allocate(bytes);
    if (!offset) return std::nullopt;
    p.in_offset = places_.arena_in + *offset;
    arena_touched_ = std::max(arena_touched_, *offset + ArenaAllocator::rounded(bytes));
  } else {
    p.in_offset = places_.inline_in + static_cast<std::uint64_t>(slot) * shape_.inline_bytes;
  }
  p.in_bytes = bytes;
  p.loop = loop;
  p.where = Where::filling;
  free_.pop_back();
  ++in_use_;
  return slot;
}

std::span<std::byte> RingHost::input(std::uint32_t slot) { return {base_ + private_[slot].in_offset, private_[slot].in_bytes}; }

void RingHost::submit(std::uint32_t slot, std::uint32_t flags) {
  Private& p = private_[slot];
  auto& s = shared(slot);
  s.loop.store(p.loop, std::memory_order_relaxed);
  s.flags.store(flags, std::memory_order_relaxed);
  s.in_offset.store(p.in_offset, std::memory_order_relaxed);
  s.in_bytes.store(p.in_bytes, std::memory_order_relaxed);
  s.state.store(static_cast<std::uint32_t>(SlotState::submitted), std::memory_order_relaxed);
  p.where = Where::cell;
  at<Word>(places_.submission_entries)[tail_ & (shape_.slots - 1)].store(slot, std::memory_order_relaxed);
  at<Submissions>(places_.submissions)->tail.store(++tail_, std::memory_order_release);
}

void RingHost::wake() {
  auto& sleeping = at<Submissions>(places_.submissions)->cell_sleeping;
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (sleeping.load(std::memory_order_relaxed) != 0 && sleeping.exchange(0) != 0) ring::futex_wake(sleeping);
}

bool RingHost::pending(std::uint32_t loop) const {
  return at<Completions>(places_.completions)[loop].tail.load(std::memory_order_acquire) !=
         std::atomic_ref(heads_[loop]).load(std::memory_order_relaxed);
}

Status RingHost::take(std::uint32_t loop, std::vector<std::uint32_t>& slots) {
  const std::uint32_t tail = at<Completions>(places_.completions)[loop].tail.load(std::memory_order_acquire);
  std::uint32_t head = heads_[loop];
  if (tail - head > shape_.slots)
    return Error(ErrorCode::model_crashed, "The model's process broke its protocol").because("completion queue overrun");
  while (head != tail) {
    const std::uint32_t slot = at<Word>(ring::completion_entry(places_, shape_, loop, head))->load(std::memory_order_relaxed);
    if (slot >= shape_.slots || private_[slot].where != Where::cell || private_[slot].loop != loop) {
      return Error(ErrorCode::model_crashed, "The model's process broke its protocol").because("completion of a slot that it doesn't hold");
    }
    private_[slot].where = Where::taken;
    slots.push_back(slot);
    std::atomic_ref(heads_[loop]).store(++head, std::memory_order_relaxed);
  }
  return ok();
}

RunStatus RingHost::status(std::uint32_t slot) const {
  const auto s = shared(slot).status.load(std::memory_order_relaxed);
  return s <= 3 ? static_cast<RunStatus>(s) : RunStatus::refused;
}

RunNote RingHost::run_note(std::uint32_t slot) const {
  const auto& s = shared(slot);
  return {s.run_ns.load(std::memory_order_relaxed), s.run_rows.load(std::memory_order_relaxed), s.run_requests.load(std::memory_order_relaxed)};
}

Result<std::span<const std::byte>> RingHost::output(std::uint32_t slot) const {
  const auto offset = shared(slot).out_offset.load(std::memory_order_relaxed);
  const auto bytes = shared(slot).out_bytes.load(std::memory_order_relaxed);
  const auto inside = [&](std::uint64_t start, std::uint64_t length) {
    return offset >= start && offset <= start + length && bytes <= start + length - offset;
  };
  const std::uint64_t own = places_.inline_out + static_cast<std::uint64_t>(slot) * shape_.inline_bytes;
  if (offset % 64 != 0 || (!inside(own, shape_.inline_bytes) && !inside(places_.arena_out, shape_.arena_bytes))) {
    return Error(ErrorCode::model_crashed, "The model's process broke its protocol").because("answer outside of its area");
  }
  return std::span<const std::byte>(base_ + offset, bytes);
}

void RingHost::release(std::uint32_t slot) {
  constexpr std::uint64_t kKeptAnswer = 4ull << 20, kKeptArena = 16ull << 20;
  Private& p = private_[slot];
  if (p.where == Where::taken) {
    if (auto answer = output(slot); answer.ok() && answer->size() > kKeptAnswer) {
      give_back(static_cast<std::uint64_t>(answer->data() - base_), answer->size());
    }
  }
  if (p.in_arena) {
    arena_.release(p.in_offset - places_.arena_in, p.in_bytes);
    if (arena_touched_ > kKeptArena && arena_.all_free()) {
      give_back(places_.arena_in + kKeptArena, arena_touched_ - kKeptArena);
      arena_touched_ = kKeptArena;
    }
  }
  p.where = Where::here;
  shared(slot).state.store(static_cast<std::uint32_t>(SlotState::free), std::memory_order_release);
  free_.push_back(slot);
  --in_use_;
}

// Returns whole pages to the system. The range is in bounds already; the cell may hold it, then it reads zeros.
void RingHost::give_back(std::uint64_t offset, std::uint64_t bytes) {
  const std::uint64_t start = ArenaAllocator::rounded(offset), end = (offset + bytes) / ArenaAllocator::kPage * ArenaAllocator::kPage;
  if (end > start) ::fallocate(memfd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(start), static_cast<off_t>(end - start));
}

bool RingHost::arm(std::uint32_t loop) {
  auto& queue = at<Completions>(places_.completions)[loop];
  if (queue.armed.load(std::memory_order_relaxed) == 0) queue.armed.store(1, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return pending(loop);
}

void RingHost::disarm(std::uint32_t loop) {
  auto& armed = at<Completions>(places_.completions)[loop].armed;
  if (armed.load(std::memory_order_relaxed) != 0) armed.store(0, std::memory_order_relaxed);
}

bool RingHost::running(std::uint32_t slot) const {
  return in_flight(slot) && shared(slot).state.load(std::memory_order_relaxed) == static_cast<std::uint32_t>(SlotState::running);
}

bool RingHost::cancel(std::uint32_t slot) {
  std::uint32_t expected = static_cast<std::uint32_t>(SlotState::submitted);
  return shared(slot).state.compare_exchange_strong(expected, static_cast<std::uint32_t>(SlotState::cancelled));
}

SlotState RingHost::slot_state(std::uint32_t slot) const {
  const auto s = shared(slot).state.load(std::memory_order_acquire);
  return s <= 4 ? static_cast<SlotState>(s) : SlotState::running;
}

// ---- the cell's end

RingCell::RingCell(RingShape shape, Mapping mapping, std::vector<int> eventfds)
    : shape_(shape),
      places_(ring::places(shape)),
      mapping_(std::move(mapping)),
      base_(mapping_.writable().data()),
      eventfds_(std::move(eventfds)),
      held_(shape.slots),
      tails_(shape.loops, 0),
      dirty_(shape.loops, 0),
      arena_(shape.arena_bytes) {}

Result<RingCell> RingCell::open(const Fd& memfd, const RingShape& shape, std::vector<int> loop_eventfds) {
  if (!ring::shape_is_sane(shape) || loop_eventfds.size() != shape.loops) return Error(ErrorCode::internal, "A ring's shape is not possible");
  Mapping mapping = TRY(Mapping::shared(memfd, shape.total_bytes()));
  return RingCell(shape, std::move(mapping), std::move(loop_eventfds));
}

void RingCell::ready() { at<Header>(0)->cell_state.store(static_cast<std::uint32_t>(CellState::ready), std::memory_order_release); }

void RingCell::failed(std::string_view message) {
  Header& header = *at<Header>(0);
  const std::size_t n = std::min(message.size(), sizeof header.message);
  std::memcpy(header.message, message.data(), n);
  header.message_bytes.store(static_cast<std::uint32_t>(n), std::memory_order_release);
  header.cell_state.store(static_cast<std::uint32_t>(CellState::failed), std::memory_order_release);
}

bool RingCell::take(std::vector<std::uint32_t>& slots) {
  const std::uint32_t tail = at<Submissions>(places_.submissions)->tail.load(std::memory_order_acquire);
  if (head_ == tail) return false;
  for (; head_ != tail; ++head_) slots.push_back(at<Word>(places_.submission_entries)[head_ & (shape_.slots - 1)].load(std::memory_order_relaxed));
  return true;
}

void RingCell::wait() {
  auto& queue = *at<Submissions>(places_.submissions);
  for (int i = 0; i < 16; ++i) {  // some hundred nanoseconds: on few cores the server needs this one to fill the queue
    if (queue.tail.load(std::memory_order_acquire) != head_) return;
#if defined(__x86_64__)
    _mm_pause();
#endif
  }
  while (queue.tail.load(std::memory_order_acquire) == head_) {
    queue.cell_sleeping.store(1, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (queue.tail.load(std::memory_order_acquire) != head_) break;
    ring::futex_wait(queue.cell_sleeping, 1);
  }
  queue.cell_sleeping.store(0, std::memory_order_relaxed);
}

bool RingCell::begin(std::uint32_t slot) {
  reclaim(slot);  // the server had it since: the last answer was read
  std::uint32_t expected = static_cast<std::uint32_t>(SlotState::submitted);
  return shared(slot).state.compare_exchange_strong(expected, static_cast<std::uint32_t>(SlotState::running));
}

std::uint32_t RingCell::flags(std::uint32_t slot) const { return shared(slot).flags.load(std::memory_order_relaxed); }

std::span<const std::byte> RingCell::input(std::uint32_t slot) const {
  return {base_ + shared(slot).in_offset.load(std::memory_order_relaxed), shared(slot).in_bytes.load(std::memory_order_relaxed)};
}

void RingCell::reclaim(std::uint32_t slot) {
  if (held_[slot].bytes > 0) arena_.release(held_[slot].offset, held_[slot].bytes);
  held_[slot] = {};
}

std::optional<std::uint64_t> RingCell::allocate(std::uint64_t bytes) {
  if (auto offset = arena_.allocate(bytes)) return offset;
  for (std::uint32_t s = 0; s < shape_.slots; ++s) {
    if (shared(s).state.load(std::memory_order_acquire) == static_cast<std::uint32_t>(SlotState::free)) reclaim(s);
  }
  return arena_.allocate(bytes);
}

std::span<std::byte> RingCell::room(std::uint32_t slot, std::uint64_t bytes) {
  reclaim(slot);
  std::uint64_t offset = places_.inline_out + static_cast<std::uint64_t>(slot) * shape_.inline_bytes;
  if (bytes > shape_.inline_bytes) {
    auto place = allocate(bytes);
    if (!place) return {};
    held_[slot] = {*place, bytes};
    offset = places_.arena_out + *place;
  }
  shared(slot).out_offset.store(offset, std::memory_order_relaxed);
  return {base_ + offset, bytes};
}

void RingCell::complete(std::uint32_t slot, RunStatus status, std::uint64_t answer_bytes, const RunNote& note) {
  auto& s = shared(slot);
  const std::uint32_t loop = s.loop.load(std::memory_order_relaxed);
  if (answer_bytes == 0) s.out_offset.store(places_.inline_out + static_cast<std::uint64_t>(slot) * shape_.inline_bytes, std::memory_order_relaxed);
  s.out_bytes.store(answer_bytes, std::memory_order_relaxed);
  s.status.store(static_cast<std::uint32_t>(status), std::memory_order_relaxed);
  s.run_ns.store(note.ns, std::memory_order_relaxed);
  s.run_rows.store(note.rows, std::memory_order_relaxed);
  s.run_requests.store(note.requests, std::memory_order_relaxed);
  s.state.store(static_cast<std::uint32_t>(SlotState::done), std::memory_order_relaxed);
  at<Word>(ring::completion_entry(places_, shape_, loop, tails_[loop]))->store(slot, std::memory_order_relaxed);
  at<Completions>(places_.completions)[loop].tail.store(++tails_[loop], std::memory_order_release);
  dirty_[loop] = 1;
}

void RingCell::flush() {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  for (std::uint32_t loop = 0; loop < shape_.loops; ++loop) {
    if (dirty_[loop] == 0) continue;
    dirty_[loop] = 0;
    auto& armed = at<Completions>(places_.completions)[loop].armed;
    if (armed.load(std::memory_order_relaxed) != 0 && armed.exchange(0) != 0) signal_eventfd(eventfds_[loop]);
  }
}

}  // namespace slipway::os
