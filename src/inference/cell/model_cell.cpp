#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <new>
#include <optional>
#include <thread>

#include "slipway/graph/artifact.hpp"
#include "slipway/graph/onnx_io.hpp"
#include "slipway/inference/cell/cells.hpp"
#include "slipway/inference/cell/ort.hpp"
#include "slipway/inference/cell/session.hpp"

namespace slipway::inference {

namespace {

constexpr std::size_t kFixedFds = 3;  // ring, artifact, the fleet's eventfd

struct RingAnswers final : AnswerRoom {
  std::mutex& mutex;
  os::RingCell& ring;
  const std::vector<std::uint32_t>& slots;
  RingAnswers(std::mutex& m, os::RingCell& r, const std::vector<std::uint32_t>& s) : mutex(m), ring(r), slots(s) {}
  std::span<std::byte> room(std::size_t request, std::uint64_t bytes) override {
    const std::lock_guard lock(mutex);
    return ring.room(slots[request], bytes);
  }
};

// Runs what the ring brings, in as many lanes as there are sessions. Of the lanes without work one waits at the ring, the others for a word from
// those that have some.
class Serving {
 public:
  Serving(os::RingCell& ring, std::vector<std::unique_ptr<Session>> sessions) : ring_(ring), sessions_(std::move(sessions)) {}

  [[noreturn]] void lane(std::size_t index) {
    Session& session = *sessions_[index];
    Round round;
    RingAnswers answers(mutex_, ring_, round.slots);
    std::unique_lock lock(mutex_);
    for (;;) {
      await_work(lock);
      if (!begin(session, round)) continue;
      ++running_;
      changed_.notify_one();  // somebody else may begin, or wait at the ring
      lock.unlock();
      session.run(round.requests, answers, round.outcomes);
      lock.lock();
      --running_;
      exclusive_ = false;
      for (std::size_t r = 0; r < round.slots.size(); ++r) {
        const Outcome& outcome = round.outcomes[r];
        ring_.complete(round.slots[r], outcome.status, outcome.bytes, outcome.note);
      }
      ring_.flush();
    }
  }

 private:
  // A single request, or as many as go together. What is not begun can still be cancelled.
  struct Round {
    std::vector<std::uint32_t> slots;
    std::vector<std::span<const std::byte>> requests;
    std::vector<Outcome> outcomes;
  };

  void await_work(std::unique_lock<std::mutex>& lock) {
    for (;;) {
      if (!at_ring_) ring_.take(waiting_);
      if (may_begin()) return;
      if (at_ring_ || !waiting_.empty()) {
        changed_.wait(lock);
        continue;
      }
      at_ring_ = true;
      lock.unlock();
      ring_.wait();
      lock.lock();
      at_ring_ = false;
    }
  }

  bool may_begin() const { return !waiting_.empty() && !exclusive_ && (running_ == 0 || !alone(waiting_.front())); }

  bool begin(const Session& session, Round& round) {
    constexpr std::size_t kTogetherMax = 256;
    round.slots.clear();
    round.requests.clear();
    exclusive_ = alone(waiting_.front());
    const std::size_t free = sessions_.size() - running_;
    const std::size_t most = session.merges() && !exclusive_ ? std::min(kTogetherMax, (waiting_.size() + free - 1) / free) : 1;
    bool cancelled = false;
    std::size_t i = 0;
    for (; i < waiting_.size() && round.slots.size() < most; ++i) {
      const std::uint32_t slot = waiting_[i];
      if (!round.slots.empty() && alone(slot)) break;
      if (ring_.begin(slot)) {
        round.slots.push_back(slot);
        round.requests.push_back(ring_.input(slot));
      } else {
        ring_.complete(slot, os::RunStatus::cancelled, 0);
        cancelled = true;
      }
    }
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(i));
    if (cancelled) ring_.flush();
    if (round.slots.empty()) exclusive_ = false;
    return !round.slots.empty();
  }

  bool alone(std::uint32_t slot) const { return (ring_.flags(slot) & os::kSlotAlone) != 0; }

  os::RingCell& ring_;
  const std::vector<std::unique_ptr<Session>> sessions_;  // one a lane
  std::mutex mutex_;                                      // the ring's, but for waiting at it, and all below
  std::condition_variable changed_;
  std::vector<std::uint32_t> waiting_;
  std::size_t running_ = 0;  // lanes that run something
  bool exclusive_ = false;   // one of them runs what must not be together with others
  bool at_ring_ = false;     // a lane waits at the ring: until it is back nobody else takes from there
};

Result<std::unique_ptr<Session>> load(std::span<const std::byte> artifact, bool verified, unsigned threads) {
  const ArtifactView view = TRY(view_artifact(artifact));
  if (!verified) {
    const graph::Model model = TRY(graph::read_onnx(view.onnx));
    TRY(graph::check(model));
  }
  return Session::load(view.onnx, view.schema, threads);
}

os::SandboxOptions sandbox_for(const wire::ForkModel& order, const std::vector<os::Fd>& fds) {
  os::SandboxOptions sandbox;
  sandbox.profile = os::Profile::model;
  sandbox.memory_bytes = order.memory_bytes;
  sandbox.threads = order.threads * order.lanes;
  for (std::size_t i = kFixedFds - 1; i < fds.size(); ++i) sandbox.writable.push_back(fds[i].get());
  sandbox.keep = sandbox.writable;
  return sandbox;
}

int serve(const wire::ForkModel& order, std::vector<os::Fd>& fds) {
  if (fds.size() != kFixedFds + order.ring.loops) return os::kExitFailed;
  const int fleet = fds[2].get();
  std::vector<int> loops;
  for (std::size_t i = kFixedFds; i < fds.size(); ++i) loops.push_back(fds[i].get());
  auto ring = os::RingCell::open(fds[0], order.ring, loops);
  auto artifact = os::Mapping::read_only(fds[1]);
  if (!ring.ok() || !artifact.ok()) return os::kExitFailed;
  if (!os::enter_sandbox(sandbox_for(order, fds)).ok()) return os::kExitSandbox;
  fds[0].release();  // closed by the sandbox, with everything that isn't kept
  fds[1].release();

  std::mutex ending;
  const auto fail = [&](std::string_view why, int code) {
    ending.lock();  // and never unlocked: the first lane that fails says why
    ring->failed(why);
    os::signal_eventfd(fleet);
    ::_exit(code);  // others may still run
  };
  const auto guarded = [&](const auto& work) {
    try {
      work();
    } catch (const std::bad_alloc&) { fail("it needs more memory than a model may have", os::kExitMemory); } catch (const std::exception& e) {
      fail(e.what(), os::kExitFailed);
    }
  };
  std::optional<Serving> serving;
  guarded([&] {
    auto session = load(artifact->bytes(), order.verified != 0, order.threads);
    if (!session.ok()) fail(session.error().detail(), os::kExitFailed);
    *artifact = os::Mapping();  // the session has copied what it needs: the pages go back
    ::malloc_trim(0);
    std::vector<std::unique_ptr<Session>> sessions;
    sessions.push_back(std::move(*session));
    while (sessions.size() < order.lanes) sessions.push_back(sessions.front()->another());
    serving.emplace(*ring, std::move(sessions));
    for (std::size_t i = 1; i < order.lanes; ++i) std::thread([&, i] { guarded([&] { serving->lane(i); }); }).detach();
    ring->ready();
    os::signal_eventfd(fleet);
    serving->lane(0);
  });
  return os::kExitFailed;  // never: a lane has no end
}

}  // namespace

void model_cell(const wire::ForkModel& order, std::vector<os::Fd> fds) {
  if (!open_ort().ok()) ::_exit(os::kExitFailed);
  ::_exit(serve(order, fds));
}

}  // namespace slipway::inference
