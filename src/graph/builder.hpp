// Builder: writes a graph node by node. Used by importers; one builder a lowering, one thread.
// Names are made unique here; constants that are equal are stored once.
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "slipway/graph/graph.hpp"

namespace slipway::graph {

// A value in the graph under construction: its name, and what the importer knows of it. columns: the second dimension of a
// [N, columns] table, -1 when unknown or not a table.
struct Val {
  std::string name;
  DType dtype = DType::float64;
  std::int64_t columns = -1;
};

inline constexpr std::int64_t kOpset = 18;                 // ai.onnx of what importers build
inline constexpr std::string_view kOwnDomain = "slipway";  // operators of our own: ops/operators.def
inline constexpr std::int64_t kMlOpset = 5;                // ai.onnx.ml: TreeEnsemble in double needs 5

// Which operators to choose where both could say it. standard: the graph runs in any engine; own: as it runs best here.
enum class Operators : std::uint8_t { own, standard };

class Builder {
 public:
  explicit Builder(std::string graph_name, Operators operators = Operators::own);
  Operators operators() const { return operators_; }
  // Of a graph inside this one (the body of a Scan), which stands on its own: no name in it is one of this graph's.
  Builder inside();
  const std::string& name() const { return model_.graph.name; }

  Val input(std::string name, DType dtype, std::int64_t columns);  // [N, columns]
  Val input(std::string name, DType dtype, std::vector<Dim> shape);
  void output(std::string name, const Val& v, std::vector<Dim> shape);  // adds an Identity so that the name is exactly this one

  Val constant(Tensor t);
  Val scalar(double v);  // float64, shape []
  Val scalar_i64(std::int64_t v);
  Val row(std::span<const double> values);         // float64 [1, n]
  Val ints(std::span<const std::int64_t> values);  // int64 [n]
  Val ints(std::initializer_list<std::int64_t> values);

  // One node with one output. The result's dtype and columns are the first input's unless given.
  Val op(std::string_view op_type, const std::vector<Val>& inputs, std::vector<Attribute> attributes = {}, std::string_view domain = "");
  std::vector<Val> op_n(std::string_view op_type, const std::vector<Val>& inputs, std::size_t outputs, std::vector<Attribute> attributes = {},
                        std::string_view domain = "");
  // One of our own operators, where the standard ones can't say it in double. An absent optional input is absent().
  Val own(std::string_view op_type, const std::vector<Val>& inputs, DType dtype, std::int64_t columns, std::vector<Attribute> attributes = {});
  static Val absent() { return {"", DType::undefined, -1}; }
  static Val typed(Val v, DType dtype, std::int64_t columns) {
    v.dtype = dtype;
    v.columns = columns;
    return v;
  }

  // The arithmetic that every importer needs.
  Val add(const Val& a, const Val& b);
  Val sub(const Val& a, const Val& b);
  Val mul(const Val& a, const Val& b);
  Val div(const Val& a, const Val& b);
  Val matmul(const Val& a, const Val& b, std::int64_t columns);
  Val cast(const Val& a, DType to);
  Val concat_columns(const std::vector<Val>& parts);                   // same dtype each; one part is returned as it is
  Val columns(const Val& table, std::span<const std::int64_t> which);  // Gather on axis 1
  Val column(const Val& table, std::int64_t which);                    // [N, 1]
  Val gather(const Val& table, const Val& indices, std::int64_t axis);
  Val where(const Val& condition, const Val& yes, const Val& no);
  Val argmax(const Val& table);  // [N] int64, the first of equals, as numpy
  Val reduce(std::string_view op_type, const Val& a, std::int64_t axis, bool keepdims);
  Val reshape(const Val& a, std::initializer_list<std::int64_t> shape, std::int64_t columns);
  Val is_nan(const Val& a);
  Val compare(std::string_view op_type, const Val& a, const Val& b);  // Less, Greater, Equal, ...: boolean
  Val logical_not(const Val& a);
  Val sigmoid(const Val& a);
  Val softmax(const Val& table);                    // along axis 1
  Val clip(const Val& a, double low, double high);  // either may be infinite: not applied
  Val repeat_row(const Val& like, const Val& row);  // [1, k] to [rows of `like`, k]: answers that don't depend on the input

  std::size_t node_count() const { return model_.graph.nodes.size(); }
  Model finish();  // moves the graph out; prunes nodes that no output needs

 private:
  std::string fresh(std::string_view stem);
  Model model_;
  std::string prefix_;  // of every name that is made here
  Operators operators_;
  std::size_t next_ = 0;
  std::unordered_set<std::string> names_;                        // every name in use
  std::unordered_multimap<std::size_t, std::size_t> constants_;  // hash of the content -> index in initializers
};

Attribute attr(std::string name, AttributeValue value);

}  // namespace slipway::graph
