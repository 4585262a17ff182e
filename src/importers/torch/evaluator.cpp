#include "slipway/importers/torch/evaluator.hpp"

#include <algorithm>

#include "slipway/importers/blocks/neural/shapes.hpp"
#include "slipway/importers/python/parser.hpp"
#include "slipway/importers/python/query.hpp"
#include "slipway/importers/torch/evaluator_reach.hpp"
#include "slipway/importers/torch/operator_call.hpp"
#include "slipway/importers/torch/scalars.hpp"

namespace slipway::importers::torch {

namespace {

constexpr int kDepthMax = 200;              // of calls
constexpr std::size_t kItemsMax = 100'000;  // of what a loop runs over

}  // namespace

const Any* Object::find(std::string_view name) const {
  for (const auto& [key, value] : attributes) {
    if (key == name) return &value;
  }
  return nullptr;
}

void Object::set(std::string_view name, Any value) {
  for (auto& [key, old] : attributes) {
    if (key == name) {
      old = std::move(value);
      return;
    }
  }
  attributes.emplace_back(std::string(name), std::move(value));
}

Status Evaluator::step() {
  if (++steps_ > steps_max_) return neural::wrong("the code takes more than " + std::to_string(steps_max_) + " steps");
  return ok();
}

// The innermost statement says where; those around it add nothing.
Error Evaluator::located(Error error, const py::Stmt& s, const py::Module* module) {
  if (located_ || module == nullptr) return error;
  const std::string file = host_.module_name(module);
  if (file.empty()) return error;
  located_ = true;
  return Error(error.code(), file + ", " + py::at_line(*module, s.place, error.detail()));
}

// --- calls

Any Evaluator::function_value(const py::FunctionDef& f, const py::Module* module, std::shared_ptr<Scope> scope, std::optional<Any> self) {
  return function(std::string(f.name), [&f, module, scope = std::move(scope), self = std::move(self)](Evaluator& e, const Arguments& given) {
    if (!self) return e.call(f, module, scope, given);
    Arguments with_self = given;
    with_self.positional.insert(with_self.positional.begin(), *self);
    return e.call(f, module, scope, with_self);
  });
}

Result<Any> Evaluator::call(const py::FunctionDef& f, const py::Module* module, const std::shared_ptr<Scope>& outer, const Arguments& given) {
  if (depth_ >= kDepthMax) return neural::wrong("calls are nested more than " + std::to_string(kDepthMax) + " deep");
  Frame frame;
  frame.scope = std::make_shared<Scope>();
  frame.scope->outer = outer;
  frame.module = module;
  std::size_t next = 0;
  std::vector<bool> used(given.keywords.size());
  for (const py::Parameter& p : f.parameters) {
    Any& slot = frame.scope->names[std::string(p.name)];
    if (p.kind == py::ParameterKind::var_positional) {
      std::vector<Any> rest;
      for (; next < given.positional.size(); ++next) rest.push_back(given.positional[next]);
      slot = tuple(std::move(rest));
      continue;
    }
    if (p.kind == py::ParameterKind::var_keyword) {
      auto rest = std::make_shared<Dict>();
      for (std::size_t i = 0; i < used.size(); ++i) {
        if (used[i]) continue;
        used[i] = true;
        rest->items.emplace_back(given.keywords[i].first, given.keywords[i].second);
      }
      slot = rest;
      continue;
    }
    if (p.kind != py::ParameterKind::keyword_only && next < given.positional.size()) {
      slot = given.positional[next++];
      continue;
    }
    const auto keyword = std::ranges::find_if(given.keywords, [&](const auto& k) { return k.first == p.name; });
    if (keyword != given.keywords.end()) {
      used[static_cast<std::size_t>(keyword - given.keywords.begin())] = true;
      slot = keyword->second;
    } else if (p.default_value != nullptr) {
      const Any* known = nullptr;
      if (outer) {
        const auto at = outer->names.find(" default " + std::string(p.name));
        if (at != outer->names.end()) known = &at->second;
      }
      slot = known != nullptr ? *known : TRY(evaluate(*p.default_value, outer, module));
    } else {
      return neural::wrong(std::string(f.name) + "() needs a value for " + std::string(p.name));
    }
  }
  if (next < given.positional.size()) return neural::wrong(std::string(f.name) + "() is given more arguments than it takes");
  for (std::size_t i = 0; i < used.size(); ++i) {
    if (!used[i]) return neural::wrong(std::string(f.name) + "() has no argument \"" + given.keywords[i].first + "\"");
  }
  ++depth_;
  const auto flow = run(f.body, frame);
  --depth_;
  if (!flow.ok()) return flow.error();
  return frame.result;
}

Result<Any> Evaluator::call(const Any& callee, const Arguments& arguments) {
  TRY(step());
  if (const auto* c = callee.as<std::shared_ptr<Callable>>()) {
    if (depth_ >= kDepthMax) return neural::wrong("calls are nested more than " + std::to_string(kDepthMax) + " deep");
    ++depth_;
    auto result = (*c)->call(*this, arguments);
    --depth_;
    return result;
  }
  if (const auto* o = callee.as<std::shared_ptr<Object>>()) return host_.call(*this, *o, arguments);
  return neural::wrong(type_name(callee) + " can't be called");
}

Result<Any> Evaluator::builtin(std::string_view name) {
  if (auto found = TRY(host_.global(*this, nullptr, name))) return *found;
  return neural::wrong("the function " + std::string(name) + " is not known here");
}

Result<Any> Evaluator::evaluate(const py::Expr& e, const std::shared_ptr<Scope>& scope, const py::Module* module) {
  Frame f;
  f.scope = scope ? scope : std::make_shared<Scope>();
  f.module = module;
  return eval(e, f);
}

Status Evaluator::run(py::Block block, const std::shared_ptr<Scope>& scope, const py::Module* module) {
  Frame f;
  f.scope = scope;
  f.module = module;
  TRY(run(block, f));
  return ok();
}

// --- statements

Result<Evaluator::Flow> Evaluator::run(py::Block block, Frame& f) {
  for (std::size_t i = 0; i < block.size(); ++i) {
    const py::Stmt* s = block[i];
    const auto* decision = s->as<py::If>();
    bool all = false;  // a decision that took what is behind it with it
    if (decision != nullptr) TRY(step());
    auto flow = decision != nullptr ? run_if(*decision, f, 0, block.subspan(i + 1), all) : run(*s, f);
    if (!flow.ok()) return located(flow.error(), *s, f.module);
    if (all || *flow != Flow::next) return flow;
  }
  return Flow::next;
}

Result<Evaluator::Flow> Evaluator::run(const py::Stmt& s, Frame& f) {
  TRY(step());
  raised_ = {};
  if (const auto* n = s.as<py::Assign>()) {
    const Any value = TRY(eval(*n->value, f));
    for (const py::Expr* target : n->targets) TRY(assign(*target, value, f));
    return Flow::next;
  }
  if (const auto* n = s.as<py::ExprStmt>()) {
    if (!n->value->is<py::Text>()) TRY(eval(*n->value, f));
    return Flow::next;
  }
  if (const auto* n = s.as<py::Return>()) {
    f.result = n->value == nullptr ? Any() : TRY(eval(*n->value, f));
    return Flow::returned;
  }
  if (const auto* n = s.as<py::AugAssign>()) {
    const Any old = TRY(eval(*n->target, f)), by = TRY(eval(*n->value, f));
    if (old.as<TensorRef>() != nullptr || old.as<ComplexRef>() != nullptr) {  // in place, as torch does
      const std::string_view op = py::text_of(n->op);
      const std::string_view name = op == "+" ? "add_" : op == "-" ? "sub_" : op == "*" ? "mul_" : op == "/" ? "div_" : op == "**" ? "pow_" : "";
      if (!name.empty()) {
        const Any result = TRY(call_operator(net(), name, {{old, by}, {}}));
        if (n->target->is<py::Name>()) TRY(assign(*n->target, result, f));
        if (const auto* at = n->target->as<py::Subscript>()) {  // x[places] += y: of a copy, which goes back
          const Any object = TRY(eval(*at->object, f));
          const auto* whole = object.as<TensorRef>();
          const auto* part = old.as<TensorRef>();
          if (part != nullptr && (whole == nullptr || !(*whole)->same_memory(**part))) TRY(assign_item(object, *at->index, result, f));
        }
        return Flow::next;
      }
    }
    if (const auto* l = old.as<std::shared_ptr<List>>(); l != nullptr && py::text_of(n->op) == "+") {
      for (const Any& a : TRY(iterate(by))) {
        TRY(may_hold(l->get(), a));
        (*l)->items.push_back(a);
      }
      return Flow::next;
    }
    auto made = TRY(binary_of_objects(py::text_of(n->op), old, by, true));
    TRY(assign(*n->target, made ? std::move(*made) : TRY(eval_binary(py::text_of(n->op), old, by)), f));
    return Flow::next;
  }
  if (const auto* n = s.as<py::AnnAssign>()) {
    if (n->value != nullptr) TRY(assign(*n->target, TRY(eval(*n->value, f)), f));
    return Flow::next;
  }
  if (const auto* n = s.as<py::If>()) {
    bool all = false;
    return run_if(*n, f, 0, {}, all);
  }
  if (const auto* n = s.as<py::For>()) return run_for(*n, f);
  if (const auto* n = s.as<py::While>()) return run_while(*n, f);
  if (s.is<py::Pass>() || s.is<py::Global>() || s.is<py::Nonlocal>() || s.is<py::Import>() || s.is<py::ImportFrom>()) return Flow::next;
  if (s.is<py::Break>()) return Flow::broken;
  if (s.is<py::Continue>()) return Flow::continued;
  if (const auto* n = s.as<py::FunctionDef>()) {
    // Its defaults are what they are now, not what their names mean when it is called.
    auto around = std::make_shared<Scope>();
    around->outer = f.scope;
    for (const py::Parameter& p : n->parameters) {
      if (p.default_value != nullptr) around->names[" default " + std::string(p.name)] = TRY(eval(*p.default_value, f));
    }
    f.scope->names[std::string(n->name)] = function_value(*n, f.module, around, std::nullopt);
    return Flow::next;
  }
  if (const auto* n = s.as<py::With>()) {  // no_grad, autocast, profilers: nothing to answers
    for (const py::WithItem& item : n->items) {
      if (item.target != nullptr) return neural::wrong("\"with ... as\" is not supported");
    }
    return run(n->body, f);
  }
  if (const auto* n = s.as<py::Assert>()) {
    if (undecided(*n->test, f)) return Flow::next;
    if (TRY(required(*n->test, f))) return Flow::next;
    const auto holds = eval(*n->test, f);
    if (holds.ok() && holds->as<TensorRef>() == nullptr) {
      const auto known = truth(net(), *holds);
      if (known.ok() && !*known) raised_ = "AssertionError";
      if (known.ok() && !*known) return neural::wrong("the assertion doesn't hold: " + py::unparse(*n->test));
    }
    return Flow::next;
  }
  if (const auto* n = s.as<py::Raise>()) {
    const py::Expr* type = n->exception;
    if (const auto* call = type == nullptr ? nullptr : type->as<py::Call>()) type = call->callee;
    const auto* name = type == nullptr ? nullptr : type->as<py::Name>();
    raised_ = name == nullptr ? std::string_view() : name->id;
    return neural::wrong("the code raises " + (n->exception == nullptr ? "an error" : py::unparse(*n->exception)));
  }
  if (const auto* n = s.as<py::Try>()) return run_try(*n, f);
  if (const auto* n = s.as<py::Delete>()) {
    for (const py::Expr* target : n->targets) {
      if (const auto* name = target->as<py::Name>()) f.scope->names.erase(std::string(name->id));
      if (const auto* attribute = target->as<py::Attribute>()) {  // del self.fc
        const Any of = TRY(eval(*attribute->object, f));
        const auto* o = of.as<std::shared_ptr<Object>>();
        if (o == nullptr) return neural::wrong("del of an attribute of " + type_name(of));
        std::erase_if((*o)->attributes, [&](const auto& have) { return have.first == attribute->name; });
      }
    }
    return Flow::next;
  }
  if (const auto* n = s.as<py::Unsupported>()) return neural::wrong(std::string(n->reason));
  return neural::wrong("a statement of this kind is not supported");
}

Result<Evaluator::Flow> Evaluator::run_try(const py::Try& s, Frame& f) {  // NOLINT(misc-no-recursion): blocks nest at most py::kNestingMax deep
  raised_ = {};
  auto flow = run(s.body, f);
  if (flow.ok() && *flow == Flow::next) {
    flow = run(s.otherwise, f);
  } else if (!flow.ok() && !raised_.empty()) {
    for (const py::Handler& h : s.handlers) {
      const std::string type = h.type == nullptr ? "Exception" : py::unparse(*h.type);
      if (type.find(raised_) == std::string::npos && type.find("Exception") == std::string::npos) continue;
      raised_ = {};
      located_ = false;
      flow = run(h.body, f);
      break;
    }
  }
  if (!flow.ok() || *flow != Flow::next) return flow;
  return run(s.finally, f);
}

// A check of an argument that nothing tells so far: it holds, as whoever made the weights came past it.
bool Evaluator::undecided(const py::Expr& test, Frame& f) {  // NOLINT(misc-no-recursion): trees are at most py::kTreeDepthMax deep
  if (!host_.constructing()) return false;
  if (test.is<py::Name>() || test.is<py::Attribute>() || test.is<py::Subscript>() || test.is<py::Call>()) {
    const auto value = eval(test, f);
    if (!value.ok()) located_ = false;
    if (!value.ok() || host_.is_foreign(*value)) return true;
    const auto* d = value->as<Dim>();
    if (d != nullptr) return !d->known();
  }
  bool open = false;
  py::for_each_child(test, [&](const py::Expr& child) { open = open || undecided(child, f); });
  return open;
}

// assert h == 1: the side of an image that makes it true is looked for.
Result<bool> Evaluator::required(const py::Expr& test, Frame& f) {
  const auto* c = test.as<py::Compare>();
  if (c == nullptr || c->rest.size() != 1 || py::text_of(c->rest[0].op) != "==") return false;
  const auto left = eval(*c->first, f), right = eval(*c->rest[0].value, f);
  if (!left.ok() || !right.ok()) located_ = false;
  const auto* a = left.ok() ? left->as<Dim>() : nullptr;
  const auto* b = right.ok() ? right->as<Dim>() : nullptr;
  if (a == nullptr || b == nullptr || a->known() == b->known()) return false;
  return net().require(a->known() ? *b : *a, a->known() ? a->value : b->value, "the code asserts " + py::unparse(test)).ok();
}

Result<bool> Evaluator::decide(const Any& value) {
  if (host_.is_foreign(value))
    return neural::wrong("a decision by " + (*value.as<std::shared_ptr<Object>>())->type + ", of a library that isn't read here");
  return truth(net(), value);
}

namespace {

// if ...: ops.prim.RaiseException(...), as serialised code has its checks.
bool raises(py::Block body) {
  return std::ranges::any_of(body, [](const py::Stmt* s) {
    const auto* e = s->as<py::ExprStmt>();
    const auto* c = e == nullptr ? nullptr : e->value->as<py::Call>();
    const auto* callee = c == nullptr ? nullptr : c->callee->as<py::Attribute>();
    return callee != nullptr && callee->name == "RaiseException";
  });
}

// if x.shape != skip.shape: x = F.interpolate(x, skip.shape[2:])
bool brings_to_a_size(py::Block body) {
  const auto calls = [](const auto& self, const py::Expr& e) -> bool {
    const auto* c = e.as<py::Call>();
    const auto name = c == nullptr ? std::nullopt : py::dotted_name(*c->callee);
    if (name) {
      static constexpr std::string_view kNames[] = {"interpolate", "resize", "pad", "upsample", "center_crop"};
      if (std::ranges::find(kNames, std::string_view(*name).substr(name->rfind('.') + 1)) != std::end(kNames)) return true;
    }
    bool found = false;
    py::for_each_child(e, [&](const py::Expr& child) { found = found || self(self, child); });
    return found;
  };
  bool any = false;
  for (const py::Stmt* s : body) {
    const auto* a = s->as<py::Assign>();
    if (a == nullptr) return false;
    any = any || calls(calls, *a->value);
  }
  return any;
}

}  // namespace

// A comparison of sizes that only a request knows.
bool Evaluator::about_sizes(const py::Expr& test, Frame& f) {
  if (const auto* b = test.as<py::BoolOp>()) return std::ranges::all_of(b->operands, [&](const py::Expr* o) { return about_sizes(*o, f); });
  const auto* c = test.as<py::Compare>();
  if (c == nullptr || c->rest.size() != 1) return false;
  const std::string_view op = py::text_of(c->rest[0].op);
  if (op != "!=" && op != "<" && op != ">") return false;
  const auto left = eval(*c->first, f), right = eval(*c->rest[0].value, f);
  located_ = false;
  const auto sizes = [](const Result<Any>& a) {
    if (!a.ok()) return false;
    const std::vector<Any>* items = items_of(*a);
    return a->as<Dim>() != nullptr || (items != nullptr && std::ranges::all_of(*items, [](const Any& i) { return i.as<Dim>() != nullptr; }));
  };
  return sizes(left) && sizes(right);
}

// behind: the statements after it; all: they have been run with it.
Result<Evaluator::Flow> Evaluator::run_if(const py::If& s, Frame& f, std::size_t arm, py::Block behind, bool& all) {
  raised_ = {};
  for (; arm < s.arms.size(); ++arm) {
    const auto& body = s.arms[arm].body;
    if (body.size() == 1 && body[0]->is<py::Raise>() && undecided(*s.arms[arm].test, f)) continue;
    const auto decided = eval(*s.arms[arm].test, f);
    if (!decided.ok() && raises(body)) {  // a check of sizes that only a request knows: it holds
      located_ = false;
      continue;
    }
    // What brings a tensor to a size does nothing to one that has it.
    if (!decided.ok() && s.otherwise.empty() && s.arms.size() == 1 && brings_to_a_size(body) && about_sizes(*s.arms[arm].test, f))
      return run(body, f);
    const Any condition = TRY(decided);
    if (const auto* t = condition.as<TensorRef>()) {
      const Value v = TRY((*t)->read(net()));
      if (!v.constant() || v.content->count() != 1) return run_both(s, f, arm, condition, behind, all);
      if (v.content->as_double(0) != 0) return run(s.arms[arm].body, f);
      continue;
    }
    if (TRY(decide(condition))) return run(s.arms[arm].body, f);
  }
  return run(s.otherwise, f);
}

// A decision that only the request can make: both sides, then the graph chooses name by name, and what each tensor holds. Where one side
// leaves here (return, continue), what is behind belongs to the other.
Result<Evaluator::Flow> Evaluator::run_both(const py::If& s, Frame& f, std::size_t arm, const Any& condition, py::Block behind, bool& all) {
  const auto before = f.scope->names;
  Held held;
  std::vector<HeldTensor> tensors;
  Status readable = ok();
  std::set<const TensorCell*> known;
  const auto note_tensor = [&](const TensorRef& t) {
    if (const auto now = t->read(net()); !now.ok()) readable = now.error();
    const TensorRef memory = TensorCell::memory_of(t);
    if (known.insert(memory.get()).second) tensors.push_back({memory, memory->content(), memory->version()});
  };
  const auto note = [&](const Any& a) {
    held.note(a);
    if (const auto* t = a.as<TensorRef>()) note_tensor(*t);
    if (const auto* c = a.as<ComplexRef>()) {
      note_tensor((*c)->real);
      note_tensor((*c)->imaginary);
    }
  };
  Reach reach(note);
  for (const Scope* scope = f.scope.get(); scope != nullptr; scope = scope->outer.get()) {
    for (const auto& [name, value] : scope->names) reach.from(value);
  }
  TRY(std::move(readable));
  const Error changed = neural::wrong("something is changed on one side of a decision that depends on the values of a tensor");
  const Flow first = TRY(run(s.arms[arm].body, f));
  if (!held.unchanged()) return changed;
  const auto yes = f.scope->names;
  const Any yes_result = f.result;
  std::vector<Value> written;
  for (HeldTensor& t : tensors) {
    written.push_back(t.cell->content());
    if (t.cell->version() != t.version) t.cell->replace(t.before);
  }
  f.scope->names = before;
  const bool leaves = first != Flow::next;
  Flow second = TRY(run_if(s, f, arm + 1, leaves ? behind : py::Block{}, all));
  if (second == Flow::next && leaves && !all) {
    all = true;
    second = TRY(run(behind, f));
    const bool ends_turn = behind.data() + behind.size() == f.loop_end;
    if (second == Flow::next && first == Flow::continued && ends_turn) second = first;
  }
  if (!held.unchanged()) return changed;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const Value no = tensors[i].cell->content();
    if (no.val.name == written[i].val.name && no.content == written[i].content) continue;
    tensors[i].cell->replace(TRY(neural::where(net(), TRY(value_of(net(), condition, "a decision")), written[i], no)));
  }
  if (first != second) return neural::wrong("a decision that depends on the values of a tensor: one side leaves here, the other goes on");
  if (first == Flow::returned) {
    f.result = TRY(join(condition, yes_result, f.result, "the result"));
    return first;
  }
  if (first == Flow::broken) return neural::wrong("a loop is left by a decision that depends on the values of a tensor");
  std::map<std::string, Any, std::less<>> joined;
  for (const auto& [name, value] : yes) {
    const auto no = f.scope->names.find(name);
    if (no == f.scope->names.end()) continue;  // known on one side only: nobody may use it afterwards
    joined[name] = TRY(join(condition, value, no->second, name));
  }
  f.scope->names = std::move(joined);
  return first;
}

Result<Any> Evaluator::join(const Any& condition, const Any& yes, const Any& no, std::string_view name) {
  const auto* a = yes.as<TensorRef>();
  const auto* b = no.as<TensorRef>();
  if (a != nullptr && b != nullptr && *a == *b) return yes;
  const auto* same_list = yes.as<std::shared_ptr<List>>();
  if (same_list != nullptr && no.as<std::shared_ptr<List>>() != nullptr && *same_list == *no.as<std::shared_ptr<List>>()) return yes;
  const bool numbers =
      (yes.as<Dim>() || yes.as<double>() || yes.as<bool>() || a != nullptr) && (no.as<Dim>() || no.as<double>() || no.as<bool>() || b != nullptr);
  if (a == nullptr && b == nullptr) {
    const auto same = scalar_compare(net(), "is", yes, no);
    if (same.ok() && *same) return yes;
    if (yes.as<std::shared_ptr<Object>>() != nullptr || yes.as<std::shared_ptr<Callable>>() != nullptr) return yes;
    const std::vector<Any>* p = items_of(yes);
    const std::vector<Any>* q = items_of(no);
    if (p != nullptr && q != nullptr && p->size() == q->size()) {
      std::vector<Any> items;
      for (std::size_t i = 0; i < p->size(); ++i) items.push_back(TRY(join(condition, (*p)[i], (*q)[i], name)));
      return yes.as<std::shared_ptr<List>>() != nullptr ? list(std::move(items)) : tuple(std::move(items));
    }
  }
  if (!numbers) return neural::wrong(std::string(name) + " is " + type_name(yes) + " or " + type_name(no) + ", depending on the values of a tensor");
  const Value x = TRY(value_of(net(), yes, name)), y = TRY(value_of(net(), no, name));
  if (x.rank() != y.rank() || !std::ranges::equal(x.dims, y.dims, [](const Dim& p, const Dim& q) { return !p.known() || !q.known() || p == q; }))
    return neural::wrong(std::string(name) + " has the shape " + neural::dims_text(x.dims) + " or " + neural::dims_text(y.dims) +
                         ", depending on the values of a tensor");
  return tensor(TRY(neural::where(net(), TRY(value_of(net(), condition, name)), x, y)));
}

Result<std::vector<Any>> Evaluator::iterate(const Any& a) {
  if (const std::vector<Any>* items = items_of(a)) {
    for (const Any& item : *items) {
      if (const auto steps = steps_of(item)) return net().needs(TRY(length_of_steps(net(), *steps)), "a list whose length only a request knows");
    }
    return *items;
  }
  if (const Object* range = range_of_sizes(a))
    return net().needs(turns_of_range(*range), "a loop over a size that only a request knows is not supported");
  if (const auto* d = a.as<std::shared_ptr<Dict>>()) {
    std::vector<Any> keys;
    for (const auto& [key, value] : (*d)->items) keys.push_back(key);
    return keys;
  }
  if (const auto* t = a.as<TensorRef>()) {
    const Any parts = TRY(call_operator(net(), "unbind", {{Any(*t), Any(0)}, {}}));
    return (*parts.as<std::shared_ptr<List>>())->items;
  }
  if (const auto* s = a.as<std::string>()) {
    std::vector<Any> letters;
    for (const char c : *s) letters.emplace_back(std::string(1, c));
    return letters;
  }
  if (const auto* o = a.as<std::shared_ptr<Object>>()) {  // ModuleList and the like say what they hold
    if (const auto iterator = TRY(host_.attribute(*this, *o, "__iter__"))) {
      const Any items = TRY(call(*iterator, {}));
      if (const std::vector<Any>* list = items_of(items)) return *list;
    }
  }
  return neural::wrong("a loop over " + type_name(a) + " is not supported");
}

Result<Evaluator::Flow> Evaluator::run_body(py::Block body, Frame& f) {
  const auto* const around = std::exchange(f.loop_end, body.data() + body.size());
  auto flow = run(body, f);
  f.loop_end = around;
  return flow;
}

Result<Evaluator::Flow> Evaluator::run_for(const py::For& s, Frame& f) {
  const Any iterable = TRY(eval(*s.iterable, f));
  if (const auto over = TRY(range_over(net(), iterable))) {
    TRY(run_counted(s, *range_of_sizes(*over), f));
    return run(s.otherwise, f);
  }
  const std::vector<Any> items = TRY(iterate(iterable));
  if (items.size() > kItemsMax) return neural::wrong("a loop over more than " + std::to_string(kItemsMax) + " items");
  for (const Any& item : items) {
    TRY(assign(*s.target, item, f));
    const Flow flow = TRY(run_body(s.body, f));
    if (flow == Flow::broken) return Flow::next;
    if (flow == Flow::returned) return flow;
  }
  return run(s.otherwise, f);
}

Result<Evaluator::Flow> Evaluator::run_while(const py::While& s, Frame& f) {
  for (std::size_t turns = 0;; ++turns) {
    if (turns > kItemsMax) return neural::wrong("a loop of more than " + std::to_string(kItemsMax) + " turns");
    const Any condition = TRY(eval(*s.test, f));
    if (const auto* t = condition.as<TensorRef>()) {
      const Value v = TRY((*t)->read(net()));
      if (!v.constant() || v.content->count() != 1) return neural::wrong("a loop whose end depends on the values of a tensor is not supported");
      if (v.content->as_double(0) == 0) break;
    } else if (!TRY(truth(net(), condition))) {
      break;
    }
    const Flow flow = TRY(run_body(s.body, f));
    if (flow == Flow::broken) return Flow::next;
    if (flow == Flow::returned) return flow;
  }
  return run(s.otherwise, f);
}

// --- assignment

Status Evaluator::assign(const py::Expr& target, const Any& value, Frame& f) {
  if (const auto* n = target.as<py::Name>()) {
    f.scope->names[std::string(n->id)] = value;
    return ok();
  }
  if (const auto* n = target.as<py::Attribute>()) {
    const Any object = TRY(eval(*n->object, f));
    const auto* o = object.as<std::shared_ptr<Object>>();
    if (o == nullptr) {
      if (object.as<TensorRef>() != nullptr && n->name == "data") {
        TRY(call_operator(net(), "copy_", {{object, value}, {}}));
        return ok();
      }
      if (object.as<TensorRef>() != nullptr && (n->name.starts_with("require") || n->name == "grad")) return ok();  // of training
      return neural::wrong("an attribute of " + type_name(object) + " is set");
    }
    if (TRY(host_.set_attribute(*this, *o, n->name, value))) return ok();
    (*o)->set(n->name, value);
    return ok();
  }
  if (const auto* n = target.as<py::Subscript>()) { return assign_item(TRY(eval(*n->object, f)), *n->index, value, f); }
  py::Exprs items;
  if (const auto* n = target.as<py::Tuple>()) items = n->items;
  if (const auto* n = target.as<py::List>()) items = n->items;
  if (items.empty()) return neural::wrong("an assignment to " + py::unparse(target) + " is not supported");
  const auto star = std::ranges::find_if(items, [](const py::Expr* e) { return e->is<py::Starred>(); });
  if (const auto* t = value.as<TensorRef>(); t != nullptr && star == items.end()) {  // row, col = edges: as many as there are names
    const Value v = TRY((*t)->read(net()));
    if (v.rank() > 0 && !v.dims[0].known()) {
      TRY(net().require(v.dims[0], static_cast<std::int64_t>(items.size()), "a value for each of " + std::to_string(items.size()) + " names"));
      for (std::size_t i = 0; i < items.size(); ++i)
        TRY(assign(*items[i], TRY(call_operator(net(), "select", {{value, Any(0), Any(static_cast<std::int64_t>(i))}, {}})), f));
      return ok();
    }
  }
  const std::vector<Any> values = TRY(iterate(value));
  if (star == items.end()) {
    if (values.size() != items.size()) return neural::wrong(std::to_string(values.size()) + " values for " + std::to_string(items.size()) + " names");
    for (std::size_t i = 0; i < items.size(); ++i) TRY(assign(*items[i], values[i], f));
    return ok();
  }
  const auto ahead = static_cast<std::size_t>(star - items.begin()), behind = items.size() - ahead - 1;
  if (values.size() < ahead + behind) return neural::wrong(std::to_string(values.size()) + " values for " + std::to_string(items.size()) + " names");
  for (std::size_t i = 0; i < ahead; ++i) TRY(assign(*items[i], values[i], f));
  std::vector<Any> middle(values.begin() + static_cast<std::ptrdiff_t>(ahead), values.end() - static_cast<std::ptrdiff_t>(behind));
  TRY(assign(*(*star)->as<py::Starred>()->value, list(std::move(middle)), f));
  for (std::size_t i = 0; i < behind; ++i) TRY(assign(*items[ahead + 1 + i], values[values.size() - behind + i], f));
  return ok();
}

Status Evaluator::assign_item(const Any& object, const py::Expr& index, const Any& value, Frame& f) {
  if (const auto* t = object.as<TensorRef>()) {
    // Into a view of it, or by a mask or indices.
    const auto view = index_tensor(*t, index, f);
    if (view.ok() && view->as<TensorRef>() != nullptr && (*view->as<TensorRef>())->same_memory(**t)) {
      TRY(call_operator(net(), "copy_", {{*view, value}, {}}));
      return ok();
    }
    const Any at = TRY(eval(index, f));
    const Any indices = at.as<std::shared_ptr<Tuple>>() != nullptr ? at : list({at});
    TRY(call_operator(net(), "index_put_", {{object, indices, value}, {}}));
    return ok();
  }
  if (const auto* both = object.as<ComplexRef>()) {
    const auto* given = value.as<ComplexRef>();
    TRY(assign_item(Any((*both)->real), index, given == nullptr ? value : Any((*given)->real), f));
    return assign_item(Any((*both)->imaginary), index, given == nullptr ? Any(0.0) : Any((*given)->imaginary), f);
  }
  const Any at = TRY(eval(index, f));
  if (const auto* d = object.as<std::shared_ptr<Dict>>()) {
    TRY(may_hold(d->get(), value));
    for (auto& [key, old] : (*d)->items) {
      if (TRY(scalar_compare(net(), "==", key, at))) {
        old = value;
        return ok();
      }
    }
    (*d)->items.emplace_back(at, value);
    return ok();
  }
  if (const auto* l = object.as<std::shared_ptr<List>>()) {
    TRY(may_hold(l->get(), value));
    const auto* d = at.as<Dim>();
    if (d != nullptr && d->known()) {
      const auto size = static_cast<std::int64_t>((*l)->items.size());
      const std::int64_t i = d->value < 0 ? d->value + size : d->value;
      if (i >= 0 && i < size) {
        (*l)->items[static_cast<std::size_t>(i)] = value;
        return ok();
      }
    }
    return neural::wrong("an item of a list at " + to_text(at) + " is set");
  }
  if (const auto* o = object.as<std::shared_ptr<Object>>()) {
    if (const auto setter = TRY(host_.attribute(*this, *o, "__setitem__"))) {
      TRY(call(*setter, {{at, value}, {}}));
      return ok();
    }
  }
  return neural::wrong("an item of " + type_name(object) + " is set");
}

}  // namespace slipway::importers::torch
