// Which of the objects in the files become the model, and in which order: by --entry, by the order of the files, and checked against the
// widths that the fitted objects know. Nothing is guessed: where several readings are possible, the refusal lists them. Pure.
#pragma once

#include "slipway/importers/sklearn/import.hpp"
#include "slipway/importers/sources.hpp"

namespace slipway::importers {

// Errors: model_refused with the choices there are. The report gets the contents of every file first, and warnings.
Result<sklearn::Chain> plan_chain(const std::vector<Source>& sources, const std::string& entry, Report& report);

}  // namespace slipway::importers
