// The hashes that TensorFlow sorts texts into buckets with: FarmHash's Fingerprint64, and SipHash with a key. Pure.
#pragma once

#include <cstdint>
#include <string_view>

namespace slipway::ops {

std::uint64_t farm_fingerprint(std::string_view text);
std::uint64_t sip_hash(std::string_view text, std::uint64_t key0, std::uint64_t key1);  // SipHash-2-4
// Two fingerprints as one; the order counts.
std::uint64_t joined_fingerprint(std::uint64_t first, std::uint64_t second);

}  // namespace slipway::ops
