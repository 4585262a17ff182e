#include "slipway/importers/torch/import.hpp"

#include "slipway/formats/torch/file.hpp"
#include "slipway/importers/torch/script.hpp"

namespace slipway::importers::torch {

Result<Artifact> import_torch(std::span<const std::byte> bytes, const Options& options, Report& report) {
  const slipway::torch::Archive archive = TRY(slipway::torch::Archive::open(bytes));
  if (archive.has("constants.pkl")) return import_script(bytes, options, report);
  return Error(ErrorCode::model_refused, "PyTorch weights aren't read yet");
}

}  // namespace slipway::importers::torch
