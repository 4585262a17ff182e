// Decompositions whose transform is a product of matrices: PCA and its kin, and kernels' PCA.
#include <cmath>
#include <limits>

#include "slipway/importers/blocks/arithmetic.hpp"
#include "slipway/importers/blocks/dense.hpp"
#include "slipway/importers/sklearn/manifolds.hpp"
#include "slipway/importers/sklearn/neighbors.hpp"
#include "slipway/importers/sklearn/table.hpp"

namespace slipway::importers::sklearn {
namespace {

struct Components {
  Matrix m;  // [components, columns]
  std::vector<double> transposed;
};

Result<Components> read_components(const View& model, const char* name = "components_") {
  Components out{TRY(matrix(model, name)), {}};
  if (out.m.rank != 2 || out.m.rows == 0 || out.m.columns == 0) return refuse(model, std::string(name) + " is empty");
  out.transposed = importers::transposed(out.m.data, static_cast<std::size_t>(out.m.rows), static_cast<std::size_t>(out.m.columns));
  return out;
}

Result<Val> numbers_of(Lowering& to, const View& model, const Table& in, std::int64_t width) {
  TRY(expect_width(model, in, width));
  to.inputs.refuse_missing(in);
  return to.inputs.numbers(in);
}

Val times(Builder& g, const Val& x, const Components& c) { return g.matmul(x, g.constant(doubles({c.m.columns, c.m.rows}, c.transposed)), c.m.rows); }

// The same of a table that may be sparse: texts make wide ones.
Result<Val> product_with(Lowering& to, const View& model, const Table& in, const Components& c) {
  TRY(expect_width(model, in, c.m.columns));
  to.inputs.refuse_missing(in);
  return to.inputs.product(in, c.transposed, c.m.rows);
}

Result<std::optional<std::vector<double>>> mean_of(Lowering& to, const View& model, const Table& in) {
  if (!present(model, "mean_")) return std::optional<std::vector<double>>();
  auto mean = TRY(vector(model, "mean_"));
  if (mean.size() != in.width()) return refuse(model, "mean_ doesn't fit the columns");
  for (std::size_t i = 0; i < mean.size(); ++i) to.inputs.hint_typical(in.columns[i], mean[i]);
  return std::optional(std::move(mean));
}

Result<Table> pca(Lowering& to, const View& model, const Table& in) {
  const Components c = TRY(read_components(model));
  Builder& g = to.graph;
  const auto mean = TRY(mean_of(to, model, in));
  Val y;
  if (to.version(model).at_least(1, 5) && mean) {  // the mean is taken off behind the product
    const Val shift = g.matmul(g.row(*mean), g.constant(doubles({c.m.columns, c.m.rows}, c.transposed)), c.m.rows);
    y = g.sub(TRY(product_with(to, model, in, c)), shift);
  } else {
    Val x = TRY(numbers_of(to, model, in, c.m.columns));
    if (mean) x = Builder::typed(g.sub(x, g.row(*mean)), DType::float64, c.m.columns);
    y = times(g, x, c);
  }
  if (TRY(flag_or(model, "whiten", false))) {
    std::vector<double> scale = TRY(vector(model, "explained_variance_"));
    if (static_cast<std::int64_t>(scale.size()) != c.m.rows) return refuse(model, "explained_variance_ doesn't fit its components");
    for (double& s : scale) {
      s = std::sqrt(s);
      if (to.version(model).at_least(1, 5)) s = std::max(s, std::numeric_limits<double>::epsilon());
    }
    y = g.div(y, g.row(scale));
  }
  return table_of(Builder::typed(y, DType::float64, c.m.rows));
}

// TruncatedSVD, NeighborhoodComponentsAnalysis
Result<Table> projection(Lowering& to, const View& model, const Table& in) {
  const Components c = TRY(read_components(model));
  return table_of(TRY(product_with(to, model, in, c)));
}

Result<Table> fast_ica(Lowering& to, const View& model, const Table& in) {
  const Components c = TRY(read_components(model));
  Val x = TRY(numbers_of(to, model, in, c.m.columns));
  const auto whiten = model.find("whiten");
  const bool whitens = whiten && (whiten->is(Kind::text) || (whiten->is(Kind::boolean) && TRY(whiten->boolean())));
  if (const auto mean = TRY(mean_of(to, model, in)); whitens && mean)
    x = Builder::typed(to.graph.sub(x, to.graph.row(*mean)), DType::float64, c.m.columns);
  return table_of(times(to.graph, x, c));
}

Result<Table> factor_analysis(Lowering& to, const View& model, const Table& in) {
  const Components c = TRY(read_components(model));
  const std::vector<double> noise = TRY(vector(model, "noise_variance_"));
  Builder& g = to.graph;
  Val x = TRY(numbers_of(to, model, in, c.m.columns));
  if (static_cast<std::int64_t>(noise.size()) != c.m.columns) return refuse(model, "noise_variance_ doesn't fit the columns");
  if (const auto mean = TRY(mean_of(to, model, in))) x = Builder::typed(g.sub(x, g.row(*mean)), DType::float64, c.m.columns);
  const auto k = static_cast<std::size_t>(c.m.rows), d = static_cast<std::size_t>(c.m.columns);
  std::vector<double> weighted = c.m.data;
  for (std::size_t i = 0; i < weighted.size(); ++i) weighted[i] /= noise[i % d];
  std::vector<double> inner = product(weighted, c.transposed, k, d, k);
  for (std::size_t i = 0; i < k; ++i) inner[i * k + i] += 1;
  const auto covariance = inverse(std::move(inner), k);
  if (!covariance) return refuse(model, "the covariance of its factors has no inverse");
  const Val half = g.matmul(x, matrix_constant(g, d, k, importers::transposed(weighted, k, d)), c.m.rows);
  return table_of(g.matmul(half, matrix_constant(g, k, k, *covariance), c.m.rows));
}

// The ridge regression of rows on sparse components, whose solution is linear in the rows.
Result<Table> sparse_pca(Lowering& to, const View& model, const Table& in) {
  const Components c = TRY(read_components(model));
  Builder& g = to.graph;
  Val x = TRY(numbers_of(to, model, in, c.m.columns));
  if (const auto mean = TRY(mean_of(to, model, in))) x = Builder::typed(g.sub(x, g.row(*mean)), DType::float64, c.m.columns);
  const double alpha = TRY(number_or(model, "ridge_alpha", 0.01));
  const auto k = static_cast<std::size_t>(c.m.rows), d = static_cast<std::size_t>(c.m.columns);
  std::vector<double> solution;
  if (k <= d) {
    std::vector<double> inner = product(c.m.data, c.transposed, k, d, k);
    for (std::size_t i = 0; i < k; ++i) inner[i * k + i] += alpha;
    const auto inverted = inverse(std::move(inner), k);
    if (!inverted) return refuse(model, "its components are not independent, and ridge_alpha is zero");
    solution = product(c.transposed, *inverted, d, k, k);
  } else {
    std::vector<double> outer = product(c.transposed, c.m.data, d, k, d);
    for (std::size_t i = 0; i < d; ++i) outer[i * d + i] += alpha;
    const auto inverted = inverse(std::move(outer), d);
    if (!inverted) return refuse(model, "its components are not independent, and ridge_alpha is zero");
    solution = product(*inverted, c.transposed, d, d, k);
  }
  return table_of(g.matmul(x, matrix_constant(g, d, k, solution), c.m.rows));
}

Result<Table> boltzmann(Lowering& to, const View& model, const Table& in) {
  const Components c = TRY(read_components(model));
  const auto intercept = TRY(vector(model, "intercept_hidden_"));
  if (static_cast<std::int64_t>(intercept.size()) != c.m.rows) return refuse(model, "intercept_hidden_ doesn't fit its components");
  const Val y = to.graph.add(times(to.graph, TRY(numbers_of(to, model, in, c.m.columns)), c), to.graph.row(intercept));
  return table_of(expit(to.graph, y));
}

// --- KernelPCA

struct Kernel {
  std::string name;
  double gamma = 1, degree = 3, coef0 = 1;
};

Result<Kernel> read_kernel(const View& model, std::int64_t columns) {
  Kernel k;
  const View v = TRY(model.attribute("kernel"));
  if (!v.is(Kind::text)) return refuse(v, "the kernel is " + v.describe() + ": code of the file's author, which never runs here");
  k.name = TRY(v.text());
  k.gamma = 1 / static_cast<double>(columns);
  for (const char* attribute : {"gamma_", "gamma"}) {
    if (!present(model, attribute)) continue;
    k.gamma = TRY(TRY(model.attribute(attribute)).number());
    break;
  }
  k.degree = TRY(number_or(model, "degree", 3));
  k.coef0 = TRY(number_or(model, "coef0", 1));
  return k;
}

Result<Val> kernel_values(Builder& g, const View& model, const Kernel& kernel, const std::string& form, const Val& x, const Matrix& rows) {
  const auto n = static_cast<std::size_t>(rows.rows), d = static_cast<std::size_t>(rows.columns);
  const auto dot = [&](const Val& with, const std::vector<double>& data) {
    return g.matmul(with, matrix_constant(g, d, n, importers::transposed(data, n, d)), rows.rows);
  };
  if (kernel.name == "linear") return dot(x, rows.data);
  if (kernel.name == "cosine") {
    return g.own("Distances", {x, g.constant(doubles({rows.rows, rows.columns}, rows.data))}, DType::float64, rows.rows,
                 {graph::attr("metric", std::string("cosine_similarity"))});
  }
  if (kernel.name == "poly" || kernel.name == "polynomial" || kernel.name == "sigmoid") {
    const Val inner = g.add(g.mul(dot(x, rows.data), g.scalar(kernel.gamma)), g.scalar(kernel.coef0));
    return Builder::typed(kernel.name == "sigmoid" ? g.op("Tanh", {inner}) : g.op("Pow", {inner, g.scalar(kernel.degree)}), DType::float64,
                          rows.rows);
  }
  if (kernel.name == "rbf") {
    return Builder::typed(g.op("Exp", {g.mul(euclidean_distances(g, x, rows, form, true), g.scalar(-kernel.gamma))}), DType::float64, rows.rows);
  }
  if (kernel.name == "laplacian") {
    const Val distances = g.own("Distances", {x, g.constant(doubles({rows.rows, rows.columns}, rows.data))}, DType::float64, rows.rows,
                                {graph::attr("metric", std::string("manhattan"))});
    return Builder::typed(g.op("Exp", {g.mul(distances, g.scalar(-kernel.gamma))}), DType::float64, rows.rows);
  }
  return refuse(model,
                "the kernel '" + kernel.name.substr(0, 40) + "' is not covered; linear, poly, rbf, sigmoid, cosine, laplacian and precomputed are");
}

Result<Table> kernel_pca(Lowering& to, const View& model, const Table& in) {
  Builder& g = to.graph;
  if (text_or(model, "kernel", "") == "precomputed") {
    to.inputs.refuse_missing(in);
    TRY(expect_width(model, in, static_cast<std::int64_t>(TRY(vector(TRY(model.attribute("_centerer")), "K_fit_rows_")).size())));
    return table_of(TRY(of_kernel(to, model, TRY(to.inputs.numbers(in)))));
  }
  const Matrix rows = TRY(dense_rows(model, TRY(model.attribute("X_fit_"))));
  if (rows.rows == 0 || rows.columns == 0) return refuse(model, "X_fit_ is empty");
  const Val x = TRY(numbers_of(to, model, in, rows.columns));
  const Val k = TRY(kernel_values(g, model, TRY(read_kernel(model, rows.columns)), expanded_form(to.version(model)), x, rows));
  return table_of(TRY(of_kernel(to, model, k)));
}

constexpr Converter kConverters[] = {
    {"PCA", pca, nullptr},
    {"IncrementalPCA", pca, nullptr},
    {"TruncatedSVD", projection, nullptr},
    {"NeighborhoodComponentsAnalysis", projection, nullptr},
    {"FastICA", fast_ica, nullptr},
    {"FactorAnalysis", factor_analysis, nullptr},
    {"SparsePCA", sparse_pca, nullptr},
    {"MiniBatchSparsePCA", sparse_pca, nullptr},
    {"BernoulliRBM", boltzmann, nullptr},
    {"KernelPCA", kernel_pca, nullptr},
};

}  // namespace

Result<Val> of_kernel(Lowering& to, const View& model, const Val& k) {
  Builder& g = to.graph;
  const View centerer = TRY(model.attribute("_centerer"));
  const std::vector<double> fit_rows = TRY(vector(centerer, "K_fit_rows_"));
  const std::vector<double> fit_all = TRY(vector(centerer, "K_fit_all_"));
  Matrix vectors = TRY(matrix(model, present(model, "eigenvectors_") ? "eigenvectors_" : "alphas_"));
  const std::vector<double> values = TRY(vector(model, present(model, "eigenvalues_") ? "eigenvalues_" : "lambdas_"));
  const auto n = static_cast<std::int64_t>(fit_rows.size());
  if (n == 0 || fit_all.size() != 1 || vectors.rows != n || static_cast<std::int64_t>(values.size()) != vectors.columns ||
      (k.columns >= 0 && k.columns != n))
    return refuse(model, "its eigenvectors don't fit the rows it was fitted on");
  const View stored = TRY(model.attribute(present(model, "eigenvectors_") ? "eigenvectors_" : "alphas_"));
  const bool single = stored.is(Kind::array) && stored.dtype_text().find("f4") != std::string::npos;
  for (std::int64_t r = 0; r < vectors.rows; ++r) {
    for (std::int64_t c = 0; c < vectors.columns; ++c) {
      double& v = vectors.data[static_cast<std::size_t>(r * vectors.columns + c)];
      const double value = values[static_cast<std::size_t>(c)];
      if (single)  // fitted in single precision, the library divides in it
        v = value == 0 ? 0 : static_cast<float>(v) / std::sqrt(static_cast<float>(value));
      else
        v = value == 0 ? 0 : v / std::sqrt(value);
    }
  }
  const Val means = Builder::typed(g.div(sum_columns(g, k), g.scalar(static_cast<double>(n))), DType::float64, 1);
  Val centered = g.sub(g.sub(k, g.row(fit_rows)), means);
  centered = Builder::typed(g.add(centered, g.scalar(fit_all[0])), DType::float64, n);
  return g.matmul(centered, g.constant(doubles({vectors.rows, vectors.columns}, vectors.data)), vectors.columns);
}

Family decompositions_family() { return kConverters; }

}  // namespace slipway::importers::sklearn
