// Labels: the classes of a classifier as the file has them (int64, string, float64 or boolean). Values.
#pragma once

#include <vector>

#include "slipway/base/json.hpp"
#include "slipway/formats/pickle.hpp"
#include "slipway/graph/builder.hpp"

namespace slipway::importers {

struct Labels {
  Tensor values;                   // [classes]
  std::vector<json::Value> shown;  // the same for the schema

  std::size_t count() const { return shown.size(); }
  graph::Val pick(graph::Builder& graph, const graph::Val& index) const;  // index: int64 [N]; gives [N]
};

// Errors: model_refused for classes of mixed kinds.
Result<Labels> read_labels(const pickle::View& classes);

}  // namespace slipway::importers
