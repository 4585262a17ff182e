// Ring: how requests and answers cross between the server and one cell without a system call while both are busy. One shared memory:
// slots (a request each), one submission queue, one completion queue a Loop, small payloads inline, large ones in two arenas.
// docs/formats/ring.md is its layout.
//
// The server's end (RingHost) treats everything in that memory as hostile: sizes and places are checked against its own private records,
// each shared word is read once. `submit`, `acquire`, `take`, `release` are called under the owner's lock; input() and output() spans may
// be used outside of it. The cell's end (RingCell) is single-threaded and trusts the server.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "slipway/os/memfd.hpp"

namespace slipway::os {

struct RingShape {           // known to both ends from the start: never read back from the shared memory
  std::uint32_t slots = 64;  // a power of two
  std::uint32_t loops = 1;
  std::uint32_t inline_bytes = 4096;         // for the request and again for the answer, in the slot itself
  std::uint64_t arena_bytes = 512ull << 20;  // for large requests and again for large answers; pages exist once touched
  std::uint64_t total_bytes() const;
};
inline constexpr std::uint32_t kRingSlotsMax = 1024;
inline constexpr std::uint32_t kRingLoopsMax = 56;

enum class CellState : std::uint32_t { starting = 0, ready = 1, failed = 2 };
enum class SlotState : std::uint32_t { free = 0, submitted = 1, running = 2, cancelled = 3, done = 4 };
enum class RunStatus : std::uint32_t { ok = 0, refused = 1, too_large = 2, cancelled = 3 };  // refused: the answer is a message

struct RunNote {  // of the run that a request was in: what it took, and for how many in all
  std::uint64_t ns = 0, rows = 0, requests = 1;
};

inline constexpr std::uint32_t kSlotAlone = 1;  // flag: run it on its own, not with others

namespace ring {  // the shared layout
struct alignas(64) Header {
  std::atomic<std::uint32_t> cell_state;
  std::atomic<std::uint32_t> message_bytes;
  char message[1016];
};
struct alignas(64) Submissions {
  std::atomic<std::uint32_t> tail;                       // the server writes
  alignas(64) std::atomic<std::uint32_t> cell_sleeping;  // futex word
};
struct alignas(64) Completions {
  std::atomic<std::uint32_t> tail;               // the cell writes
  alignas(64) std::atomic<std::uint32_t> armed;  // 1: the Loop may sleep, so its eventfd must be signalled
};
struct alignas(64) Slot {
  std::atomic<std::uint32_t> state;
  std::atomic<std::uint32_t> loop, flags, status;
  std::atomic<std::uint64_t> in_offset, in_bytes, out_offset, out_bytes;  // offsets from the start of the memory
  std::atomic<std::uint64_t> run_ns, run_rows, run_requests;
};
struct Places {  // where things are, computed from the shape alone
  std::uint64_t submissions, submission_entries, completions, completion_entries, slots, inline_in, inline_out, arena_in, arena_out, total;
};
Places places(const RingShape& shape);
}  // namespace ring

// First-fit over pages; neighbours that are free are joined. Not thread-safe.
class ArenaAllocator {
 public:
  static constexpr std::uint64_t kPage = 4096;
  explicit ArenaAllocator(std::uint64_t bytes) : bytes_(bytes) { free_[0] = bytes; }
  std::optional<std::uint64_t> allocate(std::uint64_t bytes);
  void release(std::uint64_t offset, std::uint64_t bytes);
  bool all_free() const { return free_.size() == 1 && free_.begin()->second == bytes_; }
  static std::uint64_t rounded(std::uint64_t bytes) { return (bytes + kPage - 1) / kPage * kPage; }

 private:
  std::uint64_t bytes_;
  std::map<std::uint64_t, std::uint64_t> free_;  // offset -> length
};

class RingHost {
 public:
  static Result<RingHost> create(const RingShape& shape);

  const RingShape& shape() const { return shape_; }
  const Fd& memfd() const { return memfd_; }
  CellState cell_state() const;
  std::string message() const;  // what the cell said when it failed: hostile text, made printable, bounded

  // Submission. acquire: a slot with room for `bytes`; nullopt: none now. fits: whether it could ever.
  bool fits(std::uint64_t bytes) const { return bytes <= shape_.inline_bytes || ArenaAllocator::rounded(bytes) <= shape_.arena_bytes; }
  std::optional<std::uint32_t> acquire(std::uint32_t loop, std::uint64_t bytes);
  std::span<std::byte> input(std::uint32_t slot);
  void submit(std::uint32_t slot, std::uint32_t flags = 0);
  void wake();  // after submit; a system call only when the cell sleeps
  std::uint32_t in_use() const { return in_use_; }

  // Completion. take: slots of this Loop that came back since the last call. Error: the cell broke the protocol; end it.
  bool pending(std::uint32_t loop) const;
  Status take(std::uint32_t loop, std::vector<std::uint32_t>& slots);
  RunStatus status(std::uint32_t slot) const;
  RunNote run_note(std::uint32_t slot) const;                           // what the cell says, as hostile as all it says
  Result<std::span<const std::byte>> output(std::uint32_t slot) const;  // inside the answers' area, else an error; still hostile inside
  void release(std::uint32_t slot);                                     // a taken or never submitted one
  bool arm(std::uint32_t loop);                                         // true: something is pending, don't sleep
  void disarm(std::uint32_t loop);

  bool cancel(std::uint32_t slot);         // true: the cell had not begun it and won't; it still comes back
  bool running(std::uint32_t slot) const;  // the cell says that it has begun it
  SlotState slot_state(std::uint32_t slot) const;
  bool in_flight(std::uint32_t slot) const { return private_[slot].where == Where::cell; }
  std::uint32_t loop_of(std::uint32_t slot) const { return private_[slot].loop; }

 private:
  enum class Where : std::uint8_t { here, filling, cell, taken };
  struct Private {
    Where where = Where::here;
    std::uint32_t loop = 0;
    std::uint64_t in_offset = 0, in_bytes = 0;
    bool in_arena = false;
  };
  RingHost(RingShape shape, Fd memfd, Mapping mapping);
  template <class T>
  T* at(std::uint64_t offset) const {
    return reinterpret_cast<T*>(base_ + offset);
  }
  ring::Slot& shared(std::uint32_t slot) const { return at<ring::Slot>(places_.slots)[slot]; }
  void give_back(std::uint64_t offset, std::uint64_t bytes);

  RingShape shape_;
  ring::Places places_;
  Fd memfd_;
  Mapping mapping_;
  std::byte* base_;
  std::vector<Private> private_;
  std::vector<std::uint32_t> free_;
  mutable std::vector<std::uint32_t> heads_;  // of the completion queues; atomic_ref: pending() reads without the lock
  std::uint32_t tail_ = 0;
  std::uint32_t in_use_ = 0;
  std::uint64_t arena_touched_ = 0;
  ArenaAllocator arena_;
};

class RingCell {
 public:
  static Result<RingCell> open(const Fd& memfd, const RingShape& shape, std::vector<int> loop_eventfds);

  void ready();
  void failed(std::string_view message);
  void wait();                                   // until something is submitted
  bool take(std::vector<std::uint32_t>& slots);  // appends what is submitted, in order; false: nothing
  bool begin(std::uint32_t slot);                // false: cancelled meanwhile; complete it with RunStatus::cancelled
  std::uint32_t flags(std::uint32_t slot) const;
  std::span<const std::byte> input(std::uint32_t slot) const;
  std::span<std::byte> room(std::uint32_t slot, std::uint64_t bytes);  // for the answer; empty (and bytes > 0): no room
  void complete(std::uint32_t slot, RunStatus status, std::uint64_t answer_bytes, const RunNote& note = {});
  void flush();  // after complete()s: wakes the Loops that sleep

 private:
  RingCell(RingShape shape, Mapping mapping, std::vector<int> eventfds);
  template <class T>
  T* at(std::uint64_t offset) const {
    return reinterpret_cast<T*>(base_ + offset);
  }
  ring::Slot& shared(std::uint32_t slot) const { return at<ring::Slot>(places_.slots)[slot]; }
  void reclaim(std::uint32_t slot);
  std::optional<std::uint64_t> allocate(std::uint64_t bytes);

  struct Held {
    std::uint64_t offset = 0, bytes = 0;
  };
  RingShape shape_;
  ring::Places places_;
  Mapping mapping_;
  std::byte* base_;
  std::vector<int> eventfds_;
  std::vector<Held> held_;  // the answer's place in the arena, until the server gave the slot back
  std::vector<std::uint32_t> tails_;
  std::vector<std::uint8_t> dirty_;  // Loops that got something since the last flush
  std::uint32_t head_ = 0;
  ArenaAllocator arena_;
};

}  // namespace slipway::os
