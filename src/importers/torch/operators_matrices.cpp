// Products of tensors other than a layer's, and what is made of a weight before it is used.
#include <algorithm>
#include <numeric>

#include "slipway/importers/blocks/neural/dense.hpp"
#include "slipway/importers/blocks/neural/elementwise.hpp"
#include "slipway/importers/blocks/neural/reduction.hpp"
#include "slipway/importers/blocks/neural/shapes.hpp"
#include "slipway/importers/torch/operator_call.hpp"
#include "slipway/importers/torch/scalars.hpp"

namespace slipway::importers::torch {
namespace {

using namespace neural;  // NOLINT(google-build-using-namespace): the blocks are this file's vocabulary

// tensordot(a, b, dims) with the same number of dimensions of both: dims last of a, first of b.
Result<Any> tensordot_op(OpCall& c) {
  const Value a = TRY(c.tensor(0)), b = TRY(c.tensor(1));
  std::vector<std::int64_t> of_a, of_b;
  const std::vector<Any>* pair = c.given(3) ? nullptr : items_of(c.args[2]);
  if (c.given(3)) {
    of_a = TRY(c.integers(2));
    of_b = TRY(c.integers(3));
  } else if (pair != nullptr && pair->size() == 2 && items_of((*pair)[0]) != nullptr) {
    OpCall both{c.net, c.name, *pair};
    of_a = TRY(both.integers(0));
    of_b = TRY(both.integers(1));
  } else {
    const std::int64_t count = TRY(c.integer(2));
    if (count < 0 || count > static_cast<std::int64_t>(std::min(a.rank(), b.rank()))) return c.wrong("over " + std::to_string(count) + " dimensions");
    for (std::int64_t i = 0; i < count; ++i) {
      of_a.push_back(static_cast<std::int64_t>(a.rank()) - count + i);
      of_b.push_back(i);
    }
  }
  if (of_a.size() != of_b.size()) return c.wrong("as many dimensions of both are wanted");
  // Those that stay, then those that go; of b the other way round.
  const auto turned = [&](const Value& v, std::vector<std::int64_t> gone, bool last, Dims& kept) -> Result<Value> {
    std::vector<std::int64_t> order;
    for (std::int64_t& g : gone) g = static_cast<std::int64_t>(TRY(axis_of(g, v.rank(), c.name)));
    Dim inner = 1, outer = 1;
    for (std::size_t i = 0; i < v.rank(); ++i) {
      if (std::ranges::find(gone, static_cast<std::int64_t>(i)) != gone.end()) continue;
      order.push_back(static_cast<std::int64_t>(i));
      kept.push_back(v.dims[i]);
      outer = c.net.mul(outer, v.dims[i]);
    }
    for (const std::int64_t g : gone) inner = c.net.mul(inner, v.dims[static_cast<std::size_t>(g)]);
    order.insert(last ? order.end() : order.begin(), gone.begin(), gone.end());
    return neural::reshape(c.net, TRY(neural::transpose(c.net, v, order)), last ? Dims{outer, inner} : Dims{inner, outer});
  };
  Dims dims;
  const Value left = TRY(turned(a, of_a, true, dims)), right = TRY(turned(b, of_b, false, dims));
  return torch::tensor(TRY(neural::reshape(c.net, TRY(matmul(c.net, left, right)), dims)));
}

Result<Any> kron_op(OpCall& c) {
  Value a = TRY(c.tensor(0)), b = TRY(c.tensor(1));
  while (a.rank() < b.rank()) a = TRY(unsqueeze(c.net, a, 0));
  while (b.rank() < a.rank()) b = TRY(unsqueeze(c.net, b, 0));
  Dims wide_a, wide_b, dims;
  for (std::size_t i = 0; i < a.rank(); ++i) {
    wide_a.insert(wide_a.end(), {a.dims[i], Dim(1)});
    wide_b.insert(wide_b.end(), {Dim(1), b.dims[i]});
    dims.push_back(c.net.mul(a.dims[i], b.dims[i]));
  }
  const Value p = TRY(mul(c.net, TRY(neural::reshape(c.net, a, wide_a)), TRY(neural::reshape(c.net, b, wide_b))));
  return torch::tensor(TRY(neural::reshape(c.net, p, dims)));
}

Result<Any> diag_embed_op(OpCall& c) {
  const Value x = TRY(c.tensor(0));
  if (TRY(c.integer(1)) != 0 || TRY(c.integer(2)) != -2 || TRY(c.integer(3)) != -1) return c.wrong("with an offset or into other dimensions");
  if (x.rank() < 1) return c.wrong("of a number");
  const Any eye = TRY(call_operator(c.net, "eye", {{Any(x.dims.back())}, {{"dtype", Any(TorchDType{x.dtype()})}}}));
  return torch::tensor(TRY(mul(c.net, TRY(unsqueeze(c.net, x, -1)), TRY((*eye.as<TensorRef>())->read(c.net)))));
}
Result<Any> diag_op(OpCall& c) {
  if (TRY(c.tensor(0)).rank() == 1) return call_operator(c.net, "diag_embed", {{c.args[0], c.args[1]}, {}});
  return call_operator(c.net, "diagonal", {{c.args[0], c.args[1]}, {}});
}
Result<Any> trace_op(OpCall& c) { return call_operator(c.net, "sum", {{TRY(call_operator(c.net, "diagonal", {{c.args[0]}, {}}))}, {}}); }

Result<Any> cross_op(OpCall& c) {
  const Value a = TRY(c.tensor(0)), b = TRY(c.tensor(1));
  std::int64_t axis = -1;
  if (c.given(2)) {
    axis = TRY(c.integer(2));
  } else {  // the first of three
    const auto three = std::ranges::find_if(a.dims, [](const Dim& d) { return d.is(3); });
    if (three == a.dims.end()) return c.wrong("of tensors without a dimension of 3");
    axis = three - a.dims.begin();
  }
  const Value next = c.net.ints({1, 2, 0}), second = c.net.ints({2, 0, 1});
  const auto at = [&](const Value& v, const Value& which) { return neural::gather(c.net, v, which, axis); };
  return torch::tensor(TRY(sub(c.net, TRY(mul(c.net, TRY(at(a, next)), TRY(at(b, second)))), TRY(mul(c.net, TRY(at(a, second)), TRY(at(b, next)))))));
}

Result<Any> addbmm_op(OpCall& c) {  // beta * self + alpha * sum of the products
  const Value p = TRY(reduce(c.net, "ReduceSum", TRY(matmul(c.net, TRY(c.tensor(1)), TRY(c.tensor(2)))), {0}, false));
  return torch::tensor(TRY(add(c.net, TRY(scaled(c.net, TRY(c.tensor(0)), TRY(c.number(3)))), TRY(scaled(c.net, p, TRY(c.number(4)))))));
}
Result<Any> addr_op(OpCall& c) {
  const Value p = TRY(mul(c.net, TRY(unsqueeze(c.net, TRY(c.tensor(1)), 1)), TRY(unsqueeze(c.net, TRY(c.tensor(2)), 0))));
  return torch::tensor(TRY(add(c.net, TRY(scaled(c.net, TRY(c.tensor(0)), TRY(c.number(3)))), TRY(scaled(c.net, p, TRY(c.number(4)))))));
}
Result<Any> chain_op(OpCall& c) {
  const std::vector<Value> all = TRY(c.tensors(0));
  if (all.empty()) return c.wrong("of nothing");
  Value v = all[0];
  for (std::size_t i = 1; i < all.size(); ++i) v = TRY(matmul(c.net, v, all[i]));
  return torch::tensor(v);
}

// torch.linalg.norm: of one dimension a vector's, of two a matrix's.
Result<Any> linalg_norm_op(OpCall& c) {
  const Value x = in_floating(c.net, TRY(c.tensor(0)));
  const std::vector<std::int64_t> axes = c.given(2) ? TRY(c.integers(2)) : std::vector<std::int64_t>();
  const bool keep = TRY(c.flag(3));
  const auto* text = c.args[1].as<std::string>();
  const bool frobenius = !c.given(1) || (text != nullptr && *text == "fro");
  const bool vector = axes.size() == 1 || (axes.empty() && x.rank() == 1);
  if (!frobenius && !vector) return c.wrong("of matrices by that norm");
  return torch::tensor(TRY(p_norm(c.net, x, frobenius ? 2 : TRY(c.number(1)), axes, keep)));
}
Result<Any> matrix_norm_op(OpCall& c) {  // self, ord, dim, keepdim
  const auto* text = c.args[1].as<std::string>();
  if (text == nullptr || *text != "fro") return c.wrong("by a norm other than Frobenius'");
  return torch::tensor(TRY(p_norm(c.net, TRY(c.tensor(0)), 2, TRY(c.integers(2)), TRY(c.flag(3)))));
}

// The norm over all dimensions but one (-1: over all), kept as dimensions.
Result<Value> norm_but_one(OpCall& c, const Value& v, double p, std::int64_t dim) {
  std::vector<std::int64_t> axes;
  for (std::size_t i = 0; i < v.rank(); ++i) {
    if (static_cast<std::int64_t>(i) != dim) axes.push_back(static_cast<std::int64_t>(i));
  }
  if (axes.empty()) return unary(c.net, "Abs", v);
  return p_norm(c.net, v, p, axes, true);
}
// A weight of a given length and direction: g v / |v|.
Result<Value> weight_norm(OpCall& c) {
  const Value v = TRY(c.tensor(0)), g = TRY(c.tensor(1));
  const Value norm = TRY(norm_but_one(c, v, 2, TRY(c.integer(2))));
  return mul(c.net, v, TRY(divide(c.net, g, norm)));
}
Result<Any> weight_norm_op(OpCall& c) { return torch::tensor(TRY(weight_norm(c))); }
Result<Any> weight_norm_interface_op(OpCall& c) { return tuple({torch::tensor(TRY(weight_norm(c))), None{}}); }
Result<Any> norm_except_dim_op(OpCall& c) {
  Value norm = TRY(norm_but_one(c, TRY(c.tensor(0)), TRY(c.number(1)), TRY(c.integer(2))));
  if (TRY(c.integer(2)) == -1) norm = TRY(neural::reshape(c.net, norm, {}));
  return torch::tensor(norm);
}

constexpr Operator kOperators[] = {
    {"tensordot", "self, other, dims=2, dims_other=None", tensordot_op},
    {"kron", "self, other", kron_op},
    {"diag_embed", "self, offset=0, dim1=-2, dim2=-1", diag_embed_op},
    {"diag", "self, diagonal=0", diag_op},
    {"trace", "self", trace_op},
    {"cross", "self, other, dim=None", cross_op},
    {"linalg_cross", "self, other, dim=-1", cross_op},
    {"addbmm", "self, batch1, batch2, beta=1, alpha=1", addbmm_op},
    {"addr", "self, vec1, vec2, beta=1, alpha=1", addr_op},
    {"ger", "self, vec2", [](OpCall& c) -> Result<Any> { return call_operator(c.net, "outer", {{c.args[0], c.args[1]}, {}}); }},
    {"vdot", "self, other", [](OpCall& c) -> Result<Any> { return torch::tensor(TRY(matmul(c.net, TRY(c.tensor(0)), TRY(c.tensor(1))))); }},
    {"linalg_multi_dot", "tensors", chain_op},
    {"chain_matmul", "tensors", chain_op},
    {"linalg_norm", "self, ord=None, dim=None, keepdim=False, dtype=None", linalg_norm_op},
    {"linalg_matrix_norm", "self, ord=\"fro\", dim=[], keepdim=False, dtype=None", matrix_norm_op},
    {"dist", "self, other, p=2",
     [](OpCall& c) -> Result<Any> {
       return torch::tensor(TRY(p_norm(c.net, TRY(sub(c.net, TRY(c.tensor(0)), TRY(c.tensor(1)))), TRY(c.number(2)), {}, false)));
     }},
    {"_weight_norm", "v, g, dim=0", weight_norm_op},
    {"_weight_norm_interface", "v, g, dim=0", weight_norm_interface_op},
    {"norm_except_dim", "v, pow=2, dim=0", norm_except_dim_op},
};

}  // namespace

std::span<const Operator> matrix_operators() { return kOperators; }

}  // namespace slipway::importers::torch
