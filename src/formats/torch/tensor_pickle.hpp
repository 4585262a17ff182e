// A pickle whose persistent ids are storages, which is what torch.save and TorchScript write: the inert document, and what in it is a
// tensor. Nothing is called; a tensor is recognised by the pattern of torch's rebuilding functions. For src/formats/torch and those on top.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "slipway/formats/pickle.hpp"
#include "slipway/formats/torch/tensor.hpp"
#include "slipway/formats/zip.hpp"

namespace slipway::torch {

// The storage types of torch's pickles: "FloatStorage" -> float32. Errors: model_refused by name.
Result<DType> dtype_of_storage(std::string_view type_name);

// ('storage', type, key, location, numel[, view]) of a persistent id.
struct StorageId {
  DType dtype = DType::undefined;  // uint8 of an UntypedStorage
  bool untyped = false;
  std::string key;
  std::uint64_t numel = 0;
  std::optional<std::pair<std::uint64_t, std::uint64_t>> part;  // offset and numel of a view into it (before 1.6)
};
Result<StorageId> storage_id(const pickle::View& persistent);
bool is_storage_id(const pickle::View& persistent);

// Where the bytes of storages are: entries of an archive, or stretches behind the pickles of the old format.
class Storages {
 public:
  Storages() = default;
  Storages(std::shared_ptr<zip::Archive> archive, std::string folder, bool big_endian)
      : archive_(std::move(archive)), folder_(std::move(folder)), big_endian_(big_endian) {}
  void add(std::string key, std::span<const std::byte> bytes) { stretches_.insert_or_assign(std::move(key), bytes); }
  Result<std::span<const std::byte>> find(const std::string& key) const;
  bool big_endian() const { return big_endian_; }

 private:
  std::shared_ptr<zip::Archive> archive_;
  std::string folder_;  // with its '/'
  bool big_endian_ = false;
  std::map<std::string, std::span<const std::byte>, std::less<>> stretches_;
};

class TensorPickle {
 public:
  TensorPickle(pickle::Document document, Storages storages, std::uint64_t file_bytes);

  pickle::View root() const { return document_->root(); }
  const pickle::Document& document() const { return *document_; }

  // Whether a node is a tensor of any kind, also of those that are refused.
  static bool is_tensor(const pickle::View& node);
  // Errors: model_refused with the node's path. Sparse, quantized, nested and meta tensors are refused by name.
  Result<TensorView> tensor(const pickle::View& node) const;
  void set_storages(Storages storages) { storages_ = std::move(storages); }  // of the old format, which names them only behind the pickle
  std::uint64_t file_bytes() const { return file_bytes_; }

 private:
  struct Call;
  static std::optional<Call> call_of(const pickle::View& node);
  Result<TensorView> rebuilt(const Call& call) const;
  Result<TensorView> placed(TensorView tensor, const pickle::View& storage, std::optional<DType> dtype) const;
  Result<std::pair<StorageId, std::span<const std::byte>>> storage(const pickle::View& node) const;
  Result<const TensorPickle*> inner_file(const pickle::View& bytes) const;

  std::unique_ptr<pickle::Document> document_;  // Views point at it: it must not move
  Storages storages_;
  std::uint64_t file_bytes_;
  std::unique_ptr<CopyBudget> copies_;                                             // the same for tensors that outlive a move of this
  std::unique_ptr<std::map<std::uint32_t, std::unique_ptr<TensorPickle>>> inner_;  // storages that are files within the pickle, by node
};

}  // namespace slipway::torch
