// The rows of a certificate and what the file's own parameters answer to them.
#pragma once

#include "slipway/importers/sklearn/lowering.hpp"

namespace slipway::importers::sklearn {

// {"request", "expected"} or {"unchecked": [class...]}: see Artifact::check.
Result<json::Value> make_check(const View& model, Version root, const Inputs& inputs, const Schema& schema);

}  // namespace slipway::importers::sklearn
