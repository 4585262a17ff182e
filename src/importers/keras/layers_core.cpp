// Dense layers and those that only move elements.
#include <algorithm>

#include "slipway/importers/blocks/neural/dense.hpp"
#include "slipway/importers/blocks/neural/elementwise.hpp"
#include "slipway/importers/blocks/neural/shapes.hpp"
#include "slipway/importers/keras/layer.hpp"

namespace slipway::importers::keras {

namespace {

Result<Value> activated(const Call& call, const Value& x) {
  const json::Value* activation = call.config.find("activation");
  return activation == nullptr ? Result<Value>(x) : activate(call, x, *activation);
}

}  // namespace

Result<std::vector<Tracked>> dense(const Call& call) {
  TRY(takes(call, 1));
  const bool bias = TRY(bool_of(call, "use_bias", true));
  TRY(holds(call, bias ? 2 : 1, bias ? 2 : 1));
  const Value y = TRY(neural::dense(call.net, input(call), call.net.weight(call.weights[0]), bias_of(call, bias, 1)));
  return one(TRY(activated(call, y)));
}

// "abc,cd->abd" or "...x,xy->...y": the ellipsis stands for as many dimensions as the input has more.
Result<std::vector<Tracked>> einsum_dense(const Call& call) {
  TRY(takes(call, 1));
  std::string equation = TRY(text_of(call, "equation", ""));
  const json::Value* bias_axes = call.config.find("bias_axes");
  const bool bias = bias_axes != nullptr && bias_axes->is_string() && !bias_axes->as_string().empty();
  TRY(holds(call, bias ? 2 : 1, bias ? 2 : 1));
  const Value& x = input(call);
  const std::size_t comma = equation.find(',');
  if (comma == std::string::npos) return refuse(call, "the equation \"" + equation + "\" names no weights");
  if (const std::size_t dots = equation.find("..."); dots != std::string::npos && dots < comma) {
    const std::size_t named = comma - 3;
    if (x.rank() < named) return refuse(call, "the input has fewer dimensions than \"" + equation + "\"");
    std::string letters;
    for (char c = 'A'; c <= 'Z' && letters.size() < x.rank() - named; ++c) {
      if (equation.find(c) == std::string::npos) letters += c;
    }
    for (std::size_t at = equation.find("..."); at != std::string::npos; at = equation.find("...")) equation.replace(at, 3, letters);
  }
  Value y = TRY(neural::einsum(call.net, equation, {x, call.net.weight(call.weights[0])}));
  if (bias) {  // the file holds it in a shape that broadcasts
    y = TRY(neural::add(call.net, y, call.net.weight(call.weights[1])));
  }
  return one(TRY(activated(call, y)));
}

Result<std::vector<Tracked>> flatten(const Call& call) {
  TRY(takes(call, 1));
  Value x = input(call);
  if (x.rank() > 2 && !channels_last(call)) {  // flattened as channels last
    std::vector<std::int64_t> order{0};
    for (std::size_t i = 2; i < x.rank(); ++i) order.push_back(static_cast<std::int64_t>(i));
    order.push_back(1);
    x = TRY(neural::transpose(call.net, x, order));
  }
  if (x.rank() == 1) return one(TRY(neural::unsqueeze(call.net, x, 1)));
  return one(TRY(neural::flatten(call.net, x, 1, -1)));
}

Result<std::vector<Tracked>> reshape(const Call& call) {
  TRY(takes(call, 1));
  const json::Value* target = call.config.find("target_shape");
  if (target == nullptr || !target->is_array()) return refuse(call, "its configuration has no \"target_shape\"");
  Dims to{input(call).dims.empty() ? Dim(1) : input(call).dims[0]};
  for (const json::Value& d : target->as_array()) {
    if (!d.is_null() && !d.is_int()) return refuse(call, "\"target_shape\" must be integers");
    to.emplace_back(d.is_null() ? -1 : d.as_int());
  }
  return one(TRY(neural::reshape(call.net, input(call), to)));
}

Result<std::vector<Tracked>> permute(const Call& call) {
  TRY(takes(call, 1));
  const std::vector<std::int64_t> dims = TRY(ints_of(call, "dims", input(call).rank() - std::min<std::size_t>(1, input(call).rank()), 1));
  std::vector<std::int64_t> order{0};
  order.insert(order.end(), dims.begin(), dims.end());
  return one(TRY(neural::transpose(call.net, input(call), order)));
}

Result<std::vector<Tracked>> repeat_vector(const Call& call) {
  TRY(takes(call, 1));
  const Value& x = input(call);
  if (x.rank() != 2) return refuse(call, "repeats rows of numbers, not an input of shape " + neural::dims_text(x.dims));
  const std::int64_t n = TRY(int_of(call, "n"));
  const Value wide = TRY(neural::unsqueeze(call.net, x, 1));
  return one(TRY(neural::expand(call.net, wide, {x.dims[0], n, x.dims[1]})));
}

}  // namespace slipway::importers::keras
