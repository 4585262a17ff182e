// Recurrent operators: lstm, gru, rnn_tanh, rnn_relu, and one step of each.
#include <algorithm>

#include "slipway/importers/blocks/neural/activation.hpp"
#include "slipway/importers/blocks/neural/dense.hpp"
#include "slipway/importers/blocks/neural/elementwise.hpp"
#include "slipway/importers/blocks/neural/recurrent.hpp"
#include "slipway/importers/blocks/neural/scan.hpp"
#include "slipway/importers/blocks/neural/shapes.hpp"
#include "slipway/importers/torch/operator_call.hpp"
#include "slipway/importers/torch/operators.hpp"
#include "slipway/importers/torch/scalars.hpp"

namespace slipway::importers::torch {
namespace {

using namespace neural;  // NOLINT(google-build-using-namespace): the blocks are this file's vocabulary

struct Kind {
  Cell cell;
  std::vector<std::string> activations;
};

// Weights in the engine's order of gates.
Result<Value> in_order(OpCall& c, const Value& v, Cell cell) {
  if (!v.constant()) return c.wrong("weights that are computed are not supported");
  if (cell == Cell::rnn) return v;
  if (v.rank() < 1 || !v.dims[0].known() || v.dims[0].value % gates_of(cell) != 0) return c.wrong("weights of shape " + dims_text(v.dims));
  return c.net.constant(gates_in_order(*v.content, cell, cell == Cell::lstm ? kLstmGates : kTorchGruGates));
}

// Layers of an LSTM whose output is projected (proj_size): what the engine's own doesn't do. x [steps, N, features], states [layers * directions, N,
// ...]; a direction's weights: of the input, of the output before, their biases, of the projection.
struct Projected {
  std::int64_t layers = 1, directions = 1;
  bool biases = true;
};
Result<std::vector<Value>> projected_lstm(Net& net, Value x, const std::vector<Value>& states, const std::vector<Value>& params, const Projected& p) {
  const std::size_t each = p.biases ? 5 : 3;
  std::vector<Value> ends_h, ends_c;
  for (std::int64_t layer = 0; layer < p.layers; ++layer) {
    std::vector<Value> outputs;
    for (std::int64_t d = 0; d < p.directions; ++d) {
      const std::int64_t place = layer * p.directions + d;
      const Value* w = &params[static_cast<std::size_t>(place) * each];
      const Value& projection = w[each - 1];
      if (projection.rank() != 2 || !projection.dims[1].known()) return wrong("weights of shape " + dims_text(projection.dims));
      const std::int64_t units = projection.dims[1].value;
      const auto bias = [&](std::size_t i) { return p.biases ? std::optional(w[i]) : std::nullopt; };
      const std::vector<Value> before{TRY(select(net, states[0], 0, place)), TRY(select(net, states[1], 0, place))};
      const Scanned made =
          TRY(scan(net, before, {x}, d == 1, [&](Net& body, const std::vector<Value>& state, const std::vector<Value>& at) -> Result<Step> {
            const Value sum = TRY(add(body, TRY(linear(body, at[0], w[0], bias(2))), TRY(linear(body, state[0], w[1], bias(3)))));
            const std::vector<Value> gates = TRY(split(body, sum, 1, {units, units, units, units}));  // input, forget, cell, output
            const Value kept = TRY(mul(body, sigmoid(body, gates[1]), state[1]));
            const Value cell = TRY(add(body, kept, TRY(mul(body, sigmoid(body, gates[0]), neural::tanh(body, gates[2])))));
            const Value out = TRY(linear(body, TRY(mul(body, sigmoid(body, gates[3]), neural::tanh(body, cell))), projection, std::nullopt));
            return Step{{out, cell}, {out}};
          }));
      outputs.push_back(made.outputs[0]);
      ends_h.push_back(TRY(unsqueeze(net, made.state[0], 0)));
      ends_c.push_back(TRY(unsqueeze(net, made.state[1], 0)));
    }
    x = TRY(concat(net, outputs, 2));
  }
  return std::vector<Value>{x, TRY(concat(net, ends_h, 0)), TRY(concat(net, ends_c, 0))};
}

// input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first
Result<Any> recurrent_op(OpCall& c, const Kind& kind) {
  Net& net = c.net;
  if (c.is_tensor(1)) {
    // (data, batch_sizes, hx, ...): packed sequences. GRU and RNN have a tensor as hx too, then params follow as a list.
    if (c.args[2].as<TensorRef>() != nullptr || (kind.cell == Cell::lstm)) return c.wrong("packed sequences are not supported");
  }
  Value x = TRY(c.tensor(0));
  const bool biases = TRY(c.flag(3)), bidirectional = TRY(c.flag(7)), batch_first = TRY(c.flag(8));
  const std::int64_t layers = TRY(c.integer(4));
  const std::vector<Value> params = TRY(c.tensors(2));
  const std::int64_t directions = bidirectional ? 2 : 1;
  const bool no_rows = x.rank() == 2;
  if (no_rows || (!batch_first && x.rank() == 3 && x.dims[0] == net.rows())) net.note_no_rows();
  if (no_rows) x = TRY(unsqueeze(net, x, batch_first ? 0 : 1));
  if (x.rank() != 3) return c.wrong("an input of shape " + dims_text(x.dims));
  if (batch_first) x = TRY(transpose(net, x, {1, 0, 2}));
  std::vector<Value> states;
  if (kind.cell == Cell::lstm) {
    states = TRY(c.tensors(1));
  } else {
    states.push_back(TRY(c.tensor(1)));
  }
  for (Value& s : states) {
    if (s.rank() == 2 && no_rows) s = TRY(unsqueeze(net, s, 1));
    if (s.rank() != 3) return c.wrong("a state of shape " + dims_text(s.dims));
    TRY(net.require(s.dims[0], layers * directions, std::string(c.name) + ": a state for each layer and direction"));
  }
  // With a projection (proj_size) each direction has one more weight.
  const std::size_t each = biases ? 4 : 2;
  const bool projected = kind.cell == Cell::lstm && layers >= 1 && params.size() == static_cast<std::size_t>(layers * directions) * (each + 1);
  if (layers < 1 || layers > 1'000 || (!projected && params.size() != static_cast<std::size_t>(layers * directions) * each))
    return c.wrong(std::to_string(params.size()) + " weights");
  std::optional<Value> lengths = TRY(c.maybe_tensor(9));  // of each row: int64 [N]
  if (lengths) {
    if (lengths->rank() != 1 || is_floating(lengths->dtype())) return c.wrong("lengths of shape " + dims_text(lengths->dims));
    TRY(net.same(lengths->dims[0], x.dims[1], std::string(c.name) + ": a length for each sequence"));
    lengths = net.cast(*lengths, DType::int32);
    if (projected) return c.wrong("packed sequences through a projection are not supported");
  }
  if (projected) {
    if (states.size() != 2 || !std::ranges::all_of(params, &Value::constant)) return c.wrong("weights that are computed are not supported");
    std::vector<Value> made = TRY(projected_lstm(net, x, states, params, {layers, directions, biases}));
    if (batch_first) made[0] = TRY(transpose(net, made[0], {1, 0, 2}));
    if (no_rows) made[0] = TRY(squeeze(net, made[0], {batch_first ? 0 : 1}));
    for (std::size_t i = 1; i < made.size() && no_rows; ++i) made[i] = TRY(squeeze(net, made[i], {1}));
    return tuple({torch::tensor(made[0]), torch::tensor(made[1]), torch::tensor(made[2])});
  }
  std::vector<Value> ends_h, ends_c;
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    Recurrent r;
    r.cell = kind.cell;
    r.activations = kind.activations;
    for (std::int64_t d = 0; d < directions; ++d) {
      const std::size_t at = static_cast<std::size_t>(layer * directions + d) * each;
      Direction direction;
      direction.w = TRY(in_order(c, params[at], kind.cell));
      direction.r = TRY(in_order(c, params[at + 1], kind.cell));
      if (!direction.r.dims.back().known()) return c.wrong("weights of shape " + dims_text(direction.r.dims));
      r.units = direction.r.dims.back().value;
      if (biases) direction.b = TRY(concat(net, {TRY(in_order(c, params[at + 2], kind.cell)), TRY(in_order(c, params[at + 3], kind.cell))}, 0));
      r.directions.push_back(std::move(direction));
    }
    const auto state = [&](const Value& all) { return slice(net, all, 0, layer * directions, (layer + 1) * directions); };
    for (const Value& s : states) TRY(net.require(s.dims[2], r.units, std::string(c.name) + ": units of the state"));
    r.lengths = lengths;
    r.h0 = TRY(state(states[0]));
    if (kind.cell == Cell::lstm) {
      if (states.size() != 2) return c.wrong("two states are wanted");
      r.c0 = TRY(state(states[1]));
    }
    const RecurrentResult result = TRY(recurrent(net, x, r));
    x = result.steps;
    ends_h.push_back(result.h);
    if (kind.cell == Cell::lstm) ends_c.push_back(result.c);
  }
  if (batch_first) x = TRY(transpose(net, x, {1, 0, 2}));
  if (no_rows) x = TRY(squeeze(net, x, {batch_first ? 0 : 1}));
  const auto end = [&](const std::vector<Value>& parts) -> Result<Value> {
    const Value all = TRY(concat(net, parts, 0));
    return no_rows ? squeeze(net, all, {1}) : Result<Value>(all);
  };
  std::vector<Any> out{torch::tensor(x), torch::tensor(TRY(end(ends_h)))};
  if (kind.cell == Cell::lstm) out.push_back(torch::tensor(TRY(end(ends_c))));
  return tuple(std::move(out));
}

Result<Any> lstm_op(OpCall& c) { return recurrent_op(c, {Cell::lstm, {}}); }
Result<Any> gru_op(OpCall& c) { return recurrent_op(c, {Cell::gru, {}}); }
Result<Any> rnn_tanh_op(OpCall& c) { return recurrent_op(c, {Cell::rnn, {"Tanh"}}); }
Result<Any> rnn_relu_op(OpCall& c) { return recurrent_op(c, {Cell::rnn, {"Relu"}}); }

// --- one step: input [N, features], hx [N, units]; the weights' rows are the gates', in PyTorch's order

Result<Any> call(OpCall& c, std::string_view name, std::vector<Any> positional) {
  Arguments arguments;
  arguments.positional = std::move(positional);
  return call_operator(c.net, name, arguments);
}
Result<Any> both(OpCall& c, std::string_view op, const Any& a, const Any& b) { return call(c, op, {a, b}); }

// What a gate is made of, for all gates: of the input, of the state; `gates` parts each.
Result<std::vector<Any>> gate_parts(OpCall& c, const Any& state, std::int64_t gates, bool of_state) {
  const Any sum = TRY(of_state ? call(c, "linear", {state, c.args[3], c.args[5]}) : call(c, "linear", {c.args[0], c.args[2], c.args[4]}));
  const Any parts = TRY(call(c, "chunk", {sum, Any(gates), Any(1)}));
  const std::vector<Any>* items = items_of(parts);
  if (items == nullptr || static_cast<std::int64_t>(items->size()) != gates)
    return c.wrong("weights that are not " + std::to_string(gates) + " gates'");
  return *items;
}

Result<Any> lstm_cell_op(OpCall& c) {
  const std::vector<Any>* states = items_of(c.args[1]);
  if (states == nullptr || states->size() != 2) return c.wrong("two states are wanted");
  const std::vector<Any> x = TRY(gate_parts(c, (*states)[0], 4, false)), h = TRY(gate_parts(c, (*states)[0], 4, true));
  std::vector<Any> gates;  // input, forget, cell, output
  for (std::size_t i = 0; i < 4; ++i) gates.push_back(TRY(call(c, i == 2 ? "tanh" : "sigmoid", {TRY(both(c, "add", x[i], h[i]))})));
  const Any cell = TRY(both(c, "add", TRY(both(c, "mul", gates[1], (*states)[1])), TRY(both(c, "mul", gates[0], gates[2]))));
  return tuple({TRY(both(c, "mul", gates[3], TRY(call(c, "tanh", {cell})))), cell});
}

Result<Any> gru_cell_op(OpCall& c) {
  const std::vector<Any> x = TRY(gate_parts(c, c.args[1], 3, false)), h = TRY(gate_parts(c, c.args[1], 3, true));
  const Any reset = TRY(call(c, "sigmoid", {TRY(both(c, "add", x[0], h[0]))})), update = TRY(call(c, "sigmoid", {TRY(both(c, "add", x[1], h[1]))}));
  const Any candidate = TRY(call(c, "tanh", {TRY(both(c, "add", x[2], TRY(both(c, "mul", reset, h[2]))))}));
  return both(c, "add", candidate, TRY(both(c, "mul", update, TRY(both(c, "sub", c.args[1], candidate)))));
}

Result<Any> rnn_cell(OpCall& c, std::string_view activation) {
  const std::vector<Any> x = TRY(gate_parts(c, c.args[1], 1, false)), h = TRY(gate_parts(c, c.args[1], 1, true));
  return call(c, activation, {TRY(both(c, "add", x[0], h[0]))});
}
Result<Any> rnn_tanh_cell_op(OpCall& c) { return rnn_cell(c, "tanh"); }
Result<Any> rnn_relu_cell_op(OpCall& c) { return rnn_cell(c, "relu"); }

constexpr std::string_view kCellSignature = "input, hx, w_ih, w_hh, b_ih=None, b_hh=None";
constexpr std::string_view kSignature = "input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first, lengths=None";
constexpr Operator kOperators[] = {
    {"lstm", kSignature, lstm_op},
    {"gru", kSignature, gru_op},
    {"rnn_tanh", kSignature, rnn_tanh_op},
    {"rnn_relu", kSignature, rnn_relu_op},
    {"lstm_cell", kCellSignature, lstm_cell_op},
    {"gru_cell", kCellSignature, gru_cell_op},
    {"rnn_tanh_cell", kCellSignature, rnn_tanh_cell_op},
    {"rnn_relu_cell", kCellSignature, rnn_relu_cell_op},
};

}  // namespace

std::span<const Operator> recurrent_operators() { return kOperators; }

}  // namespace slipway::importers::torch
