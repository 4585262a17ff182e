// Attention of queries to keys.
#pragma once

#include "slipway/importers/blocks/neural/net.hpp"

namespace slipway::importers::neural {

struct Attention {
  std::optional<double> scale;  // of the scores; absent: 1 / sqrt(width of the queries)
  bool causal = false;          // query i sees keys 0..i only
  std::optional<Value> mask;    // broadcasts against the scores [..., queries, keys]: boolean (true: seen) or added to them
};
struct AttentionResult {
  Value output;   // [..., queries, width of the values]
  Value weights;  // [..., queries, keys]
};
// q [..., queries, width], k [..., keys, width], v [..., keys, any]: softmax(q k^T * scale + mask) v
Result<AttentionResult> attend(Net& net, const Value& q, const Value& k, const Value& v, const Attention& options);

// [N, steps, heads * width] to [N, heads, steps, width] and back.
Result<Value> split_heads(Net& net, const Value& x, std::int64_t heads);
Result<Value> join_heads(Net& net, const Value& x);

// Lower triangle of [queries, keys], boolean.
Result<Value> causal_mask(Net& net, Dim queries, Dim keys);

}  // namespace slipway::importers::neural
