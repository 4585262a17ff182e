// Files of PyTorch: TorchScript, torch.export, weights with the source of their class. Pure; nothing in them is run.
#pragma once

#include "slipway/importers/importer.hpp"

namespace slipway::importers::torch {

Result<Artifact> import_torch(std::span<const std::byte> bytes, const Options& options, Report& report);

}  // namespace slipway::importers::torch
