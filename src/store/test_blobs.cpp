// Blobs for tests: in memory, and a decorator that fails on request.
#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>

#include "slipway/base/ids.hpp"
#include "slipway/store/blobs.hpp"

namespace slipway::store {
namespace {

using Bytes = std::vector<std::byte>;

struct Shelf {
  std::mutex mutex;
  std::map<std::string, std::shared_ptr<const Bytes>, std::less<>> blobs;
};

class MemoryWriter final : public BlobWriter {
 public:
  MemoryWriter(std::shared_ptr<Shelf> shelf, std::string id) : shelf_(std::move(shelf)), id_(std::move(id)) {}
  Status write(std::span<const std::byte> bytes) override {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return ok();
  }
  Status commit() override {
    std::lock_guard lock(shelf_->mutex);
    const bool added = shelf_->blobs.try_emplace(id_, std::make_shared<const Bytes>(std::move(bytes_))).second;
    if (!added) return Error(ErrorCode::conflict, "a blob of that id exists");
    return ok();
  }

 private:
  std::shared_ptr<Shelf> shelf_;
  std::string id_;
  Bytes bytes_;
};

class MemoryReader final : public BlobReader {
 public:
  explicit MemoryReader(std::shared_ptr<const Bytes> bytes) : bytes_(std::move(bytes)) {}
  std::uint64_t size() const override { return bytes_->size(); }
  Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> into) const override {
    if (offset >= bytes_->size()) return std::size_t{0};
    const std::size_t count = std::min<std::size_t>(into.size(), bytes_->size() - offset);
    if (count > 0) std::memcpy(into.data(), bytes_->data() + offset, count);
    return count;
  }

 private:
  std::shared_ptr<const Bytes> bytes_;
};

class MemoryBlobs final : public Blobs {
 public:
  Result<std::unique_ptr<BlobWriter>> create(std::string_view id) override {
    if (!is_id(id)) return Error(ErrorCode::internal, "a blob's id is not an id");
    return std::unique_ptr<BlobWriter>(std::make_unique<MemoryWriter>(shelf_, std::string(id)));
  }
  Result<std::unique_ptr<BlobReader>> open(std::string_view id) override {
    std::lock_guard lock(shelf_->mutex);
    const auto found = shelf_->blobs.find(id);
    if (found == shelf_->blobs.end()) return Error(ErrorCode::not_found, "there is no such blob");
    return std::unique_ptr<BlobReader>(std::make_unique<MemoryReader>(found->second));
  }
  Result<bool> remove(std::string_view id) override {
    std::lock_guard lock(shelf_->mutex);
    return shelf_->blobs.erase(std::string(id)) > 0;
  }
  Result<std::vector<BlobInfo>> list() override {
    std::lock_guard lock(shelf_->mutex);
    std::vector<BlobInfo> list;
    for (const auto& [id, bytes] : shelf_->blobs) list.push_back({id, bytes->size(), 0});
    return list;
  }
  Result<std::uint64_t> free_bytes() override { return std::uint64_t{1} << 40; }

 private:
  std::shared_ptr<Shelf> shelf_ = std::make_shared<Shelf>();
};

class FaultyWriter final : public BlobWriter {
 public:
  FaultyWriter(std::unique_ptr<BlobWriter> inner, Fault fault, std::string id)
      : inner_(std::move(inner)), fault_(std::move(fault)), id_(std::move(id)) {}
  Status write(std::span<const std::byte> bytes) override {
    TRY(fault_("write", id_));
    return inner_->write(bytes);
  }
  Status commit() override {
    TRY(fault_("commit", id_));
    return inner_->commit();
  }

 private:
  std::unique_ptr<BlobWriter> inner_;
  Fault fault_;
  std::string id_;
};

class FaultyReader final : public BlobReader {
 public:
  FaultyReader(std::unique_ptr<BlobReader> inner, Fault fault, std::string id)
      : inner_(std::move(inner)), fault_(std::move(fault)), id_(std::move(id)) {}
  std::uint64_t size() const override { return inner_->size(); }
  Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> into) const override {
    TRY(fault_("read", id_));
    return inner_->read(offset, into);
  }

 private:
  std::unique_ptr<BlobReader> inner_;
  Fault fault_;
  std::string id_;
};

class FaultyBlobs final : public Blobs {
 public:
  FaultyBlobs(std::unique_ptr<Blobs> inner, Fault fault) : inner_(std::move(inner)), fault_(std::move(fault)) {}
  Result<std::unique_ptr<BlobWriter>> create(std::string_view id) override {
    TRY(fault_("create", id));
    return std::unique_ptr<BlobWriter>(std::make_unique<FaultyWriter>(TRY(inner_->create(id)), fault_, std::string(id)));
  }
  Result<std::unique_ptr<BlobReader>> open(std::string_view id) override {
    TRY(fault_("open", id));
    return std::unique_ptr<BlobReader>(std::make_unique<FaultyReader>(TRY(inner_->open(id)), fault_, std::string(id)));
  }
  Result<bool> remove(std::string_view id) override {
    TRY(fault_("remove", id));
    return inner_->remove(id);
  }
  Result<std::vector<BlobInfo>> list() override {
    TRY(fault_("list", ""));
    return inner_->list();
  }
  Result<std::uint64_t> free_bytes() override { return inner_->free_bytes(); }

 private:
  std::unique_ptr<Blobs> inner_;
  Fault fault_;
};

}  // namespace

std::unique_ptr<Blobs> make_memory_blobs() { return std::make_unique<MemoryBlobs>(); }

std::unique_ptr<Blobs> make_faulty_blobs(std::unique_ptr<Blobs> inner, Fault fault) {
  return std::make_unique<FaultyBlobs>(std::move(inner), std::move(fault));
}

}  // namespace slipway::store
