#include "slipway/ops/fingerprint.hpp"

#include <utility>

#include "slipway/ops/hashing.hpp"
#include "slipway/ops/kernel.hpp"

namespace slipway::ops {
namespace {

using namespace hashing;  // NOLINT(google-build-using-namespace): this file is of that family

u64 up_to_16(std::string_view s) {
  const std::size_t n = s.size();
  const u64 factor = k2 + n * 2;
  if (n >= 8) {
    const u64 a = word(s, 0) + k2, b = word(s, n - 8);
    return pair_hash(right(b, 37) * factor + a, (right(a, 25) + b) * factor, factor);
  }
  if (n >= 4) return pair_hash(n + (half(s, 0) << 3), half(s, n - 4), factor);
  if (n == 0) return k2;
  return up_to_3(s, k0);
}

u64 up_to_32(std::string_view s) {
  const std::size_t n = s.size();
  const u64 factor = k2 + n * 2;
  const u64 a = word(s, 0) * k1, b = word(s, 8), c = word(s, n - 8) * factor, d = word(s, n - 16) * k2;
  return pair_hash(right(a + b, 43) + right(c, 30) + d, a + right(b + k2, 18) + c, factor);
}

u64 up_to_64(std::string_view s) {
  const std::size_t n = s.size();
  const u64 factor = k2 + n * 2;
  const u64 a = word(s, 0) * k2, b = word(s, 8), c = word(s, n - 8) * factor, d = word(s, n - 16) * k2;
  const u64 y = right(a + b, 43) + right(c, 30) + d, z = pair_hash(y, a + right(b + k2, 18) + c, factor);
  const u64 e = word(s, 16) * factor, f = word(s, 24), g = (y + word(s, n - 32)) * factor, h = (z + word(s, n - 24)) * factor;
  return pair_hash(right(e + f, 43) + right(g, 30) + h, e + right(f + a, 18) + g, factor);
}

}  // namespace

std::uint64_t farm_fingerprint(std::string_view s) {
  const std::size_t n = s.size();
  if (n <= 16) return up_to_16(s);
  if (n <= 32) return up_to_32(s);
  if (n <= 64) return up_to_64(s);
  // Longer: blocks of 64 bytes with 56 bytes of state; the last block ends where the text does.
  constexpr u64 kSeed = 81;
  u64 x = kSeed * k2 + word(s, 0), y = kSeed * k1 + 113, z = fold(y * k2 + 113) * k2;
  std::pair<u64, u64> v{0, 0}, w{0, 0};
  const std::size_t end = (n - 1) / 64 * 64;
  for (std::size_t at = 0; at < end; at += 64) {
    x = right(x + y + v.first + word(s, at + 8), 37) * k1;
    y = right(y + v.second + word(s, at + 48), 42) * k1;
    x ^= w.second;
    y += v.first + word(s, at + 40);
    z = right(z + w.first, 33) * k1;
    v = weak_32(s, at, v.second * k1, x + w.first);
    w = weak_32(s, at + 32, z + w.second, y + word(s, at + 16));
    std::swap(z, x);
  }
  const u64 factor = k1 + ((z & 0xff) << 1);
  const std::size_t last = n - 64;
  w.first += (n - 1) & 63;
  v.first += w.first;
  w.first += v.first;
  x = right(x + y + v.first + word(s, last + 8), 37) * factor;
  y = right(y + v.second + word(s, last + 48), 42) * factor;
  x ^= w.second * 9;
  y += v.first * 9 + word(s, last + 40);
  z = right(z + w.first, 33) * factor;
  v = weak_32(s, last, v.second * factor, x + w.first);
  w = weak_32(s, last + 32, z + w.second, y + word(s, last + 16));
  std::swap(z, x);
  return pair_hash(pair_hash(v.first, w.first, factor) + fold(y) * k0 + z, pair_hash(v.second, w.second, factor) + x, factor);
}

u64 sip_hash(std::string_view s, u64 key0, u64 key1) {
  u64 a = key0 ^ 0x736f6d6570736575, b = key1 ^ 0x646f72616e646f6d, c = key0 ^ 0x6c7967656e657261, d = key1 ^ 0x7465646279746573;
  const auto rounds = [&](int n) {
    for (int i = 0; i < n; ++i) {
      a += b;
      b = std::rotl(b, 13) ^ a;
      a = std::rotl(a, 32);
      c += d;
      d = std::rotl(d, 16) ^ c;
      a += d;
      d = std::rotl(d, 21) ^ a;
      c += b;
      b = std::rotl(b, 17) ^ c;
      c = std::rotl(c, 32);
    }
  };
  const auto take = [&](u64 m) {
    d ^= m;
    rounds(2);
    a ^= m;
  };
  std::size_t at = 0;
  for (; at + 8 <= s.size(); at += 8) take(word(s, at));
  u64 rest = static_cast<u64>(s.size()) << 56;
  for (std::size_t i = 0; at + i < s.size(); ++i) rest |= byte(s, at + i) << (8 * i);
  take(rest);
  c ^= 0xff;
  rounds(4);
  return a ^ b ^ c ^ d;
}

u64 joined_fingerprint(u64 first, u64 second) {
  constexpr u64 kFactor = 0xc6a4a7935bd1e995;
  u64 h = first ^ kFactor;
  h ^= fold(second * kFactor) * kFactor;
  h *= kFactor;
  h = fold(h) * kFactor;
  return fold(h);
}

namespace {

std::int64_t in_bucket(u64 hash, std::int64_t buckets) { return static_cast<std::int64_t>(buckets == 0 ? hash : hash % static_cast<u64>(buckets)); }

// HashBucket(texts): the rest of each text's hash by `buckets`; of 0 buckets the hash itself, its 64 bits read as a signed number. Two keys: SipHash.
class HashBucket final : public Kernel {
 public:
  explicit HashBucket(const Setup& setup) : buckets_(setup.integer("buckets", 0)), keys_(setup.integers("keys")) {
    if (buckets_ < 0) throw std::invalid_argument("buckets must not be negative");
    if (!keys_.empty() && keys_.size() != 2) throw std::invalid_argument("keys must be two");
  }
  void compute(std::span<const In> in, Outs& out) const override {
    const auto places = out.ints(0, in[0].shape);
    for (std::size_t i = 0; i < in[0].texts.size(); ++i) {
      const std::string_view text = in[0].texts[i];
      places[i] =
          in_bucket(keys_.empty() ? farm_fingerprint(text) : sip_hash(text, static_cast<u64>(keys_[0]), static_cast<u64>(keys_[1])), buckets_);
    }
  }

 private:
  std::int64_t buckets_;
  std::vector<std::int64_t> keys_;
};

// JoinHashes(first, second): element by element two hashes as one, in buckets as above. A single first one goes with every second one.
class JoinHashes final : public Kernel {
 public:
  explicit JoinHashes(const Setup& setup) : buckets_(setup.integer("buckets", 0)) {
    if (buckets_ < 0) throw std::invalid_argument("buckets must not be negative");
  }
  void compute(std::span<const In> in, Outs& out) const override {
    const auto first = in[0].ints(), second = in[1].ints();
    if (first.size() != 1 && first.size() != second.size()) throw std::invalid_argument("hashes to be joined must be as many");
    const auto joined = out.ints(0, in[1].shape);
    for (std::size_t i = 0; i < second.size(); ++i)
      joined[i] = in_bucket(joined_fingerprint(static_cast<u64>(first[first.size() == 1 ? 0 : i]), static_cast<u64>(second[i])), buckets_);
  }

 private:
  std::int64_t buckets_;
};

}  // namespace

std::unique_ptr<Kernel> make_HashBucket(const Setup& setup) { return std::make_unique<HashBucket>(setup); }
std::unique_ptr<Kernel> make_JoinHashes(const Setup& setup) { return std::make_unique<JoinHashes>(setup); }

}  // namespace slipway::ops
