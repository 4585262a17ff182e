// torch.export archives (.pt2): a graph of PyTorch's operators as JSON, lowered operator by operator.
#pragma once

#include "slipway/importers/importer.hpp"

namespace slipway::importers::torch {

Result<Artifact> import_export(std::span<const std::byte> bytes, const Options& options, Report& report);

}  // namespace slipway::importers::torch
