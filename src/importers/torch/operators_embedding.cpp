// Operators that look rows of a table up: embeddings, and bags of them.
#include <algorithm>
#include <cmath>

#include "slipway/importers/blocks/neural/dense.hpp"
#include "slipway/importers/blocks/neural/elementwise.hpp"
#include "slipway/importers/blocks/neural/reduction.hpp"
#include "slipway/importers/blocks/neural/shapes.hpp"
#include "slipway/importers/torch/operator_call.hpp"

namespace slipway::importers::torch {
namespace {

using namespace neural;  // NOLINT(google-build-using-namespace): the blocks are this file's vocabulary

Status are_indices(OpCall& c, const Value& v) {
  if (is_floating(v.dtype())) return c.wrong("the indices must be integers");
  return ok();
}

// Rows longer than max_norm are made that long. Of the whole table: rows that nobody looks up tell nobody.
Result<Value> renormed(Net& net, const Value& table, double max_norm, double p) {
  const Value norm = TRY(p_norm(net, table, p, {1}, true));
  const Value limit = net.number(max_norm, table.dtype());
  const Value factor = TRY(divide(net, limit, TRY(shifted(net, norm, 1e-7))));
  return mul(net, table, TRY(neural::where(net, TRY(compare(net, "Greater", norm, limit)), factor, net.number(1, table.dtype()))));
}

Result<Any> embedding_op(OpCall& c) {
  TRY(are_indices(c, TRY(c.tensor(1))));
  return torch::tensor(TRY(embedding(c.net, TRY(c.tensor(0)), TRY(c.tensor(1)))));
}
Result<Any> functional_embedding_op(OpCall& c) {
  TRY(are_indices(c, TRY(c.tensor(0))));
  Value table = TRY(c.tensor(1));
  if (c.given(3)) table = TRY(renormed(c.net, table, TRY(c.number(3)), TRY(c.number(4))));
  return torch::tensor(TRY(embedding(c.net, table, TRY(c.tensor(0)))));
}
Result<Any> embedding_renorm_op(OpCall& c) {  // self, indices, max_norm, norm_type
  return torch::tensor(TRY(renormed(c.net, TRY(c.tensor(0)), TRY(c.number(2)), TRY(c.number(3)))));
}

enum class Mode : std::uint8_t { sum, mean, max };

// The length of all bags where it is the same: offsets 0, n, 2 n, ...
std::optional<Dim> equal_length(Net& net, const Value& indices, const Any& offsets, const Value& starts) {
  std::optional<Dim> length = (*offsets.as<TensorRef>())->step;
  if (!length && starts.constant() && starts.content->count() > 1) {
    length = starts.content->as_int(1);
    for (std::size_t i = 0; i < starts.content->count(); ++i) {
      if (starts.content->as_int(i) != static_cast<std::int64_t>(i) * length->value) return std::nullopt;
    }
  }
  if (!length || length->is(0)) return std::nullopt;
  const auto bags = net.quotient(indices.dims[0], *length);
  return bags && *bags == starts.dims[0] ? length : std::nullopt;
}

// Of rows [bags, each, width]; counted: [bags, each, 1], what isn't padding (absent: all).
Result<Value> together(Net& net, const Value& rows, Mode mode, const std::optional<Value>& counted) {
  const Value zero = net.number(0, rows.dtype());
  if (mode == Mode::max) {
    if (!counted) return reduce(net, "ReduceMax", rows, {1}, false);
    const Value some = TRY(reduce(net, "ReduceMax", net.cast(*counted, DType::int32), {1}, false));
    const Value largest = TRY(reduce(net, "ReduceMax", TRY(neural::where(net, *counted, rows, net.number(-3.4e38, rows.dtype()))), {1}, false));
    return neural::where(net, net.cast(some, DType::boolean), largest, zero);
  }
  if (!counted) return reduce(net, mode == Mode::mean ? "ReduceMean" : "ReduceSum", rows, {1}, false);
  const Value sum = TRY(reduce(net, "ReduceSum", TRY(neural::where(net, *counted, rows, zero)), {1}, false));
  if (mode == Mode::sum) return sum;
  const Value count = TRY(reduce(net, "ReduceSum", net.cast(*counted, rows.dtype()), {1}, false));
  return divide(net, sum, neural::clamp(net, count, 1.0, std::nullopt));
}

// weight, indices, offsets, scale_grad_by_freq, mode, sparse, per_sample_weights, include_last_offset, padding_idx
Result<Any> embedding_bag_op(OpCall& c) {
  Net& net = c.net;
  const Value table = TRY(c.tensor(0)), indices = TRY(c.tensor(1));
  Value starts = TRY(c.tensor(2));
  TRY(are_indices(c, indices));
  const std::int64_t number = TRY(c.integer(4)), padding = c.given(8) ? TRY(c.integer(8)) : -1;
  if (number < 0 || number > 2) return c.wrong("of the mode " + std::to_string(number));
  const auto mode = static_cast<Mode>(number);
  if (indices.rank() != 1 || starts.rank() != 1 || !c.is_tensor(2)) return c.wrong("of indices of shape " + dims_text(indices.dims));
  const std::optional<Value> weights = TRY(c.maybe_tensor(6));
  const auto padded_out = [&](const Value& ids) -> Result<std::optional<Value>> {
    if (padding < 0) return std::optional<Value>();
    return std::optional(unary(net, "Not", TRY(compare(net, "Equal", ids, net.number(static_cast<double>(padding), ids.dtype())))));
  };
  Value out;
  const bool last = TRY(c.flag(7));
  if (const auto length = last ? std::nullopt : equal_length(net, indices, c.args[2], starts)) {
    const Dims bags{starts.dims[0], *length};
    const Value ids = TRY(neural::reshape(net, indices, bags));
    Value rows = TRY(embedding(net, table, ids));
    if (weights) rows = TRY(mul(net, rows, TRY(unsqueeze(net, TRY(neural::reshape(net, *weights, bags)), -1))));
    std::optional<Value> counted = TRY(padded_out(ids));
    if (counted) counted = TRY(unsqueeze(net, *counted, -1));
    out = TRY(together(net, rows, mode, counted));
  } else {
    // Bags of any length: a place belongs to the last bag that starts at it or before.
    net.note_no_rows();
    if (last) starts = TRY(neural::slice(net, starts, 0, 0, -1));
    const Value places = TRY(unsqueeze(net, range(net, 0, indices.dims[0], 1), 0)), from = TRY(unsqueeze(net, net.cast(starts, DType::int64), 1));
    Value inside = TRY(compare(net, "LessOrEqual", from, places));  // [bags, places]
    const Value end =
        TRY(neural::concat(net, {TRY(neural::slice(net, from, 0, 1, kEnd)), TRY(unsqueeze(net, net.to_list(std::span(&indices.dims[0], 1)), 1))}, 0));
    Value ends = end;
    ends.dims = from.dims;
    inside = TRY(binary(net, "And", inside, TRY(compare(net, "Less", places, ends))));
    if (const auto counted = TRY(padded_out(indices))) inside = TRY(binary(net, "And", inside, *counted));
    Value rows = TRY(embedding(net, table, indices));
    if (weights) rows = TRY(mul(net, rows, TRY(unsqueeze(net, *weights, -1))));
    if (mode == Mode::max) {
      out = TRY(together(net, TRY(unsqueeze(net, rows, 0)), mode, TRY(unsqueeze(net, inside, -1))));
    } else {
      const Value member = net.cast(inside, rows.dtype());
      out = TRY(matmul(net, member, rows));
      if (mode == Mode::mean) {
        const Value count = TRY(reduce(net, "ReduceSum", member, {1}, true));
        out = TRY(divide(net, out, neural::clamp(net, count, 1.0, std::nullopt)));
      }
    }
  }
  return tuple({torch::tensor(out), None{}, None{}, None{}});
}

constexpr std::string_view kBag =
    "weight, indices, offsets, scale_grad_by_freq=False, mode=0, sparse=False, per_sample_weights=None, include_last_offset=False, padding_idx=None";
constexpr Operator kOperators[] = {
    {"embedding", "weight, indices, padding_idx=-1, scale_grad_by_freq=False, sparse=False", embedding_op},
    {"functional_embedding", "input, weight, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False, sparse=False",
     functional_embedding_op},
    {"embedding_renorm", "self, indices, max_norm, norm_type", embedding_renorm_op},
    {"embedding_bag", kBag, embedding_bag_op},
    {"_embedding_bag", kBag, embedding_bag_op},
    {"_embedding_bag_forward_only", kBag, embedding_bag_op},
};

}  // namespace

std::span<const Operator> embedding_operators() { return kOperators; }

}  // namespace slipway::importers::torch
