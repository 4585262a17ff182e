// Object headers: the messages of one object, over all its blocks, and what they make it.
#include <unordered_set>

#include "slipway/formats/hdf5_tree.hpp"

namespace slipway::hdf5 {
namespace {

enum MessageType : unsigned {
  kDataspace = 1,
  kLinkInfo = 2,
  kDatatype = 3,
  kOldFill = 4,
  kFill = 5,
  kLink = 6,
  kExternalFiles = 7,
  kLayout = 8,
  kGroupInfo = 0xA,
  kFilters = 0xB,
  kAttribute = 0xC,
  kContinuation = 0x10,
  kSymbolTable = 0x11,
  kAttributeInfo = 0x15,
  kKnownMax = 0x18
};
constexpr unsigned kShared = 0x02, kMustKnow = 0x80;

struct Message {
  unsigned type = 0, flags = 0;
  Cursor content;
};

struct Block {
  std::uint64_t address, size;
};

class Header {
 public:
  Header(Source& source, std::uint64_t address) : source_(source), address_(address) {}

  Result<std::vector<Message>> read() {
    const bool second = address_ <= source_.size() && source_.file().substr(address_, 4) == "OHDR";
    TRY(second ? start_second() : start_first());
    while (!open_.empty()) {
      const Block block = open_.back();
      open_.pop_back();
      if (!seen_.insert(block.address).second) return source_.fail(block.address, "an object header that continues in itself");
      if (!second) {
        TRY(messages(TRY(source_.open(block.address, block.size, kWhat)), 8));
        continue;
      }
      if (block.size < 8) return source_.fail(address_, "a continuation of an object header that is too short");
      Cursor c = TRY(source_.open(block.address, block.size, kWhat));
      if (c.text(4) != "OCHK") return source_.fail(block.address, "a continuation of an object header doesn't begin with OCHK");
      TRY(source_.check_sum(block.address, block.size, kWhat));
      TRY(messages(c.part(block.size - 8), 4U + (ordered_ ? 2 : 0)));
    }
    return std::move(found_);
  }

 private:
  static constexpr std::string_view kWhat = "an object header";

  Status start_first() {
    Cursor c = TRY(source_.open(address_, 16, kWhat));
    const unsigned version = c.u8();
    if (version != 1) return source_.fail(address_, "an object header has version " + std::to_string(version));
    c.skip(7);
    open_.push_back({address_ + 16, c.u32()});
    return ok();
  }

  Status start_second() {
    Cursor c = TRY(source_.open(address_, std::min<std::uint64_t>(34, source_.size() - address_), kWhat));
    c.skip(4);
    const unsigned version = c.u8(), flags = c.u8();
    if (version != 2) return source_.fail(address_, "an object header has version " + std::to_string(version));
    if ((flags & 0x20) != 0) c.skip(16);  // times
    if ((flags & 0x10) != 0) c.skip(4);   // when attributes go elsewhere
    const std::uint64_t size = c.number(1U << (flags & 3));
    TRY(source_.done(c, kWhat));
    ordered_ = (flags & 4) != 0;
    const std::uint64_t head = c.at() - address_;
    if (size > source_.size()) return source_.fail(address_, "an object header is longer than the file");
    TRY(source_.check_sum(address_, head + size + 4, kWhat));
    return messages(TRY(source_.open(address_ + head, size, kWhat)), 4U + (ordered_ ? 2 : 0));
  }

  // What is left at the end and too short for a message is a gap.
  Status messages(Cursor c, unsigned head) {
    while (c.left() >= head) {
      const std::size_t at = c.at();
      const bool first = head == 8;
      Message m;
      m.type = first ? c.u16() : c.u8();
      const std::uint64_t size = c.u16();
      m.flags = c.u8();
      c.skip(first ? 3 : head - 4);
      if (size > c.left())
        return source_.fail(at, "a message of " + std::to_string(size) + " bytes in an object header that has " + std::to_string(c.left()) + " left");
      m.content = c.part(size);
      if (m.type == 0) continue;
      if (m.type == kContinuation) {
        const std::uint64_t address = m.content.address(), bytes = m.content.length();
        TRY(source_.done(m.content, "a continuation message"));
        open_.push_back({address, bytes});
        continue;
      }
      if (m.type > kKnownMax && (m.flags & kMustKnow) != 0)
        return source_.fail(at, "an object header has a message of the unknown type " + std::to_string(m.type));
      found_.push_back(m);
    }
    return ok();
  }

  Source& source_;
  std::uint64_t address_;
  bool ordered_ = false;  // messages carry their order of creation
  std::vector<Block> open_;
  std::unordered_set<std::uint64_t> seen_;
  std::vector<Message> found_;
};

// An element of the fill value, or nothing.
Result<std::string_view> fill_value(const Source& source, unsigned type, Cursor c) {
  bool defined = true;
  if (type == kFill) {
    const unsigned version = c.u8();
    if (version < 1 || version > 3) return source.fail(c.start(), "a fill value has version " + std::to_string(version));
    if (version == 3) {
      defined = (c.u8() & 0x20) != 0;
    } else {
      c.skip(2);
      defined = c.u8() != 0;
    }
  }
  if (!defined) return std::string_view();
  const std::uint32_t size = c.u32();
  const std::string_view value = size > 0x7FFFFFFF ? std::string_view() : c.text(size);
  TRY(source.done(c, "a fill value"));
  return value;
}

// Puts together what the messages say.
class Builder {
 public:
  Builder(Source& source, std::uint64_t address) : source_(source) { node_.address = address; }

  Result<Node> run() {
    for (const Message& message : TRY(Header(source_, node_.address).read())) TRY(take(message));
    if (is_group_ && (type_ || has_layout_)) return source_.fail(node_.address, "an object that is a group and a dataset");
    TRY(read_links(source_, places_, node_.links));
    TRY(sort_links(source_, node_.links));
    if (attribute_heap_ != kUndefined) TRY(read_dense_attributes(source_, attribute_heap_, attribute_index_, node_.attributes));
    TRY(check_attributes());
    if (is_group_) node_.kind = Node::Kind::group;
    if (has_layout_) TRY(finish_dataset());
    return std::move(node_);
  }

 private:
  Status take(const Message& m) {
    Cursor c = m.content;
    if ((m.flags & kShared) != 0) return take_shared(m);
    switch (m.type) {
      case kDataspace: space_ = TRY(parse_space(source_, c)); return ok();
      case kDatatype: type_ = TRY(parse_type(source_, c)); return ok();
      case kOldFill:
        if (fill_.empty()) fill_ = TRY(fill_value(source_, m.type, c));
        return ok();
      case kFill: fill_ = TRY(fill_value(source_, m.type, c)); return ok();
      case kExternalFiles: refuse("its data stand in another file, which is not opened"); return ok();
      case kLayout:
        if (has_layout_) return source_.fail(c.at(), "a dataset with two layouts");
        has_layout_ = true;
        layout_ = TRY(parse_layout(source_, c, refusal_));
        return ok();
      case kFilters: filters_ = TRY(parse_filters(source_, c, refusal_)); return ok();
      case kAttribute: node_.attributes.push_back(TRY(parse_attribute(source_, c))); return ok();
      case kGroupInfo: is_group_ = true; return ok();
      case kLink:
        is_group_ = true;
        node_.links.push_back(TRY(parse_link(source_, c)));
        return ok();
      case kSymbolTable:
        is_group_ = true;
        places_.tree = c.address();
        places_.local_heap = c.address();
        return source_.done(c, "a symbol table message");
      case kLinkInfo: is_group_ = true; return link_info(c);
      case kAttributeInfo: return attribute_info(c);
      default: return ok();  // times, comments, reference counts: not ours
    }
  }

  // Messages that stand elsewhere: a committed datatype, or a heap of shared messages.
  Status take_shared(const Message& m) {
    switch (m.type) {
      case kDatatype:
        type_.emplace();
        type_->refusal = "a datatype that stands elsewhere in the file (a committed one) is not read";
        return ok();
      case kDataspace:
        space_.emplace();
        refuse("a dataspace that stands elsewhere in the file is not read");
        return ok();
      case kOldFill:
      case kFill: refuse("a fill value that stands elsewhere in the file is not read"); return ok();
      case kFilters: refuse("filters that stand elsewhere in the file are not read"); return ok();
      case kAttribute: return source_.fail(m.content.at(), "an attribute that stands in a heap of shared messages is not read");
      case kLayout:
      case kLink:
      case kLinkInfo:
      case kSymbolTable:
      case kAttributeInfo: return source_.fail(m.content.at(), "a message of type " + std::to_string(m.type) + " can't be shared");
      default: return ok();
    }
  }

  Status link_info(Cursor c) {
    const unsigned version = c.u8(), flags = c.u8();
    if (version != 0) return source_.fail(c.start(), "a link info message has version " + std::to_string(version));
    if ((flags & 1) != 0) c.skip(8);
    places_.fractal_heap = c.address();
    places_.name_index = c.address();
    return source_.done(c, "a link info message");
  }

  Status attribute_info(Cursor c) {
    const unsigned version = c.u8(), flags = c.u8();
    if (version != 0) return source_.fail(c.start(), "an attribute info message has version " + std::to_string(version));
    if ((flags & 1) != 0) c.skip(2);
    attribute_heap_ = c.address();
    attribute_index_ = c.address();
    return source_.done(c, "an attribute info message");
  }

  Status check_attributes() {
    std::unordered_set<std::string_view> names;
    for (const Attribute& a : node_.attributes) {
      if (!names.insert(a.name).second) return source_.fail(a.message.at(), "an attribute is there twice: '" + excerpt(a.name) + "'");
    }
    return ok();
  }

  Status finish_dataset() {
    if (!type_ || !space_) return source_.fail(node_.address, "a dataset without a datatype or a dataspace");
    node_.kind = Node::Kind::dataset;
    node_.dataset = std::make_unique<Dataset>();
    Dataset& d = *node_.dataset;
    d.at = node_.address;
    d.type = std::move(*type_);
    d.space = std::move(*space_);
    d.layout = std::move(layout_);
    d.filters = std::move(filters_);
    TRY(name_bfloat16(d.type));
    d.fill = fill_.size() == d.type.size ? fill_ : std::string_view();
    d.refusal = !d.type.refusal.empty() ? d.type.refusal : refusal_;
    return check_layout(d);
  }

  // Keras writes bfloat16 as two opaque bytes and an attribute that says what they are.
  Status name_bfloat16(Type& type) {
    if (!type.opaque || type.size != 2) return ok();
    for (const Attribute& a : node_.attributes) {
      if (a.name != "dtype") continue;
      GlobalHeap heap;
      const auto value = attribute_value(source_, heap, a);
      if (!value.ok() || value->strings() != std::vector<std::string>{"bfloat16"}) continue;
      type.dtype = DType::bfloat16;
      type.refusal.clear();
    }
    return ok();
  }

  Status check_layout(Dataset& d) const {
    if (!d.refusal.empty()) return ok();
    if (!checked_mul(elements(d.space), d.type.size)) return source_.fail(d.at, "a dataset with more bytes than there can be");
    if (d.layout.kind != Layout::Kind::chunked) {
      if (!d.filters.empty()) return source_.fail(d.at, "a dataset with filters, but not in chunks");
      return ok();
    }
    if (d.space.none) return ok();
    // The last dimension of a chunk is the element's size.
    if (d.layout.chunk.size() != d.space.shape.size() + 1 || d.layout.chunk.back() != d.type.size)
      return source_.fail(d.at, "a dataset whose chunks don't fit its dimensions or its datatype");
    d.layout.chunk.pop_back();
    std::size_t bytes = d.type.size;
    for (const std::uint64_t n : d.layout.chunk) {
      const auto product = checked_mul(bytes, n);
      if (n == 0 || !product) return source_.fail(d.at, "a dataset whose chunks have an absurd size");
      bytes = *product;
    }
    return ok();
  }

  void refuse(std::string why) {
    if (refusal_.empty()) refusal_ = std::move(why);
  }

  Source& source_;
  Node node_;
  GroupPlaces places_;
  std::optional<Type> type_;
  std::optional<Space> space_;
  Layout layout_;
  std::vector<FilterId> filters_;
  std::string_view fill_;
  std::string refusal_;
  std::uint64_t attribute_heap_ = kUndefined, attribute_index_ = kUndefined;
  bool is_group_ = false, has_layout_ = false;
};

}  // namespace

Result<Node> read_object(Source& source, std::uint64_t address) {
  TRY(source.count_object(std::min<std::uint64_t>(address, source.size())));
  return Builder(source, address).run();
}

}  // namespace slipway::hdf5
