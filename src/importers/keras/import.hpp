// Keras models: .h5 (Keras 1 to 3) and .keras archives. Pure: nothing in the file is run, no path in it is opened.
#pragma once

#include "slipway/importers/importer.hpp"

namespace slipway::importers::keras {

Result<Artifact> import_h5(std::span<const std::byte> bytes, const Options& options, Report& report);
Result<Artifact> import_archive(std::span<const std::byte> bytes, const Options& options, Report& report);

}  // namespace slipway::importers::keras
