// Small formulas that estimators share, written as the libraries write them so that rounding agrees. Pure.
#pragma once

#include <vector>

#include "slipway/graph/builder.hpp"

namespace slipway::importers {

// 1 / (1 + exp(-x)). The engine's own Sigmoid loses small probabilities: it computes 1 - 1/(1 + exp(-|x|)) for negative x.
graph::Val expit(graph::Builder& graph, const graph::Val& x);
graph::Val softmax(graph::Builder& graph, const graph::Val& x);                        // over axis 1
graph::Val clip(graph::Builder& graph, const graph::Val& x, double low, double high);  // NaN stays NaN
graph::Val two_columns(graph::Builder& graph, const graph::Val& p);                    // [N, 1] -> [1 - p, p]
graph::Val flat(graph::Builder& graph, const graph::Val& x);                           // [N, 1] -> [N]
graph::Val sum_columns(graph::Builder& graph, const graph::Val& x);                    // [N, k] -> [N, 1]
graph::Val above(graph::Builder& graph, const graph::Val& x, double threshold);        // [N] -> int64 [N], 1 where x > threshold
graph::Val at_least(graph::Builder& graph, const graph::Val& x, double threshold);     // [N] -> int64 [N], 1 where x >= threshold

}  // namespace slipway::importers
