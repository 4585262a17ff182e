#include "slipway/importers/importer.hpp"

#include <algorithm>

#include "slipway/formats/compression.hpp"
#include "slipway/formats/pickle.hpp"
#include "slipway/graph/onnx_io.hpp"
#include "slipway/importers/detect.hpp"
#include "slipway/importers/foreign.hpp"
#include "slipway/importers/onnx.hpp"
#include "slipway/importers/sklearn/import.hpp"
#include "slipway/importers/unwrap.hpp"

namespace slipway::importers {
namespace {

using Bytes = std::span<const std::byte>;

Bytes bytes_of(const std::string& s) { return std::as_bytes(std::span(s)); }

Result<Artifact> import_pickle(Bytes bytes, const Options& options, std::string_view packing, Report& report) {
  report.format = packing.empty() ? "pickle" : "pickle (" + std::string(packing) + ")";
  const pickle::Document document = TRY(pickle::read(bytes));
  if (document.is_joblib() || !packing.empty()) report.format = packing.empty() ? "joblib" : "joblib (" + std::string(packing) + ")";
  TRY(refuse_hostile_names(document));
  Found found = TRY(find_model(document.root(), options.entry));
  report.warnings = std::move(found.warnings);
  report.format = "scikit-learn " + report.format;
  return sklearn::import_estimator(found.model, report);
}

Result<Artifact> import_bytes(const SourceFile& file, const Options& options, std::string_view packing, Report& report) {
  const FileKind kind = detect(file.bytes);
  report.format = kind_title(kind);
  if (kind == FileKind::pickle) return import_pickle(file.bytes, options, packing, report);
  if (kind == FileKind::onnx) return import_onnx(file, options);
  return refuse_kind(kind);
}

Result<Artifact> import_one(const SourceFile& file, const Options& options, Report& report) {
  const compression::Codec codec = compression::detect(file.bytes);
  if (codec == compression::Codec::none) return import_bytes(file, options, "", report);
  report.format = std::string(compression::codec_name(codec)) + " compressed";
  const compression::Limits limits{.bytes_max = options.bytes_max};
  const std::string inflated = TRY(compression::inflate(codec, file.bytes, limits));
  return import_bytes({file.name, bytes_of(inflated)}, options, compression::codec_name(codec), report);
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
  if (files.size() > 1) {
    return Error(ErrorCode::model_refused,
                 "several files as one model are not supported yet: save the steps as one scikit-learn Pipeline and upload that");
  }
  Artifact artifact = TRY(import_one(files[0], options, report));
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
