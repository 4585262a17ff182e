// Values of the Python subset that PyTorch code is evaluated in: TorchScript's serialised code and a model's own source alike. Numbers that
// depend on the sizes of a request are symbols (neural::Dim); tensors are values of the graph under construction. A tensor that is written
// in place, also through a view, is a Tensor cell: what was made of it before sees the write, as in PyTorch.
// Values of one evaluation, single-threaded.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "slipway/importers/blocks/neural/net.hpp"

namespace slipway::importers::torch {

using neural::Dim;
using neural::Dims;
using neural::Net;
using neural::Value;

class TensorCell;
using TensorRef = std::shared_ptr<TensorCell>;
struct Any;

struct None {};
struct TorchDType {  // torch.float32
  DType dtype = DType::float32;
  bool complex = false;  // torch.complex64: of two such numbers
};
struct List {  // mutable, shared
  std::vector<Any> items;
};
struct Tuple {
  std::vector<Any> items;
  std::vector<std::string> names;  // of a named tuple; else empty
};
struct Dict {  // in order of insertion; keys are texts or integers
  std::vector<std::pair<Any, Any>> items;
};
// Complex numbers: a tensor each of real and imaginary parts, of one shape.
struct ComplexTensor {
  TensorRef real, imaginary;
};
using ComplexRef = std::shared_ptr<ComplexTensor>;
struct Object;    // an instance: attributes by name (the evaluator's)
struct Callable;  // a function, method, class or builtin (the evaluator's)

struct Any {
  std::variant<None, bool, Dim, double, std::string, TensorRef, TorchDType, std::shared_ptr<List>, std::shared_ptr<Tuple>, std::shared_ptr<Dict>,
               std::shared_ptr<Object>, std::shared_ptr<Callable>, ComplexRef>
      v;
  Any() = default;
  Any(bool b) : v(b) {}                                  // NOLINT(google-explicit-constructor): values are written as they are
  Any(double d) : v(d) {}                                // NOLINT(google-explicit-constructor)
  Any(Dim d) : v(d) {}                                   // NOLINT(google-explicit-constructor)
  Any(std::int64_t i) : v(Dim(i)) {}                     // NOLINT(google-explicit-constructor)
  Any(int i) : v(Dim(i)) {}                              // NOLINT(google-explicit-constructor)
  Any(std::string s) : v(std::move(s)) {}                // NOLINT(google-explicit-constructor)
  Any(const char* s) : v(std::string(s)) {}              // NOLINT(google-explicit-constructor)
  Any(None n) : v(n) {}                                  // NOLINT(google-explicit-constructor)
  Any(TorchDType d) : v(d) {}                            // NOLINT(google-explicit-constructor)
  Any(TensorRef t) : v(std::move(t)) {}                  // NOLINT(google-explicit-constructor)
  Any(std::shared_ptr<List> l) : v(std::move(l)) {}      // NOLINT(google-explicit-constructor)
  Any(std::shared_ptr<Tuple> t) : v(std::move(t)) {}     // NOLINT(google-explicit-constructor)
  Any(std::shared_ptr<Dict> d) : v(std::move(d)) {}      // NOLINT(google-explicit-constructor)
  Any(std::shared_ptr<Object> o) : v(std::move(o)) {}    // NOLINT(google-explicit-constructor)
  Any(std::shared_ptr<Callable> c) : v(std::move(c)) {}  // NOLINT(google-explicit-constructor)
  Any(ComplexRef c) : v(std::move(c)) {}                 // NOLINT(google-explicit-constructor)
  bool none() const { return std::holds_alternative<None>(v); }
  template <class T>
  const T* as() const {
    return std::get_if<T>(&v);
  }
};
std::string type_name(const Any& a);  // "int", "Tensor", "List", ...: for messages

// A tensor as Python holds it. A view remembers where it comes from: reading one after its base was written gives the new content, writing
// one writes its base.
class TensorCell {
 public:
  using Read = std::function<Result<Value>(Net& net, const Value& base)>;                         // the view of a base's content
  using Write = std::function<Result<Value>(Net& net, const Value& base, const Value& content)>;  // the base with the view's new content
  explicit TensorCell(Value value) : value_(std::move(value)) {}
  // `write` empty: a view that can't be written (expanded memory).
  static Result<TensorRef> view(Net& net, const TensorRef& base, Read read, Write write);

  Result<Value> read(Net& net);
  Status write(Net& net, Value value);                   // of the same shape and type (the caller casts), unless it is no view
  std::optional<std::int64_t> constant_integer() const;  // of a constant without dimensions
  bool writable() const { return !base_ || write_ != nullptr; }
  bool same_memory(const TensorCell& other) const { return root() == other.root(); }
  std::int64_t version() const { return root()->version_; }  // counts writes of its memory
  static TensorRef memory_of(const TensorRef& cell);         // the one that it is a view of, of a view of ...
  const Value& content() const { return value_; }            // of one that is no view
  void replace(Value value) {                                // of one that is no view: views read it again
    value_ = std::move(value);
    ++version_;
  }
  // arange(0, n, step): what an embedding bag knows bags of equal lengths by.
  std::optional<Dim> step;
  // Of a nested tensor, which stands here with its padding: boolean [N, steps], true where there is something.
  std::shared_ptr<const Value> kept;

 private:
  const TensorCell* root() const;
  Value value_;
  TensorRef base_;
  Read read_;
  Write write_;
  int depth_ = 0;             // views of views
  std::int64_t version_ = 0;  // of a base: counts writes
  std::int64_t seen_ = 0;     // of a view: the base's version that value_ was read at
};
inline Any tensor(Value v) { return std::make_shared<TensorCell>(std::move(v)); }
// As d[key] = value: an entry with that text or number as its key is replaced, where it stands.
void set_item(Dict& d, const Any& key, Any value);
inline Any list(std::vector<Any> items) { return std::make_shared<List>(List{std::move(items)}); }
inline Any tuple(std::vector<Any> items) { return std::make_shared<Tuple>(Tuple{std::move(items), {}}); }

}  // namespace slipway::importers::torch
