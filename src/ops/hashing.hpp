// What CityHash and FarmHash have in common: their constants, words of a text, and how they mix.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

namespace slipway::ops::hashing {

using u64 = std::uint64_t;

inline constexpr u64 k0 = 0xc3a5c85c97cb3127, k1 = 0xb492b66fbe98f273, k2 = 0x9ae16a3b2f90404f, k3 = 0xc949d7c7509e6557;

inline u64 word(std::string_view s, std::size_t at) {
  u64 v;
  std::memcpy(&v, s.data() + at, sizeof v);
  return v;
}
inline u64 half(std::string_view s, std::size_t at) {
  std::uint32_t v;
  std::memcpy(&v, s.data() + at, sizeof v);
  return v;
}
inline u64 byte(std::string_view s, std::size_t at) { return static_cast<unsigned char>(s[at]); }
inline u64 right(u64 v, int by) { return std::rotr(v, by); }
inline u64 fold(u64 v) { return v ^ (v >> 47); }

// Two words to one, by Murmur's finish.
inline u64 pair_hash(u64 low, u64 high, u64 factor = 0x9ddfea08eb382d69) {
  const u64 a = fold((low ^ high) * factor);
  return fold((high ^ a) * factor) * factor;
}

// One to three bytes.
inline u64 up_to_3(std::string_view s, u64 of_length) {
  const auto y = static_cast<std::uint32_t>(byte(s, 0) + (byte(s, s.size() / 2) << 8));
  const auto z = static_cast<std::uint32_t>(s.size() + (byte(s, s.size() - 1) << 2));
  return fold(y * k2 ^ z * of_length) * k2;
}

inline std::pair<u64, u64> weak_32(std::string_view s, std::size_t at, u64 a, u64 b) {
  const u64 w = word(s, at), x = word(s, at + 8), y = word(s, at + 16), z = word(s, at + 24);
  a += w;
  b = right(b + a + z, 21);
  const u64 c = a;
  a += x + y;
  b += right(a, 44);
  return {a + z, b + c};
}

}  // namespace slipway::ops::hashing
