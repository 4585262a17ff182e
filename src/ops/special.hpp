// Functions of one number that other kernels need too.
#pragma once

namespace slipway::ops {

double normal_quantile(double p);  // the inverse of the normal distribution's Phi

}  // namespace slipway::ops
