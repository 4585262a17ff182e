#include "slipway/ops/kernel.hpp"

namespace slipway::ops {

#define SLIPWAY_OP(name, inputs, outputs, attributes) std::unique_ptr<Kernel> make_##name(const Setup& setup);
#include "slipway/ops/operators.def"
#undef SLIPWAY_OP

namespace {

constexpr Implementation kImplementations[] = {
#define SLIPWAY_OP(name, inputs, outputs, attributes) {{#name, inputs, outputs, attributes}, make_##name},
#include "slipway/ops/operators.def"
#undef SLIPWAY_OP
};

class Elementwise final : public Kernel {
 public:
  explicit Elementwise(double (*function)(double)) : function_(function) {}
  void compute(std::span<const In> in, Outs& out) const override {
    const auto x = in[0].doubles();
    const auto y = out.doubles(0, in[0].shape);
    for (std::size_t i = 0; i < x.size(); ++i) y[i] = function_(x[i]);
  }

 private:
  double (*function_)(double);
};

}  // namespace

std::span<const Implementation> implementations() { return kImplementations; }
std::unique_ptr<Kernel> elementwise(double (*function)(double)) { return std::make_unique<Elementwise>(function); }

}  // namespace slipway::ops
