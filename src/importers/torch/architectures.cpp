#include "slipway/importers/torch/architectures.hpp"

namespace slipway::importers::torch {
namespace {

namespace files = slipway::torch;

// A network is tried where the file has this tensor.
struct Known {
  std::string_view name, tensor;
};
constexpr Known kKnown[] = {
    {"resnet18", "layer1.0.conv2.weight"},
    {"resnet34", "layer1.0.conv2.weight"},
    {"resnet50", "layer1.0.conv2.weight"},
    {"resnet101", "layer1.0.conv2.weight"},
    {"resnet152", "layer1.0.conv2.weight"},
    {"resnext50_32x4d", "layer1.0.conv2.weight"},
    {"resnext101_32x8d", "layer1.0.conv2.weight"},
    {"resnext101_64x4d", "layer1.0.conv2.weight"},
    {"wide_resnet50_2", "layer1.0.conv2.weight"},
    {"wide_resnet101_2", "layer1.0.conv2.weight"},
    {"vgg11", "classifier.6.weight"},
    {"vgg11_bn", "classifier.6.weight"},
    {"vgg13", "classifier.6.weight"},
    {"vgg13_bn", "classifier.6.weight"},
    {"vgg16", "classifier.6.weight"},
    {"vgg16_bn", "classifier.6.weight"},
    {"vgg19", "classifier.6.weight"},
    {"vgg19_bn", "classifier.6.weight"},
    {"alexnet", "classifier.6.weight"},
    {"squeezenet1_0", "features.3.squeeze.weight"},
    {"squeezenet1_1", "features.3.squeeze.weight"},
    {"densenet121", "features.denseblock1.denselayer1.norm1.weight"},
    {"densenet161", "features.denseblock1.denselayer1.norm1.weight"},
    {"densenet169", "features.denseblock1.denselayer1.norm1.weight"},
    {"densenet201", "features.denseblock1.denselayer1.norm1.weight"},
    {"mobilenet_v2", "features.1.conv.0.0.weight"},
    {"mobilenet_v3_small", "features.1.block.0.0.weight"},
    {"mobilenet_v3_large", "features.1.block.0.0.weight"},
    {"efficientnet_b0", "features.1.0.block.0.0.weight"},
    {"efficientnet_b1", "features.1.0.block.0.0.weight"},
    {"efficientnet_b2", "features.1.0.block.0.0.weight"},
    {"efficientnet_b3", "features.1.0.block.0.0.weight"},
    {"efficientnet_b4", "features.1.0.block.0.0.weight"},
    {"efficientnet_b5", "features.1.0.block.0.0.weight"},
    {"efficientnet_b6", "features.1.0.block.0.0.weight"},
    {"efficientnet_b7", "features.1.0.block.0.0.weight"},
    {"efficientnet_v2_s", "features.1.0.block.0.0.weight"},
    {"efficientnet_v2_m", "features.1.0.block.0.0.weight"},
    {"efficientnet_v2_l", "features.1.0.block.0.0.weight"},
    {"mnasnet0_5", "layers.0.weight"},
    {"mnasnet0_75", "layers.0.weight"},
    {"mnasnet1_0", "layers.0.weight"},
    {"mnasnet1_3", "layers.0.weight"},
    {"shufflenet_v2_x0_5", "stage2.0.branch1.0.weight"},
    {"shufflenet_v2_x1_0", "stage2.0.branch1.0.weight"},
    {"shufflenet_v2_x1_5", "stage2.0.branch1.0.weight"},
    {"shufflenet_v2_x2_0", "stage2.0.branch1.0.weight"},
    {"convnext_tiny", "features.1.0.layer_scale"},
    {"convnext_small", "features.1.0.layer_scale"},
    {"convnext_base", "features.1.0.layer_scale"},
    {"convnext_large", "features.1.0.layer_scale"},
    {"vit_b_16", "encoder.pos_embedding"},
    {"vit_b_32", "encoder.pos_embedding"},
    {"vit_l_16", "encoder.pos_embedding"},
    {"vit_l_32", "encoder.pos_embedding"},
    {"vit_h_14", "encoder.pos_embedding"},
    {"regnet_y_400mf", "trunk_output.block1.block1-0.proj.0.weight"},
    {"regnet_y_800mf", "trunk_output.block1.block1-0.proj.0.weight"},
    {"regnet_y_1_6gf", "trunk_output.block1.block1-0.proj.0.weight"},
    {"regnet_y_3_2gf", "trunk_output.block1.block1-0.proj.0.weight"},
    {"regnet_y_8gf", "trunk_output.block1.block1-0.proj.0.weight"},
    {"regnet_y_16gf", "trunk_output.block1.block1-0.proj.0.weight"},
    {"regnet_y_32gf", "trunk_output.block1.block1-0.proj.0.weight"},
    {"regnet_x_400mf", "trunk_output.block1.block1-0.proj.0.weight"},
    {"regnet_x_800mf", "trunk_output.block1.block1-0.proj.0.weight"},
    {"regnet_x_1_6gf", "trunk_output.block1.block1-0.proj.0.weight"},
    {"regnet_x_3_2gf", "trunk_output.block1.block1-0.proj.0.weight"},
    {"regnet_x_8gf", "trunk_output.block1.block1-0.proj.0.weight"},
    {"regnet_x_16gf", "trunk_output.block1.block1-0.proj.0.weight"},
    {"regnet_x_32gf", "trunk_output.block1.block1-0.proj.0.weight"},
};

constexpr std::int64_t kSides[] = {224, 384, 512, 518};  // of images of a transformer, whose positions are among its weights

}  // namespace

std::optional<Architecture> find_architecture(const Sources& sources, const files::StateDict& weights) {
  std::vector<files::StateDict> forms{weights};
  for (int i = 0; i < 2; ++i) {  // "module.", "model.module."
    if (const std::string prefix = forms.back().common_prefix(); !prefix.empty()) forms.push_back(forms.back().without_prefix(prefix));
  }
  for (const files::StateDict& form : forms) {
    for (const Known& known : kKnown) {
      if (form.find(known.tensor) == nullptr) continue;
      const bool by_positions = known.name.starts_with("vit_");
      for (const std::int64_t side : kSides) {
        if (side != 224 && !by_positions) break;
        Recipe recipe;
        recipe.name = known.name;
        recipe.from = "the shapes of the weights";
        ClassArgument& classes = recipe.arguments.emplace_back();
        classes.name = "num_classes";
        classes.kind = ClassArgument::Kind::symbol;
        if (by_positions) {
          ClassArgument& size = recipe.arguments.emplace_back();
          size.name = "image_size";
          size.constant = Any(side);
        }
        if (auto fitting = fitted(sources, form, recipe)) return Architecture{{std::move(*fitting), form}, side};
      }
    }
  }
  return std::nullopt;
}

}  // namespace slipway::importers::torch
