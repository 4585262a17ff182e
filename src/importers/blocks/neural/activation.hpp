// Activation functions. Formulas as in the frameworks' documentation; x of any shape.
#pragma once

#include "slipway/importers/blocks/neural/net.hpp"

namespace slipway::importers::neural {

Value relu(Net& net, const Value& x);
Value sigmoid(Net& net, const Value& x);
Value tanh(Net& net, const Value& x);
Result<Value> softmax(Net& net, const Value& x, std::int64_t axis);
Result<Value> log_softmax(Net& net, const Value& x, std::int64_t axis);
Value leaky_relu(Net& net, const Value& x, double slope);    // x < 0: slope x
Value elu(Net& net, const Value& x, double alpha);           // x < 0: alpha (e^x - 1)
Value celu(Net& net, const Value& x, double alpha);          // x < 0: alpha (e^(x / alpha) - 1)
Value selu(Net& net, const Value& x);                        // 1.0507009873554805 elu(x, 1.6732632423543772)
Result<Value> gelu(Net& net, const Value& x, bool by_tanh);  // x Phi(x); by_tanh: the approximation 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
Result<Value> silu(Net& net, const Value& x);                // x sigmoid(x)
Result<Value> mish(Net& net, const Value& x);                // x tanh(softplus(x))
Value hard_sigmoid(Net& net, const Value& x, double slope, double at0);             // clip(slope x + at0, 0, 1)
Result<Value> hard_swish(Net& net, const Value& x);                                 // x clip(x / 6 + 0.5, 0, 1)
Result<Value> softplus(Net& net, const Value& x, double beta = 1);                  // log(1 + e^(beta x)) / beta
Result<Value> softsign(Net& net, const Value& x);                                   // x / (1 + |x|)
Result<Value> prelu(Net& net, const Value& x, const Value& slope);                  // slope: broadcasts against x (not by channel on its own)
Result<Value> glu(Net& net, const Value& x, std::int64_t axis);                     // first half times sigmoid of the second
Result<Value> log_sigmoid(Net& net, const Value& x);                                // -softplus(-x)
Result<Value> threshold(Net& net, const Value& x, double limit, double otherwise);  // x where x > limit

}  // namespace slipway::importers::neural
