// Messages of a dataset's header that say where its data are and what was done to them.
#include "slipway/formats/hdf5_tree.hpp"

namespace slipway::hdf5 {
namespace {

enum LayoutClass : unsigned { kCompact = 0, kContiguous = 1, kChunked = 2, kVirtual = 3 };
constexpr unsigned kDimensionsMax = 33;
constexpr std::string_view kWhat = "a data layout message";

void compact(Cursor& c, std::uint64_t size, Layout& layout) {
  layout.kind = Layout::Kind::compact;
  layout.address = c.at();
  layout.size = size;
  c.skip(size);
}

Status dimensions(const Source& source, Cursor& c, unsigned count, unsigned bytes, Layout& layout) {
  if (count < 2 || count > kDimensionsMax || bytes < 1 || bytes > 8)
    return source.fail(c.start(), "chunks of " + std::to_string(count) + " dimensions, written in " + std::to_string(bytes) + " bytes each");
  for (unsigned i = 0; i < count; ++i) layout.chunk.push_back(c.number(bytes));
  return ok();
}

// Versions 1 and 2, from HDF5 before 1.6.3: the dimensions stand in it for every class.
Status oldest(const Source& source, Cursor& c, Layout& layout, std::string& refusal) {
  const unsigned count = c.u8(), kind = c.u8();
  c.skip(5);
  if (kind > kChunked) {
    refusal = "a data layout of the unknown class " + std::to_string(kind) + " is not read";
    return ok();
  }
  if (kind != kCompact) layout.address = c.address();
  if (kind == kChunked) {
    layout.kind = Layout::Kind::chunked;
    return dimensions(source, c, count, 4, layout);
  }
  c.skip(4 * count);
  if (kind == kCompact) {
    compact(c, c.u32(), layout);
  } else {
    layout.kind = Layout::Kind::contiguous;
    layout.size = kUndefined;  // not said: what the dataspace needs
  }
  return ok();
}

Status chunk_index(const Source& source, Cursor& c, Layout& layout, std::string& refusal) {
  constexpr unsigned kPartialUnfiltered = 1, kSingleFiltered = 2;
  const unsigned flags = c.u8(), count = c.u8(), bytes = c.u8();
  layout.kind = Layout::Kind::chunked;
  layout.whole_edges = (flags & kPartialUnfiltered) == 0;
  TRY(dimensions(source, c, count, bytes, layout));
  const unsigned index = c.u8();
  switch (index) {
    case 1:
      layout.index = Index::single;
      if ((flags & kSingleFiltered) != 0) {
        layout.packed_size = c.length();
        layout.filter_mask = c.u32();
      }
      break;
    case 2: layout.index = Index::implicit; break;
    case 3:
      layout.index = Index::fixed_array;
      layout.page_bits = c.u8();
      break;
    case 4:
      layout.index = Index::extensible_array;
      c.skip(5);
      refusal = "chunks in an extensible array (a dataset with an unlimited dimension, in the newest form) are not read";
      break;
    case 5:
      layout.index = Index::btree2;
      c.skip(6);
      break;
    default: return source.fail(c.start(), "chunks with an index of the unknown type " + std::to_string(index));
  }
  layout.address = c.address();
  return ok();
}

Status newer(const Source& source, Cursor& c, unsigned version, Layout& layout, std::string& refusal) {
  const unsigned kind = c.u8();
  if (kind == kCompact) {
    compact(c, c.u16(), layout);
  } else if (kind == kContiguous) {
    layout.kind = Layout::Kind::contiguous;
    layout.address = c.address();
    layout.size = c.length();
  } else if (kind == kChunked && version == 3) {
    layout.kind = Layout::Kind::chunked;
    const unsigned count = c.u8();
    layout.address = c.address();
    return dimensions(source, c, count, 4, layout);
  } else if (kind == kChunked) {
    return chunk_index(source, c, layout, refusal);
  } else if (kind == kVirtual) {
    refusal = "it is a virtual dataset: its data stand in other files, which are not opened";
  } else {
    refusal = "a data layout of the unknown class " + std::to_string(kind) + " is not read";
  }
  return ok();
}

std::string filter_name(unsigned id, std::string_view name) {
  constexpr std::array<std::string_view, 7> kNames = {"", "deflate", "shuffle", "fletcher32", "szip", "nbit", "scaleoffset"};
  if (id < kNames.size()) return std::string(kNames[id]);
  name = name.substr(0, name.find('\0'));
  return name.empty() ? std::to_string(id) : std::to_string(id) + " (" + excerpt(name) + ")";
}

}  // namespace

Result<Layout> parse_layout(Source& source, Cursor c, std::string& refusal) {
  Layout layout;
  const unsigned version = c.u8();
  if (version < 1 || version > 5) return source.fail(c.start(), "a data layout has version " + std::to_string(version));
  std::string why;
  TRY(version < 3 ? oldest(source, c, layout, why) : newer(source, c, version, layout, why));
  TRY(source.done(c, kWhat));
  if (refusal.empty()) refusal = std::move(why);
  return layout;
}

Result<std::vector<FilterId>> parse_filters(const Source& source, Cursor c, std::string& refusal) {
  std::vector<FilterId> filters;
  const unsigned version = c.u8(), count = c.u8();
  if (version != 1 && version != 2) return source.fail(c.start(), "a filter pipeline has version " + std::to_string(version));
  if (count > 32) return source.fail(c.start(), "a filter pipeline of " + std::to_string(count) + " filters");
  if (version == 1) c.skip(6);
  for (unsigned i = 0; i < count && !c.failed(); ++i) {
    const unsigned id = c.u16();
    const unsigned name_size = version == 1 || id >= 256 ? c.u16() : 0;
    c.skip(2);  // flags
    const unsigned values = c.u16();
    const std::string_view name = c.text(version == 1 ? (name_size + 7) / 8 * 8 : name_size);
    c.skip(4 * values + (version == 1 && values % 2 == 1 ? 4 : 0));
    if (id < 1 || id > 3) {
      if (refusal.empty()) refusal = "the filter " + filter_name(id, name) + " is not read";
      continue;
    }
    filters.push_back(static_cast<FilterId>(id));
  }
  TRY(source.done(c, "a filter pipeline"));
  return filters;
}

}  // namespace slipway::hdf5
