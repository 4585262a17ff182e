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
// Phi(x) by erfc on the side where nothing cancels.
double normal_cdf(double x) {
  if (std::abs(x) * kSqrtHalf < 1) return 0.5 + 0.5 * std::erf(x * kSqrtHalf);
  const double tail = 0.5 * std::erfc(std::abs(x) * kSqrtHalf);
  return x > 0 ? 1 - tail : tail;
}

template <std::size_t N>
double polynomial(double x, const double (&coefficients)[N]) {  // the highest power first
  double sum = coefficients[0];
  for (std::size_t i = 1; i < N; ++i) sum = sum * x + coefficients[i];
  return sum;
}
template <std::size_t N>
double monic(double x, const double (&coefficients)[N]) {  // with a leading 1 that isn't listed
  double sum = x + coefficients[0];
  for (std::size_t i = 1; i < N; ++i) sum = sum * x + coefficients[i];
  return sum;
}

// Numerators and denominators of the three rational approximations of Cephes (S. Moshier, Methods and Programs for Mathematical
// Functions), by which scipy computes the quantile: what stands on the edge of a bin depends on the last bit.
constexpr double kMiddleP[] = {-5.99633501014107895267e1, 9.80010754185999661536e1, -5.66762857469070293439e1, 1.39312609387279679503e1,
                               -1.23916583867381258016e0};
constexpr double kMiddleQ[] = {1.95448858338141759834e0, 4.67627912898881538453e0,  8.63602421390890590575e1, -2.25462687854119370527e2,
                               2.00260212380060660359e2, -8.20372256168333339912e1, 1.59056225126211695515e1, -1.18331621121330003142e0};
constexpr double kTailP[] = {4.05544892305962419923e0,   3.15251094599893866154e1,   5.71628192246421288162e1,
                             4.40805073893200834700e1,   1.46849561928858024014e1,   2.18663306850790267539e0,
                             -1.40256079171354495875e-1, -3.50424626827848203418e-2, -8.57456785154685413611e-4};
constexpr double kTailQ[] = {1.57799883256466749731e1, 4.53907635128879210584e1,   4.13172038254672030440e1,   1.50425385692907503408e1,
                             2.50464946208309415979e0, -1.42182922854787788574e-1, -3.80806407691578277194e-2, -9.33259480895457427372e-4};
constexpr double kFarP[] = {3.23774891776946035970e0,  6.91522889068984211695e0,  3.93881025292474443415e0,
                            1.33303460815807542389e0,  2.01485389549179081538e-1, 1.23716634817820021358e-2,
                            3.01581553508235416007e-4, 2.65806974686737550832e-6, 6.23974539184983293730e-9};
constexpr double kFarQ[] = {6.02427039364742014255e0,  3.67983563856160859403e0,  1.37702099489081330271e0,  2.16236993594496635890e-1,
                            1.34204006088543189037e-2, 3.28014464682127739104e-4, 2.89247864745380683936e-6, 6.79019408009981274425e-9};

}  // namespace

double expm1(double x) { return static_cast<double>(std::expm1(static_cast<long double>(x))); }
double log1p(double x) { return static_cast<double>(std::log1p(static_cast<long double>(x))); }

double normal_quantile(double p) {
  constexpr double kMiddle = 0.13533528323661269189, kRootOfTwoPi = 2.50662827463100050242;  // exp(-2)
  if (std::isnan(p) || p < 0 || p > 1) return std::nan("");
  if (p == 0) return -kInfinity;
  if (p == 1) return kInfinity;
  const bool upper = p > 1 - kMiddle;
  const double q = upper ? 1 - p : p;
  if (q > kMiddle) {
    const double y = q - 0.5, square = y * y;
    return (y + y * (square * polynomial(square, kMiddleP) / monic(square, kMiddleQ))) * kRootOfTwoPi;
  }
  const double x = std::sqrt(-2 * std::log(q)), z = 1 / x;
  const double correction = x < 8 ? z * polynomial(z, kTailP) / monic(z, kTailQ) : z * polynomial(z, kFarP) / monic(z, kFarQ);
  const double size = (x - std::log(x) / x) - correction;
  return upper ? size : -size;
}

std::unique_ptr<Kernel> make_Erf(const Setup&) { return elementwise(erf); }
std::unique_ptr<Kernel> make_NormalCdf(const Setup&) { return elementwise(normal_cdf); }
std::unique_ptr<Kernel> make_NormalQuantile(const Setup&) { return elementwise(normal_quantile); }
std::unique_ptr<Kernel> make_Expm1(const Setup&) { return elementwise(expm1); }
std::unique_ptr<Kernel> make_Log1p(const Setup&) { return elementwise(log1p); }

}  // namespace slipway::ops
