#include "slipway/importers/blocks/arithmetic.hpp"

namespace slipway::importers {

using graph::Builder;
using graph::Val;

Val expit(Builder& graph, const Val& x) {
  return Builder::typed(graph.div(graph.scalar(1), graph.add(graph.op("Exp", {graph.op("Neg", {x})}), graph.scalar(1))), DType::float64, x.columns);
}

Val softmax(Builder& graph, const Val& x) { return graph.op("Softmax", {x}, {graph::attr("axis", std::int64_t{1})}); }

Val clip(Builder& graph, const Val& x, double low, double high) {
  const Val inside = graph.op("Clip", {x, graph.scalar(low), graph.scalar(high)});
  return Builder::typed(graph.where(graph.is_nan(x), x, inside), DType::float64, x.columns);
}

Val two_columns(Builder& graph, const Val& p) { return graph.concat_columns({Builder::typed(graph.sub(graph.scalar(1), p), DType::float64, 1), p}); }

Val flat(Builder& graph, const Val& x) { return graph.reshape(x, {-1}, -1); }
Val sum_columns(Builder& graph, const Val& x) { return Builder::typed(graph.reduce("ReduceSum", x, 1, true), DType::float64, 1); }

Val above(Builder& graph, const Val& x, double threshold) {
  return graph.cast(Builder::typed(graph.op("Greater", {x, graph.scalar(threshold)}), DType::boolean, -1), DType::int64);
}

Val at_least(Builder& graph, const Val& x, double threshold) {
  return graph.cast(Builder::typed(graph.op("GreaterOrEqual", {x, graph.scalar(threshold)}), DType::boolean, -1), DType::int64);
}

}  // namespace slipway::importers
