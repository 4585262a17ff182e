// Piecewise linear functions of one number, as numpy.interp computes them. Pure.
#pragma once

#include <vector>

#include "slipway/graph/builder.hpp"

namespace slipway::importers {

// x: [N, 1]; `at` ascends strictly, as many numbers as `values`. Left of the first and right of the last the value stays.
graph::Val interpolate(graph::Builder& graph, const graph::Val& x, const std::vector<double>& at, const std::vector<double>& values);

}  // namespace slipway::importers
