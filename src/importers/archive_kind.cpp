#include "slipway/importers/archive_kind.hpp"

#include <algorithm>
#include <string_view>
#include <vector>

#include "slipway/base/encoding.hpp"
#include "slipway/formats/zip.hpp"

namespace slipway::importers {
namespace {

constexpr std::size_t kEdge = 1 << 16, kTarEntriesMax = 10'000, kBlock = 512;

// "data.pkl" of "data.pkl" and of "model/data.pkl", not of "other_data.pkl".
bool is_entry(std::string_view name, std::string_view entry) {
  return name.ends_with(entry) && (name.size() == entry.size() || name[name.size() - entry.size() - 1] == '/');
}

class Names {
 public:
  explicit Names(std::vector<std::string_view> names) : names_(std::move(names)) {}
  bool has(std::string_view entry) const {
    return std::any_of(names_.begin(), names_.end(), [&](auto name) { return is_entry(name, entry); });
  }
  bool has_folder(std::string_view folder) const {  // at the root, or in the one folder that archives of PyTorch have
    return std::any_of(names_.begin(), names_.end(), [&](std::string_view name) {
      const std::size_t slash = name.find('/');
      return name.starts_with(folder) || (slash != name.npos && name.substr(slash + 1).starts_with(folder));
    });
  }
  bool all_end_with(std::string_view extension) const {
    return !names_.empty() && std::all_of(names_.begin(), names_.end(), [&](auto name) { return name.ends_with(extension); });
  }

 private:
  std::vector<std::string_view> names_;
};

FileKind kind_of(const Names& names) {
  if (names.has("archive_format") && names.has_folder("models/")) return FileKind::torch_export;
  if (names.has("models/model.json") || names.has("serialized_exported_program.json")) return FileKind::torch_export;
  if (names.has(".data/extern_modules")) return FileKind::torch_package;
  if (names.has("constants.pkl") || (names.has("model.json") && names.has_folder("code/"))) return FileKind::torch_script;
  if (names.has("data.pkl")) return FileKind::torch;
  if (names.has("schema.json")) return FileKind::skops;
  if (names.has("model.weights.h5") || (names.has("config.json") && names.has("metadata.json"))) return FileKind::keras_zip;
  if (names.has("saved_model.pb")) return FileKind::saved_model;
  if (names.has("Manifest.json") && names.has_folder("Data/com.apple.CoreML/")) return FileKind::core_ml;
  if (names.all_end_with(".npy")) return FileKind::numpy_archive;
  return FileKind::zip;
}

// Where the directory can't be read, its names stand at the end, and the first ones at the beginning.
FileKind damaged_zip_kind(std::string_view head, std::string_view tail) {
  const auto holds = [&](std::string_view name) { return head.find(name) != head.npos || tail.find(name) != tail.npos; };
  if (holds("models/model.json") || holds("serialized_exported_program.json")) return FileKind::torch_export;
  if (holds("constants.pkl")) return FileKind::torch_script;
  if (holds("data.pkl")) return FileKind::torch;
  if (holds("model.weights.h5") || (holds("metadata.json") && holds("config.json"))) return FileKind::keras_zip;
  if (holds("schema.json")) return FileKind::skops;
  if (holds(".npy")) return FileKind::numpy_archive;
  return FileKind::zip;
}

}  // namespace

FileKind zip_kind(std::span<const std::byte> bytes) {
  if (const auto archive = zip::Archive::open(bytes); archive.ok()) return kind_of(Names(archive->names()));
  const std::string_view text = as_text(bytes);
  return damaged_zip_kind(text.substr(0, kEdge), text.substr(text.size() - std::min(text.size(), kEdge)));
}

FileKind tar_kind(std::span<const std::byte> bytes) {
  const std::string_view text = as_text(bytes);
  std::vector<std::string_view> names;
  for (std::size_t at = 0; at + kBlock <= text.size() && names.size() < kTarEntriesMax;) {
    const std::string_view name = text.substr(at, std::min<std::size_t>(100, text.substr(at, 100).find('\0')));
    if (name.empty()) break;
    names.push_back(name);
    std::uint64_t size = 0;
    for (const char digit : text.substr(at + 124, 11)) {
      if (digit < '0' || digit > '7') break;
      size = size * 8 + static_cast<std::uint64_t>(digit - '0');
    }
    at += kBlock + (size + kBlock - 1) / kBlock * kBlock;
  }
  const Names all(std::move(names));
  if (all.has("storages") && all.has("tensors") && all.has("pickle")) return FileKind::torch_tar;
  return all.has("saved_model.pb") ? FileKind::saved_model : FileKind::tar;
}

}  // namespace slipway::importers
