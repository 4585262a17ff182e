// The same elements in other places: reshaped, turned, cut, picked, joined.
#include <algorithm>
#include <cstdlib>
#include <limits>

#include "slipway/graph/rows_walk.hpp"

namespace slipway::graph::rows {

Fact Walk::rearranged(const Fact& x, Extents to) {
  auto before = volume(*x.shape, 0, x.axis);
  if (before) before = product(*before, x.outer);
  bool good = true;
  const auto axis = row_axis(to, good);
  if (!before || !axis || !good) return kMixed;
  // As many elements in both, whatever the number of rows: so what comes behind the rows is as large, too, if what comes before is.
  const auto before_axis = volume(to, 0, *axis);
  if (!before_axis) return kMixed;
  const auto outer = quotient(*before, *before_axis), rest = quotient(to[*axis], Extent::row_count());
  const auto block = outer && rest ? quotient(*rest, *outer) : std::nullopt;
  if (!block) return kMixed;
  Fact f = with(x, *axis, std::move(to));
  f.outer = *outer;
  f.block = *block;
  return f;
}

Fact Walk::reshape(const Call& c) {
  const Fact& x = *c.in[0];
  const Fact* const to = c.input(1);
  std::optional<Extents> wanted;
  if (to != nullptr) wanted = to->numbers;
  if (const auto v = c.numbers("shape")) wanted = extents_of(*v);
  if (!wanted || !x.shape) return x.is_same() && (to == nullptr || to->is_same()) ? same(std::nullopt) : kMixed;
  std::optional<std::size_t> open;
  for (std::size_t i = 0; i < wanted->size(); ++i) {
    Extent& e = (*wanted)[i];
    if (e.is(0) && c.number("allowzero", 0) == 0) {
      if (i >= x.shape->size()) return kMixed;
      e = (*x.shape)[i];
    } else if (e.known() && e.number < 0) {
      if (open) return kMixed;
      open = i;
      e = Extent::of(1);
    }
  }
  if (open) {
    const auto all = volume(*x.shape, 0, x.shape->size()), others = volume(*wanted, 0, wanted->size());
    auto left = all && others ? quotient(*all, *others) : std::nullopt;
    // Not a size that can be told; the number of rows is no factor of it when the others have it all.
    if (!left && (x.is_same() || (others && others->rows == 1))) left = unknown();
    if (!left) return kMixed;
    (*wanted)[*open] = *left;
  }
  if (x.is_rows()) return rearranged(x, *wanted);
  if (x.numbers && wanted->size() <= 1) return list(*x.numbers, wanted->empty());
  const bool tells = std::any_of(wanted->begin(), wanted->end(), [](const Extent& e) { return e.rows != 0; });
  return x.is_same() && !tells ? same(*wanted) : kMixed;
}

Fact Walk::flatten(const Call& c) {
  const Fact& x = *c.in[0];
  if (!x.shape) return x.is_same() ? same(std::nullopt) : kMixed;
  const auto rank = static_cast<std::int64_t>(x.shape->size());
  std::int64_t axis = c.number("axis", 1);
  if (axis < 0) axis += rank;
  if (axis < 0 || axis > rank) return kMixed;
  const auto left = volume(*x.shape, 0, static_cast<std::size_t>(axis)), right = volume(*x.shape, static_cast<std::size_t>(axis), x.shape->size());
  if (!left || !right) return kMixed;
  return x.is_rows() ? rearranged(x, {*left, *right}) : x.is_same() ? same(Extents{*left, *right}) : kMixed;
}

Fact Walk::squeeze(const Call& c, bool removes) {
  const Fact& x = *c.in[0];
  bool good = true;
  const auto axes = c.list("axes", 1, good);
  if (!good || !axes || !x.shape) return x.is_same() && others_are_same(c) ? same(std::nullopt) : kMixed;
  const std::size_t rank = x.shape->size() + (removes ? 0 : axes->size());
  std::vector<bool> chosen(rank, false);
  for (const std::int64_t a : *axes) {
    const auto axis = axis_of(a, rank);
    if (!axis || chosen[*axis] || (removes && x.is_rows() && *axis == x.axis)) return kMixed;
    chosen[*axis] = true;
  }
  Extents shape;
  std::size_t row = 0;
  for (std::size_t i = 0, from = 0; i < rank; ++i) {
    if (chosen[i]) {
      if (removes)
        ++from;
      else
        shape.push_back(Extent::of(1));
      continue;
    }
    if (from == x.axis) row = shape.size();
    shape.push_back((*x.shape)[from++]);
  }
  if (x.numbers && shape.size() <= 1) return list(*x.numbers, shape.empty());
  return x.is_rows() ? with(x, row, std::move(shape)) : x.is_same() ? same(std::move(shape)) : kMixed;
}

Fact Walk::transpose(const Call& c) {
  const Fact& x = *c.in[0];
  const std::size_t rank = x.shape->size();
  const auto perm = c.numbers("perm");
  Extents shape;
  std::size_t row = 0;
  if (perm && perm->size() != rank) return kMixed;
  for (std::size_t i = 0; i < rank; ++i) {
    const std::size_t from = perm ? static_cast<std::size_t>((*perm)[i]) : rank - 1 - i;
    if (from >= rank) return kMixed;
    if (from == x.axis) row = i;
    shape.push_back((*x.shape)[from]);
  }
  return with(x, row, std::move(shape));
}

Fact Walk::gather(const Call& c) {
  const Fact &data = *c.in[0], &at = *c.in[1];
  if (data.numbers && at.numbers && at.numbers->size() == 1 && at.numbers->front().known()) {
    const auto i = axis_of(at.numbers->front().number, data.numbers->size());
    return i ? list({(*data.numbers)[*i]}, at.shape && at.shape->empty()) : kMixed;
  }
  if (data.numbers && at.numbers && std::all_of(at.numbers->begin(), at.numbers->end(), [](const Extent& e) { return e.known(); })) {
    Extents picked;
    for (const Extent& e : *at.numbers) {
      const auto i = axis_of(e.number, data.numbers->size());
      if (!i) return kMixed;
      picked.push_back((*data.numbers)[*i]);
    }
    return list(std::move(picked));
  }
  if (data.kind == Fact::Kind::counts || at.kind == Fact::Kind::counts || (data.is_rows() && at.is_rows())) return kMixed;
  if (!data.shape || !at.shape) return data.is_same() && at.is_same() ? same(std::nullopt) : kMixed;
  const auto axis = axis_of(c.number("axis", 0), data.shape->size());
  if (!axis || (data.is_rows() && *axis == data.axis)) return kMixed;
  Extents shape(data.shape->begin(), data.shape->begin() + static_cast<std::ptrdiff_t>(*axis));
  shape.insert(shape.end(), at.shape->begin(), at.shape->end());
  shape.insert(shape.end(), data.shape->begin() + static_cast<std::ptrdiff_t>(*axis) + 1, data.shape->end());
  if (data.is_rows()) return with(data, data.axis < *axis ? data.axis : data.axis - 1 + at.shape->size(), std::move(shape));
  return at.is_rows() ? with(at, *axis + at.axis, std::move(shape)) : same(std::move(shape));
}

Fact Walk::gather_elements(const Call& c) {
  const Fact &data = *c.in[0], &at = *c.in[1];
  if (!data.is_rows() || !at.is_rows() || data.shape->size() != at.shape->size() || !stand_alike(data, at)) return kMixed;
  const auto axis = axis_of(c.number("axis", 0), data.shape->size());
  return axis && *axis != data.axis ? with(at, at.axis, *at.shape) : kMixed;
}

Fact Walk::concat(const Call& c) {
  const Fact* rows = nullptr;
  bool are_numbers = true, known = true;
  for (const Fact* f : c.in) {
    if (f == nullptr) return kMixed;
    are_numbers = are_numbers && f->numbers && f->shape && f->shape->size() == 1;
    known = known && f->shape.has_value();
    if (f->is_rows() && rows == nullptr) rows = f;
  }
  if (are_numbers) {
    Extents all;
    for (const Fact* f : c.in) all.insert(all.end(), f->numbers->begin(), f->numbers->end());
    return list(std::move(all));
  }
  if (std::all_of(c.in.begin(), c.in.end(), [](const Fact* f) { return f->is_same(); })) return same(known ? joined(c) : std::nullopt);
  if (rows == nullptr || !known) return kMixed;
  const auto axis = axis_of(c.number("axis", 1), rows->shape->size());
  if (!axis || *axis == rows->axis) return kMixed;
  for (const Fact* f : c.in) {
    if (!f->is_rows() || f->shape->size() != rows->shape->size() || !stand_alike(*f, *rows)) return kMixed;
  }
  auto shape = joined(c);
  return shape ? with(*rows, rows->axis, std::move(*shape)) : kMixed;
}

std::optional<Extents> Walk::joined(const Call& c) {
  const Extents& first = *c.in[0]->shape;
  const auto axis = axis_of(c.number("axis", 1), first.size());
  if (!axis) return std::nullopt;
  Extents shape = first;
  std::int64_t total = 0;
  bool known = true;
  for (const Fact* f : c.in) {
    if (f->shape->size() != first.size()) return std::nullopt;
    known = known && (*f->shape)[*axis].known();
    total += (*f->shape)[*axis].number;
  }
  shape[*axis] = known ? Extent::of(total) : unknown();
  return shape;
}

std::optional<std::int64_t> Walk::at(const std::optional<Extents>& list, std::size_t i, std::optional<std::int64_t> otherwise) {
  if (!list) return otherwise;
  return i < list->size() && (*list)[i].known() ? std::optional((*list)[i].number) : std::nullopt;
}

std::int64_t Walk::sliced(std::int64_t size, std::int64_t begin, std::int64_t end, std::int64_t step) {
  const auto bound = [&](std::int64_t at) {
    return std::clamp<std::int64_t>(at < 0 ? at + size : at, step < 0 ? -1 : 0, step < 0 ? size - 1 : size);
  };
  const std::int64_t last = step < 0 && end < -size ? -1 : bound(end), length = step > 0 ? last - bound(begin) : bound(begin) - last;
  return length <= 0 ? 0 : (length + std::abs(step) - 1) / std::abs(step);
}

Fact Walk::slice(const Call& c) {
  const Fact& x = *c.in[0];
  const auto given = [&](std::string_view attribute, std::size_t at) -> std::optional<Extents> {
    if (const auto v = c.numbers(attribute)) return extents_of(*v);
    return c.input(at) == nullptr ? std::nullopt : c.input(at)->numbers;
  };
  const auto starts = given("starts", 1), ends = given("ends", 2), axes = given("axes", 3), steps = given("steps", 4);
  if (!others_are_same(c)) return kMixed;  // an end that tells of the number of rows would cut by it
  const bool unknown_axes = !axes && c.input(3) != nullptr, unknown_steps = !steps && c.input(4) != nullptr;
  if (!x.shape || unknown_axes || unknown_steps || (!axes && !starts)) return x.is_same() ? same(std::nullopt) : kMixed;
  const std::size_t n = axes ? axes->size() : starts->size();
  if (x.numbers && n == 1 && at(steps, 0, 1) == 1 && at(starts, 0) && at(ends, 0)) {
    const auto size = static_cast<std::int64_t>(x.numbers->size()), begin = *at(starts, 0);
    const auto first = x.numbers->begin() + std::clamp<std::int64_t>(begin < 0 ? begin + size : begin, 0, size);
    return list(Extents(first, first + sliced(size, begin, *at(ends, 0), 1)));
  }
  if (x.kind == Fact::Kind::counts) return kMixed;
  Extents shape = *x.shape;
  for (std::size_t i = 0; i < n; ++i) {
    const auto which = at(axes, i, static_cast<std::int64_t>(i)), begin = at(starts, i), end = at(ends, i), step = at(steps, i, 1);
    const auto axis = which ? axis_of(*which, shape.size()) : std::nullopt;
    if (!axis) return kMixed;
    if (begin == 0 && step == 1 && end && *end >= std::numeric_limits<std::int32_t>::max()) continue;  // all of it
    if (x.is_rows() && *axis == x.axis) return kMixed;
    const bool known = shape[*axis].known() && begin && end && step && *step != 0;
    shape[*axis] = known ? Extent::of(sliced(shape[*axis].number, *begin, *end, *step)) : unknown();
  }
  return x.is_rows() ? with(x, x.axis, std::move(shape)) : same(std::move(shape));
}

std::vector<Fact> Walk::split(const Call& c) {
  const Fact& x = *c.in[0];
  const auto axis = axis_of(c.number("axis", 0), x.shape->size());
  bool good = true;
  const auto sizes = c.list("split", 1, good);
  if (!axis || *axis == x.axis || !others_are_same(c)) return {};
  std::vector<Fact> out;
  for (std::size_t i = 0; i < c.node.outputs.size(); ++i) {
    Extents shape = *x.shape;
    const auto parts = static_cast<std::int64_t>(c.node.outputs.size());
    if (sizes && good && i < sizes->size())
      shape[*axis] = Extent::of((*sizes)[i]);
    else if (!sizes && shape[*axis].known() && shape[*axis].number % parts == 0)
      shape[*axis] = Extent::of(shape[*axis].number / parts);
    else
      shape[*axis] = unknown();
    out.push_back(with(x, x.axis, std::move(shape)));
  }
  return out;
}

Fact Walk::pad(const Call& c) {
  const Fact& x = *c.in[0];
  bool axes_good = true;
  std::optional<Extents> pads;
  if (const auto attribute = c.numbers("pads")) {
    pads = extents_of(*attribute);
  } else if (c.input(1) != nullptr) {
    pads = c.input(1)->numbers;
  }
  const auto axes = c.list("axes", 3, axes_good);
  const std::size_t n = axes ? axes->size() : x.shape->size();
  if (!pads || !axes_good || pads->size() != 2 * n || !others_are_same(c)) return kMixed;
  Extents shape = *x.shape;
  for (std::size_t i = 0; i < n; ++i) {
    const auto axis = axis_of(axes ? (*axes)[i] : static_cast<std::int64_t>(i), shape.size());
    if (!axis) return kMixed;
    const Extent &begin = (*pads)[i], &end = (*pads)[n + i];
    if (begin.is(0) && end.is(0)) continue;
    if (*axis == x.axis) return kMixed;
    Extent& size = shape[*axis];
    size = size.known() && begin.known() && end.known() ? Extent::of(size.number + begin.number + end.number) : unknown();
  }
  return with(x, x.axis, std::move(shape));
}

}  // namespace slipway::graph::rows
