// Each decompressor on the same bytes: no crash, and never more output than allowed.
#include <cstdint>
#include <cstdlib>

#include "slipway/formats/compression.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using slipway::compression::Codec;
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  slipway::compression::Limits limits;
  limits.bytes_max = 1 << 20;
  const auto one = [&](Codec codec) {
    const auto out = slipway::compression::inflate(codec, bytes, limits);
    if (out.ok() && out->size() > limits.bytes_max) std::abort();
  };
  const Codec detected = slipway::compression::detect(bytes);
  one(detected);
  if (detected != Codec::none) return 0;
  for (const Codec codec : {Codec::zlib, Codec::gzip, Codec::bz2, Codec::xz, Codec::lzma, Codec::lz4}) one(codec);
  return 0;
}
