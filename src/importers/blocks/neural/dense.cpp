#include "slipway/importers/blocks/neural/dense.hpp"

#include <algorithm>
#include <map>

#include "slipway/importers/blocks/neural/elementwise.hpp"
#include "slipway/importers/blocks/neural/shapes.hpp"

namespace slipway::importers::neural {

using graph::attr;

namespace {

Status inner_fits(Net& net, Dim a, Dim b, const Value& x, const Value& y) {
  return net.same(a, b, "product of " + dims_text(x.dims) + " and " + dims_text(y.dims));
}

}  // namespace

Result<Value> matmul(Net& net, const Value& a, const Value& b) {
  if (a.rank() == 0 || b.rank() == 0) return wrong("product of matrices: of a number");
  const Dim inner_a = a.dims.back(), inner_b = b.rank() == 1 ? b.dims[0] : b.dims[b.rank() - 2];
  TRY(inner_fits(net, inner_a, inner_b, a, b));
  const Dims lead_a(a.dims.begin(), a.dims.end() - std::min<std::ptrdiff_t>(2, std::ssize(a.dims)));
  const Dims lead_b(b.dims.begin(), b.dims.end() - std::min<std::ptrdiff_t>(2, std::ssize(b.dims)));
  Dims dims = TRY(broadcast(net, lead_a, lead_b, "product of matrices"));
  if (a.rank() > 1) dims.push_back(a.dims[a.rank() - 2]);
  if (b.rank() > 1) dims.push_back(b.dims.back());
  const DType dtype = promoted(a, b);
  return net.op("MatMul", {net.cast(a, dtype), net.cast(b, dtype)}, dtype, std::move(dims));
}

Result<Value> linear(Net& net, const Value& x, const Value& weight, const std::optional<Value>& bias) {
  if (weight.rank() != 2) return wrong("linear: weights of shape " + dims_text(weight.dims));
  if (x.rank() < 1) return wrong("linear: of a number");
  if (x.rank() == 2 && x.dtype() == weight.dtype()) {
    if (weight.dims[1].known()) TRY(net.require(x.dims[1], weight.dims[1].value, "linear: features of the input"));
    std::vector<Value> inputs{x, weight};
    if (bias) inputs.push_back(*bias);
    return net.op("Gemm", inputs, x.dtype(), {x.dims[0], weight.dims[0]}, {attr("transB", std::int64_t{1})});
  }
  return dense(net, x, TRY(swap_axes(net, weight, 0, 1)), bias);
}

Result<Value> dense(Net& net, const Value& x, const Value& kernel, const std::optional<Value>& bias) {
  if (kernel.rank() != 2) return wrong("dense: weights of shape " + dims_text(kernel.dims));
  if (x.rank() < 1) return wrong("dense: of a number");
  if (kernel.dims[0].known()) TRY(net.require(x.dims.back(), kernel.dims[0].value, "dense: features of the input"));
  if (x.rank() == 2 && bias && x.dtype() == kernel.dtype()) return net.op("Gemm", {x, kernel, *bias}, x.dtype(), {x.dims[0], kernel.dims[1]});
  const Value product = TRY(matmul(net, x, kernel));
  return bias ? add(net, product, *bias) : Result<Value>(product);
}

Result<Value> embedding(Net& net, const Value& table, const Value& indices) {
  if (table.rank() != 2) return wrong("embedding: weights of shape " + dims_text(table.dims));
  return gather(net, table, is_floating(indices.dtype()) ? net.cast(indices, DType::int64) : indices, 0);
}

namespace {

// "...ij,jk": letters of their own for the dimensions that the dots stand for, the last ones shared between operands.
std::string without_dots(const std::string& text, const std::vector<Value>& operands) {
  constexpr std::string_view kDots = "...";
  const std::size_t arrow = text.find("->");
  std::string free;
  for (const char letter : std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")) {
    if (text.find(letter) == std::string::npos) free += letter;
  }
  std::string out;
  std::size_t operand = 0, most = 0;
  for (std::size_t at = 0; at < std::min(arrow, text.size());) {
    const std::size_t end = std::min(text.find(',', at), std::min(arrow, text.size()));
    std::string term = text.substr(at, end - at);
    const std::size_t dots = term.find(kDots);
    if (dots != std::string::npos && operand < operands.size() && operands[operand].rank() + kDots.size() >= term.size()) {
      const std::size_t count = operands[operand].rank() + kDots.size() - term.size();
      most = std::max(most, count);
      term.replace(dots, kDots.size(), count <= free.size() ? free.substr(free.size() - count) : std::string());
    }
    out += (out.empty() ? "" : ",") + term;
    ++operand;
    at = end + 1;
  }
  const std::string all = most <= free.size() ? free.substr(free.size() - most) : std::string();
  if (arrow != std::string::npos) {
    std::string right = text.substr(arrow + 2);
    if (const std::size_t dots = right.find(kDots); dots != std::string::npos) right.replace(dots, kDots.size(), all);
    return out + "->" + right;
  }
  std::string right;  // what is there once, in the order of the alphabet, behind what the dots stand for
  for (char letter = 'A'; letter <= 'z'; ++letter) {
    if (std::ranges::count(out, letter) == 1 && all.find(letter) == std::string::npos) right += letter;
  }
  return out + "->" + all + right;
}

}  // namespace

Result<Value> einsum(Net& net, const std::string& equation, const std::vector<Value>& operands) {
  std::string text = equation;
  std::erase(text, ' ');
  if (text.find('.') != std::string::npos) text = without_dots(text, operands);
  if (text.find('.') != std::string::npos) return wrong("einsum: \"" + equation + "\" doesn't fit its operands");
  const std::size_t arrow = text.find("->");
  std::map<char, Dim> sizes;
  std::map<char, int> uses;
  std::size_t operand = 0, axis = 0;
  const std::string left = text.substr(0, arrow);
  for (std::size_t i = 0; i <= left.size(); ++i) {
    if (i == left.size() || left[i] == ',') {
      if (operand >= operands.size() || axis != operands[operand].rank()) return wrong("einsum: \"" + equation + "\" doesn't fit its operands");
      ++operand;
      axis = 0;
      continue;
    }
    if (operand >= operands.size() || axis >= operands[operand].rank()) return wrong("einsum: \"" + equation + "\" doesn't fit its operands");
    const Dim d = operands[operand].dims[axis++];
    const auto [it, fresh] = sizes.emplace(left[i], d);
    ++uses[left[i]];
    if (!fresh && !d.is(1) && !it->second.is(1)) TRY(net.same(it->second, d, "einsum: \"" + equation + "\""));
    if (!fresh && (!it->second.known() || it->second.is(1))) it->second = d;
  }
  if (operand != operands.size()) return wrong("einsum: \"" + equation + "\" doesn't fit its operands");
  std::string right;
  if (arrow != std::string::npos) {
    right = text.substr(arrow + 2);
  } else {
    for (const auto& [letter, count] : uses) {
      if (count == 1) right += letter;
    }
  }
  Dims dims;
  for (const char letter : right) {
    const auto it = sizes.find(letter);
    if (it == sizes.end()) return wrong("einsum: \"" + equation + "\" gives a dimension that no operand has");
    dims.push_back(it->second);
  }
  return net.op("Einsum", operands, operands[0].dtype(), std::move(dims), {attr("equation", left + "->" + right)});
}

Result<Value> bilinear(Net& net, const Value& x1, const Value& x2, const Value& weight, const std::optional<Value>& bias) {
  if (weight.rank() != 3 || x1.rank() != 2 || x2.rank() != 2)
    return wrong("bilinear: inputs of shape " + dims_text(x1.dims) + " and " + dims_text(x2.dims));
  const Value y = TRY(einsum(net, "ni,oij,nj->no", {x1, weight, x2}));
  return bias ? add(net, y, *bias) : Result<Value>(y);
}

}  // namespace slipway::importers::neural
