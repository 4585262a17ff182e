#include "slipway/formats/hdf5_heap.hpp"

#include <bit>
#include <vector>

namespace slipway::hdf5 {
namespace {

constexpr unsigned kHugeIndirect = 1;  // type of the B-tree of a heap's huge objects
constexpr std::size_t kNodePrefix = 6, kChecksum = 4;
constexpr unsigned kDepthMax = 64;

unsigned log2_of(std::uint64_t v) { return 63U - static_cast<unsigned>(std::countl_zero(v | 1)); }

// How many records fit in a node of each depth, and with how many bytes counts are written.
struct Level {
  std::uint64_t records_max = 0, all_max = 0;
  unsigned all_bytes = 0;  // of the count below a pointer; none at leaves
};

std::vector<Level> levels_of(std::uint64_t node_size, std::uint64_t record_size, unsigned depth, unsigned address_bytes) {
  std::vector<Level> levels(1);
  levels[0].records_max = levels[0].all_max = (node_size - kNodePrefix - kChecksum) / record_size;
  const unsigned count_bytes = bytes_for(levels[0].records_max);
  for (unsigned d = 1; d <= depth; ++d) {
    const std::uint64_t pointer = address_bytes + count_bytes + levels[d - 1].all_bytes;
    Level level;
    if (node_size >= kNodePrefix + kChecksum + pointer) level.records_max = (node_size - kNodePrefix - kChecksum - pointer) / (record_size + pointer);
    std::uint64_t all = 0;
    if (__builtin_mul_overflow(level.records_max + 1, levels[d - 1].all_max, &all) || __builtin_add_overflow(all, level.records_max, &all))
      all = kUndefined;
    level.all_max = all;
    level.all_bytes = bytes_for(all);
    levels.push_back(level);
  }
  return levels;
}

}  // namespace

// --- global heap

Result<GlobalHeap::Collection> GlobalHeap::read(Source& source, std::uint64_t address) {
  constexpr std::string_view kWhat = "a global heap collection";
  Cursor head = TRY(source.block(address, 8 + source.length_bytes(), "GCOL", 1, kWhat));
  head.skip(3);
  Cursor c = TRY(source.open(address, head.length(), kWhat));
  c.skip(8 + source.length_bytes());
  const std::size_t object_head = 8 + source.length_bytes();
  Collection out;
  while (c.left() >= object_head) {
    const std::uint16_t index = c.u16();
    c.skip(6);
    const std::uint64_t size = c.length();
    if (index == 0) break;  // the free space, to the end
    const std::string_view content = c.text(size);
    c.skip(std::min<std::uint64_t>(c.left(), (8 - size % 8) % 8));
    TRY(source.done(c, kWhat));
    out.emplace_back(index, content);
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  const auto twice = std::adjacent_find(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.first == b.first; });
  if (twice != out.end()) return source.fail(address, "a global heap collection has the object " + std::to_string(twice->first) + " twice");
  return out;
}

Result<std::string_view> GlobalHeap::object(Source& source, std::uint64_t collection, std::uint32_t index) {
  auto found = collections_.find(collection);
  if (found == collections_.end()) found = collections_.emplace(collection, TRY(read(source, collection))).first;
  const Collection& objects = found->second;
  const auto object = std::lower_bound(objects.begin(), objects.end(), index, [](const auto& o, std::uint32_t i) { return o.first < i; });
  if (object == objects.end() || object->first != index)
    return source.fail(collection, "a global heap collection has no object " + std::to_string(index));
  return object->second;
}

// --- version 2 B-trees

Status read_btree2(Source& source, std::uint64_t address, unsigned type, const TakeRecord& take) {
  constexpr std::string_view kWhat = "a version 2 B-tree";
  const std::size_t head_size = 22 + source.address_bytes() + source.length_bytes();
  Cursor c = TRY(source.block(address, head_size, "BTHD", 0, kWhat));
  TRY(source.check_sum(address, head_size, kWhat));
  const unsigned found_type = c.u8();
  const std::uint64_t node_size = c.u32(), record_size = c.u16();
  const unsigned depth = c.u16();
  c.skip(2);
  const std::uint64_t root = c.address(), root_records = c.u16(), all = c.length();
  TRY(source.done(c, kWhat));
  if (found_type != type)
    return source.fail(address, "a version 2 B-tree of type " + std::to_string(found_type) + " instead of " + std::to_string(type));
  if (record_size == 0 || node_size < kNodePrefix + kChecksum + record_size)
    return source.fail(address, "a version 2 B-tree whose nodes hold nothing");
  if (depth > kDepthMax) return source.fail(address, "a version 2 B-tree that is " + std::to_string(depth) + " deep");
  if (root == kUndefined || all == 0) return ok();
  const std::vector<Level> levels = levels_of(node_size, record_size, depth, source.address_bytes());
  const unsigned count_bytes = bytes_for(levels[0].records_max);

  struct Pending {
    std::uint64_t address, records;
    unsigned depth;
  };
  std::vector<Pending> open = {{root, root_records, depth}};
  std::uint64_t given = 0;
  while (!open.empty()) {
    const Pending node = open.back();
    open.pop_back();
    const Level& level = levels[node.depth];
    if (node.records > level.records_max) return source.fail(node.address, "a node of a version 2 B-tree has more records than fit in it");
    const std::uint64_t pointer = node.depth == 0 ? 0 : source.address_bytes() + count_bytes + levels[node.depth - 1].all_bytes;
    const std::uint64_t size = kNodePrefix + node.records * record_size + (node.depth == 0 ? 0 : (node.records + 1) * pointer) + kChecksum;
    Cursor n = TRY(source.block(node.address, size, node.depth == 0 ? "BTLF" : "BTIN", 0, "a node of a version 2 B-tree"));
    TRY(source.check_sum(node.address, size, "a node of a version 2 B-tree"));
    if (n.u8() != type) return source.fail(node.address, "a node of another version 2 B-tree");
    for (std::uint64_t i = 0; i < node.records; ++i, ++given) TRY(take(n.part(record_size)));
    if (node.depth == 0) continue;
    for (std::uint64_t i = 0; i <= node.records; ++i) {
      const std::uint64_t child = n.address(), records = n.number(count_bytes);
      n.skip(levels[node.depth - 1].all_bytes);
      open.push_back({child, records, node.depth - 1});
    }
  }
  if (given != all) return source.fail(address, "a version 2 B-tree has " + std::to_string(given) + " records, but says " + std::to_string(all));
  return ok();
}

// --- fractal heaps

Result<FractalHeap> FractalHeap::open(Source& source, std::uint64_t address) {
  constexpr std::string_view kWhat = "a fractal heap";
  const std::size_t size = 22 + 12 * source.length_bytes() + 3 * source.address_bytes() + kChecksum;
  Cursor c = TRY(source.block(address, size, "FRHP", 0, kWhat));
  FractalHeap heap;
  heap.address_ = address;
  heap.id_bytes_ = c.u16();
  const unsigned filter_bytes = c.u16();
  heap.checked_blocks_ = (c.u8() & 2) != 0;
  heap.managed_max_ = c.u32();
  c.length();  // next huge identifier
  heap.huge_tree_ = c.address();
  c.length();                              // free space
  c.address();                             // and who manages it
  for (int i = 0; i < 8; ++i) c.length();  // space and objects of each kind
  heap.table_width_ = c.u16();
  heap.start_size_ = c.length();
  heap.direct_max_ = c.length();
  heap.heap_bits_ = c.u16();
  c.skip(2);  // rows at the start
  heap.root_ = c.address();
  heap.root_rows_ = c.u16();
  TRY(source.done(c, kWhat));
  if (filter_bytes != 0) return source.fail(address, "a fractal heap with filters is not read");
  TRY(source.check_sum(address, size, kWhat));
  const bool powers = std::has_single_bit(heap.start_size_) && std::has_single_bit(heap.direct_max_) && std::has_single_bit(heap.table_width_);
  if (!powers || heap.start_size_ > heap.direct_max_ || heap.heap_bits_ == 0 || heap.heap_bits_ > 63 ||
      log2_of(heap.direct_max_) >= heap.heap_bits_ || heap.root_rows_ > 2U * 64 || heap.id_bytes_ < 2)
    return source.fail(address, "a fractal heap with sizes that make no sense");
  return heap;
}

Result<Cursor> FractalHeap::object(Source& source, Cursor id) {
  const std::size_t at = id.at();
  const unsigned head = id.u8(), kind = head >> 4 & 3;
  if (head >> 6 != 0) return source.fail(at, "a heap identifier has version " + std::to_string(head >> 6));
  if (kind == 0) {
    const unsigned offset_bytes = (heap_bits_ + 7) / 8, size_bytes = std::min((log2_of(direct_max_) + 7) / 8, bytes_for(managed_max_));
    const std::uint64_t offset = id.number(offset_bytes), size = id.number(size_bytes);
    TRY(source.done(id, "a heap identifier"));
    return managed(source, offset, size);
  }
  if (kind == 1) {
    if (id_bytes_ >= 1U + source.address_bytes() + source.length_bytes()) {  // the place itself fits into the identifier
      const std::uint64_t address = id.address(), size = id.length();
      TRY(source.done(id, "a heap identifier"));
      return source.open(address, size, "a huge heap object");
    }
    return huge(source, id.number(std::min<std::size_t>({id_bytes_ - 1, source.length_bytes(), 8})));
  }
  if (kind == 2 && id_bytes_ <= 17) {  // the object stands in the identifier
    const std::uint64_t size = (head & 0xF) + 1U;
    if (size > id.left()) return source.fail(at, "a heap identifier holds less than it says");
    return id.part(size);
  }
  return source.fail(at, "a heap identifier of an unknown kind");
}

Result<Cursor> FractalHeap::huge(Source& source, std::uint64_t id) {
  if (!huge_known_) {
    huge_known_ = true;
    if (huge_tree_ != kUndefined) {
      TRY(read_btree2(source, huge_tree_, kHugeIndirect, [&](Cursor record) -> Status {
        const std::uint64_t address = record.address(), length = record.length(), number = record.length();
        TRY(source.done(record, "a record of a huge heap object"));
        huge_[number] = {address, length};
        return ok();
      }));
    }
  }
  const auto found = huge_.find(id);
  if (found == huge_.end()) return source.fail(address_, "a fractal heap has no huge object " + std::to_string(id));
  return source.open(found->second.first, found->second.second, "a huge heap object");
}

// The child of an indirect block that covers an offset of the heap. Rows 0 and 1 hold blocks of the starting size, each further row doubles it.
Result<FractalHeap::Block> FractalHeap::step_down(Source& source, const Block& indirect, std::uint64_t offset) {
  constexpr std::string_view kWhat = "an indirect block of a fractal heap";
  const std::uint64_t head = 5 + source.address_bytes() + (heap_bits_ + 7) / 8;
  const std::uint64_t children = indirect.rows * table_width_;  // at most 128 * 2^15
  if (verified_.emplace(indirect.address, true).second) {
    const std::uint64_t size = head + children * source.address_bytes() + kChecksum;
    Cursor c = TRY(source.block(indirect.address, size, "FHIB", 0, kWhat));
    if (c.address() != address_ || c.number((heap_bits_ + 7) / 8) != indirect.offset)
      return source.fail(indirect.address, "an indirect block of another fractal heap");
    TRY(source.check_sum(indirect.address, size, kWhat));
  }
  const unsigned start_log = log2_of(start_size_), width_log = log2_of(table_width_);
  std::uint64_t within = offset - indirect.offset;
  for (std::uint64_t row = 0; row < indirect.rows; ++row) {
    const unsigned size_log = start_log + static_cast<unsigned>(row == 0 ? 0 : row - 1);
    if (size_log + width_log > 62) break;
    const std::uint64_t size = 1ULL << size_log;
    if (within >= size << width_log) {
      within -= size << width_log;
      continue;
    }
    const std::uint64_t column = within >> size_log;
    Cursor c = TRY(source.open(indirect.address + head + (row * table_width_ + column) * source.address_bytes(), source.address_bytes(), kWhat));
    Block child{.address = c.address(), .offset = offset - (within - (column << size_log)), .rows = 0, .size = size};
    if (size > direct_max_) {
      if (size_log < start_log + width_log) break;
      child.rows = size_log - start_log - width_log + 1;
    }
    return child;
  }
  return source.fail(indirect.address, "an indirect block of a fractal heap doesn't reach as far as an identifier says");
}

Status FractalHeap::verify_direct(Source& source, const Block& block) {
  if (!verified_.emplace(block.address, true).second) return ok();
  constexpr std::string_view kWhat = "a direct block of a fractal heap";
  Cursor c = TRY(source.block(block.address, block.size, "FHDB", 0, kWhat));
  if (c.address() != address_ || c.number((heap_bits_ + 7) / 8) != block.offset)
    return source.fail(block.address, "a direct block of another fractal heap");
  if (!checked_blocks_ || !source.verifies_checksums()) return ok();
  // The checksum stands behind the block's head and was made while it was zero there.
  std::string bytes(source.file().substr(block.address, block.size));
  const std::size_t at = c.at() - block.address;
  const std::uint32_t said = c.u32();
  TRY(source.done(c, kWhat));
  std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), kChecksum, '\0');
  if (lookup3(bytes) != said) return source.fail(block.address, "a direct block of a fractal heap has another checksum than it says: it is damaged");
  return ok();
}

Result<Cursor> FractalHeap::managed(Source& source, std::uint64_t offset, std::uint64_t size) {
  Block block{.address = root_, .offset = 0, .rows = root_rows_, .size = start_size_};  // a direct root has the starting size
  for (unsigned steps = 0; block.rows != 0; ++steps) {
    if (block.address == kUndefined || steps > kDepthMax) break;
    block = TRY(step_down(source, block, offset));
  }
  if (block.address == kUndefined || block.rows != 0 || offset < block.offset || offset - block.offset > block.size ||
      size > block.size - (offset - block.offset))
    return source.fail(address_, "a heap identifier that leads out of its fractal heap");
  TRY(verify_direct(source, block));
  return source.open(block.address + (offset - block.offset), size, "an object of a fractal heap");
}

}  // namespace slipway::hdf5
