// Text columns in the graph: look-ups of strings, and missing ones. Pure.
#pragma once

#include <string>
#include <vector>

#include "slipway/graph/builder.hpp"

namespace slipway::importers {

// [N, k] string -> [N, k] int64; what isn't among the keys is `otherwise`.
graph::Val look_up(graph::Builder& graph, const graph::Val& text, std::vector<std::string> keys, std::vector<std::int64_t> values,
                   std::int64_t otherwise);
// The same to float64, which may be NaN.
graph::Val look_up_number(graph::Builder& graph, const graph::Val& text, std::vector<std::string> keys, const std::vector<double>& values,
                          double otherwise);
graph::Val equals_text(graph::Builder& graph, const graph::Val& text, std::string value);  // boolean [N, k]
graph::Val constant_texts(graph::Builder& graph, std::vector<std::string> values);         // [1, k]

}  // namespace slipway::importers
