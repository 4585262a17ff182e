// FunctionTransformer without a function, or with one of numpy's that is known here by name. A user's own function is code: refused.
#include <cmath>

#include "slipway/importers/custom_code.hpp"
#include "slipway/importers/sklearn/table.hpp"

namespace slipway::importers::sklearn {
namespace {

// log(1 + x) and exp(x) - 1 without losing small x (Kahan's forms).
Val log1p(Builder& g, const Val& x) {
  const Val u = g.add(x, g.scalar(1));
  const Val same = Builder::typed(g.op("Equal", {u, g.scalar(1)}), DType::boolean, x.columns);
  const Val infinite = Builder::typed(g.op("IsInf", {u}), DType::boolean, x.columns);
  const Val logarithm = g.op("Log", {u});
  const Val exact = g.div(g.mul(logarithm, x), g.sub(u, g.scalar(1)));
  const Val at_edge = Builder::typed(g.op("Equal", {u, g.scalar(0)}), DType::boolean, x.columns);
  return g.where(same, x, g.where(infinite, logarithm, g.where(at_edge, logarithm, exact)));
}

Val expm1(Builder& g, const Val& x) {
  const Val u = g.op("Exp", {x});
  const Val same = Builder::typed(g.op("Equal", {u, g.scalar(1)}), DType::boolean, x.columns);
  const Val large = Builder::typed(g.op("Greater", {g.op("Abs", {x}), g.scalar(1)}), DType::boolean, x.columns);
  const Val minus = g.sub(u, g.scalar(1));
  return g.where(same, x, g.where(large, minus, g.div(g.mul(minus, x), g.op("Log", {u}))));
}

struct Function {
  std::string_view name, op;  // op: the ONNX operator, where it is one
};
constexpr Function kFunctions[] = {
    {"log", "Log"},     {"exp", "Exp"},   {"sqrt", "Sqrt"}, {"abs", "Abs"}, {"absolute", "Abs"}, {"fabs", "Abs"},  {"negative", "Neg"},
    {"floor", "Floor"}, {"ceil", "Ceil"}, {"sign", "Sign"}, {"sin", "Sin"}, {"cos", "Cos"},      {"tanh", "Tanh"}, {"reciprocal", "Reciprocal"},
};

std::optional<Val> apply(Builder& g, std::string_view name, const Val& x) {
  if (name == "log1p") return log1p(g, x);
  if (name == "expm1") return expm1(g, x);
  if (name == "log2") return g.div(g.op("Log", {x}), g.scalar(std::log(2.0)));
  if (name == "log10") return g.div(g.op("Log", {x}), g.scalar(std::log(10.0)));
  if (name == "square") return g.mul(x, x);
  for (const Function& f : kFunctions) {
    if (f.name == name) return g.op(f.op, {x});
  }
  return std::nullopt;
}

bool is_numpy(std::string_view module) { return module == "numpy" || module.substr(0, 6) == "numpy."; }

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
  if (const auto arguments = model.find("kw_args"); arguments && arguments->entries() > 0) {
    return refuse(*function, "FunctionTransformer calls " + function->qualified_name() + " with arguments, which is not supported yet");
  }
  const auto name = numpy_name(*function);
  if (!name) {
    return refuse(*function, "FunctionTransformer calls " + function->qualified_name() +
                                 ", which is code; a model file is read as data and its code never runs. "
                                 "Replace it by a scikit-learn transformer or a plain numpy function such as numpy.log1p");
  }
  const Val x = TRY(to.inputs.numbers(in));
  const auto y = apply(to.graph, *name, x);
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

Family function_family() { return kConverters; }

}  // namespace slipway::importers::sklearn
