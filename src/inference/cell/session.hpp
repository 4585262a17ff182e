// Session: one model in ONNX Runtime, in a model cell, for one thread; another() is for one more. Runs requests straight out of their ring slots and
// writes the answers back into them; several at once when the rows of the model are independent of each other.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "slipway/base/result.hpp"
#include "slipway/inference/wire.hpp"
#include "slipway/tensor/schema.hpp"

namespace slipway::inference {

// Where an answer of `bytes` goes; empty: there is no room for it.
class AnswerRoom {
 public:
  virtual ~AnswerRoom() = default;
  virtual std::span<std::byte> room(std::size_t request, std::uint64_t bytes) = 0;
};

struct Outcome {
  os::RunStatus status = os::RunStatus::ok;
  std::uint64_t bytes = 0;  // of the answer
  os::RunNote note;
};

class Session {
 public:
  // Errors: model_refused with ONNX Runtime's reason. Throws std::bad_alloc when memory ends.
  static Result<std::unique_ptr<Session>> load(std::span<const std::byte> onnx, const Schema& schema, unsigned threads);
  virtual ~Session() = default;
  virtual std::unique_ptr<Session> another() const = 0;  // of the same model: weights are there once
  virtual bool merges() const = 0;                       // several requests may be given to run()

  // outcomes[i] is request i's. Throws std::bad_alloc when memory ends for a single request.
  virtual void run(std::span<const std::span<const std::byte>> requests, AnswerRoom& answers, std::vector<Outcome>& outcomes) = 0;
};

}  // namespace slipway::inference
