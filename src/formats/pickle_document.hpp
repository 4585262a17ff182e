// The arena behind Document: flat tables of nodes that name each other by index, so that neither reading nor destroying
// recurses. For src/formats only; importers see View. Written by one Reader, then only read (but for the lookup cache).
#pragma once

#include <deque>
#include <unordered_map>

#include "slipway/formats/npy.hpp"
#include "slipway/formats/pickle.hpp"

namespace slipway::pickle {

using NodeId = std::uint32_t;
inline constexpr NodeId kNone = 0, kTrue = 1, kFalse = 2, kEmptyTuple = 3;  // the shared nodes, in every document
inline constexpr NodeId kNoNode = 0xFFFFFFFF;
inline constexpr std::size_t kBuildsMax = 16;        // BUILDs of one object; real files have one
inline constexpr std::size_t kDtypeFieldsMax = 256;  // of one structured dtype

// Children: a stretch of Document::Impl::pool. A stretch once handed out never changes its first `count` elements, so a copy
// of a Range is a snapshot.
struct Range {
  std::uint32_t begin = 0, count = 0, capacity = 0;
};

enum NodeFlag : std::uint8_t {
  kLatin1 = 1,       // text: bytes of a Python 2 str, one byte a character
  kDecimal = 2,      // big_integer: decimal text; else little-endian two's complement
  kNumpyScalar = 4,  // its dtype is `index`
  kTextId = 8,       // persistent: PERSID
};

struct Node {
  Kind kind = Kind::none;
  std::uint8_t flags = 0;
  std::uint32_t index = 0;   // into the table of its kind; text: the bytes made of it by _codecs.encode (0: none); persistent: its id
  std::uint64_t offset = 0;  // of the opcode
  struct Chars {
    const char* data;
    std::uint64_t size;
  };
  union {
    Range range{};         // list, tuple, set, slice; dict: key, value, key, value, ...
    Chars chars;           // text, bytes, big_integer
    std::int64_t integer;  // integer, boolean
    double real;
  };
  std::string_view view() const { return {chars.data, chars.size}; }
};

// A vector that never moves its elements: doubling tens of millions of nodes would triple the memory that a file can ask for.
class NodeTable {
 public:
  Node& operator[](std::size_t i) { return chunks_[i / kChunk][i % kChunk]; }
  const Node& operator[](std::size_t i) const { return chunks_[i / kChunk][i % kChunk]; }
  std::size_t size() const { return size_; }
  void push_back(const Node& node) {
    if (size_ % kChunk == 0) {
      chunks_.emplace_back();
      chunks_.back().reserve(chunks_.size() == 1 ? 64 : kChunk);  // small files stay small
    }
    chunks_.back().push_back(node);
    ++size_;
  }

 private:
  static constexpr std::size_t kChunk = 16384;
  std::vector<std::vector<Node>> chunks_;
  std::size_t size_ = 0;
};

// What the reader itself must know of a name: the patterns that make values, and joblib's, which change the framing.
enum class Role : std::uint8_t {
  other,
  np_reconstruct,
  np_scalar,
  np_frombuffer,
  np_dtype,
  codecs_encode,
  bytearray,
  bytes,
  set,
  slice,
  reconstructor,
  newobj,
  joblib_wrapper,
  joblib_old_wrapper,
  dill_get_attr,
  dill_import_module,
  dill_create_array,
  dict,
  list,
};
struct Global {
  std::string_view module, name;
  Role role = Role::other;
};

struct Object {
  NodeId callable = kNoNode;  // a global or (results of calls that are called) an object
  NodeId arguments = kEmptyTuple;
  Range states, items, entries;
};

struct Dtype {
  char kind = 'V';  // b i u f c S U O V M m, as numpy has them
  bool big_endian = false;
  bool has_object = false;
  std::uint32_t itemsize = 0;
  std::uint32_t fields_begin = 0, fields_count = 0;  // in Impl::fields
  std::uint32_t base = 0;                            // of a subarray dtype: its element's dtype, else 0 (which is no dtype)
  std::vector<std::int64_t> subshape;
};
struct Field {
  std::string_view name;
  std::uint32_t dtype = 0;  // never a structured one
  std::uint32_t offset = 0;
};

struct Array {
  std::uint32_t dtype = 0;
  NodeId subclass = kNoNode;  // global of the ndarray subclass, when it is not ndarray
  Shape shape;
  std::vector<std::int64_t> strides;  // in elements; empty: C order
  std::size_t count = 0;
  std::span<const std::byte> data;  // as in the file: any byte order. Not of object arrays.
  Range items;                      // object arrays, in the file's order
};

struct Document::Impl {
  std::span<const std::byte> input;
  NodeId root = kNone;
  int protocol = 0;
  bool joblib = false;

  NodeTable nodes;
  std::vector<NodeId> pool;
  std::vector<Global> globals;
  std::vector<Object> objects;
  std::vector<Array> arrays;
  std::vector<Dtype> dtypes;  // [0] is no dtype
  std::vector<Field> fields;
  std::deque<std::string> owned;            // what could not stay a view into the input (escapes, latin1)
  std::vector<std::shared_ptr<void>> kept;  // what else views point into: the unpacked entries of an archive
  std::size_t copied = 0;                   // bytes of copies that a stream can ask for again and again: see may_copy()

  mutable std::unordered_map<std::uint32_t, std::vector<std::uint32_t>> sorted_keys;  // by Range::begin; of big dicts that were asked

  std::size_t values_max = 0;  // see Limits
  mutable std::size_t values_given = 0;
  bool may_give(std::size_t values) const { return (values_given += values) <= values_max; }

  const Node& node(NodeId id) const { return nodes[id]; }
  const Object& object(NodeId id) const { return objects[nodes[id].index]; }
  const Array& array(NodeId id) const { return arrays[nodes[id].index]; }
  NodeId child(const Range& range, std::size_t i) const { return pool[range.begin + i]; }

  // Conversions of shared values (a memoised text encoded a million times) together stay within the file's size.
  bool may_copy(std::size_t bytes) { return (copied += bytes) <= input.size() + 65536; }
  std::string_view own(std::string text) { return owned.emplace_back(std::move(text)); }
  std::size_t element(const Array& array, std::size_t i) const;  // where the i-th element in C order stands in the file's order
  NodeId item(const Array& array, std::size_t i) const { return child(array.items, element(array, i)); }
  void append(Range& range, std::span<const NodeId> ids);
  const Global* global_of(NodeId id) const;  // of a global or of an object's callable; nullptr: none
  Range entries_of(NodeId id) const;         // of a dict or a dict-like object; pairs in [key, value, ...]
  bool text_is(NodeId id, std::string_view value) const;
  std::string text_of(NodeId id) const;                                                     // UTF-8; of a text
  std::optional<std::size_t> find_entry(const Range& entries, std::string_view key) const;  // the last one, as Python would
};

std::string latin1_to_utf8(std::string_view bytes);
// nullopt: a character above U+00FF.
std::optional<std::string> utf8_to_latin1(std::string_view text);
// Up to the trailing NULs. nullopt: no Unicode.
std::optional<std::string> utf32_to_utf8(std::span<const std::byte> characters, bool big_endian);
void append_utf8(std::string& out, std::uint32_t code_point);  // surrogates too
std::string dtype_text(const Document::Impl& document, std::uint32_t dtype);

// pickle_numpy.cpp: what numpy's constructors mean. Errors without offset: the reader adds it.
class NumpyValues {
 public:
  NumpyValues(Document::Impl& document, const Limits& limits) : d_(document), limits_(limits) {}
  Result<std::uint32_t> dtype_from_text(std::string_view text);
  Result<std::uint32_t> dtype_with_state(std::uint32_t dtype, NodeId state);  // BUILD
  Result<std::optional<Array>> array_from_state(NodeId state);                // _reconstruct + BUILD; nullopt: another pattern
  Result<Array> array_from_buffer(NodeId arguments);                          // _frombuffer(buffer, dtype, shape, order[, axes])
  Result<Array> array_from_npy(std::span<const std::byte> file);              // a whole .npy file, which must outlive the document
  Result<Array> array_with_data(NodeId state, std::string_view data);         // the state of _reconstruct, its data from elsewhere
  Result<std::uint32_t> dtype_from_npy(const npy::Header& header);
  Result<Shape> shape_from(NodeId shape) const;
  Result<std::size_t> data_size(std::uint32_t dtype, const Shape& shape) const;  // overflow-safe, within limits
  Result<Node> scalar(std::uint32_t dtype, std::string_view data);               // 0-d arrays are made where no scalar kind fits
  static std::vector<std::int64_t> fortran_strides(const Shape& shape);

 private:
  Result<Unit> add_fields(Dtype& dtype, NodeId names, NodeId fields);
  Result<Unit> set_subarray(Dtype& dtype, NodeId subarray);
  Status count_dtype() const;
  Result<Array> numeric(std::uint32_t dtype, Shape shape, std::string_view data);
  std::optional<std::int64_t> integer(NodeId id) const;

  Document::Impl& d_;
  const Limits& limits_;
};

}  // namespace slipway::pickle
