// What was read of a file's structure: nodes, links, attributes, and where the data stand. For src/formats only.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "slipway/formats/hdf5.hpp"
#include "slipway/formats/hdf5_heap.hpp"
#include "slipway/formats/hdf5_source.hpp"
#include "slipway/formats/hdf5_types.hpp"

namespace slipway::hdf5 {

inline constexpr std::uint32_t kNoNode = ~0U;

struct Link {
  enum class Kind : std::uint8_t { hard, soft, external, other };
  std::string_view name;
  Kind kind = Kind::hard;
  std::uint64_t address = kUndefined;  // hard: the object's header
  std::size_t at = 0;                  // where the link stands
  std::uint32_t node = kNoNode;        // hard: filled while the tree is walked
};

struct Attribute {
  std::string_view name;
  Cursor message;  // of the whole message
};

enum class Index : std::uint8_t { btree1, single, implicit, fixed_array, extensible_array, btree2 };
struct Layout {
  enum class Kind : std::uint8_t { none, compact, contiguous, chunked };
  Kind kind = Kind::none;
  std::uint64_t address = kUndefined, size = 0;  // contiguous and compact: of the data; chunked: of the index, or of the single chunk
  std::vector<std::uint64_t> chunk;              // chunked: elements in each dimension
  Index index = Index::btree1;
  unsigned page_bits = 0;         // fixed array
  std::uint64_t packed_size = 0;  // a single chunk behind filters; 0: it has none
  std::uint32_t filter_mask = 0;  // of that chunk
  bool whole_edges = true;        // chunks at the edge are filtered as well
};

enum class FilterId : std::uint16_t { deflate = 1, shuffle = 2, fletcher32 = 3 };

struct Dataset {
  Type type;
  Space space;
  Layout layout;
  std::vector<FilterId> filters;
  std::string_view fill;                              // one element, or empty: zeros
  std::string refusal;                                // why it can't be read although it is sound
  std::size_t at = 0;                                 // of its header
  std::optional<std::span<const std::byte>> numbers;  // once they were read
  std::vector<std::byte> unpacked;                    // what `numbers` points into, unless it is the file
};

struct Node {
  enum class Kind : std::uint8_t { group, dataset, other };
  Kind kind = Kind::other;
  std::uint64_t address = 0;
  std::uint32_t parent = kNoNode;
  std::string_view name;
  std::vector<Link> links;            // sorted by name
  std::vector<Attribute> attributes;  // in the file's order
  std::unique_ptr<Dataset> dataset;
};

struct Tree {
  Source source;
  GlobalHeap heap;
  std::vector<Node> nodes;  // the first one is the root

  std::string path(std::uint32_t node) const;
};

// hdf5_objects.cpp: one object from its header; its links are not followed.
Result<Node> read_object(Source& source, std::uint64_t address);
// hdf5_groups.cpp: links into node.links.
struct GroupPlaces {
  std::uint64_t tree = kUndefined, local_heap = kUndefined;          // old groups
  std::uint64_t fractal_heap = kUndefined, name_index = kUndefined;  // large new ones
};
Status read_links(Source& source, const GroupPlaces& places, std::vector<Link>& links);
Result<Link> parse_link(Source& source, Cursor message);
Status sort_links(const Source& source, std::vector<Link>& links);
// hdf5_attributes.cpp
Result<Attribute> parse_attribute(Source& source, Cursor message);  // the name; the rest when it is asked for
Status read_dense_attributes(Source& source, std::uint64_t heap, std::uint64_t index, std::vector<Attribute>& attributes);
Result<Tensor> attribute_value(Source& source, GlobalHeap& heap, const Attribute& attribute);
// hdf5_layout.cpp: messages of a dataset.
Result<Layout> parse_layout(Source& source, Cursor message, std::string& refusal);
Result<std::vector<FilterId>> parse_filters(const Source& source, Cursor message, std::string& refusal);
// hdf5_data.cpp, hdf5_chunks.cpp: all elements as they stand in the file, filters undone.
Result<std::span<const std::byte>> raw_elements(Source& source, Dataset& dataset);
Status read_chunks(Source& source, const Dataset& dataset, std::span<std::byte> out);
// hdf5_filters.cpp
class Unpacked {
 public:
  explicit Unpacked(std::string_view in_file) : in_file_(in_file) {}
  std::string_view bytes() const { return is_owned_ ? std::string_view(owned_) : in_file_; }  // moves along with a short text
  void own(std::string bytes) {
    owned_ = std::move(bytes);
    is_owned_ = true;
  }
  void shorten(std::size_t size) {
    in_file_ = in_file_.substr(0, size);
    owned_.resize(std::min(size, owned_.size()));
  }

 private:
  std::string owned_;
  std::string_view in_file_;
  bool is_owned_ = false;
};
Result<Unpacked> undo_filters(Source& source, const Dataset& dataset, std::uint32_t mask, std::string_view packed, std::size_t chunk_bytes,
                              std::size_t at);

}  // namespace slipway::hdf5
