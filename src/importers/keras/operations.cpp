#include "slipway/importers/keras/operations.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "slipway/importers/blocks/neural/activation.hpp"
#include "slipway/importers/blocks/neural/dense.hpp"
#include "slipway/importers/blocks/neural/elementwise.hpp"
#include "slipway/importers/blocks/neural/normalization.hpp"
#include "slipway/importers/blocks/neural/reduction.hpp"
#include "slipway/importers/blocks/neural/shapes.hpp"
#include "slipway/importers/keras/arguments.hpp"
#include "slipway/importers/keras/weights.hpp"

namespace slipway::importers::keras {
namespace {

using Values = std::vector<Value>;

// What an operation's function works with: its arguments, and a note of whether rows stay apart.
struct Op {
  const Call& call;
  Net& net;
  const Arguments& args;
  std::string name;
  bool& rows_mixed;

  Result<Value> x() const {
    return args.tensor(
        0, {"x", "x1", "a", "input", "inputs", "input_tensor", "features", "value", "image", "images", "condition", "params", "tensor", "logits"});
  }
  // An axis other than the rows'; on the rows' itself the rows are mixed.
  Result<std::int64_t> axis(std::int64_t given, std::size_t rank) const {
    const std::int64_t at = neural::normal_axis(given, rank);
    if (at < 0) return refuse(call, "the axis " + std::to_string(given) + " is outside of " + std::to_string(rank) + " dimensions");
    if (at == 0) rows_mixed = true;
    return at;
  }
  Result<std::vector<std::int64_t>> axes(std::size_t position, std::size_t rank) const {
    auto given = TRY(args.ints(position, {"axis", "dims"}));
    if (!given) {
      rows_mixed = true;
      return std::vector<std::int64_t>{};
    }
    for (std::int64_t& a : *given) a = TRY(axis(a, rank));
    return *given;
  }
  Result<std::int64_t> axis_or(std::size_t position, std::int64_t otherwise, std::size_t rank) const {
    return axis(TRY(args.integer(position, {"axis", "dim"})).value_or(otherwise), rank);
  }
};
Result<Values> alone(Result<Value> v) {
  if (!v.ok()) return v.error();
  return Values{*std::move(v)};
}

// --- element by element

constexpr std::pair<std::string_view, std::string_view> kUnary[] = {{"absolute", "Abs"},
                                                                    {"exp", "Exp"},
                                                                    {"log", "Log"},
                                                                    {"sqrt", "Sqrt"},
                                                                    {"negative", "Neg"},
                                                                    {"sign", "Sign"},
                                                                    {"floor", "Floor"},
                                                                    {"ceil", "Ceil"},
                                                                    {"round", "Round"},
                                                                    {"sin", "Sin"},
                                                                    {"cos", "Cos"},
                                                                    {"tan", "Tan"},
                                                                    {"sinh", "Sinh"},
                                                                    {"cosh", "Cosh"},
                                                                    {"arcsin", "Asin"},
                                                                    {"arccos", "Acos"},
                                                                    {"arctan", "Atan"},
                                                                    {"erf", "Erf"},
                                                                    {"reciprocal", "Reciprocal"},
                                                                    {"arcsinh", "Asinh"},
                                                                    {"arctanh", "Atanh"}};
constexpr std::pair<std::string_view, std::string_view> kBinary[] = {{"add", "Add"},         {"subtract", "Sub"},  {"multiply", "Mul"},
                                                                     {"power", "Pow"},       {"maximum", "Max"},   {"minimum", "Min"},
                                                                     {"logical_and", "And"}, {"logical_or", "Or"}, {"logical_xor", "Xor"}};
constexpr std::pair<std::string_view, std::string_view> kCompare[] = {
    {"equal", "Equal"},    {"less", "Less"}, {"less_equal", "LessOrEqual"}, {"greater", "Greater"}, {"greater_equal", "GreaterOrEqual"},
    {"not_equal", "Equal"}};
constexpr std::pair<std::string_view, std::string_view> kReduce[] = {
    {"mean", "ReduceMean"}, {"sum", "ReduceSum"},  {"max", "ReduceMax"},   {"amax", "ReduceMax"},
    {"min", "ReduceMin"},   {"amin", "ReduceMin"}, {"prod", "ReduceProd"}, {"logsumexp", "ReduceLogSumExp"}};

template <std::size_t N>
std::string_view entry(const std::pair<std::string_view, std::string_view> (&table)[N], std::string_view name) {
  const auto* at = std::ranges::find(table, name, &std::pair<std::string_view, std::string_view>::first);
  return at == std::end(table) ? std::string_view() : at->second;
}

// Both in the engine's layout, if they came from there or are one number; the result's twin is then remembered.
Result<Value> in_layout(const Op& op, const Value& a, const Value& b, const std::function<Result<Value>(const Value&, const Value&)>& f) {
  const auto first = [&](const Value& v) { return v.rank() == 0 ? std::optional(v) : op.call.layouts.twin(v); };
  const auto fa = first(a), fb = first(b);
  if (fa && fb && (fa->rank() == 0 || fb->rank() == 0 || fa->rank() == fb->rank()) && fa->rank() + fb->rank() > 0)
    return op.call.layouts.last(TRY(f(*fa, *fb)));
  // Of fewer dimensions: its rows, if it has any, would stand at another dimension.
  if (a.rank() != b.rank() && a.rank() > 0 && b.rank() > 0) {
    const Value& shorter = a.rank() < b.rank() ? a : b;
    if (!shorter.constant()) op.rows_mixed = true;
  }
  return f(a, b);
}

// The angle of the point (x, y): the arctangent of y / x, and what the quadrant adds.
Result<Value> angle(Net& net, const Value& y, const Value& x) {
  constexpr double kPi = 3.14159265358979323846;
  const auto number = [&](double v) { return net.number(v, x.dtype()); };
  const Value zero = number(0), left = TRY(neural::compare(net, "Less", x, zero)), above = TRY(neural::compare(net, "GreaterOrEqual", y, zero));
  const Value turn = TRY(neural::where(net, above, number(kPi), number(-kPi)));
  const Value on_axis = TRY(neural::compare(net, "Equal", x, zero));
  const Value slope = TRY(neural::divide(net, y, TRY(neural::where(net, on_axis, number(1), x))));
  const Value aside = TRY(neural::add(net, neural::unary(net, "Atan", slope), TRY(neural::where(net, left, turn, zero))));
  return neural::where(net, on_axis, TRY(neural::mul(net, neural::unary(net, "Sign", y), number(kPi / 2))), aside);
}

Result<Values> binary_op(const Op& op) {
  Value a = TRY(op.args.tensor(0, {"x", "x1", "a"})), b = TRY(op.args.tensor(1, {"y", "x2", "b"}));
  Net& net = op.net;
  return alone(in_layout(op, a, b, [&](const Value& p, const Value& q) -> Result<Value> {
    if (const auto type = entry(kBinary, op.name); !type.empty()) {
      const bool logical = op.name.starts_with("logical");
      return neural::binary(net, type, logical ? net.cast(p, DType::boolean) : p, logical ? net.cast(q, DType::boolean) : q);
    }
    if (const auto type = entry(kCompare, op.name); !type.empty()) {
      const Value c = TRY(neural::compare(net, type, p, q));
      return op.name == "not_equal" ? neural::unary(net, "Not", c) : c;
    }
    if (op.name == "true_divide" || op.name == "divide") return neural::divide(net, p, q);
    if (op.name == "floor_divide") return neural::floor_divide(net, p, q);
    if (op.name == "mod") return neural::remainder(net, p, q);
    if (op.name == "arctan2") return angle(net, neural::in_floating(net, p), neural::in_floating(net, q));
    if (op.name == "squared_difference") {
      const Value d = TRY(neural::sub(net, p, q));
      return neural::mul(net, d, d);
    }
    // divide_no_nan
    const Value zero = net.number(0, q.dtype()), none = TRY(neural::compare(net, "Equal", q, zero));
    return neural::where(net, none, zero, TRY(neural::divide(net, p, TRY(neural::where(net, none, net.number(1, q.dtype()), q)))));
  }));
}

Result<Values> unary_op(const Op& op) {
  const Value given = TRY(op.x());
  Net& net = op.net;
  const auto f = [&](const Value& x, const Value&) -> Result<Value> {
    if (const auto type = entry(kUnary, op.name); !type.empty()) {
      const bool keeps = op.name == "absolute" || op.name == "negative" || op.name == "sign";
      if (op.name == "round" && TRY(op.args.integer(1, {"decimals"})).value_or(0) != 0)
        return refuse(op.call, "rounds to decimals, which is not supported");
      return neural::unary(net, type, keeps ? x : neural::in_floating(net, x));
    }
    if (op.name == "square") return neural::mul(net, x, x);
    if (op.name == "rsqrt") return neural::unary(net, "Reciprocal", neural::unary(net, "Sqrt", neural::in_floating(net, x)));
    if (op.name == "log1p") return neural::unary(net, "Log", TRY(neural::shifted(net, neural::in_floating(net, x), 1)));
    if (op.name == "expm1") return neural::shifted(net, neural::unary(net, "Exp", neural::in_floating(net, x)), -1);
    if (op.name == "log2" || op.name == "log10")
      return neural::scaled(net, neural::unary(net, "Log", neural::in_floating(net, x)), 1 / std::log(op.name == "log2" ? 2.0 : 10.0));
    if (op.name == "logical_not") return neural::unary(net, "Not", net.cast(x, DType::boolean));
    if (op.name == "isnan") return net.op("IsNaN", {x}, DType::boolean, x.dims);
    if (op.name == "zeros_like" || op.name == "ones_like" || op.name == "full_like") {
      const DType type = dtype_from_name(TRY(op.args.text(9, {"dtype"})).value_or("")).value_or(x.dtype());
      const Value value =
          op.name == "full_like" ? TRY(op.args.tensor(1, {"fill_value"})) : net.number(op.name == "ones_like" ? 1 : 0, DType::float32);
      return net.cast(TRY(neural::expand(net, net.cast(value, DType::float32), x.dims)), type);
    }
    if (op.name == "cast") {
      const auto dtype = dtype_from_name(
          TRY(op.args.text(1, {"dtype"})).value_or("float32") == "bool" ? "bool" : TRY(op.args.text(1, {"dtype"})).value_or("float32"));
      if (!dtype) return refuse(op.call, "casts to a type that is not known");
      return net.cast(x, *dtype);
    }
    if (op.name == "clip") {
      const auto low = TRY(op.args.number(1, {"x_min", "clip_value_min"})), high = TRY(op.args.number(2, {"x_max", "clip_value_max"}));
      return neural::clamp(net, x, low, high);
    }
    return x;  // identity, stop_gradient, convert_to_tensor
  };
  return alone(in_layout(op, given, net.number(0, DType::float32), f));
}

// relu, softmax, ...: as of layers.
Result<Values> activation_op(const Op& op) {
  const Value x = TRY(op.x());
  const json::Value config = op.args.all();
  const bool along = op.name == "softmax" || op.name == "log_softmax" || op.name == "glu" || op.name == "sparsemax";
  if (along) {
    TRY(op.axis_or(1, -1, x.rank()));
    return alone(activation_named(op.call, x, op.name, &config));
  }
  return alone(in_layout(op, x, op.net.number(0, DType::float32),
                         [&](const Value& v, const Value&) { return activation_named(op.call, v, op.name, &config); }));
}

// --- over dimensions

Result<Values> reduce_op(const Op& op) {
  const Value x = TRY(op.x());
  const auto axes = TRY(op.axes(1, x.rank()));
  const bool keep = TRY(op.args.boolean(2, {"keepdims", "keep_dims"})).value_or(false);
  Net& net = op.net;
  if (op.name == "any" || op.name == "all") {
    const Value b = net.cast(x, DType::boolean);
    return alone(op.name == "any" ? neural::any_of(net, b, axes, keep) : neural::all_of(net, b, axes, keep));
  }
  if (op.name == "var" || op.name == "std") {
    const Value v = TRY(neural::variance(net, neural::in_floating(net, x), axes, 0, keep));
    return Values{op.name == "std" ? neural::unary(net, "Sqrt", v) : v};
  }
  if (op.name == "count_nonzero") {
    const Value some = neural::unary(net, "Not", TRY(neural::compare(net, "Equal", x, net.number(0, x.dtype()))));
    return alone(neural::reduce(net, "ReduceSum", net.cast(some, DType::int64), axes, keep));
  }
  const bool floating = op.name == "mean" || op.name == "logsumexp";
  return alone(neural::reduce(net, entry(kReduce, op.name), floating ? neural::in_floating(net, x) : x, axes, keep));
}

Result<Values> norm_op(const Op& op) {
  const Value x = TRY(op.x());
  const auto axes = TRY(op.axes(op.name == "norm" ? 2 : 1, x.rank()));
  const auto order = TRY(op.args.number(op.name == "norm" ? 1 : 2, {"ord", "order"}));
  Net& net = op.net;
  if (op.name == "norm") {
    if (order && axes.size() > 1) return refuse(op.call, "norms of matrices are not supported");
    return alone(neural::p_norm(net, x, order.value_or(2), axes, TRY(op.args.boolean(3, {"keepdims"})).value_or(false)));
  }
  if (order.value_or(2) != 2) return refuse(op.call, "normalises by another norm than the second");
  // x / sqrt(max(sum x^2, epsilon))
  const double epsilon = TRY(op.args.number(2, {"epsilon"})).value_or(op.name == "normalize" ? 1e-14 : 1e-12);
  const Value squares = TRY(neural::reduce(net, "ReduceSum", TRY(neural::mul(net, x, x)), axes, true));
  return alone(neural::binary(net, "Div", x, neural::unary(net, "Sqrt", neural::clamp(net, squares, epsilon, std::nullopt))));
}

Result<Values> arg_op(const Op& op) {
  const Value x = TRY(op.x());
  const auto axis = TRY(op.args.integer(1, {"axis", "dimension"}));
  if (!axis) return refuse(op.call, "looks for the place over all rows together");
  const Value y =
      TRY(neural::arg(op.net, op.name == "argmax", x, TRY(op.axis(*axis, x.rank())), TRY(op.args.boolean(2, {"keepdims"})).value_or(false)));
  return Values{op.net.cast(y, op.call.dialect.major >= 3 ? DType::int32 : DType::int64)};
}

Result<Values> cumsum_op(const Op& op) {
  const Value x = TRY(op.x());
  if (TRY(op.args.boolean(2, {"exclusive"})).value_or(false) || TRY(op.args.boolean(3, {"reverse"})).value_or(false))
    return refuse(op.call, "exclusive and reversed sums are not supported");
  return alone(neural::cumulative_sum(op.net, x, TRY(op.axis_or(1, 0, x.rank()))));
}

Result<Values> sort_op(const Op& op) {
  const Value x = TRY(op.x());
  Net& net = op.net;
  if (op.name == "top_k") {
    const Dim k = TRY(op.args.integer(1, {"k"})).value_or(1);
    const auto both = TRY(neural::top_k(net, x, k, -1, true, TRY(op.args.boolean(2, {"sorted"})).value_or(true)));
    return Values{both[0], net.cast(both[1], DType::int32)};
  }
  const std::int64_t axis = TRY(op.axis_or(1, -1, x.rank()));
  const auto both = TRY(neural::top_k(net, x, x.dims[static_cast<std::size_t>(axis)], axis, false, true));
  return Values{op.name == "sort" ? both[0] : net.cast(both[1], DType::int32)};
}

// --- moving elements

Result<Values> reshape_op(const Op& op) {
  const Value x = TRY(op.x());
  Dims to = TRY(op.args.sizes(1, {"newshape", "shape"}));
  // null: the dimension that isn't known, the rows'.
  for (std::size_t i = 0; i < to.size(); ++i) {
    if (to[i].is(Arguments::kFree)) to[i] = i == 0 && !x.dims.empty() ? x.dims[0] : Dim(-1);
  }
  // [-1, ...] of as many numbers a row: the rows stay.
  if (!to.empty() && to[0].is(-1) && !x.dims.empty()) {
    const Dim inner = op.net.product(std::span(x.dims).subspan(1)), wanted = op.net.product(std::span(to).subspan(1));
    if (inner == wanted) to[0] = x.dims[0];
  }
  if (to.empty() || x.dims.empty() || !(to[0] == x.dims[0])) op.rows_mixed = true;
  return alone(neural::reshape(op.net, x, to));
}

Result<Values> transpose_op(const Op& op) {
  const Value x = TRY(op.x());
  const auto rank = static_cast<std::int64_t>(x.rank());
  std::vector<std::int64_t> order;
  if (op.name == "transpose") {
    order = TRY(op.args.ints(1, {"axes", "perm", "pattern"})).value_or(std::vector<std::int64_t>{});
    for (std::int64_t i = rank - 1; order.size() < x.rank() && i >= 0; --i) order.push_back(i);
  } else {
    const bool swap = op.name == "swapaxes";
    const auto from = TRY(op.args.integer(1, {"axis1", "source"})), to = TRY(op.args.integer(2, {"axis2", "destination"}));
    if (!from || !to) return refuse(op.call, "moves several dimensions at once");
    const std::int64_t a = TRY(op.axis(*from, x.rank())), b = TRY(op.axis(*to, x.rank()));
    for (std::int64_t i = 0; i < rank; ++i) order.push_back(i);
    if (swap) {
      std::swap(order[static_cast<std::size_t>(a)], order[static_cast<std::size_t>(b)]);
    } else {
      order.erase(order.begin() + a);
      order.insert(order.begin() + b, a);
    }
  }
  if (order.empty() || order[0] != 0) op.rows_mixed = true;
  return alone(neural::transpose(op.net, x, order));
}

Result<Values> expand_dims_op(const Op& op) {
  Value x = TRY(op.x());
  auto axes = TRY(op.args.ints(1, {"axis", "dim"}));
  if (!axes) return refuse(op.call, "has no axis");
  std::ranges::sort(*axes);
  for (const std::int64_t a : *axes) {
    TRY(op.axis(a, x.rank() + 1));
    x = TRY(neural::unsqueeze(op.net, x, a));
  }
  return Values{x};
}

Result<Values> squeeze_op(const Op& op) {
  const Value x = TRY(op.x());
  const auto axes = TRY(op.args.ints(1, {"axis", "squeeze_dims"}));
  if (!axes) {
    std::vector<std::int64_t> ones;
    for (std::size_t i = 1; i < x.rank(); ++i) {
      if (x.dims[i].is(1)) ones.push_back(static_cast<std::int64_t>(i));
    }
    return alone(neural::squeeze(op.net, x, ones));
  }
  for (const std::int64_t a : *axes) TRY(op.axis(a, x.rank()));
  return alone(neural::squeeze(op.net, x, *axes));
}

Result<Values> join_op(const Op& op) {
  const Values parts = TRY(op.args.tensors(0, {"xs", "x", "values", "inputs"}));
  if (parts.empty()) return refuse(op.call, "joins nothing");
  if (op.name == "add_n") {
    Value sum = parts[0];
    for (std::size_t i = 1; i < parts.size(); ++i) sum = TRY(neural::add(op.net, sum, parts[i]));
    return Values{sum};
  }
  const bool stack = op.name == "stack";
  const std::int64_t axis = TRY(op.args.integer(1, {"axis"})).value_or(op.call.dialect.major >= 3 && !stack ? -1 : 0);
  TRY(op.axis(axis, parts[0].rank() + (stack ? 1 : 0)));
  return alone(stack ? neural::stack(op.net, parts, axis) : neural::concat(op.net, parts, axis));
}

Result<Values> split_op(const Op& op) {
  const Value x = TRY(op.x());
  const bool unstack = op.name == "unstack";
  const std::int64_t axis = unstack && TRY(op.args.integer(2, {"axis"})) ? TRY(op.axis_or(2, 0, x.rank())) : TRY(op.axis_or(2, 0, x.rank()));
  if (unstack) return neural::unbind(op.net, x, axis);
  const Dim whole = x.dims[static_cast<std::size_t>(axis)];
  if (!whole.known()) return refuse(op.call, "splits a dimension whose size is free");
  const auto given = TRY(op.args.ints(1, {"indices_or_sections", "num_or_size_splits"}));
  if (!given || given->empty()) return refuse(op.call, "doesn't say into what it splits");
  std::vector<std::int64_t> sizes;
  if (!op.args.is_list(1, {"indices_or_sections", "num_or_size_splits"})) {
    const std::int64_t n = given->at(0);
    if (n < 1 || n > 10'000 || whole.value % n != 0)
      return refuse(op.call, "can't split " + std::to_string(whole.value) + " into " + std::to_string(n));
    sizes.assign(static_cast<std::size_t>(n), whole.value / n);
  } else if (op.call.dialect.major >= 3) {  // where it is cut
    std::int64_t before = 0;
    for (const std::int64_t cut : *given) {
      sizes.push_back(cut - before);
      before = cut;
    }
    sizes.push_back(whole.value - before);
  } else {
    sizes = *given;
  }
  return neural::split(op.net, x, axis, sizes);
}

Result<Values> take_op(const Op& op) {
  const Value x = TRY(op.x());
  const Value indices = op.net.cast(TRY(op.args.tensor(1, {"indices"})), DType::int64);
  const auto axis = TRY(op.args.integer(2, {"axis"}));
  if (!axis && op.call.dialect.major >= 3) return refuse(op.call, "takes from all rows together");
  if (axis && *axis == 0 && x.constant()) return alone(neural::gather(op.net, x, indices, 0));
  return alone(neural::gather(op.net, x, indices, TRY(op.axis(axis.value_or(0), x.rank()))));
}

Result<Values> pad_op(const Op& op) {
  const Value x = TRY(op.x());
  const json::Value* pads = op.args.value(1, {"pad_width", "paddings"});
  std::vector<neural::Pad> all;
  if (pads != nullptr && pads->is_array()) {
    for (const json::Value& p : pads->as_array()) {
      if (!p.is_array() || p.as_array().size() != 2 || !p.as_array()[0].is_int() || !p.as_array()[1].is_int())
        return refuse(op.call, "pads by what is not known");
      all.push_back({p.as_array()[0].as_int(), p.as_array()[1].as_int()});
    }
  }
  if (all.size() != x.rank()) return refuse(op.call, "must pad each of " + std::to_string(x.rank()) + " dimensions");
  if (!all[0].before.is(0) || !all[0].after.is(0)) op.rows_mixed = true;
  std::string mode = TRY(op.args.text(2, {"mode"})).value_or("constant");
  std::ranges::transform(mode, mode.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (mode != "constant" && mode != "reflect" && mode != "edge" && mode != "wrap")
    return refuse(op.call, "the padding \"" + mode + "\" is not supported");
  return alone(neural::pad(op.net, x, all, mode, TRY(op.args.number(3, {"constant_values"})).value_or(0)));
}

Result<Values> repeat_op(const Op& op) {
  const Value x = TRY(op.x());
  if (op.name == "tile") {
    const auto times = TRY(op.args.ints(1, {"repeats", "multiples", "n"}));
    if (!times) return refuse(op.call, "doesn't say how often");
    const Dims dims(times->begin(), times->end());
    if (times->size() >= x.rank() && times->at(times->size() - x.rank()) != 1) op.rows_mixed = true;
    return alone(neural::tile(op.net, x, dims));
  }
  const auto n = TRY(op.args.integer(1, {"repeats"}));
  const auto axis = TRY(op.args.integer(2, {"axis"}));
  if (!n || !axis || *n < 1) return refuse(op.call, "repeats a number of times along one axis only");
  const std::int64_t at = TRY(op.axis(*axis, x.rank()));
  const Value wide = TRY(neural::unsqueeze(op.net, x, at + 1));
  Dims times(wide.rank(), Dim(1));
  times[static_cast<std::size_t>(at) + 1] = *n;
  const Value tiled = TRY(neural::tile(op.net, wide, times));
  return alone(neural::flatten(op.net, tiled, at, at + 1));
}

Result<Values> turn_op(const Op& op) {
  const Value x = TRY(op.x());
  if (op.name == "flip") return alone(neural::flip(op.net, x, TRY(op.axes(1, x.rank()))));
  const auto shift = TRY(op.args.integer(1, {"shift"}));
  const auto axis = TRY(op.args.integer(2, {"axis"}));
  if (!shift || !axis) return refuse(op.call, "rolls along one axis only");
  return alone(neural::roll(op.net, x, TRY(op.axis(*axis, x.rank())), *shift));
}

Result<Values> broadcast_op(const Op& op) {
  const Value x = TRY(op.x());
  Dims to = TRY(op.args.sizes(1, {"shape"}));
  if (!to.empty() && !x.dims.empty() && to.size() == x.rank() && to[0].is(Arguments::kFree)) to[0] = x.dims[0];
  if (to.empty() || x.dims.empty() || to.size() != x.rank() || !(to[0] == x.dims[0])) op.rows_mixed = true;
  return alone(neural::expand(op.net, x, to));
}

Result<Values> triangle_op(const Op& op) {
  const Value x = TRY(op.x());
  if (x.rank() < 3) op.rows_mixed = true;
  return alone(neural::triangle(op.net, x, op.name == "triu", TRY(op.args.integer(1, {"k"})).value_or(0)));
}

Result<Values> where_op(const Op& op) {
  const Value c = op.net.cast(TRY(op.args.tensor(0, {"condition"})), DType::boolean);
  const Value a = TRY(op.args.tensor(1, {"x", "x1"})), b = TRY(op.args.tensor(2, {"y", "x2"}));
  for (const Value* v : {&a, &b}) {
    if (v->rank() != c.rank() && v->rank() > 0 && !v->constant()) op.rows_mixed = true;
  }
  return alone(neural::where(op.net, c, a, b));
}

Result<Values> one_hot_op(const Op& op) {
  const Value ids = op.net.cast(TRY(op.x()), DType::int64);
  const auto n = TRY(op.args.integer(1, {"num_classes", "depth"}));
  if (!n || *n < 1 || TRY(op.args.integer(2, {"axis"})).value_or(-1) != -1)
    return refuse(op.call, "the number of classes is not known, or another axis than the last is wanted");
  const Value same = TRY(neural::compare(op.net, "Equal", TRY(neural::unsqueeze(op.net, ids, -1)), neural::range(op.net, 0, *n, 1)));
  return Values{op.net.cast(same, DType::float32)};
}

// --- products

Result<Values> product_op(const Op& op) {
  Value a = TRY(op.args.tensor(0, {"x1", "a", "x"})), b = TRY(op.args.tensor(1, {"x2", "b", "y"}));
  if (TRY(op.args.boolean(2, {"transpose_a"})).value_or(false)) a = TRY(neural::swap_axes(op.net, a, -1, -2));
  if (TRY(op.args.boolean(3, {"transpose_b"})).value_or(false)) b = TRY(neural::swap_axes(op.net, b, -1, -2));
  if (op.name == "tensordot" && TRY(op.args.integer(2, {"axes"})).value_or(2) != 1)
    return refuse(op.call, "tensor products over several axes are not supported");
  if (op.name != "matmul" && b.rank() > 2)
    return refuse(op.call, "a product with a tensor of " + std::to_string(b.rank()) + " dimensions is not supported");
  if (!b.constant() && (b.rank() < 3 || a.rank() != b.rank())) op.rows_mixed = true;
  return alone(neural::matmul(op.net, a, b));
}

Result<Values> einsum_op(const Op& op) {
  const auto text = TRY(op.args.text(op.call.dialect.major >= 3 ? 99 : 0, {"subscripts", "equation"}));
  if (!text) return refuse(op.call, "has no equation");
  Values operands;
  for (const Tracked& t : op.call.inputs) operands.push_back(t.value);
  const std::size_t arrow = text->find("->");
  const bool apart = arrow != std::string::npos && arrow + 2 < text->size() && text->front() == (*text)[arrow + 2];
  if (!apart) op.rows_mixed = true;
  for (std::size_t comma = text->find(','); apart && comma != std::string::npos && comma < arrow; comma = text->find(',', comma + 1)) {
    if (comma + 1 < text->size() && (*text)[comma + 1] != text->front()) op.rows_mixed = true;
  }
  return alone(neural::einsum(op.net, *text, operands));
}

// --- indexing

// One entry of x[...]: a slice, an index, a new axis or the ellipsis; both dialects' forms.
Result<Values> get_item_op(const Op& op) {
  Value x = TRY(op.x());
  const json::Value* key = op.args.value(1, {"slice_spec", "key"});
  if (key == nullptr) return refuse(op.call, "its index is not in the file");
  const json::Array single{*key};
  const json::Array& keys = key->is_array() ? key->as_array() : single;
  const auto is = [](const json::Value& k, std::string_view name) { return k.is_object() && k.string_or("class_name", "") == name; };
  const auto is_axis = [](const json::Value& k) { return k.is_null(); };
  std::size_t taken = 0;
  for (const json::Value& k : keys) taken += is(k, "__ellipsis__") || is(k, "ELLIPSIS") || is_axis(k) || is(k, "NEWAXIS") ? 0 : 1;
  if (taken > x.rank()) return refuse(op.call, "has more indices than its input dimensions");
  std::int64_t at = 0;
  bool rows = true;  // at the rows' dimension
  for (const json::Value& k : keys) {
    if (is(k, "__ellipsis__") || is(k, "ELLIPSIS")) {
      at += static_cast<std::int64_t>(x.rank()) - at - static_cast<std::int64_t>(taken);
      rows = false;
      continue;
    }
    if (is_axis(k) || is(k, "NEWAXIS")) {
      if (rows) op.rows_mixed = true;
      x = TRY(neural::unsqueeze(op.net, x, at++));
      continue;
    }
    --taken;
    if (k.is_int()) {
      if (rows) op.rows_mixed = true;
      x = TRY(neural::select(op.net, x, at, k.as_int()));
      rows = false;
      continue;
    }
    const json::Value* slice = k.is_object() ? (k.find("config") != nullptr ? k.find("config") : &k) : nullptr;
    if (slice == nullptr || (k.find("config") != nullptr && !is(k, "__slice__")))
      return refuse(op.call, "an index that is a tensor is not supported");
    std::optional<std::int64_t> bound[3];
    const char* names[] = {"start", "stop", "step"};
    for (int i = 0; i < 3; ++i) {
      const json::Value* v = slice->find(names[i]);
      if (v != nullptr && v->is_int()) bound[i] = v->as_int();
      if (v != nullptr && !v->is_int() && !v->is_null()) return refuse(op.call, "a slice whose bounds are tensors is not supported");
    }
    const std::int64_t step = bound[2].value_or(1);
    if (step == 0) return refuse(op.call, "a slice with steps of 0");
    if (bound[0] || bound[1] || step != 1) {
      if (rows) op.rows_mixed = true;
      const Dim start = bound[0] ? Dim(*bound[0]) : Dim(step > 0 ? 0 : neural::kEnd);
      const Dim end = bound[1] ? Dim(*bound[1]) : Dim(step > 0 ? neural::kEnd : -neural::kEnd);
      x = TRY(neural::slice(op.net, x, at, start, end, step));
    }
    ++at;
    rows = false;
  }
  return Values{x};
}

// The sizes: those that are free become known with the request.
Result<Values> shape_op(const Op& op) { return Values{op.net.cast(op.net.shape_of(TRY(op.x())), DType::int32)}; }

// --- layers' functions

Result<Values> as_layer(const Op& op, std::string_view class_name, json::Value config) {
  const Call inner{op.net,
                   op.call.layouts,
                   op.call.dialect,
                   std::string(class_name),
                   op.call.name,
                   config,
                   {},
                   op.call.inputs,
                   std::vector<std::string>(op.call.inputs.size())};
  std::vector<Tracked> outputs = TRY(find_layer(class_name)->lower(inner));
  return Values{outputs.at(0).value};
}

Result<Values> pool_op(const Op& op) {
  const std::size_t spatial = TRY(op.x()).rank() - 2;
  if (spatial < 1 || spatial > 3) return refuse(op.call, "pools images, sequences and volumes only");
  return as_layer(op, (op.name == "max_pool" ? "MaxPooling" : "AveragePooling") + std::to_string(spatial) + "D", op.args.all());
}

Result<Values> resize_op(const Op& op) {
  const auto size = TRY(op.args.ints(1, {"size"}));
  if (!size || size->size() != 2) return refuse(op.call, "has no size");
  json::Value config = op.args.all();
  config.set("height", size->at(0));
  config.set("width", size->at(1));
  if (const auto method = TRY(op.args.text(2, {"method"}))) config.set("interpolation", *method);
  return as_layer(op, "Resizing", std::move(config));
}

Result<Values> grayscale_op(const Op& op) {
  const Value x = neural::in_floating(op.net, TRY(op.x()));
  const bool last = op.args.all().string_or("data_format", "channels_last") != "channels_first";
  const std::int64_t axis = last ? -1 : -3;
  if (x.rank() < 3 || x.rank() > 4) return refuse(op.call, "takes images, not an input of shape " + neural::dims_text(x.dims));
  const Dim channels = *(x.dims.end() + axis);
  if (channels.is(1)) return Values{x};
  TRY(op.net.require(channels, 3, "rgb_to_grayscale: channels"));
  constexpr float kShares[] = {0.2989F, 0.5870F, 0.1140F};
  const Value shares = op.net.constant(Tensor::of<float>(DType::float32, last ? Shape{3} : Shape{3, 1, 1}, std::span<const float>(kShares)));
  return alone(neural::reduce(op.net, "ReduceSum", TRY(neural::mul(op.net, x, op.net.cast(shares, x.dtype()))), {axis}, true));
}

using Lowered = Result<Values> (*)(const Op&);
const std::map<std::string, Lowered, std::less<>>& table() {
  static const std::map<std::string, Lowered, std::less<>> made = [] {
    std::map<std::string, Lowered, std::less<>> t;
    const auto all = [&t](Lowered f, std::initializer_list<const char*> names) {
      for (const char* n : names) t.emplace(n, f);
    };
    for (const auto& [name, type] : kUnary) t.emplace(name, unary_op);
    all(unary_op, {"square", "rsqrt", "log1p", "expm1", "log2", "log10", "logical_not", "isnan", "zeros_like", "ones_like", "full_like", "cast",
                   "clip", "identity", "stop_gradient", "convert_to_tensor"});
    for (const auto& [name, type] : kBinary) t.emplace(name, binary_op);
    for (const auto& [name, type] : kCompare) t.emplace(name, binary_op);
    all(binary_op, {"true_divide", "divide", "floor_divide", "mod", "squared_difference", "divide_no_nan", "arctan2"});
    for (const auto& [name, type] : kReduce) t.emplace(name, reduce_op);
    all(reduce_op, {"any", "all", "var", "std", "count_nonzero"});
    all(norm_op, {"norm", "normalize", "l2_normalize"});
    all(activation_op,
        {"relu",        "relu6",       "sigmoid",     "tanh",        "softmax",    "log_softmax", "gelu",           "silu",      "leaky_relu",
         "elu",         "selu",        "celu",        "glu",         "softplus",   "softsign",    "hard_sigmoid",   "hard_silu", "hard_tanh",
         "hard_shrink", "soft_shrink", "tanh_shrink", "log_sigmoid", "squareplus", "sparse_plus", "sparse_sigmoid", "threshold"});
    all(arg_op, {"argmax", "argmin"});
    all(cumsum_op, {"cumsum"});
    all(sort_op, {"sort", "argsort", "top_k"});
    all(reshape_op, {"reshape"});
    all(transpose_op, {"transpose", "swapaxes", "moveaxis"});
    all(expand_dims_op, {"expand_dims"});
    all(squeeze_op, {"squeeze"});
    all(join_op, {"concatenate", "stack", "add_n"});
    all(split_op, {"split", "unstack"});
    all(take_op, {"take"});
    all(pad_op, {"pad"});
    all(repeat_op, {"tile", "repeat"});
    all(turn_op, {"flip", "roll"});
    all(broadcast_op, {"broadcast_to"});
    all(triangle_op, {"triu", "tril"});
    all(where_op, {"where"});
    all(one_hot_op, {"one_hot"});
    all(product_op, {"matmul", "dot", "tensordot"});
    all(einsum_op, {"einsum"});
    all(get_item_op, {"get_item"});
    all(shape_op, {"shape"});
    all(pool_op, {"max_pool", "average_pool"});
    all(resize_op, {"resize"});
    all(grayscale_op, {"rgb_to_grayscale"});
    return t;
  }();
  return made;
}

constexpr std::pair<std::string_view, std::string_view> kAliases[] = {{"truediv", "true_divide"},  {"floordiv", "floor_divide"},
                                                                      {"floormod", "mod"},         {"pow", "power"},
                                                                      {"abs", "absolute"},         {"neg", "negative"},
                                                                      {"reduce_mean", "mean"},     {"reduce_sum", "sum"},
                                                                      {"reduce_max", "max"},       {"reduce_min", "min"},
                                                                      {"reduce_prod", "prod"},     {"reduce_any", "any"},
                                                                      {"reduce_all", "all"},       {"reduce_std", "std"},
                                                                      {"reduce_variance", "var"},  {"reduce_logsumexp", "logsumexp"},
                                                                      {"concat", "concatenate"},   {"clip_by_value", "clip"},
                                                                      {"getitem", "get_item"},     {"gather", "take"},
                                                                      {"reverse", "flip"},         {"swish", "silu"},
                                                                      {"hard_swish", "hard_silu"}, {"subtract", "subtract"},
                                                                      {"mul", "multiply"},         {"sub", "subtract"},
                                                                      {"div", "true_divide"},      {"sqrt", "sqrt"},
                                                                      {"get_item", "get_item"},    {"unsqueeze", "expand_dims"},
                                                                      {"resize_v2", "resize"},     {"resize_images_v2", "resize"},
                                                                      {"asin", "arcsin"},          {"acos", "arccos"},
                                                                      {"atan", "arctan"},          {"atan2", "arctan2"}};

}  // namespace

std::string operation_name(std::string_view name) {
  std::string out;
  if (name.find('.') == std::string_view::npos && std::any_of(name.begin(), name.end(), [](unsigned char c) { return std::isupper(c) != 0; })) {
    out = snake_case(name);
  } else {
    out = name.substr(name.rfind('.') == std::string_view::npos ? 0 : name.rfind('.') + 1);
  }
  const auto alias = entry(kAliases, out);
  return alias.empty() ? out : std::string(alias);
}

bool is_operation(std::string_view name) { return table().contains(name); }

Result<Operated> operate(const Call& call) {
  Operated done;
  const Arguments args(call);
  const Op op{call, call.net, args, operation_name(call.class_name), done.rows_mixed};
  for (Value& v : TRY(table().find(op.name)->second(op))) done.outputs.push_back({std::move(v), std::nullopt});
  return done;
}

}  // namespace slipway::importers::keras
