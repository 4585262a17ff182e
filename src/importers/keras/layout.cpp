#include "slipway/importers/keras/layout.hpp"

#include <numeric>

#include "slipway/importers/blocks/neural/shapes.hpp"

namespace slipway::importers::keras {

using neural::Value;

std::optional<Value> Layouts::twin(const Value& last) const {
  const auto it = last.constant() ? first_of_.end() : first_of_.find(last.val.name);
  return it == first_of_.end() ? std::nullopt : std::optional(it->second);
}

Result<Value> Layouts::first(const Value& last) {
  if (const auto known = twin(last)) return *known;
  if (last.rank() < 3) return last;
  std::vector<std::int64_t> order(last.rank());
  std::iota(order.begin() + 2, order.end(), 1);
  order[1] = static_cast<std::int64_t>(last.rank()) - 1;
  return neural::transpose(net_, last, order);
}

Result<Value> Layouts::last(const Value& first) {
  if (first.rank() < 3) return first;
  std::vector<std::int64_t> order(first.rank());
  std::iota(order.begin() + 1, order.end() - 1, 2);
  order.back() = 1;
  Value v = TRY(neural::transpose(net_, first, order));
  if (!v.constant()) first_of_.emplace(v.val.name, first);
  return v;
}

}  // namespace slipway::importers::keras
