// TorchScript archives (torch.jit.trace and torch.jit.script). Their serialised code is evaluated over the graph, never run.
#pragma once

#include "slipway/importers/importer.hpp"

namespace slipway::importers::torch {

Result<Artifact> import_script(std::span<const std::byte> bytes, const Options& options, Report& report);

}  // namespace slipway::importers::torch
