#include "slipway/importers/blocks/neural/convolution.hpp"

#include <algorithm>

#include "slipway/importers/blocks/neural/elementwise.hpp"
#include "slipway/importers/blocks/neural/shapes.hpp"

namespace slipway::importers::neural {

using graph::attr;
using graph::Attribute;

void same_pads(std::int64_t in, std::int64_t kernel, std::int64_t stride, std::int64_t dilation, std::int64_t& before, std::int64_t& after) {
  const std::int64_t out = (in + stride - 1) / stride;
  const std::int64_t total = std::max<std::int64_t>((out - 1) * stride + (kernel - 1) * dilation + 1 - in, 0);
  before = total / 2;
  after = total - before;
}

// Above any size of a window; products of two of them can be counted.
constexpr std::int64_t kSizeMax = std::int64_t{1} << 31;

Result<Dim> window_size(Net& net, Dim in, std::int64_t kernel, std::int64_t stride, std::int64_t dilation, std::int64_t before, std::int64_t after,
                        bool ceil, std::string_view who) {
  if (kernel < 1 || stride < 1 || dilation < 1 || before < 0 || after < 0)
    return wrong(std::string(who) + ": kernel, stride and dilation must be at least 1, padding at least 0");
  for (const std::int64_t v : {kernel, stride, dilation, before, after, in.value}) {
    if (v > kSizeMax) return wrong(std::string(who) + ": a size of " + std::to_string(v));
  }
  const std::int64_t span = dilation * (kernel - 1) + 1;
  if (in.known()) {
    const std::int64_t room = in.value + before + after - span;
    if (room < 0)
      return wrong(std::string(who) + ": a window of " + std::to_string(span) + " doesn't fit into " + std::to_string(in.value + before + after));
    std::int64_t out = room / stride + 1;
    // The last window must start inside the input or what is put before it.
    if (ceil && room % stride != 0 && out * stride < in.value + before) ++out;
    return Dim(out);
  }
  if (stride == 1 && before + after == span - 1) return in;
  return net.derived("window " + std::to_string(span) + " " + std::to_string(stride) + " " + std::to_string(before + after) + (ceil ? " up" : ""),
                     in);
}

namespace {

struct Form {
  std::size_t spatial = 0;
  std::vector<std::int64_t> kernel;
};

Result<Form> form_of(const Value& x, const Value& weight, std::string_view who) {
  Form f;
  if (weight.rank() < 3 || weight.rank() > 5) return wrong(std::string(who) + ": weights of shape " + dims_text(weight.dims));
  f.spatial = weight.rank() - 2;
  if (x.rank() != weight.rank())
    return wrong(std::string(who) + ": an input of shape " + dims_text(x.dims) + " with weights of shape " + dims_text(weight.dims));
  for (std::size_t i = 0; i < f.spatial; ++i) {
    if (!weight.dims[i + 2].known()) return wrong(std::string(who) + ": a kernel whose size isn't known");
    f.kernel.push_back(weight.dims[i + 2].value);
  }
  return f;
}

Status one_each(std::size_t spatial, std::initializer_list<const std::vector<std::int64_t>*> lists, std::string_view who) {
  for (const auto* list : lists) {
    if (list->size() != spatial)
      return wrong(std::string(who) + ": " + std::to_string(list->size()) + " numbers for " + std::to_string(spatial) + " dimensions");
  }
  return ok();
}

std::vector<std::int64_t> joined(std::vector<std::int64_t> a, const std::vector<std::int64_t>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace

Result<Value> convolve(Net& net, const Value& x, const Value& weight, const std::optional<Value>& bias, const Convolution& c) {
  constexpr std::string_view kWho = "convolution";
  const Form form = TRY(form_of(x, weight, kWho));
  TRY(one_each(form.spatial, {&c.strides, &c.dilations}, kWho));
  if (c.groups < 1) return wrong("convolution: groups must be at least 1");
  if (weight.dims[1].known()) TRY(net.require(x.dims[1], weight.dims[1].value * c.groups, "convolution: channels of the input"));
  std::vector<std::int64_t> before(form.spatial, 0), after(form.spatial, 0);
  bool same_upper = false;
  Dims dims{x.dims[0], weight.dims[0]};
  for (std::size_t i = 0; i < form.spatial; ++i) {
    const Dim in = x.dims[i + 2];
    if (c.padding.kind == Padding::Kind::same) {
      if (in.known()) {
        same_pads(in.value, form.kernel[i], c.strides[i], c.dilations[i], before[i], after[i]);
      } else {
        same_upper = true;
      }
      dims.push_back(net.floor_div(net.add(in, c.strides[i] - 1), c.strides[i]));
      continue;
    }
    if (c.padding.kind == Padding::Kind::causal) before[i] = (form.kernel[i] - 1) * c.dilations[i];
    if (c.padding.kind == Padding::Kind::explicit_ && !c.padding.before.empty()) {
      TRY(one_each(form.spatial, {&c.padding.before, &c.padding.after}, kWho));
      before[i] = c.padding.before[i];
      after[i] = c.padding.after[i];
    }
    dims.push_back(TRY(window_size(net, in, form.kernel[i], c.strides[i], c.dilations[i], before[i], after[i], false, kWho)));
  }
  std::vector<Attribute> attributes{attr("kernel_shape", form.kernel), attr("strides", c.strides), attr("dilations", c.dilations),
                                    attr("group", c.groups)};
  if (same_upper) {
    attributes.push_back(attr("auto_pad", std::string("SAME_UPPER")));
  } else {
    attributes.push_back(attr("pads", joined(before, after)));
  }
  std::vector<Value> inputs{x, weight};
  if (bias) inputs.push_back(*bias);
  return net.op("Conv", inputs, x.dtype(), std::move(dims), std::move(attributes));
}

Result<Value> convolve_transposed(Net& net, const Value& x, const Value& weight, const std::optional<Value>& bias, const TransposedConvolution& c) {
  constexpr std::string_view kWho = "transposed convolution";
  const Form form = TRY(form_of(x, weight, kWho));
  TRY(one_each(form.spatial, {&c.strides, &c.dilations, &c.before, &c.after, &c.output_padding}, kWho));
  if (c.groups < 1) return wrong("transposed convolution: groups must be at least 1");
  if (weight.dims[0].known()) TRY(net.require(x.dims[1], weight.dims[0].value, "transposed convolution: channels of the input"));
  Dims dims{x.dims[0], net.mul(weight.dims[1], c.groups)};
  // The engine takes no negative padding: what would be cut off less is cut off afterwards instead.
  std::vector<std::int64_t> before = c.before, after = c.after, output_padding = c.output_padding;
  for (std::size_t i = 0; i < form.spatial; ++i) {
    if (before[i] < 0 || after[i] < 0 || output_padding[i] < 0) return wrong("transposed convolution: negative padding");
    for (const std::int64_t v : {form.kernel[i], c.dilations[i], c.strides[i], output_padding[i], before[i], after[i], x.dims[i + 2].value}) {
      if (v > kSizeMax || v < -kSizeMax) return wrong("transposed convolution: a size of " + std::to_string(v));
    }
    const std::int64_t constant = (form.kernel[i] - 1) * c.dilations[i] + 1 + output_padding[i] - before[i] - after[i] - c.strides[i];
    const Dim out = net.add(net.mul(x.dims[i + 2], c.strides[i]), constant);
    if (out.known() && out.value < 1) return wrong("transposed convolution: nothing is left");
    dims.push_back(out);
  }
  std::vector<Value> inputs{x, weight};
  if (bias) inputs.push_back(*bias);
  return net.op("ConvTranspose", inputs, x.dtype(), std::move(dims),
                {attr("kernel_shape", form.kernel), attr("strides", c.strides), attr("dilations", c.dilations), attr("group", c.groups),
                 attr("pads", joined(before, after)), attr("output_padding", output_padding)});
}

}  // namespace slipway::importers::neural
