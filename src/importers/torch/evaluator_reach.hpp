// What code could change: everything that can be reached from its names. Inside importers/torch only.
#pragma once

#include <algorithm>
#include <set>
#include <variant>

#include "slipway/importers/torch/evaluator.hpp"
#include "slipway/importers/torch/scalars.hpp"

namespace slipway::importers::torch {

// The same thing, not an equal one: tensors and lists by identity.
inline bool same(const Any& a, const Any& b) {
  if (a.v.index() != b.v.index()) return false;
  return std::visit(
      [&b](const auto& x) {
        using T = std::decay_t<decltype(x)>;
        [[maybe_unused]] const T& y = *b.as<T>();
        if constexpr (std::is_same_v<T, None>) {
          return true;
        } else if constexpr (std::is_same_v<T, TorchDType>) {
          return x.dtype == y.dtype;
        } else {
          return x == y;
        }
      },
      a.v);
}

// Everything that can be reached from values through lists, tuples, dicts and objects, each once.
template <class Each>
class Reach {
 public:
  explicit Reach(const Each& each) : each_(each) {}
  void from(const Any& a, int depth = 0) {  // NOLINT(misc-no-recursion): kObjectsDeep
    if (depth > kObjectsDeep) return;
    if (const auto* o = a.as<std::shared_ptr<Object>>()) {
      if (!seen_.insert(o->get()).second) return;
      each_(a);
      for (const auto& [name, value] : (*o)->attributes) from(value, depth + 1);
      return;
    }
    if (const auto* l = a.as<std::shared_ptr<List>>(); l != nullptr && !seen_.insert(l->get()).second) return;
    if (const auto* t = a.as<TensorRef>(); t != nullptr && !seen_.insert(t->get()).second) return;
    each_(a);
    if (const std::vector<Any>* items = items_of(a)) {
      for (const Any& item : *items) from(item, depth + 1);
    }
    if (const auto* d = a.as<std::shared_ptr<Dict>>()) {
      if (!seen_.insert(d->get()).second) return;
      for (const auto& [key, item] : (*d)->items) from(item, depth + 1);
    }
  }

 private:
  static constexpr int kObjectsDeep = 80;
  const Each& each_;
  std::set<const void*> seen_;
};

// What is new may be a part of the network that was looked up for the first time.
inline bool keeps_attributes(const Object& now, const std::vector<std::pair<std::string, Any>>& before) {
  if (now.attributes.size() < before.size()) return false;
  for (std::size_t i = 0; i < now.attributes.size(); ++i) {
    const auto& [name, value] = now.attributes[i];
    if (i < before.size()) {
      if (name != before[i].first || !same(value, before[i].second)) return false;
      continue;
    }
    const auto* t = value.as<TensorRef>();
    const bool fixed = t != nullptr ? (*t)->content().constant() : items_of(value) == nullptr && value.as<std::shared_ptr<Dict>>() == nullptr;
    if (!fixed) return false;
  }
  return true;
}

// Lists, dicts and objects that names lead to, as they are now: whether code between changes one.
class Held {
 public:
  void note(const Any& a) {
    if (const auto* l = a.as<std::shared_ptr<List>>()) lists_.emplace_back(*l, (*l)->items);
    if (const auto* d = a.as<std::shared_ptr<Dict>>()) dicts_.emplace_back(*d, (*d)->items);
    if (const auto* o = a.as<std::shared_ptr<Object>>()) objects_.emplace_back(*o, (*o)->attributes);
  }
  bool unchanged() const {
    const auto entries = [](const auto& a, const auto& b) { return same(a.second, b.second); };
    for (const auto& [list, before] : lists_) {
      if (!std::ranges::equal(list->items, before, same)) return false;
    }
    for (const auto& [dict, before] : dicts_) {
      if (!std::ranges::equal(dict->items, before, entries)) return false;
    }
    for (const auto& [object, before] : objects_) {
      if (!keeps_attributes(*object, before)) return false;
    }
    return true;
  }

 private:
  std::vector<std::pair<std::shared_ptr<List>, std::vector<Any>>> lists_;
  std::vector<std::pair<std::shared_ptr<Dict>, std::vector<std::pair<Any, Any>>>> dicts_;
  std::vector<std::pair<std::shared_ptr<Object>, std::vector<std::pair<std::string, Any>>>> objects_;
};

// Tensors that names lead to, and what is in them.
struct HeldTensor {
  TensorRef cell;
  Value before;
  std::int64_t version = 0;
};

}  // namespace slipway::importers::torch
