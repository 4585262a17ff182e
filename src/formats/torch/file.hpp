// What torch.save writes: a zip archive (since 1.6), or five pickles and raw storages behind them (before, and
// _use_new_zipfile_serialization=False). Nothing is executed; the classes in it are inert nodes. One thread.
//
//   const torch::File file = TRY(torch::File::open(bytes));
//   if (torch::TensorPickle::is_tensor(node)) { auto t = TRY(file.pickle.tensor(node)); ... t.materialise() ... }
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "slipway/formats/torch/tensor_pickle.hpp"

namespace slipway::torch {

// Before 1.6, torch.save kept the text of every pickled module's class beside it.
struct ClassSource {
  std::string name;  // "__main__.Net"; torch's own modules too: "torch.nn.modules.linear.Linear"
  std::string file;  // where it came from, for people
  std::string text;  // the class statement alone, without the imports above it
};

struct File {
  enum class Container { archive, legacy, pickle } container = Container::archive;
  TensorPickle pickle;
  std::vector<ClassSource> sources;  // legacy only; each class once

  // `bytes` must outlive the File and its tensors. Errors: model_refused, with the entry or the byte.
  static Result<File> open(std::span<const std::byte> bytes);
  // A document that pickle or joblib wrote: its tensors hold files of torch.save as bytes. `document`'s bytes must outlive the File.
  static File of_pickle(pickle::Document document, std::uint64_t file_bytes);
};

// The old format begins with a pickle of torch's number, of whatever protocol was asked for.
bool looks_legacy(std::span<const std::byte> bytes);

Result<File> open_legacy(std::span<const std::byte> bytes);  // legacy.cpp

// The archives of torch have everything in one folder of any name, which PyTorch calls the archive's name.
struct Archive {
  std::shared_ptr<zip::Archive> zip;
  std::string folder;  // with its '/'; empty: the entries stand at the root (torch.export before 2.8)
  bool big_endian = false;
  std::uint64_t bytes = 0;  // of the file

  static Result<Archive> open(std::span<const std::byte> bytes);
  bool has(std::string_view entry) const { return zip->has(folder + std::string(entry)); }
  Result<std::string_view> text(std::string_view entry) const;  // not checked to be UTF-8
  // `entry` as a pickle whose storages are the entries of `storages` ("data/").
  Result<TensorPickle> pickle(std::string_view entry, const std::string& storages) const;
  std::vector<std::string_view> names() const;  // without the folder
};

}  // namespace slipway::torch
