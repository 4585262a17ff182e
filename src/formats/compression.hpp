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
  std::size_t ratio_max = 0;  // as Pace has it; 0: by the codec
};

// How well data pack, stretch by stretch of 32 MiB of output: a bomb is told wherever it begins, whatever stands before it. No table of
// numbers packs so well: one value in a thousand that isn't zero keeps zlib below 400.
inline constexpr std::size_t kDeflateRatioMax = 500;  // 1030 is the most that the format can say
class Pace {
 public:
  static constexpr std::size_t kStretch = 32ULL << 20;
  explicit Pace(std::size_t ratio_max) : ratio_max_(ratio_max) {}
  // False: the stretch that just ended packs better than ratio_max. Call it every few MiB.
  bool plausible(std::size_t wrote, std::size_t read) {
    wrote_ += wrote;
    read_ += read;
    if (wrote_ <= kStretch) return true;
    if (wrote_ / ratio_max_ > read_) return false;
    wrote_ = read_ = 0;
    return true;
  }

 private:
  std::size_t ratio_max_, wrote_ = 0, read_ = 0;
};

// Errors: model_refused (damaged, trailing bytes, over the limits, named).
Result<std::string> inflate(Codec codec, std::span<const std::byte> bytes, const Limits& limits);

// joblib before 0.10: "ZF", the unpacked length as text ("0x1f4", padded to 19 characters in later versions), a zlib stream. Gives the
// zlib stream. Errors: model_refused.
Result<std::span<const std::byte>> joblib_zfile(std::span<const std::byte> bytes);

}  // namespace slipway::compression
