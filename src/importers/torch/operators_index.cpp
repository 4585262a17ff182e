// Operators that pick and place elements by indices and masks.
#include <algorithm>

#include "slipway/importers/blocks/neural/elementwise.hpp"
#include "slipway/importers/blocks/neural/shapes.hpp"
#include "slipway/importers/torch/operator_call.hpp"

namespace slipway::importers::torch {
namespace {

using namespace neural;  // NOLINT(google-build-using-namespace): the blocks are this file's vocabulary

Result<Any> index_select_op(OpCall& c) { return torch::tensor(TRY(neural::gather(c.net, TRY(c.tensor(0)), TRY(c.tensor(2)), TRY(c.integer(1))))); }
Result<Any> gather_op(OpCall& c) { return torch::tensor(TRY(neural::gather_elements(c.net, TRY(c.tensor(0)), TRY(c.tensor(2)), TRY(c.integer(1))))); }
Result<Any> take_op(OpCall& c) {
  return torch::tensor(TRY(neural::gather(c.net, TRY(neural::flatten(c.net, TRY(c.tensor(0)), 0, -1)), TRY(c.tensor(1)), 0)));
}
Result<Any> scatter_op(OpCall& c) {
  const Value x = TRY(c.tensor(0)), at = TRY(c.tensor(2));
  if (c.given(4)) return c.wrong("with a reduction is not supported");
  const Value from = TRY(neural::expand(c.net, c.net.cast(TRY(c.tensor(3)), x.dtype()), at.dims));
  return torch::tensor(TRY(neural::scatter_elements(c.net, x, at, from, TRY(c.integer(1)))));
}
Result<Any> scatter_add_op(OpCall& c) {
  const Value x = TRY(c.tensor(0)), at = TRY(c.tensor(2)), from = TRY(c.tensor(3));
  if (is_floating(at.dtype())) return c.wrong("the indices must be integers");
  const std::size_t a = TRY(axis_of(TRY(c.integer(1)), x.rank(), c.name));
  return torch::tensor(c.net.op("ScatterElements", {x, at, c.net.cast(from, x.dtype())}, x.dtype(), x.dims,
                                {graph::attr("axis", static_cast<std::int64_t>(a)), graph::attr("reduction", std::string("add"))}));
}

// Where a tensor is not zero: its indices a dimension, [n] each, with an n that the values tell.
Result<std::vector<Value>> places_of(Net& net, const Value& x) {
  const Value at = net.op("NonZero", {x.rank() == 0 ? TRY(unsqueeze(net, x, 0)) : x}, DType::int64,
                          {static_cast<std::int64_t>(std::max<std::size_t>(x.rank(), 1)), net.symbol()});
  return unbind(net, at, 0);
}
Result<Any> nonzero_op(OpCall& c) {  // self, as_tuple
  const std::vector<Value> places = TRY(places_of(c.net, TRY(c.tensor(0))));
  if (!TRY(c.flag(1))) return torch::tensor(TRY(stack(c.net, places, 1)));
  std::vector<Any> out;
  for (const Value& v : places) out.push_back(torch::tensor(v));
  return tuple(std::move(out));
}
Result<Any> masked_select_op(OpCall& c) { return call_operator(c.net, "index", {{c.args[0], list({c.args[1]})}, {}}); }

Result<Value> condition_of(OpCall& c, std::size_t i) {
  const Value v = TRY(c.tensor(i));
  if (v.dtype() != DType::boolean && v.dtype() != DType::uint8) return c.wrong("the condition is a tensor of booleans, not of numbers");
  return v;
}

Result<Any> where_op(OpCall& c) {
  if (!c.given(1)) return call_operator(c.net, "nonzero", {{c.args[0], Any(true)}, {}});
  return torch::tensor(TRY(neural::where(c.net, TRY(condition_of(c, 0)), TRY(c.tensor(1)), TRY(c.tensor(2)))));
}
Result<Any> tensor_where_op(OpCall& c) {  // x.where(condition, y)
  return torch::tensor(TRY(neural::where(c.net, TRY(condition_of(c, 1)), TRY(c.tensor(0)), TRY(c.tensor(2)))));
}
Result<Any> masked_fill_op(OpCall& c) {
  const Value x = TRY(c.tensor(0));
  return torch::tensor(TRY(neural::where(c.net, TRY(condition_of(c, 1)), c.net.cast(TRY(c.tensor(2)), x.dtype()), x)));
}

// x[indices]: None stands for a whole dimension, integer tensors for picked ones, broadcast with each other.
struct Picked {
  std::vector<std::size_t> axes;  // that tensors stand at
  std::vector<Value> at;
};
Result<Picked> picked_of(OpCall& c, const Value& x) {
  Picked p;
  std::size_t axis = 0;
  for (const Any& item : c.items(1)) {
    if (axis >= x.rank()) return c.wrong("more indices than dimensions");
    if (item.none()) {
      ++axis;
      continue;
    }
    p.axes.push_back(axis);
    p.at.push_back(TRY(value_of(c.net, item, c.name)));
    const DType type = p.at.back().dtype();
    if (is_floating(type)) return c.wrong("the indices must be integers");
    axis += type == DType::boolean ? std::max<std::size_t>(p.at.back().rank(), 1) : 1;
  }
  if (axis > x.rank()) return c.wrong("more indices than dimensions");
  return p;
}
// A mask picks as many elements as it happens to have: the indices of those, for each dimension that it stands for.
Result<Picked> without_masks(Net& net, const Picked& given, const Value& x) {
  Picked p;
  for (std::size_t i = 0; i < given.at.size(); ++i) {
    const Value& at = given.at[i];
    if (at.dtype() != DType::boolean) {
      p.axes.push_back(given.axes[i]);
      p.at.push_back(at);
      continue;
    }
    for (std::size_t d = 0; d < at.rank(); ++d) TRY(net.same(at.dims[d], x.dims[given.axes[i] + d], "a mask of what it picks from"));
    const std::vector<Value> places = TRY(places_of(net, at));
    for (std::size_t d = 0; d < places.size(); ++d) {
      p.axes.push_back(given.axes[i] + d);
      p.at.push_back(places[d]);
    }
  }
  return p;
}

// Several indexed dimensions as one: the place i0 * size1 + i1 in their product, negative indices counted from the end.
Result<Value> joined_index(Net& net, const std::vector<Value>& at, const Dims& sizes) {
  std::optional<Value> sum;
  for (std::size_t i = 0; i < at.size(); ++i) {
    Value v = net.cast(at[i], DType::int64);
    const Value size = net.to_scalar(sizes[i]);
    bool negative = true;
    if (v.constant()) {
      const auto values = v.content->as<std::int64_t>();
      negative = std::ranges::any_of(values, [](std::int64_t n) { return n < 0; });
    }
    if (negative) v = TRY(neural::where(net, TRY(compare(net, "Less", v, net.number(0, DType::int64))), TRY(add(net, v, size)), v));
    sum = sum ? TRY(add(net, TRY(mul(net, *sum, size)), v)) : v;
  }
  return *sum;
}

Result<Any> index_op(OpCall& c) {
  const Value x = TRY(c.tensor(0));
  const Picked p = TRY(without_masks(c.net, TRY(picked_of(c, x)), x));
  if (p.at.empty()) return torch::tensor(x);
  if (p.at[0].dtype() == DType::uint8) return c.wrong("a mask of bytes is not supported");
  if (p.at.size() == 1) return torch::tensor(TRY(neural::gather(c.net, x, p.at[0], static_cast<std::int64_t>(p.axes[0]))));
  // Indexed dimensions beside each other stay where they are; otherwise they go to the front.
  bool adjacent = true;
  for (std::size_t i = 1; i < p.axes.size(); ++i) adjacent = adjacent && p.axes[i] == p.axes[i - 1] + 1;
  Value turned = x;
  std::size_t first = p.axes[0];
  if (!adjacent) {
    std::vector<std::int64_t> order;
    for (const std::size_t a : p.axes) order.push_back(static_cast<std::int64_t>(a));
    for (std::size_t i = 0; i < x.rank(); ++i) {
      if (std::ranges::find(p.axes, i) == p.axes.end()) order.push_back(static_cast<std::int64_t>(i));
    }
    turned = TRY(neural::transpose(c.net, x, order));
    first = 0;
  }
  Dims sizes(turned.dims.begin() + static_cast<std::ptrdiff_t>(first), turned.dims.begin() + static_cast<std::ptrdiff_t>(first + p.axes.size()));
  const Value flat = TRY(neural::flatten(c.net, turned, static_cast<std::int64_t>(first), static_cast<std::int64_t>(first + p.axes.size() - 1)));
  return torch::tensor(TRY(neural::gather(c.net, flat, TRY(joined_index(c.net, p.at, sizes)), static_cast<std::int64_t>(first))));
}

Result<Any> index_put_op(OpCall& c) {  // self, indices, values, accumulate
  const Value x = TRY(c.tensor(0));
  Picked p = TRY(picked_of(c, x));
  const Value values = c.net.cast(TRY(c.tensor(2)), x.dtype());
  const bool one_value = values.rank() == 0 || (values.rank() == 1 && values.dims[0].is(1));
  const bool one_mask = p.at.size() == 1 && p.axes[0] == 0 && p.at[0].dtype() == DType::boolean;
  if (!(one_mask && one_value)) p = TRY(without_masks(c.net, p, x));
  if (one_mask && one_value) {
    Value mask = p.at[0];
    while (mask.rank() < x.rank()) mask = TRY(unsqueeze(c.net, mask, -1));
    return torch::tensor(TRY(neural::where(c.net, mask, values, x)));
  }
  // x[:, places] = v: the dimension in front for the while.
  if (p.at.size() == 1 && p.axes[0] > 0 && p.at[0].rank() <= 1 && !(p.at[0].dtype() == DType::boolean)) {
    const auto a = static_cast<std::int64_t>(p.axes[0]);
    Dims shape = x.dims;
    shape[p.axes[0]] = p.at[0].rank() == 0 ? Dim(1) : p.at[0].dims[0];
    Value from = values;
    if (p.at[0].rank() == 0 && from.rank() + 1 == x.rank()) from = TRY(unsqueeze(c.net, from, a));
    from = TRY(neural::expand(c.net, from, shape));
    Dims wide(x.rank(), Dim(1));
    wide[p.axes[0]] = shape[p.axes[0]];
    const Value at = TRY(neural::expand(c.net, TRY(neural::reshape(c.net, c.net.cast(p.at[0], DType::int64), wide)), shape));
    std::vector<graph::Attribute> attributes{graph::attr("axis", a)};
    if (TRY(c.flag(3))) attributes.push_back(graph::attr("reduction", std::string("add")));
    return torch::tensor(c.net.op("ScatterElements", {x, at, from}, x.dtype(), x.dims, std::move(attributes)));
  }
  for (std::size_t i = 0; i < p.axes.size(); ++i) {
    if (p.axes[i] != i || p.at[i].dtype() == DType::boolean) return c.wrong("at these indices is not supported");
  }
  if (p.at.empty()) return c.wrong("without indices");
  // ScatterND: indices [..., k] into the first k dimensions.
  Dims shape = p.at[0].dims;
  for (const Value& v : p.at) shape = TRY(broadcast(c.net, shape, v.dims, c.name));
  std::vector<Value> parts;
  for (const Value& v : p.at) parts.push_back(TRY(unsqueeze(c.net, TRY(neural::expand(c.net, c.net.cast(v, DType::int64), shape)), -1)));
  const Value at = TRY(neural::concat(c.net, parts, -1));
  Dims updates = shape;
  updates.insert(updates.end(), x.dims.begin() + static_cast<std::ptrdiff_t>(p.at.size()), x.dims.end());
  const Value from = TRY(neural::expand(c.net, values, updates));
  std::vector<graph::Attribute> attributes;
  if (TRY(c.flag(3))) attributes.push_back(graph::attr("reduction", std::string("add")));
  return torch::tensor(c.net.op("ScatterND", {x, at, from}, x.dtype(), x.dims, std::move(attributes)));
}
Result<Any> index_fill_op(OpCall& c) {
  const Value x = TRY(c.tensor(0)), at = TRY(c.tensor(2));
  const std::size_t a = TRY(axis_of(TRY(c.integer(1)), x.rank(), c.name));
  Dims shape(x.rank(), Dim(1)), full = x.dims;
  shape[a] = full[a] = at.rank() == 0 ? Dim(1) : at.dims[0];
  const Value wide = TRY(neural::expand(c.net, TRY(neural::reshape(c.net, at, shape)), full));
  const Value from = TRY(neural::expand(c.net, c.net.cast(TRY(c.tensor(3)), x.dtype()), full));
  return torch::tensor(TRY(neural::scatter_elements(c.net, x, wide, from, static_cast<std::int64_t>(a))));
}

// index_add: places of one dimension, the same for all others.
Result<Any> index_add_op(OpCall& c) {
  const Value source = TRY(c.tensor(3)), index = TRY(c.tensor(2));
  const std::size_t axis = TRY(axis_of(TRY(c.integer(1)), source.rank(), c.name));
  if (index.rank() != 1 || is_floating(index.dtype())) return c.wrong("of places of shape " + dims_text(index.dims));
  Dims shape(source.rank(), Dim(1));
  shape[axis] = index.dims[0];
  const Value places = TRY(neural::expand(c.net, TRY(neural::reshape(c.net, index, shape)), source.dims));
  return call_operator(c.net, "scatter_add", {{c.args[0], c.args[1], torch::tensor(places), c.args[3]}, {}});
}

// torch.export writes a write to a part of a tensor as a new whole.
Result<Any> slice_scatter_op(OpCall& c) {  // self, src, dim, start, end, step
  const auto base = std::make_shared<TensorCell>(TRY(c.tensor(0)));
  const Any view = TRY(call_operator(c.net, "slice", {{Any(base), c.args[2], c.args[3], c.args[4], c.args[5]}, {}}));
  TRY((*view.as<TensorRef>())->write(c.net, TRY(c.tensor(1))));
  return torch::tensor(TRY(base->read(c.net)));
}
Result<Any> select_scatter_op(OpCall& c) {  // self, src, dim, index
  const auto base = std::make_shared<TensorCell>(TRY(c.tensor(0)));
  const Any view = TRY(call_operator(c.net, "select", {{Any(base), c.args[2], c.args[3]}, {}}));
  TRY((*view.as<TensorRef>())->write(c.net, TRY(c.tensor(1))));
  return torch::tensor(TRY(base->read(c.net)));
}

constexpr Operator kOperators[] = {
    {"index_select", "self, dim, index", index_select_op},
    {"gather", "self, dim, index, sparse_grad=False", gather_op},
    {"take", "self, index", take_op},
    {"take_along_dim", "self, indices, dim=None",
     [](OpCall& c) -> Result<Any> {
       return torch::tensor(TRY(neural::gather_elements(c.net, TRY(c.tensor(0)), TRY(c.tensor(1)), TRY(c.integer(2)))));
     }},
    {"scatter", "self, dim, index, src, reduce=None", scatter_op},
    {"scatter_add", "self, dim, index, src", scatter_add_op},
    {"index_add", "self, dim, index, source", index_add_op},
    {"nonzero", "self, as_tuple=False", nonzero_op},
    {"argwhere", "self, as_tuple=False", nonzero_op},
    {"masked_select", "self, mask", masked_select_op},
    {"where", "condition, self=None, other=None", where_op},
    {"tensor_where", "self, condition, other", tensor_where_op},
    {"masked_fill", "self, mask, value", masked_fill_op},
    {"index", "self, indices", index_op},
    {"_unsafe_index", "self, indices", index_op},
    {"_unsafe_index_put", "self, indices, values, accumulate=False", index_put_op},
    {"index_put", "self, indices, values, accumulate=False", index_put_op},
    {"_index_put_impl", "self, indices, values, accumulate=False, unsafe=False", index_put_op},
    {"index_fill", "self, dim, index, value", index_fill_op},
    {"slice_scatter", "self, src, dim=0, start=None, end=None, step=1", slice_scatter_op},
    {"select_scatter", "self, src, dim, index", select_scatter_op},
};

}  // namespace

std::span<const Operator> index_operators() { return kOperators; }

}  // namespace slipway::importers::torch
