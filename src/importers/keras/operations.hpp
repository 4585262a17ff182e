// Operations on tensors between layers: Keras 3's keras.ops ("GetItem", "Mean", ...) and what tf.keras wraps of TensorFlow
// (TFOpLambda "math.reduce_mean", SlicingOpLambda). One table of names for both.
#pragma once

#include "slipway/importers/keras/layer.hpp"

namespace slipway::importers::keras {

// "GetItem" or "compat.v1.math.reduce_mean" as the table has it: "get_item", "mean".
std::string operation_name(std::string_view name);
bool is_operation(std::string_view name);  // of operation_name()

struct Operated {
  std::vector<Tracked> outputs;
  bool rows_mixed = false;  // a row of the answer may depend on other rows
};
// call.class_name says which (a TFOpLambda: its "function"). Errors: model_refused with the layer's name.
Result<Operated> operate(const Call& call);

}  // namespace slipway::importers::keras
