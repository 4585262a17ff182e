// Kernel functions as sklearn.metrics.pairwise and libsvm compute them, between the rows of a request and rows of the model.
// For sklearn/*.cpp only.
#pragma once

#include "slipway/importers/sklearn/lowering.hpp"

namespace slipway::importers::sklearn {

struct KernelFunction {
  std::string name;  // of pairwise_kernels
  double gamma = 0, degree = 3, coef0 = 1;
};

Val constant_matrix(Builder& graph, const Matrix& m);
Val constant_transposed(Builder& graph, const Matrix& m);
// [N, rows of `rows`]: see ops/pairwise.cpp for the metrics.
Val row_distances(Builder& graph, const Val& x, const Matrix& rows, std::string metric);
Val dot_products(Builder& graph, const Val& x, const Matrix& rows);
Val unit_rows(Builder& graph, const Val& x);  // divided by their length; rows of zeros stay
void make_unit_rows(Matrix& rows);
Val power(Builder& graph, const Val& x, double exponent);

// [N, rows]. Errors: model_refused for a kernel without a formula here.
Result<Val> pairwise_kernel(Builder& graph, const View& model, const KernelFunction& kernel, const Val& x, const Matrix& rows);
// k(x, x) of each row: [N, 1].
Result<Val> pairwise_kernel_diagonal(Builder& graph, const View& model, const KernelFunction& kernel, const Val& x);
// The parameter that names the kernel; refuses a function of the user's.
Result<std::string> kernel_name(const View& model, std::string_view parameter, std::string_view otherwise);

}  // namespace slipway::importers::sklearn
