#include <algorithm>
#include <cmath>
#include <limits>

#include "slipway/importers/blocks/neural/elementwise.hpp"
#include "slipway/importers/blocks/neural/shapes.hpp"
#include "slipway/importers/python/query.hpp"
#include "slipway/importers/torch/evaluator.hpp"
#include "slipway/importers/torch/operator_call.hpp"
#include "slipway/importers/torch/scalars.hpp"
#include "slipway/importers/torch/views.hpp"

namespace slipway::importers::torch {

namespace {

bool is_tensor(const Any& a) { return a.as<TensorRef>() != nullptr; }
bool is_any_tensor(const Any& a) { return is_tensor(a) || a.as<ComplexRef>() != nullptr; }

// slice(0, 4)
const Object* slice_object(const Any& a) {
  const auto* o = a.as<std::shared_ptr<Object>>();
  return o != nullptr && (*o)->type == "slice" ? o->get() : nullptr;
}

}  // namespace

Result<Any> Evaluator::eval_name(std::string_view id, Frame& f) {
  for (const Scope* scope = f.scope.get(); scope != nullptr; scope = scope->outer.get()) {
    const auto it = scope->names.find(id);
    if (it == scope->names.end()) continue;
    if (is_gone(it->second)) return gone(id);
    return it->second;
  }
  if (auto global = TRY(host_.global(*this, f.module, id))) return *global;
  return neural::wrong("the name " + std::string(id) + " is not known here");
}

// Of an object that has a method for it (layers += [...], a + b), and of numbers that another library would give.
Result<std::optional<Any>> Evaluator::binary_of_objects(std::string_view op, const Any& a, const Any& b, bool in_place) {
  const auto* left = a.as<std::shared_ptr<Object>>();
  const auto* right = b.as<std::shared_ptr<Object>>();
  if (left == nullptr && right == nullptr) return std::optional<Any>();
  static constexpr std::pair<std::string_view, std::string_view> kMethods[] = {{"+", "add"},       {"-", "sub"}, {"*", "mul"},  {"/", "truediv"},
                                                                               {"//", "floordiv"}, {"%", "mod"}, {"**", "pow"}, {"@", "matmul"},
                                                                               {"&", "and"},       {"|", "or"},  {"^", "xor"}};
  const auto method = std::ranges::find(kMethods, op, &std::pair<std::string_view, std::string_view>::first);
  const auto call_of = [&](const std::shared_ptr<Object>& o, const std::string& name, const Any& other) -> Result<std::optional<Any>> {
    const auto found = TRY(host_.attribute(*this, o, name));
    return found ? std::optional(TRY(call(*found, {{other}, {}}))) : std::optional<Any>();
  };
  if (method != std::end(kMethods) && !host_.is_foreign(a) && !host_.is_foreign(b)) {
    const std::string name(method->second);
    if (left != nullptr && in_place) {
      if (auto made = TRY(call_of(*left, "__i" + name + "__", b))) return made;
    }
    if (left != nullptr) {
      if (auto made = TRY(call_of(*left, "__" + name + "__", b))) return made;
    }
    if (right != nullptr) return call_of(*right, "__r" + name + "__", a);
    return std::optional<Any>();
  }
  const auto number = [&](const Any& x) { return host_.is_foreign(x) ? host_.foreign_number(*this, x) : std::optional(x); };
  const auto x = number(a), y = number(b);
  if (!x || !y || x->as<std::shared_ptr<Object>>() != nullptr || y->as<std::shared_ptr<Object>>() != nullptr) return std::optional<Any>();
  return std::optional(TRY(eval_binary(op, *x, *y)));
}

Result<Any> Evaluator::eval_binary(std::string_view op, const Any& a, const Any& b) {
  if (auto made = TRY(binary_of_objects(op, a, b, false))) return std::move(*made);
  if (!is_any_tensor(a) && !is_any_tensor(b)) return scalar_arithmetic(net(), op, a, b);
  const std::string_view name = op == "+"    ? "add"
                                : op == "-"  ? "sub"
                                : op == "*"  ? "mul"
                                : op == "/"  ? "div"
                                : op == "//" ? "floor_divide"
                                : op == "%"  ? "remainder"
                                : op == "**" ? "pow"
                                : op == "@"  ? "matmul"
                                : op == "&"  ? "bitwise_and"
                                : op == "|"  ? "bitwise_or"
                                : op == "^"  ? "bitwise_xor"
                                             : "";
  if (name.empty()) return neural::wrong("the operator " + std::string(op) + " of tensors is not supported");
  return call_operator(net(), name, {{a, b}, {}});
}

namespace {

// random.random() < p: certain where p is 0 or 1.
std::optional<Result<Any>> compare_with_chance(std::string_view op, const Any& left, const Any& right) {
  const auto is_chance = [](const Any& a) {
    const auto* o = a.as<std::shared_ptr<Object>>();
    return o != nullptr && (*o)->type == kChance;
  };
  if (!is_chance(left) && !is_chance(right)) return std::nullopt;
  const bool turned = is_chance(right);
  const Any& bound = turned ? left : right;
  const auto* d = bound.as<Dim>();
  const auto* x = bound.as<double>();
  const bool less = (op == "<" || op == "<=") != turned;  // the chance is on the small side
  if ((op == "<" || op == "<=" || op == ">" || op == ">=") && (x != nullptr || (d != nullptr && d->known()))) {
    const double value = x != nullptr ? *x : static_cast<double>(d->value);
    if (value <= 0) return Result<Any>(Any(!less));
    if (value >= 1) return Result<Any>(Any(less));
  }
  return Result<Any>(neural::wrong("a decision by chance, which is another one with every answer"));
}

}  // namespace

Result<Any> Evaluator::eval_compare(const py::Compare& c, Frame& f) {
  Any left = TRY(eval(*c.first, f));
  Any all = true;
  const auto number = [&](Any a) {  // of another library, compared with one
    const auto counted = host_.is_foreign(a) ? host_.foreign_number(*this, a) : std::nullopt;
    return counted ? *counted : a;
  };
  for (const py::Comparand& part : c.rest) {
    Any right = TRY(eval(*part.value, f));
    const std::string_view op = py::text_of(part.op);
    if (left.as<Dim>() != nullptr) right = number(right);
    if (right.as<Dim>() != nullptr) left = number(left);
    Any holds;
    // Sizes of layers that nothing tells so far: different until the shapes of the weights tell them.
    const auto* p = left.as<Dim>();
    const auto* q = right.as<Dim>();
    if (host_.constructing() && (op == "==" || op == "!=") && p != nullptr && q != nullptr && *p != *q && (!p->known() || !q->known())) {
      if (c.rest.size() == 1) return Any(op == "!=");
      if (op == "==") return Any(false);
      left = right;
      continue;
    }
    if (const auto* o = right.as<std::shared_ptr<Object>>(); o != nullptr && (op == "in" || op == "not in")) {  // "skip" in a ModuleDict
      if (const auto contains = TRY(host_.attribute(*this, *o, "__contains__"))) {
        const bool found = TRY(truth(net(), TRY(call(*contains, {{left}, {}}))));
        if (found != (op == "in")) return Any(false);
        holds = true;
        if (c.rest.size() == 1) return holds;
        left = right;
        continue;
      }
    }
    if (const auto drawn = compare_with_chance(op, left, right)) {
      if (c.rest.size() == 1) return TRY(*drawn);
    }
    const bool by_value = op != "is" && op != "is not" && op != "in" && op != "not in" && !left.none() && !right.none();
    if (by_value && (is_tensor(left) || is_tensor(right))) {
      const std::string_view name = op == "==" ? "eq" : op == "!=" ? "ne" : op == "<" ? "lt" : op == "<=" ? "le" : op == ">" ? "gt" : "ge";
      holds = TRY(call_operator(net(), name, {{left, right}, {}}));
    } else if (is_tensor(left) || is_tensor(right)) {
      if (op == "is" || op == "is not" || op == "==" || op == "!=") {
        const bool same = is_tensor(left) && is_tensor(right) && *left.as<TensorRef>() == *right.as<TensorRef>();
        holds = (op == "is" || op == "==") == same;
      } else {
        holds = TRY(scalar_compare(net(), op, left, right));
      }
    } else {
      holds = TRY(scalar_compare(net(), op, left, right));
    }
    if (c.rest.size() == 1) return holds;
    if (is_tensor(holds) || is_tensor(all)) return neural::wrong("a chain of comparisons of tensors is not supported");
    if (!TRY(truth(net(), holds))) return Any(false);
    left = right;
  }
  return all;
}

Result<Any> Evaluator::eval(const py::Expr& e, Frame& f) {  // NOLINT(misc-no-recursion): trees are at most py::kTreeDepthMax deep
  switch (e.kind()) {
    case py::Expr::Kind::none: return Any();
    case py::Expr::Kind::ellipsis: return Any("...");
    case py::Expr::Kind::boolean: return Any(e.as<py::Bool>()->value);
    case py::Expr::Kind::integer: {
      const auto* n = e.as<py::Int>();
      return n->fits ? Any(n->value) : Any(std::strtod(std::string(n->digits).c_str(), nullptr));
    }
    case py::Expr::Kind::floating: return Any(e.as<py::Float>()->value);
    case py::Expr::Kind::text: return Any(std::string(e.as<py::Text>()->value));
    case py::Expr::Kind::fstring: {
      std::string out;
      for (const py::Expr* piece : e.as<py::FString>()->pieces) {
        if (const auto* text = piece->as<py::Text>()) out += text->value;
        if (const auto* formatted = piece->as<py::Formatted>()) {
          const auto value = eval(*formatted->value, f);
          if (!value.ok()) located_ = false;  // a message: what can't be told is left out
          out += value.ok() ? to_text(*value) : "?";
        }
      }
      return Any(std::move(out));
    }
    case py::Expr::Kind::name: return eval_name(e.as<py::Name>()->id, f);
    case py::Expr::Kind::attribute: {
      const auto* n = e.as<py::Attribute>();
      return attribute(TRY(eval(*n->object, f)), n->name);
    }
    case py::Expr::Kind::subscript: {
      const auto* n = e.as<py::Subscript>();
      return eval_subscript(TRY(eval(*n->object, f)), *n->index, f);
    }
    case py::Expr::Kind::call: return eval_call(*e.as<py::Call>(), f);
    case py::Expr::Kind::unary: {
      const auto* n = e.as<py::Unary>();
      const Any a = TRY(eval(*n->operand, f));
      if (n->op == py::UnaryOperator::logical_not) {
        if (is_tensor(a)) return call_operator(net(), "logical_not", {{a}, {}});
        return Any(!TRY(truth(net(), a)));
      }
      if (n->op == py::UnaryOperator::plus) return a;
      if (is_tensor(a)) return call_operator(net(), n->op == py::UnaryOperator::minus ? "neg" : "bitwise_not", {{a}, {}});
      if (n->op == py::UnaryOperator::minus) {
        if (const auto* x = a.as<double>()) return Any(-*x);
        return scalar_arithmetic(net(), "-", Any(0), a);
      }
      return neural::wrong("~ of " + type_name(a) + " is not supported");
    }
    case py::Expr::Kind::binary: {
      const auto* n = e.as<py::Binary>();
      const Any a = TRY(eval(*n->left, f));
      return eval_binary(py::text_of(n->op), a, TRY(eval(*n->right, f)));
    }
    case py::Expr::Kind::bool_op: {
      const auto* n = e.as<py::BoolOp>();
      Any value;
      for (const py::Expr* operand : n->operands) {
        value = TRY(eval(*operand, f));
        if (is_tensor(value)) {
          if (operand == n->operands.back()) return value;
          const Value v = TRY((*value.as<TensorRef>())->read(net()));
          if (v.constant() && v.content->count() == 1) {
            if ((v.content->as_double(0) != 0) == n->is_or) return value;
            continue;
          }
          return neural::wrong("\"and\" and \"or\" of tensors' values are not supported");
        }
        if (TRY(truth(net(), value)) == n->is_or) return value;
      }
      return value;
    }
    case py::Expr::Kind::compare: return eval_compare(*e.as<py::Compare>(), f);
    case py::Expr::Kind::conditional: {
      const auto* n = e.as<py::Conditional>();
      const Any test = TRY(eval(*n->test, f));
      if (const auto* t = test.as<TensorRef>()) {
        const Value v = TRY((*t)->read(net()));
        if (v.constant() && v.content->count() == 1) return eval(v.content->as_double(0) != 0 ? *n->then : *n->otherwise, f);
        const Any yes = TRY(eval(*n->then, f));
        return join(test, yes, TRY(eval(*n->otherwise, f)), "a conditional value");
      }
      return eval(TRY(decide(test)) ? *n->then : *n->otherwise, f);
    }
    case py::Expr::Kind::lambda: {
      const auto* n = e.as<py::Lambda>();
      std::vector<Any> defaults;  // as they are now: lambda x, f=f: f(x)
      for (const py::Parameter& p : n->parameters) defaults.push_back(p.default_value == nullptr ? Any() : TRY(eval(*p.default_value, f)));
      return function("lambda", [n, defaults, scope = f.scope, module = f.module](Evaluator& self, const Arguments& given) -> Result<Any> {
        Frame inner;
        inner.scope = std::make_shared<Scope>();
        inner.scope->outer = scope;
        inner.module = module;
        for (std::size_t i = 0; i < n->parameters.size(); ++i) {
          const py::Parameter& p = n->parameters[i];
          const auto keyword = std::ranges::find_if(given.keywords, [&](const auto& k) { return k.first == p.name; });
          if (p.kind == py::ParameterKind::var_positional) {
            std::vector<Any> rest(given.positional.begin() + static_cast<std::ptrdiff_t>(std::min(i, given.positional.size())),
                                  given.positional.end());
            inner.scope->names[std::string(p.name)] = tuple(std::move(rest));
          } else if (p.kind == py::ParameterKind::var_keyword) {
            inner.scope->names[std::string(p.name)] = Any(std::make_shared<Dict>());
          } else if (i < given.positional.size()) {
            inner.scope->names[std::string(p.name)] = given.positional[i];
          } else if (keyword != given.keywords.end()) {
            inner.scope->names[std::string(p.name)] = keyword->second;
          } else if (p.default_value != nullptr) {
            inner.scope->names[std::string(p.name)] = defaults[i];
          } else {
            return neural::wrong("a lambda needs a value for " + std::string(p.name));
          }
        }
        return self.eval(*n->body, inner);
      });
    }
    case py::Expr::Kind::tuple:
    case py::Expr::Kind::list:
    case py::Expr::Kind::set: {
      const py::Exprs items = e.is<py::Tuple>() ? e.as<py::Tuple>()->items : e.is<py::List>() ? e.as<py::List>()->items : e.as<py::Set>()->items;
      std::vector<Any> out;
      for (const py::Expr* item : items) {
        if (const auto* star = item->as<py::Starred>()) {
          for (Any& a : TRY(iterate(TRY(eval(*star->value, f))))) out.push_back(std::move(a));
        } else {
          out.push_back(TRY(eval(*item, f)));
          if (items_of(out.back()) != nullptr) TRY(may_hold(nullptr, out.back()));
        }
      }
      return e.is<py::Tuple>() ? tuple(std::move(out)) : list(std::move(out));
    }
    case py::Expr::Kind::dict: {
      auto d = std::make_shared<Dict>();
      bool merged = false;  // with another: its keys may be the same
      for (const py::DictItem& item : e.as<py::Dict>()->items) {
        const Any value = TRY(eval(*item.value, f));
        if (item.key == nullptr) {
          const auto* more = value.as<std::shared_ptr<Dict>>();
          if (more == nullptr) return neural::wrong("** of " + type_name(value));
          for (const auto& [key, content] : (*more)->items) set_item(*d, key, content);
          merged = true;
        } else if (merged) {
          set_item(*d, TRY(eval(*item.key, f)), value);
        } else {
          d->items.emplace_back(TRY(eval(*item.key, f)), value);
        }
      }
      return Any(d);
    }
    case py::Expr::Kind::comprehension: return eval_comprehension(*e.as<py::Comprehension>(), f);
    case py::Expr::Kind::walrus: {
      const auto* n = e.as<py::Walrus>();
      const Any value = TRY(eval(*n->value, f));
      f.scope->names[std::string(n->name)] = value;
      return value;
    }
    default: return neural::wrong(py::unparse(e) + " is not supported");
  }
}

Status Evaluator::comprehend(const py::Comprehension& c, std::size_t clause, Frame& f, std::vector<Any>& keys, std::vector<Any>& values,
                             const Any* first) {  // NOLINT(misc-no-recursion)
  if (clause == c.clauses.size()) {
    keys.push_back(TRY(eval(*c.element, f)));
    if (c.value != nullptr) values.push_back(TRY(eval(*c.value, f)));
    return step();
  }
  const py::Clause& at = c.clauses[clause];
  const Any over = clause == 0 && first != nullptr ? *first : TRY(eval(*at.iterable, f));
  for (const Any& item : TRY(iterate(over))) {
    TRY(assign(*at.target, item, f));
    bool wanted = true;
    for (const py::Expr* condition : at.conditions) wanted = wanted && TRY(truth(net(), TRY(eval(*condition, f))));
    if (wanted) TRY(comprehend(c, clause + 1, f, keys, values, nullptr));
  }
  return ok();
}

Result<Any> Evaluator::eval_comprehension(const py::Comprehension& c, Frame& f) {
  Frame inner;
  inner.scope = std::make_shared<Scope>();
  inner.scope->outer = f.scope;
  inner.module = f.module;
  const Any over = TRY(eval(*c.clauses[0].iterable, inner));
  if (c.clauses.size() == 1 && c.kind != py::ComprehensionKind::dict && c.clauses[0].conditions.empty()) {
    if (const auto range = TRY(range_over(net(), over))) return comprehend_counted(c, *range_of_sizes(*range), inner);
  }
  std::vector<Any> keys, values;
  if (host_.is_foreign(over)) return host_.foreign_list(over);
  TRY(comprehend(c, 0, inner, keys, values, &over));
  if (c.kind != py::ComprehensionKind::dict) return list(std::move(keys));
  auto d = std::make_shared<Dict>();
  for (std::size_t i = 0; i < keys.size(); ++i) d->items.emplace_back(keys[i], values[i]);
  return Any(d);
}

Result<Any> Evaluator::eval_call(const py::Call& c, Frame& f) {
  const Any callee = TRY(eval(*c.callee, f));
  if (const auto* known = callee.as<std::shared_ptr<Callable>>(); known != nullptr && (*known)->takes_nothing) return call(callee, {});
  Arguments arguments;
  for (const py::Expr* a : c.arguments) {
    if (const auto* star = a->as<py::Starred>()) {
      for (Any& item : TRY(iterate(TRY(eval(*star->value, f))))) arguments.positional.push_back(std::move(item));
    } else {
      arguments.positional.push_back(TRY(eval(*a, f)));
    }
  }
  for (const py::Keyword& k : c.keywords) {
    const Any value = TRY(eval(*k.value, f));
    if (!k.name.empty()) {
      arguments.keywords.emplace_back(k.name, value);
      continue;
    }
    const auto* d = value.as<std::shared_ptr<Dict>>();
    if (d == nullptr) return neural::wrong("** of " + type_name(value));
    for (const auto& [key, item] : (*d)->items) {
      const auto* name = key.as<std::string>();
      if (name == nullptr) return neural::wrong("** of a dict whose keys aren't texts");
      arguments.keywords.emplace_back(*name, item);
    }
  }
  return call(callee, arguments);
}

// --- attributes and methods

Result<Any> Evaluator::attribute(const Any& of, std::string_view name) {
  if (const auto* o = of.as<std::shared_ptr<Object>>()) {
    if (const Any* found = (*o)->find(name)) return *found;
    if (auto found = TRY(host_.attribute(*this, *o, name))) return *found;
    return neural::wrong((*o)->type + " has no attribute " + std::string(name));
  }
  return method(of, name);
}

Result<Any> Evaluator::method(const Any& object, std::string_view name) {
  if (const auto* t = object.as<TensorRef>()) {
    if (auto own = host_.tensor_attribute(*this, *t, name)) return *own;
    const Value v = TRY((*t)->read(net()));
    if (name == "shape") return call_operator(net(), "size", {{object}, {}});
    if (name == "ndim") return Any(static_cast<std::int64_t>(v.rank()));
    if (name == "dtype") return Any(TorchDType{v.dtype()});
    if (name == "device" || name == "layout" || name == "grad" || name == "names") return Any();
    if (name == "is_cuda" || name == "requires_grad" || name == "is_sparse" || name == "is_quantized" || name == "is_nested") return Any(false);
    if (name == "data") return object;
    if (name == "T" || name == "mT" || name == "H") return call_operator(net(), name == "T" ? "numpy_T" : "mT", {{object}, {}});
    std::string op(name);
    if (name == "where") op = "tensor_where";
    if (name == "is_contiguous" || name == "is_floating_point") {
      const bool answer = name == "is_contiguous" || is_floating(v.dtype());
      return function(op, [answer](Evaluator&, const Arguments&) -> Result<Any> { return Any(answer); });
    }
    if (name == "element_size")
      return function(op, [v](Evaluator&, const Arguments&) -> Result<Any> { return Any(static_cast<std::int64_t>(dtype_size(v.dtype()))); });
    if (name == "numpy") return function(op, [object](Evaluator&, const Arguments&) -> Result<Any> { return object; });
    if (name == "tolist" && v.rank() == 1) {  // a list of as many numbers; what wants a tensor of them has it
      return function(op, [object, v](Evaluator& e, const Arguments&) -> Result<Any> {
        return v.dims[0].known() ? Result<Any>(list(TRY(e.iterate(object)))) : Result<Any>(object);
      });
    }
    if (name == "tolist") return neural::wrong("a tensor's values as Python numbers (" + op + ") are not known before a request comes");
    if (name == "backward") return neural::wrong("Tensor." + op + " is not supported");
    if (name == "nelement") op = "numel";
    if (name == "ndimension") op = "dim";
    if (name == "astype") op = "to";
    if (name == "index_copy_" || name == "scatter_reduce") return neural::wrong("Tensor." + op + " is not supported");
    if (!is_operator(op)) return neural::wrong("Tensor." + op + " is not supported");
    const bool in_place = op.size() > 1 && op.ends_with('_') && !op.ends_with("__");
    return function(op, [object, op, in_place](Evaluator& e, const Arguments& given) {
      Arguments with_self = given;
      with_self.positional.insert(with_self.positional.begin(), object);
      return call_operator(e.net(), op, with_self);
    });
  }
  if (object.as<ComplexRef>() != nullptr) return complex_method(object, name);
  const std::string text(name);
  std::optional<Any> found;
  if (items_of(object) != nullptr) found = TRY(list_method(object, name));
  if (const auto* d = object.as<std::shared_ptr<Dict>>()) found = TRY(dict_method(*d, name));
  if (const auto* t = object.as<std::string>()) found = TRY(text_method(*t, name));
  if (found) return *found;
  if (const auto* t = object.as<std::shared_ptr<Tuple>>()) {
    for (std::size_t i = 0; i < (*t)->names.size() && i < (*t)->items.size(); ++i) {
      if ((*t)->names[i] == name) return (*t)->items[i];
    }
    if (name == "_replace" || name == "_asdict") {
      return function(text, [tuple = **t, text](Evaluator&, const Arguments& a) -> Result<Any> {
        if (text == "_asdict") {
          auto d = std::make_shared<Dict>();
          for (std::size_t i = 0; i < tuple.names.size() && i < tuple.items.size(); ++i) d->items.emplace_back(Any(tuple.names[i]), tuple.items[i]);
          return Any(d);
        }
        auto changed = std::make_shared<Tuple>(tuple);
        for (const auto& [key, value] : a.keywords) {
          const auto at = std::ranges::find(changed->names, key);
          if (at == changed->names.end()) return neural::wrong("_replace: there is no field " + key);
          changed->items.at(static_cast<std::size_t>(at - changed->names.begin())) = value;
        }
        return Any(changed);
      });
    }
    if (name == "numel") {  // torch.Size
      return function(text, [items = (*t)->items](Evaluator& e, const Arguments&) -> Result<Any> {
        Dim p = 1;
        for (const Any& a : items) {
          if (const auto* d = a.as<Dim>()) p = e.net().mul(p, *d);
        }
        return Any(p);
      });
    }
  }
  if (object.as<Dim>() != nullptr || object.as<double>() != nullptr) {
    if (name == "item" || name == "tolist" || name == "squeeze")
      return function(text, [object](Evaluator&, const Arguments&) -> Result<Any> { return object; });
    if (name == "astype") {  // of numpy's numbers
      return function(text, [object](Evaluator& e, const Arguments& a) -> Result<Any> {
        const auto* type = a.positional.empty() ? nullptr : a.positional[0].as<TorchDType>();
        const auto* named = a.positional.empty() ? nullptr : a.positional[0].as<std::shared_ptr<Callable>>();
        const bool whole = type != nullptr ? !is_floating(type->dtype) : named != nullptr && (*named)->name == "int";
        return e.call(TRY(e.builtin(whole ? "int" : "float")), {{object}, {}});
      });
    }
  }
  return neural::wrong(type_name(object) + " has no attribute " + text);
}

Result<Any> Evaluator::complex_method(const Any& object, std::string_view name) {
  if (name == "shape") return call_operator(net(), "size", {{object}, {}});
  if (name == "ndim") return call_operator(net(), "dim", {{object}, {}});
  if (name == "dtype") return Any(TorchDType{.dtype = DType::float32, .complex = true});
  if (name == "device") return Any();
  if (name == "real" || name == "imag") return call_operator(net(), name, {{object}, {}});
  std::string op(name == "H" ? "mT" : name == "T" ? "numpy_T" : name == "nelement" ? "numel" : name);
  if (!is_operator(op)) return neural::wrong("Tensor." + op + " of complex numbers is not supported");
  if (op == "mT" || op == "numpy_T")
    return call_operator(net(), op, {{name == "H" ? TRY(call_operator(net(), "conj", {{object}, {}})) : object}, {}});
  return function(op, [object, op](Evaluator& e, const Arguments& given) {
    Arguments with_self = given;
    with_self.positional.insert(with_self.positional.begin(), object);
    return call_operator(e.net(), op, with_self);
  });
}

// --- subscripts

Result<Any> Evaluator::eval_subscript(const Any& object, const py::Expr& index, Frame& f) {
  if (const auto* t = object.as<TensorRef>()) return index_tensor(*t, index, f);
  if (const auto* both = object.as<ComplexRef>()) {
    const Any real = TRY(index_tensor((*both)->real, index, f)), imaginary = TRY(index_tensor((*both)->imaginary, index, f));
    return Any(std::make_shared<ComplexTensor>(ComplexTensor{*real.as<TensorRef>(), *imaginary.as<TensorRef>()}));
  }
  if (const std::vector<Any>* items = items_of(object)) {
    if (const auto* s = index.as<py::Slice>()) {
      const auto size = static_cast<std::int64_t>(items->size());
      const auto bound = [&](const py::Expr* e, std::int64_t otherwise) -> Result<std::int64_t> {
        if (e == nullptr) return otherwise;
        const Any a = TRY(eval(*e, f));
        if (a.none()) return otherwise;
        const auto* d = a.as<Dim>();
        if (d == nullptr || !d->known()) return neural::wrong("a slice of a list by " + to_text(a));
        return d->value;
      };
      const std::int64_t step = TRY(bound(s->step, 1));
      if (step == 0) return neural::wrong("a slice with a step of 0");
      const auto place = [size](std::int64_t i, std::int64_t low, std::int64_t high) { return std::clamp(i < 0 ? i + size : i, low, high); };
      const std::int64_t from = step > 0              ? place(TRY(bound(s->lower, 0)), 0, size)
                                : s->lower == nullptr ? size - 1
                                                      : place(TRY(bound(s->lower, 0)), -1, size - 1);
      const std::int64_t to = step > 0              ? place(TRY(bound(s->upper, size)), 0, size)
                              : s->upper == nullptr ? -1
                                                    : place(TRY(bound(s->upper, 0)), -1, size - 1);
      std::vector<Any> out;
      for (std::int64_t i = from; step > 0 ? i < to : i > to; i += step) out.push_back((*items)[static_cast<std::size_t>(i)]);
      return object.as<std::shared_ptr<List>>() != nullptr ? list(std::move(out)) : tuple(std::move(out));
    }
    const Any at = TRY(eval(index, f));
    auto item = call_operator(net(), "__getitem__", {{object, at}, {}});
    if (!item.ok() && at.as<Dim>() != nullptr && at.as<Dim>()->known()) raised_ = "IndexError";
    return item;
  }
  if (object.as<std::string>() != nullptr) {  // letters of a text, as of a list of them
    const Any letters = TRY(eval_subscript(list(TRY(iterate(object))), index, f));
    if (items_of(letters) == nullptr) return letters;
    std::string out;
    for (const Any& letter : *items_of(letters)) out += to_text(letter);
    return Any(out);
  }
  if (object.as<std::shared_ptr<Dict>>() != nullptr) {
    auto item = call_operator(net(), "__getitem__", {{object, TRY(eval(index, f))}, {}});
    if (!item.ok()) raised_ = "KeyError";
    return item;
  }
  if (const auto* o = object.as<std::shared_ptr<Object>>(); o != nullptr && (*o)->type == "_Complex") {  // both parts alike
    auto item = std::make_shared<Object>(**o);
    for (const std::string_view part : {"real", "imag"}) {
      const auto* t = (*o)->find(part)->as<TensorRef>();
      if (t == nullptr) return neural::wrong("an item of a complex number is wanted");
      item->set(part, TRY(index_tensor(*t, index, f)));
    }
    return Any(item);
  }
  if (const auto* o = object.as<std::shared_ptr<Object>>()) {
    if (const auto getter = TRY(host_.attribute(*this, *o, "__getitem__"))) {
      if (const auto* s = index.as<py::Slice>()) {  // as Python's slice object: three numbers or None
        std::vector<Any> bounds;
        for (const py::Expr* e : {s->lower, s->upper, s->step}) bounds.push_back(e == nullptr ? Any() : TRY(eval(*e, f)));
        return call(*getter, {std::move(bounds), {}});
      }
      return call(*getter, {{TRY(eval(index, f))}, {}});
    }
  }
  if (object.as<std::shared_ptr<Callable>>() != nullptr) return object;  // List[int], Optional[Tensor]: types
  if (object.none() || object.as<bool>() != nullptr || object.as<double>() != nullptr || object.as<Dim>() != nullptr) raised_ = "TypeError";
  return neural::wrong("an item of " + type_name(object) + " is wanted");
}

namespace {
bool is_ellipsis(const Any& a) { return a.as<std::string>() != nullptr && *a.as<std::string>() == "..."; }
}  // namespace

Result<Any> Evaluator::index_tensor(const TensorRef& t, const py::Expr& index, Frame& f) {
  const Value v = TRY(t->read(net()));
  py::Exprs parts;
  const py::Expr* single[] = {&index};
  if (const auto* many = index.as<py::Tuple>()) {
    parts = many->items;
  } else {
    parts = single;
  }
  std::size_t taken = 0;  // dimensions that the parts speak of
  std::vector<std::optional<Any>> values, starred;
  std::vector<const py::Expr*> each;
  for (const py::Expr* part : parts) {  // x[(*(None,) * k, ...)]
    const auto* star = part->as<py::Starred>();
    if (star == nullptr) {
      each.push_back(part);
      starred.emplace_back();
      continue;
    }
    for (Any& item : TRY(iterate(TRY(eval(*star->value, f))))) {
      each.push_back(part);
      starred.emplace_back(std::move(item));
    }
  }
  parts = each;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const py::Expr* part = parts[i];
    if (part->is<py::Slice>()) {
      values.emplace_back();
      ++taken;
    } else {
      values.emplace_back(starred[i] ? *starred[i] : TRY(eval(*part, f)));
      const Any& a = *values.back();
      const bool ellipsis = is_ellipsis(a);
      if (const auto* mask = a.as<TensorRef>()) {
        const Value m = TRY((*mask)->read(net()));
        taken += m.dtype() == DType::boolean ? std::max<std::size_t>(1, m.rank()) : 1;
      } else if (!a.none() && !ellipsis) {
        ++taken;
      }
    }
  }
  if (taken > v.rank()) return neural::wrong("more indices than the tensor's " + std::to_string(v.rank()) + " dimensions");
  Any now = t;
  std::int64_t axis = 0;
  std::vector<Any> picked;  // tensors and Nones of an advanced index, by dimension
  bool advanced = false;
  const auto cell = [&] { return *now.as<TensorRef>(); };
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto* s = parts[i]->as<py::Slice>();
    const Object* made = s == nullptr ? slice_object(*values[i]) : nullptr;
    if (s != nullptr || made != nullptr) {
      const auto bound = [&](const py::Expr* e, std::string_view name, Dim otherwise) -> Result<Dim> {
        if (e == nullptr && made == nullptr) return otherwise;
        const Any a = made != nullptr ? *made->find(name) : TRY(eval(*e, f));
        if (a.none()) return otherwise;
        OpCall call{net(), "slice", {a}};
        return call.size(0);
      };
      const py::Slice none{};
      const py::Slice& written = s != nullptr ? *s : none;
      const Dim step = TRY(bound(written.step, "step", 1));
      if (!step.known() || step.value <= 0) return neural::wrong("a slice of a tensor needs a step that is known and positive");
      const Dim start = TRY(bound(written.lower, "start", 0)), end = TRY(bound(written.upper, "stop", neural::kEnd));
      if (!(start.is(0) && end.is(neural::kEnd) && step.is(1))) now = TRY(sliced_view(net(), cell(), axis, start, end, step.value));
      ++axis;
      picked.emplace_back();
      continue;
    }
    const Any& a = *values[i];
    if (is_ellipsis(a)) {
      const std::size_t skipped = v.rank() - taken;
      axis += static_cast<std::int64_t>(skipped);
      picked.resize(picked.size() + skipped);
    } else if (a.none()) {
      now = TRY(call_operator(net(), "new_axis", {{now, Any(axis)}, {}}));
      ++axis;
      picked.emplace_back();
    } else if (const auto* d = a.as<Dim>()) {
      now = TRY(selected_view(net(), cell(), axis, *d));
    } else if (a.as<TensorRef>() != nullptr || items_of(a) != nullptr) {
      Any at = a;
      if (items_of(a) != nullptr) at = TRY(call_operator(net(), "tensor", {{a}, {}}));
      const Value m = TRY((*at.as<TensorRef>())->read(net()));
      if (m.rank() == 0 && m.dtype() != DType::boolean) {
        now = TRY(selected_view(net(), cell(), axis, net().from_scalar(m)));
        continue;
      }
      advanced = true;
      picked.push_back(at);
      ++axis;
    } else {
      return neural::wrong("a tensor can't be indexed by " + type_name(a));
    }
  }
  if (!advanced)
    return now.as<TensorRef>() != nullptr && *now.as<TensorRef>() == t
               ? TRY(view_of(
                     net(), t, [](Net&, const Value& b) -> Result<Value> { return b; },
                     [](Net&, const Value&, const Value& content) -> Result<Value> { return content; }))
               : now;
  return call_operator(net(), "index", {{now, list(std::move(picked))}, {}});
}

}  // namespace slipway::importers::torch
