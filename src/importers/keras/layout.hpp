// Channels last, as Keras holds images, and channels first, as the engine computes: which tensor is which one's twin. A chain of layers
// stays in the engine's layout; only what looks at the order of the elements (Flatten, Dense, an output) turns it back.
#pragma once

#include <unordered_map>

#include "slipway/importers/blocks/neural/net.hpp"

namespace slipway::importers::keras {

class Layouts {
 public:
  explicit Layouts(neural::Net& net) : net_(net) {}
  Result<neural::Value> first(const neural::Value& last);              // [N, *spatial, C] as [N, C, *spatial]
  Result<neural::Value> last(const neural::Value& first);              // and back; remembers the twin
  std::optional<neural::Value> twin(const neural::Value& last) const;  // its channels-first twin, when it came from one

 private:
  neural::Net& net_;
  std::unordered_map<std::string, neural::Value> first_of_;  // by the name of the channels-last tensor
};

}  // namespace slipway::importers::keras
