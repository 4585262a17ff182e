// MurmurHash3, the 32-bit variant of x86, with the seed 0: what scikit-learn hashes features with.
#pragma once

#include <cstdint>
#include <string_view>

namespace slipway::ops::text {

std::int32_t murmur3(std::string_view bytes);

// The column of a hash among `columns`, and its sign, as FeatureHasher takes them.
std::int64_t hashed_column(std::int32_t hash, std::int64_t columns);

}  // namespace slipway::ops::text
