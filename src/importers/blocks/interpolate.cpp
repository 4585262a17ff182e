#include "slipway/importers/blocks/interpolate.hpp"

#include <algorithm>
#include <cmath>

#include "slipway/importers/blocks/arithmetic.hpp"

namespace slipway::importers {

using graph::Builder;
using graph::Val;

Val interpolate(Builder& graph, const Val& x, const std::vector<double>& at, const std::vector<double>& values, double snap) {
  const auto n = static_cast<std::int64_t>(at.size());
  std::vector<double> slopes(at.size(), 0.0), reach(at.size(), 0.0), from(at);  // slope to the next knot; behind the last it is level
  for (std::size_t i = 0; i < at.size(); ++i) {
    if (i + 1 < at.size()) slopes[i] = (values[i + 1] - values[i]) / (at[i + 1] - at[i]);
    reach[i] = snap * std::max(1.0, std::abs(at[i]));
    from[i] -= reach[i];
  }
  const Val inside = clip(graph, x, at.front(), at.back());
  const Val passed = graph.cast(Builder::typed(graph.op("GreaterOrEqual", {inside, graph.row(from)}), DType::boolean, n), DType::int64);
  const Val count = graph.reduce("ReduceSum", passed, 1, true);
  // A missing x passes none; its knot is the first, and the arithmetic keeps it missing.
  const Val knot = graph.op("Max", {Builder::typed(graph.sub(count, graph.scalar_i64(1)), DType::int64, 1), graph.scalar_i64(0)});
  const auto pick = [&](const std::vector<double>& of) {
    return Builder::typed(graph.gather(graph.constant(doubles({n}, of)), knot, 0), DType::float64, 1);
  };
  Val beyond = graph.sub(inside, pick(at));
  if (snap > 0) {
    const Val near = Builder::typed(graph.op("LessOrEqual", {graph.op("Abs", {beyond}), pick(reach)}), DType::boolean, 1);
    beyond = graph.where(near, graph.scalar(0), beyond);
  }
  return Builder::typed(graph.add(graph.mul(pick(slopes), beyond), pick(values)), DType::float64, 1);
}

}  // namespace slipway::importers
