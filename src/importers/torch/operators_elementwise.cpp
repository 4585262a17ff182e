// Operators on one element at a time: arithmetic, comparisons, activations.
#include <cmath>
#include <numbers>

#include "slipway/importers/blocks/neural/activation.hpp"
#include "slipway/importers/blocks/neural/elementwise.hpp"
#include "slipway/importers/blocks/neural/shapes.hpp"
#include "slipway/importers/torch/operator_call.hpp"

namespace slipway::importers::torch {
namespace {

using namespace neural;  // NOLINT(google-build-using-namespace): the blocks are this file's vocabulary

// self op alpha * other
Result<Any> sum_like(OpCall& c, std::string_view op, bool reversed = false) {
  Value a = TRY(c.tensor(0)), b = TRY(c.tensor(1));
  if (reversed) std::swap(a, b);
  const Value alpha = TRY(c.tensor(2));
  const bool one = alpha.constant() && alpha.content->as_double(0) == 1;
  if (!one) b = TRY(binary(c.net, "Mul", b, alpha));
  return torch::tensor(TRY(binary(c.net, op, a, b)));
}
Result<Any> add_op(OpCall& c) { return sum_like(c, "Add"); }
Result<Any> sub_op(OpCall& c) { return sum_like(c, "Sub"); }
Result<Any> rsub_op(OpCall& c) { return sum_like(c, "Sub", true); }
Result<Any> mul_op(OpCall& c) { return torch::tensor(TRY(binary(c.net, "Mul", TRY(c.tensor(0)), TRY(c.tensor(1))))); }

Result<Any> div_op(OpCall& c) {
  const Value a = TRY(c.tensor(0)), b = TRY(c.tensor(1));
  if (!c.given(2)) return torch::tensor(TRY(divide(c.net, a, b)));
  const std::string mode = TRY(c.text(2));
  if (mode == "floor") return torch::tensor(TRY(floor_divide(c.net, a, b)));
  if (mode != "trunc") return c.wrong("rounding mode " + mode);
  const Value q = TRY(binary(c.net, "Div", a, b));
  if (!is_floating(q.dtype())) return torch::tensor(q);
  const Value size = unary(c.net, "Floor", unary(c.net, "Abs", q));
  return torch::tensor(TRY(binary(c.net, "Mul", size, unary(c.net, "Sign", q))));
}
Result<Any> floor_divide_op(OpCall& c) { return torch::tensor(TRY(floor_divide(c.net, TRY(c.tensor(0)), TRY(c.tensor(1))))); }
Result<Any> remainder_op(OpCall& c) { return torch::tensor(TRY(remainder(c.net, TRY(c.tensor(0)), TRY(c.tensor(1))))); }
Result<Any> fmod_op(OpCall& c) {
  const Value a = TRY(c.tensor(0)), b = TRY(c.tensor(1));
  const DType d = promoted(a, b);
  Dims dims = TRY(broadcast(c.net, a.dims, b.dims, c.name));
  return torch::tensor(c.net.op("Mod", {c.net.cast(a, d), c.net.cast(b, d)}, d, std::move(dims), {graph::attr("fmod", std::int64_t{1})}));
}

Result<Any> pow_op(OpCall& c) {
  const Value a = TRY(c.tensor(0)), b = TRY(c.tensor(1));
  if (b.constant() && b.content->count() == 1 && b.rank() == 0) {
    const double p = b.content->as_double(0);
    if (p == 2) return torch::tensor(TRY(mul(c.net, a, a)));
    if (p == 1) return torch::tensor(a);
    if (p == 0.5) return torch::tensor(unary(c.net, "Sqrt", in_floating(c.net, a)));
    if (p == 3) return torch::tensor(TRY(mul(c.net, TRY(mul(c.net, a, a)), a)));
  }
  return torch::tensor(TRY(binary(c.net, "Pow", a, b)));
}

template <char const* Op>
Result<Any> binary_op(OpCall& c) {
  return torch::tensor(TRY(binary(c.net, Op, TRY(c.tensor(0)), TRY(c.tensor(1)))));
}
template <char const* Op>
Result<Any> compare_op(OpCall& c) {
  return torch::tensor(TRY(compare(c.net, Op, TRY(c.tensor(0)), TRY(c.tensor(1)))));
}
template <char const* Op>
Result<Any> unary_op(OpCall& c) {
  return torch::tensor(unary(c.net, Op, TRY(c.tensor(0))));
}
template <char const* Op>
Result<Any> floating_op(OpCall& c) {
  return torch::tensor(unary(c.net, Op, in_floating(c.net, TRY(c.tensor(0)))));
}
constexpr char kMax[] = "Max", kMin[] = "Min", kEqual[] = "Equal", kLess[] = "Less", kLessOrEqual[] = "LessOrEqual", kGreater[] = "Greater",
               kGreaterOrEqual[] = "GreaterOrEqual", kAbs[] = "Abs", kNeg[] = "Neg", kSign[] = "Sign", kExp[] = "Exp", kLog[] = "Log",
               kSqrt[] = "Sqrt", kSin[] = "Sin", kCos[] = "Cos", kTan[] = "Tan", kAsin[] = "Asin", kAcos[] = "Acos", kAtan[] = "Atan",
               kSinh[] = "Sinh", kCosh[] = "Cosh", kAsinh[] = "Asinh", kAcosh[] = "Acosh", kAtanh[] = "Atanh", kErf[] = "Erf",
               kReciprocal[] = "Reciprocal", kIsNan[] = "IsNaN", kIsInf[] = "IsInf", kRelu[] = "Relu", kSoftsign[] = "Softsign";

Result<Any> rounded(OpCall& c, std::string_view op) {
  const Value x = TRY(c.tensor(0));
  return torch::tensor(is_floating(x.dtype()) ? unary(c.net, op, x) : x);
}
Result<Any> floor_op(OpCall& c) { return rounded(c, "Floor"); }
Result<Any> ceil_op(OpCall& c) { return rounded(c, "Ceil"); }
Result<Any> round_op(OpCall& c) {
  if (TRY(c.number(1)) != 0) return c.wrong("to decimals is not supported");
  return rounded(c, "Round");
}
Result<Any> trunc_op(OpCall& c) {
  const Value x = TRY(c.tensor(0));
  if (!is_floating(x.dtype())) return torch::tensor(x);
  return torch::tensor(TRY(mul(c.net, unary(c.net, "Floor", unary(c.net, "Abs", x)), unary(c.net, "Sign", x))));
}

Result<Any> ne_op(OpCall& c) { return torch::tensor(unary(c.net, "Not", TRY(compare(c.net, "Equal", TRY(c.tensor(0)), TRY(c.tensor(1)))))); }

Result<Any> logical(OpCall& c, std::string_view op, bool bitwise) {
  const Value a = TRY(c.tensor(0)), b = TRY(c.tensor(1));
  if (bitwise && (a.dtype() != DType::boolean || b.dtype() != DType::boolean)) {
    const DType d = promoted(a, b);
    const std::string_view name = op == "And" ? "BitwiseAnd" : op == "Or" ? "BitwiseOr" : "BitwiseXor";
    Dims dims = TRY(broadcast(c.net, a.dims, b.dims, c.name));
    return torch::tensor(c.net.op(name, {c.net.cast(a, d), c.net.cast(b, d)}, d, std::move(dims)));
  }
  return torch::tensor(TRY(binary(c.net, op, c.net.cast(a, DType::boolean), c.net.cast(b, DType::boolean))));
}
Result<Any> and_op(OpCall& c) { return logical(c, "And", true); }
Result<Any> or_op(OpCall& c) { return logical(c, "Or", true); }
Result<Any> xor_op(OpCall& c) { return logical(c, "Xor", true); }
Result<Any> logical_and_op(OpCall& c) { return logical(c, "And", false); }
Result<Any> logical_or_op(OpCall& c) { return logical(c, "Or", false); }
Result<Any> logical_xor_op(OpCall& c) { return logical(c, "Xor", false); }
Result<Any> logical_not_op(OpCall& c) { return torch::tensor(unary(c.net, "Not", c.net.cast(TRY(c.tensor(0)), DType::boolean))); }
Result<Any> bitwise_not_op(OpCall& c) {
  const Value x = TRY(c.tensor(0));
  if (x.dtype() != DType::boolean) c.net.note_guess();  // ~mask is hardly meant of numbers
  return torch::tensor(unary(c.net, x.dtype() == DType::boolean ? "Not" : "BitwiseNot", x));
}

Result<Any> rsqrt_op(OpCall& c) { return torch::tensor(unary(c.net, "Reciprocal", unary(c.net, "Sqrt", in_floating(c.net, TRY(c.tensor(0)))))); }
Result<Any> expm1_op(OpCall& c) { return torch::tensor(TRY(shifted(c.net, unary(c.net, "Exp", in_floating(c.net, TRY(c.tensor(0)))), -1))); }
Result<Any> log1p_op(OpCall& c) { return torch::tensor(unary(c.net, "Log", TRY(shifted(c.net, in_floating(c.net, TRY(c.tensor(0))), 1)))); }
Result<Any> log2_op(OpCall& c) {
  return torch::tensor(TRY(scaled(c.net, unary(c.net, "Log", in_floating(c.net, TRY(c.tensor(0)))), std::numbers::log2e)));
}
Result<Any> log10_op(OpCall& c) {
  return torch::tensor(TRY(scaled(c.net, unary(c.net, "Log", in_floating(c.net, TRY(c.tensor(0)))), std::numbers::log10e)));
}
Result<Any> exp2_op(OpCall& c) {
  return torch::tensor(unary(c.net, "Exp", TRY(scaled(c.net, in_floating(c.net, TRY(c.tensor(0))), std::numbers::ln2))));
}
Result<Any> square_op(OpCall& c) {
  const Value x = TRY(c.tensor(0));
  return torch::tensor(TRY(mul(c.net, x, x)));
}
Result<Any> erfc_op(OpCall& c) {
  const Value e = unary(c.net, "Erf", in_floating(c.net, TRY(c.tensor(0))));
  return torch::tensor(TRY(shifted(c.net, unary(c.net, "Neg", e), 1)));
}
Result<Any> atan2_op(OpCall& c) {
  // atan(y / x), moved by half a turn where x is negative.
  const Value y = TRY(c.tensor(0)), x = TRY(c.tensor(1));
  const Value base = unary(c.net, "Atan", TRY(divide(c.net, y, x)));
  const Value zero = c.net.number(0, x.dtype());
  const Value up = TRY(compare(c.net, "GreaterOrEqual", y, zero));
  const Value turn = TRY(neural::where(c.net, up, c.net.number(std::numbers::pi, base.dtype()), c.net.number(-std::numbers::pi, base.dtype())));
  const Value moved = TRY(add(c.net, base, turn));
  return torch::tensor(TRY(neural::where(c.net, TRY(compare(c.net, "Less", x, zero)), moved, base)));
}
Result<Any> isfinite_op(OpCall& c) {
  const Value x = TRY(c.tensor(0));
  const Value odd =
      TRY(binary(c.net, "Or", c.net.cast(unary(c.net, "IsNaN", x), DType::boolean), c.net.cast(unary(c.net, "IsInf", x), DType::boolean)));
  return torch::tensor(unary(c.net, "Not", odd));
}
Result<Any> is_nan_op(OpCall& c) {
  const Value x = TRY(c.tensor(0));
  return torch::tensor(c.net.op("IsNaN", {x}, DType::boolean, x.dims));
}
Result<Any> is_inf_op(OpCall& c) {
  const Value x = TRY(c.tensor(0));
  return torch::tensor(c.net.op("IsInf", {x}, DType::boolean, x.dims));
}
Result<Any> nan_to_num_op(OpCall& c) {
  const Value x = TRY(c.tensor(0));
  const Value finite =
      TRY(neural::where(c.net, c.net.op("IsNaN", {x}, DType::boolean, x.dims), c.net.number(c.given(1) ? TRY(c.number(1)) : 0, x.dtype()), x));
  return torch::tensor(
      neural::clamp(c.net, finite, c.given(3) ? TRY(c.number(3)) : -3.4028234663852886e38, c.given(2) ? TRY(c.number(2)) : 3.4028234663852886e38));
}

Result<Any> clamp_op(OpCall& c) {
  Value x = TRY(c.tensor(0));
  const bool tensors = c.is_tensor(1) || c.is_tensor(2);
  if (tensors) {
    if (c.given(1)) x = TRY(binary(c.net, "Max", x, TRY(c.tensor(1))));
    if (c.given(2)) x = TRY(binary(c.net, "Min", x, TRY(c.tensor(2))));
    return torch::tensor(x);
  }
  std::optional<double> low, high;
  if (c.given(1)) low = TRY(c.number(1));
  if (c.given(2)) high = TRY(c.number(2));
  return torch::tensor(neural::clamp(c.net, x, low, high));
}
Result<Any> clamp_min_op(OpCall& c) { return torch::tensor(TRY(binary(c.net, "Max", TRY(c.tensor(0)), TRY(c.tensor(1))))); }
Result<Any> clamp_max_op(OpCall& c) { return torch::tensor(TRY(binary(c.net, "Min", TRY(c.tensor(0)), TRY(c.tensor(1))))); }

Result<Any> lerp_op(OpCall& c) {  // start + weight * (end - start)
  const Value a = TRY(c.tensor(0)), b = TRY(c.tensor(1));
  return torch::tensor(TRY(add(c.net, a, TRY(mul(c.net, TRY(sub(c.net, b, a)), TRY(c.tensor(2)))))));
}
Result<Any> addcmul_op(OpCall& c) {
  const Value p = TRY(mul(c.net, TRY(mul(c.net, TRY(c.tensor(1)), TRY(c.tensor(2)))), TRY(c.tensor(3))));
  return torch::tensor(TRY(add(c.net, TRY(c.tensor(0)), p)));
}
Result<Any> addcdiv_op(OpCall& c) {
  const Value p = TRY(mul(c.net, TRY(divide(c.net, TRY(c.tensor(1)), TRY(c.tensor(2)))), TRY(c.tensor(3))));
  return torch::tensor(TRY(add(c.net, TRY(c.tensor(0)), p)));
}

Result<Any> logaddexp_op(OpCall& c) {  // the larger one, and what the other adds
  const Value a = TRY(c.tensor(0)), b = TRY(c.tensor(1));
  const Value apart = unary(c.net, "Neg", unary(c.net, "Abs", TRY(sub(c.net, a, b))));
  const Value more = unary(c.net, "Log", TRY(shifted(c.net, unary(c.net, "Exp", apart), 1)));
  return torch::tensor(TRY(add(c.net, TRY(binary(c.net, "Max", a, b)), more)));
}
Result<Any> hypot_op(OpCall& c) {
  const Value a = TRY(c.tensor(0)), b = TRY(c.tensor(1));
  return torch::tensor(unary(c.net, "Sqrt", TRY(add(c.net, TRY(mul(c.net, a, a)), TRY(mul(c.net, b, b))))));
}
Result<Any> logit_op(OpCall& c) {
  Value x = in_floating(c.net, TRY(c.tensor(0)));
  if (c.given(1)) x = neural::clamp(c.net, x, TRY(c.number(1)), 1 - TRY(c.number(1)));
  const Value rest = TRY(shifted(c.net, unary(c.net, "Neg", x), 1));
  return torch::tensor(unary(c.net, "Log", TRY(divide(c.net, x, rest))));
}
Result<Any> frac_op(OpCall& c) {
  const Value x = TRY(c.tensor(0));
  const Any whole = TRY(call_operator(c.net, "trunc", {{c.args[0]}, {}}));
  return torch::tensor(TRY(sub(c.net, x, TRY((*whole.as<TensorRef>())->read(c.net)))));
}
Result<Any> float_power_op(OpCall& c) {
  return torch::tensor(TRY(binary(c.net, "Pow", c.net.cast(TRY(c.tensor(0)), DType::float64), c.net.cast(TRY(c.tensor(1)), DType::float64))));
}

// --- activations

Result<Any> sigmoid_op(OpCall& c) { return torch::tensor(sigmoid(c.net, TRY(c.tensor(0)))); }
Result<Any> tanh_op(OpCall& c) { return torch::tensor(neural::tanh(c.net, TRY(c.tensor(0)))); }
Result<Any> relu6_op(OpCall& c) { return torch::tensor(neural::clamp(c.net, TRY(c.tensor(0)), 0.0, 6.0)); }
Result<Any> hardtanh_op(OpCall& c) { return torch::tensor(neural::clamp(c.net, TRY(c.tensor(0)), TRY(c.number(1)), TRY(c.number(2)))); }
Result<Any> leaky_relu_op(OpCall& c) { return torch::tensor(leaky_relu(c.net, TRY(c.tensor(0)), TRY(c.number(1)))); }
Result<Any> elu_op(OpCall& c) {
  const double alpha = TRY(c.number(1)), scale = TRY(c.number(2));
  if (TRY(c.number(3)) != 1) return c.wrong("an input scale is not supported");
  return torch::tensor(TRY(scaled(c.net, elu(c.net, TRY(c.tensor(0)), alpha), scale)));
}
Result<Any> celu_op(OpCall& c) { return torch::tensor(celu(c.net, TRY(c.tensor(0)), TRY(c.number(1)))); }
Result<Any> selu_op(OpCall& c) { return torch::tensor(selu(c.net, TRY(c.tensor(0)))); }
Result<Any> gelu_op(OpCall& c) { return torch::tensor(TRY(gelu(c.net, TRY(c.tensor(0)), TRY(c.text(1)) == "tanh"))); }
Result<Any> silu_op(OpCall& c) { return torch::tensor(TRY(silu(c.net, TRY(c.tensor(0))))); }
Result<Any> mish_op(OpCall& c) { return torch::tensor(TRY(mish(c.net, TRY(c.tensor(0))))); }
Result<Any> hardswish_op(OpCall& c) { return torch::tensor(TRY(hard_swish(c.net, TRY(c.tensor(0))))); }
Result<Any> hardsigmoid_op(OpCall& c) { return torch::tensor(hard_sigmoid(c.net, TRY(c.tensor(0)), 1.0 / 6, 0.5)); }
Result<Any> softplus_op(OpCall& c) {  // above the threshold x itself, which is the same in single precision from 20 on
  const Value x = TRY(c.tensor(0));
  const double beta = TRY(c.number(1)), limit = TRY(c.number(2));
  const Value y = TRY(softplus(c.net, x, beta));
  if (limit >= 17) return torch::tensor(y);
  return torch::tensor(TRY(neural::where(c.net, TRY(compare(c.net, "Greater", TRY(scaled(c.net, x, beta)), c.net.number(limit, x.dtype()))), x, y)));
}
Result<Any> log_sigmoid_op(OpCall& c) { return torch::tensor(TRY(log_sigmoid(c.net, TRY(c.tensor(0))))); }
Result<Any> glu_op(OpCall& c) { return torch::tensor(TRY(glu(c.net, TRY(c.tensor(0)), TRY(c.integer(1))))); }
Result<Any> threshold_op(OpCall& c) { return torch::tensor(TRY(threshold(c.net, TRY(c.tensor(0)), TRY(c.number(1)), TRY(c.number(2))))); }
Result<Any> prelu_op(OpCall& c) {
  const Value x = TRY(c.tensor(0));
  Value slope = TRY(c.tensor(1));
  if (slope.rank() == 1 && x.rank() > 2 && !slope.dims[0].is(1)) {  // one a channel
    Dims dims(x.rank() - 1, Dim(1));
    dims[0] = slope.dims[0];
    slope = TRY(neural::reshape(c.net, slope, dims));
  }
  return torch::tensor(TRY(prelu(c.net, x, slope)));
}
Result<Any> tanhshrink_op(OpCall& c) {
  const Value x = TRY(c.tensor(0));
  return torch::tensor(TRY(sub(c.net, x, neural::tanh(c.net, x))));
}
Result<Any> shrink(OpCall& c, bool soft) {
  const Value x = TRY(c.tensor(0));
  const double limit = TRY(c.number(1));
  const Value outside = TRY(compare(c.net, "Greater", unary(c.net, "Abs", x), c.net.number(limit, x.dtype())));
  const Value kept = soft ? TRY(sub(c.net, x, TRY(scaled(c.net, unary(c.net, "Sign", x), limit)))) : x;
  return torch::tensor(TRY(neural::where(c.net, outside, kept, c.net.number(0, x.dtype()))));
}
Result<Any> hardshrink_op(OpCall& c) { return shrink(c, false); }
Result<Any> softshrink_op(OpCall& c) { return shrink(c, true); }
Result<Any> softmax_op(OpCall& c) {
  Value x = TRY(c.tensor(0));
  x = c.net.cast(x, TRY(c.dtype(2, is_floating(x.dtype()) ? x.dtype() : DType::float32)));
  // F.softmax without dim: 1 for two dimensions, else 0 for 0, 1 and 3.
  const std::int64_t dim = c.given(1) ? TRY(c.integer(1)) : (x.rank() == 0 || x.rank() == 1 || x.rank() == 3 ? 0 : 1);
  return torch::tensor(TRY(softmax(c.net, x, dim)));
}
Result<Any> log_softmax_op(OpCall& c) {
  Value x = TRY(c.tensor(0));
  x = c.net.cast(x, TRY(c.dtype(2, is_floating(x.dtype()) ? x.dtype() : DType::float32)));
  const std::int64_t dim = c.given(1) ? TRY(c.integer(1)) : (x.rank() == 0 || x.rank() == 1 || x.rank() == 3 ? 0 : 1);
  return torch::tensor(TRY(log_softmax(c.net, x, dim)));
}
Result<Any> core_softmax_op(OpCall& c) { return torch::tensor(TRY(softmax(c.net, TRY(c.tensor(0)), TRY(c.integer(1))))); }
Result<Any> core_log_softmax_op(OpCall& c) { return torch::tensor(TRY(log_softmax(c.net, TRY(c.tensor(0)), TRY(c.integer(1))))); }

constexpr Operator kOperators[] = {
    {"add", "self, other, alpha=1", add_op},
    {"sub", "self, other, alpha=1", sub_op},
    {"subtract", "self, other, alpha=1", sub_op},
    {"rsub", "self, other, alpha=1", rsub_op},
    {"mul", "self, other", mul_op},
    {"multiply", "self, other", mul_op},
    {"div", "self, other, rounding_mode=None", div_op},
    {"divide", "self, other, rounding_mode=None", div_op},
    {"true_divide", "self, other, rounding_mode=None", div_op},
    {"floor_divide", "self, other", floor_divide_op},
    {"remainder", "self, other", remainder_op},
    {"fmod", "self, other", fmod_op},
    {"pow", "self, exponent", pow_op},
    {"maximum", "self, other", binary_op<kMax>},
    {"minimum", "self, other", binary_op<kMin>},
    {"eq", "self, other", compare_op<kEqual>},
    {"ne", "self, other", ne_op},
    {"lt", "self, other", compare_op<kLess>},
    {"le", "self, other", compare_op<kLessOrEqual>},
    {"gt", "self, other", compare_op<kGreater>},
    {"ge", "self, other", compare_op<kGreaterOrEqual>},
    {"abs", "self", unary_op<kAbs>},
    {"absolute", "self", unary_op<kAbs>},
    {"neg", "self", unary_op<kNeg>},
    {"negative", "self", unary_op<kNeg>},
    {"sign", "self", unary_op<kSign>},
    {"sgn", "self", unary_op<kSign>},
    {"exp", "self", floating_op<kExp>},
    {"log", "self", floating_op<kLog>},
    {"sqrt", "self", floating_op<kSqrt>},
    {"sin", "self", floating_op<kSin>},
    {"cos", "self", floating_op<kCos>},
    {"tan", "self", floating_op<kTan>},
    {"asin", "self", floating_op<kAsin>},
    {"acos", "self", floating_op<kAcos>},
    {"atan", "self", floating_op<kAtan>},
    {"arctan", "self", floating_op<kAtan>},
    {"sinh", "self", floating_op<kSinh>},
    {"cosh", "self", floating_op<kCosh>},
    {"asinh", "self", floating_op<kAsinh>},
    {"acosh", "self", floating_op<kAcosh>},
    {"atanh", "self", floating_op<kAtanh>},
    {"erf", "self", floating_op<kErf>},
    {"reciprocal", "self", floating_op<kReciprocal>},
    {"floor", "self", floor_op},
    {"ceil", "self", ceil_op},
    {"round", "self, decimals=0", round_op},
    {"trunc", "self", trunc_op},
    {"rsqrt", "self", rsqrt_op},
    {"expm1", "self", expm1_op},
    {"log1p", "self", log1p_op},
    {"log2", "self", log2_op},
    {"log10", "self", log10_op},
    {"exp2", "self", exp2_op},
    {"square", "self", square_op},
    {"erfc", "self", erfc_op},
    {"atan2", "self, other", atan2_op},
    {"arctan2", "self, other", atan2_op},
    {"isfinite", "self", isfinite_op},
    {"isnan", "self", is_nan_op},
    {"isinf", "self", is_inf_op},
    {"nan_to_num", "self, nan=None, posinf=None, neginf=None", nan_to_num_op},
    {"bitwise_and", "self, other", and_op},
    {"bitwise_or", "self, other", or_op},
    {"bitwise_xor", "self, other", xor_op},
    {"__and__", "self, other", and_op},
    {"__or__", "self, other", or_op},
    {"__xor__", "self, other", xor_op},
    {"logical_and", "self, other", logical_and_op},
    {"logical_or", "self, other", logical_or_op},
    {"logical_xor", "self, other", logical_xor_op},
    {"logical_not", "self", logical_not_op},
    {"bitwise_not", "self", bitwise_not_op},
    {"clamp", "self, min=None, max=None", clamp_op},
    {"clip", "self, min=None, max=None", clamp_op},
    {"clamp_min", "self, min", clamp_min_op},
    {"clamp_max", "self, max", clamp_max_op},
    {"lerp", "self, end, weight", lerp_op},
    {"addcmul", "self, tensor1, tensor2, value=1", addcmul_op},
    {"addcdiv", "self, tensor1, tensor2, value=1", addcdiv_op},
    {"logaddexp", "self, other", logaddexp_op},
    {"hypot", "self, other", hypot_op},
    {"logit", "self, eps=None", logit_op},
    {"special_logit", "self, eps=None", logit_op},
    {"special_erf", "self", floating_op<kErf>},
    {"frac", "self", frac_op},
    {"float_power", "self, exponent", float_power_op},
    {"fix", "self", trunc_op},
    {"greater", "self, other", compare_op<kGreater>},
    {"greater_equal", "self, other", compare_op<kGreaterOrEqual>},
    {"less", "self, other", compare_op<kLess>},
    {"less_equal", "self, other", compare_op<kLessOrEqual>},
    {"not_equal", "self, other", ne_op},
    {"arcsin", "self", floating_op<kAsin>},
    {"arccos", "self", floating_op<kAcos>},
    {"relu", "self", unary_op<kRelu>},
    {"sigmoid", "self", sigmoid_op},
    {"special_expit", "self", sigmoid_op},
    {"tanh", "self", tanh_op},
    {"relu6", "self", relu6_op},
    {"hardtanh", "self, min_val=-1.0, max_val=1.0", hardtanh_op},
    {"leaky_relu", "self, negative_slope=0.01", leaky_relu_op},
    {"rrelu", "self, lower=0.125, upper=0.3333333333333333, training=False",
     [](OpCall& c) -> Result<Any> { return torch::tensor(leaky_relu(c.net, TRY(c.tensor(0)), (TRY(c.number(1)) + TRY(c.number(2))) / 2)); }},
    {"elu", "self, alpha=1.0, scale=1.0, input_scale=1.0", elu_op},
    {"celu", "self, alpha=1.0", celu_op},
    {"selu", "self", selu_op},
    {"gelu", "self, approximate=\"none\"", gelu_op},
    {"silu", "self", silu_op},
    {"mish", "self", mish_op},
    {"hardswish", "self", hardswish_op},
    {"hardsigmoid", "self", hardsigmoid_op},
    {"softplus", "self, beta=1.0, threshold=20.0", softplus_op},
    {"softsign", "self", unary_op<kSoftsign>},
    {"log_sigmoid", "self", log_sigmoid_op},
    {"logsigmoid", "self", log_sigmoid_op},
    {"glu", "self, dim=-1", glu_op},
    {"threshold", "self, threshold, value", threshold_op},
    {"prelu", "self, weight", prelu_op},
    {"_prelu_kernel", "self, weight", prelu_op},
    {"tanhshrink", "self", tanhshrink_op},
    {"hardshrink", "self, lambd=0.5", hardshrink_op},
    {"softshrink", "self, lambd=0.5", softshrink_op},
    {"softmax", "self, dim=None, dtype=None", softmax_op},
    {"log_softmax", "self, dim=None, dtype=None", log_softmax_op},
    {"special_softmax", "self, dim=None, dtype=None", softmax_op},
    {"special_log_softmax", "self, dim=None, dtype=None", log_softmax_op},
    {"_safe_softmax", "self, dim, dtype=None", softmax_op},
    {"log_sigmoid_forward", "self", [](OpCall& c) -> Result<Any> { return tuple({TRY(log_sigmoid_op(c)), None{}}); }},
    {"_softmax", "self, dim, half_to_float=False", core_softmax_op},
    {"_log_softmax", "self, dim, half_to_float=False", core_log_softmax_op},
    {"softmin", "self, dim=-1, dtype=None",
     [](OpCall& c) -> Result<Any> { return torch::tensor(TRY(softmax(c.net, unary(c.net, "Neg", TRY(c.tensor(0))), TRY(c.integer(1))))); }},
};

}  // namespace

std::span<const Operator> elementwise_operators() { return kOperators; }

}  // namespace slipway::importers::torch
