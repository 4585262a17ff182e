// Attributes: messages of an object header, or objects of a fractal heap. Values are decoded when they are asked for.
#include "slipway/formats/hdf5_tree.hpp"

namespace slipway::hdf5 {
namespace {

constexpr unsigned kNameIndex = 8;  // type of the B-tree of an object's attributes
constexpr unsigned kSharedType = 1, kSharedSpace = 2;

struct Parts {
  std::string_view name;
  unsigned flags = 0;
  Cursor type, space, data;
};

Result<Parts> take_apart(const Source& source, Cursor c) {
  const std::size_t at = c.at();
  Parts parts;
  const unsigned version = c.u8();
  parts.flags = c.u8();
  if (version < 1 || version > 3) return source.fail(at, "an attribute has version " + std::to_string(version));
  if (version == 1) parts.flags = 0;
  const std::uint64_t name_size = c.u16(), type_size = c.u16(), space_size = c.u16();
  if (version == 3) c.skip(1);  // the name's character set
  const auto padded = [&](std::uint64_t size) { return version == 1 ? (size + 7) / 8 * 8 : size; };
  const std::string_view name = c.text(padded(name_size)).substr(0, name_size);
  parts.name = name.substr(0, name.find('\0'));
  parts.type = c.part(padded(type_size));
  parts.space = c.part(padded(space_size));
  parts.data = c;
  TRY(source.done(c, "an attribute"));
  return parts;
}

}  // namespace

Result<Attribute> parse_attribute(Source& source, Cursor message) {
  TRY(source.count_object(message.at()));
  const Parts parts = TRY(take_apart(source, message));
  return Attribute{.name = parts.name, .message = message};
}

Status read_dense_attributes(Source& source, std::uint64_t heap_address, std::uint64_t index, std::vector<Attribute>& attributes) {
  FractalHeap heap = TRY(FractalHeap::open(source, heap_address));
  return read_btree2(source, index, kNameIndex, [&](Cursor record) -> Status {
    const Cursor id = record.part(heap.id_bytes());
    if ((record.u8() & 2) != 0) return source.fail(id.at(), "an attribute that stands in a heap of shared messages is not read");
    attributes.push_back(TRY(parse_attribute(source, TRY(heap.object(source, id)))));
    return ok();
  });
}

Result<Tensor> attribute_value(Source& source, GlobalHeap& heap, const Attribute& attribute) {
  const Parts parts = TRY(take_apart(source, attribute.message));
  const std::size_t at = attribute.message.at();
  if ((parts.flags & kSharedType) != 0) return source.fail(at, "a datatype that stands elsewhere in the file (a committed one) is not read");
  if ((parts.flags & kSharedSpace) != 0) return source.fail(at, "a dataspace that stands elsewhere in the file is not read");
  const Type type = TRY(parse_type(source, parts.type));
  const Space space = TRY(parse_space(source, parts.space));
  if (!type.refusal.empty()) return source.fail(at, type.refusal);
  const auto bytes = checked_mul(elements(space), type.size);
  Cursor data = parts.data;
  if (!bytes || *bytes > data.left())
    return source.fail(at, "an attribute of " + shape_text(space.shape) + " elements in " + std::to_string(data.left()) + " bytes");
  return make_tensor(source, heap, type, space.shape, data.text(*bytes), at);
}

}  // namespace slipway::hdf5
