// Operators that move elements: views of a tensor (writing one writes the tensor it was taken of), and copies put together anew.
#include <algorithm>
#include <numeric>

#include "slipway/importers/blocks/neural/elementwise.hpp"
#include "slipway/importers/blocks/neural/resize.hpp"
#include "slipway/importers/blocks/neural/shapes.hpp"
#include "slipway/importers/torch/evaluator.hpp"
#include "slipway/importers/torch/operator_call.hpp"
#include "slipway/importers/torch/scalars.hpp"
#include "slipway/importers/torch/views.hpp"

namespace slipway::importers::torch {

using namespace neural;  // NOLINT(google-build-using-namespace): the blocks are this file's vocabulary

Result<Any> view_of(Net& net, const TensorRef& base, TensorCell::Read read, TensorCell::Write write) {
  return Any(TRY(TensorCell::view(net, base, std::move(read), std::move(write))));
}

Result<Any> reshaped_view(Net& net, const TensorRef& base, Dims dims) {
  return view_of(
      net, base, [dims](Net& n, const Value& b) { return neural::reshape(n, b, dims); },
      [](Net& n, const Value& b, const Value& content) { return neural::reshape(n, content, b.dims); });
}

Result<Any> permuted_view(Net& net, const TensorRef& base, std::vector<std::int64_t> order) {
  std::vector<std::int64_t> inverse(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    const std::int64_t p = normal_axis(order[i], order.size());
    if (p < 0) return neural::wrong("permute: there is no dimension " + std::to_string(order[i]));
    inverse[static_cast<std::size_t>(p)] = static_cast<std::int64_t>(i);
  }
  return view_of(
      net, base, [order](Net& n, const Value& b) { return neural::transpose(n, b, order); },
      [inverse](Net& n, const Value&, const Value& content) { return neural::transpose(n, content, inverse); });
}

namespace {

// base with [start, start + length) of one dimension replaced.
Result<Value> inserted(Net& net, const Value& base, std::int64_t axis, Dim start, Dim end, const Value& content) {
  const Value whole = net.cast(content, base.dtype());
  std::vector<Value> parts;
  if (!start.is(0)) parts.push_back(TRY(neural::slice(net, base, axis, 0, start)));
  parts.push_back(whole);
  if (!end.is(kEnd)) parts.push_back(TRY(neural::slice(net, base, axis, end, kEnd)));
  Value v = TRY(neural::concat(net, parts, axis));
  v.dims = base.dims;
  return v;
}

}  // namespace

Result<Any> sliced_view(Net& net, const TensorRef& base, std::int64_t axis, Dim start, Dim end, std::int64_t step) {
  const Value now = TRY(base->read(net));
  const auto a = static_cast<std::int64_t>(TRY(axis_of(axis, now.rank(), "slice")));
  const Dim size = now.dims[static_cast<std::size_t>(a)];
  // Bounds in 0..size where that is known, so that a write knows where it goes.
  const auto bound = [&](Dim d) -> Dim {
    if (!size.known() || !d.known()) return d;
    const std::int64_t from = d.value < 0 ? d.value + size.value : d.value;
    return std::clamp<std::int64_t>(from, 0, size.value);
  };
  const Dim from = step > 0 ? bound(start) : start;
  Dim to = step > 0 ? bound(end) : end;
  if (size.known() && to == size) to = kEnd;
  TensorCell::Write write;
  if (step == 1) {
    write = [a, from, to](Net& n, const Value& b, const Value& content) { return inserted(n, b, a, from, to, content); };
  } else if (step > 1 && size.known() && from.known()) {
    const std::int64_t last = to.is(kEnd) ? size.value : to.value;
    write = [a, from, last, step](Net& n, const Value& b, const Value& content) -> Result<Value> {
      // One index an element: every step-th place.
      std::vector<std::int64_t> at;
      for (std::int64_t i = from.value; i < last; i += step) at.push_back(i);
      Value indices = n.ints(at);
      Dims shape(b.rank(), Dim(1));
      shape[static_cast<std::size_t>(a)] = static_cast<std::int64_t>(at.size());
      indices = TRY(neural::expand(n, TRY(neural::reshape(n, indices, shape)), content.dims));
      return neural::scatter_elements(n, b, indices, n.cast(content, b.dtype()), a);
    };
  }
  return view_of(net, base, [a, from, to, step](Net& n, const Value& b) { return neural::slice(n, b, a, from, to, step); }, std::move(write));
}

Result<Any> selected_view(Net& net, const TensorRef& base, std::int64_t axis, Dim index) {
  const Value now = TRY(base->read(net));
  const auto a = static_cast<std::int64_t>(TRY(axis_of(axis, now.rank(), "select")));
  const Dim size = now.dims[static_cast<std::size_t>(a)];
  if (a == 0 && index.known() && !size.known() && size == net.rows()) net.note_no_rows();  // edges[0], edges[1]: no rows
  Dim from = index;
  if (index.known() && index.value < 0 && size.known()) from = index.value + size.value;
  const Dim to = from.is(-1) ? Dim(kEnd) : net.add(from, 1);
  return view_of(
      net, base, [a, index](Net& n, const Value& b) { return neural::select(n, b, a, index); },
      [a, from, to](Net& n, const Value& b, const Value& content) -> Result<Value> {
        return inserted(n, b, a, from, to, TRY(neural::unsqueeze(n, content, a)));
      });
}

namespace {

Result<Any> view_op(OpCall& c) {
  if (c.args[1].as<std::shared_ptr<List>>() != nullptr) {
    const auto& items = (*c.args[1].as<std::shared_ptr<List>>())->items;
    if (items.size() == 1 && items[0].as<TorchDType>() != nullptr) return c.wrong("bits as another type are not supported");
  }
  Dims dims = TRY(c.sizes(1));
  if (dims.empty()) return reshaped_view(c.net, TRY(c.cell(0)), std::move(dims));
  const Value x = TRY(c.tensor(0));
  // x.view(-1, features): what is written so means a row of features for each row.
  const bool by_rows = dims.size() == 2 && dims[0].is(-1) && dims[1].known() && dims[1].value > 0 && (x.rank() == 2 || x.rank() == 4);
  // Of the last dimensions, or of something that is as large: other rows.
  const auto trailing = [&] {
    for (std::size_t i = x.rank(); i-- > 1;) {
      if (c.net.product(std::span(x.dims).subspan(i)) == dims[1]) return true;
    }
    const auto whole = c.net.quotient(c.net.product(x.dims), dims[1]);
    return whole && (x.rank() == 2 || !c.net.product(std::span(x.dims).subspan(1)).known());
  };
  if (by_rows && !x.dims[0].known() && !trailing()) {
    TRY(c.net.require(c.net.product(std::span(x.dims).subspan(1)), dims[1].value, "a view of " + neural::dims_text(dims)));
    dims[0] = x.dims[0];
  }
  // x.view(-1, 1, 28, 28): an image of each row, however it comes.
  const Dim each = c.net.product(std::span(x.dims).subspan(std::min<std::size_t>(1, x.rank())));
  const Dim image = c.net.product(std::span(dims).subspan(1));
  if (dims.size() > 2 && dims[0].is(-1) && image.known() && image.value > 0 && x.rank() >= 2 && x.rank() <= 4 && !x.dims[0].known() &&
      !each.known()) {
    TRY(c.net.require(each, image.value, "a view of " + neural::dims_text(dims)));
    dims[0] = x.dims[0];
  }
  return reshaped_view(c.net, TRY(c.cell(0)), std::move(dims));
}
Result<Any> view_as_op(OpCall& c) { return reshaped_view(c.net, TRY(c.cell(0)), TRY(c.tensor(1)).dims); }
Result<Any> flatten_op(OpCall& c) {
  const Value x = TRY(c.tensor(0));
  const Value flat = TRY(neural::flatten(c.net, x, TRY(c.integer(1)), TRY(c.integer(2))));
  return reshaped_view(c.net, TRY(c.cell(0)), flat.dims);
}
Result<Any> unflatten_op(OpCall& c) {
  const Value x = TRY(c.tensor(0));
  const std::size_t a = TRY(axis_of(TRY(c.integer(1)), x.rank(), c.name));
  const Dims parts = TRY(c.sizes(2));
  Dims dims(x.dims.begin(), x.dims.begin() + static_cast<std::ptrdiff_t>(a));
  dims.insert(dims.end(), parts.begin(), parts.end());
  dims.insert(dims.end(), x.dims.begin() + static_cast<std::ptrdiff_t>(a) + 1, x.dims.end());
  return reshaped_view(c.net, TRY(c.cell(0)), dims);
}
Result<Any> permute_op(OpCall& c) {
  std::vector<std::int64_t> order;
  for (const Dim& d : TRY(c.sizes(1))) order.push_back(d.value);
  return permuted_view(c.net, TRY(c.cell(0)), std::move(order));
}
Result<Any> swapped(OpCall& c, std::int64_t a, std::int64_t b) {
  const Value x = TRY(c.tensor(0));
  std::vector<std::int64_t> order(x.rank());
  std::iota(order.begin(), order.end(), 0);
  std::swap(order[TRY(axis_of(a, x.rank(), c.name))], order[TRY(axis_of(b, x.rank(), c.name))]);
  return permuted_view(c.net, TRY(c.cell(0)), std::move(order));
}
Result<Any> transpose_op(OpCall& c) { return swapped(c, TRY(c.integer(1)), TRY(c.integer(2))); }
Result<Any> t_op(OpCall& c) {
  if (TRY(c.tensor(0)).rank() < 2) return Any(TRY(c.cell(0)));
  return swapped(c, 0, 1);
}
Result<Any> mt_op(OpCall& c) { return swapped(c, -2, -1); }
Result<Any> numpy_t_op(OpCall& c) {
  std::vector<std::int64_t> order(TRY(c.tensor(0)).rank());
  std::iota(order.rbegin(), order.rend(), 0);
  return permuted_view(c.net, TRY(c.cell(0)), std::move(order));
}
Result<Any> movedim_op(OpCall& c) {
  const Value x = TRY(c.tensor(0));
  const auto from = TRY(c.integers(1)), to = TRY(c.integers(2));
  if (from.size() != to.size()) return c.wrong("as many sources as destinations are wanted");
  std::vector<std::int64_t> order(x.rank(), -1);
  std::vector<bool> moved(x.rank());
  for (std::size_t i = 0; i < from.size(); ++i) {
    const std::size_t f = TRY(axis_of(from[i], x.rank(), c.name));
    order[TRY(axis_of(to[i], x.rank(), c.name))] = static_cast<std::int64_t>(f);
    moved[f] = true;
  }
  std::size_t next = 0;
  for (std::int64_t& o : order) {
    if (o >= 0) continue;
    while (next < moved.size() && moved[next]) ++next;
    o = static_cast<std::int64_t>(next++);
  }
  return permuted_view(c.net, TRY(c.cell(0)), std::move(order));
}
Result<Any> squeeze_op(OpCall& c) {
  Value x = TRY(c.tensor(0));
  // A dimension that is named is one to be gone: where only a request would tell, its size must be 1.
  if (c.given(1)) {
    for (const std::int64_t axis : TRY(c.integers(1))) {
      Dim& d = x.dims[TRY(axis_of(axis, x.rank(), c.name))];
      if (d == c.net.rows() && !d.known() && axis == 0) c.net.note_one_row();
      const auto symbols = c.net.symbols_in(d);
      if (d.known() || std::ranges::find(symbols, c.net.rows().symbol) != symbols.end()) continue;
      TRY(c.net.require(d, 1, "squeeze of a dimension"));
      d = 1;
    }
  }
  const Value y = c.given(1) ? TRY(neural::squeeze(c.net, x, TRY(c.integers(1)))) : TRY(neural::squeeze_all(c.net, x));
  return reshaped_view(c.net, TRY(c.cell(0)), y.dims);
}
Result<Any> unsqueeze_op(OpCall& c) {
  const Value x = TRY(c.tensor(0));
  const std::size_t a = TRY(axis_of(TRY(c.integer(1)), x.rank() + 1, c.name));
  // Layers of sequences do so with an input that has no rows.
  if (c.name == "unsqueeze" && a <= 1 && x.rank() == 2 && x.dims[0] == c.net.rows()) c.net.note_no_rows();
  return view_of(
      c.net, TRY(c.cell(0)), [a](Net& n, const Value& b) { return neural::unsqueeze(n, b, static_cast<std::int64_t>(a)); },
      [](Net& n, const Value& b, const Value& content) { return neural::reshape(n, content, b.dims); });
}
// Where nothing is repeated ([N] as [1, N]) it can be written through.
Result<Any> expanded_view(OpCall& c, const Dims& to) {
  const TensorRef cell = TRY(c.cell(0));
  const Value from = TRY(cell->read(c.net));
  TensorCell::Write write;
  const std::size_t more = to.size() - std::min(to.size(), from.rank());
  bool same = to.size() >= from.rank();
  for (std::size_t i = 0; i < to.size() && same; ++i) same = i < more ? to[i].is(1) || to[i].is(-1) : to[i].is(-1) || to[i] == from.dims[i - more];
  if (same) write = [](Net& n, const Value& b, const Value& content) { return neural::reshape(n, content, b.dims); };
  return view_of(c.net, cell, [to](Net& n, const Value& b) { return neural::expand(n, b, to); }, write);
}
Result<Any> expand_op(OpCall& c) { return expanded_view(c, TRY(c.sizes(1))); }
Result<Any> expand_as_op(OpCall& c) { return expanded_view(c, TRY(c.tensor(1)).dims); }
Result<Any> alias_op(OpCall& c) { return Any(TRY(c.cell(0))); }
Result<Any> contiguous_op(OpCall& c) {
  const TensorRef cell = TRY(c.cell(0));
  return cell->writable() ? Any(cell) : torch::tensor(TRY(cell->read(c.net)));
}
Result<Any> clone_op(OpCall& c) { return torch::tensor(TRY(c.tensor(0))); }

Result<Any> slice_op(OpCall& c) {
  const Dim start = c.given(2) ? TRY(c.size(2)) : Dim(0), end = c.given(3) ? TRY(c.size(3)) : Dim(kEnd);
  return sliced_view(c.net, TRY(c.cell(0)), TRY(c.integer(1)), start, end, TRY(c.integer(4)));
}
Result<Any> select_op(OpCall& c) { return selected_view(c.net, TRY(c.cell(0)), TRY(c.integer(1)), TRY(c.size(2))); }
Result<Any> narrow_op(OpCall& c) {
  const Dim start = TRY(c.size(2));
  return sliced_view(c.net, TRY(c.cell(0)), TRY(c.integer(1)), start, c.net.add(start, TRY(c.size(3))), 1);
}

Result<Any> parts_as_views(OpCall& c, std::int64_t axis, const std::vector<std::int64_t>& sizes) {
  std::vector<Any> out;
  std::int64_t at = 0;
  for (const std::int64_t size : sizes) {
    if (size < 0) return c.wrong("a size of " + std::to_string(size));
    out.push_back(TRY(sliced_view(c.net, TRY(c.cell(0)), axis, at, at + size, 1)));
    at += size;
  }
  return list(std::move(out));
}
Result<Any> split_op(OpCall& c) {
  const Value x = TRY(c.tensor(0));
  const std::int64_t axis = TRY(c.integer(2));
  const std::size_t a = TRY(axis_of(axis, x.rank(), c.name));
  if (c.args[1].as<Dim>() == nullptr) return parts_as_views(c, axis, TRY(c.integers(1)));
  if (!x.dims[a].known()) {  // 4 n in parts of n: four of them
    const Dim part = TRY(c.size(1));
    auto count = part.is(0) ? std::nullopt : c.net.quotient(x.dims[a], part);
    const auto whole = c.net.linear(x.dims[a]), each = c.net.linear(part);
    if (!count && whole && each && each->factors.size() == 1 && whole->factors.size() == 1 && each->constant == 0 && whole->constant == 0) {
      const auto& [symbol, factor] = *whole->factors.begin();
      const auto& [of_symbol, of_factor] = *each->factors.begin();
      if (symbol == of_symbol && of_factor > 0 && factor % of_factor == 0) count = Dim(factor / of_factor);
    }
    if (!count || !count->known() || count->value > 65'536) return c.net.needs(x.dims[a], "split: along a dimension whose size isn't known");
    std::vector<Any> parts;
    for (std::int64_t i = 0; i < count->value; ++i)
      parts.push_back(torch::tensor(TRY(neural::slice(c.net, x, axis, c.net.mul(part, i), c.net.mul(part, i + 1)))));
    return list(std::move(parts));
  }
  const std::int64_t each = TRY(c.integer(1)), size = x.dims[a].value;
  if (each < 1 || size / each > 65'536) return c.wrong("into parts of " + std::to_string(each));
  std::vector<std::int64_t> sizes;
  for (std::int64_t at = 0; at < size; at += each) sizes.push_back(std::min(each, size - at));
  return parts_as_views(c, axis, sizes);
}
Result<Any> chunk_op(OpCall& c) {
  const Value x = TRY(c.tensor(0));
  const std::int64_t axis = TRY(c.integer(2)), chunks = TRY(c.integer(1));
  const std::size_t a = TRY(axis_of(axis, x.rank(), c.name));
  if (!x.dims[a].known()) return c.net.needs(x.dims[a], "chunk: along a dimension whose size isn't known");
  if (chunks < 1 || chunks > 65'536) return c.wrong("into " + std::to_string(chunks));
  const std::int64_t size = x.dims[a].value, each = std::max<std::int64_t>(1, (size + chunks - 1) / chunks);
  std::vector<std::int64_t> sizes;
  for (std::int64_t at = 0; at < size; at += each) sizes.push_back(std::min(each, size - at));
  return parts_as_views(c, axis, sizes);
}
Result<Any> tensor_split_op(OpCall& c) {  // the first parts are one longer; or at these places
  const Value x = TRY(c.tensor(0));
  const std::int64_t axis = TRY(c.integer(2));
  const std::size_t a = TRY(axis_of(axis, x.rank(), c.name));
  if (!x.dims[a].known()) return c.net.needs(x.dims[a], "tensor_split: along a dimension whose size isn't known");
  const std::int64_t size = x.dims[a].value;
  std::vector<std::int64_t> sizes;
  if (items_of(c.args[1]) != nullptr) {
    std::int64_t from = 0;
    for (const std::int64_t at : TRY(c.integers(1))) {
      const std::int64_t to = std::clamp<std::int64_t>(at < 0 ? at + size : at, from, size);
      sizes.push_back(to - from);
      from = to;
    }
    sizes.push_back(size - from);
  } else {
    const std::int64_t parts = TRY(c.integer(1));
    if (parts < 1 || parts > 65'536) return c.wrong("into " + std::to_string(parts));
    for (std::int64_t i = 0; i < parts; ++i) sizes.push_back(size / parts + (i < size % parts ? 1 : 0));
  }
  return parts_as_views(c, axis, sizes);
}
Result<Any> unbind_op(OpCall& c) {
  const Value x = TRY(c.tensor(0));
  const std::int64_t axis = TRY(c.integer(1));
  const std::size_t a = TRY(axis_of(axis, x.rank(), c.name));
  if (!x.dims[a].known()) {
    std::vector<std::int64_t> order{static_cast<std::int64_t>(a)};
    for (std::size_t i = 0; i < x.rank(); ++i) {
      if (i != a) order.push_back(static_cast<std::int64_t>(i));
    }
    return list({as_steps(TRY(permuted_view(c.net, TRY(c.cell(0)), std::move(order))))});
  }
  if (x.dims[a].value > 65'536) return c.wrong("into " + std::to_string(x.dims[a].value));
  std::vector<Any> out;
  for (std::int64_t i = 0; i < x.dims[a].value; ++i) out.push_back(TRY(selected_view(c.net, TRY(c.cell(0)), axis, i)));
  return list(std::move(out));
}

Result<Any> diagonal_op(OpCall& c) {
  const Value x = TRY(c.tensor(0));
  const std::int64_t offset = TRY(c.integer(1));
  const std::size_t a = TRY(axis_of(TRY(c.integer(2)), x.rank(), c.name)), b = TRY(axis_of(TRY(c.integer(3)), x.rank(), c.name));
  if (!x.dims[a].known() || !x.dims[b].known() || a == b) return c.net.needs(x.dims[a], "diagonal: of a size that isn't known");
  const std::int64_t rows = x.dims[a].value, columns = x.dims[b].value;
  const std::int64_t from_row = std::max<std::int64_t>(0, -offset), from_column = std::max<std::int64_t>(0, offset);
  const std::int64_t count = std::max<std::int64_t>(0, std::min(rows - from_row, columns - from_column));
  // The two dimensions as one, last; then every (columns + 1)-th element.
  std::vector<std::int64_t> order;
  for (std::size_t i = 0; i < x.rank(); ++i) {
    if (i != a && i != b) order.push_back(static_cast<std::int64_t>(i));
  }
  order.push_back(static_cast<std::int64_t>(a));
  order.push_back(static_cast<std::int64_t>(b));
  const Value flat = TRY(neural::flatten(c.net, TRY(neural::transpose(c.net, x, order)), -2, -1));
  std::vector<std::int64_t> at;
  for (std::int64_t i = 0; i < count; ++i) at.push_back((from_row + i) * columns + from_column + i);
  return torch::tensor(TRY(neural::gather(c.net, flat, c.net.ints(at), -1)));
}

// Tensors that are put together; what a loop of unknown length appended is put together already: [steps, ...].
struct Part {
  Value v;
  bool steps = false;
};
Result<std::vector<Part>> parts_of(OpCall& c) {
  const std::vector<Any>* items = items_of(c.args[0]);
  if (items == nullptr) return c.wrong("a list of tensors is wanted, not " + type_name(c.args[0]));
  std::vector<Part> parts;
  for (const Any& a : *items) {
    const auto steps = steps_of(a);
    parts.push_back({TRY(value_of(c.net, steps ? *steps : a, c.name)), steps.has_value()});
  }
  return parts;
}

Result<Any> cat_op(OpCall& c) {
  if (const auto* o = c.args[0].as<std::shared_ptr<Object>>(); o != nullptr && (*o)->type == kRepeatedList) {
    const Value x = TRY((*(*o)->find("item")->as<TensorRef>())->read(c.net));
    const std::size_t a = TRY(axis_of(TRY(c.integer(1)), x.rank(), c.name));
    Dims repeats(x.rank(), Dim(1));
    repeats[a] = *(*o)->find("times")->as<Dim>();
    return torch::tensor(TRY(neural::tile(c.net, x, repeats)));
  }
  std::vector<Value> parts;
  for (const Part& p : TRY(parts_of(c))) {
    if (!p.steps) {
      parts.push_back(p.v);
      continue;
    }
    const auto a = static_cast<std::int64_t>(TRY(axis_of(TRY(c.integer(1)), p.v.rank() - 1, c.name)));
    std::vector<std::int64_t> order;
    for (std::int64_t i = 1; i < static_cast<std::int64_t>(p.v.rank()); ++i) {
      if (i == a + 1) order.push_back(0);
      order.push_back(i);
    }
    parts.push_back(TRY(neural::flatten(c.net, TRY(neural::transpose(c.net, p.v, order)), a, a + 1)));
  }
  // An empty tensor of one dimension is skipped, as torch does.
  std::erase_if(parts, [&](const Value& v) { return parts.size() > 1 && v.rank() == 1 && v.dims[0].is(0); });
  if (parts.empty()) return c.wrong("of nothing");
  DType d = parts[0].dtype();
  for (const Value& p : parts) d = promoted(c.net.cast(parts[0], d), p);
  for (Value& p : parts) p = c.net.cast(p, d);
  for (const Value& p : parts) {
    if (p.rank() != parts[0].rank()) return c.wrong(dims_text(parts[0].dims) + " with " + dims_text(p.dims));
  }
  return torch::tensor(TRY(neural::concat(c.net, parts, TRY(c.integer(1)))));
}
Result<Any> stack_op(OpCall& c) {
  const std::vector<Part> all = TRY(parts_of(c));
  if (std::ranges::none_of(all, &Part::steps)) return torch::tensor(TRY(neural::stack(c.net, TRY(c.tensors(0)), TRY(c.integer(1)))));
  std::vector<Value> parts;
  for (const Part& p : all) {
    const auto a = static_cast<std::int64_t>(TRY(axis_of(TRY(c.integer(1)), p.v.rank() + (p.steps ? 0 : 1), c.name)));
    if (!p.steps) {
      parts.push_back(TRY(neural::unsqueeze(c.net, p.v, a)));
      continue;
    }
    std::vector<std::int64_t> order;
    for (std::int64_t i = 1; i < static_cast<std::int64_t>(p.v.rank()); ++i) {
      if (i == a + 1) order.push_back(0);
      order.push_back(i);
    }
    if (order.size() < p.v.rank()) order.push_back(0);
    parts.push_back(TRY(neural::transpose(c.net, p.v, order)));
  }
  return torch::tensor(TRY(neural::concat(c.net, parts, TRY(c.integer(1)))));
}
Result<Any> hstack_op(OpCall& c) {
  const std::vector<Value> parts = TRY(c.tensors(0));
  return torch::tensor(TRY(neural::concat(c.net, parts, parts.empty() || parts[0].rank() == 1 ? 0 : 1)));
}
Result<Any> vstack_op(OpCall& c) {
  std::vector<Value> parts = TRY(c.tensors(0));
  for (Value& p : parts) {
    if (p.rank() == 1) p = TRY(neural::unsqueeze(c.net, p, 0));
  }
  return torch::tensor(TRY(neural::concat(c.net, parts, 0)));
}
Result<Any> repeat_op(OpCall& c) { return torch::tensor(TRY(neural::tile(c.net, TRY(c.tensor(0)), TRY(c.sizes(1))))); }
Result<Any> tile_op(OpCall& c) {
  const Value x = TRY(c.tensor(0));
  Dims repeats = TRY(c.sizes(1));
  while (repeats.size() < x.rank()) repeats.insert(repeats.begin(), Dim(1));
  return torch::tensor(TRY(neural::tile(c.net, x, repeats)));
}
Result<Any> repeat_interleave_op(OpCall& c) {
  if (c.is_tensor(1)) return c.wrong("with a tensor of repeats is not supported");
  Value x = TRY(c.tensor(0));
  if (!c.given(2)) x = TRY(neural::flatten(c.net, x, 0, -1));
  const Dim times = TRY(c.size(1));
  const std::int64_t axis = c.given(2) ? TRY(c.integer(2)) : 0;
  const std::size_t a = TRY(axis_of(axis, x.rank(), c.name));
  const Value wide = TRY(neural::unsqueeze(c.net, x, static_cast<std::int64_t>(a) + 1));
  Dims dims = wide.dims;
  dims[a + 1] = times;
  Dims joined = x.dims;
  joined[a] = c.net.mul(x.dims[a], times);
  return torch::tensor(TRY(neural::reshape(c.net, TRY(neural::expand(c.net, wide, dims)), joined)));
}
Result<Any> roll_op(OpCall& c) {
  Value x = TRY(c.tensor(0));
  const auto shifts = TRY(c.integers(1)), axes = TRY(c.integers(2));
  if (axes.empty()) {
    if (shifts.size() != 1) return c.wrong("one shift is wanted");
    const Value flat = TRY(neural::roll(c.net, TRY(neural::flatten(c.net, x, 0, -1)), 0, shifts[0]));
    return torch::tensor(TRY(neural::reshape(c.net, flat, x.dims)));
  }
  if (shifts.size() != axes.size()) return c.wrong("as many shifts as dimensions are wanted");
  for (std::size_t i = 0; i < axes.size(); ++i) x = TRY(neural::roll(c.net, x, axes[i], shifts[i]));
  return torch::tensor(x);
}

// torch lists pads from the last dimension on: (left, right, top, bottom, ...).
Result<Any> padded(OpCall& c, std::string_view mode, double value) {
  const Value x = TRY(c.tensor(0));
  const Dims pads = TRY(c.sizes(1));
  if (pads.size() % 2 != 0 || pads.size() / 2 > x.rank())
    return c.wrong(std::to_string(pads.size()) + " pads for " + std::to_string(x.rank()) + " dimensions");
  std::vector<Pad> all(x.rank());
  for (std::size_t i = 0; i < pads.size() / 2; ++i) all[x.rank() - 1 - i] = {pads[2 * i], pads[2 * i + 1]};
  return torch::tensor(TRY(neural::pad(c.net, x, all, mode, value)));
}
Result<Any> constant_pad_op(OpCall& c) { return padded(c, "constant", c.given(2) ? TRY(c.number(2)) : 0); }
Result<Any> reflection_pad_op(OpCall& c) { return padded(c, "reflect", 0); }
Result<Any> replication_pad_op(OpCall& c) { return padded(c, "edge", 0); }
Result<Any> pad_op(OpCall& c) {
  const std::string mode = TRY(c.text(2));
  if (mode == "constant") return padded(c, "constant", c.given(3) ? TRY(c.number(3)) : 0);
  if (mode == "reflect") return padded(c, "reflect", 0);
  if (mode == "replicate") return padded(c, "edge", 0);
  if (mode == "circular") return padded(c, "wrap", 0);
  return c.wrong("the mode " + mode + " is not known");
}

Result<Any> to_op(OpCall& c) {
  // to(dtype), to(device), to(device, dtype), to(other): in any place, with flags behind.
  const Value x = TRY(c.tensor(0));
  std::vector<Any> rest = (*c.args[2].as<std::shared_ptr<List>>())->items;
  rest.insert(rest.begin(), c.args[1]);
  std::optional<DType> d;
  for (std::size_t i = 0; i < rest.size() && !d; ++i) {
    if (const auto* t = rest[i].as<TorchDType>()) d = t->dtype;
    if (const auto* t = rest[i].as<TensorRef>(); t != nullptr && i == 0) d = TRY((*t)->read(c.net)).dtype();
    if (const auto* n = rest[i].as<Dim>(); n != nullptr && n->known()) d = dtype_of_code(n->value);
  }
  if (d == DType::float16 || d == DType::bfloat16) d = DType::float32;  // calculated in single
  if (!d || *d == x.dtype()) return Any(TRY(c.cell(0)));
  return torch::tensor(c.net.cast(x, *d));
}
Result<Any> type_as_op(OpCall& c) {
  const DType d = TRY(c.tensor(1)).dtype();
  const Value x = TRY(c.tensor(0));
  return d == x.dtype() ? Any(TRY(c.cell(0))) : torch::tensor(c.net.cast(x, d));
}
template <DType D>
Result<Any> cast_op(OpCall& c) {
  const Value x = TRY(c.tensor(0));
  return D == x.dtype() ? Any(TRY(c.cell(0))) : torch::tensor(c.net.cast(x, D));
}
Result<Any> copy_op(OpCall& c) {
  const Value x = TRY(c.tensor(0)), from = TRY(c.tensor(1));
  return torch::tensor(TRY(neural::expand(c.net, c.net.cast(from, x.dtype()), x.dims)));
}
Result<Any> fill_op(OpCall& c) {
  const Value x = TRY(c.tensor(0)), from = TRY(c.tensor(1));
  return torch::tensor(TRY(neural::expand(c.net, c.net.cast(from, x.dtype()), x.dims)));
}
Result<Any> zero_op(OpCall& c) {
  const Value x = TRY(c.tensor(0));
  return torch::tensor(neural::full(c.net, x.dims, 0, x.dtype()));
}
Result<Any> triu_op(OpCall& c) { return torch::tensor(TRY(neural::triangle(c.net, TRY(c.tensor(0)), true, TRY(c.integer(1))))); }
Result<Any> tril_op(OpCall& c) { return torch::tensor(TRY(neural::triangle(c.net, TRY(c.tensor(0)), false, TRY(c.integer(1))))); }
Result<Any> pixel_shuffle_op(OpCall& c) { return torch::tensor(TRY(neural::pixel_shuffle(c.net, TRY(c.tensor(0)), TRY(c.integer(1))))); }
Result<Any> pixel_unshuffle_op(OpCall& c) {  // [N, C, H f, W f] to [N, C f^2, H, W]
  const Value x = TRY(c.tensor(0));
  const std::int64_t f = TRY(c.integer(1));
  if (x.rank() != 4 || f < 1) return c.wrong("of an input of shape " + dims_text(x.dims));
  const Dim h = c.net.floor_div(x.dims[2], f), w = c.net.floor_div(x.dims[3], f);
  const Value parts = TRY(neural::reshape(c.net, x, {x.dims[0], x.dims[1], h, f, w, f}));
  const Value turned = TRY(neural::transpose(c.net, parts, {0, 1, 3, 5, 2, 4}));
  return torch::tensor(TRY(neural::reshape(c.net, turned, {x.dims[0], c.net.mul(x.dims[1], f * f), h, w})));
}
Result<Any> channel_shuffle_op(OpCall& c) {
  const Value x = TRY(c.tensor(0));
  const std::int64_t groups = TRY(c.integer(1));
  if (x.rank() != 4 || groups < 1 || !x.dims[1].known() || x.dims[1].value % groups != 0) return c.wrong("of an input of shape " + dims_text(x.dims));
  const Value parts = TRY(neural::reshape(c.net, x, {x.dims[0], groups, x.dims[1].value / groups, x.dims[2], x.dims[3]}));
  return torch::tensor(TRY(neural::reshape(c.net, TRY(neural::transpose(c.net, parts, {0, 2, 1, 3, 4})), x.dims)));
}
Result<Any> unfold_op(OpCall& c) {  // Tensor.unfold(dimension, size, step): windows as a new last dimension
  const Value x = TRY(c.tensor(0));
  const std::size_t a = TRY(axis_of(TRY(c.integer(1)), x.rank(), c.name));
  const std::int64_t size = TRY(c.integer(2)), step = TRY(c.integer(3));
  if (!x.dims[a].known()) return c.net.needs(x.dims[a], "unfold: of a size that isn't known");
  if (size < 1 || step < 1 || size > x.dims[a].value) return c.wrong("windows of " + std::to_string(size));
  const std::int64_t count = (x.dims[a].value - size) / step + 1;
  std::vector<std::int64_t> at;
  for (std::int64_t i = 0; i < count; ++i) {
    for (std::int64_t j = 0; j < size; ++j) at.push_back(i * step + j);
  }
  const Tensor indices = int64s({count, size}, at);
  const Value y = TRY(neural::gather(c.net, x, c.net.constant(indices), static_cast<std::int64_t>(a)));  // [..., count, size, ...]
  std::vector<std::int64_t> order;
  for (std::size_t i = 0; i < y.rank(); ++i) {
    if (i != a + 1) order.push_back(static_cast<std::int64_t>(i));
  }
  order.push_back(static_cast<std::int64_t>(a) + 1);
  return torch::tensor(TRY(neural::transpose(c.net, y, order)));
}

constexpr Operator kOperators[] = {
    {"view", "self, *size", view_op},
    {"reshape", "self, *shape", view_op},
    {"_unsafe_view", "self, *size", view_op},
    {"_reshape_alias", "self, size, stride=None", [](OpCall& c) -> Result<Any> { return reshaped_view(c.net, TRY(c.cell(0)), TRY(c.sizes(1))); }},
    {"view_as", "self, other", view_as_op},
    {"reshape_as", "self, other", view_as_op},
    {"flatten", "self, start_dim=0, end_dim=-1", flatten_op},
    {"ravel", "self", [](OpCall& c) -> Result<Any> { return reshaped_view(c.net, TRY(c.cell(0)), {c.net.product(TRY(c.tensor(0)).dims)}); }},
    {"unflatten", "self, dim, sizes", unflatten_op},
    {"permute", "self, *dims", permute_op},
    {"transpose", "self, dim0, dim1", transpose_op},
    {"swapaxes", "self, axis0, axis1", transpose_op},
    {"swapdims", "self, dim0, dim1", transpose_op},
    {"t", "self", t_op},
    {"adjoint", "self", mt_op},
    {"mT", "self", mt_op},
    {"numpy_T", "self", numpy_t_op},
    {"movedim", "self, source, destination", movedim_op},
    {"moveaxis", "self, source, destination", movedim_op},
    {"squeeze", "self, dim=None", squeeze_op},
    {"unsqueeze", "self, dim", unsqueeze_op},
    {"new_axis", "self, dim", unsqueeze_op},  // x[:, None]
    {"expand", "self, *size", expand_op},
    {"expand_as", "self, other", expand_as_op},
    {"broadcast_to", "self, *size", expand_op},
    {"detach", "self", alias_op},
    {"alias", "self", alias_op},
    {"contiguous", "self, memory_format=None", contiguous_op},
    {"requires_grad_", "self, requires_grad=True", alias_op},
    {"cpu", "self", alias_op},
    {"cuda", "self, device=None", alias_op},
    {"clone", "self, memory_format=None", clone_op},
    {"lift_fresh_copy", "self", clone_op},
    {"lift_fresh", "self", alias_op},
    {"slice", "self, dim=0, start=None, end=None, step=1", slice_op},
    {"select", "self, dim, index", select_op},
    {"narrow", "self, dim, start, length", narrow_op},
    {"split", "self, split_size_or_sections, dim=0", split_op},
    {"split_with_sizes", "self, split_sizes, dim=0", split_op},
    {"tensor_split", "self, sections, dim=0", tensor_split_op},
    {"chunk", "self, chunks, dim=0", chunk_op},
    {"unsafe_chunk", "self, chunks, dim=0", chunk_op},
    {"unsafe_split", "self, split_size_or_sections, dim=0", split_op},
    {"unbind", "self, dim=0", unbind_op},
    {"diagonal", "self, offset=0, dim1=0, dim2=1", diagonal_op},
    {"cat", "tensors, dim=0", cat_op},
    {"concat", "tensors, dim=0", cat_op},
    {"concatenate", "tensors, dim=0", cat_op},
    {"stack", "tensors, dim=0", stack_op},
    {"hstack", "tensors", hstack_op},
    {"vstack", "tensors", vstack_op},
    {"repeat", "self, *repeats", repeat_op},
    {"tile", "self, *dims", tile_op},
    {"repeat_interleave", "self, repeats, dim=None, output_size=None", repeat_interleave_op},
    {"flip", "self, *dims",
     [](OpCall& c) -> Result<Any> {
       std::vector<std::int64_t> axes;
       for (const Dim& d : TRY(c.sizes(1))) axes.push_back(d.value);
       return torch::tensor(TRY(neural::flip(c.net, TRY(c.tensor(0)), axes)));
     }},
    {"fliplr", "self", [](OpCall& c) -> Result<Any> { return torch::tensor(TRY(neural::flip(c.net, TRY(c.tensor(0)), {1}))); }},
    {"roll", "self, shifts, dims=[]", roll_op},
    {"pad", "self, pad, mode=\"constant\", value=None", pad_op},
    {"constant_pad_nd", "self, pad, value=0", constant_pad_op},
    {"reflection_pad1d", "self, padding", reflection_pad_op},
    {"reflection_pad2d", "self, padding", reflection_pad_op},
    {"reflection_pad3d", "self, padding", reflection_pad_op},
    {"replication_pad1d", "self, padding", replication_pad_op},
    {"replication_pad2d", "self, padding", replication_pad_op},
    {"replication_pad3d", "self, padding", replication_pad_op},
    {"to", "self, dtype=None, *rest", to_op},
    {"_to_copy", "self, dtype=None",
     [](OpCall& c) -> Result<Any> {
       const Value x = TRY(c.tensor(0));
       return torch::tensor(c.net.cast(x, TRY(c.dtype(1, x.dtype()))));
     }},
    {"type", "self, dtype",
     [](OpCall& c) -> Result<Any> {
       const Value x = TRY(c.tensor(0));
       return torch::tensor(c.net.cast(x, TRY(c.dtype(1, x.dtype()))));
     }},
    {"type_as", "self, other", type_as_op},
    {"float", "self", cast_op<DType::float32>},
    {"double", "self", cast_op<DType::float64>},
    {"half", "self", cast_op<DType::float32>},
    {"long", "self", cast_op<DType::int64>},
    {"int", "self", cast_op<DType::int32>},
    {"bool", "self", cast_op<DType::boolean>},
    {"copy", "self, src, non_blocking=False", copy_op},
    {"fill", "self, value", fill_op},
    {"zero", "self", zero_op},
    {"triu", "self, diagonal=0", triu_op},
    {"tril", "self, diagonal=0", tril_op},
    {"pixel_shuffle", "self, upscale_factor", pixel_shuffle_op},
    {"pixel_unshuffle", "self, downscale_factor", pixel_unshuffle_op},
    {"channel_shuffle", "self, groups", channel_shuffle_op},
    {"unfold", "self, dimension, size, step", unfold_op},
};

}  // namespace

std::span<const Operator> shape_operators() { return kOperators; }

}  // namespace slipway::importers::torch
