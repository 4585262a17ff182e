#include "slipway/importers/blocks/neural/shapes.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "slipway/importers/blocks/neural/elementwise.hpp"

namespace slipway::importers::neural {

using graph::attr;

namespace {

// A constant with another shape: the same elements.
Value reshaped_constant(Net& net, const Value& x, const Dims& to) {
  Shape shape;
  for (const Dim& d : to) shape.push_back(d.value);
  Tensor t = *x.content;
  t.reshape(std::move(shape));
  return net.constant(std::move(t));
}

}  // namespace

Result<Value> reshape(Net& net, const Value& x, const Dims& to) {
  const Dim total = net.product(x.dims);
  Dims dims = to;
  std::optional<std::size_t> inferred;
  Dim rest = 1;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (dims[i].is(-1)) {
      if (inferred) return wrong("reshape: two sizes of -1 in " + dims_text(to));
      inferred = i;
    } else {
      if (dims[i].known() && dims[i].value < 0) return wrong("reshape: a size of " + std::to_string(dims[i].value));
      rest = net.mul(rest, dims[i]);
    }
  }
  if (inferred) {
    if (const auto q = rest.is(0) ? std::nullopt : net.quotient(total, rest)) {
      dims[*inferred] = *q;
    } else if (total.known() && rest.known()) {
      return wrong("reshape: " + dims_text(x.dims) + " can't become " + dims_text(to));
    } else {
      dims[*inferred] = net.derived("rest of " + dims_text({total}) + std::to_string(total.symbol) + " by", rest);
    }
  } else if (!(total == rest)) {
    if (total.known() && rest.known()) return wrong("reshape: " + dims_text(x.dims) + " can't become " + dims_text(to));
    // One side isn't known: say what it must be where that is a number.
    if (rest.known()) {
      TRY(net.require(total, rest.value, "reshape to " + dims_text(to)));
    } else if (total.known()) {
      TRY(net.require(rest, total.value, "reshape to " + dims_text(to)));
    } else if (net.quotient(total, rest) || net.quotient(rest, total)) {
      return wrong("reshape: " + dims_text(x.dims) + " can't become " + dims_text(to));  // a dimension too many: none is 1
    } else {
      // [rows, n] to [rows, 14, 3]: without what both have, a number is left on one side.
      Dims open;
      std::int64_t number = 1;
      for (const Dim& d : to) {
        if (d.known()) {
          number *= d.value;
        } else {
          open.push_back(d);
        }
      }
      const auto left = number > 1 ? net.quotient(total, net.product(open)) : std::nullopt;
      if (left && !left->known()) TRY(net.require(*left, number, "reshape to " + dims_text(to)));
    }
  }
  if (dims == x.dims) return x;
  if (x.constant() && std::ranges::all_of(dims, &Dim::known)) return reshaped_constant(net, x, dims);
  // Written with as little arithmetic as possible: 0 copies the size of the same place, one -1 is what is left.
  std::vector<std::int64_t> literal;
  bool open = false, by_numbers = true;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (dims[i].known() && dims[i].value != 0) {
      literal.push_back(dims[i].value);
    } else if (i < x.dims.size() && dims[i] == x.dims[i]) {
      literal.push_back(0);
    } else if (!open && !dims[i].known()) {
      open = true;
      literal.push_back(-1);
    } else {
      by_numbers = false;
    }
  }
  if (by_numbers) return net.op("Reshape", {x, net.ints(literal)}, x.dtype(), dims);
  Dims written = dims;
  if (inferred) written[*inferred] = -1;
  return net.op("Reshape", {x, net.to_list(written)}, x.dtype(), dims, {attr("allowzero", std::int64_t{1})});
}

Result<Value> flatten(Net& net, const Value& x, std::int64_t start, std::int64_t end) {
  if (x.rank() == 0) return reshape(net, x, {1});
  const std::size_t a = TRY(axis_of(start, x.rank(), "flatten"));
  const std::size_t b = TRY(axis_of(end, x.rank(), "flatten"));
  if (a > b) return wrong("flatten: the first dimension comes after the last");
  if (a == b) return x;
  Dims to(x.dims.begin(), x.dims.begin() + static_cast<std::ptrdiff_t>(a));
  to.push_back(net.product(std::span(x.dims).subspan(a, b - a + 1)));
  to.insert(to.end(), x.dims.begin() + static_cast<std::ptrdiff_t>(b) + 1, x.dims.end());
  return reshape(net, x, to);
}

namespace {

Tensor transposed(const Tensor& t, const std::vector<std::size_t>& permutation) {
  const std::size_t rank = permutation.size();
  Shape shape(rank);
  std::vector<std::size_t> stride(rank, 1), step(rank);
  for (std::size_t i = rank; i-- > 1;) stride[i - 1] = stride[i] * static_cast<std::size_t>(t.shape()[i]);
  for (std::size_t i = 0; i < rank; ++i) {
    shape[i] = t.shape()[permutation[i]];
    step[i] = stride[permutation[i]];
  }
  const std::size_t width = dtype_size(t.dtype());
  OwnedBytes out;  // shared in the end: a copy of the tensor is none of its elements
  char* to = out.room(t.bytes().size()).data();
  out.grow(t.bytes().size());
  const std::byte* from = t.bytes().data();
  std::vector<std::int64_t> at(rank, 0);
  std::size_t source = 0;
  for (std::size_t i = 0; i < t.count(); ++i) {
    std::memcpy(to + i * width, from + source * width, width);
    for (std::size_t d = rank; d-- > 0;) {
      source += step[d];
      if (++at[d] < shape[d]) break;
      source -= step[d] * static_cast<std::size_t>(shape[d]);
      at[d] = 0;
    }
  }
  return Tensor::share(t.dtype(), std::move(shape), std::move(out).share());
}

}  // namespace

Result<Value> transpose(Net& net, const Value& x, const std::vector<std::int64_t>& permutation) {
  if (permutation.size() != x.rank())
    return wrong("permute: " + std::to_string(permutation.size()) + " dimensions for a tensor of " + std::to_string(x.rank()));
  std::vector<std::size_t> order;
  std::vector<std::int64_t> normal;
  Dims dims;
  std::vector<bool> seen(x.rank());
  bool same = true;
  for (const std::int64_t p : permutation) {
    const std::size_t axis = TRY(axis_of(p, x.rank(), "permute"));
    if (seen[axis]) return wrong("permute: dimension " + std::to_string(p) + " twice");
    seen[axis] = true;
    same = same && axis == order.size();
    order.push_back(axis);
    normal.push_back(static_cast<std::int64_t>(axis));
    dims.push_back(x.dims[axis]);
  }
  if (same) return x;
  constexpr std::size_t kDryBytesMax = 1U << 16;  // a try needs the shape only
  if (x.constant() && dtype_size(x.dtype()) > 0 && (!net.dry() || x.content->bytes().size() <= kDryBytesMax))
    return net.constant(transposed(*x.content, order));
  return net.op("Transpose", {x}, x.dtype(), dims, {attr("perm", normal)});
}

Result<Value> swap_axes(Net& net, const Value& x, std::int64_t a, std::int64_t b) {
  const std::size_t i = TRY(axis_of(a, x.rank(), "transpose"));
  const std::size_t j = TRY(axis_of(b, x.rank(), "transpose"));
  std::vector<std::int64_t> order(x.rank());
  std::iota(order.begin(), order.end(), 0);
  std::swap(order[i], order[j]);
  return transpose(net, x, order);
}

Result<Value> squeeze(Net& net, const Value& x, const std::vector<std::int64_t>& axes) {
  std::vector<std::int64_t> gone;
  for (const std::int64_t axis : axes) {
    const std::size_t a = TRY(axis_of(axis, x.rank(), "squeeze"));
    if (x.dims[a].known() && x.dims[a].value != 1) continue;  // torch: nothing happens
    if (!x.dims[a].known()) continue;                         // a free size is not 1 for every request
    gone.push_back(static_cast<std::int64_t>(a));
  }
  if (gone.empty()) return x;
  Dims dims;
  for (std::size_t i = 0; i < x.rank(); ++i) {
    if (std::ranges::find(gone, static_cast<std::int64_t>(i)) == gone.end()) dims.push_back(x.dims[i]);
  }
  if (x.constant()) return reshape(net, x, dims);
  return net.op("Squeeze", {x, net.ints(gone)}, x.dtype(), dims);
}

Result<Value> squeeze_all(Net& net, const Value& x) {
  std::vector<std::int64_t> axes(x.rank());
  std::iota(axes.begin(), axes.end(), 0);
  return squeeze(net, x, axes);
}

Result<Value> unsqueeze(Net& net, const Value& x, std::int64_t axis) {
  const std::size_t a = TRY(axis_of(axis, x.rank() + 1, "unsqueeze"));
  Dims dims = x.dims;
  dims.insert(dims.begin() + static_cast<std::ptrdiff_t>(a), Dim(1));
  if (x.constant()) return reshape(net, x, dims);
  return net.op("Unsqueeze", {x, net.ints({static_cast<std::int64_t>(a)})}, x.dtype(), dims);
}

Result<Value> expand(Net& net, const Value& x, const Dims& to) {
  if (to.size() < x.rank()) return wrong("expand: " + dims_text(x.dims) + " to " + dims_text(to));
  Dims dims = to;
  const std::size_t ahead = to.size() - x.rank();
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (dims[i].is(-1)) {
      if (i < ahead) return wrong("expand: -1 for a new dimension");
      dims[i] = x.dims[i - ahead];
    } else if (i >= ahead && !x.dims[i - ahead].is(1) && !(x.dims[i - ahead] == dims[i])) {
      if (x.dims[i - ahead].known() && dims[i].known()) return wrong("expand: " + dims_text(x.dims) + " to " + dims_text(to));
      if (dims[i].known()) TRY(net.require(x.dims[i - ahead], dims[i].value, "expand: " + dims_text(x.dims) + " to " + dims_text(to)));
    }
  }
  if (dims == x.dims) return x;
  return net.op("Expand", {x, net.to_list(dims)}, x.dtype(), dims);
}

Result<Value> tile(Net& net, const Value& x, const Dims& repeats) {
  if (repeats.size() < x.rank()) return wrong("repeat: fewer repeats than dimensions");
  Value wide = x;
  while (wide.rank() < repeats.size()) wide = TRY(unsqueeze(net, wide, 0));
  Dims dims;
  for (std::size_t i = 0; i < repeats.size(); ++i) dims.push_back(net.mul(wide.dims[i], repeats[i]));
  return net.op("Tile", {wide, net.to_list(repeats)}, x.dtype(), dims);
}

// --- parts

namespace {

// Where a bound of a slice lies in 0..size, for known sizes.
std::int64_t clamp_bound(std::int64_t bound, std::int64_t size, std::int64_t low, std::int64_t high) {
  if (bound < 0) bound = bound < -size ? low : bound + size;
  return std::clamp(bound, low, high);
}

}  // namespace

Result<Value> slice(Net& net, const Value& x, std::int64_t axis, Dim start, Dim end, std::int64_t step) {
  const std::size_t a = TRY(axis_of(axis, x.rank(), "slice"));
  if (step == 0) return wrong("slice: a step of 0");
  const Dim size = x.dims[a];
  Dims dims = x.dims;
  if (step > 0 && start.is(0) && step == 1 && (end.is(kEnd) || end == size)) return x;
  if (size.known() && start.known() && end.known()) {
    std::int64_t count = 0;
    if (step > 0) {
      const std::int64_t from = clamp_bound(start.value, size.value, 0, size.value), to = clamp_bound(end.value, size.value, 0, size.value);
      count = to > from ? (to - from + step - 1) / step : 0;
      if (count == size.value && step == 1) return x;
    } else {
      const std::int64_t from = clamp_bound(start.value, size.value, -1, size.value - 1);
      const std::int64_t to =
          end.value == -kEnd || end.value == std::numeric_limits<std::int64_t>::min() ? -1 : clamp_bound(end.value, size.value, -1, size.value - 1);
      count = from > to ? (from - to - step - 1) / -step : 0;
    }
    dims[a] = count;
  } else if (step == 1 && start.known() && start.value >= 0 && end.is(kEnd) && !size.known()) {
    dims[a] = start.value == 0 ? size : net.derived("after " + std::to_string(start.value), size);
  } else if (step == 1 && start.is(0) && end.known() && end.value < 0) {
    dims[a] = net.derived("without last " + std::to_string(-end.value), size);
  } else if (step == 1 && start.is(0) && !end.known()) {
    dims[a] = end;  // not past the end: what models ask for
  } else if (step == 1 && !start.known() && end == net.add(start, 1)) {
    dims[a] = 1;
  } else if (step == 1 && start.known() && end.known() && ((start.value >= 0) == (end.value >= 0)) && end.value >= start.value) {
    dims[a] = end.value - start.value;  // of a size that isn't known: long enough
  } else {
    dims[a] = net.symbol();
  }
  const auto list = [&](Dim d) { return net.to_list(std::span(&d, 1)); };
  return net.op("Slice", {x, list(start), list(end), net.ints({static_cast<std::int64_t>(a)}), net.ints({step})}, x.dtype(), dims);
}

Result<Value> select(Net& net, const Value& x, std::int64_t axis, Dim index) {
  const std::size_t a = TRY(axis_of(axis, x.rank(), "select"));
  if (index.known() && x.dims[a].known() && (index.value >= x.dims[a].value || index.value < -x.dims[a].value))
    return wrong("select: index " + std::to_string(index.value) + " of " + std::to_string(x.dims[a].value));
  Dims dims = x.dims;
  dims.erase(dims.begin() + static_cast<std::ptrdiff_t>(a));
  return net.op("Gather", {x, net.to_scalar(index)}, x.dtype(), dims, {attr("axis", static_cast<std::int64_t>(a))});
}

Result<std::vector<Value>> split(Net& net, const Value& x, std::int64_t axis, const std::vector<std::int64_t>& sizes) {
  const std::size_t a = TRY(axis_of(axis, x.rank(), "split"));
  if (sizes.empty()) return wrong("split: into nothing");
  TRY(net.require(x.dims[a], std::accumulate(sizes.begin(), sizes.end(), std::int64_t{0}), "split"));
  if (sizes.size() == 1) return std::vector<Value>{x};
  std::vector<std::pair<DType, Dims>> outputs;
  for (const std::int64_t size : sizes) {
    Dims dims = x.dims;
    dims[a] = size;
    outputs.emplace_back(x.dtype(), std::move(dims));
  }
  return net.op_n("Split", {x, net.ints(sizes)}, std::move(outputs), {attr("axis", static_cast<std::int64_t>(a))});
}

Result<std::vector<Value>> chunk(Net& net, const Value& x, std::int64_t axis, std::int64_t chunks) {
  const std::size_t a = TRY(axis_of(axis, x.rank(), "chunk"));
  if (!x.dims[a].known()) return net.needs(x.dims[a], "chunk: along a dimension whose size isn't known");
  if (chunks < 1 || chunks > 65'536) return wrong("chunk: into " + std::to_string(chunks));
  const std::int64_t size = x.dims[a].value, each = std::max<std::int64_t>(1, (size + chunks - 1) / chunks);
  std::vector<std::int64_t> sizes;
  for (std::int64_t at = 0; at < size; at += each) sizes.push_back(std::min(each, size - at));
  return split(net, x, axis, sizes);
}

Result<std::vector<Value>> unbind(Net& net, const Value& x, std::int64_t axis) {
  const std::size_t a = TRY(axis_of(axis, x.rank(), "unbind"));
  if (!x.dims[a].known()) return net.needs(x.dims[a], "unbind: along a dimension whose size isn't known");
  if (x.dims[a].value > 65'536) return wrong("unbind: into " + std::to_string(x.dims[a].value));
  std::vector<Value> out;
  for (std::int64_t i = 0; i < x.dims[a].value; ++i) out.push_back(TRY(select(net, x, axis, i)));
  return out;
}

Result<Value> concat(Net& net, const std::vector<Value>& parts, std::int64_t axis) {
  if (parts.empty()) return wrong("cat: of nothing");
  const std::size_t a = TRY(axis_of(axis, parts[0].rank(), "cat"));
  if (parts.size() == 1) return parts[0];
  Dims dims = parts[0].dims;
  dims[a] = 0;
  for (const Value& p : parts) {
    if (p.rank() != dims.size()) return wrong("cat: " + dims_text(parts[0].dims) + " with " + dims_text(p.dims));
    for (std::size_t i = 0; i < dims.size(); ++i) {
      if (i == a) {
        dims[a] = net.add(dims[a], p.dims[a]);
      } else {
        TRY(net.same(dims[i], p.dims[i],
                     "cat: " + dims_text(parts[0].dims) + " with " + dims_text(p.dims) + " along dimension " + std::to_string(a)));
        if (p.dims[i].known()) dims[i] = p.dims[i];
      }
    }
  }
  return net.op("Concat", parts, parts[0].dtype(), dims, {attr("axis", static_cast<std::int64_t>(a))});
}

Result<Value> stack(Net& net, const std::vector<Value>& parts, std::int64_t axis) {
  std::vector<Value> wide;
  for (const Value& p : parts) {
    const std::size_t a = TRY(axis_of(axis, p.rank() + 1, "stack"));
    wide.push_back(TRY(unsqueeze(net, p, static_cast<std::int64_t>(a))));
  }
  return concat(net, wide, axis);
}

Result<Value> gather(Net& net, const Value& x, const Value& indices, std::int64_t axis) {
  const std::size_t a = TRY(axis_of(axis, x.rank(), "gather"));
  Dims dims(x.dims.begin(), x.dims.begin() + static_cast<std::ptrdiff_t>(a));
  dims.insert(dims.end(), indices.dims.begin(), indices.dims.end());
  dims.insert(dims.end(), x.dims.begin() + static_cast<std::ptrdiff_t>(a) + 1, x.dims.end());
  const Value at = indices.dtype() == DType::int64 || indices.dtype() == DType::int32 ? indices : net.cast(indices, DType::int64);
  return net.op("Gather", {x, at}, x.dtype(), dims, {attr("axis", static_cast<std::int64_t>(a))});
}

Result<Value> gather_elements(Net& net, const Value& x, const Value& indices, std::int64_t axis) {
  const std::size_t a = TRY(axis_of(axis, x.rank(), "gather"));
  if (indices.rank() != x.rank()) return wrong("gather: the indices have other dimensions");
  return net.op("GatherElements", {x, indices}, x.dtype(), indices.dims, {attr("axis", static_cast<std::int64_t>(a))});
}

Result<Value> scatter_elements(Net& net, const Value& x, const Value& indices, const Value& updates, std::int64_t axis) {
  const std::size_t a = TRY(axis_of(axis, x.rank(), "scatter"));
  return net.op("ScatterElements", {x, indices, updates}, x.dtype(), x.dims, {attr("axis", static_cast<std::int64_t>(a))});
}

Result<Value> flip(Net& net, const Value& x, const std::vector<std::int64_t>& axes) {
  Value v = x;
  for (const std::int64_t axis : axes) {
    const Dims dims = v.dims;
    v = TRY(slice(net, v, axis, -1, std::numeric_limits<std::int64_t>::min(), -1));
    v.dims = dims;
  }
  return v;
}

Result<Value> roll(Net& net, const Value& x, std::int64_t axis, std::int64_t shift) {
  const std::size_t a = TRY(axis_of(axis, x.rank(), "roll"));
  const Dim size = x.dims[a];
  if (size.known()) shift = size.value == 0 ? 0 : ((shift % size.value) + size.value) % size.value;
  if (shift == 0) return x;
  const Value tail = TRY(slice(net, x, axis, -shift, kEnd)), head = TRY(slice(net, x, axis, 0, -shift));
  Value v = TRY(concat(net, {tail, head}, axis));
  v.dims = x.dims;
  return v;
}

Result<Value> where(Net& net, const Value& condition, const Value& yes, const Value& no) {
  const DType dtype = promoted(yes, no);
  const Dims both = TRY(broadcast(net, yes.dims, no.dims, "where"));
  Dims dims = TRY(broadcast(net, condition.dims, both, "where"));
  const Value c = net.cast(condition, DType::boolean);
  return net.op("Where", {c, net.cast(yes, dtype), net.cast(no, dtype)}, dtype, std::move(dims));
}

Result<Value> triangle(Net& net, const Value& x, bool upper, std::int64_t diagonal) {
  if (x.rank() < 2) return wrong("triu, tril: of fewer than two dimensions");
  if (x.dtype() == DType::boolean) return net.cast(TRY(triangle(net, net.cast(x, DType::int32), upper, diagonal)), DType::boolean);
  return net.op("Trilu", {x, net.number(static_cast<double>(diagonal), DType::int64)}, x.dtype(), x.dims,
                {attr("upper", static_cast<std::int64_t>(upper))});
}

Result<Value> pad(Net& net, const Value& x, const std::vector<Pad>& pads, std::string_view mode, double value) {
  if (pads.size() != x.rank()) return wrong("pad: " + std::to_string(pads.size()) + " pairs for " + std::to_string(x.rank()) + " dimensions");
  Dims dims = x.dims, all;
  bool none = true;
  for (std::size_t i = 0; i < pads.size(); ++i) {
    dims[i] = net.add(dims[i], net.add(pads[i].before, pads[i].after));
    if (dims[i].known() && dims[i].value < 0) return wrong("pad: more is cut off than there is");
    all.push_back(pads[i].before);
    none = none && pads[i].before.is(0) && pads[i].after.is(0);
  }
  if (none) return x;
  if (mode == "wrap") {  // what the engine's Pad knows from a later opset on
    Value v = x;
    for (std::size_t i = 0; i < pads.size(); ++i) {
      const auto a = static_cast<std::int64_t>(i);
      if (!pads[i].before.known() || !pads[i].after.known() || pads[i].before.value < 0 || pads[i].after.value < 0)
        return wrong("pad: around a circle by a size that isn't known, or a negative one");
      std::vector<Value> parts;
      if (!pads[i].before.is(0)) parts.push_back(TRY(slice(net, v, a, -pads[i].before.value, kEnd)));
      parts.push_back(v);
      if (!pads[i].after.is(0)) parts.push_back(TRY(slice(net, v, a, 0, pads[i].after)));
      v = TRY(concat(net, parts, a));
      v.dims[i] = dims[i];
    }
    return v;
  }
  for (const Pad& p : pads) all.push_back(p.after);
  if (x.dtype() == DType::boolean) { return net.cast(TRY(pad(net, net.cast(x, DType::int32), pads, mode, value)), DType::boolean); }
  std::vector<Value> inputs{x, net.to_list(all)};
  if (mode == "constant") inputs.push_back(net.number(value, x.dtype()));
  return net.op("Pad", inputs, x.dtype(), dims, {attr("mode", std::string(mode))});
}

Value full(Net& net, const Dims& dims, double value, DType dtype) {
  const DType made = dtype == DType::boolean ? DType::int32 : dtype;
  Tensor one = *net.number(value, made).content;
  one.reshape({1});
  const Value v = net.op("ConstantOfShape", {net.to_list(dims)}, made, dims, {attr("value", std::move(one))});
  return net.cast(v, dtype);
}

Value range(Net& net, Dim start, Dim end, Dim step) {
  Dim count;
  if (start.known() && end.known() && step.known()) {
    const std::int64_t span = step.value > 0 ? end.value - start.value : start.value - end.value, stride = step.value > 0 ? step.value : -step.value;
    count = span > 0 ? (span + stride - 1) / stride : 0;
    constexpr std::int64_t kConstantMax = 1 << 20;
    if (count.value <= kConstantMax) {
      std::vector<std::int64_t> values;
      for (std::int64_t i = 0; i < count.value; ++i) values.push_back(start.value + i * step.value);
      return net.ints(values);
    }
  } else if (step.is(1)) {
    count = net.sub(end, start);
  } else {
    const auto whole = start.is(0) ? net.quotient(end, step) : std::nullopt;
    count = whole ? *whole : net.symbol();
  }
  return net.op("Range", {net.to_scalar(start), net.to_scalar(end), net.to_scalar(step)}, DType::int64, {count});
}

}  // namespace slipway::importers::neural
