// Deflate, shuffle and fletcher32 of one chunk, undone in the order opposite to that of writing.
#include <zlib.h>

#include "slipway/formats/compression.hpp"
#include "slipway/formats/hdf5_tree.hpp"

namespace slipway::hdf5 {
namespace {

constexpr std::size_t kSumBytes = 4, kRoomMax = 4ULL << 20, kClaimFree = 1 << 20, kClaimMax = 1100;  // deflate packs no better

// Unpacks to `most` bytes at most. Memory grows with what comes out, not with what is claimed.
Result<std::string> inflated(const Source& source, std::string_view packed, std::size_t most, std::size_t at) {
  if (most > kClaimFree && most / kClaimMax > packed.size()) return source.fail(at, "a chunk claims to unpack to more than it can");
  z_stream z{};
  if (inflateInit(&z) != Z_OK) return source.fail(at, "a chunk can't be unpacked: no memory");
  const auto end = [](z_stream* s) { inflateEnd(s); };
  const std::unique_ptr<z_stream, decltype(end)> guard(&z, end);
  compression::Pace pace(compression::kDeflateRatioMax);
  std::string out;
  std::size_t from = 0, to = 0;
  int state = Z_OK;
  char beyond = 0;
  while (state == Z_OK) {
    z.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(packed.data())) + from;
    z.avail_in = static_cast<uInt>(std::min<std::size_t>(packed.size() - from, 1U << 30));
    const bool full = to == most;
    if (!full) out.resize(std::min(most, to + kRoomMax));
    z.next_out = full ? reinterpret_cast<Bytef*>(&beyond) : reinterpret_cast<Bytef*>(out.data()) + to;
    z.avail_out = full ? 1 : static_cast<uInt>(out.size() - to);
    const uInt in = z.avail_in, room = z.avail_out;
    state = ::inflate(&z, Z_NO_FLUSH);
    from += in - z.avail_in;
    if (full && z.avail_out == 0) return source.fail(at, "a chunk unpacks to more than it should");
    if (!full) to += room - z.avail_out;
    if (!pace.plausible(room - z.avail_out, in - z.avail_in))
      return source.fail(at, "a chunk unpacks to more than " + std::to_string(compression::kDeflateRatioMax) + " times its size");
    if (state == Z_OK && in == z.avail_in && room == z.avail_out) break;
  }
  if (state != Z_STREAM_END) return source.fail(at, "a chunk's deflate stream is damaged");
  out.resize(to);
  return out;
}

// First bytes of all elements, then second bytes, and so on; what doesn't make a whole element stands behind, as it is.
std::string unshuffled(std::string_view bytes, std::size_t size) {
  std::string out(bytes);
  const std::size_t count = bytes.size() / size;
  for (std::size_t plane = 0; plane < size; ++plane) {
    for (std::size_t i = 0; i < count; ++i) out[i * size + plane] = bytes[plane * count + i];
  }
  return out;
}

// Fletcher's sum over 16-bit words, first byte high, modulo 65535.
std::uint32_t fletcher32(std::string_view bytes) {
  std::uint64_t low = 0, high = 0;
  const auto byte = [&](std::size_t i) -> std::uint32_t { return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0; };
  // HDF5 folds the sums, which leaves 65535 where a remainder would be 0 (but for sums that never were more than 0).
  const auto fold = [](std::uint64_t v) {
    while (v > 0xFFFF) v = (v & 0xFFFF) + (v >> 16);
    return v;
  };
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    low = fold(low + (byte(i) << 8 | byte(i + 1)));
    high = fold(high + low);
  }
  return static_cast<std::uint32_t>(high << 16 | low);
}

}  // namespace

Result<Unpacked> undo_filters(Source& source, const Dataset& dataset, std::uint32_t mask, std::string_view packed, std::size_t chunk_bytes,
                              std::size_t at) {
  Unpacked data(packed);
  const auto skipped = [&](std::size_t i) { return (mask >> i & 1) != 0; };
  for (std::size_t i = dataset.filters.size(); i-- > 0;) {
    if (skipped(i)) continue;
    switch (dataset.filters[i]) {
      case FilterId::deflate: {
        std::size_t sums = 0;  // that were put behind the chunk before it was packed
        for (std::size_t before = 0; before < i; ++before) sums += dataset.filters[before] == FilterId::fletcher32 && !skipped(before) ? 1 : 0;
        data.own(TRY(inflated(source, data.bytes(), chunk_bytes + sums * kSumBytes, at)));
        break;
      }
      case FilterId::shuffle:
        if (dataset.type.size > 1) data.own(unshuffled(data.bytes(), dataset.type.size));
        break;
      case FilterId::fletcher32: {
        const std::string_view all = data.bytes();
        if (all.size() < kSumBytes) return source.fail(at, "a chunk is too short for its checksum");
        const std::size_t size = all.size() - kSumBytes;
        Cursor sum(all, size, kSumBytes, 8, 8);
        if (source.verifies_checksums() && sum.u32() != fletcher32(all.substr(0, size)))
          return source.fail(at, "a chunk has another checksum than it says: it is damaged");
        data.shorten(size);
        break;
      }
    }
  }
  if (data.bytes().size() != chunk_bytes)
    return source.fail(at, "a chunk unpacks to " + std::to_string(data.bytes().size()) + " bytes instead of " + std::to_string(chunk_bytes));
  return data;
}

}  // namespace slipway::hdf5
