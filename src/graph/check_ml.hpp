// The checks of ai.onnx.ml nodes: attributes against each other, so that no index leads outside. Pure.
#pragma once

#include <optional>

#include "slipway/graph/graph.hpp"

namespace slipway::graph {

// columns: of the node's first input, where the graph tells. Errors: model_refused without the node's place (the caller adds it).
Status check_ml_node(const Node& node, std::optional<std::int64_t> columns);
Status check_tfidf(const Node& node);  // TfIdfVectorizer, of ai.onnx: the same kind of lists

}  // namespace slipway::graph
