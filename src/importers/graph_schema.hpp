// What a graph of any format looks like from outside: its ports, features and an example. Shared by the importers that don't name features
// of their own. Pure.
#pragma once

#include <string>
#include <vector>

#include "slipway/graph/graph.hpp"
#include "slipway/tensor/schema.hpp"

namespace slipway::importers {

// Fills inputs, outputs and batched. Errors: model_refused with the port that can't be served.
Status describe_ports(const graph::Graph& graph, Schema& schema);

// A batched model whose inputs are rows of a known width is a table, with all that this gives: field errors, CSV, a form.
void add_features(Schema& schema);

// A request of zeros that the model can answer; sides of images that are free are 96. Errors: model_refused (too large for a request).
Result<json::Value> zero_example(const graph::Graph& graph, const Schema& schema);

// For reports: "12 nodes: 3 Conv, ...", "4 constants with 1000 values, 4000 bytes", "input x: float32 [-1, 3]".
std::string node_line(const graph::Graph& graph);
std::string weight_line(const graph::Graph& graph);
std::vector<std::string> port_lines(const Schema& schema);

}  // namespace slipway::importers
