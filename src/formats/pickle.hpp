// A pickle read as data. Nothing is imported, called or resolved: GLOBAL, REDUCE, NEWOBJ and BUILD make inert nodes, and what a
// class means is the importers' matter. numpy arrays, scalars and dtypes are recognised by pattern, because the stream's own
// framing (joblib's raw arrays) depends on them.
//
// Texts and arrays stay in the caller's bytes, which must outlive the Document. None, True, False and () are one node each, at
// offset 0. A key that a stream sets twice is listed twice by entries(); get() and attribute() give the last, as Python would.
//
// Document owns the nodes; View is a cheap cursor that knows its path for messages ("steps[1][1].coef_"). Single-threaded.
// Cost is proportional to the file's size whatever it holds: shared nodes and cycles are ids, nothing recurses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "slipway/base/result.hpp"
#include "slipway/tensor/tensor.hpp"

namespace slipway::pickle {

enum class Kind : std::uint8_t {
  none,
  boolean,
  integer,
  big_integer,
  real,
  text,
  bytes,
  list,
  tuple,
  dict,
  set,
  slice,
  global,      // a reference to module.name, e.g. a class, a function, numpy.float64 as a type
  object,      // REDUCE / NEWOBJ / INST / OBJ of a global, with its BUILD state
  array,       // numpy array (any dtype, C order after reading, little endian)
  dtype,       // numpy dtype
  persistent,  // PERSID / BINPERSID
};
std::string_view kind_name(Kind kind);

// Beside these, objects and opcodes are bounded by the file's size (`Reader`): a small file can't ask for much by compressing well.
struct Limits {
  std::size_t opcodes_max = 50'000'000;
  std::size_t nodes_max = 20'000'000;
  std::size_t depth_max = 10'000;     // of the mark stack
  std::size_t stack_max = 4'000'000;  // picklers hand containers over by the thousand
  std::size_t packed_bytes = 0;       // of the file that the stream was unpacked from; 0: it is the file itself
  std::size_t array_bytes_max = 4ULL << 30;
  std::size_t values_max = 8'000'000;  // elements that all Views together give in bulk, beyond 16 a byte of the file: a
                                       // list that holds one array a million times must not be read a million times
};

class Document;

// Valid as long as its Document.
class View {
 public:
  Kind kind() const;
  bool is(Kind k) const { return kind() == k; }
  bool is_none() const { return kind() == Kind::none; }
  const std::string& path() const { return path_; }  // "" for the root
  std::uint64_t offset() const;                      // of the opcode that made it, in the (decompressed) stream
  std::uint32_t id() const { return id_; }           // same id: same object
  std::string describe() const;                      // for messages: "a list of 3", "an sklearn.tree._tree.Tree", "the text 'auto'"

  // global and object: the (callable's) module and name. Old module paths are given as written in the file.
  std::string_view module() const;
  std::string_view name() const;
  std::string qualified_name() const;  // "sklearn.linear_model._logistic.LogisticRegression"

  // object: BUILD state as attributes (dict, or the dict and slots of (dict, slots)), constructor arguments, appended items.
  bool has(std::string_view attribute) const;
  std::optional<View> find(std::string_view attribute) const;
  Result<View> attribute(std::string_view name) const;  // model_refused: "<path>: LogisticRegression has no coef_ (is it fitted?)"
  std::vector<std::string> attributes() const;
  std::optional<View> argument(std::size_t i) const;  // of REDUCE/NEWOBJ, e.g. Tree(n_features, n_classes, n_outputs)
  std::size_t arguments() const;
  std::optional<View> state() const;          // raw BUILD state when it is no dict
  std::optional<View> persistent_id() const;  // of Kind::persistent: what the writing program was asked by, e.g. ('storage', ...)
  std::optional<View> callable() const;       // what was called: a global, or an object (a class or function that the stream itself makes)

  // list, tuple, set, object arrays (flattened), and list-like objects (their APPENDS): children.
  std::size_t size() const;
  View at(std::size_t i) const;  // precondition: i < size()
  // dict, and dict-like objects (OrderedDict, Bunch: their SETITEMS)
  std::size_t entries() const;
  View key_at(std::size_t i) const;
  View value_at(std::size_t i) const;
  std::optional<View> get(std::string_view key) const;  // entry by text key

  // Scalars: python's own and numpy's alike, 0-d arrays too. Errors name the path and what is there instead.
  Result<double> number() const;  // boolean, integer, real
  Result<std::int64_t> integer() const;
  Result<bool> boolean() const;
  Result<std::string> text() const;
  Result<std::string> bytes() const;
  bool is_text(std::string_view value) const;  // exactly this text
  std::string_view raw() const;                // of a text or bytes: as the file has it, without a copy; empty: something else

  // array
  bool is_object_array() const;
  std::string dtype_text() const;               // "<f8", "O", "<U10", "[('left_child','<i8'),...]"; also of Kind::dtype
  const Shape& shape() const;                   // of an array
  Result<Tensor> tensor() const;                // array of numbers, booleans or strings as stored; lists of numbers too
  Result<std::vector<double>> doubles() const;  // any numeric array or (nested) list of numbers, flattened in C order
  Result<std::vector<std::int64_t>> integers() const;
  Result<std::vector<std::string>> texts() const;     // string or object array / list whose items are all text
  Result<Tensor> field(std::string_view name) const;  // one field of a structured array, e.g. Tree.nodes["left_child"]
  bool has_field(std::string_view name) const;
  Shape field_shape() const;

 private:
  friend class Document;
  View(const Document* document, std::uint32_t id, std::string path) : document_(document), id_(id), path_(std::move(path)) {}
  const Document* document_;
  std::uint32_t id_;
  std::string path_;
};

class Document {
 public:
  ~Document();
  Document(Document&&) noexcept;
  Document& operator=(Document&&) noexcept;

  View root() const;
  int protocol() const;
  bool is_joblib() const;                    // holds raw arrays behind NumpyArrayWrapper objects
  std::vector<std::string> globals() const;  // every module.name the stream names, sorted, unique
  std::vector<View> persistents() const;     // every node of Kind::persistent, in the order of the stream

  struct Impl;
  explicit Document(std::unique_ptr<Impl> impl);
  const Impl& impl() const { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

// A file beside the stream: joblib before 0.10 kept arrays in files of their own and names them.
struct Sibling {
  std::string name;
  std::span<const std::byte> bytes;  // .npy, or .npy.z (raw array bytes as a zlib stream behind "ZF")
  mutable bool used = false;
};

// Reads one pickle or joblib stream, already decompressed; the stream must end after it. Protocols 0-5.
// `bytes` and the siblings' bytes must outlive the Document: texts and arrays are views into them.
// Errors: model_refused with opcode name and offset in the detail ("opcode REDUCE at byte 31: ...").
// joblib < 0.10, whose arrays are in files beside it, is refused naming the files that are missing.
Result<Document> read(std::span<const std::byte> bytes, const Limits& limits = {}, std::span<const Sibling> siblings = {});

// One pickle at the beginning of `bytes`, whatever follows it; `end`: the first byte behind its STOP. Its bounds are those of all the bytes.
Result<Document> read_first(std::span<const std::byte> bytes, std::size_t& end, const Limits& limits = {});

// Whether bytes look like a pickle of protocol 0-5 (a cheap look at the beginning, not a promise).
bool looks_like_pickle(std::span<const std::byte> bytes);

}  // namespace slipway::pickle
