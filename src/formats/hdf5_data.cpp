// The elements of a dataset.
#include "slipway/formats/hdf5_tree.hpp"

namespace slipway::hdf5 {

Result<std::span<const std::byte>> raw_elements(Source& source, Dataset& d) {
  const std::size_t bytes = elements(d.space) * d.type.size;  // no overflow: check_layout
  const Layout& layout = d.layout;
  if (bytes == 0) return std::span<const std::byte>();
  if (layout.kind != Layout::Kind::chunked && layout.address != kUndefined) {
    if (layout.size != kUndefined && bytes > layout.size)
      return source.fail(d.at, "a dataset of " + std::to_string(bytes) + " bytes of which " + std::to_string(layout.size) + " are in the file");
    Cursor c = TRY(source.open(layout.address, bytes, "a dataset's data"));
    return as_bytes(c.text(bytes));
  }
  TRY(source.give(bytes, d.at));
  d.unpacked.assign(bytes, std::byte{0});
  if (!d.fill.empty()) {
    for (std::size_t at = 0; at < bytes; at += d.type.size) std::memcpy(d.unpacked.data() + at, d.fill.data(), d.type.size);
  }
  if (layout.kind == Layout::Kind::chunked) TRY(read_chunks(source, d, d.unpacked));
  return std::span<const std::byte>(d.unpacked);
}

}  // namespace slipway::hdf5
