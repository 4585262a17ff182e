#include "slipway/importers/blocks/neural/activation.hpp"

#include <cmath>
#include <numbers>

#include "slipway/importers/blocks/neural/elementwise.hpp"
#include "slipway/importers/blocks/neural/shapes.hpp"

namespace slipway::importers::neural {

using graph::attr;

Value relu(Net& net, const Value& x) { return unary(net, "Relu", x); }
Value sigmoid(Net& net, const Value& x) { return unary(net, "Sigmoid", in_floating(net, x)); }
Value tanh(Net& net, const Value& x) { return unary(net, "Tanh", in_floating(net, x)); }

Result<Value> softmax(Net& net, const Value& x, std::int64_t axis) {
  if (x.rank() == 0) return wrong("softmax: of a number");
  const auto a = static_cast<std::int64_t>(TRY(axis_of(axis, x.rank(), "softmax")));
  const Value f = in_floating(net, x);
  return net.op("Softmax", {f}, f.dtype(), f.dims, {attr("axis", a)});
}

Result<Value> log_softmax(Net& net, const Value& x, std::int64_t axis) {
  if (x.rank() == 0) return wrong("log_softmax: of a number");
  const auto a = static_cast<std::int64_t>(TRY(axis_of(axis, x.rank(), "log_softmax")));
  const Value f = in_floating(net, x);
  return net.op("LogSoftmax", {f}, f.dtype(), f.dims, {attr("axis", a)});
}

Value leaky_relu(Net& net, const Value& x, double slope) {
  return net.op("LeakyRelu", {x}, x.dtype(), x.dims, {attr("alpha", static_cast<float>(slope))});
}
Value elu(Net& net, const Value& x, double alpha) { return net.op("Elu", {x}, x.dtype(), x.dims, {attr("alpha", static_cast<float>(alpha))}); }
Value celu(Net& net, const Value& x, double alpha) { return net.op("Celu", {x}, x.dtype(), x.dims, {attr("alpha", static_cast<float>(alpha))}); }
Value selu(Net& net, const Value& x) {
  return net.op("Selu", {x}, x.dtype(), x.dims, {attr("alpha", 1.6732632423543772F), attr("gamma", 1.0507009873554805F)});
}

Result<Value> gelu(Net& net, const Value& x, bool by_tanh) {
  if (by_tanh) {
    const Value cubed = TRY(mul(net, TRY(mul(net, x, x)), x));
    const Value inner = TRY(scaled(net, TRY(add(net, x, TRY(scaled(net, cubed, 0.044715)))), std::sqrt(2 / std::numbers::pi)));
    return mul(net, TRY(scaled(net, x, 0.5)), TRY(shifted(net, tanh(net, inner), 1)));
  }
  const Value phi = TRY(shifted(net, unary(net, "Erf", TRY(binary(net, "Div", x, net.number(std::numbers::sqrt2, x.dtype())))), 1));
  return scaled(net, TRY(mul(net, x, phi)), 0.5);
}

Result<Value> silu(Net& net, const Value& x) { return mul(net, x, sigmoid(net, x)); }
Result<Value> mish(Net& net, const Value& x) { return mul(net, x, tanh(net, TRY(softplus(net, x)))); }

Value hard_sigmoid(Net& net, const Value& x, double slope, double at0) {
  return net.op("HardSigmoid", {x}, x.dtype(), x.dims, {attr("alpha", static_cast<float>(slope)), attr("beta", static_cast<float>(at0))});
}

Result<Value> hard_swish(Net& net, const Value& x) { return mul(net, x, hard_sigmoid(net, x, 1.0 / 6, 0.5)); }

Result<Value> softplus(Net& net, const Value& x, double beta) {
  const Value f = in_floating(net, x);
  if (beta == 1) return unary(net, "Softplus", f);
  return binary(net, "Div", unary(net, "Softplus", TRY(scaled(net, f, beta))), net.number(beta, f.dtype()));
}

Result<Value> softsign(Net& net, const Value& x) { return unary(net, "Softsign", x); }
Result<Value> log_sigmoid(Net& net, const Value& x) { return unary(net, "Neg", TRY(softplus(net, unary(net, "Neg", x)))); }

Result<Value> prelu(Net& net, const Value& x, const Value& slope) {
  TRY(broadcast(net, x.dims, slope.dims, "prelu"));
  return net.op("PRelu", {x, slope}, x.dtype(), x.dims);
}

Result<Value> glu(Net& net, const Value& x, std::int64_t axis) {
  const std::vector<Value> halves = TRY(chunk(net, x, axis, 2));
  if (halves.size() != 2 || !(halves[0].dims == halves[1].dims)) return wrong("glu: an odd size");
  return mul(net, halves[0], sigmoid(net, halves[1]));
}

Result<Value> threshold(Net& net, const Value& x, double limit, double otherwise) {
  return where(net, TRY(compare(net, "Greater", x, net.number(limit, x.dtype()))), x, net.number(otherwise, x.dtype()));
}

}  // namespace slipway::importers::neural
