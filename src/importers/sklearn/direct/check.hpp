// The rows of a certificate and what the file's own parameters answer to them.
#pragma once

#include "slipway/importers/sklearn/direct/direct.hpp"

namespace slipway::importers::sklearn {

// {"request", "expected"} or {"unchecked": [class...]}: see Artifact::check.
// models: one behind the other, the last one answers.
Result<json::Value> make_check(std::span<const View> models, Version root, const Inputs& inputs, const Schema& schema);
// The same of one answerer, nullopt: `unchecked`, under the name given.
Result<json::Value> make_check(std::optional<Answerer> answerer, std::string_view name, const Inputs& inputs, const Schema& schema);

}  // namespace slipway::importers::sklearn
