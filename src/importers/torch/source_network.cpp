#include "slipway/importers/torch/source_network.hpp"

#include <algorithm>
#include <set>

#include "slipway/base/encoding.hpp"
#include "slipway/importers/python/query.hpp"
#include "slipway/importers/torch/scalars.hpp"

namespace slipway::importers::torch {
namespace {

namespace files = slipway::torch;

constexpr int kAttemptsMax = 4'000;
constexpr std::size_t kCallsMax = 20;

Error refuse(std::string what) { return {ErrorCode::model_refused, std::move(what)}; }

using Kind = ClassArgument::Kind;
struct Unknown {
  std::size_t argument, item;
};
using Unknowns = std::map<std::uint32_t, Unknown>;  // by symbol

Result<Any> make(Evaluator& e, SourceHost& host, const Recipe& r, Unknowns* unknowns) {
  Arguments arguments;
  host.look_everywhere(true);
  for (std::size_t i = 0; i < r.arguments.size(); ++i) {
    const ClassArgument& a = r.arguments[i];
    Any value = a.constant;
    if (a.kind == Kind::expression) value = TRY(e.evaluate(*a.expression, nullptr, a.module));
    const auto symbol = [&](std::size_t item) -> Any {
      if (unknowns == nullptr) {  // to the forward an object that nothing can be done with
        auto o = std::make_shared<Object>();
        o->type = "the argument " + a.name + ", which nothing tells,";
        return Any(o);
      }
      const Dim d = e.net().symbol();
      (*unknowns)[d.symbol] = {i, item};
      return Any(d);
    };
    if (a.kind == Kind::symbol) {
      if (unknowns == nullptr && a.has_default) continue;
      value = symbol(0);
    }
    if (a.kind == Kind::symbols) {
      std::vector<Any> items;
      for (std::size_t k = 0; k < a.solved.size(); ++k) items.push_back(a.solved[k] ? Any(*a.solved[k]) : symbol(k));
      value = list(std::move(items));
    }
    if (a.name.empty()) {
      arguments.positional.push_back(std::move(value));
    } else {
      arguments.keywords.emplace_back(a.name, std::move(value));
    }
  }
  host.look_everywhere(false);
  const Any type = TRY(host.find_class(e, r.class_name));
  if (type.none()) return refuse("the source has no class " + r.class_name);
  return e.call(type, arguments);
}

// --- how well an instance fits

struct Fit {
  bool exact = false;
  bool made = false;                  // __init__ went through
  std::size_t matching = 0;           // names of the right shape
  std::string why;                    // it doesn't fit, or couldn't be made
  std::optional<std::size_t> needed;  // the argument that has to be a number
  bool wants_list = false;
  Recipe recipe;
};

std::string sizes_text(const Shape& sizes) {
  std::string out;
  for (const std::int64_t s : sizes) out += (out.empty() ? "" : "×") + std::to_string(s);
  return out.empty() ? "a number" : out;
}

bool is_extra(std::string_view name) { return name.ends_with("total_ops") || name.ends_with("total_params"); }  // of profilers

class Fitting {
 public:
  Fitting(const Sources& sources, const files::StateDict& weights) : sources_(sources), weights_(weights) {}

  // With every unknown number solved that the shapes settle.
  Fit fit(Recipe recipe) {
    Fit f;
    for (int round = 0; round < 8; ++round) {
      f = once(std::move(recipe));
      recipe = f.recipe;
      if (!solved_something_) break;
    }
    return f;
  }

  // And those tried out that __init__ needs before it makes anything: the one that it says it needs (a loop over it), else each with the
  // sizes that the weights have; a list where one is gone through.
  Fit search(const Recipe& recipe, int depth = 0) {  // NOLINT(misc-no-recursion): depth
    Fit best = fit(recipe);
    if (best.exact || best.made || depth >= 4) return best;
    std::vector<std::size_t> which;
    if (best.needed) {
      which.push_back(*best.needed);
    } else {
      for (std::size_t i = 0; i < best.recipe.arguments.size(); ++i) {
        if (best.recipe.arguments[i].kind == Kind::symbol && !best.recipe.arguments[i].has_default) which.push_back(i);
      }
    }
    const Fit failed = best;
    for (const std::size_t i : which) {
      for (const ClassArgument& value : guesses(failed)) {
        if (attempts_ > kAttemptsMax) return best;
        Recipe next = failed.recipe;
        const std::string name = next.arguments[i].name;
        next.arguments[i] = value;
        next.arguments[i].name = name;
        Fit f = fit(next);
        if (!f.exact && !f.made && f.why != failed.why) f = search(next, depth + 1);  // it came further
        if (f.exact) return f;
        if (f.made && (!best.made || f.matching > best.matching)) best = std::move(f);
      }
    }
    return best;
  }

 private:
  std::vector<ClassArgument> guesses(const Fit& failed) const {
    std::vector<ClassArgument> out;
    if (failed.wants_list) {
      for (std::size_t n = 1; n <= 8; ++n) {
        ClassArgument a;
        a.kind = Kind::symbols;
        a.solved.resize(n);
        out.push_back(std::move(a));
      }
      return out;
    }
    std::vector<std::int64_t> numbers{1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 24, 9, 11, 13, 14, 15, 18, 20, 32, 48, 64};
    if (!failed.needed) {
      numbers.clear();
      for (const files::NamedTensor& t : weights_.tensors()) {
        for (const std::int64_t size : t.tensor.sizes) {
          if (numbers.size() < 24 && std::ranges::find(numbers, size) == numbers.end()) numbers.push_back(size);
        }
      }
      for (const std::int64_t n : {1, 2, 3, 4}) {
        if (std::ranges::find(numbers, n) == numbers.end()) numbers.push_back(n);
      }
    }
    for (const std::int64_t n : numbers) {
      ClassArgument a;
      a.constant = Any(n);
      out.push_back(std::move(a));
    }
    return out;
  }

  Fit once(Recipe recipe) {
    ++attempts_;
    solved_something_ = false;
    Fit f;
    graph::Builder builder("class");
    Net net(builder, true);
    SourceHost host(sources_);
    Evaluator e(net, host);
    Unknowns unknowns;
    const auto instance = make(e, host, recipe, &unknowns);
    f.recipe = std::move(recipe);
    if (!instance.ok()) {
      f.why = instance.error().detail();
      if (const auto needed = host.needed(); needed && unknowns.contains(needed->symbol)) f.needed = unknowns.at(needed->symbol).argument;
      f.wants_list = f.why.find("a loop over int") != std::string::npos || f.why.find("an item of int") != std::string::npos ||
                     f.why.find("len: ") != std::string::npos;
      if (f.wants_list) f.needed.reset();
      return f;
    }
    f.made = true;
    const auto registered = host.registered(*instance);
    if (!registered.ok()) {
      f.why = registered.error().detail();
      return f;
    }
    compare(net, *registered, unknowns, f);
    return f;
  }

  void compare(Net& net, const std::vector<SourceHost::Registered>& registered, const Unknowns& unknowns, Fit& f) {
    std::set<std::string, std::less<>> names;
    std::size_t wrong = 0;
    const auto complain = [&](std::string what) {
      if (++wrong <= 3) f.why += (f.why.empty() ? "" : "; ") + std::move(what);
    };
    for (const SourceHost::Registered& r : registered) {
      names.insert(r.name);
      const files::TensorView* t = weights_.find(r.name);
      if (t == nullptr) {
        const bool may_be_absent = !r.parameter && r.attribute != "running_mean" && r.attribute != "running_var";
        if (!may_be_absent) complain("the file has no " + r.name);
        continue;
      }
      const auto value = r.cell->read(net);
      if (!value.ok()) continue;
      bool fits = value->rank() == t->sizes.size();
      for (std::size_t d = 0; d < t->sizes.size() && fits; ++d) {
        const Dim& dim = value->dims[d];
        if (dim.known()) {
          fits = dim.value == t->sizes[d];
        } else if (const auto solved = net.solve(dim, t->sizes[d]); solved && unknowns.contains(solved->first.symbol)) {
          take(unknowns.at(solved->first.symbol), solved->second, f.recipe);
        }
      }
      if (fits) {
        ++f.matching;
      } else {
        complain(r.name + " is " + sizes_text(t->sizes) + " in the file, " + neural::dims_text(value->dims) + " in the class");
      }
    }
    for (const files::NamedTensor& t : weights_.tensors()) {
      if (!names.contains(t.name) && !is_extra(t.name)) complain("the class has no " + t.name);
    }
    if (wrong > 3) f.why += "; and " + std::to_string(wrong - 3) + " more";
    f.exact = wrong == 0 && !registered.empty() && !solved_something_;
  }

  void take(const Unknown& u, std::int64_t value, Recipe& recipe) {
    ClassArgument& a = recipe.arguments[u.argument];
    if (a.kind == Kind::symbols && !a.solved[u.item]) {
      a.solved[u.item] = value;
      solved_something_ = true;
    } else if (a.kind == Kind::symbol) {
      a.kind = Kind::constant;
      a.constant = Any(value);
      solved_something_ = true;
    }
  }

  const Sources& sources_;
  const files::StateDict& weights_;
  int attempts_ = 0;
  bool solved_something_ = false;
};

// --- calls of a class in the source

class Calls {
 public:
  struct Found {
    const py::Call* call;
    const SourceModule* module;
    std::uint32_t line;
  };
  static std::vector<Found> of(const Sources& sources, std::string_view name) {
    Calls c(name);
    for (const auto& file : sources.files) {
      c.module_ = file.get();
      c.block(file->tree.body());
    }
    return std::move(c.found_);
  }

 private:
  explicit Calls(std::string_view name) : name_(name) {}
  void block(py::Block b) {  // NOLINT(misc-no-recursion): blocks nest at most py::kNestingMax deep
    for (const py::Stmt* s : b) {
      s->visit(py::Overloaded{[&](const py::ExprStmt& n) { expr(n.value); }, [&](const py::Assign& n) { expr(n.value); },
                              [&](const py::AnnAssign& n) { expr(n.value); }, [&](const py::Return& n) { expr(n.value); },
                              [&](const py::If& n) {
                                for (const py::Arm& arm : n.arms) block(arm.body);
                                block(n.otherwise);
                              },
                              [&](const py::For& n) { block(n.body); }, [&](const py::While& n) { block(n.body); },
                              [&](const py::With& n) { block(n.body); },
                              [&](const py::Try& n) {
                                block(n.body);
                                block(n.otherwise);
                                block(n.finally);
                              },
                              [&](const py::FunctionDef& n) { block(n.body); }, [&](const py::ClassDef& n) { block(n.body); }, [](const auto&) {}});
    }
  }
  void expr(const py::Expr* e) {  // NOLINT(misc-no-recursion): trees are at most py::kTreeDepthMax deep
    if (e == nullptr) return;
    if (const auto* c = e->as<py::Call>()) {
      const auto dotted = py::dotted_name(*c->callee);
      if (dotted && (*dotted == name_ || dotted->ends_with("." + std::string(name_))) && found_.size() < kCallsMax)
        found_.push_back({c, module_, e->place.line});
    }
    py::for_each_child(*e, [&](const py::Expr& child) { expr(&child); });
  }
  std::string_view name_;
  const SourceModule* module_ = nullptr;
  std::vector<Found> found_;
};

bool is_plain(const Any& a) {
  if (a.none() || a.as<bool>() != nullptr || a.as<double>() != nullptr || a.as<std::string>() != nullptr) return true;
  if (const auto* d = a.as<Dim>()) return d->known();
  const std::vector<Any>* items = items_of(a);
  return items != nullptr && std::ranges::all_of(*items, is_plain);
}

// Whether an expression has a value among the names of its file; a plain one where it has.
struct Known {
  bool known = false;
  std::optional<Any> plain;
};
Known evaluated(const Sources& sources, const py::Expr& e, const py::Module* module) {
  graph::Builder builder("argument");
  Net net(builder, true);
  SourceHost host(sources);
  host.look_everywhere(true);
  Evaluator evaluator(net, host);
  const auto value = evaluator.evaluate(e, nullptr, module);
  if (!value.ok()) return {};
  if (is_plain(*value)) return {true, *value};
  const auto* o = value->as<std::shared_ptr<Object>>();
  if (o != nullptr && (*o)->type.find('.') != std::string::npos) return {};  // something of another library
  return {true, std::nullopt};
}

// The parameters of __init__ without self.
struct Signature {
  std::vector<const py::Parameter*> parameters;
  bool variadic = false, keywords = false;
  const py::Parameter* find(std::string_view name) const {
    const auto at = std::ranges::find_if(parameters, [&](const py::Parameter* p) { return p->name == name; });
    return at == parameters.end() ? nullptr : *at;
  }
};
Signature signature_of(const py::FunctionDef* init) {
  Signature s;
  if (init == nullptr) return s;
  for (std::size_t i = 1; i < init->parameters.size(); ++i) {
    const py::Parameter& p = init->parameters[i];
    if (p.kind == py::ParameterKind::var_positional) {
      s.variadic = true;
    } else if (p.kind == py::ParameterKind::var_keyword) {
      s.keywords = true;
    } else {
      s.parameters.push_back(&p);
    }
  }
  return s;
}

bool is_about_dropout(std::string_view name) {
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c); });
  return lower.find("drop") != std::string::npos;
}

class Recipes {
 public:
  Recipes(const Sources& sources, std::string class_name, const Signature& signature, const NetworkWish& wish)
      : sources_(sources), class_name_(std::move(class_name)), signature_(signature), wish_(wish) {}

  std::vector<Recipe> all() {
    std::vector<Recipe> out;
    const bool told = std::ranges::any_of(wish_.checkpoint, [&](const auto& v) { return signature_.find(v.first) != nullptr; });
    if (told) out.push_back(completed({}, "the checkpoint", false, true));
    std::set<std::string> texts;
    for (const Calls::Found& call : Calls::of(sources_, class_name_)) {
      std::string text;
      for (const py::Expr* a : call.call->arguments) text += py::unparse(*a, 400) + ",";
      for (const py::Keyword& k : call.call->keywords) text += std::string(k.name) + "=" + py::unparse(*k.value, 400) + ",";
      if (!texts.insert(text).second) continue;
      const std::string from = call.module->name + ", line " + std::to_string(call.line);
      if (auto arguments = of_call(call)) out.push_back(completed(std::move(*arguments), from, false, false));
    }
    out.push_back(completed({}, "the defaults of __init__", false, false));
    out.push_back(completed({}, "the shapes of the weights", true, false));
    return out;
  }

 private:
  std::optional<std::vector<ClassArgument>> of_call(const Calls::Found& found) {
    std::vector<ClassArgument> out;
    std::size_t next = 0;
    const auto place = [&](ClassArgument a) {
      a.name = next < signature_.parameters.size() && !signature_.variadic ? std::string(signature_.parameters[next]->name) : std::string();
      ++next;
      out.push_back(std::move(a));
    };
    const auto argument = [&](const py::Expr& e) {
      ClassArgument a;
      const Known known = evaluated(sources_, e, &found.module->tree);
      if (known.plain) {
        a.constant = *known.plain;
      } else if (known.known) {
        a.kind = Kind::expression;
        a.expression = &e;
        a.module = &found.module->tree;
      } else {
        a.kind = Kind::symbol;
      }
      return a;
    };
    for (const py::Expr* e : found.call->arguments) {
      const auto* star = e->as<py::Starred>();
      if (star == nullptr) {
        place(argument(*e));
        continue;
      }
      const Known known = evaluated(sources_, *star->value, &found.module->tree);
      const std::vector<Any>* items = known.plain ? items_of(*known.plain) : nullptr;
      if (items == nullptr) return std::nullopt;
      for (const Any& item : *items) {
        ClassArgument a;
        a.constant = item;
        place(std::move(a));
      }
    }
    for (const py::Keyword& k : found.call->keywords) {
      if (!k.name.empty()) {
        ClassArgument a = argument(*k.value);
        a.name = k.name;
        out.push_back(std::move(a));
        continue;
      }
      // **config: a dict of the source
      for (const py::Parameter* p : signature_.parameters) {
        if (auto value = entry_of(*k.value, found, p->name)) out.push_back(std::move(*value));
      }
    }
    return out;
  }

  std::optional<ClassArgument> entry_of(const py::Expr& dict, const Calls::Found& found, std::string_view key) {
    graph::Builder builder("argument");
    Net net(builder, true);
    SourceHost host(sources_);
    host.look_everywhere(true);
    Evaluator e(net, host);
    const auto value = e.evaluate(dict, nullptr, &found.module->tree);
    const auto* d = value.ok() ? value->as<std::shared_ptr<Dict>>() : nullptr;
    if (d == nullptr) return std::nullopt;
    for (const auto& [name, item] : (*d)->items) {
      if (name.as<std::string>() == nullptr || *name.as<std::string>() != key || !is_plain(item)) continue;
      ClassArgument a;
      a.name = key;
      a.constant = item;
      return a;
    }
    return std::nullopt;
  }

  Recipe completed(std::vector<ClassArgument> given, std::string from, bool all_unknown, bool checkpoint_first) {
    Recipe r{class_name_, std::move(given), std::move(from)};
    const auto named = [&](std::string_view name) {
      return std::ranges::find_if(r.arguments, [&](const ClassArgument& a) { return a.name == name; });
    };
    const auto set = [&](std::string_view name, const Any& value) {
      auto at = named(name);
      if (at == r.arguments.end()) at = r.arguments.insert(at, ClassArgument{});
      *at = ClassArgument{};
      at->name = name;
      at->constant = value;
    };
    const std::size_t by_position =
        static_cast<std::size_t>(std::ranges::count_if(r.arguments, [](const ClassArgument& a) { return a.name.empty(); }));
    for (std::size_t i = by_position; i < signature_.parameters.size(); ++i) {
      const py::Parameter& p = *signature_.parameters[i];
      const auto at = named(p.name);
      const auto told = wish_.checkpoint.find(p.name);
      const bool open = at == r.arguments.end() ? p.default_value == nullptr : at->kind == Kind::symbol;
      if (told != wish_.checkpoint.end() && (checkpoint_first || open)) {
        set(p.name, told->second);
      } else if (open && is_about_dropout(p.name)) {
        set(p.name, Any(0.0));
      } else if (at == r.arguments.end() && (p.default_value == nullptr || (all_unknown && p.default_value->is<py::Int>()))) {
        ClassArgument a;
        a.kind = Kind::symbol;
        a.name = p.name;
        a.has_default = p.default_value != nullptr;
        r.arguments.push_back(std::move(a));
      }
    }
    for (const auto& [name, value] : wish_.arguments) {
      if (signature_.find(name) != nullptr || signature_.keywords) set(name, value);
    }
    return r;
  }

  const Sources& sources_;
  std::string class_name_;
  const Signature& signature_;
  const NetworkWish& wish_;
};

// --- classes

struct Candidate {
  std::string name;
  bool used = false;  // by another class
  Signature signature;
};

void collect_names(const py::Expr& e, std::set<std::string, std::less<>>& out) {  // NOLINT(misc-no-recursion)
  if (const auto* n = e.as<py::Name>()) out.emplace(n->id);
  py::for_each_child(e, [&](const py::Expr& child) { collect_names(child, out); });
}

void names_in(py::Block b, std::set<std::string, std::less<>>& out) {  // NOLINT(misc-no-recursion)
  const auto expr = [&](const py::Expr* e) {
    if (e != nullptr) collect_names(*e, out);
  };
  for (const py::Stmt* s : b) {
    s->visit(py::Overloaded{[&](const py::ExprStmt& n) { expr(n.value); }, [&](const py::Assign& n) { expr(n.value); },
                            [&](const py::AugAssign& n) { expr(n.value); }, [&](const py::AnnAssign& n) { expr(n.value); },
                            [&](const py::Return& n) { expr(n.value); },
                            [&](const py::If& n) {
                              for (const py::Arm& arm : n.arms) {
                                expr(arm.test);
                                names_in(arm.body, out);
                              }
                              names_in(n.otherwise, out);
                            },
                            [&](const py::For& n) {
                              expr(n.iterable);
                              names_in(n.body, out);
                            },
                            [&](const py::While& n) { names_in(n.body, out); }, [&](const py::With& n) { names_in(n.body, out); },
                            [&](const py::FunctionDef& n) {
                              for (const py::Parameter& p : n.parameters) expr(p.default_value);
                              names_in(n.body, out);
                            },
                            [](const auto&) {}});
  }
}

std::vector<Candidate> candidates(const Sources& sources) {
  std::vector<Candidate> out;
  graph::Builder builder("classes");
  Net net(builder, true);
  SourceHost host(sources);
  Evaluator e(net, host);
  std::map<std::string, std::set<std::string, std::less<>>> uses;
  for (const auto& file : sources.files) {
    for (const py::ClassInFile& c : py::classes(file->tree)) {
      const std::string name(c.definition->name);
      auto& names = uses[name];
      names_in(c.definition->body, names);
      for (const py::Expr* base : c.definition->bases) collect_names(*base, names);
      const auto type = host.find_class(e, name);
      if (!type.ok() || !SourceHost::is_network(*type)) continue;
      const py::Module* module = nullptr;
      if (SourceHost::find_method(*type, "forward", &module) == nullptr && SourceHost::find_method(*type, "__call__", &module) == nullptr) continue;
      if (std::ranges::any_of(out, [&](const Candidate& known) { return known.name == name; })) continue;
      out.push_back({name, false, signature_of(SourceHost::find_method(*type, "__init__", &module))});
    }
  }
  for (Candidate& c : out) {
    c.used = std::ranges::any_of(uses, [&](const auto& u) { return u.first != c.name && u.second.contains(c.name); });
  }
  return out;
}

std::string listed(const std::vector<Candidate>& all) {
  std::string out;
  for (const Candidate& c : all) out += (out.empty() ? "" : ", ") + excerpt(c.name, 60);
  return out;
}

struct Best {
  std::vector<Fit> exact;
  std::optional<Fit> nearest;
};

void try_class(const Sources& sources, const files::StateDict& weights, const NetworkWish& wish, const Candidate& c, Best& best) {
  Fitting fitting(sources, weights);
  for (const Recipe& recipe : Recipes(sources, c.name, c.signature, wish).all()) {
    Fit f = fitting.search(recipe);
    if (f.exact) {
      best.exact.push_back(std::move(f));
      return;
    }
    if (!best.nearest || f.matching > best.nearest->matching) best.nearest = std::move(f);
  }
}

}  // namespace

std::vector<std::string> Recipe::open() const {
  std::vector<std::string> out;
  for (const ClassArgument& a : arguments) {
    const bool left = std::ranges::any_of(a.solved, [](const auto& s) { return !s; });
    if ((a.kind == Kind::symbol && !a.has_default) || (a.kind == Kind::symbols && left)) out.push_back(a.name);
  }
  return out;
}

Result<Any> construct(Evaluator& e, SourceHost& host, const Recipe& recipe) { return make(e, host, recipe, nullptr); }

Result<FoundNetwork> find_network(const Sources& sources, const files::StateDict& weights, const NetworkWish& wish) {
  std::vector<Candidate> all = candidates(sources);
  if (all.empty()) return refuse("the source has no class that is derived from nn.Module and has a forward");
  if (!wish.class_name.empty()) {
    const std::string known = listed(all);
    std::erase_if(all, [&](const Candidate& c) { return c.name != wish.class_name; });
    if (all.empty()) return refuse("the source has no network class " + excerpt(wish.class_name, 60) + "; it has " + known);
  }
  for (const auto& [name, value] : wish.arguments) {
    if (std::ranges::none_of(all, [&](const Candidate& c) { return c.signature.find(name) != nullptr || c.signature.keywords; }))
      return refuse("--arg " + excerpt(name, 60) + ": the constructor has no such argument");
  }
  std::vector<files::StateDict> forms{weights};
  if (const std::string prefix = weights.common_prefix(); !prefix.empty()) forms.push_back(weights.without_prefix(prefix));
  Best best;
  for (const files::StateDict& form : forms) {
    for (const bool used : {false, true}) {
      best.exact.clear();
      for (const Candidate& c : all) {
        if (c.used == used) try_class(sources, form, wish, c, best);
      }
      if (best.exact.size() > 1) {
        std::string names;
        for (const Fit& f : best.exact) names += (names.empty() ? "" : ", ") + f.recipe.class_name;
        return refuse("the weights fit several classes of the source: " + names + "; choose one by --class");
      }
      if (best.exact.size() == 1) return FoundNetwork{std::move(best.exact[0].recipe), form};
    }
  }
  const Fit& f = *best.nearest;
  const std::string who = f.recipe.class_name + " (arguments of " + f.recipe.from + ")";
  std::string help;
  for (const std::string& name : f.recipe.open()) help += (help.empty() ? "; say what it was made with: --arg " : " --arg ") + name + "=VALUE";
  if (!f.made) return refuse("no class of the source fits the weights " + weights.summary() + ": " + who + " can't be made: " + f.why + help);
  return refuse("no class of the source fits the weights " + weights.summary() + ": the nearest is " + who + ": " + f.why);
}

}  // namespace slipway::importers::torch
