// PyTorch's files: TorchScript by itself, weights with the source of their class.
#pragma once

#include "slipway/importers/detect.hpp"
#include "slipway/importers/importer.hpp"

namespace slipway::importers::torch {

bool is_torch(FileKind kind);  // of those that are read
// One of the files is of such a kind; the others are sources.
Result<Artifact> import_torch(std::span<const SourceFile> files, const Options& options, Report& report);

}  // namespace slipway::importers::torch
