#include "slipway/ops/city.hpp"

#include <utility>

#include "slipway/ops/hashing.hpp"

namespace slipway::ops {
namespace {

using namespace hashing;  // NOLINT(google-build-using-namespace): this file is of that family

u64 up_to_16(std::string_view s) {
  const std::size_t n = s.size();
  if (n > 8) {
    const u64 last = word(s, n - 8);
    return pair_hash(word(s, 0), right(last + n, static_cast<int>(n))) ^ last;
  }
  if (n >= 4) return pair_hash(n + (half(s, 0) << 3), half(s, n - 4));
  if (n == 0) return k2;
  return up_to_3(s, k3);
}

u64 up_to_32(std::string_view s) {
  const std::size_t n = s.size();
  const u64 a = word(s, 0) * k1, b = word(s, 8), c = word(s, n - 8) * k2, d = word(s, n - 16) * k0;
  return pair_hash(right(a - b, 43) + right(c, 30) + d, a + right(b ^ k3, 20) - c + n);
}

// 32 bytes from `at`, the last but one word added to both halves.
std::pair<u64, u64> half_of_64(std::string_view s, std::size_t at, u64 a, u64 last) {
  u64 b = right(a + last, 52), c = right(a, 37);
  a += word(s, at + 8);
  c += right(a, 7);
  a += word(s, at + 16);
  return {a + last, b + right(a, 31) + c};
}

u64 up_to_64(std::string_view s) {
  const std::size_t n = s.size();
  const auto v = half_of_64(s, 0, word(s, 0) + (n + word(s, n - 16)) * k0, word(s, 24));
  const auto w = half_of_64(s, n - 32, word(s, 16) + word(s, n - 32), word(s, n - 8));
  const u64 r = fold((v.first + w.second) * k2 + (w.first + v.second) * k0);
  return fold(r * k0 + v.second) * k2;
}

}  // namespace

std::uint64_t city_hash(std::string_view s) {
  const std::size_t n = s.size();
  if (n <= 16) return up_to_16(s);
  if (n <= 32) return up_to_32(s);
  if (n <= 64) return up_to_64(s);
  // Longer: the end first, then blocks of 64 bytes with 56 bytes of state.
  u64 x = word(s, 0), y = word(s, n - 16) ^ k1, z = word(s, n - 56) ^ k0;
  auto v = weak_32(s, n - 64, n, y), w = weak_32(s, n - 32, n * k1, k0);
  z += fold(v.second) * k1;
  x = right(z + x, 39) * k1;
  y = right(y, 33) * k1;
  const std::size_t end = (n - 1) / 64 * 64;
  for (std::size_t at = 0; at < end; at += 64) {
    x = right(x + y + v.first + word(s, at + 16), 37) * k1;
    y = right(y + v.second + word(s, at + 48), 42) * k1;
    x ^= w.second;
    y ^= v.first;
    z = right(z ^ w.first, 33);
    v = weak_32(s, at, v.second * k1, x + w.first);
    w = weak_32(s, at + 32, z + w.second, y);
    std::swap(z, x);
  }
  return pair_hash(pair_hash(v.first, w.first) + fold(y) * k1 + z, pair_hash(v.second, w.second) + x);
}

}  // namespace slipway::ops
