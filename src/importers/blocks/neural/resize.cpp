#include "slipway/importers/blocks/neural/resize.hpp"

#include <cmath>

#include "slipway/importers/blocks/neural/shapes.hpp"

namespace slipway::importers::neural {

using graph::attr;
using graph::Attribute;

Result<Value> resize(Net& net, const Value& x, const Resize& r) {
  const std::size_t spatial = r.scales.empty() ? r.sizes.size() : r.scales.size();
  if (spatial < 1 || x.rank() != spatial + 2)
    return wrong("resize: " + std::to_string(spatial) + " sizes for an input of shape " + dims_text(x.dims));
  Dims dims{x.dims[0], x.dims[1]};
  Value sizes = Net::absent(), scales = Net::absent();
  if (!r.scales.empty()) {
    std::vector<float> factors{1.0F, 1.0F};
    for (std::size_t i = 0; i < spatial; ++i) {
      const double f = r.scales[i];
      if (!(f > 0) || !std::isfinite(f)) return wrong("resize: by a factor of " + std::to_string(f));
      factors.push_back(static_cast<float>(f));
      const Dim in = x.dims[i + 2];
      if (in.known()) {
        dims.emplace_back(static_cast<std::int64_t>(std::floor(static_cast<double>(in.value) * f)));
      } else if (f == std::floor(f)) {
        dims.push_back(net.mul(in, static_cast<std::int64_t>(f)));
      } else {
        dims.push_back(net.derived("times " + std::to_string(f), in));
      }
    }
    scales = net.constant(Tensor::of<float>(DType::float32, {static_cast<std::int64_t>(factors.size())}, std::span<const float>(factors)));
  } else {
    dims.insert(dims.end(), r.sizes.begin(), r.sizes.end());
    for (const Dim& d : r.sizes) {
      if (d.known() && d.value < 1) return wrong("resize: to a size of " + std::to_string(d.value));
    }
    if (dims == x.dims && r.mode != Resize::Mode::cubic) return x;
    sizes = net.to_list(dims);
  }
  constexpr const char* kModes[] = {"nearest", "linear", "cubic"};
  constexpr const char* kCoordinates[] = {"half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"};
  std::vector<Attribute> attributes{attr("mode", std::string(kModes[static_cast<std::size_t>(r.mode)])),
                                    attr("coordinate_transformation_mode", std::string(kCoordinates[static_cast<std::size_t>(r.coordinates)]))};
  if (r.mode == Resize::Mode::nearest)
    attributes.push_back(attr("nearest_mode", std::string(r.round_up ? "round_prefer_ceil" : r.round_nearest ? "round_prefer_floor" : "floor")));
  if (r.mode == Resize::Mode::cubic) attributes.push_back(attr("cubic_coeff_a", static_cast<float>(r.cubic_coefficient)));
  if (r.exclude_outside) attributes.push_back(attr("exclude_outside", std::int64_t{1}));
  if (r.antialias) attributes.push_back(attr("antialias", std::int64_t{1}));
  std::vector<Value> inputs{x, Net::absent(), scales};
  if (r.scales.empty()) inputs.push_back(sizes);
  return net.op("Resize", inputs, x.dtype(), std::move(dims), std::move(attributes));
}

Result<Value> pixel_shuffle(Net& net, const Value& x, std::int64_t factor) {
  if (x.rank() != 4 || factor < 1 || !x.dims[1].known() || x.dims[1].value % (factor * factor) != 0)
    return wrong("pixel shuffle: by " + std::to_string(factor) + " of an input of shape " + dims_text(x.dims));
  Dims dims{x.dims[0], x.dims[1].value / (factor * factor), net.mul(x.dims[2], factor), net.mul(x.dims[3], factor)};
  return net.op("DepthToSpace", {x}, x.dtype(), std::move(dims), {attr("blocksize", factor), attr("mode", std::string("CRD"))});
}

}  // namespace slipway::importers::neural
