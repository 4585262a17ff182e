// Preprocessing layers: what was fitted before training and belongs to the model.
#include <algorithm>
#include <cmath>
#include <set>

#include "slipway/importers/blocks/neural/dense.hpp"
#include "slipway/importers/blocks/neural/elementwise.hpp"
#include "slipway/importers/blocks/neural/reduction.hpp"
#include "slipway/importers/blocks/neural/resize.hpp"
#include "slipway/importers/blocks/neural/shapes.hpp"
#include "slipway/importers/keras/layer.hpp"

namespace slipway::importers::keras {

using graph::attr;

namespace {

// A number, or a (nested) list of them; Keras 3 wraps arrays in objects.
void numbers_in(const json::Value& v, std::vector<double>& out) {  // NOLINT(misc-no-recursion): documents are at most json::kDepthMax deep
  if (v.is_number()) out.push_back(v.as_double());
  if (v.is_array()) {
    for (const json::Value& item : v.as_array()) numbers_in(item, out);
  }
  if (v.is_object()) {
    if (const json::Value* config = v.find("config")) numbers_in(*config, out);
    if (const json::Value* value = v.find("value")) numbers_in(*value, out);
  }
}

std::optional<std::vector<double>> numbers_of(const Call& call, std::string_view key) {
  const json::Value* v = call.config.find(key);
  if (v == nullptr || v->is_null()) return std::nullopt;
  std::vector<double> out;
  numbers_in(*v, out);
  return out;
}

Value row_of(Net& net, const std::vector<double>& values, DType dtype) {
  const std::vector<float> single(values.begin(), values.end());
  const auto count = static_cast<std::int64_t>(single.size());
  return net.cast(net.constant(Tensor::of<float>(DType::float32, count == 1 ? Shape{} : Shape{count}, std::span<const float>(single))), dtype);
}

Value floating(const Call& call) { return neural::in_floating(call.net, input(call)); }

}  // namespace

Result<std::vector<Tracked>> rescaling(const Call& call) {
  TRY(takes(call, 1));
  const auto scale = numbers_of(call, "scale"), offset = numbers_of(call, "offset");
  if (!scale || scale->empty()) return refuse(call, "its configuration has no \"scale\"");
  Net& net = call.net;
  if (scale->size() == 1 && (!offset || offset->size() <= 1)) {
    return one(TRY(in_engine_layout(call, floating(call), [](const Call& c, const Value& x) -> Result<Value> {
      const auto s = numbers_of(c, "scale"), o = numbers_of(c, "offset");
      return neural::shifted(c.net, TRY(neural::scaled(c.net, x, s->at(0))), o && !o->empty() ? o->at(0) : 0);
    })));
  }
  const Value x = floating(call);
  Value y = TRY(neural::mul(net, x, row_of(net, *scale, x.dtype())));
  if (offset && !offset->empty()) y = TRY(neural::add(net, y, row_of(net, *offset, x.dtype())));
  return one(std::move(y));
}

// (x - mean) / max(sqrt(variance), 1e-7)
Result<std::vector<Tracked>> normalization(const Call& call) {
  TRY(takes(call, 1));
  Net& net = call.net;
  const Value x = floating(call);
  Value mean, variance;
  const auto given_mean = numbers_of(call, "mean"), given_variance = numbers_of(call, "variance");
  if (given_mean && given_variance && !given_mean->empty() && !given_variance->empty()) {
    mean = row_of(net, *given_mean, x.dtype());
    variance = row_of(net, *given_variance, x.dtype());
  } else {
    TRY(holds(call, 2, 3));
    mean = net.cast(net.weight(call.weights[0]), x.dtype());
    variance = net.cast(net.weight(call.weights[1]), x.dtype());
  }
  // The statistics stand at their axes; those dimensions of the input have the same size.
  const json::Value* axis = call.config.find("axis");
  std::set<std::int64_t> axes;
  if (axis != nullptr && axis->is_int()) axes.insert(neural::normal_axis(axis->as_int(), x.rank()));
  if (axis != nullptr && axis->is_array()) {
    for (const json::Value& a : axis->as_array()) axes.insert(a.is_int() ? neural::normal_axis(a.as_int(), x.rank()) : -1);
  }
  if (axes.contains(-1)) return refuse(call, "\"axis\" is outside the input's dimensions");
  if (!axes.empty()) {
    Dims shape(x.rank(), Dim(1));
    std::int64_t count = 1;
    for (const std::int64_t a : axes) {
      shape[static_cast<std::size_t>(a)] = x.dims[static_cast<std::size_t>(a)];
      if (!x.dims[static_cast<std::size_t>(a)].known()) return refuse(call, "normalises a dimension whose size is free");
      count *= x.dims[static_cast<std::size_t>(a)].value;
    }
    const auto has = [&](const Value& v) { return net.product(v.dims); };
    if (has(mean).is(count)) mean = TRY(neural::reshape(net, mean, shape));
    if (has(variance).is(count)) variance = TRY(neural::reshape(net, variance, shape));
  }
  const Value deviation = neural::clamp(net, neural::unary(net, "Sqrt", variance), 1e-7, std::nullopt);
  if (TRY(bool_of(call, "invert", false))) return one(TRY(neural::add(net, TRY(neural::mul(net, x, deviation)), mean)));
  return one(TRY(neural::binary(net, "Div", TRY(neural::sub(net, x, mean)), deviation)));
}

// Counts by the inverse document frequencies that were fitted, in float32: of an archive's weights, or the configuration's, which leaves out
// those of unknown tokens (the mean of the others) and of tokens that only fill up (0).
Result<Value> weighed(const Call& call, const Value& counts, std::int64_t tokens) {
  if (call.weights.size() == 1 && call.weights[0]->shape() == Shape{tokens})  // a variable of Keras 2
    return neural::mul(call.net, counts, call.net.cast(call.net.weight(call.weights[0]), DType::float32));
  if (call.named) {
    if (const auto weights = TRY(call.named("idf_weights"))) {
      if ((*weights)->shape() != Shape{tokens}) return refuse(call, "its weights are not those of " + std::to_string(tokens) + " tokens");
      return neural::mul(call.net, counts, call.net.cast(call.net.weight(*weights), DType::float32));
    }
  }
  auto given = numbers_of(call, "idf_weights");
  if (!given || given->empty())
    return refuse(call, "the file doesn't hold its \"idf_weights\" (Keras 3 loses them in .h5 files): save the model as .keras");
  double mean = 0;
  for (const double v : *given) mean += v / static_cast<double>(given->size());
  const std::int64_t unknown = std::clamp<std::int64_t>(TRY(int_of(call, "num_oov_indices", 1)), 0, tokens);
  given->insert(given->begin(), static_cast<std::size_t>(unknown), mean);
  if (static_cast<std::int64_t>(given->size()) > tokens) return refuse(call, "its weights are not those of " + std::to_string(tokens) + " tokens");
  given->resize(static_cast<std::size_t>(tokens), 0);
  return neural::mul(call.net, counts, row_of(call.net, *given, DType::float32));
}

// The tokens of each row counted, or only found, as float32 [..., tokens].
Result<Value> encoded(const Call& call, const Value& ids, std::int64_t tokens, const std::string& mode) {
  Net& net = call.net;
  if (mode == "int") return ids;
  if (tokens < 1) return refuse(call, "the number of tokens is not known");
  const DType out = DType::float32;
  Value x = ids;
  if (mode == "one_hot") {
    if (x.rank() > 1 && x.dims.back().is(1)) x = TRY(neural::squeeze(net, x, {-1}));
    return net.cast(TRY(neural::compare(net, "Equal", TRY(neural::unsqueeze(net, x, -1)), neural::range(net, 0, tokens, 1))), out);
  }
  const bool counts = mode == "count" || mode == "tf_idf" || mode == "tf-idf";
  if (mode != "multi_hot" && mode != "binary" && !counts) return refuse(call, "the output mode \"" + mode + "\" is not supported");
  if (x.rank() < 2) x = TRY(neural::unsqueeze(net, x, -1));
  const Value each = net.cast(TRY(neural::compare(net, "Equal", TRY(neural::unsqueeze(net, x, -1)), neural::range(net, 0, tokens, 1))), out);
  const Value found = TRY(neural::reduce(net, counts ? "ReduceSum" : "ReduceMax", each, {-2}, false));
  return counts && mode != "count" ? weighed(call, found, tokens) : Result<Value>(found);
}

Result<std::vector<Tracked>> category_encoding(const Call& call) {
  if (call.inputs.empty() || call.inputs.size() > 2) return refuse(call, "takes one input, and weights of its counts");
  Net& net = call.net;
  const Value ids = net.cast(input(call), DType::int64);
  if (call.inputs.size() == 2) {  // each token counts as much as its weight
    const std::int64_t tokens = TRY(int_of(call, "num_tokens", 0));
    const Value& weights = call.inputs[1].value;
    if (TRY(text_of(call, "output_mode", "multi_hot")) != "count" || tokens < 1 || ids.rank() < 2 || weights.rank() != ids.rank())
      return refuse(call, "count weights go with output_mode=\"count\" and inputs of one shape");
    const Value is = TRY(neural::compare(net, "Equal", TRY(neural::unsqueeze(net, ids, -1)), neural::range(net, 0, tokens, 1)));
    const Value each = TRY(neural::mul(net, net.cast(is, DType::float32), TRY(neural::unsqueeze(net, net.cast(weights, DType::float32), -1))));
    return one(TRY(neural::reduce(net, "ReduceSum", each, {-2}, false)));
  }
  return one(
      TRY(encoded(call, ids, TRY(int_of(call, "num_tokens", TRY(int_of(call, "max_tokens", 0)))), TRY(text_of(call, "output_mode", "multi_hot")))));
}

// The number of boundaries that are not above x.
Result<std::vector<Tracked>> discretization(const Call& call) {
  TRY(takes(call, 1));
  Net& net = call.net;
  auto bounds = numbers_of(call, "bin_boundaries");
  if (!bounds || bounds->empty()) bounds = numbers_of(call, "bins");
  if (!bounds || bounds->empty())
    return refuse(call, "its configuration has no \"bin_boundaries\": an adapted layer keeps them in a .keras file only as of Keras 3");
  const Value x = floating(call);
  Value edges = row_of(net, *bounds, x.dtype());
  if (edges.rank() == 0) edges = TRY(neural::unsqueeze(net, edges, 0));
  const Value above = TRY(neural::compare(net, "GreaterOrEqual", TRY(neural::unsqueeze(net, x, -1)), edges));
  const Value ids = TRY(neural::reduce(net, "ReduceSum", net.cast(above, DType::int64), {-1}, false));
  return one(TRY(encoded(call, ids, static_cast<std::int64_t>(bounds->size()) + 1, TRY(text_of(call, "output_mode", "int")))));
}

}  // namespace slipway::importers::keras
