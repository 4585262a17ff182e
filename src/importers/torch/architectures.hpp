// Weights alone, without a source: those of torchvision's classification networks are told by the names and shapes of their tensors. The
// networks themselves are texts in the language of models' sources, evaluated like those; they also stand for torchvision.models in a
// person's source. Pure.
#pragma once

#include <optional>
#include <string_view>

#include "slipway/importers/torch/source_network.hpp"

namespace slipway::importers::torch {

std::string_view classic_architectures();
std::string_view mobile_architectures();
std::string_view modern_architectures();
std::string_view timm_architectures();  // networks of timm, behind the others

struct Architecture {
  FoundNetwork found;
  std::int64_t side = 224;  // of the images that it is made for
};
// Of exactly these tensors; nothing where there is none. `sources` has no files.
std::optional<Architecture> find_architecture(const Sources& sources, const slipway::torch::StateDict& weights);

}  // namespace slipway::importers::torch
