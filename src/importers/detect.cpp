#include "slipway/importers/detect.hpp"

#include <algorithm>
#include <cctype>
#include <optional>

#include "slipway/formats/pickle.hpp"
#include "slipway/formats/safetensors.hpp"
#include "slipway/formats/torch/file.hpp"
#include "slipway/importers/archive_kind.hpp"
#include "slipway/importers/boosting/xgboost_model.hpp"

namespace slipway::importers {
namespace {

using Bytes = std::span<const std::byte>;

std::string_view text_of(Bytes bytes, std::size_t max) { return {reinterpret_cast<const char*>(bytes.data()), std::min(bytes.size(), max)}; }
bool begins(std::string_view text, std::string_view with) { return text.substr(0, with.size()) == with; }

std::optional<std::uint64_t> varint(Bytes bytes, std::size_t& at) {
  std::uint64_t value = 0;
  for (int shift = 0; shift < 64 && at < bytes.size(); shift += 7) {
    const auto b = static_cast<std::uint64_t>(bytes[at++]);
    value |= (b & 0x7F) << shift;
    if ((b & 0x80) == 0) return value;
  }
  return std::nullopt;
}

// A ModelProto: its fields with their wire types to the very end, and a graph (7) among them.
bool looks_like_onnx(Bytes bytes) {
  bool graph = false;
  bool opset = false;  // a model without a graph is a broken ONNX file: its reader says so
  for (std::size_t at = 0; at < bytes.size();) {
    const auto tag = varint(bytes, at);
    if (!tag) return false;
    const std::uint64_t field = *tag >> 3, wire = *tag & 7;
    const bool number = field == 1 || field == 5;
    const bool block = (field >= 2 && field <= 8 && field != 5) || field == 14 || field == 20 || field == 25 || field == 26;
    if (number && wire == 0) {
      if (!varint(bytes, at)) return false;
    } else if (block && wire == 2) {
      const auto size = varint(bytes, at);
      if (!size || *size > bytes.size() - at) return graph;  // cut off inside: still an ONNX file, a damaged one
      at += static_cast<std::size_t>(*size);
      graph = graph || field == 7;
      opset = opset || field == 8;
    } else {
      return false;
    }
  }
  return graph || opset;
}

// Core ML's Model: version (1), description (2), and the model itself, a block of a number from 200 on.
bool looks_like_core_ml(Bytes bytes) {
  bool version = false, description = false;
  for (std::size_t at = 0; at < bytes.size();) {
    const auto tag = varint(bytes, at);
    if (!tag) return false;
    const std::uint64_t field = *tag >> 3, wire = *tag & 7;
    if (wire == 0) {
      if (!varint(bytes, at)) return false;
      version = version || field == 1;
      continue;
    }
    const auto size = wire == 2 ? varint(bytes, at) : std::nullopt;
    if (!size) return false;
    if (field >= 200 && field < 3000) return version && description;
    if (*size > bytes.size() - at) return false;
    at += static_cast<std::size_t>(*size);
    description = description || field == 2;
  }
  return false;
}

// TensorFlow's SavedModel: schema version 1 (1), then graphs (2), each of which begins with what it is (1).
bool looks_like_saved_model(Bytes bytes) {
  if (bytes.size() < 6 || bytes[0] != std::byte{0x08} || bytes[1] != std::byte{1} || bytes[2] != std::byte{0x12}) return false;
  std::size_t at = 3;
  const auto size = varint(bytes, at);
  return size && *size <= bytes.size() - at && at < bytes.size() && bytes[at] == std::byte{0x0A};
}

FileKind text_kind(std::string_view head) {
  const std::size_t start = head.find_first_not_of(" \t\r\n");
  if (start == std::string_view::npos) return FileKind::unknown;
  const std::string_view text = head.substr(start);
  if (begins(text, "version https://git-lfs")) return FileKind::git_lfs_pointer;
  if (begins(text, "tree\nversion=") || begins(text, "tree\r\nversion=")) return FileKind::lightgbm_text;
  if ((begins(text, "<?xml") || begins(text, "<PMML")) && text.find("<PMML") != text.npos) return FileKind::pmml;
  if (begins(text, "<!DOCTYPE") || begins(text, "<!doctype") || begins(text, "<html") || begins(text, "<HTML")) return FileKind::html;
  if (std::any_of(text.begin(), text.end(), [](char c) { return c == 0; })) return FileKind::unknown;
  if (text[0] == '{' || text[0] == '[') return text.find("\"learner\"") != text.npos ? FileKind::xgboost : FileKind::json;
  if (begins(text, "import ") || begins(text, "from ") || begins(text, "#!") || text.find("\ndef ") != text.npos ||
      text.find("\nclass ") != text.npos) {
    return FileKind::python;
  }
  const std::string_view line = text.substr(0, text.find('\n'));
  if (text.find('\n') != text.npos && std::count(line.begin(), line.end(), ',') > 0) return FileKind::csv;
  return FileKind::unknown;
}

struct Known {
  FileKind kind;
  std::string_view title, help;
};
constexpr Known kKnown[] = {
    {FileKind::empty, "an empty file", "the file is empty"},
    {FileKind::onnx, "ONNX", ""},
    {FileKind::pickle, "pickle", ""},
    {FileKind::hdf5, "HDF5 (Keras .h5)", ""},
    {FileKind::torch, "PyTorch archive", ""},
    {FileKind::torch_legacy, "PyTorch file (before 1.6)", ""},
    {FileKind::torch_script, "TorchScript archive", ""},
    {FileKind::torch_export, "torch.export archive (.pt2)", ""},
    {FileKind::torch_package, "torch.package archive",
     "it is a package of Python code; take the model out of it and save that by torch.jit.save(torch.jit.trace(model, x), \"model.pt\")"},
    {FileKind::torch_tar, "PyTorch tar archive (0.1)",
     "files of PyTorch 0.1 aren't read; load it by PyTorch 1.13 or older and save it again by torch.save(model, \"model.pt\")"},
    {FileKind::keras_zip, "Keras archive (.keras)", ""},
    {FileKind::skops, "skops archive", ""},
    {FileKind::numpy_archive, "numpy archive (.npz)", "arrays alone are no model; save the fitted model by joblib.dump(model, \"model.joblib\")"},
    {FileKind::zip, "zip archive", "an archive of files isn't read; upload the model file that is in it"},
    {FileKind::seven_zip, "7z archive", "an archive of files isn't read; upload the model file that is in it"},
    {FileKind::tar, "tar archive", "an archive of files isn't read; upload the model file that is in it"},
    {FileKind::numpy, "numpy array (.npy)", "an array alone is no model; save the fitted model by joblib.dump(model, \"model.joblib\")"},
    {FileKind::safetensors, "safetensors weights", ""},
    {FileKind::lightgbm_text, "LightGBM text model", ""},
    {FileKind::xgboost, "XGBoost model", ""},
    {FileKind::catboost, "CatBoost model", ""},
    {FileKind::saved_model, "TensorFlow SavedModel",
     "a SavedModel isn't read; load it and save it as Keras does: model.save(\"model.keras\"), or convert it to ONNX: "
     "python -m tf2onnx.convert --saved-model DIR --output model.onnx"},
    {FileKind::tflite, "TensorFlow Lite model", "TensorFlow Lite isn't read; upload the .keras or .h5 file that it was made from"},
    {FileKind::pmml, "PMML document", "PMML isn't read; upload the model that it was made from: joblib.dump(model, \"model.joblib\")"},
    {FileKind::core_ml, "Core ML model", "Core ML isn't read; upload the model that it was converted from"},
    {FileKind::gguf, "GGUF language model", "language models in GGUF aren't served here; llama.cpp serves them"},
    {FileKind::git_lfs_pointer, "Git LFS pointer",
     "this is Git LFS's note of where the file is, not the file: run git lfs pull and upload the model itself"},
    {FileKind::html, "HTML page", "this is a web page, perhaps of a download that needed a login; upload the model file itself"},
    {FileKind::json, "JSON document", "this JSON is no model that is read here"},
    {FileKind::python, "Python source",
     "this is source code; of a PyTorch network upload the weights together with it, of scikit-learn the fitted model: joblib.dump(model, "
     "\"model.joblib\")"},
    {FileKind::csv, "table of text", "this is data, not a model; save the fitted model by joblib.dump(model, \"model.joblib\")"},
    {FileKind::joblib_old, "joblib file (0.9 or older)",
     "these are the bytes of one array of a joblib file; give them together with the file that names them"},
    {FileKind::unknown, "unknown",
     "its content is of no model format that is read here (ONNX files; Keras' .keras and .h5; pickles, joblib and skops files of scikit-learn, "
     "XGBoost, LightGBM and CatBoost models, and these libraries' own files)"},
};

const Known& known(FileKind kind) {
  return *std::find_if(std::begin(kKnown), std::end(kKnown) - 1, [&](const Known& k) { return k.kind == kind; });
}

}  // namespace

FileKind detect(Bytes bytes) {
  if (bytes.empty()) return FileKind::empty;
  const std::string_view head = text_of(bytes, 4096);
  using namespace std::string_view_literals;
  if (begins(head, "\x89HDF\r\n\x1a\n"sv)) return FileKind::hdf5;
  if (begins(head, "PK\x03\x04"sv) || begins(head, "PK\x05\x06"sv)) return zip_kind(bytes);
  if (begins(head, "7z\xBC\xAF\x27\x1C"sv)) return FileKind::seven_zip;
  if (begins(head, "\x93NUMPY"sv)) return FileKind::numpy;
  if (begins(head, "CBM1"sv)) return FileKind::catboost;
  if (begins(head, "ZF0x"sv)) return FileKind::joblib_old;
  if (begins(head, "binf"sv) || begins(head, "CONFIG-offset:"sv) || begins(head, "{L\0\0\0\0"sv) || boosting::looks_like_old_xgboost(head)) {
    return FileKind::xgboost;
  }
  if (begins(head, "GGUF"sv)) return FileKind::gguf;
  if (head.size() >= 8 && head.substr(4, 4) == "TFL3") return FileKind::tflite;
  if (torch::looks_legacy(bytes)) return FileKind::torch_legacy;
  if (head.size() > 262 && begins(head.substr(257), "ustar"sv)) return tar_kind(bytes);
  if (safetensors::looks_like(bytes)) return FileKind::safetensors;
  if (bytes[0] == std::byte{0x80}) return FileKind::pickle;  // PROTO, whatever version it claims
  if (looks_like_onnx(bytes)) return FileKind::onnx;
  if (looks_like_core_ml(bytes)) return FileKind::core_ml;
  if (looks_like_saved_model(bytes)) return FileKind::saved_model;
  if (pickle::looks_like_pickle(bytes)) {
    const FileKind text = text_kind(head);  // protocol 0 is text: prefer what text says plainly
    return text == FileKind::unknown || text == FileKind::csv || text == FileKind::json ? FileKind::pickle : text;
  }
  const FileKind text = text_kind(head);
  if (text == FileKind::unknown && bytes.back() == std::byte{'.'}) return FileKind::pickle;  // ends in STOP: its reader says what is wrong
  return text;
}

std::string_view kind_title(FileKind kind) { return known(kind).title; }

Error refuse_kind(FileKind kind) {
  const Known& k = known(kind);
  if (kind == FileKind::empty) return {ErrorCode::model_refused, std::string(k.help)};
  return {ErrorCode::model_refused,
          "the file is " + std::string(kind == FileKind::unknown ? "of an unknown format" : k.title) + ": " + std::string(k.help)};
}

}  // namespace slipway::importers
