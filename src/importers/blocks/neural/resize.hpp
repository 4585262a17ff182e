// Another resolution: x [N, C, *spatial].
#pragma once

#include "slipway/importers/blocks/neural/net.hpp"

namespace slipway::importers::neural {

struct Resize {
  enum class Mode : std::uint8_t { nearest, linear, cubic } mode = Mode::nearest;
  // Where the middle of an output element lies in the input. half_pixel: both count from pixel edges; align_corners: first on first, last
  // on last; asymmetric: out * in_size / out_size (torch's nearest, upsampling by whole factors).
  enum class Coordinates : std::uint8_t { half_pixel, pytorch_half_pixel, align_corners, asymmetric } coordinates = Coordinates::half_pixel;
  bool round_nearest = false;  // nearest: rounds (prefers the lower of halves) instead of the floor
  bool round_up = false;       // nearest: rounds, the higher of halves
  bool antialias = false;
  double cubic_coefficient = -0.75;  // torch -0.75, TensorFlow -0.5
  bool exclude_outside = false;      // weights of elements outside are 0 and the rest is renormalised (TensorFlow's antialias, cubic)
  Dims sizes;                        // of the result, one a spatial dimension; or
  std::vector<double> scales;        // factors
};
Result<Value> resize(Net& net, const Value& x, const Resize& r);
Result<Value> pixel_shuffle(Net& net, const Value& x, std::int64_t factor);  // [N, C f^2, H, W] to [N, C, H f, W f], torch's order

}  // namespace slipway::importers::neural
