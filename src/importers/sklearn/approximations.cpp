// Kernel approximations, random projections and KernelCenterer: products with matrices that were drawn or fitted, and what lies around.
#include <cmath>
#include <limits>
#include <numbers>

#include "slipway/importers/sklearn/table.hpp"

namespace slipway::importers::sklearn {
namespace {

using graph::attr;

constexpr std::int64_t kDenseMax = 64'000'000;

Table plain(const Val& block) { return table_of(block); }

std::vector<double> transposed(const Matrix& m) {
  std::vector<double> out(m.data.size());
  for (std::int64_t r = 0; r < m.rows; ++r) {
    for (std::int64_t c = 0; c < m.columns; ++c) out[static_cast<std::size_t>(c * m.rows + r)] = m.at(r, c);
  }
  return out;
}

// A scipy CSR matrix, or a dense one.
Result<Matrix> any_matrix(const View& model, const char* name) {
  const View v = TRY(model.attribute(name));
  if (!v.is(Kind::object)) return matrix(model, name);
  const auto shape = TRY(TRY(v.attribute(v.has("_shape") ? "_shape" : "shape")).integers());
  const auto starts = TRY(TRY(v.attribute("indptr")).integers()), columns = TRY(TRY(v.attribute("indices")).integers());
  const auto values = TRY(vector(v, "data"));
  if (v.name().substr(0, 4) != "csr_") return refuse(v, "here is " + v.describe() + ", a CSR matrix was expected");
  if (shape.size() != 2 || shape[0] < 1 || shape[1] < 1 || shape[1] > kDenseMax / shape[0]) return refuse(v, "the sparse matrix is too large");
  if (static_cast<std::int64_t>(starts.size()) != shape[0] + 1 || values.size() != columns.size()) return refuse(v, "the sparse matrix is damaged");
  Matrix out;
  out.rows = shape[0];
  out.columns = shape[1];
  out.data.assign(static_cast<std::size_t>(out.rows * out.columns), 0.0);
  for (std::int64_t r = 0; r < out.rows; ++r) {
    const std::int64_t begin = starts[static_cast<std::size_t>(r)], end = starts[static_cast<std::size_t>(r) + 1];
    if (begin < 0 || end < begin || end > static_cast<std::int64_t>(values.size())) return refuse(v, "the sparse matrix is damaged");
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t c = columns[static_cast<std::size_t>(i)];
      if (c < 0 || c >= out.columns) return refuse(v, "the sparse matrix is damaged");
      out.data[static_cast<std::size_t>(r * out.columns + c)] += values[static_cast<std::size_t>(i)];
    }
  }
  return out;
}

Result<Table> project(Lowering& to, const View& model, const Table& in) {
  const Matrix components = TRY(any_matrix(model, "components_"));
  TRY(expect_width(model, in, components.columns));
  to.inputs.refuse_missing(in);
  return plain(TRY(to.inputs.product(in, transposed(components), components.rows)));
}

// cos(projection + offset) * sqrt(2 / n)
Result<Table> cosines(Lowering& to, const View& model, const Table& in, const Matrix& weights) {
  const auto offset = TRY(vector(model, "random_offset_"));
  if (static_cast<std::int64_t>(offset.size()) != weights.columns) return refuse(model, "its offsets don't fit its weights");
  Builder& g = to.graph;
  const Val projection = g.add(TRY(to.inputs.product(in, weights.data, weights.columns)), g.row(offset));
  const double n = TRY(number_or(model, "n_components", static_cast<double>(weights.columns)));
  return plain(Builder::typed(g.mul(g.op("Cos", {projection}), g.scalar(std::sqrt(2.0) / std::sqrt(n))), DType::float64, weights.columns));
}

Result<Table> rbf_sampler(Lowering& to, const View& model, const Table& in) {
  const Matrix weights = TRY(matrix(model, "random_weights_"));
  TRY(expect_width(model, in, weights.rows));
  to.inputs.refuse_missing(in);
  return cosines(to, model, in, weights);
}

Result<Val> above(Lowering& to, const Table& in, double low, bool strict, const char* what) {
  to.inputs.refuse_missing(in);
  const Val x = TRY(to.inputs.numbers(in));
  return to.graph.own("RequireAbove", {x, to.graph.scalar(low)}, DType::float64, x.columns,
                      {attr("strict", std::int64_t{strict}), attr("what", std::string(what))});
}

Result<Table> skewed_chi2(Lowering& to, const View& model, const Table& in) {
  const Matrix weights = TRY(matrix(model, "random_weights_"));
  TRY(expect_width(model, in, weights.rows));
  const double skewedness = TRY(number_or(model, "skewedness", 1));
  const Val x = TRY(above(to, in, -skewedness, true, "X may not contain entries smaller than -skewedness"));
  const Val logarithm = to.graph.op("Log", {to.graph.add(x, to.graph.scalar(skewedness))});
  return cosines(to, model, table_of(Builder::typed(logarithm, DType::float64, x.columns)), weights);
}

Result<Table> additive_chi2(Lowering& to, const View& model, const Table& in) {
  const double steps = TRY(number_or(model, "sample_steps", 2));
  if (!(steps >= 1 && steps <= 1000) || steps != std::floor(steps)) return refuse(model, "sample_steps must be from 1 to 1000");
  const Width width = TRY(width_of(model));
  if (width.count >= 0) TRY(expect_width(model, in, width.count));
  double interval = steps == 1 ? 0.8 : steps == 2 ? 0.5 : 0.4;
  for (const char* name : {"sample_interval", "sample_interval_"}) interval = TRY(number_or(model, name, interval));
  const Val x = TRY(above(to, in, 0, false, "negative values in data given to AdditiveChi2Sampler"));
  Builder& g = to.graph;
  const Val zero = g.compare("Equal", x, g.scalar(0));
  const auto unless_zero = [&](const Val& v) { return Builder::typed(g.where(zero, g.scalar(0), v), DType::float64, x.columns); };
  const Val logarithm = g.mul(g.scalar(interval), g.op("Log", {x}));
  const Val step = g.mul(g.mul(g.scalar(2), x), g.scalar(interval));
  std::vector<Val> parts{unless_zero(g.op("Sqrt", {g.mul(x, g.scalar(interval))}))};
  for (double j = 1; j < steps; ++j) {
    const Val factor = g.op("Sqrt", {g.div(step, g.scalar(std::cosh(std::numbers::pi * j * interval)))});
    const Val angle = g.mul(g.scalar(j), logarithm);
    parts.push_back(unless_zero(g.mul(factor, g.op("Cos", {angle}))));
    parts.push_back(unless_zero(g.mul(factor, g.op("Sin", {angle}))));
  }
  const Val all = g.concat_columns(parts);
  if (!in.free) return plain(all);
  Table out;
  out.free = all;
  return out;
}

struct KernelSpec {
  std::string name;
  double gamma = 0, degree = 3, coef0 = 1;
};
Result<KernelSpec> kernel_of(const View& model, std::int64_t features) {
  KernelSpec k;
  const auto kernel = model.find("kernel");
  if (kernel && !kernel->is(Kind::text)) return refuse(*kernel, "the kernel is " + kernel->qualified_name() + ", which is code and never runs here");
  k.name = text_or(model, "kernel", "rbf");
  k.gamma = k.name == "chi2" ? 1.0 : 1.0 / static_cast<double>(features);
  const auto more = model.find("kernel_params");
  const auto parameter = [&](const char* name, double& value) -> Status {
    if (more && !more->is_none()) {
      if (const auto given = more->get(name); given && !given->is_none()) value = TRY(given->number());
    }
    value = TRY(number_or(model, name, value));
    return ok();
  };
  TRY(parameter("gamma", k.gamma));
  TRY(parameter("degree", k.degree));
  TRY(parameter("coef0", k.coef0));
  return k;
}

Val unit_rows(Builder& g, const Val& x) {
  const Val length = g.op("Sqrt", {g.reduce("ReduceSum", g.mul(x, x), 1, true)});
  const Val small = g.compare("Less", length, g.scalar(10 * std::numeric_limits<double>::epsilon()));
  return Builder::typed(g.div(x, Builder::typed(g.where(small, g.scalar(1), length), DType::float64, 1)), DType::float64, x.columns);
}

Result<Val> kernel_values(Lowering& to, const View& model, const KernelSpec& k, const Val& x, const Matrix& y) {
  Builder& g = to.graph;
  const Val columns = g.constant(doubles({y.columns, y.rows}, transposed(y)));
  const auto typed = [&](const Val& v) { return Builder::typed(v, DType::float64, y.rows); };
  if (k.name == "linear") return g.matmul(x, columns, y.rows);
  if (k.name == "cosine") {
    Matrix unit = y;
    for (std::int64_t r = 0; r < y.rows; ++r) {
      double sum = 0;
      for (std::int64_t c = 0; c < y.columns; ++c) sum += y.at(r, c) * y.at(r, c);
      const double length = std::sqrt(sum) < 10 * std::numeric_limits<double>::epsilon() ? 1 : std::sqrt(sum);
      for (std::int64_t c = 0; c < y.columns; ++c) unit.data[static_cast<std::size_t>(r * y.columns + c)] /= length;
    }
    return g.matmul(unit_rows(g, x), g.constant(doubles({y.columns, y.rows}, transposed(unit))), y.rows);
  }
  if (k.name == "rbf") {
    std::vector<double> squares;
    for (std::int64_t r = 0; r < y.rows; ++r) {
      double sum = 0;
      for (std::int64_t c = 0; c < y.columns; ++c) sum += y.at(r, c) * y.at(r, c);
      squares.push_back(sum);
    }
    const Val own = Builder::typed(g.reduce("ReduceSum", g.mul(x, x), 1, true), DType::float64, 1);
    const Val d = g.add(g.add(typed(g.mul(g.scalar(-2), g.matmul(x, columns, y.rows))), own), g.row(squares));
    const Val positive = g.op("Max", {typed(d), g.scalar(0)});
    return typed(g.op("Exp", {g.mul(positive, g.scalar(-k.gamma))}));
  }
  if (k.name == "poly" || k.name == "polynomial" || k.name == "sigmoid") {
    const Val inside = typed(g.add(g.mul(g.matmul(x, columns, y.rows), g.scalar(k.gamma)), g.scalar(k.coef0)));
    return typed(k.name == "sigmoid" ? g.op("Tanh", {inside}) : g.op("Pow", {inside, g.scalar(k.degree)}));
  }
  const Val rows = g.constant(doubles({y.rows, y.columns}, y.data));
  const auto differences = [&](const char* kind) {
    return g.own("RowDifferences", {x, rows}, DType::float64, y.rows, {attr("kind", std::string(kind))});
  };
  if (k.name == "laplacian") return typed(g.op("Exp", {g.mul(differences("l1"), g.scalar(-k.gamma))}));
  if (k.name == "additive_chi2") return typed(g.op("Neg", {differences("chi2")}));
  if (k.name == "chi2") return typed(g.op("Exp", {g.mul(differences("chi2"), g.scalar(-k.gamma))}));
  return refuse(model, "the kernel '" + k.name.substr(0, 40) + "' is not covered");
}

Result<Table> nystroem(Lowering& to, const View& model, const Table& in) {
  const Matrix normalization = TRY(matrix(model, "normalization_"));
  if (text_or(model, "kernel", "rbf") == "precomputed") {
    TRY(expect_width(model, in, normalization.columns));
    to.inputs.refuse_missing(in);
    return plain(TRY(to.inputs.product(in, transposed(normalization), normalization.rows)));
  }
  const Matrix components = TRY(any_matrix(model, "components_"));
  TRY(expect_width(model, in, components.columns));
  if (normalization.columns != components.rows) return refuse(model, "its normalization doesn't fit its components");
  const KernelSpec kernel = TRY(kernel_of(model, components.columns));
  const bool chi2 = kernel.name == "chi2" || kernel.name == "additive_chi2";
  to.inputs.refuse_missing(in);
  const Val x = chi2 ? TRY(above(to, in, 0, false, "X contains negative values")) : TRY(to.inputs.numbers(in));
  const Val embedded = TRY(kernel_values(to, model, kernel, x, components));
  return plain(to.graph.matmul(embedded, to.graph.constant(doubles({normalization.columns, normalization.rows}, transposed(normalization))),
                               normalization.rows));
}

Result<Table> count_sketch(Lowering& to, const View& model, const Table& in) {
  const View hashes = TRY(model.attribute("indexHash_"));
  const Matrix index = TRY(matrix(model, "indexHash_")), sign = TRY(matrix(model, "bitHash_"));
  if (index.rank != 2 || index.rows != sign.rows || index.columns != sign.columns) return refuse(hashes, "the hashes don't fit together");
  const double columns = TRY(number_or(model, "n_components", 100)), coef0 = TRY(number_or(model, "coef0", 0));
  if (!(columns >= 1 && columns <= 100'000) || columns != std::floor(columns)) return refuse(model, "n_components must be from 1 to 100000");
  std::vector<std::int64_t> places;
  for (const double v : index.data) {
    if (!(v >= 0 && v < columns)) return refuse(hashes, "a hash is out of range");
    places.push_back(static_cast<std::int64_t>(v));
  }
  TRY(expect_width(model, in, index.columns - (coef0 != 0 ? 1 : 0)));
  to.inputs.refuse_missing(in);
  Builder& g = to.graph;
  Val x = TRY(to.inputs.numbers(in));
  x = Builder::typed(g.mul(g.scalar(std::sqrt(TRY(number_or(model, "gamma", 1)))), x), DType::float64, x.columns);
  if (coef0 != 0) x = g.concat_columns({x, Builder::typed(g.repeat_row(x, g.row(std::vector<double>{std::sqrt(coef0)})), DType::float64, 1)});
  return plain(g.own("CountSketch",
                     {x, g.constant(int64s({index.rows, index.columns}, places)), g.constant(doubles({sign.rows, sign.columns}, sign.data))},
                     DType::float64, static_cast<std::int64_t>(columns), {attr("columns", static_cast<std::int64_t>(columns))}));
}

Result<Table> center(Lowering& to, const View& model, const Table& in) {
  const auto rows = TRY(vector(model, "K_fit_rows_"));
  const double all = TRY(TRY(model.attribute("K_fit_all_")).number());
  TRY(expect_width(model, in, static_cast<std::int64_t>(rows.size())));
  to.inputs.refuse_missing(in);
  Builder& g = to.graph;
  const Val k = TRY(to.inputs.numbers(in));
  const Val mean = Builder::typed(g.div(g.reduce("ReduceSum", k, 1, true), g.scalar(static_cast<double>(rows.size()))), DType::float64, 1);
  return plain(Builder::typed(g.add(g.sub(g.sub(k, g.row(rows)), mean), g.scalar(all)), DType::float64, k.columns));
}

constexpr Converter kConverters[] = {
    {"GaussianRandomProjection", project, nullptr},
    {"SparseRandomProjection", project, nullptr},
    {"RBFSampler", rbf_sampler, nullptr},
    {"SkewedChi2Sampler", skewed_chi2, nullptr},
    {"AdditiveChi2Sampler", additive_chi2, nullptr},
    {"Nystroem", nystroem, nullptr},
    {"PolynomialCountSketch", count_sketch, nullptr},
    {"KernelCenterer", center, nullptr},
};

}  // namespace

Family approximations_family() { return kConverters; }

}  // namespace slipway::importers::sklearn
