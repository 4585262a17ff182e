// Kernel: one operator of our own, as plain C++. What standard ONNX operators can't say in double precision (special functions,
// neighbours, Unicode text, hashing) is a Kernel; ort/ hands it to ONNX Runtime. Needs nothing but the standard library, so that the
// same sources also make the small shared library that a converted file needs elsewhere (libslipway_ops.so).
//
// A kernel is made once a node and computes from many threads at once: compute() is const. Errors in constants are thrown by the
// maker, errors in a request's values by compute(): std::invalid_argument, whose text a person reads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace slipway::ops {

enum class Type : std::uint8_t { float64, int64, text, boolean };

struct In {
  bool present = false;  // false: an optional input that the node leaves out
  Type type = Type::float64;
  std::vector<std::int64_t> shape;
  const void* data = nullptr;           // of doubles, int64s, booleans (one byte each)
  std::vector<std::string_view> texts;  // of text

  std::size_t count() const {
    std::size_t n = 1;
    for (const std::int64_t d : shape) n *= static_cast<std::size_t>(d);
    return n;
  }
  std::span<const double> doubles() const { return {static_cast<const double*>(data), count()}; }
  std::span<const std::int64_t> ints() const { return {static_cast<const std::int64_t*>(data), count()}; }
  std::span<const bool> booleans() const { return {static_cast<const bool*>(data), count()}; }
  // Of a matrix; a vector is one column (rows, 1).
  std::size_t rows() const { return shape.empty() ? 1 : static_cast<std::size_t>(shape[0]); }
  std::size_t columns() const { return rows() == 0 ? (shape.size() > 1 ? static_cast<std::size_t>(shape[1]) : 1) : count() / rows(); }
};

class Outs {
 public:
  virtual ~Outs() = default;
  virtual std::span<double> doubles(std::size_t output, std::vector<std::int64_t> shape) = 0;
  virtual std::span<std::int64_t> ints(std::size_t output, std::vector<std::int64_t> shape) = 0;
  virtual std::span<bool> booleans(std::size_t output, std::vector<std::int64_t> shape) = 0;
  virtual void texts(std::size_t output, std::vector<std::int64_t> shape, const std::vector<std::string>& values) = 0;
  // Calls `each` for 0 ... n-1 on the session's threads, in no order; returns when all are done. `each` must not throw.
  virtual void parallel(std::size_t n, const std::function<void(std::size_t)>& each) = 0;
};

class Kernel {
 public:
  virtual ~Kernel() = default;
  virtual void compute(std::span<const In> in, Outs& out) const = 0;
};

// What a node says when its kernel is made.
class Setup {
 public:
  virtual ~Setup() = default;
  virtual std::int64_t integer(const char* attribute, std::int64_t otherwise) const = 0;
  virtual std::string text(const char* attribute, std::string_view otherwise) const = 0;
  virtual std::vector<std::int64_t> integers(const char* attribute) const = 0;
  // An input that is a constant of the graph, to prepare from once. Not present: it is computed. Valid in the maker only:
  // compute() is given such an input again, but not the texts of one.
  virtual In constant(std::size_t input) const = 0;

  // The same where the operator can't work otherwise.
  In needed(std::size_t input) const {
    In in = constant(input);
    if (!in.present) throw std::invalid_argument("input " + std::to_string(input) + " must be a constant");
    return in;
  }
};

using Maker = std::unique_ptr<Kernel> (*)(const Setup& setup);

// One line of operators.def. A letter an input or output: d float64, i int64, s text, b boolean; behind '|' they are optional.
// Attributes: "name:i" an integer, "name:I" integers, "name:s" a text; separated by blanks. (ONNX has no double attributes: a number
// is a constant input.)
struct Operator {
  std::string_view name, inputs, outputs, attributes;
};
struct Implementation {
  Operator op;
  Maker make;
};
std::span<const Implementation> implementations();

// A kernel from a function of doubles, element by element.
std::unique_ptr<Kernel> elementwise(double (*function)(double));

}  // namespace slipway::ops
