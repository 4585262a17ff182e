// Keras models: .h5 (Keras 1 to 3) and .keras archives. Pure: nothing in the file is run, no path in it is opened.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "slipway/importers/importer.hpp"

namespace slipway::importers::keras {

Result<Artifact> import_h5(std::span<const std::byte> bytes, const Options& options, Report& report);
Result<Artifact> import_archive(std::span<const std::byte> bytes, const Options& options, Report& report);

// The same of an archive's parts: config.json, model.weights.h5, and its other files by their paths. in_place: the weights' bytes outlive the
// artifact, whose tensors may point into them.
using Asset = std::function<std::optional<std::string>(const std::string& path)>;
Result<Artifact> import_parts(std::string_view config, std::span<const std::byte> weights, std::string_view version, const Asset& asset,
                              bool in_place, Report& report);

}  // namespace slipway::importers::keras
