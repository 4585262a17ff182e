// A model's layers one after the other into the graph.
#pragma once

#include <functional>

#include "slipway/importers/keras/layer.hpp"
#include "slipway/importers/keras/model.hpp"
#include "slipway/importers/keras/weights.hpp"

namespace slipway::importers::keras {

class Lowering {
 public:
  using Asset = std::function<std::optional<std::string>(const std::string& path)>;  // "assets/layers/string_lookup/vocabulary.txt"
  Lowering(Net& net, Dialect dialect, Asset asset) : net_(net), layouts_(net), dialect_(dialect), asset_(std::move(asset)) {}

  struct Port {
    std::string name;
    Value value;
  };
  struct Ports {
    std::vector<Port> inputs, outputs;
  };
  // Adds the graph's inputs and runs the model on them. Errors: model_refused with the layer's name.
  Result<Ports> run(const ModelConfig& model, const Weights& weights);
  bool rows_mixed() const { return rows_mixed_; }  // a row of the answer may depend on other rows

 private:
  Result<std::vector<Tracked>> run_inside(const ModelConfig& model, const Weights& weights, std::vector<Tracked> inputs, int depth);
  Result<std::vector<Tracked>> run_sequential(const ModelConfig& model, const Weights& weights, std::vector<Tracked> inputs, int depth);
  Result<std::vector<Tracked>> run_functional(const ModelConfig& model, const Weights& weights, std::vector<Tracked> inputs, int depth);
  Result<std::vector<Tracked>> call(const LayerConfig& layer, const Weights& weights, const NodeConfig* node, std::vector<Tracked> inputs, int depth);
  Result<std::vector<Tracked>> time_distributed(const LayerConfig& layer, const Weights& weights, std::vector<Tracked> inputs, int depth);
  Result<Value> graph_input(const std::string& name, const json::Value& shape, const json::Value* dtype);
  Result<json::Value> sequential_shape(const ModelConfig& model, const Weights& weights);

  Net& net_;
  Layouts layouts_;
  Dialect dialect_;
  Asset asset_;
  bool rows_mixed_ = false;
  std::optional<Dim> rows_;  // the batch: one symbol for all inputs
  std::vector<std::string> names_;
};

}  // namespace slipway::importers::keras
