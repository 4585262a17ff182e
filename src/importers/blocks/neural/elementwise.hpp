// One element at a time, with broadcasting as numpy and torch do it.
#pragma once

#include "slipway/importers/blocks/neural/net.hpp"

namespace slipway::importers::neural {

Result<Dims> broadcast(Net& net, const Dims& a, const Dims& b, std::string_view who);

// The type of a result of both. Of torch: a number without dimensions gives way to a tensor of the same kind (bool < integer < floating).
DType promoted(const Value& a, const Value& b);

// Add, Sub, Mul, Div, Pow, Mod, Max, Min, And, Or, Xor of the engine; operands are brought to one type first.
Result<Value> binary(Net& net, std::string_view op, const Value& a, const Value& b);
// Equal, Less, LessOrEqual, Greater, GreaterOrEqual; boolean.
Result<Value> compare(Net& net, std::string_view op, const Value& a, const Value& b);
Value unary(Net& net, std::string_view op, const Value& a);            // Abs, Exp, Neg, Not, Sqrt, ...: of a's type
Value in_floating(Net& net, const Value& a);                           // integers become float32, as torch's sqrt, exp, mean do
Result<Value> divide(Net& net, const Value& a, const Value& b);        // true division
Result<Value> floor_divide(Net& net, const Value& a, const Value& b);  // rounds down, also of negative integers
Result<Value> remainder(Net& net, const Value& a, const Value& b);     // has the sign of b, as Python's %
Value clamp(Net& net, const Value& a, std::optional<double> low, std::optional<double> high);

inline Result<Value> add(Net& net, const Value& a, const Value& b) { return binary(net, "Add", a, b); }
inline Result<Value> sub(Net& net, const Value& a, const Value& b) { return binary(net, "Sub", a, b); }
inline Result<Value> mul(Net& net, const Value& a, const Value& b) { return binary(net, "Mul", a, b); }
Result<Value> scaled(Net& net, const Value& a, double factor);    // a * factor, in a's type if that is floating
Result<Value> shifted(Net& net, const Value& a, double summand);  // a + summand

}  // namespace slipway::importers::neural
