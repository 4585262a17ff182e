// Whole-stream compression as joblib and people use it: zlib, gzip, bz2, xz, lzma-alone, lz4 frames. Content decides, not names.
// Bounded: output size and ratio. Pure functions.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "slipway/base/result.hpp"

namespace slipway::compression {

enum class Codec { none, zlib, gzip, bz2, xz, lzma, lz4 };
Codec detect(std::span<const std::byte> bytes);
std::string_view codec_name(Codec codec);

struct Limits {
  std::size_t bytes_max = 4ULL << 30;
  // Of the output so far to the input read so far, beyond the first 32 MiB of output; 0: by the codec. A bomb is told early, and no
  // table of numbers packs so well: one value in a thousand that isn't zero keeps zlib below 400.
  std::size_t ratio_max = 0;
};
// Errors: model_refused (damaged, trailing bytes, over the limits, named).
Result<std::string> inflate(Codec codec, std::span<const std::byte> bytes, const Limits& limits);

// joblib before 0.10: "ZF", the unpacked length as text ("0x1f4", padded to 19 characters in later versions), a zlib stream. Gives the
// zlib stream. Errors: model_refused.
Result<std::span<const std::byte>> joblib_zfile(std::span<const std::byte> bytes);

}  // namespace slipway::compression
