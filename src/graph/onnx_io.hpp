// The ONNX wire form to and from graph::Model, and the checks an uploaded or imported graph must pass before an engine sees it.
// Reading never follows external data; what the format knows and we don't is refused, not skipped. Pure functions.
#pragma once

#include <span>
#include <string>

#include "slipway/base/pieces.hpp"
#include "slipway/graph/graph.hpp"

namespace slipway::graph {

// Errors: model_refused with the reason and where (node name / initializer) in the detail.
Result<Model> read_onnx(std::span<const std::byte> bytes);
// The pieces keep the model's weights, which are not copied; of a model that was moved here they are the last to do so.
Result<Pieces> onnx_pieces(Model model);
Result<std::string> write_onnx(const Model& model);  // the same in one

// Closed operator list (ai.onnx, ai.onnx.ml, local functions), opset >= 7, no external data, dims against data, depth of subgraphs and
// functions, acyclic order, every input defined, TreeEnsemble* and linear/SVM attributes in range.
Status check(const Model& model);

std::string dump(const Model& model);  // stable text for goldens and `slipway inspect`

}  // namespace slipway::graph
