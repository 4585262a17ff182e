// Names in a pickle that no model needs: calls that run commands or code. Nothing is ever called here; a file that holds one
// was made to attack whoever loads it, so it is refused as a whole. Pure.
#pragma once

#include "slipway/formats/pickle.hpp"

namespace slipway::importers {

// Errors: model_refused naming module.name as the file has it and, where the object can be found, its path and offset.
Status refuse_hostile_names(const pickle::Document& document);

}  // namespace slipway::importers
