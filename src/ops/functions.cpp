// The functions of <cmath> that standard operators don't have in double precision.
#include <cmath>

#include "slipway/ops/kernel.hpp"

namespace slipway::ops {

std::unique_ptr<Kernel> make_Log2(const Setup&) {
  return elementwise([](double x) { return std::log2(x); });
}
std::unique_ptr<Kernel> make_Log10(const Setup&) {
  return elementwise([](double x) { return std::log10(x); });
}
std::unique_ptr<Kernel> make_Exp2(const Setup&) {
  return elementwise([](double x) { return std::exp2(x); });
}
std::unique_ptr<Kernel> make_Cbrt(const Setup&) {
  return elementwise([](double x) { return std::cbrt(x); });
}
std::unique_ptr<Kernel> make_Trunc(const Setup&) {
  return elementwise([](double x) { return std::trunc(x); });
}
std::unique_ptr<Kernel> make_Tan(const Setup&) {
  return elementwise([](double x) { return std::tan(x); });
}
std::unique_ptr<Kernel> make_Asin(const Setup&) {
  return elementwise([](double x) { return std::asin(x); });
}
std::unique_ptr<Kernel> make_Acos(const Setup&) {
  return elementwise([](double x) { return std::acos(x); });
}
std::unique_ptr<Kernel> make_Atan(const Setup&) {
  return elementwise([](double x) { return std::atan(x); });
}
std::unique_ptr<Kernel> make_Sinh(const Setup&) {
  return elementwise([](double x) { return std::sinh(x); });
}
std::unique_ptr<Kernel> make_Cosh(const Setup&) {
  return elementwise([](double x) { return std::cosh(x); });
}
std::unique_ptr<Kernel> make_Asinh(const Setup&) {
  return elementwise([](double x) { return std::asinh(x); });
}
std::unique_ptr<Kernel> make_Acosh(const Setup&) {
  return elementwise([](double x) { return std::acosh(x); });
}
std::unique_ptr<Kernel> make_Atanh(const Setup&) {
  return elementwise([](double x) { return std::atanh(x); });
}

}  // namespace slipway::ops
