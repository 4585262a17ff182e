// Whose turn comes first when requests wait for a model.
#pragma once

#include <cstddef>
#include <cstdint>

namespace slipway::inference {

// low: work that nobody waits for, such as scoring a file.
enum class Priority : std::uint8_t { high = 0, normal = 1, low = 2 };
inline constexpr std::size_t kPriorities = 3;

}  // namespace slipway::inference
