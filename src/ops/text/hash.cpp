#include "slipway/ops/text/hash.hpp"

#include <bit>
#include <cstring>
#include <limits>

namespace slipway::ops::text {

std::int32_t murmur3(std::string_view bytes) {
  constexpr std::uint32_t c1 = 0xcc9e2d51U, c2 = 0x1b873593U;
  std::uint32_t h = 0;
  const std::size_t blocks = bytes.size() / 4;
  const auto mixed = [](std::uint32_t k) { return std::rotl(k * c1, 15) * c2; };
  for (std::size_t i = 0; i < blocks; ++i) {
    std::uint32_t k = 0;
    std::memcpy(&k, bytes.data() + i * 4, 4);
    h = std::rotl(h ^ mixed(k), 13) * 5 + 0xe6546b64U;
  }
  std::uint32_t tail = 0;
  for (std::size_t i = bytes.size(); i > blocks * 4; --i) tail = tail << 8 | static_cast<unsigned char>(bytes[i - 1]);
  h ^= mixed(tail);  // of nothing it is 0
  h ^= static_cast<std::uint32_t>(bytes.size());
  h ^= h >> 16;
  h *= 0x85ebca6bU;
  h ^= h >> 13;
  h *= 0xc2b2ae35U;
  h ^= h >> 16;
  return static_cast<std::int32_t>(h);
}

std::int64_t hashed_column(std::int32_t hash, std::int64_t columns) {
  if (hash == std::numeric_limits<std::int32_t>::min()) return (std::numeric_limits<std::int32_t>::max() - (columns - 1)) % columns;
  return (hash < 0 ? -static_cast<std::int64_t>(hash) : hash) % columns;
}

}  // namespace slipway::ops::text
