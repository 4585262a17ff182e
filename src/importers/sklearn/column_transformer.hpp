// What a fitted ColumnTransformer gives to each of its transformers.
#pragma once

#include <vector>

#include "slipway/importers/sklearn/lowering.hpp"

namespace slipway::importers::sklearn {

struct Share {
  View name, transformer;  // the transformer may be the text 'passthrough'
  std::vector<std::int64_t> columns;
};
// Those that have columns, in the order of the result; dropped ones are left out.
Result<std::vector<Share>> shares_of(const View& model);

}  // namespace slipway::importers::sklearn
