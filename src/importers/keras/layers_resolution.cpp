// Layers that change an image's or a sequence's extent: padding, cropping, upsampling.
#include "slipway/importers/blocks/neural/resize.hpp"
#include "slipway/importers/blocks/neural/shapes.hpp"
#include "slipway/importers/keras/layer.hpp"

namespace slipway::importers::keras {

namespace {

// "padding"/"cropping": one number, one a dimension, or a pair a dimension ([before, after] itself for one dimension).
Result<std::vector<std::pair<std::int64_t, std::int64_t>>> pairs_of(const Call& call, std::string_view key) {
  const std::size_t spatial = spatial_of(call);
  const json::Value* v = call.config.find(key);
  std::vector<std::pair<std::int64_t, std::int64_t>> out;
  const auto pair = [&](const json::Value& p) {
    if (p.is_int()) {
      out.emplace_back(p.as_int(), p.as_int());
    } else if (p.is_array() && p.as_array().size() == 2 && p.as_array()[0].is_int() && p.as_array()[1].is_int()) {
      out.emplace_back(p.as_array()[0].as_int(), p.as_array()[1].as_int());
    }
  };
  if (v == nullptr || v->is_null()) {
    out.assign(spatial, {1, 1});
  } else if (v->is_int()) {
    out.assign(spatial, {v->as_int(), v->as_int()});
  } else if (spatial == 1 && v->is_array() && v->as_array().size() == 2) {
    pair(*v);
  } else if (v->is_array()) {
    for (const json::Value& p : v->as_array()) pair(p);
  }
  bool right = out.size() == spatial;
  for (const auto& [before, after] : out) right = right && before >= 0 && after >= 0;
  if (!right) return refuse(call, "\"" + std::string(key) + "\" must be a pair of integers for each of " + std::to_string(spatial) + " dimensions");
  return out;
}

}  // namespace

Result<std::vector<Tracked>> zero_padding(const Call& call) {
  TRY(takes(call, 1));
  const auto pairs = TRY(pairs_of(call, "padding"));
  std::vector<neural::Pad> pads(2);
  for (const auto& [before, after] : pairs) pads.push_back({before, after});
  return one(TRY(from_engine(call, TRY(neural::pad(call.net, TRY(to_engine(call)), pads, "constant", 0)))));
}

Result<std::vector<Tracked>> cropping(const Call& call) {
  TRY(takes(call, 1));
  const auto pairs = TRY(pairs_of(call, "cropping"));
  Value y = TRY(to_engine(call));
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const auto [before, after] = pairs[i];
    y = TRY(neural::slice(call.net, y, static_cast<std::int64_t>(i) + 2, before, after == 0 ? Dim(neural::kEnd) : Dim(-after)));
    if (y.dims[i + 2].is(0)) return refuse(call, "crops everything away");
  }
  return one(TRY(from_engine(call, y)));
}

Result<std::vector<Tracked>> up_sampling(const Call& call) {
  TRY(takes(call, 1));
  const std::vector<std::int64_t> factors = TRY(ints_of(call, "size", spatial_of(call), 2));
  const std::string how = TRY(text_of(call, "interpolation", "nearest"));
  neural::Resize r;
  for (const std::int64_t f : factors) {
    if (f < 1 || f > 4'096) return refuse(call, "\"size\" must be between 1 and 4096");
    r.scales.push_back(static_cast<double>(f));
  }
  if (how == "nearest") {
    r.coordinates = neural::Resize::Coordinates::asymmetric;
  } else if (how == "bilinear") {
    r.mode = neural::Resize::Mode::linear;
    if (call.dialect.standalone) r.coordinates = neural::Resize::Coordinates::asymmetric;
  } else {
    const Value x = TRY(to_engine(call));
    if (x.rank() != 4 || !x.dims[2].known() || !x.dims[3].known())
      return refuse(call, "the interpolation \"" + how + "\" of images whose size is free is not supported (nearest and bilinear are)");
    return one(TRY(from_engine(call, TRY(resized(call, x, x.dims[2].value * factors[0], x.dims[3].value * factors[1], how, false)))));
  }
  return one(TRY(from_engine(call, TRY(neural::resize(call.net, TRY(to_engine(call)), r)))));
}

}  // namespace slipway::importers::keras
