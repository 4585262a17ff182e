// Chunked transfer coding: linear, always onwards, and the same content however the bytes are cut.
#include <string>

#include "slipway/http/chunked.hpp"
#include "support.hpp"

namespace {

using namespace slipway;
using fuzz::check;

struct Read {
  std::string data;
  std::size_t taken = 0;
  bool done = false, refused = false;
};

// Everything of one piece; stops at the end of the body or an error.
void feed(http::ChunkedReader& reader, std::string_view piece, Read& read) {
  while (!piece.empty() && !read.done) {
    const auto step = reader.next(piece);
    if (!step.ok()) {
      read.refused = true;
      return;
    }
    check(step->taken > 0 && step->taken <= piece.size() && fuzz::within(step->data, piece) && step->data.size() <= step->taken);
    read.data += step->data;
    read.taken += step->taken;
    read.done = step->done;
    piece.remove_prefix(step->taken);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  fuzz::Cuts cuts(input.number<std::uint32_t>());
  const std::string_view bytes = input.rest();
  Read whole, pieces;
  http::ChunkedReader one, other;
  feed(one, bytes, whole);
  for (std::string_view rest = bytes; !rest.empty() && !pieces.done && !pieces.refused;) feed(other, cuts.next(rest), pieces);
  check(whole.refused == pieces.refused && whole.done == pieces.done);
  check(whole.data == pieces.data);
  if (whole.done) check(whole.taken == pieces.taken && whole.data.size() < whole.taken);
  return 0;
}
