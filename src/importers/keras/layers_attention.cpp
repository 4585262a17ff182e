// Attention layers.
#include <algorithm>
#include <cmath>

#include "slipway/importers/blocks/neural/activation.hpp"
#include "slipway/importers/blocks/neural/attention.hpp"
#include "slipway/importers/blocks/neural/dense.hpp"
#include "slipway/importers/blocks/neural/elementwise.hpp"
#include "slipway/importers/blocks/neural/reduction.hpp"
#include "slipway/importers/blocks/neural/shapes.hpp"
#include "slipway/importers/keras/layer.hpp"

namespace slipway::importers::keras {

namespace {

constexpr double kHidden = -1e9;  // what Keras adds to scores that must not count

const json::Value* keyword(const Call& call, std::string_view name) {
  const json::Value* kwargs = call.arguments == nullptr ? nullptr : call.arguments->find("kwargs");
  return kwargs == nullptr ? nullptr : kwargs->find(name);
}

bool is_true(const json::Value* v) { return v != nullptr && v->is_bool() && v->as_bool(); }

// The input of this name, or the n-th of those without one.
const Tracked* argument(const Call& call, std::string_view name, std::size_t position) {
  std::size_t seen = 0;
  for (std::size_t i = 0; i < call.inputs.size(); ++i) {
    const std::string& given = i < call.input_names.size() ? call.input_names[i] : std::string();
    if (given == name) return &call.inputs[i];
    if (given.empty() || given == "inputs") {
      if (seen++ == position) return &call.inputs[i];
    }
  }
  return nullptr;
}

// 0 where it may be seen, kHidden elsewhere. seen: boolean.
Result<Value> added(Net& net, const Value& seen, DType dtype) {
  return neural::scaled(net, net.cast(neural::unary(net, "Not", net.cast(seen, DType::boolean)), dtype), kHidden);
}

// All masks together, broadcast over [N, heads, queries, keys].
Result<std::optional<Value>> score_mask(const Call& call, const Tracked& query, const Tracked& value, const Tracked* key, const Tracked* given,
                                        bool causal, bool heads) {
  Net& net = call.net;
  std::optional<Value> all;
  const auto both = [&](const Value& m) -> Status {
    all = all ? TRY(neural::binary(net, "And", *all, net.cast(m, DType::boolean))) : net.cast(m, DType::boolean);
    return ok();
  };
  const auto widen = [&](const Value& m, std::initializer_list<std::int64_t> axes) -> Result<Value> {
    Value v = m;
    for (const std::int64_t a : axes) v = TRY(neural::unsqueeze(net, v, a));
    return heads ? neural::unsqueeze(net, v, 1) : Result<Value>(v);
  };
  if (query.mask && heads) TRY(both(TRY(widen(*query.mask, {2}))));
  if (value.mask) TRY(both(TRY(widen(*value.mask, {1}))));
  if (key != nullptr && key->mask && heads) TRY(both(TRY(widen(*key->mask, {1}))));
  if (given != nullptr) {
    Value m = given->value;
    if (m.rank() == 3 && heads) m = TRY(neural::unsqueeze(net, m, 1));
    TRY(both(m));
  }
  if (causal) TRY(both(TRY(neural::causal_mask(net, query.value.dims[1], (key != nullptr ? key : &value)->value.dims[1]))));
  return all;
}

// x [N, T, D] with kernel [D, heads, width] and bias [heads, width] as [N, heads, T, width].
Result<Value> projected(const Call& call, const Value& x, const SharedTensor& kernel, const SharedTensor* bias) {
  Net& net = call.net;
  const Value k = net.constant(kernel);
  if (k.rank() != 3) return refuse(call, "weights of shape " + neural::dims_text(k.dims));
  const std::int64_t heads = k.dims[1].value, width = k.dims[2].value;
  const Value flat = TRY(neural::reshape(net, k, {k.dims[0], heads * width}));
  std::optional<Value> b;
  if (bias != nullptr) b = TRY(neural::reshape(net, net.constant(*bias), {heads * width}));
  return neural::split_heads(net, TRY(neural::dense(net, x, flat, b)), heads);
}

// Where several query heads share a key and value head, each of those is repeated for its group.
Result<Value> shared_heads(Net& net, const Value& x, std::int64_t times) {
  if (times == 1) return x;
  const Value wide = TRY(neural::unsqueeze(net, x, 2));
  Dims repeats(wide.rank(), Dim(1));
  repeats[2] = times;
  return neural::flatten(net, TRY(neural::tile(net, wide, repeats)), 1, 2);
}

Result<std::vector<Tracked>> attention_of_heads(const Call& call, std::int64_t queries_a_key) {
  Net& net = call.net;
  const Tracked* query = argument(call, "query", 0);
  const Tracked* value = argument(call, "value", 1);
  const Tracked* key = argument(call, "key", 2);
  if (query == nullptr || value == nullptr) return refuse(call, "takes a query and a value");
  if (query->value.rank() != 3 || value->value.rank() != 3) return refuse(call, "attention over more than one dimension is not supported");
  const bool bias = TRY(bool_of(call, "use_bias", true));
  const std::size_t each = bias ? 2 : 1;
  TRY(holds(call, 4 * each, 4 * each));
  const auto weight = [&](std::size_t i) -> const SharedTensor& { return call.weights[i * each]; };
  const auto offset = [&](std::size_t i) { return bias ? &call.weights[i * each + 1] : nullptr; };
  const Value q = TRY(projected(call, query->value, weight(0), offset(0)));
  const Value k = TRY(shared_heads(net, TRY(projected(call, (key != nullptr ? key : value)->value, weight(1), offset(1))), queries_a_key));
  const Value v = TRY(shared_heads(net, TRY(projected(call, value->value, weight(2), offset(2))), queries_a_key));
  neural::Attention options;
  const auto seen = TRY(score_mask(call, *query, *value, key, argument(call, "attention_mask", 3), is_true(keyword(call, "use_causal_mask")), true));
  if (seen) options.mask = TRY(added(net, *seen, q.dtype()));
  const neural::AttentionResult r = TRY(neural::attend(net, q, k, v, options));
  const Value joined = TRY(neural::join_heads(net, r.output));
  const Value kernel = net.constant(weight(3));
  if (kernel.rank() != 3) return refuse(call, "an output of more than one dimension is not supported");
  const Value flat = TRY(neural::reshape(net, kernel, {kernel.dims[0].value * kernel.dims[1].value, kernel.dims[2]}));
  std::optional<Value> b;
  if (bias) b = net.constant(*offset(3));
  std::vector<Tracked> out = one(TRY(neural::dense(net, joined, flat, b)));
  out[0].mask = query->mask;
  if (is_true(keyword(call, "return_attention_scores"))) out.push_back({r.weights, std::nullopt});
  return out;
}

}  // namespace

Result<std::vector<Tracked>> multi_head_attention(const Call& call) {
  if (call.dialect.major != 2 || call.dialect.minor >= 10) return attention_of_heads(call, 1);
  Call unmasked = call;  // before 2.10 it looked at masks that it was given as an argument only
  for (Tracked& t : unmasked.inputs) t.mask.reset();
  return attention_of_heads(unmasked, 1);
}

Result<std::vector<Tracked>> group_query_attention(const Call& call) {
  const std::int64_t heads = TRY(int_of(call, "num_query_heads")), groups = TRY(int_of(call, "num_key_value_heads"));
  if (groups < 1 || heads < groups || heads % groups != 0) return refuse(call, "its heads can't be shared");
  return attention_of_heads(call, heads / groups);
}

// Luong (dot) and Bahdanau (additive) attention: inputs query, value and perhaps key.
Result<std::vector<Tracked>> attention_layer(const Call& call) {
  Net& net = call.net;
  if (call.inputs.size() < 2 || call.inputs.size() > 3) return refuse(call, "takes a query, a value and perhaps a key");
  const Tracked &query = call.inputs[0], &value = call.inputs[1], &key = call.inputs.size() > 2 ? call.inputs[2] : call.inputs[1];
  const bool additive = call.class_name == "AdditiveAttention" || TRY(text_of(call, "score_mode", "dot")) == "concat";
  const bool use_scale = TRY(bool_of(call, "use_scale", call.class_name == "AdditiveAttention"));
  Value scores;
  if (additive) {
    const Value q = TRY(neural::unsqueeze(net, query.value, 2)), k = TRY(neural::unsqueeze(net, key.value, 1));
    Value sum = TRY(neural::add(net, q, k));
    if (call.class_name == "AdditiveAttention") {
      TRY(holds(call, use_scale ? 1 : 0, use_scale ? 1 : 0));
      sum = neural::tanh(net, sum);
      if (use_scale) sum = TRY(neural::mul(net, sum, net.weight(call.weights[0])));
      scores = TRY(neural::reduce(net, "ReduceSum", sum, {-1}, false));
    } else {  // score_mode concat: concat_score_weight * sum(tanh(scale * (q + k)))
      TRY(holds(call, use_scale ? 2 : 1, use_scale ? 2 : 1));
      if (use_scale) sum = TRY(neural::mul(net, sum, net.weight(call.weights[0])));
      scores = TRY(neural::mul(net, TRY(neural::reduce(net, "ReduceSum", neural::tanh(net, sum), {-1}, false)), net.weight(call.weights.back())));
    }
  } else {
    TRY(holds(call, use_scale ? 1 : 0, use_scale ? 1 : 0));
    scores = TRY(neural::matmul(net, query.value, TRY(neural::swap_axes(net, key.value, -1, -2))));
    if (use_scale) scores = TRY(neural::mul(net, scores, net.weight(call.weights[0])));
  }
  const bool causal = is_true(keyword(call, "use_causal_mask")) || TRY(bool_of(call, "causal", false));
  if (const auto seen = TRY(score_mask(call, query, value, &key, nullptr, causal, false)))
    scores = TRY(neural::add(net, scores, TRY(added(net, *seen, scores.dtype()))));
  const Value weights = TRY(neural::softmax(net, scores, -1));
  std::vector<Tracked> out = one(TRY(neural::matmul(net, weights, value.value)));
  if (query.mask) {  // queries that don't count have zeros
    const Value counts = TRY(neural::unsqueeze(net, net.cast(*query.mask, out[0].value.dtype()), 2));
    out[0].value = TRY(neural::mul(net, out[0].value, counts));
  }
  out[0].mask = query.mask;
  if (is_true(keyword(call, "return_attention_scores"))) out.push_back({weights, std::nullopt});
  return out;
}

}  // namespace slipway::importers::keras
