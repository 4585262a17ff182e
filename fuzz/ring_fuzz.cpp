// The server's end of a ring against a cell that writes anything anywhere in the shared memory, between any two of the server's steps.
// The input is a program: what the server does, and what the cell writes. What the server reads stays inside the memory it shares, and its
// own records never become wrong.
#include <array>
#include <vector>

#include "slipway/os/ring.hpp"
#include "support.hpp"

namespace {

using namespace slipway;
using fuzz::check;

constexpr os::RingShape kShape{.slots = 4, .loops = 2, .inline_bytes = 64, .arena_bytes = 64 << 10};

class Trial {
 public:
  Trial() : host_(os::RingHost::create(kShape).value()), raw_(os::Mapping::shared(host_.memfd(), kShape.total_bytes()).value()) {}

  bool step(fuzz::Input& input) {
    switch (input.byte() % 12) {
      case 0: acquire(input); break;
      case 1: submit(input); break;
      case 2: return take(input.byte() % kShape.loops);
      case 3: release(input); break;
      case 4: cancel(input); break;
      case 5: write_anywhere(input); break;
      case 6: write_slot(input); break;
      case 7: complete(input); break;
      case 8: ask(input.byte() % kShape.loops); break;
      case 9: message(input); break;
      case 10: host_.wake(); break;
      default: read_answers(); break;
    }
    check(host_.in_use() == filling_.size() + held_.size() + taken_.size());
    return true;
  }

 private:
  // ---- the server
  void acquire(fuzz::Input& input) {
    const std::uint64_t bytes = input.number<std::uint16_t>() * (input.byte() % 4);
    const std::uint32_t loop = input.byte() % kShape.loops;
    const auto slot = host_.acquire(loop, bytes);
    if (!slot) {
      check(host_.in_use() == kShape.slots || bytes > kShape.inline_bytes);
      return;
    }
    check(*slot < kShape.slots && host_.fits(bytes));
    const auto place = host_.input(*slot);
    check(place.size() == bytes);
    std::fill(place.begin(), place.end(), std::byte{1});  // ASan and the other slots' checks see it if this isn't ours
    filling_.push_back(*slot);
  }
  void submit(fuzz::Input& input) {
    if (filling_.empty()) return;
    const std::uint32_t slot = remove(filling_, input.byte());
    host_.submit(slot, input.byte() & os::kSlotAlone);
    held_.push_back(slot);
  }
  bool take(std::uint32_t loop) {
    std::vector<std::uint32_t> slots;
    const Status taken = host_.take(loop, slots);
    check(slots.size() <= kShape.slots);
    for (const std::uint32_t slot : slots) {  // also those before an error are the server's again
      const auto at = std::find(held_.begin(), held_.end(), slot);
      check(at != held_.end() && host_.loop_of(slot) == loop && !host_.in_flight(slot));
      held_.erase(at);
      taken_.push_back(slot);
      read_answer(slot);
    }
    return taken.ok();  // after an error the server ends the cell
  }
  void release(fuzz::Input& input) {
    std::vector<std::uint32_t>& from = input.byte() % 2 == 0 ? taken_ : filling_;
    if (!from.empty()) host_.release(remove(from, input.byte()));
  }
  void cancel(fuzz::Input& input) {
    if (!held_.empty()) (void)host_.cancel(held_[input.byte() % held_.size()]);
  }
  void ask(std::uint32_t loop) {
    (void)host_.pending(loop);
    (void)host_.arm(loop);
    host_.disarm(loop);
    check(static_cast<std::uint32_t>(host_.cell_state()) <= 2);
    const std::string text = host_.message();
    check(text.size() <= sizeof(os::ring::Header::message));
    for (const char c : text) check(c >= 0x20 && c <= 0x7e);
    for (std::uint32_t slot = 0; slot < kShape.slots; ++slot) {
      check(static_cast<std::uint32_t>(host_.slot_state(slot)) <= 4);
      if (host_.running(slot)) check(host_.in_flight(slot));
    }
  }
  void read_answers() {
    for (const std::uint32_t slot : taken_) read_answer(slot);
  }
  void read_answer(std::uint32_t slot) {
    check(static_cast<std::uint32_t>(host_.status(slot)) <= 3);
    const auto answer = host_.output(slot);
    if (!answer.ok()) {
      check(answer.error().code() == ErrorCode::model_crashed);
      return;
    }
    check(answer->size() <= kShape.arena_bytes);
    unsigned sum = 0;
    for (const std::byte b : *answer) sum += std::to_integer<unsigned>(b);  // every byte of it can be read
    volatile unsigned sink = sum;
    (void)sink;
  }

  // ---- the cell
  template <class T>
  T* at(std::uint64_t offset) {
    return reinterpret_cast<T*>(raw_.writable().data() + offset);
  }
  void write_anywhere(fuzz::Input& input) {
    const std::uint64_t offset = input.number<std::uint32_t>() % (kShape.total_bytes() - 64);
    const std::string_view bytes = input.text(input.byte() % 64);
    if (!bytes.empty()) std::memcpy(at<char>(offset), bytes.data(), bytes.size());
  }
  void write_slot(fuzz::Input& input) {
    auto& slot = at<os::ring::Slot>(places_.slots)[input.byte() % kShape.slots];
    const std::array<std::uint64_t, 5> bases = {0, places_.inline_out, places_.arena_out, places_.arena_in, places_.total};
    const std::uint64_t value = bases[input.byte() % bases.size()] + static_cast<std::uint64_t>(input.number<std::int64_t>());
    const std::uint64_t small = bases[input.byte() % bases.size()] + input.byte() * 64ULL;
    slot.out_offset.store(input.byte() % 2 == 0 ? value : small);
    slot.out_bytes.store(input.byte() % 2 == 0 ? input.number<std::uint64_t>() : input.number<std::uint16_t>());
    slot.status.store(input.byte());
    slot.state.store(input.byte());
    slot.loop.store(input.byte());
  }
  void complete(fuzz::Input& input) {  // a well-formed entry of a slot that may be anyone's
    const std::uint32_t loop = input.byte() % kShape.loops;
    const std::uint32_t slot = held_.empty() ? input.byte() : held_[input.byte() % held_.size()];
    const std::uint64_t entries = places_.completion_entries + loop * 64;
    auto& tail = at<os::ring::Completions>(places_.completions)[loop].tail;
    at<std::atomic<std::uint32_t>>(entries)[tail.load() % kShape.slots].store(slot);
    tail.fetch_add(1);
  }
  void message(fuzz::Input& input) {
    auto& header = *at<os::ring::Header>(0);
    header.cell_state.store(input.byte());
    header.message_bytes.store(input.number<std::uint32_t>());
    header.message[input.byte()] = static_cast<char>(input.byte());
  }

  static std::uint32_t remove(std::vector<std::uint32_t>& from, std::uint8_t which) {
    const auto it = from.begin() + static_cast<std::ptrdiff_t>(which % from.size());
    const std::uint32_t slot = *it;
    from.erase(it);
    return slot;
  }

  os::RingHost host_;
  os::Mapping raw_;
  const os::ring::Places places_ = os::ring::places(kShape);
  std::vector<std::uint32_t> filling_, held_, taken_;  // what the server must think of each slot that isn't free
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  Trial trial;
  for (int steps = 0; steps < 400 && !input.empty(); ++steps) {
    if (!trial.step(input)) return 0;
  }
  return 0;
}
