// What operators do with complex numbers: arithmetic by its formulas, everything that only moves or adds elements with each part by itself.
#include <algorithm>
#include <array>

#include "slipway/importers/blocks/neural/dense.hpp"
#include "slipway/importers/blocks/neural/elementwise.hpp"
#include "slipway/importers/blocks/neural/shapes.hpp"
#include "slipway/importers/torch/operator_call.hpp"
#include "slipway/importers/torch/scalars.hpp"

namespace slipway::importers::torch {
namespace {

using namespace neural;  // NOLINT(google-build-using-namespace): the blocks are this file's vocabulary

struct Parts {
  Value real;
  std::optional<Value> imaginary;  // absent: a real number
};
Result<Parts> parts_of(OpCall& c, const Any& a) {
  if (const auto* both = a.as<ComplexRef>()) return Parts{TRY((*both)->real->read(c.net)), TRY((*both)->imaginary->read(c.net))};
  return Parts{TRY(value_of(c.net, a, c.name)), std::nullopt};
}
Any made(Net& net, const Parts& x) { return complex_tensor(net, x.real, x.imaginary); }

// (a + bi)(c + di) of any product.
template <class Product>
Result<Any> product_of(OpCall& c, const Any& left, const Any& right, const Product& product) {
  const Parts x = TRY(parts_of(c, left)), y = TRY(parts_of(c, right));
  Parts out{TRY(product(x.real, y.real)), std::nullopt};
  if (x.imaginary && y.imaginary) out.real = TRY(sub(c.net, out.real, TRY(product(*x.imaginary, *y.imaginary))));
  if (y.imaginary) out.imaginary = TRY(product(x.real, *y.imaginary));
  if (x.imaginary) {
    const Value more = TRY(product(*x.imaginary, y.real));
    out.imaginary = out.imaginary ? TRY(add(c.net, *out.imaginary, more)) : more;
  }
  return made(c.net, out);
}

Result<Any> mul_op(OpCall& c) {
  return product_of(c, c.args[0], c.args[1], [&](const Value& a, const Value& b) { return mul(c.net, a, b); });
}
Result<Any> matmul_op(OpCall& c) {
  return product_of(c, c.args[0], c.args[1], [&](const Value& a, const Value& b) { return matmul(c.net, a, b); });
}
Result<Any> einsum_op(OpCall& c) {
  std::vector<Any> operands = (*c.args[1].as<std::shared_ptr<List>>())->items;
  if (!operands.empty() && items_of(operands[0]) != nullptr) operands = *items_of(operands[0]);
  const std::string equation = TRY(c.text(0));
  if (operands.size() == 2)
    return product_of(c, operands[0], operands[1], [&](const Value& a, const Value& b) { return einsum(c.net, equation, {a, b}); });
  if (operands.size() != 1) return c.wrong("of " + std::to_string(operands.size()) + " complex tensors");
  const Parts x = TRY(parts_of(c, operands[0]));
  return made(c.net, {TRY(einsum(c.net, equation, {x.real})), TRY(einsum(c.net, equation, {*x.imaginary}))});
}
Result<Value> squared_length(Net& net, const Parts& x) { return add(net, TRY(mul(net, x.real, x.real)), TRY(mul(net, *x.imaginary, *x.imaginary))); }
Result<Any> div_op(OpCall& c) {
  Parts x = TRY(parts_of(c, c.args[0])), y = TRY(parts_of(c, c.args[1]));
  if (c.given(2)) return c.wrong("of complex numbers with a rounding mode");
  Value by = y.real;
  if (y.imaginary) {  // times the conjugate
    by = TRY(squared_length(c.net, y));
    const Any turned = complex_tensor(c.net, y.real, unary(c.net, "Neg", *y.imaginary));
    x = TRY(parts_of(c, TRY(product_of(c, c.args[0], turned, [&](const Value& a, const Value& b) { return mul(c.net, a, b); }))));
  }
  Parts out{TRY(divide(c.net, x.real, by)), std::nullopt};
  if (x.imaginary) out.imaginary = TRY(divide(c.net, *x.imaginary, by));
  return made(c.net, out);
}
Result<Any> sum_of(OpCall& c, std::string_view op) {  // self, other, alpha
  Parts x = TRY(parts_of(c, c.args[0])), y = TRY(parts_of(c, c.args[1]));
  const double alpha = TRY(c.number(2));
  if (alpha != 1) {
    y.real = TRY(scaled(c.net, y.real, alpha));
    if (y.imaginary) y.imaginary = TRY(scaled(c.net, *y.imaginary, alpha));
  }
  Parts out{TRY(binary(c.net, op, x.real, y.real)), std::nullopt};
  const auto zero = [&](const Parts& other) { return c.net.number(0, other.imaginary->dtype()); };
  const Value left = x.imaginary ? *x.imaginary : zero(y), right = y.imaginary ? *y.imaginary : zero(x);
  out.imaginary = TRY(expand(c.net, TRY(binary(c.net, op, left, right)), out.real.dims));
  return made(c.net, out);
}
Result<Any> add_op(OpCall& c) { return sum_of(c, "Add"); }
Result<Any> sub_op(OpCall& c) { return sum_of(c, "Sub"); }
Result<Any> square_op(OpCall& c) {
  return product_of(c, c.args[0], c.args[0], [&](const Value& a, const Value& b) { return mul(c.net, a, b); });
}
Result<Any> pow_op(OpCall& c) {
  const auto power = c.args[1].as<ComplexRef>() != nullptr ? 0 : TRY(c.number(1));
  if (power != 2) return c.wrong("of complex numbers is supported for squares only");
  return square_op(c);
}
Result<Any> exp_op(OpCall& c) {
  const Parts x = TRY(parts_of(c, c.args[0]));
  const Value length = unary(c.net, "Exp", x.real);
  return made(c.net, {TRY(mul(c.net, length, unary(c.net, "Cos", *x.imaginary))), TRY(mul(c.net, length, unary(c.net, "Sin", *x.imaginary)))});
}
Result<Any> conj_op(OpCall& c) {
  const Parts x = TRY(parts_of(c, c.args[0]));
  return made(c.net, {x.real, unary(c.net, "Neg", *x.imaginary)});
}

// --- real numbers out of complex ones

const ComplexTensor& first(const OpCall& c) { return **c.args[0].as<ComplexRef>(); }
Result<Any> real_op(OpCall& c) { return Any(first(c).real); }
Result<Any> imag_op(OpCall& c) { return Any(first(c).imaginary); }
Result<Any> abs_op(OpCall& c) { return torch::tensor(unary(c.net, "Sqrt", TRY(squared_length(c.net, TRY(parts_of(c, c.args[0])))))); }
Result<Any> angle_op(OpCall& c) { return call_operator(c.net, "atan2", {{Any(first(c).imaginary), Any(first(c).real)}, {}}); }
Result<Any> view_as_real_op(OpCall& c) {
  const Parts x = TRY(parts_of(c, c.args[0]));
  return torch::tensor(TRY(stack(c.net, {x.real, *x.imaginary}, -1)));
}
Result<Any> itself_op(OpCall& c) { return c.args[0]; }
Result<Any> yes_op(OpCall&) { return Any(true); }
Result<Any> no_op(OpCall&) { return Any(false); }
Result<Any> to_op(OpCall& c) {  // another device, another width of complex numbers
  for (std::size_t i = 1; i < c.args.size(); ++i) {
    const auto* type = c.args[i].as<TorchDType>();
    const auto* code = c.args[i].as<Dim>();
    if ((type != nullptr && !type->complex) || (code != nullptr && !code->is(9) && !code->is(10)))
      return c.wrong("drops imaginary parts: take .real");
  }
  return c.args[0];
}

constexpr Operator kOperators[] = {
    {"mul", "self, other", mul_op},
    {"multiply", "self, other", mul_op},
    {"div", "self, other, rounding_mode=None", div_op},
    {"true_divide", "self, other, rounding_mode=None", div_op},
    {"add", "self, other, alpha=1", add_op},
    {"sub", "self, other, alpha=1", sub_op},
    {"square", "self", square_op},
    {"pow", "self, exponent", pow_op},
    {"exp", "self", exp_op},
    {"matmul", "self, other", matmul_op},
    {"mm", "self, mat2", matmul_op},
    {"bmm", "self, mat2", matmul_op},
    {"einsum", "equation, *operands", einsum_op},
    {"conj", "self", conj_op},
    {"_conj", "self", conj_op},
    {"conj_physical", "self", conj_op},
    {"resolve_conj", "self", itself_op},
    {"resolve_neg", "self", itself_op},
    {"real", "self", real_op},
    {"imag", "self", imag_op},
    {"abs", "self", abs_op},
    {"absolute", "self", abs_op},
    {"angle", "self", angle_op},
    {"view_as_real", "self", view_as_real_op},
    {"is_complex", "self", yes_op},
    {"is_floating_point", "self", no_op},
    {"to", "self, dtype=None, layout=None, *rest", to_op},
};

// Names whose operator does the same with each part; where a real tensor among the arguments stands for one with imaginary parts of 0: `data`
// says at which place (of a list: its items), -1: nowhere.
struct ByParts {
  std::string_view name;
  int data = -1;
};
constexpr ByParts kByParts[] = {{"reshape"},
                                {"view"},
                                {"_unsafe_view"},
                                {"view_as"},
                                {"reshape_as"},
                                {"permute"},
                                {"transpose"},
                                {"swapaxes"},
                                {"swapdims"},
                                {"movedim"},
                                {"moveaxis"},
                                {"t"},
                                {"numpy_T"},
                                {"mT"},
                                {"unsqueeze"},
                                {"squeeze"},
                                {"flatten"},
                                {"unflatten"},
                                {"slice"},
                                {"select"},
                                {"narrow"},
                                {"index_select"},
                                {"gather"},
                                {"index"},
                                {"flip"},
                                {"roll"},
                                {"expand"},
                                {"expand_as"},
                                {"broadcast_to"},
                                {"repeat"},
                                {"tile"},
                                {"sum"},
                                {"mean"},
                                {"cumsum"},
                                {"chunk"},
                                {"split"},
                                {"unsafe_chunk"},
                                {"unsafe_split"},
                                {"unbind"},
                                {"contiguous"},
                                {"clone"},
                                {"detach"},
                                {"alias"},
                                {"lift_fresh"},
                                {"constant_pad_nd"},
                                {"pad"},
                                {"tril"},
                                {"triu"},
                                {"zeros_like"},
                                {"empty_like"},
                                {"neg"},
                                {"diagonal"},
                                {"cat", 0},
                                {"concat", 0},
                                {"concatenate", 0},
                                {"stack", 0},
                                {"hstack", 0},
                                {"vstack", 0},
                                {"copy_", 1},
                                {"copy", 1},
                                {"slice_scatter", 1},
                                {"select_scatter", 1},
                                {"index_put", 2},
                                {"index_put_", 2},
                                {"masked_fill", 2},
                                {"masked_fill_", 2},
                                {"split_with_sizes"},
                                {"tensor_split"}};
constexpr std::string_view kOfShapes[] = {"size", "dim", "numel", "len", "sym_size", "sym_numel", "stride", "storage_offset"};

// One part of an argument: 0 the real one, 1 the imaginary one.
Result<Any> part(Net& net, const Any& a, int which, bool data) {  // NOLINT(misc-no-recursion): as deep as the lists
  if (const auto* both = a.as<ComplexRef>()) return Any(which == 0 ? (*both)->real : (*both)->imaginary);
  if (const std::vector<Any>* items = items_of(a); items != nullptr && (data || is_complex(a))) {
    std::vector<Any> out;
    for (const Any& item : *items) out.push_back(TRY(part(net, item, which, data)));
    return list(std::move(out));
  }
  if (!data || which == 0) return a;
  if (const auto* t = a.as<TensorRef>()) {
    const Value v = TRY((*t)->read(net));
    return torch::tensor(full(net, v.dims, 0, v.dtype()));
  }
  return Any(0.0);
}

// What both calls gave, as one.
Result<Any> together(const Any& real, const Any& imaginary) {  // NOLINT(misc-no-recursion): as deep as the lists
  const auto *a = real.as<TensorRef>(), *b = imaginary.as<TensorRef>();
  if (a != nullptr && b != nullptr) return Any(std::make_shared<ComplexTensor>(ComplexTensor{*a, *b}));
  const std::vector<Any>*p = items_of(real), *q = items_of(imaginary);
  if (p == nullptr || q == nullptr || p->size() != q->size()) return neural::wrong("complex numbers are not supported here");
  std::vector<Any> out;
  for (std::size_t i = 0; i < p->size(); ++i) out.push_back(TRY(together((*p)[i], (*q)[i])));
  return list(std::move(out));
}

}  // namespace

std::span<const Operator> complex_operators() { return kOperators; }

bool is_complex(const Any& a) {  // NOLINT(misc-no-recursion): as deep as the lists
  if (a.as<ComplexRef>() != nullptr) return true;
  const std::vector<Any>* items = items_of(a);
  return items != nullptr && std::ranges::any_of(*items, is_complex);
}

Any complex_tensor(Net& net, const Value& real, const std::optional<Value>& imaginary) {
  auto both = std::make_shared<ComplexTensor>();
  both->real = std::make_shared<TensorCell>(real);
  both->imaginary = std::make_shared<TensorCell>(imaginary ? *imaginary : full(net, real.dims, 0, real.dtype()));
  return Any(std::move(both));
}

Result<std::optional<Any>> by_parts(Net& net, std::string_view name, const Arguments& arguments) {
  if (std::ranges::find(kOfShapes, name) != std::end(kOfShapes)) {
    Arguments real = arguments;
    for (Any& a : real.positional) a = TRY(part(net, a, 0, false));
    for (auto& [key, a] : real.keywords) a = TRY(part(net, a, 0, false));
    return std::optional(TRY(call_operator(net, name, real)));
  }
  const auto* known = std::ranges::find(kByParts, name, &ByParts::name);
  if (known == std::end(kByParts)) return std::optional<Any>();
  std::array<Any, 2> made;
  for (int which = 0; which < 2; ++which) {
    Arguments one;
    for (std::size_t i = 0; i < arguments.positional.size(); ++i)
      one.positional.push_back(TRY(part(net, arguments.positional[i], which, static_cast<int>(i) == known->data)));
    for (const auto& [key, a] : arguments.keywords) {
      if (key != "dtype") one.keywords.emplace_back(key, TRY(part(net, a, which, false)));
    }
    made.at(static_cast<std::size_t>(which)) = TRY(call_operator(net, name, one));
  }
  return std::optional(TRY(together(made[0], made[1])));
}

}  // namespace slipway::importers::torch
