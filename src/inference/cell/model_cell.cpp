#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <new>

#include "slipway/graph/artifact.hpp"
#include "slipway/graph/onnx_io.hpp"
#include "slipway/inference/cell/cells.hpp"
#include "slipway/inference/cell/ort.hpp"
#include "slipway/inference/cell/session.hpp"

namespace slipway::inference {

namespace {

constexpr std::size_t kFixedFds = 3;  // ring, artifact, the fleet's eventfd

struct RingAnswers final : AnswerRoom {
  os::RingCell& ring;
  const std::vector<std::uint32_t>& slots;
  RingAnswers(os::RingCell& r, const std::vector<std::uint32_t>& s) : ring(r), slots(s) {}
  std::span<std::byte> room(std::size_t request, std::uint64_t bytes) override { return ring.room(slots[request], bytes); }
};

class Serving {
 public:
  Serving(os::RingCell& ring, Session& session) : ring_(ring), session_(session) {}

  [[noreturn]] void forever() {
    for (;;) {
      ring_.wait();
      waiting_.clear();
      ring_.take(waiting_);
      for (std::size_t i = 0; i < waiting_.size();) i = run_from(i);
    }
  }

 private:
  // One round: a single request, or as many as go together. What is not begun can still be cancelled.
  std::size_t run_from(std::size_t i) {
    constexpr std::size_t kTogetherMax = 256;
    round_.clear();
    requests_.clear();
    const std::size_t most = session_.merges() && !alone(waiting_[i]) ? kTogetherMax : 1;
    for (; i < waiting_.size() && round_.size() < most; ++i) {
      const std::uint32_t slot = waiting_[i];
      if (!round_.empty() && alone(slot)) break;
      if (!ring_.begin(slot)) {
        ring_.complete(slot, os::RunStatus::cancelled, 0);
        continue;
      }
      round_.push_back(slot);
      requests_.push_back(ring_.input(slot));
    }
    RingAnswers answers(ring_, round_);
    session_.run(requests_, answers, outcomes_);
    for (std::size_t r = 0; r < round_.size(); ++r) ring_.complete(round_[r], outcomes_[r].status, outcomes_[r].bytes, outcomes_[r].note);
    ring_.flush();
    return i;
  }
  bool alone(std::uint32_t slot) const { return (ring_.flags(slot) & os::kSlotAlone) != 0; }

  os::RingCell& ring_;
  Session& session_;
  std::vector<std::uint32_t> waiting_, round_;
  std::vector<std::span<const std::byte>> requests_;
  std::vector<Outcome> outcomes_;
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
  sandbox.threads = order.threads;
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

  auto fail = [&](std::string_view why, int code) {
    ring->failed(why);
    os::signal_eventfd(fleet);
    return code;
  };
  try {
    auto session = load(artifact->bytes(), order.verified != 0, order.threads);
    if (!session.ok()) return fail(session.error().detail(), os::kExitFailed);
    *artifact = os::Mapping();  // the session has copied what it needs: the pages go back
    ::malloc_trim(0);
    ring->ready();
    os::signal_eventfd(fleet);
    Serving(*ring, **session).forever();
  } catch (const std::bad_alloc&) { return fail("it needs more memory than a model may have", os::kExitMemory); } catch (const std::exception& e) {
    return fail(e.what(), os::kExitFailed);
  }
}

}  // namespace

void model_cell(const wire::ForkModel& order, std::vector<os::Fd> fds) {
  if (!open_ort().ok()) ::_exit(os::kExitFailed);
  ::_exit(serve(order, fds));
}

}  // namespace slipway::inference
