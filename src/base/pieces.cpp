#include "slipway/base/pieces.hpp"

namespace slipway {

void Pieces::add(std::string_view text) {
  if (text.empty()) return;
  if (pieces_.empty() || pieces_.back().owner) pieces_.emplace_back();
  pieces_.back().made += text;
  size_ += text.size();
}

void Pieces::add(std::string_view text, std::shared_ptr<const void> owner) {
  if (text.size() <= kCopiedMax) return add(text);
  size_ += text.size();
  pieces_.push_back({{}, text, std::move(owner)});
}

void Pieces::add(Pieces more) {
  for (Piece& piece : more.pieces_) {
    if (piece.owner) {
      add(piece.elsewhere, std::move(piece.owner));
    } else if (piece.made.size() <= kCopiedMax) {
      add(piece.made);
    } else {
      size_ += piece.made.size();
      pieces_.push_back(std::move(piece));
    }
  }
}

std::string Pieces::text() const {
  std::string all;
  all.reserve(size_);
  for (const Piece& piece : pieces_) all += piece.text();
  return all;
}

Status Pieces::drain(const TextSink& sink) && {
  for (; !pieces_.empty(); pieces_.pop_front()) TRY(sink(pieces_.front().text()));
  size_ = 0;
  return ok();
}

}  // namespace slipway
