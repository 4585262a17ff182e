// CityHash64, version 1.0: the hash of texts that CatBoost's models are built on (later versions of CityHash give others). Pure.
#pragma once

#include <cstdint>
#include <string_view>

namespace slipway::ops {

std::uint64_t city_hash(std::string_view text);

}  // namespace slipway::ops
