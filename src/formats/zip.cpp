#include "slipway/formats/zip.hpp"

#include <zlib.h>

#include <algorithm>
#include <memory>

#include "slipway/base/encoding.hpp"

namespace slipway::zip {
namespace {

constexpr std::uint32_t kLocal = 0x04034b50, kCentral = 0x02014b50, kEnd = 0x06054b50, kEnd64 = 0x06064b50, kLocator64 = 0x07064b50,
                        kDescriptor = 0x08074b50;
constexpr std::size_t kLocalBytes = 30, kCentralBytes = 46, kEndBytes = 22, kEnd64Bytes = 56, kLocatorBytes = 20;
constexpr std::uint16_t kEncrypted = 1, kHasDescriptor = 8, kUtf8 = 0x800, kDeflateLevel = 6;
constexpr std::size_t kNameMax = 1024;
constexpr std::uint64_t kClaimMax = 1100, kClaimFree = 1 << 20;  // deflate packs no better
constexpr std::size_t kRoomMax = 4ULL << 20;                     // of one call of the decoder

Error refused(std::string what) { return {ErrorCode::model_refused, "the zip archive " + std::move(what)}; }
Error at_entry(std::string_view name, std::uint64_t offset, std::string_view what) {
  return refused("entry '" + excerpt(name, 100) + "' (at byte " + std::to_string(offset) + ") " + std::string(what));
}

std::uint64_t load(std::string_view text, std::uint64_t at, std::size_t bytes) {
  std::uint64_t v = 0;
  for (std::size_t i = bytes; i-- > 0;) v = v << 8 | static_cast<unsigned char>(text[at + i]);
  return v;
}

// The zip64 extra field's values stand in for those members that are all ones, in this order.
Status widen(std::string_view extra, std::initializer_list<std::pair<std::uint64_t*, std::uint64_t>> members, bool& seen) {
  for (std::size_t at = 0; at < extra.size();) {
    if (extra.size() - at < 4) return refused("has a damaged extra field");
    const std::uint64_t id = load(extra, at, 2), size = load(extra, at + 2, 2);
    if (size > extra.size() - at - 4) return refused("has a damaged extra field");
    if (id == 1) {
      if (seen) return refused("has two zip64 fields for one entry");
      seen = true;
      std::size_t from = at + 4;
      for (const auto& [member, ones] : members) {
        if (*member != ones) continue;
        if (from + 8 > at + 4 + size) return refused("has a zip64 field that is too short");
        *member = load(extra, from, 8);
        from += 8;
      }
    }
    at += 4 + size;
  }
  return ok();
}

bool plain_name(std::string_view name) {
  if (name.empty() || name.size() > kNameMax || name[0] == '/' || name.find('\\') != name.npos || !is_valid_utf8(name)) return false;
  if (std::any_of(name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == ':'; })) return false;
  for (std::size_t start = 0; start <= name.size();) {
    const std::size_t end = std::min(name.find('/', start), name.size());
    const std::string_view part = name.substr(start, end - start);
    if (part == ".." || part == "." || (part.empty() && end != name.size())) return false;
    start = end + 1;
  }
  return true;
}

}  // namespace

Status Archive::check_local(std::string_view name, Entry& entry, std::uint64_t& end) const {
  const std::string_view text = as_text(bytes_);
  const std::uint64_t at = entry.local;
  const auto wrong = [&](std::string_view what) { return at_entry(name, at, what); };
  if (at > text.size() || text.size() - at < kLocalBytes || load(text, at, 4) != kLocal) return wrong("has no local header");
  const std::uint64_t name_bytes = load(text, at + 26, 2), extra_bytes = load(text, at + 28, 2);
  if (name_bytes + extra_bytes > text.size() - at - kLocalBytes) return wrong("ends within its local header");
  if (text.substr(at + kLocalBytes, name_bytes) != name) return wrong("has another name in its local header");
  if (load(text, at + 6, 2) != entry.flags) return wrong("has other flags in its local header");
  if (load(text, at + 8, 2) != entry.method) return wrong("has another method in its local header");
  entry.data = at + kLocalBytes + name_bytes + extra_bytes;
  if (entry.packed > text.size() - entry.data) return wrong("is longer than the archive");
  end = entry.data + entry.packed;
  std::uint64_t packed = load(text, at + 18, 4), unpacked = load(text, at + 22, 4);
  const std::uint64_t crc = load(text, at + 14, 4);
  bool wide = false;
  TRY(widen(text.substr(at + kLocalBytes + name_bytes, extra_bytes), {{&unpacked, 0xFFFFFFFF}, {&packed, 0xFFFFFFFF}}, wide));
  if ((entry.flags & kHasDescriptor) == 0) {
    if (packed != entry.packed || unpacked != entry.unpacked || crc != entry.crc) return wrong("has another size or CRC in its local header");
    return ok();
  }
  if ((packed != 0 && packed != entry.packed) || (unpacked != 0 && unpacked != entry.unpacked) || (crc != 0 && crc != entry.crc))
    return wrong("has another size or CRC in its local header");
  // The descriptor behind the data, with or without its signature, with 4- or 8-byte sizes.
  for (const std::size_t signature : {std::size_t{4}, std::size_t{0}}) {
    for (const std::size_t width : {std::size_t{4}, std::size_t{8}}) {
      const std::size_t size = signature + 4 + 2 * width;
      if (text.size() - end < size || (signature != 0 && load(text, end, 4) != kDescriptor)) continue;
      const std::uint64_t p = end + signature;
      if (load(text, p, 4) != entry.crc || load(text, p + 4, width) != entry.packed || load(text, p + 4 + width, width) != entry.unpacked) continue;
      end += size;
      return ok();
    }
  }
  return wrong("has a data descriptor that says something else");
}

Status Archive::read_directory(std::uint64_t at, std::uint64_t end, std::uint64_t count) {
  const std::string_view text = as_text(bytes_);
  const std::uint64_t directory = at;
  if (count > limits_.entries_max) return refused("has " + std::to_string(count) + " entries, more than " + std::to_string(limits_.entries_max));
  std::vector<std::pair<std::uint64_t, std::uint64_t>> stretches;
  for (std::uint64_t i = 0; i < count; ++i) {
    if (end - at < kCentralBytes || load(text, at, 4) != kCentral) return refused("has a damaged directory at byte " + std::to_string(at));
    Entry entry;
    entry.flags = static_cast<std::uint16_t>(load(text, at + 8, 2));
    entry.method = static_cast<std::uint16_t>(load(text, at + 10, 2));
    entry.crc = static_cast<std::uint32_t>(load(text, at + 16, 4));
    entry.packed = load(text, at + 20, 4);
    entry.unpacked = load(text, at + 24, 4);
    std::uint64_t disk = load(text, at + 34, 2);
    entry.local = load(text, at + 42, 4);
    const std::uint64_t name_bytes = load(text, at + 28, 2), extra_bytes = load(text, at + 30, 2), comment_bytes = load(text, at + 32, 2);
    if (name_bytes + extra_bytes + comment_bytes > end - at - kCentralBytes) return refused("has a damaged directory at byte " + std::to_string(at));
    const std::string_view name = text.substr(at + kCentralBytes, name_bytes);
    if (!plain_name(name)) return at_entry(name, at, "has a name that is no plain relative path");
    bool wide = false;
    TRY(widen(text.substr(at + kCentralBytes + name_bytes, extra_bytes),
              {{&entry.unpacked, 0xFFFFFFFF}, {&entry.packed, 0xFFFFFFFF}, {&entry.local, 0xFFFFFFFF}}, wide));
    if ((entry.flags & kEncrypted) != 0) return at_entry(name, at, "is encrypted");
    if ((entry.flags & ~(kHasDescriptor | kUtf8 | kDeflateLevel)) != 0) return at_entry(name, at, "has flags that are not known");
    if (entry.method != 0 && entry.method != 8) return at_entry(name, at, "is packed by method " + std::to_string(entry.method));
    if (entry.method == 0 && entry.packed != entry.unpacked) return at_entry(name, at, "is stored, but with two sizes");
    if (disk != 0) return at_entry(name, at, "is on another disk");
    std::uint64_t data_end = 0;
    TRY(check_local(name, entry, data_end));
    stretches.emplace_back(entry.local, data_end);
    if (!entries_.emplace(name, entry).second) return at_entry(name, at, "is there twice");
    at += kCentralBytes + name_bytes + extra_bytes + comment_bytes;
  }
  if (at != end) return refused("has a directory with something else in it at byte " + std::to_string(at));
  std::sort(stretches.begin(), stretches.end());
  std::uint64_t expected = 0;
  for (const auto& [begin, stop] : stretches) {
    if (begin != expected) {
      return refused(begin < expected ? "has entries that overlap at byte " + std::to_string(begin)
                                      : "has bytes that belong to no entry at byte " + std::to_string(expected));
    }
    expected = stop;
  }
  if (expected != directory) return refused("has bytes that belong to no entry at byte " + std::to_string(expected));
  return ok();
}

Result<Archive> Archive::open(std::span<const std::byte> bytes, const Limits& limits) {
  Archive out;
  out.bytes_ = bytes;
  out.limits_ = limits;
  const std::string_view text = as_text(bytes);
  // No comment: the end record is the end of the file, and there is one place only where it can be.
  if (text.size() < kEndBytes) return refused("is too short");
  const std::uint64_t end = text.size() - kEndBytes;
  if (load(text, end, 4) != kEnd || load(text, end + 20, 2) != 0)
    return refused("doesn't end with its directory: it is cut off, or something follows it");
  std::uint64_t here = load(text, end + 8, 2), count = load(text, end + 10, 2), size = load(text, end + 12, 4), at = load(text, end + 16, 4);
  if (load(text, end + 4, 2) != 0 || load(text, end + 6, 2) != 0) return refused("is spread over several disks");
  std::uint64_t directory_end = end;
  const bool wide = here == 0xFFFF || count == 0xFFFF || size == 0xFFFFFFFF || at == 0xFFFFFFFF;
  if (wide || (end >= kLocatorBytes && load(text, end - kLocatorBytes, 4) == kLocator64)) {
    if (end < kLocatorBytes + kEnd64Bytes || load(text, end - kLocatorBytes, 4) != kLocator64) return refused("lacks its zip64 locator");
    const std::uint64_t record = load(text, end - kLocatorBytes + 8, 8);
    if (record != end - kLocatorBytes - kEnd64Bytes || load(text, record, 4) != kEnd64 || load(text, record + 4, 8) != kEnd64Bytes - 12)
      return refused("has a zip64 record that is not where it belongs");
    const std::uint64_t count64 = load(text, record + 32, 8), size64 = load(text, record + 40, 8), at64 = load(text, record + 48, 8);
    const auto agrees = [](std::uint64_t narrow, std::uint64_t ones, std::uint64_t wide_value) { return narrow == ones || narrow == wide_value; };
    if (load(text, record + 24, 8) != count64 || !agrees(count, 0xFFFF, count64) || !agrees(here, 0xFFFF, count64) ||
        !agrees(size, 0xFFFFFFFF, size64) || !agrees(at, 0xFFFFFFFF, at64))
      return refused("has two directories that disagree");
    here = count = count64;
    size = size64;
    at = at64;
    directory_end = record;
  }
  if (here != count) return refused("has two counts of its entries");
  if (at > directory_end || size != directory_end - at)
    return refused("has a directory that is not where it belongs: bytes were put before or behind it");
  TRY(out.read_directory(at, directory_end, count));
  return out;
}

std::vector<std::string_view> Archive::names() const {
  std::vector<std::string_view> out;
  for (const auto& [name, entry] : entries_) out.push_back(name);
  return out;
}

std::uint64_t Archive::size_of(std::string_view name) const {
  const auto found = entries_.find(name);
  return found == entries_.end() ? 0 : found->second.unpacked;
}

Result<std::span<const std::byte>> Archive::read(std::string_view name) {
  const auto found = entries_.find(name);
  if (found == entries_.end()) return refused("has no entry '" + excerpt(name, 100) + "'");
  Entry& entry = found->second;
  if (entry.read) return entry.content;
  if (entry.method != 0) {
    if (entry.unpacked > limits_.bytes_max - std::min(inflated_bytes_, limits_.bytes_max))
      return at_entry(name, entry.local, "makes the archive unpack to more than " + std::to_string(limits_.bytes_max) + " bytes");
    inflated_bytes_ += entry.unpacked;
  }
  const auto packed = bytes_.subspan(entry.data, entry.packed);
  if (entry.method == 0) {
    entry.content = packed;
  } else {
    if (entry.unpacked > kClaimFree && entry.unpacked / kClaimMax > entry.packed)
      return at_entry(name, entry.local, "claims to unpack to more than it can");
    std::string out;
    out.reserve(entry.unpacked);  // memory is taken where it is written
    z_stream z{};
    if (inflateInit2(&z, -15) != Z_OK) return at_entry(name, entry.local, "can't be unpacked: no memory");
    const auto done = [](z_stream* s) { inflateEnd(s); };
    const std::unique_ptr<z_stream, decltype(done)> guard(&z, done);
    std::size_t from = 0, to = 0;
    int state = Z_OK;
    char beyond = 0;
    while (state == Z_OK) {
      z.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(packed.data())) + from;
      z.avail_in = static_cast<uInt>(std::min<std::size_t>(packed.size() - from, 1U << 30));
      const bool full = to == entry.unpacked;
      out.resize(std::min<std::uint64_t>(entry.unpacked, to + kRoomMax));
      z.next_out = full ? reinterpret_cast<Bytef*>(&beyond) : reinterpret_cast<Bytef*>(out.data()) + to;
      z.avail_out = full ? 1 : static_cast<uInt>(out.size() - to);
      const uInt in = z.avail_in, room = z.avail_out;
      state = ::inflate(&z, Z_NO_FLUSH);
      from += in - z.avail_in;
      if (full && z.avail_out == 0) return at_entry(name, entry.local, "unpacks to more than it says");
      if (!full) to += room - z.avail_out;
      if (!pace_.plausible(room - z.avail_out, in - z.avail_in))
        return at_entry(name, entry.local, "unpacks to more than " + std::to_string(compression::kDeflateRatioMax) + " times its size");
      if (state == Z_OK && in == z.avail_in && room == z.avail_out) break;
    }
    if (state != Z_STREAM_END || from != packed.size() || to != entry.unpacked)
      return at_entry(name, entry.local, "is damaged, or unpacks to another size than it says");
    entry.content = as_bytes(std::string_view(inflated_.emplace_back(std::move(out))));
  }
  if (::crc32_z(0, reinterpret_cast<const Bytef*>(entry.content.data()), entry.content.size()) != entry.crc)
    return at_entry(name, entry.local, "has another CRC than it says: it is damaged");
  entry.read = true;
  return entry.content;
}

}  // namespace slipway::zip
