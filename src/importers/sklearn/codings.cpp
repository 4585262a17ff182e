// Transforms that solve a problem for every row, or for all of them: sparse codes, non-negative parts, topics.
#include <algorithm>
#include <cmath>

#include "slipway/importers/blocks/arithmetic.hpp"
#include "slipway/importers/sklearn/table.hpp"

namespace slipway::importers::sklearn {
namespace {

constexpr std::int64_t kAtomsMax = 5'000;  // the operator keeps their products, atoms x atoms

Result<Matrix> atoms(const View& model, const char* name) {
  Matrix m = TRY(matrix(model, name));
  if (m.rank != 2 || m.rows == 0 || m.columns == 0) return refuse(model, std::string(name) + " is empty");
  if (m.rows > kAtomsMax)
    return refuse(model, std::string(name) + " has " + std::to_string(m.rows) + " rows; up to " + std::to_string(kAtomsMax) + " are covered");
  return m;
}

Result<Val> numbers_of(Lowering& to, const View& model, const Table& in, std::int64_t width) {
  TRY(expect_width(model, in, width));
  to.inputs.refuse_missing(in);
  return to.inputs.numbers(in);
}

// --- DictionaryLearning, MiniBatchDictionaryLearning, SparseCoder

struct Coding {
  std::string algorithm;
  double penalty = 1, tolerance = 1e-4;
  std::int64_t steps = 1000;
  bool positive = false;
};

Result<Coding> read_coding(Lowering& to, const View& model, const Matrix& dictionary) {
  Coding out;
  out.algorithm = text_or(model, "transform_algorithm", "omp");
  const std::string& name = out.algorithm;
  if (name != "omp" && name != "lars" && name != "lasso_lars" && name != "lasso_cd" && name != "threshold")
    return refuse(model, "the transform algorithm '" + name.substr(0, 40) + "' is not known");
  const Version version = to.version(model);
  out.positive = TRY(flag_or(model, "positive_code", false));
  out.steps = static_cast<std::int64_t>(TRY(number_or(model, "transform_max_iter", 1000)));
  if (version.at_least(1, 8)) out.tolerance = 1e-8;
  if (name == "omp" || name == "lars") {
    const double features = static_cast<double>(dictionary.columns), count = static_cast<double>(dictionary.rows);
    const double steps = TRY(number_or(model, "transform_n_nonzero_coefs", std::min(std::max(features / 10, 1.0), count)));
    if (!(steps >= 1) || (name == "omp" && steps > count))
      return refuse(model, "it asks for " + std::to_string(steps) + " atoms of " + std::to_string(dictionary.rows));
    out.steps = static_cast<std::int64_t>(steps);
    return out;
  }
  // Without a penalty of its own the transform takes the one of fitting, in versions since 1.2.
  double otherwise = 1;
  if (version.at_least(1, 2) && model.name() != "SparseCoder") otherwise = TRY(number_or(model, "alpha", 1));
  out.penalty = TRY(number_or(model, "transform_alpha", otherwise));
  return out;
}

Result<Table> sparse_code(Lowering& to, const View& model, const Table& in) {
  // SparseCoder keeps its dictionary as a parameter, and in the oldest versions as components_ too.
  const char* name = model.name() == "SparseCoder" && present(model, "dictionary") ? "dictionary" : "components_";
  const Matrix dictionary = TRY(atoms(model, name));
  const Coding coding = TRY(read_coding(to, model, dictionary));
  const Val x = TRY(numbers_of(to, model, in, dictionary.columns));
  Builder& g = to.graph;
  const double numbers[] = {coding.penalty, coding.tolerance};
  const Version version = to.version(model);
  const Val code = g.own(
      "SparseCode", {x, g.constant(doubles({dictionary.rows, dictionary.columns}, dictionary.data)), g.constant(doubles({2}, numbers))},
      DType::float64, dictionary.rows,
      {graph::attr("algorithm", coding.algorithm), graph::attr("steps", coding.steps), graph::attr("positive", std::int64_t{coding.positive ? 1 : 0}),
       graph::attr("rounds", std::int64_t{version.at_least(0, 23) ? 1 : 0}), graph::attr("screens", std::int64_t{version.at_least(1, 8) ? 1 : 0})});
  if (!TRY(flag_or(model, "split_sign", false))) return table_of(code);
  const Val up = Builder::typed(g.op("Max", {code, g.scalar(0)}), DType::float64, dictionary.rows);
  const Val down = Builder::typed(g.op("Neg", {g.op("Min", {code, g.scalar(0)})}), DType::float64, dictionary.rows);
  return table_of(g.concat_columns({up, down}));
}

// --- NMF, MiniBatchNMF

Result<double> divergence_of(const View& model) {
  const auto loss = model.find("beta_loss");
  if (!loss || loss->is_none() || loss->is_text("frobenius")) return 2.0;
  if (loss->is_text("kullback-leibler")) return 1.0;
  if (loss->is_text("itakura-saito")) return 0.0;
  return loss->number();
}

struct Penalties {
  double l1 = 0, l2 = 0;
};

// Of the transform. Up to 1.1 there was one alpha for both factors, unscaled; alpha_W came with 1.0 and is scaled by the columns.
Result<Penalties> penalties_of(const View& model, std::int64_t columns) {
  const double ratio = TRY(number_or(model, "l1_ratio", 0));
  const double own = TRY(number_or(model, "alpha_W", 0));
  const auto other = model.find("alpha_H");
  if (own != 0 || (other && !other->is_text("same")) || !model.has("alpha")) {
    const double scaled = static_cast<double>(columns) * own;
    return Penalties{scaled * ratio, scaled * (1 - ratio)};
  }
  const std::string regularised = text_or(model, "regularization", "both");
  const bool applies = regularised == "both" || regularised == "transformation" || regularised == "deprecated";
  const View alpha = TRY(model.attribute("alpha"));
  const double value = alpha.is(Kind::text) || alpha.is_none() || !applies ? 0 : TRY(alpha.number());
  return Penalties{value * ratio, value * (1 - ratio)};
}

Result<Table> non_negative(Lowering& to, const View& model, const Table& in) {
  const Matrix h = TRY(atoms(model, "components_"));
  const bool batches = model.name() == "MiniBatchNMF";
  std::string solver = batches ? "minibatch" : text_or(model, "solver", "cd");
  if (solver != "cd" && solver != "mu" && !batches) return refuse(model, "the solver '" + solver.substr(0, 40) + "' is not known");
  if (solver == "cd" && TRY(flag_or(model, "shuffle", false)))
    return refuse(model, "shuffle=True visits components in an order of random numbers, which is not covered; fit with shuffle=False");
  const Penalties penalties = TRY(penalties_of(model, h.columns));
  const double numbers[] = {penalties.l1, penalties.l2, TRY(divergence_of(model)), TRY(number_or(model, "tol", 1e-4))};
  double steps = TRY(number_or(model, "max_iter", 200));
  if (batches) steps = TRY(number_or(model, "transform_max_iter", steps));
  const Val x = TRY(numbers_of(to, model, in, h.columns));
  to.rows_depend_on_each_other();
  Builder& g = to.graph;
  for (const Column& column : in.columns) to.inputs.hint_typical(column, 1);
  return table_of(g.own("NonNegativeParts", {x, g.constant(doubles({h.rows, h.columns}, h.data)), g.constant(doubles({4}, numbers))}, DType::float64,
                        h.rows, {graph::attr("solver", solver), graph::attr("steps", static_cast<std::int64_t>(steps))}));
}

// --- LatentDirichletAllocation

Result<Table> topics(Lowering& to, const View& model, const Table& in) {
  const Matrix words = TRY(atoms(model, "exp_dirichlet_component_"));
  const double prior = TRY(number_or(model, "doc_topic_prior_", 1.0 / static_cast<double>(words.rows)));
  const double numbers[] = {prior, TRY(number_or(model, "mean_change_tol", 1e-3))};
  const auto steps = static_cast<std::int64_t>(TRY(number_or(model, "max_doc_update_iter", 100)));
  const Val x = TRY(numbers_of(to, model, in, words.columns));
  for (const Column& column : in.columns) to.inputs.hint_typical(column, 1);
  Builder& g = to.graph;
  return table_of(g.own("Topics", {x, g.constant(doubles({words.rows, words.columns}, words.data)), g.constant(doubles({2}, numbers))},
                        DType::float64, words.rows, {graph::attr("steps", steps)}));
}

constexpr Converter kConverters[] = {
    {"DictionaryLearning", sparse_code, nullptr}, {"MiniBatchDictionaryLearning", sparse_code, nullptr},
    {"SparseCoder", sparse_code, nullptr},        {"NMF", non_negative, nullptr},
    {"MiniBatchNMF", non_negative, nullptr},      {"LatentDirichletAllocation", topics, nullptr},
};

}  // namespace

Family codings_family() { return kConverters; }

}  // namespace slipway::importers::sklearn
