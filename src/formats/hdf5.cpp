#include "slipway/formats/hdf5.hpp"

#include <unordered_map>

#include "slipway/formats/hdf5_tree.hpp"
#include "slipway/tensor/in_place.hpp"

namespace slipway::hdf5 {
namespace {

constexpr std::string_view kSignature = "\x89HDF\r\n\x1a\n";
constexpr std::size_t kFirstUserblock = 512, kPathShown = 200;

std::optional<std::size_t> find_superblock(std::string_view file) {
  for (std::size_t at = 0; at < file.size(); at = at == 0 ? kFirstUserblock : at * 2) {
    if (file.substr(at).starts_with(kSignature)) return at;
  }
  return std::nullopt;
}

struct Superblock {
  std::uint64_t end = 0, root = 0;  // the end: of the whole file, from its first byte
};

Result<Superblock> old_superblock(Source& source, Cursor c, unsigned version, std::size_t base) {
  c.skip(4);  // versions of the parts
  const unsigned address_bytes = c.u8(), length_bytes = c.u8();
  TRY(source.done(c, "a superblock"));
  TRY(source.set_widths(address_bytes, length_bytes, 0));
  Cursor rest = TRY(source.open(c.at(), std::min<std::uint64_t>(source.size() - c.at(), 80), "a superblock"));
  rest.skip(version == 0 ? 9 : 13);  // sizes of nodes, which say themselves how full they are
  const std::uint64_t said = rest.address();
  rest.address();
  Superblock out;
  out.end = rest.address();
  const std::uint64_t driver = rest.address();
  rest.address();  // of the root's name
  out.root = rest.address();
  TRY(source.done(rest, "a superblock"));
  if (driver != kUndefined) return source.fail(0, "it is one of several files that make one: its parts are not opened");
  if (said < base && !__builtin_add_overflow(out.end, base - said, &out.end)) return out;  // a userblock was put before it later
  return out;
}

Result<Superblock> new_superblock(Source& source, Cursor c, std::size_t base) {
  const unsigned address_bytes = c.u8(), length_bytes = c.u8();
  c.skip(1);
  TRY(source.done(c, "a superblock"));
  TRY(source.set_widths(address_bytes, length_bytes, 0));
  const std::size_t size = 16 + 4 * address_bytes;
  Cursor rest = TRY(source.open(0, size, "a superblock"));
  rest.skip(12);
  const std::uint64_t said = rest.address();
  rest.address();  // extension: driver, sizes of nodes, free space
  Superblock out;
  out.end = rest.address();
  out.root = rest.address();
  TRY(source.done(rest, "a superblock"));
  TRY(source.check_sum(0, size, "a superblock"));
  if (said < base && !__builtin_add_overflow(out.end, base - said, &out.end)) return out;
  return out;
}

Result<Superblock> read_superblock(Source& source, std::size_t base) {
  Cursor c = TRY(source.open(0, std::min<std::size_t>(source.size(), 16), "a superblock"));
  c.skip(kSignature.size());
  const unsigned version = c.u8();
  TRY(source.done(c, "a superblock"));
  if (version > 3) return source.fail(0, "a superblock has version " + std::to_string(version));
  return version < 2 ? old_superblock(source, c, version, base) : new_superblock(source, c, base);
}

// Follows hard links from the root, object by object. A group is reached by one name only: there are no cycles, and no short file is a
// large tree. Datasets may have several names.
Status walk(Tree& tree, std::uint64_t root) {
  std::unordered_map<std::uint64_t, std::uint32_t> known;
  tree.nodes.push_back(TRY(read_object(tree.source, root)));
  known.emplace(root, 0);
  if (tree.nodes[0].kind != Node::Kind::group) return tree.source.fail(root, "the root is no group");
  for (std::uint32_t parent = 0; parent < tree.nodes.size(); ++parent) {
    for (std::size_t i = 0; i < tree.nodes[parent].links.size(); ++i) {
      const Link link = tree.nodes[parent].links[i];
      if (link.kind != Link::Kind::hard) continue;
      const auto id = static_cast<std::uint32_t>(tree.nodes.size());
      const auto [found, fresh] = known.emplace(link.address, id);
      tree.nodes[parent].links[i].node = found->second;
      if (!fresh) {
        if (tree.nodes[found->second].kind == Node::Kind::group)
          return tree.source.fail(link.at, "a group is reached by two names (a cycle, or one group in two places): '" + excerpt(link.name) + "'");
        continue;
      }
      Node node = TRY(read_object(tree.source, link.address));
      node.parent = parent;
      node.name = link.name;
      tree.nodes.push_back(std::move(node));
    }
  }
  return ok();
}

const Link* find_link(const Node& node, std::string_view name) {
  const auto found = std::lower_bound(node.links.begin(), node.links.end(), name, [](const Link& a, std::string_view n) { return a.name < n; });
  return found == node.links.end() || found->name != name ? nullptr : &*found;
}

const Attribute* find_attribute(const Node& node, std::string_view name) {
  const auto found = std::find_if(node.attributes.begin(), node.attributes.end(), [&](const Attribute& a) { return a.name == name; });
  return found == node.attributes.end() ? nullptr : &*found;
}

// Messages quote the end of a long path.
std::string place(const Tree& tree, std::uint32_t node) {
  const std::string path = tree.path(node);
  return path.size() <= kPathShown ? excerpt(path, kPathShown) : "..." + excerpt(std::string_view(path).substr(path.size() - kPathShown), kPathShown);
}

Error refused(const Tree& tree, std::uint32_t node, std::string_view what) {
  return tree.source.fail(tree.nodes[node].address, what).within(place(tree, node));
}

}  // namespace

std::string Tree::path(std::uint32_t node) const {
  std::vector<std::string_view> names;
  for (; nodes[node].parent != kNoNode; node = nodes[node].parent) names.push_back(nodes[node].name);
  std::string out;
  for (std::size_t i = names.size(); i-- > 0;) out.append("/").append(names[i]);
  return out.empty() ? "/" : out;
}

bool looks_like_hdf5(std::span<const std::byte> bytes) { return find_superblock(as_text(bytes)).has_value(); }

Result<File> File::open(std::span<const std::byte> bytes, const Limits& limits) {
  const std::string_view file = as_text(bytes);
  const auto base = find_superblock(file);
  if (!base) return Error(ErrorCode::model_refused, "it is no HDF5 file: the signature is not at byte 0, 512, 1024, ...");
  auto tree = std::make_shared<Tree>();
  tree->source = Source(file.substr(*base), *base, limits);
  const Superblock super = TRY(read_superblock(tree->source, *base));
  if (super.end > file.size()) {
    return tree->source.fail(0, "the file was cut: it has " + std::to_string(file.size()) + " bytes of " + std::to_string(super.end) + ", " +
                                    std::to_string(super.end - file.size()) + " are missing");
  }
  if (super.end <= *base) return tree->source.fail(0, "the superblock says that the file ends before it");
  tree->source.set_end(super.end - *base);
  TRY(walk(*tree, super.root));
  return File(std::move(tree));
}

bool Object::is_group() const { return tree_->nodes[node_].kind == Node::Kind::group; }
bool Object::is_dataset() const { return tree_->nodes[node_].kind == Node::Kind::dataset; }
std::string Object::path() const { return tree_->path(node_); }

std::vector<std::string_view> Object::children() const {
  std::vector<std::string_view> out;
  for (const Link& link : tree_->nodes[node_].links) out.push_back(link.name);
  return out;
}

bool Object::has(std::string_view name) const { return find_link(tree_->nodes[node_], name) != nullptr; }

Result<Object> Object::child(std::string_view name) const {
  const Link* link = find_link(tree_->nodes[node_], name);
  if (link == nullptr) return refused(*tree_, node_, "there is no '" + excerpt(name, kPathShown) + "' in it");
  if (link->kind == Link::Kind::hard) return Object(tree_, link->node);
  const std::string_view what = link->kind == Link::Kind::soft       ? "is a soft link, which is not followed"
                                : link->kind == Link::Kind::external ? "is an external link: it leads to another file, which is not opened"
                                                                     : "is a link of an unknown kind";
  return tree_->source.fail(link->at, "'" + excerpt(name, kPathShown) + "' " + std::string(what)).within(place(*tree_, node_));
}

Result<Object> Object::at(std::string_view path) const {
  Object here = *this;
  while (!path.empty()) {
    const std::size_t end = std::min(path.find('/'), path.size());
    here = TRY(here.child(path.substr(0, end)));
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return here;
}

const Shape& Object::shape() const {
  static const Shape kNone;
  return is_dataset() ? tree_->nodes[node_].dataset->space.shape : kNone;
}

DType Object::dtype() const { return is_dataset() ? tree_->nodes[node_].dataset->type.dtype : DType::undefined; }

Result<Array> Object::read() const {
  Source& source = tree_->source;
  if (!is_dataset()) return refused(*tree_, node_, "it is no dataset");
  Dataset& d = *tree_->nodes[node_].dataset;
  if (!d.refusal.empty()) return refused(*tree_, node_, d.refusal);
  if (d.type.dtype == DType::string) return refused(*tree_, node_, "it holds texts instead of numbers");
  if (!d.numbers) {
    std::span<const std::byte> raw = TRY(raw_elements(source, d).within(place(*tree_, node_)));
    if (d.type.big_endian || d.type.dtype == DType::boolean) {
      if (d.unpacked.empty()) {
        TRY(source.give(raw.size(), d.at).within(place(*tree_, node_)));
        d.unpacked.assign(raw.begin(), raw.end());
      }
      make_native(d.type, d.unpacked);
      raw = d.unpacked;
    }
    d.numbers = raw;
  }
  return Array{.dtype = d.type.dtype, .shape = d.space.shape, .bytes = *d.numbers};
}

Result<Tensor> Object::tensor() const {
  Source& source = tree_->source;
  if (dtype() != DType::string) {
    const Array array = TRY(read());
    TRY(source.give(array.bytes.size(), tree_->nodes[node_].address).within(place(*tree_, node_)));
    return tensor_in_place(array.dtype, array.shape, as_text(array.bytes), source.lasting());
  }
  Dataset& d = *tree_->nodes[node_].dataset;
  if (!d.refusal.empty()) return refused(*tree_, node_, d.refusal);
  const std::string_view raw = as_text(TRY(raw_elements(source, d).within(place(*tree_, node_))));
  return make_tensor(source, tree_->heap, d.type, d.space.shape, raw, d.at).within(place(*tree_, node_));
}

std::vector<std::string_view> Object::attributes() const {
  std::vector<std::string_view> out;
  for (const Attribute& a : tree_->nodes[node_].attributes) out.push_back(a.name);
  return out;
}

bool Object::has_attribute(std::string_view name) const { return find_attribute(tree_->nodes[node_], name) != nullptr; }

Result<Tensor> Object::attribute(std::string_view name) const {
  const Attribute* found = find_attribute(tree_->nodes[node_], name);
  if (found == nullptr) return refused(*tree_, node_, "it has no attribute '" + excerpt(name) + "'");
  return attribute_value(tree_->source, tree_->heap, *found).within("attribute '" + excerpt(name) + "'").within(place(*tree_, node_));
}

Result<std::string> Object::text(std::string_view name) const {
  Tensor value = TRY(attribute(name));
  if (value.dtype() != DType::string || value.count() != 1) return refused(*tree_, node_, "its attribute '" + excerpt(name) + "' is no text");
  return std::move(value.strings()[0]);
}

Result<std::vector<std::string>> Object::texts(std::string_view name) const {
  Tensor value = TRY(attribute(name));
  // h5py writes an empty list as numbers.
  if (value.count() == 0) return std::vector<std::string>();
  if (value.dtype() != DType::string) return refused(*tree_, node_, "its attribute '" + excerpt(name) + "' is no list of texts");
  return std::move(value.strings());
}

}  // namespace slipway::hdf5
