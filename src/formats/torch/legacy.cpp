// torch.save before 1.6: pickles of the magic number, the protocol, what machine wrote it, the object, the keys of its storages; then each
// storage as an int64 count and its elements, always little-endian, whatever the machine was.
#include <algorithm>
#include <map>
#include <set>

#include "slipway/base/encoding.hpp"
#include "slipway/formats/torch/file.hpp"

namespace slipway::torch {
namespace {

using pickle::Document;
using pickle::Kind;
using pickle::View;

constexpr std::int64_t kProtocol = 1001;
constexpr std::size_t kSourcesMax = 10'000;

Error refused(std::string what) { return {ErrorCode::model_refused, std::move(what)}; }

class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  Result<File> run() && {
    TRY(next("the magic number"));
    const Document protocol = TRY(next("the protocol"));
    const auto version = protocol.root().integer();
    if (!version.ok() || *version != kProtocol) return refused("it is of protocol " + protocol.root().describe() + "; PyTorch wrote 1001");
    TRY(next("the machine's description"));
    // The Document is at its last place before Views point at it.
    File file{File::Container::legacy, TensorPickle(TRY(next("the object")), Storages(), bytes_.size()), {}};
    file.sources = TRY(sources(file.pickle.document()));
    Storages storages = TRY(stretches(file.pickle.document()));
    file.pickle.set_storages(std::move(storages));
    return file;
  }

 private:
  Result<Document> next(std::string_view what) {
    std::size_t end = 0;
    auto document = TRY(pickle::read_first(bytes_.subspan(at_), end).within(std::string(what) + ", from byte " + std::to_string(at_)));
    at_ += end;
    return document;
  }

  Result<std::vector<ClassSource>> sources(const Document& document) const {
    std::vector<ClassSource> out;
    std::set<std::string> seen;
    std::size_t left = bytes_.size();  // one text can be many classes'
    for (const View& node : document.persistents()) {
      const View id = *node.persistent_id();
      if (!id.is(Kind::tuple) || id.size() != 4 || !id.at(0).is_text("module")) continue;
      if (!id.at(1).is(Kind::global)) continue;
      std::string name = id.at(1).qualified_name();
      if (!seen.insert(name).second) continue;
      if (out.size() >= kSourcesMax) return refused("more than " + std::to_string(kSourcesMax) + " classes with their source");
      const std::size_t size = id.at(2).raw().size() + id.at(3).raw().size();
      if (size > left) return refused("its classes have more source than the file");
      left -= size;
      const auto file = id.at(2).text(), text = id.at(3).text();
      if (text.ok()) out.push_back({std::move(name), file.ok() ? *file : std::string(), *text});
    }
    return out;
  }

  // The widths stand in the persistent ids only.
  Result<Storages> stretches(const Document& document) {
    std::map<std::string, StorageId> wanted;
    for (const View& node : document.persistents()) {
      if (!is_storage_id(node)) continue;
      StorageId id = TRY(storage_id(node));
      const auto [known, is_new] = wanted.emplace(id.key, id);
      if (!is_new && (known->second.dtype != id.dtype || known->second.numel != id.numel))
        return refused("storage " + excerpt(id.key, 60) + " is described in two ways");
    }
    const Document keys = TRY(next("the keys of the storages"));
    if (!keys.root().is(Kind::list)) return refused("the keys of the storages are " + keys.root().describe());
    Storages out;
    for (std::size_t i = 0; i < keys.root().size(); ++i) {
      const std::string key = TRY(keys.root().at(i).text());
      const auto found = wanted.find(key);
      if (found == wanted.end()) return refused("storage " + excerpt(key, 60) + " belongs to no tensor, or is there twice");
      out.add(key, TRY(stretch(found->second)));
      wanted.erase(found);
    }
    if (!wanted.empty()) return refused("the file has no storage '" + excerpt(wanted.begin()->first, 60) + "'");
    if (at_ != bytes_.size()) return refused(std::to_string(bytes_.size() - at_) + " bytes follow its last storage");
    return out;
  }

  Result<std::span<const std::byte>> stretch(const StorageId& id) {
    const std::string where = "storage " + excerpt(id.key, 60) + " at byte " + std::to_string(at_);
    if (bytes_.size() - at_ < 8) return refused(where + ": the file ends before it: is it complete?");
    std::uint64_t numel = 0;
    for (std::size_t i = 8; i-- > 0;) numel = numel << 8 | static_cast<std::uint64_t>(bytes_[at_ + i]);
    at_ += 8;
    if (numel != id.numel) return refused(where + " has " + std::to_string(numel) + " elements, its tensors say " + std::to_string(id.numel));
    const auto size = checked_mul(numel, dtype_size(id.dtype));
    if (!size || *size > bytes_.size() - at_)
      return refused(where + " has " + std::to_string(numel) + " elements, the file " + std::to_string(bytes_.size() - at_) +
                     " bytes more: is it complete?");
    const auto out = bytes_.subspan(at_, *size);
    at_ += *size;
    return out;
  }

  std::span<const std::byte> bytes_;
  std::size_t at_ = 0;
};

}  // namespace

Result<File> open_legacy(std::span<const std::byte> bytes) { return Reader(bytes).run(); }

}  // namespace slipway::torch
