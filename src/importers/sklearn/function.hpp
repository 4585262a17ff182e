// numpy functions by name. For sklearn/*.cpp only.
#pragma once

#include "slipway/importers/sklearn/lowering.hpp"

namespace slipway::importers::sklearn {

// function(x) where `function` is a reference to a numpy function that is known here. Errors: any other, which is code.
Result<Val> call_function(Lowering& to, const View& function, const Val& x);

}  // namespace slipway::importers::sklearn
