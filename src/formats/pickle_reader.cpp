#include "slipway/formats/pickle_reader.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "slipway/base/encoding.hpp"

namespace slipway::pickle {
namespace {

constexpr std::size_t kPoolMax = 0xF0000000;  // Range counts in 32 bits

// What any file may have; beyond it a node takes five bytes of the stream at least, and files that compress better are made for it.
constexpr std::size_t kNodesFree = 1'000'000, kStreamBytesPerNode = 5, kNodesPerPackedByte = 8;
constexpr std::size_t kOpcodesFree = 8'000'000, kOpcodesPerPackedByte = 32;
constexpr std::size_t kMemoFree = 1'000'000, kMemoPerNode = 2;

std::size_t nodes_allowed(std::size_t bytes, const Limits& limits) {
  const std::size_t packed = limits.packed_bytes == 0 ? bytes : limits.packed_bytes;
  const std::size_t of_size = std::min(bytes / kStreamBytesPerNode, packed > limits.nodes_max ? limits.nodes_max : packed * kNodesPerPackedByte);
  return std::min(limits.nodes_max, std::max(kNodesFree, of_size));
}
std::size_t opcodes_allowed(const Limits& limits) {
  if (limits.packed_bytes == 0 || limits.packed_bytes > limits.opcodes_max) return limits.opcodes_max;
  return std::min(limits.opcodes_max, std::max(kOpcodesFree, limits.packed_bytes * kOpcodesPerPackedByte));
}

Error refused(std::string detail) { return {ErrorCode::model_refused, std::move(detail)}; }

Node shared(Kind kind, std::int64_t value) {
  Node n;
  n.kind = kind;
  n.integer = value;
  return n;
}

}  // namespace

Reader::Reader(std::span<const std::byte> input, const Limits& limits, std::span<const Sibling> siblings)
    : input_(input),
      siblings_(siblings),
      limits_(limits),
      nodes_max_(nodes_allowed(input.size(), limits)),
      opcodes_max_(opcodes_allowed(limits)),
      d_(std::make_unique<Document::Impl>()),
      numpy_(*d_, limits_) {
  d_->input = input;
  d_->values_max = limits.values_max + 16 * input.size();
  for (const Sibling& file : siblings) d_->values_max += 16 * file.bytes.size();
  d_->nodes.push_back(shared(Kind::none, 0));
  d_->nodes.push_back(shared(Kind::boolean, 1));
  d_->nodes.push_back(shared(Kind::boolean, 0));
  Node empty_tuple;
  empty_tuple.kind = Kind::tuple;
  d_->nodes.push_back(empty_tuple);
  d_->dtypes.emplace_back();
}

Result<std::unique_ptr<Document::Impl>> Reader::run() && {
  std::size_t end = 0;
  auto document = TRY(std::move(*this).run_first(end));
  if (end != input_.size()) {
    return refused("the object ends at byte " + std::to_string(end) + ", but " + std::to_string(input_.size() - end) +
                   " trailing bytes follow; a pickle ends with its STOP opcode");
  }
  return document;
}

Result<std::unique_ptr<Document::Impl>> Reader::run_first(std::size_t& end) && {
  if (input_.empty()) return refused("the file is empty");
  Context context;
  d_->root = TRY(run_context(context));
  end = position_;
  return std::move(d_);
}

Result<NodeId> Reader::run_context(Context& context) {
  struct Within {  // also when the file is refused: the context is the caller's, and ends with its call
    Within(Context*& at, Context* inner) : at_(at), outer_(at) { at_ = inner; }
    ~Within() { at_ = outer_; }
    Within(const Within&) = delete;
    Within& operator=(const Within&) = delete;
    Context*& at_;
    Context* outer_;
  };
  const Within within(context_, &context);
  while (true) {
    if (left() == 0) return refused("the file ends after " + std::to_string(position_) + " bytes, before the STOP opcode: is it complete?");
    opcode_offset_ = position_;
    opcode_ = static_cast<std::uint8_t>(input_[position_++]);
    if (++opcodes_ > opcodes_max_) return fail("more than " + std::to_string(opcodes_max_) + " opcodes");
    if (static_cast<Op>(opcode_) == Op::STOP) break;
    TRY(step(static_cast<Op>(opcode_)));
  }
  const NodeId root = TRY(pop());
  if (!context.stack.empty() || !context.marks.empty()) return fail("values are left over on the stack");
  return root;
}

Error Reader::fail(const std::string& what) const {
  return refused("opcode " + opcode_name(opcode_) + " at byte " + std::to_string(opcode_offset_) + ": " + what);
}

Error Reader::place(const Error& error) const { return fail(error.detail()); }

Result<std::string_view> Reader::take(std::uint64_t size) {
  if (size > left()) return fail("claims " + std::to_string(size) + " bytes, the file has " + std::to_string(left()) + " left");
  const std::string_view taken = as_text(input_.subspan(position_, size));
  position_ += size;
  return taken;
}

Result<std::uint64_t> Reader::fixed(std::size_t bytes) {
  const std::string_view raw = TRY(take(bytes));
  std::uint64_t v = 0;
  for (std::size_t i = bytes; i-- > 0;) v = v << 8 | static_cast<unsigned char>(raw[i]);
  return v;
}

Result<std::string_view> Reader::counted(std::size_t length_bytes) { return take(TRY(fixed(length_bytes))); }

Result<std::string_view> Reader::line() {
  const std::string_view rest = as_text(input_.subspan(position_));
  const std::size_t end = rest.find('\n');
  if (end == std::string_view::npos) return fail("the file ends within its argument");
  position_ += end + 1;
  std::string_view found = rest.substr(0, end);
  if (found.ends_with('\r')) found.remove_suffix(1);  // written in text mode on Windows
  return found;
}

Result<NodeId> Reader::pop() {
  auto& c = *context_;
  if (c.stack.size() <= (c.marks.empty() ? 0 : c.marks.back())) return fail("the stack is empty");
  const NodeId id = c.stack.back();
  c.stack.pop_back();
  return id;
}

Result<NodeId> Reader::top() const {
  const auto& c = *context_;
  if (c.stack.size() <= (c.marks.empty() ? 0 : c.marks.back())) return fail("the stack is empty");
  return c.stack.back();
}

Result<std::span<const NodeId>> Reader::since_mark() {
  if (context_->marks.empty()) return fail("no MARK before it");
  return std::span<const NodeId>(context_->stack).subspan(context_->marks.back());
}

void Reader::drop_mark() {
  context_->stack.resize(context_->marks.back());
  context_->marks.pop_back();
}

Status Reader::push(NodeId id) {
  if (context_->stack.size() >= limits_.stack_max) return fail("more than " + std::to_string(limits_.stack_max) + " values on the stack");
  context_->stack.push_back(id);
  return ok();
}

Result<NodeId> Reader::add(Node node) {
  if (d_->nodes.size() >= nodes_max_) return fail("more than " + std::to_string(nodes_max_) + " objects in a file of this size");
  node.offset = opcode_offset_;
  d_->nodes.push_back(node);
  return static_cast<NodeId>(d_->nodes.size() - 1);
}

Result<NodeId> Reader::add_chars(Kind kind, std::string_view chars, std::uint8_t flags) {
  Node n;
  n.kind = kind;
  n.flags = flags;
  n.chars = {chars.data(), chars.size()};
  return add(n);
}

Result<NodeId> Reader::add_children(Kind kind, std::span<const NodeId> children) {
  Node n;
  n.kind = kind;
  n.range = {};
  TRY(append_to(n.range, children));
  return add(n);
}

Status Reader::append_to(Range& range, std::span<const NodeId> ids) {
  if (d_->pool.size() + 2 * ids.size() + 2 * std::size_t{range.count} > kPoolMax) return fail("too many elements");
  d_->append(range, ids);
  return ok();
}

Status Reader::push_integer(std::int64_t value) {
  Node n;
  n.kind = Kind::integer;
  n.integer = value;
  return push(TRY(add(n)));
}

Status Reader::push_small_integer(std::uint16_t value) {
  if (value >= small_integers_.size()) small_integers_.resize(value < 256 ? 256 : 65536, kNone);
  if (NodeId& known = small_integers_[value]; known == kNone) {
    TRY(push_integer(value));
    known = context_->stack.back();
    return ok();
  } else {
    return push(known);
  }
}

Status Reader::step(Op op) {
  switch (op) {
    case Op::NONE:
    case Op::NEWTRUE:
    case Op::NEWFALSE:
    case Op::INT:
    case Op::BININT:
    case Op::BININT1:
    case Op::BININT2:
    case Op::LONG:
    case Op::LONG1:
    case Op::LONG4:
    case Op::FLOAT:
    case Op::BINFLOAT: return scalar(op);
    case Op::STRING:
    case Op::BINSTRING:
    case Op::SHORT_BINSTRING:
    case Op::UNICODE:
    case Op::BINUNICODE:
    case Op::SHORT_BINUNICODE:
    case Op::BINUNICODE8:
    case Op::BINBYTES:
    case Op::SHORT_BINBYTES:
    case Op::BINBYTES8:
    case Op::BYTEARRAY8: return text(op);
    case Op::EMPTY_LIST:
    case Op::LIST:
    case Op::APPEND:
    case Op::APPENDS:
    case Op::EMPTY_TUPLE:
    case Op::TUPLE:
    case Op::TUPLE1:
    case Op::TUPLE2:
    case Op::TUPLE3:
    case Op::EMPTY_DICT:
    case Op::DICT:
    case Op::SETITEM:
    case Op::SETITEMS:
    case Op::EMPTY_SET:
    case Op::ADDITEMS:
    case Op::FROZENSET: return container(op);
    case Op::GET:
    case Op::BINGET:
    case Op::LONG_BINGET:
    case Op::PUT:
    case Op::BINPUT:
    case Op::LONG_BINPUT:
    case Op::MEMOIZE: return memo(op);
    case Op::GLOBAL:
    case Op::STACK_GLOBAL:
    case Op::REDUCE:
    case Op::NEWOBJ:
    case Op::NEWOBJ_EX:
    case Op::INST:
    case Op::OBJ:
    case Op::BUILD:
    case Op::PERSID:
    case Op::BINPERSID: return call(op);
    default: return structure(op);
  }
}

Status Reader::structure(Op op) {
  auto& c = *context_;
  switch (op) {
    case Op::PROTO: {
      const auto version = TRY(fixed(1));
      if (version > 5) return fail("protocol " + std::to_string(version) + " is newer than 5");
      if (!c.nested) d_->protocol = static_cast<int>(version);
      return ok();
    }
    case Op::FRAME: TRY(fixed(8)); return ok();  // only a hint for buffering
    case Op::MARK:
      if (c.marks.size() >= limits_.depth_max) return fail("nested deeper than " + std::to_string(limits_.depth_max));
      c.marks.push_back(static_cast<std::uint32_t>(c.stack.size()));
      return ok();
    case Op::POP:
      if (!c.marks.empty() && c.stack.size() == c.marks.back()) {
        c.marks.pop_back();
        return ok();
      }
      TRY(pop());
      return ok();
    case Op::POP_MARK:
      TRY(since_mark());
      drop_mark();
      return ok();
    case Op::DUP: return push(TRY(top()));
    case Op::READONLY_BUFFER:
      if (d_->node(TRY(top())).kind != Kind::bytes) return fail("a buffer is expected, there is " + a(c.stack.back()));
      return ok();
    case Op::EXT1:
    case Op::EXT2:
    case Op::EXT4: return fail("the extension registry is not supported");
    case Op::NEXT_BUFFER: return fail("out-of-band buffers are not supported: save the model into one file");
    default: return fail("no such opcode: the file is damaged or is no pickle");
  }
}

Status Reader::scalar(Op op) {
  switch (op) {
    case Op::NONE: return push(kNone);
    case Op::NEWTRUE: return push(kTrue);
    case Op::NEWFALSE: return push(kFalse);
    case Op::INT: return decimal_line(false);
    case Op::LONG: return decimal_line(true);
    case Op::BININT: return push_integer(static_cast<std::int32_t>(TRY(fixed(4))));
    case Op::BININT1: return push_small_integer(static_cast<std::uint16_t>(TRY(fixed(1))));
    case Op::BININT2: return push_small_integer(static_cast<std::uint16_t>(TRY(fixed(2))));
    case Op::LONG1: return long_bytes(TRY(counted(1)));
    case Op::LONG4: return long_bytes(TRY(counted(4)));
    case Op::FLOAT: return float_line();
    default: {
      Node n;
      n.kind = Kind::real;
      n.real = std::bit_cast<double>(__builtin_bswap64(TRY(fixed(8))));
      return push(TRY(add(n)));
    }
  }
}

Status Reader::text(Op op) {
  switch (op) {
    case Op::STRING: return quoted_line();
    case Op::UNICODE: return unicode_line();
    case Op::SHORT_BINSTRING: return push_chars(Kind::text, TRY(counted(1)), kLatin1);
    case Op::BINSTRING: return push_chars(Kind::text, TRY(counted(4)), kLatin1);
    case Op::SHORT_BINUNICODE: return push_chars(Kind::text, TRY(counted(1)));
    case Op::BINUNICODE: return push_chars(Kind::text, TRY(counted(4)));
    case Op::BINUNICODE8: return push_chars(Kind::text, TRY(counted(8)));
    case Op::SHORT_BINBYTES: return push_chars(Kind::bytes, TRY(counted(1)));
    case Op::BINBYTES: return push_chars(Kind::bytes, TRY(counted(4)));
    default: return push_chars(Kind::bytes, TRY(counted(8)));  // BINBYTES8, BYTEARRAY8
  }
}

Status Reader::container(Op op) {
  auto collect = [&](Kind kind) -> Status {
    const auto items = TRY(since_mark());
    if (kind == Kind::dict && items.size() % 2 != 0) return fail("a key without a value");
    const NodeId id = TRY(add_children(kind, items));
    drop_mark();
    return push(id);
  };
  auto tuple = [&](std::size_t size) -> Status {
    NodeId items[3];
    for (std::size_t i = size; i-- > 0;) items[i] = TRY(pop());
    return push(TRY(add_children(Kind::tuple, {items, size})));
  };
  // Into the value below the MARK.
  auto add_to = [&](Status (Reader::*into)(NodeId, std::span<const NodeId>)) -> Status {
    const auto items = TRY(since_mark());
    const auto& c = *context_;
    const std::size_t below = c.marks.size() < 2 ? 0 : c.marks[c.marks.size() - 2];
    if (c.marks.back() <= below) return fail("the stack is empty below the MARK");
    TRY((this->*into)(c.stack[c.marks.back() - 1], items));
    drop_mark();
    return ok();
  };
  switch (op) {
    case Op::EMPTY_LIST: return push(TRY(add_children(Kind::list, {})));
    case Op::EMPTY_DICT: return push(TRY(add_children(Kind::dict, {})));
    case Op::EMPTY_SET: return push(TRY(add_children(Kind::set, {})));
    case Op::EMPTY_TUPLE: return push(kEmptyTuple);
    case Op::LIST: return collect(Kind::list);
    case Op::DICT: return collect(Kind::dict);
    case Op::FROZENSET: return collect(Kind::set);
    case Op::TUPLE: return collect(Kind::tuple);
    case Op::TUPLE1: return tuple(1);
    case Op::TUPLE2: return tuple(2);
    case Op::TUPLE3: return tuple(3);
    case Op::APPEND: {
      const NodeId item = TRY(pop());
      return extend(TRY(top()), {&item, 1});
    }
    case Op::SETITEM: {
      NodeId pair[2];
      pair[1] = TRY(pop());
      pair[0] = TRY(pop());
      return set_items(TRY(top()), pair);
    }
    case Op::SETITEMS: return add_to(&Reader::set_items);
    default: return add_to(&Reader::extend);  // APPENDS, ADDITEMS
  }
}

Status Reader::memo(Op op) {
  auto& c = *context_;
  std::uint64_t index = 0;
  switch (op) {
    case Op::GET:
    case Op::PUT: {
      const std::string_view digits = TRY(line());
      if (digits.empty() || digits.size() > 10) return fail("a memo index is expected");
      for (const char digit : digits) {
        if (digit < '0' || digit > '9') return fail("a memo index is expected");
        index = index * 10 + static_cast<std::uint64_t>(digit - '0');
      }
      if (index > 0xFFFFFFFF) return fail("a memo index is expected");
      break;
    }
    case Op::BINGET:
    case Op::BINPUT: index = TRY(fixed(1)); break;
    case Op::LONG_BINGET:
    case Op::LONG_BINPUT: index = TRY(fixed(4)); break;
    default: index = c.memo.size() + c.sparse.size(); break;  // MEMOIZE
  }
  const auto key = static_cast<std::uint32_t>(index);
  if (op == Op::GET || op == Op::BINGET || op == Op::LONG_BINGET) {
    if (key < c.memo.size()) return push(c.memo[key]);
    const auto found = c.sparse.find(key);
    if (found == c.sparse.end()) return fail("nothing is stored under " + std::to_string(key));
    return push(found->second);
  }
  const NodeId value = TRY(top());
  if (c.memo.size() + c.sparse.size() > kMemoFree + kMemoPerNode * d_->nodes.size()) return fail("the memo holds more than the stream's objects");
  if (key < c.memo.size()) {
    c.memo[key] = value;
  } else if (key == c.memo.size() && c.sparse.empty()) {
    c.memo.push_back(value);
  } else {
    c.sparse[key] = value;
  }
  return ok();
}

Result<Document> read(std::span<const std::byte> bytes, const Limits& limits, std::span<const Sibling> siblings) {
  return Document(TRY(Reader(bytes, limits, siblings).run()));
}

Result<Document> read_first(std::span<const std::byte> bytes, std::size_t& end, const Limits& limits) {
  return Document(TRY(Reader(bytes, limits).run_first(end)));
}

bool looks_like_pickle(std::span<const std::byte> bytes) {
  if (bytes.size() < 2) return false;
  const std::string_view text = as_text(bytes);
  if (static_cast<std::uint8_t>(text[0]) == 0x80) {  // protocols 2-5 begin with PROTO
    return static_cast<std::uint8_t>(text[1]) <= 5 && bytes.size() >= 4;
  }
  // 0 and 1 begin with whatever the object is; the last byte is STOP.
  if (text.back() != '.') return false;
  if (text[0] == 'c' || text[0] == 'i') {
    const std::size_t module_end = text.find('\n');
    return module_end != std::string_view::npos && module_end < 200 &&
           std::all_of(
               text.begin() + 1, text.begin() + static_cast<std::ptrdiff_t>(module_end),
               [](char ch) { return ch > ' ' && static_cast<unsigned char>(ch) < 0x7F; });
  }
  return std::string_view("(]})NIJKMFLGSTUVX").find(text[0]) != std::string_view::npos;
}

}  // namespace slipway::pickle
