#include "slipway/importers/blocks/neural/attention.hpp"

#include <cmath>
#include <limits>

#include "slipway/importers/blocks/neural/activation.hpp"
#include "slipway/importers/blocks/neural/dense.hpp"
#include "slipway/importers/blocks/neural/elementwise.hpp"
#include "slipway/importers/blocks/neural/shapes.hpp"

namespace slipway::importers::neural {

Result<Value> causal_mask(Net& net, Dim queries, Dim keys) {
  const Value row = TRY(unsqueeze(net, range(net, 0, queries, 1), 1)), column = TRY(unsqueeze(net, range(net, 0, keys, 1), 0));
  return compare(net, "LessOrEqual", column, row);
}

Result<AttentionResult> attend(Net& net, const Value& q, const Value& k, const Value& v, const Attention& options) {
  if (q.rank() < 2 || k.rank() < 2 || v.rank() < 2) return wrong("attention: of fewer than two dimensions");
  double scale = 0;
  if (options.scale) {
    scale = *options.scale;
  } else {
    if (!q.dims.back().known() || q.dims.back().value < 1) return wrong("attention: the width of the queries isn't known");
    scale = 1 / std::sqrt(static_cast<double>(q.dims.back().value));
  }
  const Value turned = TRY(swap_axes(net, k, -1, -2));
  Value scores = TRY(matmul(net, TRY(scaled(net, q, scale)), turned));
  const auto hide = [&](const Value& seen) -> Result<Value> {
    return where(net, seen, scores, net.number(-std::numeric_limits<double>::infinity(), scores.dtype()));
  };
  if (options.causal) scores = TRY(hide(TRY(causal_mask(net, q.dims[q.rank() - 2], k.dims[k.rank() - 2]))));
  if (options.mask)
    scores = options.mask->dtype() == DType::boolean ? TRY(hide(*options.mask)) : TRY(add(net, scores, net.cast(*options.mask, scores.dtype())));
  AttentionResult result;
  result.weights = TRY(softmax(net, scores, -1));
  result.output = TRY(matmul(net, result.weights, v));
  return result;
}

Result<Value> split_heads(Net& net, const Value& x, std::int64_t heads) {
  if (x.rank() != 3 || !x.dims[2].known() || heads < 1 || x.dims[2].value % heads != 0)
    return wrong("attention: " + std::to_string(heads) + " heads of an input of shape " + dims_text(x.dims));
  return transpose(net, TRY(reshape(net, x, {x.dims[0], x.dims[1], heads, x.dims[2].value / heads})), {0, 2, 1, 3});
}

Result<Value> join_heads(Net& net, const Value& x) {
  if (x.rank() != 4) return wrong("attention: heads of shape " + dims_text(x.dims));
  const Value turned = TRY(transpose(net, x, {0, 2, 1, 3}));
  return flatten(net, turned, 2, 3);
}

}  // namespace slipway::importers::neural
