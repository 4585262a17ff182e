// Kernel ridge regression, and isotonic regression: straight lines between its thresholds.
#include <algorithm>
#include <cmath>

#include "slipway/importers/blocks/arithmetic.hpp"
#include "slipway/importers/blocks/trees.hpp"
#include "slipway/importers/sklearn/kernels.hpp"
#include "slipway/importers/sklearn/table.hpp"

namespace slipway::importers::sklearn {
namespace {

Result<Prediction> kernel_ridge(Lowering& to, const View& model, const Table& in) {
  KernelFunction kernel;
  kernel.name = TRY(kernel_name(model, "kernel", "linear"));
  const Matrix fitted = TRY(matrix(model, "X_fit_"));
  Matrix coef = TRY(matrix(model, "dual_coef_"));
  if (coef.rank < 2) std::swap(coef.rows, coef.columns);
  if (coef.rows != fitted.rows || coef.rows < 1 || coef.columns < 1) return refuse(model, "dual_coef_ doesn't fit the rows that it was fitted on");
  TRY(expect_width(model, in, fitted.columns));
  if (!present(model, "gamma") && kernel.name == "chi2") return refuse(model, "the chi2 kernel needs a gamma");
  kernel.gamma = TRY(number_or(model, "gamma", 1.0 / static_cast<double>(std::max<std::int64_t>(fitted.columns, 1))));
  kernel.degree = TRY(number_or(model, "degree", 3));
  kernel.coef0 = TRY(number_or(model, "coef0", 1));
  to.inputs.refuse_missing(in);
  const Val x = TRY(to.inputs.numbers(in));
  if (kernel.name == "precomputed" && fitted.columns != fitted.rows) return refuse(model, "a precomputed kernel must be square");
  const Val values = kernel.name == "precomputed" ? x : TRY(pairwise_kernel(to.graph, model, kernel, x, fitted));
  const Val y = to.graph.matmul(values, constant_matrix(to.graph, coef), coef.columns);
  return Prediction::regressor(coef.rank < 2 ? flat(to.graph, y) : y);
}

struct Curve {
  std::vector<double> knots, values;
  bool single = false;  // trained in float32, which it then computes in as well; to a last bit that depends on scipy's version
};

Result<Curve> read_curve(const View& model) {
  const bool old_names = !model.has("X_thresholds_");
  const View knots = TRY(model.attribute(old_names ? "_necessary_X_" : "X_thresholds_"));
  Curve c;
  c.knots = TRY(knots.doubles());
  c.values = TRY(vector(model, old_names ? "_necessary_y_" : "y_thresholds_"));
  c.single = knots.is(Kind::array) && knots.dtype_text().find("f4") != std::string::npos;
  if (c.knots.empty() || c.knots.size() != c.values.size()) return refuse(knots, "thresholds and their values differ in number");
  for (std::size_t i = 0; i < c.knots.size(); ++i) {
    if (!std::isfinite(c.knots[i]) || (i > 0 && !(c.knots[i] > c.knots[i - 1]))) return refuse(knots, "the thresholds don't ascend");
  }
  return c;
}

Result<Val> isotonic_values(Lowering& to, const View& model, const Table& in) {
  const Curve curve = TRY(read_curve(model));
  TRY(expect_width(model, in, 1));
  to.inputs.refuse_missing(in);
  to.inputs.hint_range(in.columns[0], curve.knots.front(), curve.knots.back());
  to.inputs.hint_typical(in.columns[0], curve.knots[curve.knots.size() / 2]);
  Builder& graph = to.graph;
  Val x = TRY(to.inputs.numbers(in));
  if (curve.single) x = round_to_float(graph, x);
  if (curve.knots.size() == 1) return graph.repeat_row(x, graph.row(curve.values));  // one value, wherever one asks
  const std::string outside = text_or(model, "out_of_bounds", "nan");
  if (outside == "clip") {
    const double low = TRY(number_or(model, "X_min_", curve.knots.front())), high = TRY(number_or(model, "X_max_", curve.knots.back()));
    x = Builder::typed(graph.op("Clip", {x, graph.scalar(low), graph.scalar(high)}), DType::float64, 1);
  } else if (outside != "nan" && outside != "raise") {
    return refuse(model, "out_of_bounds is '" + outside + "'");
  }
  const Val knots = graph.constant(doubles({static_cast<std::int64_t>(curve.knots.size())}, curve.knots));
  const Val values = graph.constant(doubles({static_cast<std::int64_t>(curve.values.size())}, curve.values));
  return graph.own("PiecewiseLinear", {x, knots, values}, DType::float64, 1,
                   {graph::attr("outside", std::string(outside == "raise" ? "raise" : "nan")),
                    graph::attr("single", std::int64_t{!curve.single                      ? 0
                                                       : to.version(model).at_least(1, 8) ? 2
                                                                                          : 1})});
}

Result<Prediction> isotonic(Lowering& to, const View& model, const Table& in) {
  return Prediction::regressor(flat(to.graph, TRY(isotonic_values(to, model, in))));
}

Result<Table> isotonic_transform(Lowering& to, const View& model, const Table& in) { return table_of(TRY(isotonic_values(to, model, in))); }

constexpr Converter kConverters[] = {
    {"KernelRidge", nullptr, kernel_ridge},
    {"IsotonicRegression", isotonic_transform, isotonic},
};

}  // namespace

Family kernel_ridge_family() { return kConverters; }

}  // namespace slipway::importers::sklearn
