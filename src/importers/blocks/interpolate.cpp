#include "slipway/importers/blocks/interpolate.hpp"

#include "slipway/importers/blocks/arithmetic.hpp"

namespace slipway::importers {

using graph::Builder;
using graph::Val;

Val interpolate(Builder& graph, const Val& x, const std::vector<double>& at, const std::vector<double>& values) {
  const auto n = static_cast<std::int64_t>(at.size());
  std::vector<double> slopes(at.size(), 0.0);  // from each knot to the next; behind the last it is level
  for (std::size_t i = 0; i + 1 < at.size(); ++i) slopes[i] = (values[i + 1] - values[i]) / (at[i + 1] - at[i]);
  const Val inside = clip(graph, x, at.front(), at.back());
  const Val passed = graph.cast(Builder::typed(graph.op("GreaterOrEqual", {inside, graph.row(at)}), DType::boolean, n), DType::int64);
  const Val count = graph.reduce("ReduceSum", passed, 1, true);
  // A missing x passes none; its knot is the first, and the arithmetic keeps it missing.
  const Val knot = graph.op("Max", {Builder::typed(graph.sub(count, graph.scalar_i64(1)), DType::int64, 1), graph.scalar_i64(0)});
  const auto pick = [&](const std::vector<double>& of) {
    return Builder::typed(graph.gather(graph.constant(doubles({n}, of)), knot, 0), DType::float64, 1);
  };
  return Builder::typed(graph.add(graph.mul(pick(slopes), graph.sub(inside, pick(at))), pick(values)), DType::float64, 1);
}

}  // namespace slipway::importers
