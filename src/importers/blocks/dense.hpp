// Small dense algebra and special functions on fitted state, at import. Pure.
#pragma once

#include <optional>
#include <vector>

#include "slipway/graph/builder.hpp"

namespace slipway::importers {

// The inverse of a square matrix (n x n, row by row), by elimination with pivots; nothing where it has none.
std::optional<std::vector<double>> inverse(std::vector<double> a, std::size_t n);
std::vector<double> transposed(const std::vector<double>& a, std::size_t rows, std::size_t columns);
std::vector<double> product(const std::vector<double>& a, const std::vector<double>& b, std::size_t rows, std::size_t inner, std::size_t columns);
double digamma(double x);  // for positive x

// [rows, columns] as a constant.
graph::Val matrix_constant(graph::Builder& graph, std::size_t rows, std::size_t columns, const std::vector<double>& values);
// log(sum(exp(x))) over axis 1, [N, 1]. -inf where every term is.
graph::Val log_sum_exp(graph::Builder& graph, const graph::Val& x);

}  // namespace slipway::importers
