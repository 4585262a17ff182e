// XGBoost's float32 arithmetic around its trees (the trees themselves: trees.cpp).
#include <algorithm>
#include <cmath>

#include "slipway/ops/kernel.hpp"

namespace slipway::ops {
namespace {

void check(bool holds, const char* what) {
  if (!holds) throw std::invalid_argument(what);
}

// SingleLinear(x, weights, start): start + the sum of x * weights over the columns that aren't missing, in float32 and in order.
class SingleLinear final : public Kernel {
 public:
  explicit SingleLinear(const Setup& setup) {
    const In weights = setup.needed(1), start = setup.needed(2);
    check(weights.shape.size() == 2 && start.shape.size() == 1 && weights.shape[1] == start.shape[0] && start.shape[0] > 0,
          "weights must be [columns, targets], start [targets]");
    for (const double v : weights.doubles()) weights_.push_back(static_cast<float>(v));
    for (const double v : start.doubles()) start_.push_back(static_cast<float>(v));
    columns_ = static_cast<std::size_t>(weights.shape[0]);
  }
  void compute(std::span<const In> in, Outs& out) const override {
    const In& x = in[0];
    check(x.shape.size() == 2 && static_cast<std::size_t>(x.shape[1]) == columns_, "the table and the weights disagree");
    const std::size_t targets = start_.size();
    const auto values = x.doubles();
    const auto result = out.doubles(0, {x.shape[0], static_cast<std::int64_t>(targets)});
    for (std::size_t r = 0; r < x.rows(); ++r) {
      for (std::size_t t = 0; t < targets; ++t) {
        float sum = start_[t];
        for (std::size_t c = 0; c < columns_; ++c) {
          const auto value = static_cast<float>(values[r * columns_ + c]);
          if (!std::isnan(value)) sum += value * weights_[c * targets + t];
        }
        result[r * targets + t] = sum;
      }
    }
  }

 private:
  std::vector<float> weights_, start_;
  std::size_t columns_ = 0;
};

// SingleLink(x [N, k]): XGBoost's transforms of its margins, in float32.
class SingleLink final : public Kernel {
 public:
  explicit SingleLink(const Setup& setup) {
    const std::string name = setup.text("function", "");
    if (name == "sigmoid")
      function_ = [](float x) { return 1.0F / (std::exp(std::min(-x, 88.7F)) + 1.0F); };
    else if (name == "sigmoid_open")  // before the exponent was bounded
      function_ = [](float x) { return 1.0F / (1.0F + std::exp(-x)); };
    else if (name == "exp")
      function_ = [](float x) { return std::exp(x); };
    else
      check(name == "softmax", "unknown function");
  }
  void compute(std::span<const In> in, Outs& out) const override {
    const auto x = in[0].doubles();
    const auto y = out.doubles(0, in[0].shape);
    if (function_ != nullptr) {
      for (std::size_t i = 0; i < x.size(); ++i) y[i] = function_(static_cast<float>(x[i]));
      return;
    }
    check(in[0].shape.size() == 2, "softmax needs a table");
    const std::size_t columns = in[0].columns();
    for (std::size_t r = 0; columns > 0 && r < in[0].rows(); ++r) softmax(x.data() + r * columns, y.data() + r * columns, columns);
  }

 private:
  static void softmax(const double* x, double* y, std::size_t n) {
    auto largest = static_cast<float>(x[0]);
    for (std::size_t i = 1; i < n; ++i) largest = std::fmax(static_cast<float>(x[i]), largest);
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) sum += y[i] = std::exp(static_cast<float>(x[i]) - largest);
    for (std::size_t i = 0; i < n; ++i) y[i] = static_cast<float>(y[i]) / static_cast<float>(sum);
  }
  float (*function_)(float) = nullptr;
};

}  // namespace

std::unique_ptr<Kernel> make_SingleLinear(const Setup& setup) { return std::make_unique<SingleLinear>(setup); }
std::unique_ptr<Kernel> make_SingleLink(const Setup& setup) { return std::make_unique<SingleLink>(setup); }

}  // namespace slipway::ops
