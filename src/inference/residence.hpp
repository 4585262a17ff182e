// How long a model stays in memory.
#pragma once

#include <cstdint>

namespace slipway::inference {

enum class Residence : std::uint8_t {
  on_demand = 0,  // loaded by its first request; unloaded when others need the room, longest unused first
  warm = 1,       // loaded at once and after a crash; unloaded only when no model on demand is left to unload
  pinned = 2      // loaded at once and after a crash; never unloaded
};

}  // namespace slipway::inference
