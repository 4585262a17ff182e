// What an import cell hands back, as bytes: a frame of a JSON header (refusal, report, schema) and the artifact. The cell writes it,
// the server reads it; the server trusts none of it. Pure.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "slipway/base/pieces.hpp"
#include "slipway/importers/importer.hpp"

namespace slipway::importers {

struct ImportAnswer {
  bool ok = false;      // an artifact follows (import), or could be made (inspect)
  std::string refusal;  // when not ok: for the client
  Report report;
  std::optional<Schema> schema;         // when ok
  std::span<const std::byte> artifact;  // when ok and not only inspected; points into the parsed bytes
};

// What goes wrong with the files is a refusal in the answer. The weights go to `out` without a copy: from the files where they stand there
// just so, else from where they were made. Errors: those of `out`.
Status import_into(std::span<const SourceFile> files, const Options& options, bool inspect_only, const TextSink& out);
std::string import_to_bytes(std::span<const SourceFile> files, const Options& options, bool inspect_only);  // the same in one

// Strict on hostile bytes. Errors: internal (the cell sent something that is no answer).
Result<ImportAnswer> parse_import_answer(std::span<const std::byte> bytes);

std::string options_to_json(const Options& options, bool inspect_only);
struct ImportCommand {
  Options options;
  bool inspect_only = false;
};
Result<ImportCommand> options_from_json(std::string_view text);

}  // namespace slipway::importers
