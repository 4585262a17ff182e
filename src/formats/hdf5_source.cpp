#include "slipway/formats/hdf5_source.hpp"

#include <bit>

#include "slipway/formats/compression.hpp"

namespace slipway::hdf5 {
namespace {

// Every structure is read once, some prefixes twice. Beyond that, structures lie over one another.
constexpr std::uint64_t kReadFactor = 4, kReadFree = 1 << 20, kReadLeast = 32;
constexpr std::uint64_t kGivenFree = 16ULL << 20;  // and what deflate may make of the file

}  // namespace

Error Source::fail(std::size_t at, std::string_view what) const {
  return {ErrorCode::model_refused, "the HDF5 file at byte " + std::to_string(base_ + at) + ": " + std::string(what)};
}

Status Source::set_widths(unsigned address_bytes, unsigned length_bytes, std::size_t at) {
  for (const unsigned width : {address_bytes, length_bytes}) {
    if (width != 2 && width != 4 && width != 8) return fail(at, "addresses or lengths have " + std::to_string(width) + " bytes; 2, 4 and 8 are read");
  }
  address_bytes_ = address_bytes;
  length_bytes_ = length_bytes;
  return ok();
}

Status Source::spend(std::uint64_t bytes, std::size_t at) {
  spent_ += std::max(bytes, kReadLeast);  // bytes is at most the file's size: no overflow before the refusal
  if (spent_ > kReadFactor * file_.size() + kReadFree) return fail(at, "the same bytes are used again and again: structures lie over one another");
  return ok();
}

Status Source::count_object(std::size_t at) {
  if (++objects_ > limits_.objects_max)
    return fail(at, "more than " + std::to_string(limits_.objects_max) + " groups, datasets, links and attributes");
  return ok();
}

Status Source::count_made(std::uint64_t& so_far, std::uint64_t bytes, std::size_t at) const {
  const std::uint64_t most = std::min<std::uint64_t>(limits_.bytes_max, kGivenFree + compression::kDeflateRatioMax * file_.size());
  if (bytes > most - so_far) {
    return fail(at, "it would make the file unpack to more than " + std::to_string(most) + " bytes, of " + std::to_string(file_.size()));
  }
  so_far += bytes;
  return ok();
}

Status Source::give(std::uint64_t bytes, std::size_t at) { return count_made(given_, bytes, at); }
Status Source::unpack(std::uint64_t bytes, std::size_t at) { return count_made(unpacked_, bytes, at); }

Result<Cursor> Source::open(std::uint64_t address, std::uint64_t size, std::string_view what) {
  if (address > file_.size()) return fail(0, std::string(what) + " is said to be at address " + std::to_string(address) + ", beyond the file's end");
  if (size > file_.size() - address)
    return fail(address, std::string(what) + " has " + std::to_string(size) + " bytes, more than are left in the file");
  TRY(spend(size, address));
  return Cursor(file_, address, size, address_bytes_, length_bytes_);
}

Result<Cursor> Source::block(std::uint64_t address, std::uint64_t size, std::string_view signature, std::uint8_t version, std::string_view what) {
  Cursor c = TRY(open(address, size, what));
  if (c.text(4) != signature) return fail(address, std::string(what) + " doesn't begin with " + std::string(signature));
  const unsigned found = c.u8();
  if (found != version) return fail(address, std::string(what) + " has version " + std::to_string(found));
  return c;
}

Status Source::check_sum(std::uint64_t address, std::uint64_t size, std::string_view what) const {
  if (size < 4 || address > file_.size() || size > file_.size() - address) return fail(0, std::string(what) + " is too short for its checksum");
  if (!limits_.verify_checksums) return ok();
  Cursor c(file_, address + size - 4, 4, address_bytes_, length_bytes_);
  if (c.u32() != lookup3(file_.substr(address, size - 4)))
    return fail(address, std::string(what) + " has another checksum than it says: it is damaged");
  return ok();
}

Status Source::done(const Cursor& cursor, std::string_view what) const {
  if (cursor.failed()) return fail(cursor.start(), std::string(what) + " ends too early");
  return ok();
}

// Twelve bytes a round into three words; the last round, of up to twelve bytes, is mixed otherwise. Nothing: the start value.
std::uint32_t lookup3(std::string_view bytes) {
  std::uint32_t w[3];
  w[0] = w[1] = w[2] = 0xdeadbeefU + static_cast<std::uint32_t>(bytes.size());
  const auto add = [&](std::string_view from) {
    for (std::size_t i = 0; i < from.size(); ++i) w[i / 4] += static_cast<std::uint32_t>(static_cast<unsigned char>(from[i])) << (8 * (i % 4));
  };
  for (; bytes.size() > 12; bytes.remove_prefix(12)) {
    add(bytes.substr(0, 12));
    constexpr int kTurns[6] = {4, 6, 8, 16, 19, 4};
    for (int i = 0; i < 6; ++i) {
      std::uint32_t &a = w[i % 3], &b = w[(i + 1) % 3], &c = w[(i + 2) % 3];
      a = (a - c) ^ std::rotl(c, kTurns[i]);
      c += b;
    }
  }
  if (bytes.empty()) return w[2];
  add(bytes);
  constexpr int kTurns[7] = {14, 11, 25, 16, 4, 14, 24};
  for (int i = 0; i < 7; ++i) {  // c by b, a by c, b by a, and so on
    std::uint32_t &target = w[(i + 2) % 3], from = w[(i + 1) % 3];
    target = (target ^ from) - std::rotl(from, kTurns[i]);
  }
  return w[2];
}

}  // namespace slipway::hdf5
