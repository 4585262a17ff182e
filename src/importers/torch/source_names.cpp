// The names that a source can use without defining them: imports, builtins, torch, math, numpy.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <numbers>

#include "slipway/importers/python/parser.hpp"
#include "slipway/importers/python/query.hpp"
#include "slipway/importers/torch/architectures.hpp"
#include "slipway/importers/torch/nn_modules.hpp"
#include "slipway/importers/torch/operator_call.hpp"
#include "slipway/importers/torch/scalars.hpp"
#include "slipway/importers/torch/source_functions.hpp"
#include "slipway/importers/torch/source_kept.hpp"

namespace slipway::importers::torch {
namespace {

using Kept = SourceHost::Kept;

// --- the names at the top of a file

class Names {
 public:
  explicit Names(SourceModule& m) : m_(m) {}
  void block(py::Block b, bool top) {  // NOLINT(misc-no-recursion): blocks nest at most py::kNestingMax deep
    for (const py::Stmt* s : b) statement(*s, top);
  }

 private:
  void statement(const py::Stmt& s, bool top) {  // NOLINT(misc-no-recursion)
    s.visit(py::Overloaded{[&](const py::Import& n) { imported(n); }, [&](const py::ImportFrom& n) { imported(n); },
                           [&](const py::Assign& n) {
                             for (const py::Expr* target : n.targets) {
                               assigned(*target, *n.value, top);
                               if (top) changed(s, *target);
                             }
                             search(*n.value);
                           },
                           [&](const py::AnnAssign& n) {
                             if (n.value != nullptr) assigned(*n.target, *n.value, top);
                           },
                           [&](const py::ExprStmt& n) {
                             search(*n.value);
                             const auto* c = n.value->as<py::Call>();
                             const auto* callee = c == nullptr ? nullptr : c->callee->as<py::Attribute>();
                             static constexpr std::string_view kChanging[] = {"add_module", "append", "extend", "update", "insert", "setdefault"};
                             if (top && callee != nullptr && std::ranges::find(kChanging, callee->name) != std::end(kChanging))
                               changed(s, *c->callee);
                           },
                           [&](const py::If& n) {
                             for (std::size_t i = 0; i <= n.arms.size(); ++i) {
                               arms_.push_back({&n, i});
                               block(i < n.arms.size() ? n.arms[i].body : n.otherwise, top);
                               arms_.pop_back();
                             }
                           },
                           [&](const py::Try& n) {
                             block(n.body, top);
                             for (const py::Handler& h : n.handlers) block(h.body, false);
                             block(n.finally, top);
                           },
                           [&](const py::With& n) {
                             for (const py::WithItem& item : n.items) {
                               if (item.target != nullptr) assigned(*item.target, *item.context, top);
                             }
                             block(n.body, top);
                           },
                           [&](const py::For& n) { block(n.body, top); }, [&](const py::While& n) { block(n.body, top); },
                           [&](const py::FunctionDef& n) {
                             for (const py::Parameter& p : n.parameters) {
                               if (p.default_value != nullptr) m_.defaults.try_emplace(std::string(p.name), p.default_value);
                             }
                             block(n.body, false);
                           },
                           [&](const py::ClassDef& n) {  // imports in methods
                             const bool before = std::exchange(imports_only_, true);
                             block(n.body, false);
                             imports_only_ = before;
                           },
                           [](const auto&) {}});
  }
  void changed(const py::Stmt& s, const py::Expr& target) {
    const py::Expr* root = &target;
    while (!root->is<py::Name>()) {
      if (const auto* a = root->as<py::Attribute>()) {
        root = a->object;
      } else if (const auto* i = root->as<py::Subscript>()) {
        root = i->object;
      } else {
        return;
      }
    }
    // model.fc = ..., and model = model.to(device) behind model = Net().
    const std::string_view name = root->as<py::Name>()->id;
    const auto* again = s.as<py::Assign>();
    if (root != &target || (again != nullptr && m_.constants.contains(name) && mentions(*again->value, name)))
      m_.changes[std::string(root->as<py::Name>()->id)].push_back(&s);
  }
  void imported(const py::Import& n) {
    for (const py::Alias& a : n.names) {
      const std::string first(a.name.substr(0, a.name.find('.')));
      if (a.other.empty()) m_.imports[first] = first;
      if (!a.other.empty()) m_.imports[std::string(a.other)] = a.name;
    }
  }
  void imported(const py::ImportFrom& n) {
    for (const py::Alias& a : n.names) {
      if (a.name == "*") {
        m_.stars.emplace_back(n.module);
      } else {
        const std::string path = n.module.empty() ? std::string(a.name) : std::string(n.module) + "." + std::string(a.name);
        m_.imports[std::string(a.other.empty() ? a.name : a.other)] = path;
      }
    }
  }
  static bool mentions(const py::Expr& e, std::string_view name) {  // NOLINT(misc-no-recursion): trees are at most py::kTreeDepthMax deep
    if (e.is_name(name)) return true;
    bool found = false;
    py::for_each_child(e, [&](const py::Expr& child) { found = found || mentions(child, name); });
    return found;
  }
  void assigned(const py::Expr& target, const py::Expr& value, bool top) {
    if (imports_only_) return;
    auto& names = top ? m_.constants : m_.loose;
    const auto* n = target.as<py::Name>();
    const bool known = n != nullptr && (names.contains(n->id) || m_.parts.contains(n->id));
    if (n != nullptr && !(known && mentions(value, n->id))) {
      if (top && (!arms_.empty() || m_.guarded.contains(n->id))) {
        auto& all = m_.guarded[std::string(n->id)];
        if (const auto before = names.find(n->id); all.empty() && before != names.end()) all.push_back({before->second, {}});
        all.push_back({&value, arms_});
      }
      names[std::string(n->id)] = &value;
    }
    const auto* targets = target.as<py::Tuple>();
    const auto* values = value.as<py::Tuple>();
    if (targets == nullptr) return;
    for (std::size_t i = 0; i < targets->items.size(); ++i) {
      if (values != nullptr && values->items.size() == targets->items.size()) {
        assigned(*targets->items[i], *values->items[i], top);
      } else if (const auto* c = value.as<py::Call>(); c != nullptr && i == 0) {
        const auto* callee = c->callee->as<py::Attribute>();
        if (callee != nullptr && callee->name == "parse_known_args") assigned(*targets->items[0], value, top);
      }
      const auto* part = targets->items[i]->as<py::Name>();
      if (part != nullptr && value.is<py::Call>() && !names.contains(part->id))
        m_.parts.try_emplace(std::string(part->id), SourceModule::Part{&value, i, top});
    }
  }
  // parser.add_argument("--hidden", "-n", type=int, default=64)
  void search(const py::Expr& e) {
    const auto* c = e.as<py::Call>();
    const auto* callee = c == nullptr ? nullptr : c->callee->as<py::Attribute>();
    if (callee == nullptr || callee->name != "add_argument" || c->arguments.empty()) return;
    std::string name;
    const py::Expr* otherwise = nullptr;
    bool off = false;
    for (const py::Expr* a : c->arguments) {
      const auto* text = a->as<py::Text>();
      if (text != nullptr && (name.empty() || (text->value.starts_with("--") && !name.starts_with("--")))) name = text->value;
    }
    for (const py::Keyword& k : c->keywords) {
      if (k.name == "default") otherwise = k.value;
      if (const auto* text = k.value->as<py::Text>(); text != nullptr && k.name == "action") off = text->value == "store_true";
      if (const auto* text = k.value->as<py::Text>(); text != nullptr && k.name == "dest") name = text->value;
    }
    while (name.starts_with('-')) name.erase(0, 1);
    std::ranges::replace(name, '-', '_');
    if ((otherwise != nullptr || off) && !name.empty()) m_.command_line[name] = otherwise;
  }
  SourceModule& m_;
  std::vector<SourceModule::Arm> arms_;  // around the statement
  bool imports_only_ = false;
};

// F.relu(x, True): what else holds the tensor sees it, such as the sum of a residual block that begins with it.
bool is_activation(std::string_view name) {
  static constexpr std::string_view kNames[] = {"relu", "relu6", "leaky_relu", "elu",         "selu",     "celu",     "rrelu",
                                                "silu", "mish",  "hardswish",  "hardsigmoid", "hardtanh", "threshold"};
  return std::ranges::find(kNames, name) != std::end(kNames);
}

Any operator_function(std::string name) {
  return function(name, [name](Evaluator& e, const Arguments& given) -> Result<Any> {
    // zeros(2, 3, dtype=...): sizes one by one are a list of sizes.
    if ((name == "zeros" || name == "ones" || name == "empty") && given.positional.size() > 1) {
      return call_operator(e.net(), name, sizes_in_a_list(given));
    }
    if (!is_activation(name)) return call_operator(e.net(), name, given);
    Arguments plain = given;
    bool in_place = false;
    std::erase_if(plain.keywords, [&](const auto& k) {
      if (k.first == "inplace") in_place = k.second.template as<bool>() != nullptr && *k.second.template as<bool>();
      return k.first == "inplace";
    });
    if (plain.positional.size() > 1 && plain.positional.back().as<bool>() != nullptr) {
      in_place = *plain.positional.back().as<bool>();
      plain.positional.pop_back();
    }
    Any result = TRY(call_operator(e.net(), name, plain));
    const TensorRef* target = plain.positional.empty() ? nullptr : plain.positional[0].as<TensorRef>();
    if (!in_place || target == nullptr || !(*target)->writable()) return result;
    TRY((*target)->write(e.net(), TRY((*result.as<TensorRef>())->read(e.net()))));
    return Any(*target);
  });
}

Result<Dims> dims_of(const Arguments& a, std::string_view who) {
  Dims dims;
  std::vector<Any> all = a.positional;
  for (const auto& [key, value] : a.keywords) {
    if (key == "size") all.push_back(value);
  }
  const auto add = [&](const Any& x) -> Status {
    if (const auto* d = x.as<Dim>()) {
      dims.push_back(*d);
      return ok();
    }
    return neural::wrong(std::string(who) + ": a size must be an integer, not " + type_name(x));
  };
  for (const Any& x : all) {
    if (const std::vector<Any>* items = items_of(x)) {
      for (const Any& item : *items) TRY(add(item));
    } else if (!x.none() && x.as<TorchDType>() == nullptr && x.as<bool>() == nullptr) {
      TRY(add(x));
    }
  }
  return dims;
}

}  // namespace

std::optional<DType> dtype_named(std::string_view name) {
  static constexpr std::pair<std::string_view, DType> kTypes[] = {
      {"float32", DType::float32}, {"float", DType::float32}, {"float64", DType::float64},   {"double", DType::float64},
      {"float16", DType::float16}, {"half", DType::float16},  {"bfloat16", DType::bfloat16}, {"int64", DType::int64},
      {"long", DType::int64},      {"int32", DType::int32},   {"int", DType::int32},         {"int16", DType::int16},
      {"short", DType::int16},     {"int8", DType::int8},     {"uint8", DType::uint8},       {"bool", DType::boolean}};
  for (const auto& [key, type] : kTypes) {
    if (key == name) return type;
  }
  return std::nullopt;
}

SourceModule::SourceModule(std::string file, py::Module parsed) : name(std::move(file)), tree(std::move(parsed)) {
  stem = name.substr(name.rfind('/') + 1);
  stem = stem.substr(0, stem.find('.'));
  Names(*this).block(tree.body(), true);
}

Result<Sources> read_sources(const std::vector<std::pair<std::string, std::string_view>>& files) {
  Sources out;
  for (const auto& [name, text] : files) {
    auto tree = py::parse(text, {.ipython = name.find(".ipynb") != std::string::npos});
    if (!tree.ok()) return Error(tree.error()).within(name);
    out.files.push_back(std::make_unique<SourceModule>(name, std::move(*tree)));
  }
  const bool wanted = files.empty() || std::ranges::any_of(files, [](const auto& f) {
                        return f.second.find("torchvision") != std::string_view::npos || f.second.find("timm") != std::string_view::npos;
                      });
  if (wanted) {
    static const std::string text = std::string(classic_architectures()) + std::string(mobile_architectures()) + std::string(modern_architectures()) +
                                    std::string(timm_architectures());
    out.models = std::make_unique<SourceModule>("torchvision.models", TRY(py::parse(text)));
  }
  out.nn = std::make_unique<SourceModule>("torch.nn", TRY(py::parse(nn_modules_text())));
  return out;
}

// --- names

Result<std::optional<Any>> SourceHost::global(Evaluator& e, const py::Module* module, std::string_view name) {
  const SourceModule* at = module == &sources_.nn->tree ? sources_.nn.get() : nullptr;
  if (sources_.models && module == &sources_.models->tree) at = sources_.models.get();
  for (const auto& file : sources_.files) {
    if (&file->tree == module) at = file.get();
  }
  if (at != nullptr) {
    if (auto found = TRY(lookup(e, *at, name))) return found;
  }
  if (at == sources_.nn.get()) {
    if (name == "Parameter") return std::optional(builtin_function(name, [this](Evaluator& x, const Arguments& a) { return parameter(x, a); }));
    if (name == "_random") {
      return std::optional(builtin_function(
          name, [this](Evaluator& x, const Arguments& a) -> Result<Any> { return random(x, TRY(dims_of(counted(x, a), "a layer"))); }));
    }
    if (name == "_lazy_size") {  // of what a layer will be given: its weights tell
      return std::optional(builtin_function(name, [this](Evaluator& x, const Arguments&) -> Result<Any> {
        return Any(*opaque_size(x, opaque("lazy layer " + std::to_string(++lazy_layers_)), ""));
      }));
    }
    if (name == "_no_rows") {
      return std::optional(builtin_function(name, [](Evaluator& x, const Arguments&) -> Result<Any> {
        x.net().note_no_rows();
        return Any();
      }));
    }
    if (name == "_sequence_first") {  // [length, batch, features]: when requests' rows are the length, they aren't independent
      return std::optional(builtin_function(name, [](Evaluator& x, const Arguments& a) -> Result<Any> {
        const auto* t = a.positional.empty() ? nullptr : a.positional[0].as<TensorRef>();
        if (t != nullptr && TRY((*t)->read(x.net())).dims.at(0) == x.net().rows()) x.net().note_no_rows();
        return Any();
      }));
    }
    if (name == "_clone") {
      return std::optional(builtin_function(name, [this](Evaluator& x, const Arguments& a) -> Result<Any> {
        std::map<const void*, Any> done;
        return copy(x, TRY(first(a, "copy")), done);
      }));
    }
  }
  return builtin(e, name);
}

Result<std::optional<Any>> SourceHost::lookup(Evaluator& e, const SourceModule& module, std::string_view name) {
  if (const py::Stmt* s = py::find_class(module.tree, name)) return std::optional(TRY(class_value(e, module, *s->as<py::ClassDef>())));
  if (const py::Stmt* s = py::find_function(module.tree, name))
    return std::optional(e.function_value(*s->as<py::FunctionDef>(), &module.tree, nullptr, std::nullopt));
  if (const auto found = module.constants.find(name); found != module.constants.end())
    return std::optional(TRY(constant(e, module, name, chosen(e, module, std::string(name), *found->second))));
  if (const auto found = module.imports.find(name); found != module.imports.end()) return std::optional(TRY(path_value(e, found->second)));
  for (const std::string& star : module.stars) {
    if (&module == sources_.nn.get() || ++resolving_ > 50) break;
    auto found = TRY(in_path(e, star, name));
    --resolving_;
    const Kept* kept = found ? Kept::get(*found) : nullptr;
    if (found && (kept == nullptr || kept->what != Kept::What::unknown)) return found;
  }
  if (const auto found = module.parts.find(name); found != module.parts.end() && (found->second.top || everywhere_)) {
    if (++resolving_ > 50) return neural::wrong("the value of " + std::string(name) + " depends on itself");
    const Any whole = TRY(e.evaluate(*found->second.of, nullptr, &module.tree));
    --resolving_;
    const std::vector<Any>* items = items_of(whole);
    if (items != nullptr && found->second.item < items->size()) return std::optional((*items)[found->second.item]);
    if (is_foreign(whole)) return std::optional(unknown(Kept::get(whole)->path + "[" + std::to_string(found->second.item) + "]"));
  }
  if (everywhere_) {
    if (const auto found = module.loose.find(name); found != module.loose.end()) return std::optional(TRY(constant(e, module, name, *found->second)));
    if (const auto found = module.defaults.find(name); found != module.defaults.end())
      return std::optional(TRY(constant(e, module, name, *found->second)));
    // The parameter of a function that makes the network, by the names that people give a parsed command line.
    static constexpr std::string_view kParsed[] = {"args", "opt", "opts", "options", "FLAGS", "config", "cfg", "hparams", "params"};
    const auto with = std::ranges::find_if(sources_.files, [](const auto& f) { return !f->command_line.empty(); });
    if (std::ranges::find(kParsed, name) != std::end(kParsed) && with != sources_.files.end()) {
      auto o = std::make_shared<Object>();
      o->type = "the command line";
      o->host = std::make_shared<Kept>(Kept{Kept::What::command_line, {}, nullptr, nullptr, with->get()});
      return std::optional(Any(o));
    }
  }
  return std::optional<Any>();
}

// Whether the statement in these arms is reached. nullopt: nothing tells.
std::optional<bool> SourceHost::holds(Evaluator& e, const SourceModule& module, const std::vector<SourceModule::Arm>& arms) {
  for (const SourceModule::Arm& at : arms) {
    for (std::size_t i = 0; i <= at.arm && i < at.of->arms.size(); ++i) {
      const auto test = e.evaluate(*at.of->arms[i].test, nullptr, &module.tree);
      const auto is = test.ok() && !is_foreign(*test) ? truth(e.net(), *test) : Result<bool>(neural::wrong("unknown"));
      e.forget_place();
      if (!is.ok()) return std::nullopt;
      if (*is != (i == at.arm)) return false;
    }
  }
  return true;
}

// Of a name that decisions at the top give a value (nc = 3 for one data set, 1 for another): the last assignment that is reached.
const py::Expr& SourceHost::chosen(Evaluator& e, const SourceModule& module, const std::string& name, const py::Expr& last) {
  const auto found = module.guarded.find(name);
  const std::string place = module.stem + " " + name;
  if (found == module.guarded.end() || !choosing_.insert(place).second) return last;
  const py::Expr* best = &last;
  for (auto at = found->second.rbegin(); at != found->second.rend(); ++at) {
    if (holds(e, module, at->arms) != true) continue;
    best = at->value;
    break;
  }
  choosing_.erase(place);
  return *best;
}

Result<Any> SourceHost::constant(Evaluator& e, const SourceModule& module, std::string_view name, const py::Expr& expr) {
  const std::string place = module.stem + " " + std::string(name) + " " + std::to_string(reinterpret_cast<std::uintptr_t>(&expr));
  if (const auto known = constants_.find(place); known != constants_.end()) return known->second;
  if (const auto* c = expr.as<py::Call>()) {
    const auto* callee = c->callee->as<py::Attribute>();
    if (callee != nullptr && (callee->name == "parse_args" || callee->name == "parse_known_args")) {
      auto o = std::make_shared<Object>();
      o->type = "the command line";
      o->host = std::make_shared<Kept>(Kept{Kept::What::command_line, {}, nullptr, nullptr, &module});
      constants_[place] = Any(o);
      Any value(o);
      TRY(apply_changes(e, module, name, value));
      constants_[place] = value;
      return value;
    }
  }
  if (++resolving_ > 50) return neural::wrong("the value of " + std::string(name) + " depends on itself");
  Any value = TRY(e.evaluate(expr, nullptr, &module.tree));
  --resolving_;
  constants_[place] = value;
  TRY(apply_changes(e, module, name, value));
  return value;
}

// args.hidden = 64, config["depth"] = 4, layers.append(...) at the top, behind the value itself. What can't be told (a path, a device) is left out:
// whoever needs it says so.
Status SourceHost::apply_changes(Evaluator& e, const SourceModule& module, std::string_view name, Any& value) {
  const auto found = module.changes.find(name);
  if (found == module.changes.end()) return ok();
  auto scope = std::make_shared<Scope>();
  scope->names[std::string(name)] = value;
  for (const py::Stmt* s : found->second) (void)e.run(std::span(&s, 1), scope, &module.tree);
  e.forget_place();
  value = scope->names[std::string(name)];
  return ok();
}

Result<Any> SourceHost::path_value(Evaluator& e, const std::string& path) {
  static constexpr std::string_view kSpaces[] = {"torch",       "math",   "numpy", "typing",    "collections", "copy",  "functools",
                                                 "torchvision", "einops", "timm",  "itertools", "inspect",     "random"};
  if (std::ranges::find(kSpaces, path) != std::end(kSpaces) || path.starts_with("torch.")) {
    const std::size_t dot = path.rfind('.');
    if (dot == std::string::npos) return name_space(path);
    if (auto found = TRY(in_path(e, path.substr(0, dot), std::string_view(path).substr(dot + 1)))) return *found;
    return neural::wrong(path + " is not supported");
  }
  const std::size_t dot = path.rfind('.');
  if (dot != std::string::npos) {
    if (auto found = TRY(in_path(e, path.substr(0, dot), std::string_view(path).substr(dot + 1)))) return *found;
  }
  for (const auto& file : sources_.files) {
    if (file->stem == last_of(path)) return name_space(path);
  }
  return unknown(path);
}

Result<std::optional<Any>> SourceHost::in_path(Evaluator& e, const std::string& path, std::string_view name) {
  if (path == "torch" || path.starts_with("torch.")) return in_torch(e, path, name);
  const auto made = [&](auto f) { return std::optional(builtin_function(name, std::move(f))); };
  if (path == "math" || path == "numpy") return in_mathematics(path, name);
  if (auto found = TRY(in_library(e, path, name))) return found;
  if (path == "copy" && (name == "deepcopy" || name == "copy")) {
    return made([this](Evaluator& x, const Arguments& a) -> Result<Any> {
      std::map<const void*, Any> done;
      return copy(x, TRY(first(a, "deepcopy")), done);
    });
  }
  if (path == "collections" && name == "OrderedDict") return builtin(e, "dict");
  if (path == "functools" && name == "partial") {
    return made([](Evaluator&, const Arguments& a) -> Result<Any> {
      const Any callee = TRY(first(a, "partial"));
      return function("partial", [callee, a](Evaluator& x, const Arguments& more) {
        Arguments all = a;
        all.positional.erase(all.positional.begin());
        all.positional.insert(all.positional.end(), more.positional.begin(), more.positional.end());
        for (const auto& k : more.keywords) {
          const auto known = std::ranges::find_if(all.keywords, [&](const auto& have) { return have.first == k.first; });
          if (known != all.keywords.end()) {
            known->second = k.second;
          } else {
            all.keywords.push_back(k);
          }
        }
        return x.call(callee, all);
      });
    });
  }
  for (const auto& file : sources_.files) {
    if (file->stem != last_of(path)) continue;
    if (auto found = TRY(lookup(e, *file, name))) return found;
  }
  for (const auto& file : sources_.files) {  // package.net, with net.py given
    if (file->stem == name) return std::optional(name_space(path + "." + std::string(name)));
  }
  return std::optional(unknown(path + "." + std::string(name)));
}

Result<std::optional<Any>> SourceHost::in_torch(Evaluator& e, const std::string& path, std::string_view name) {
  const auto made = [&](auto f) { return std::optional(builtin_function(name, std::move(f))); };
  const auto ignored = [](Evaluator&, const Arguments& a) -> Result<Any> { return a.positional.empty() ? Any() : a.positional[0]; };
  if (path == "torch.nn" || path.starts_with("torch.nn.modules") || path == "torch.nn.parameter") {
    if (name == "functional" || name == "init" || name == "utils" || name == "modules" || name == "parameter")
      return std::optional(name_space("torch.nn." + std::string(name)));
    if (name == "Parameter") return made([this](Evaluator& x, const Arguments& a) { return parameter(x, a); });
    if (name == "parallel") return std::optional(name_space("torch.nn.utils"));
    if (name == "DataParallel") return made(ignored);
    if (name.starts_with('_')) return std::optional<Any>();
    if (const py::Stmt* s = py::find_class(sources_.nn->tree, name)) return std::optional(TRY(class_value(e, *sources_.nn, *s->as<py::ClassDef>())));
    if (name.ends_with("Loss")) {  // in __init__ as self.criterion: no part of an answer
      const py::Stmt* s = py::find_class(sources_.nn->tree, "Identity");
      return std::optional(TRY(class_value(e, *sources_.nn, *s->as<py::ClassDef>())));
    }
    if (path.starts_with("torch.nn.modules") && name[0] >= 'a' && name[0] <= 'z') return std::optional(name_space("torch.nn.modules"));
    return std::optional(unknown("torch.nn." + std::string(name)));
  }
  const auto written = [&](const std::string& function) -> std::optional<Any> {  // in the language, in our text
    const py::Stmt* s = py::find_function(sources_.nn->tree, function);
    if (s == nullptr) return std::nullopt;
    return e.function_value(*s->as<py::FunctionDef>(), &sources_.nn->tree, nullptr, std::nullopt);
  };
  if (path == "torch" || path == "torch.nn.functional") {
    static constexpr std::string_view kTexts[] = {"quantile",
                                                  "lp_pool1d",
                                                  "lp_pool2d",
                                                  "logaddexp",
                                                  "column_stack",
                                                  "count_nonzero",
                                                  "renorm",
                                                  "mse_loss",
                                                  "l1_loss",
                                                  "huber_loss",
                                                  "smooth_l1_loss",
                                                  "nll_loss",
                                                  "cross_entropy",
                                                  "kl_div",
                                                  "binary_cross_entropy",
                                                  "margin_ranking_loss",
                                                  "hinge_embedding_loss",
                                                  "soft_margin_loss",
                                                  "gaussian_nll_loss",
                                                  "poisson_nll_loss",
                                                  "triplet_margin_loss",
                                                  "cosine_embedding_loss",
                                                  "binary_cross_entropy_with_logits"};
    if (std::ranges::find(kTexts, name) != std::end(kTexts)) return written("_" + std::string(name));
  }
  if (path == "torch" && name == "unsqueeze") return std::optional(operator_function("new_axis"));
  if (path == "torch.nn.init" && name == "_calculate_fan_in_and_fan_out") return written("_fans");
  if (path == "torch.nn.init" && name == "calculate_gain") return made([](Evaluator&, const Arguments&) -> Result<Any> { return Any(1.0); });
  if (path == "torch.nn.utils.rnn") {
    if (name == "PackedSequence")
      return std::optional(TRY(class_value(e, *sources_.nn, *py::find_class(sources_.nn->tree, name)->as<py::ClassDef>())));
    if (auto found = written("_" + std::string(name))) return found;
  }
  if (path == "torch.distributions" || path.starts_with("torch.distributions.")) {
    if (name == "kl_divergence") return written("_kl_divergence");
    if (const py::Stmt* s = py::find_class(sources_.nn->tree, "_" + std::string(name)))
      return std::optional(TRY(class_value(e, *sources_.nn, *s->as<py::ClassDef>())));
    if (name[0] >= 'a' && name[0] <= 'z') return std::optional(name_space("torch.distributions." + std::string(name)));
  }
  if (path == "torch.nn.functional") {
    static constexpr std::string_view kOwn[] = {"fold", "unfold", "max_unpool1d", "max_unpool2d", "max_unpool3d"};  // operators of other arguments
    if (std::ranges::find(kOwn, name) != std::end(kOwn)) {
      const py::Stmt* s = py::find_function(sources_.nn->tree, "_" + std::string(name));
      return std::optional(e.function_value(*s->as<py::FunctionDef>(), &sources_.nn->tree, nullptr, std::nullopt));
    }
    static constexpr std::pair<std::string_view, std::string_view> kOthers[] = {
        {"dropout", "functional_dropout"},       {"dropout1d", "functional_dropout"},
        {"dropout2d", "functional_dropout"},     {"dropout3d", "functional_dropout"},
        {"alpha_dropout", "functional_dropout"}, {"feature_alpha_dropout", "functional_dropout"},
        {"batch_norm", "functional_batch_norm"}, {"instance_norm", "functional_instance_norm"},
        {"embedding", "functional_embedding"},   {"upsample", "interpolate"},
        {"upsample_bilinear", "interpolate"}};
    for (const auto& [python, op] : kOthers) {
      if (python == name) return std::optional(operator_function(std::string(op)));
    }
    if (is_operator(name)) return std::optional(operator_function(std::string(name)));
    return std::optional(unknown("torch.nn.functional." + std::string(name)));
  }
  if (path == "torch.nn.utils.parametrizations" && (name == "weight_norm" || name == "spectral_norm")) {
    const py::Stmt* s = py::find_function(sources_.nn->tree, "_parametrized_" + std::string(name));
    return std::optional(e.function_value(*s->as<py::FunctionDef>(), &sources_.nn->tree, nullptr, std::nullopt));
  }
  if (path == "torch.nn.init" || (path == "torch.autograd" && name == "Variable")) return made(ignored);
  if (path == "torch.nn.utils") {
    if (name == "clip_grad_norm_" || name == "clip_grad_value_") return made(ignored);
    // As __init__ leaves the layer: its weight is calculated from other parameters.
    if (name == "weight_norm" || name == "spectral_norm") {
      const py::Stmt* s = py::find_function(sources_.nn->tree, "_" + std::string(name));
      return std::optional(e.function_value(*s->as<py::FunctionDef>(), &sources_.nn->tree, nullptr, std::nullopt));
    }
    if (name == "rnn" || name == "parametrizations") return std::optional(name_space("torch.nn.utils." + std::string(name)));
    return std::optional(unknown("torch.nn.utils." + std::string(name)));
  }
  if (path == "torch.cuda" || path == "torch.backends" || path.starts_with("torch.backends.")) {
    if (name == "mps" || name == "cudnn" || name == "amp") return std::optional(name_space("torch.backends." + std::string(name)));
    return made([](Evaluator&, const Arguments&) -> Result<Any> { return Any(false); });
  }
  if (path == "torch.fft" && is_operator("fft_" + std::string(name))) return std::optional(operator_function("fft_" + std::string(name)));
  if (path == "torch.sparse" && name == "mm") return std::optional(operator_function("mm"));
  if (path.starts_with("torch.utils.checkpoint") && name == "checkpoint") {
    return made([](Evaluator& x, const Arguments& a) -> Result<Any> {  // calculated again in training; here once
      const Any f = TRY(first(a, "checkpoint"));
      return x.call(f, {{a.positional.begin() + 1, a.positional.end()}, {}});
    });
  }
  if (path != "torch") return std::optional(unknown(path + "." + std::string(name)));

  static constexpr std::string_view kSpaces[] = {"nn", "cuda", "backends", "fft", "distributions"};
  if (std::ranges::find(kSpaces, name) != std::end(kSpaces)) return std::optional(name_space("torch." + std::string(name)));
  if (const auto type = dtype_named(name)) return std::optional(Any(TorchDType{*type}));
  for (const std::string_view complex : {"cfloat", "complex64", "cdouble", "complex128"}) {
    if (name == complex) return std::optional(Any(TorchDType{.dtype = DType::float32, .complex = true}));
  }
  if (name == "pi") return std::optional(Any(std::numbers::pi));
  if (name == "inf") return std::optional(Any(HUGE_VAL));
  if (name == "nan") return std::optional(Any(std::nan("")));
  if (name == "device" || name == "strided" || name == "channels_last" || name == "contiguous_format" || name == "Generator")
    return made([](Evaluator&, const Arguments&) -> Result<Any> { return Any(); });
  static constexpr std::string_view kIgnored[] = {"manual_seed",
                                                  "no_grad",
                                                  "enable_grad",
                                                  "inference_mode",
                                                  "set_grad_enabled",
                                                  "set_num_threads",
                                                  "compile",
                                                  "set_default_dtype",
                                                  "set_float32_matmul_precision",
                                                  "from_numpy",
                                                  "Size",
                                                  "autocast"};
  if (std::ranges::find(kIgnored, name) != std::end(kIgnored)) return made(ignored);
  if (name == "__version__") return std::optional(Any("2.15.0"));
  if (name == "spmm") return std::optional(operator_function("mm"));
  if (name == "is_tensor")
    return made([](Evaluator&, const Arguments& a) -> Result<Any> { return Any(TRY(first(a, "is_tensor")).as<TensorRef>() != nullptr); });
  if (name == "is_grad_enabled") return made([](Evaluator&, const Arguments&) -> Result<Any> { return Any(false); });
  if (name == "finfo" || name == "iinfo") {
    return made([](Evaluator&, const Arguments&) -> Result<Any> {
      auto o = std::make_shared<Object>();
      o->type = "finfo";
      o->set("min", Any(static_cast<double>(std::numeric_limits<float>::lowest())));
      o->set("max", Any(static_cast<double>(std::numeric_limits<float>::max())));
      o->set("eps", Any(static_cast<double>(std::numeric_limits<float>::epsilon())));
      o->set("tiny", Any(static_cast<double>(std::numeric_limits<float>::min())));
      return Any(o);
    });
  }
  static constexpr std::string_view kRandom[] = {"randn", "rand", "randint", "normal", "empty", "randperm"};
  if (constructing_ && std::ranges::find(kRandom, name) != std::end(kRandom)) {
    return made([this, name = std::string(name)](Evaluator& x, const Arguments& a) -> Result<Any> {
      Arguments sizes = a;
      if (name == "randint" || name == "normal") {
        std::erase_if(sizes.positional, [](const Any& v) { return items_of(v) == nullptr; });
      }
      return random(x, TRY(dims_of(counted(x, sizes), name)));
    });
  }
  if (constructing_ && (name == "randn_like" || name == "rand_like" || name == "empty_like")) {
    return made([this](Evaluator& x, const Arguments& a) -> Result<Any> {
      const Any like = TRY(first(a, "randn_like"));
      if (like.as<TensorRef>() == nullptr) return neural::wrong("randn_like: takes a tensor");
      return random(x, TRY((*like.as<TensorRef>())->read(x.net())).dims);
    });
  }
  if (name == "Tensor" || name == "FloatTensor" || name == "LongTensor" || name == "IntTensor" || name == "BoolTensor" || name == "DoubleTensor") {
    const DType type = name == "LongTensor"   ? DType::int64
                       : name == "IntTensor"  ? DType::int32
                       : name == "BoolTensor" ? DType::boolean
                                              : DType::float32;
    return made([this, type](Evaluator& x, const Arguments& a) -> Result<Any> {
      if (a.positional.size() == 1 && a.positional[0].as<Dim>() == nullptr)
        return call_operator(x.net(), "tensor", {{a.positional[0]}, {{"dtype", Any(TorchDType{type})}}});
      return random(x, TRY(dims_of(a, "Tensor")));
    });
  }
  if (is_operator(name)) return std::optional(operator_function(std::string(name)));
  return std::optional(unknown("torch." + std::string(name)));
}

}  // namespace slipway::importers::torch
