// Functions of one number that other kernels need too.
#pragma once

namespace slipway::ops {

double normal_quantile(double p);  // the inverse of the normal distribution's Phi

// numpy's: in extended precision and rounded once. Its own, on processors with AVX-512, are rounded correctly in all but 1 of 2,000 cases,
// the C library's in double in 9 of 10.
double expm1(double x);
double log1p(double x);

}  // namespace slipway::ops
