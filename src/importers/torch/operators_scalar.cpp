// Operators of serialised code that work on numbers, texts and lists.
#include <algorithm>
#include <cmath>

#include "slipway/importers/torch/operator_call.hpp"
#include "slipway/importers/torch/scalars.hpp"

namespace slipway::importers::torch {
namespace {

template <char const* Op>
Result<Any> arithmetic_op(OpCall& c) {
  return scalar_arithmetic(c.net, Op, c.args[0], c.args[1]);
}
template <char const* Op>
Result<Any> compare_op(OpCall& c) {
  return Any(TRY(scalar_compare(c.net, Op, c.args[0], c.args[1])));
}
constexpr char kAdd[] = "+", kSub[] = "-", kMul[] = "*", kDiv[] = "/", kFloorDiv[] = "//", kRemainder[] = "%", kPower[] = "**",
               kEq[] = "==", kNe[] = "!=", kLt[] = "<", kLe[] = "<=", kGt[] = ">", kGe[] = ">=", kIs[] = "is", kIsNot[] = "is not";

Result<Any> contains_op(OpCall& c) { return Any(TRY(scalar_compare(c.net, "in", c.args[1], c.args[0]))); }
Result<Any> not_op(OpCall& c) { return Any(!TRY(truth(c.net, c.args[0]))); }
Result<Any> and_op(OpCall& c) { return Any(TRY(truth(c.net, c.args[0])) && TRY(truth(c.net, c.args[1]))); }
Result<Any> or_op(OpCall& c) { return Any(TRY(truth(c.net, c.args[0])) || TRY(truth(c.net, c.args[1]))); }

Result<Any> len_op(OpCall& c) {
  if (const std::vector<Any>* items = items_of(c.args[0])) {
    Dim length = 0;
    for (const Any& item : *items) {
      const auto steps = steps_of(item);
      length = c.net.add(length, steps ? TRY(length_of_steps(c.net, *steps)) : Dim(1));
    }
    return Any(length);
  }
  if (const auto* s = c.args[0].as<std::string>()) return Any(static_cast<std::int64_t>(s->size()));
  if (const auto* d = c.args[0].as<std::shared_ptr<Dict>>()) return Any(static_cast<std::int64_t>((*d)->items.size()));
  if (c.is_tensor(0)) {
    const Value v = TRY(c.tensor(0));
    if (v.rank() > 0) return Any(v.dims[0]);
  }
  return c.wrong("of " + type_name(c.args[0]));
}
Result<Any> append_op(OpCall& c) {
  const auto* l = c.args[0].as<std::shared_ptr<List>>();
  if (l == nullptr) return c.wrong("to " + type_name(c.args[0]));
  if ((*l)->items.size() > 100'000) return c.wrong("to a list that grows without end");
  (*l)->items.push_back(c.args[1]);
  return c.args[0];
}
Result<Any> list_op(OpCall& c) {
  const std::vector<Any>* items = items_of(c.args[0]);
  return items == nullptr ? Result<Any>(c.wrong("of " + type_name(c.args[0]))) : Result<Any>(list(*items));
}
Result<Any> get_item_op(OpCall& c) {
  if (const auto* d = c.args[0].as<std::shared_ptr<Dict>>()) {
    for (const auto& [key, value] : (*d)->items) {
      if (TRY(scalar_compare(c.net, "==", key, c.args[1]))) return value;
    }
    return c.wrong("there is no key " + to_text(c.args[1]));
  }
  const std::vector<Any>* items = items_of(c.args[0]);
  if (items == nullptr) return c.wrong("of " + type_name(c.args[0]));
  const auto* place = c.args[1].as<Dim>();
  for (std::size_t k = 0; k < items->size() && place != nullptr; ++k) {
    // Of a list that grew in a loop of unknown length: its last item, or any where nothing else is in it.
    const auto steps = steps_of((*items)[k]);
    if (!steps) continue;
    const bool last = place->is(-1) && k + 1 == items->size();
    if (last || items->size() == 1) return call_operator(c.net, "select", {{*steps, Any(0), c.args[1]}, {}});
    if (!place->known() || place->value < 0 || place->value >= static_cast<std::int64_t>(k))
      return c.wrong("an item of a list whose length only a request knows");
  }
  std::int64_t i = TRY(c.integer(1));
  if (i < 0) i += static_cast<std::int64_t>(items->size());
  if (i < 0 || i >= static_cast<std::int64_t>(items->size())) return c.wrong("index " + std::to_string(i) + " of " + std::to_string(items->size()));
  return (*items)[static_cast<std::size_t>(i)];
}
Result<Any> slice_op(OpCall& c) {  // of a list, with a positive step
  const std::vector<Any>* items = items_of(c.args[0]);
  if (items == nullptr) return c.wrong("of " + type_name(c.args[0]));
  const auto size = static_cast<std::int64_t>(items->size());
  const auto place = [size](std::int64_t i) { return std::clamp<std::int64_t>(i < 0 ? i + size : i, 0, size); };
  const std::int64_t from = c.given(1) ? place(TRY(c.integer(1))) : 0, to = c.given(2) ? place(TRY(c.integer(2))) : size, step = TRY(c.integer(3));
  if (step < 1) return c.wrong("with a step of " + std::to_string(step));
  std::vector<Any> out;
  for (std::int64_t i = from; i < to; i += step) out.push_back((*items)[static_cast<std::size_t>(i)]);
  return list(std::move(out));
}
Result<Any> format_op(OpCall& c) {
  std::string out = to_text(c.args[0]);
  for (const Any& a : (*c.args[1].as<std::shared_ptr<List>>())->items) {
    const std::size_t at = out.find("{}");
    if (at != std::string::npos) out.replace(at, 2, to_text(a));
  }
  return Any(out);
}

// Sizes are not negative: rounded down and cut off are the same for them.
Result<Any> div_op(OpCall& c) {
  if (!c.given(2)) return arithmetic_op<kDiv>(c);
  const std::string mode = TRY(c.text(2));
  if (mode != "floor" && mode != "trunc") return c.wrong("rounding mode " + mode);
  const auto negative = [](const Any& a) {
    const auto* d = a.as<Dim>();
    const auto* f = a.as<double>();
    return (d != nullptr && d->known() && d->value < 0) || (f != nullptr && *f < 0);
  };
  if (mode == "trunc" && (negative(c.args[0]) || negative(c.args[1]))) return c.wrong("of a negative number, with its fraction cut off");
  return arithmetic_op<kFloorDiv>(c);
}

Result<Any> rounded(OpCall& c, double (*f)(double)) {
  if (c.args[0].as<Dim>() != nullptr) return c.args[0];
  return Any(static_cast<std::int64_t>(f(TRY(c.number(0)))));
}
Result<Any> floor_op(OpCall& c) { return rounded(c, std::floor); }
Result<Any> ceil_op(OpCall& c) { return rounded(c, std::ceil); }
template <double (*F)(double)>
Result<Any> function_op(OpCall& c) {
  return Any(F(TRY(c.number(0))));
}
double own_sqrt(double x) { return std::sqrt(x); }
double own_log(double x) { return std::log(x); }
double own_exp(double x) { return std::exp(x); }
Result<Any> neg_op(OpCall& c) { return scalar_arithmetic(c.net, "-", Any(0), c.args[0]); }
Result<Any> abs_op(OpCall& c) {
  if (const auto* d = c.args[0].as<Dim>(); d != nullptr && d->known()) return Any(std::abs(d->value));
  return Any(std::abs(TRY(c.number(0))));
}
Result<Any> extreme(OpCall& c, bool maximum) {
  std::vector<Any> all;
  if (const std::vector<Any>* items = items_of(c.args[0]); items != nullptr && (*c.args[1].as<std::shared_ptr<List>>())->items.empty()) {
    all = *items;
  } else {
    all = (*c.args[1].as<std::shared_ptr<List>>())->items;
    all.insert(all.begin(), c.args[0]);
  }
  if (all.empty()) return c.wrong("of nothing");
  Any best = all[0];
  for (const Any& a : all) {
    if (TRY(scalar_compare(c.net, maximum ? ">" : "<", a, best))) best = a;
  }
  return best;
}
Result<Any> max_op(OpCall& c) { return extreme(c, true); }
Result<Any> min_op(OpCall& c) { return extreme(c, false); }

Result<Any> over_list(OpCall& c, bool all) {
  const std::vector<Any>* items = items_of(c.args[0]);
  if (items == nullptr) return c.wrong("of " + type_name(c.args[0]));
  for (const Any& a : *items) {
    if (TRY(truth(c.net, a)) != all) return Any(!all);
  }
  return Any(all);
}
Result<Any> any_op(OpCall& c) { return over_list(c, false); }
Result<Any> all_op(OpCall& c) { return over_list(c, true); }
Result<Any> sum_op(OpCall& c) {
  const std::vector<Any>* items = items_of(c.args[0]);
  if (items == nullptr) return c.wrong("of " + type_name(c.args[0]));
  Any total = 0;
  for (const Any& a : *items) total = TRY(scalar_arithmetic(c.net, "+", total, a));
  return total;
}

Result<Any> int_op(OpCall& c) {
  if (c.is_tensor(0)) {
    Value v = TRY(c.tensor(0));
    if (is_floating(v.dtype())) v = c.net.cast(v, DType::int64);
    return Any(c.net.from_scalar(v));
  }
  if (const auto* d = c.args[0].as<Dim>()) return Any(*d);
  if (const auto* s = c.args[0].as<std::string>()) return c.wrong("of a text: " + *s);
  return Any(static_cast<std::int64_t>(TRY(c.number(0))));
}
Result<Any> float_op(OpCall& c) {
  if (c.is_tensor(0)) return torch::tensor(c.net.cast(TRY(c.tensor(0)), DType::float32));
  if (const auto* d = c.args[0].as<Dim>(); d != nullptr && !d->known()) return torch::tensor(c.net.cast(c.net.to_scalar(*d), DType::float32));
  if (const auto* s = c.args[0].as<std::string>()) {
    if (*s == "inf" || *s == "Infinity") return Any(HUGE_VAL);
    if (*s == "-inf" || *s == "-Infinity") return Any(-HUGE_VAL);
    if (*s == "nan") return Any(std::nan(""));
  }
  return Any(TRY(c.number(0)));
}
Result<Any> bool_op(OpCall& c) {
  if (c.is_tensor(0)) return torch::tensor(c.net.cast(TRY(c.tensor(0)), DType::boolean));
  return Any(TRY(truth(c.net, c.args[0])));
}

// --- what tensors say of themselves

Result<Any> size_op(OpCall& c) {
  const Value v = TRY(c.tensor(0));
  if (c.given(1)) return Any(v.dims[TRY(neural::axis_of(TRY(c.integer(1)), v.rank(), c.name))]);
  std::vector<Any> items;
  for (const Dim& d : v.dims) items.emplace_back(d);
  return tuple(std::move(items));
}
Result<Any> dim_op(OpCall& c) { return Any(static_cast<std::int64_t>(TRY(c.tensor(0)).rank())); }
Result<Any> numel_op(OpCall& c) { return Any(c.net.product(TRY(c.tensor(0)).dims)); }
Result<Any> is_floating_op(OpCall& c) { return Any(is_floating(TRY(c.tensor(0)).dtype())); }
Result<Any> identity_op(OpCall& c) { return c.args[0]; }
// A traced size as a tensor: it stays the size it is, so that what is calculated of it is known where it can be.
Result<Any> number_to_tensor_op(OpCall& c) {
  if (c.args[0].as<Dim>() != nullptr) return c.args[0];
  return torch::tensor(TRY(c.tensor(0)));
}
Result<Any> dtype_op(OpCall& c) { return Any(TorchDType{TRY(c.tensor(0)).dtype()}); }
Result<Any> none_op(OpCall&) { return Any(None{}); }
Result<Any> false_op(OpCall&) { return Any(false); }
Result<Any> raise_op(OpCall& c) { return c.wrong(to_text(c.args[0])); }
Result<Any> item_op(OpCall& c) {
  const Value v = TRY(c.tensor(0));
  if (v.constant() && v.content->count() == 1) {
    if (v.dtype() == DType::boolean) return Any(v.content->as_int(0) != 0);
    return is_floating(v.dtype()) ? Any(v.content->as_double(0)) : Any(v.content->as_int(0));
  }
  if (!is_floating(v.dtype()) && v.dtype() != DType::boolean) return Any(c.net.from_scalar(v));
  return torch::tensor(v);
}

// torch.dict(), torch.keys(d), torch.values(d), torch.items(d)
Result<Any> dict_op(OpCall& c) {
  auto d = std::make_shared<Dict>();
  if (!c.given(0)) return Any(d);
  if (const auto* other = c.args[0].as<std::shared_ptr<Dict>>()) {
    *d = **other;
    return Any(d);
  }
  for (const Any& item : c.items(0)) {
    const std::vector<Any>* pair = items_of(item);
    if (pair == nullptr || pair->size() != 2) return c.wrong("of " + type_name(c.args[0]));
    d->items.emplace_back((*pair)[0], (*pair)[1]);
  }
  return Any(d);
}
enum class Half : std::uint8_t { keys, values, both };
template <Half Which>
Result<Any> entries_op(OpCall& c) {
  const auto* d = c.args[0].as<std::shared_ptr<Dict>>();
  if (d == nullptr) return c.wrong("of " + type_name(c.args[0]));
  std::vector<Any> out;
  for (const auto& [key, value] : (*d)->items) out.push_back(Which == Half::keys ? key : Which == Half::values ? value : tuple({key, value}));
  return list(std::move(out));
}

constexpr Operator kOperators[] = {
    {"dict", "a=None", dict_op},
    {"keys", "a", entries_op<Half::keys>},
    {"values", "a", entries_op<Half::values>},
    {"items", "a", entries_op<Half::both>},
    {"add", "a, b, alpha=1", arithmetic_op<kAdd>},
    {"sub", "a, b, alpha=1", arithmetic_op<kSub>},
    {"mul", "a, b", arithmetic_op<kMul>},
    {"div", "a, b, rounding_mode=None", div_op},
    {"truediv", "a, b", arithmetic_op<kDiv>},
    {"floordiv", "a, b", arithmetic_op<kFloorDiv>},
    {"floor_divide", "a, b", arithmetic_op<kFloorDiv>},
    {"remainder", "a, b", arithmetic_op<kRemainder>},
    {"mod", "a, b", arithmetic_op<kRemainder>},
    {"pow", "a, b", arithmetic_op<kPower>},
    {"eq", "a, b", compare_op<kEq>},
    {"ne", "a, b", compare_op<kNe>},
    {"lt", "a, b", compare_op<kLt>},
    {"le", "a, b", compare_op<kLe>},
    {"gt", "a, b", compare_op<kGt>},
    {"ge", "a, b", compare_op<kGe>},
    {"__is__", "a, b", compare_op<kIs>},
    {"__isnot__", "a, b", compare_op<kIsNot>},
    {"__contains__", "a, b", contains_op},
    {"__not__", "a", not_op},
    {"__and__", "a, b", and_op},
    {"__or__", "a, b", or_op},
    {"len", "a", len_op},
    {"append", "a, b", append_op},
    {"list", "a", list_op},
    {"copy", "a", list_op},
    {"extend", "a, b",
     [](OpCall& c) -> Result<Any> {
       const auto* l = c.args[0].as<std::shared_ptr<List>>();
       const std::vector<Any>* more = items_of(c.args[1]);
       if (l == nullptr || more == nullptr) return c.wrong("of " + type_name(c.args[0]));
       const std::vector<Any> copy = *more;
       if ((*l)->items.size() + copy.size() > 100'000) return c.wrong("to a list that grows without end");
       (*l)->items.insert((*l)->items.end(), copy.begin(), copy.end());
       return c.args[0];
     }},
    {"add_", "a, b",  // of lists: l += [x]
     [](OpCall& c) -> Result<Any> {
       if (c.args[0].as<std::shared_ptr<List>>() == nullptr) return c.wrong("of " + type_name(c.args[0]));
       return call_operator(c.net, "extend", {c.args, {}});
     }},
    {"_set_item", "l, i, value",
     [](OpCall& c) -> Result<Any> {
       if (const auto* d = c.args[0].as<std::shared_ptr<Dict>>()) {
         for (auto& [key, value] : (*d)->items) {
           if (!TRY(scalar_compare(c.net, "==", key, c.args[1]))) continue;
           value = c.args[2];
           return c.args[0];
         }
         (*d)->items.emplace_back(c.args[1], c.args[2]);
         return c.args[0];
       }
       const auto* l = c.args[0].as<std::shared_ptr<List>>();
       if (l == nullptr) return c.wrong("of " + type_name(c.args[0]));
       std::int64_t i = TRY(c.integer(1));
       if (i < 0) i += static_cast<std::int64_t>((*l)->items.size());
       if (i < 0 || i >= static_cast<std::int64_t>((*l)->items.size())) return c.wrong("there is no such item");
       (*l)->items[static_cast<std::size_t>(i)] = c.args[2];
       return c.args[0];
     }},
    {"__getitem__", "a, b", get_item_op},
    {"slice", "l, start=None, end=None, step=1", slice_op},
    {"format", "a, *rest", format_op},
    {"floor", "a", floor_op},
    {"ceil", "a", ceil_op},
    {"sqrt", "a", function_op<own_sqrt>},
    {"log", "a", function_op<own_log>},
    {"exp", "a", function_op<own_exp>},
    {"neg", "a", neg_op},
    {"abs", "a", abs_op},
    {"max", "a, *rest", max_op},
    {"min", "a, *rest", min_op},
    {"sym_max", "a, *rest", max_op},
    {"sym_min", "a, *rest", min_op},
    {"sym_not", "a", not_op},
    {"sym_float", "a", float_op},
    {"sym_int", "a", int_op},
    {"sym_sum", "a", sum_op},
    {"prim_max", "a, *rest", max_op},
    {"prim_min", "a, *rest", min_op},
    {"__range_length", "low, high, step",
     [](OpCall& c) -> Result<Any> {
       const Dim low = TRY(c.size(0)), high = TRY(c.size(1));
       const std::int64_t step = TRY(c.integer(2));
       if (step == 0) return c.wrong("with a step of 0");
       const Dim span = step > 0 ? c.net.sub(high, low) : c.net.sub(low, high);
       const std::int64_t stride = step > 0 ? step : -step;
       if (span.known() && span.value <= 0) return Any(0);
       return Any(c.net.floor_div(c.net.add(span, stride - 1), stride));
     }},
    {"__derive_index", "i, start, step",
     [](OpCall& c) -> Result<Any> { return Any(c.net.add(TRY(c.size(1)), c.net.mul(TRY(c.size(0)), TRY(c.size(2))))); }},
    {"has_torch_function", "*a", false_op},
    {"has_torch_function_unary", "*a", false_op},
    {"has_torch_function_variadic", "*a", false_op},
    {"get_default_dtype", "", [](OpCall&) -> Result<Any> { return Any(TorchDType{DType::float32}); }},
    {"find", "text, part, start=0, end=-1",
     [](OpCall& c) -> Result<Any> {
       const std::string text = TRY(c.text(0)), part = TRY(c.text(1));
       const std::size_t at = text.find(part, static_cast<std::size_t>(std::max<std::int64_t>(0, TRY(c.integer(2)))));
       return Any(at == std::string::npos ? std::int64_t{-1} : static_cast<std::int64_t>(at));
     }},
    {"startswith", "text, part", [](OpCall& c) -> Result<Any> { return Any(TRY(c.text(0)).starts_with(TRY(c.text(1)))); }},
    {"str", "a", [](OpCall& c) -> Result<Any> { return Any(to_text(c.args[0])); }},
    {"any", "a", any_op},
    {"all", "a", all_op},
    {"sum", "a", sum_op},
    {"Int", "a", int_op},
    {"IntImplicit", "a", int_op},
    {"Float", "a", float_op},
    {"FloatImplicit", "a", float_op},
    {"Bool", "a", bool_op},
    {"ScalarImplicit", "a", item_op},
    {"size", "self, dim=None", size_op},
    {"sym_size", "self, dim=None", size_op},
    {"dim", "self", dim_op},
    {"numel", "self", numel_op},
    {"sym_numel", "self", numel_op},
    {"is_floating_point", "self", is_floating_op},
    {"item", "self", item_op},
    {"_local_scalar_dense", "self", item_op},
    {"warn", "message, stacklevel=2", none_op},
    {"NumToTensor", "a", number_to_tensor_op},
    {"unchecked_unwrap_optional", "a", identity_op},
    {"unchecked_cast", "a", identity_op},
    {"RaiseException", "message, kind=None", raise_op},
    {"data", "a", identity_op},
    {"dtype", "a", dtype_op},
    {"device", "a", none_op},
    {"layout", "a", none_op},
    {"type", "device", [](OpCall&) -> Result<Any> { return Any("cpu"); }},
    {"index", "device", none_op},
    {"is_inference", "", false_op},
    {"hasattr", "a, name", false_op},
    {"is_cuda", "a", false_op},
    {"is_grad_enabled", "", false_op},
    {"is_autocast_enabled", "", false_op},
    {"is_nested", "a", false_op},
    {"requires_grad", "a", false_op},
    {"_assert", "a, message=None", none_op},
    {"_check", "a, message=None", none_op},
    {"_assert_tensor_metadata", "dtype=None, *a", none_op},
    {"_assert_scalar", "*a", none_op},
    {"_assert_async", "*a", none_op},
    {"sym_constrain_range_for_size", "a, min=None, max=None", none_op},
    {"sym_constrain_range", "a, min=None, max=None", none_op},
};

}  // namespace

std::span<const Operator> scalar_operators() { return kOperators; }

}  // namespace slipway::importers::torch
