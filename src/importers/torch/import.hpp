// PyTorch's weights with the source of their class, of the files of one upload.
#pragma once

#include "slipway/importers/detect.hpp"
#include "slipway/importers/importer.hpp"

namespace slipway::importers::torch {

bool is_weights(FileKind kind);  // of those that are read
// One of the files is of such a kind; the others are sources.
Result<Artifact> import_with_source(std::span<const SourceFile> files, const Options& options, Report& report);

}  // namespace slipway::importers::torch
