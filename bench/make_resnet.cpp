// Writes an ONNX file of ResNet-18's size and shape (He et al. 2015, table 1: 11.7 million weights, 1.8 GFLOP at 224x224) with random
// weights: what a vision model costs to run, without anybody's model.
//   bench_make_resnet OUT.onnx [BATCH]      BATCH 0: free
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <string>

#include "slipway/graph/onnx_io.hpp"

using namespace slipway;
using namespace slipway::graph;

namespace {

class Net {
 public:
  Net() {
    model_.opsets[""] = 17;
    model_.ir_version = 8;
    model_.producer_name = "slipway-bench";
    model_.graph.name = "resnet18_sized";
  }

  std::string op(std::string type, std::vector<std::string> inputs, std::vector<Attribute> attributes = {}) {
    Node node;
    node.op = std::move(type);
    node.inputs = std::move(inputs);
    node.outputs = {"v" + std::to_string(next_++)};
    node.attributes = std::move(attributes);
    model_.graph.nodes.push_back(std::move(node));
    return model_.graph.nodes.back().outputs[0];
  }

  std::string weights(Shape shape, float mean, float deviation) {
    Tensor t(DType::float32, std::move(shape));
    std::normal_distribution<float> normal(mean, deviation);
    for (float& v : t.as<float>()) v = deviation > 0 ? std::abs(mean) > 0 ? std::abs(normal(random_)) : normal(random_) : mean;
    model_.graph.initializers.push_back({"w" + std::to_string(next_++), std::move(t)});
    return model_.graph.initializers.back().name;
  }

  // Convolution and batch normalisation.
  std::string conv(const std::string& x, std::int64_t from, std::int64_t to, std::int64_t kernel, std::int64_t stride) {
    const std::int64_t pad = kernel / 2;
    using Ints = std::vector<std::int64_t>;
    const auto deviation = static_cast<float>(std::sqrt(2.0 / static_cast<double>(from * kernel * kernel)));
    const std::string y =
        op("Conv", {x, weights({to, from, kernel, kernel}, 0, deviation)},
           {{"kernel_shape", Ints{kernel, kernel}, ""}, {"pads", Ints{pad, pad, pad, pad}, ""}, {"strides", Ints{stride, stride}, ""}});
    return op("BatchNormalization", {y, weights({to}, 1, 0.1f), weights({to}, 0, 0.1f), weights({to}, 0, 0.1f), weights({to}, 1, 0.1f)},
              {{"epsilon", 1e-5f, ""}});
  }

  std::string block(const std::string& x, std::int64_t from, std::int64_t to, std::int64_t stride) {
    const std::string inner = conv(op("Relu", {conv(x, from, to, 3, stride)}), to, to, 3, 1);
    const std::string around = stride == 1 && from == to ? x : conv(x, from, to, 1, stride);
    return op("Relu", {op("Add", {inner, around})});
  }

  Model finish(std::int64_t batch) {
    using Ints = std::vector<std::int64_t>;
    const Dim rows = batch > 0 ? Dim{batch, ""} : Dim{-1, "N"};
    model_.graph.inputs.push_back({"image", DType::float32, true, {rows, {3, ""}, {224, ""}, {224, ""}}});
    std::string x = op("Relu", {conv("image", 3, 64, 7, 2)});
    x = op("MaxPool", {x}, {{"kernel_shape", Ints{3, 3}, ""}, {"pads", Ints{1, 1, 1, 1}, ""}, {"strides", Ints{2, 2}, ""}});
    std::int64_t from = 64;
    for (const std::int64_t to : {64, 128, 256, 512}) {
      x = block(x, from, to, to == 64 ? 1 : 2);
      x = block(x, to, to, 1);
      from = to;
    }
    x = op("Flatten", {op("GlobalAveragePool", {x})}, {{"axis", std::int64_t{1}, ""}});
    x = op("Gemm", {x, weights({1000, 512}, 0, 0.05f), weights({1000}, 0, 0.05f)}, {{"transB", std::int64_t{1}, ""}});
    model_.graph.nodes.back().outputs[0] = "logits";
    model_.graph.outputs.push_back({"logits", DType::float32, true, {rows, {1000, ""}}});
    return std::move(model_);
  }

 private:
  Model model_;
  std::mt19937 random_{18};
  int next_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: bench_make_resnet OUT.onnx [BATCH]\n");
    return 2;
  }
  const auto bytes = write_onnx(Net().finish(argc > 2 ? std::atoll(argv[2]) : 1));
  if (!bytes) {
    std::fprintf(stderr, "%s\n", bytes.error().detail().c_str());
    return 1;
  }
  std::ofstream(argv[1], std::ios::binary) << *bytes;
}
