// Normalisations at inference. Weights that are absent are ones (scale) and zeros (offset).
#pragma once

#include "slipway/importers/blocks/neural/net.hpp"

namespace slipway::importers::neural {

struct Affine {
  std::optional<Value> scale, offset;  // one a channel, or of the normalised shape
};

// scale * (x - mean) / sqrt(variance + epsilon) + offset along dimension 1. mean, variance: constants [C].
Result<Value> batch_norm(Net& net, const Value& x, const Affine& affine, const Value& mean, const Value& variance, double epsilon);
// Over the last `dimensions` dimensions, per element of the others.
Result<Value> layer_norm(Net& net, const Value& x, std::size_t dimensions, const Affine& affine, double epsilon);
Result<Value> rms_norm(Net& net, const Value& x, std::size_t dimensions, const std::optional<Value>& scale, double epsilon);
Result<Value> group_norm(Net& net, const Value& x, std::int64_t groups, const Affine& affine, double epsilon);  // groups of dimension 1
// x / (k + alpha / size * sum of squares of `size` channels around)^beta
Result<Value> local_response_norm(Net& net, const Value& x, std::int64_t size, double alpha, double beta, double k);
// x / max(p-norm over the axis, epsilon)
Result<Value> normalize(Net& net, const Value& x, double p, std::int64_t axis, double epsilon);

}  // namespace slipway::importers::neural
