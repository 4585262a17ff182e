#include "slipway/importers/torch/source_host.hpp"

#include <algorithm>

#include "slipway/importers/python/query.hpp"
#include "slipway/importers/torch/operator_call.hpp"
#include "slipway/importers/torch/scalars.hpp"
#include "slipway/importers/torch/source_kept.hpp"
#include "slipway/importers/torch/views.hpp"

namespace slipway::importers::torch {
namespace {

constexpr int kModulesDeep = 60;
constexpr std::size_t kRegisteredMax = 100'000;

using Kept = SourceHost::Kept;

Any object_of(std::string type, Kept kept) {
  auto o = std::make_shared<Object>();
  o->type = std::move(type);
  o->host = std::make_shared<Kept>(std::move(kept));
  return Any(o);
}

Any nothing(std::string name, Any result = {}) {
  Callable c{std::move(name), [result](Evaluator&, const Arguments&) -> Result<Any> { return result; }, true};
  return std::make_shared<Callable>(std::move(c));
}

bool has_decorator(const py::FunctionDef& f, std::string_view name) {
  return std::ranges::any_of(f.decorators, [&](const py::Expr* d) {
    const auto dotted = py::dotted_name(*d);
    return dotted && (*dotted == name || dotted->ends_with("." + std::string(name)));
  });
}

// NAME = value in the body of a class; the last one.
const py::Expr* class_constant(const py::ClassDef& c, std::string_view name) {
  const py::Expr* found = nullptr;
  for (const py::Stmt* s : c.body) {
    if (const auto* a = s->as<py::Assign>()) {
      for (const py::Expr* target : a->targets) {
        if (target->is_name(name)) found = a->value;
      }
    }
    if (const auto* a = s->as<py::AnnAssign>(); a != nullptr && a->value != nullptr && a->target->is_name(name)) found = a->value;
  }
  return found;
}

}  // namespace

Any SourceHost::name_space(std::string path) {
  std::string type = path;
  return object_of(std::move(type), {Kept::What::name_space, std::move(path), nullptr, nullptr, nullptr});
}
Any SourceHost::unknown(std::string path) {
  std::string type = path;
  return object_of(std::move(type), {Kept::What::unknown, std::move(path), nullptr, nullptr, nullptr});
}

// --- classes

Result<Any> SourceHost::class_value(Evaluator& e, const SourceModule& module, const py::ClassDef& definition) {
  const auto known = classes_.find(&definition);
  if (known != classes_.end()) return known->second;
  auto c = std::make_shared<Class>();
  c->name = definition.name;
  c->module = &module;
  c->definition = &definition;
  c->network = &module == sources_.nn.get() && definition.name == "Module";
  for (const py::Expr* d : definition.decorators) {
    const std::string text = py::unparse(*d);
    if (text.find("dataclass") != std::string::npos || text.find("define") != std::string::npos) c->fields = true;
  }
  const Any value = object_of("class " + c->name, {Kept::What::type, {}, c, nullptr, nullptr});
  if (++resolving_ > 100) return neural::wrong("classes that are derived from each other");
  std::vector<std::vector<std::shared_ptr<Class>>> orders;
  for (const py::Expr* b : definition.bases) {
    if (b->is<py::Starred>()) continue;
    Any base = TRY(e.evaluate(*b, nullptr, &module.tree));
    const Kept* kept = Kept::get(base);
    if (kept != nullptr && kept->what == Kept::What::unknown) {  // of another library
      if (kept->path.ends_with("NamedTuple")) c->fields = true;
      if (!kept->path.ends_with("Module")) continue;  // LightningModule
      const py::Stmt* s = py::find_class(sources_.nn->tree, "Module");
      base = TRY(class_value(e, *sources_.nn, *s->as<py::ClassDef>()));
      kept = Kept::get(base);
    }
    if (kept == nullptr || kept->what != Kept::What::type) continue;
    orders.push_back(kept->of->order);
    c->network = c->network || kept->of->network;
    c->fields = c->fields || kept->of->fields;
  }
  --resolving_;
  // As far as it matters here: bases from the left, what several share behind all of them.
  std::vector<std::shared_ptr<Class>> all;
  for (const auto& order : orders) all.insert(all.end(), order.begin(), order.end());
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (std::find(all.begin() + static_cast<std::ptrdiff_t>(i) + 1, all.end(), all[i]) == all.end()) c->order.push_back(all[i]);
  }
  c->order.insert(c->order.begin(), nullptr);  // itself; without a cycle of pointers
  c->order[0] = std::shared_ptr<Class>(std::shared_ptr<Class>(), c.get());
  classes_.emplace(&definition, value);
  return value;
}

std::string SourceHost::module_name(const py::Module* module) const {
  for (const auto& file : sources_.files) {
    if (&file->tree == module) return file->name;
  }
  return {};
}

Result<Any> SourceHost::find_class(Evaluator& e, std::string_view name) {
  for (const auto& file : sources_.files) {
    if (const py::Stmt* s = py::find_class(file->tree, name)) return class_value(e, *file, *s->as<py::ClassDef>());
  }
  return Any();
}

Result<Any> SourceHost::find_name(Evaluator& e, std::string_view name) {
  for (const auto& file : sources_.files) {
    if (auto found = TRY(lookup(e, *file, name))) return *found;
  }
  if (sources_.files.empty() && sources_.models) {
    if (auto found = TRY(lookup(e, *sources_.models, name))) return *found;
  }
  return Any();
}

bool SourceHost::is_class(const Any& a) {
  const Kept* k = Kept::get(a);
  return k != nullptr && k->what == Kept::What::type;
}

std::vector<std::string> SourceHost::taken_when_made(const Any& of_class, bool needed_only) {
  std::vector<std::string> out;
  const py::Module* module = nullptr;
  if (const py::FunctionDef* init = find_method(of_class, "__init__", &module)) {
    for (std::size_t i = 1; i < init->parameters.size(); ++i) {
      const py::Parameter& p = init->parameters[i];
      const bool named = p.kind != py::ParameterKind::var_positional && p.kind != py::ParameterKind::var_keyword;
      if (named && !(needed_only && p.default_value != nullptr)) out.emplace_back(p.name);
    }
    return out;
  }
  const Kept* k = Kept::get(of_class);
  for (const auto& c : k->of->order) {
    for (const py::Stmt* s : c->definition->body) {
      const auto* field = s->as<py::AnnAssign>();
      const auto* name = field == nullptr ? nullptr : field->target->as<py::Name>();
      if (k->of->fields && name != nullptr && !(needed_only && field->value != nullptr)) out.emplace_back(name->id);
    }
  }
  return out;
}

bool SourceHost::is_instance_of_network(const Any& a) { return Kept::is_network(a); }

Result<Any> SourceHost::class_of(Evaluator& e, SourceHost& host, const Any& instance) {
  const Kept* k = Kept::get(instance);
  return host.class_value(e, *k->of->module, *k->of->definition);
}

std::vector<std::string> SourceHost::field_names(const Any& object) const {
  std::vector<std::string> out;
  const auto* o = object.as<std::shared_ptr<Object>>();
  if (o == nullptr) return out;
  for (const auto& [name, value] : (*o)->attributes) out.push_back(name);
  const Kept* k = Kept::get(object);
  if (k != nullptr && k->what == Kept::What::command_line) {
    for (const auto& [name, value] : k->module->command_line) out.push_back(name);
  }
  if (k == nullptr || k->what != Kept::What::instance) return out;
  for (const auto& c : k->of->order) {
    for (const py::Stmt* s : c->definition->body) {
      const auto* a = s->as<py::Assign>();
      if (a == nullptr) continue;
      for (const py::Expr* target : a->targets) {
        if (const auto* n = target->as<py::Name>()) out.emplace_back(n->id);
      }
    }
  }
  return out;
}

bool SourceHost::is_network(const Any& of_class) {
  const Kept* k = Kept::get(of_class);
  return k != nullptr && k->what == Kept::What::type && k->of->network;
}

const py::FunctionDef* SourceHost::find_method(const Any& of_class, std::string_view name, const py::Module** module) {
  const Kept* k = Kept::get(of_class);
  for (const auto& c : k->of->order) {
    if (const py::Stmt* s = py::find_method(*c->definition, name)) {
      *module = &c->module->tree;
      return s->as<py::FunctionDef>();
    }
  }
  return nullptr;
}

Result<Any> SourceHost::instantiate(Evaluator& e, const std::shared_ptr<Class>& c, const Arguments& arguments) {
  const Any made = object_of(c->name, {Kept::What::instance, {}, c, nullptr, nullptr});
  const auto object = *made.as<std::shared_ptr<Object>>();
  if (c->network && c->module != sources_.nn.get()) made_with_[object.get()] = arguments;
  if (auto init = TRY(look_up(e, object, c, nullptr, "__init__"))) {
    TRY(e.call(*init, arguments));
  } else if (c->fields) {
    TRY(fill_fields(e, c, object, arguments));
  }
  return made;
}

// self.save_hyperparameters() of a LightningModule: self.hparams has what __init__ was given; or what is in a dict or an object.
Result<Any> SourceHost::save_hyperparameters(Evaluator& e, const std::shared_ptr<Object>& self, const Arguments& given) {
  const Any made = object_of("settings", {Kept::What::settings, {}, nullptr, nullptr, nullptr});
  const auto& settings = *made.as<std::shared_ptr<Object>>();
  self->set("hparams", made);
  bool whole = false;
  for (const Any& from : given.positional) {
    if (const auto* d = from.as<std::shared_ptr<Dict>>()) {
      for (const auto& [key, value] : (*d)->items) settings->set(to_text(key), value);
      whole = true;
    } else if (const auto* o = from.as<std::shared_ptr<Object>>()) {
      for (const std::string& name : field_names(from)) settings->set(name, TRY(e.attribute(Any(*o), name)));
      whole = true;
    }
  }
  const auto with = made_with_.find(self.get());
  const py::Module* module = nullptr;
  const py::FunctionDef* init = find_method(Any(self), "__init__", &module);
  if (whole || with == made_with_.end() || init == nullptr) return Any();
  const Arguments& a = with->second;
  std::size_t next = 0;
  for (std::size_t i = 1; i < init->parameters.size(); ++i) {
    const py::Parameter& p = init->parameters[i];
    if (p.kind == py::ParameterKind::var_positional || p.kind == py::ParameterKind::var_keyword) continue;
    if (next < a.positional.size() && p.kind != py::ParameterKind::keyword_only) {
      settings->set(p.name, a.positional[next++]);
    } else if (p.default_value != nullptr) {
      settings->set(p.name, TRY(e.evaluate(*p.default_value, nullptr, module)));
    }
  }
  for (const auto& [key, value] : a.keywords) settings->set(key, value);
  return Any();
}

Result<Any> SourceHost::restored(Evaluator& e, const std::string& class_name, std::vector<std::pair<std::string, Any>> attributes) {
  const py::Stmt* s = py::find_class(sources_.nn->tree, class_name);
  if (s == nullptr || class_name.starts_with('_')) return neural::wrong("torch.nn's " + class_name + " is not supported");
  const Any type = TRY(class_value(e, *sources_.nn, *s->as<py::ClassDef>()));
  const Any made = object_of(class_name, {Kept::What::instance, {}, Kept::get(type)->of, nullptr, nullptr});
  (*made.as<std::shared_ptr<Object>>())->attributes = std::move(attributes);
  return made;
}

Result<Any> SourceHost::fill_fields(Evaluator& e, const std::shared_ptr<Class>& c, const std::shared_ptr<Object>& object,
                                    const Arguments& arguments) {
  std::size_t next = 0;
  for (auto at = c->order.rbegin(); at != c->order.rend(); ++at) {
    for (const py::Stmt* s : (*at)->definition->body) {
      const auto* field = s->as<py::AnnAssign>();
      if (field == nullptr || !field->target->is<py::Name>()) continue;
      const std::string_view name = field->target->as<py::Name>()->id;
      const auto keyword = std::ranges::find_if(arguments.keywords, [&](const auto& k) { return k.first == name; });
      if (keyword != arguments.keywords.end()) {
        object->set(name, keyword->second);
      } else if (next < arguments.positional.size()) {
        object->set(name, arguments.positional[next++]);
      } else if (field->value != nullptr) {
        object->set(name, TRY(e.evaluate(*field->value, nullptr, &(*at)->module->tree)));
      } else {
        return neural::wrong(c->name + " needs a value for " + std::string(name));
      }
    }
  }
  if (auto after = TRY(look_up(e, object, c, nullptr, "__post_init__"))) TRY(e.call(*after, {}));
  return Any();
}

// Defaults of a method that speak of constants of its class: def __init__(self, kinds=(TREND, SEASON)).
Status SourceHost::defaults_of(Evaluator& e, const Class& c, const py::FunctionDef& f, Scope& scope) {
  for (const py::Parameter& p : f.parameters) {
    const py::Expr* value = p.default_value;
    if (value == nullptr || value->is<py::Int>() || value->is<py::Text>() || value->is<py::Bool>()) continue;
    auto names = std::make_shared<Scope>();
    const auto collect = [&](const auto& self, const py::Expr& expr) -> Status {
      if (const auto* n = expr.as<py::Name>(); n != nullptr && !names->names.contains(n->id)) {
        if (const py::Expr* constant = class_constant(*c.definition, n->id))
          names->names[std::string(n->id)] = TRY(e.evaluate(*constant, nullptr, &c.module->tree));
      }
      std::vector<const py::Expr*> children;
      py::for_each_child(expr, [&](const py::Expr& child) { children.push_back(&child); });
      for (const py::Expr* child : children) TRY(self(self, *child));
      return ok();
    };
    TRY(collect(collect, *value));
    if (!names->names.empty()) scope.names[" default " + std::string(p.name)] = TRY(e.evaluate(*value, names, &c.module->tree));
  }
  return ok();
}

// A method or constant of a class, bound to `self` where there is one. `after`: only in what comes behind that class.
Result<std::optional<Any>> SourceHost::look_up(Evaluator& e, const std::shared_ptr<Object>& self, const std::shared_ptr<Class>& of,
                                               const std::shared_ptr<Class>& after, std::string_view name) {
  bool begun = after == nullptr;
  for (const auto& c : of->order) {
    if (!begun) {
      begun = c.get() == after.get();
      continue;
    }
    if (const py::Stmt* s = py::find_method(*c->definition, name)) {
      const auto& f = *s->as<py::FunctionDef>();
      auto scope = std::make_shared<Scope>();
      const Any here = TRY(class_value(e, *c->module, *c->definition));
      scope->names["__class__"] = here;
      scope->names["super"] = function("super", [self, here](Evaluator&, const Arguments& a) -> Result<Any> {
        const Kept* from = Kept::get(a.positional.empty() ? here : a.positional[0]);
        std::shared_ptr<Object> me = self;
        if (a.positional.size() > 1 && a.positional[1].as<std::shared_ptr<Object>>() != nullptr) me = *a.positional[1].as<std::shared_ptr<Object>>();
        if (from == nullptr || from->what != Kept::What::type || me == nullptr) return neural::wrong("super() is not known here");
        return object_of("super", {Kept::What::super, {}, from->of, me, nullptr});
      });
      TRY(defaults_of(e, *c, f, *scope));
      if (has_decorator(f, "staticmethod")) return std::optional(e.function_value(f, &c->module->tree, scope, std::nullopt));
      if (has_decorator(f, "classmethod")) {
        const Any type = self == nullptr ? TRY(class_value(e, *of->module, *of->definition))
                                         : TRY(class_value(e, *Kept::get(self)->of->module, *Kept::get(self)->of->definition));
        return std::optional(e.function_value(f, &c->module->tree, scope, type));
      }
      Any bound = e.function_value(f, &c->module->tree, scope, self == nullptr ? std::nullopt : std::optional<Any>(self));
      if (self != nullptr && (has_decorator(f, "property") || has_decorator(f, "cached_property"))) return std::optional(TRY(e.call(bound, {})));
      return std::optional(std::move(bound));
    }
    if (const py::Expr* value = class_constant(*c->definition, name)) return std::optional(TRY(e.evaluate(*value, nullptr, &c->module->tree)));
  }
  return std::optional<Any>();
}

// --- attributes and calls

// Of a class derived from torch.autograd.Function: its forward. What it keeps for the way back is nothing to an answer.
Result<std::optional<Any>> SourceHost::apply_of(Evaluator& e, const std::shared_ptr<Class>& c) {
  const auto forward = TRY(look_up(e, nullptr, c, nullptr, "forward"));
  if (!forward) return std::optional<Any>();
  return std::optional(function("apply", [forward = *forward](Evaluator& x, const Arguments& given) -> Result<Any> {
    auto context = std::make_shared<Object>();
    context->type = "ctx";
    for (const char* name : {"save_for_backward", "mark_non_differentiable", "mark_dirty", "set_materialize_grads"})
      context->set(name, nothing(name));
    Arguments all = given;
    all.positional.insert(all.positional.begin(), Any(context));
    return x.call(forward, all);
  }));
}

Result<std::optional<Any>> SourceHost::attribute(Evaluator& e, const std::shared_ptr<Object>& object, std::string_view name) {
  const Kept* kept = Kept::get(object);
  if (kept == nullptr) return std::optional<Any>();
  switch (kept->what) {
    case Kept::What::name_space: return in_path(e, kept->path, name);
    case Kept::What::unknown:
      if (kept->path.starts_with(kOpaque)) return opaque_attribute(e, kept->path, name);
      if (name == "__getitem__" && constructing_ && kept->path.find("()") != std::string::npos) return opaque_attribute(e, kept->path, name);
      if (name == "__getitem__") return std::optional(nothing("__getitem__", Any(object)));  // Generic[T]
      if (name.starts_with("__")) return std::optional<Any>();
      return std::optional(unknown(kept->path + "." + std::string(name)));
    case Kept::What::type:
      if (name == "__name__" || name == "__qualname__") return std::optional(Any(kept->of->name));
      if (name == "__getitem__") return std::optional(nothing("__getitem__", Any(object)));
      if (auto found = TRY(look_up(e, nullptr, kept->of, nullptr, name))) return found;
      if (name == "__init__") return std::optional(nothing("__init__"));
      if (name == "apply" && !kept->of->network) return apply_of(e, kept->of);
      return std::optional<Any>();
    case Kept::What::super: {
      if (auto found = TRY(look_up(e, kept->self, Kept::get(kept->self)->of, kept->of, name))) return found;
      if (name == "__init__") return std::optional(nothing("__init__"));
      return Kept::is_network(Any(kept->self)) ? module_method(e, kept->self, name) : std::optional<Any>();
    }
    case Kept::What::command_line: {
      const SourceModule* module = kept->module;
      for (const auto& file : sources_.files) {  // its parser may stand in another file
        if (module->command_line.empty()) module = file.get();
      }
      const auto found = module->command_line.find(name);
      if (found == module->command_line.end()) return std::optional<Any>();
      if (found->second == nullptr) return std::optional(Any(false));
      return std::optional(TRY(e.evaluate(*found->second, nullptr, &module->tree)));
    }
    case Kept::What::settings:  // as a dict, too
      if (name == "__getitem__" || name == "get" || name == "__setitem__" || name == "__contains__") {
        return std::optional(function(std::string(name), [object, op = std::string(name)](Evaluator&, const Arguments& a) -> Result<Any> {
          const auto* key = a.positional.empty() ? nullptr : a.positional[0].as<std::string>();
          if (key == nullptr) return neural::wrong("settings: a name is wanted");
          if (op == "__setitem__" && a.positional.size() > 1) {
            object->set(*key, a.positional[1]);
            return Any();
          }
          if (op == "__contains__") return Any(object->find(*key) != nullptr);
          if (const Any* found = object->find(*key)) return *found;
          if (op == "get") return a.positional.size() > 1 ? a.positional[1] : Any();
          return neural::wrong("there is no setting " + *key);
        }));
      }
      return std::optional<Any>();
    case Kept::What::instance: break;
  }
  if (const Any* computed = kept->of->network ? object->find("_computed_" + std::string(name)) : nullptr)
    return std::optional(TRY(e.call(*computed, {})));
  if (name == "__dict__") {
    auto d = std::make_shared<Dict>();
    for (const auto& [key, value] : object->attributes) d->items.emplace_back(Any(key), value);
    return std::optional(Any(d));
  }
  if (name == "__class__") return std::optional(TRY(class_value(e, *kept->of->module, *kept->of->definition)));
  if (auto found = TRY(look_up(e, object, kept->of, nullptr, name))) return found;
  if (name == "__init__") return std::optional(nothing("__init__"));
  if (!kept->of->network) return std::optional<Any>();
  if (auto found = TRY(module_method(e, object, name))) return found;
  if (name == "__setattr__" || name == "__getattr__" || name == "__getattribute__") {  // called by their names
    return std::optional(function(std::string(name), [object, sets = name == "__setattr__"](Evaluator& x, const Arguments& a) -> Result<Any> {
      const auto* key = a.positional.empty() ? nullptr : a.positional[0].as<std::string>();
      if (key == nullptr || (sets && a.positional.size() != 2)) return neural::wrong("an attribute by its name: the name is wanted");
      if (!sets) return x.attribute(Any(object), *key);
      object->set(*key, a.positional[1]);
      return Any();
    }));
  }
  if (name.starts_with("__")) return std::optional<Any>();
  if (auto getter = TRY(look_up(e, object, kept->of, nullptr, "__getattr__")))
    return std::optional(TRY(e.call(*getter, {{Any(std::string(name))}, {}})));
  return std::optional<Any>();
}

Result<Any> SourceHost::call(Evaluator& e, const std::shared_ptr<Object>& object, const Arguments& arguments) {
  const Kept* kept = Kept::get(object);
  if (kept == nullptr || kept->what == Kept::What::name_space) return neural::wrong(object->type + " can't be called");
  if (kept->what == Kept::What::unknown) return call_foreign(kept->path);
  if (kept->what == Kept::What::type) return instantiate(e, kept->of, arguments);
  if (kept->what != Kept::What::instance) return neural::wrong(object->type + " can't be called");
  if (auto own = TRY(look_up(e, object, kept->of, nullptr, "__call__"))) return e.call(*own, arguments);
  const auto forward = TRY(look_up(e, object, kept->of, nullptr, "forward"));
  if (!forward) return neural::wrong("the class " + kept->of->name + " has no forward");
  return e.call(*forward, arguments);
}

std::optional<Any> SourceHost::tensor_attribute(Evaluator&, const TensorRef& tensor, std::string_view name) {
  // x.unsqueeze(1) of rows of features: a channel, or something to compare with all of a list. (Scripted layers do the same with a sequence that
  // has no rows; here those are the operators' own matter.)
  if (name == "unsqueeze") {
    return function("unsqueeze", [tensor](Evaluator& e, const Arguments& given) -> Result<Any> {
      Arguments all = given;
      all.positional.insert(all.positional.begin(), Any(tensor));
      const auto* axis = given.positional.size() == 1 ? given.positional[0].as<Dim>() : nullptr;
      const Value v = TRY(tensor->read(e.net()));
      if (axis == nullptr || !axis->is(1) || v.rank() != 2) return call_operator(e.net(), "unsqueeze", all);
      return reshaped_view(e.net(), tensor, {v.dims[0], Dim(1), v.dims[1]});
    });
  }
  if (name == "type") {  // x.type(torch.FloatTensor), x.type("torch.FloatTensor"), x.type(type(y)): of the kind that networks calculate in
    return function("type", [tensor](Evaluator& e, const Arguments& given) -> Result<Any> {
      Arguments all = given;
      all.positional.insert(all.positional.begin(), Any(tensor));
      if (all.positional.size() != 2 || all.positional[1].as<TorchDType>() != nullptr) return call_operator(e.net(), "type", all);
      const auto* named = all.positional[1].as<std::shared_ptr<Callable>>();
      const std::string kind = named != nullptr ? (*named)->name : to_text(all.positional[1]);
      if (kind == "Tensor" || kind == "type") return Any(tensor);
      const DType type = kind.ends_with("LongTensor") ? DType::int64 : kind.ends_with("BoolTensor") ? DType::boolean : DType::float32;
      if (!kind.ends_with("Tensor")) return call_operator(e.net(), "type", all);
      all.positional[1] = Any(TorchDType{type});
      return call_operator(e.net(), "to", all);
    });
  }
  // x.new_zeros(2, 3): sizes one by one.
  if (name == "new_zeros" || name == "new_ones" || name == "new_empty") {
    return function(std::string(name), [tensor, op = std::string(name)](Evaluator& e, const Arguments& given) {
      Arguments sizes = sizes_in_a_list(given);
      sizes.positional.insert(sizes.positional.begin(), Any(tensor));
      return call_operator(e.net(), op, sizes);
    });
  }
  if (name == "new_tensor") {
    return function("new_tensor", [tensor](Evaluator& e, const Arguments& given) -> Result<Any> {
      Arguments all = given;
      const bool typed = std::ranges::any_of(all.keywords, [](const auto& k) { return k.first == "dtype"; });
      if (!typed) all.keywords.emplace_back("dtype", Any(TorchDType{TRY(tensor->read(e.net())).dtype()}));
      return call_operator(e.net(), "tensor", all);
    });
  }
  if (name == "new") {  // torch.Tensor's, before new_zeros: whatever it holds is written next
    return function("new", [tensor](Evaluator& e, const Arguments& given) -> Result<Any> {
      const DType type = TRY(tensor->read(e.net())).dtype();
      const bool data = given.positional.size() == 1 && items_of(given.positional[0]) != nullptr;
      return call_operator(e.net(), data ? "tensor" : "zeros",
                           {{data ? given.positional[0] : list(given.positional)}, {{"dtype", Any(TorchDType{type})}}});
    });
  }
  if (!constructing_) return std::nullopt;
  // Initial values of what the weights will replace.
  static constexpr std::string_view kInitial[] = {"normal_", "uniform_", "fill_", "zero_", "trunc_normal_", "random_",
                                                  "clamp_",  "copy_",    "mul_",  "div_",  "add_"};
  const bool chance = name == "normal_" || name == "uniform_" || name == "random_";
  if (chance || (parameters_.contains(tensor.get()) && std::ranges::find(kInitial, name) != std::end(kInitial)))
    return nothing(std::string(name), Any(tensor));
  return std::nullopt;
}

// --- what nn.Module gives

std::vector<std::pair<std::string, Any>> SourceHost::children(const std::shared_ptr<Object>& o) {
  std::vector<std::pair<std::string, Any>> out;
  for (const auto& [name, value] : o->attributes) {
    if (Kept::is_network(value)) out.emplace_back(name, value);
  }
  return out;
}

Status SourceHost::register_below(const std::shared_ptr<Object>& o, const std::string& prefix, std::vector<Registered>& out,
                                  int depth) {  // NOLINT(misc-no-recursion)
  if (depth > kModulesDeep || out.size() > kRegisteredMax) return neural::wrong("modules that hold each other, or too many");
  for (const auto& [name, value] : o->attributes) {
    const auto* t = value.as<TensorRef>();
    if (t != nullptr && parameters_.contains(t->get())) out.push_back({prefix + name, o, name, *t, true, true});
    if (t != nullptr && !parameters_.contains(t->get())) {
      const auto buffer = buffers_.find({o.get(), name});
      if (buffer != buffers_.end()) out.push_back({prefix + name, o, name, *t, false, buffer->second});
    }
    if (Kept::is_network(value)) TRY(register_below(*value.as<std::shared_ptr<Object>>(), prefix + name + ".", out, depth + 1));
  }
  return ok();
}

Result<std::vector<SourceHost::Registered>> SourceHost::registered(const Any& instance) {
  std::vector<Registered> out;
  if (const auto* o = instance.as<std::shared_ptr<Object>>()) TRY(register_below(*o, "", out, 0));
  return out;
}

namespace {

void below(const std::shared_ptr<Object>& o, const std::string& prefix, std::vector<std::pair<std::string, Any>>& out,
           int depth) {  // NOLINT(misc-no-recursion)
  out.emplace_back(prefix, Any(o));
  if (depth > kModulesDeep || out.size() > kRegisteredMax) return;
  for (const auto& [name, value] : o->attributes) {
    if (Kept::is_network(value)) below(*value.as<std::shared_ptr<Object>>(), prefix.empty() ? name : prefix + "." + name, out, depth + 1);
  }
}

Any pairs(const std::vector<std::pair<std::string, Any>>& items) {
  std::vector<Any> out;
  for (const auto& [name, value] : items) out.push_back(tuple({Any(name), value}));
  return list(std::move(out));
}
Any seconds(const std::vector<std::pair<std::string, Any>>& items) {
  std::vector<Any> out;
  for (const auto& [name, value] : items) out.push_back(value);
  return list(std::move(out));
}

Result<std::string> name_argument(const Arguments& a, std::string_view who) {
  const std::string* name = a.positional.empty() ? nullptr : a.positional[0].as<std::string>();
  for (const auto& [key, value] : a.keywords) {
    if (key == "name") name = value.as<std::string>();
  }
  if (name == nullptr) return neural::wrong(std::string(who) + ": the name must be a text");
  return *name;
}
Any second_argument(const Arguments& a) {
  if (a.positional.size() > 1) return a.positional[1];
  for (const auto& [key, value] : a.keywords) {
    if (key == "tensor" || key == "param" || key == "module") return value;
  }
  return {};
}

}  // namespace

Result<std::optional<Any>> SourceHost::module_method(Evaluator&, const std::shared_ptr<Object>& self, std::string_view name) {
  const auto made = [&](auto f) { return std::optional(function(std::string(name), std::move(f))); };
  if (name == "training") return std::optional(Any(false));
  if (name == "device") return std::optional(Any());
  if (name == "dtype") return std::optional(Any(TorchDType{DType::float32}));
  static constexpr std::string_view kSame[] = {"to",    "cuda", "cpu",     "eval",           "train",     "float",        "half",     "double",
                                               "apply", "type", "compile", "requires_grad_", "zero_grad", "share_memory", "bfloat16", "freeze"};
  if (std::ranges::find(kSame, name) != std::end(kSame)) return std::optional(nothing(std::string(name), Any(self)));
  static constexpr std::string_view kNothing[] = {"load_state_dict",  "log",       "log_dict", "flatten_parameters", "init_weights",
                                                  "reset_parameters", "extra_repr"};
  if (std::ranges::find(kNothing, name) != std::end(kNothing)) return std::optional(nothing(std::string(name)));
  if (name == "save_hyperparameters")
    return made([this, self](Evaluator& x, const Arguments& a) -> Result<Any> { return save_hyperparameters(x, self, a); });
  if (name == "register_buffer") {
    return made([this, self](Evaluator&, const Arguments& a) -> Result<Any> {
      const std::string key = TRY(name_argument(a, "register_buffer"));
      const Any value = second_argument(a);
      bool persistent = true;
      if (a.positional.size() > 2 && a.positional[2].as<bool>() != nullptr) persistent = *a.positional[2].as<bool>();
      for (const auto& [k, v] : a.keywords) {
        if (k == "persistent" && v.as<bool>() != nullptr) persistent = *v.as<bool>();
      }
      self->set(key, value);
      if (value.as<TensorRef>() != nullptr) buffers_[{self.get(), key}] = persistent;
      return Any();
    });
  }
  if (name == "register_parameter" || name == "add_module" || name == "register_module") {
    return made([self, name = std::string(name)](Evaluator&, const Arguments& a) -> Result<Any> {
      self->set(TRY(name_argument(a, name)), second_argument(a));
      return Any();
    });
  }
  if (name == "children") return made([this, self](Evaluator&, const Arguments&) -> Result<Any> { return seconds(children(self)); });
  if (name == "named_children") return made([this, self](Evaluator&, const Arguments&) -> Result<Any> { return pairs(children(self)); });
  if (name == "_child_names") {
    return made([this, self](Evaluator&, const Arguments&) -> Result<Any> {
      std::vector<Any> names;
      for (const auto& [key, value] : children(self)) names.emplace_back(key);
      return list(std::move(names));
    });
  }
  if (name == "_modules") {
    auto d = std::make_shared<Dict>();
    for (const auto& [key, value] : children(self)) d->items.emplace_back(Any(key), value);
    return std::optional(Any(d));
  }
  if (name == "modules" || name == "named_modules") {
    return made([self, named = name == "named_modules"](Evaluator&, const Arguments&) -> Result<Any> {
      std::vector<std::pair<std::string, Any>> all;
      below(self, "", all, 0);
      return named ? pairs(all) : seconds(all);
    });
  }
  if (name == "parameters" || name == "named_parameters" || name == "buffers" || name == "named_buffers") {
    return made([this, self, name = std::string(name)](Evaluator&, const Arguments&) -> Result<Any> {
      std::vector<std::pair<std::string, Any>> all;
      for (const Registered& r : TRY(registered(Any(self)))) {
        if (r.parameter == name.ends_with("parameters")) all.emplace_back(r.name, Any(r.cell));
      }
      return name.starts_with("named") ? pairs(all) : seconds(all);
    });
  }
  return std::optional<Any>();
}

// --- parameters

Result<Any> SourceHost::random(Evaluator& e, const Dims& dims) {
  for (const Dim& d : dims) {
    if (d.known() && d.value < 0) return neural::wrong("a tensor with a size of " + std::to_string(d.value));
  }
  return tensor(e.net().op("RandomNormal", {e.net().ints({0})}, DType::float32, dims));
}

Result<Any> SourceHost::parameter(Evaluator& e, const Arguments& arguments) {
  Any data = arguments.positional.empty() ? Any() : arguments.positional[0];
  for (const auto& [key, value] : arguments.keywords) {
    if (key == "data") data = value;
  }
  const auto* t = data.as<TensorRef>();
  if (t == nullptr) return neural::wrong("nn.Parameter: a tensor is wanted, not " + type_name(data));
  if (parameters_.contains(t->get())) return data;
  auto cell = std::make_shared<TensorCell>(TRY((*t)->read(e.net())));
  parameters_.emplace(cell.get(), cell);
  return Any(cell);
}

// copy.deepcopy: parameters of its own.
Result<Any> SourceHost::copy(Evaluator& e, const Any& value, std::map<const void*, Any>& done) {  // NOLINT(misc-no-recursion)
  if (done.size() > kRegisteredMax) return neural::wrong("a copy of too much");
  if (const auto* t = value.as<TensorRef>()) {
    auto [at, fresh] = done.try_emplace(t->get());
    if (!fresh) return at->second;
    auto cell = std::make_shared<TensorCell>(TRY((*t)->read(e.net())));
    if (parameters_.contains(t->get())) parameters_.emplace(cell.get(), cell);
    at->second = Any(cell);
    return Any(cell);
  }
  if (const auto* o = value.as<std::shared_ptr<Object>>(); o != nullptr && Kept::get(*o) != nullptr && Kept::get(*o)->what == Kept::What::instance) {
    auto [at, fresh] = done.try_emplace(o->get());
    if (!fresh) return at->second;
    auto made = std::make_shared<Object>();
    made->type = (*o)->type;
    made->host = (*o)->host;
    at->second = Any(made);
    for (const auto& [name, attribute] : (*o)->attributes) {
      made->set(name, TRY(copy(e, attribute, done)));
      const auto buffer = buffers_.find({o->get(), name});
      if (buffer != buffers_.end()) buffers_[{made.get(), name}] = buffer->second;
    }
    return Any(made);
  }
  if (const std::vector<Any>* items = items_of(value)) {
    std::vector<Any> out;
    for (const Any& item : *items) out.push_back(TRY(copy(e, item, done)));
    return value.as<std::shared_ptr<List>>() != nullptr ? list(std::move(out)) : tuple(std::move(out));
  }
  if (const auto* d = value.as<std::shared_ptr<Dict>>()) {
    auto out = std::make_shared<Dict>();
    for (const auto& [key, item] : (*d)->items) out->items.emplace_back(key, TRY(copy(e, item, done)));
    return Any(out);
  }
  return value;
}

}  // namespace slipway::importers::torch
