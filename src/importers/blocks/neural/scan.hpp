// A function that is applied step after step, with a state that goes from each to the next: what the engine's recurrent layers don't do.
#pragma once

#include <functional>

#include "slipway/importers/blocks/neural/net.hpp"

namespace slipway::importers::neural {

struct Step {
  std::vector<Value> state;    // the next one, of the shapes of the one before
  std::vector<Value> outputs;  // of this step
};
// Works in a graph of its own: of the surrounding net it may use constants only. x: what each sequence has at the step.
using StepFunction = std::function<Result<Step>(Net& body, const std::vector<Value>& state, const std::vector<Value>& x)>;

struct Scanned {
  std::vector<Value> state;    // after the last step
  std::vector<Value> outputs;  // [steps, ...]: at their steps, also where it is run from the last to the first
};
// sequences: [steps, ...], at least one.
Result<Scanned> scan(Net& net, const std::vector<Value>& state, const std::vector<Value>& sequences, bool reversed, const StepFunction& step);

}  // namespace slipway::importers::neural
