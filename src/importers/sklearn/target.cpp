// TransformedTargetRegressor: the regressor inside answers on another scale; the target's transformer takes it back.
#include <cmath>
#include <limits>

#include "slipway/importers/blocks/arithmetic.hpp"
#include "slipway/importers/blocks/interpolate.hpp"
#include "slipway/importers/sklearn/function.hpp"
#include "slipway/importers/sklearn/inner.hpp"
#include "slipway/importers/sklearn/table.hpp"

namespace slipway::importers::sklearn {
namespace {

constexpr int kStepsMax = 24;

// single: the targets are float32, and so is what every step makes of them.
Result<Val> inverse(Lowering& to, const View& model, const Val& y, bool single, int depth);

Val step(Lowering& to, const Val& made, std::int64_t columns, bool single) {
  return single ? single_value(to.graph, made, columns) : Builder::typed(made, DType::float64, columns);
}

Result<std::vector<double>> row_of(const View& model, std::string_view name, const Val& y) {
  auto row = TRY(vector(model, name));
  if (static_cast<std::int64_t>(row.size()) != y.columns)
    return refuse(model, std::string(name) + " has " + std::to_string(row.size()) + " numbers for " + std::to_string(y.columns) + " targets");
  return row;
}

// The numbers of one parameter, one a target; of float32 targets StandardScaler rounds them first since 1.8.
Result<std::vector<double>> row_of(Lowering& to, const View& model, std::string_view name, const Val& y, bool single) {
  auto row = TRY(row_of(model, name, y));
  if (!single || model.name() != "StandardScaler" || !to.version(model).at_least(1, 8)) return row;
  for (double& v : row) v = static_cast<double>(static_cast<float>(v));
  return row;
}

// y * scale + shift, each where the flag is on.
Result<Val> scaled_back(Lowering& to, const View& model, Val y, bool single, bool scale, std::string_view shift) {
  const std::int64_t columns = y.columns;
  if (scale) y = step(to, to.graph.mul(y, to.graph.row(TRY(row_of(to, model, "scale_", y, single)))), columns, single);
  if (!shift.empty()) y = step(to, to.graph.add(y, to.graph.row(TRY(row_of(to, model, shift, y, single)))), columns, single);
  return y;
}

Result<Val> standard(Lowering& to, const View& model, const Val& y, bool single) {
  return scaled_back(to, model, y, single, TRY(flag_or(model, "with_std", true)), TRY(flag_or(model, "with_mean", true)) ? "mean_" : "");
}
Result<Val> robust(Lowering& to, const View& model, const Val& y, bool single) {
  return scaled_back(to, model, y, single, TRY(flag_or(model, "with_scaling", true)), TRY(flag_or(model, "with_centering", true)) ? "center_" : "");
}
Result<Val> max_abs(Lowering& to, const View& model, const Val& y, bool single) { return scaled_back(to, model, y, single, true, ""); }
Result<Val> min_max(Lowering& to, const View& model, const Val& y, bool single) {
  const Val shifted = step(to, to.graph.sub(y, to.graph.row(TRY(row_of(model, "min_", y)))), y.columns, single);
  return step(to, to.graph.div(shifted, to.graph.row(TRY(row_of(model, "scale_", y)))), y.columns, single);
}

Val power(Builder& graph, const Val& base, double exponent) {
  return Builder::typed(graph.op("Pow", {base, graph.scalar(exponent)}), DType::float64, 1);
}
Val linear(Builder& graph, const Val& x, double factor) { return graph.add(graph.mul(x, graph.scalar(factor)), graph.scalar(1)); }

Val box_cox_back(Builder& graph, const Val& x, double lambda) {
  return lambda == 0 ? Builder::typed(graph.op("Exp", {x}), DType::float64, 1) : power(graph, linear(graph, x, lambda), 1 / lambda);
}

Val yeo_johnson_back(Builder& graph, const Val& x, double lambda) {
  constexpr double kSpacing = std::numeric_limits<double>::epsilon();
  const Val one = graph.scalar(1);
  const Val positive =
      std::abs(lambda) < kSpacing ? graph.sub(graph.op("Exp", {x}), one) : graph.sub(power(graph, linear(graph, x, lambda), 1 / lambda), one);
  const Val negative = std::abs(lambda - 2) > kSpacing ? graph.sub(one, power(graph, linear(graph, x, -(2 - lambda)), 1 / (2 - lambda)))
                                                       : graph.sub(one, graph.op("Exp", {graph.op("Neg", {x})}));
  const Val is_positive = Builder::typed(graph.op("GreaterOrEqual", {x, graph.scalar(0)}), DType::boolean, 1);
  return Builder::typed(graph.where(is_positive, positive, negative), DType::float64, 1);
}

Result<Val> power_transformer(Lowering& to, const View& model, Val y, bool single, int depth) {
  const auto lambdas = TRY(row_of(model, "lambdas_", y));
  if (TRY(flag_or(model, "standardize", true))) y = TRY(inverse(to, TRY(model.attribute("_scaler")), y, single, depth));
  const std::string method = text_or(model, "method", "yeo-johnson");
  if (method != "yeo-johnson" && method != "box-cox") return refuse(model, "the method '" + method.substr(0, 40) + "' is not known");
  std::vector<Val> columns;
  for (std::size_t i = 0; i < lambdas.size(); ++i) {
    const Val x = to.graph.column(y, static_cast<std::int64_t>(i));
    columns.push_back(method == "box-cox" ? box_cox_back(to.graph, x, lambdas[i]) : yeo_johnson_back(to.graph, x, lambdas[i]));
  }
  return to.graph.concat_columns(columns);
}

// From a share of the training targets back to the target that had it.
Result<Val> quantile_transformer(Lowering& to, const View& model, const Val& y) {
  Builder& graph = to.graph;
  const Matrix quantiles = TRY(matrix(model, "quantiles_"));
  const auto references = TRY(vector(model, "references_"));
  if (quantiles.rank != 2 || quantiles.columns != y.columns || quantiles.rows != static_cast<std::int64_t>(references.size()) || references.empty())
    return refuse(model, "quantiles_ and references_ don't fit the targets");
  for (std::size_t i = 1; i < references.size(); ++i) {
    if (!(references[i] > references[i - 1])) return refuse(model, "references_ doesn't ascend");
  }
  const bool normal = text_or(model, "output_distribution", "uniform") == "normal";
  constexpr double kBound = 1e-7;
  std::vector<Val> columns;
  for (std::int64_t c = 0; c < y.columns; ++c) {
    std::vector<double> values;
    for (std::int64_t r = 0; r < quantiles.rows; ++r) values.push_back(quantiles.at(r, c));
    Val x = graph.column(y, c);
    if (normal) x = graph.own("NormalCdf", {x}, DType::float64, 1);
    const auto is = [&](const char* op, const Val& a, double b) { return Builder::typed(graph.op(op, {a, graph.scalar(b)}), DType::boolean, 1); };
    const Val low = normal ? is("Less", graph.sub(x, graph.scalar(kBound)), 0) : is("Equal", x, 0);
    const Val high = normal ? is("Greater", graph.add(x, graph.scalar(kBound)), 1) : is("Equal", x, 1);
    const Val inside = interpolate(graph, x, references, values);
    const Val capped = graph.where(high, graph.scalar(values.back()), inside);
    columns.push_back(Builder::typed(graph.where(low, graph.scalar(values.front()), capped), DType::float64, 1));
  }
  return graph.concat_columns(columns);
}

Result<Val> function_transformer(Lowering& to, const View& model, const Val& y) {
  const auto function = model.find("inverse_func");
  if (!function || function->is_none()) return y;
  if (const auto arguments = model.find("inv_kw_args"); arguments && arguments->entries() > 0)
    return refuse(*function, "the inverse function is called with arguments, which is not supported yet");
  return call_function(to, *function, y);
}

Result<Val> pca(Lowering& to, const View& model, const Val& y) {
  const Matrix components = TRY(matrix(model, "components_"));
  if (components.rank != 2 || components.rows != y.columns) return refuse(model, "components_ doesn't fit the targets");
  Val x = y;
  if (TRY(flag_or(model, "whiten", false))) {
    auto variance = TRY(row_of(model, "explained_variance_", y));
    for (double& v : variance) v = std::sqrt(v);
    x = Builder::typed(to.graph.mul(x, to.graph.row(variance)), DType::float64, y.columns);
  }
  const Val back = to.graph.matmul(x, to.graph.constant(doubles({components.rows, components.columns}, components.data)), components.columns);
  const Val typed = Builder::typed(back, DType::float64, components.columns);
  return Builder::typed(to.graph.add(typed, to.graph.row(TRY(row_of(model, "mean_", typed)))), DType::float64, components.columns);
}

Result<Val> pipeline(Lowering& to, const View& model, Val y, bool single, int depth) {
  const View steps = TRY(model.attribute("steps"));
  for (std::size_t i = steps.size(); i-- > 0;) {
    if (steps.at(i).size() != 2) return refuse(steps.at(i), "a step is no pair of name and estimator");
    const View step = steps.at(i).at(1);
    if (!step.is_none() && !step.is_text("passthrough")) y = TRY(inverse(to, step, y, single, depth));
  }
  return y;
}

Result<Val> taken_back(Lowering& to, const View& model, const Val& y, bool single, int depth) {
  if (depth > kStepsMax) return refuse(model, "transformers are nested too deep");
  if (!model.is(Kind::object) || !model.module().starts_with("sklearn.")) return not_covered(model);
  const std::string_view name = model.name();
  if (name == "StandardScaler") return standard(to, model, y, single);
  if (name == "MinMaxScaler") return min_max(to, model, y, single);
  if (name == "MaxAbsScaler") return max_abs(to, model, y, single);
  if (name == "RobustScaler") return robust(to, model, y, single);
  if (name == "PowerTransformer") return power_transformer(to, model, y, single, depth + 1);
  if (name == "QuantileTransformer") return quantile_transformer(to, model, y);
  if (name == "FunctionTransformer") return function_transformer(to, model, y);
  if (name == "PCA") return pca(to, model, y);
  if (name == "Pipeline") return pipeline(to, model, y, single, depth + 1);
  return refuse(model, "taking targets back through " + std::string(name) + " is not covered");
}

Result<Val> inverse(Lowering& to, const View& model, const Val& y, bool single, int depth) {
  const Val back = TRY(taken_back(to, model, y, single, depth));
  return single ? single_value(to.graph, back, back.columns) : back;
}

Result<Prediction> regressor(Lowering& to, const View& model, const Table& in) {
  const View inner = TRY(model.attribute("regressor_"));
  const Prediction p = TRY(to.predict(inner, in));
  if (p.kind != Prediction::Kind::regressor) return refuse(inner, "it is no regressor");
  const View transformer = TRY(model.attribute("transformer_"));
  auto back = inverse(to, transformer, as_columns(to.graph, *p.value), p.single, 0);
  if (!back.ok()) return std::move(back).error();
  const bool one = TRY(number_or(model, "_training_dim", 1)) == 1;
  Prediction out = Prediction::regressor(one && back->columns == 1 ? flat(to.graph, *back) : *back);
  out.single = p.single;
  return out;
}

constexpr Converter kConverters[] = {{"TransformedTargetRegressor", nullptr, regressor}};

}  // namespace

Family target_family() { return kConverters; }

}  // namespace slipway::importers::sklearn
