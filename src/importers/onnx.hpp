// ONNX files as they are: checked, described, kept. Pure.
#pragma once

#include "slipway/importers/importer.hpp"

namespace slipway::importers {

// Errors: model_refused with the reason and what to do.
Result<Artifact> import_onnx(const SourceFile& file, const Options& options);

}  // namespace slipway::importers
