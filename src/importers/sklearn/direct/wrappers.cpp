#include "slipway/importers/sklearn/direct/numeric.hpp"

namespace slipway::importers::sklearn {
std::span<const DirectConverter> direct_wrappers() { return {}; }
}  // namespace slipway::importers::sklearn
