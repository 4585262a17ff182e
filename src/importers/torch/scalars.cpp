#include "slipway/importers/torch/scalars.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "slipway/base/json.hpp"
#include "slipway/importers/blocks/neural/elementwise.hpp"
#include "slipway/importers/torch/evaluator.hpp"
#include "slipway/importers/torch/operator_call.hpp"

namespace slipway::importers::torch {

const std::vector<Any>* items_of(const Any& a) {
  if (const auto* l = a.as<std::shared_ptr<List>>()) return &(*l)->items;
  if (const auto* t = a.as<std::shared_ptr<Tuple>>()) return &(*t)->items;
  return nullptr;
}

Result<Any> range_of(std::span<const Any> bounds, const std::function<Error(Dim)>& unknown) {
  constexpr std::size_t kItemsMax = 100'000;
  std::int64_t start = 0, end = 0, step = 1;
  std::int64_t* const places[] = {bounds.size() == 1 ? &end : &start, &end, &step};
  for (std::size_t i = 0; i < std::min<std::size_t>(bounds.size(), 3); ++i) {
    const auto* d = bounds[i].as<Dim>();
    if (d == nullptr) return neural::wrong("range: of " + type_name(bounds[i]));
    if (!d->known()) return unknown(*d);
    *places[i] = d->value;
  }
  std::vector<Any> items;
  for (std::int64_t i = start; step > 0 ? i < end : i > end;) {
    if (items.size() > kItemsMax || step == 0) return neural::wrong("range: too many numbers");
    items.emplace_back(i);
    if (__builtin_add_overflow(i, step, &i)) break;  // beyond every end
  }
  return list(std::move(items));
}

std::string to_text(const Any& a) {  // NOLINT(misc-no-recursion): lists are as deep as the source that writes them
  if (a.none()) return "None";
  if (const auto* b = a.as<bool>()) return *b ? "True" : "False";
  if (const auto* d = a.as<Dim>()) return d->known() ? std::to_string(d->value) : "?";
  if (const auto* x = a.as<double>()) {
    std::string out;
    json::append_double(out, *x);
    return out;
  }
  if (const auto* s = a.as<std::string>()) return *s;
  if (const std::vector<Any>* items = items_of(a)) {
    std::string out = "[";
    for (const Any& item : *items) {
      if (out.size() > 200) break;
      if (out.size() > 1) out += ", ";
      out += to_text(item);
    }
    return out + "]";
  }
  return type_name(a);
}

namespace {

Status may_hold(const void* into, const Any& value, int depth, std::size_t& visits) {  // NOLINT(misc-no-recursion): depth
  constexpr int kDepthMax = 100;
  constexpr std::size_t kVisitsMax = 1'000'000;
  if (depth > kDepthMax || ++visits > kVisitsMax) return neural::wrong("lists nested too deep, or too large");
  const void* self = nullptr;
  if (const auto* l = value.as<std::shared_ptr<List>>()) self = l->get();
  if (const auto* d = value.as<std::shared_ptr<Dict>>()) self = d->get();
  if (self != nullptr && self == into) return neural::wrong("a list that holds itself");
  if (const std::vector<Any>* items = items_of(value)) {
    for (const Any& item : *items) TRY(may_hold(into, item, depth + 1, visits));
  }
  if (const auto* d = value.as<std::shared_ptr<Dict>>()) {
    for (const auto& [key, item] : (*d)->items) TRY(may_hold(into, item, depth + 1, visits));
  }
  return ok();
}

}  // namespace

Status may_hold(const void* into, const Any& value) {
  std::size_t visits = 0;
  return may_hold(into, value, 0, visits);
}

std::string percent_format(const std::string& text, const std::vector<Any>& given) {
  std::string out;
  std::size_t next = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    std::size_t end = i + 1;
    while (end < text.size() && std::string_view("0123456789.+- #").find(text[end]) != std::string_view::npos) ++end;
    if (end < text.size() && text[end] == '%') {
      out += '%';
    } else {
      std::string value = next < given.size() ? to_text(given[next++]) : "?";
      const auto width = static_cast<std::size_t>(std::atoi(text.substr(i + 1, std::min<std::size_t>(end - i - 1, 2)).c_str()));
      if (text[i + 1] == '0' && value.size() < width) value.insert(0, width - value.size(), '0');
      out += value;
    }
    i = end;
  }
  return out;
}

std::string brace_format(const std::string& text, const std::vector<Any>& given, const std::vector<std::pair<std::string, Any>>& named) {
  std::string out;
  std::size_t next = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool twice = i + 1 < text.size() && text[i + 1] == text[i];
    if ((text[i] == '{' || text[i] == '}') && twice) {
      out += text[i++];
      continue;
    }
    const std::size_t end = text[i] == '{' ? text.find('}', i) : std::string::npos;
    if (end == std::string::npos) {
      out += text[i];
      continue;
    }
    const std::string field = text.substr(i + 1, std::min(text.find(':', i), end) - i - 1);
    i = end;
    std::size_t place = next;
    if (field.empty()) ++next;
    std::from_chars(field.data(), field.data() + field.size(), place);  // {0}; else the next
    const auto key = std::find_if(named.begin(), named.end(), [&](const auto& n) { return n.first == field; });
    if (key != named.end()) {
      out += to_text(key->second);
    } else {
      out += place < given.size() ? to_text(given[place]) : "?";
    }
  }
  return out;
}

namespace {

struct Number {
  bool floating = false;
  Dim integer;
  double value = 0;
};
std::optional<Number> number_of(const Any& a) {
  if (const auto* b = a.as<bool>()) return Number{false, *b ? 1 : 0, *b ? 1.0 : 0.0};
  if (const auto* d = a.as<Dim>()) return Number{false, *d, static_cast<double>(d->value)};
  if (const auto* x = a.as<double>()) return Number{true, 0, *x};
  return std::nullopt;
}

Error unsupported(std::string_view op, const Any& a, const Any& b) {
  return neural::wrong("unsupported operands of " + std::string(op) + ": " + type_name(a) + " and " + type_name(b));
}

Result<Any> integers(Net& net, std::string_view op, Dim a, Dim b) {
  if (op == "+") return Any(net.add(a, b));
  if (op == "-") return Any(net.sub(a, b));
  if (op == "*") return Any(net.mul(a, b));
  const bool division = op == "/" || op == "//" || op == "%";
  if (division && b.is(0)) return neural::wrong("division by zero");
  if (op == "//") return Any(net.floor_div(a, b));
  if (op == "%") return Any(net.sub(a, net.mul(net.floor_div(a, b), b)));
  if (op == "/") {
    if (a.known() && b.known()) return Any(static_cast<double>(a.value) / static_cast<double>(b.value));
    // A number of the request: calculated there.
    return tensor(TRY(neural::divide(net, net.to_scalar(a), net.to_scalar(b))));
  }
  if (op == "**" && a.known() && b.known()) {
    const double p = std::pow(static_cast<double>(a.value), static_cast<double>(b.value));
    if (b.value >= 0 && std::abs(p) < 9e15) return Any(static_cast<std::int64_t>(p));
    return Any(p);
  }
  if ((op == "&" || op == "|" || op == "<<" || op == ">>" || op == "^") && a.known() && b.known()) {
    if (op == "&") return Any(a.value & b.value);
    if (op == "|") return Any(a.value | b.value);
    if (op == "^") return Any(a.value ^ b.value);
    if (b.value >= 0 && b.value < 62 && std::abs(a.value) < (1LL << 30))
      return Any(op == "<<" ? a.value * (std::int64_t{1} << b.value) : a.value >> b.value);
  }
  return net.needs(a.known() ? b : a, "an integer operation " + std::string(op) + " on a size that isn't known");
}

}  // namespace

Result<Any> scalar_arithmetic(Net& net, std::string_view op, const Any& a, const Any& b) {
  const auto x = number_of(a), y = number_of(b);
  if (x && y) {
    if (!x->floating && !y->floating) return integers(net, op, x->integer, y->integer);
    const bool unknown = (!x->floating && !x->integer.known()) || (!y->floating && !y->integer.known());
    if (unknown) {
      const auto in_graph = [&](const Number& n) {
        return n.floating ? net.number(n.value, DType::float32) : net.cast(net.to_scalar(n.integer), DType::float32);
      };
      const std::string_view name = op == "+" ? "Add" : op == "-" ? "Sub" : op == "*" ? "Mul" : op == "/" ? "Div" : op == "**" ? "Pow" : "";
      if (name.empty()) return unsupported(op, a, b);
      return tensor(TRY(neural::binary(net, name, in_graph(*x), in_graph(*y))));
    }
    if (op == "+") return Any(x->value + y->value);
    if (op == "-") return Any(x->value - y->value);
    if (op == "*") return Any(x->value * y->value);
    if ((op == "/" || op == "//" || op == "%") && y->value == 0) return neural::wrong("division by zero");
    if (op == "/") return Any(x->value / y->value);
    if (op == "//") return Any(std::floor(x->value / y->value));
    if (op == "%") return Any(x->value - std::floor(x->value / y->value) * y->value);
    if (op == "**") return Any(std::pow(x->value, y->value));
    return unsupported(op, a, b);
  }
  const auto* s = a.as<std::string>();
  if (s != nullptr && op == "+" && b.as<std::string>() != nullptr) return Any(*s + *b.as<std::string>());
  if (s != nullptr && op == "%") return Any(percent_format(*s, items_of(b) != nullptr ? *items_of(b) : std::vector<Any>{b}));
  const std::vector<Any>* p = items_of(a);
  const std::vector<Any>* q = items_of(b);
  const auto like = [&](const Any& model, std::vector<Any> items) {
    return model.as<std::shared_ptr<List>>() != nullptr ? list(std::move(items)) : tuple(std::move(items));
  };
  constexpr std::size_t kItemsMax = 1'000'000;
  if (op == "+" && p != nullptr && q != nullptr) {
    if (p->size() + q->size() > kItemsMax) return neural::wrong("a list of more than " + std::to_string(kItemsMax) + " items");
    std::vector<Any> all = *p;
    all.insert(all.end(), q->begin(), q->end());
    return like(a, std::move(all));
  }
  if (op == "*" && (p != nullptr || q != nullptr) && (x || y)) {
    const std::vector<Any>& items = p != nullptr ? *p : *q;
    const Number times = p != nullptr ? *y : *x;
    if (!times.floating && !times.integer.known() && items.size() == 1 && items[0].as<TensorRef>() != nullptr) {
      auto o = std::make_shared<Object>();
      o->type = kRepeatedList;
      o->set("item", items[0]);
      o->set("times", Any(times.integer));
      return Any(o);
    }
    if (times.floating || !times.integer.known()) return unsupported(op, a, b);
    if (times.integer.value > 0 && items.size() * static_cast<std::size_t>(times.integer.value) > kItemsMax)
      return neural::wrong("a list of more than " + std::to_string(kItemsMax) + " items");
    std::vector<Any> all;
    for (std::int64_t i = 0; i < times.integer.value; ++i) all.insert(all.end(), items.begin(), items.end());
    return like(p != nullptr ? a : b, std::move(all));
  }
  return unsupported(op, a, b);
}

namespace {

Result<bool> sizes(Net& net, std::string_view op, Dim a, Dim b) {
  if (a == b) return op == "==" || op == "<=" || op == ">=";
  if (a.known() && b.known()) {
    if (op == "==") return a.value == b.value;
    if (op == "!=") return a.value != b.value;
    if (op == "<") return a.value < b.value;
    if (op == "<=") return a.value <= b.value;
    if (op == ">") return a.value > b.value;
    return a.value >= b.value;
  }
  // A difference or a rest (h % 32) may be anything.
  const auto is_size = [&net](const Dim& d) {
    const auto form = net.linear(d);
    return !form || std::ranges::all_of(form->factors, [](const auto& f) { return f.second > 0; });
  };
  if (!a.known() && b.known() && b.value <= 1 && is_size(a)) {  // a size of a request: 2 or more
    if (op == "==" || op == "<" || op == "<=") return false;
    return true;
  }
  if (a.known() && !b.known() && a.value <= 1 && is_size(b)) {
    if (op == "==" || op == ">" || op == ">=") return false;
    return true;
  }
  // Compared with a number, a size is checked: it must be that.
  if ((op == "==" || op == "!=") && a.known() != b.known()) {
    const Dim& size = a.known() ? b : a;
    const std::int64_t value = a.known() ? a.value : b.value;
    if (net.require(size, value, "the code asks whether the size is " + std::to_string(value)).ok()) return op == "==";
    return op == "!=";
  }
  return net.needs(a.known() ? b : a, "a decision that depends on a size of the input");
}

}  // namespace

Result<bool> truth(Net& net, const Any& a) {
  if (a.none()) return false;
  if (const auto* b = a.as<bool>()) return *b;
  if (const auto* d = a.as<Dim>()) return sizes(net, "!=", *d, 0);
  if (const auto* x = a.as<double>()) return *x != 0;
  if (const auto* s = a.as<std::string>()) return !s->empty();
  if (const std::vector<Any>* items = items_of(a)) return !items->empty();
  if (const auto* d = a.as<std::shared_ptr<Dict>>()) return !(*d)->items.empty();
  if (a.as<TensorRef>() != nullptr) return neural::wrong("a decision that depends on the values of a tensor");
  return true;
}

Result<bool> scalar_compare(Net& net, std::string_view op, const Any& a, const Any& b) {  // NOLINT(misc-no-recursion): as deep as the lists
  if (op == "is not") return !TRY(scalar_compare(net, "is", a, b));
  if (op == "not in") return !TRY(scalar_compare(net, "in", a, b));
  if (op == "is") {
    if (a.none() || b.none()) return a.none() && b.none();
    if (a.as<bool>() != nullptr && b.as<bool>() != nullptr) return *a.as<bool>() == *b.as<bool>();
    if (a.as<TensorRef>() != nullptr && b.as<TensorRef>() != nullptr) return *a.as<TensorRef>() == *b.as<TensorRef>();
    if (a.as<std::shared_ptr<Object>>() != nullptr && b.as<std::shared_ptr<Object>>() != nullptr)
      return *a.as<std::shared_ptr<Object>>() == *b.as<std::shared_ptr<Object>>();
    if (a.v.index() != b.v.index()) return false;
    op = "==";
  }
  if (op == "in") {
    if (const auto* text = b.as<std::string>(); text != nullptr && a.as<std::string>() != nullptr)
      return text->find(*a.as<std::string>()) != std::string::npos;
    if (const std::vector<Any>* items = items_of(b)) {
      for (const Any& item : *items) {
        if (TRY(scalar_compare(net, "==", a, item))) return true;
      }
      return false;
    }
    if (const auto* d = b.as<std::shared_ptr<Dict>>()) {
      for (const auto& [key, value] : (*d)->items) {
        if (TRY(scalar_compare(net, "==", a, key))) return true;
      }
      return false;
    }
    return unsupported(op, a, b);
  }
  const auto x = number_of(a), y = number_of(b);
  if (x && y) {
    if (!x->floating && !y->floating) return sizes(net, op, x->integer, y->integer);
    if ((!x->floating && !x->integer.known()) || (!y->floating && !y->integer.known()))
      return net.needs(x->floating ? y->integer : x->integer, "a decision that depends on a size of the input");
    if (op == "==") return x->value == y->value;
    if (op == "!=") return x->value != y->value;
    if (op == "<") return x->value < y->value;
    if (op == "<=") return x->value <= y->value;
    if (op == ">") return x->value > y->value;
    return x->value >= y->value;
  }
  if (op == "!=") return !TRY(scalar_compare(net, "==", a, b));
  if (const auto* p = a.as<std::string>(); p != nullptr && op != "==" && b.as<std::string>() != nullptr) {
    const int order = p->compare(*b.as<std::string>());
    return op == "<" ? order < 0 : op == "<=" ? order <= 0 : op == ">" ? order > 0 : order >= 0;
  }
  if (op != "==") return unsupported(op, a, b);
  const auto* o = a.as<std::shared_ptr<Object>>();
  const auto* u = b.as<std::shared_ptr<Object>>();
  if (o != nullptr && u != nullptr) return *o == *u;  // classes, and what has no value of its own
  const auto* f = a.as<std::shared_ptr<Callable>>();
  const auto* g = b.as<std::shared_ptr<Callable>>();
  if (f != nullptr && g != nullptr) return (*f)->name == (*g)->name;  // F.relu is made anew wherever it is named
  const auto* s = a.as<std::string>();
  const auto* t = b.as<std::string>();
  if (s != nullptr || t != nullptr) return s != nullptr && t != nullptr && *s == *t;
  if (const auto* d = a.as<TorchDType>()) {
    if (const auto* code = b.as<Dim>(); code != nullptr && code->known()) return dtype_of_code(code->value) == d->dtype;  // of serialised code
    const auto* e = b.as<TorchDType>();
    return e != nullptr && d->dtype == e->dtype;
  }
  const std::vector<Any>* p = items_of(a);
  const std::vector<Any>* q = items_of(b);
  if (p != nullptr && q != nullptr) {
    if (p->size() != q->size()) return false;
    for (std::size_t i = 0; i < p->size(); ++i) {
      // Of shapes: a size that is compared with 1 has to be that, as with any other number.
      const auto* d = (*p)[i].as<Dim>();
      const auto* e = (*q)[i].as<Dim>();
      const bool with_one = d != nullptr && e != nullptr && d->known() != e->known() && (d->is(1) || e->is(1));
      if (with_one && net.require(d->known() ? *e : *d, 1, "the code compares the shape with " + to_text(d->known() ? a : b)).ok()) continue;
      if (!TRY(scalar_compare(net, "==", (*p)[i], (*q)[i]))) return false;
    }
    return true;
  }
  return a.none() && b.none();
}

}  // namespace slipway::importers::torch
