// Multi-layer perceptrons: layers of products, one activation between them and another at the end.
#include "slipway/importers/blocks/arithmetic.hpp"
#include "slipway/importers/sklearn/kernels.hpp"
#include "slipway/importers/sklearn/linear.hpp"
#include "slipway/importers/sklearn/table.hpp"

namespace slipway::importers::sklearn {
namespace {

Result<Val> activate(Builder& graph, const View& model, const std::string& name, const Val& x) {
  if (name == "identity") return x;
  if (name == "logistic") return expit(graph, x);
  if (name == "tanh") return Builder::typed(graph.op("Tanh", {x}), DType::float64, x.columns);
  if (name == "relu") return Builder::typed(graph.op("Max", {x, graph.scalar(0)}), DType::float64, x.columns);
  if (name == "softmax") return softmax(graph, x);
  if (name == "exp") return Builder::typed(graph.op("Exp", {x}), DType::float64, x.columns);
  return refuse(model, "the activation '" + name + "' is not known");
}

Result<Val> forward(Lowering& to, const View& model, const Table& in) {
  const View weights = TRY(model.attribute("coefs_")), biases = TRY(model.attribute("intercepts_"));
  if (!weights.is(Kind::list) || weights.size() == 0 || biases.size() != weights.size())
    return refuse(weights, "there must be one table of weights and one list of biases a layer");
  const std::string hidden = text_or(model, "activation", "relu"), last = text_or(model, "out_activation_", "identity");
  to.inputs.refuse_missing(in);
  std::optional<Val> x;
  for (std::size_t layer = 0; layer < weights.size(); ++layer) {
    const Matrix w = TRY(matrix(weights.at(layer)));
    const auto bias = TRY(biases.at(layer).doubles());
    if (!x) TRY(expect_width(model, in, w.rows));
    if ((x && w.rows != x->columns) || static_cast<std::int64_t>(bias.size()) != w.columns || w.columns < 1)
      return refuse(weights.at(layer), "the layer doesn't fit the one before it");
    const Val product = x ? to.graph.matmul(*x, constant_matrix(to.graph, w), w.columns) : TRY(to.inputs.product(in, w.data, w.columns));
    const Val sum = to.graph.add(product, to.graph.row(bias));
    x = TRY(activate(to.graph, model, layer + 1 == weights.size() ? last : hidden, Builder::typed(sum, DType::float64, w.columns)));
  }
  return *x;
}

Result<Prediction> regressor(Lowering& to, const View& model, const Table& in) {
  const Val y = TRY(forward(to, model, in));
  return Prediction::regressor(y.columns == 1 ? flat(to.graph, y) : y);
}

Result<Prediction> classifier(Lowering& to, const View& model, const Table& in) {
  const Val y = TRY(forward(to, model, in));
  Prediction p;
  p.kind = Prediction::Kind::classifier;
  p.labels = TRY(binarized_labels(model));
  const auto classes = static_cast<std::int64_t>(p.labels->count());
  const auto wrong = [&] { return refuse(model, std::to_string(y.columns) + " outputs don't fit " + std::to_string(classes) + " classes"); };
  if (is_multilabel(model)) {
    if (y.columns != classes) return wrong();
    p.indicator = Builder::typed(above(to.graph, y, 0.5), DType::int64, classes);
    p.probabilities = y;
    return p;
  }
  if (y.columns == 1 && classes == 2) {
    p.label = above(to.graph, flat(to.graph, y), 0.5);
    p.probabilities = two_columns(to.graph, y);
    return p;
  }
  if (y.columns != classes || classes < 3) return wrong();
  p.label = to.graph.argmax(y);
  p.probabilities = y;
  return p;
}

constexpr Converter kConverters[] = {
    {"MLPClassifier", nullptr, classifier},
    {"MLPRegressor", nullptr, regressor},
};

}  // namespace

Family neural_network_family() { return kConverters; }

}  // namespace slipway::importers::sklearn
