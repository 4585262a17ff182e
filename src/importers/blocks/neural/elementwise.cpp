#include "slipway/importers/blocks/neural/elementwise.hpp"

#include <algorithm>
#include <limits>

#include "slipway/importers/blocks/neural/shapes.hpp"

namespace slipway::importers::neural {

using graph::attr;

Result<Dims> broadcast(Net& net, const Dims& a, const Dims& b, std::string_view who) {
  const Dims& longer = a.size() >= b.size() ? a : b;
  const Dims& shorter = a.size() >= b.size() ? b : a;
  Dims out = longer;
  const std::size_t ahead = longer.size() - shorter.size();
  for (std::size_t i = 0; i < shorter.size(); ++i) {
    Dim& d = out[ahead + i];
    const Dim s = shorter[i];
    // One value a row beside the last dimension of something else: it is the rows by chance only.
    if (d == s && ahead + i > 0 && i == 0 && ahead > 0 && s == net.rows() && !s.known()) net.note_guess();
    if (d == s || s.is(1)) continue;
    if (d.is(1)) {
      d = s;
    } else if (d.known() && s.known()) {
      return wrong(std::string(who) + ": " + dims_text(a) + " and " + dims_text(b) + " don't fit together");
    } else if (s.known()) {
      TRY(net.require(d, s.value, std::string(who) + ": " + dims_text(a) + " and " + dims_text(b)));
      d = s;
    } else if (d.known()) {
      TRY(net.require(s, d.value, std::string(who) + ": " + dims_text(a) + " and " + dims_text(b)));
    } else {
      net.note_guess(d, s);
      d = net.max(d, s);
    }
  }
  return out;
}

namespace {

int kind_of(DType d) { return d == DType::boolean ? 0 : is_floating(d) ? 2 : 1; }

DType wider(DType a, DType b) {
  if (kind_of(a) != kind_of(b)) return kind_of(a) > kind_of(b) ? a : b;
  if (a == b) return a;
  if (kind_of(a) == 2) {
    if (dtype_size(a) == dtype_size(b)) return DType::float32;  // float16 with bfloat16
    return dtype_size(a) > dtype_size(b) ? a : b;
  }
  const auto is_unsigned = [](DType d) { return d == DType::uint8 || d == DType::uint16 || d == DType::uint32 || d == DType::uint64; };
  if (dtype_size(a) == dtype_size(b)) return is_unsigned(a) == is_unsigned(b) ? a : dtype_size(a) == 1 ? DType::int16 : DType::int64;
  return dtype_size(a) > dtype_size(b) ? a : b;
}

}  // namespace

DType promoted(const Value& a, const Value& b) {
  if (a.dtype() == b.dtype()) return a.dtype();
  if ((a.rank() == 0) != (b.rank() == 0)) {
    const Value& number = a.rank() == 0 ? a : b;
    const Value& tensor = a.rank() == 0 ? b : a;
    if (kind_of(number.dtype()) <= kind_of(tensor.dtype())) return tensor.dtype();
    return kind_of(number.dtype()) == 2 ? DType::float32 : number.dtype();
  }
  return wider(a.dtype(), b.dtype());
}

Result<Value> binary(Net& net, std::string_view op, const Value& a, const Value& b) {
  const bool logical = op == "And" || op == "Or" || op == "Xor";
  DType dtype = logical ? DType::boolean : promoted(a, b);
  Dims dims = TRY(broadcast(net, a.dims, b.dims, op));
  // The engine has no arithmetic of booleans: sums are or, products are and.
  if (dtype == DType::boolean && (op == "Mul" || op == "Min")) return net.op("And", {a, b}, dtype, std::move(dims));
  if (dtype == DType::boolean && (op == "Add" || op == "Max")) return net.op("Or", {a, b}, dtype, std::move(dims));
  if (!logical && dtype == DType::boolean) dtype = DType::int64;
  std::vector<graph::Attribute> attributes;
  if (op == "Mod" && is_floating(dtype)) attributes.push_back(attr("fmod", std::int64_t{1}));
  return net.op(op, {net.cast(a, dtype), net.cast(b, dtype)}, dtype, std::move(dims), std::move(attributes));
}

Result<Value> compare(Net& net, std::string_view op, const Value& a, const Value& b) {
  DType dtype = promoted(a, b);
  if (dtype == DType::boolean && op != "Equal") dtype = DType::int32;
  Dims dims = TRY(broadcast(net, a.dims, b.dims, op));
  return net.op(op, {net.cast(a, dtype), net.cast(b, dtype)}, DType::boolean, std::move(dims));
}

Value unary(Net& net, std::string_view op, const Value& a) { return net.op(op, {a}, a.dtype(), a.dims); }

Value in_floating(Net& net, const Value& a) { return is_floating(a.dtype()) ? a : net.cast(a, DType::float32); }

Result<Value> divide(Net& net, const Value& a, const Value& b) {
  const DType dtype = promoted(a, b);
  if (is_floating(dtype)) return binary(net, "Div", a, b);
  return binary(net, "Div", net.cast(a, DType::float32), net.cast(b, DType::float32));
}

Result<Value> floor_divide(Net& net, const Value& a, const Value& b) {
  const DType dtype = promoted(a, b);
  if (is_floating(dtype)) return unary(net, "Floor", TRY(binary(net, "Div", a, b)));
  // The engine truncates: a - mod(a, b) divides without rest, and its integer Mod has the sign of b.
  const Value rest = TRY(binary(net, "Mod", a, b));
  return binary(net, "Div", TRY(binary(net, "Sub", a, rest)), b);
}

Result<Value> remainder(Net& net, const Value& a, const Value& b) {
  const DType dtype = promoted(a, b);
  if (!is_floating(dtype)) return binary(net, "Mod", a, b);
  const Value quotient = unary(net, "Floor", TRY(binary(net, "Div", a, b)));
  return binary(net, "Sub", a, TRY(binary(net, "Mul", quotient, b)));
}

Value clamp(Net& net, const Value& a, std::optional<double> low, std::optional<double> high) {
  if (!low && !high) return a;
  std::vector<Value> inputs{a, low ? net.number(*low, a.dtype()) : Net::absent()};
  if (high) inputs.push_back(net.number(*high, a.dtype()));
  return net.op("Clip", inputs, a.dtype(), a.dims);
}

Result<Value> scaled(Net& net, const Value& a, double factor) {
  if (factor == 1) return a;
  return binary(net, "Mul", a, net.number(factor, is_floating(a.dtype()) ? a.dtype() : DType::float32));
}

Result<Value> shifted(Net& net, const Value& a, double summand) {
  if (summand == 0) return a;
  return binary(net, "Add", a, net.number(summand, is_floating(a.dtype()) ? a.dtype() : DType::float32));
}

}  // namespace slipway::importers::neural
