// FunctionTransformer without a function, or with one of numpy's that is known here by name. A user's own function is code: refused.
#include "slipway/importers/sklearn/function.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "slipway/importers/blocks/arithmetic.hpp"
#include "slipway/importers/custom_code.hpp"
#include "slipway/importers/sklearn/table.hpp"

namespace slipway::importers::sklearn {
namespace {

// The operator that computes a function element by element: of ONNX, or ours where those don't exist or lose precision.
struct Function {
  std::string_view name, op;
  bool own = false;
};
constexpr Function kFunctions[] = {
    {"log", "Log"},
    {"exp", "Exp"},
    {"sqrt", "Sqrt"},
    {"abs", "Abs"},
    {"absolute", "Abs"},
    {"fabs", "Abs"},
    {"negative", "Neg"},
    {"floor", "Floor"},
    {"ceil", "Ceil"},
    {"sign", "Sign"},
    {"sin", "Sin"},
    {"cos", "Cos"},
    {"tanh", "Tanh"},
    {"reciprocal", "Reciprocal"},
    {"rint", "Round"},
    {"log1p", "Log1p", true},
    {"expm1", "Expm1", true},
    {"erf", "Erf", true},
    {"ndtr", "NormalCdf", true},
    {"ndtri", "NormalQuantile", true},
    // functions.cpp
    {"log2", "Log2", true},
    {"log10", "Log10", true},
    {"exp2", "Exp2", true},
    {"cbrt", "Cbrt", true},
    {"trunc", "Trunc", true},
    {"fix", "Trunc", true},
    {"tan", "Tan", true},
    {"arcsin", "Asin", true},
    {"arccos", "Acos", true},
    {"arctan", "Atan", true},
    {"sinh", "Sinh", true},
    {"cosh", "Cosh", true},
    {"arcsinh", "Asinh", true},
    {"arccosh", "Acosh", true},
    {"arctanh", "Atanh", true},
    {"asin", "Asin", true},
    {"acos", "Acos", true},
    {"atan", "Atan", true},
    {"asinh", "Asinh", true},
    {"acosh", "Acosh", true},
    {"atanh", "Atanh", true},
};

// Of keyword arguments those that a function takes here; another is refused.
struct Arguments {
  std::optional<View> given;

  Result<std::optional<double>> number(std::string_view name) const {
    const auto v = given ? given->get(name) : std::nullopt;
    if (!v || v->is_none()) return std::optional<double>();
    return std::optional<double>(TRY(v->number()));
  }
  Status only(const View& function, std::initializer_list<std::string_view> names) const {
    for (std::size_t i = 0; given && i < given->entries(); ++i) {
      const View key = given->key_at(i);
      const auto text = key.text();
      if (text.ok() && std::find(names.begin(), names.end(), *text) != names.end()) continue;
      return refuse(function, "FunctionTransformer calls " + function.qualified_name() + " with the argument " +
                                  (text.ok() ? *text : key.describe()) + ", which is not supported");
    }
    return ok();
  }
};

Val truth(Builder& g, const Val& condition) { return g.cast(condition, DType::float64); }

// As numpy.clip: both bounds may be left out, NaN stays.
Result<Val> clipped(Builder& g, const View& function, const Val& x, const Arguments& arguments) {
  TRY(arguments.only(function, {"a_min", "a_max", "min", "max"}));
  Val y = x;
  for (const char* name : {"a_min", "min"}) {
    if (const auto low = TRY(arguments.number(name))) y = g.where(g.compare("Less", y, g.scalar(*low)), g.scalar(*low), y);
  }
  for (const char* name : {"a_max", "max"}) {
    if (const auto high = TRY(arguments.number(name))) y = g.where(g.compare("Greater", y, g.scalar(*high)), g.scalar(*high), y);
  }
  return y;
}

// To the even neighbour, after scaling by a power of ten as numpy does it.
Result<Val> rounded(Builder& g, const View& function, const Val& x, const Arguments& arguments) {
  TRY(arguments.only(function, {"decimals"}));
  const double decimals = TRY(arguments.number("decimals")).value_or(0);
  if (decimals != std::floor(decimals) || std::abs(decimals) > 300) return refuse(function, "decimals must be a whole number");
  if (decimals == 0) return g.op("Round", {x});
  const Val factor = g.scalar(std::pow(10.0, std::abs(decimals)));
  return decimals > 0 ? g.div(g.op("Round", {g.mul(x, factor)}), factor) : g.mul(g.op("Round", {g.div(x, factor)}), factor);
}

Result<Val> without_nan(Builder& g, const View& function, const Val& x, const Arguments& arguments) {
  TRY(arguments.only(function, {"nan", "posinf", "neginf", "copy"}));
  constexpr double kMost = std::numeric_limits<double>::max(), kInfinity = std::numeric_limits<double>::infinity();
  Val y = g.where(g.is_nan(x), g.scalar(TRY(arguments.number("nan")).value_or(0)), x);
  y = g.where(g.compare("Equal", y, g.scalar(kInfinity)), g.scalar(TRY(arguments.number("posinf")).value_or(kMost)), y);
  return g.where(g.compare("Equal", y, g.scalar(-kInfinity)), g.scalar(TRY(arguments.number("neginf")).value_or(-kMost)), y);
}

Result<std::optional<Val>> apply(Builder& g, const View& function, std::string_view name, const Val& x, const Arguments& arguments) {
  if (name == "clip") return std::optional(TRY(clipped(g, function, x, arguments)));
  if (name == "round" || name == "around" || name == "round_") return std::optional(TRY(rounded(g, function, x, arguments)));
  if (name == "nan_to_num") return std::optional(TRY(without_nan(g, function, x, arguments)));
  TRY(arguments.only(function, {}));
  if (name == "square") return std::optional(g.mul(x, x));
  if (name == "positive" || name == "asarray" || name == "array" || name == "real" || name == "copy" || name == "ascontiguousarray")
    return std::optional(x);
  if (name == "deg2rad" || name == "radians") return std::optional(g.mul(x, g.scalar(std::numbers::pi / 180)));
  if (name == "rad2deg" || name == "degrees") return std::optional(g.mul(x, g.scalar(180 / std::numbers::pi)));
  if (name == "expit") return std::optional(expit(g, x));
  if (name == "logit") return std::optional(g.op("Log", {g.div(x, g.sub(g.scalar(1), x))}));
  if (name == "isnan") return std::optional(truth(g, g.is_nan(x)));
  if (name == "isfinite") return std::optional(truth(g, g.compare("Less", g.op("Abs", {x}), g.scalar(std::numeric_limits<double>::infinity()))));
  if (name == "logical_not") return std::optional(truth(g, g.compare("Equal", x, g.scalar(0))));
  for (const Function& f : kFunctions) {
    if (f.name == name) return std::optional(f.own ? g.own(f.op, {x}, DType::float64, x.columns) : g.op(f.op, {x}));
  }
  return std::optional<Val>();
}

bool is_numpy(std::string_view module) { return module == "numpy" || module.substr(0, 6) == "numpy." || module.substr(0, 13) == "scipy.special"; }

// The numpy function's name: as a reference, or as _ufunc_reconstruct(module, name).
std::optional<std::string> numpy_name(const View& function) {
  if (!is_numpy(function.module())) return std::nullopt;
  if (function.is(Kind::global)) return std::string(function.name());
  if (function.name() != "_ufunc_reconstruct") return std::nullopt;
  const auto name = function.argument(1);
  if (!name || !name->is(Kind::text)) return std::nullopt;
  auto text = name->text();
  return text.ok() ? std::optional(std::move(text).value()) : std::nullopt;
}

Result<Table> transform(Lowering& to, const View& model, const Table& in) {
  if (TRY(flag_or(model, "validate", false))) to.inputs.refuse_missing(in);
  const auto function = model.find("func");
  if (!function || function->is_none()) return in;
  if (!function->is(Kind::global) && !function->is(Kind::object)) return refuse(*function, "the function is " + function->describe());
  if (const auto code = custom_code(*function)) {
    return refuse(*function,
                  "FunctionTransformer calls " + code->describe() + ": a model file is read as data and its code never runs. " + recipe_for(*code));
  }
  Arguments arguments;
  if (const auto given = model.find("kw_args"); given && given->entries() > 0) arguments.given = given;
  const auto name = numpy_name(*function);
  if (!name) {
    return refuse(*function, "FunctionTransformer calls " + function->qualified_name() +
                                 ", which is code; a model file is read as data and its code never runs. "
                                 "Replace it by a scikit-learn transformer or a plain numpy function such as numpy.log1p");
  }
  const Val x = TRY(to.inputs.numbers(in));
  const auto y = TRY(apply(to.graph, *function, *name, x, arguments));
  if (!y) return refuse(*function, "FunctionTransformer with numpy." + *name + " is not covered yet");
  const Val typed = Builder::typed(*y, DType::float64, x.columns);
  Table out;
  if (in.free) {
    out.free = typed;
    return out;
  }
  out = table_of(typed);
  for (std::size_t i = 0; i < out.width(); ++i) out.columns[i].missing_from = in.columns[i].missing_from;
  return out;
}

constexpr Converter kConverters[] = {{"FunctionTransformer", transform, nullptr}};

}  // namespace

Result<Val> call_function(Lowering& to, const View& function, const Val& x) {
  if (!function.is(Kind::global) && !function.is(Kind::object)) return refuse(function, "the function is " + function.describe());
  const auto name = numpy_name(function);
  const auto y = name ? TRY(apply(to.graph, function, *name, x, Arguments{})) : std::nullopt;
  if (!y)
    return refuse(function, function.qualified_name() + " is no function that is known here; a model file is read as data and its code never runs");
  return Builder::typed(*y, DType::float64, x.columns);
}

Family function_family() { return kConverters; }

}  // namespace slipway::importers::sklearn
