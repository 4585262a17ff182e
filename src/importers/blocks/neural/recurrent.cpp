#include "slipway/importers/blocks/neural/recurrent.hpp"

#include <cstring>

#include "slipway/importers/blocks/neural/shapes.hpp"

namespace slipway::importers::neural {

using graph::attr;
using graph::Attribute;

Tensor gates_in_order(const Tensor& t, Cell cell, const GateOrder& order) {
  Tensor out(t.dtype(), t.shape());
  const auto gates = static_cast<std::size_t>(gates_of(cell));
  const std::size_t block = t.bytes().size() / gates;
  for (std::size_t g = 0; g < gates; ++g) std::memcpy(out.bytes().data() + g * block, t.bytes().data() + order[g] * block, block);
  return out;
}

Result<RecurrentResult> recurrent(Net& net, const Value& x, const Recurrent& layer) {
  constexpr std::string_view kWho = "recurrent layer";
  const auto directions = static_cast<std::int64_t>(layer.directions.size());
  if (directions < 1 || directions > 2 || layer.units < 1) return wrong(std::string(kWho) + ": without units or directions");
  if (x.rank() != 3) return wrong(std::string(kWho) + ": an input of shape " + dims_text(x.dims) + ", it must have steps, rows and features");
  const std::int64_t rows = gates_of(layer.cell) * layer.units;
  std::vector<Value> ws, rs, bs;
  for (const Direction& d : layer.directions) {
    if (d.w.rank() != 2 || !d.w.dims[0].is(rows) || d.r.rank() != 2 || !d.r.dims[0].is(rows) || !d.r.dims[1].is(layer.units))
      return wrong(std::string(kWho) + ": weights of shape " + dims_text(d.w.dims) + " and " + dims_text(d.r.dims) + " for " +
                   std::to_string(layer.units) + " units");
    if (d.w.dims[1].known()) TRY(net.require(x.dims[2], d.w.dims[1].value, "recurrent layer: features of the input"));
    ws.push_back(TRY(unsqueeze(net, d.w, 0)));
    rs.push_back(TRY(unsqueeze(net, d.r, 0)));
    if (!d.b) continue;
    if (d.b->rank() != 1 || !d.b->dims[0].is(2 * rows)) return wrong(std::string(kWho) + ": a bias of shape " + dims_text(d.b->dims));
    bs.push_back(TRY(unsqueeze(net, *d.b, 0)));
  }
  if (!bs.empty() && bs.size() != ws.size()) return wrong(std::string(kWho) + ": one direction has a bias, the other none");
  std::vector<Value> inputs{x, TRY(concat(net, ws, 0)), TRY(concat(net, rs, 0)), bs.empty() ? Net::absent() : TRY(concat(net, bs, 0)),
                            layer.lengths ? *layer.lengths : Net::absent()};
  const bool states = layer.h0 || layer.c0;
  if (states) inputs.push_back(layer.h0 ? *layer.h0 : Net::absent());
  if (states && layer.cell == Cell::lstm) inputs.push_back(layer.c0 ? *layer.c0 : Net::absent());
  std::vector<Attribute> attributes{attr("hidden_size", layer.units), attr("direction", std::string(directions == 2  ? "bidirectional"
                                                                                                    : layer.reversed ? "reverse"
                                                                                                                     : "forward"))};
  if (layer.cell == Cell::gru) attributes.push_back(attr("linear_before_reset", static_cast<std::int64_t>(layer.reset_after)));
  if (!layer.activations.empty()) {
    std::vector<std::string> names;
    std::vector<float> alpha, beta;
    for (std::int64_t i = 0; i < directions; ++i) {
      names.insert(names.end(), layer.activations.begin(), layer.activations.end());
      alpha.insert(alpha.end(), layer.alpha.begin(), layer.alpha.end());
      beta.insert(beta.end(), layer.beta.begin(), layer.beta.end());
    }
    attributes.push_back(attr("activations", std::move(names)));
    if (!alpha.empty()) attributes.push_back(attr("activation_alpha", std::move(alpha)));
    if (!beta.empty()) attributes.push_back(attr("activation_beta", std::move(beta)));
  }
  const Dim steps = x.dims[0], n = x.dims[1];
  const Dims end{directions, n, layer.units};
  std::vector<std::pair<DType, Dims>> outputs{{x.dtype(), {steps, directions, n, layer.units}}, {x.dtype(), end}};
  if (layer.cell == Cell::lstm) outputs.emplace_back(x.dtype(), end);
  const std::string_view type = layer.cell == Cell::lstm ? "LSTM" : layer.cell == Cell::gru ? "GRU" : "RNN";
  const std::vector<Value> made = net.op_n(type, inputs, std::move(outputs), std::move(attributes));
  RecurrentResult result;
  if (directions == 1) {
    result.steps = net.op("Squeeze", {made[0], net.ints({1})}, x.dtype(), {steps, n, layer.units});
  } else {
    const Value turned = TRY(transpose(net, made[0], {0, 2, 1, 3}));
    result.steps = TRY(reshape(net, turned, {steps, n, directions * layer.units}));
  }
  result.h = made[1];
  if (layer.cell == Cell::lstm) result.c = made[2];
  return result;
}

}  // namespace slipway::importers::neural
