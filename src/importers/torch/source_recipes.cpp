#include "slipway/importers/torch/source_recipes.hpp"

#include <algorithm>
#include <cstdint>
#include <set>

#include "slipway/importers/python/query.hpp"
#include "slipway/importers/torch/scalars.hpp"

namespace slipway::importers::torch {
namespace {

constexpr std::size_t kCallsMax = 20;
constexpr std::size_t kRecipesMax = 80;

using Kind = ClassArgument::Kind;

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
  // Of every call: what it gives by name.
  struct Named {
    const py::Keyword* keyword;
    const SourceModule* module;
  };
  static std::vector<Named> keywords(const Sources& sources) {
    Calls c("");
    for (const auto& file : sources.files) {
      c.module_ = file.get();
      c.block(file->tree.body());
    }
    return std::move(c.keywords_);
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
      for (const py::Keyword& k : c->keywords) {
        if (name_.empty() && !k.name.empty() && keywords_.size() < kKeywordsMax) keywords_.push_back({&k, module_});
      }
    }
    py::for_each_child(*e, [&](const py::Expr& child) { expr(&child); });
  }
  std::string_view name_;
  const SourceModule* module_ = nullptr;
  std::vector<Found> found_;
  static constexpr std::size_t kKeywordsMax = 2'000;
  std::vector<Named> keywords_;
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
  const bool foreign = o != nullptr && ((*o)->type.find('.') != std::string::npos || (*o)->type.find("()") != std::string::npos);
  if (foreign) return {};  // something of another library
  return {true, std::nullopt};
}

// The first call in a block that hands `keywords` on: Net(blocks, **kwargs).
const py::Call* call_with(py::Block b, std::string_view keywords) {  // NOLINT(misc-no-recursion): blocks nest at most py::kNestingMax deep
  const py::Call* found = nullptr;
  const auto expr = [&](const auto& self, const py::Expr& e) -> void {
    const auto* c = e.as<py::Call>();
    const bool hands =
        c != nullptr && std::ranges::any_of(c->keywords, [&](const py::Keyword& k) { return k.name.empty() && k.value->is_name(keywords); });
    if (hands && found == nullptr) found = c;
    py::for_each_child(e, [&](const py::Expr& child) { self(self, child); });
  };
  for (const py::Stmt* s : b) {
    s->visit(py::Overloaded{[&](const py::ExprStmt& n) { expr(expr, *n.value); }, [&](const py::Assign& n) { expr(expr, *n.value); },
                            [&](const py::Return& n) {
                              if (n.value != nullptr) expr(expr, *n.value);
                            },
                            [&](const py::If& n) {
                              for (const py::Arm& arm : n.arms) {
                                if (found == nullptr) found = call_with(arm.body, keywords);
                              }
                              if (found == nullptr) found = call_with(n.otherwise, keywords);
                            },
                            [](const auto&) {}});
  }
  return found;
}

// What a call in this function means: a function of the sources, or the __init__ of one of their classes.
std::pair<const py::FunctionDef*, std::size_t> callee_of(const Sources& sources, const py::Call& c) {
  const auto name = py::dotted_name(*c.callee);
  if (!name) return {};
  for (const auto& file : sources.files) {
    const std::string last = name->substr(name->rfind('.') + 1);
    if (const py::Stmt* s = py::find_function(file->tree, last)) return {s->as<py::FunctionDef>(), 0};
    const py::Stmt* s = py::find_class(file->tree, last);
    const py::Stmt* init = s == nullptr ? nullptr : py::find_method(*s->as<py::ClassDef>(), "__init__");
    if (init != nullptr) return {init->as<py::FunctionDef>(), 1};
  }
  return {};
}

// With the parameters of whatever **kwargs are handed on to.
Signature signature_of(const Sources& sources, const py::FunctionDef* f, std::size_t first, int depth = 0) {  // NOLINT(misc-no-recursion): depth
  Signature s;
  if (f == nullptr) return s;
  for (std::size_t i = first; i < f->parameters.size(); ++i) {
    const py::Parameter& p = f->parameters[i];
    if (p.kind == py::ParameterKind::var_positional) {
      s.variadic = true;
    } else if (p.kind == py::ParameterKind::var_keyword) {
      s.keywords = true;
      const py::Call* c = depth < 3 && !s.variadic ? call_with(f->body, p.name) : nullptr;
      if (c == nullptr || std::ranges::any_of(c->arguments, [](const py::Expr* a) { return a->is<py::Starred>(); })) continue;
      const auto [inner, skipped] = callee_of(sources, *c);
      const Signature theirs = inner == f ? Signature() : signature_of(sources, inner, skipped, depth + 1);
      for (std::size_t k = c->arguments.size(); k < theirs.parameters.size(); ++k) {
        const std::string_view name = theirs.parameters[k]->name;
        const bool given = std::ranges::any_of(c->keywords, [&](const py::Keyword& have) { return have.name == name; });
        if (!given && s.find(name) == nullptr) s.parameters.push_back(theirs.parameters[k]);
      }
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
    if (told) out.push_back(completed({}, "the checkpoint", Open::needed, true));
    std::set<std::string> texts;
    std::vector<Recipe> loose;
    for (const Calls::Found& call : Calls::of(sources_, class_name_)) {
      std::string text;
      for (const py::Expr* a : call.call->arguments) text += py::unparse(*a, 400) + ",";
      for (const py::Keyword& k : call.call->keywords) text += std::string(k.name) + "=" + py::unparse(*k.value, 400) + ",";
      if (!texts.insert(text).second) continue;
      const std::string from = call.module->name + ", line " + std::to_string(call.line);
      const auto arguments = of_call(call);
      if (!arguments) continue;
      out.push_back(completed(*arguments, from, Open::needed, false));
      loose.push_back(completed(*arguments, from, Open::defaults, false));
      loose.push_back(loosened(completed(*arguments, from, Open::defaults, false)));
    }
    // Defaults for all arguments are likelier than another network's call with its numbers changed; defaults for some are not.
    const bool all_by_default = std::ranges::all_of(signature_.parameters, [](const py::Parameter* p) { return p->default_value != nullptr; });
    if (!all_by_default) out.insert(out.end(), loose.begin(), loose.end());
    out.push_back(completed({}, "the defaults of __init__", Open::needed, false));
    if (all_by_default) out.insert(out.end(), loose.begin(), loose.end());
    // One number at a time, such as how many classes there are: the others may be what other sizes are calculated from.
    for (const Recipe& whole : std::vector<Recipe>(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(out.size(), 3)))) {
      for (const py::Parameter* p : signature_.parameters) {
        if (wish_.arguments.contains(p->name) || out.size() > kRecipesMax) continue;
        Recipe one = whole;
        const auto at = std::ranges::find_if(one.arguments, [&](const ClassArgument& a) { return a.name == p->name; });
        const bool number = at != one.arguments.end() ? at->kind == Kind::constant && at->constant.as<Dim>() != nullptr
                                                      : p->default_value != nullptr && p->default_value->is<py::Int>();
        if (!number) continue;
        ClassArgument& a = at != one.arguments.end() ? *at : one.arguments.emplace_back();
        a.kind = Kind::symbol;
        a.name = p->name;
        a.has_default = p->default_value != nullptr;
        one.from = "the shapes of the weights";
        out.push_back(std::move(one));
      }
    }
    out.push_back(completed({}, "the shapes of the weights", Open::defaults, false));
    out.push_back(loosened(completed({}, "the shapes of the weights", Open::defaults, false)));
    return out;
  }

 private:
  enum class Open : std::uint8_t { needed, defaults };  // what is left to the shapes: arguments without a value; and whole numbers by default

  // A call that made another network: its whole numbers are open, what else it says (slopes, names, switches) holds.
  Recipe loosened(Recipe r) {
    r.from = "the shapes of the weights";
    const auto whole = [](const Any& a) { return a.as<Dim>() != nullptr && a.as<bool>() == nullptr; };
    for (ClassArgument& a : r.arguments) {
      if (a.kind != Kind::constant || wish_.arguments.contains(a.name)) continue;
      const std::vector<Any>* items = items_of(a.constant);
      if (whole(a.constant)) {
        a.kind = Kind::symbol;
        a.has_default = signature_.find(a.name) != nullptr && signature_.find(a.name)->default_value != nullptr;
      } else if (items != nullptr && !items->empty() && std::ranges::all_of(*items, whole)) {
        a.kind = Kind::symbols;
        a.solved.assign(items->size(), std::nullopt);
      }
    }
    // Lists of numbers by default, too.
    for (const py::Parameter* p : signature_.parameters) {
      if (p->default_value == nullptr || std::ranges::any_of(r.arguments, [&](const ClassArgument& a) { return a.name == p->name; })) continue;
      const auto* l = p->default_value->as<py::List>();
      const auto* t = p->default_value->as<py::Tuple>();
      const py::Exprs items = l != nullptr ? l->items : t != nullptr ? t->items : py::Exprs{};
      if (items.empty() || !std::ranges::all_of(items, [](const py::Expr* e) { return e->is<py::Int>(); })) continue;
      ClassArgument a;
      a.kind = Kind::symbols;
      a.name = p->name;
      a.solved.assign(items.size(), std::nullopt);
      r.arguments.push_back(std::move(a));
    }
    return r;
  }

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

  Recipe completed(std::vector<ClassArgument> given, std::string from, Open left, bool checkpoint_first) {
    Recipe r;
    r.name = class_name_;
    r.arguments = std::move(given);
    r.from = std::move(from);
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
      } else if (at == r.arguments.end() && (p.default_value == nullptr || (left == Open::defaults && p.default_value->is<py::Int>()))) {
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

std::vector<Candidate> classes_of(const Sources& sources) {
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
      out.push_back({Candidate::What::type, name, false, signature_of(sources, SourceHost::find_method(*type, "__init__", &module), 1)});
    }
  }
  for (Candidate& c : out) {
    c.used = std::ranges::any_of(uses, [&](const auto& u) { return u.first != c.name && u.second.contains(c.name); });
  }
  return out;
}

// --- what else makes a network

bool gives_something(py::Block b) {  // NOLINT(misc-no-recursion): blocks nest at most py::kNestingMax deep
  return std::ranges::any_of(b, [](const py::Stmt* s) {
    if (const auto* r = s->as<py::Return>()) return r->value != nullptr && !r->value->is<py::None>();
    if (const auto* n = s->as<py::If>())
      return gives_something(n->otherwise) || std::ranges::any_of(n->arms, [](const py::Arm& arm) { return gives_something(arm.body); });
    return false;
  });
}

// NAME = nn.Sequential(...), and def make_net(width): ... return nn.Sequential(...)
void add_makers(const Sources& sources, std::vector<Candidate>& out) {
  constexpr std::size_t kMakersMax = 40;
  std::vector<Candidate> functions;
  for (const auto& file : sources.files) {
    for (const auto& [name, value] : file->constants) {
      if (!value->is<py::Call>() || out.size() > kMakersMax) continue;
      graph::Builder builder("variable");
      Net net(builder, true);
      SourceHost host(sources);
      Evaluator e(net, host);
      const auto made = host.find_name(e, name);
      if (made.ok() && SourceHost::is_instance_of_network(*made)) out.push_back({Candidate::What::variable, name, false, {}});
    }
    for (const py::Stmt* s : file->tree.body()) {
      const auto* f = s->as<py::FunctionDef>();
      if (f == nullptr || !gives_something(f->body) || functions.size() > kMakersMax) continue;
      std::set<std::string, std::less<>> names;
      names_in(f->body, names);
      const bool makes = std::ranges::any_of(names, [&](const std::string& n) {
        return n == "nn" || n == "torch" || n == "Sequential" || n == "models" || n == "torchvision" || py::find_class(file->tree, n) != nullptr ||
               py::find_function(file->tree, n) != nullptr || (file->constants.contains(n) && file->constants.at(n)->is<py::Dict>());
      });
      if (makes) functions.push_back({Candidate::What::function, std::string(f->name), false, signature_of(sources, f, 0)});
    }
  }
  out.insert(out.end(), functions.begin(), functions.end());
}

// --- switches

std::string lower(std::string_view name) {
  std::string out(name);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c); });
  return out;
}

// Texts that the source looks up or compares with: "vgg16" of cfg["vgg16"], "relu" of act == "relu".
void texts_in(const py::Expr& e, std::vector<std::string>& out) {  // NOLINT(misc-no-recursion): trees are at most py::kTreeDepthMax deep
  constexpr std::size_t kTextsMax = 40;
  const auto add = [&](const py::Expr* x) {
    const auto* t = x == nullptr ? nullptr : x->as<py::Text>();
    if (t != nullptr && out.size() < kTextsMax && std::ranges::find(out, t->value) == out.end()) out.emplace_back(t->value);
  };
  if (const auto* d = e.as<py::Dict>()) {
    for (const py::DictItem& item : d->items) add(item.key);
  }
  if (const auto* c = e.as<py::Compare>()) {
    for (const py::Comparand& part : c->rest) {
      add(part.value);
      if (const auto* l = part.value->as<py::List>()) std::ranges::for_each(l->items, add);
      if (const auto* l = part.value->as<py::Tuple>()) std::ranges::for_each(l->items, add);
    }
  }
  py::for_each_child(e, [&](const py::Expr& child) { texts_in(child, out); });
}

void texts_in(py::Block b, std::vector<std::string>& out) {  // NOLINT(misc-no-recursion): blocks nest at most py::kNestingMax deep
  const auto expr = [&](const py::Expr* e) {
    if (e != nullptr) texts_in(*e, out);
  };
  for (const py::Stmt* s : b) {
    s->visit(py::Overloaded{[&](const py::ExprStmt& n) { expr(n.value); }, [&](const py::Assign& n) { expr(n.value); },
                            [&](const py::Return& n) { expr(n.value); }, [&](const py::Assert& n) { expr(n.test); },
                            [&](const py::If& n) {
                              for (const py::Arm& arm : n.arms) {
                                expr(arm.test);
                                texts_in(arm.body, out);
                              }
                              texts_in(n.otherwise, out);
                            },
                            [&](const py::For& n) { texts_in(n.body, out); }, [&](const py::FunctionDef& n) { texts_in(n.body, out); },
                            [&](const py::ClassDef& n) { texts_in(n.body, out); }, [](const auto&) {}});
  }
}

constexpr std::size_t kNotGiven = SIZE_MAX;
struct Switch {
  std::size_t argument;
  std::string name;
  std::vector<Any> others;
};

std::vector<Switch> switches(const Sources& sources, const Candidate& c, const Recipe& r) {
  std::vector<std::string> texts;
  for (const auto& file : sources.files) texts_in(file->tree.body(), texts);
  std::vector<Switch> out;
  const auto add = [&](std::size_t at, std::string_view name, const Any& now) {
    Switch s{at, std::string(name), {}};
    if (const auto* b = now.as<bool>()) s.others.emplace_back(!*b);
    if (const auto* text = now.as<std::string>()) {
      for (const std::string& other : texts) {
        if (other != *text) s.others.emplace_back(other);
      }
    }
    if (!s.others.empty()) out.push_back(std::move(s));
  };
  std::set<std::string, std::less<>> given;
  const auto multiplier = [&](std::size_t at, std::string_view name, double now) {
    const std::string text = lower(name);
    static constexpr std::string_view kParts[] = {"mult", "width", "alpha", "ratio", "depth", "expansion", "reduction", "factor", "scale"};
    if (std::ranges::none_of(kParts, [&](std::string_view part) { return text.find(part) != std::string::npos; })) return;
    Switch s{at, std::string(name), {}};
    for (const double value : {0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 0.35, 1.4, 0.1, 0.125, 0.33, 0.67, 3.0, 4.0}) {
      if (value != now) s.others.emplace_back(value);
    }
    out.push_back(std::move(s));
  };
  for (std::size_t i = 0; i < r.arguments.size(); ++i) {
    given.insert(r.arguments[i].name);
    if (const auto* x = r.arguments[i].constant.as<double>(); x != nullptr && r.arguments[i].kind == Kind::constant)
      multiplier(i, r.arguments[i].name, *x);
    if (r.arguments[i].kind == Kind::constant) add(i, r.arguments[i].name, r.arguments[i].constant);
    // A text that nothing tells is a symbol like every other argument.
    if (r.arguments[i].kind == Kind::symbol && !r.arguments[i].has_default && !texts.empty()) add(i, r.arguments[i].name, Any(std::string()));
  }
  for (const py::Parameter* p : c.signature.parameters) {
    if (given.contains(p->name) || p->default_value == nullptr) continue;
    if (const auto* b = p->default_value->as<py::Bool>()) add(kNotGiven, p->name, Any(b->value));
    if (const auto* x = p->default_value->as<py::Float>()) multiplier(kNotGiven, p->name, x->value);
    if (const auto* t = p->default_value->as<py::Text>()) add(kNotGiven, p->name, Any(std::string(t->value)));
  }
  return out;
}

void turn(Recipe& r, const Switch& s, const Any& value) {
  const auto named = std::ranges::find_if(r.arguments, [&](const ClassArgument& a) { return !s.name.empty() && a.name == s.name; });
  ClassArgument& a = s.argument < r.arguments.size() ? r.arguments[s.argument] : named != r.arguments.end() ? *named : r.arguments.emplace_back();
  const std::string name = s.name;
  a = ClassArgument{};
  a.name = name;
  a.constant = value;
}

// --- configurations

bool is_about_configuration(std::string_view name) {
  const std::string text = lower(name);
  static constexpr std::string_view kParts[] = {"conf", "cfg", "arg", "opt", "param", "hp", "setting", "option", "default"};
  return std::ranges::any_of(kParts, [&](std::string_view part) { return text.find(part) != std::string::npos; });
}

// Attributes or entries of a configuration that are plain.
Values plain_fields(const Sources& sources, const ClassArgument& config) {
  graph::Builder builder("configuration");
  Net net(builder, true);
  SourceHost host(sources);
  Evaluator e(net, host);
  Values out;
  const auto base = configuration(e, host, config);
  if (!base.ok()) return out;
  if (const auto* d = base->as<std::shared_ptr<Dict>>()) {
    for (const auto& [key, value] : (*d)->items) {
      if (key.as<std::string>() != nullptr && is_plain(value)) out[*key.as<std::string>()] = value;
    }
  }
  if (base->as<std::shared_ptr<Object>>() != nullptr) {
    for (const std::string& name : host.field_names(*base)) {
      const auto value = e.attribute(*base, name);
      if (value.ok() && is_plain(*value)) out[name] = *value;
    }
  }
  return out;
}

// Fields that an object of a configuration's class can't be made without.
std::vector<std::string> needed_fields(const Sources& sources, const ClassArgument& config) {
  if (config.type.empty()) return {};
  graph::Builder builder("configuration");
  Net net(builder, true);
  SourceHost host(sources);
  Evaluator e(net, host);
  const auto type = host.find_class(e, config.type);
  return type.ok() && SourceHost::is_class(*type) ? SourceHost::taken_when_made(*type, true) : std::vector<std::string>();
}

std::vector<ClassArgument> configurations(const Sources& sources, const py::Parameter& p, const NetworkWish& wish) {
  std::vector<ClassArgument> out;
  const std::string annotation = p.annotation == nullptr ? std::string() : py::unparse(*p.annotation);
  const auto add_class = [&](std::string_view name) {
    ClassArgument a;
    a.kind = Kind::config;
    a.type = name;
    if (std::ranges::none_of(out, [&](const ClassArgument& have) { return have.type == name; })) out.push_back(std::move(a));
  };
  for (const auto& file : sources.files) {
    if (!annotation.empty() && py::find_class(file->tree, annotation) != nullptr) add_class(annotation);
  }
  for (const bool same_name : {true, false}) {
    for (const auto& file : sources.files) {
      for (const auto* names : {&file->constants, &file->loose, &file->defaults}) {
        for (const auto& [name, value] : *names) {
          if ((name == p.name) != same_name || (!same_name && !is_about_configuration(name))) continue;
          if (!value->is<py::Call>() && !value->is<py::Dict>()) continue;
          ClassArgument a;
          a.kind = Kind::config;
          a.expression = value;
          a.variable = name;
          a.module = &file->tree;
          if (out.size() < 8) out.push_back(std::move(a));
        }
      }
    }
  }
  for (const auto& file : sources.files) {
    for (const py::ClassInFile& c : py::classes(file->tree)) {
      if (is_about_configuration(c.definition->name)) add_class(c.definition->name);
    }
  }
  if (!wish.checkpoint.empty()) {
    ClassArgument a;
    a.kind = Kind::config;  // of the checkpoint's values alone
    out.push_back(std::move(a));
  }
  for (ClassArgument& a : out) a.name = p.name;
  return out;
}

}  // namespace

const py::Parameter* Signature::find(std::string_view name) const {
  const auto at = std::ranges::find_if(parameters, [&](const py::Parameter* p) { return p->name == name; });
  return at == parameters.end() ? nullptr : *at;
}

std::vector<Candidate> candidates(const Sources& sources) {
  std::vector<Candidate> all = classes_of(sources);
  add_makers(sources, all);
  return all;
}

std::vector<Recipe> recipes(const Sources& sources, const Candidate& c, const NetworkWish& wish) {
  return Recipes(sources, c.name, c.signature, wish).all();
}

std::vector<Recipe> switched(const Sources& sources, const Candidate& c, const Recipe& recipe) {
  constexpr std::size_t kTwoMax = 6;
  std::vector<Recipe> out;
  const std::vector<Switch> all = switches(sources, c, recipe);
  for (const Switch& s : all) {
    for (const Any& value : s.others) turn(out.emplace_back(recipe), s, value);
  }
  for (std::size_t i = 0; i < std::min(all.size(), kTwoMax); ++i) {
    for (std::size_t j = i + 1; j < std::min(all.size(), kTwoMax); ++j) {
      if (all[i].others.size() * all[j].others.size() > 8) continue;
      for (const Any& x : all[i].others) {
        for (const Any& y : all[j].others) {
          Recipe& r = out.emplace_back(recipe);
          turn(r, all[i], x);
          turn(r, all[j], y);
        }
      }
    }
  }
  return out;
}

std::vector<Recipe> configured(const Sources& sources, const Candidate& c, const Recipe& recipe, const NetworkWish& wish) {
  std::vector<Recipe> out;
  for (const py::Parameter* p : c.signature.parameters) {
    const auto at = std::ranges::find_if(recipe.arguments, [&](const ClassArgument& a) { return a.name == p->name; });
    const std::string annotation = p->annotation == nullptr ? std::string() : py::unparse(*p->annotation);
    const bool annotated = std::ranges::any_of(sources.files, [&](const auto& f) { return py::find_class(f->tree, annotation) != nullptr; });
    const bool open = at != recipe.arguments.end() && at->kind == Kind::symbol;
    if (!open || (!annotated && !is_about_configuration(p->name) && lower(p->name) != "c")) continue;
    for (const ClassArgument& config : configurations(sources, *p, wish)) {
      Recipe r = recipe;
      ClassArgument& a = r.arguments[static_cast<std::size_t>(at - recipe.arguments.begin())];
      a = config;
      const bool own = !config.type.empty() || config.expression != nullptr;
      r.from = config.type.empty() ? own ? config.variable : "the checkpoint" : "the class " + config.type;
      Values fields = own ? plain_fields(sources, config) : Values();
      const std::vector<std::string> needed = needed_fields(sources, config);
      for (const std::string& name : needed) fields.try_emplace(name, Any());
      if (own && needed.empty()) out.push_back(r);
      for (const auto& [name, value] : wish.checkpoint) {
        if (own && !fields.contains(name)) continue;
        ClassArgument& field = a.fields.emplace_back();
        field.name = name;
        field.constant = value;
      }
      if (!own) a.mapping = false;
      const bool complete = std::ranges::all_of(needed, [&](const std::string& name) { return wish.checkpoint.contains(name); });
      if ((!a.fields.empty() && complete) || !own) out.push_back(r);
      if (!own) {
        a.mapping = true;
        out.push_back(r);
        continue;
      }
      for (const auto& [name, value] : fields) {
        const bool is_needed = std::ranges::find(needed, name) != needed.end();
        if (wish.checkpoint.contains(name) || (!is_needed && (value.as<Dim>() == nullptr || value.as<bool>() != nullptr))) continue;
        ClassArgument& field = a.fields.emplace_back();
        field.name = name;
        field.kind = Kind::symbol;
        field.has_default = !is_needed;
        field.constant = value;
        if (is_needed && is_about_dropout(name)) {
          field.kind = Kind::constant;
          field.constant = Any(0.0);
        }
      }
      if (!needed.empty()) {  // what has a value by default first as it is
        Recipe by_default = r;
        auto& own_fields = by_default.arguments[static_cast<std::size_t>(at - recipe.arguments.begin())].fields;
        std::erase_if(own_fields, [](const ClassArgument& f) { return f.kind == Kind::symbol && f.has_default; });
        by_default.from = "the shapes of the weights";
        out.push_back(std::move(by_default));
      }
      r.from = "the shapes of the weights";
      out.push_back(r);
    }
  }
  return out;
}

namespace {

// Net(imgH=32), Net(h, w), SEQ_LENGTH = 24: not how many classes there are.
bool is_about_sides(std::string_view name) {
  const std::string text = lower(name);
  static constexpr std::string_view kParts[] = {"size",    "height", "width",  "img",     "image",  "side",     "resol",
                                                "shape",   "seq",    "length", "max_len", "window", "lookback", "timestep",
                                                "n_steps", "mel",    "mfcc",   "n_fft",   "frames", "samples"};
  return text == "h" || text == "w" || text.ends_with("_h") || text.ends_with("_w") || text.empty() ||
         std::ranges::any_of(kParts, [&](std::string_view part) { return text.find(part) != std::string::npos; });
}

void integers_in(const Any& a, std::vector<std::int64_t>& out) {  // NOLINT(misc-no-recursion): as deep as the source's lists
  if (const auto* d = a.as<Dim>(); d != nullptr && d->known()) out.push_back(d->value);
  if (const std::vector<Any>* items = items_of(a)) {
    for (const Any& item : *items) integers_in(item, out);
  }
}

}  // namespace

std::vector<Sides> sides_of(const Sources& sources, const Recipe& recipe) {
  constexpr std::int64_t kLeast = 4, kMost = 2'048;
  std::vector<Sides> out;
  const auto add = [&](std::int64_t height, std::int64_t width) {
    const bool known = std::ranges::any_of(out, [&](const Sides& s) { return s.height == height && s.width == width; });
    if (height >= kLeast && width >= kLeast && height <= kMost && width <= kMost && !known && out.size() < 40) out.push_back({height, width});
  };
  const auto pairs = [&](const std::vector<std::int64_t>& numbers) {
    for (std::size_t i = 0; i + 1 < numbers.size(); ++i) add(numbers[i], numbers[i + 1]);
    for (const std::int64_t n : numbers) add(n, n);
  };
  // Lists of two first: they are said to be a height and a width.
  std::vector<std::int64_t> numbers;
  for (const ClassArgument& a : recipe.arguments) {
    std::vector<std::int64_t> own;
    integers_in(a.constant, own);
    if (own.size() == 2) add(own[0], own[1]);
    if (own.size() == 3) add(own[1], own[2]);  // (channels, height, width)
    if (a.kind == Kind::constant && a.constant.as<Dim>() != nullptr && is_about_sides(a.name)) numbers.insert(numbers.end(), own.begin(), own.end());
  }
  for (const std::string_view name : {"Resize", "CenterCrop", "RandomCrop", "RandomResizedCrop", "summary", "randn", "rand", "zeros", "ones"}) {
    for (const Calls::Found& call : Calls::of(sources, name)) {
      std::vector<std::int64_t> own;
      for (const py::Expr* a : call.call->arguments) {
        const Known known = evaluated(sources, *a, &call.module->tree);
        if (known.plain) integers_in(*known.plain, own);
      }
      for (const py::Keyword& k : call.call->keywords) {
        const Known known = evaluated(sources, *k.value, &call.module->tree);
        if (known.plain && (k.name == "size" || k.name == "input_size")) integers_in(*known.plain, own);
      }
      if (own.size() >= 2) add(own[own.size() - 2], own.back());
      if (own.size() == 1) add(own[0], own[0]);
    }
  }
  const auto said = [&](std::string_view name, const py::Expr* value, const py::Module* module) {
    if (name.empty() || value == nullptr || !is_about_sides(name)) return;
    if (const auto* n = value->as<py::Int>(); n != nullptr && n->fits) add(n->value, n->value);
    if (!value->is<py::Tuple>() && !value->is<py::List>()) return;
    std::vector<std::int64_t> own;
    const Known known = evaluated(sources, *value, module);
    if (known.plain) integers_in(*known.plain, own);
    if (own.size() == 2) add(own[0], own[1]);
    if (own.size() == 3) add(own[1], own[2]);
  };
  for (const Calls::Named& k : Calls::keywords(sources)) said(k.keyword->name, k.keyword->value, &k.module->tree);
  for (const auto& file : sources.files) {
    for (const auto* names : {&file->constants, &file->command_line, &file->loose}) {
      for (const auto& [name, value] : *names) said(name, value, &file->tree);
    }
  }
  pairs(numbers);
  return out;
}

}  // namespace slipway::importers::torch
