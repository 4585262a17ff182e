// Functions of one number in double precision.
#include "slipway/ops/special.hpp"

#include <cmath>
#include <limits>

#include "slipway/ops/kernel.hpp"

namespace slipway::ops {
namespace {

constexpr double kSqrtHalf = 0.70710678118654752440;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

double erf(double x) { return std::erf(x); }
double expm1(double x) { return std::expm1(x); }
double log1p(double x) { return std::log1p(x); }

// Phi(x) by erfc on the side where nothing cancels.
double normal_cdf(double x) {
  if (std::abs(x) * kSqrtHalf < 1) return 0.5 + 0.5 * std::erf(x * kSqrtHalf);
  const double tail = 0.5 * std::erfc(std::abs(x) * kSqrtHalf);
  return x > 0 ? 1 - tail : tail;
}

}  // namespace

// The inverse of Phi: a rational start (Acklam's approximation, relative error 1.15e-9), then two Halley steps on Phi itself.
double normal_quantile(double p) {
  if (std::isnan(p) || p < 0 || p > 1) return std::nan("");
  if (p == 0) return -kInfinity;
  if (p == 1) return kInfinity;
  if (p == 0.5) return 0;
  const bool upper = p > 0.5;
  const double q = upper ? 1 - p : p;  // exact for p in [0.5, 1]
  constexpr double a[] = {-3.969683028665376e+01, 2.209460984245205e+02,  -2.759285104469687e+02,
                          1.383577518672690e+02,  -3.066479806614716e+01, 2.506628277459239e+00};
  constexpr double b[] = {-5.447609879822406e+01, 1.615858368580409e+02, -1.556989798598866e+02, 6.680131188771972e+01, -1.328068155288572e+01};
  constexpr double c[] = {-7.784894002430293e-03, -3.223964580411365e-01, -2.400758277161838e+00,
                          -2.549732539343734e+00, 4.374664141464968e+00,  2.938163982698783e+00};
  constexpr double d[] = {7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e+00, 3.754408661907416e+00};
  double x;
  if (q < 0.02425) {
    const double r = std::sqrt(-2 * std::log(q));
    x = (((((c[0] * r + c[1]) * r + c[2]) * r + c[3]) * r + c[4]) * r + c[5]) / ((((d[0] * r + d[1]) * r + d[2]) * r + d[3]) * r + 1);
  } else {
    const double r = q - 0.5, s = r * r;
    x = (((((a[0] * s + a[1]) * s + a[2]) * s + a[3]) * s + a[4]) * s + a[5]) * r /
        (((((b[0] * s + b[1]) * s + b[2]) * s + b[3]) * s + b[4]) * s + 1);
  }
  for (int step = 0; step < 2; ++step) {  // on the lower tail, where Phi keeps its relative precision
    const double error = normal_cdf(x) - q;
    const double density = std::exp(-x * x / 2) / 2.50662827463100050242;
    if (density == 0) break;
    const double u = error / density;
    x -= u / (1 + x * u / 2);
  }
  return upper ? -x : x;
}

std::unique_ptr<Kernel> make_Erf(const Setup&) { return elementwise(erf); }
std::unique_ptr<Kernel> make_NormalCdf(const Setup&) { return elementwise(normal_cdf); }
std::unique_ptr<Kernel> make_NormalQuantile(const Setup&) { return elementwise(normal_quantile); }
std::unique_ptr<Kernel> make_Expm1(const Setup&) { return elementwise(expm1); }
std::unique_ptr<Kernel> make_Log1p(const Setup&) { return elementwise(log1p); }

}  // namespace slipway::ops
