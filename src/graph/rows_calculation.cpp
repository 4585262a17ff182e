// What calculates new elements from old ones.
#include <algorithm>

#include "slipway/graph/rows_walk.hpp"

namespace slipway::graph::rows {

Fact Walk::broadcast(const std::vector<const Fact*>& in) {
  std::size_t rank = 0;
  const Fact* rows = nullptr;
  for (const Fact* f : in) {
    if (f == nullptr) continue;
    if (!f->shape || (!f->is_same() && !f->is_rows())) return kMixed;
    rank = std::max(rank, f->shape->size());
    if (f->is_rows() && rows == nullptr) rows = f;
  }
  std::size_t row = 0;
  if (rows != nullptr) row = rank - rows->shape->size() + rows->axis;
  Extents shape(rank, Extent::of(1));
  for (const Fact* f : in) {
    if (f == nullptr) continue;
    const std::size_t shift = rank - f->shape->size();
    if (f->is_rows() && (shift + f->axis != row || f->outer != rows->outer || f->block != rows->block)) return kMixed;
    if (f->is_same() && rows != nullptr && row >= shift && !(*f->shape)[row - shift].is(1)) return kMixed;
    for (std::size_t i = 0; i < f->shape->size(); ++i) {
      Extent& size = shape[shift + i];
      // Of two that differ the one that isn't 1: when one is unknown, a known one tells.
      if (size.is(1) || (!size.known() && (*f->shape)[i].known() && !(*f->shape)[i].is(1))) size = (*f->shape)[i];
    }
  }
  return rows != nullptr ? with(*rows, row, std::move(shape)) : same(std::move(shape));
}

Fact Walk::pointwise(const Call& c) {
  const Fact f = broadcast(c.in);
  if (f.kind != Fact::Kind::mixed) return f;
  return std::all_of(c.in.begin(), c.in.end(), [](const Fact* x) { return x == nullptr || x->is_same(); }) ? same(std::nullopt) : kMixed;
}

std::vector<Fact> Walk::dropout(const Call& c) {
  const Fact* const training = c.input(2);
  const bool off =
      training == nullptr || (training->tensor != nullptr && training->tensor->count() == 1 && training->tensor->bytes()[0] == std::byte{0});
  if (!off || !c.in[0]->is_rows()) return {};
  return {*c.in[0], *c.in[0]};
}

Fact Walk::matmul(const Call& c) {
  const Fact &a = *c.in[0], &b = *c.in[1];
  for (std::size_t i = 2; i < c.in.size(); ++i) {
    if (c.in[i] != nullptr && !c.in[i]->is_same()) return kMixed;
  }
  if (!a.shape || !b.shape || a.shape->size() < 2 || b.shape->size() < 2) return kMixed;
  const auto outside = [](const Fact& f) {  // of the two dimensions of the product
    Fact out = f;
    out.shape->resize(f.shape->size() - 2);
    if (f.is_rows() && f.axis >= out.shape->size()) out.kind = Fact::Kind::same;
    out.numbers.reset();
    return out;
  };
  const bool a_in = a.is_rows() && a.axis >= a.shape->size() - 2, b_in = b.is_rows() && b.axis >= b.shape->size() - 2;
  if (a_in && a.axis == a.shape->size() - 1) return kMixed;
  if (b_in && b.axis == b.shape->size() - 2) return kMixed;
  if ((a_in && b.is_rows()) || (b_in && a.is_rows())) return kMixed;
  const Fact outer_a = outside(a), outer_b = outside(b);
  Fact out = broadcast({&outer_a, &outer_b});
  if (out.kind == Fact::Kind::mixed) return kMixed;
  const std::size_t rank = out.shape->size();
  out.shape->push_back((*a.shape)[a.shape->size() - 2]);
  out.shape->push_back(b.shape->back());
  if (a_in) return with(a, rank, std::move(*out.shape));
  if (b_in) return with(b, rank + 1, std::move(*out.shape));
  return out;
}

Fact Walk::gemm(const Call& c) {
  const Fact &a = *c.in[0], &b = *c.in[1];
  if (!a.is_rows() || a.axis != 0 || a.shape->size() != 2 || c.number("transA", 0) != 0 || !b.is_same() || !b.shape || b.shape->size() != 2)
    return kMixed;
  const Fact product = with(a, 0, {(*a.shape)[0], (*b.shape)[c.number("transB", 0) != 0 ? 0 : 1]});
  return c.input(2) == nullptr ? product : broadcast({&product, c.in[2]});
}

Fact Walk::einsum(const Call& c) {
  const std::string equation = c.text("equation");
  std::string terms;
  for (const char ch : equation) {
    if (ch != ' ') terms += ch;
  }
  const auto arrow = terms.find("->");
  if (arrow == std::string::npos || terms.find('.') != std::string::npos) return kMixed;
  const std::string out = terms.substr(arrow + 2);
  std::map<char, Extent> sizes;
  std::optional<char> row;
  const Fact* rows = nullptr;
  std::size_t at = 0;
  for (const Fact* f : c.in) {
    const std::size_t end = std::min(terms.find(',', at), arrow);
    const std::string letters = terms.substr(at, end - at);
    at = end + 1;
    if (f == nullptr || !f->shape || letters.size() != f->shape->size() || (!f->is_same() && !f->is_rows())) return kMixed;
    for (std::size_t i = 0; i < letters.size(); ++i) {
      if (std::count(letters.begin(), letters.end(), letters[i]) != 1) return kMixed;
      sizes.emplace(letters[i], (*f->shape)[i]);
    }
    if (!f->is_rows()) continue;
    if ((row && *row != letters[f->axis]) || (rows != nullptr && (rows->outer != f->outer || rows->block != f->block))) return kMixed;
    row = letters[f->axis];
    rows = f;
  }
  if (!row || out.find(*row) == std::string::npos) return kMixed;
  at = 0;
  for (const Fact* f : c.in) {  // nobody else has anything along the rows
    const std::size_t end = std::min(terms.find(',', at), arrow);
    if (f->is_same() && terms.substr(at, end - at).find(*row) != std::string::npos) return kMixed;
    at = end + 1;
  }
  Extents shape;
  for (const char letter : out) {
    if (!sizes.contains(letter)) return kMixed;
    shape.push_back(sizes.at(letter));
  }
  return with(*rows, out.find(*row), std::move(shape));
}

Fact Walk::along(const Call& c, std::int64_t otherwise) {
  const Fact& x = *c.in[0];
  if (!x.is_rows() || !others_are_same(c)) return kMixed;
  const auto axis = axis_of(c.number("axis", otherwise), x.shape->size());
  if (!axis || *axis == x.axis) return kMixed;
  Extents shape = *x.shape;
  if (c.node.op == "TopK") {
    const Fact* const k = c.input(1);
    if (k != nullptr && k->numbers && k->numbers->size() == 1)
      shape[*axis] = (*k->numbers)[0];
    else
      return kMixed;
  }
  return with(x, x.axis, std::move(shape));
}

Fact Walk::from_axis(const Call& c, std::int64_t otherwise) {
  const Fact& x = *c.in[0];
  if (!x.is_rows() || !others_are_same(c)) return kMixed;
  const auto axis = axis_of(c.number("axis", otherwise), x.shape->size());
  return axis && x.axis < *axis ? with(x, x.axis, *x.shape) : kMixed;
}

Fact Walk::cumulative(const Call& c) {
  const Fact &x = *c.in[0], *const at = c.input(1);
  if (!x.is_rows() || at == nullptr || !at->numbers || at->numbers->size() != 1 || !at->numbers->front().known()) return kMixed;
  const auto axis = axis_of(at->numbers->front().number, x.shape->size());
  return axis && *axis != x.axis ? with(x, x.axis, *x.shape) : kMixed;
}

Fact Walk::reduce(const Call& c) {
  const Fact& x = *c.in[0];
  bool good = true;
  const auto axes = c.list("axes", 1, good);
  if (!x.is_rows() || !others_are_same(c) || !good) return kMixed;
  if (!axes || axes->empty()) return c.number("noop_with_empty_axes", 0) != 0 ? with(x, x.axis, *x.shape) : kMixed;
  return reduced(x, *axes, c.number("keepdims", 1) != 0);
}

Fact Walk::arg(const Call& c) {
  const Fact& x = *c.in[0];
  return x.is_rows() ? reduced(x, {c.number("axis", 0)}, c.number("keepdims", 1) != 0) : kMixed;
}

Fact Walk::reduced(const Fact& x, const std::vector<std::int64_t>& axes, bool keeps) {
  std::vector<bool> gone(x.shape->size(), false);
  for (const std::int64_t a : axes) {
    const auto axis = axis_of(a, x.shape->size());
    if (!axis || *axis == x.axis) return kMixed;
    gone[*axis] = true;
  }
  Extents shape;
  std::size_t row = 0;
  for (std::size_t i = 0; i < gone.size(); ++i) {
    if (i == x.axis) row = shape.size();
    if (!gone[i])
      shape.push_back((*x.shape)[i]);
    else if (keeps)
      shape.push_back(Extent::of(1));
  }
  return with(x, row, std::move(shape));
}

Fact Walk::image(const Call& c) {
  if (!is_plain(c) || c.in[0]->shape->size() < 3) return kMixed;
  const std::string_view op = c.node.op;
  Extents shape = *c.in[0]->shape;
  if (op == "Conv" || op == "ConvInteger" || op == "ConvTranspose") {
    const Fact* const w = c.input(1);
    if (w == nullptr || !w->shape || w->shape->size() != shape.size()) return kMixed;
    const auto groups = product((*w->shape)[1], Extent::of(c.number("group", 1)));
    if (op != "ConvTranspose")
      shape[1] = (*w->shape)[0];
    else if (groups)
      shape[1] = *groups;
    else
      return kMixed;
  } else if (op == "DepthToSpace" || op == "SpaceToDepth") {
    shape[1] = unknown();
  }
  for (std::size_t i = 2; i < shape.size(); ++i) shape[i] = op.starts_with("Global") ? Extent::of(1) : side(c, i - 2, shape[i]);
  return with(*c.in[0], 0, std::move(shape));
}

Extent Walk::side(const Call& c, std::size_t i, const Extent& from) {
  const std::string_view op = c.node.op;
  const auto one = [&](std::string_view name, std::size_t at, std::int64_t otherwise) {
    const auto v = c.numbers(name);
    return v && at < v->size() ? (*v)[at] : otherwise;
  };
  const std::string padding = c.text("auto_pad");
  const bool pool = op.ends_with("Pool"), convolution = op == "Conv" || op == "ConvInteger";
  if (!from.known() || (!pool && !convolution) || (!padding.empty() && padding != "NOTSET")) return unknown();
  const std::size_t sides = c.in[0]->shape->size() - 2;
  std::int64_t kernel = one("kernel_shape", i, 0);
  if (convolution && kernel == 0 && (*c.input(1)->shape)[i + 2].known()) kernel = (*c.input(1)->shape)[i + 2].number;
  const std::int64_t stride = one("strides", i, 1), reach = (kernel - 1) * one("dilations", i, 1) + 1;
  const std::int64_t room = from.number + one("pads", i, 0) + one("pads", sides + i, 0) - reach;
  if (kernel <= 0 || stride <= 0 || room < 0 || c.number("ceil_mode", 0) != 0) return unknown();
  return Extent::of(room / stride + 1);
}

Fact Walk::resize(const Call& c) {
  const bool old = c.node.op == "Upsample" || opset_ < 11;
  const Fact &x = *c.in[0], *const scales = c.input(old ? 1 : 2), *const sizes = old ? nullptr : c.input(3);
  if (!x.is_rows() || x.axis != 0) return x.is_same() && others_are_same(c) ? same(std::nullopt) : kMixed;
  const auto axes = c.numbers("axes");
  Extents shape = *x.shape;
  for (std::size_t i = 0; i < (axes ? axes->size() : shape.size()); ++i) {
    const auto axis = axis_of(axes ? (*axes)[i] : static_cast<std::int64_t>(i), shape.size());
    if (!axis) return kMixed;
    if (*axis != 0) {
      if (sizes != nullptr && (!sizes->numbers || i >= sizes->numbers->size() || (*sizes->numbers)[i].rows != 0)) return kMixed;
      shape[*axis] = unknown();
    } else if (sizes != nullptr) {
      if (!sizes->numbers || i >= sizes->numbers->size() || (*sizes->numbers)[i] != shape[0]) return kMixed;
    } else if (scales == nullptr || scales->tensor == nullptr || scales->tensor->dtype() != DType::float32 || scales->tensor->count() <= i ||
               scales->tensor->as<float>()[i] != 1.0F) {
      return kMixed;
    }
  }
  return with(x, 0, std::move(shape));
}

Fact Walk::one_hot(const Call& c) {
  const Fact& x = *c.in[0];
  if (!x.is_rows() || !others_are_same(c)) return kMixed;
  const auto axis = axis_of(c.number("axis", -1), x.shape->size() + 1);
  if (!axis) return kMixed;
  Extents shape = *x.shape;
  const Fact* const depth = c.input(1);
  shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(*axis),
               depth != nullptr && depth->numbers && depth->numbers->size() == 1 ? (*depth->numbers)[0] : unknown());
  return with(x, x.axis + (*axis <= x.axis ? 1 : 0), std::move(shape));
}

std::vector<Fact> Walk::recurrent(const Call& c) {
  const Fact& x = *c.in[0];
  if (c.number("layout", 0) != 0 || !x.is_rows() || x.axis != 1 || x.shape->size() != 3 || !x.outer.is(1)) return {};
  for (std::size_t i = 1; i < c.in.size(); ++i) {
    const Fact* const f = c.in[i];
    const bool state = i == 5 || i == 6, lengths = i == 4;
    if (f == nullptr || (f->is_same() && !state && !lengths)) continue;
    if (!f->is_rows() || f->outer != x.outer || f->block != x.block || f->axis != (state ? 1U : 0U) || (!state && !lengths)) return {};
  }
  const Extent directions = Extent::of(c.text("direction") == "bidirectional" ? 2 : 1);
  const std::int64_t units = c.number("hidden_size", 0);
  const Extent width = units > 0 ? Extent::of(units) : unknown();
  const Extents &s = *x.shape, last = {directions, s[1], width};
  return {with(x, 2, {s[0], directions, s[1], width}), with(x, 1, last), with(x, 1, last)};
}

std::vector<Fact> Walk::table(const Call& c) {
  if (c.in.empty() || c.in[0] == nullptr || !is_plain(c) || !c.in[0]->block.is(1) || !c.in[0]->outer.is(1)) return {};
  const Fact& x = *c.in[0];
  const std::string_view op = c.node.op;
  if (one_of(op, {"LabelEncoder", "CategoryMapper"})) return {with(x, 0, *x.shape)};
  if (x.shape->size() != 2) return {};  // a vector would be one row
  const Extent n = (*x.shape)[0];
  if (one_of(op, {"Binarizer", "Imputer", "Normalizer", "Scaler"})) return {with(x, 0, *x.shape)};
  if (one_of(op, {"LinearRegressor", "SVMRegressor", "TreeEnsembleRegressor", "TreeEnsemble"})) return {with(x, 0, {n, unknown()})};
  if (one_of(op, {"LinearClassifier", "SVMClassifier", "TreeEnsembleClassifier"})) return {with(x, 0, {n}), with(x, 0, {n, unknown()})};
  if (op == "ArrayFeatureExtractor") return {with(x, 0, {n, unknown()})};
  if (op == "OneHotEncoder") return {with(x, 0, {n, (*x.shape)[1], unknown()})};
  return {};
}

}  // namespace slipway::graph::rows
