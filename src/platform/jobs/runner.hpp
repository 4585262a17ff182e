// Runner: one job from where it stands to its end, on one thread of the jobs' pool: cut, decode, ask, write. No more than a few chunks are
// asked at once; how many rows make a chunk follows from how long the answers take, so that who waits for a prediction is never far behind.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "slipway/platform/jobs/input.hpp"
#include "slipway/platform/jobs/jobs.hpp"
#include "slipway/platform/jobs/output.hpp"

namespace slipway::jobs {

// What the data keys belong to: store::KeyUse.
inline constexpr std::string_view kInputUse = "job input", kResultUse = "job result";

class Runner {
 public:
  enum class Outcome { over, again };  // again: a fault of ours, or the server ends; it is taken up later
  Runner(Jobs& jobs, LivePtr live) : jobs_(jobs), p_(jobs.p_), live_(std::move(live)) {}
  Outcome run();

 private:
  struct Answers {  // shared with the callbacks, which may come when the runner has gone
    std::mutex mutex;
    std::condition_variable came;
  };
  struct Piece {  // rows [from, to) of a chunk: asked, or wrong
    std::size_t from = 0, to = 0;
    std::optional<Error> wrong;
    std::optional<Result<std::vector<Tensor>>> outputs;
    Steady asked{}, answered{};
  };
  using PiecePtr = std::shared_ptr<Piece>;
  struct Flight {
    Chunk chunk;
    std::vector<PiecePtr> pieces;
  };

  Status claim();
  Status open();
  Status work();
  Status earn(const Chunk& chunk);  // what its limits say
  Status wait_for_limit(Millis time);
  Result<bool> fill();  // false: the input is over
  Status land();        // the oldest flight's answers into the result
  Status write(const Chunk& chunk, Piece& piece);
  Status ask_again(const Chunk& chunk, Piece& piece);
  Status wrong_row(const Chunk& chunk, std::size_t i, const Error& why);
  Status split(const Chunk& chunk, std::size_t from, std::size_t to, std::vector<PiecePtr>& out);
  void send(const PiecePtr& piece, DecodedRequest request);
  Status wait(const PiecePtr& piece);
  Status pause(Millis time) const;
  void follow(const Piece& piece);
  Status emit();
  Status close_part(bool last);
  Status still_mine(std::string_view status) const;
  Outcome ended(const Status& status);
  Outcome failed(const Error& why);

  Jobs& jobs_;
  Jobs::Parts& p_;
  LivePtr live_;
  JobRow row_;  // as it will be written next
  std::shared_ptr<const models::Deployment> model_;
  bool own_model_ = false;  // deployed for this job
  std::optional<store::SealedReader> input_;
  std::optional<Cutter> cutter_;
  std::optional<ChunkDecoder> decoder_;
  std::optional<OutputWriter> output_;
  const CancellationPtr cancellation_ = std::make_shared<Cancellation>();  // of what is asked when the job ends early
  const std::shared_ptr<Answers> answers_ = std::make_shared<Answers>();
  std::deque<Flight> flights_;
  std::size_t chunk_rows_ = 16, chunk_rows_max_ = 4096;  // few at first: what a row of the model needs isn't known
  std::int64_t earned_to_ = 0;                           // place in the input up to which limits were charged
  json::Array errors_;
  std::string out_;  // of the result, not written yet
  std::optional<store::SealedWriter> part_writer_;
  PartRow part_;
  Steady part_began_{};
};

}  // namespace slipway::jobs
