// The files of one upload, opened: unpacked and read into documents, each by its content. Pure.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "slipway/formats/pickle.hpp"
#include "slipway/importers/detect.hpp"
#include "slipway/importers/importer.hpp"

namespace slipway::importers {

struct Source {
  std::string name;
  std::string format;                          // "pickle", "joblib (zlib)", "skops"
  std::unique_ptr<std::string> unpacked;       // what `bytes` and the document point into, when the file was compressed
  std::unique_ptr<pickle::Document> document;  // null: a file of `whole`'s kind, alone
  FileKind whole = FileKind::unknown;          // onnx, xgboost, lightgbm_text or catboost: a model by itself, no pickle
  std::span<const std::byte> bytes;
};

// Files that only belong to others (arrays of joblib before 0.10) are used by them and give no Source.
// Errors: model_refused, naming the file when there are several.
Result<std::vector<Source>> open_sources(std::span<const SourceFile> files, const Options& options, Report& report);

}  // namespace slipway::importers
