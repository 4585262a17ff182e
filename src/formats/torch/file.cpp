#include "slipway/formats/torch/file.hpp"

#include <algorithm>

#include "slipway/base/encoding.hpp"

namespace slipway::torch {
namespace {

Error refused(std::string what) { return {ErrorCode::model_refused, std::move(what)}; }

// The folder that every entry is in.
std::optional<std::string> common_folder(const zip::Archive& zip) {
  std::string_view folder;
  for (const std::string_view name : zip.names()) {
    const std::string_view mine = name.substr(0, name.find('/') == name.npos ? 0 : name.find('/') + 1);
    if (mine.empty() || (!folder.empty() && mine != folder)) return std::nullopt;
    folder = mine;
  }
  return std::string(folder);
}

}  // namespace

Result<Archive> Archive::open(std::span<const std::byte> bytes) {
  Archive out;
  out.zip = std::make_shared<zip::Archive>(TRY(zip::Archive::open(bytes)));
  out.folder = common_folder(*out.zip).value_or("");
  out.bytes = bytes.size();
  if (out.has("byteorder")) {
    const std::string_view order = TRY(out.text("byteorder"));
    if (order != "little" && order != "big") return refused("the entry 'byteorder' says '" + excerpt(order) + "', neither little nor big");
    out.big_endian = order == "big";
  }
  return out;
}

Result<std::string_view> Archive::text(std::string_view entry) const { return as_text(TRY(zip->read(folder + std::string(entry)))); }

Result<TensorPickle> Archive::pickle(std::string_view entry, const std::string& storages) const {
  const auto stream = TRY(zip->read(folder + std::string(entry)));
  auto document = TRY(pickle::read(stream, {.packed_bytes = bytes}).within(entry));
  return TensorPickle(std::move(document), Storages(zip, folder + storages, big_endian), bytes);
}

std::vector<std::string_view> Archive::names() const {
  std::vector<std::string_view> out;
  for (const std::string_view name : zip->names()) out.push_back(name.substr(folder.size()));
  return out;
}

bool looks_legacy(std::span<const std::byte> bytes) {
  constexpr std::string_view kMagic("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 13);
  std::string_view text = as_text(bytes);
  if (text.size() < 2 || text[0] != '\x80' || text[1] < 2 || text[1] > 5) return false;
  text.remove_prefix(2);
  if (text.size() >= 9 && text[0] == '\x95') text.remove_prefix(9);  // FRAME
  return text.starts_with(kMagic);
}

Result<File> File::open(std::span<const std::byte> bytes) {
  if (looks_legacy(bytes)) return open_legacy(bytes);
  const Archive archive = TRY(Archive::open(bytes));
  if (!archive.has("data.pkl")) return refused("the archive has no entry data.pkl in its folder: torch.save didn't write it");
  // 1.4 and 1.5, where this container was new, called the folder tensors/.
  const auto names = archive.names();
  const bool early = std::any_of(names.begin(), names.end(), [](auto name) { return name.starts_with("tensors/"); });
  return File{Container::archive, TRY(archive.pickle("data.pkl", early ? "tensors/" : "data/")), {}};
}

File File::of_pickle(pickle::Document document, std::uint64_t file_bytes) {
  return {Container::pickle, TensorPickle(std::move(document), Storages(), file_bytes), {}};
}

}  // namespace slipway::torch
