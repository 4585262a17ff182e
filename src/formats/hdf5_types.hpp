// Datatypes, dataspaces, and what elements mean. For src/formats only.
#pragma once

#include "slipway/formats/hdf5_heap.hpp"
#include "slipway/formats/hdf5_source.hpp"

namespace slipway::hdf5 {

struct Type {
  enum class Padding : std::uint8_t { ends_at_nul, nuls, spaces };
  DType dtype = DType::undefined;
  std::size_t size = 0;     // bytes of an element in the file
  bool big_endian = false;  // numbers
  bool variable = false;    // texts in the global heap
  Padding padding = Padding::ends_at_nul;
  bool opaque = false;
  std::string refusal;  // why dtype is undefined
};
// Errors: a type that makes no sense. What makes sense and isn't read comes back with its refusal.
Result<Type> parse_type(const Source& source, Cursor c);

struct Space {
  Shape shape;
  std::vector<std::uint64_t> most;  // per dimension: its maximum; kUndefined: unlimited
  bool none = false;                // the null dataspace: shape is [0]
};
Result<Space> parse_space(const Source& source, Cursor c);

std::size_t elements(const Space& space);  // parse_space has refused what overflows

// Elements as numbers of this machine, in place. Booleans become 0 and 1.
void make_native(const Type& type, std::span<std::byte> elements);
// Elements, which are `data`, as texts. Errors name `at`.
Result<std::vector<std::string>> make_texts(Source& source, GlobalHeap& heap, const Type& type, std::string_view data, std::size_t at);
// One value of any readable type.
Result<Tensor> make_tensor(Source& source, GlobalHeap& heap, const Type& type, const Shape& shape, std::string_view data, std::size_t at);

}  // namespace slipway::hdf5
