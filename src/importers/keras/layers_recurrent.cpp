// Recurrent layers, with masks: steps that are masked out are skipped, wherever they stand.
#include <algorithm>
#include <limits>

#include "slipway/importers/blocks/neural/dense.hpp"
#include "slipway/importers/blocks/neural/elementwise.hpp"
#include "slipway/importers/blocks/neural/reduction.hpp"
#include "slipway/importers/blocks/neural/shapes.hpp"
#include "slipway/importers/keras/recurrent.hpp"

namespace slipway::importers::keras {

using neural::Cell;

namespace {

using Layer = RecurrentLayer;
using Answer = RecurrentAnswer;

// The engine's name for an activation inside a cell; one that it doesn't have is for run_by_steps.
Status add_activation(const Call& call, std::string_view key, std::string_view otherwise, Layer& l) {
  const json::Value* given = call.config.find(key);
  const bool named = given == nullptr || given->is_null() || given->is_string();
  const std::string name = named ? TRY(text_of(call, key, std::string(otherwise))) : "";
  (key == "activation" ? l.activation : l.recurrent_activation) = named ? json::Value(name) : *given;
  const bool keras3 = call.dialect.major >= 3;
  if (name == "tanh") {
    l.activations.emplace_back("Tanh");
  } else if (name == "sigmoid") {
    l.activations.emplace_back("Sigmoid");
  } else if (name == "relu") {
    l.activations.emplace_back("Relu");
  } else if (name == "hard_sigmoid") {
    l.activations.emplace_back("HardSigmoid");
    l.alpha.push_back(keras3 ? 1.0F / 6 : 0.2F);
    l.beta.push_back(0.5F);
  } else if (name == "linear") {
    l.activations.emplace_back("Affine");
    l.alpha.push_back(1);
    l.beta.push_back(0);
  } else if (name == "elu") {
    l.activations.emplace_back("Elu");
    l.alpha.push_back(1);
  } else if (name == "softsign") {
    l.activations.emplace_back("Softsign");
  } else if (name == "softplus") {
    l.activations.emplace_back("Softplus");
  } else {
    l.by_steps = true;
  }
  return ok();
}

std::optional<Cell> cell_of(std::string_view name) {
  if (name == "LSTM" || name == "CuDNNLSTM" || name == "LSTMCell") return Cell::lstm;
  if (name == "GRU" || name == "CuDNNGRU" || name == "GRUCell") return Cell::gru;
  if (name == "SimpleRNN" || name == "SimpleRNNCell") return Cell::rnn;
  return std::nullopt;
}

// [features, gates * units] as [gates * units, features] with the gates in the engine's order.
Result<Value> turned(const Call& call, const SharedTensor& weight, Cell cell) {
  Value w = call.net.constant(weight);
  if (w.dtype() == DType::float16 || w.dtype() == DType::bfloat16) return refuse(call, "recurrent weights of half precision are not supported");
  if (w.rank() != 2 || w.dims[1].value % neural::gates_of(cell) != 0) return refuse(call, "weights of shape " + neural::dims_text(w.dims));
  w = TRY(neural::swap_axes(call.net, w, 0, 1));
  if (cell == Cell::lstm) return call.net.constant(neural::gates_in_order(*w.content, cell, neural::kLstmGates));
  return w;  // GRU: z, r, h in both
}

Result<Tensor> bias_in_order(const Tensor& bias, Cell cell) {
  return cell == Cell::lstm ? neural::gates_in_order(bias, cell, neural::kLstmGates) : bias;
}

// The engine's bias [2 * gates * units]: of the input, then recurrent.
Result<std::optional<Value>> bias_of(const Call& call, Layer& l) {
  if (!TRY(bool_of(call, "use_bias", true))) return std::optional<Value>();
  TRY(holds(call, 3, 3));
  const Tensor& b = *call.weights[2];
  const std::int64_t width = neural::gates_of(l.cell) * l.units;
  std::vector<float> both(static_cast<std::size_t>(2 * width), 0.0F);
  if (b.dtype() != DType::float32) return refuse(call, "a bias that is not float32");
  const auto values = b.as<float>();
  if (values.size() != both.size() && values.size() != both.size() / 2) return refuse(call, "a bias of shape " + shape_text(b.shape()));
  for (std::size_t half = 0; half * static_cast<std::size_t>(width) < values.size(); ++half) {
    const Tensor part = TRY(bias_in_order(
        Tensor::of<float>(DType::float32, {width}, values.subspan(half * static_cast<std::size_t>(width), static_cast<std::size_t>(width))), l.cell));
    std::ranges::copy(part.as<float>(), both.begin() + static_cast<std::ptrdiff_t>(half) * width);
  }
  return std::optional(call.net.constant(Tensor::of<float>(DType::float32, {2 * width}, std::span<const float>(both))));
}

Result<Layer> layer_of(const Call& call) {
  Layer l;
  const auto cell = cell_of(call.class_name);
  const bool convolves = call.class_name.starts_with("ConvLSTM");
  if (!cell && !convolves) return refuse(call, "recurrent layers of other cells than LSTM, GRU, SimpleRNN and ConvLSTM are not supported");
  if (convolves) l = TRY(convolutional_layer(call));
  l.cell = cell.value_or(Cell::lstm);
  if (TRY(bool_of(call, "stateful", false)))
    return refuse(call,
                  "keeps its state from one request to the next (stateful=True), so that answers would depend on who asked before: build it with "
                  "stateful=False");
  if (!convolves) l.units = TRY(int_of(call, "units"));
  if (call.weights.size() < 2 || call.weights[1]->shape().size() < 2 || *(call.weights[1]->shape().end() - 2) != l.units ||
      call.weights[1]->shape().back() != neural::gates_of(l.cell) * l.units)
    return refuse(call, "the file's weights are not those of " + std::to_string(l.units) + " units");
  const bool bias = TRY(bool_of(call, "use_bias", true));
  TRY(holds(call, bias ? 3 : 2, bias ? 3 : 2));
  l.weights = call.weights;
  if (l.cell != Cell::rnn)
    TRY(add_activation(call, "recurrent_activation", call.dialect.major >= 3 || call.class_name.starts_with("CuDNN") ? "sigmoid" : "hard_sigmoid",
                       l));
  TRY(add_activation(call, "activation", "tanh", l));
  if (l.cell == Cell::lstm) { TRY(add_activation(call, "activation", "tanh", l)); }
  l.reset_after = call.class_name == "CuDNNGRU" || TRY(bool_of(call, "reset_after", false));
  l.sequences = TRY(bool_of(call, "return_sequences", false));
  l.states = TRY(bool_of(call, "return_state", false));
  l.backwards = TRY(bool_of(call, "go_backwards", false));
  l.zero_output = TRY(bool_of(call, "zero_output_for_mask", false));
  l.by_steps = l.by_steps || call.weights[0]->dtype() == DType::float64;  // the engine's are of single precision
  if (l.by_steps) return l;
  l.direction.w = TRY(turned(call, call.weights[0], l.cell));
  l.direction.r = TRY(turned(call, call.weights[1], l.cell));
  l.direction.b = TRY(bias_of(call, l));
  return l;
}

Result<Answer> run_engine(const Call& call, const Layer& l, const Value& x, bool reversed, const std::vector<Value>& initial,
                          const std::optional<Value>& lengths) {
  Net& net = call.net;
  neural::Recurrent r;
  r.cell = l.cell;
  r.units = l.units;
  r.directions.push_back(l.direction);
  r.reversed = reversed;
  r.reset_after = l.reset_after;
  r.activations = l.activations;
  r.alpha = l.alpha;
  r.beta = l.beta;
  r.lengths = lengths;
  if (!initial.empty()) r.h0 = TRY(neural::unsqueeze(net, initial[0], 0));
  if (initial.size() > 1) r.c0 = TRY(neural::unsqueeze(net, initial[1], 0));
  const neural::RecurrentResult result = TRY(neural::recurrent(net, TRY(neural::transpose(net, x, {1, 0, 2})), r));
  Answer a;
  a.steps = TRY(neural::transpose(net, result.steps, {1, 0, 2}));
  a.state.push_back(TRY(neural::squeeze(net, result.h, {0})));
  if (l.cell == Cell::lstm) a.state.push_back(TRY(neural::squeeze(net, result.c, {0})));
  return a;
}

// [N, T] indices as [N, T, width] for picking whole steps.
Result<Value> for_steps(Net& net, const Value& indices, Dim width) {
  const Value wide = TRY(neural::unsqueeze(net, indices, 2));
  return neural::expand(net, wide, {indices.dims[0], indices.dims[1], width});
}

// Steps that count are moved to the front, run, and their outputs put back; a step that doesn't count has the output of the last one
// that did (the next one, of a run backwards), zeros where there is none.
Result<Answer> run_masked(const Call& call, const Layer& l, const Value& x, const Value& mask, bool reversed, const std::vector<Value>& initial) {
  Net& net = call.net;
  const Value m = net.cast(mask, DType::int64);
  const Dim steps = x.dims[1];
  const Value count = TRY(neural::cumulative_sum(net, m, 1));  // up to and with each step
  const Value lengths = net.cast(TRY(neural::reduce(net, "ReduceSum", m, {1}, false)), DType::int32);
  const Value time = TRY(neural::unsqueeze(net, neural::range(net, 0, steps, 1), 0));
  const Value later = TRY(neural::mul(net, TRY(neural::sub(net, net.number(1, DType::int64), m)), net.to_scalar(steps)));
  const Value key = TRY(neural::add(net, time, later));
  const Value order = TRY(neural::top_k(net, key, steps, 1, false, true))[1];
  const Value packed = TRY(neural::gather_elements(net, x, TRY(for_steps(net, order, x.dims[2])), 1));
  Answer a = TRY(run_engine(call, l, packed, reversed, initial, lengths));
  // Index of the output that each step has.
  Value at = reversed ? TRY(neural::sub(net, count, m)) : TRY(neural::sub(net, count, net.number(1, DType::int64)));
  const Value long_lengths = TRY(neural::unsqueeze(net, net.cast(lengths, DType::int64), 1));
  Value none =
      reversed ? TRY(neural::compare(net, "GreaterOrEqual", at, long_lengths)) : TRY(neural::compare(net, "Less", at, net.number(0, DType::int64)));
  if (l.zero_output) none = TRY(neural::binary(net, "Or", none, neural::unary(net, "Not", net.cast(mask, DType::boolean))));
  at = TRY(neural::where(net, none, net.number(0, DType::int64), at));
  const Value picked = TRY(neural::gather_elements(net, a.steps, TRY(for_steps(net, at, l.units)), 1));
  a.steps = TRY(neural::where(net, TRY(neural::unsqueeze(net, none, 2)), net.number(0, picked.dtype()), picked));
  return a;
}

Result<Answer> run(const Call& call, const Layer& l, const Tracked& x, const std::vector<Value>& initial) {
  if (x.value.rank() != 3 + (l.convolution ? l.convolution->spatial : 0))
    return refuse(call, "an input of shape " + neural::dims_text(x.value.dims) + ": steps of features are wanted");
  if (l.by_steps) return run_by_steps(call, l, x.value, x.mask, l.backwards, initial);
  if (x.mask) return run_masked(call, l, x.value, *x.mask, l.backwards, initial);
  return run_engine(call, l, x.value, l.backwards, initial, std::nullopt);
}

// The output in the order in which a layer gives it: a run backwards begins with the last step.
Result<Value> output_of(Net& net, const Layer& l, const Answer& a) {
  if (!l.sequences) return a.state[0];
  return l.backwards ? neural::flip(net, a.steps, {1}) : Result<Value>(a.steps);
}

Result<std::vector<Value>> initial_states(const Call& call, std::size_t first, std::size_t count) {
  std::vector<Value> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(call.inputs[first + i].value);
  return out;
}

}  // namespace

Result<std::vector<Tracked>> recurrent_layer(const Call& call) {
  const Layer l = TRY(layer_of(call));
  const std::size_t states = l.cell == Cell::lstm ? 2 : 1;
  if (call.inputs.size() != 1 && call.inputs.size() != 1 + states) return refuse(call, "takes one input, or one and its initial states");
  const Answer a = TRY(run(call, l, call.inputs[0], call.inputs.size() > 1 ? TRY(initial_states(call, 1, states)) : std::vector<Value>{}));
  std::vector<Tracked> out = one(TRY(output_of(call.net, l, a)));
  if (l.sequences) out[0].mask = call.inputs[0].mask;
  if (l.states) {
    for (const Value& s : a.state) out.push_back({s, std::nullopt});
  }
  return out;
}

namespace {

// The cells of a stack, or nothing.
const json::Array* stack_of(const json::Value* cell) {
  if (cell == nullptr || cell->string_or("class_name", "") != "StackedRNNCells") return nullptr;
  const json::Value* config = cell->find("config");
  const json::Value* cells = config == nullptr ? nullptr : config->find("cells");
  return cells != nullptr && cells->is_array() && !cells->as_array().empty() ? &cells->as_array() : nullptr;
}

// Cells on top of each other are layers on top of each other, all in one direction.
Result<std::vector<Tracked>> rnn_of_stack(const Call& call, const json::Array& cells) {
  if (call.inputs.size() != 1) return refuse(call, "initial states of stacked cells are not supported");
  Tracked x = call.inputs[0];
  std::size_t at = 0;
  const bool sequences = TRY(bool_of(call, "return_sequences", false)), states = TRY(bool_of(call, "return_state", false));
  std::vector<Tracked> out, ends;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const json::Value* config = cells[i].find("config");
    if (config == nullptr || !cell_of(cells[i].string_or("class_name", "")))
      return refuse(call, "stacks cells other than LSTMCell, GRUCell and SimpleRNNCell");
    const std::size_t count = config->bool_or("use_bias", true) ? 3 : 2;
    if (at + count > call.weights.size()) return refuse(call, "the file holds too few weights");
    const std::vector<SharedTensor> weights(call.weights.begin() + static_cast<std::ptrdiff_t>(at),
                                            call.weights.begin() + static_cast<std::ptrdiff_t>(at + count));
    at += count;
    const Call inner{call.net, call.layouts, call.dialect, cells[i].string_or("class_name", ""), call.name, *config, weights, {x}, {""}};
    Layer l = TRY(layer_of(inner));
    l.backwards = TRY(bool_of(call, "go_backwards", false));
    l.sequences = i + 1 < cells.size() || sequences;
    const Answer a = TRY(run(call, l, x, {}));
    for (const Value& s : a.state) ends.push_back({s, std::nullopt});
    if (i + 1 == cells.size()) {
      out = one(TRY(output_of(call.net, l, a)));
      if (sequences) out[0].mask = x.mask;
    } else {
      x.value = a.steps;
    }
  }
  if (at != call.weights.size()) return refuse(call, "the file holds too many weights");
  if (states) out.insert(out.end(), ends.begin(), ends.end());
  return out;
}

}  // namespace

// RNN(cell): the cell's configuration with what the layer adds.
Result<std::vector<Tracked>> rnn_of_cell(const Call& call) {
  const json::Value* cell = call.config.find("cell");
  if (const json::Array* cells = stack_of(cell)) return rnn_of_stack(call, *cells);
  if (cell == nullptr || cell->find("config") == nullptr || !cell_of(cell->string_or("class_name", "")))
    return refuse(call, "recurrent layers of other cells than LSTMCell, GRUCell and SimpleRNNCell are not supported");
  json::Value config = *cell->find("config");
  for (const char* key : {"return_sequences", "return_state", "go_backwards", "stateful", "zero_output_for_mask"}) {
    if (const json::Value* v = call.config.find(key)) config.set(key, *v);
  }
  Call inner{call.net,    call.layouts,     call.dialect,  cell->string_or("class_name", ""), call.name, config, call.weights,
             call.inputs, call.input_names, call.arguments};
  return recurrent_layer(inner);
}

Result<std::vector<Tracked>> bidirectional(const Call& call) {
  Net& net = call.net;
  const json::Value* forward = call.config.find("layer");
  if (forward == nullptr || forward->find("config") == nullptr) return refuse(call, "its configuration has no \"layer\"");
  const json::Value* backward = call.config.find("backward_layer");
  const std::size_t half = call.weights.size() / 2;
  if (call.weights.size() % 2 != 0) return refuse(call, "the file holds an odd number of weights");
  const auto part = [&](const json::Value& layer, std::size_t from) -> Result<Layer> {
    const std::vector<SharedTensor> weights(call.weights.begin() + static_cast<std::ptrdiff_t>(from),
                                            call.weights.begin() + static_cast<std::ptrdiff_t>(from + half));
    const Call inner{net,         call.layouts,     call.dialect,  layer.string_or("class_name", ""), call.name, *layer.find("config"), weights,
                     call.inputs, call.input_names, call.arguments};
    return layer_of(inner);
  };
  Layer f = TRY(part(*forward, 0));
  const bool own = backward != nullptr && !backward->is_null() && backward->find("config") != nullptr;
  Layer b = TRY(part(own ? *backward : *forward, half));
  if (!own) b.backwards = !f.backwards;
  f.zero_output = f.zero_output || (f.sequences && call.dialect.major == 2 && !call.dialect.standalone);
  b.zero_output = b.zero_output || f.zero_output;
  const std::size_t states = f.cell == Cell::lstm ? 2 : 1;
  std::vector<Value> initial_f, initial_b;
  if (call.inputs.size() == 1 + 2 * states) {
    initial_f = TRY(initial_states(call, 1, states));
    initial_b = TRY(initial_states(call, 1 + states, states));
  } else if (call.inputs.size() != 1) {
    return refuse(call, "takes one input, or one and the initial states of both directions");
  }
  const Answer af = TRY(run(call, f, call.inputs[0], initial_f)), ab = TRY(run(call, b, call.inputs[0], initial_b));
  Value yf = f.sequences ? af.steps : af.state[0], yb = f.sequences ? ab.steps : ab.state[0];  // by time, both
  if (f.sequences && f.backwards && !b.backwards) {                                            // in the order of the first
    yf = TRY(neural::flip(net, yf, {1}));
    yb = TRY(neural::flip(net, yb, {1}));
  }
  const json::Value* mode_value = call.config.find("merge_mode");
  const std::string mode = mode_value == nullptr ? "concat" : mode_value->is_null() ? "none" : TRY(text_of(call, "merge_mode", "concat"));
  std::vector<Tracked> out;
  if (mode == "concat") {
    out = one(TRY(neural::concat(net, {yf, yb}, -1)));
  } else if (mode == "sum" || mode == "ave") {
    out = one(TRY(neural::scaled(net, TRY(neural::add(net, yf, yb)), mode == "ave" ? 0.5 : 1)));
  } else if (mode == "mul") {
    out = one(TRY(neural::mul(net, yf, yb)));
  } else if (mode == "none") {
    out = {Tracked{yf, std::nullopt}, Tracked{yb, std::nullopt}};
  } else {
    return refuse(call, "the merge mode \"" + mode + "\" is not known");
  }
  if (f.sequences) {
    for (Tracked& t : out) t.mask = call.inputs[0].mask;
  }
  if (f.states) {
    for (const Value& s : af.state) out.push_back({s, std::nullopt});
    for (const Value& s : ab.state) out.push_back({s, std::nullopt});
  }
  return out;
}

Result<std::vector<Tracked>> embedding_layer(const Call& call) {
  TRY(takes(call, 1));
  TRY(holds(call, 1, 1));
  Net& net = call.net;
  const Value ids = net.cast(input(call), DType::int64);
  std::vector<Tracked> out = one(TRY(neural::embedding(net, net.weight(call.weights[0]), ids)));
  if (TRY(bool_of(call, "mask_zero", false)))
    out[0].mask = neural::unary(net, "Not", TRY(neural::compare(net, "Equal", ids, net.number(0, DType::int64))));
  return out;
}

// An embedding that is also called the other way: numbers to scores of all tokens, by the same table or one of its own.
Result<std::vector<Tracked>> reversible_embedding(const Call& call) {
  const json::Value* kwargs = call.arguments == nullptr ? nullptr : call.arguments->find("kwargs");
  if (kwargs == nullptr || !kwargs->bool_or("reverse", false)) {
    Call forward = call;
    forward.weights.resize(std::min<std::size_t>(1, call.weights.size()));
    return embedding_layer(forward);
  }
  TRY(takes(call, 1));
  const bool tied = TRY(bool_of(call, "tie_weights", true));
  TRY(holds(call, tied ? 1 : 2, tied ? 1 : 2));
  Net& net = call.net;
  Value table = net.weight(call.weights[tied ? 0 : 1]);
  if (tied) table = TRY(neural::swap_axes(net, table, -1, -2));
  const Value scores = TRY(neural::matmul(net, input(call), table));
  const double cap = TRY(number_of(call, "logit_soft_cap", 0));
  if (cap == 0) return one(scores);
  return one(TRY(neural::scaled(net, neural::unary(net, "Tanh", TRY(neural::scaled(net, scores, 1 / cap))), cap)));
}

Result<std::vector<Tracked>> masking(const Call& call) {
  TRY(takes(call, 1));
  Net& net = call.net;
  const Value& x = input(call);
  const double value = TRY(number_of(call, "mask_value", 0));
  const Value differs = neural::unary(net, "Not", TRY(neural::compare(net, "Equal", x, net.number(value, x.dtype()))));
  const Value any = TRY(neural::any_of(net, differs, {-1}, true));
  std::vector<Tracked> out = one(TRY(neural::mul(net, x, net.cast(any, x.dtype()))));
  out[0].mask = TRY(neural::reshape(net, any, Dims(any.dims.begin(), any.dims.end() - 1)));
  return out;
}

}  // namespace slipway::importers::keras
