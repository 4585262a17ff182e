// What a family's file gives to the table. For sklearn/*.cpp only.
#pragma once

#include "slipway/importers/sklearn/lowering.hpp"

namespace slipway::importers::sklearn {

using Family = std::span<const Converter>;
#define SLIPWAY_SKLEARN_FAMILY(name) Family name##_family();
#include "slipway/importers/sklearn/families.def"
#undef SLIPWAY_SKLEARN_FAMILY

}  // namespace slipway::importers::sklearn
