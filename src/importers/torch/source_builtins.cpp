// The functions of the language itself.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <numbers>

#include "slipway/importers/torch/operator_call.hpp"
#include "slipway/importers/torch/scalars.hpp"
#include "slipway/importers/torch/source_functions.hpp"
#include "slipway/importers/torch/source_kept.hpp"

namespace slipway::importers::torch {

using Kept = SourceHost::Kept;

Result<bool> SourceHost::is_instance(const Any& value, const Any& type) {  // NOLINT(misc-no-recursion): tuples of types
  if (const std::vector<Any>* items = items_of(type)) {
    for (const Any& t : *items) {
      if (TRY(is_instance(value, t))) return true;
    }
    return false;
  }
  if (const Kept* kept = Kept::get(type); kept != nullptr && kept->what == Kept::What::type) {
    const Kept* of = Kept::get(value);
    return of != nullptr && of->what == Kept::What::instance &&
           std::ranges::any_of(of->of->order, [&](const auto& c) { return c->definition == kept->of->definition; });
  }
  if (const Kept* kept = Kept::get(type); kept != nullptr && kept->what == Kept::What::unknown) {
    const std::string last = last_of(kept->path);
    if (last == "Iterable" || last == "Sequence") return items_of(value) != nullptr;
    return false;
  }
  const auto* c = type.as<std::shared_ptr<Callable>>();
  if (c == nullptr) return neural::wrong("isinstance: of " + type_name(type));
  const std::string& name = (*c)->name;
  if (name == "int") return value.as<Dim>() != nullptr || value.as<bool>() != nullptr;
  if (name == "float") return value.as<double>() != nullptr;
  if (name == "bool") return value.as<bool>() != nullptr;
  if (name == "str") return value.as<std::string>() != nullptr;
  if (name == "list" || name == "List") return value.as<std::shared_ptr<List>>() != nullptr;
  if (name == "tuple" || name == "Tuple" || name == "Size") return value.as<std::shared_ptr<Tuple>>() != nullptr;
  if (name == "dict" || name == "Dict") return value.as<std::shared_ptr<Dict>>() != nullptr;
  if (name == "Tensor" || name == "Parameter") return value.as<TensorRef>() != nullptr;
  return false;
}

Result<std::optional<Any>> SourceHost::builtin(Evaluator&, std::string_view name) {
  const auto made = [&](auto f) { return std::optional(builtin_function(name, std::move(f))); };
  static constexpr std::pair<std::string_view, std::string_view> kOperators[] = {{"max", "max"}, {"min", "min"}, {"abs", "abs"}, {"bool", "Bool"}};
  if (name == "max" || name == "min" || name == "sum" || name == "all" || name == "any") {
    return made([op = std::string(name)](Evaluator& x, const Arguments& a) -> Result<Any> {
      const std::vector<Any> items = a.positional.size() == 1 || op == "sum" ? TRY(x.iterate(TRY(first(a, op)))) : a.positional;
      if (op == "all" || op == "any") {
        for (const Any& item : items) {
          if (TRY(truth(x.net(), item)) == (op == "any")) return Any(op == "any");
        }
        return Any(op == "all");
      }
      if (items.empty() && op != "sum") return neural::wrong(op + "() of nothing");
      Any best = op == "sum" ? (a.positional.size() > 1 ? a.positional[1] : Any(0)) : items[0];
      for (std::size_t i = op == "sum" ? 0 : 1; i < items.size(); ++i) {
        if (op == "sum") {
          const bool tensors = best.as<TensorRef>() != nullptr || items[i].as<TensorRef>() != nullptr;
          best = tensors ? TRY(call_operator(x.net(), "add", {{best, items[i]}, {}})) : TRY(scalar_arithmetic(x.net(), "+", best, items[i]));
          continue;
        }
        const auto* p = best.as<Dim>();
        const auto* q = items[i].as<Dim>();
        if (p != nullptr && q != nullptr && (!p->known() || !q->known())) {
          best = op == "max" ? Any(x.net().max(*p, *q)) : Any(x.net().sub(x.net().add(*p, *q), x.net().max(*p, *q)));
        } else if (TRY(scalar_compare(x.net(), op == "max" ? ">" : "<", items[i], best))) {
          best = items[i];
        }
      }
      return best;
    });
  }
  for (const auto& [python, op] : kOperators) {
    if (python == name)
      return std::optional(
          function(std::string(name), [op = std::string(op)](Evaluator& x, const Arguments& a) { return call_operator(x.net(), op, a); }));
  }
  if (name == "int" || name == "float") {
    return made([this, op = std::string(name)](Evaluator& x, const Arguments& a) -> Result<Any> {
      const Any given = TRY(first(a, op));
      if (const auto size = opaque_size(x, given, "")) return Any(*size);
      if (const auto* s = given.as<std::string>()) {
        if (*s == "inf" || *s == "-inf") return Any(*s == "inf" ? HUGE_VAL : -HUGE_VAL);
        double v = 0;
        const auto [end, error] = std::from_chars(s->data(), s->data() + s->size(), v);
        if (error != std::errc() || end != s->data() + s->size()) return neural::wrong(op + " of \"" + *s + "\"");
        return op == "float" ? Any(v) : Any(static_cast<std::int64_t>(v));
      }
      if (op == "int" && given.as<double>() != nullptr) {
        if (!(std::abs(*given.as<double>()) < 9e15)) return neural::wrong("int of a number that is none");
        return Any(static_cast<std::int64_t>(*given.as<double>()));
      }
      if (op == "int" && given.as<Dim>() != nullptr) return given;
      return call_operator(x.net(), op == "int" ? "Int" : "Float", a);
    });
  }
  if (name == "len") {
    return made([this](Evaluator& x, const Arguments& a) -> Result<Any> {
      const Any of = TRY(first(a, "len"));
      if (const auto size = opaque_size(x, of, "len")) return Any(*size);
      if (of.as<std::shared_ptr<Object>>() != nullptr) return x.call(TRY(x.attribute(of, "__len__")), {});
      if (const auto* s = of.as<std::string>()) return Any(static_cast<std::int64_t>(s->size()));
      if (const auto* d = of.as<std::shared_ptr<Dict>>()) return Any(static_cast<std::int64_t>((*d)->items.size()));
      if (const std::vector<Any>* items = items_of(of)) return Any(static_cast<std::int64_t>(items->size()));
      return call_operator(x.net(), "len", a);
    });
  }
  if (name == "range") {
    return made([this](Evaluator& x, const Arguments& a) -> Result<Any> {
      const bool sizes = a.positional.size() <= 3 && std::ranges::all_of(a.positional, [](const Any& b) { return b.as<Dim>() != nullptr; });
      if (!constructing_ && sizes && std::ranges::any_of(a.positional, [](const Any& b) { return !b.as<Dim>()->known(); })) {
        const auto bound = [&](std::size_t i) { return *a.positional[i].as<Dim>(); };
        const bool from_zero = a.positional.size() == 1;
        return range_of_sizes(from_zero ? Dim(0) : bound(0), bound(from_zero ? 0 : 1), a.positional.size() < 3 ? Dim(1) : bound(2));
      }
      return range_of(a.positional, [&](Dim size) {
        needed_ = size;
        if (constructing_) return neural::wrong("a loop over a number that isn't known");
        return x.net().needs(size, "a loop over a size that only a request knows is not supported");
      });
    });
  }
  if (name == "list" || name == "tuple" || name == "set" || name == "iter" || name == "sorted" || name == "reversed") {
    return made([this, op = std::string(name)](Evaluator& x, const Arguments& a) -> Result<Any> {
      if (!a.positional.empty() && is_foreign(a.positional[0])) return unknown(Kept::get(a.positional[0])->path + "." + op + "()");
      if (const auto over = op != "reversed" || a.positional.empty() ? std::nullopt : TRY(range_over(x.net(), a.positional[0]))) {
        const Object& range = *range_of_sizes(*over);
        const Dim start = *range.find("start")->as<Dim>(), end = *range.find("end")->as<Dim>();
        if (!range.find("step")->as<Dim>()->is(1)) return neural::wrong("reversed: of a range with a step");
        return range_of_sizes(x.net().sub(end, 1), x.net().sub(start, 1), -1, *range.find("item"));
      }
      std::vector<Any> items = a.positional.empty() ? std::vector<Any>() : TRY(x.iterate(a.positional[0]));
      if (op == "reversed") std::ranges::reverse(items);
      if (op == "set") {  // in the order of its first appearance: sizes, not order, are what networks ask of one
        std::vector<Any> once;
        for (const Any& item : items) {
          bool known = false;
          for (const Any& have : once) known = known || TRY(scalar_compare(x.net(), "==", have, item));
          if (!known) once.push_back(item);
        }
        items = std::move(once);
      }
      if (op == "sorted") {
        Any key;
        bool backwards = false;
        for (const auto& [which, value] : a.keywords) {
          if (which == "key") key = value;
          if (which == "reverse") backwards = TRY(truth(x.net(), value));
        }
        std::vector<Any> by;
        for (const Any& item : items) by.push_back(key.none() ? item : TRY(x.call(key, {{item}, {}})));
        const std::string_view before = backwards ? ">" : "<";
        for (std::size_t i = 1; i < items.size(); ++i) {
          for (std::size_t j = i; j > 0 && TRY(scalar_compare(x.net(), before, by[j], by[j - 1])); --j) {
            std::swap(items[j], items[j - 1]);
            std::swap(by[j], by[j - 1]);
          }
        }
      }
      return op == "tuple" ? tuple(std::move(items)) : list(std::move(items));
    });
  }
  if (name == "dict") {
    return made([](Evaluator& x, const Arguments& a) -> Result<Any> {
      auto d = std::make_shared<Dict>();
      if (!a.positional.empty()) {
        if (const auto* other = a.positional[0].as<std::shared_ptr<Dict>>()) {
          d->items = (*other)->items;
        } else {
          for (const Any& item : TRY(x.iterate(a.positional[0]))) {
            const std::vector<Any>* pair = items_of(item);
            if (pair == nullptr || pair->size() != 2) return neural::wrong("dict: of pairs");
            d->items.emplace_back((*pair)[0], (*pair)[1]);
          }
        }
      }
      for (const auto& [key, value] : a.keywords) set_item(*d, Any(key), value);
      return Any(d);
    });
  }
  if (name == "enumerate") {
    return made([](Evaluator& x, const Arguments& a) -> Result<Any> {
      std::vector<Any> out;
      Any start = a.positional.size() > 1 ? a.positional[1] : Any(0);
      for (const auto& [key, value] : a.keywords) start = value;
      if (const auto over = TRY(range_over(x.net(), TRY(first(a, "enumerate")))); over && start.as<Dim>() != nullptr && start.as<Dim>()->is(0)) {
        const Object& range = *range_of_sizes(*over);
        const bool from_zero = range.find("start")->as<Dim>()->is(0) && range.find("step")->as<Dim>()->is(1);
        if (from_zero) return range_of_sizes(0, *range.find("end")->as<Dim>(), 1, tuple({Any(), *range.find("item")}));
      }
      for (const Any& item : TRY(x.iterate(TRY(first(a, "enumerate"))))) {
        out.push_back(tuple({start, item}));
        start = TRY(scalar_arithmetic(x.net(), "+", start, Any(1)));
      }
      return list(std::move(out));
    });
  }
  if (name == "zip") {
    return made([](Evaluator& x, const Arguments& a) -> Result<Any> {
      std::vector<Any> patterns;
      std::optional<Dim> length;
      for (const Any& p : a.positional) {
        const auto over = TRY(range_over(x.net(), p));
        if (!over) break;
        const Object& range = *range_of_sizes(*over);
        const Dim end = *range.find("end")->as<Dim>();
        if (!range.find("start")->as<Dim>()->is(0) || !range.find("step")->as<Dim>()->is(1)) break;
        if (length) TRY(x.net().same(*length, end, "zip of tensors"));
        length = length.value_or(end);
        patterns.push_back(*range.find("item"));
      }
      if (length && patterns.size() == a.positional.size()) return range_of_sizes(0, *length, 1, tuple(std::move(patterns)));
      std::vector<std::vector<Any>> all;
      for (const Any& p : a.positional) all.push_back(TRY(x.iterate(p)));
      std::vector<Any> out;
      for (std::size_t i = 0; !all.empty() && std::ranges::all_of(all, [i](const auto& l) { return i < l.size(); }); ++i) {
        std::vector<Any> row;
        for (const auto& l : all) row.push_back(l[i]);
        out.push_back(tuple(std::move(row)));
      }
      return list(std::move(out));
    });
  }
  if (name == "map" || name == "filter") {
    return made([op = std::string(name)](Evaluator& x, const Arguments& a) -> Result<Any> {
      if (a.positional.size() != 2) return neural::wrong(op + ": takes a function and a list");
      std::vector<Any> out;
      for (const Any& item : TRY(x.iterate(a.positional[1]))) {
        Any result = TRY(x.call(a.positional[0], {{item}, {}}));
        if (op == "map") out.push_back(std::move(result));
        if (op == "filter" && TRY(truth(x.net(), result))) out.push_back(item);
      }
      return list(std::move(out));
    });
  }
  if (name == "next") {
    return made([](Evaluator& x, const Arguments& a) -> Result<Any> {
      const std::vector<Any> items = TRY(x.iterate(TRY(first(a, "next"))));
      if (!items.empty()) return items[0];
      return a.positional.size() > 1 ? Result<Any>(a.positional[1]) : neural::wrong("next() of nothing");
    });
  }
  if (name == "isinstance") {
    return made([this](Evaluator&, const Arguments& a) -> Result<Any> {
      if (a.positional.size() != 2) return neural::wrong("isinstance: takes an object and a type");
      return Any(TRY(is_instance(a.positional[0], a.positional[1])));
    });
  }
  if (name == "hasattr" || name == "getattr") {
    return made([this, op = std::string(name)](Evaluator& x, const Arguments& a) -> Result<Any> {
      const auto* key = a.positional.size() < 2 ? nullptr : a.positional[1].as<std::string>();
      if (key == nullptr) return neural::wrong(op + ": takes an object and a name");
      const auto* o = a.positional[0].as<std::shared_ptr<Object>>();
      if (o == nullptr) return op == "getattr" ? x.attribute(a.positional[0], *key) : Result<Any>(Any(true));
      std::optional<Any> found;
      if (const Any* own = (*o)->find(*key)) found = *own;
      if (!found) found = TRY(attribute(x, *o, *key));
      const Kept* kept = found ? Kept::get(*found) : nullptr;
      if (kept != nullptr && kept->what == Kept::What::unknown && kept->path.starts_with("torch.")) found = std::nullopt;
      if (op == "hasattr") return Any(found.has_value());
      if (found) return *found;
      if (a.positional.size() > 2) return a.positional[2];
      return neural::wrong((*o)->type + " has no attribute " + *key);
    });
  }
  if (name == "setattr") {
    return made([](Evaluator&, const Arguments& a) -> Result<Any> {
      const auto* o = a.positional.size() != 3 ? nullptr : a.positional[0].as<std::shared_ptr<Object>>();
      if (o == nullptr || a.positional[1].as<std::string>() == nullptr) return neural::wrong("setattr: takes an object, a name and a value");
      (*o)->set(*a.positional[1].as<std::string>(), a.positional[2]);
      return Any();
    });
  }
  if (name == "type") {
    return made([](Evaluator& x, const Arguments& a) -> Result<Any> {
      const Any of = TRY(first(a, "type"));
      if (of.as<std::shared_ptr<Object>>() != nullptr) return x.attribute(of, "__class__");
      const std::string text = type_name(of);
      return function(text, [text](Evaluator&, const Arguments&) -> Result<Any> { return neural::wrong(text + " by its type"); });
    });
  }
  if (name == "str" || name == "repr" || name == "format")
    return made([](Evaluator&, const Arguments& a) -> Result<Any> { return Any(a.positional.empty() ? "" : to_text(a.positional[0])); });
  if (name == "round") {
    return made([](Evaluator&, const Arguments& a) -> Result<Any> {
      const Any of = TRY(first(a, "round"));
      if (of.as<Dim>() != nullptr) return of;
      const double v = TRY(number(of, "round"));
      if (a.positional.size() == 1) return Any(static_cast<std::int64_t>(std::nearbyint(v)));
      const double scale = std::pow(10.0, TRY(number(a.positional[1], "round")));
      return Any(std::nearbyint(v * scale) / scale);
    });
  }
  if (name == "pow") {
    return made([](Evaluator& x, const Arguments& a) -> Result<Any> {
      if (a.positional.size() != 2) return neural::wrong("pow: takes two numbers");
      if (a.positional[0].as<TensorRef>() != nullptr) return call_operator(x.net(), "pow", a);
      return scalar_arithmetic(x.net(), "**", a.positional[0], a.positional[1]);
    });
  }
  if (name == "divmod") {
    return made([](Evaluator& x, const Arguments& a) -> Result<Any> {
      if (a.positional.size() != 2) return neural::wrong("divmod: takes two numbers");
      return tuple({TRY(scalar_arithmetic(x.net(), "//", a.positional[0], a.positional[1])),
                    TRY(scalar_arithmetic(x.net(), "%", a.positional[0], a.positional[1]))});
    });
  }
  if (name == "callable") {
    return made([](Evaluator&, const Arguments& a) -> Result<Any> {
      const Any of = TRY(first(a, "callable"));
      return Any(of.as<std::shared_ptr<Callable>>() != nullptr || of.as<std::shared_ptr<Object>>() != nullptr);
    });
  }
  if (name == "vars") {
    return made([this](Evaluator& x, const Arguments& a) -> Result<Any> {
      const Any of = TRY(first(a, "vars"));
      auto d = std::make_shared<Dict>();
      for (const std::string& field : field_names(of)) d->items.emplace_back(Any(field), TRY(x.attribute(of, field)));
      return Any(d);
    });
  }
  if (name == "print" || name == "exec" || name == "super" || name == "input" || name == "breakpoint")
    return made([](Evaluator&, const Arguments&) -> Result<Any> { return Any(); });
  if (name == "object" || name == "NotImplemented" || name == "Exception" || name == "open" || name == "property" || name == "staticmethod")
    return std::optional(unknown(std::string(name)));
  if (name == "__name__") return std::optional(Any("__main__"));
  if (name == "Ellipsis") return std::optional(Any("..."));
  if (name == "slice") {
    return made([](Evaluator&, const Arguments& a) -> Result<Any> {
      auto o = std::make_shared<Object>();
      o->type = "slice";
      const bool one = a.positional.size() == 1;
      o->set("start", one || a.positional.empty() ? Any() : a.positional[0]);
      o->set("stop", a.positional.empty() ? Any() : a.positional[one ? 0 : 1]);
      o->set("step", a.positional.size() > 2 ? a.positional[2] : Any());
      return Any(o);
    });
  }
  if (name == "delattr") {
    return made([](Evaluator&, const Arguments& a) -> Result<Any> {
      const auto* o = a.positional.size() != 2 ? nullptr : a.positional[0].as<std::shared_ptr<Object>>();
      const auto* key = o == nullptr ? nullptr : a.positional[1].as<std::string>();
      if (key == nullptr) return neural::wrong("delattr: takes an object and a name");
      std::erase_if((*o)->attributes, [&](const auto& have) { return have.first == *key; });
      return Any();
    });
  }
  return std::optional<Any>();
}

}  // namespace slipway::importers::torch
