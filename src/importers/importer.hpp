// From a model file to an artifact: detect by content, open with a reader that never executes, lower to a graph.
// Runs inside an import cell. Pure: bytes in, artifact or refusal out; no file, no clock, no network.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "slipway/graph/artifact.hpp"
#include "slipway/graph/builder.hpp"

namespace slipway::importers {

struct SourceFile {
  std::string name;  // a label, never a path that is opened
  std::span<const std::byte> bytes;
};

struct Options {
  std::string entry;                   // --entry: path inside a dict or list
  std::size_t bytes_max = 4ULL << 30;  // of anything inflated
  graph::Operators operators = graph::Operators::own;
  bool weights_in_place = false;  // weights may be the files' own bytes, which then have to outlive the artifact
};

// Errors: model_refused; the detail says where (object path, offset), what, and what to do.
Result<Artifact> import_model(std::span<const SourceFile> files, const Options& options);
// The same; `report` is filled as far as it gets also when the file is refused.
Result<Artifact> import_model(std::span<const SourceFile> files, const Options& options, Report& report);

// The report alone, also for files that can't be served: what is inside and why not (for `slipway inspect`).
struct Inspection {
  Report report;
  std::optional<Schema> schema;  // when it can be served
  std::string refusal;           // empty: it can be served
};
Inspection inspect(std::span<const SourceFile> files, const Options& options);

}  // namespace slipway::importers
