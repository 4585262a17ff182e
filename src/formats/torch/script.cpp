#include "slipway/formats/torch/script.hpp"

#include <algorithm>

#include "slipway/base/encoding.hpp"

namespace slipway::torch {
namespace {

using pickle::View;

constexpr std::size_t kCodeFilesMax = 20'000, kCodeBytesMax = 256ULL << 20;
constexpr int kMarksMax = 4;

Error refused(std::string what) { return {ErrorCode::model_refused, std::move(what)}; }

bool is_mark(const View& node) { return node.is(pickle::Kind::object) && node.module() == "torch.jit._pickle" && node.arguments() >= 1; }

Result<std::vector<CodeFile>> code_of(const Archive& archive) {
  constexpr std::string_view kFolder = "code/", kExtension = ".py";
  std::vector<CodeFile> out;
  std::size_t bytes = 0;
  for (const std::string_view name : archive.names()) {
    if (!name.starts_with(kFolder) || !name.ends_with(kExtension)) continue;
    if (out.size() >= kCodeFilesMax) return refused("more than " + std::to_string(kCodeFilesMax) + " files of code");
    if ((bytes += archive.zip->size_of(archive.folder + std::string(name))) > kCodeBytesMax)
      return refused("more than " + std::to_string(kCodeBytesMax) + " bytes of code");
    CodeFile file;
    file.module = name.substr(kFolder.size(), name.size() - kFolder.size() - kExtension.size());
    std::replace(file.module.begin(), file.module.end(), '/', '.');
    file.text = TRY(archive.text(name));
    if (!is_valid_utf8(file.text)) return refused(excerpt(name, 80) + " is no UTF-8 text");
    out.push_back(std::move(file));
  }
  std::sort(out.begin(), out.end(), [](const CodeFile& a, const CodeFile& b) { return a.module < b.module; });
  const auto same = std::adjacent_find(out.begin(), out.end(), [](const CodeFile& a, const CodeFile& b) { return a.module == b.module; });
  if (same != out.end()) return refused("the module " + excerpt(same->module, 80) + " is there twice");  // a/b.py and a.b.py
  return out;
}

}  // namespace

Result<ScriptArchive> ScriptArchive::open(std::span<const std::byte> bytes) {
  Archive archive = TRY(Archive::open(bytes));
  if (!archive.has("data.pkl") && archive.has("model.json"))
    return refused("it is TorchScript of PyTorch before 1.4: load it by a newer PyTorch and save it again by torch.jit.save");
  for (const char* needed : {"data.pkl", "constants.pkl"}) {
    if (!archive.has(needed)) return refused("the archive has no entry " + std::string(needed) + ": torch.jit.save didn't write it");
  }
  std::vector<CodeFile> code = TRY(code_of(archive));
  if (code.empty()) return refused("the archive has no code");
  TensorPickle object = TRY(archive.pickle("data.pkl", "data/"));
  TensorPickle constants = TRY(archive.pickle("constants.pkl", "constants/"));
  return ScriptArchive{std::move(object), std::move(constants), std::move(code), std::move(archive)};
}

const CodeFile* ScriptArchive::find(std::string_view module) const {
  const auto at = std::lower_bound(code.begin(), code.end(), module, [](const CodeFile& file, std::string_view name) { return file.module < name; });
  return at == code.end() || at->module != module ? nullptr : &*at;
}

View script_value(const View& node) {
  View at = node;
  for (int i = 0; i < kMarksMax && is_mark(at); ++i) {
    if (at.name() != "restore_type_tag" && !(at.name().starts_with("build_") && at.name().ends_with("list"))) break;
    at = *at.argument(0);
  }
  return at;
}

std::string script_type(const View& node) {
  if (!is_mark(node) || node.name() != "restore_type_tag" || node.arguments() < 2 || node.argument(1)->raw().size() > 4096) return "";
  const auto type = node.argument(1)->text();
  return type.ok() ? *type : "";
}

}  // namespace slipway::torch
