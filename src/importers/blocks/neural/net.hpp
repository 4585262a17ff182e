// Net: a neural network's graph under construction. Over graph::Builder it knows every value's shape, with sizes that are known only
// when a request comes as symbols, and constants by their content. The front ends (Keras, TorchScript, torch.export, PyTorch source)
// are parsing and tables on top of the functions in this folder. Layout is the engine's everywhere: channels after the rows.
// One Net a lowering, single-threaded.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "slipway/graph/builder.hpp"

namespace slipway::importers::neural {

// An integer: known, or a symbol whose value is known when a request comes. The same symbol is the same size; symbols are made by a
// Net and mean something in it only. Sizes of dimensions, and what a model computes of them (Net::mul, ...; may be negative).
struct Dim {
  std::int64_t value = 0;
  std::uint32_t symbol = 0;  // 0: known
  Dim() = default;
  Dim(std::int64_t known) : value(known) {}  // NOLINT(google-explicit-constructor): sizes are written as numbers
  bool known() const { return symbol == 0; }
  bool is(std::int64_t v) const { return known() && value == v; }
  friend bool operator==(const Dim& a, const Dim& b) { return a.symbol == b.symbol && (a.symbol != 0 || a.value == b.value); }
};
using Dims = std::vector<Dim>;
std::string dims_text(const Dims& dims);  // "[?, 3, 224, 224]"

using SharedTensor = std::shared_ptr<const Tensor>;

// A tensor in the graph. A constant has its content and stands in the graph only once something uses it.
struct Value {
  graph::Val val;  // name (empty: a constant not yet used) and type
  Dims dims;
  SharedTensor content;
  DType dtype() const { return val.dtype; }
  std::size_t rank() const { return dims.size(); }
  bool constant() const { return content != nullptr; }
};

// What had to be taken for granted of a size that isn't known: whoever chooses the input's shape has to see that it comes true.
struct Assumption {
  Dim dim;
  std::int64_t value = 0;
  std::string why;  // "linear: 400 features"
};

class Net {
 public:
  // dry: for a try with other shapes. Constants are not put into the graph, which is of no use afterwards.
  explicit Net(graph::Builder& graph, bool dry = false) : graph_(graph), dry_(dry) {}
  // Of a graph inside (the body of a Loop): `around`'s values and sizes mean the same in here, constants are put there.
  Net(graph::Builder& graph, Net& around);
  Net(const Net&) = delete;
  Net& operator=(const Net&) = delete;
  graph::Builder& graph() { return graph_; }
  bool dry() const { return dry_; }

  Value input(const std::string& name, DType dtype, Dims dims);  // a symbol stands for a free dimension
  void output(const std::string& name, const Value& v);

  Value constant(Tensor t);
  Value constant(SharedTensor t);
  Value number(double v, DType dtype);  // shape []
  Value ints(std::span<const std::int64_t> values);
  Value ints(std::initializer_list<std::int64_t> values) { return ints(std::span(values.begin(), values.size())); }
  // A weight to calculate with: half precision is kept as it is in the file and widened to float32 in the graph.
  Value weight(SharedTensor t);
  Value widened(const Value& v);  // half precision as float32

  // One node. dims: of the result.
  Value op(std::string_view type, const std::vector<Value>& inputs, DType dtype, Dims dims, std::vector<graph::Attribute> attributes = {},
           std::string_view domain = "");
  std::vector<Value> op_n(std::string_view type, const std::vector<Value>& inputs, std::vector<std::pair<DType, Dims>> outputs,
                          std::vector<graph::Attribute> attributes = {}, std::string_view domain = "");
  static Value absent() { return {}; }  // an optional input that isn't given
  Value cast(const Value& v, DType to);
  graph::Val use(const Value& v);  // its name in the graph: puts a constant there

  // --- sizes
  Dim symbol();  // a new one, of which nothing is known
  // One that no request tells, either: an argument of __init__ of which the weights say a sum only. Nothing may be calculated with it but the
  // shapes of weights that the file has: see asked_untold.
  Dim untold();
  bool asked_untold() const { return asked_untold_; }  // a tensor was made of such a one
  Dim mul(Dim a, Dim b);
  Dim add(Dim a, Dim b);
  Dim sub(Dim a, Dim b);
  Dim floor_div(Dim a, Dim b);  // b not 0
  Dim max(Dim a, Dim b);
  // The size that a formula gives of an unknown one, e.g. of a convolution: the same key and operand, the same symbol.
  Dim derived(const std::string& key, Dim of);
  Dim product(std::span<const Dim> dims);
  std::optional<Dim> quotient(Dim a, Dim b);  // a / b where it is certain that it has no rest
  Dim from_scalar(const Value& v);            // an integer tensor of one element
  Value to_scalar(Dim d);                     // int64 []
  Value to_list(std::span<const Dim> dims);   // int64 [n]
  Value shape_of(const Value& v) { return to_list(v.dims); }

  // The two must be equal: an error if they can't be, an Assumption where it is not known.
  Status require(Dim dim, std::int64_t value, const std::string& why);
  const std::vector<Assumption>& assumptions() const { return assumptions_; }
  // The value of the only symbol in `d` that makes it `value`: of 4 (n + 1) = 12, n and 2. nullopt: there are several symbols, or none fits.
  // guess: n // 2 = 5 has the solution 10, though 11 is one, too; of halves only, as nobody halves what is odd.
  std::optional<std::pair<Dim, std::int64_t>> solve(Dim d, std::int64_t value, bool guess = false) const;
  // constant + the sum of factors times symbols. nullopt: it is no such sum.
  struct Linear {
    std::int64_t constant = 0;
    std::map<std::uint32_t, std::int64_t> factors;
  };
  std::optional<Linear> linear(Dim d) const;
  std::vector<std::uint32_t> symbols_in(Dim d) const;  // those that a size is calculated from
  // An error because a size isn't known: with a known input shape it may go.
  Error needs(Dim dim, std::string why);
  bool needed_sizes() const { return needed_sizes_; }
  // The symbol that stands for the rows of a request, once an input has it.
  Dim rows() const { return rows_; }
  void set_rows(Dim rows) { rows_ = rows; }
  // A layer took an input as one without rows: allowed, but rarely what is meant.
  void note_no_rows() { no_rows_ = true; }
  bool had_no_rows() const { return no_rows_; }
  // The rows were to be squeezed away: the network takes one thing at a time, [1, ...], such as a bag of instances.
  void note_one_row() { one_row_ = true; }
  bool wants_one_row() const { return one_row_; }
  // The two must be equal, known or not; of those that aren't it is noted that they are.
  Status same(Dim a, Dim b, const std::string& why);
  const std::vector<std::pair<Dim, Dim>>& equal() const { return equal_; }
  // Two sizes that nothing says are equal were put beside each other: allowed, but hardly what the network was made for.
  void note_guess(Dim a, Dim b) {
    equal_.emplace_back(a, b);
    ++guesses_;
  }
  void note_guess() { ++guesses_; }
  std::size_t guesses() const { return guesses_; }

  // Of a net inside another: a size as the one around knows it (a new symbol there, if it doesn't), ...
  Dim outside(Dim d);
  Dims outside(const Dims& dims);
  // ... and, once it is made: what was taken for granted and needed in here is so there.
  Status leave();

 private:
  struct Symbol {
    std::int64_t factor = 1;
    std::vector<std::uint32_t> atoms;                                                               // of a product: sorted; empty: an atom itself
    enum class Of : std::uint8_t { nothing, sum, difference, quotient, formula } of = Of::nothing;  // an atom that is calculated from ...
    Dim left, right;                                                                                // ... these
    bool untold = false;
    std::string tensor;     // where a tensor has it: this one's ...
    std::int64_t axis = 0;  // ... dimension
    graph::Val value;       // int64 [1], once in the graph
  };
  void register_dims(const std::string& tensor, const Dims& dims);
  Dim atom(const std::string& key);
  Dim intern(std::int64_t factor, std::vector<std::uint32_t> atoms);
  void expand(Dim d, std::int64_t& factor, std::vector<std::uint32_t>& atoms) const;
  graph::Val run_time(Dim d);  // int64 [1]
  bool is_untold(Dim d) const;
  Dim combine(std::string_view op, const std::string& key, Dim a, Dim b, Symbol::Of of = Symbol::Of::nothing);

  graph::Builder& graph_;
  bool dry_ = false;
  Net* around_ = nullptr;
  std::size_t symbols_around_ = 0;  // those with smaller numbers are the surrounding net's
  std::vector<Symbol> symbols_;
  std::map<std::string, std::uint32_t> by_key_;
  std::map<std::pair<std::int64_t, std::vector<std::uint32_t>>, std::uint32_t> products_;
  std::unordered_map<const Tensor*, std::pair<SharedTensor, graph::Val>> used_;
  std::vector<Assumption> assumptions_;
  std::vector<std::pair<Dim, Dim>> equal_;  // sizes that have to be the same, of what is known of neither
  Dim rows_ = -1;
  bool needed_sizes_ = false;
  bool no_rows_ = false, one_row_ = false;
  bool asked_untold_ = false;
  std::size_t guesses_ = 0;
};

// "the model's convolution: what" as an error of the import.
Error wrong(std::string what);

std::int64_t normal_axis(std::int64_t axis, std::size_t rank);  // -1 is the last; outside: -1
Result<std::size_t> axis_of(std::int64_t axis, std::size_t rank, std::string_view who);

}  // namespace slipway::importers::neural
