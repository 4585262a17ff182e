// Links of groups: old ones (a B-tree of symbol tables and a heap of names), link messages, and links in a fractal heap.
#include <unordered_set>

#include "slipway/formats/hdf5_tree.hpp"

namespace slipway::hdf5 {
namespace {

constexpr unsigned kNameIndex = 5;  // type of the B-tree of a group's links
constexpr std::size_t kScratch = 16;

Status check_name(const Source& source, std::string_view name, std::size_t at) {
  if (name.empty() || name == "." || name == ".." || name.find('/') != name.npos || name.find('\0') != name.npos)
    return source.fail(at, "a link has a name that no path can hold: '" + excerpt(name) + "'");
  return ok();
}

class OldGroup {
 public:
  OldGroup(Source& source, std::vector<Link>& links) : source_(source), links_(links) {}

  Status read(std::uint64_t tree, std::uint64_t local_heap) {
    TRY(open_heap(local_heap));
    struct Pending {
      std::uint64_t address;
      int level;  // -1: a symbol table; kAny: whatever the root says
    };
    constexpr int kAny = -2;
    std::vector<Pending> open = {{tree, kAny}};
    std::unordered_set<std::uint64_t> seen;
    while (!open.empty()) {
      const Pending node = open.back();
      open.pop_back();
      if (!seen.insert(node.address).second) return source_.fail(node.address, "a node of a group's B-tree is reached twice");
      if (node.level == -1) {
        TRY(symbols(node.address));
        continue;
      }
      constexpr std::string_view kWhat = "a node of a group's B-tree";
      const std::size_t head = 8 + 2 * source_.address_bytes();
      Cursor c = TRY(source_.open(node.address, head, kWhat));
      if (c.text(4) != "TREE") return source_.fail(node.address, "a node of a group's B-tree doesn't begin with TREE");
      const unsigned type = c.u8();
      const int level = c.u8();
      const unsigned entries = c.u16();
      if (type != 0 || (node.level != kAny && level != node.level))
        return source_.fail(node.address, "a node of a group's B-tree has another type or level than it should");
      const std::size_t entry = source_.length_bytes() + source_.address_bytes();
      Cursor body = TRY(source_.open(node.address + head, entries * entry, kWhat));
      for (unsigned i = 0; i < entries; ++i) {
        body.length();  // the key: a name, which the symbols have too
        open.push_back({body.address(), level - 1});
      }
    }
    return ok();
  }

 private:
  Status open_heap(std::uint64_t address) {
    constexpr std::string_view kWhat = "a local heap";
    Cursor c = TRY(source_.block(address, 8 + 2 * source_.length_bytes() + source_.address_bytes(), "HEAP", 0, kWhat));
    c.skip(3);
    const std::uint64_t size = c.length();
    c.length();  // free list
    const std::uint64_t data = c.address();
    TRY(source_.done(c, kWhat));
    if (data > source_.size() || size > source_.size() - data) return source_.fail(address, "a local heap that lies beyond the file's end");
    names_ = source_.file().substr(data, size);
    return ok();
  }

  Result<std::string_view> name(std::uint64_t offset, std::size_t at) {
    if (offset >= names_.size()) return source_.fail(at, "a link's name lies beyond its heap");
    const std::size_t end = names_.find('\0', offset);
    if (end == names_.npos) return source_.fail(at, "a link's name doesn't end within its heap");
    TRY(source_.spend(end - offset, at));
    return names_.substr(offset, end - offset);
  }

  Status symbols(std::uint64_t address) {
    constexpr std::string_view kWhat = "a symbol table";
    Cursor head = TRY(source_.block(address, 8, "SNOD", 1, kWhat));
    head.skip(1);
    const unsigned count = head.u16();
    const std::size_t entry = source_.length_bytes() + source_.address_bytes() + 8 + kScratch;
    Cursor c = TRY(source_.open(address + 8, count * entry, kWhat));
    for (unsigned i = 0; i < count; ++i) {
      Link link;
      link.at = c.at();
      TRY(source_.count_object(link.at));
      link.name = TRY(name(c.length(), link.at));
      link.address = c.address();
      if (c.u32() == 2) link.kind = Link::Kind::soft;
      c.skip(4 + kScratch);
      TRY(check_name(source_, link.name, link.at));
      links_.push_back(link);
    }
    return source_.done(c, kWhat);
  }

  Source& source_;
  std::vector<Link>& links_;
  std::string_view names_;
};

}  // namespace

Result<Link> parse_link(Source& source, Cursor c) {
  Link link;
  link.at = c.at();
  TRY(source.count_object(link.at));
  const unsigned version = c.u8(), flags = c.u8();
  if (version != 1) return source.fail(link.at, "a link has version " + std::to_string(version));
  const unsigned type = (flags & 8) != 0 ? c.u8() : 0;
  if ((flags & 4) != 0) c.skip(8);   // order of creation
  if ((flags & 16) != 0) c.skip(1);  // character set
  link.name = c.text(c.number(1U << (flags & 3)));
  if (type == 0) link.address = c.address();
  TRY(source.done(c, "a link"));
  TRY(check_name(source, link.name, link.at));
  link.kind = type == 0 ? Link::Kind::hard : type == 1 ? Link::Kind::soft : type == 64 ? Link::Kind::external : Link::Kind::other;
  return link;
}

Status read_links(Source& source, const GroupPlaces& places, std::vector<Link>& links) {
  if (places.tree != kUndefined) TRY(OldGroup(source, links).read(places.tree, places.local_heap));
  if (places.fractal_heap == kUndefined) return ok();
  FractalHeap heap = TRY(FractalHeap::open(source, places.fractal_heap));
  return read_btree2(source, places.name_index, kNameIndex, [&](Cursor record) -> Status {
    record.skip(4);  // hash of the name
    links.push_back(TRY(parse_link(source, TRY(heap.object(source, record.part(heap.id_bytes()))))));
    return ok();
  });
}

Status sort_links(const Source& source, std::vector<Link>& links) {
  std::sort(links.begin(), links.end(), [](const Link& a, const Link& b) { return a.name < b.name; });
  const auto twice = std::adjacent_find(links.begin(), links.end(), [](const Link& a, const Link& b) { return a.name == b.name; });
  if (twice != links.end()) return source.fail(twice->at, "a group has two links of one name: '" + excerpt(twice->name) + "'");
  return ok();
}

}  // namespace slipway::hdf5
