// Which shapes a network's inputs have, where the file doesn't say: tries the usual ones until the network's own operators agree, lets sizes
// that its weights settle be those, and leaves free what may be free.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "slipway/importers/blocks/neural/net.hpp"
#include "slipway/importers/importer.hpp"
#include "slipway/importers/torch/value.hpp"

namespace slipway::importers::torch {

struct InputPort {
  std::string name;
  std::optional<DType> dtype;                      // known from the file
  std::optional<std::vector<std::int64_t>> shape;  // known from the file, -1: free; the first is the rows
  // None where it isn't given: an input that a request may leave out, where the network takes a tensor there and gives the same outputs.
  bool optional = false;
};
struct OutputPort {
  std::string name;
  neural::Value value;
};
inline constexpr std::string_view kComplexAnswer = "the network answers with complex numbers, which JSON hasn't: give torch.view_as_real of them";
// Every tensor in a result, named as well as the code allows.
Status collect_outputs(neural::Net& net, const Any& result, const std::string& name, std::vector<OutputPort>& out);
// The network over the graph: called for every try, must have no memory. inputs: one a port; of an optional one that isn't given is_absent.
inline bool is_absent(const neural::Value& v) { return v.val.name.empty() && !v.constant(); }
using Body = std::function<Result<std::vector<OutputPort>>(neural::Net& net, const std::vector<neural::Value>& inputs)>;

// Fills model, schema and example of the artifact. Errors: that of the most promising try, with what it was tried with.
struct Sides {
  std::int64_t height = 0, width = 0;
  std::int64_t depth = 0;  // of volumes and videos; 0: as high
};
// heights: of images whose first layers take them whole, such as the channels of a recording; tried with every width where no square fits.
// sides: heights and widths of images that the source speaks of, tried first where the network's own operators leave a choice.
Result<Artifact> build_network(const std::string& title, const std::vector<InputPort>& inputs, const Body& body, Report& report,
                               std::span<const Sides> sides = {}, std::span<const std::int64_t> heights = {});

}  // namespace slipway::importers::torch
