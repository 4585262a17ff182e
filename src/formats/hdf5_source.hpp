// The file's bytes as the HDF5 readers see them: addresses checked, sizes checked, and a budget for all that is looked at. For src/formats
// only. Addresses count from the superblock; messages name bytes of the whole file.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "slipway/base/encoding.hpp"
#include "slipway/base/result.hpp"
#include "slipway/formats/hdf5.hpp"

namespace slipway::hdf5 {

inline constexpr std::uint64_t kUndefined = ~0ULL;  // the address of what isn't there

// A stretch of the file, read from its front. What lies beyond its end reads as zero and makes done() fail: one check behind a structure.
// A loop whose count the file says asks failed() or left() each time.
class Cursor {
 public:
  Cursor() = default;
  Cursor(std::string_view file, std::size_t at, std::size_t size, unsigned address_bytes, unsigned length_bytes)
      : file_(file), start_(at), at_(at), end_(at + size), address_bytes_(address_bytes), length_bytes_(length_bytes) {}

  std::uint64_t number(std::size_t bytes) {  // little endian, at most 8
    const std::string_view from = text(bytes);
    std::uint64_t v = 0;
    for (std::size_t i = from.size(); i-- > 0;) v = v << 8 | static_cast<unsigned char>(from[i]);
    return v;
  }
  std::uint8_t u8() { return static_cast<std::uint8_t>(number(1)); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(number(2)); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(number(4)); }
  std::uint64_t u64() { return number(8); }
  std::uint64_t address() {
    const std::uint64_t v = number(address_bytes_);
    return v == kUndefined >> (64 - 8 * address_bytes_) ? kUndefined : v;
  }
  std::uint64_t length() { return number(length_bytes_); }
  std::string_view text(std::uint64_t bytes) {  // empty when there is less
    if (failed_ || bytes > left()) {
      failed_ = true;
      return {};
    }
    at_ += bytes;
    return file_.substr(at_ - bytes, bytes);
  }
  void skip(std::uint64_t bytes) { (void)text(bytes); }
  Cursor part(std::uint64_t bytes) {  // the next bytes as a cursor of their own
    Cursor out(file_, at_, std::min<std::uint64_t>(bytes, left()), address_bytes_, length_bytes_);
    skip(bytes);
    out.failed_ = failed_;
    return out;
  }

  bool failed() const { return failed_; }
  std::size_t left() const { return end_ - at_; }
  std::size_t at() const { return at_; }
  std::size_t start() const { return start_; }
  unsigned address_bytes() const { return address_bytes_; }
  unsigned length_bytes() const { return length_bytes_; }

 private:
  std::string_view file_;
  std::size_t start_ = 0, at_ = 0, end_ = 0;
  unsigned address_bytes_ = 8, length_bytes_ = 8;
  bool failed_ = false;
};

class Source {
 public:
  Source() = default;
  // `file`: from the superblock to the end of file that it names; `base`: the superblock's place in the whole.
  Source(std::string_view file, std::size_t base, const Limits& limits) : file_(file), base_(base), limits_(limits) {}
  Status set_widths(unsigned address_bytes, unsigned length_bytes, std::size_t at);
  void set_end(std::size_t size) { file_ = file_.substr(0, size); }

  // A stretch that must lie in the file. Counted: structures that lie over one another can't be read again and again.
  Result<Cursor> open(std::uint64_t address, std::uint64_t size, std::string_view what);
  // The same, which begins with four characters and one byte of version; the cursor stands behind them.
  Result<Cursor> block(std::uint64_t address, std::uint64_t size, std::string_view signature, std::uint8_t version, std::string_view what);
  // The last four bytes of the stretch are the checksum of those before.
  Status check_sum(std::uint64_t address, std::uint64_t size, std::string_view what) const;
  bool verifies_checksums() const { return limits_.verify_checksums; }
  std::string_view lasting() const { return limits_.tensors_in_place ? file_ : std::string_view(); }  // what outlives tensors
  Status done(const Cursor& cursor, std::string_view what) const;
  Error fail(std::size_t at, std::string_view what) const;  // "the HDF5 file at byte N: what"

  Status spend(std::uint64_t bytes, std::size_t at);   // read from the file
  Status count_object(std::size_t at);                 // of Limits::objects_max
  Status give(std::uint64_t bytes, std::size_t at);    // made in memory, and kept
  Status unpack(std::uint64_t bytes, std::size_t at);  // made in memory for a moment

  std::string_view file() const { return file_; }
  std::size_t size() const { return file_.size(); }
  unsigned address_bytes() const { return address_bytes_; }
  unsigned length_bytes() const { return length_bytes_; }

 private:
  Status count_made(std::uint64_t& so_far, std::uint64_t bytes, std::size_t at) const;

  std::string_view file_;
  std::size_t base_ = 0;
  Limits limits_;
  unsigned address_bytes_ = 8, length_bytes_ = 8;
  std::uint64_t spent_ = 0, objects_ = 0, given_ = 0, unpacked_ = 0;
};

std::uint32_t lookup3(std::string_view bytes);  // Bob Jenkins' hash, which HDF5 uses as its checksum

// What the readers say where a number of bytes follows from a number of values: 1 for 0 to 255, 2 up to 65535, ...
inline unsigned bytes_for(std::uint64_t value) {
  unsigned bytes = 1;
  while (bytes < 8 && value >> (8 * bytes) != 0) ++bytes;
  return bytes;
}

}  // namespace slipway::hdf5
