#include "slipway/http/chunked.hpp"

#include <algorithm>

namespace slipway::http {
namespace {

Error bad(const char* detail) { return {ErrorCode::bad_request, detail}; }

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_control(char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f; }

}  // namespace

Result<ChunkedReader::Step> ChunkedReader::next(std::string_view bytes) {
  Step step;
  while (step.taken < bytes.size() && state_ != State::done) {
    if (state_ == State::data) {
      const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size() - step.taken));
      step.data = bytes.substr(step.taken, n);
      step.taken += n;
      left_ -= n;
      if (left_ == 0) state_ = State::data_cr;
      return step;
    }
    TRY(take(bytes[step.taken]));
    ++step.taken;
  }
  step.done = state_ == State::done;
  return step;
}

Status ChunkedReader::take(char c) {
  switch (state_) {
    case State::size: return take_in_size(c);
    case State::extension:
      if (c == '\r') {
        state_ = State::size_lf;
      } else if (is_control(c)) {
        return bad("A chunk extension has control characters.");
      } else if (++extension_ > kExtensionBytesMax || ++extensions_ > kExtensionBytesTotalMax) {
        return bad("The chunk extensions are too long.");
      }
      return ok();
    case State::size_lf:
      if (c != '\n') return bad("A chunk's size must end with CR LF.");
      state_ = left_ == 0 ? State::trailer_begin : State::data;
      digits_ = extension_ = 0;
      return ok();
    case State::data_cr:
      if (c != '\r') return bad("A chunk is longer than its size says.");
      state_ = State::data_lf;
      return ok();
    case State::data_lf:
      if (c != '\n') return bad("A chunk must end with CR LF.");
      state_ = State::size;
      return ok();
    default: return take_in_trailer(c);
  }
}

Status ChunkedReader::take_in_size(char c) {
  if (const int digit = hex_digit(c); digit >= 0) {
    if (++digits_ > 15) return bad("A chunk's size is too long.");
    left_ = (digits_ == 1 ? 0 : left_ * 16) + static_cast<std::uint64_t>(digit);
    return ok();
  }
  if (digits_ == 0) return bad("A chunk's size is not a hexadecimal number.");
  if (c == ';') {
    state_ = State::extension;
  } else if (c == '\r') {
    state_ = State::size_lf;
  } else {
    return bad("A chunk's size is not a hexadecimal number.");
  }
  return ok();
}

Status ChunkedReader::take_in_trailer(char c) {
  if (++trailers_ > kTrailerBytesMax) return bad("The trailers are too long.");
  switch (state_) {
    case State::trailer_begin:
      if (c == '\r') {
        state_ = State::end_lf;
      } else if (is_control(c) || c == ' ' || c == '\t' || c == ':') {
        return bad("A trailer line is malformed.");
      } else {
        state_ = State::trailer;
      }
      return ok();
    case State::trailer:
      if (c == '\r') {
        state_ = State::trailer_lf;
      } else if (is_control(c)) {
        return bad("A trailer has control characters.");
      }
      return ok();
    case State::trailer_lf:
      if (c != '\n') return bad("Lines must end with CR LF.");
      state_ = State::trailer_begin;
      return ok();
    case State::end_lf:
      if (c != '\n') return bad("Lines must end with CR LF.");
      state_ = State::done;
      return ok();
    default: return bad("The body has ended.");
  }
}

}  // namespace slipway::http
