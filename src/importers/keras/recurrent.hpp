// What the recurrent layers share: one direction of a layer, and what running it gives. layers_recurrent.cpp reads configurations and has
// the engine run the cells that it knows; recurrent_steps.cpp runs the others step by step.
#pragma once

#include "slipway/importers/blocks/neural/recurrent.hpp"
#include "slipway/importers/keras/layer.hpp"

namespace slipway::importers::keras {

// What a convolution inside a cell is.
struct CellConvolution {
  std::size_t spatial = 0;
  std::vector<std::int64_t> strides, dilations;
  bool same = false, channels_last = true;
};

// One direction of a layer, read from its configuration and weights.
struct RecurrentLayer {
  neural::Cell cell = neural::Cell::lstm;
  std::int64_t units = 0;
  neural::Direction direction;  // for the engine
  std::vector<std::string> activations;
  std::vector<float> alpha, beta;
  bool reset_after = false, sequences = false, states = false, backwards = false, zero_output = false;

  // Not for the engine: a cell that it doesn't know.
  bool by_steps = false;
  std::vector<SharedTensor> weights;  // as Keras has them: kernel, recurrent kernel, bias
  json::Value activation, recurrent_activation;
  std::optional<CellConvolution> convolution;
};

struct RecurrentAnswer {
  Value steps;               // [N, T, units], by time
  std::vector<Value> state;  // h, or h and c: [N, units]
};

// ConvLSTM's configuration and weights.
Result<RecurrentLayer> convolutional_layer(const Call& call);
Result<RecurrentAnswer> run_by_steps(const Call& call, const RecurrentLayer& l, const Value& x, const std::optional<Value>& mask, bool reversed,
                                     const std::vector<Value>& initial);

}  // namespace slipway::importers::keras
