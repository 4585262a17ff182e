// Recurrent layers, in the engine's layout: x [steps, N, features]; weights a direction W [gates * units, features], R [gates * units, units].
#pragma once

#include <array>

#include "slipway/importers/blocks/neural/net.hpp"

namespace slipway::importers::neural {

enum class Cell : std::uint8_t { rnn, gru, lstm };
inline std::int64_t gates_of(Cell c) { return c == Cell::lstm ? 4 : c == Cell::gru ? 3 : 1; }

// Order of the gates in the files: where the engine's gate k stands in the library's. torch LSTM i f g o, Keras LSTM i f c o; the engine
// i o f c: {0, 3, 1, 2}. GRU: torch r z n, the engine z r h: {1, 0, 2}; Keras z r h: {0, 1, 2}.
using GateOrder = std::array<std::size_t, 4>;
inline constexpr GateOrder kLstmGates{0, 3, 1, 2};
inline constexpr GateOrder kTorchGruGates{1, 0, 2, 3};
inline constexpr GateOrder kGatesAsTheyAre{0, 1, 2, 3};

// Blocks of rows in the engine's order. t: [gates * units, ...].
Tensor gates_in_order(const Tensor& t, Cell cell, const GateOrder& order);

struct Direction {
  Value w, r;              // constants, gates in the engine's order, float32
  std::optional<Value> b;  // [2 * gates * units]: of the input, then recurrent
};

struct Recurrent {
  Cell cell = Cell::lstm;
  std::int64_t units = 0;
  std::vector<Direction> directions;     // one, or forward and backward
  bool reversed = false;                 // a single direction that runs from the last step to the first; outputs stand at their steps
  bool reset_after = true;               // GRU: the reset gate is applied after the product (the engine's linear_before_reset)
  std::vector<std::string> activations;  // the engine's names, as many a direction as it wants; empty: its own (Sigmoid, Tanh, Tanh)
  std::vector<float> alpha, beta;        // of those that have parameters (HardSigmoid); empty: none
  std::optional<Value> h0, c0;           // [directions, N, units]
  std::optional<Value> lengths;          // int32 [N]: steps of each row that count
};

struct RecurrentResult {
  Value steps;  // [steps, N, directions * units]: what each step gave (behind a row's length: zeros)
  Value h, c;   // [directions, N, units] at each direction's end; c: LSTM only
};
Result<RecurrentResult> recurrent(Net& net, const Value& x, const Recurrent& layer);

}  // namespace slipway::importers::neural
