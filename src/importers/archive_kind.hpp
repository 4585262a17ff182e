// What a zip or tar archive holds, by the names in it. Pure.
#pragma once

#include <span>

#include "slipway/importers/detect.hpp"

namespace slipway::importers {

// Of an archive that can't be opened, what its bytes suggest: its reader then says what is wrong with it.
FileKind zip_kind(std::span<const std::byte> bytes);
FileKind tar_kind(std::span<const std::byte> bytes);

}  // namespace slipway::importers
