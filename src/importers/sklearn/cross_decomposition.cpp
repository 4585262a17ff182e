// Partial least squares and canonical correlation: a regression, or scores of X. Predictions changed with the versions: see predict().
#include "slipway/importers/blocks/arithmetic.hpp"
#include "slipway/importers/sklearn/kernels.hpp"
#include "slipway/importers/sklearn/table.hpp"

namespace slipway::importers::sklearn {
namespace {

Result<std::vector<double>> of_x(const View& model, const char* name, const char* old_name) {
  return vector(model, model.has(name) ? name : old_name);
}

// X - mean, and divided by the deviation where asked.
Result<Val> standardised(Lowering& to, const View& model, const Table& in, bool divide) {
  const auto mean = TRY(of_x(model, "_x_mean", "x_mean_"));
  TRY(expect_width(model, in, static_cast<std::int64_t>(mean.size())));
  to.inputs.refuse_missing(in);
  for (std::size_t i = 0; i < in.width(); ++i) to.inputs.hint_typical(in.columns[i], mean[i]);
  const Val x = TRY(to.inputs.numbers(in));
  const Val centred = Builder::typed(to.graph.sub(x, to.graph.row(mean)), DType::float64, x.columns);
  if (!divide) return centred;
  const auto deviation = TRY(of_x(model, "_x_std", "x_std_"));
  if (deviation.size() != mean.size()) return refuse(model, "means and deviations differ in length");
  return Builder::typed(to.graph.div(centred, to.graph.row(deviation)), DType::float64, x.columns);
}

// coef_ is [features, targets] before 1.1, _coef_ [targets, features] in 1.1 and 1.2, coef_ the same from 1.3 on; before 1.5 it is
// of X in deviations, from 1.5 on of X itself. One target given as a list answers a list from 1.3 on.
Result<Prediction> predict(Lowering& to, const View& model, const Table& in) {
  const Version version = to.version(model);
  const bool turned = model.has("_coef_") || version.at_least(1, 3);
  const Val x = TRY(standardised(to, model, in, !version.at_least(1, 5)));
  const Matrix coef = TRY(matrix(model, model.has("_coef_") ? "_coef_" : "coef_"));
  const auto target_mean = model.has("intercept_") ? TRY(vector(model, "intercept_")) : TRY(of_x(model, "_y_mean", "y_mean_"));
  const std::int64_t targets = turned ? coef.rows : coef.columns, features = turned ? coef.columns : coef.rows;
  if (features != x.columns || static_cast<std::int64_t>(target_mean.size()) != targets || targets < 1)
    return refuse(model, "the coefficients don't fit the features and targets");
  const Val product = turned ? dot_products(to.graph, x, coef) : to.graph.matmul(x, constant_matrix(to.graph, coef), targets);
  const Val y = Builder::typed(to.graph.add(product, to.graph.row(target_mean)), DType::float64, targets);
  const bool one = targets == 1 && TRY(flag_or(model, "_predict_1d", false));
  return Prediction::regressor(one ? flat(to.graph, y) : y);
}

Result<Table> scores(Lowering& to, const View& model, const Table& in, const char* weights) {
  const Matrix w = TRY(matrix(model, weights));
  const Val x = TRY(standardised(to, model, in, true));
  if (w.rows != x.columns || w.columns < 1) return refuse(model, std::string(weights) + " doesn't fit the features");
  return table_of(to.graph.matmul(x, constant_matrix(to.graph, w), w.columns));
}

Result<Table> rotate(Lowering& to, const View& model, const Table& in) { return scores(to, model, in, "x_rotations_"); }
Result<Table> weigh(Lowering& to, const View& model, const Table& in) { return scores(to, model, in, "x_weights_"); }

constexpr Converter kConverters[] = {
    {"PLSRegression", rotate, predict},
    {"PLSCanonical", rotate, predict},
    {"CCA", rotate, predict},
    {"PLSSVD", weigh, nullptr},
};

}  // namespace

Family cross_decomposition_family() { return kConverters; }

}  // namespace slipway::importers::sklearn
