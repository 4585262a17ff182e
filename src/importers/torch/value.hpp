// Values of the Python subset that PyTorch code is evaluated in: TorchScript's serialised code and a model's own source alike. Numbers that
// depend on the sizes of a request are symbols (neural::Dim); tensors are values of the graph under construction. A tensor that is written
// in place, also through a view, is a Tensor cell: what was made of it before sees the write, as in PyTorch.
// Values of one evaluation, single-threaded.
#pragma once

#include <map>
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
struct Object;    // an instance: attributes by name (the evaluator's)
struct Callable;  // a function, method, class or builtin (the evaluator's)

struct Any {
  std::variant<None, bool, Dim, double, std::string, TensorRef, TorchDType, std::shared_ptr<List>, std::shared_ptr<Tuple>, std::shared_ptr<Dict>,
               std::shared_ptr<Object>, std::shared_ptr<Callable>>
      v;
  Any() = default;
  template <class T>
  Any(T value) : v(std::move(value)) {}  // NOLINT(google-explicit-constructor)
  bool none() const { return std::holds_alternative<None>(v); }
  template <class T>
  const T* as() const {
    return std::get_if<T>(&v);
  }
};
std::string type_name(const Any& a);  // "int", "Tensor", "List", ...: for messages

// A tensor as Python holds it. Views remember where they come from: reading one after its base was written gives the new content, writing
// one writes its base.
class TensorCell {
 public:
  // How a view is taken of its base; `write` puts a new content of the view back into the base's.
  struct View {
    virtual ~View() = default;
    virtual Result<Value> read(Net& net, const Value& base) const = 0;
    virtual Result<Value> write(Net& net, const Value& base, const Value& content) const = 0;
  };
  explicit TensorCell(Value value) : value_(std::move(value)) {}
  TensorCell(TensorRef base, std::unique_ptr<View> view) : base_(std::move(base)), view_(std::move(view)), seen_(-1) {}

  Result<Value> read(Net& net);
  Status write(Net& net, Value value);  // of the same shape and type (the caller casts)

 private:
  std::int64_t version() const { return base_ ? base_->version() : version_; }
  Value value_;
  TensorRef base_;
  std::unique_ptr<View> view_;
  std::int64_t version_ = 0;  // of a base: counts writes
  std::int64_t seen_ = 0;     // of a view: the base's version that value_ was read at
};
inline Any tensor(Value v) { return std::make_shared<TensorCell>(std::move(v)); }

}  // namespace slipway::importers::torch
