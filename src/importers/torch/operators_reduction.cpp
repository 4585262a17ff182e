// Operators over whole dimensions: sums, means, extremes, order.
#include <algorithm>
#include <cmath>

#include "slipway/importers/blocks/neural/elementwise.hpp"
#include "slipway/importers/blocks/neural/normalization.hpp"
#include "slipway/importers/blocks/neural/reduction.hpp"
#include "slipway/importers/blocks/neural/shapes.hpp"
#include "slipway/importers/torch/operator_call.hpp"

namespace slipway::importers::torch {
namespace {

using namespace neural;  // NOLINT(google-build-using-namespace): the blocks are this file's vocabulary

Result<std::vector<std::int64_t>> axes(OpCall& c, std::size_t i) {
  return c.given(i) ? c.integers(i) : Result<std::vector<std::int64_t>>(std::vector<std::int64_t>{});
}

Result<Any> sum_op(OpCall& c) {
  const Value x = TRY(c.tensor(0));
  const DType d = TRY(c.dtype(3, is_floating(x.dtype()) ? x.dtype() : DType::int64));
  return torch::tensor(TRY(reduce(c.net, "ReduceSum", c.net.cast(x, d), TRY(axes(c, 1)), TRY(c.flag(2)))));
}
Result<Any> mean_op(OpCall& c) {
  const Value x = TRY(c.tensor(0));
  const DType d = TRY(c.dtype(3, is_floating(x.dtype()) ? x.dtype() : DType::float32));
  return torch::tensor(TRY(reduce(c.net, "ReduceMean", c.net.cast(x, d), TRY(axes(c, 1)), TRY(c.flag(2)))));
}
Result<Any> prod_op(OpCall& c) { return torch::tensor(TRY(reduce(c.net, "ReduceProd", TRY(c.tensor(0)), TRY(axes(c, 1)), TRY(c.flag(2))))); }
Result<Any> logsumexp_op(OpCall& c) {
  return torch::tensor(TRY(reduce(c.net, "ReduceLogSumExp", TRY(c.tensor(0)), TRY(axes(c, 1)), TRY(c.flag(2)))));
}

// max(x), max(x, other), max(x, dim): the last gives values and places.
Result<Any> extreme(OpCall& c, bool maximum) {
  const Value x = TRY(c.tensor(0));
  const std::string_view op = maximum ? "ReduceMax" : "ReduceMin";
  if (!c.given(1)) return torch::tensor(TRY(reduce(c.net, op, x, {}, false)));
  if (c.is_tensor(1)) return torch::tensor(TRY(binary(c.net, maximum ? "Max" : "Min", x, TRY(c.tensor(1)))));
  const std::int64_t dim = TRY(c.integer(1));
  const bool keep = TRY(c.flag(2));
  auto result = std::make_shared<Tuple>();
  result->items = {torch::tensor(TRY(reduce(c.net, op, x, {dim}, keep))), torch::tensor(TRY(arg(c.net, maximum, x, dim, keep)))};
  result->names = {"values", "indices"};
  return Any(result);
}
Result<Any> max_op(OpCall& c) { return extreme(c, true); }
Result<Any> min_op(OpCall& c) { return extreme(c, false); }
Result<Any> amax_op(OpCall& c) { return torch::tensor(TRY(reduce(c.net, "ReduceMax", TRY(c.tensor(0)), TRY(axes(c, 1)), TRY(c.flag(2))))); }
Result<Any> amin_op(OpCall& c) { return torch::tensor(TRY(reduce(c.net, "ReduceMin", TRY(c.tensor(0)), TRY(axes(c, 1)), TRY(c.flag(2))))); }

Result<Any> arg_op(OpCall& c, bool maximum) {
  const Value x = TRY(c.tensor(0));
  if (c.given(1)) return torch::tensor(TRY(arg(c.net, maximum, x, TRY(c.integer(1)), TRY(c.flag(2)))));
  return torch::tensor(TRY(arg(c.net, maximum, TRY(neural::flatten(c.net, x, 0, -1)), 0, false)));
}
Result<Any> argmax_op(OpCall& c) { return arg_op(c, true); }
Result<Any> argmin_op(OpCall& c) { return arg_op(c, false); }

// var(x, unbiased), var(x, dim, unbiased, keepdim), var(x, dim, correction=...)
Result<Value> variance_of(OpCall& c) {
  const Value x = in_floating(c.net, TRY(c.tensor(0)));
  if (const auto* unbiased = c.args[1].as<bool>()) return variance(c.net, x, {}, *unbiased ? 1 : 0, false);
  const double correction = c.given(2) ? TRY(c.number(2)) : 1;
  return variance(c.net, x, TRY(axes(c, 1)), correction, TRY(c.flag(3)));
}
Result<Any> var_op(OpCall& c) { return torch::tensor(TRY(variance_of(c))); }
Result<Any> std_op(OpCall& c) { return torch::tensor(unary(c.net, "Sqrt", TRY(variance_of(c)))); }
Result<Any> var_mean(OpCall& c, bool root) {
  const Value x = in_floating(c.net, TRY(c.tensor(0)));
  const Value v = TRY(variance_of(c));
  const bool plain = c.args[1].as<bool>() != nullptr;
  const Value m = TRY(reduce(c.net, "ReduceMean", x, plain ? std::vector<std::int64_t>{} : TRY(axes(c, 1)), !plain && TRY(c.flag(3))));
  return tuple({torch::tensor(root ? unary(c.net, "Sqrt", v) : v), torch::tensor(m)});
}
Result<Any> var_mean_op(OpCall& c) { return var_mean(c, false); }
Result<Any> std_mean_op(OpCall& c) { return var_mean(c, true); }

Result<Any> norm_op(OpCall& c) {
  double p = 2;
  if (c.given(1)) {
    if (const auto* text = c.args[1].as<std::string>(); text != nullptr && *text == "fro") {
      p = 2;
    } else {
      p = TRY(c.number(1));
    }
  }
  return torch::tensor(TRY(p_norm(c.net, in_floating(c.net, TRY(c.tensor(0))), p, TRY(axes(c, 2)), TRY(c.flag(3)))));
}
Result<Any> normalize_op(OpCall& c) {
  return torch::tensor(TRY(normalize(c.net, TRY(c.tensor(0)), TRY(c.number(1)), TRY(c.integer(2)), TRY(c.number(3)))));
}
Result<Any> cumsum_op(OpCall& c) {
  const Value x = TRY(c.tensor(0));
  const DType d = TRY(c.dtype(2, is_floating(x.dtype()) ? x.dtype() : DType::int64));
  return torch::tensor(TRY(cumulative_sum(c.net, c.net.cast(x, d), TRY(c.integer(1)))));
}
Result<Any> named(std::vector<Any> items) {
  auto result = std::make_shared<Tuple>();
  result->items = std::move(items);
  result->names = {"values", "indices"};
  return Any(result);
}
Result<Any> topk_op(OpCall& c) {
  const std::vector<Value> r = TRY(top_k(c.net, TRY(c.tensor(0)), TRY(c.size(1)), TRY(c.integer(2)), TRY(c.flag(3)), TRY(c.flag(4))));
  return named({torch::tensor(r[0]), torch::tensor(r[1])});
}
Result<std::vector<Value>> sorted(OpCall& c) {
  const Value x = TRY(c.tensor(0));
  const std::int64_t dim = TRY(c.integer(1));
  const std::size_t a = TRY(axis_of(dim, x.rank(), c.name));
  return top_k(c.net, x, x.dims[a], dim, TRY(c.flag(2)), true);
}
Result<Any> sort_op(OpCall& c) {
  const std::vector<Value> r = TRY(sorted(c));
  return named({torch::tensor(r[0]), torch::tensor(r[1])});
}
Result<Any> argsort_op(OpCall& c) { return torch::tensor(TRY(sorted(c))[1]); }
Result<Any> any_op(OpCall& c) { return torch::tensor(TRY(any_of(c.net, TRY(c.tensor(0)), TRY(axes(c, 1)), TRY(c.flag(2))))); }
Result<Any> all_op(OpCall& c) { return torch::tensor(TRY(all_of(c.net, TRY(c.tensor(0)), TRY(axes(c, 1)), TRY(c.flag(2))))); }

Result<Any> cosine_similarity_op(OpCall& c) {
  const Value a = TRY(c.tensor(0)), b = TRY(c.tensor(1));
  const std::int64_t dim = TRY(c.integer(2));
  const double epsilon = TRY(c.number(3));
  const Value dot = TRY(reduce(c.net, "ReduceSum", TRY(mul(c.net, a, b)), {dim}, false));
  const Value na = neural::clamp(c.net, TRY(p_norm(c.net, a, 2, {dim}, false)), epsilon, std::nullopt);
  const Value nb = neural::clamp(c.net, TRY(p_norm(c.net, b, 2, {dim}, false)), epsilon, std::nullopt);
  return torch::tensor(TRY(divide(c.net, dot, TRY(mul(c.net, na, nb)))));
}
Result<Any> pairwise_distance_op(OpCall& c) {
  const Value d = TRY(shifted(c.net, TRY(sub(c.net, TRY(c.tensor(0)), TRY(c.tensor(1)))), TRY(c.number(3))));
  return torch::tensor(TRY(p_norm(c.net, d, TRY(c.number(2)), {-1}, TRY(c.flag(4)))));
}

constexpr Operator kOperators[] = {
    {"sum", "self, dim=None, keepdim=False, dtype=None", sum_op},
    {"mean", "self, dim=None, keepdim=False, dtype=None", mean_op},
    {"prod", "self, dim=None, keepdim=False, dtype=None", prod_op},
    {"logsumexp", "self, dim, keepdim=False", logsumexp_op},
    {"max", "self, dim=None, keepdim=False", max_op},
    {"min", "self, dim=None, keepdim=False", min_op},
    {"amax", "self, dim=None, keepdim=False", amax_op},
    {"amin", "self, dim=None, keepdim=False", amin_op},
    {"argmax", "self, dim=None, keepdim=False", argmax_op},
    {"argmin", "self, dim=None, keepdim=False", argmin_op},
    {"var", "self, dim=None, correction=None, keepdim=False", var_op},
    {"std", "self, dim=None, correction=None, keepdim=False", std_op},
    {"var_mean", "self, dim=None, correction=None, keepdim=False", var_mean_op},
    {"std_mean", "self, dim=None, correction=None, keepdim=False", std_mean_op},
    {"norm", "self, p=2, dim=None, keepdim=False, dtype=None", norm_op},
    {"linalg_vector_norm", "self, ord=2, dim=None, keepdim=False, dtype=None", norm_op},
    {"frobenius_norm", "self, dim=None, keepdim=False",
     [](OpCall& c) -> Result<Any> { return torch::tensor(TRY(p_norm(c.net, TRY(c.tensor(0)), 2, TRY(axes(c, 1)), TRY(c.flag(2))))); }},
    {"normalize", "self, p=2.0, dim=1, eps=1e-12", normalize_op},
    {"cumsum", "self, dim, dtype=None", cumsum_op},
    {"topk", "self, k, dim=-1, largest=True, sorted=True", topk_op},
    {"sort", "self, dim=-1, descending=False, stable=False", sort_op},
    {"argsort", "self, dim=-1, descending=False, stable=False", argsort_op},
    {"any", "self, dim=None, keepdim=False", any_op},
    {"all", "self, dim=None, keepdim=False", all_op},
    {"cosine_similarity", "x1, x2, dim=1, eps=1e-8", cosine_similarity_op},
    {"pairwise_distance", "x1, x2, p=2.0, eps=1e-6, keepdim=False", pairwise_distance_op},
};

}  // namespace

std::span<const Operator> reduction_operators() { return kOperators; }

}  // namespace slipway::importers::torch
