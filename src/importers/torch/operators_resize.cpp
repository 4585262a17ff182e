// Operators that give an image another resolution.
#include "slipway/importers/blocks/neural/resize.hpp"
#include "slipway/importers/blocks/neural/shapes.hpp"
#include "slipway/importers/torch/operator_call.hpp"

namespace slipway::importers::torch {
namespace {

using namespace neural;  // NOLINT(google-build-using-namespace): the blocks are this file's vocabulary

struct Wanted {
  Dims sizes;
  std::vector<double> scales;
};

// Sizes, or factors where there are none. With both (serialised code has them) the sizes hold and the factors are what they came from.
Result<Wanted> wanted(OpCall& c, std::size_t sizes, std::size_t scales, std::size_t spatial) {
  Wanted w;
  if (c.given(sizes)) {
    w.sizes = TRY(c.sizes(sizes));
    if (w.sizes.size() == 1) w.sizes.assign(spatial, w.sizes[0]);
    if (w.sizes.size() != spatial) return c.wrong(std::to_string(spatial) + " sizes are wanted");
    return w;
  }
  if (!c.given(scales)) return c.wrong("neither sizes nor factors are given");
  std::vector<Any> items = c.items(scales);
  if (items.size() == 1) items.assign(spatial, items[0]);
  for (const Any& a : items) {
    OpCall one{c.net, c.name, {a}};
    w.scales.push_back(TRY(one.number(0)));
  }
  if (w.scales.size() != spatial) return c.wrong(std::to_string(spatial) + " factors are wanted");
  return w;
}

Result<Any> resized(OpCall& c, const Wanted& w, Resize::Mode mode, bool align_corners) {
  Resize r;
  r.mode = mode;
  r.sizes = w.sizes;
  r.scales = w.scales;
  if (mode == Resize::Mode::nearest) {
    r.coordinates = Resize::Coordinates::asymmetric;
  } else {
    r.coordinates = align_corners ? Resize::Coordinates::align_corners : Resize::Coordinates::half_pixel;
  }
  return torch::tensor(TRY(resize(c.net, TRY(c.tensor(0)), r)));
}

// upsample_nearest2d(self, output_size, scales_h, scales_w) or (self, output_size, scale_factors)
template <std::size_t Spatial>
Result<Any> nearest_op(OpCall& c) {
  return resized(c, TRY(wanted(c, 1, 2, Spatial)), Resize::Mode::nearest, false);
}
template <std::size_t Spatial, Resize::Mode Mode>
Result<Any> smooth_op(OpCall& c) {  // self, output_size, align_corners, ...
  return resized(c, TRY(wanted(c, 1, 3, Spatial)), Mode, TRY(c.flag(2)));
}

template <std::size_t Spatial>
Result<Any> nearest_exact_op(OpCall& c) {
  const Wanted w = TRY(wanted(c, 1, 2, Spatial));
  Resize r;
  r.sizes = w.sizes;
  r.scales = w.scales;
  r.round_up = true;
  return torch::tensor(TRY(resize(c.net, TRY(c.tensor(0)), r)));
}
template <Resize::Mode Mode>
Result<Any> antialiased_op(OpCall& c) {  // self, output_size, align_corners, ...
  const Wanted w = TRY(wanted(c, 1, 3, 2));
  Resize r;
  r.mode = Mode;
  r.sizes = w.sizes;
  r.scales = w.scales;
  r.coordinates = TRY(c.flag(2)) ? Resize::Coordinates::align_corners : Resize::Coordinates::half_pixel;
  r.antialias = true;
  r.cubic_coefficient = -0.5;  // as PIL, unlike without
  r.exclude_outside = true;
  return torch::tensor(TRY(resize(c.net, TRY(c.tensor(0)), r)));
}

// F.interpolate(input, size, scale_factor, mode, align_corners)
Result<Any> interpolate_op(OpCall& c) {
  const Value x = TRY(c.tensor(0));
  if (x.rank() < 3) return c.wrong("of an input of shape " + dims_text(x.dims));
  const std::size_t spatial = x.rank() - 2;
  const std::string mode = TRY(c.text(3));
  const Wanted w = TRY(wanted(c, 1, 2, spatial));
  if (mode == "nearest") return resized(c, w, Resize::Mode::nearest, false);
  if (mode == "linear" || mode == "bilinear" || mode == "trilinear") return resized(c, w, Resize::Mode::linear, TRY(c.flag(4)));
  if (mode == "bicubic") return resized(c, w, Resize::Mode::cubic, TRY(c.flag(4)));
  if (mode == "nearest-exact") {
    Resize r;
    r.sizes = w.sizes;
    r.scales = w.scales;
    r.round_up = true;
    return torch::tensor(TRY(resize(c.net, x, r)));
  }
  return c.wrong("the mode " + mode + " is not supported");
}

Result<Any> grid_sampler_op(OpCall& c) {  // input, grid, interpolation_mode, padding_mode, align_corners
  const Value x = TRY(c.tensor(0)), grid = TRY(c.tensor(1));
  static constexpr const char* kModes[] = {"linear", "nearest", "cubic"};
  static constexpr const char* kPaddings[] = {"zeros", "border", "reflection"};
  std::size_t mode = 0, padding = 0;
  if (const auto* text = c.args[2].as<std::string>()) {
    mode = *text == "nearest" ? 1 : *text == "bicubic" ? 2 : 0;
  } else {
    mode = static_cast<std::size_t>(TRY(c.integer(2)));
  }
  if (const auto* text = c.args[3].as<std::string>()) {
    padding = *text == "border" ? 1 : *text == "reflection" ? 2 : 0;
  } else {
    padding = static_cast<std::size_t>(TRY(c.integer(3)));
  }
  if (mode > 2 || padding > 2 || x.rank() != 4 || grid.rank() != 4) return c.wrong("of these arguments is not supported");
  Dims dims{x.dims[0], x.dims[1], grid.dims[1], grid.dims[2]};
  return torch::tensor(c.net.op(
      "GridSample", {x, grid}, x.dtype(), std::move(dims),
      {graph::attr("mode", std::string(mode == 0   ? "bilinear"
                                       : mode == 2 ? "bicubic"
                                                   : kModes[mode])),
       graph::attr("padding_mode", std::string(kPaddings[padding])), graph::attr("align_corners", static_cast<std::int64_t>(TRY(c.flag(4))))}));
}

constexpr Operator kOperators[] = {
    {"upsample_nearest1d", "self, output_size, scale=None, *rest", nearest_op<1>},
    {"upsample_nearest2d", "self, output_size, scale=None, *rest", nearest_op<2>},
    {"upsample_nearest3d", "self, output_size, scale=None, *rest", nearest_op<3>},
    {"upsample_linear1d", "self, output_size, align_corners, scale=None, *rest", smooth_op<1, Resize::Mode::linear>},
    {"upsample_bilinear2d", "self, output_size, align_corners, scale=None, *rest", smooth_op<2, Resize::Mode::linear>},
    {"upsample_trilinear3d", "self, output_size, align_corners, scale=None, *rest", smooth_op<3, Resize::Mode::linear>},
    {"upsample_bicubic2d", "self, output_size, align_corners, scale=None, *rest", smooth_op<2, Resize::Mode::cubic>},
    {"_upsample_nearest_exact1d", "self, output_size, scale=None, *rest", nearest_exact_op<1>},
    {"_upsample_nearest_exact2d", "self, output_size, scale=None, *rest", nearest_exact_op<2>},
    {"_upsample_nearest_exact3d", "self, output_size, scale=None, *rest", nearest_exact_op<3>},
    {"_upsample_bilinear2d_aa", "self, output_size, align_corners, scale=None, *rest", antialiased_op<Resize::Mode::linear>},
    {"_upsample_bicubic2d_aa", "self, output_size, align_corners, scale=None, *rest", antialiased_op<Resize::Mode::cubic>},
    {"interpolate", "self, size=None, scale_factor=None, mode=\"nearest\", align_corners=None, recompute_scale_factor=None", interpolate_op},
    {"grid_sampler", "input, grid, interpolation_mode, padding_mode, align_corners", grid_sampler_op},
    {"grid_sampler_2d", "input, grid, interpolation_mode, padding_mode, align_corners", grid_sampler_op},
    {"grid_sample", "input, grid, mode=\"bilinear\", padding_mode=\"zeros\", align_corners=None", grid_sampler_op},
};

}  // namespace

std::span<const Operator> resize_operators() { return kOperators; }

}  // namespace slipway::importers::torch
