// Methods of lists, tuples, dicts and texts.
#include <algorithm>
#include <cctype>

#include "slipway/importers/torch/evaluator.hpp"
#include "slipway/importers/torch/operator_call.hpp"
#include "slipway/importers/torch/scalars.hpp"

namespace slipway::importers::torch {

namespace {

Any first_or_none(const Arguments& a) { return a.positional.empty() ? Any() : a.positional[0]; }

std::vector<Any> split(const std::string& self, const std::string* by) {
  std::vector<Any> out;
  if (by != nullptr && !by->empty()) {
    for (std::size_t at = 0;;) {
      const std::size_t end = self.find(*by, at);
      out.emplace_back(self.substr(at, end == std::string::npos ? end : end - at));
      if (end == std::string::npos) return out;
      at = end + by->size();
    }
  }
  std::string word;
  for (const char c : self + " ") {
    if (std::isspace(static_cast<unsigned char>(c)) == 0) {
      word += c;
    } else if (!word.empty()) {
      out.emplace_back(std::exchange(word, {}));
    }
  }
  return out;
}

std::string replaced(const std::string& self, const std::string& what, const std::string& by) {
  constexpr std::size_t kTextMax = 100'000;
  std::string out;
  for (std::size_t at = 0; at < self.size() && out.size() < kTextMax;) {
    if (!what.empty() && self.compare(at, what.size(), what) == 0) {
      out += by;
      at += what.size();
    } else {
      out += self[at++];
    }
  }
  return out;
}

}  // namespace

Result<std::optional<Any>> Evaluator::list_method(const Any& object, std::string_view name) {
  const std::string text(name);
  const std::vector<Any>& now = *items_of(object);
  if (name == "index" || name == "count") {
    return std::optional(function(text, [now, text](Evaluator& e, const Arguments& a) -> Result<Any> {
      std::int64_t count = 0;
      for (std::size_t i = 0; i < now.size(); ++i) {
        if (!TRY(scalar_compare(e.net(), "==", now[i], first_or_none(a)))) continue;
        if (text == "index") return Any(static_cast<std::int64_t>(i));
        ++count;
      }
      return text == "count" ? Result<Any>(Any(count)) : neural::wrong("index: there is no such item");
    }));
  }
  if (name == "copy") return std::optional(function(text, [now](Evaluator&, const Arguments&) -> Result<Any> { return list(now); }));
  if (const auto* l = object.as<std::shared_ptr<List>>()) {
    const std::shared_ptr<List> items = *l;
    if (name == "append") {
      return std::optional(function(text, [items](Evaluator&, const Arguments& a) -> Result<Any> {
        if (a.positional.size() != 1 || items->items.size() > 100'000) return neural::wrong("append: to a list that grows without end");
        TRY(may_hold(items.get(), a.positional[0]));
        items->items.push_back(a.positional[0]);
        return Any();
      }));
    }
    if (name == "extend") {
      return std::optional(function(text, [items](Evaluator& e, const Arguments& a) -> Result<Any> {
        if (a.positional.size() != 1) return neural::wrong("extend: takes one list");
        for (Any& item : TRY(e.iterate(a.positional[0]))) {
          TRY(may_hold(items.get(), item));
          items->items.push_back(std::move(item));
        }
        return Any();
      }));
    }
    if (name == "pop") {
      return std::optional(function(text, [items](Evaluator&, const Arguments& a) -> Result<Any> {
        if (items->items.empty()) return neural::wrong("pop: of an empty list");
        std::int64_t at = -1;
        if (!a.positional.empty() && a.positional[0].as<Dim>() != nullptr) at = a.positional[0].as<Dim>()->value;
        if (at < 0) at += static_cast<std::int64_t>(items->items.size());
        if (at < 0 || at >= static_cast<std::int64_t>(items->items.size())) return neural::wrong("pop: there is no such item");
        const Any item = items->items[static_cast<std::size_t>(at)];
        items->items.erase(items->items.begin() + static_cast<std::ptrdiff_t>(at));
        return item;
      }));
    }
    if (name == "insert") {
      return std::optional(function(text, [items](Evaluator&, const Arguments& a) -> Result<Any> {
        if (a.positional.size() != 2 || a.positional[0].as<Dim>() == nullptr) return neural::wrong("insert: takes a place and an item");
        TRY(may_hold(items.get(), a.positional[1]));
        const auto size = static_cast<std::int64_t>(items->items.size());
        const std::int64_t place = a.positional[0].as<Dim>()->value;
        const auto at = std::clamp<std::int64_t>(place < 0 ? place + size : place, 0, size);
        items->items.insert(items->items.begin() + static_cast<std::ptrdiff_t>(at), a.positional[1]);
        return Any();
      }));
    }
    if (name == "clear" || name == "remove") {
      return std::optional(function(text, [items, text](Evaluator& e, const Arguments& a) -> Result<Any> {
        if (text == "clear") {
          items->items.clear();
          return Any();
        }
        for (std::size_t i = 0; i < items->items.size(); ++i) {
          if (!TRY(scalar_compare(e.net(), "==", items->items[i], first_or_none(a)))) continue;
          items->items.erase(items->items.begin() + static_cast<std::ptrdiff_t>(i));
          return Any();
        }
        return neural::wrong("remove: there is no such item");
      }));
    }
    if (name == "sort") {
      return std::optional(function(text, [items](Evaluator& e, const Arguments& a) -> Result<Any> {
        Arguments given = a;
        given.positional.insert(given.positional.begin(), Any(items));
        const Any sorted = TRY(e.call(TRY(e.builtin("sorted")), given));
        items->items = *items_of(sorted);
        return Any();
      }));
    }
    if (name == "reverse") {
      return std::optional(function(text, [items](Evaluator&, const Arguments&) -> Result<Any> {
        std::ranges::reverse(items->items);
        return Any();
      }));
    }
  }
  // numpy's arrays of sizes are lists here.
  if (name == "prod" || name == "sum") {
    return std::optional(function(text, [now, text](Evaluator& e, const Arguments&) -> Result<Any> {
      Any all = text == "prod" ? Any(1) : Any(0);
      for (const Any& item : now) all = TRY(scalar_arithmetic(e.net(), text == "prod" ? "*" : "+", all, item));
      return all;
    }));
  }
  if (name == "astype" || name == "reshape" || name == "flatten" || name == "transpose" || name == "ravel")
    return std::optional(TRY(method(TRY(call_operator(net(), "tensor", {{object}, {}})), name)));
  return std::optional<Any>();
}

Result<std::optional<Any>> Evaluator::dict_method(const std::shared_ptr<Dict>& items, std::string_view name) {
  const std::string text(name);
  if (name == "keys" || name == "values" || name == "items") {
    return std::optional(function(text, [items, text](Evaluator&, const Arguments&) -> Result<Any> {
      std::vector<Any> out;
      for (const auto& [key, value] : items->items) out.push_back(text == "keys" ? key : text == "values" ? value : tuple({key, value}));
      return list(std::move(out));
    }));
  }
  if (name == "get") {
    return std::optional(function(text, [items](Evaluator& e, const Arguments& a) -> Result<Any> {
      if (a.positional.empty()) return neural::wrong("get: takes a key");
      for (const auto& [key, value] : items->items) {
        if (TRY(scalar_compare(e.net(), "==", key, a.positional[0]))) return value;
      }
      return a.positional.size() > 1 ? a.positional[1] : Any();
    }));
  }
  if (name == "update") {
    return std::optional(function(text, [items](Evaluator&, const Arguments& a) -> Result<Any> {
      for (const Any& given : a.positional) TRY(may_hold(items.get(), given));
      for (const auto& [key, value] : a.keywords) TRY(may_hold(items.get(), value));
      const auto* other = a.positional.empty() ? nullptr : a.positional[0].as<std::shared_ptr<Dict>>();
      if (other != nullptr && *other != items) {
        for (const auto& [key, value] : (*other)->items) set_item(*items, key, value);
      }
      for (const auto& [key, value] : a.keywords) set_item(*items, Any(key), value);
      return Any();
    }));
  }
  if (name == "copy")
    return std::optional(function(text, [items](Evaluator&, const Arguments&) -> Result<Any> { return Any(std::make_shared<Dict>(*items)); }));
  if (name == "pop" || name == "setdefault") {
    return std::optional(function(text, [items, text](Evaluator& e, const Arguments& a) -> Result<Any> {
      for (std::size_t i = 0; i < items->items.size(); ++i) {
        if (!TRY(scalar_compare(e.net(), "==", items->items[i].first, first_or_none(a)))) continue;
        const Any value = items->items[i].second;
        if (text == "pop") { items->items.erase(items->items.begin() + static_cast<std::ptrdiff_t>(i)); }
        return value;
      }
      if (a.positional.size() < 2) return text == "pop" ? Result<Any>(neural::wrong("pop: there is no such entry")) : Result<Any>(Any());
      if (text == "setdefault") {
        TRY(may_hold(items.get(), a.positional[1]));
        items->items.emplace_back(a.positional[0], a.positional[1]);
      }
      return a.positional[1];
    }));
  }
  return std::optional<Any>();
}

Result<std::optional<Any>> Evaluator::text_method(const std::string& self, std::string_view name) {
  const std::string text(name);
  if (name == "format")
    return std::optional(
        function(text, [self](Evaluator&, const Arguments& a) -> Result<Any> { return Any(brace_format(self, a.positional, a.keywords)); }));
  if (name == "join") {
    return std::optional(function(text, [self](Evaluator& e, const Arguments& a) -> Result<Any> {
      if (a.positional.size() != 1) return neural::wrong("join: takes a list");
      std::string out;
      for (const Any& item : TRY(e.iterate(a.positional[0]))) out += (out.empty() ? "" : self) + to_text(item);
      return Any(out);
    }));
  }
  if (name == "lower" || name == "upper" || name == "strip" || name == "lstrip" || name == "rstrip" || name == "capitalize" || name == "title") {
    return std::optional(function(text, [self, text](Evaluator&, const Arguments& a) -> Result<Any> {
      std::string out = self;
      if (text == "lower") std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      if (text == "upper") std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
      if (text == "capitalize" || text == "title") {
        for (std::size_t i = 0; i < out.size(); ++i) {
          const bool begins = i == 0 || (text == "title" && std::isalpha(static_cast<unsigned char>(out[i - 1])) == 0);
          out[i] = static_cast<char>(begins ? std::toupper(static_cast<unsigned char>(out[i])) : std::tolower(static_cast<unsigned char>(out[i])));
        }
      }
      if (!text.ends_with("strip")) return Any(out);
      const auto* given = a.positional.empty() ? nullptr : a.positional[0].as<std::string>();
      const std::string_view gone = given == nullptr ? std::string_view(" \t\n\r\f\v") : std::string_view(*given);
      if (text != "rstrip") out.erase(0, std::min(out.find_first_not_of(gone), out.size()));
      if (text != "lstrip") out.erase(out.find_last_not_of(gone) + 1);
      return Any(out);
    }));
  }
  if (name == "startswith" || name == "endswith") {
    return std::optional(function(text, [self, text](Evaluator&, const Arguments& a) -> Result<Any> {
      const Any given = first_or_none(a);
      const std::vector<Any> parts = items_of(given) != nullptr ? *items_of(given) : std::vector<Any>{given};
      bool any = false;
      for (const Any& each : parts) {
        const auto* part = each.as<std::string>();
        if (part == nullptr) return neural::wrong(text + ": takes a text");
        any = any || (text == "startswith" ? self.starts_with(*part) : self.ends_with(*part));
      }
      return Any(any);
    }));
  }
  if (name == "split" || name == "replace" || name == "find" || name == "index" || name == "rfind" || name == "count" || name == "isdigit") {
    return std::optional(function(text, [self, text](Evaluator&, const Arguments& a) -> Result<Any> {
      const Any given = first_or_none(a);
      const auto* part = given.as<std::string>();
      if (text == "split") return list(split(self, part));
      if (text == "isdigit") return Any(!self.empty() && std::ranges::all_of(self, [](unsigned char c) { return std::isdigit(c) != 0; }));
      if (part == nullptr) return neural::wrong(text + ": takes a text");
      if (text == "find" || text == "index" || text == "rfind") {
        const std::size_t at = text == "rfind" ? self.rfind(*part) : self.find(*part);
        if (at == std::string::npos && text == "index") return neural::wrong("index: there is no " + *part + " in " + self);
        return Any(at == std::string::npos ? std::int64_t{-1} : static_cast<std::int64_t>(at));
      }
      if (text == "count") return Any(static_cast<std::int64_t>(split(self, part).size()) - 1);
      const auto* by = a.positional.size() < 2 ? nullptr : a.positional[1].as<std::string>();
      if (by == nullptr) return neural::wrong("replace: takes two texts");
      return Any(replaced(self, *part, *by));
    }));
  }
  return std::optional<Any>();
}

}  // namespace slipway::importers::torch
