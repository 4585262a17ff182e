// The draws of numpy.random.RandomState(seed), whose stream numpy keeps as it is for ever: what models that answer at random from a
// fixed seed say. Every call starts at the seed again, as every predict() does, so that a row's answer depends on its place.
#include <array>
#include <cmath>

#include "slipway/ops/kernel.hpp"

namespace slipway::ops {
namespace {

// MT19937 seeded by one number, as numpy's legacy seeding does it.
class MersenneTwister {
 public:
  explicit MersenneTwister(std::uint32_t seed) {
    for (std::uint32_t i = 0; i < kLength; ++i) {
      key_[i] = seed;
      seed = 1812433253U * (seed ^ (seed >> 30)) + i + 1;
    }
  }
  std::uint32_t next() {
    if (at_ == kLength) refill();
    std::uint32_t y = key_[at_++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680U;
    y ^= (y << 15) & 0xefc60000U;
    return y ^ (y >> 18);
  }
  double uniform() {  // 53 bits, in [0, 1)
    const double high = next() >> 5, low = next() >> 6;
    return (high * 67108864.0 + low) / 9007199254740992.0;
  }

 private:
  static constexpr std::uint32_t kLength = 624, kShift = 397;
  void refill() {
    for (std::uint32_t i = 0; i < kLength; ++i) {
      const std::uint32_t y = (key_[i] & 0x80000000U) | (key_[(i + 1) % kLength] & 0x7fffffffU);
      key_[i] = key_[(i + kShift) % kLength] ^ (y >> 1) ^ ((y & 1U) != 0 ? 0x9908b0dfU : 0U);
    }
    at_ = 0;
  }
  std::array<std::uint32_t, kLength> key_{};
  std::uint32_t at_ = kLength;
};

// randint(n): 32 bits under a mask, until one is in range.
std::int64_t below(MersenneTwister& draws, std::uint32_t n) {
  if (n <= 1) return 0;
  std::uint32_t mask = n - 1;
  for (const std::uint32_t shift : {1U, 2U, 4U, 8U, 16U}) mask |= mask >> shift;
  for (;;) {
    const std::uint32_t value = draws.next() & mask;
    if (value < n) return value;
  }
}

// Whether one trial succeeds: binomial(1, p) by inversion.
bool by_inversion(MersenneTwister& draws, double p) {
  const double q = 1.0 - p;
  for (;;) {
    double u = draws.uniform();
    const double none = std::exp(std::log1p(-p));
    if (u <= none) return false;
    u -= none;
    if (u <= p * none / q) return true;
  }
}
bool succeeds(MersenneTwister& draws, double p) {
  if (p == 0) return false;
  return p <= 0.5 ? by_inversion(draws, p) : !by_inversion(draws, 1.0 - p);
}

// multinomial(1, p): the class that the one trial falls to.
std::int64_t one_of(MersenneTwister& draws, std::span<const double> p) {
  double remaining = 1.0;
  for (std::size_t j = 0; j + 1 < p.size(); ++j) {
    if (succeeds(draws, p[j] / remaining)) return static_cast<std::int64_t>(j);
    remaining -= p[j];
  }
  return static_cast<std::int64_t>(p.size()) - 1;
}

// [N, outputs] classes, output after output: each is drawn for all rows before the next one.
class RandomClasses final : public Kernel {
 public:
  RandomClasses(std::uint32_t seed, std::vector<std::int64_t> counts, bool uniform) : seed_(seed), counts_(std::move(counts)), uniform_(uniform) {}

  void compute(std::span<const In> in, Outs& out) const override {
    const auto priors = in[1].doubles();
    std::size_t wanted = 0;
    for (const std::int64_t n : counts_) wanted += static_cast<std::size_t>(n);
    if (priors.size() != wanted || in[0].shape.empty()) throw std::invalid_argument("there must be one prior a class");
    for (const double p : priors) {
      if (!(p >= 0 && p <= 1)) throw std::invalid_argument("a prior is out of range");
    }
    const auto rows = static_cast<std::size_t>(in[0].shape[0]), outputs = counts_.size();
    const auto drawn = out.ints(0, {in[0].shape[0], static_cast<std::int64_t>(outputs)});
    MersenneTwister draws(seed_);
    std::size_t first = 0;
    for (std::size_t output = 0; output < outputs; ++output) {
      const auto count = static_cast<std::size_t>(counts_[output]);
      for (std::size_t row = 0; row < rows; ++row) {
        drawn[row * outputs + output] = uniform_ ? below(draws, static_cast<std::uint32_t>(count)) : one_of(draws, priors.subspan(first, count));
      }
      first += count;
    }
  }

 private:
  std::uint32_t seed_;
  std::vector<std::int64_t> counts_;
  bool uniform_;
};

}  // namespace

std::unique_ptr<Kernel> make_RandomClasses(const Setup& setup) {
  const std::int64_t seed = setup.integer("seed", -1);
  if (seed < 0 || seed > 0xffffffffLL) throw std::invalid_argument("the seed must be 0 to 2^32 - 1");
  auto counts = setup.integers("counts");
  if (counts.empty() || counts.size() > 10'000) throw std::invalid_argument("there must be a number of classes an output");
  for (const std::int64_t n : counts) {
    if (n < 1 || n > 1'000'000) throw std::invalid_argument("a number of classes is out of range");
  }
  return std::make_unique<RandomClasses>(static_cast<std::uint32_t>(seed), std::move(counts), setup.text("strategy", "uniform") == "uniform");
}

}  // namespace slipway::ops
