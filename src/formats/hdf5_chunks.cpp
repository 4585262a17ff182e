// Chunked data: walks the chunk index in whichever form it stands, and puts each chunk where it belongs.
#include <unordered_set>

#include "slipway/formats/hdf5_tree.hpp"

namespace slipway::hdf5 {
namespace {

constexpr unsigned kChunkIndex = 10, kFilteredChunkIndex = 11;  // types of a B-tree of chunks
constexpr std::size_t kRankMost = 32;
using Place = std::array<std::uint64_t, kRankMost>;  // of a chunk in the grid of chunks

class ChunkReader {
 public:
  ChunkReader(Source& source, const Dataset& dataset, std::span<std::byte> out)
      : source_(source), d_(dataset), layout_(dataset.layout), rank_(dataset.space.shape.size()), out_(out) {
    chunk_bytes_ = d_.type.size;
    for (std::size_t i = 0; i < rank_; ++i) {
      const std::uint64_t chunk = layout_.chunk[i], size = static_cast<std::uint64_t>(d_.space.shape[i]);
      chunk_bytes_ *= chunk;  // check_layout has seen that it is no overflow
      grid_[i] = size / chunk + (size % chunk != 0 ? 1 : 0);
      const std::uint64_t most = d_.space.most[i];
      grid_most_[i] = most == kUndefined ? grid_[i] : most / chunk + (most % chunk != 0 ? 1 : 0);
      chunks_ *= grid_[i];  // no more than there are elements
    }
    seen_.resize(chunks_);
  }

  Status run() {
    if (layout_.address == kUndefined) return ok();  // nothing was written
    switch (layout_.index) {
      case Index::btree1: return btree1();
      case Index::single: return single();
      case Index::implicit: return implicit();
      case Index::fixed_array: return fixed_array();
      case Index::btree2: return btree2();
      case Index::extensible_array: break;  // refused where the layout was read
    }
    return source_.fail(d_.at, "a chunk index that is not read");
  }

 private:
  bool filtered() const { return !d_.filters.empty(); }

  // Version 1 B-tree: keys with the place in elements.
  Status btree1() {
    constexpr std::string_view kWhat = "a node of a B-tree of chunks";
    struct Pending {
      std::uint64_t address;
      int level;  // -1: whatever the root says
    };
    std::vector<Pending> open = {{layout_.address, -1}};
    std::unordered_set<std::uint64_t> seen;
    const std::size_t head = 8 + 2 * source_.address_bytes(), key = 8 + 8 * (rank_ + 1);
    while (!open.empty()) {
      const Pending node = open.back();
      open.pop_back();
      if (!seen.insert(node.address).second) return source_.fail(node.address, "a node of a B-tree of chunks is reached twice");
      Cursor c = TRY(source_.open(node.address, head, kWhat));
      if (c.text(4) != "TREE") return source_.fail(node.address, "a node of a B-tree of chunks doesn't begin with TREE");
      const unsigned type = c.u8();
      const int level = c.u8();
      const unsigned entries = c.u16();
      if (type != 1 || (node.level != -1 && level != node.level))
        return source_.fail(node.address, "a node of a B-tree of chunks has another type or level than it should");
      Cursor body = TRY(source_.open(node.address + head, entries * (key + source_.address_bytes()), kWhat));
      for (unsigned i = 0; i < entries; ++i) {
        const std::size_t at = body.at();
        const std::uint32_t size = body.u32(), mask = body.u32();
        Place place{};
        bool whole = true;
        for (std::size_t n = 0; n < rank_; ++n) {
          const std::uint64_t element = body.u64();
          whole = whole && element % layout_.chunk[n] == 0;
          place[n] = element / layout_.chunk[n];
        }
        whole = body.u64() == 0 && whole;
        const std::uint64_t child = body.address();
        if (level > 0) {
          open.push_back({child, level - 1});
          continue;
        }
        if (!whole) return source_.fail(at, "a chunk that doesn't begin where chunks begin");
        TRY(take(place, child, size, mask));
      }
    }
    return ok();
  }

  Status single() {
    if (chunks_ != 1) return source_.fail(d_.at, "a single chunk for " + std::to_string(chunks_));
    return take(Place{}, layout_.address, filtered() ? layout_.packed_size : chunk_bytes_, layout_.filter_mask);
  }

  // All chunks one behind the other, unpacked.
  Status implicit() {
    if (filtered()) return source_.fail(d_.at, "chunks without an index, but with filters");
    return each_place(grid_, [&](const Place& place, std::uint64_t) -> Status {
      std::uint64_t index = 0, offset = 0, address = 0;
      bool fits = true;
      for (std::size_t n = 0; n < rank_; ++n) {
        fits = fits && !__builtin_mul_overflow(index, grid_most_[n], &index) && !__builtin_add_overflow(index, place[n], &index);
      }
      fits = fits && !__builtin_mul_overflow(index, chunk_bytes_, &offset) && !__builtin_add_overflow(offset, layout_.address, &address);
      if (!fits) return source_.fail(d_.at, "a chunk beyond the file's end");
      return take(place, address, chunk_bytes_, 0);
    });
  }

  Status fixed_array() {
    constexpr std::string_view kWhat = "a fixed array of chunks";
    const std::size_t head_size = 12 + source_.length_bytes() + source_.address_bytes();
    Cursor c = TRY(source_.block(layout_.address, head_size, "FAHD", 0, kWhat));
    TRY(source_.check_sum(layout_.address, head_size, kWhat));
    const unsigned client = c.u8(), entry = c.u8(), page_bits = c.u8();
    const std::uint64_t count = c.length(), data = c.address();
    TRY(source_.done(c, kWhat));
    const std::size_t entry_least = source_.address_bytes() + (filtered() ? 5U : 0U);
    if (client != (filtered() ? 1U : 0U) || entry < entry_least || entry > entry_least + (filtered() ? 7U : 0U) || page_bits > 32)
      return source_.fail(layout_.address, "a fixed array of chunks with a head that makes no sense");
    std::uint64_t expected = 1;
    for (std::size_t n = 0; n < rank_; ++n) {
      if (__builtin_mul_overflow(expected, grid_most_[n], &expected))
        return source_.fail(layout_.address, "a fixed array of more chunks than there can be");
    }
    if (count != expected)
      return source_.fail(layout_.address, "a fixed array of " + std::to_string(count) + " chunks for " + std::to_string(expected));
    if (data == kUndefined) return ok();
    if (count > source_.size()) return source_.fail(layout_.address, "a fixed array of more chunks than the file can hold");
    return array_data(data, client, entry, page_bits, count);
  }

  // The elements, in one piece, or in pages with a bitmap of those that were ever written.
  Status array_data(std::uint64_t address, unsigned client, unsigned entry, unsigned page_bits, std::uint64_t count) {
    constexpr std::string_view kWhat = "the data block of a fixed array";
    const std::uint64_t page = 1ULL << page_bits, pages = count > page ? (count + page - 1) / page : 0;
    const std::uint64_t head = 6 + source_.address_bytes(), bitmap_bytes = (pages + 7) / 8;
    const std::uint64_t first = head + bitmap_bytes + (pages == 0 ? count * entry : 0) + 4;
    Cursor c = TRY(source_.block(address, first, "FADB", 0, kWhat));
    TRY(source_.check_sum(address, first, kWhat));
    if (c.u8() != client || c.address() != layout_.address) return source_.fail(address, "the data block of another fixed array");
    if (pages == 0) return array_elements(c, entry, 0, count);
    const std::string_view bitmap = c.text(bitmap_bytes);
    for (std::uint64_t p = 0; p < pages; ++p) {
      if ((static_cast<unsigned char>(bitmap[p / 8]) & 0x80U >> p % 8) == 0) continue;
      const std::uint64_t at = address + first + p * (page * entry + 4), here = std::min(page, count - p * page);
      Cursor elements = TRY(source_.open(at, here * entry + 4, "a page of a fixed array"));
      TRY(source_.check_sum(at, here * entry + 4, "a page of a fixed array"));
      TRY(array_elements(elements, entry, p * page, here));
    }
    return ok();
  }

  Status array_elements(Cursor c, unsigned entry, std::uint64_t first, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint64_t address = c.address();
      const std::uint64_t size = filtered() ? c.number(entry - source_.address_bytes() - 4) : chunk_bytes_;
      const std::uint32_t mask = filtered() ? c.u32() : 0;
      Place place{};
      std::uint64_t rest = first + i;
      bool inside = true;
      for (std::size_t n = rank_; n-- > 0;) {
        place[n] = rest % grid_most_[n];
        rest /= grid_most_[n];
        inside = inside && place[n] < grid_[n];
      }
      if (address != kUndefined && inside) TRY(take(place, address, size, mask));
    }
    return source_.done(c, "a fixed array");
  }

  // Version 2 B-tree: records with the place in the grid.
  Status btree2() {
    return read_btree2(source_, layout_.address, filtered() ? kFilteredChunkIndex : kChunkIndex, [&](Cursor record) -> Status {
      const std::size_t fixed = source_.address_bytes() + 8 * rank_ + 4, at = record.at();
      const std::uint64_t address = record.address();
      std::uint64_t size = chunk_bytes_;
      std::uint32_t mask = 0;
      if (filtered()) {
        if (record.left() + source_.address_bytes() <= fixed || record.left() + source_.address_bytes() > fixed + 8)
          return source_.fail(at, "a record of a chunk has a size that makes no sense");
        size = record.number(record.left() + source_.address_bytes() - fixed);
        mask = record.u32();
      }
      Place place{};
      for (std::size_t n = 0; n < rank_; ++n) place[n] = record.u64();
      TRY(source_.done(record, "a record of a chunk"));
      return take(place, address, size, mask);
    });
  }

  template <class Visit>
  Status each_place(const Place& grid, const Visit& visit) {
    Place place{};
    for (std::uint64_t i = 0; i < chunks_; ++i) {
      TRY(visit(place, i));
      for (std::size_t n = rank_; n-- > 0;) {
        if (++place[n] < grid[n]) break;
        place[n] = 0;
      }
    }
    return ok();
  }

  Status take(const Place& place, std::uint64_t address, std::uint64_t size, std::uint32_t mask) {
    std::uint64_t index = 0;
    bool edge = false;
    for (std::size_t n = 0; n < rank_; ++n) {
      if (place[n] >= grid_[n]) return source_.fail(d_.at, "a chunk that lies outside its dataset");
      index = index * grid_[n] + place[n];
      edge = edge || (place[n] + 1) * layout_.chunk[n] > static_cast<std::uint64_t>(d_.space.shape[n]);
    }
    if (seen_[index]) return source_.fail(d_.at, "a chunk that is there twice");
    seen_[index] = true;
    Cursor c = TRY(source_.open(address, size, "a chunk"));
    const std::string_view packed = c.text(size);
    if (!filtered() || (edge && !layout_.whole_edges)) {
      if (size != chunk_bytes_)
        return source_.fail(address, "a chunk of " + std::to_string(size) + " bytes instead of " + std::to_string(chunk_bytes_));
      put(place, packed);
      return ok();
    }
    TRY(source_.unpack(chunk_bytes_, address));
    const Unpacked unpacked = TRY(undo_filters(source_, d_, mask, packed, chunk_bytes_, address));
    put(place, unpacked.bytes());
    return ok();
  }

  // Copies what of the chunk lies within the dataset, run by run of the last dimension.
  void put(const Place& place, std::string_view chunk) {
    Place first{}, count{}, at{};
    for (std::size_t n = 0; n < rank_; ++n) {
      first[n] = place[n] * layout_.chunk[n];
      count[n] = std::min(layout_.chunk[n], static_cast<std::uint64_t>(d_.space.shape[n]) - first[n]);
    }
    const std::size_t last = rank_ - 1, run = count[last] * d_.type.size;
    for (bool more = true; more;) {
      std::size_t from = 0, to = 0;
      for (std::size_t n = 0; n < rank_; ++n) {
        from = from * layout_.chunk[n] + at[n];
        to = to * static_cast<std::size_t>(d_.space.shape[n]) + first[n] + at[n];
      }
      std::memcpy(out_.data() + to * d_.type.size, chunk.data() + from * d_.type.size, run);
      more = false;
      for (std::size_t n = last; n-- > 0;) {
        if (++at[n] < count[n]) {
          more = true;
          break;
        }
        at[n] = 0;
      }
    }
  }

  Source& source_;
  const Dataset& d_;
  const Layout& layout_;
  const std::size_t rank_;
  std::span<std::byte> out_;
  std::size_t chunk_bytes_ = 0;
  Place grid_{}, grid_most_{};  // chunks in each dimension, now and at its maximum
  std::uint64_t chunks_ = 1;
  std::vector<bool> seen_;
};

}  // namespace

Status read_chunks(Source& source, const Dataset& dataset, std::span<std::byte> out) { return ChunkReader(source, dataset, out).run(); }

}  // namespace slipway::hdf5
