#include "slipway/importers/sklearn/kernels.hpp"

#include <cmath>

#include "slipway/importers/blocks/arithmetic.hpp"

namespace slipway::importers::sklearn {
namespace {

Val exp_of(Builder& graph, const Val& x, double factor) {
  return Builder::typed(graph.op("Exp", {graph.mul(x, graph.scalar(factor))}), DType::float64, x.columns);
}

Val squared_lengths(Builder& graph, const Val& x) { return sum_columns(graph, Builder::typed(graph.mul(x, x), DType::float64, x.columns)); }

}  // namespace

Val constant_matrix(Builder& graph, const Matrix& m) {
  return Builder::typed(graph.constant(doubles({m.rows, m.columns}, m.data)), DType::float64, m.columns);
}

Val constant_transposed(Builder& graph, const Matrix& m) {
  std::vector<double> turned(m.data.size());
  for (std::int64_t r = 0; r < m.rows; ++r) {
    for (std::int64_t c = 0; c < m.columns; ++c) turned[static_cast<std::size_t>(c * m.rows + r)] = m.at(r, c);
  }
  return Builder::typed(graph.constant(doubles({m.columns, m.rows}, turned)), DType::float64, m.rows);
}

Val row_distances(Builder& graph, const Val& x, const Matrix& rows, std::string metric) {
  return graph.own("RowDistances", {x, constant_matrix(graph, rows)}, DType::float64, rows.rows, {graph::attr("metric", std::move(metric))});
}

Val dot_products(Builder& graph, const Val& x, const Matrix& rows) { return graph.matmul(x, constant_transposed(graph, rows), rows.rows); }

Val unit_rows(Builder& graph, const Val& x) {
  const Val length = Builder::typed(graph.op("Sqrt", {squared_lengths(graph, x)}), DType::float64, 1);
  const Val zero = Builder::typed(graph.compare("Equal", length, graph.scalar(0)), DType::boolean, 1);
  return Builder::typed(graph.div(x, graph.where(zero, graph.scalar(1), length)), DType::float64, x.columns);
}

void make_unit_rows(Matrix& rows) {
  for (std::int64_t r = 0; r < rows.rows; ++r) {
    double sum = 0;
    for (std::int64_t c = 0; c < rows.columns; ++c) sum += rows.at(r, c) * rows.at(r, c);
    if (sum == 0) continue;
    for (std::int64_t c = 0; c < rows.columns; ++c) rows.data[static_cast<std::size_t>(r * rows.columns + c)] /= std::sqrt(sum);
  }
}

Val power(Builder& graph, const Val& x, double exponent) {
  if (exponent == 1) return x;
  if (exponent == 2) return Builder::typed(graph.mul(x, x), DType::float64, x.columns);
  return Builder::typed(graph.op("Pow", {x, graph.scalar(exponent)}), DType::float64, x.columns);
}

Result<Val> pairwise_kernel(Builder& graph, const View& model, const KernelFunction& k, const Val& x, const Matrix& rows) {
  if (k.name == "linear") return dot_products(graph, x, rows);
  if (k.name == "poly" || k.name == "polynomial" || k.name == "sigmoid") {
    const Val inner = graph.add(graph.mul(dot_products(graph, x, rows), graph.scalar(k.gamma)), graph.scalar(k.coef0));
    if (k.name == "sigmoid") return Builder::typed(graph.op("Tanh", {inner}), DType::float64, rows.rows);
    return power(graph, Builder::typed(inner, DType::float64, rows.rows), k.degree);
  }
  if (k.name == "rbf") return exp_of(graph, row_distances(graph, x, rows, "sqeuclidean"), -k.gamma);
  if (k.name == "laplacian") return exp_of(graph, row_distances(graph, x, rows, "manhattan"), -k.gamma);
  if (k.name == "chi2") return exp_of(graph, row_distances(graph, x, rows, "chi2"), -k.gamma);
  if (k.name == "additive_chi2") return Builder::typed(graph.op("Neg", {row_distances(graph, x, rows, "chi2")}), DType::float64, rows.rows);
  if (k.name == "cosine") {
    Matrix unit = rows;
    make_unit_rows(unit);
    return dot_products(graph, unit_rows(graph, x), unit);
  }
  return refuse(model, "the kernel '" + k.name + "' has no formula here");
}

Result<Val> pairwise_kernel_diagonal(Builder& graph, const View& model, const KernelFunction& k, const Val& x) {
  const Val squares = squared_lengths(graph, x);
  const Val zeros = Builder::typed(graph.mul(squares, graph.scalar(0)), DType::float64, 1);
  const auto constant = [&](double v) { return Builder::typed(graph.add(zeros, graph.scalar(v)), DType::float64, 1); };
  if (k.name == "linear") return squares;
  if (k.name == "poly" || k.name == "polynomial" || k.name == "sigmoid") {
    const Val inner = Builder::typed(graph.add(graph.mul(squares, graph.scalar(k.gamma)), graph.scalar(k.coef0)), DType::float64, 1);
    if (k.name == "sigmoid") return Builder::typed(graph.op("Tanh", {inner}), DType::float64, 1);
    return power(graph, inner, k.degree);
  }
  if (k.name == "rbf" || k.name == "laplacian" || k.name == "chi2") return constant(1);
  if (k.name == "additive_chi2") return constant(0);
  if (k.name == "cosine") return squared_lengths(graph, unit_rows(graph, x));
  return refuse(model, "the kernel '" + k.name + "' has no formula here");
}

Result<std::string> kernel_name(const View& model, std::string_view parameter, std::string_view otherwise) {
  const auto found = model.find(parameter);
  if (!found || found->is_none()) return std::string(otherwise);
  if (!found->is(Kind::text))
    return refuse(*found, "the " + std::string(parameter) + " is " + found->describe() +
                              ", a function of the program that trained the model; only kernels by name are read here");
  return found->text();
}

}  // namespace slipway::importers::sklearn
