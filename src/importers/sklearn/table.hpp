// What a family's file gives to the table. For sklearn/*.cpp only.
#pragma once

#include "slipway/importers/sklearn/lowering.hpp"

namespace slipway::importers::sklearn {

using Family = std::span<const Converter>;
#define SLIPWAY_SKLEARN_FAMILY(name) Family name##_family();
#include "slipway/importers/sklearn/families.def"
#undef SLIPWAY_SKLEARN_FAMILY

inline constexpr std::size_t kPartsMax = 10'000;  // transformers side by side

// Every column times a weight; sparse stays sparse.
Result<Table> times(Lowering& to, const Table& table, double weight);
// The columns of a transformed table, each with the missing values of the column it is made of.
Table made_of(const Table& in, const Val& block);

}  // namespace slipway::importers::sklearn
