// Where HDF5 keeps small things: the global heap (texts of variable length), and fractal heaps with the version 2 B-trees that name what is
// in them (links of large groups, attributes of busy objects). For src/formats only.
#pragma once

#include <functional>
#include <unordered_map>
#include <vector>

#include "slipway/formats/hdf5_source.hpp"

namespace slipway::hdf5 {

// Collections are taken apart once, at the first text that is asked from them.
class GlobalHeap {
 public:
  Result<std::string_view> object(Source& source, std::uint64_t collection, std::uint32_t index);

 private:
  using Collection = std::vector<std::pair<std::uint16_t, std::string_view>>;  // sorted
  static Result<Collection> read(Source& source, std::uint64_t address);
  std::unordered_map<std::uint64_t, Collection> collections_;
};

// Gives every record of a version 2 B-tree, in order. `type`: the one that it must have. Records are of one size.
using TakeRecord = std::function<Status(Cursor record)>;
Status read_btree2(Source& source, std::uint64_t address, unsigned type, const TakeRecord& take);

class FractalHeap {
 public:
  static Result<FractalHeap> open(Source& source, std::uint64_t address);
  std::size_t id_bytes() const { return id_bytes_; }
  // What an identifier (of a B-tree's record) stands for.
  Result<Cursor> object(Source& source, Cursor id);

 private:
  Result<Cursor> managed(Source& source, std::uint64_t offset, std::uint64_t size);
  Result<Cursor> huge(Source& source, std::uint64_t id);
  struct Block {  // of the doubling table: its place, the heap offset where it begins, rows (0: a direct block), bytes of heap it covers
    std::uint64_t address = 0, offset = 0, rows = 0, size = 0;
  };
  Result<Block> step_down(Source& source, const Block& indirect, std::uint64_t offset);
  Status verify_direct(Source& source, const Block& block);

  std::uint64_t address_ = 0;
  std::size_t id_bytes_ = 0;
  std::uint64_t managed_max_ = 0, huge_tree_ = kUndefined;
  std::uint64_t table_width_ = 0, start_size_ = 0, direct_max_ = 0, root_ = kUndefined, root_rows_ = 0;
  unsigned heap_bits_ = 0;
  bool checked_blocks_ = false;
  bool huge_known_ = false;
  std::unordered_map<std::uint64_t, std::pair<std::uint64_t, std::uint64_t>> huge_;  // id: address and length
  std::unordered_map<std::uint64_t, bool> verified_;                                 // direct blocks and indirect ones, by address
};

}  // namespace slipway::hdf5
