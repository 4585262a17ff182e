#include "slipway/importers/sources.hpp"

#include <algorithm>

#include "slipway/formats/compression.hpp"
#include "slipway/formats/skops.hpp"
#include "slipway/importers/detect.hpp"
#include "slipway/importers/foreign.hpp"

namespace slipway::importers {
namespace {

using Bytes = std::span<const std::byte>;

Bytes bytes_of(const std::string& s) { return std::as_bytes(std::span(s)); }

bool is_sibling(const SourceFile& file) {
  const FileKind kind = detect(file.bytes);
  return kind == FileKind::numpy || (kind == FileKind::joblib_old && file.name.ends_with(".npy.z"));
}

// The bytes behind whole-stream compression; the file's own bytes where there is none.
Result<Bytes> unpack(const SourceFile& file, const Options& options, Source& out, std::string& packing) {
  compression::Codec codec = compression::detect(file.bytes);
  Bytes packed = file.bytes;
  if (codec == compression::Codec::none && detect(file.bytes) == FileKind::joblib_old) {
    codec = compression::Codec::zlib;
    packed = TRY(compression::joblib_zfile(file.bytes));
  }
  if (codec == compression::Codec::none) return file.bytes;
  packing = compression::codec_name(codec);
  out.format = packing + " compressed";
  out.unpacked = std::make_unique<std::string>(TRY(compression::inflate(codec, packed, {.bytes_max = options.bytes_max})));
  return bytes_of(*out.unpacked);
}

// A model by itself: no document of objects to look through.
bool is_whole_model(FileKind kind) {
  switch (kind) {
    case FileKind::onnx:
    case FileKind::xgboost:
    case FileKind::lightgbm_text:
    case FileKind::catboost:
    case FileKind::hdf5:
    case FileKind::keras_zip:
    case FileKind::torch_script:
    case FileKind::torch_export: return true;
    default: return false;
  }
}

Status open(const SourceFile& file, const Options& options, bool alone, std::span<const pickle::Sibling> siblings, Source& out) {
  std::string packing;
  const Bytes bytes = out.bytes = TRY(unpack(file, options, out, packing));
  const FileKind kind = detect(bytes);
  if (out.unpacked == nullptr) out.format = kind_title(kind);
  if (kind == FileKind::skops) {
    out.format = "skops";
    out.document = std::make_unique<pickle::Document>(TRY(skops::read(bytes)));
    return refuse_hostile_names(*out.document);
  }
  if (kind != FileKind::pickle) {
    out.format = kind_title(kind);
    if (is_whole_model(kind)) {
      out.whole = kind;
      if (alone) return ok();
      return Error(ErrorCode::model_refused, "this file is a whole model by itself: it can't be joined with other files");
    }
    return refuse_kind(kind);
  }
  const std::string in = packing.empty() ? std::string() : " (" + packing + ")";
  out.format = "pickle" + in;
  out.document = std::make_unique<pickle::Document>(TRY(pickle::read(bytes, {.packed_bytes = packing.empty() ? 0 : file.bytes.size()}, siblings)));
  if (out.document->is_joblib() || !packing.empty()) out.format = "joblib" + in;
  return refuse_hostile_names(*out.document);
}

}  // namespace

Result<std::vector<Source>> open_sources(std::span<const SourceFile> files, const Options& options, Report& report) {
  std::vector<pickle::Sibling> siblings;
  if (files.size() > 1) {
    for (const SourceFile& file : files) {
      if (is_sibling(file)) siblings.push_back({file.name, file.bytes});
    }
  }
  std::vector<Source> out;
  for (const SourceFile& file : files) {
    if (files.size() > 1 && is_sibling(file)) continue;
    Source source;
    source.name = file.name;
    const Status opened = open(file, options, files.size() == 1, siblings, source);
    if (out.empty()) report.format = source.format;
    if (!opened.ok()) return files.size() == 1 ? opened.error() : Error(opened.error()).within(file.name);
    out.push_back(std::move(source));
  }
  for (const pickle::Sibling& sibling : siblings) {
    if (sibling.used) continue;
    return Error(ErrorCode::model_refused,
                 sibling.name + " is a numpy array that none of the other files names: arrays alone are no model; leave it out");
  }
  if (out.empty()) return refuse_kind(FileKind::numpy);
  return out;
}

}  // namespace slipway::importers
