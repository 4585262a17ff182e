#include "slipway/importers/importer.hpp"

#include <algorithm>

#include "slipway/graph/onnx_io.hpp"
#include "slipway/importers/boosting/import.hpp"
#include "slipway/importers/detect.hpp"
#include "slipway/importers/keras/import.hpp"
#include "slipway/importers/onnx.hpp"
#include "slipway/importers/plan.hpp"
#include "slipway/importers/sklearn/import.hpp"
#include "slipway/importers/sources.hpp"
#include "slipway/importers/torch/exported.hpp"
#include "slipway/importers/torch/import.hpp"
#include "slipway/importers/torch/script.hpp"

namespace slipway::importers {
namespace {

constexpr std::size_t kFilesMax = 24;

Result<Artifact> import_objects(std::span<const SourceFile> files, const Options& options, Report& report) {
  if (std::ranges::any_of(files, [](const SourceFile& f) { return torch::is_weights(detect(f.bytes)); }))
    return torch::import_with_source(files, options, report);
  const std::vector<Source> sources = TRY(open_sources(files, options, report));
  const Source& first = sources[0];
  switch (first.whole) {
    case FileKind::onnx: return import_onnx({first.name, first.bytes}, options);
    case FileKind::xgboost: return boosting::import_xgboost(first.bytes, report);
    case FileKind::lightgbm_text: return boosting::import_lightgbm(first.bytes, report);
    case FileKind::catboost: return boosting::import_catboost(first.bytes, report);
    case FileKind::hdf5: return keras::import_h5(first.bytes, options, report);
    case FileKind::keras_zip: return keras::import_archive(first.bytes, options, report);
    case FileKind::torch_script: return torch::import_script(first.bytes, options, report);
    case FileKind::torch_export: return torch::import_export(first.bytes, options, report);
    default: break;
  }
  for (std::size_t i = 1; i < sources.size(); ++i) {
    if (sources[i].format != sources[i - 1].format) report.format += ", " + sources[i].format;
  }
  const sklearn::Chain chain = TRY(plan_chain(sources, options.entry, report));
  report.format = boosting::library_title(chain.links.back().model).value_or("scikit-learn") + " " + report.format;
  return sklearn::import_chain(chain, report, options.operators);
}

// The server reads a schema strictly: what it would not take is refused here, where the person is told.
Status fits_the_server(const Schema& schema) {
  if (const auto read = Schema::from_json(schema.to_json()); !read.ok())
    return Error(ErrorCode::model_refused, "the model can't be described: " + read.error().detail());
  return ok();
}

}  // namespace

Result<Artifact> import_model(std::span<const SourceFile> files, const Options& options) {
  Report report;
  return import_model(files, options, report);
}

Result<Artifact> import_model(std::span<const SourceFile> files, const Options& options, Report& report) {
  if (files.empty()) return Error(ErrorCode::model_refused, "there is no file");
  if (files.size() > kFilesMax) return Error(ErrorCode::model_refused, "a model is made of at most " + std::to_string(kFilesMax) + " files");
  Artifact artifact = TRY(import_objects(files, options, report));
  TRY(graph::check(artifact.model));
  TRY(fits_the_server(artifact.schema));
  return artifact;
}

Inspection inspect(std::span<const SourceFile> files, const Options& options) {
  Inspection out;
  auto artifact = import_model(files, options, out.report);
  if (artifact.ok()) {
    out.report = std::move(artifact->report);
    out.schema = std::move(artifact->schema);
  } else {
    out.refusal = artifact.error().detail();
  }
  return out;
}

}  // namespace slipway::importers
