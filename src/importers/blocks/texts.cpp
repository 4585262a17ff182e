#include "slipway/importers/blocks/texts.hpp"

namespace slipway::importers {

using graph::attr;
using graph::Builder;
using graph::Val;

Val look_up(Builder& graph, const Val& text, std::vector<std::string> keys, std::vector<std::int64_t> values, std::int64_t otherwise) {
  const Val found =
      graph.op("LabelEncoder", {text},
               {attr("keys_strings", std::move(keys)), attr("values_int64s", std::move(values)), attr("default_int64", otherwise)}, "ai.onnx.ml");
  return Builder::typed(found, DType::int64, text.columns);
}

Val look_up_number(Builder& graph, const Val& text, std::vector<std::string> keys, const std::vector<double>& values, double otherwise) {
  const auto n = static_cast<std::int64_t>(keys.size());
  const Val found = graph.op("LabelEncoder", {text},
                             {attr("keys_tensor", Tensor::of_strings({n}, std::move(keys))), attr("values_tensor", doubles({n}, values)),
                              attr("default_tensor", doubles({1}, std::span(&otherwise, 1)))},
                             "ai.onnx.ml");
  return Builder::typed(found, DType::float64, text.columns);
}

Val equals_text(Builder& graph, const Val& text, std::string value) {
  return graph.cast(look_up(graph, text, {std::move(value)}, {1}, 0), DType::boolean);
}

Val constant_texts(Builder& graph, std::vector<std::string> values) {
  const auto n = static_cast<std::int64_t>(values.size());
  return graph.constant(Tensor::of_strings({1, n}, std::move(values)));
}

}  // namespace slipway::importers
