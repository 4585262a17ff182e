#include "slipway/importers/blocks/neural/pooling.hpp"

#include <algorithm>
#include <limits>

#include "slipway/importers/blocks/neural/dense.hpp"
#include "slipway/importers/blocks/neural/elementwise.hpp"
#include "slipway/importers/blocks/neural/reduction.hpp"
#include "slipway/importers/blocks/neural/shapes.hpp"

namespace slipway::importers::neural {

using graph::attr;
using graph::Attribute;

namespace {

struct Plan {
  Dims dims;
  std::vector<std::int64_t> before, after;
  std::vector<std::int64_t> over;  // how far the last window reaches over the padded input, with ceil
  bool same_upper = false;         // sizes aren't known: the engine computes the pads
  bool ceil_unknown = false;       // the same for ceil
};

Result<Plan> plan(Net& net, const Value& x, const Pooling& p, std::string_view who) {
  const std::size_t spatial = p.kernel.size();
  if (spatial < 1 || spatial > 3 || x.rank() != spatial + 2)
    return wrong(std::string(who) + ": windows of " + std::to_string(spatial) + " dimensions over an input of shape " + dims_text(x.dims));
  if (p.strides.size() != spatial || p.dilations.size() != spatial) return wrong(std::string(who) + ": a stride and a dilation a dimension");
  Plan plan;
  plan.dims = {x.dims[0], x.dims[1]};
  plan.before.assign(spatial, 0);
  plan.after.assign(spatial, 0);
  plan.over.assign(spatial, 0);
  for (std::size_t i = 0; i < spatial; ++i) {
    const Dim in = x.dims[i + 2];
    if (p.padding.kind == Padding::Kind::same) {
      if (in.known()) {
        same_pads(in.value, p.kernel[i], p.strides[i], p.dilations[i], plan.before[i], plan.after[i]);
      } else {
        plan.same_upper = true;
      }
      plan.dims.push_back(net.floor_div(net.add(in, p.strides[i] - 1), p.strides[i]));
      continue;
    }
    if (!p.padding.before.empty()) {
      plan.before[i] = p.padding.before[i];
      plan.after[i] = p.padding.after[i];
    }
    const Dim out = TRY(window_size(net, in, p.kernel[i], p.strides[i], p.dilations[i], plan.before[i], plan.after[i], p.ceil, who));
    if (p.ceil && out.known()) {
      const std::int64_t reach = (out.value - 1) * p.strides[i] + p.dilations[i] * (p.kernel[i] - 1) + 1;
      plan.over[i] = std::max<std::int64_t>(0, reach - (in.value + plan.before[i] + plan.after[i]));
    } else if (p.ceil) {
      plan.ceil_unknown = true;
    }
    plan.dims.push_back(out);
  }
  return plan;
}

std::vector<Attribute> attributes_of(const Pooling& p, const Plan& plan, bool over_by_pads) {
  std::vector<Attribute> attributes{attr("kernel_shape", p.kernel), attr("strides", p.strides)};
  if (std::ranges::any_of(p.dilations, [](std::int64_t d) { return d != 1; })) attributes.push_back(attr("dilations", p.dilations));
  if (plan.same_upper) {
    attributes.push_back(attr("auto_pad", std::string("SAME_UPPER")));
    return attributes;
  }
  std::vector<std::int64_t> pads = plan.before;
  for (std::size_t i = 0; i < plan.after.size(); ++i) pads.push_back(plan.after[i] + (over_by_pads ? plan.over[i] : 0));
  attributes.push_back(attr("pads", std::move(pads)));
  if (plan.ceil_unknown) attributes.push_back(attr("ceil_mode", std::int64_t{1}));
  return attributes;
}

}  // namespace

Result<Value> max_pool(Net& net, const Value& x, const Pooling& p) {
  const Plan plan = TRY(neural::plan(net, x, p, "max pooling"));
  // What a window reaches over the end counts as padding: never the largest. The engine's own ceil_mode counts windows that start
  // behind the input, which the libraries leave out; so the size is made by padding wherever it is known.
  std::vector<Attribute> attributes = attributes_of(p, plan, true);
  return net.op("MaxPool", {x}, x.dtype(), plan.dims, std::move(attributes));
}

Result<Value> max_pool_places(Net& net, const Value& x, const Pooling& p) {
  const Plan plan = TRY(neural::plan(net, x, p, "max pooling"));
  // The engine counts through all rows and channels.
  const Value all = net.op_n("MaxPool", {x}, {{x.dtype(), plan.dims}, {DType::int64, plan.dims}}, attributes_of(p, plan, true))[1];
  return binary(net, "Mod", all, net.to_scalar(net.product(std::span(x.dims).subspan(2))));
}

Result<Value> average_pool(Net& net, const Value& x, const Pooling& p) {
  const Plan plan = TRY(neural::plan(net, x, p, "average pooling"));
  const bool over = std::ranges::any_of(plan.over, [](std::int64_t o) { return o > 0; });
  const bool padded =
      std::ranges::any_of(plan.before, [](std::int64_t o) { return o > 0; }) || std::ranges::any_of(plan.after, [](std::int64_t o) { return o > 0; });
  if (over && padded && p.count_padding) {
    // Padding counts, but not what a window reaches over the end: pad by hand, then let the engine leave the rest out.
    std::vector<Pad> pads(2);
    for (std::size_t i = 0; i < plan.before.size(); ++i) pads.push_back({plan.before[i], plan.after[i]});
    Pooling inner = p;
    inner.padding = {};
    inner.count_padding = false;
    return average_pool(net, TRY(pad(net, x, pads, "constant", 0)), inner);
  }
  std::vector<Attribute> attributes = attributes_of(p, plan, true);
  attributes.push_back(attr("count_include_pad", static_cast<std::int64_t>(p.count_padding && !over)));
  return net.op("AveragePool", {x}, x.dtype(), plan.dims, std::move(attributes));
}

Result<Value> global_pool(Net& net, const Value& x, bool maximum, bool keep_dims) {
  if (x.rank() < 3) return wrong("global pooling: of an input of shape " + dims_text(x.dims));
  Dims dims{x.dims[0], x.dims[1]};
  dims.resize(x.rank(), Dim(1));
  const Value v = net.op(maximum ? "GlobalMaxPool" : "GlobalAveragePool", {x}, x.dtype(), dims);
  return keep_dims ? Result<Value>(v) : reshape(net, v, {x.dims[0], x.dims[1]});
}

namespace {

// Along one axis by a product with the matrix of the averages; windows of equal size are an ordinary pooling.
Result<Value> adaptive_average_axis(Net& net, const Value& x, std::size_t axis, std::int64_t in, std::int64_t out) {
  std::vector<float> matrix(static_cast<std::size_t>(in * out), 0.0F);
  for (std::int64_t o = 0; o < out; ++o) {
    const std::int64_t from = o * in / out, to = ((o + 1) * in + out - 1) / out;
    for (std::int64_t i = from; i < to; ++i) matrix[static_cast<std::size_t>(i * out + o)] = 1.0F / static_cast<float>(to - from);
  }
  const Value weights = net.cast(net.constant(Tensor::of<float>(DType::float32, {in, out}, std::span<const float>(matrix))), x.dtype());
  const auto last = static_cast<std::int64_t>(x.rank()) - 1, at = static_cast<std::int64_t>(axis);
  const Value turned = TRY(swap_axes(net, x, at, last));
  return swap_axes(net, TRY(matmul(net, turned, weights)), at, last);
}

// The same for a size that only the request knows: element i counts for output o where floor(o in / out) <= i < ceil((o + 1) in / out).
Result<Value> adaptive_average_axis_later(Net& net, const Value& x, std::size_t axis, Dim in, std::int64_t out) {
  const Value size = net.to_scalar(in);
  const auto number = [&](std::int64_t v) { return net.number(static_cast<double>(v), DType::int64); };
  const Value i = TRY(unsqueeze(net, range(net, 0, in, 1), 1)), o = range(net, 0, out, 1);
  const Value from = TRY(binary(net, "Div", TRY(mul(net, o, size)), number(out)));
  const Value reach = TRY(add(net, TRY(mul(net, TRY(add(net, o, number(1))), size)), number(out - 1)));
  const Value to = TRY(binary(net, "Div", reach, number(out)));
  const Value inside = TRY(binary(net, "And", TRY(compare(net, "GreaterOrEqual", i, from)), TRY(compare(net, "Less", i, to))));
  const Value weights = TRY(binary(net, "Div", net.cast(inside, x.dtype()), net.cast(TRY(sub(net, to, from)), x.dtype())));
  const auto last = static_cast<std::int64_t>(x.rank()) - 1, at = static_cast<std::int64_t>(axis);
  return swap_axes(net, TRY(matmul(net, TRY(swap_axes(net, x, at, last)), weights)), at, last);
}

// Which elements of `in` count for each of `out`: boolean [out, in], floor(o in / out) <= i < ceil((o + 1) in / out).
Result<Value> adaptive_windows(Net& net, Dim in, std::int64_t out) {
  const Value size = net.to_scalar(in), o = TRY(unsqueeze(net, range(net, 0, out, 1), 1)), i = range(net, 0, in, 1);
  const Value count = net.number(static_cast<double>(out), DType::int64), one = net.number(1, DType::int64);
  const Value from = TRY(binary(net, "Div", TRY(mul(net, o, size)), count));
  const Value reach = TRY(add(net, TRY(mul(net, TRY(add(net, o, one)), size)), TRY(sub(net, count, one))));
  const Value to = TRY(binary(net, "Div", reach, count));
  return binary(net, "And", TRY(compare(net, "GreaterOrEqual", i, from)), TRY(compare(net, "Less", i, to)));
}

// For a size that only the request knows.
Result<Value> adaptive_max_axis_later(Net& net, const Value& x, std::size_t axis, Dim in, std::int64_t out) {
  const auto last = static_cast<std::int64_t>(x.rank()) - 1, at = static_cast<std::int64_t>(axis);
  const Value turned = TRY(unsqueeze(net, TRY(swap_axes(net, x, at, last)), -2));
  const Value inside = TRY(where(net, TRY(adaptive_windows(net, in, out)), turned, net.number(-std::numeric_limits<float>::max(), x.dtype())));
  return swap_axes(net, TRY(reduce(net, "ReduceMax", inside, {-1}, false)), at, last);
}

Result<Value> adaptive_max_axis(Net& net, const Value& x, std::size_t axis, std::int64_t in, std::int64_t out) {
  std::vector<Value> parts;
  for (std::int64_t o = 0; o < out; ++o) {
    const Value window = TRY(slice(net, x, static_cast<std::int64_t>(axis), o * in / out, ((o + 1) * in + out - 1) / out));
    parts.push_back(TRY(reduce(net, "ReduceMax", window, {static_cast<std::int64_t>(axis)}, true)));
  }
  return concat(net, parts, static_cast<std::int64_t>(axis));
}

}  // namespace

Result<Value> adaptive_pool(Net& net, const Value& x, const std::vector<std::int64_t>& out, bool maximum) {
  constexpr std::int64_t kOutMax = 4'096;
  const std::size_t spatial = out.size();
  if (spatial < 1 || spatial > 3 || x.rank() < spatial + 1)
    return wrong("adaptive pooling: " + std::to_string(spatial) + " sizes for an input of shape " + dims_text(x.dims));
  if (x.rank() == spatial + 1) {  // without rows
    const Value row = TRY(unsqueeze(net, x, 0));
    return squeeze(net, TRY(adaptive_pool(net, row, out, maximum)), {0});
  }
  if (std::ranges::all_of(out, [](std::int64_t o) { return o == 1; })) return global_pool(net, x, maximum, true);
  bool even = true;
  Pooling p;
  for (std::size_t i = 0; i < spatial; ++i) {
    const Dim in = x.dims[i + 2];
    if (out[i] == -1 || in.is(out[i])) {
      p.kernel.push_back(1);
    } else if (out[i] < 1 || out[i] > kOutMax) {
      return wrong("adaptive pooling: to a size of " + std::to_string(out[i]));
    } else if (!in.known()) {
      even = false;
      p.kernel.push_back(1);
    } else {
      even = even && in.value % out[i] == 0;
      p.kernel.push_back(std::max<std::int64_t>(1, in.value / out[i]));
    }
  }
  p.strides = p.kernel;
  p.dilations.assign(spatial, 1);
  if (even) return maximum ? max_pool(net, x, p) : average_pool(net, x, p);
  Value v = x;
  for (std::size_t i = 0; i < spatial; ++i) {
    const Dim in = v.dims[i + 2];
    if (out[i] == -1 || in.is(out[i])) continue;
    if (out[i] == 1) {
      v = TRY(reduce(net, maximum ? "ReduceMax" : "ReduceMean", v, {static_cast<std::int64_t>(i + 2)}, true));
    } else if (!in.known()) {
      v = TRY(maximum ? adaptive_max_axis_later(net, v, i + 2, in, out[i]) : adaptive_average_axis_later(net, v, i + 2, in, out[i]));
    } else {
      v = TRY(maximum ? adaptive_max_axis(net, v, i + 2, in.value, out[i]) : adaptive_average_axis(net, v, i + 2, in.value, out[i]));
    }
  }
  return v;
}

}  // namespace slipway::importers::neural
