// Piecewise linear functions of one number, as numpy.interp computes them. Pure.
#pragma once

#include <vector>

#include "slipway/graph/builder.hpp"

namespace slipway::importers {

// x: [N, 1]; `at` ascends strictly, as many numbers as `values`. Left of the first and right of the last the value stays.
// snap > 0: an x as near to a knot as that (relative to the knot, or to 1) stands on it, so that the last bit of an x that was
// computed doesn't show on a steep piece.
graph::Val interpolate(graph::Builder& graph, const graph::Val& x, const std::vector<double>& at, const std::vector<double>& values, double snap = 0);

}  // namespace slipway::importers
