// A long text in pieces: what was made for it, and what stands elsewhere already and needn't be copied to be written. Weights of gigabytes go
// from where they are to where they are wanted. Values; single-threaded.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "slipway/base/result.hpp"

namespace slipway {

using TextSink = std::function<Status(std::string_view text)>;  // takes a text piece by piece, in order

class Pieces {
 public:
  static constexpr std::size_t kCopiedMax = 4096;  // up to here a copy costs less than a piece

  void add(std::string_view text);                                     // a copy
  void add(std::string_view text, std::shared_ptr<const void> owner);  // the text itself, which lives as long as its owner
  void add(Pieces more);
  std::size_t size() const { return size_; }
  std::string text() const;  // all in one
  // Gives the pieces away in their order. Each is let go once the sink has it: what only this keeps isn't in memory twice. Errors: the sink's.
  Status drain(const TextSink& sink) &&;

 private:
  struct Piece {
    std::string made;
    std::string_view elsewhere;  // instead, with an owner
    std::shared_ptr<const void> owner;
    std::string_view text() const { return owner ? elsewhere : std::string_view(made); }
  };
  std::deque<Piece> pieces_;
  std::size_t size_ = 0;
};

}  // namespace slipway
