#include <cmath>
#include <limits>
#include <numbers>

#include "slipway/importers/blocks/arithmetic.hpp"
#include "slipway/importers/sklearn/gaussian_process.hpp"
#include "slipway/importers/sklearn/kernels.hpp"

namespace slipway::importers::sklearn {
namespace {

constexpr int kPartsMax = 500;  // kernels in one sum of products; files may name one part many times
constexpr int kDepthMax = 100;
constexpr std::size_t kCopiesMax = 32'000'000;  // numbers of training rows in units of length scales, over all parts

// Walks a kernel's tree once for k(x, row) and once for k(x, x).
class KernelTree {
 public:
  KernelTree(Lowering& to, const Val& x, const Matrix* rows, Version version) : graph_(to.graph), x_(x), rows_(rows), version_(version) {}

  Result<Val> lower(const View& kernel) {
    if (!kernel.is(Kind::object) || kernel.module() != "sklearn.gaussian_process.kernels")
      return refuse(kernel, "here is " + kernel.describe() + "; only the library's own kernels are read here");
    if (++parts_ > kPartsMax || depth_ >= kDepthMax) return refuse(kernel, "the kernel has too many parts");
    ++depth_;
    auto value = one(kernel);
    --depth_;
    return value;
  }

 private:
  Result<Val> one(const View& k) {
    const std::string_view name = k.name();
    if (name == "Sum" || name == "Product") {
      const Val a = TRY(lower(TRY(k.attribute("k1")))), b = TRY(lower(TRY(k.attribute("k2"))));
      return known(name == "Sum" ? graph_.add(a, b) : graph_.mul(a, b));
    }
    if (name == "Exponentiation") return power(graph_, TRY(lower(TRY(k.attribute("kernel")))), TRY(number(k, "exponent")));
    if (name == "ConstantKernel") return constant(TRY(number(k, "constant_value")));
    if (name == "WhiteKernel") return constant(rows_ == nullptr ? TRY(number(k, "noise_level")) : 0.0);
    if (name == "DotProduct") return dot_product(k);
    if (name == "PairwiseKernel") return pairwise(k);
    if (name != "RBF" && name != "Matern" && name != "RationalQuadratic" && name != "ExpSineSquared")
      return refuse(k, "the kernel " + std::string(name) + " is not read here");
    if (rows_ == nullptr) return constant(1);
    if (name == "RBF") return exponential(TRY(scaled_distances(k, "sqeuclidean")), -0.5);
    if (name == "Matern") return matern(k);
    if (name == "RationalQuadratic") return rational_quadratic(k);
    return sine_squared(k);
  }

  std::int64_t columns() const { return rows_ != nullptr ? rows_->rows : 1; }
  Val known(Val v) const { return Builder::typed(std::move(v), DType::float64, columns()); }
  Val exponential(const Val& v, double factor) { return known(graph_.op("Exp", {graph_.mul(v, graph_.scalar(factor))})); }

  static Result<double> number(const View& kernel, std::string_view name) {
    const auto values = TRY(vector(kernel, name));
    if (values.size() != 1) return refuse(kernel, std::string(name) + " must be one number");
    return values[0];
  }

  Val constant(double v) {
    const std::vector<double> row(static_cast<std::size_t>(columns()), v);
    return known(graph_.repeat_row(x_, graph_.row(row)));
  }

  // Distances of rows in units of length_scale: one number, or one a feature.
  Result<Val> scaled_distances(const View& kernel, std::string metric) {
    auto scale = TRY(vector(kernel, "length_scale"));
    // numpy before 2 divides float32 by a number in float32. (Which numpy it was isn't in the file: 2 came with scikit-learn 1.5.)
    const bool round = rows_->single && scale.size() == 1 && !version_.at_least(1, 5);
    if (scale.size() == 1) scale.assign(static_cast<std::size_t>(rows_->columns), scale[0]);
    if (static_cast<std::int64_t>(scale.size()) != rows_->columns) return refuse(kernel, "length_scale doesn't fit the number of features");
    if ((copied_ += rows_->data.size()) > kCopiesMax && copied_ > rows_->data.size())
      return refuse(kernel, "the kernel has too many parts for so many training rows");
    Matrix rows = *rows_;
    for (std::int64_t r = 0; r < rows.rows; ++r) {
      for (std::int64_t c = 0; c < rows.columns; ++c) {
        double& value = rows.data[static_cast<std::size_t>(r * rows.columns + c)];
        value /= scale[static_cast<std::size_t>(c)];
        if (round) value = static_cast<double>(static_cast<float>(value));
      }
    }
    const Val x = Builder::typed(graph_.div(x_, graph_.row(scale)), DType::float64, rows.columns);
    return row_distances(graph_, x, rows, std::move(metric));
  }

  Result<Val> matern(const View& k) {
    const double nu = TRY(number(k, "nu"));
    const Val d = TRY(scaled_distances(k, "euclidean"));
    if (nu == 0.5) return exponential(d, -1);
    if (std::isinf(nu)) return known(graph_.op("Exp", {graph_.div(graph_.op("Neg", {graph_.mul(d, d)}), graph_.scalar(2))}));
    if (nu == 1.5 || nu == 2.5) {
      const Val t = known(graph_.mul(d, graph_.scalar(std::sqrt(2 * nu))));
      Val sum = graph_.add(t, graph_.scalar(1));
      if (nu == 2.5) sum = graph_.add(sum, graph_.div(graph_.mul(t, t), graph_.scalar(3)));
      return known(graph_.mul(sum, exponential(t, -1)));
    }
    return general_matern(k, nu, d);
  }

  Result<Val> general_matern(const View& k, double nu, const Val& d) {
    if (!(nu > 0 && nu <= 1000)) return refuse(k, "nu is out of range");
    const Val zero = known(graph_.compare("Equal", d, graph_.scalar(0)));
    const Val safe = known(graph_.where(Builder::typed(zero, DType::boolean, columns()), graph_.scalar(std::numeric_limits<double>::epsilon()), d));
    const Val t = known(graph_.mul(safe, graph_.scalar(std::sqrt(2 * nu))));
    const Val front = known(graph_.mul(graph_.op("Pow", {t, graph_.scalar(nu)}), graph_.scalar(std::pow(2.0, 1.0 - nu) / std::tgamma(nu))));
    return known(graph_.mul(front, graph_.own("BesselK", {t, graph_.scalar(nu)}, DType::float64, columns())));
  }

  Result<Val> rational_quadratic(const View& k) {
    const double alpha = TRY(number(k, "alpha")), length = TRY(number(k, "length_scale"));
    const Val base =
        graph_.add(graph_.div(row_distances(graph_, x_, *rows_, "sqeuclidean"), graph_.scalar(2 * alpha * (length * length))), graph_.scalar(1));
    return known(graph_.op("Pow", {base, graph_.scalar(-alpha)}));
  }

  Result<Val> sine_squared(const View& k) {
    const double length = TRY(number(k, "length_scale")), period = TRY(number(k, "periodicity"));
    const Val turned = graph_.mul(row_distances(graph_, x_, *rows_, "euclidean"), graph_.scalar(std::numbers::pi / period));
    const Val ratio = known(graph_.div(graph_.op("Sin", {turned}), graph_.scalar(length)));
    return exponential(known(graph_.mul(ratio, ratio)), -2);
  }

  Result<Val> dot_product(const View& k) {
    const double sigma = TRY(number(k, "sigma_0"));
    const Val product = rows_ != nullptr ? dot_products(graph_, x_, *rows_) : sum_columns(graph_, known_width(graph_.mul(x_, x_)));
    return known(graph_.add(product, graph_.scalar(sigma * sigma)));
  }
  Val known_width(Val v) const { return Builder::typed(std::move(v), DType::float64, x_.columns); }

  Result<Val> pairwise(const View& k) {
    KernelFunction f;
    f.name = TRY(kernel_name(k, "metric", "linear"));
    f.gamma = TRY(number(k, "gamma"));
    if (const auto more = k.find("pairwise_kernels_kwargs"); more && more->is(Kind::dict)) {
      if (const auto v = more->get("degree")) f.degree = TRY(v->number());
      if (const auto v = more->get("coef0")) f.coef0 = TRY(v->number());
    }
    return rows_ != nullptr ? pairwise_kernel(graph_, k, f, x_, *rows_) : pairwise_kernel_diagonal(graph_, k, f, x_);
  }

  Builder& graph_;
  const Val x_;
  const Matrix* rows_;     // null: the diagonal
  const Version version_;  // of scikit-learn
  int parts_ = 0, depth_ = 0;
  std::size_t copied_ = 0;
};

}  // namespace

Result<Val> process_kernel(Lowering& to, const View& kernel, const Val& x, const Matrix& rows, Version version) {
  return KernelTree(to, x, &rows, version).lower(kernel);
}
Result<Val> process_kernel_diagonal(Lowering& to, const View& kernel, const Val& x) { return KernelTree(to, x, nullptr, Version{}).lower(kernel); }

}  // namespace slipway::importers::sklearn
