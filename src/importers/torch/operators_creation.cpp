// Operators that make tensors out of sizes and numbers.
#include <cmath>

#include "slipway/importers/blocks/neural/elementwise.hpp"
#include "slipway/importers/blocks/neural/shapes.hpp"
#include "slipway/importers/torch/operator_call.hpp"
#include "slipway/importers/torch/scalars.hpp"

namespace slipway::importers::torch {
namespace {

using namespace neural;  // NOLINT(google-build-using-namespace): the blocks are this file's vocabulary

Result<Any> filled(OpCall& c, const Dims& dims, double value, DType dtype) {
  for (const Dim& d : dims) {
    if (d.known() && d.value < 0) return c.wrong("a size of " + std::to_string(d.value));
  }
  return torch::tensor(neural::full(c.net, dims, value, dtype));
}

template <int V>
Result<Any> constant_op(OpCall& c) {  // zeros, ones: dtype, *size
  // Sizes are given one by one or as a list: "size" takes the first, "*rest" what follows.
  Dims dims = TRY(c.sizes(0));
  const auto& rest = (*c.args[2].as<std::shared_ptr<List>>())->items;
  std::size_t at = 0;
  DType d = DType::float32;
  if (c.args[1].as<Dim>() != nullptr && c.args[0].as<Dim>() != nullptr) {  // zeros(2, 3)
    dims.push_back(TRY(c.size(1)));
    for (; at < rest.size() && rest[at].as<Dim>() != nullptr; ++at) dims.push_back(*rest[at].as<Dim>());
  } else {
    d = TRY(c.dtype(1, DType::float32));
  }
  return filled(c, dims, V, d);
}

template <int V>
Result<Any> like_op(OpCall& c) {
  const Value x = TRY(c.tensor(0));
  return filled(c, x.dims, V, TRY(c.dtype(1, x.dtype())));
}
template <int V>
Result<Any> new_op(OpCall& c) {
  const Value x = TRY(c.tensor(0));
  return filled(c, TRY(c.sizes(1)), V, TRY(c.dtype(2, x.dtype())));
}

DType type_of_number(const Any& a) {
  if (a.as<bool>() != nullptr) return DType::boolean;
  if (a.as<double>() != nullptr) return DType::float32;
  return DType::int64;
}

Result<Any> full_op(OpCall& c) {
  const DType d = TRY(c.dtype(2, type_of_number(c.args[1])));
  if (c.is_tensor(1)) return torch::tensor(TRY(neural::expand(c.net, c.net.cast(TRY(c.tensor(1)), d), TRY(c.sizes(0)))));
  return filled(c, TRY(c.sizes(0)), TRY(c.number(1)), d);
}
Result<Any> full_like_op(OpCall& c) {
  const Value x = TRY(c.tensor(0));
  const DType d = TRY(c.dtype(2, x.dtype()));
  if (c.is_tensor(1)) return torch::tensor(TRY(neural::expand(c.net, c.net.cast(TRY(c.tensor(1)), d), x.dims)));
  return filled(c, x.dims, TRY(c.number(1)), d);
}
Result<Any> new_full_op(OpCall& c) {
  const Value x = TRY(c.tensor(0));
  return filled(c, TRY(c.sizes(1)), TRY(c.number(2)), TRY(c.dtype(3, x.dtype())));
}

// arange(end), arange(start, end), arange(start, end, step). In serialised code the number type follows them by its code: it is told apart
// by being given by name there.
Result<Any> arange_op(OpCall& c) {
  std::vector<Any> numbers;
  for (std::size_t i = 0; i < 3; ++i) {
    if (c.given(i)) numbers.push_back(c.args[i]);
  }
  Any start = 0, end = numbers.empty() ? Any(0) : numbers[0], step = 1;
  if (numbers.size() >= 2) {
    start = numbers[0];
    end = numbers[1];
  }
  if (numbers.size() == 3) step = numbers[2];
  const bool floating = start.as<double>() != nullptr || end.as<double>() != nullptr || step.as<double>() != nullptr;
  const DType d = TRY(c.dtype(3, floating ? DType::float32 : DType::int64));
  OpCall args{c.net, c.name, {start, end, step}};
  if (!floating) {
    const Dim from = TRY(args.size(0)), to = TRY(args.size(1)), by = TRY(args.size(2));
    Value v = range(c.net, from, to, by);
    const Any made = torch::tensor(c.net.cast(v, d));
    if (from.is(0)) (*made.as<TensorRef>())->step = by;
    return made;
  }
  const double a = TRY(args.number(0)), b = TRY(args.number(1)), s = TRY(args.number(2));
  const double count = std::ceil((b - a) / s);
  if (!(count >= 0) || count > (1 << 24)) return c.wrong("a range of that many numbers");
  std::vector<double> values;
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(count); ++i) values.push_back(a + static_cast<double>(i) * s);
  return torch::tensor(c.net.cast(c.net.constant(doubles({static_cast<std::int64_t>(values.size())}, values)), d));
}
Result<Any> linspace_op(OpCall& c) {
  const double a = TRY(c.number(0)), b = TRY(c.number(1));
  const Dim steps = TRY(c.size(2));
  if (!steps.known()) {
    const Value each =
        TRY(neural::divide(c.net, c.net.number(b - a, DType::float32), c.net.cast(c.net.to_scalar(c.net.sub(steps, 1)), DType::float32)));
    const Value scaled = TRY(neural::mul(c.net, c.net.cast(range(c.net, 0, steps, 1), DType::float32), each));
    return torch::tensor(c.net.cast(TRY(neural::add(c.net, scaled, c.net.number(a, DType::float32))), TRY(c.dtype(3, DType::float32))));
  }
  const std::int64_t n = steps.value;
  if (n < 0 || n > (1 << 24)) return c.wrong(std::to_string(n) + " numbers");
  std::vector<float> values;
  for (std::int64_t i = 0; i < n; ++i)
    values.push_back(static_cast<float>(n == 1 ? a : a + (b - a) * static_cast<double>(i) / static_cast<double>(n - 1)));
  return torch::tensor(
      c.net.cast(c.net.constant(Tensor::of<float>(DType::float32, {n}, std::span<const float>(values))), TRY(c.dtype(3, DType::float32))));
}
Result<Any> eye_op(OpCall& c) {
  const Dim n = TRY(c.size(0)), m = c.given(1) ? TRY(c.size(1)) : n;
  if (!n.known() || !m.known()) {
    const Value down = TRY(neural::reshape(c.net, range(c.net, 0, n, 1), {n, Dim(1)})),
                right = TRY(neural::reshape(c.net, range(c.net, 0, m, 1), {Dim(1), m}));
    return torch::tensor(c.net.cast(TRY(neural::compare(c.net, "Equal", down, right)), TRY(c.dtype(2, DType::float32))));
  }
  const std::int64_t rows = n.value, columns = m.value;
  if (rows < 0 || columns < 0 || rows > 4'096 || columns > 4'096) return c.wrong("of that size");
  std::vector<float> values(static_cast<std::size_t>(rows * columns), 0.0F);
  for (std::int64_t i = 0; i < std::min(rows, columns); ++i) values[static_cast<std::size_t>(i * columns + i)] = 1.0F;
  return torch::tensor(c.net.cast(c.net.constant(Tensor::of<float>(DType::float32, {rows, columns}, std::span<const float>(values))),
                                  TRY(c.dtype(2, DType::float32))));
}

Result<Any> scalar_tensor_op(OpCall& c) {
  const Value x = TRY(c.tensor(0));
  return torch::tensor(c.net.cast(x, TRY(c.dtype(1, x.dtype() == DType::float64 ? DType::float32 : x.dtype()))));
}

// Nested lists of numbers, numpy's way.
Status flatten_into(OpCall& c, const Any& a, Shape& shape, std::size_t level, std::vector<Any>& out) {  // NOLINT(misc-no-recursion): bounded
  const std::vector<Any>* items = items_of(a);
  if (items == nullptr) {
    out.push_back(a);
    return ok();
  }
  if (level >= kRankMax || out.size() > (1U << 22)) return c.wrong("too many numbers");
  const auto count = static_cast<std::int64_t>(items->size());
  if (shape.size() == level) shape.push_back(count);
  if (shape[level] != count) return c.wrong("lists of different lengths");
  for (const Any& item : *items) TRY(flatten_into(c, item, shape, level + 1, out));
  return ok();
}

Result<Any> tensor_op(OpCall& c) {
  if (c.is_tensor(0)) {
    const Value x = TRY(c.tensor(0));
    return torch::tensor(c.net.cast(x, TRY(c.dtype(1, x.dtype()))));
  }
  Shape shape;
  std::vector<Any> items;
  TRY(flatten_into(c, c.args[0], shape, 0, items));
  bool known = true, floating = false, integer = false;
  std::optional<DType> of_parts;
  for (const Any& a : items) {
    if (const auto* part = a.as<TensorRef>()) of_parts = TRY((*part)->read(c.net)).dtype();
    known = known && (a.as<double>() != nullptr || a.as<bool>() != nullptr || (a.as<Dim>() != nullptr && a.as<Dim>()->known()));
    floating = floating || a.as<double>() != nullptr;
    integer = integer || a.as<Dim>() != nullptr;
  }
  const DType natural = of_parts ? *of_parts : floating || items.empty() ? DType::float32 : integer ? DType::int64 : DType::boolean;
  const DType d = TRY(c.dtype(1, natural));
  if (!known) {  // sizes of the request among them
    if (shape.size() > 1) return c.wrong("nested lists of sizes that aren't known");
    std::vector<Value> parts;
    for (const Any& a : items) parts.push_back(c.net.cast(TRY(value_of(c.net, a, c.name)), d));
    return torch::tensor(shape.empty() ? parts.at(0) : TRY(neural::stack(c.net, parts, 0)));
  }
  if (integer && !floating) {
    std::vector<std::int64_t> values;
    for (const Any& a : items) values.push_back(a.as<Dim>() != nullptr ? a.as<Dim>()->value : *a.as<bool>() ? 1 : 0);
    return torch::tensor(c.net.cast(c.net.constant(int64s(shape, values)), d));
  }
  std::vector<double> values;
  for (const Any& a : items) {
    if (const auto* x = a.as<double>()) values.push_back(*x);
    if (const auto* b = a.as<bool>()) values.push_back(*b ? 1 : 0);
    if (const auto* i = a.as<Dim>()) values.push_back(static_cast<double>(i->value));
  }
  Tensor t = doubles(shape, values);
  const Value v = c.net.constant(std::move(t));
  // In the type itself, so that it stays a constant.
  if (d == DType::float32) {
    std::vector<float> singles(values.begin(), values.end());
    return torch::tensor(c.net.constant(Tensor::of<float>(DType::float32, shape, std::span<const float>(singles))));
  }
  return torch::tensor(c.net.cast(v, d));
}

Result<Any> meshgrid_op(OpCall& c) {
  std::vector<Value> axes = TRY(c.tensors(0));
  const bool xy = c.given(1) && TRY(c.text(1)) == "xy" && axes.size() >= 2;
  if (xy) std::swap(axes[0], axes[1]);
  Dims all;
  for (const Value& a : axes) {
    if (a.rank() > 1) return c.wrong("of tensors with one dimension");
    all.push_back(a.rank() == 0 ? Dim(1) : a.dims[0]);
  }
  std::vector<Any> out;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    Dims shape(axes.size(), Dim(1));
    shape[i] = all[i];
    Value v = TRY(neural::expand(c.net, TRY(neural::reshape(c.net, axes[i], shape)), all));
    if (xy) v = TRY(neural::swap_axes(c.net, v, 0, 1));
    out.push_back(torch::tensor(v));
  }
  if (xy) std::swap(out[0], out[1]);
  return list(std::move(out));
}

Result<Any> random_op(OpCall& c) {
  return c.wrong("a random number at inference: the answer would not be the same twice; take the model in eval mode, or the noise as an input");
}

constexpr Operator kOperators[] = {
    {"zeros", "size, dtype=None, *rest", constant_op<0>},
    {"ones", "size, dtype=None, *rest", constant_op<1>},
    {"empty", "size, dtype=None, *rest", constant_op<0>},
    {"zeros_like", "self, dtype=None, layout=None, device=None, pin_memory=None, memory_format=None", like_op<0>},
    {"ones_like", "self, dtype=None, layout=None, device=None, pin_memory=None, memory_format=None", like_op<1>},
    {"empty_like", "self, dtype=None, layout=None, device=None, pin_memory=None, memory_format=None", like_op<0>},
    {"new_zeros", "self, size, dtype=None, layout=None, device=None, pin_memory=None", new_op<0>},
    {"new_ones", "self, size, dtype=None, layout=None, device=None, pin_memory=None", new_op<1>},
    {"new_empty", "self, size, dtype=None, layout=None, device=None, pin_memory=None", new_op<0>},
    {"full", "size, fill_value, dtype=None, layout=None, device=None, pin_memory=None", full_op},
    {"full_like", "self, fill_value, dtype=None, layout=None, device=None, pin_memory=None, memory_format=None", full_like_op},
    {"new_full", "self, size, fill_value, dtype=None, layout=None, device=None, pin_memory=None", new_full_op},
    {"arange", "start, end=None, step=None, dtype=None", arange_op},
    {"linspace", "start, end, steps, dtype=None", linspace_op},
    {"eye", "n, m=None, dtype=None", eye_op},
    {"scalar_tensor", "s, dtype=None", scalar_tensor_op},
    {"tensor", "data, dtype=None, device=None, requires_grad=False", tensor_op},
    {"as_tensor", "data, dtype=None, device=None", tensor_op},
    {"meshgrid", "tensors, indexing=None", meshgrid_op},
    {"rand", "*size", random_op},
    {"randn", "*size", random_op},
    {"randint", "*size", random_op},
    {"rand_like", "self, dtype=None", random_op},
    {"randn_like", "self, dtype=None", random_op},
    {"bernoulli", "self, p=None", random_op},
    {"normal", "*args", random_op},
    {"multinomial", "self, num_samples, replacement=False", random_op},
};

}  // namespace

std::span<const Operator> creation_operators() { return kOperators; }

}  // namespace slipway::importers::torch
