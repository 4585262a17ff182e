// Zip archives, read so that there is one reading only: the central directory must be complete and in order, every local header must agree
// with it (name, method, flags, sizes), entries don't overlap, names are unique and plain, CRCs are checked, nothing is encrypted, nothing
// stands before the first entry, between entries or behind the end. Methods stored and deflate; zip64. Pure; entries are views or copies.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "slipway/base/result.hpp"
#include "slipway/formats/compression.hpp"

namespace slipway::zip {

struct Limits {
  std::size_t entries_max = 200'000;
  std::uint64_t bytes_max = 4ULL << 30;  // of all entries that are inflated; stored ones cost nothing, they are views
};

class Archive {
 public:
  // `bytes` must outlive the archive and what it gives. Errors: model_refused with the entry's name and offset.
  static Result<Archive> open(std::span<const std::byte> bytes, const Limits& limits = {});

  std::vector<std::string_view> names() const;
  bool has(std::string_view name) const { return entries_.find(name) != entries_.end(); }
  std::uint64_t size_of(std::string_view name) const;  // unpacked, as the directory says; 0: no such entry
  // Unpacked and checked, once: the archive keeps what it has inflated.
  Result<std::span<const std::byte>> read(std::string_view name);

 private:
  struct Entry {
    std::uint32_t crc = 0;
    std::uint16_t method = 0, flags = 0;
    std::uint64_t packed = 0, unpacked = 0, local = 0;  // local: offset of the local header
    std::uint64_t data = 0;                             // offset of the data
    std::span<const std::byte> content;
    bool read = false;
  };
  Status read_directory(std::uint64_t at, std::uint64_t end, std::uint64_t count);
  Status check_local(std::string_view name, Entry& entry, std::uint64_t& end) const;

  std::span<const std::byte> bytes_;
  Limits limits_;
  std::map<std::string_view, Entry, std::less<>> entries_;
  std::deque<std::string> inflated_;
  std::uint64_t inflated_bytes_ = 0;
  compression::Pace pace_{compression::kDeflateRatioMax};  // of all entries together
};

}  // namespace slipway::zip
