// Pooling layers.
#include "slipway/importers/blocks/neural/elementwise.hpp"
#include "slipway/importers/blocks/neural/pooling.hpp"
#include "slipway/importers/blocks/neural/reduction.hpp"
#include "slipway/importers/blocks/neural/shapes.hpp"
#include "slipway/importers/keras/layer.hpp"

namespace slipway::importers::keras {

using neural::Padding;

namespace {

Result<std::vector<Tracked>> pooled(const Call& call, bool maximum) {
  TRY(takes(call, 1));
  const std::size_t spatial = spatial_of(call);
  neural::Pooling p;
  p.kernel = TRY(ints_of(call, "pool_size", spatial, 2));
  const json::Value* strides = call.config.find("strides");
  p.strides = strides == nullptr || strides->is_null() ? p.kernel : TRY(ints_of(call, "strides", spatial, 2));
  p.dilations.assign(spatial, 1);
  const std::string padding = TRY(text_of(call, "padding", "valid"));
  if (padding != "valid" && padding != "same") return refuse(call, "the padding \"" + padding + "\" is not known");
  if (padding == "same") p.padding.kind = Padding::Kind::same;
  const Value x = TRY(to_engine(call));
  return one(TRY(from_engine(call, TRY(maximum ? neural::max_pool(call.net, x, p) : neural::average_pool(call.net, x, p)))));
}

Result<std::vector<Tracked>> pooled_globally(const Call& call, bool maximum) {
  TRY(takes(call, 1));
  const bool keep = TRY(bool_of(call, "keepdims", false));
  const Value x = TRY(to_engine(call));
  const Value y = TRY(neural::global_pool(call.net, x, maximum, keep));
  return one(keep ? TRY(from_engine(call, y)) : y);
}

Result<std::vector<Tracked>> pooled_adaptively(const Call& call, bool maximum) {
  TRY(takes(call, 1));
  const std::vector<std::int64_t> sizes = TRY(ints_of(call, "output_size", spatial_of(call), 1));
  const Value x = TRY(to_engine(call));
  return one(TRY(from_engine(call, TRY(neural::adaptive_pool(call.net, x, sizes, maximum)))));
}

}  // namespace

Result<std::vector<Tracked>> max_pooling(const Call& call) { return pooled(call, true); }
Result<std::vector<Tracked>> average_pooling(const Call& call) { return pooled(call, false); }
Result<std::vector<Tracked>> global_max_pooling(const Call& call) { return pooled_globally(call, true); }
Result<std::vector<Tracked>> adaptive_average_pooling(const Call& call) { return pooled_adaptively(call, false); }
Result<std::vector<Tracked>> adaptive_max_pooling(const Call& call) { return pooled_adaptively(call, true); }

Result<std::vector<Tracked>> global_average_pooling(const Call& call) {
  TRY(takes(call, 1));
  if (call.class_name != "GlobalAveragePooling1D" || !call.inputs[0].mask) return pooled_globally(call, false);
  // Steps that are masked out don't count.
  Net& net = call.net;
  const Value& x = input(call);
  const std::int64_t steps = channels_last(call) ? 1 : 2;
  const Value counts = TRY(neural::unsqueeze(net, net.cast(*call.inputs[0].mask, x.dtype()), channels_last(call) ? 2 : 1));
  const bool keep = TRY(bool_of(call, "keepdims", false));
  const Value sum = TRY(neural::reduce(net, "ReduceSum", TRY(neural::mul(net, x, counts)), {steps}, keep));
  return one(TRY(neural::binary(net, "Div", sum, TRY(neural::reduce(net, "ReduceSum", counts, {steps}, keep)))));
}

}  // namespace slipway::importers::keras
