#include "slipway/importers/torch/value.hpp"

#include <algorithm>

namespace slipway::importers::torch {

namespace {
constexpr int kViewsMax = 500;  // of views of views: reading one reads them all
}

std::string type_name(const Any& a) {
  static constexpr const char* kNames[] = {"None", "bool",  "int",  "float",  "str",      "Tensor",        "dtype",
                                           "list", "tuple", "dict", "object", "function", "complex Tensor"};
  return kNames[a.v.index()];
}

const TensorCell* TensorCell::root() const {
  const TensorCell* cell = this;
  while (cell->base_) cell = cell->base_.get();
  return cell;
}

TensorRef TensorCell::memory_of(const TensorRef& cell) {
  TensorRef at = cell;
  while (at->base_) at = at->base_;
  return at;
}

Result<TensorRef> TensorCell::view(Net& net, const TensorRef& base, Read read, Write write) {
  Value value = TRY(read(net, TRY(base->read(net))));
  auto cell = std::make_shared<TensorCell>(std::move(value));
  cell->depth_ = base->depth_ + 1;
  if (cell->depth_ > kViewsMax) return cell;  // nobody writes through so many: a tensor of its own
  cell->base_ = base;
  cell->read_ = std::move(read);
  cell->write_ = std::move(write);
  cell->seen_ = cell->version();
  return cell;
}

Result<Value> TensorCell::read(Net& net) {
  if (base_ && seen_ != version()) {
    value_ = TRY(read_(net, TRY(base_->read(net))));
    seen_ = version();
  }
  return value_;
}

std::optional<std::int64_t> TensorCell::constant_integer() const {
  if (base_ || !value_.constant() || value_.rank() != 0 || is_floating(value_.dtype()) || value_.dtype() == DType::boolean) return std::nullopt;
  return value_.content->as_int(0);
}

Status TensorCell::write(Net& net, Value value) {
  if (!base_) {
    value_ = std::move(value);
    ++version_;
    return ok();
  }
  if (!write_) return neural::wrong("a tensor of expanded memory is written in place");
  TRY(base_->write(net, TRY(write_(net, TRY(base_->read(net)), value))));
  value_ = std::move(value);
  seen_ = version();
  return ok();
}

void set_item(Dict& d, const Any& key, Any value) {
  const auto same = [&](const Any& have) {
    const auto *a = key.as<std::string>(), *b = have.as<std::string>();
    if (a != nullptr && b != nullptr) return *a == *b;
    const auto *m = key.as<Dim>(), *n = have.as<Dim>();
    return m != nullptr && n != nullptr && *m == *n;
  };
  const auto at = std::ranges::find_if(d.items, [&](const auto& entry) { return same(entry.first); });
  if (at != d.items.end()) {
    at->second = std::move(value);
  } else {
    d.items.emplace_back(key, std::move(value));
  }
}

}  // namespace slipway::importers::torch
