#include "slipway/importers/detect.hpp"

#include <algorithm>
#include <cctype>
#include <optional>

#include "slipway/formats/pickle.hpp"
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

FileKind zip_kind(std::string_view head, std::string_view tail) {
  auto holds = [&](std::string_view name) { return head.find(name) != head.npos || tail.find(name) != tail.npos; };
  if (holds("data.pkl") || holds("models/model.json") || holds("constants.pkl")) return FileKind::torch;
  if (holds("model.weights.h5") || (holds("metadata.json") && holds("config.json"))) return FileKind::keras_zip;
  if (holds("schema.json")) return FileKind::skops;
  if (holds(".npy")) return FileKind::numpy_archive;
  return FileKind::zip;
}

FileKind text_kind(std::string_view head) {
  const std::size_t start = head.find_first_not_of(" \t\r\n");
  if (start == std::string_view::npos) return FileKind::unknown;
  const std::string_view text = head.substr(start);
  if (begins(text, "version https://git-lfs")) return FileKind::git_lfs_pointer;
  if (begins(text, "tree\nversion=") || begins(text, "tree\r\nversion=")) return FileKind::lightgbm_text;
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
    {FileKind::hdf5, "HDF5 (Keras .h5)", "Keras models aren't read yet; export it to ONNX: model.export(\"model.onnx\", format=\"onnx\")"},
    {FileKind::torch, "PyTorch archive",
     "PyTorch models aren't read yet; export it to ONNX: torch.onnx.export(model.eval(), x, \"model.onnx\", dynamo=True)"},
    {FileKind::torch_legacy, "PyTorch file (before 1.6)",
     "PyTorch models aren't read yet; export it to ONNX: torch.onnx.export(model.eval(), x, \"model.onnx\", dynamo=True)"},
    {FileKind::keras_zip, "Keras archive (.keras)", "Keras models aren't read yet; export it to ONNX: model.export(\"model.onnx\", format=\"onnx\")"},
    {FileKind::skops, "skops archive", ""},
    {FileKind::numpy_archive, "numpy archive (.npz)", "arrays alone are no model; save the fitted model by joblib.dump(model, \"model.joblib\")"},
    {FileKind::zip, "zip archive", "an archive of files isn't read; upload the model file that is in it"},
    {FileKind::seven_zip, "7z archive", "an archive of files isn't read; upload the model file that is in it"},
    {FileKind::tar, "tar archive", "an archive of files isn't read; upload the model file that is in it"},
    {FileKind::numpy, "numpy array (.npy)", "an array alone is no model; save the fitted model by joblib.dump(model, \"model.joblib\")"},
    {FileKind::safetensors, "safetensors weights", "weights without their architecture aren't served yet; export the model to ONNX"},
    {FileKind::lightgbm_text, "LightGBM text model", ""},
    {FileKind::xgboost, "XGBoost model", ""},
    {FileKind::catboost, "CatBoost model", ""},
    {FileKind::saved_model, "TensorFlow SavedModel graph",
     "a SavedModel isn't read; export it to ONNX: python -m tf2onnx.convert --saved-model DIR --output model.onnx"},
    {FileKind::git_lfs_pointer, "Git LFS pointer",
     "this is Git LFS's note of where the file is, not the file: run git lfs pull and upload the model itself"},
    {FileKind::html, "HTML page", "this is a web page, perhaps of a download that needed a login; upload the model file itself"},
    {FileKind::json, "JSON document", "this JSON is no model that is read here"},
    {FileKind::python, "Python source", "this is source code; fit the model and save it by joblib.dump(model, \"model.joblib\")"},
    {FileKind::csv, "table of text", "this is data, not a model; save the fitted model by joblib.dump(model, \"model.joblib\")"},
    {FileKind::joblib_old, "joblib file (0.9 or older)",
     "these are the bytes of one array of a joblib file; give them together with the file that names them"},
    {FileKind::unknown, "unknown",
     "its content is of no model format that is read here (ONNX files; pickles, joblib and skops files of scikit-learn, XGBoost, LightGBM and "
     "CatBoost models, and these libraries' own files)"},
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
  if (begins(head, "PK\x03\x04"sv) || begins(head, "PK\x05\x06"sv)) {
    return zip_kind(text_of(bytes, 1 << 16), text_of(bytes.subspan(bytes.size() - std::min<std::size_t>(bytes.size(), 1 << 16)), 1 << 16));
  }
  if (begins(head, "7z\xBC\xAF\x27\x1C"sv)) return FileKind::seven_zip;
  if (begins(head, "\x93NUMPY"sv)) return FileKind::numpy;
  if (begins(head, "CBM1"sv)) return FileKind::catboost;
  if (begins(head, "ZF0x"sv)) return FileKind::joblib_old;
  if (begins(head, "binf"sv) || begins(head, "CONFIG-offset:"sv) || begins(head, "{L\0\0\0\0"sv) || boosting::looks_like_old_xgboost(head)) {
    return FileKind::xgboost;
  }
  if (begins(head, "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"sv)) return FileKind::torch_legacy;
  if (head.size() > 262 && begins(head.substr(257), "ustar"sv)) return FileKind::tar;
  if (head.size() > 9 && head[8] == '{' && begins(head.substr(4), "\0\0\0\0"sv)) return FileKind::safetensors;
  if (bytes[0] == std::byte{0x80}) return FileKind::pickle;  // PROTO, whatever version it claims
  if (looks_like_onnx(bytes)) return FileKind::onnx;
  if (pickle::looks_like_pickle(bytes)) {
    const FileKind text = text_kind(head);  // protocol 0 is text: prefer what text says plainly
    return text == FileKind::unknown || text == FileKind::csv || text == FileKind::json ? FileKind::pickle : text;
  }
  const FileKind text = text_kind(head);
  if (text == FileKind::unknown && head.find("saved_model") != head.npos) return FileKind::saved_model;
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
