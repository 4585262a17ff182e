#include "slipway/importers/torch/import.hpp"

#include "slipway/importers/torch/source.hpp"

namespace slipway::importers::torch {

bool is_weights(FileKind kind) { return kind == FileKind::torch || kind == FileKind::torch_legacy || kind == FileKind::safetensors; }

Result<Artifact> import_with_source(std::span<const SourceFile> files, const Options& options, Report& report) {
  const SourceFile* model = nullptr;
  std::vector<SourceFile> sources;
  for (const SourceFile& file : files) {
    if (is_weights(detect(file.bytes))) {
      if (model != nullptr)
        return Error(ErrorCode::model_refused, "there are two files of weights, " + model->name + " and " + file.name + ": a model has one");
      model = &file;
    } else if (is_source(file)) {
      sources.push_back(file);
    } else {
      return Error(ErrorCode::model_refused, file.name + " is no Python source: beside PyTorch weights only the source of their class belongs");
    }
  }
  return import_weights(*model, sources, options, report);
}

}  // namespace slipway::importers::torch
