#include "slipway/os/ring.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>
#include <random>
#include <thread>

namespace slipway::os {
namespace {

RingShape small() {
  RingShape s;
  s.slots = 8;
  s.loops = 2;
  s.inline_bytes = 256;
  s.arena_bytes = 1 << 20;
  return s;
}

struct Pair {
  RingShape shape;
  Fd eventfds[2] = {make_eventfd().value(), make_eventfd().value()};
  RingHost host;
  RingCell cell;
  explicit Pair(RingShape s = small())
      : shape(s), host(RingHost::create(s).value()), cell(RingCell::open(host.memfd(), s, {eventfds[0].get(), eventfds[1].get()}).value()) {}
  bool signalled(int loop) {
    std::uint64_t n = 0;
    return ::read(eventfds[loop].get(), &n, sizeof n) == sizeof n;
  }
  // The raw memory, as a hostile cell sees it.
  Mapping raw() { return Mapping::shared(host.memfd(), shape.total_bytes()).value(); }
};

void fill(std::span<std::byte> to, std::byte with) { std::fill(to.begin(), to.end(), with); }

// One request through the cell's side: gives every byte plus one.
void serve_once(RingCell& cell) {
  std::vector<std::uint32_t> slots;
  cell.take(slots);
  for (auto slot : slots) {
    if (!cell.begin(slot)) {
      cell.complete(slot, RunStatus::cancelled, 0);
      continue;
    }
    const auto in = cell.input(slot);
    auto out = cell.room(slot, in.size());
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::byte>(static_cast<int>(in[i]) + 1);
    cell.complete(slot, out.size() == in.size() ? RunStatus::ok : RunStatus::too_large, out.size());
  }
  cell.flush();
}

TEST(ArenaAllocator, JoinsWhatIsFreed) {
  ArenaAllocator a(16 * 4096);
  std::vector<std::uint64_t> places;
  for (int i = 0; i < 16; ++i) places.push_back(*a.allocate(4000));
  EXPECT_FALSE(a.allocate(1));
  for (int i : {3, 1, 2, 15, 0}) a.release(places[static_cast<std::size_t>(i)], 4000);
  EXPECT_EQ(*a.allocate(4 * 4096), 0u);
  a.release(0, 4 * 4096);
  for (int i = 4; i < 15; ++i) a.release(places[static_cast<std::size_t>(i)], 4000);
  EXPECT_TRUE(a.all_free());
  EXPECT_FALSE(a.allocate(17 * 4096));
  EXPECT_FALSE(a.allocate(UINT64_MAX - 10));
}

TEST(Ring, CarriesARequestThereAndBack) {
  Pair p;
  auto slot = p.host.acquire(1, 100);
  ASSERT_TRUE(slot);
  fill(p.host.input(*slot), std::byte{7});
  p.host.submit(*slot);
  serve_once(p.cell);
  EXPECT_FALSE(p.host.pending(0));
  EXPECT_TRUE(p.host.pending(1));
  std::vector<std::uint32_t> back;
  ASSERT_TRUE(p.host.take(1, back).ok());
  ASSERT_EQ(back, std::vector<std::uint32_t>{*slot});
  auto answer = p.host.output(*slot);
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->size(), 100u);
  EXPECT_EQ((*answer)[99], std::byte{8});
  p.host.release(*slot);
  EXPECT_EQ(p.host.in_use(), 0u);
}

TEST(Ring, PutsLargePayloadsIntoTheArenasAndTakesThemBack) {
  Pair p;
  for (int round = 0; round < 50; ++round) {
    auto slot = p.host.acquire(0, 900'000);
    ASSERT_TRUE(slot) << round;
    EXPECT_FALSE(p.host.acquire(0, 900'000));  // no room for a second one
    p.host.submit(*slot);
    serve_once(p.cell);
    std::vector<std::uint32_t> back;
    ASSERT_TRUE(p.host.take(0, back).ok());
    ASSERT_EQ(p.host.status(*slot), RunStatus::ok);
    ASSERT_EQ(p.host.output(*slot)->size(), 900'000u);
    p.host.release(*slot);
    // Another slot then: the cell must find the room that the first one's answer took.
    auto other = p.host.acquire(0, 10);
    auto next = p.host.acquire(0, 20);
    p.host.submit(*other);
    p.host.submit(*next);
    serve_once(p.cell);
    back.clear();
    ASSERT_TRUE(p.host.take(0, back).ok());
    for (auto s : back) p.host.release(s);
  }
  EXPECT_FALSE(p.host.fits(2 << 20));
}

TEST(Ring, SignalsALoopOnlyWhenItMaySleep) {
  Pair p;
  EXPECT_FALSE(p.signalled(0));
  auto once = [&] {
    auto slot = *p.host.acquire(0, 8);
    p.host.submit(slot);
    serve_once(p.cell);
    std::vector<std::uint32_t> back;
    EXPECT_TRUE(p.host.take(0, back).ok());
    for (auto s : back) p.host.release(s);
  };
  once();
  EXPECT_TRUE(p.signalled(0));  // armed from the start
  once();
  EXPECT_FALSE(p.signalled(0));  // it was told already
  EXPECT_FALSE(p.host.arm(0));
  once();
  EXPECT_TRUE(p.signalled(0));
  EXPECT_FALSE(p.host.arm(0));
  p.host.disarm(0);
  once();
  EXPECT_FALSE(p.signalled(0));
}

TEST(Ring, CancelsWhatIsNotBegun) {
  Pair p;
  auto slot = *p.host.acquire(0, 8);
  p.host.submit(slot);
  EXPECT_TRUE(p.host.cancel(slot));
  serve_once(p.cell);
  std::vector<std::uint32_t> back;
  ASSERT_TRUE(p.host.take(0, back).ok());
  EXPECT_EQ(p.host.status(slot), RunStatus::cancelled);
  p.host.release(slot);
  slot = *p.host.acquire(0, 8);
  p.host.submit(slot);
  EXPECT_TRUE(p.cell.begin(slot));
  EXPECT_FALSE(p.host.cancel(slot));
}

TEST(Ring, LosesNothingBetweenThreadsThatSleep) {
  Pair p;
  constexpr int kRequests = 20'000;
  std::jthread cell([&](std::stop_token stop) {
    while (!stop.stop_requested()) {
      p.cell.wait();
      serve_once(p.cell);
    }
  });
  int done = 0, sent = 0;
  while (done < kRequests) {
    while (sent < kRequests && sent - done < 5) {
      auto slot = p.host.acquire(0, 64);
      if (!slot) break;
      fill(p.host.input(*slot), static_cast<std::byte>(sent++ % 200));
      p.host.submit(*slot);
      p.host.wake();
    }
    std::vector<std::uint32_t> back;
    ASSERT_TRUE(p.host.take(0, back).ok());
    for (auto s : back) {
      ASSERT_EQ(static_cast<int>((*p.host.output(s))[63]), static_cast<int>(p.host.input(s)[63]) + 1);
      p.host.release(s);
    }
    done += static_cast<int>(back.size());
    if (back.empty() && !p.host.arm(0)) {
      while (!p.signalled(0)) std::this_thread::yield();
    }
  }
  cell.request_stop();
  auto last = *p.host.acquire(0, 8);
  p.host.submit(last);
  p.host.wake();
}

// ---- a hostile cell

struct Hostile : Pair {
  Mapping memory = raw();
  ring::Places places = ring::places(shape);
  template <class T>
  T* at(std::uint64_t offset) {
    return reinterpret_cast<T*>(memory.writable().data() + offset);
  }
  ring::Slot& slot(std::uint32_t i) { return at<ring::Slot>(places.slots)[i]; }
  std::atomic<std::uint32_t>& tail(int loop) { return at<ring::Completions>(places.completions)[loop].tail; }
  std::atomic<std::uint32_t>& entry(int loop, std::uint32_t i) {
    const std::uint64_t stride = (shape.slots * 4 + 63) / 64 * 64;
    return *at<std::atomic<std::uint32_t>>(places.completion_entries + static_cast<std::uint64_t>(loop) * stride + i * 4);
  }
};

TEST(RingHost, RefusesCompletionsOfWhatTheCellDoesNotHold) {
  for (std::uint32_t bad : {0u, 1u, 7u, 8u, 0xffffffffu}) {
    Hostile h;
    auto held = *h.host.acquire(0, 8);
    h.host.submit(held);
    h.entry(0, 0) = bad;
    h.tail(0) = 1;
    std::vector<std::uint32_t> back;
    EXPECT_EQ(h.host.take(0, back).ok(), bad == held) << bad;
  }
}

TEST(RingHost, RefusesAnAnswerTwiceAndOnAnotherLoop) {
  Hostile h;
  auto held = *h.host.acquire(0, 8);
  h.host.submit(held);
  h.entry(0, 0) = held;
  h.entry(0, 1) = held;
  h.tail(0) = 2;
  std::vector<std::uint32_t> back;
  EXPECT_FALSE(h.host.take(0, back).ok());
  Hostile other;
  held = *other.host.acquire(0, 8);
  other.host.submit(held);
  other.entry(1, 0) = held;
  other.tail(1) = 1;
  EXPECT_FALSE(other.host.take(1, back).ok());
}

TEST(RingHost, RefusesAQueueLongerThanItCanBe) {
  Hostile h;
  for (std::uint32_t tail : {9u, 1000u, 0x80000000u, 0xffffffffu}) {
    h.tail(0) = tail;
    std::vector<std::uint32_t> back;
    EXPECT_FALSE(h.host.take(0, back).ok()) << tail;
    EXPECT_TRUE(back.empty());
  }
}

TEST(RingHost, NeverReadsAnAnswerOutsideOfItsArea) {
  Hostile h;
  auto held = *h.host.acquire(0, 8);
  h.host.submit(held);
  h.entry(0, 0) = held;
  h.tail(0) = 1;
  std::vector<std::uint32_t> back;
  ASSERT_TRUE(h.host.take(0, back).ok());
  const std::uint64_t end = h.places.arena_out + h.shape.arena_bytes;
  const std::pair<std::uint64_t, std::uint64_t> bad[] = {{0, 64},
                                                         {h.places.slots, 64},
                                                         {h.places.arena_in, 64},
                                                         {h.places.arena_out, h.shape.arena_bytes + 1},
                                                         {end, 1},
                                                         {end - 64, 65},
                                                         {UINT64_MAX - 63, 64},
                                                         {h.places.arena_out, UINT64_MAX},
                                                         {h.places.arena_out + 1, 8},
                                                         {UINT64_MAX, UINT64_MAX},
                                                         {h.places.inline_out + 256 * held, 257}};
  for (auto [offset, bytes] : bad) {
    h.slot(held).out_offset = offset;
    h.slot(held).out_bytes = bytes;
    EXPECT_FALSE(h.host.output(held).ok()) << offset << "+" << bytes;
  }
  h.slot(held).out_offset = h.places.arena_out;
  h.slot(held).out_bytes = h.shape.arena_bytes;
  EXPECT_TRUE(h.host.output(held).ok());
}

TEST(RingHost, StandsRandomWritesByTheCell) {
  auto owned = std::make_unique<Hostile>();
  std::mt19937_64 random(7);
  const auto header_end = owned->places.inline_in;
  for (int i = 0; i < 50'000; ++i) {
    Hostile& h = *owned;
    auto* word = h.at<std::atomic<std::uint32_t>>((random() % header_end) & ~3ull);
    word->store(static_cast<std::uint32_t>(random() % 3 == 0 ? random() : random() % 9), std::memory_order_relaxed);
    if (random() % 4 != 0) continue;
    bool good = true;
    for (std::uint32_t loop = 0; loop < 2; ++loop) {
      if (auto slot = h.host.acquire(loop, random() % 500)) {
        fill(h.host.input(*slot), std::byte{1});
        h.host.submit(*slot);
      }
      std::vector<std::uint32_t> back;
      good &= h.host.take(loop, back).ok();
      for (auto s : back) {
        (void)h.host.status(s);
        if (auto out = h.host.output(s); out.ok() && !out->empty()) {
          volatile std::byte last = out->back();
          (void)last;
        }
        h.host.release(s);
      }
      (void)h.host.cell_state();
      EXPECT_LE(h.host.message().size(), 1016u);
    }
    if (!good && i % 100 == 0) owned = std::make_unique<Hostile>();  // the server would end it here: a new one
  }
}

TEST(Ring, RefusesShapesThatCannotBe) {
  auto bad = [](auto change) {
    RingShape s = small();
    change(s);
    return !RingHost::create(s).ok();
  };
  EXPECT_TRUE(bad([](RingShape& s) { s.slots = 7; }));
  EXPECT_TRUE(bad([](RingShape& s) { s.slots = 0; }));
  EXPECT_TRUE(bad([](RingShape& s) { s.loops = 0; }));
  EXPECT_TRUE(bad([](RingShape& s) { s.inline_bytes = 100; }));
  EXPECT_TRUE(bad([](RingShape& s) { s.arena_bytes = 1ull << 40; }));
}

}  // namespace
}  // namespace slipway::os
