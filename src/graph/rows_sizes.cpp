// Sizes: lists of numbers that the graph makes shapes of, and values that are filled or repeated to such a shape.
#include <algorithm>
#include <array>
#include <cstdlib>

#include "slipway/graph/rows_walk.hpp"

namespace slipway::graph::rows {

Fact Walk::constant_node(const Call& c) const {
  if (const Attribute* a = c.find("value")) {
    if (const auto* t = std::get_if<Tensor>(&a->value)) return constant(*t);
  }
  if (c.find("value_int") != nullptr) return list({Extent::of(c.number("value_int", 0))}, true);
  if (const auto v = c.numbers("value_ints")) { return list(extents_of(*v)); }
  return same(std::nullopt);
}

Fact Walk::shape_of(const Call& c) {
  const Fact& x = *c.in[0];
  if (!x.shape) return kMixed;
  const auto rank = static_cast<std::int64_t>(x.shape->size());
  const auto bound = [rank](std::int64_t at) { return std::clamp<std::int64_t>(at < 0 ? at + rank : at, 0, rank); };
  const std::int64_t begin = bound(c.number("start", 0)), end = std::max(begin, bound(c.number("end", rank)));
  return list(Extents(x.shape->begin() + begin, x.shape->begin() + end));
}

Fact Walk::size_of(const Call& c) {
  const auto all = c.in[0]->shape ? volume(*c.in[0]->shape, 0, c.in[0]->shape->size()) : std::nullopt;
  return all ? list({*all}, true) : kMixed;
}

std::optional<Extent> Walk::volume(const Extents& shape, std::size_t begin, std::size_t end) {
  std::optional<Extent> all = Extent::of(1);
  for (std::size_t i = begin; i < end && all; ++i) all = product(*all, shape[i]);
  return all;
}

std::optional<Fact> Walk::arithmetic(const Call& c) {
  const std::string_view op = c.node.op;
  const Fact* const a = c.input(0);
  if (a == nullptr || !a->numbers) return std::nullopt;
  const bool scalar = a->shape && a->shape->empty();
  if (op == "Identity") return list(*a->numbers, scalar);
  if (op == "Cast") {
    const std::int64_t to = c.number("to", 0);
    if (to == static_cast<std::int64_t>(DType::int64) || to == static_cast<std::int64_t>(DType::int32)) return list(*a->numbers, scalar);
  }
  const Fact* const b = c.input(1);
  if (!one_of(op, {"Add", "Sub", "Mul", "Div"}) || b == nullptr || !b->numbers) return std::nullopt;
  const std::size_t n = std::max(a->numbers->size(), b->numbers->size());
  if ((a->numbers->size() != n && a->numbers->size() != 1) || (b->numbers->size() != n && b->numbers->size() != 1)) return std::nullopt;
  Extents out;
  for (std::size_t i = 0; i < n; ++i) {
    const Extent &x = (*a->numbers)[a->numbers->size() == 1 ? 0 : i], &y = (*b->numbers)[b->numbers->size() == 1 ? 0 : i];
    std::optional<Extent> z;
    if (x.known() && y.known()) {
      if (op == "Div" && y.number == 0) return std::nullopt;
      constexpr std::int64_t kMost = 1LL << 31;
      if (std::abs(x.number) > kMost || std::abs(y.number) > kMost) return std::nullopt;
      z = Extent::of(op == "Add" ? x.number + y.number : op == "Sub" ? x.number - y.number : op == "Mul" ? x.number * y.number : x.number / y.number);
    } else if (op == "Mul") {
      z = product(x, y);
    } else if (op == "Div") {
      z = quotient(x, y);
    }
    if (!z && x.rows == 0 && y.rows == 0) z = unknown();
    if (!z) return kMixed;
    out.push_back(*z);
  }
  return list(std::move(out), scalar && b->shape && b->shape->empty());
}

std::optional<std::size_t> Walk::row_axis(const Extents& shape, bool& good) {
  std::optional<std::size_t> axis;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i].rows == 0) continue;
    if (axis || shape[i].rows > 1) good = false;
    axis = i;
  }
  return axis;
}

Fact Walk::uniform(Extents shape) {
  bool good = true;
  const auto axis = row_axis(shape, good);
  if (!good) return kMixed;
  if (!axis) return same(std::move(shape));
  Fact f;
  f.block = *quotient(shape[*axis], Extent::row_count());
  return with(f, *axis, std::move(shape));
}

Fact Walk::expand(const Call& c) {
  const Fact &x = *c.in[0], &to = *c.in[1];
  if (!to.numbers || !x.shape) return x.is_same() && to.is_same() ? same(std::nullopt) : kMixed;
  const Fact target = uniform(*to.numbers);
  return broadcast({&x, &target});
}

Fact Walk::tile(const Call& c) {
  const Fact &x = *c.in[0], *const by = c.input(1);
  if (by == nullptr || !by->numbers || by->numbers->size() != x.shape->size() || !(*by->numbers)[x.axis].is(1)) return kMixed;
  Extents shape;
  for (std::size_t i = 0; i < x.shape->size(); ++i) {
    const auto size = product((*x.shape)[i], (*by->numbers)[i]);
    if (!size || (*by->numbers)[i].rows != 0) return kMixed;
    shape.push_back(*size);
  }
  return with(x, x.axis, std::move(shape));
}

std::optional<Extents> Walk::shape_like(const Call& c) {  // of what is the same for all, where it is easy to say
  if (c.node.op == "Range") return Extents{range_length(c)};
  if (c.node.op == "Transpose" && c.in[0]->shape) {
    const auto perm = c.numbers("perm");
    Extents out;
    const std::size_t rank = c.in[0]->shape->size();
    for (std::size_t i = 0; i < rank; ++i) {
      const std::size_t from = perm && perm->size() == rank ? static_cast<std::size_t>((*perm)[i]) : rank - 1 - i;
      if (from >= rank) return std::nullopt;
      out.push_back((*c.in[0]->shape)[from]);
    }
    return out;
  }
  if (c.node.op == "Trilu" || c.node.op == "CumSum") return c.in[0]->shape;
  return std::nullopt;
}

Extent Walk::range_length(const Call& c) {
  std::array<std::int64_t, 3> v{};
  for (std::size_t i = 0; i < 3; ++i) {
    const Fact* const f = c.input(i);
    if (f == nullptr || !f->numbers || f->numbers->size() != 1) return unknown();
    const Extent& e = f->numbers->front();
    if (!e.known()) return i == 1 && v[0] == 0 && is_one(c.input(2)) ? e : unknown();
    v[i] = e.number;
  }
  if (v[2] == 0) return unknown();
  const std::int64_t length = (v[1] - v[0] + (v[2] > 0 ? v[2] - 1 : v[2] + 1)) / v[2];
  return Extent::of(std::max<std::int64_t>(0, length));
}

}  // namespace slipway::graph::rows
