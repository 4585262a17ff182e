// What a file is, by its bytes and never by its name. Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "slipway/base/result.hpp"

namespace slipway::importers {

enum class FileKind {
  empty,
  onnx,
  pickle,
  hdf5,
  torch,          // torch.save's archive
  torch_legacy,   // torch.save before 1.6
  torch_script,   // torch.jit.save
  torch_export,   // torch.export.save, .pt2
  torch_package,  // torch.package
  torch_tar,      // torch.save of 0.1
  keras_zip,
  skops,
  numpy_archive,
  zip,
  seven_zip,
  tar,
  numpy,
  safetensors,
  lightgbm_text,
  xgboost,
  catboost,
  saved_model,
  git_lfs_pointer,
  html,
  json,
  python,
  csv,
  joblib_old,
  tflite,
  pmml,
  core_ml,
  gguf,
  unknown
};
FileKind detect(std::span<const std::byte> bytes);

// The refusal for a kind that isn't read: what the file is, and what to upload instead.
Error refuse_kind(FileKind kind);
std::string_view kind_title(FileKind kind);  // "HDF5 (Keras .h5)"

}  // namespace slipway::importers
