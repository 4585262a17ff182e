// PyTorch weights (state_dict, checkpoint, pickled module, safetensors) with the source of their class. The source is parsed and evaluated
// over the graph, never run.
#pragma once

#include "slipway/importers/importer.hpp"

namespace slipway::importers::torch {

// A .py file or a notebook beside weights.
bool is_source(const SourceFile& file);
// `weights`: torch.save's archive or old format, or safetensors. Without sources: those that the file itself has (before 1.6), or a refusal
// that says what is in it and what to do.
Result<Artifact> import_weights(const SourceFile& weights, std::span<const SourceFile> sources, const Options& options, Report& report);

}  // namespace slipway::importers::torch
