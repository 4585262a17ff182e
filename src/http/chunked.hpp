// Chunked transfer coding (RFC 9112 §7.1), read strictly and piece by piece: linear, without a buffer. One thread at a time.
#pragma once

#include <cstdint>
#include <string_view>

#include "slipway/base/result.hpp"

namespace slipway::http {

class ChunkedReader {
 public:
  struct Step {
    std::size_t taken = 0;  // of the bytes given
    std::string_view data;  // content among them
    bool done = false;      // the last chunk and the trailers are over
  };
  // Takes as much as one step can; at least one byte when there is one. Errors: bad_request.
  Result<Step> next(std::string_view bytes);

 private:
  enum class State : std::uint8_t { size, extension, size_lf, data, data_cr, data_lf, trailer_begin, trailer, trailer_lf, end_lf, done };
  static constexpr std::uint32_t kExtensionBytesMax = 256;         // of one chunk
  static constexpr std::uint32_t kExtensionBytesTotalMax = 16384;  // of a body
  static constexpr std::uint32_t kTrailerBytesMax = 8192;

  Status take(char c);
  Status take_in_size(char c);
  Status take_in_trailer(char c);

  State state_ = State::size;
  std::uint64_t left_ = 0;
  std::uint32_t digits_ = 0, extension_ = 0, extensions_ = 0, trailers_ = 0;
};

}  // namespace slipway::http
