// Operators with weights, and pooling: what layers are made of.
#include <algorithm>
#include <cmath>

#include "slipway/importers/blocks/neural/attention.hpp"
#include "slipway/importers/blocks/neural/convolution.hpp"
#include "slipway/importers/blocks/neural/dense.hpp"
#include "slipway/importers/blocks/neural/elementwise.hpp"
#include "slipway/importers/blocks/neural/normalization.hpp"
#include "slipway/importers/blocks/neural/pooling.hpp"
#include "slipway/importers/blocks/neural/reduction.hpp"
#include "slipway/importers/blocks/neural/shapes.hpp"
#include "slipway/importers/torch/operator_call.hpp"

namespace slipway::importers::torch {
namespace {

using namespace neural;  // NOLINT(google-build-using-namespace): the blocks are this file's vocabulary

// --- convolutions

// Without rows ([C, *spatial]) as with one.
Result<Value> with_rows(Net& net, const Value& x, std::size_t rank, bool& added) {
  added = x.rank() + 1 == rank;
  if (added) net.note_no_rows();
  return added ? unsqueeze(net, x, 0) : Result<Value>(x);
}

struct ConvArguments {
  std::size_t weight = 1, bias = 2, stride = 3, padding = 4, dilation = 5, groups = 6;
};

Result<Any> conv_of(OpCall& c, const ConvArguments& at, std::size_t spatial) {
  const Value weight = TRY(c.tensor(at.weight));
  if (spatial == 0) spatial = weight.rank() < 3 ? 0 : weight.rank() - 2;
  Convolution conv;
  conv.strides = TRY(c.integers(at.stride, spatial));
  conv.dilations = TRY(c.integers(at.dilation, spatial));
  conv.groups = TRY(c.integer(at.groups));
  if (const auto* mode = c.args[at.padding].as<std::string>()) {
    if (*mode == "same") {  // the odd one behind, as the engine's SAME_UPPER
      conv.padding.kind = Padding::Kind::same;
    } else if (*mode != "valid") {
      return c.wrong("the padding \"" + *mode + "\" is not known");
    }
  } else {
    conv.padding.before = conv.padding.after = TRY(c.integers(at.padding, spatial));
  }
  bool added = false;
  const Value x = TRY(with_rows(c.net, TRY(c.tensor(0)), spatial + 2, added));
  const Value y = TRY(convolve(c.net, x, weight, TRY(c.maybe_tensor(at.bias)), conv));
  return torch::tensor(added ? TRY(squeeze(c.net, y, {0})) : y);
}

Result<Any> conv_transpose_of(OpCall& c, const ConvArguments& at, std::size_t output_padding, std::size_t spatial) {
  const Value weight = TRY(c.tensor(at.weight));
  if (spatial == 0) spatial = weight.rank() < 3 ? 0 : weight.rank() - 2;
  TransposedConvolution t;
  t.strides = TRY(c.integers(at.stride, spatial));
  t.dilations = TRY(c.integers(at.dilation, spatial));
  t.before = t.after = TRY(c.integers(at.padding, spatial));
  t.output_padding = TRY(c.integers(output_padding, spatial));
  t.groups = TRY(c.integer(at.groups));
  bool added = false;
  const Value x = TRY(with_rows(c.net, TRY(c.tensor(0)), spatial + 2, added));
  const Value y = TRY(convolve_transposed(c.net, x, weight, TRY(c.maybe_tensor(at.bias)), t));
  return torch::tensor(added ? TRY(squeeze(c.net, y, {0})) : y);
}

template <std::size_t Spatial>
Result<Any> conv_op(OpCall& c) {
  return conv_of(c, {}, Spatial);
}
template <std::size_t Spatial>
Result<Any> conv_transpose_op(OpCall& c) {  // input, weight, bias, stride, padding, output_padding, groups, dilation
  return conv_transpose_of(c, {.dilation = 7, .groups = 6}, 5, Spatial);
}
Result<Any> convolution_op(OpCall& c) {  // input, weight, bias, stride, padding, dilation, transposed, output_padding, groups, ...
  const ConvArguments at{.groups = 8};
  return TRY(c.flag(6)) ? conv_transpose_of(c, at, 7, 0) : conv_of(c, at, 0);
}

// --- normalisation

Result<Any> batch_norm_of(OpCall& c, std::size_t mean, std::size_t variance, std::size_t training, std::size_t epsilon) {
  const Value x = TRY(c.tensor(0));
  if (!c.given(mean) || !c.given(variance) || TRY(c.flag(training))) {
    // Without running statistics: those of the rows that came together.
    return c.wrong("normalises by the rows of a request (no running statistics, or saved in training mode): call model.eval() before saving");
  }
  const Affine affine{TRY(c.maybe_tensor(1)), TRY(c.maybe_tensor(2))};
  return torch::tensor(TRY(batch_norm(c.net, x, affine, TRY(c.tensor(mean)), TRY(c.tensor(variance)), TRY(c.number(epsilon)))));
}
Result<Any> batch_norm_op(OpCall& c) { return batch_norm_of(c, 3, 4, 5, 7); }
Result<Any> functional_batch_norm_op(OpCall& c) {  // F.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)
  OpCall turned{c.net, c.name, {c.args[0], c.args[3], c.args[4], c.args[1], c.args[2], c.args[5], c.args[6], c.args[7]}};
  return batch_norm_of(turned, 3, 4, 5, 7);
}
Result<Any> native_batch_norm_no_training_op(OpCall& c) {  // input, weight, bias, running_mean, running_var, momentum, eps -> three
  OpCall turned{c.net, c.name, {c.args[0], c.args[1], c.args[2], c.args[3], c.args[4], Any(false), c.args[5], c.args[6]}};
  const Any y = TRY(batch_norm_of(turned, 3, 4, 5, 7));
  return tuple({y, None{}, None{}});
}
Result<Any> native_batch_norm_op(OpCall& c) { return tuple({TRY(batch_norm_of(c, 3, 4, 5, 7)), None{}, None{}}); }

Result<Any> instance_norm_op(OpCall& c) {  // input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps
  const Value x = TRY(c.tensor(0));
  if (!TRY(c.flag(5))) return batch_norm_of(c, 3, 4, 5, 7);
  if (x.rank() < 3) return c.wrong("of an input of shape " + dims_text(x.dims));
  if (!x.dims[1].known() && !c.given(1)) {  // whose channels a layer behind it tells, if any
    std::vector<Any> sides;
    for (std::size_t d = 2; d < x.rank(); ++d) sides.emplace_back(static_cast<std::int64_t>(d));
    const auto mean = [&](const Any& of) { return call_operator(c.net, "mean", {{of, list(sides), Any(true)}, {}}); };
    const Any apart = TRY(call_operator(c.net, "sub", {{torch::tensor(x), TRY(mean(torch::tensor(x)))}, {}}));
    const Any variance = TRY(mean(TRY(call_operator(c.net, "mul", {{apart, apart}, {}}))));
    const Any deviation = TRY(call_operator(c.net, "sqrt", {{TRY(call_operator(c.net, "add", {{variance, c.args[7]}, {}}))}, {}}));
    return call_operator(c.net, "div", {{apart, deviation}, {}});
  }
  if (!x.dims[1].known()) return c.wrong("of an input of shape " + dims_text(x.dims));
  const Affine affine{TRY(c.maybe_tensor(1)), TRY(c.maybe_tensor(2))};
  return torch::tensor(TRY(group_norm(c.net, x, x.dims[1].value, affine, TRY(c.number(7)))));
}
Result<Any> functional_instance_norm_op(OpCall& c) {  // input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps
  OpCall turned{c.net, c.name, {c.args[0], c.args[3], c.args[4], c.args[1], c.args[2], c.args[5], c.args[6], c.args[7]}};
  return instance_norm_op(turned);
}

Result<Value> layer_norm_of(OpCall& c) {  // input, normalized_shape, weight, bias, eps
  const Value x = TRY(c.tensor(0));
  const Dims shape = TRY(c.sizes(1));
  if (shape.size() > x.rank()) return c.wrong("of an input of shape " + dims_text(x.dims));
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i].known()) TRY(c.net.require(x.dims[x.rank() - shape.size() + i], shape[i].value, "layer_norm: normalized_shape"));
  }
  Affine affine{TRY(c.maybe_tensor(2)), TRY(c.maybe_tensor(3))};
  if (!affine.scale && affine.offset) {
    const Value y = TRY(layer_norm(c.net, x, shape.size(), {}, TRY(c.number(4))));
    return add(c.net, y, *affine.offset);
  }
  return layer_norm(c.net, x, shape.size(), affine, TRY(c.number(4)));
}
Result<Any> layer_norm_op(OpCall& c) { return torch::tensor(TRY(layer_norm_of(c))); }
Result<Any> native_layer_norm_op(OpCall& c) { return tuple({torch::tensor(TRY(layer_norm_of(c))), None{}, None{}}); }

Result<Any> rms_norm_op(OpCall& c) {
  const Value x = TRY(c.tensor(0));
  const double epsilon = c.given(3) ? TRY(c.number(3)) : 1.1920928955078125e-07;
  return torch::tensor(TRY(rms_norm(c.net, x, TRY(c.sizes(1)).size(), TRY(c.maybe_tensor(2)), epsilon)));
}
Result<Any> group_norm_op(OpCall& c) {  // input, num_groups, weight, bias, eps
  const Affine affine{TRY(c.maybe_tensor(2)), TRY(c.maybe_tensor(3))};
  return torch::tensor(TRY(group_norm(c.net, TRY(c.tensor(0)), TRY(c.integer(1)), affine, TRY(c.number(4)))));
}
Result<Any> native_group_norm_op(OpCall& c) {  // input, weight, bias, N, C, HxW, group, eps
  const Affine affine{TRY(c.maybe_tensor(1)), TRY(c.maybe_tensor(2))};
  return tuple({torch::tensor(TRY(group_norm(c.net, TRY(c.tensor(0)), TRY(c.integer(6)), affine, TRY(c.number(7))))), None{}, None{}});
}
Result<Any> local_response_norm_op(OpCall& c) {
  return torch::tensor(TRY(local_response_norm(c.net, TRY(c.tensor(0)), TRY(c.integer(1)), TRY(c.number(2)), TRY(c.number(3)), TRY(c.number(4)))));
}

// --- pooling

Result<Value> pooled(OpCall& c, std::size_t spatial, bool maximum, bool places = false) {
  // max: kernel, stride, padding, dilation, ceil; average: kernel, stride, padding, ceil, count_include_pad, divisor
  Pooling p;
  p.kernel = TRY(c.integers(1, spatial));
  const bool no_stride = !c.given(2) || TRY(c.sizes(2)).empty();
  p.strides = no_stride ? p.kernel : TRY(c.integers(2, spatial));
  p.padding.before = p.padding.after = TRY(c.integers(3, spatial));
  p.dilations = maximum ? TRY(c.integers(4, spatial)) : std::vector<std::int64_t>(spatial, 1);
  p.ceil = TRY(c.flag(maximum ? 5 : 4));
  bool added = false;
  const Value x = TRY(with_rows(c.net, TRY(c.tensor(0)), spatial + 2, added));
  Value y;
  if (places) {
    y = TRY(max_pool_places(c.net, x, p));
  } else if (maximum) {
    y = TRY(max_pool(c.net, x, p));
  } else {
    p.count_padding = TRY(c.flag(5));
    double factor = 1;
    if (c.given(6)) {  // the sum of the window by a divisor of its own
      double window = 1;
      for (const std::int64_t k : p.kernel) window *= static_cast<double>(k);
      factor = window / TRY(c.number(6));
      p.count_padding = true;
    }
    y = TRY(scaled(c.net, TRY(average_pool(c.net, x, p)), factor));
  }
  return added ? squeeze(c.net, y, {0}) : Result<Value>(y);
}
// F.max_pool1d(x, x.size(2)): over all of it, whatever its size. nullopt: over windows.
Result<std::optional<Any>> pooled_whole(OpCall& c, std::size_t spatial, bool maximum) {
  const Dims kernel = TRY(c.sizes(1));
  if (std::ranges::all_of(kernel, &Dim::known)) return std::optional<Any>();
  const Value x = TRY(c.tensor(0));
  if (x.rank() < spatial) return std::optional<Any>();
  std::vector<std::int64_t> axes;
  for (std::size_t i = 0; i < spatial; ++i) {
    const std::size_t axis = x.rank() - spatial + i;
    const Dim& window = kernel[kernel.size() == 1 ? 0 : i];
    if (kernel.size() == spatial && window.is(1)) continue;  // (length, 1): over one dimension only
    if (!(window == x.dims[axis]) || (kernel.size() != 1 && kernel.size() != spatial)) return std::optional<Any>();
    axes.push_back(static_cast<std::int64_t>(axis));
  }
  for (const std::int64_t p : TRY(c.integers(3))) {
    if (p != 0) return std::optional<Any>();
  }
  return std::optional(torch::tensor(TRY(reduce(c.net, maximum ? "ReduceMax" : "ReduceMean", x, axes, true))));
}
// Values and places: a place counts within one channel's plane. Two nodes, so that values alone are pooled where nobody asks for places.
template <std::size_t Spatial>
Result<Any> max_pool_with_indices_op(OpCall& c) {
  return tuple({torch::tensor(TRY(pooled(c, Spatial, true))), torch::tensor(TRY(pooled(c, Spatial, true, true)))});
}
template <std::size_t Spatial>
Result<Any> max_pool_op(OpCall& c) {
  if (c.args.size() > 6 && TRY(c.flag(6))) return max_pool_with_indices_op<Spatial>(c);
  if (auto whole = TRY(pooled_whole(c, Spatial, true))) return *whole;
  return torch::tensor(TRY(pooled(c, Spatial, true)));
}
template <std::size_t Spatial>
Result<Any> average_pool_op(OpCall& c) {
  if (auto whole = TRY(pooled_whole(c, Spatial, false))) return *whole;
  return torch::tensor(TRY(pooled(c, Spatial, false)));
}

Result<std::vector<std::int64_t>> adaptive_sizes(OpCall& c, std::size_t spatial) {
  std::vector<Any> items = c.items(1);
  if (items.size() == 1) items.assign(spatial, items[0]);
  if (items.size() != spatial) return c.wrong(std::to_string(spatial) + " sizes are wanted");
  std::vector<std::int64_t> out;
  for (std::size_t i = 0; i < spatial; ++i) {
    if (items[i].none()) {
      out.push_back(-1);
      continue;
    }
    OpCall one{c.net, c.name, {items[i]}};
    out.push_back(TRY(one.integer(0)));
  }
  return out;
}
template <std::size_t Spatial>
Result<Any> adaptive_average_op(OpCall& c) {
  return torch::tensor(TRY(adaptive_pool(c.net, TRY(c.tensor(0)), TRY(adaptive_sizes(c, Spatial)), false)));
}
template <std::size_t Spatial>
Result<Any> adaptive_max_op(OpCall& c) {  // as sources call it: F.adaptive_max_pool2d
  return torch::tensor(TRY(adaptive_pool(c.net, TRY(c.tensor(0)), TRY(adaptive_sizes(c, Spatial)), true)));
}

// --- products

// PyTorch multiplies no whole numbers with others: which of its inputs are whole numbers, such an operator tells.
Status same_kind(const OpCall& c, const Value& a, const Value& b) {
  if (is_floating(a.dtype()) == is_floating(b.dtype())) return ok();
  return c.wrong(std::string("of ") + std::string(dtype_name(a.dtype())) + " and " + std::string(dtype_name(b.dtype())));
}
Result<Value> product(OpCall& c, std::size_t left, std::size_t right) {
  const Value a = TRY(c.tensor(left)), b = TRY(c.tensor(right));
  TRY(same_kind(c, a, b));
  return matmul(c.net, a, b);
}
Result<Any> linear_op(OpCall& c) {
  const Value x = TRY(c.tensor(0)), weight = TRY(c.tensor(1));
  TRY(same_kind(c, x, weight));
  return torch::tensor(TRY(linear(c.net, x, weight, TRY(c.maybe_tensor(2)))));
}
Result<Any> matmul_op(OpCall& c) { return torch::tensor(TRY(product(c, 0, 1))); }
// mm and bmm, which take no other ranks: what a source calls tells the rank of its inputs.
template <std::size_t Rank>
Result<Any> ranked_matmul_op(OpCall& c) {
  const Value a = TRY(c.tensor(0)), b = TRY(c.tensor(1));
  if (a.rank() != Rank || b.rank() != Rank) return c.wrong("of tensors of shapes " + dims_text(a.dims) + " and " + dims_text(b.dims));
  return torch::tensor(TRY(product(c, 0, 1)));
}
Result<Any> addmm_op(OpCall& c) {  // beta * self + alpha * (mat1 @ mat2)
  const Value p = TRY(product(c, 1, 2));
  const Value scaled_product = TRY(scaled(c.net, p, TRY(c.number(4))));
  const double beta = TRY(c.number(3));
  if (beta == 0) return torch::tensor(scaled_product);
  return torch::tensor(TRY(add(c.net, scaled_product, TRY(scaled(c.net, TRY(c.tensor(0)), beta)))));
}
Result<Any> einsum_op(OpCall& c) {
  std::vector<Value> operands;
  const auto& rest = (*c.args[1].as<std::shared_ptr<List>>())->items;
  if (rest.size() == 1 && rest[0].as<TensorRef>() == nullptr) {
    OpCall one{c.net, c.name, {rest[0]}};
    operands = TRY(one.tensors(0));
  } else {
    for (const Any& a : rest) {
      if (a.as<TensorRef>() != nullptr || a.as<double>() != nullptr) operands.push_back(TRY(value_of(c.net, a, c.name)));
      if (a.as<std::shared_ptr<List>>() != nullptr && operands.empty()) {
        OpCall one{c.net, c.name, {a}};
        operands = TRY(one.tensors(0));
      }
    }
  }
  if (operands.empty()) return c.wrong("without operands");
  return torch::tensor(TRY(einsum(c.net, TRY(c.text(0)), operands)));
}
Result<Any> bilinear_op(OpCall& c) {
  return torch::tensor(TRY(bilinear(c.net, TRY(c.tensor(0)), TRY(c.tensor(1)), TRY(c.tensor(2)), TRY(c.maybe_tensor(3)))));
}

// A random drop at inference is nothing; in training mode the file was saved wrongly.
Result<Any> dropout_op(OpCall& c) {
  if (TRY(c.flag(2))) return c.wrong("in training mode it drops at random: call model.eval() before saving");
  return Any(TRY(c.cell(0)));
}
Result<Any> functional_dropout_op(OpCall& c) { return Any(TRY(c.cell(0))); }  // F.dropout(x, p, training=self.training)

Result<Any> one_hot_op(OpCall& c) {
  if (is_floating(TRY(c.tensor(0)).dtype())) return c.wrong("of floating numbers");
  const Value x = TRY(c.tensor(0));
  const std::int64_t classes = TRY(c.integer(1));
  if (classes < 1) return c.wrong("the number of classes must be given");
  const Value ids = TRY(unsqueeze(c.net, x, -1));
  return torch::tensor(c.net.cast(TRY(compare(c.net, "Equal", ids, range(c.net, 0, classes, 1))), DType::int64));
}
Result<Any> cdist_op(OpCall& c) {
  const Value a = TRY(unsqueeze(c.net, TRY(c.tensor(0)), -2)), b = TRY(unsqueeze(c.net, TRY(c.tensor(1)), -3));
  return torch::tensor(TRY(p_norm(c.net, TRY(sub(c.net, a, b)), TRY(c.number(2)), {-1}, false)));
}

// --- attention

Result<Value> repeated_heads(OpCall& c, const Value& x, const Value& queries) {
  if (x.rank() < 3 || queries.rank() < 3) return c.wrong("of heads of shape " + dims_text(x.dims));
  const std::size_t a = x.rank() - 3;
  const Dim heads = x.dims[a], wanted = queries.dims[queries.rank() - 3];
  if (!heads.known() || !wanted.known() || heads.value < 1 || wanted.value % heads.value != 0)
    return c.wrong("of " + dims_text({wanted}) + " heads to " + dims_text({heads}));
  const Any y =
      TRY(call_operator(c.net, "repeat_interleave", {{torch::tensor(x), Any(wanted.value / heads.value), Any(static_cast<std::int64_t>(a))}, {}}));
  return (*y.as<TensorRef>())->read(c.net);
}

Result<Any> attention_op(OpCall& c) {  // query, key, value, attn_mask, dropout_p, is_causal, scale, enable_gqa
  Attention options;
  options.mask = TRY(c.maybe_tensor(3));
  options.causal = TRY(c.flag(5));
  if (c.given(6)) options.scale = TRY(c.number(6));
  const Value q = TRY(c.tensor(0));
  Value k = TRY(c.tensor(1)), v = TRY(c.tensor(2));
  if (TRY(c.flag(7))) {  // fewer heads of keys than of queries: each serves several
    k = TRY(repeated_heads(c, k, q));
    v = TRY(repeated_heads(c, v, q));
  }
  return torch::tensor(TRY(attend(c.net, q, k, v, options)).output);
}
// As torch.export's decompositions call it: query, key, value, dropout_p, is_causal, attn_mask, scale.
Result<Any> cpu_attention_op(OpCall& c) {
  OpCall turned{c.net, c.name, {c.args[0], c.args[1], c.args[2], c.args[5], c.args[3], c.args[4], c.args[6], Any(false)}};
  return tuple({TRY(attention_op(turned)), None{}});
}

// query, key, value [N, steps, width]; one matrix for the three projections. Gives output and, if wanted, the mean weights of the heads.
struct HeadsArguments {
  Value q, k, v, in_weight, out_weight;
  std::optional<Value> in_bias, out_bias, mask;
  std::int64_t heads = 1;
};
Result<AttentionResult> multi_head(Net& net, const HeadsArguments& a) {
  if (a.in_weight.rank() != 2 || !a.in_weight.dims[1].known()) return neural::wrong("attention: projection of shape " + dims_text(a.in_weight.dims));
  const std::int64_t width = a.in_weight.dims[1].value;
  std::vector<Value> parts;
  const Value* inputs[] = {&a.q, &a.k, &a.v};
  for (std::int64_t i = 0; i < 3; ++i) {
    const Value w = TRY(slice(net, a.in_weight, 0, i * width, (i + 1) * width));
    std::optional<Value> b;
    if (a.in_bias) b = TRY(slice(net, *a.in_bias, 0, i * width, (i + 1) * width));
    parts.push_back(TRY(split_heads(net, TRY(linear(net, *inputs[i], w, b)), a.heads)));
  }
  Attention options;
  options.mask = a.mask;
  AttentionResult r = TRY(attend(net, parts[0], parts[1], parts[2], options));
  r.output = TRY(linear(net, TRY(join_heads(net, r.output)), a.out_weight, a.out_bias));
  return r;
}

// A mask of torch is true where something must not be seen; mask_type 0: [queries, keys], 1: keys of each row [N, keys], 2: per head.
Result<std::optional<Value>> seen_mask(OpCall& c, std::size_t mask, std::size_t type) {
  if (!c.given(mask)) return std::optional<Value>();
  Value m = TRY(c.tensor(mask));
  const std::int64_t kind = c.given(type) ? TRY(c.integer(type)) : 0;
  if (kind == 1 && m.rank() == 2) m = TRY(unsqueeze(c.net, TRY(unsqueeze(c.net, m, 1)), 1));
  if (m.dtype() == DType::boolean) m = unary(c.net, "Not", m);
  return std::optional(m);
}

Result<Any> native_multi_head_op(OpCall& c) {
  // query, key, value, embed_dim, num_head, qkv_weight, qkv_bias, proj_weight, proj_bias, mask, need_weights, average_attn_weights, mask_type
  HeadsArguments a;
  a.q = TRY(c.tensor(0));
  a.k = TRY(c.tensor(1));
  a.v = TRY(c.tensor(2));
  a.heads = TRY(c.integer(4));
  a.in_weight = TRY(c.tensor(5));
  a.in_bias = TRY(c.maybe_tensor(6));
  a.out_weight = TRY(c.tensor(7));
  a.out_bias = TRY(c.maybe_tensor(8));
  a.mask = TRY(seen_mask(c, 9, 12));
  const AttentionResult r = TRY(multi_head(c.net, a));
  Any weights;
  if (TRY(c.flag(10))) weights = torch::tensor(TRY(c.flag(11)) ? TRY(reduce(c.net, "ReduceMean", r.weights, {1}, false)) : r.weights);
  return tuple({torch::tensor(r.output), weights});
}

Result<Value> activated(OpCall& c, std::string_view op, const Value& x) {
  const Any y = TRY(call_operator(c.net, op, {{torch::tensor(x)}, {}}));
  return (*y.as<TensorRef>())->read(c.net);
}

Result<Any> encoder_layer_op(OpCall& c) {
  // src, embed_dim, num_heads, qkv_weight, qkv_bias, proj_weight, proj_bias, use_gelu, norm_first, eps, norm_weight_1, norm_bias_1,
  // norm_weight_2, norm_bias_2, ffn_weight_1, ffn_bias_1, ffn_weight_2, ffn_bias_2, mask, mask_type
  Net& net = c.net;
  const Value x = TRY(c.tensor(0));
  const bool first = TRY(c.flag(8));
  const double epsilon = TRY(c.number(9));
  const Affine norm1{TRY(c.maybe_tensor(10)), TRY(c.maybe_tensor(11))}, norm2{TRY(c.maybe_tensor(12)), TRY(c.maybe_tensor(13))};
  HeadsArguments a;
  a.heads = TRY(c.integer(2));
  a.in_weight = TRY(c.tensor(3));
  a.in_bias = TRY(c.maybe_tensor(4));
  a.out_weight = TRY(c.tensor(5));
  a.out_bias = TRY(c.maybe_tensor(6));
  a.mask = TRY(seen_mask(c, 18, 19));
  const std::shared_ptr<const Value> kept = TRY(c.cell(0))->kept;
  if (kept && !a.mask) a.mask = TRY(unsqueeze(net, TRY(unsqueeze(net, *kept, 1)), 1));
  a.q = a.k = a.v = first ? TRY(layer_norm(net, x, 1, norm1, epsilon)) : x;
  Value y = TRY(add(net, x, TRY(multi_head(net, a)).output));
  if (!first) y = TRY(layer_norm(net, y, 1, norm1, epsilon));
  const Value inside = first ? TRY(layer_norm(net, y, 1, norm2, epsilon)) : y;
  const Value hidden = TRY(activated(c, TRY(c.flag(7)) ? "gelu" : "relu", TRY(linear(net, inside, TRY(c.tensor(14)), TRY(c.maybe_tensor(15))))));
  y = TRY(add(net, y, TRY(linear(net, hidden, TRY(c.tensor(16)), TRY(c.maybe_tensor(17))))));
  if (!first) y = TRY(layer_norm(net, y, 1, norm2, epsilon));
  const Any out = torch::tensor(y);
  (*out.as<TensorRef>())->kept = kept;
  return out;
}

// Sequences without their padding, as an encoder's fast path has them: here with it, and what is padding is remembered.
Result<Any> nested_op(OpCall& c) {  // t, mask
  const Any out = torch::tensor(TRY(c.tensor(0)));
  (*out.as<TensorRef>())->kept = std::make_shared<const Value>(c.net.cast(TRY(c.tensor(1)), DType::boolean));
  return out;
}
Result<Any> to_padded_op(OpCall& c) {  // self, padding, output_size
  const std::shared_ptr<const Value> kept = TRY(c.cell(0))->kept;
  if (!kept) return Any(TRY(c.cell(0)));
  const Value x = TRY(c.tensor(0));
  return torch::tensor(TRY(neural::where(c.net, TRY(unsqueeze(c.net, *kept, -1)), x, c.net.number(TRY(c.number(1)), x.dtype()))));
}

Result<Any> outer_op(OpCall& c) {
  return torch::tensor(TRY(mul(c.net, TRY(unsqueeze(c.net, TRY(c.tensor(0)), 1)), TRY(unsqueeze(c.net, TRY(c.tensor(1)), 0)))));
}

constexpr Operator kOperators[] = {
    {"conv1d", "input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1", conv_op<1>},
    {"conv2d", "input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1", conv_op<2>},
    {"conv3d", "input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1", conv_op<3>},
    {"conv_transpose1d", "input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1", conv_transpose_op<1>},
    {"conv_transpose2d", "input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1", conv_transpose_op<2>},
    {"conv_transpose3d", "input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1", conv_transpose_op<3>},
    {"convolution", "input, weight, bias, stride, padding, dilation, transposed, output_padding, groups", convolution_op},
    {"_convolution", "input, weight, bias, stride, padding, dilation, transposed, output_padding, groups, *rest", convolution_op},
    {"_convolution_mode", "input, weight, bias, stride, padding, dilation, groups", conv_op<0>},
    {"batch_norm", "input, weight, bias, running_mean, running_var, training, momentum, eps, cudnn_enabled=True", batch_norm_op},
    {"functional_batch_norm", "input, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5",
     functional_batch_norm_op},
    {"_native_batch_norm_legit_no_training", "input, weight, bias, running_mean, running_var, momentum, eps", native_batch_norm_no_training_op},
    {"native_batch_norm", "input, weight, bias, running_mean, running_var, training, momentum, eps", native_batch_norm_op},
    {"_batch_norm_no_update", "input, weight, bias, running_mean, running_var, momentum, eps", native_batch_norm_no_training_op},
    {"instance_norm", "input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps, cudnn_enabled=True", instance_norm_op},
    {"functional_instance_norm", "input, running_mean=None, running_var=None, weight=None, bias=None, use_input_stats=True, momentum=0.1, eps=1e-5",
     functional_instance_norm_op},
    {"layer_norm", "input, normalized_shape, weight=None, bias=None, eps=1e-5, cudnn_enable=True", layer_norm_op},
    {"native_layer_norm", "input, normalized_shape, weight, bias, eps", native_layer_norm_op},
    {"rms_norm", "input, normalized_shape, weight=None, eps=None", rms_norm_op},
    {"group_norm", "input, num_groups, weight=None, bias=None, eps=1e-5, cudnn_enabled=True", group_norm_op},
    {"native_group_norm", "input, weight, bias, N, C, HxW, group, eps", native_group_norm_op},
    {"local_response_norm", "input, size, alpha=1e-4, beta=0.75, k=1.0", local_response_norm_op},
    {"max_pool1d", "input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False", max_pool_op<1>},
    {"max_pool2d", "input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False", max_pool_op<2>},
    {"max_pool3d", "input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False", max_pool_op<3>},
    {"max_pool1d_with_indices", "input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False", max_pool_with_indices_op<1>},
    {"max_pool2d_with_indices", "input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False", max_pool_with_indices_op<2>},
    {"max_pool3d_with_indices", "input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False", max_pool_with_indices_op<3>},
    {"avg_pool1d", "input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None", average_pool_op<1>},
    {"avg_pool2d", "input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None", average_pool_op<2>},
    {"avg_pool3d", "input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None", average_pool_op<3>},
    {"adaptive_avg_pool1d", "input, output_size", adaptive_average_op<1>},
    {"adaptive_avg_pool2d", "input, output_size", adaptive_average_op<2>},
    {"_adaptive_avg_pool2d", "input, output_size", adaptive_average_op<2>},
    {"adaptive_avg_pool3d", "input, output_size", adaptive_average_op<3>},
    {"adaptive_max_pool1d", "input, output_size, return_indices=False", adaptive_max_op<1>},
    {"adaptive_max_pool2d", "input, output_size, return_indices=False", adaptive_max_op<2>},
    {"adaptive_max_pool3d", "input, output_size, return_indices=False", adaptive_max_op<3>},
    {"linear", "input, weight, bias=None", linear_op},
    {"matmul", "self, other", matmul_op},
    {"mm", "self, mat2", ranked_matmul_op<2>},
    {"bmm", "self, mat2", ranked_matmul_op<3>},
    {"mv", "self, vec", matmul_op},
    {"dot", "self, tensor", matmul_op},
    {"inner", "self, other",
     [](OpCall& c) -> Result<Any> {
       const Value b = TRY(c.tensor(1));
       return torch::tensor(TRY(matmul(c.net, TRY(c.tensor(0)), b.rank() < 2 ? b : TRY(swap_axes(c.net, b, -1, -2)))));
     }},
    {"outer", "self, vec2", outer_op},
    {"ger", "self, vec2", outer_op},
    {"addmm", "self, mat1, mat2, beta=1, alpha=1", addmm_op},
    {"addmv", "self, mat1, mat2, beta=1, alpha=1", addmm_op},
    {"baddbmm", "self, batch1, batch2, beta=1, alpha=1", addmm_op},
    {"einsum", "equation, *operands", einsum_op},
    {"bilinear", "input1, input2, weight, bias=None", bilinear_op},
    {"dropout", "input, p, train", dropout_op},
    {"feature_dropout", "input, p, train", dropout_op},
    {"alpha_dropout", "input, p, train", dropout_op},
    {"feature_alpha_dropout", "input, p, train", dropout_op},
    {"native_dropout", "input, p, train", [](OpCall& c) -> Result<Any> { return tuple({TRY(dropout_op(c)), None{}}); }},
    {"functional_dropout", "input, p=0.5, training=True, inplace=False", functional_dropout_op},
    {"one_hot", "self, num_classes=-1", one_hot_op},
    {"cdist", "x1, x2, p=2.0, compute_mode=None", cdist_op},
    {"scaled_dot_product_attention", "query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False", attention_op},
    {"_scaled_dot_product_flash_attention_for_cpu", "query, key, value, dropout_p=0.0, is_causal=False, attn_mask=None, scale=None",
     cpu_attention_op},
    {"_native_multi_head_attention",
     "query, key, value, embed_dim, num_head, qkv_weight, qkv_bias, proj_weight, proj_bias, mask=None, need_weights=True, "
     "average_attn_weights=True, mask_type=None",
     native_multi_head_op},
    {"_nested_tensor_from_mask", "t, mask, mask_check=True", nested_op},
    {"to_padded_tensor", "self, padding, output_size=None", to_padded_op},
    {"nested_to_padded_tensor", "self, padding, output_size=None", to_padded_op},
    {"_nested_tensor_from_mask_left_aligned", "t, mask", [](OpCall&) -> Result<Any> { return Any(true); }},
    {"_transformer_encoder_layer_fwd",
     "src, embed_dim, num_heads, qkv_weight, qkv_bias, proj_weight, proj_bias, use_gelu, norm_first, eps, norm_weight_1, norm_bias_1, "
     "norm_weight_2, norm_bias_2, ffn_weight_1, ffn_bias_1, ffn_weight_2, ffn_bias_2, mask=None, mask_type=None",
     encoder_layer_op},
};

}  // namespace

std::span<const Operator> layer_operators() { return kOperators; }

}  // namespace slipway::importers::torch
