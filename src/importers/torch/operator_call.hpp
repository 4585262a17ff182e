// What an operator's function is given: its arguments in the order of its signature, and readers that say what is wrong with them. Inside
// importers/torch only.
#pragma once

#include <span>

#include "slipway/importers/torch/operators.hpp"

namespace slipway::importers::torch {

struct OpCall {
  Net& net;
  std::string_view name;
  std::vector<Any> args;

  Error wrong(std::string what) const { return neural::wrong(std::string(name) + ": " + std::move(what)); }
  bool given(std::size_t i) const { return i < args.size() && !args[i].none(); }
  bool is_tensor(std::size_t i) const { return i < args.size() && args[i].as<TensorRef>() != nullptr; }

  Result<Value> tensor(std::size_t i) const;  // numbers become tensors without dimensions
  Result<std::optional<Value>> maybe_tensor(std::size_t i) const;
  Result<TensorRef> cell(std::size_t i) const;
  std::vector<Any> items(std::size_t i) const;              // of a list or tuple, or the one
  Result<std::vector<Value>> tensors(std::size_t i) const;  // of a list
  Result<std::int64_t> integer(std::size_t i) const;        // known now
  Result<Dim> size(std::size_t i) const;                    // or when a request comes
  Result<double> number(std::size_t i) const;
  Result<bool> flag(std::size_t i) const;
  Result<std::string> text(std::size_t i) const;
  Result<std::vector<std::int64_t>> integers(std::size_t i) const;                     // of a list, or the one
  Result<std::vector<std::int64_t>> integers(std::size_t i, std::size_t count) const;  // one stands for all
  Result<Dims> sizes(std::size_t i) const;
  Result<DType> dtype(std::size_t i, DType otherwise) const;  // torch.float32, or its number in serialised code
};

using OpFunction = Result<Any> (*)(OpCall& call);
struct Operator {
  std::string_view name;
  std::string_view signature;  // "self, other, alpha=1": names and defaults (None, True, False, numbers, "texts", []); "*rest": any number
  OpFunction function;
};

// The tables, by subject; one file each.
std::span<const Operator> elementwise_operators();
std::span<const Operator> shape_operators();
std::span<const Operator> layer_operators();
std::span<const Operator> reduction_operators();
std::span<const Operator> creation_operators();
std::span<const Operator> index_operators();
std::span<const Operator> resize_operators();
std::span<const Operator> embedding_operators();
std::span<const Operator> window_operators();
std::span<const Operator> matrix_operators();
std::span<const Operator> order_operators();
std::span<const Operator> recurrent_operators();
std::span<const Operator> fourier_operators();  // of real or complex tensors
std::span<const Operator> complex_operators();  // what operators of these names do where a tensor is complex
std::span<const Operator> scalar_operators();   // of numbers, texts and lists: no tensor in the arguments

// Operators that do the same with the real and the imaginary parts: reshape, cat, sum, ... nullopt: this is none.
Result<std::optional<Any>> by_parts(Net& net, std::string_view name, const Arguments& arguments);
bool is_complex(const Any& a);  // or a list that has such a one
Any complex_tensor(Net& net, const Value& real, const std::optional<Value>& imaginary);

Result<Value> value_of(Net& net, const Any& a, std::string_view who);  // a tensor or a number
std::optional<DType> dtype_of_code(std::int64_t code);                 // c10::ScalarType

}  // namespace slipway::importers::torch
