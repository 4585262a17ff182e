// The stack machine that turns a stream into a Document. For src/formats only. One Reader reads one stream, on one thread.
#pragma once

#include <map>

#include "slipway/formats/pickle_document.hpp"
#include "slipway/formats/pickle_opcodes.hpp"

namespace slipway::pickle {

class Reader {
 public:
  Reader(std::span<const std::byte> input, const Limits& limits, std::span<const Sibling> siblings = {});
  Result<std::unique_ptr<Document::Impl>> run() &&;                        // the whole input is one stream
  Result<std::unique_ptr<Document::Impl>> run_first(std::size_t& end) &&;  // the input begins with one

 private:
  // One pickle: its stack, marks and memo. joblib's object arrays are pickles within the stream, with their own.
  struct Context {
    std::vector<NodeId> stack;
    std::vector<std::uint32_t> marks;
    std::vector<NodeId> memo;                // picklers number densely from 0
    std::map<std::uint32_t, NodeId> sparse;  // whatever else a stream may name
    bool nested = false;
  };

  Result<NodeId> run_context(Context& context);
  Status step(Op op);
  Status structure(Op op);
  Status scalar(Op op);
  Status text(Op op);
  Status container(Op op);
  Status memo(Op op);
  Status call(Op op);

  // Input. Everything claimed is checked against what is left.
  std::size_t left() const { return input_.size() - position_; }
  Result<std::string_view> take(std::uint64_t size);
  Result<std::string_view> counted(std::size_t length_bytes);
  Result<std::uint64_t> fixed(std::size_t bytes);  // little endian
  Result<std::string_view> line();
  Error fail(const std::string& what) const;  // "opcode NAME at byte N: what"
  Error place(const Error& error) const;

  // Stack.
  Result<NodeId> pop();
  Result<NodeId> top() const;
  Result<std::span<const NodeId>> since_mark();  // valid until the stack changes; drop_mark() ends it
  void drop_mark();
  Status push(NodeId id);
  Result<NodeId> add(Node node);  // with the opcode's offset
  Result<NodeId> add_chars(Kind kind, std::string_view chars, std::uint8_t flags = 0);
  Result<NodeId> add_children(Kind kind, std::span<const NodeId> children);
  Status push_chars(Kind kind, std::string_view chars, std::uint8_t flags = 0) { return push(TRY(add_chars(kind, chars, flags))); }
  Status push_integer(std::int64_t value);
  Status push_small_integer(std::uint16_t value);  // one node a value: long lists of numbers are mostly of these
  Status append_to(Range& range, std::span<const NodeId> ids);
  std::string a(NodeId id) const { return std::string(kind_name(d_->node(id).kind)); }

  // pickle_reader_text.cpp
  Status decimal_line(bool is_long);
  Status float_line();
  Status long_bytes(std::string_view bytes);
  Status quoted_line();
  Status unicode_line();

  // pickle_reader_calls.cpp
  Status push_global(std::string_view module, std::string_view name);
  NodeId class_of(NodeId callable) const;
  Status make(NodeId callable, NodeId arguments, bool is_reduce);
  Result<std::optional<NodeId>> known_call(Role role, NodeId arguments);
  Result<std::optional<NodeId>> encoded(NodeId arguments);
  Result<std::optional<NodeId>> make_dtype(NodeId arguments);
  Result<std::optional<NodeId>> make_scalar(NodeId arguments);
  Result<std::optional<NodeId>> make_set(NodeId arguments);
  Result<std::optional<NodeId>> dill_attribute(NodeId arguments);
  Result<std::optional<NodeId>> dill_array(NodeId arguments);
  Result<std::optional<NodeId>> reconstructed(NodeId arguments);
  Result<NodeId> make_object(NodeId callable, NodeId arguments);
  Status items_from_arguments(Object& object, NodeId arguments);
  Result<NodeId> add_array(Array array);
  Status count_array();
  Status extend(NodeId target, std::span<const NodeId> items);
  Status set_items(NodeId target, std::span<const NodeId> items);
  Status build();
  Status build_object(NodeId target, NodeId state);
  Status build_joblib_array(NodeId target, NodeId state);
  Result<NodeId> joblib_objects();
  Status build_old_joblib_array(NodeId target, NodeId state);  // pickle_joblib_old.cpp
  Result<Array> sibling_array(std::string_view file_name);
  Result<Array> packed_sibling_array(std::string_view file_name, NodeId state);
  Result<const Sibling*> sibling(std::string_view file_name);
  Result<Array> joblib_numbers(const Range& state, std::uint32_t dtype);

  std::span<const std::byte> input_;
  std::span<const Sibling> siblings_;
  const Limits limits_;
  const std::size_t nodes_max_, opcodes_max_;
  std::unique_ptr<Document::Impl> d_;
  NumpyValues numpy_;
  Context* context_ = nullptr;
  std::size_t position_ = 0;
  std::size_t opcodes_ = 0;
  std::uint8_t opcode_ = 0;
  std::vector<NodeId> small_integers_;  // by value; kNone: not there yet
  std::size_t opcode_offset_ = 0;
  std::map<std::pair<std::string_view, std::string_view>, std::uint32_t> global_index_;
};

}  // namespace slipway::pickle
