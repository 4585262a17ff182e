// Which of torchvision's networks weights alone belong to: by names and shapes. Their answers are compared by tools/corpus/check_torchvision.py.
#include "slipway/importers/torch/architectures.hpp"

#include <gtest/gtest.h>

namespace slipway::importers::torch {
namespace {

namespace files = slipway::torch;

// Names and shapes that a network of this name has, with storage for the largest only: nothing reads it.
struct Shapes {
  std::vector<std::pair<std::string, slipway::Shape>> tensors;

  static Shapes of(const std::string& name, std::int64_t classes) {
    const auto parsed = read_sources({});
    const Sources& sources = *parsed;
    graph::Builder builder("shapes");
    Net net(builder, true);
    SourceHost host(sources);
    Evaluator e(net, host);
    Recipe recipe;
    recipe.name = name;
    ClassArgument& a = recipe.arguments.emplace_back();
    a.name = "num_classes";
    a.constant = Any(classes);
    const auto network = construct(e, host, recipe);
    EXPECT_TRUE(network.ok()) << network.error().detail();
    Shapes out;
    const auto registered = host.registered(*network);
    for (const SourceHost::Registered& r : *registered) {
      slipway::Shape sizes;
      const auto value = r.cell->read(net);
      for (const Dim& d : value->dims) sizes.push_back(d.value);
      out.tensors.emplace_back(r.name, std::move(sizes));
    }
    return out;
  }
  files::StateDict dict(const std::string& prefix = "") const {
    files::StateDict out;
    for (const auto& [name, sizes] : tensors) {
      files::TensorView view;
      view.dtype = DType::float32;
      view.sizes = sizes;
      EXPECT_TRUE(out.add(prefix + name, view, 1U << 30).ok());
    }
    return out;
  }
};

std::string recognised(const files::StateDict& weights) {
  const auto parsed = read_sources({});
  const Sources& sources = *parsed;
  const auto found = find_architecture(sources, weights);
  if (!found) return "";
  const ClassArgument& classes = found->found.recipe.arguments.at(0);
  const auto* count = classes.constant.as<Dim>();
  return found->found.recipe.name + " " + (count == nullptr ? "?" : std::to_string(count->value));
}

TEST(Architectures, AreTheirNamesWithAnyNumberOfClasses) {
  for (const std::string name :
       {"resnet18",           "resnet34",        "resnet50",          "resnext50_32x4d",    "wide_resnet50_2", "vgg16",
        "vgg16_bn",           "alexnet",         "squeezenet1_0",     "squeezenet1_1",      "densenet121",     "mobilenet_v2",
        "mobilenet_v3_small", "efficientnet_b0", "efficientnet_v2_s", "shufflenet_v2_x1_0", "mnasnet0_5",      "convnext_tiny",
        "vit_b_16",           "regnet_x_400mf",  "regnet_y_400mf"})
    EXPECT_EQ(recognised(Shapes::of(name, 5).dict()), name + " 5");
}

TEST(Architectures, AreFoundBelowWrappersOfTheirNames) {
  EXPECT_EQ(recognised(Shapes::of("squeezenet1_1", 3).dict("module.")), "squeezenet1_1 3");
  EXPECT_EQ(recognised(Shapes::of("squeezenet1_1", 3).dict("model.net.")), "squeezenet1_1 3");
}

TEST(Architectures, DoWithoutTheCountsOfBatchesThatOldFilesLack) {
  Shapes shapes = Shapes::of("resnet18", 4);
  std::erase_if(shapes.tensors, [](const auto& t) { return t.first.ends_with("num_batches_tracked"); });
  EXPECT_EQ(recognised(shapes.dict()), "resnet18 4");
}

TEST(Architectures, AreNotGuessedWhereOneTensorDiffers) {
  Shapes other_shape = Shapes::of("squeezenet1_1", 3);
  other_shape.tensors[4].second[0] += 1;
  EXPECT_EQ(recognised(other_shape.dict()), "");
  Shapes one_more = Shapes::of("resnet18", 3);
  one_more.tensors.emplace_back("head.weight", slipway::Shape{2, 3});
  EXPECT_EQ(recognised(one_more.dict()), "");
  Shapes one_less = Shapes::of("resnet18", 3);
  one_less.tensors.pop_back();
  EXPECT_EQ(recognised(one_less.dict()), "");
}

}  // namespace
}  // namespace slipway::importers::torch
