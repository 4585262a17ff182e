// The walk behind rows.hpp: what is known of each value of a graph, operator by operator.
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "slipway/graph/extent.hpp"
#include "slipway/graph/graph.hpp"

namespace slipway::graph::rows {

using Extents = std::vector<Extent>;

// What is known of a value.
struct Fact {
  enum class Kind : std::uint8_t {
    same,    // for all requests that can be run together: they agree in all sizes but the number of rows
    rows,    // position (o * N + r) * block + i of `axis` belongs to row r of the N and depends on no other
    counts,  // tells of the number of rows; useful where sizes are wanted only
    mixed,
  };
  Kind kind = Kind::mixed;
  std::optional<Extents> shape;
  std::optional<Extents> numbers;  // the content of a short list of integers, or of one
  const Tensor* tensor = nullptr;  // of a constant
  std::size_t axis = 0;
  Extent outer = Extent::of(1), block = Extent::of(1);

  bool is_same() const { return kind == Kind::same; }
  bool is_rows() const { return kind == Kind::rows && shape; }
};

inline const Fact kMixed{};

inline bool one_of(std::string_view op, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), op) != names.end();
}

class Walk {
 public:
  explicit Walk(const Model& model) : model_(model) {
    const auto opset = model.opsets.find("");
    opset_ = opset == model.opsets.end() ? 1 : opset->second;
  }
  bool run();

 private:
  // --- facts

  int new_size() { return next_size_++; }
  Extent unknown() { return Extent::one_of(new_size()); }
  Fact constant(const Tensor& t) const;
  Fact input(const ValueInfo& v);

  const Fact& fact(const std::string& name) const {
    const auto at = facts_.find(name);
    return at == facts_.end() ? kMixed : at->second;
  }

  // `shape` filled in, the rows at this axis of it, as f has them.
  static Fact with(const Fact& f, std::size_t axis, Extents shape) {
    Fact out{.kind = Fact::Kind::rows, .shape = std::move(shape), .numbers = std::nullopt};
    out.axis = axis;
    out.outer = f.outer;
    out.block = f.block;
    return out;
  }

  static Extents extents_of(const std::vector<std::int64_t>& numbers) {
    Extents out;
    for (const std::int64_t n : numbers) out.push_back(Extent::of(n));
    return out;
  }

  static Fact same(std::optional<Extents> shape) { return {.kind = Fact::Kind::same, .shape = std::move(shape), .numbers = std::nullopt}; }

  // A list of sizes.
  static Fact list(Extents numbers, bool is_scalar = false) {
    const bool tells = std::any_of(numbers.begin(), numbers.end(), [](const Extent& e) { return e.rows != 0; });
    Fact f{.kind = tells ? Fact::Kind::counts : Fact::Kind::same, .shape = Extents(), .numbers = std::nullopt};
    if (!is_scalar) f.shape->push_back(Extent::of(static_cast<std::int64_t>(numbers.size())));
    f.numbers = std::move(numbers);
    return f;
  }

  // --- nodes

  struct Call {
    const Node& node;
    std::vector<const Fact*> in;  // absent ones are nullptr

    const Fact* input(std::size_t i) const { return i < in.size() ? in[i] : nullptr; }
    const Attribute* find(std::string_view name) const {
      const auto at = std::find_if(node.attributes.begin(), node.attributes.end(), [&](const Attribute& a) { return a.name == name; });
      return at == node.attributes.end() ? nullptr : &*at;
    }
    std::int64_t number(std::string_view name, std::int64_t otherwise) const {
      const Attribute* const a = find(name);
      const auto* v = a == nullptr ? nullptr : std::get_if<std::int64_t>(&a->value);
      return v == nullptr ? otherwise : *v;
    }
    std::optional<std::vector<std::int64_t>> numbers(std::string_view name) const {
      const Attribute* const a = find(name);
      const auto* v = a == nullptr ? nullptr : std::get_if<std::vector<std::int64_t>>(&a->value);
      return v == nullptr ? std::nullopt : std::optional(*v);
    }
    std::string text(std::string_view name) const {
      const Attribute* const a = find(name);
      const auto* v = a == nullptr ? nullptr : std::get_if<std::string>(&a->value);
      return v == nullptr ? "" : *v;
    }
    // Of an attribute, or since some opset of an input; nullopt: not there. An input that isn't known makes `good` false.
    std::optional<std::vector<std::int64_t>> list(std::string_view attribute, std::size_t at, bool& good) const {
      if (auto v = numbers(attribute)) return v;
      const Fact* const f = input(at);
      if (f == nullptr) return std::nullopt;
      std::vector<std::int64_t> out;
      good = f->numbers.has_value() && std::all_of(f->numbers->begin(), f->numbers->end(), [](const Extent& e) { return e.known(); });
      if (good) {
        for (const Extent& e : *f->numbers) out.push_back(e.number);
      }
      return out;
    }
  };
  void step(const Node& node);
  static bool has_subgraph(const Node& node);
  std::vector<Fact> outputs(const Call& c);
  // Operators with rows among their inputs.
  std::vector<Fact> of_rows(const Call& c);

  // The first input's rows at dimension 0, all others the same for everybody.
  bool is_plain(const Call& c) const { return !c.in.empty() && c.in[0] != nullptr && c.in[0]->is_rows() && c.in[0]->axis == 0 && others_are_same(c); }
  static bool others_are_same(const Call& c) {
    return std::all_of(c.in.begin() + 1, c.in.end(), [](const Fact* f) { return f == nullptr || f->is_same(); });
  }
  // Counted from the end when negative.
  static std::optional<std::size_t> axis_of(std::int64_t axis, std::size_t rank) {
    if (axis < 0) axis += static_cast<std::int64_t>(rank);
    if (axis < 0 || axis >= static_cast<std::int64_t>(rank)) return std::nullopt;
    return static_cast<std::size_t>(axis);
  }

  // --- sizes

  Fact constant_node(const Call& c) const;
  static Fact shape_of(const Call& c);
  static Fact size_of(const Call& c);
  static std::optional<Extent> volume(const Extents& shape, std::size_t begin, std::size_t end);
  // Integers of which sizes are made, calculated with.
  std::optional<Fact> arithmetic(const Call& c);
  // The one dimension that the number of rows is a factor of; nullopt: none. `good` false: several, or to a power.
  static std::optional<std::size_t> row_axis(const Extents& shape, bool& good);
  // The same along all rows: any part of it may be called a row's.
  static Fact uniform(Extents shape);

  static Fact filled(const Call& c) { return c.in[0]->numbers ? uniform(*c.in[0]->numbers) : c.in[0]->is_same() ? same(std::nullopt) : kMixed; }
  static Fact expand(const Call& c);
  static Fact tile(const Call& c);

  // --- the same elements in another arrangement

  // Elements in the same order, in the dimensions `to`: where do the rows stand now? They must neither be cut nor interleaved otherwise.
  static Fact rearranged(const Fact& x, Extents to);
  Fact reshape(const Call& c);
  static Fact flatten(const Call& c);
  static Fact squeeze(const Call& c, bool removes);
  static Fact transpose(const Call& c);

  // --- parts

  static Fact gather(const Call& c);
  static Fact gather_elements(const Call& c);

  static bool stand_alike(const Fact& a, const Fact& b) { return a.axis == b.axis && a.outer == b.outer && a.block == b.block; }
  Fact concat(const Call& c);
  std::optional<Extents> joined(const Call& c);
  // A number of a list; nullopt: not known. Without the list: `otherwise`.
  static std::optional<std::int64_t> at(const std::optional<Extents>& list, std::size_t i, std::optional<std::int64_t> otherwise = std::nullopt);
  static std::int64_t sliced(std::int64_t size, std::int64_t begin, std::int64_t end, std::int64_t step);
  Fact slice(const Call& c);
  std::vector<Fact> split(const Call& c);
  Fact pad(const Call& c);

  // --- calculations

  // Aligned at their last dimensions, as numpy does. Rows must stand at the same place everywhere, and nobody else have anything there.
  static Fact broadcast(const std::vector<const Fact*>& in);
  static Fact pointwise(const Call& c);
  std::optional<Extents> shape_like(const Call& c);
  Extent range_length(const Call& c);
  static bool is_one(const Fact* f) { return f != nullptr && f->numbers && f->numbers->size() == 1 && f->numbers->front().is(1); }
  static std::vector<Fact> dropout(const Call& c);
  static Fact matmul(const Call& c);
  static Fact gemm(const Call& c);
  Fact einsum(const Call& c);
  // Along one axis, which is not the rows'.
  static Fact along(const Call& c, std::int64_t otherwise);
  // Over this axis and all behind it.
  static Fact from_axis(const Call& c, std::int64_t otherwise);
  static Fact cumulative(const Call& c);
  static Fact reduce(const Call& c);
  static Fact arg(const Call& c);
  static Fact reduced(const Fact& x, const std::vector<std::int64_t>& axes, bool keeps);

  Fact in_place(const Call& c) const { return is_plain(c) ? with(*c.in[0], 0, *c.in[0]->shape) : kMixed; }
  // [N, channels, sides...], the same N at the end.
  Fact image(const Call& c);
  // Of a convolution's or a pool's result, as ONNX defines it for explicit padding.
  Extent side(const Call& c, std::size_t i, const Extent& from);
  Fact resize(const Call& c);
  Fact one_hot(const Call& c);
  // [steps, N, features] in; [steps, directions, N, units] and the last states out.
  std::vector<Fact> recurrent(const Call& c);
  // ai.onnx.ml: [N, features] in, of one row each; the same N out.
  std::vector<Fact> table(const Call& c);

  const Model& model_;
  std::int64_t opset_ = 1;
  int next_size_ = 0;
  std::map<std::string, int> named_;
  std::unordered_map<std::string, Fact> facts_;
};

}  // namespace slipway::graph::rows
