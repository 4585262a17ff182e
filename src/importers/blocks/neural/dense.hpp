// Products: of matrices, of weights, embeddings.
#pragma once

#include "slipway/importers/blocks/neural/net.hpp"

namespace slipway::importers::neural {

Result<Value> matmul(Net& net, const Value& a, const Value& b);  // numpy's: the last two dimensions, the others broadcast
// x [..., in] times a matrix. linear: weight [out, in], as torch has it; dense: kernel [in, out], as Keras has it.
Result<Value> linear(Net& net, const Value& x, const Value& weight, const std::optional<Value>& bias);
Result<Value> dense(Net& net, const Value& x, const Value& kernel, const std::optional<Value>& bias);
Result<Value> embedding(Net& net, const Value& table, const Value& indices);                      // indices [...] -> [..., width]
Result<Value> einsum(Net& net, const std::string& equation, const std::vector<Value>& operands);  // "ab,bc->ac", also with "..."
// x1 W x2 + b: weight [out, in1, in2]
Result<Value> bilinear(Net& net, const Value& x1, const Value& x2, const Value& weight, const std::optional<Value>& bias);

}  // namespace slipway::importers::neural
