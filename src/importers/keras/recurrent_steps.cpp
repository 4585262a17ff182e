// Recurrent cells step by step, by Keras' own formulas: those with activations or number types that the engine's layers don't have, and
// those that convolve.
#include <algorithm>

#include "slipway/importers/blocks/neural/convolution.hpp"
#include "slipway/importers/blocks/neural/dense.hpp"
#include "slipway/importers/blocks/neural/elementwise.hpp"
#include "slipway/importers/blocks/neural/scan.hpp"
#include "slipway/importers/blocks/neural/shapes.hpp"
#include "slipway/importers/keras/recurrent.hpp"

namespace slipway::importers::keras {

using neural::Cell;

namespace {

// What a step's formula needs in the body's graph.
struct Body {
  const Call& call;
  const RecurrentLayer& l;

  Result<Value> act(const Value& x) const { return activate(call, x, l.activation); }
  Result<Value> gate(const Value& x) const { return activate(call, x, l.recurrent_activation); }
  // What the state before gives to all gates.
  Result<Value> recur(const Value& h) const {
    if (!l.convolution) return neural::matmul(call.net, h, call.net.weight(l.weights[1]));
    neural::Convolution c;
    c.padding.kind = neural::Padding::Kind::same;
    c.strides = c.dilations = std::vector<std::int64_t>(l.convolution->spatial, 1);
    return neural::convolve(call.net, h, TRY(kernel(1)), std::nullopt, c);
  }
  // [*spatial, in, out] as [out, in, *spatial]
  Result<Value> kernel(std::size_t at) const {
    const auto n = static_cast<std::int64_t>(l.convolution->spatial);
    std::vector<std::int64_t> order{n + 1, n};
    for (std::int64_t i = 0; i < n; ++i) order.push_back(i);
    const Value w = call.net.weight(l.weights[at]);
    if (w.rank() != order.size()) return refuse(call, "weights of shape " + neural::dims_text(w.dims));
    return neural::transpose(call.net, w, order);
  }
  std::int64_t axis() const { return l.convolution ? 1 : -1; }
  // Row `at` of a bias of several, or the only one.
  Result<std::optional<Value>> bias(std::int64_t at) const {
    if (l.weights.size() < 3) return std::optional<Value>();
    const Value b = call.net.weight(l.weights[2]);
    if (b.rank() == 1) return at == 0 ? std::optional(b) : std::nullopt;
    return std::optional(TRY(neural::select(call.net, b, 0, at)));
  }
  Result<Value> plus(const Value& x, const std::optional<Value>& b) const { return b ? neural::add(call.net, x, *b) : Result<Value>(x); }

  // x: what the step's input gives to all gates, with its bias. The next h, or h and c.
  Result<std::vector<Value>> step(const Value& x, const std::vector<Value>& before) const {
    return l.cell == Cell::lstm ? lstm(x, before) : l.cell == Cell::gru ? gru(x, before) : simple(x, before);
  }

 private:
  Result<std::vector<Value>> simple(const Value& x, const std::vector<Value>& before) const {
    return std::vector<Value>{TRY(act(TRY(neural::add(call.net, x, TRY(recur(before[0]))))))};
  }
  Result<std::vector<Value>> lstm(const Value& x, const std::vector<Value>& before) const {
    Net& net = call.net;
    const auto z = TRY(neural::chunk(net, TRY(neural::add(net, x, TRY(recur(before[0])))), axis(), 4));  // i f c o
    const Value in = TRY(gate(z[0])), forget = TRY(gate(z[1])), out = TRY(gate(z[3]));
    const Value c = TRY(neural::add(net, TRY(neural::mul(net, forget, before[1])), TRY(neural::mul(net, in, TRY(act(z[2]))))));
    return std::vector<Value>{TRY(neural::mul(net, out, TRY(act(c)))), c};
  }
  // h' = z h + (1 - z) candidate
  Result<std::vector<Value>> gru(const Value& x, const std::vector<Value>& before) const {
    Net& net = call.net;
    const auto in = TRY(neural::chunk(net, x, -1, 3));  // z r h
    const Value& h = before[0];
    Value z, candidate;
    if (l.reset_after) {
      const auto old = TRY(neural::chunk(net, TRY(plus(TRY(recur(h)), TRY(bias(1)))), -1, 3));
      z = TRY(gate(TRY(neural::add(net, in[0], old[0]))));
      const Value r = TRY(gate(TRY(neural::add(net, in[1], old[1]))));
      candidate = TRY(act(TRY(neural::add(net, in[2], TRY(neural::mul(net, r, old[2]))))));
    } else {
      const auto r_of = TRY(neural::chunk(net, net.weight(l.weights[1]), -1, 3));
      z = TRY(gate(TRY(neural::add(net, in[0], TRY(neural::matmul(net, h, r_of[0]))))));
      const Value r = TRY(gate(TRY(neural::add(net, in[1], TRY(neural::matmul(net, h, r_of[1]))))));
      candidate = TRY(act(TRY(neural::add(net, in[2], TRY(neural::matmul(net, TRY(neural::mul(net, r, h)), r_of[2]))))));
    }
    const Value kept = TRY(neural::mul(net, z, h)), rest = TRY(neural::sub(net, net.number(1, z.dtype()), z));
    return std::vector<Value>{TRY(neural::add(net, kept, TRY(neural::mul(net, rest, candidate))))};
  }
};

// [N, *spatial, C] to the engine's layout and back; a cell without convolution has none.
Result<Value> ahead(Net& net, const RecurrentLayer& l, const Value& x) {
  if (!l.convolution || !l.convolution->channels_last) return x;
  return Layouts(net).first(x);
}
Result<Value> behind(Net& net, const RecurrentLayer& l, const Value& x) {
  if (!l.convolution || !l.convolution->channels_last) return x;
  return Layouts(net).last(x);
}

// What the input gives to all gates at every step: [T, N, ...], channels ahead.
Result<Value> of_input(const Body& body, const Value& x) {
  Net& net = body.call.net;
  const RecurrentLayer& l = body.l;
  std::vector<std::int64_t> order(x.rank());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int64_t>(i < 2 ? 1 - i : i);
  const Value by_time = TRY(neural::transpose(net, x, order));
  const std::optional<Value> bias = TRY(body.bias(0));
  if (!l.convolution) return body.plus(TRY(neural::matmul(net, by_time, net.weight(l.weights[0]))), bias);
  neural::Convolution c;
  c.strides = l.convolution->strides;
  c.dilations = l.convolution->dilations;
  if (l.convolution->same) c.padding.kind = neural::Padding::Kind::same;
  Dims flat{net.mul(by_time.dims[0], by_time.dims[1])};
  flat.insert(flat.end(), by_time.dims.begin() + 2, by_time.dims.end());
  const Value all = TRY(ahead(net, l, TRY(neural::reshape(net, by_time, flat))));
  const Value y = TRY(neural::convolve(net, all, TRY(body.kernel(0)), bias, c));
  Dims apart{by_time.dims[0], by_time.dims[1]};
  apart.insert(apart.end(), y.dims.begin() + 1, y.dims.end());
  return neural::reshape(net, y, apart);
}

}  // namespace

Result<RecurrentLayer> convolutional_layer(const Call& call) {
  RecurrentLayer l;
  l.by_steps = true;
  l.units = TRY(int_of(call, "filters"));
  CellConvolution c;
  c.spatial = spatial_of(call);
  c.strides = TRY(ints_of(call, "strides", c.spatial, 1));
  c.dilations = TRY(ints_of(call, "dilation_rate", c.spatial, 1));
  c.channels_last = channels_last(call);
  const std::string padding = TRY(text_of(call, "padding", "valid"));
  if (padding != "valid" && padding != "same") return refuse(call, "the padding \"" + padding + "\" is not known");
  c.same = padding == "same";
  for (const char* key : {"activation", "recurrent_activation"}) {
    if (const std::string name = TRY(text_of(call, key, "linear"));
        name == "softmax" || name == "log_softmax" || name == "glu" || name == "sparsemax")
      return refuse(call, "the activation \"" + name + "\" inside a recurrent layer that convolves is not supported");
  }
  l.convolution = std::move(c);
  return l;
}

Result<RecurrentAnswer> run_by_steps(const Call& call, const RecurrentLayer& l, const Value& x, const std::optional<Value>& mask, bool reversed,
                                     const std::vector<Value>& initial) {
  Net& net = call.net;
  const Value in = TRY(of_input(Body{call, l}, x));
  // A state is as large as one gate.
  const std::size_t channel = l.convolution ? 2 : in.rank() - 1;
  Dims dims(in.dims.begin() + 1, in.dims.end());
  dims[channel - 1] = l.units;
  const std::size_t states = l.cell == Cell::lstm ? 2 : 1;
  std::vector<Value> state;
  for (const Value& s : initial) state.push_back(TRY(ahead(net, l, s)));
  while (state.size() < states) state.push_back(neural::full(net, dims, 0, x.dtype()));
  std::vector<Value> sequences{in};
  if (mask) {
    sequences.push_back(net.cast(TRY(neural::transpose(net, *mask, {1, 0})), DType::boolean));
    state.push_back(neural::full(net, dims, 0, x.dtype()));  // the output before
  }
  const neural::Scanned done = TRY(neural::scan(
      net, state, sequences, reversed, [&](Net& inner, const std::vector<Value>& before, const std::vector<Value>& now) -> Result<neural::Step> {
        Layouts layouts(inner);
        const Call there{inner, layouts, call.dialect, call.class_name, call.name, call.config, {}, {}, {}};
        std::vector<Value> next = TRY((Body{there, l}.step(now[0], before)));
        if (now.size() < 2) return neural::Step{next, {next[0]}};
        Value counts = now[1];
        while (counts.rank() < next[0].rank()) counts = TRY(neural::unsqueeze(inner, counts, -1));
        Value shown = TRY(neural::where(inner, counts, next[0], l.zero_output ? inner.number(0, next[0].dtype()) : before.back()));
        for (std::size_t i = 0; i < next.size(); ++i) next[i] = TRY(neural::where(inner, counts, next[i], before[i]));
        next.push_back(shown);
        return neural::Step{next, {shown}};
      }));
  RecurrentAnswer a;
  // [T, N, C, *spatial] as [N, T, *spatial, C]
  const Value& y = done.outputs[0];
  std::vector<std::int64_t> order{1, 0};
  const bool turn = l.convolution && l.convolution->channels_last;
  for (std::size_t i = turn ? 3 : 2; i < y.rank(); ++i) order.push_back(static_cast<std::int64_t>(i));
  if (turn) order.push_back(2);
  a.steps = TRY(neural::transpose(net, y, order));
  for (std::size_t i = 0; i < states; ++i) a.state.push_back(TRY(behind(net, l, done.state[i])));
  return a;
}

}  // namespace slipway::importers::keras
